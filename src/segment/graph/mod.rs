//! What may reach what: a flow is there where the one end connects and the other accepts.
//!
//! | file | what |
//! |---|---|
//! | `value` | [`Graph`], [`Node`], [`Link`], [`Group`] |
//! | `build` | from templates to the graph |
//! | `reach` | what can be reached by way of others |

mod build;
mod reach;
mod value;

pub use value::{Graph, Group, Link, LinkKind, Node, Source};

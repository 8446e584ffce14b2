//! The packages that a resolution reaches, read from the universe when they are first met, and their
//! state.
//!
//! | file | what |
//! |---|---|
//! | `value` | [`World`]: everything that was met |
//! | `package` | [`Package`]: one package and its state |
//! | `relation` | `Target`, [`Dependency`]: what a package asks for, and who meets it |
//! | `sight` | what relations see of a candidate that was given up, as in apt |
//! | `judge` | whether a relation is met, a package broken; whom apt prefers |

mod judge;
mod package;
mod relation;
mod sight;
mod value;

pub(in crate::deb::resolve) use package::{Mode, Package, PackageId};
pub(in crate::deb::resolve) use relation::{Dependency, TargetId, verb};
pub(in crate::deb::resolve) use value::{World, describe, fits};

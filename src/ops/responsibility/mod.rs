//! `karat responsibility report`, without printing: evidence is gathered, verified, and weighed.
//!
//! | file | what |
//! |---|---|
//! | `run` | the whole, step by step |
//! | `image` | from the file of a statement to what is known of the image |
//! | `beside` | rules' results, lock and other files beside it, by their signed digests |
//! | `attest` | reports of verifications |
//! | `summaries` | signed summaries of verifications |
//! | `history` | what an audit of the log says about each statement |
//! | `fleet` | what checks over templates say |

mod attest;
mod beside;
mod fleet;
mod history;
mod image;
mod run;
mod summaries;

pub use run::{Request, ResponsibilityError, report};

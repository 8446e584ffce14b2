//! Release files: what an archive says about itself (Debian's repository format).
//!
//! A [`Release`] is only made from text that [`openpgp::verify`](super::openpgp::verify) accepted.
//! Whether it is the one that was asked for, and fresh, is [`Release::check`]'s business.
//!
//! | file | what |
//! |---|---|
//! | `value` | [`Release`] and its [`Layout`] |
//! | `parse` `date` | from signed text to a value |
//! | `check` | [`Wanted`]: whether it is the one, and in force |
//! | `index` | [`Index`]: which indexes it lists, in which [`Form`]s |
//! | `error` | [`ReleaseError`] |

mod check;
mod date;
mod error;
mod index;
mod parse;
mod value;

pub use check::Wanted;
pub use error::ReleaseError;
pub use index::{Form, Index};
pub use parse::is_below;
pub use value::{Layout, Release};

#[cfg(test)]
mod tests;

//! `karat lock`, without printing: a template becomes exact packages.
//!
//! | file | what |
//! |---|---|
//! | `value` | [`Sources`], [`Wanted`], [`Update`]: what is asked; [`Locked`]: the answer |
//! | `file` | the lock beside a template: read, judged, made anew |
//! | `make` | [`lock`]: from a template to a new lock |
//! | `index` | the indexes of all suites, verified |
//! | `request` | what the template asks of the resolver, and which versions stay |
//! | `basis` | what it asks for, in the words of a lock; the agent |
//! | `obtain` | the packages of a lock as files |
//! | `error` | [`LockFailure`] |

mod basis;
mod error;
mod file;
mod index;
mod make;
mod obtain;
mod request;
mod value;

pub use basis::{agent, basis};
pub use error::LockFailure;
pub use file::{check, current, read, write};
pub use make::lock;
pub use obtain::{obtain, packages, packages_unread, staged};
pub use value::{Locked, Sources, Update, Wanted};

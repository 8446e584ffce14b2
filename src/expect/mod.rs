//! Expectations: which paths of an instance may differ from the manifest, and how far; which facts
//! must hold on it while it runs.
//!
//! ```text
//! {"mutable":[{"class":"state","origin":"package:openssh-server","path":"/var/lib/ssh/**"}],"version":1}
//! ```
//!
//! A path that no pattern names is strict: it is as the manifest says, or it is drift. What a class
//! exempts is counted in every report. The format, byte by byte, and what each class allows:
//! `docs/formats/expectations.md`.

mod class;
pub mod fact;
mod value;

pub use class::{Class, ClassError};
pub use fact::{Facts, FactsError};
pub use value::{Expectations, ExpectationsError, Mutable};

//! The signed statement about an image.
//!
//! ```text
//! Draft ─complete(serial, expires)▶ Statement ─sign▶ Envelope ─open(TrustRoot)▶ Verified<Statement>
//! ```
//! A [`Draft`] is a pure function of what was built; a [`Statement`] adds the serial under which it
//! is released. Both are small in-toto statements over digests, never the list of files. The one
//! door from bytes to something to rely on is [`crate::envelope::Envelope::open`]. The format:
//! `docs/formats/statement.md`.

mod codec;
mod ledger;
mod name;
mod open;
mod statement;
mod subject;

pub use codec::StatementError;
pub use ledger::Ledger;
pub use name::{ImageName, ImageVersion, NameError};
#[cfg(feature = "build")]
pub use open::judge;
pub use open::{OpenError, Verified};
pub use statement::{Baseline, Draft, Inputs, Placement, Serial, SerialError, Statement};
pub use subject::{Subject, Subjects};

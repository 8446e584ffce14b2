//! Errors of this machine, told from what is wrong with the disk.

use crate::appraise::{Finding, Verdict};
use crate::layout::SourceError;
use crate::layout::erofs::ReadError;
use crate::layout::fat::FatError;
use crate::layout::gpt::GptError;
use crate::layout::pe::PeError;
use crate::layout::verity::VerityError;
use crate::path::Escaped;

/// What an error about a disk's content may be.
pub(super) trait Trouble: std::fmt::Display + Sized {
    /// The failure of the source, if that is what it is.
    fn source(self) -> Result<SourceError, Self>;

    /// What is wrong with the content, in words that steer no terminal.
    ///
    /// # Errors
    /// It is this machine that failed: nobody can tell.
    fn about_the_disk(self) -> Result<String, SourceError> {
        let words = |it: &dyn std::fmt::Display| Escaped(it.to_string().as_bytes()).to_string();
        match self.source() {
            Ok(SourceError::Io { offset, error }) if error.raw_os_error().is_some() => {
                Err(SourceError::Io { offset, error })
            }
            Ok(error) => Ok(words(&error)),
            Err(error) => Ok(words(&error)),
        }
    }
}

impl Trouble for SourceError {
    fn source(self) -> Result<SourceError, Self> {
        Ok(self)
    }
}

/// For each, its variant that carries the source's failure.
macro_rules! carries {
    ($($error:ident)*) => {$(
        impl Trouble for $error {
            fn source(self) -> Result<SourceError, Self> {
                match self {
                    Self::Source(error) => Ok(error),
                    error => Err(error),
                }
            }
        }
    )*};
}

carries! { FatError GptError PeError ReadError VerityError }

/// A finding with the next step.
pub(super) fn finding(verdict: Verdict, message: String, hint: &str) -> Finding {
    Finding {
        verdict,
        message,
        hint: Some(hint.to_owned()),
    }
}

/// What to do about what a machine may have left so.
pub(super) const MEND: &str = "if this machine's power failed during an update, its next update mends it; \
                               otherwise write the image to the disk again";

/// What to do about a disk that is not as it was written.
pub(super) const WRITE_AGAIN: &str = "write the image to the disk again, or fetch it again";

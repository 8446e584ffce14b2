//! The registers of a TPM.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};

use crate::boot::tpm::{TpmError, check, pcr_event};
use crate::sys::fs::{IoContext as _, IoError};

/// The TPM itself, which nobody else uses yet.
const DEVICE: &str = "/dev/tpm0";
/// Largest answer of a TPM (`TPM2_MAX_RESPONSE_SIZE` of the PC Client profile).
const ANSWER_MAX: usize = 4096;

/// The TPM of this machine.
#[derive(Debug)]
pub struct Tpm(File);

impl Tpm {
    /// Opens it; `None`: there is none.
    ///
    /// # Errors
    /// It is there, and cannot be opened.
    pub fn open() -> Result<Option<Self>, IoError> {
        match OpenOptions::new().read(true).write(true).open(DEVICE) {
            Ok(file) => Ok(Some(Self(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(IoError::new("open", DEVICE, error)),
        }
    }

    /// Extends the register `pcr` by `event`, in all banks.
    ///
    /// # Errors
    /// The TPM refused, or gave no answer.
    pub fn extend(&mut self, pcr: u8, event: &[u8]) -> Result<(), IoError> {
        let wrong = |error: TpmError| IoError::new("extend", DEVICE, io::Error::other(error));
        let command = pcr_event(pcr, event).map_err(wrong)?;
        self.0.write_all(&command).at("write to", DEVICE)?;
        let mut answer = [0; ANSWER_MAX];
        let count = self.0.read(&mut answer).at("read", DEVICE)?;
        check(answer.get(..count).unwrap_or_default()).map_err(wrong)
    }
}

//! The registers of a TPM, and the floor that it holds.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};

use crate::baseline::ImageName;
use crate::boot::tpm::{self, Floor, FloorIndex, Index, TpmError, TpmFloor};
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
        let command = tpm::pcr_event(pcr, event).map_err(|error| wrong("extend", error))?;
        self.tell("extend", &command)
    }

    /// The floor that it holds of the image `name`.
    ///
    /// # Errors
    /// The TPM refused to say, or gave no answer.
    pub fn floor(&mut self, name: &ImageName) -> Result<TpmFloor, IoError> {
        let place = FloorIndex::of(name);
        let (handle, size) = (place.handle(), FloorIndex::SIZE);
        let answer = self.ask(&tpm::read_public(handle))?;
        let index = tpm::index(&answer, handle, size).map_err(|error| wrong("ask", error))?;
        Ok(match index {
            Index::Missing => TpmFloor::Missing,
            Index::Foreign => TpmFloor::Foreign("something else has its place"),
            Index::Ours { is_written: false } => TpmFloor::Unwritten,
            Index::Ours { is_written: true } => {
                let answer = self.ask(&tpm::read(handle, size))?;
                let bytes = tpm::stored(&answer).map_err(|error| wrong("ask", error))?;
                place.read(bytes)
            }
        })
    }

    /// Has it hold `floor` instead of what it was `found` to hold, and lets nobody change that before
    /// the machine starts again. What is somebody else's is left alone.
    ///
    /// # Errors
    /// The TPM refused, or gave no answer.
    pub fn hold(
        &mut self,
        name: &ImageName,
        found: &TpmFloor,
        floor: Floor,
    ) -> Result<(), IoError> {
        let place = FloorIndex::of(name);
        let handle = place.handle();
        match found {
            TpmFloor::NoTpm | TpmFloor::Foreign(_) => return Ok(()),
            TpmFloor::Missing => {
                let define = tpm::define(handle, FloorIndex::SIZE);
                self.tell("make room in", &define)?;
            }
            TpmFloor::Unwritten | TpmFloor::Kept(_) => {}
        }
        // It wears out by being written to.
        if *found != TpmFloor::Kept(floor) {
            self.tell("write to", &tpm::write(handle, &place.bytes(floor)))?;
        }
        self.tell("lock what is in", &tpm::write_lock(handle))
    }

    fn tell(&mut self, what: &'static str, command: &[u8]) -> Result<(), IoError> {
        let answer = self.ask(command)?;
        tpm::check(&answer).map_err(|error| wrong(what, error))
    }

    fn ask(&mut self, command: &[u8]) -> Result<Vec<u8>, IoError> {
        self.0.write_all(command).at("write to", DEVICE)?;
        let mut answer = vec![0; ANSWER_MAX];
        let count = self.0.read(&mut answer).at("read", DEVICE)?;
        answer.truncate(count);
        Ok(answer)
    }
}

fn wrong(what: &'static str, error: TpmError) -> IoError {
    IoError::new(what, DEVICE, io::Error::other(error))
}

//! The record of what was signed, in a directory: `signed/NAME/SERIAL.dsse.json`; and of the log's
//! notices, by their index: `signed/.notices/INDEX.dsse.json`.

use std::path::{Path, PathBuf};

use crate::baseline::{ImageName, Ledger, Serial, Statement, StatementError};
use crate::envelope::{Envelope, EnvelopeError};
use crate::limits;
use crate::sys::fs::{self, IoError, Lock};

/// One file per name and serial. Whoever holds the value holds the lock: serials are given out one
/// at a time, also between processes.
#[derive(Debug)]
pub struct DirectoryLedger {
    signed: PathBuf,
    _lock: Lock,
}

/// What can go wrong with the record.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A file of the record is no envelope.
    #[error("{}: {source}", path.display())]
    Envelope {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: EnvelopeError,
    },
    /// An envelope holds no statement, so it has no name and serial to be recorded under.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A file of the record holds another statement than its name says.
    #[error("{}: it holds {name} {serial}", path.display())]
    Misplaced {
        /// Which file.
        path: PathBuf,
        /// The name inside.
        name: String,
        /// The serial inside.
        serial: Serial,
    },
    /// The serial has been given to another statement.
    #[error("serial {serial} of {name} was given to another statement already")]
    Taken {
        /// The image's name.
        name: String,
        /// The serial.
        serial: Serial,
    },
}

const SUFFIX: &str = ".dsse.json";
/// Holds how many entries of the log were recorded: no image has a name that starts with a dot.
const LOGGED: &str = ".logged";
/// Holds the log's notices.
const NOTICES: &str = ".notices";

impl DirectoryLedger {
    /// Opens the record below `log`, making it if need be, and waits for its lock.
    ///
    /// # Errors
    /// A directory or the lock cannot be made.
    pub fn open(log: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let signed = log.as_ref().join("signed");
        fs::make_dirs(&signed, 0o777)?;
        let lock = Lock::exclusive(signed.join(".lock"))?;
        Ok(Self {
            signed,
            _lock: lock,
        })
    }

    /// The images that something was signed for.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> Result<Vec<ImageName>, LedgerError> {
        let names = fs::list(&self.signed)?;
        Ok(names
            .iter()
            .filter_map(|name| ImageName::parse(name.to_str()?).ok())
            .collect())
    }

    /// How many entries of the log are on record here.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn logged(&self) -> Result<u64, LedgerError> {
        match fs::read_text(self.signed.join(LOGGED), limits::KEY_FILE_MAX) {
            // What cannot be understood is counted anew.
            Ok(text) => Ok(text.trim_end().parse().unwrap_or(0)),
            Err(error) if error.is_not_found() => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Says that the first `count` entries of the log are on record.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set_logged(&self, count: u64) -> Result<(), LedgerError> {
        let text = format!("{count}\n");
        fs::write_atomic(self.signed.join(LOGGED), text.as_bytes(), 0o644)?;
        Ok(())
    }

    /// Keeps the notice that stands in the log at `index`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_notice(&self, index: u64, envelope: &Envelope) -> Result<(), LedgerError> {
        let directory = self.signed.join(NOTICES);
        fs::make_dirs(&directory, 0o777)?;
        let path = directory.join(format!("{index}{SUFFIX}"));
        fs::write_atomic(path, &envelope.to_bytes(), 0o644)?;
        Ok(())
    }

    /// The log's notices with their indices, in order. Nothing of them is checked.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn notices(&self) -> Result<Vec<(u64, Envelope)>, LedgerError> {
        let directory = self.signed.join(NOTICES);
        let names = match fs::list(&directory) {
            Ok(names) => names,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let index = |name: &std::ffi::OsString| name.to_str()?.strip_suffix(SUFFIX)?.parse().ok();
        let mut notices = Vec::new();
        for index in names.iter().filter_map(index) {
            let path = directory.join(format!("{index}{SUFFIX}"));
            let bytes = fs::read(&path, limits::ENVELOPE_MAX)?;
            let envelope =
                Envelope::parse(&bytes).map_err(|source| LedgerError::Envelope { path, source })?;
            notices.push((index, envelope));
        }
        notices.sort_by_key(|(index, _)| *index);
        Ok(notices)
    }

    fn path(&self, name: &ImageName, serial: Serial) -> PathBuf {
        self.signed
            .join(name.as_str())
            .join(format!("{serial}{SUFFIX}"))
    }
}

impl Ledger for DirectoryLedger {
    type Error = LedgerError;

    fn serials(&self, name: &ImageName) -> Result<Vec<Serial>, LedgerError> {
        let names = match fs::list(self.signed.join(name.as_str())) {
            Ok(names) => names,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut serials: Vec<Serial> = names
            .iter()
            .filter_map(|name| name.to_str()?.strip_suffix(SUFFIX)?.parse().ok())
            .collect();
        serials.sort();
        Ok(serials)
    }

    fn envelope(&self, name: &ImageName, serial: Serial) -> Result<Option<Envelope>, LedgerError> {
        let path = self.path(name, serial);
        let bytes = match fs::read(&path, limits::ENVELOPE_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let envelope = Envelope::parse(&bytes).map_err(|source| LedgerError::Envelope {
            path: path.clone(),
            source,
        })?;
        let statement = Statement::parse(&envelope.signed().payload)?;
        if statement.baseline().name != *name || statement.serial() != serial {
            return Err(LedgerError::Misplaced {
                path,
                name: statement.baseline().name.to_string(),
                serial: statement.serial(),
            });
        }
        Ok(Some(envelope))
    }

    fn record(&mut self, envelope: &Envelope) -> Result<Envelope, LedgerError> {
        let statement = Statement::parse(&envelope.signed().payload)?;
        let (name, serial) = (&statement.baseline().name, statement.serial());
        let path = self.path(name, serial);
        let known = self.envelope(name, serial)?;
        let mut whole = known.clone().unwrap_or_else(|| envelope.clone());
        if !whole.merge(envelope) {
            return Err(LedgerError::Taken {
                name: name.to_string(),
                serial,
            });
        }
        if known.as_ref() != Some(&whole) {
            if let Some(parent) = path.parent() {
                fs::make_dirs(parent, 0o777)?;
            }
            fs::write_atomic(&path, &whole.to_bytes(), 0o644)?;
        }
        Ok(whole)
    }
}

//! Making a log in a bucket, and adding to it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::append::{AddedFile, append, catch_up, receipts};
use super::document::{Document, document};
use super::failure::{LogFailure, at};
use super::place::{LogPlace, Way};
use super::{directory, place};
use crate::baseline::{Ledger as _, Serial, Statement};
use crate::envelope::Envelope;
use crate::key::Signer;
use crate::log::{Log, LogError};
use crate::ops::ledger::{DirectoryLedger, LedgerError};
use crate::tlog::{Checkpoint, Kind, NoteName};

/// Makes a log called `origin`, without entries, wherever `place` is, and gives its checkpoint.
///
/// # Errors
/// There is one already, it cannot be made, or the place can only be read.
pub fn init_at(
    place: &LogPlace,
    way: &Way,
    origin: &str,
    signer: &dyn Signer,
) -> Result<Checkpoint, LogFailure> {
    match place {
        LogPlace::Directory(path) => {
            let log = directory::init(path, origin, signer)?;
            Ok(log.checkpoint().clone())
        }
        LogPlace::Web(_) => Err(LogFailure::ReadOnly(place.to_string())),
        LogPlace::Bucket(bucket) => {
            let name = NoteName::parse(origin)?;
            let objects = place::writable(bucket, way)?;
            let log = Log::create(objects, &name, signer);
            let log = log.map_err(at(&place.shown()))?;
            Ok(log.checkpoint().clone())
        }
    }
}

/// As [`append`], wherever the log is.
///
/// # Errors
/// One of the files cannot be logged: then none is. Or the log says no.
pub fn append_at(
    place: &LogPlace,
    way: &Way,
    signer: &dyn Signer,
    files: &[PathBuf],
) -> Result<(Vec<AddedFile>, u64), LogFailure> {
    let bucket = match place {
        LogPlace::Directory(path) => return append(path, signer, files),
        LogPlace::Web(_) => return Err(LogFailure::ReadOnly(place.to_string())),
        LogPlace::Bucket(bucket) => bucket,
    };
    let shown = place.shown();
    let mut documents = Vec::new();
    for file in files {
        documents.push(document(file)?);
    }
    let objects = place::writable(bucket, way)?;
    let mut log = Log::open(objects).map_err(at(&shown))?;
    let keys = log.keys().map_err(at(&shown))?;
    // Which serials were given is read from the log, and remembered on this machine: no other record
    // of it is kept, and nothing is on it that is not logged. Another log in the same place has another.
    let key = keys.last().map(ToString::to_string).unwrap_or_default();
    let record = place::shelf(way, &format!("{place} {key}"))?;
    let mut ledger = DirectoryLedger::open(record.path())?;
    let entries: Vec<Vec<u8>> = documents.iter().map(|it| it.entry.clone()).collect();
    let appended = log.append_when(signer, &entries, |log| {
        catch_up(&mut ledger, &shown, log)?;
        Ok::<_, Refused>(are_free(&ledger, &documents).map_err(LogFailure::from)?)
    });
    let appended = appended.map_err(|refused| match refused {
        Refused::Log(error) => at(&shown)(error),
        Refused::Other(error) => error,
    })?;
    receipts(&log, &shown, &documents, appended)
}

/// Why nothing was added.
enum Refused {
    Log(LogError),
    Other(LogFailure),
}

impl From<LogError> for Refused {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<LogFailure> for Refused {
    fn from(error: LogFailure) -> Self {
        Self::Other(error)
    }
}

/// Refuses serials that the log, or another of the documents, has under another statement.
fn are_free(ledger: &DirectoryLedger, documents: &[Document]) -> Result<(), LedgerError> {
    let mut seen: BTreeMap<(String, Serial), Envelope> = BTreeMap::new();
    for document in documents.iter().filter(|it| it.kind == Kind::Signed) {
        let statement = Statement::parse(&document.envelope.signed().payload)?;
        let (name, serial) = (&statement.baseline().name, statement.serial());
        let key = (name.to_string(), serial);
        let known = match seen.remove(&key) {
            Some(known) => Some(known),
            None => ledger.envelope(name, serial)?,
        };
        let mut whole = known.unwrap_or_else(|| document.envelope.clone());
        if !whole.merge(&document.envelope) {
            let (name, serial) = key;
            return Err(LedgerError::Taken { name, serial });
        }
        seen.insert(key, whole);
    }
    Ok(())
}

//! Making a log in a bucket, and adding to it.

use std::path::PathBuf;

use super::append::{AddedFile, add_to, append, catch_up};
use super::document::document;
use super::failure::{LogFailure, at};
use super::place::{LogPlace, Way};
use super::{directory, place};
use crate::baseline::Ledger as _;
use crate::key::Signer;
use crate::log::Log;
use crate::ops::ledger::DirectoryLedger;
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
    // of it is kept. Another log in the same place has another one.
    let key = keys.last().map(ToString::to_string).unwrap_or_default();
    let record = place::shelf(way, &format!("{place} {key}"))?;
    let mut ledger = DirectoryLedger::open(record.path())?;
    catch_up(&mut ledger, &shown, &log)?;
    for document in documents.iter().filter(|it| it.kind == Kind::Signed) {
        ledger.record(&document.envelope)?;
    }
    add_to(&mut log, &shown, signer, &ledger, &documents)
}

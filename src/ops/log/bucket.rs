//! Making a log in a bucket, and adding to it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::append::{AddedFile, Addition, append_in, catch_up, check};
use super::cosign::{Circle, Cosigning};
use super::directory::take_up;
use super::document::{Document, document};
use super::failure::{LogFailure, at};
use super::home::Home;
use super::place::{LogPlace, Way};
use super::{directory, place};
use crate::baseline::{Ledger as _, Serial, Statement};
use crate::envelope::Envelope;
use crate::key::{Role, Signer, TrustRoot};
use crate::log::{Log, LogError, Store};
use crate::ops::ledger::{DirectoryLedger, LedgerError};
use crate::ops::workspace::Workspace;
use crate::tlog::{Algorithm, Checkpoint, Kind, NoteKey, NoteName};

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

/// Adds files to the log, wherever it is: envelopes with statements, trust roots, notices. Asks the log's
/// witnesses, then writes a Receipt beside each envelope with a statement.
///
/// Where the trust root of `workspace` names this log, every version of it that is not logged yet goes
/// before them, its log key is taken up, and what the log's notices forbid is refused.
///
/// # Errors
/// One of the files cannot be logged: then none is. Or the log says no.
pub fn append(
    place: &LogPlace,
    way: &Way,
    workspace: Option<&Workspace>,
    signer: &dyn Signer,
    files: &[PathBuf],
) -> Result<(Vec<AddedFile>, u64, Cosigning), LogFailure> {
    match place {
        LogPlace::Directory(path) => append_in(path, workspace, signer, files),
        LogPlace::Web(_) => Err(LogFailure::ReadOnly(place.to_string())),
        LogPlace::Bucket(bucket) => {
            let mut documents = Vec::new();
            for file in files {
                documents.push(document(file)?);
            }
            let objects = place::writable(bucket, way)?;
            let log = Log::open(objects).map_err(at(&place.shown()))?;
            add(log, place, way, workspace, signer, documents)
        }
    }
}

/// Adds to a log in a bucket, whose record is on a shelf of this machine.
fn add<S: Store>(
    mut log: Log<S>,
    place: &LogPlace,
    way: &Way,
    workspace: Option<&Workspace>,
    signer: &dyn Signer,
    documents: Vec<Document>,
) -> Result<(Vec<AddedFile>, u64, Cosigning), LogFailure> {
    let shown = place.shown();
    let keys = log.keys().map_err(at(&shown))?;
    // Which serials were given is read from the log, and remembered on this machine: no other record
    // of it is kept, and nothing is on it that is not logged. Another log in the same place has another.
    let key = keys.first().map(ToString::to_string).unwrap_or_default();
    let record = place::shelf(way, &format!("{place} {key}"))?;
    let mut ledger = DirectoryLedger::open(record.path())?;
    let home = workspace.map(|workspace| Home::of(workspace, &log.checkpoint().origin));
    // A workspace that does not know the log's present key is one of somebody else, with a log of that name.
    let home = home
        .transpose()?
        .flatten()
        .filter(|home| keys.last().is_some_and(|key| knows(&home.root, key)));
    if let Some(home) = &home {
        // Of what this machine has seen: a revoked key is not taken up, nor asked to sign.
        catch_up(&mut ledger, &shown, &log)?;
        check(&log, &shown, Some(home), &ledger, signer, &documents)?;
        take_up(&mut log, &shown, &home.root)?;
    }
    let circle = Circle::of(&log, workspace, None)?;
    let entries: Vec<Vec<u8>> = home
        .iter()
        .flat_map(|home| &home.roots)
        .chain(&documents)
        .map(|document| document.entry.clone())
        .collect();
    let appended = log.append_when(signer, &entries, |log| {
        catch_up(&mut ledger, &shown, log)?;
        check(log, &shown, home.as_ref(), &ledger, signer, &documents)?;
        Ok::<_, Refused>(are_free(&ledger, &documents).map_err(LogFailure::from)?)
    });
    let places = appended.map_err(|refused| match refused {
        Refused::Log(error) => at(&shown)(error),
        Refused::Other(error) => error,
    })?;
    Addition::of(home, documents).finish(&mut log, &shown, &circle, &places)
}

/// Whether a trust root names a key of a log, which may have ended.
fn knows(root: &TrustRoot, key: &NoteKey) -> bool {
    let role = root.role(Role::Log);
    let known = role.map(|role| role.keys.as_slice()).unwrap_or_default();
    known
        .iter()
        .any(|known| *key.algorithm() == Algorithm::Ed25519(known.key))
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

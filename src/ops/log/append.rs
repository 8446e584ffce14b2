//! Adding to a log, and the Receipts of what was added.

use std::path::{Path, PathBuf};

use super::directory::{each_entry, exists, open};
use super::document::{Document, document, signed};
use super::failure::{LogFailure, at};
use crate::baseline::Ledger as _;
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::Signer;
use crate::limits;
use crate::log::{Appended, Log, Source, Store};
use crate::ops::ledger::{DirectoryLedger, LedgerError};
use crate::sys::fs::{self, Lock};
use crate::sys::material::{self, ENVELOPE_SUFFIX, RECEIPT_SUFFIX};
use crate::tlog::{Checkpoint, Entry, InclusionProof, Kind, Receipt};

/// Where an Envelope stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its index.
    pub index: u64,
    /// Whether it stood there before.
    pub was_there: bool,
    /// Its Receipt's file.
    pub receipt: PathBuf,
}

/// What came of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedFile {
    /// The file.
    pub file: PathBuf,
    /// What it is: `signed` or `trust`.
    pub kind: &'static str,
    /// Where it stands in the log.
    pub index: u64,
    /// Whether it stood there before.
    pub was_there: bool,
    /// Its Receipt's file; trust roots get none.
    pub receipt: Option<PathBuf>,
}

/// The record of serials of the log in `directory`, with all that the log has: the log is what
/// counts, the record only finds things in it.
///
/// # Errors
/// The record or the log cannot be read.
pub fn ledger(directory: &Path) -> Result<DirectoryLedger, LogFailure> {
    let mut ledger = DirectoryLedger::open(directory)?;
    if !exists(directory)? {
        return Ok(ledger);
    }
    let log = open(directory)?;
    catch_up(&mut ledger, directory, &log)?;
    Ok(ledger)
}

/// Puts on record what the log has and the record lacks.
pub(super) fn catch_up<S: Source>(
    ledger: &mut DirectoryLedger,
    directory: &Path,
    log: &Log<S>,
) -> Result<(), LogFailure> {
    let seen = ledger.logged()?;
    if seen >= log.size() {
        return Ok(());
    }
    each_entry(directory, log, seen, |_, bytes| {
        let entry = Entry::parse(bytes).filter(|entry| entry.kind == Kind::Signed);
        let envelope = entry.and_then(|entry| Envelope::parse(entry.envelope).ok());
        match envelope.map(|envelope| ledger.record(&envelope)) {
            // Two statements under one serial are for an audit to find; the serial is taken.
            None | Some(Ok(_) | Err(LedgerError::Taken { .. } | LedgerError::Statement(_))) => {
                Ok(())
            }
            Some(Err(error)) => Err(error.into()),
        }
    })?;
    ledger.set_logged(log.size())?;
    Ok(())
}

/// Adds files to the log: envelopes with statements, and trust roots. Writes a Receipt beside each
/// envelope with a statement.
///
/// # Errors
/// One of the files cannot be logged: then none is. Or the log says no.
pub fn append(
    directory: &Path,
    signer: &dyn Signer,
    files: &[PathBuf],
) -> Result<(Vec<AddedFile>, u64), LogFailure> {
    let mut documents = Vec::new();
    for file in files {
        documents.push(document(file)?);
    }
    // A copy of somebody's log is refused before anything is written into it.
    open(directory)?.keys().map_err(at(directory))?;
    let mut ledger = ledger(directory)?;
    for document in documents.iter().filter(|it| it.kind == Kind::Signed) {
        ledger.record(&document.envelope)?;
    }
    add(directory, signer, &ledger, &documents)
}

/// Logs an Envelope that was just signed and recorded in `ledger`, as the file `file` will hold it,
/// and writes its Receipt.
///
/// # Errors
/// As [`append`].
pub fn append_signed(
    directory: &Path,
    signer: &dyn Signer,
    ledger: &DirectoryLedger,
    file: &Path,
    envelope: &Envelope,
) -> Result<Added, LogFailure> {
    let documents = [signed(file, envelope.clone())?];
    let (added, _) = add(directory, signer, ledger, &documents)?;
    let not_logged = || LogFailure::NotLogged(file.to_owned());
    let added = added.into_iter().next().ok_or_else(not_logged)?;
    Ok(Added {
        index: added.index,
        was_there: added.was_there,
        receipt: added.receipt.ok_or_else(not_logged)?,
    })
}

fn add(
    directory: &Path,
    signer: &dyn Signer,
    ledger: &DirectoryLedger,
    documents: &[Document],
) -> Result<(Vec<AddedFile>, u64), LogFailure> {
    let mut log = open(directory)?;
    let _alone = Lock::exclusive(directory.join(".state/lock"))?;
    add_to(&mut log, directory, signer, ledger, documents)
}

/// Adds to a log that `directory` names in messages. Whoever calls this holds its lock, where it has
/// one.
fn add_to<S: Store>(
    log: &mut Log<S>,
    directory: &Path,
    signer: &dyn Signer,
    ledger: &DirectoryLedger,
    documents: &[Document],
) -> Result<(Vec<AddedFile>, u64), LogFailure> {
    let entries: Vec<Vec<u8>> = documents.iter().map(|it| it.entry.clone()).collect();
    let before = log.size();
    let appended = log.append(signer, &entries).map_err(at(directory))?;
    // Whatever was added is on record: by whoever calls this. Entries of an append that was cut off,
    // and that this one finished, are not.
    let new = appended.iter().filter(|place| !place.was_there).count();
    let ours = u64::try_from(new).map_or(u64::MAX, |new| before.saturating_add(new));
    if ledger.logged()? == before && log.size() == ours {
        ledger.set_logged(log.size())?;
    }
    receipts(log, directory, documents, appended)
}

/// Writes the Receipts of what was added, and says where it stands.
pub(super) fn receipts<S: Source>(
    log: &Log<S>,
    directory: &Path,
    documents: &[Document],
    appended: Vec<Appended>,
) -> Result<(Vec<AddedFile>, u64), LogFailure> {
    let mut added = Vec::new();
    for (document, place) in documents.iter().zip(appended) {
        let receipt = match document.kind {
            Kind::Signed => Some(write_receipt(directory, log, &document.file, place)?),
            _ => None,
        };
        added.push(AddedFile {
            file: document.file.clone(),
            kind: document.kind.as_str(),
            index: place.index,
            was_there: place.was_there,
            receipt,
        });
    }
    Ok((added, log.size()))
}

/// Writes the Receipt beside an Envelope's file, unless there is one that is as good.
fn write_receipt<S: Source>(
    directory: &Path,
    log: &Log<S>,
    file: &Path,
    place: Appended,
) -> Result<PathBuf, LogFailure> {
    let stem = material::without_suffix(file, ENVELOPE_SUFFIX);
    let path = material::with_suffix(stem.as_deref().unwrap_or(file), RECEIPT_SUFFIX);
    let there = fs::read(&path, limits::RECEIPT_MAX)
        .ok()
        .and_then(|bytes| Receipt::parse(&bytes).ok());
    if let Some(there) = there
        && vouches_for(log, &there, place.index, place.leaf)
    {
        return Ok(path);
    }
    let receipt = log
        .receipt(place.index, place.leaf)
        .map_err(at(directory))?;
    fs::write_atomic(&path, &receipt.to_bytes(), 0o644)?;
    Ok(path)
}

/// Whether a Receipt that is there is of this log and proves that the entry stands at `index`:
/// then no newer one is needed.
fn vouches_for<S: Source>(log: &Log<S>, receipt: &Receipt, index: u64, leaf: Digest) -> bool {
    let Ok(checkpoint) = Checkpoint::parse(receipt.checkpoint.text()) else {
        return false;
    };
    let kept = log.kept(checkpoint.head.size);
    let is_kept = kept.is_ok_and(|kept| {
        kept.is_some_and(|kept| {
            let theirs = receipt.checkpoint.signatures();
            let has_ours = kept.signatures().iter().all(|it| theirs.contains(it));
            has_ours && kept.text() == receipt.checkpoint.text()
        })
    });
    let proof: &InclusionProof = &receipt.proof;
    is_kept && proof.index == index && proof.check(leaf, checkpoint.head).is_ok()
}

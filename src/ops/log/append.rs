//! Adding to a log, and the Receipts of what was added.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Notices;
use super::cosign::{Circle, Cosigning};
use super::directory::{each_entry, exists, open, take_up};
use super::document::{Document, document, notice, signed, statement};
use super::failure::{LogFailure, at};
use super::home::Home;
use crate::baseline::Ledger as _;
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::{Position, Signer, TrustRoot};
use crate::limits;
use crate::log::{Appended, Log, Notice, Source, Store};
use crate::ops::ledger::{DirectoryLedger, LedgerError};
use crate::ops::workspace::Workspace;
use crate::sys::fs::{self, Beneath, Lock};
use crate::sys::material::{self, ENVELOPE_SUFFIX, RECEIPT_SUFFIX};
use crate::tlog::{Checkpoint, Entry, InclusionProof, Kind, Receipt, TrustedCheckpoint, leaf_hash};

/// Where an Envelope stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its index.
    pub index: u64,
    /// Whether it stood there before.
    pub was_there: bool,
    /// Its Receipt's file.
    pub receipt: PathBuf,
    /// What the log's witnesses said.
    pub cosigning: Cosigning,
}

/// Where what has no Receipt stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its index.
    pub index: u64,
    /// Whether it stood there before.
    pub was_there: bool,
    /// What the log's witnesses said.
    pub cosigning: Cosigning,
}

/// What came of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedFile {
    /// The file.
    pub file: PathBuf,
    /// What it is: `signed`, `trust`, `revoke` or `retire`.
    pub kind: &'static str,
    /// Where it stands in the log.
    pub index: u64,
    /// Whether it stood there before.
    pub was_there: bool,
    /// Its Receipt's file; only an envelope with a statement gets one.
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
    each_entry(directory, log, seen, |index, bytes| {
        let entry = Entry::parse(bytes);
        let envelope = entry.and_then(|it| Some((it.kind, Envelope::parse(it.envelope).ok()?)));
        let recorded = match envelope {
            Some((Kind::Signed, envelope)) => ledger.record(&envelope).map(drop),
            Some((Kind::Revoke | Kind::Retire, envelope)) => ledger.keep_notice(index, &envelope),
            _ => Ok(()),
        };
        match recorded {
            // Two statements under one serial are for an audit to find; the serial is taken.
            Err(LedgerError::Taken { .. } | LedgerError::Statement(_)) => Ok(()),
            other => Ok(other?),
        }
    })?;
    ledger.set_logged(log.size())?;
    Ok(())
}

/// Adds files to the log: envelopes with statements, trust roots, notices. Asks the log's witnesses, then
/// writes a Receipt beside each envelope with a statement.
///
/// Where the trust root of `workspace` names this log, every version of it that is not logged yet goes
/// before them, its log key is taken up, and what the log's notices forbid is refused.
///
/// # Errors
/// One of the files cannot be logged: then none is. Or the log says no.
pub(super) fn append_in(
    directory: &Path,
    workspace: Option<&Workspace>,
    signer: &dyn Signer,
    files: &[PathBuf],
) -> Result<(Vec<AddedFile>, u64, Cosigning), LogFailure> {
    let mut documents = Vec::new();
    for file in files {
        documents.push(document(file)?);
    }
    // A copy of somebody's log is refused before anything is written into it.
    let log = open(directory)?;
    log.keys().map_err(at(directory))?;
    let home = workspace.map(|workspace| Home::of(workspace, &log.checkpoint().origin));
    let home = home.transpose()?.flatten();
    let mut ledger = ledger(directory)?;
    check(&log, directory, home.as_ref(), &ledger, signer, &documents)?;
    for document in documents.iter().filter(|it| it.kind == Kind::Signed) {
        ledger.record(&document.envelope)?;
    }
    add(directory, signer, &ledger, home, documents)
}

/// Logs an Envelope that was just signed and recorded in `ledger`, as the file `file` will hold it,
/// and writes its Receipt. Versions of the trust root that are not logged yet go before it.
///
/// # Errors
/// As [`append`](super::append).
pub fn append_signed(
    workspace: &Workspace,
    signer: &dyn Signer,
    ledger: &DirectoryLedger,
    file: &Path,
    envelope: &Envelope,
) -> Result<Added, LogFailure> {
    let documents = vec![signed(file, envelope.clone())?];
    let (added, cosigning) = add_at_home(workspace, signer, ledger, documents)?;
    let not_logged = || LogFailure::NotLogged(file.to_owned());
    let added = added.into_iter().next().ok_or_else(not_logged)?;
    Ok(Added {
        index: added.index,
        was_there: added.was_there,
        receipt: added.receipt.ok_or_else(not_logged)?,
        cosigning,
    })
}

/// Logs every version of the workspace's trust root that is not logged yet; gives the place of the
/// present one.
///
/// # Errors
/// As [`append`](super::append).
pub fn append_roots(
    workspace: &Workspace,
    signer: &dyn Signer,
    ledger: &DirectoryLedger,
) -> Result<Placed, LogFailure> {
    let file = workspace.trust_root();
    let documents = vec![document(&file)?];
    let added = add_at_home(workspace, signer, ledger, documents)?;
    Placed::first(added).ok_or(LogFailure::NotLogged(file))
}

/// Logs a notice.
///
/// # Errors
/// Nobody in charge signed it, or as [`append`](super::append).
pub fn append_notice(
    workspace: &Workspace,
    signer: &dyn Signer,
    envelope: &Envelope,
) -> Result<Placed, LogFailure> {
    let directory = workspace.log();
    let documents = vec![notice(&directory, envelope.clone())?];
    let ledger = ledger(&directory)?;
    let added = add_at_home(workspace, signer, &ledger, documents)?;
    Placed::first(added).ok_or(LogFailure::NotLogged(directory))
}

impl Placed {
    /// The place of the one document that was added.
    fn first((added, cosigning): (Vec<AddedFile>, Cosigning)) -> Option<Self> {
        let added = added.into_iter().next()?;
        Some(Self {
            index: added.index,
            was_there: added.was_there,
            cosigning,
        })
    }
}

/// Adds to the log of a workspace, which must be the one that its trust root names.
fn add_at_home(
    workspace: &Workspace,
    signer: &dyn Signer,
    ledger: &DirectoryLedger,
    documents: Vec<Document>,
) -> Result<(Vec<AddedFile>, Cosigning), LogFailure> {
    let directory = workspace.log();
    let log = open(&directory)?;
    let home = Home::of(workspace, &log.checkpoint().origin)?;
    let home = home.ok_or_else(|| LogFailure::OtherLog(directory.clone()))?;
    check(&log, &directory, Some(&home), ledger, signer, &documents)?;
    let (added, _, cosigning) = add(&directory, signer, ledger, Some(home), documents)?;
    Ok((added, cosigning))
}

/// Refuses what the log's notices forbid, and notices that nobody in charge signed. What stands in
/// the log already may be added again: its Receipt may be gone.
pub(super) fn check<S: Source>(
    log: &Log<S>,
    directory: &Path,
    home: Option<&Home>,
    ledger: &DirectoryLedger,
    signer: &dyn Signer,
    documents: &[Document],
) -> Result<(), LogFailure> {
    let Some(home) = home else { return Ok(()) };
    let notices = Notices::of(ledger, &home.root)?;
    notices.check_key(&signer.public_key())?;
    let is_asked = |kind| match kind {
        Kind::Signed => !notices.is_empty(),
        Kind::Revoke | Kind::Retire => true,
        Kind::Trust | Kind::Other(_) => false,
    };
    if !documents.iter().any(|document| is_asked(document.kind)) {
        return Ok(());
    }
    let mut there = BTreeSet::new();
    log.leaves(|_, leaf| {
        there.insert(leaf);
    })
    .map_err(at(directory))?;
    let mut next = log.size();
    for document in home.roots.iter().chain(documents) {
        if !there.insert(leaf_hash(&document.entry)) {
            continue;
        }
        let (file, envelope) = (&document.file, &document.envelope);
        match document.kind {
            Kind::Signed => {
                let statement = statement(file, envelope)?;
                notices.check_envelope(&home.root, envelope, &statement)?;
            }
            Kind::Revoke | Kind::Retire => {
                let opened = Notice::open(&home.root, envelope, Position::Logged(next));
                let opened = opened.map_err(|source| LogFailure::Notice {
                    file: file.clone(),
                    source,
                })?;
                for key in opened.quorum().keys() {
                    notices.check_key(key)?;
                }
            }
            Kind::Trust | Kind::Other(_) => {}
        }
        next = next.saturating_add(1);
    }
    Ok(())
}

fn add(
    directory: &Path,
    signer: &dyn Signer,
    ledger: &DirectoryLedger,
    home: Option<Home>,
    documents: Vec<Document>,
) -> Result<(Vec<AddedFile>, u64, Cosigning), LogFailure> {
    let mut log = open(directory)?;
    let _alone = Lock::exclusive(directory.join(".state/lock"))?;
    add_to(&mut log, directory, signer, ledger, home, documents)
}

/// Adds to the open log of a directory, whose lock the caller holds.
fn add_to(
    log: &mut Log<Beneath>,
    directory: &Path,
    signer: &dyn Signer,
    ledger: &DirectoryLedger,
    home: Option<Home>,
    documents: Vec<Document>,
) -> Result<(Vec<AddedFile>, u64, Cosigning), LogFailure> {
    if let Some(home) = &home {
        // The entry of a trust root that ends the log's key is signed by the key that follows it.
        take_up(log, directory, &home.root)?;
    }
    let addition = Addition::of(home, documents);
    let workspace = Workspace::find(directory)?;
    let circle = Circle::of(log, workspace.as_ref(), None)?;
    let before = log.size();
    let places = log
        .append(signer, &addition.entries())
        .map_err(at(directory))?;
    for (document, place) in addition.all.iter().zip(&places) {
        if matches!(document.kind, Kind::Revoke | Kind::Retire) {
            ledger.keep_notice(place.index, &document.envelope)?;
        }
    }
    // Whatever else was added is on record: by whoever calls this. Entries of an append that was cut
    // off, and that this one finished, are not.
    let new = places.iter().filter(|place| !place.was_there).count();
    let ours = u64::try_from(new).map_or(u64::MAX, |new| before.saturating_add(new));
    if ledger.logged()? == before && log.size() == ours {
        ledger.set_logged(log.size())?;
    }
    addition.finish(log, directory, &circle, &places)
}

/// What goes into a log in one append: the trust roots of a workspace that names it, then documents.
pub(super) struct Addition {
    all: Vec<Document>,
    /// How many of them are trust roots that nobody named.
    first: usize,
    root: Option<TrustRoot>,
}

impl Addition {
    pub(super) fn of(home: Option<Home>, documents: Vec<Document>) -> Self {
        let (roots, root) = match home {
            Some(home) => (home.roots, Some(home.root)),
            None => (Vec::new(), None),
        };
        Self {
            first: roots.len(),
            all: roots.into_iter().chain(documents).collect(),
            root,
        }
    }

    pub(super) fn entries(&self) -> Vec<Vec<u8>> {
        self.all.iter().map(|it| it.entry.clone()).collect()
    }

    /// Asks the witnesses, and writes the Receipts of what stands at `places`.
    pub(super) fn finish<S: Store>(
        &self,
        log: &mut Log<S>,
        directory: &Path,
        circle: &Circle,
        places: &[Appended],
    ) -> Result<(Vec<AddedFile>, u64, Cosigning), LogFailure> {
        // Before the Receipts, so that these have what the witnesses said.
        let cosigning = circle.complete(log, directory)?;
        let (prefix, own) = places.split_at_checked(self.first).unwrap_or_default();
        let mut added = Vec::new();
        for (document, place) in self.all.iter().skip(self.first).zip(own) {
            let receipt = match document.kind {
                Kind::Signed => {
                    let (root, file) = (self.root.as_ref(), &document.file);
                    Some(write_receipt(directory, log, root, file, *place)?)
                }
                _ => None,
            };
            // A trust root that was named, too, is new where it went before as a new one.
            let twin = prefix.iter().find(|twin| twin.index == place.index);
            added.push(AddedFile {
                file: document.file.clone(),
                kind: document.kind.as_str(),
                index: place.index,
                was_there: twin.unwrap_or(place).was_there,
                receipt,
            });
        }
        Ok((added, log.size(), cosigning))
    }
}

/// Writes the Receipt beside an Envelope's file, unless there is one that is as good: also under `root`,
/// which may have ended the key that signed its checkpoint.
fn write_receipt<S: Source>(
    directory: &Path,
    log: &Log<S>,
    root: Option<&TrustRoot>,
    file: &Path,
    place: Appended,
) -> Result<PathBuf, LogFailure> {
    let stem = material::without_suffix(file, ENVELOPE_SUFFIX);
    let path = material::with_suffix(stem.as_deref().unwrap_or(file), RECEIPT_SUFFIX);
    let there = fs::read(&path, limits::RECEIPT_MAX)
        .ok()
        .and_then(|bytes| Receipt::parse(&bytes).ok());
    let opens = |receipt: &Receipt| {
        root.is_none_or(|root| TrustedCheckpoint::open(root, &receipt.checkpoint).is_ok())
    };
    if let Some(there) = there.filter(opens)
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

//! `karat log`, without printing; and logging what was just signed.

use std::path::{Path, PathBuf};

use super::ledger::{DirectoryLedger, LedgerError};
use crate::baseline::{Ledger as _, Statement, StatementError};
use crate::digest::Digest;
use crate::envelope::{Envelope, EnvelopeError};
use crate::key::{Role, Signer, TrustDocument, TrustError, TrustRoot};
use crate::limits;
use crate::log::{Appended, Checked, Log, LogError};
use crate::path::Escaped;
use crate::sys::fs::{self, Beneath, IoError, Lock};
use crate::sys::material::{self, ENVELOPE_SUFFIX, RECEIPT_SUFFIX};
use crate::tlog::{
    Entry, EntryError, InclusionProof, Kind, NameError, NoteKey, NoteName, Receipt,
    TrustedCheckpoint, UntrustedCheckpoint, leaf_hash,
};

/// Why a log could not be made, added to or read.
#[derive(Debug, thiserror::Error)]
pub enum LogFailure {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The log says no.
    #[error("{}: {source}", directory.display())]
    Log {
        /// Which log.
        directory: PathBuf,
        /// Why.
        source: LogError,
    },
    /// The record of serials says no.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An origin that no log can have.
    #[error("the origin {0}")]
    Origin(#[from] NameError),
    /// A file that is no envelope.
    #[error("{}: {source}", file.display())]
    Envelope {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: EnvelopeError,
    },
    /// An envelope that holds no statement.
    #[error("{}: {source}", file.display())]
    Statement {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: StatementError,
    },
    /// An envelope that holds no trust root that its own keys signed.
    #[error("{}: {source}", file.display())]
    Trust {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: TrustError,
    },
    /// An envelope of something that is not logged.
    #[error("{}: the payload type \"{}\" is neither that of a statement nor that of a trust root", file.display(), Escaped(payload_type.as_bytes()))]
    Other {
        /// Which file.
        file: PathBuf,
        /// What it holds.
        payload_type: String,
    },
    /// An envelope that makes no entry.
    #[error("{}: {source}", file.display())]
    Entry {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: EntryError,
    },
    /// The log has no such entry.
    #[error("{}: it is not in the log", .0.display())]
    NotLogged(PathBuf),
    /// The trust root does not believe the log's checkpoint.
    #[error("{}: {source}", directory.display())]
    Untrusted {
        /// Which log.
        directory: PathBuf,
        /// Why.
        source: UntrustedCheckpoint,
    },
}

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

/// One entry, for people. Nothing of it is checked but that the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its index.
    pub index: u64,
    /// Its kind; `None`: it is none of karat's.
    pub kind: Option<String>,
    /// The image's name and version, and the serial; of a statement.
    pub image: Option<(String, String, u64)>,
    /// The version of a trust root.
    pub trust_root: Option<u64>,
    /// The key ids that the signatures name: hints.
    pub key_ids: Vec<String>,
    /// SHA-256 of the entry.
    pub digest: Digest,
    /// Its bytes.
    pub length: usize,
}

/// A file that is to be logged.
struct Document {
    file: PathBuf,
    kind: Kind<'static>,
    envelope: Envelope,
    entry: Vec<u8>,
}

/// Whether there is a log in `directory`.
///
/// # Errors
/// It cannot be examined.
pub fn exists(directory: &Path) -> Result<bool, IoError> {
    fs::exists(directory.join("checkpoint"))
}

/// Makes a log called `origin`, without entries, and gives it back.
///
/// # Errors
/// There is one already, or it cannot be made.
pub fn init(
    directory: &Path,
    origin: &str,
    signer: &dyn Signer,
) -> Result<Log<Beneath>, LogFailure> {
    let name = NoteName::parse(origin)?;
    fs::make_dirs(directory, 0o777)?;
    let disk = Beneath::open(directory)?;
    disk.make_directory(".state")?;
    let _alone = Lock::exclusive(directory.join(".state/lock"))?;
    Log::create(disk, &name, signer).map_err(at(directory))
}

/// Opens a log to read it.
///
/// # Errors
/// There is none.
pub fn open(directory: &Path) -> Result<Log<Beneath>, LogFailure> {
    Log::open(Beneath::open(directory)?).map_err(at(directory))
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
    let seen = ledger.logged()?;
    if seen >= log.size() {
        return Ok(ledger);
    }
    each_entry(directory, &log, seen, |_, bytes| {
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
    Ok(ledger)
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
    open(directory)?.key().map_err(at(directory))?;
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
    let entries: Vec<Vec<u8>> = documents.iter().map(|it| it.entry.clone()).collect();
    let before = log.size();
    let appended = log.append(signer, &entries).map_err(at(directory))?;
    // Whatever was added is on record: by whoever calls this.
    if ledger.logged()? == before && log.size() > before {
        ledger.set_logged(log.size())?;
    }
    let mut added = Vec::new();
    for (document, place) in documents.iter().zip(appended) {
        let receipt = match document.kind {
            Kind::Signed => Some(write_receipt(directory, &log, &document.file, place)?),
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
fn write_receipt(
    directory: &Path,
    log: &Log<Beneath>,
    file: &Path,
    place: Appended,
) -> Result<PathBuf, LogFailure> {
    let stem = material::without_suffix(file, ENVELOPE_SUFFIX);
    let path = material::with_suffix(stem.as_deref().unwrap_or(file), RECEIPT_SUFFIX);
    let there = fs::read(&path, limits::RECEIPT_MAX)
        .ok()
        .and_then(|bytes| Receipt::parse(&bytes).ok());
    if let Some(there) = there
        && log.vouches_for(&there, place.index, place.leaf)
    {
        return Ok(path);
    }
    let receipt = log
        .receipt(place.index, place.leaf)
        .map_err(at(directory))?;
    fs::write_atomic(&path, &receipt.to_bytes(), 0o644)?;
    Ok(path)
}

/// Which entry a Receipt is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By its index.
    Index(u64),
    /// By its file: an envelope with a statement, or a trust root.
    File(PathBuf),
}

/// The Receipt of an entry by the present checkpoint.
///
/// # Errors
/// There is no such entry.
pub fn proof(directory: &Path, which: &Which) -> Result<Receipt, LogFailure> {
    let log = open(directory)?;
    let (index, leaf) = match which {
        Which::Index(index) => {
            let entry = log.entry(*index).map_err(at(directory))?;
            (*index, leaf_hash(&entry))
        }
        Which::File(file) => {
            let leaf = leaf_hash(&document(file)?.entry);
            let mut found = None;
            let look = |index, other| {
                if other == leaf && found.is_none() {
                    found = Some(index);
                }
            };
            log.leaves(look).map_err(at(directory))?;
            let not_logged = || LogFailure::NotLogged(file.clone());
            (found.ok_or_else(not_logged)?, leaf)
        }
    };
    log.receipt(index, leaf).map_err(at(directory))
}

/// All entries from `first` on.
///
/// # Errors
/// A bundle is missing or damaged.
pub fn rows(directory: &Path, first: u64) -> Result<(Log<Beneath>, Vec<Row>), LogFailure> {
    let log = open(directory)?;
    let mut rows = Vec::new();
    each_entry(directory, &log, first, |index, bytes| {
        rows.push(row(index, bytes));
        Ok(())
    })?;
    Ok((log, rows))
}

/// Computes everything again; with `trust`, the checkpoint must be one that it believes.
///
/// # Errors
/// The log cannot be read, or `trust` does not believe it. Whatever is wrong with it is in the result.
pub fn check(
    directory: &Path,
    trust: Option<&TrustRoot>,
) -> Result<(Log<Beneath>, Checked), LogFailure> {
    let log = open(directory)?;
    let keys = if let Some(root) = trust {
        let trusted = TrustedCheckpoint::open(root, log.note());
        trusted.map_err(|source| LogFailure::Untrusted {
            directory: directory.to_owned(),
            source,
        })?;
        log_keys(root)?
    } else {
        vec![log.key().map_err(at(directory))?]
    };
    let checked = log.check(&keys).map_err(at(directory))?;
    Ok((log, checked))
}

/// The keys that the log of `root` has or had.
fn log_keys(root: &TrustRoot) -> Result<Vec<NoteKey>, NameError> {
    let role = root.role(Role::Log);
    let keys = role.map(|role| role.keys.as_slice()).unwrap_or_default();
    keys.iter()
        .map(|key| {
            let name = NoteName::parse(key.name.as_deref().unwrap_or_default())?;
            Ok(NoteKey::ed25519(name, key.key))
        })
        .collect()
}

fn at(directory: &Path) -> impl FnOnce(LogError) -> LogFailure {
    let directory = directory.to_owned();
    move |source| LogFailure::Log { directory, source }
}

/// Tells `each` of the entries from `first` on, each as its leaf says.
fn each_entry(
    directory: &Path,
    log: &Log<Beneath>,
    first: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), LogFailure>,
) -> Result<(), LogFailure> {
    let mut index = first;
    while index < log.size() {
        let skipped = usize::try_from(index % 256).unwrap_or(0);
        let bundle = log.bundle(index).map_err(at(directory))?;
        for entry in bundle.iter().skip(skipped) {
            each(index, entry)?;
            index = index.saturating_add(1);
        }
    }
    Ok(())
}

fn document(file: &Path) -> Result<Document, LogFailure> {
    let bytes = fs::read(file, limits::TRUST_ROOT_MAX)?;
    let envelope = Envelope::parse(&bytes).map_err(|source| LogFailure::Envelope {
        file: file.to_owned(),
        source,
    })?;
    match envelope.signed().payload_type.as_str() {
        Statement::PAYLOAD_TYPE => signed(file, envelope),
        TrustDocument::PAYLOAD_TYPE => {
            let root = TrustRoot::pinned(envelope.signed());
            root.map_err(|source| LogFailure::Trust {
                file: file.to_owned(),
                source,
            })?;
            of_kind(file, Kind::Trust, envelope)
        }
        other => Err(LogFailure::Other {
            file: file.to_owned(),
            payload_type: other.to_owned(),
        }),
    }
}

fn signed(file: &Path, envelope: Envelope) -> Result<Document, LogFailure> {
    let statement = Statement::parse(&envelope.signed().payload);
    statement.map_err(|source| LogFailure::Statement {
        file: file.to_owned(),
        source,
    })?;
    of_kind(file, Kind::Signed, envelope)
}

fn of_kind(file: &Path, kind: Kind<'static>, envelope: Envelope) -> Result<Document, LogFailure> {
    let entry = kind.entry(&envelope).map_err(|source| LogFailure::Entry {
        file: file.to_owned(),
        source,
    })?;
    Ok(Document {
        file: file.to_owned(),
        kind,
        envelope,
        entry,
    })
}

fn row(index: u64, bytes: &[u8]) -> Row {
    let mut row = Row {
        index,
        kind: None,
        image: None,
        trust_root: None,
        key_ids: Vec::new(),
        digest: Digest::of(bytes),
        length: bytes.len(),
    };
    let Some(entry) = Entry::parse(bytes) else {
        return row;
    };
    row.kind = Some(Escaped(entry.kind.as_str().as_bytes()).to_string());
    let Ok(envelope) = Envelope::parse(entry.envelope) else {
        return row;
    };
    let signed = envelope.signed();
    let ids = signed.claims.iter();
    row.key_ids = ids
        .map(|claim| Escaped(claim.key_id.as_bytes()).to_string())
        .collect();
    if let (Kind::Signed, Ok(statement)) = (entry.kind, Statement::parse(&signed.payload)) {
        let baseline = statement.baseline();
        row.image = Some((
            baseline.name.to_string(),
            baseline.version.to_string(),
            statement.serial().get(),
        ));
    }
    if let (Kind::Trust, Ok(root)) = (entry.kind, TrustRoot::pinned(signed)) {
        row.trust_root = Some(root.version());
    }
    row
}

impl Log<Beneath> {
    /// Whether a Receipt that is there is of this log and proves that the entry stands at `index`:
    /// then no newer one is needed.
    fn vouches_for(&self, receipt: &Receipt, index: u64, leaf: Digest) -> bool {
        let Ok(checkpoint) = crate::tlog::Checkpoint::parse(receipt.checkpoint.text()) else {
            return false;
        };
        let kept = self.kept(checkpoint.head.size);
        let is_kept = kept.is_ok_and(|kept| {
            kept.is_some_and(|kept| {
                let ours = kept.signatures().iter();
                let theirs = receipt.checkpoint.signatures();
                kept.text() == receipt.checkpoint.text()
                    && ours.into_iter().all(|it| theirs.contains(it))
            })
        });
        let proof: &InclusionProof = &receipt.proof;
        is_kept && proof.index == index && proof.check(leaf, checkpoint.head).is_ok()
    }
}

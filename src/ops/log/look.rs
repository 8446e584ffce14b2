//! Entries, Receipts and checks of a log that is there.

use std::path::PathBuf;

use super::directory::each_entry;
use super::document::document;
use super::failure::{LogFailure, at};
use super::place::{AnyLog, LogPlace, Way, open_at};
use crate::baseline::Statement;
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::{Role, TrustRoot};
use crate::log::{Checked, Notice};
use crate::path::Escaped;
use crate::tlog::{
    Entry, Kind, NameError, NoteKey, NoteName, Policy, PolicyCheckpoint, Receipt,
    TrustedCheckpoint, leaf_hash,
};

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
    /// What a notice says.
    pub notice: Option<Notice>,
    /// The key ids that the signatures name: hints.
    pub key_ids: Vec<String>,
    /// SHA-256 of the entry.
    pub digest: Digest,
    /// Its bytes.
    pub length: usize,
}

/// Which entry a Receipt is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By its index.
    Index(u64),
    /// By its file: an envelope with a statement, a trust root, or a notice.
    File(PathBuf),
}

/// The Receipt of an entry by the present checkpoint.
///
/// # Errors
/// There is no such entry.
pub fn proof(place: &LogPlace, way: &Way, which: &Which) -> Result<Receipt, LogFailure> {
    let log = open_at(place, way)?;
    let directory = &place.shown();
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
pub fn rows(place: &LogPlace, way: &Way, first: u64) -> Result<(AnyLog, Vec<Row>), LogFailure> {
    let log = open_at(place, way)?;
    let mut rows = Vec::new();
    each_entry(&place.shown(), &log, first, |index, bytes| {
        rows.push(row(index, bytes));
        Ok(())
    })?;
    Ok((log, rows))
}

/// Computes everything again; with `trust` or `policy`, the checkpoint must be one that these believe.
///
/// # Errors
/// The log cannot be read, or one of them does not believe it. Whatever is wrong with it is in the
/// result.
pub fn check(
    place: &LogPlace,
    way: &Way,
    trust: Option<&TrustRoot>,
    policy: Option<&Policy>,
) -> Result<(AnyLog, Checked), LogFailure> {
    let log = open_at(place, way)?;
    let directory = &place.shown();
    if let Some(policy) = policy {
        let opened: Result<PolicyCheckpoint, _> = policy.open(log.note());
        opened.map_err(|source| LogFailure::Refused {
            directory: directory.clone(),
            source,
        })?;
    }
    let keys = if let Some(root) = trust {
        let trusted = TrustedCheckpoint::open(root, log.note());
        trusted.map_err(|source| LogFailure::Untrusted {
            directory: directory.clone(),
            source,
        })?;
        log_keys(root)?
    } else if let Some(policy) = policy {
        policy.logs().iter().map(|log| log.key.clone()).collect()
    } else if let LogPlace::Web(_) = place {
        return Err(LogFailure::NeedsTrust(place.to_string()));
    } else {
        log.keys().map_err(at(directory))?
    };
    let checked = log.check(&keys).map_err(at(directory))?;
    Ok((log, checked))
}

/// The keys that the log of `root` has or had.
pub(super) fn log_keys(root: &TrustRoot) -> Result<Vec<NoteKey>, NameError> {
    let role = root.role(Role::Log);
    let keys = role.map(|role| role.keys.as_slice()).unwrap_or_default();
    keys.iter()
        .map(|key| {
            let name = NoteName::parse(key.name.as_deref().unwrap_or_default())?;
            Ok(NoteKey::ed25519(name, key.key))
        })
        .collect()
}

pub(super) fn row(index: u64, bytes: &[u8]) -> Row {
    let mut row = Row {
        index,
        kind: None,
        image: None,
        trust_root: None,
        notice: None,
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
    if matches!(entry.kind, Kind::Revoke | Kind::Retire) {
        let notice = Notice::unverified(signed).ok();
        row.notice = notice.filter(|notice| notice.kind() == entry.kind);
    }
    row
}

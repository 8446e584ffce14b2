//! The log's own files: checkpoints, tiles, witnesses, forks.

use std::collections::BTreeMap;
use std::path::Path;

use super::collect::Findings;
use super::lineage::Lineage;
use super::{Code, Independence, Who, WitnessFacts};
use crate::key::{PublicKey, Role, TrustRoot};
use crate::log::{Checked, FaultKind, ForkEvidence, Log, LogError, Source, View};
use crate::path::Escaped;
use crate::sys::fs::{self, IoError};
use crate::tlog::{
    Checkpoint, Lines, Note, NoteKey, NoteName, TrustedCheckpoint, UntrustedCheckpoint,
};

/// What witnesses said.
#[derive(Debug, Default)]
pub(super) struct Cosignatures {
    by: BTreeMap<(String, PublicKey), WitnessFacts>,
    /// Sizes of checkpoints, each with a time.
    pub(super) times: Vec<(u64, u64)>,
    bad: Vec<(u64, String)>,
}

impl Cosignatures {
    /// Takes note of who cosigned a checkpoint.
    pub(super) fn take(&mut self, witnesses: &[NoteKey], note: &Note, checkpoint: &Checkpoint) {
        let size = checkpoint.head.size;
        let lines = match Lines::of(note, witnesses.iter().cloned()) {
            Ok(lines) => lines,
            Err(error) => return self.bad.push((size, error.to_string())),
        };
        let Ok(all) = lines.count(&lines.keys(), 1) else {
            return;
        };
        for by in lines.signers(&all) {
            self.times.push((size, by.time));
            let name = by.name.to_string();
            let facts = self
                .by
                .entry((name.clone(), by.key))
                .or_insert_with(|| WitnessFacts {
                    name,
                    key: by.key.id(),
                    checkpoints: 0,
                    first_size: size,
                    last_size: size,
                    first_time: by.time,
                    last_time: by.time,
                });
            facts.checkpoints = facts.checkpoints.saturating_add(1);
            facts.first_size = facts.first_size.min(size);
            facts.last_size = facts.last_size.max(size);
            facts.first_time = facts.first_time.min(by.time);
            facts.last_time = facts.last_time.max(by.time);
        }
    }

    /// The witnesses, by name; bad cosignatures are told.
    pub(super) fn finish(self, findings: &mut Findings) -> Vec<WitnessFacts> {
        for (size, text) in self.bad {
            findings.add(Code::BadSignature, None, || {
                (format!("checkpoint {size}"), text)
            });
        }
        self.by.into_values().collect()
    }
}

/// The keys that the log of `root` has or had.
pub(super) fn log_keys(root: &TrustRoot) -> Vec<NoteKey> {
    keys(root, Role::Log, NoteKey::ed25519)
}

/// The witnesses that `root` has or had.
pub(super) fn witness_keys(root: &TrustRoot) -> Vec<NoteKey> {
    keys(root, Role::Witness, NoteKey::cosigner)
}

fn keys(root: &TrustRoot, role: Role, make: fn(NoteName, PublicKey) -> NoteKey) -> Vec<NoteKey> {
    let keys = root.role(role).map(|role| role.keys.as_slice());
    let keys = keys.unwrap_or_default().iter();
    keys.filter_map(|key| {
        let name = NoteName::parse(key.name.as_deref()?).ok()?;
        Some(make(name, key.key))
    })
    .collect()
}

/// Says what is wrong with the log's files.
///
/// # Errors
/// Evidence cannot be written.
pub(super) fn files<S: Source>(
    log: &Log<S>,
    checked: &Checked,
    keys: &[NoteKey],
    evidence: Option<&Path>,
    findings: &mut Findings,
) -> Result<(), IoError> {
    for fault in &checked.faults {
        let path = || fault.path.clone();
        let mut code = match &fault.kind {
            FaultKind::Missing => Code::MissingFile,
            FaultKind::NotOurs => Code::ForeignCheckpoint,
            FaultKind::SetBack(_) => Code::SetBack,
            FaultKind::Root(_) => Code::WrongRoot,
            FaultKind::Tile | FaultKind::Entries => Code::WrongTile,
        };
        let mut text = fault.message.clone();
        if let FaultKind::Root(Some(note)) = &fault.kind
            && let Ok(View::Forked(fork)) = log.compare(note)
            && let Some(words) = proven(&fork, keys, evidence)?
        {
            (code, text) = (Code::Fork, words);
        }
        findings.add(code, None, || (path(), text));
    }
    let size = log.size();
    if checked.computed < size {
        findings.add(Code::Unchecked, None, || {
            let subject = format!("entries {}..{}", checked.computed, size.saturating_sub(1));
            (
                subject,
                "what comes before them cannot be read, so no root can be computed".to_owned(),
            )
        });
    }
    for path in &checked.unpublished {
        findings.add(Code::Unpublished, None, || {
            let text = "its entries are there, and the log does not show them";
            (path.clone(), text.to_owned())
        });
    }
    for path in &checked.leftovers {
        findings.add(Code::Leftover, None, || {
            (path.clone(), "no checkpoint needs it".to_owned())
        });
    }
    if checked.checkpoints <= 1 && size > 0 || checked.untold.iter().any(|it| it == "checkpoints") {
        findings.add(Code::NoHistory, None, || {
            let text = "what the log showed before cannot be compared with what it shows now";
            ("checkpoints".to_owned(), text.to_owned())
        });
    }
    Ok(())
}

/// What a checkpoint of an earlier audit comes to: the entries that it spoke for.
///
/// # Errors
/// Evidence cannot be written.
pub(super) fn since<S: Source>(
    log: &Log<S>,
    note: &Note,
    keys: &[NoteKey],
    evidence: Option<&Path>,
    findings: &mut Findings,
) -> Result<u64, IoError> {
    let mut tell = |code, text: String| findings.add(code, None, || ("--since".to_owned(), text));
    let lines = Lines::of(note, keys.iter().cloned());
    let is_signed = lines.is_ok_and(|lines| !lines.keys().is_empty());
    if !is_signed {
        tell(
            Code::ForeignCheckpoint,
            "no key of the log signed this checkpoint".to_owned(),
        );
        return Ok(0);
    }
    let size = Checkpoint::parse(note.text()).map_or(0, |checkpoint| checkpoint.head.size);
    match log.compare(note) {
        Ok(View::Same | View::Behind(_)) => return Ok(size),
        Ok(View::Ahead(size)) => tell(
            Code::SetBack,
            format!(
                "the log had {size} entries then, and has {} now",
                log.size()
            ),
        ),
        Ok(View::OtherLog(origin)) => tell(
            Code::ForeignCheckpoint,
            format!("it is of the log \"{}\"", Escaped(origin.as_bytes())),
        ),
        Ok(View::Forked(fork)) => match proven(&fork, keys, evidence)? {
            Some(words) => tell(Code::Fork, words),
            None => tell(
                Code::WrongRoot,
                "it is of another history than this log's".to_owned(),
            ),
        },
        Err(LogError::Missing(path)) => tell(Code::MissingFile, format!("{path} is missing")),
        Err(error) => tell(Code::WrongRoot, error.to_string()),
    }
    Ok(0)
}

/// Checks evidence as anybody else would, keeps it, and says what it proves.
fn proven(
    fork: &ForkEvidence,
    keys: &[NoteKey],
    evidence: Option<&Path>,
) -> Result<Option<String>, IoError> {
    let Ok(proof) = fork.check(keys) else {
        return Ok(None);
    };
    let (one, other) = (proof.smaller(), proof.larger());
    let mut text = format!(
        "the log signed {} entries with the root {} and {} entries that do not begin with them, with \
         the root {}",
        one.size,
        one.root.short(),
        other.size,
        other.root.short()
    );
    if one.size == other.size {
        let (size, one, other) = (one.size, one.root.short(), other.root.short());
        text =
            format!("the log signed two trees of {size} entries, with the roots {one} and {other}");
    }
    if let Some(directory) = evidence {
        fs::make_dirs(directory, 0o777)?;
        let name = fork.file_name();
        fs::write_atomic(directory.join(&name), &fork.to_bytes(), 0o644)?;
        text = format!("{text}; evidence: {name}");
    }
    Ok(Some(text))
}

/// Whether the newest trust root believes the published checkpoint, and by whose word.
pub(super) fn belief<S>(
    log: &Log<S>,
    lineage: &Lineage,
    findings: &mut Findings,
) -> (Vec<Who>, Independence)
where
    S: Source,
{
    let root = lineage.newest();
    let mut independence = Independence::None;
    let mut signed_by = Vec::new();
    match TrustedCheckpoint::open(root, log.note()) {
        Ok(trusted) => {
            let witnesses = trusted.cosigned_by().iter().map(|by| &by.key);
            let keys = trusted.signed_by().keys().chain(witnesses);
            signed_by = keys.map(|key| lineage.who(key)).collect();
            if !trusted.cosigned_by().is_empty() {
                independence = Independence::Witnessed;
            }
        }
        Err(error) => {
            let code = match error {
                UntrustedCheckpoint::Witnesses(_) => Code::NoQuorum,
                _ => Code::Untrusted,
            };
            findings.add(code, None, || ("checkpoint".to_owned(), error.to_string()));
        }
    }
    if independence == Independence::None {
        let words = if root.role(Role::Witness).is_some() {
            "the witnesses that the trust root names have not cosigned it"
        } else {
            "no witness is named: whoever has the log's key decides what the log was"
        };
        findings.add(Code::NotIndependent, None, || {
            ("log".to_owned(), words.to_owned())
        });
    }
    (signed_by, independence)
}

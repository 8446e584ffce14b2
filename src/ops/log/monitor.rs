//! `karat log monitor`, without printing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::directory::open;
use super::failure::{LogFailure, at};
use super::look::{Row, log_keys, row};
use crate::archive::{Location, Network, Patience, Proxies};
use crate::digest::Digest;
use crate::key::TrustRoot;
use crate::limits;
use crate::log::{Fork, ForkEvidence, Log, Memory, View};
use crate::sys::env;
use crate::sys::fs::{self, Beneath};
use crate::tlog::{
    Note, NoteKey, Policy, PolicyCheckpoint, SignedCheckpoint, TreeHead, TrustedCheckpoint,
};

/// How to look at a log.
#[derive(Debug)]
pub struct MonitorSettings<'a> {
    /// The log's directory.
    pub log: &'a Path,
    /// The trust root that must believe it.
    pub trust: Option<&'a TrustRoot>,
    /// The policy that must believe it.
    pub policy: Option<&'a Policy>,
    /// Keys of the log.
    pub keys: &'a [NoteKey],
    /// What was remembered, and is.
    pub since: Option<&'a Path>,
    /// Other places that show the log: a directory, a checkpoint's file, a URL.
    pub against: &'a [String],
    /// Witnesses whose views are asked for.
    pub witnesses: Option<&'a Policy>,
    /// Where evidence goes.
    pub evidence: &'a Path,
}

/// What was found.
#[derive(Debug)]
pub struct Monitored {
    /// The log, as it shows itself now.
    pub log: Log<Beneath>,
    /// The tree that was remembered; `None`: this is the first look.
    pub before: Option<TreeHead>,
    /// Entries since then.
    pub entries: Vec<Row>,
    /// Images that nobody signed for before.
    pub new_images: BTreeSet<String>,
    /// Key ids that no signature named before.
    pub new_keys: BTreeSet<String>,
    /// What is shown elsewhere, in the order in which it was asked for.
    pub views: Vec<(String, Seen)>,
    /// Proven forks, with the files of the evidence.
    pub forks: Vec<(Fork, PathBuf)>,
    /// The log shows fewer entries than were remembered: how many these were.
    pub set_back_from: Option<u64>,
}

/// What another place shows of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The same tree.
    Same,
    /// An earlier one, which the log extends.
    Earlier(u64),
    /// A later one, so that only who has its entries could compare.
    Later(u64),
    /// Another history.
    Forked,
    /// Nothing that the log signed, or nothing at all; says why.
    Nothing(String),
}

/// As long as another place may take.
const PATIENCE: Patience = Patience {
    timeout: Duration::from_secs(10),
    retries: 1,
    pause: Duration::from_millis(500),
};

/// Looks at a log: whether it extends what was remembered, whether others see the same, and what is
/// new. What is seen now is remembered, unless the log was forked or set back.
///
/// # Errors
/// The log cannot be read or is not believed, what was remembered is of another log, or something
/// cannot be written.
pub fn monitor(settings: &MonitorSettings<'_>) -> Result<Monitored, LogFailure> {
    let log = open(settings.log)?;
    let keys = believed(settings, &log)?;
    let memory = settings.since.map(remembered).transpose()?.flatten();
    let mut found = Monitored {
        before: None,
        entries: Vec::new(),
        new_images: BTreeSet::new(),
        new_keys: BTreeSet::new(),
        views: Vec::new(),
        forks: Vec::new(),
        set_back_from: None,
        log,
    };
    if let (Some(memory), Some(file)) = (&memory, settings.since) {
        // It was signed when it was written; whoever changed it since has no key.
        let head = its_own(&keys, &memory.checkpoint).map_err(|why| LogFailure::Memory {
            file: file.to_owned(),
            why,
        })?;
        found.before = Some(head);
        let seen = found.look(settings, &keys, &memory.checkpoint)?;
        if let Seen::Later(size) = seen {
            found.set_back_from = Some(size);
        }
    }
    for (place, note) in shown_elsewhere(settings, &found.log) {
        let seen = match note.and_then(|note| its_own(&keys, &note).map(|_| note)) {
            Ok(note) => found.look(settings, &keys, &note)?,
            Err(why) => Seen::Nothing(why),
        };
        found.views.push((place, seen));
    }
    if found.forks.is_empty() && found.set_back_from.is_none() {
        let memory = found.learn(settings, memory)?;
        if let Some(file) = settings.since {
            fs::write_atomic(file, &memory.to_bytes(), 0o644)?;
        }
    }
    Ok(found)
}

impl Monitored {
    /// Compares the log with a checkpoint that it signed; keeps the evidence where they exclude each
    /// other.
    fn look(
        &mut self,
        settings: &MonitorSettings<'_>,
        keys: &[NoteKey],
        note: &Note,
    ) -> Result<Seen, LogFailure> {
        let view = self.log.compare(note).map_err(at(settings.log))?;
        Ok(match view {
            View::Same => Seen::Same,
            View::Behind(extends) => Seen::Earlier(extends.old().size),
            View::Ahead(size) => Seen::Later(size),
            View::OtherLog(origin) => Seen::Nothing(format!(
                "it is of the log \"{}\"",
                crate::path::Escaped(origin.as_bytes())
            )),
            View::Forked(evidence) => {
                self.keep(settings, keys, &evidence)?;
                Seen::Forked
            }
        })
    }

    fn keep(
        &mut self,
        settings: &MonitorSettings<'_>,
        keys: &[NoteKey],
        evidence: &ForkEvidence,
    ) -> Result<(), LogFailure> {
        let file = settings.evidence.join(evidence.file_name());
        // What is kept must convince whoever has nothing but the keys.
        let fork = evidence.check(keys).map_err(|source| LogFailure::Fork {
            file: file.clone(),
            source,
        })?;
        fs::make_dirs(settings.evidence, 0o777)?;
        fs::write_atomic(&file, &evidence.to_bytes(), 0o644)?;
        if !self.forks.iter().any(|(_, there)| *there == file) {
            self.forks.push((fork, file));
        }
        Ok(())
    }

    /// Reads what came since, and remembers it.
    fn learn(
        &mut self,
        settings: &MonitorSettings<'_>,
        memory: Option<Memory>,
    ) -> Result<Memory, LogFailure> {
        let mut memory = memory.unwrap_or_else(|| Memory {
            images: BTreeSet::new(),
            keys: BTreeSet::new(),
            checkpoint: self.log.note().clone(),
        });
        memory.checkpoint = self.log.note().clone();
        let old = self.before.unwrap_or_else(TreeHead::empty);
        let entries = &mut self.entries;
        let read = self
            .log
            .since(old, |index, bytes| entries.push(row(index, bytes)));
        read.map_err(at(settings.log))?;
        for row in &self.entries {
            if let Some((name, ..)) = &row.image
                && memory.images.insert(name.clone())
            {
                self.new_images.insert(name.clone());
            }
            for id in &row.key_ids {
                if memory.keys.insert(id.clone()) {
                    self.new_keys.insert(id.clone());
                }
            }
        }
        Ok(memory)
    }
}

/// Whether the log is the one that was asked for; gives all keys that it has and had.
fn believed(
    settings: &MonitorSettings<'_>,
    log: &Log<Beneath>,
) -> Result<Vec<NoteKey>, LogFailure> {
    let mut keys = settings.keys.to_vec();
    if let Some(root) = settings.trust {
        let opened: Result<TrustedCheckpoint, _> = TrustedCheckpoint::open(root, log.note());
        opened.map_err(|source| LogFailure::Untrusted {
            directory: settings.log.to_owned(),
            source,
        })?;
        keys.extend(log_keys(root)?);
    }
    if let Some(policy) = settings.policy {
        let opened: Result<PolicyCheckpoint, _> = policy.open(log.note());
        opened.map_err(|source| LogFailure::Refused {
            directory: settings.log.to_owned(),
            source,
        })?;
        keys.extend(policy.logs().iter().map(|log| log.key.clone()));
    }
    let signed = SignedCheckpoint::by(keys.iter().cloned(), log.note());
    signed.map_err(|source| LogFailure::Untrusted {
        directory: settings.log.to_owned(),
        source,
    })?;
    Ok(keys)
}

/// The tree of a checkpoint that one of the log's keys signed.
fn its_own(keys: &[NoteKey], note: &Note) -> Result<TreeHead, String> {
    let signed = SignedCheckpoint::by(keys.iter().cloned(), note);
    let signed = signed.map_err(|error| error.to_string())?;
    Ok(signed.checkpoint().head)
}

fn remembered(file: &Path) -> Result<Option<Memory>, LogFailure> {
    let bytes = match fs::read(file, limits::MONITOR_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let memory = Memory::parse(&bytes).map_err(|error| LogFailure::Memory {
        file: file.to_owned(),
        why: error.to_string(),
    })?;
    Ok(Some(memory))
}

/// What other places show, each with its name.
fn shown_elsewhere(
    settings: &MonitorSettings<'_>,
    log: &Log<Beneath>,
) -> Vec<(String, Result<Note, String>)> {
    let network = Network::new(Proxies::from_environment(&|name| env::text(name)), PATIENCE);
    let mut shown = Vec::new();
    for place in settings.against {
        shown.push((place.clone(), elsewhere(&network, place)));
    }
    let origin = &log.checkpoint().origin;
    let hex = Digest::of(origin.as_bytes());
    let witnesses = settings.witnesses.map(Policy::witnesses);
    for witness in witnesses.unwrap_or_default() {
        let Some(url) = &witness.url else { continue };
        let url = format!("{}/{hex}/checkpoint", url.trim_end_matches('/'));
        let name = witness.key.name().to_string();
        shown.push((name, fetch(&network, &url)));
    }
    shown
}

/// The checkpoint at a place that somebody named: `URL/checkpoint`, `DIR/checkpoint`, or the file itself.
fn elsewhere(network: &Network, place: &str) -> Result<Note, String> {
    if place.starts_with("http://") || place.starts_with("https://") {
        let url = if place.ends_with("/checkpoint") {
            place.to_owned()
        } else {
            format!("{}/checkpoint", place.trim_end_matches('/'))
        };
        return fetch(network, &url);
    }
    let path = Path::new(place);
    let failed = |error: fs::IoError| error.to_string();
    let file = if fs::is_dir(path).map_err(failed)? {
        path.join("checkpoint")
    } else {
        path.to_owned()
    };
    let cap = u64::try_from(limits::NOTE_MAX).unwrap_or(u64::MAX);
    note(&fs::read(file, cap).map_err(failed)?)
}

fn fetch(network: &Network, url: &str) -> Result<Note, String> {
    let location: Location = url.parse().map_err(|_| format!("{url:?} is no URL"))?;
    let cap = u64::try_from(limits::NOTE_MAX).unwrap_or(u64::MAX);
    note(
        &network
            .get(&location, cap)
            .map_err(|error| error.to_string())?,
    )
}

fn note(bytes: &[u8]) -> Result<Note, String> {
    Note::parse(bytes).map_err(|error| error.to_string())
}

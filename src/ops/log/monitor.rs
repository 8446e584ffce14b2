//! `karat log monitor`, without printing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failure::{LogFailure, at};
use super::look::{Row, log_keys, row};
use super::place::{AnyLog, LogPlace, Way, open_at};
use crate::archive::{Location, Network, Patience};
use crate::digest::Digest;
use crate::key::TrustRoot;
use crate::limits;
use crate::log::{Fork, ForkEvidence, Memory, View};
use crate::sys::fs;
use crate::tlog::{
    Checkpoint, Note, NoteKey, Policy, PolicyCheckpoint, SignedCheckpoint, TreeHead,
    TrustedCheckpoint,
};

/// How to look at a log.
#[derive(Debug)]
pub struct MonitorSettings<'a> {
    /// Where the log is.
    pub log: &'a LogPlace,
    /// The way to it, and to other places.
    pub way: &'a Way,
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
    /// What the log shows now.
    pub checkpoint: Checkpoint,
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
    /// Another history; with the first entry that is another one there, where the place shows entries.
    Forked(Option<u64>),
    /// Nothing that the log signed, or nothing at all; says why.
    Nothing(String),
}

/// As long as a place that shows a checkpoint alone may take.
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
    let log = open_at(settings.log, settings.way)?;
    let mut look = Look {
        keys: believed(settings, &log)?,
        found: Monitored {
            checkpoint: log.checkpoint().clone(),
            before: None,
            entries: Vec::new(),
            new_images: BTreeSet::new(),
            new_keys: BTreeSet::new(),
            views: Vec::new(),
            forks: Vec::new(),
            set_back_from: None,
        },
        log,
        settings,
    };
    let memory = settings.since.map(remembered).transpose()?.flatten();
    if let (Some(memory), Some(file)) = (&memory, settings.since) {
        // It was signed when it was written; whoever changed it since has no key.
        let head = its_own(&look.keys, &memory.checkpoint);
        let head = head.map_err(|why| LogFailure::Memory {
            file: file.to_owned(),
            why,
        })?;
        look.found.before = Some(head);
        if let Seen::Later(size) = look.compare(&memory.checkpoint)? {
            look.found.set_back_from = Some(size);
        }
    }
    for (place, shown) in shown_elsewhere(settings, &look.log) {
        let seen = match shown {
            Ok(shown) => look.compare_with(&shown)?,
            Err(why) => Seen::Nothing(why),
        };
        look.found.views.push((place, seen));
    }
    if look.found.forks.is_empty() && look.found.set_back_from.is_none() {
        let memory = look.learn(memory)?;
        if let Some(file) = settings.since {
            fs::write_atomic(file, &memory.to_bytes(), 0o644)?;
        }
    }
    Ok(look.found)
}

/// One look at a log.
struct Look<'a> {
    settings: &'a MonitorSettings<'a>,
    log: AnyLog,
    /// All that it has and had.
    keys: Vec<NoteKey>,
    found: Monitored,
}

impl Look<'_> {
    /// Compares the log with a checkpoint that it signed; keeps the evidence where they exclude each
    /// other.
    fn compare(&mut self, note: &Note) -> Result<Seen, LogFailure> {
        let view = self.log.compare(note);
        let view = view.map_err(at(&self.settings.log.shown()))?;
        Ok(match view {
            View::Same => Seen::Same,
            View::Behind(extends) => Seen::Earlier(extends.old().size),
            View::Ahead(size) => Seen::Later(size),
            View::OtherLog(origin) => Seen::Nothing(format!(
                "it is of the log \"{}\"",
                crate::path::Escaped(origin.as_bytes())
            )),
            View::Forked(evidence) => {
                self.keep(&evidence)?;
                Seen::Forked(None)
            }
        })
    }

    /// Compares the log with what another place shows. One that has more entries and shows them, too,
    /// is asked whether it begins with these.
    fn compare_with(&mut self, shown: &Shown) -> Result<Seen, LogFailure> {
        if let Err(why) = its_own(&self.keys, shown.note()) {
            return Ok(Seen::Nothing(why));
        }
        let seen = self.compare(shown.note())?;
        let Shown::Log(other) = shown else {
            return Ok(seen);
        };
        let is_forked = match seen {
            Seen::Later(_) => match other.compare(self.log.note()) {
                Ok(View::Forked(evidence)) => {
                    self.keep(&evidence)?;
                    true
                }
                Ok(_) => false,
                Err(error) => return Ok(Seen::Nothing(error.to_string())),
            },
            Seen::Forked(_) => true,
            _ => false,
        };
        Ok(if is_forked {
            // Where a log lacks its tiles, the evidence is there all the same.
            Seen::Forked(self.log.first_difference(other).ok().flatten())
        } else {
            seen
        })
    }

    fn keep(&mut self, evidence: &ForkEvidence) -> Result<(), LogFailure> {
        let directory = self.settings.evidence;
        let file = directory.join(evidence.file_name());
        // What is kept must convince whoever has nothing but the keys.
        let fork = evidence.check(&self.keys);
        let fork = fork.map_err(|source| LogFailure::Fork {
            file: file.clone(),
            source,
        })?;
        fs::make_dirs(directory, 0o777)?;
        fs::write_atomic(&file, &evidence.to_bytes(), 0o644)?;
        if !self.found.forks.iter().any(|(_, there)| *there == file) {
            self.found.forks.push((fork, file));
        }
        Ok(())
    }

    /// Reads what came since, and remembers it.
    fn learn(&mut self, memory: Option<Memory>) -> Result<Memory, LogFailure> {
        let found = &mut self.found;
        let mut memory = memory.unwrap_or_else(|| Memory {
            images: BTreeSet::new(),
            keys: BTreeSet::new(),
            checkpoint: self.log.note().clone(),
        });
        memory.checkpoint = self.log.note().clone();
        let old = found.before.unwrap_or_else(TreeHead::empty);
        let entries = &mut found.entries;
        let tell = |index, bytes: &[u8]| entries.push(row(index, bytes));
        let read = self.log.since(old, tell);
        read.map_err(at(&self.settings.log.shown()))?;
        for row in &found.entries {
            if let Some((name, ..)) = &row.image
                && memory.images.insert(name.clone())
            {
                found.new_images.insert(name.clone());
            }
            for id in &row.key_ids {
                if memory.keys.insert(id.clone()) {
                    found.new_keys.insert(id.clone());
                }
            }
        }
        Ok(memory)
    }
}

/// Whether the log is the one that was asked for; gives all keys that it has and had.
fn believed(settings: &MonitorSettings<'_>, log: &AnyLog) -> Result<Vec<NoteKey>, LogFailure> {
    let mut keys = settings.keys.to_vec();
    if let Some(root) = settings.trust {
        let opened: Result<TrustedCheckpoint, _> = TrustedCheckpoint::open(root, log.note());
        opened.map_err(|source| LogFailure::Untrusted {
            directory: settings.log.shown(),
            source,
        })?;
        keys.extend(log_keys(root)?);
    }
    if let Some(policy) = settings.policy {
        let opened: Result<PolicyCheckpoint, _> = policy.open(log.note());
        opened.map_err(|source| LogFailure::Refused {
            directory: settings.log.shown(),
            source,
        })?;
        keys.extend(policy.logs().iter().map(|log| log.key.clone()));
    }
    let signed = SignedCheckpoint::by(keys.iter().cloned(), log.note());
    signed.map_err(|source| LogFailure::Untrusted {
        directory: settings.log.shown(),
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

/// What another place shows.
enum Shown {
    /// A checkpoint alone.
    Note(Note),
    /// All of it.
    Log(AnyLog),
}

impl Shown {
    fn note(&self) -> &Note {
        match self {
            Self::Note(note) => note,
            Self::Log(log) => log.note(),
        }
    }
}

/// What other places show, each with its name.
fn shown_elsewhere(
    settings: &MonitorSettings<'_>,
    log: &AnyLog,
) -> Vec<(String, Result<Shown, String>)> {
    let mut shown = Vec::new();
    for place in settings.against {
        shown.push((place.clone(), elsewhere(settings.way, place)));
    }
    let origin = &log.checkpoint().origin;
    let hex = Digest::of(origin.as_bytes());
    let witnesses = settings.witnesses.map(Policy::witnesses);
    for witness in witnesses.unwrap_or_default() {
        let Some(url) = &witness.url else { continue };
        let url = format!("{}/{hex}/checkpoint", url.trim_end_matches('/'));
        let name = witness.key.name().to_string();
        shown.push((name, fetch(settings.way, &url)));
    }
    shown
}

/// A log, or a checkpoint: `URL/checkpoint`, or a file.
fn elsewhere(way: &Way, text: &str) -> Result<Shown, String> {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    if is_web && text.ends_with("/checkpoint") {
        return fetch(way, text);
    }
    let place = LogPlace::parse(text.into()).map_err(|error| error.to_string())?;
    if let Some(path) = place.directory()
        && !fs::is_dir(path).map_err(|error| error.to_string())?
    {
        let cap = u64::try_from(limits::NOTE_MAX).unwrap_or(u64::MAX);
        return note(&fs::read(path, cap).map_err(|error| error.to_string())?);
    }
    let log = open_at(&place, way).map_err(|error| error.to_string())?;
    Ok(Shown::Log(log))
}

fn fetch(way: &Way, url: &str) -> Result<Shown, String> {
    let Ok(location) = url.parse::<Location>() else {
        return Err(format!("{url:?} is no URL"));
    };
    let network = Network::new(way.proxies.clone(), PATIENCE);
    let cap = u64::try_from(limits::NOTE_MAX).unwrap_or(u64::MAX);
    let bytes = network.get(&location, cap);
    note(&bytes.map_err(|error| error.to_string())?)
}

fn note(bytes: &[u8]) -> Result<Shown, String> {
    let note = Note::parse(bytes).map_err(|error| error.to_string())?;
    Ok(Shown::Note(note))
}

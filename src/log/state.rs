//! What the operator remembers, and what is left of an append that was interrupted.
//!
//! ```text
//! .state/vkey      the log's keys, a line each, the present one last: NAME+ID+BASE64
//! .state/next      a file on its way to its name; directories only
//! .state/pending   the checkpoint, unsigned, that is signed next, and the entries that it adds
//! .state/signed    the largest checkpoint that was ever signed
//! .state/lock      held by whoever writes; directories only
//! ```
//! `pending` is the one register that decides: nothing is signed that it did not hold, and each of its
//! contents extends the one before, which was published by then. So no two trees of one size are ever
//! signed, whoever writes; and after a crash the one tree that may have been signed is known, and
//! exactly that one is signed again: Ed25519 gives the same signature.

use std::cmp::Ordering;

use super::intent::{Intent, PENDING};
use super::read::{CHECKPOINT, check_ours, parse_checkpoint, read_checkpoint};
use super::{Log, LogError, Source, Store, Swap, Version};
use crate::key::{KeyId, Signer};
use crate::limits;
use crate::sys::fs::ListedKind;
use crate::tlog::{
    Algorithm, Checkpoint, ConsistencyProof, Extends, Note, NoteKey, NoteName, TreeHead,
};

const VKEY: &str = ".state/vkey";
const SIGNED: &str = ".state/signed";
pub(super) const HISTORY: &str = "checkpoints";
/// How often a register is tried that others change, too; each time one of them got on.
const TRIES: u32 = 100;

/// What stands in a log's directory, and in a workspace's `log/` beside it.
const NAMES: [(&str, ListedKind); 6] = [
    (".gitignore", ListedKind::File),
    (".state", ListedKind::Directory),
    (CHECKPOINT, ListedKind::File),
    (HISTORY, ListedKind::Directory),
    ("signed", ListedKind::Directory),
    ("tile", ListedKind::Directory),
];

impl<S: Store> Log<S> {
    /// Makes a log without entries, called `name`; one whose making was interrupted is finished.
    ///
    /// # Errors
    /// There is a log already, or something that no log's directory has.
    pub fn create(disk: S, name: &NoteName, signer: &dyn Signer) -> Result<Self, LogError> {
        disk.prepare()?;
        check_names(&disk)?;
        let key = NoteKey::ed25519(name.clone(), signer.public_key());
        let text = format!("{key}\n");
        if disk.read(VKEY, limits::KEY_FILE_MAX)?.is_none()
            && let Some((_, checkpoint)) = read_checkpoint(&disk, CHECKPOINT)?
        {
            return Err(LogError::Exists(
                checkpoint.origin,
                signer.public_key().id(),
            ));
        }
        // Whose name and key come first, whose log it is.
        let made = disk.read(VKEY, limits::KEY_FILE_MAX)?.is_none()
            && disk.swap(VKEY, None, text.as_bytes())? == Swap::Done;
        if !made {
            let there = last(own_keys(&disk)?)?;
            if there != key || read_checkpoint(&disk, CHECKPOINT)?.is_some() {
                let id = raw_id(&there)?;
                return Err(LogError::Exists(there.name().to_string(), id));
            }
        }
        let checkpoint = Checkpoint {
            origin: name.to_string(),
            head: TreeHead::empty(),
            extensions: Vec::new(),
        };
        if register(&disk, PENDING)?.is_none() {
            let intent = checkpoint.to_text();
            // Where somebody else was faster, it is the same.
            let (Swap::Done | Swap::Lost) = disk.swap(PENDING, None, intent.as_bytes())?;
        }
        let mut log = Self::at(disk, Note::new(checkpoint.to_text()), checkpoint);
        log.note = log.publish(&log.checkpoint, name, signer)?;
        Ok(log)
    }

    /// From the next checkpoint on, `key` signs. What the keys before it signed stays. Whoever calls
    /// this holds the log's lock. Says whether it was another key before.
    ///
    /// # Errors
    /// The key has another name than the log or was the log's before, or the directory is not an
    /// operator's.
    pub fn rekey(&mut self, key: &NoteKey) -> Result<bool, LogError> {
        self.disk.prepare()?;
        check_names(&self.disk)?;
        let (bytes, before) = register(&self.disk, VKEY)?.ok_or(LogError::NoState("vkey"))?;
        let mut keys = parse_keys(&bytes)?;
        if key.name().as_str() != self.checkpoint.origin {
            return Err(LogError::NotOurs(VKEY.to_owned()));
        }
        raw_id(key)?;
        let present = last(keys.clone())?;
        if present == *key {
            return Ok(false);
        }
        // A workspace that was set back names a key that the log had before.
        if keys.contains(key) {
            let (given, wanted) = (raw_id(key)?, raw_id(&present)?);
            return Err(LogError::OtherKey { given, wanted });
        }
        keys.push(key.clone());
        let lines: Vec<String> = keys.iter().map(NoteKey::to_string).collect();
        let text = lines.join("\n") + "\n";
        match self.disk.swap(VKEY, Some(&before), text.as_bytes())? {
            Swap::Done => Ok(true),
            Swap::Lost => Err(LogError::Busy),
        }
    }

    /// Makes ready for adding: checks what was signed last against the tiles, and finishes what was
    /// interrupted, or is still being done by somebody else. Gives the version of the intent that the
    /// next one has to replace. Whoever calls this holds the lock of a log in a directory.
    ///
    /// # Errors
    /// The key is another, something signed is missing, or what is there is not what was signed:
    /// then nothing may be added.
    pub(super) fn recover(&mut self, signer: &dyn Signer) -> Result<Option<Version>, LogError> {
        self.forget();
        check_names(&self.disk)?;
        let keys = own_keys(&self.disk)?;
        let key = last(keys.clone())?;
        let (given, wanted) = (signer.public_key().id(), raw_id(&key)?);
        if given != wanted {
            return Err(LogError::OtherKey { given, wanted });
        }
        let read = |path: &str| -> Result<Option<(Note, Checkpoint)>, LogError> {
            let Some((note, checkpoint)) = read_checkpoint(&self.disk, path)? else {
                return Ok(None);
            };
            // What was signed before the key was another one counts all the same.
            let by = |key: &NoteKey| check_ours(key, &note, &checkpoint, path).is_ok();
            if !keys.iter().any(by) {
                return Err(LogError::NotOurs(path.to_owned()));
            }
            Ok(Some((note, checkpoint)))
        };
        // In this order: each is at least as large as the one before, whoever writes meanwhile.
        let (note, published) = read(CHECKPOINT)?.ok_or(LogError::NoLog)?;
        let (signed_note, signed) = read(SIGNED)?.ok_or(LogError::NoState("signed"))?;
        let (pending, version) = match register(&self.disk, PENDING)? {
            Some((bytes, version)) => (Some(Intent::parse(&bytes)?), Some(version)),
            None => (None, None),
        };
        (self.note, self.checkpoint) = (note, published);
        let there = self.checkpoint.head;
        if signed.head.size == there.size && signed.head != there {
            return Err(LogError::Fork(there.size));
        }
        match signed.head.size.cmp(&there.size) {
            Ordering::Greater => {
                // The crash came between signing and publishing, or an older checkpoint was put back.
                match self.edge(signed.head) {
                    Ok(_) => {}
                    // Nobody put anything back where a place just does not answer.
                    Err(LogError::Io(error)) => return Err(error.into()),
                    Err(_) => {
                        let (signed, there) = (signed.head.size, there.size);
                        return Err(LogError::Rollback { signed, there });
                    }
                }
                self.extends(there, signed.head)?;
                self.announce(&signed_note, &signed)?;
                (self.note, self.checkpoint) = (signed_note, signed);
            }
            Ordering::Less => {
                // Somebody put an older mark back. What is published was signed, too.
                self.edge(there)?;
                self.mark(&self.note, there)?;
            }
            Ordering::Equal => {
                self.edge(there)?;
            }
        }
        let there = self.checkpoint.head;
        match pending {
            Some(pending) if pending.checkpoint.head.size > there.size => {
                self.finish(pending, key.name(), signer)?;
            }
            Some(pending)
                if pending.checkpoint.head.size == there.size
                    && pending.checkpoint.head != there =>
            {
                return Err(LogError::Fork(there.size));
            }
            _ => {}
        }
        Ok(version)
    }

    /// Finishes what was decided and may have been signed.
    fn finish(
        &mut self,
        pending: Intent,
        name: &NoteName,
        signer: &dyn Signer,
    ) -> Result<(), LogError> {
        let (old, new) = (self.checkpoint.head, pending.checkpoint.head);
        let count = u64::try_from(pending.entries.len()).unwrap_or(u64::MAX);
        if old.size.saturating_add(count) == new.size {
            let growth = self.growth(&pending.entries)?;
            if growth.head != new {
                return Err(LogError::Root { size: new.size });
            }
            return self.carry_out(pending.checkpoint, growth, signer);
        }
        // Its entries do not follow what is published: then its tiles must be there.
        self.edge(new)?;
        self.extends(old, new)?;
        self.note = self.publish(&pending.checkpoint, name, signer)?;
        self.checkpoint = pending.checkpoint;
        self.forget();
        Ok(())
    }

    /// Signs a checkpoint whose tiles are durable and that was decided before, and publishes it:
    /// history, mark, and the checkpoint itself last.
    pub(super) fn publish(
        &self,
        checkpoint: &Checkpoint,
        name: &NoteName,
        signer: &dyn Signer,
    ) -> Result<Note, LogError> {
        let mut note = Note::new(checkpoint.to_text());
        note.sign(name, signer)?;
        self.announce(&note, checkpoint)?;
        Ok(note)
    }

    /// Publishes what was signed, unless somebody else did.
    fn announce(&self, note: &Note, checkpoint: &Checkpoint) -> Result<(), LogError> {
        let size = checkpoint.head.size;
        let kept = format!("{HISTORY}/{size}");
        let is_kept = || match read_checkpoint(&self.disk, &kept) {
            Ok(there) => Ok(there.is_some_and(|(there, _)| there.text() == note.text())),
            Err(LogError::Io(error)) => Err(error.into()),
            // What is there is no checkpoint: settling says so.
            Err(_) => Ok::<_, LogError>(false),
        };
        if !is_kept()? {
            match self.disk.settle(&[(kept.clone(), note.to_bytes())]) {
                // By somebody who signs with another of the log's keys.
                Err(LogError::Overwrites(_)) if is_kept()? => {}
                answer => answer?,
            }
        }
        self.mark(note, checkpoint.head)?;
        self.raise(CHECKPOINT, note, checkpoint.head)
    }

    /// Publishes the present checkpoint once more, with further signatures: its place in the history
    /// first, as always. Signatures that others added meanwhile stay. Whoever calls this holds the lock
    /// of a log in a directory.
    ///
    /// # Errors
    /// It is another checkpoint, or some of it may be published and some not: the text is the same.
    pub fn restate(&mut self, note: &Note) -> Result<(), LogError> {
        if note.text() != self.note.text() {
            return Err(LogError::NotOurs(CHECKPOINT.to_owned()));
        }
        let kept = format!("{HISTORY}/{}", self.size());
        for path in [kept.as_str(), CHECKPOINT] {
            self.add_lines(path, note)?;
        }
        for line in note.signatures() {
            if !self.note.signatures().contains(line) {
                self.note.add(line.clone());
            }
        }
        Ok(())
    }

    /// Adds the signatures of `note` to the file `path`, if it is the same checkpoint.
    fn add_lines(&self, path: &str, note: &Note) -> Result<(), LogError> {
        for _ in 0..TRIES {
            let there = register(&self.disk, path)?;
            let mut all = match &there {
                Some((bytes, _)) => parse_checkpoint(bytes, path)?.0,
                None => Note::new(note.text().to_owned()),
            };
            // The published checkpoint may be a larger one by now.
            if all.text() != note.text() {
                return Ok(());
            }
            let lines = note.signatures().iter();
            let missing: Vec<_> = lines
                .filter(|line| !all.signatures().contains(line))
                .cloned()
                .collect();
            if missing.is_empty() {
                return Ok(());
            }
            for line in missing {
                all.add(line);
            }
            // What is published must be a note that everybody reads.
            parse_checkpoint(&all.to_bytes(), path)?;
            let before = there.as_ref().map(|(_, version)| version);
            if self.disk.swap(path, before, &all.to_bytes())? == Swap::Done {
                return Ok(());
            }
        }
        Err(LogError::Busy)
    }

    /// Remembers what was signed.
    fn mark(&self, note: &Note, head: TreeHead) -> Result<(), LogError> {
        self.raise(SIGNED, note, head)
    }

    /// Puts a checkpoint into a file that holds the largest one.
    fn raise(&self, path: &str, note: &Note, head: TreeHead) -> Result<(), LogError> {
        for _ in 0..TRIES {
            let there = register(&self.disk, path)?;
            if let Some((bytes, _)) = &there {
                let (_, there) = parse_checkpoint(bytes, path)?;
                if there.head.size == head.size && there.head != head {
                    return Err(LogError::Fork(head.size));
                }
                if there.head.size >= head.size {
                    return Ok(());
                }
            }
            let before = there.as_ref().map(|(_, version)| version);
            if self.disk.swap(path, before, &note.to_bytes())? == Swap::Done {
                return Ok(());
            }
        }
        Err(LogError::Busy)
    }

    /// Checks that the tree `new` begins with all leaves of `old`, by the tiles.
    fn extends(&self, old: TreeHead, new: TreeHead) -> Result<Extends, LogError> {
        let size = new.size;
        let proof = ConsistencyProof::make(old.size, size, &mut |node| self.node(node, size))?;
        proof
            .ok_or(LogError::Fork(size))?
            .check(old, new)
            .map_err(|source| LogError::Inconsistent { size, source })
    }
}

/// What a register holds, and its version.
pub(super) fn register<S: Store>(
    disk: &S,
    path: &str,
) -> Result<Option<(Vec<u8>, Version)>, LogError> {
    let cap = u64::try_from(limits::LOG_APPEND_MAX).unwrap_or(u64::MAX);
    disk.fetch(path, cap)
}

/// The keys that the log has and had, the present one last.
pub(super) fn own_keys<S: Source>(disk: &S) -> Result<Vec<NoteKey>, LogError> {
    let bytes = disk.read(VKEY, limits::KEY_FILE_MAX)?;
    parse_keys(&bytes.ok_or(LogError::NoState("vkey"))?)
}

fn parse_keys(bytes: &[u8]) -> Result<Vec<NoteKey>, LogError> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
    lines.map(|line| Ok(line.parse()?)).collect()
}

fn last(mut keys: Vec<NoteKey>) -> Result<NoteKey, LogError> {
    keys.pop().ok_or(LogError::NoState("vkey"))
}

fn raw_id(key: &NoteKey) -> Result<KeyId, LogError> {
    match key.algorithm() {
        Algorithm::Ed25519(key) => Ok(key.id()),
        Algorithm::Cosignature(_) | Algorithm::Other { .. } => {
            Err(LogError::NotOurs(VKEY.to_owned()))
        }
    }
}

/// Refuses a directory in which something else is than a log has: whoever put it there may hope that
/// it is written through.
fn check_names<S: Source>(disk: &S) -> Result<(), LogError> {
    for listed in disk.list("")?.known() {
        let known = NAMES
            .iter()
            .any(|(name, kind)| listed.name == name.as_bytes() && listed.kind == *kind);
        if !known {
            return Err(LogError::Odd(listed.name));
        }
    }
    Ok(())
}

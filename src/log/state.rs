//! What the operator remembers, and what is left of an append that was interrupted.
//!
//! ```text
//! .state/vkey      the log's keys, a line each, the present one last: NAME+ID+BASE64
//! .state/next      a file on its way to its name
//! .state/pending   the checkpoint, unsigned, that is about to be signed
//! .state/signed    the largest checkpoint that was ever signed
//! .state/lock      held by whoever writes
//! ```
//! `pending` is durable before a signature is made, `signed` before one is published. So after a
//! crash the one tree that may have been signed is known, and exactly that one is signed again:
//! Ed25519 gives the same signature.

use super::read::{CHECKPOINT, check_ours, read_checkpoint};
use super::{Disk, Log, LogError, Source};
use crate::key::{KeyId, Signer};
use crate::limits;
use crate::sys::fs::ListedKind;
use crate::tlog::{
    Algorithm, Checkpoint, ConsistencyProof, Extends, Note, NoteKey, NoteName, TreeHead,
};

const VKEY: &str = ".state/vkey";
const NEXT: &str = ".state/next";
const PENDING: &str = ".state/pending";
const SIGNED: &str = ".state/signed";
pub(super) const HISTORY: &str = "checkpoints";

/// What stands in a log's directory, and in a workspace's `log/` beside it.
const NAMES: [(&str, ListedKind); 6] = [
    (".gitignore", ListedKind::File),
    (".state", ListedKind::Directory),
    (CHECKPOINT, ListedKind::File),
    (HISTORY, ListedKind::Directory),
    ("signed", ListedKind::Directory),
    ("tile", ListedKind::Directory),
];

impl<D: Disk> Log<D> {
    /// Makes a log without entries, called `name`; one whose making was interrupted is finished.
    ///
    /// # Errors
    /// There is a log already, or something that no log's directory has.
    pub fn create(disk: D, name: &NoteName, signer: &dyn Signer) -> Result<Self, LogError> {
        check_names(&disk)?;
        let key = NoteKey::ed25519(name.clone(), signer.public_key());
        let text = format!("{key}\n");
        if disk.read(VKEY, limits::KEY_FILE_MAX)?.is_some() {
            let there = last(own_keys(&disk)?)?;
            if there != key || read_checkpoint(&disk, CHECKPOINT)?.is_some() {
                let id = raw_id(&there)?;
                return Err(LogError::Exists(there.name().to_string(), id));
            }
        } else if let Some((_, checkpoint)) = read_checkpoint(&disk, CHECKPOINT)? {
            return Err(LogError::Exists(
                checkpoint.origin,
                signer.public_key().id(),
            ));
        }
        for path in [".state", HISTORY, "tile"] {
            disk.make_directory(path)?;
        }
        disk.sync("")?;
        place(&disk, VKEY, text.as_bytes())?;
        disk.sync(".state")?;
        let checkpoint = Checkpoint {
            origin: name.to_string(),
            head: TreeHead::empty(),
            extensions: Vec::new(),
        };
        let note = publish(&disk, &checkpoint, name, signer)?;
        Ok(Self::at(disk, note, checkpoint))
    }

    /// From the next checkpoint on, `key` signs. What the keys before it signed stays. Whoever calls
    /// this holds the log's lock. Says whether it was another key before.
    ///
    /// # Errors
    /// The key has another name than the log or was the log's before, or the directory is not an
    /// operator's.
    pub fn rekey(&mut self, key: &NoteKey) -> Result<bool, LogError> {
        check_names(&self.disk)?;
        let mut keys = own_keys(&self.disk)?;
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
        place(&self.disk, VKEY, text.as_bytes())?;
        self.disk.sync(".state")?;
        Ok(true)
    }

    /// Makes ready for adding: checks what was signed last against the tiles, and finishes what was
    /// interrupted. Whoever calls this holds the log's lock.
    ///
    /// # Errors
    /// The key is another, something signed is missing, or what is there is not what was signed:
    /// then nothing may be added.
    pub(super) fn recover(&mut self, signer: &dyn Signer) -> Result<(), LogError> {
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
        let (mut note, mut published) = read(CHECKPOINT)?.ok_or(LogError::NoLog)?;
        let (signed_note, signed) = read(SIGNED)?.ok_or(LogError::NoState("signed"))?;
        if signed.head.size == published.head.size && signed.head != published.head {
            return Err(LogError::Fork(signed.head.size));
        }
        let is_old_mark = signed.head.size < published.head.size;
        if signed.head.size > published.head.size {
            // The crash came between signing and publishing, or an older checkpoint was put back.
            let there = published.head.size;
            let is_whole = self.edge(signed.head).is_ok();
            if !is_whole {
                let signed = signed.head.size;
                return Err(LogError::Rollback { signed, there });
            }
            self.extends(published.head, signed.head)?;
            history(&self.disk, &signed_note, signed.head.size)?;
            place(&self.disk, CHECKPOINT, &signed_note.to_bytes())?;
            self.disk.sync("")?;
            (note, published) = (signed_note, signed);
        }
        self.edge(published.head)?;
        if is_old_mark {
            // Somebody put an older mark back. What is published was signed, too.
            place(&self.disk, SIGNED, &note.to_bytes())?;
            self.disk.sync(".state")?;
        }
        if let Some(pending) = pending(&self.disk)? {
            if pending.head.size == published.head.size && pending.head != published.head {
                return Err(LogError::Fork(pending.head.size));
            }
            if pending.head.size > published.head.size {
                self.edge(pending.head)?;
                self.extends(published.head, pending.head)?;
                note = publish(&self.disk, &pending, key.name(), signer)?;
                published = pending;
            }
        }
        (self.note, self.checkpoint) = (note, published);
        Ok(())
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

/// Signs a checkpoint whose tiles are durable, and publishes it: intent, signature, history, mark,
/// and the checkpoint itself last.
pub(super) fn publish<D: Disk>(
    disk: &D,
    checkpoint: &Checkpoint,
    name: &NoteName,
    signer: &dyn Signer,
) -> Result<Note, LogError> {
    let text = checkpoint.to_text();
    place(disk, PENDING, text.as_bytes())?;
    disk.sync(".state")?;
    let mut note = Note::new(text);
    note.sign(name, signer)?;
    history(disk, &note, checkpoint.head.size)?;
    place(disk, SIGNED, &note.to_bytes())?;
    disk.sync(".state")?;
    place(disk, CHECKPOINT, &note.to_bytes())?;
    disk.sync("")?;
    Ok(note)
}

/// Keeps a checkpoint for whoever checks the log's history.
fn history<D: Disk>(disk: &D, note: &Note, size: u64) -> Result<(), LogError> {
    disk.make_directory(HISTORY)?;
    place(disk, &format!("{HISTORY}/{size}"), &note.to_bytes())?;
    disk.sync(HISTORY)?;
    Ok(())
}

/// Gives `bytes` the name `path` at once; the name itself is durable when its directory is.
pub(super) fn place<D: Disk>(disk: &D, path: &str, bytes: &[u8]) -> Result<(), LogError> {
    disk.write(NEXT, bytes)?;
    disk.sync(NEXT)?;
    disk.rename(NEXT, path)?;
    Ok(())
}

/// The keys that the log has and had, the present one last.
pub(super) fn own_keys<S: Source>(disk: &S) -> Result<Vec<NoteKey>, LogError> {
    let bytes = disk.read(VKEY, limits::KEY_FILE_MAX)?;
    let bytes = bytes.ok_or(LogError::NoState("vkey"))?;
    let text = String::from_utf8_lossy(&bytes);
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

/// The checkpoint that was about to be signed.
fn pending<S: Source>(disk: &S) -> Result<Option<Checkpoint>, LogError> {
    let Some(bytes) = disk.read(PENDING, limits::KEY_FILE_MAX)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let parsed = Checkpoint::parse(&text).map_err(|source| LogError::Checkpoint {
        path: PENDING.to_owned(),
        source,
    });
    parsed.map(Some)
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

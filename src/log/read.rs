//! A log that is there.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::state::{HISTORY, own_keys};
use super::{LogError, Source};
use crate::digest::Digest;
use crate::key::Signature;
use crate::limits;
use crate::tlog::{
    Algorithm, Checkpoint, Frontier, Included, InclusionProof, Node, Note, NoteKey, Receipt, Tile,
    TileKind, TreeHead, node_hash,
};

/// A log, as its checkpoint says. Several threads may read one.
#[derive(Debug)]
pub struct Log<S> {
    pub(super) disk: S,
    pub(super) note: Note,
    pub(super) checkpoint: Checkpoint,
    /// Tiles that were read: proofs of neighbours share most of theirs.
    cache: Mutex<BTreeMap<Tile, Arc<[u8]>>>,
    /// Those that were followed up to the root of the checkpoint.
    sound: Mutex<BTreeMap<Tile, Arc<[u8]>>>,
}

/// The file that makes entries count.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// Most tiles that are kept in memory: 8 KiB each.
const CACHED_MAX: usize = 1024;
/// How many tiles are read ahead: some seconds' worth of a slow line.
const WINDOW: u64 = 64;
/// Bytes of a full tile.
const TILE_MAX: u64 = 8192;
/// Most bytes of a full bundle: 256 entries, each behind its length.
const BUNDLE_MAX: u64 = 256 * (2 + 65_535);

impl<S: Source> Log<S> {
    /// Opens the log that `disk` holds, as far as its checkpoint tells. Whose checkpoint that is,
    /// is for the reader's trust root to say.
    ///
    /// # Errors
    /// There is no checkpoint, or none that can be read.
    pub fn open(disk: S) -> Result<Self, LogError> {
        let (note, checkpoint) = read_checkpoint(&disk, CHECKPOINT)?.ok_or(LogError::NoLog)?;
        Ok(Self::at(disk, note, checkpoint))
    }

    pub(super) fn at(disk: S, note: Note, checkpoint: Checkpoint) -> Self {
        Self {
            disk,
            note,
            checkpoint,
            cache: Mutex::default(),
            sound: Mutex::default(),
        }
    }

    /// The keys that the log's own directory names, the present one last.
    ///
    /// # Errors
    /// It is a copy of the public files, which does not know.
    pub fn keys(&self) -> Result<Vec<NoteKey>, LogError> {
        own_keys(&self.disk)
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The checkpoint as it was signed.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// The checkpoint of `size` entries that was published; `None` where none was.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn kept(&self, size: u64) -> Result<Option<Note>, LogError> {
        let kept = read_checkpoint(&self.disk, &format!("{HISTORY}/{size}"))?;
        Ok(kept.map(|(note, _)| note))
    }

    /// How many entries there are.
    pub fn size(&self) -> u64 {
        self.checkpoint.head.size
    }

    /// The entries of the bundle that holds `index`, from the first one in it: each is as its leaf
    /// says, and the leaf is in the tree of the checkpoint.
    ///
    /// # Errors
    /// There is no such entry, or the bundle is missing or damaged, or a tile that proves it.
    pub fn bundle(&self, index: u64) -> Result<Vec<Vec<u8>>, LogError> {
        let number = index / u64::from(Tile::FULL);
        let bundle = self.bundle_of(number, |tile| self.sound_tile(tile))?;
        let size = self.size();
        if index >= size {
            return Err(LogError::NoEntry { index, size });
        }
        Ok(bundle.entries().map(<[u8]>::to_vec).collect())
    }

    /// Tells the source that the bundles of these entries are read next, with the tiles that prove
    /// them: one that is far away fetches them at once.
    pub fn ahead(&self, entries: Range<u64>) {
        let (full, size) = (u64::from(Tile::FULL), self.size());
        let last = entries.end.min(size).div_ceil(full);
        let files: Vec<(String, u64)> = (entries.start / full..last)
            .flat_map(|number| {
                let index = number.saturating_mul(full);
                let (tile, _) = Tile::holding(Node { level: 0, index }, size);
                let bundle = Tile {
                    kind: TileKind::Entries,
                    ..tile
                };
                [
                    (bundle.to_string(), BUNDLE_MAX),
                    (tile.to_string(), TILE_MAX),
                ]
            })
            .collect();
        self.disk.ahead(&files);
    }

    /// One entry.
    ///
    /// # Errors
    /// As [`Log::bundle`].
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        let place = usize::try_from(index % u64::from(Tile::FULL)).unwrap_or(0);
        let mut bundle = self.bundle(index)?;
        if place < bundle.len() {
            return Ok(bundle.swap_remove(place));
        }
        let size = self.size();
        Err(LogError::NoEntry { index, size })
    }

    /// Tells `each` of every leaf, in order.
    ///
    /// # Errors
    /// A tile is missing or damaged.
    pub fn leaves(&self, mut each: impl FnMut(u64, Digest)) -> Result<(), LogError> {
        let size = self.size();
        let mut index = 0;
        while index < size {
            let (tile, _) = Tile::holding(Node { level: 0, index }, size);
            if tile.index.is_multiple_of(WINDOW) {
                let tiles = (tile.index..tile.index.saturating_add(WINDOW)).map_while(|number| {
                    let index = number.saturating_mul(u64::from(Tile::FULL));
                    let node = Node { level: 0, index };
                    (index < size).then(|| (Tile::holding(node, size).0.to_string(), TILE_MAX))
                });
                self.disk.ahead(&tiles.collect::<Vec<_>>());
            }
            let bytes = self.sound_tile(tile)?;
            let (hashes, _) = bytes.as_chunks();
            for hash in hashes {
                each(index, Digest::from_bytes(*hash));
                index = index.saturating_add(1);
            }
        }
        Ok(())
    }

    /// The Receipt of the entry `index`, whose leaf is `leaf`: checked before it is given away.
    ///
    /// # Errors
    /// There is no such entry, or the tiles do not lead from it to the checkpoint.
    pub fn receipt(&self, index: u64, leaf: Digest) -> Result<Receipt, LogError> {
        let size = self.size();
        let proof = InclusionProof::make(index, size, &mut |node| self.sound_node(node))?
            .ok_or(LogError::NoEntry { index, size })?;
        let _: Included = proof
            .check(leaf, self.checkpoint.head)
            .or(Err(LogError::Root { size }))?;
        Ok(Receipt {
            extra: None,
            proof,
            checkpoint: self.note.clone(),
        })
    }

    /// The right edge of the tree over the first `size` leaves, which must have this root.
    ///
    /// # Errors
    /// A tile is missing or damaged, or leads to another root.
    pub(super) fn edge(&self, head: TreeHead) -> Result<Frontier, LogError> {
        let size = head.size;
        let nodes = Frontier::nodes(size);
        let roots: Result<Vec<Digest>, LogError> = nodes
            .into_iter()
            .map(|node| self.node(node, size))
            .collect();
        let edge = Frontier::of(size, roots?).ok_or(LogError::Root { size })?;
        if edge.head() == head {
            Ok(edge)
        } else {
            Err(LogError::Root { size })
        }
    }

    /// The hash of a whole subtree, out of the tiles of a tree of `size` leaves.
    ///
    /// # Errors
    /// The tile is missing or damaged.
    pub(super) fn node(&self, node: Node, size: u64) -> Result<Digest, LogError> {
        let (tile, range) = Tile::holding(node, size);
        let hash = subtree(&self.tile(tile)?, range);
        hash.ok_or_else(|| LogError::Damaged(tile.to_string()))
    }

    /// The bytes of a tile of hashes: exactly as many as its width says.
    pub(super) fn tile(&self, tile: Tile) -> Result<Arc<[u8]>, LogError> {
        if let Some(bytes) = self.cached().get(&tile) {
            return Ok(Arc::clone(bytes));
        }
        let mut bytes = self.bytes(tile)?;
        let length = usize::from(tile.width).saturating_mul(Digest::LEN);
        if bytes.len() < length {
            return Err(LogError::Damaged(tile.to_string()));
        }
        bytes.truncate(length);
        let bytes: Arc<[u8]> = bytes.into();
        let mut cache = self.cached();
        if cache.len() >= CACHED_MAX {
            cache.clear();
        }
        cache.insert(tile, Arc::clone(&bytes));
        Ok(bytes)
    }

    /// The bytes of a file of the tree; of the full one, where a partial one is gone since.
    pub(super) fn bytes(&self, tile: Tile) -> Result<Vec<u8>, LogError> {
        if let Some(bytes) = self.own_bytes(tile)? {
            return Ok(bytes);
        }
        let full = if tile.is_full() {
            None
        } else {
            self.own_bytes(tile.full())?
        };
        full.ok_or_else(|| LogError::Missing(tile.to_string()))
    }

    /// The bytes of the very file that a tile has; `None` where it is not there.
    pub(super) fn own_bytes(&self, tile: Tile) -> Result<Option<Vec<u8>>, LogError> {
        let cap = match tile.kind {
            TileKind::Entries => BUNDLE_MAX,
            TileKind::Hashes(_) => TILE_MAX,
        };
        let path = tile.to_string();
        match self.disk.read(&path, cap) {
            Err(error) if error.source.kind() == ErrorKind::FileTooLarge => {
                Err(LogError::Damaged(path))
            }
            answer => Ok(answer?),
        }
    }

    /// Forgets tiles that were read: files that were not published may be written anew.
    pub(super) fn forget(&self) {
        self.cached().clear();
        self.sound().clear();
    }

    pub(super) fn forget_tile(&self, tile: Tile) {
        self.cached().remove(&tile);
        self.sound().remove(&tile);
    }

    pub(super) fn keep_sound(&self, tiles: impl IntoIterator<Item = (Tile, Arc<[u8]>)>) {
        let mut sound = self.sound();
        if sound.len() >= CACHED_MAX {
            sound.clear();
        }
        sound.extend(tiles);
    }

    pub(super) fn sound(&self) -> MutexGuard<'_, BTreeMap<Tile, Arc<[u8]>>> {
        self.sound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread that panicked holds nothing half done: each entry is put there whole.
    fn cached(&self) -> MutexGuard<'_, BTreeMap<Tile, Arc<[u8]>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The root of a whole subtree, of those of its hashes at one level that `range` names among `hashes`.
pub(super) fn subtree(hashes: &[u8], range: Range<usize>) -> Option<Digest> {
    let hashes = hashes.as_chunks::<{ Digest::LEN }>().0.get(range)?.iter();
    let mut level: Vec<Digest> = hashes.map(|hash| Digest::from_bytes(*hash)).collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(node_hash(*left, *right)),
                _ => None,
            })
            .collect();
    }
    level.pop()
}

/// Reads a signed checkpoint of the log; `None` where there is none.
pub(super) fn read_checkpoint<S: Source>(
    disk: &S,
    path: &str,
) -> Result<Option<(Note, Checkpoint)>, LogError> {
    let cap = u64::try_from(limits::NOTE_MAX).unwrap_or(u64::MAX);
    let Some(bytes) = disk.read(path, cap)? else {
        return Ok(None);
    };
    parse_checkpoint(&bytes, path).map(Some)
}

/// Takes a signed checkpoint of the log apart, which is in the file `path`.
pub(super) fn parse_checkpoint(bytes: &[u8], path: &str) -> Result<(Note, Checkpoint), LogError> {
    let path = || path.to_owned();
    let note = Note::parse(bytes).map_err(|source| LogError::Note {
        path: path(),
        source,
    })?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|source| LogError::Checkpoint {
        path: path(),
        source,
    })?;
    Ok((note, checkpoint))
}

/// Whether `key` signed `note`, a checkpoint of the log that has the key's name: what a log may say
/// of its own files. What others may believe is for their trust roots.
///
/// # Errors
/// It did not.
pub(super) fn check_ours(
    key: &NoteKey,
    note: &Note,
    checkpoint: &Checkpoint,
    path: &str,
) -> Result<(), LogError> {
    let Algorithm::Ed25519(raw) = key.algorithm() else {
        return Err(LogError::NotOurs(path.to_owned()));
    };
    let signed = note.signatures().iter().any(|line| {
        let is_named = line.name == *key.name() && line.id == key.id();
        let bytes = <[u8; Signature::LEN]>::try_from(line.bytes.as_slice());
        is_named
            && bytes.is_ok_and(|bytes| {
                let signature = Signature::from_bytes(bytes);
                raw.verify(note.text().as_bytes(), &signature).is_ok()
            })
    });
    if signed && checkpoint.origin == key.name().as_str() {
        Ok(())
    } else {
        Err(LogError::NotOurs(path.to_owned()))
    }
}

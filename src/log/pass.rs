//! One pass over all entries of a log: leaves from entries, tiles from leaves, roots from tiles.
//!
//! Bundles may be read and hashed by several threads ([`Log::read_bundle`]); one [`Pass`] takes them
//! in their order and compares whatever is complete.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::{Checked, Fault, FaultKind};
use super::read::{check_ours, read_checkpoint};
use super::state::HISTORY;
use super::{Log, LogError, Names, Source};
use crate::digest::Digest;
use crate::path::Escaped;
use crate::tlog::{
    Checkpoint, ConsistencyProof, Frontier, Node, Note, NoteKey, Tile, TileKind, TreeHead,
    decode_bundle, leaf_hash,
};

/// A bundle of entries that was read, and the leaves that they make, which are those of the tile.
#[derive(Debug)]
pub struct Bundle {
    first: u64,
    bytes: Vec<u8>,
    leaves: Vec<Digest>,
}

impl Bundle {
    /// The index of its first entry.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Its leaves alone, which are all that a [`Pass`] needs of it.
    #[must_use]
    pub fn without_entries(self) -> Self {
        Self {
            bytes: Vec::new(),
            ..self
        }
    }

    /// Its entries, in their order.
    pub fn entries(&self) -> impl Iterator<Item = &[u8]> {
        // Whoever made the value has taken it apart before.
        let entries = decode_bundle(&self.bytes).unwrap_or_default();
        entries.into_iter().take(self.leaves.len())
    }
}

impl<S: Source> Log<S> {
    /// How many bundles the log has.
    pub fn bundles(&self) -> u64 {
        self.size().div_ceil(u64::from(Tile::FULL))
    }

    /// Reads the bundle `number`, and hashes its entries.
    ///
    /// # Errors
    /// There is no such bundle, it is missing, or it is not what its tile says.
    pub fn read_bundle(&self, number: u64) -> Result<Bundle, LogError> {
        // What the tiles above this one say is compared by a pass.
        self.bundle_of(number, |tile| self.tile(tile))
    }

    /// The bundle `number`, whose entries are those that `leaves` gives the tile of.
    pub(super) fn bundle_of(
        &self,
        number: u64,
        leaves: impl Fn(Tile) -> Result<Arc<[u8]>, LogError>,
    ) -> Result<Bundle, LogError> {
        let size = self.size();
        let first = number.saturating_mul(u64::from(Tile::FULL));
        if first >= size {
            return Err(LogError::NoEntry { index: first, size });
        }
        let node = Node {
            level: 0,
            index: first,
        };
        let (tile, _) = Tile::holding(node, size);
        let path = Tile {
            kind: TileKind::Entries,
            ..tile
        };
        self.trying_again(&[tile, path], || {
            let said = leaves(tile)?;
            let bytes = self.bytes(path)?;
            let entries = decode_bundle(&bytes).map_err(|source| LogError::Bundle {
                path: path.to_string(),
                source,
            })?;
            let entries = entries.into_iter().take(usize::from(tile.width));
            let leaves: Vec<Digest> = entries.map(leaf_hash).collect();
            let made = leaves.iter().map(Digest::as_bytes);
            if !made.eq(said.as_chunks().0) {
                return Err(LogError::Damaged(path.to_string()));
            }
            Ok(Bundle {
                first,
                bytes,
                leaves,
            })
        })
    }
}

/// A pass that has come to some entry.
#[derive(Debug)]
pub struct Pass<'a, S> {
    log: &'a Log<S>,
    /// The checkpoints that are kept and the log's own, by size, with their files.
    heads: BTreeMap<u64, Vec<(String, Digest)>>,
    edge: Frontier,
    /// The hashes of the tiles that are being filled.
    levels: BTreeMap<u8, Vec<Digest>>,
    /// Checkpoints that are larger than the published one.
    larger: Vec<(String, TreeHead, Note)>,
    faults: Vec<Fault>,
    untold: Vec<String>,
}

impl<'a, S: Source> Pass<'a, S> {
    /// Begins: reads all checkpoints that are kept, which must be signed by one of `keys`. `each` is
    /// told of those that are.
    ///
    /// # Errors
    /// The file system said no.
    pub fn start(
        log: &'a Log<S>,
        keys: &[NoteKey],
        mut each: impl FnMut(&Note, &Checkpoint),
    ) -> Result<Self, LogError> {
        let mut pass = Self {
            log,
            heads: BTreeMap::new(),
            edge: Frontier::new(),
            levels: BTreeMap::new(),
            larger: Vec::new(),
            faults: Vec::new(),
            untold: Vec::new(),
        };
        let mut paths = vec!["checkpoint".to_owned()];
        let names = log.disk.list(HISTORY)?;
        if names == Names::Untold {
            pass.untold.push(HISTORY.to_owned());
            paths.push(format!("{HISTORY}/{}", log.size()));
        }
        for listed in names.known() {
            let name = Escaped(&listed.name).to_string();
            paths.push(format!("{HISTORY}/{name}"));
        }
        for path in paths {
            pass.checkpoint(&path, keys, &mut each)?;
        }
        pass.reached()?;
        Ok(pass)
    }

    fn checkpoint(
        &mut self,
        path: &str,
        keys: &[NoteKey],
        each: &mut impl FnMut(&Note, &Checkpoint),
    ) -> Result<(), LogError> {
        let (note, checkpoint) = match read_checkpoint(&self.log.disk, path) {
            Ok(Some(read)) => read,
            // Nobody said that it is there.
            Ok(None) if path != "checkpoint" && !self.untold.is_empty() => return Ok(()),
            Ok(None) => return self.report(path, FaultKind::Missing, "it is missing"),
            Err(LogError::Io(error)) => return Err(error.into()),
            Err(error) => return self.report(path, FaultKind::NotOurs, error.to_string()),
        };
        let ours = |key| check_ours(key, &note, &checkpoint, path).is_ok();
        if !keys.iter().any(ours) {
            let error = LogError::NotOurs(path.to_owned());
            return self.report(path, FaultKind::NotOurs, error.to_string());
        }
        each(&note, &checkpoint);
        let TreeHead { size, root } = checkpoint.head;
        let name = path.strip_prefix("checkpoints/");
        if name.is_some_and(|name| name != size.to_string()) {
            let message = format!("it is of {size} entries");
            self.report(path, FaultKind::NotOurs, message)?;
        }
        if size > self.log.size() {
            self.larger.push((path.to_owned(), checkpoint.head, note));
        }
        let kept = self.heads.entry(size).or_default();
        kept.push((path.to_owned(), root));
        Ok(())
    }

    /// Takes the bundle that comes next.
    ///
    /// # Errors
    /// The file system said no. What is wrong with the log is told at the end.
    pub fn take(&mut self, bundle: &Bundle) -> Result<(), LogError> {
        for leaf in &bundle.leaves {
            let levels = &mut self.levels;
            self.edge.push(*leaf, |node, hash| {
                if node.level % 8 == 0 {
                    levels.entry(node.level / 8).or_default().push(hash);
                }
            });
            let is_full = self.edge.size().is_multiple_of(u64::from(Tile::FULL));
            if is_full || self.heads.contains_key(&self.edge.size()) {
                self.reached()?;
            }
        }
        Ok(())
    }

    /// Takes note that the bundle `number` cannot be read: without its entries nothing after them can
    /// be computed.
    ///
    /// # Errors
    /// The file system said no.
    pub fn stop(&mut self, number: u64, error: LogError) -> Result<(), LogError> {
        let kind = match &error {
            LogError::Io(_) => return Err(error),
            LogError::Missing(_) => FaultKind::Missing,
            _ => FaultKind::Entries,
        };
        let path = format!("tile/entries, number {number}");
        self.report(&path, kind, error.to_string())
    }

    /// The tree of the entries so far.
    pub fn head(&self) -> TreeHead {
        self.edge.head()
    }

    /// Ends: what was found.
    ///
    /// # Errors
    /// The file system said no.
    pub fn finish(mut self) -> Result<Checked, LogError> {
        let larger = std::mem::take(&mut self.larger);
        let mut unpublished = Vec::new();
        match larger.as_slice() {
            [(path, head, _)] if self.is_whole(*head)? => unpublished.push(path.clone()),
            _ => {
                for (path, _, note) in larger {
                    let kind = FaultKind::SetBack(Box::new(note));
                    self.report(&path, kind, "it is larger than the published checkpoint")?;
                }
            }
        }
        let mut checked = Checked {
            head: self.log.checkpoint.head,
            computed: self.edge.size(),
            checkpoints: self.heads.len(),
            faults: self.faults,
            unpublished,
            leftovers: Vec::new(),
            untold: self.untold,
        };
        self.log.leftovers("tile", &mut checked)?;
        Ok(checked)
    }

    /// Whether the tiles make the larger tree `head`, and it begins with the published one: so it is
    /// when an append, or the copying of a log, is just being done or was interrupted before its end.
    fn is_whole(&self, head: TreeHead) -> Result<bool, LogError> {
        let published = self.log.checkpoint.head;
        let nodes = &mut |node| self.log.node(node, head.size);
        let grown = ConsistencyProof::make(published.size, head.size, nodes);
        let grown = grown.and_then(|proof| {
            self.log.edge(head)?;
            Ok(proof.is_some_and(|proof| proof.check(published, head).is_ok()))
        });
        match grown {
            Err(LogError::Io(error)) => Err(error.into()),
            other => Ok(other.unwrap_or(false)),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the end of what may fail")]
    fn report(
        &mut self,
        path: &str,
        kind: FaultKind,
        message: impl Into<String>,
    ) -> Result<(), LogError> {
        self.faults.push(Fault {
            path: path.to_owned(),
            message: message.into(),
            kind,
        });
        Ok(())
    }

    /// Compares whatever is complete at the size that is reached.
    fn reached(&mut self) -> Result<(), LogError> {
        let size = self.edge.size();
        let kept = self.heads.get(&size).cloned().unwrap_or_default();
        let root = self.edge.head().root;
        for (path, said) in &kept {
            if *said != root {
                let message = format!("its root is another than that of the first {size} entries");
                let note = read_checkpoint(&self.log.disk, path)?;
                let kind = FaultKind::Root(note.map(|(note, _)| Box::new(note)));
                self.report(path, kind, message)?;
            }
        }
        let is_published = !kept.is_empty();
        let full = u64::from(Tile::FULL);
        // The full bundle was compared with its tile when it was read.
        if is_published && !size.is_multiple_of(full) {
            self.beginning(TileKind::Entries, size)?;
        }
        let levels: Vec<(u8, usize)> = self
            .levels
            .iter()
            .map(|(level, hashes)| (*level, hashes.len()))
            .collect();
        for (level, width) in levels {
            let is_full = width == usize::from(Tile::FULL);
            let count = size.checked_shr(u32::from(level) * 8).unwrap_or(0);
            if is_full {
                self.whole(level, count)?;
                self.levels.insert(level, Vec::new());
            } else if is_published && width > 0 {
                self.beginning(TileKind::Hashes(level), count)?;
            }
        }
        Ok(())
    }

    /// Compares the full tile that ends at the hash `count` of its level.
    fn whole(&mut self, level: u8, count: u64) -> Result<(), LogError> {
        let tile = Tile {
            kind: TileKind::Hashes(level),
            index: (count / u64::from(Tile::FULL)).saturating_sub(1),
            width: Tile::FULL,
        };
        let expected = self.expected(tile)?;
        self.compare(tile, |log| {
            let own = log.own_bytes(tile)?;
            Ok(own.map(|own| own == expected))
        })
    }

    /// Compares the beginning of a tile, `count % 256` wide, as it was when a checkpoint of this size
    /// was published. A full file stands for a beginning that is gone.
    fn beginning(&mut self, kind: TileKind, count: u64) -> Result<(), LogError> {
        let full = u64::from(Tile::FULL);
        let tile = Tile {
            kind,
            index: count / full,
            width: u16::try_from(count % full).unwrap_or(Tile::FULL),
        };
        let whole = tile.full();
        let is_there = match self.log.own_bytes(tile) {
            Ok(own) => own.is_some(),
            Err(LogError::Io(error)) => return Err(error.into()),
            Err(_) => true,
        };
        if !is_there && whole.is_of(self.log.size()) {
            // The full one is compared as a whole.
            return Ok(());
        }
        let expected = self.expected(tile)?;
        self.compare(tile, |log| {
            if let Some(own) = log.own_bytes(tile)? {
                return Ok(Some(own == expected));
            }
            let whole = log.own_bytes(whole)?;
            Ok(whole.map(|whole| whole.starts_with(&expected)))
        })
    }

    /// Asks whether a tile is the `same`; once more, where the source's own store had it.
    fn compare(
        &mut self,
        tile: Tile,
        same: impl Fn(&Log<S>) -> Result<Option<bool>, LogError>,
    ) -> Result<(), LogError> {
        let log = self.log;
        let path = tile.to_string();
        let mut answer = same(log);
        if !matches!(answer, Ok(Some(true)) | Err(LogError::Io(_)))
            && (log.disk.doubt(&path) | log.disk.doubt(&tile.full().to_string()))
        {
            answer = same(log);
        }
        let message = "it is not what its entries make";
        match answer {
            Ok(Some(true)) => Ok(()),
            Ok(Some(false)) => self.report(&path, FaultKind::Tile, message),
            Ok(None) => self.report(&path, FaultKind::Missing, "it is missing"),
            Err(LogError::Io(error)) => Err(error.into()),
            Err(error) => self.report(&path, FaultKind::Tile, error.to_string()),
        }
    }

    /// What a tile must hold: of entries, the beginning of the bundle that holds them; of hashes, those
    /// that were made.
    fn expected(&self, tile: Tile) -> Result<Vec<u8>, LogError> {
        let width = usize::from(tile.width);
        if let TileKind::Hashes(level) = tile.kind {
            let hashes = self.levels.get(&level).into_iter().flatten().take(width);
            return Ok(hashes.flat_map(|hash| *hash.as_bytes()).collect());
        }
        let bundle = self.log.read_bundle(tile.index)?;
        let entries = bundle.entries().take(width);
        let length: usize = entries.map(|entry| entry.len().saturating_add(2)).sum();
        let mut bytes = bundle.bytes;
        bytes.truncate(length);
        Ok(bytes)
    }
}

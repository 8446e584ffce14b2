//! Which bundles and tiles new entries make.

use std::collections::BTreeMap;

use super::{Log, LogError, Source};
use crate::digest::Digest;
use crate::tlog::{Frontier, Node, Tile, TileKind, TreeHead, encode_bundle, leaf_hash};

/// What has to be written before a larger tree may be signed.
#[derive(Debug)]
pub(super) struct Growth {
    /// Files with their bytes: bundles first, then tiles, level by level.
    pub(super) files: Vec<(Tile, Vec<u8>)>,
    /// The tree that they make.
    pub(super) head: TreeHead,
}

impl<S: Source> Log<S> {
    /// What `entries` add to the published tree, whose right edge is checked first.
    pub(super) fn growth(&self, entries: &[Vec<u8>]) -> Result<Growth, LogError> {
        let old = self.checkpoint.head.size;
        let mut edge: Frontier = self.edge(self.checkpoint.head)?;
        let mut bundles = Contents::new(TileKind::Entries, old);
        if let Some(partial) = bundles.partial() {
            let there = self.bundle(partial.index.saturating_mul(u64::from(Tile::FULL)))?;
            bundles.start(there);
        }
        let mut levels: BTreeMap<u8, Contents<Digest>> = BTreeMap::new();
        let mut fault = Ok(());
        for entry in entries {
            bundles.push(entry.clone());
            edge.push(leaf_hash(entry), |node, hash| {
                if node.level % 8 == 0 && fault.is_ok() {
                    fault = self.add(&mut levels, node, hash, old);
                }
            });
        }
        fault?;
        let mut files = Vec::new();
        for (tile, entries) in bundles.tiles() {
            let bytes = encode_bundle(&entries).map_err(|source| LogError::Bundle {
                path: tile.to_string(),
                source,
            })?;
            files.push((tile, bytes));
        }
        for (tile, hashes) in levels.into_values().flat_map(Contents::tiles) {
            let bytes = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            files.push((tile, bytes));
        }
        Ok(Growth {
            files,
            head: edge.head(),
        })
    }

    fn add(
        &self,
        levels: &mut BTreeMap<u8, Contents<Digest>>,
        node: Node,
        hash: Digest,
        old: u64,
    ) -> Result<(), LogError> {
        let level = node.level / 8;
        if let Some(contents) = levels.get_mut(&level) {
            contents.push(hash);
            return Ok(());
        }
        let mut contents = Contents::new(TileKind::Hashes(level), old);
        if let Some(partial) = contents.partial() {
            let bytes = self.tile(partial)?;
            let (hashes, _) = bytes.as_chunks();
            contents.start(hashes.iter().map(|it| Digest::from_bytes(*it)).collect());
        }
        contents.push(hash);
        levels.insert(level, contents);
        Ok(())
    }
}

/// The contents of the last tiles of one kind, from the first that changes.
struct Contents<T> {
    kind: TileKind,
    /// The index of the first tile that changes, and how much of it was there before.
    first: u64,
    width: u16,
    items: Vec<T>,
}

impl<T> Contents<T> {
    fn new(kind: TileKind, size: u64) -> Self {
        let count = match kind {
            TileKind::Entries => size,
            TileKind::Hashes(level) => size.checked_shr(u32::from(level) * 8).unwrap_or(0),
        };
        let full = u64::from(Tile::FULL);
        Self {
            kind,
            first: count / full,
            width: u16::try_from(count % full).unwrap_or(0),
            items: Vec::new(),
        }
    }

    /// The partial tile that they begin with.
    fn partial(&self) -> Option<Tile> {
        (self.width > 0).then_some(Tile {
            kind: self.kind,
            index: self.first,
            width: self.width,
        })
    }

    fn start(&mut self, items: Vec<T>) {
        self.items = items;
    }

    fn push(&mut self, item: T) {
        self.items.push(item);
    }

    /// The tiles, each with its items.
    fn tiles(self) -> Vec<(Tile, Vec<T>)> {
        let mut tiles = Vec::new();
        let mut items = self.items.into_iter();
        let mut index = self.first;
        loop {
            let some: Vec<T> = items.by_ref().take(usize::from(Tile::FULL)).collect();
            let Some(width) = u16::try_from(some.len()).ok().filter(|width| *width > 0) else {
                return tiles;
            };
            let kind = self.kind;
            tiles.push((Tile { kind, index, width }, some));
            index = index.saturating_add(1);
        }
    }
}

//! Tiles that are known to be those of the published tree: each was followed up to the root.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::read::subtree;
use super::{Log, LogError, Source};
use crate::digest::Digest;
use crate::tlog::{Frontier, Node, Tile, TileKind};

impl<S: Source> Log<S> {
    /// A tile of hashes of the published tree: it leads to the root of the checkpoint.
    ///
    /// # Errors
    /// It is missing, or it does not.
    pub(super) fn sound_tile(&self, tile: Tile) -> Result<Arc<[u8]>, LogError> {
        if let Some(bytes) = self.sound().get(&tile) {
            return Ok(Arc::clone(bytes));
        }
        let (TileKind::Hashes(level), true) = (tile.kind, tile.is_full()) else {
            return self.sound_edge(tile);
        };
        // A full tile has one hash in the tile above it.
        let index = tile.index;
        let node = Node {
            level: level.saturating_add(1).saturating_mul(8),
            index,
        };
        let (above, range) = Tile::holding(node, self.size());
        let hashes = self.sound_tile(above)?;
        let expected = hashes.as_chunks::<{ Digest::LEN }>().0.get(range);
        let expected = expected.map(<[[u8; Digest::LEN]]>::as_flattened);
        let bytes = self.trying_again(&[tile], || {
            let bytes = self.tile(tile)?;
            let root = subtree(&bytes, 0..usize::from(Tile::FULL)).map(|root| *root.as_bytes());
            if root.as_ref().map(<[u8; Digest::LEN]>::as_slice) == expected {
                Ok(bytes)
            } else {
                Err(LogError::Damaged(tile.to_string()))
            }
        })?;
        self.keep_sound([(tile, Arc::clone(&bytes))]);
        Ok(bytes)
    }

    /// The hash of a whole subtree of the published tree.
    ///
    /// # Errors
    /// The tile is missing, or does not lead to the root.
    pub(super) fn sound_node(&self, node: Node) -> Result<Digest, LogError> {
        let (tile, range) = Tile::holding(node, self.size());
        let hash = subtree(&self.sound_tile(tile)?, range);
        hash.ok_or_else(|| LogError::Damaged(tile.to_string()))
    }

    /// A partial tile: all of them together, and nothing else, make the right edge of the tree.
    fn sound_edge(&self, wanted: Tile) -> Result<Arc<[u8]>, LogError> {
        let (head, size) = (self.checkpoint.head, self.size());
        let nodes = Frontier::nodes(size);
        let tiles: Vec<Tile> = nodes
            .iter()
            .map(|node| Tile::holding(*node, size).0)
            .collect();
        let edge = self.trying_again(&tiles, || {
            let mut edge = BTreeMap::new();
            for tile in &tiles {
                if !edge.contains_key(tile) {
                    edge.insert(*tile, self.tile(*tile)?);
                }
            }
            let hash = |node: &Node| {
                let (tile, range) = Tile::holding(*node, size);
                subtree(edge.get(&tile)?, range)
            };
            let hashes: Option<Vec<Digest>> = nodes.iter().map(hash).collect();
            let found = hashes.and_then(|hashes| Frontier::of(size, hashes));
            if found.is_some_and(|found| found.head() == head) {
                Ok(edge)
            } else {
                Err(LogError::Root { size })
            }
        })?;
        let bytes = edge.get(&wanted).map(Arc::clone);
        self.keep_sound(edge);
        bytes.ok_or_else(|| LogError::Missing(wanted.to_string()))
    }

    /// What `read` makes of `tiles`; once more, where the source's own store had some of them.
    pub(super) fn trying_again<T>(
        &self,
        tiles: &[Tile],
        mut read: impl FnMut() -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let first = read();
        let unfit = matches!(
            first,
            Err(LogError::Damaged(_) | LogError::Root { .. } | LogError::Bundle { .. })
        );
        if !unfit {
            return first;
        }
        let mut is_worth_it = false;
        for tile in tiles {
            self.forget_tile(*tile);
            is_worth_it |= self.disk.doubt(&tile.to_string());
            is_worth_it |= !tile.is_full() && self.disk.doubt(&tile.full().to_string());
        }
        if is_worth_it { read() } else { first }
    }
}

//! Adding entries.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{place, publish};
use super::{Disk, Log, LogError, Names};
use crate::digest::Digest;
use crate::key::Signer;
use crate::limits;
use crate::sys::fs::IoError;
use crate::tlog::{Checkpoint, NoteName, Tile, leaf_hash};

/// Where an entry stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its index.
    pub index: u64,
    /// Its leaf.
    pub leaf: Digest,
    /// Whether it was there before; then nothing was added.
    pub was_there: bool,
}

impl<D: Disk> Log<D> {
    /// Adds entries, in their order, and publishes one checkpoint for all of them. An entry that is
    /// there already is not added again.
    ///
    /// Whoever calls this holds the log's lock. When it returns, all of them are durable; when it
    /// fails, they are not logged, or will be by the next append that finishes this one.
    ///
    /// # Errors
    /// Nothing was signed, or it was and the next append publishes it.
    pub fn append(
        &mut self,
        signer: &dyn Signer,
        entries: &[Vec<u8>],
    ) -> Result<Vec<Appended>, LogError> {
        let too_large = |entry: &Vec<u8>| entry.len() > limits::LOG_ENTRY_MAX;
        if let Some(place) = entries.iter().position(too_large) {
            return Err(LogError::EntryTooLarge(place));
        }
        self.recover(signer)?;
        let (answer, new) = self.sort_out(entries)?;
        if new.is_empty() {
            return Ok(answer);
        }
        let growth = self.growth(&new)?;
        let mut directories = BTreeSet::new();
        for (tile, bytes) in &growth.files {
            let path = tile.to_string();
            self.make_parents(&path, &mut directories)?;
            place(&self.disk, &path, bytes)?;
        }
        for directory in &directories {
            self.disk.sync(directory)?;
        }
        let checkpoint = Checkpoint {
            origin: self.checkpoint.origin.clone(),
            head: growth.head,
            extensions: Vec::new(),
        };
        let not_ours = || LogError::NotOurs("checkpoint".to_owned());
        let name = NoteName::parse(&checkpoint.origin).ok();
        let name = name.ok_or_else(not_ours)?;
        self.note = publish(&self.disk, &checkpoint, &name, signer)?;
        self.checkpoint = checkpoint;
        self.forget();
        // Every reader takes the full tile where a partial one is gone. One that stays is in nobody's
        // way, so that a failure here is none of the append.
        for (tile, _) in growth.files.iter().filter(|(tile, _)| tile.is_full()) {
            drop(self.remove_partials(*tile));
        }
        Ok(answer)
    }

    /// Where each of `entries` stands or will stand, and those that are new.
    fn sort_out(&self, entries: &[Vec<u8>]) -> Result<(Vec<Appended>, Vec<Vec<u8>>), LogError> {
        let wanted: BTreeSet<Digest> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let mut known = self.places(&wanted)?;
        let mut answer = Vec::new();
        let mut new = Vec::new();
        let mut next = self.size();
        for entry in entries {
            let leaf = leaf_hash(entry);
            let there = known.get(&leaf).copied();
            let index = there.unwrap_or(next);
            if there.is_none() {
                known.insert(leaf, next);
                new.push(entry.clone());
                next = next.saturating_add(1);
            }
            answer.push(Appended {
                index,
                leaf,
                was_there: there.is_some(),
            });
        }
        Ok((answer, new))
    }

    /// The places of those leaves that are there.
    fn places(&self, wanted: &BTreeSet<Digest>) -> Result<BTreeMap<Digest, u64>, LogError> {
        let mut places = BTreeMap::new();
        self.leaves(|index, leaf| {
            if wanted.contains(&leaf) {
                places.entry(leaf).or_insert(index);
            }
        })?;
        Ok(places)
    }

    /// Makes the directories above `path`, and notes whose names have to be made durable.
    fn make_parents(&self, path: &str, directories: &mut BTreeSet<String>) -> Result<(), LogError> {
        let parent_of = |path: &str| {
            path.rsplit_once('/')
                .map_or("", |(parent, _)| parent)
                .to_owned()
        };
        let parent = parent_of(path);
        if !directories.insert(parent.clone()) {
            return Ok(());
        }
        for (end, _) in parent.match_indices('/').chain([(parent.len(), "")]) {
            let above = parent.get(..end).unwrap_or_default();
            // Also where it was there: whoever made it may have crashed before it was durable.
            self.disk.make_directory(above)?;
            directories.insert(parent_of(above));
        }
        Ok(())
    }

    fn remove_partials(&self, tile: Tile) -> Result<(), IoError> {
        let directory = format!("{tile}.p");
        let Names::Listed(names) = self.disk.list(&directory)? else {
            return Ok(());
        };
        for listed in names {
            let name = String::from_utf8_lossy(&listed.name).into_owned();
            let path = format!("{directory}/{name}");
            if Tile::parse(&path).is_some() {
                self.disk.remove(&path)?;
            }
        }
        self.disk.remove(&directory)
    }
}

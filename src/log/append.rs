//! Adding entries.

use std::collections::{BTreeMap, BTreeSet};

use super::grow::Growth;
use super::intent::{Intent, PENDING};
use super::state::register;
use super::{Log, LogError, Source, Store, Swap};
use crate::digest::Digest;
use crate::key::Signer;
use crate::limits;
use crate::tlog::{Checkpoint, NoteName, leaf_hash};

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

/// How often an append begins anew because others were faster. Each time one of them got on, so that
/// this many say that there is something else.
const TRIES: u32 = 100;

impl<S: Store> Log<S> {
    /// Adds entries, in their order, and publishes one checkpoint for all of them. An entry that is
    /// there already is not added again.
    ///
    /// Whoever calls this holds the lock of a log in a directory; a bucket needs none. When it
    /// returns, all of them are durable; when it fails, they are not logged, or will be by the next
    /// append that finishes this one.
    ///
    /// # Errors
    /// Nothing was signed, or it was and the next append publishes it.
    pub fn append(
        &mut self,
        signer: &dyn Signer,
        entries: &[Vec<u8>],
    ) -> Result<Vec<Appended>, LogError> {
        self.append_when(signer, entries, |_| Ok(()))
    }

    /// As [`Log::append`], where `may` agrees: it is asked each time before something is decided, and
    /// sees all that the entries would follow. So nobody else comes between its answer and them.
    ///
    /// # Errors
    /// As [`Log::append`], and those of `may`: then nothing is added.
    pub fn append_when<E: From<LogError>>(
        &mut self,
        signer: &dyn Signer,
        entries: &[Vec<u8>],
        mut may: impl FnMut(&Self) -> Result<(), E>,
    ) -> Result<Vec<Appended>, E> {
        let too_large = |entry: &Vec<u8>| entry.len() > limits::LOG_ENTRY_MAX;
        if let Some(place) = entries.iter().position(too_large) {
            return Err(LogError::EntryTooLarge(place).into());
        }
        self.disk.prepare()?;
        for _ in 0..TRIES {
            let before = self.recover(signer)?;
            may(self)?;
            let (answer, new) = self.sort_out(entries)?;
            if new.is_empty() {
                return Ok(answer);
            }
            let growth = self.growth(&new)?;
            let intent = Intent {
                checkpoint: Checkpoint {
                    origin: self.checkpoint.origin.clone(),
                    head: growth.head,
                    extensions: Vec::new(),
                },
                entries: new,
            };
            let bytes = intent.to_bytes()?;
            if self.disk.swap(PENDING, before.as_ref(), &bytes)? == Swap::Lost {
                // Of a change whose answer was lost on its way, it is said that another was first.
                let there = register(&self.disk, PENDING)?;
                if there.is_none_or(|(there, _)| there != bytes) {
                    continue;
                }
            }
            self.carry_out(intent.checkpoint, growth, signer)?;
            return Ok(answer);
        }
        Err(LogError::Busy.into())
    }

    /// Writes, signs and publishes what is decided: the register says so.
    pub(super) fn carry_out(
        &mut self,
        checkpoint: Checkpoint,
        growth: Growth,
        signer: &dyn Signer,
    ) -> Result<(), LogError> {
        let full: Vec<_> = growth.files.iter().map(|(tile, _)| *tile).collect();
        let files = growth.files.into_iter();
        let files: Vec<(String, Vec<u8>)> = files
            .map(|(tile, bytes)| (tile.to_string(), bytes))
            .collect();
        self.disk.settle(&files)?;
        let not_ours = || LogError::NotOurs("checkpoint".to_owned());
        let name = NoteName::parse(&checkpoint.origin).ok();
        let name = name.ok_or_else(not_ours)?;
        self.note = self.publish(&checkpoint, &name, signer)?;
        self.checkpoint = checkpoint;
        self.forget();
        // Every reader takes the full tile where a partial one is gone. One that stays is in nobody's
        // way, so that a failure here is none of the append.
        for tile in full.into_iter().filter(|tile| tile.is_full()) {
            drop(self.disk.clear(&format!("{tile}.p")));
        }
        Ok(())
    }
}

impl<S: Source> Log<S> {
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
}

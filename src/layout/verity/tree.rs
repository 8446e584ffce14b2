//! Data, checked by its tree.

use std::io;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use super::geometry::{HASHES, Level};
use super::hash::{BLOCK, Salted};
use super::{Superblock, Verity, VerityError};
use crate::digest::Digest;
use crate::layout::{Source, SourceError, Uuid};

/// Data and the tree over it. Nothing leaves it unchecked: as a [`Source`] it reads only bytes that
/// the root hash vouches for, each time anew.
pub struct Checked<'a> {
    verity: Verity,
    levels: Vec<Level>,
    salted: Salted,
    uuid: Uuid,
    data: &'a dyn Source,
    tree: &'a dyn Source,
}

/// One block.
type Block = [u8; BLOCK];

impl<'a> Checked<'a> {
    /// Takes `data`, and `tree` with its superblock, as they lie; either may be followed by other
    /// bytes, which are not looked at.
    ///
    /// # Errors
    /// One is too short for `verity`, or the superblock contradicts it.
    pub fn new(
        verity: Verity,
        data: &'a dyn Source,
        tree: &'a dyn Source,
    ) -> Result<Self, VerityError> {
        for (what, source, needed) in [
            ("data", data, verity.data_size()),
            ("tree", tree, verity.tree_size()),
        ] {
            let size = source.size();
            if size < needed {
                return Err(VerityError::Short { what, size, needed });
            }
        }
        let mut bytes = [0; Superblock::SIZE];
        tree.read_at(0, &mut bytes)?;
        let superblock = Superblock::parse(&bytes)?;
        if superblock != Superblock::of(&verity, superblock.uuid) {
            return Err(VerityError::Differs);
        }
        Ok(Self {
            verity,
            levels: verity.levels(),
            salted: Salted::of(&verity),
            uuid: superblock.uuid,
            data,
            tree,
        })
    }

    /// The name in the superblock, which nothing vouches for.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Reads one block of data and checks it.
    ///
    /// # Errors
    /// There is no such block, it cannot be read, or it or the hashes over it were changed.
    pub fn block(&self, number: u64) -> Result<Block, VerityError> {
        if number >= self.verity.blocks() {
            return Err(VerityError::Behind(number));
        }
        let (group, place) = (number / HASHES, number % HASHES);
        let leaves = self.leaves(group)?;
        let block = read(self.data, number)?;
        if self.salted.one(&block) == hash_at(&leaves, place) {
            Ok(block)
        } else {
            Err(VerityError::Data(number))
        }
    }

    /// Checks every block of the data and of the tree on so many threads.
    ///
    /// # Errors
    /// The first block that cannot be read or was changed, whatever the number of threads.
    pub fn check(&self, threads: NonZero<usize>) -> Result<(), VerityError> {
        let groups = self.verity.blocks().div_ceil(HASHES);
        let next = AtomicU64::new(0);
        let first = Mutex::new(None::<(u64, VerityError)>);
        let work = || {
            let mut room = Room::default();
            loop {
                let group = next.fetch_add(1, Ordering::Relaxed);
                if group >= groups {
                    return;
                }
                let Err(error) = self.group(group, &mut room) else {
                    continue;
                };
                // Groups are taken in their order: none before the first bad one is left out.
                next.store(groups, Ordering::Relaxed);
                let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                if first.as_ref().is_none_or(|(other, _)| group < *other) {
                    *first = Some((group, error));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.get() {
                scope.spawn(work);
            }
            work();
        });
        match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Checks the blocks of data that one block of hashes stands for, and leaves them in `room`.
    fn group(&self, group: u64, room: &mut Room) -> Result<(), VerityError> {
        let first = group.saturating_mul(HASHES);
        let count = HASHES.min(self.verity.blocks().saturating_sub(first));
        let bytes = usize::try_from(count).unwrap_or(0).saturating_mul(BLOCK);
        let leaves = self.leaves(group)?;
        room.data.resize(bytes, 0);
        self.data
            .read_at(first.saturating_mul(Verity::BLOCK), &mut room.data)?;
        room.hashes.clear();
        self.salted.each(&room.data, &mut room.hashes);
        let (found, _) = room.hashes.as_chunks::<{ Digest::LEN }>();
        let (wanted, _) = leaves.as_chunks();
        match found
            .iter()
            .zip(wanted)
            .position(|(one, other)| one != other)
        {
            Some(at) => {
                let at = u64::try_from(at).unwrap_or(HASHES);
                Err(VerityError::Data(first.saturating_add(at)))
            }
            None => Ok(()),
        }
    }

    /// The hashes of the data's blocks from `group * 128` on, checked from the root hash down.
    fn leaves(&self, group: u64) -> Result<Block, VerityError> {
        let mut hash = self.verity.root();
        let mut block = [0; BLOCK];
        // Over a single block there is no tree: its hash is the root.
        if let Some(first) = block.first_chunk_mut()
            && self.levels.is_empty()
        {
            *first = *hash.as_bytes();
        }
        for (level, place) in self.levels.iter().enumerate().rev() {
            // How many groups of 128 blocks of data one of its hashes stands for.
            let shift = u32::try_from(level).unwrap_or(u32::MAX).saturating_mul(7);
            let number = group.checked_shr(shift).unwrap_or(0);
            block = read(
                self.tree,
                place.first.saturating_add(number).saturating_add(1),
            )?;
            if self.salted.one(&block) != hash {
                return Err(VerityError::Hashes {
                    level,
                    block: number,
                });
            }
            if level > 0 {
                let below = group.checked_shr(shift.saturating_sub(7)).unwrap_or(0);
                hash = hash_at(&block, below % HASHES);
            }
        }
        Ok(block)
    }
}

impl Source for Checked<'_> {
    fn size(&self) -> u64 {
        self.verity.data_size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let (size, outside) = (self.size(), offset.checked_add(length));
        if outside.is_none_or(|end| end > size) {
            return Err(SourceError::Outside {
                offset,
                length,
                size,
            });
        }
        let mut room = Room::default();
        let (mut at, mut rest) = (offset, buffer);
        let group_size = HASHES.saturating_mul(Verity::BLOCK);
        while !rest.is_empty() {
            let inside = usize::try_from(at % group_size).unwrap_or(0);
            let read = if rest.len() <= BLOCK && inside % BLOCK + rest.len() <= BLOCK {
                // One block: the other 127 need not be hashed.
                self.block(at / Verity::BLOCK).map(|block| {
                    let part = block.get(inside % BLOCK..).unwrap_or_default();
                    copy(part, rest)
                })
            } else {
                self.group(at / group_size, &mut room)
                    .map(|()| copy(room.data.get(inside..).unwrap_or_default(), rest))
            };
            let count = match read {
                Ok(count) => count,
                Err(VerityError::Source(error)) => return Err(error),
                Err(error) => {
                    let error = io::Error::new(io::ErrorKind::InvalidData, error);
                    return Err(SourceError::Io { offset: at, error });
                }
            };
            rest = rest.get_mut(count..).unwrap_or_default();
            at = at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Checked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Checked").field(&self.verity).finish()
    }
}

/// What a thread keeps from group to group.
#[derive(Default)]
struct Room {
    data: Vec<u8>,
    hashes: Vec<u8>,
}

fn read(source: &dyn Source, number: u64) -> Result<Block, VerityError> {
    let mut block = [0; BLOCK];
    source.read_at(number.saturating_mul(Verity::BLOCK), &mut block)?;
    Ok(block)
}

/// Hash `place` of a block of hashes.
fn hash_at(block: &Block, place: u64) -> Digest {
    let (hashes, _) = block.as_chunks();
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    Digest::from_bytes(hashes.get(place).copied().unwrap_or_default())
}

/// Copies as much as fits; how much that was.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    let place = to.get_mut(..count).unwrap_or_default();
    place.copy_from_slice(from.get(..count).unwrap_or_default());
    count
}

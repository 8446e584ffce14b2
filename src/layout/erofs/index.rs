//! Where the clusters of a compressed file are.
//!
//! Linux looks an offset up: it goes to the entry of its block, and from there back to where the
//! cluster starts. This reads all entries in order, and refuses an index in which looking up could
//! find anything else than reading in order does.

use super::ReadError;
use super::field::{narrow, u16_at, u32_at, wide};
use super::format::{
    ADVISE_2B, ADVISE_BIG, ADVISE_INLINE, CLUSTER_BLOCKS, CLUSTER_MAX, COMPRESSED_FULL,
    INDEX_ENTRY_LEN, INDEX_HEAD_LEN, TYPE_HEAD, TYPE_NEXT, TYPE_PLAIN, ZERO_PADDING,
};
use super::image::{BLOCK, Reader};
use super::inode::Inode;

/// Bytes of a file that are stored together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    /// How many bytes of the file.
    pub(super) size: u64,
    /// Where they are stored.
    pub(super) at: u64,
    /// In how many bytes.
    pub(super) length: u64,
    pub(super) is_plain: bool,
    /// Whether they stand behind the index.
    pub(super) is_inline: bool,
}

/// Where entries are.
#[derive(Clone, Copy)]
struct Map {
    /// The first entry.
    base: u64,
    /// How many there are: one for each block of the file.
    count: u64,
    is_full: bool,
    is_big: bool,
    /// Of compact entries: how many of four bytes come first, then how many of two.
    fours: u64,
    twos: u64,
}

/// An entry.
enum Mark {
    /// A cluster starts at this offset in the block of the file.
    Head {
        is_plain: bool,
        offset: u64,
        block: u64,
    },
    /// The cluster that started so many blocks before goes on; the first one says how long it is.
    Next { back: u64, blocks: Option<u64> },
}

/// A cluster whose end is not known yet.
struct Open {
    entry: u64,
    start: u64,
    block: u64,
    blocks: Option<u64>,
    is_plain: bool,
    lacks_blocks: bool,
}

impl Reader<'_> {
    /// Gives all clusters of a file, in order.
    pub(super) fn clusters(
        &mut self,
        inode: &Inode,
        each: &mut dyn FnMut(&mut Self, Cluster) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        if !self.superblock().has(ZERO_PADDING) {
            return Err(ReadError::Unsupported("clusters without padding"));
        }
        let mut head = [0; INDEX_HEAD_LEN];
        let at = inode.end().next_multiple_of(8);
        self.metadata(at, &mut head)?;
        let (inline, advise) = (u16_at(&head, 2), u16_at(&head, 4));
        // The other bits: fragments, and blocks that are turned around. What follows: other
        // compressors, other blocks.
        let is_known = advise & !(ADVISE_2B | ADVISE_BIG | ADVISE_INLINE | 4) == 0;
        if !is_known || u16_at(&head, 6) != 0 {
            return Err(inode.broken("it is compressed in a way that is not supported"));
        }
        let map = Map::of(inode, at, advise);
        // Entries have two bytes at least: no index is longer than the image.
        self.read(
            map.base.saturating_add(map.count.saturating_mul(2)),
            &mut [],
        )?;
        let has_inline = advise & ADVISE_INLINE != 0;

        let mut open: Option<Open> = None;
        for entry in 0..map.count {
            match self.mark(inode, map, entry)? {
                Mark::Next { back, blocks } => {
                    let cluster = open
                        .as_mut()
                        .ok_or_else(|| inode.broken("its index starts in a cluster"))?;
                    let distance = entry.saturating_sub(cluster.entry);
                    let farthest = u64::from(CLUSTER_BLOCKS.saturating_sub(1));
                    if back != distance.min(farthest)
                        || blocks.is_some() != (map.is_big && distance == 1)
                    {
                        if map.is_big && distance == 1 && back == 1 {
                            cluster.lacks_blocks = true;
                        } else {
                            return Err(inode.broken("its index leads to another cluster"));
                        }
                    }
                    cluster.blocks = cluster.blocks.or(blocks);
                }
                Mark::Head {
                    is_plain,
                    offset,
                    block,
                } => {
                    let start = entry.saturating_mul(wide(BLOCK)).saturating_add(offset);
                    // The end of the last cluster is written as the start of one that is not there.
                    if start == inode.size
                        && is_plain
                        && open.is_some()
                        && entry.saturating_add(1) == map.count
                    {
                        break;
                    }
                    if offset >= wide(BLOCK)
                        || start >= inode.size
                        || (open.is_none() && start != 0)
                    {
                        return Err(inode.broken("a cluster starts where it cannot"));
                    }
                    if let Some(cluster) = open.take() {
                        let cluster = cluster.close(inode, start)?;
                        each(self, cluster)?;
                    }
                    open = Some(Open {
                        entry,
                        start,
                        block,
                        blocks: None,
                        is_plain,
                        lacks_blocks: false,
                    });
                }
            }
        }
        let Some(last) = open else {
            return Err(inode.broken("its index is empty"));
        };
        let cluster = if has_inline {
            let (at, length) = (map.end(), u64::from(inline));
            if length == 0 || (at % wide(BLOCK)).saturating_add(length) > wide(BLOCK) {
                return Err(inode.broken("the cluster behind it crosses the end of a block"));
            }
            Cluster {
                size: inode.size.saturating_sub(last.start),
                at,
                length,
                is_plain: last.is_plain,
                is_inline: true,
            }
        } else {
            last.close(inode, inode.size)?
        };
        each(self, cluster)
    }

    fn mark(&mut self, inode: &Inode, map: Map, entry: u64) -> Result<Mark, ReadError> {
        if !map.is_full {
            return self.compact_mark(inode, map, entry);
        }
        let mut bytes = [0; INDEX_ENTRY_LEN];
        self.metadata(map.base.saturating_add(entry.saturating_mul(8)), &mut bytes)?;
        let block = u64::from(u32_at(&bytes, 4));
        let offset = u64::from(u16_at(&bytes, 2));
        match u16_at(&bytes, 0) {
            TYPE_NEXT => Ok(next(u16_at(&bytes, 4))),
            kind @ (TYPE_PLAIN | TYPE_HEAD) => Ok(Mark::Head {
                is_plain: kind == TYPE_PLAIN,
                offset,
                block,
            }),
            _ => Err(inode.broken("an entry of its index is of another kind")),
        }
    }

    /// Entries in packs: their bits first, then the first block of what starts in the pack.
    fn compact_mark(&mut self, inode: &Inode, map: Map, entry: u64) -> Result<Mark, ReadError> {
        let (at, is_short) = map.place(entry);
        let (length, bits): (u64, usize) = if is_short { (32, 14) } else { (8, 16) };
        let start = at - at % length;
        let mut pack = [0; 32];
        let pack = pack.get_mut(..narrow(length)).unwrap_or_default();
        self.metadata(start, pack)?;
        let count = if is_short { 16 } else { 2 };
        let mut index = narrow((at - start) / if is_short { 2 } else { 4 });
        let pack = &*pack;
        // Two bits of kind above twelve of what the kind makes of them.
        let decode = |index: usize| {
            let bit = index.saturating_mul(bits);
            let value = u32_at(pack, bit / 8) >> (bit % 8) & 0x3fff;
            let low = u16::try_from(value & 0xfff).unwrap_or(0);
            (u16::try_from(value >> 12).unwrap_or(0), low)
        };
        let (kind, low) = decode(index);
        if kind == TYPE_NEXT {
            // The last one of a pack tells how far it is to the next cluster instead.
            if low & CLUSTER_BLOCKS == 0 && index.saturating_add(1) == count {
                let back = match decode(index.saturating_sub(1)) {
                    (TYPE_NEXT, low) if low & CLUSTER_BLOCKS != 0 => 1,
                    (TYPE_NEXT, low) => low,
                    _ => 0,
                };
                return Ok(next(back.saturating_add(1)));
            }
            return Ok(next(low));
        }
        if kind != TYPE_PLAIN && kind != TYPE_HEAD {
            return Err(inode.broken("an entry of its index is of another kind"));
        }
        let mut before = u64::from(!map.is_big);
        let broken = || inode.broken("a pack of its index is malformed");
        while let Some(previous) = index.checked_sub(1) {
            index = previous;
            let (kind, low) = decode(index);
            if kind != TYPE_NEXT {
                before = before.saturating_add(1);
            } else if map.is_big && low & CLUSTER_BLOCKS != 0 {
                index = index.saturating_sub(1);
                before = before.saturating_add(u64::from(low & !CLUSTER_BLOCKS));
            } else if map.is_big {
                let back = usize::from(low.checked_sub(2).ok_or_else(broken)?);
                index = index.saturating_sub(back);
            } else if let Some(head) = index.checked_sub(usize::from(low)) {
                index = head;
                before = before.saturating_add(1);
            } else {
                index = 0;
            }
        }
        let block = u32_at(pack, narrow(length).saturating_sub(4));
        Ok(Mark::Head {
            is_plain: kind == TYPE_PLAIN,
            offset: u64::from(low),
            block: u64::from(block).saturating_add(before),
        })
    }
}

fn next(low: u16) -> Mark {
    if low & CLUSTER_BLOCKS == 0 {
        let back = u64::from(low);
        return Mark::Next { back, blocks: None };
    }
    Mark::Next {
        back: 1,
        blocks: Some(u64::from(low & !CLUSTER_BLOCKS)),
    }
}

impl Map {
    fn of(inode: &Inode, head: u64, advise: u16) -> Self {
        let is_full = inode.layout == COMPRESSED_FULL;
        let count = inode.size.div_ceil(wide(BLOCK));
        let before = if is_full { INDEX_ENTRY_LEN } else { 0 };
        let base = head
            .saturating_add(wide(INDEX_HEAD_LEN))
            .saturating_add(wide(before));
        // Packs of two-byte entries are aligned to their 32 bytes.
        let fours = (32 - base % 32) % 32 / 4;
        let rest = count.saturating_sub(fours);
        let has_twos = advise & ADVISE_2B != 0;
        let twos = if has_twos { rest - rest % 16 } else { 0 };
        Self {
            base,
            count,
            is_full,
            is_big: advise & ADVISE_BIG != 0,
            fours,
            twos,
        }
    }

    /// Where a compact entry is, and whether it has two bytes rather than four.
    fn place(&self, entry: u64) -> (u64, bool) {
        let twos_at = self.base.saturating_add(self.fours.saturating_mul(4));
        if let Some(entry) = entry.checked_sub(self.fours) {
            if entry < self.twos {
                return (twos_at.saturating_add(entry.saturating_mul(2)), true);
            }
            let at = twos_at.saturating_add(self.twos.saturating_mul(2));
            let entry = entry.saturating_sub(self.twos);
            return (at.saturating_add(entry.saturating_mul(4)), false);
        }
        (self.base.saturating_add(entry.saturating_mul(4)), false)
    }

    /// What follows the last entry, and its pack.
    fn end(&self) -> u64 {
        if self.is_full {
            return self.base.saturating_add(self.count.saturating_mul(8));
        }
        let (at, is_short) = self.place(self.count.saturating_sub(1));
        let pack = if is_short { 32 } else { 8 };
        at.saturating_sub(at % pack).saturating_add(pack)
    }
}

impl Open {
    /// The cluster, which ends at byte `end` of the file.
    fn close(&self, inode: &Inode, end: u64) -> Result<Cluster, ReadError> {
        if self.lacks_blocks {
            return Err(inode.broken("its index does not say how long a cluster is"));
        }
        let length = self.blocks.unwrap_or(1).saturating_mul(wide(BLOCK));
        if length == 0 || length > CLUSTER_MAX || (self.is_plain && length > wide(BLOCK)) {
            return Err(inode.broken("a cluster is longer than Linux takes"));
        }
        Ok(Cluster {
            size: end.saturating_sub(self.start),
            at: self.block.saturating_mul(wide(BLOCK)),
            length,
            is_plain: self.is_plain,
            is_inline: false,
        })
    }
}

//! Writes a qcow2 file.
//!
//! ```text
//! cluster 0   header
//! …           the clusters of the disk in order; behind those of 512 MiB their L2 table
//! …           L1 table, blocks of reference counts, table of those
//! ```

use std::io::{self, Seek, SeekFrom, Write};

use super::header::{Codec, Header};
use super::{COMPRESSED, COPIED};
use crate::image::disk::pass::{Job, UNIT, UNIT_BYTES};
use crate::image::disk::{Container, DiskError};
use crate::limits;

const CLUSTER_BITS: u32 = 16;
/// Entries of one L2 table.
const L2_ENTRIES: u64 = UNIT_BYTES / 8;
/// Reference counts of one block.
const BLOCK_COUNTS: u64 = UNIT_BYTES / 2;
/// Where the number of further sectors begins in the entry of a compressed cluster.
const SECTORS_SHIFT: u32 = 62 - (CLUSTER_BITS - 8);
/// zstd's level for single clusters: higher ones gain little on 64 KiB.
const ZSTD_LEVEL: i32 = 6;

/// Writes the disk; with `compress`, clusters that get smaller are compressed with zstd.
pub(crate) fn write<W: Write + Seek>(
    job: &Job<'_>,
    compress: bool,
    out: &mut W,
) -> Result<(), DiskError> {
    let size = job.disk.size();
    if size > limits::DISK_MAX {
        return Err(DiskError::Size {
            container: Container::Qcow2,
            size,
            max: limits::DISK_MAX,
        });
    }
    let mut file = File {
        out,
        position: 0,
        counts: Vec::new(),
    };
    file.put(&vec![0; UNIT])?;
    let mut l1 = Vec::new();
    let mut l2 = Vec::new();
    job.each(
        |unit| {
            compress
                .then(|| compressed(unit))
                .transpose()
                .map(Option::flatten)
        },
        |number, unit, made| {
            let entry = match made {
                None => 0,
                Some(Some(small)) => file.put_compressed(&small)?,
                Some(None) => file.put_cluster(unit)? | COPIED,
            };
            l2.push(entry);
            if number.saturating_add(1).is_multiple_of(L2_ENTRIES) {
                l1.push(file.put_table(&mut l2)?);
            }
            Ok(())
        },
    )?;
    if !l2.is_empty() {
        l1.push(file.put_table(&mut l2)?);
    }
    let l1_entries = u32::try_from(l1.len()).unwrap_or(u32::MAX);
    file.align()?;
    let l1_offset = file.position;
    file.put(&big_endian(&l1))?;
    file.align()?;
    let (refcount_offset, refcount_clusters) = file.put_counts()?;
    let header = Header {
        size,
        cluster_bits: CLUSTER_BITS,
        l1_offset,
        l1_entries,
        refcount_offset,
        refcount_clusters,
        codec: if compress {
            Codec::Zstd
        } else {
            Codec::Deflate
        },
    };
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&header.encode())?;
    out.flush()?;
    Ok(())
}

/// A unit in less bytes than it has, if that can be.
fn compressed(unit: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let small = zstd::bulk::compress(unit, ZSTD_LEVEL)?;
    Ok((small.len() < UNIT).then_some(small))
}

/// What is written so far, and how many references there are to each of its clusters.
struct File<'a, W> {
    out: &'a mut W,
    position: u64,
    counts: Vec<u16>,
}

impl<W: Write> File<'_, W> {
    /// Writes bytes that one reference leads to.
    fn put(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.out.write_all(bytes)?;
        let start = self.position / UNIT_BYTES;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.position = self.position.saturating_add(length);
        let end = self.position.div_ceil(UNIT_BYTES);
        let clusters = usize::try_from(end).unwrap_or(usize::MAX);
        if clusters > self.counts.len() {
            self.counts.resize(clusters, 0);
        }
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        for count in self.counts.get_mut(start..clusters).unwrap_or_default() {
            *count = count.saturating_add(1);
        }
        Ok(())
    }

    fn align(&mut self) -> Result<(), DiskError> {
        let end = self.position.next_multiple_of(UNIT_BYTES);
        let missing = usize::try_from(end.saturating_sub(self.position)).unwrap_or(0);
        self.out.write_all(vec![0; missing].as_slice())?;
        self.position = end;
        Ok(())
    }

    /// Writes a whole cluster and gives its place.
    fn put_cluster(&mut self, unit: &[u8]) -> Result<u64, DiskError> {
        self.align()?;
        let at = self.position;
        self.put(unit)?;
        Ok(at)
    }

    /// Writes a compressed cluster, right behind the one before it, and gives its entry.
    fn put_compressed(&mut self, bytes: &[u8]) -> Result<u64, DiskError> {
        let at = self.position;
        self.put(bytes)?;
        let last = self.position.saturating_sub(1);
        let sectors = (last / 512).saturating_sub(at / 512);
        Ok(COMPRESSED | (sectors << SECTORS_SHIFT) | at)
    }

    /// Writes an L2 table, unless it is empty, and gives its entry of the L1 table.
    fn put_table(&mut self, entries: &mut Vec<u64>) -> Result<u64, DiskError> {
        let empty = entries.iter().all(|entry| *entry == 0);
        let mut bytes = big_endian(entries);
        bytes.resize(UNIT, 0);
        entries.clear();
        if empty {
            return Ok(0);
        }
        Ok(self.put_cluster(&bytes)? | COPIED)
    }

    /// Writes the blocks of reference counts, those to themselves included, and the table of the
    /// blocks; gives the table's place and its clusters.
    fn put_counts(&mut self) -> Result<(u64, u32), DiskError> {
        let written = self.position / UNIT_BYTES;
        let (mut blocks, mut tables) = (0_u64, 0_u64);
        loop {
            let all = written.saturating_add(blocks).saturating_add(tables);
            let needed = all.div_ceil(BLOCK_COUNTS);
            let needed_tables = needed.saturating_mul(8).div_ceil(UNIT_BYTES);
            if (needed, needed_tables) == (blocks, tables) {
                break;
            }
            (blocks, tables) = (needed, needed_tables);
        }
        let all = written.saturating_add(blocks).saturating_add(tables);
        self.counts.resize(usize::try_from(all).unwrap_or(0), 1);
        let first = self.position;
        let counts = std::mem::take(&mut self.counts);
        for block in counts.chunks(usize::try_from(BLOCK_COUNTS).unwrap_or(UNIT)) {
            let mut bytes: Vec<u8> = block.iter().flat_map(|count| count.to_be_bytes()).collect();
            bytes.resize(UNIT, 0);
            self.out.write_all(&bytes)?;
        }
        let places: Vec<u64> = (0..blocks)
            .map(|block| first.saturating_add(block.saturating_mul(UNIT_BYTES)))
            .collect();
        let mut bytes = big_endian(&places);
        bytes.resize(bytes.len().next_multiple_of(UNIT), 0);
        self.out.write_all(&bytes)?;
        let table = first.saturating_add(blocks.saturating_mul(UNIT_BYTES));
        Ok((table, u32::try_from(tables).unwrap_or(u32::MAX)))
    }
}

fn big_endian(numbers: &[u64]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
}

//! The disk in a qcow2 file.

use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

use super::header::{Codec, Header, LENGTH};
use super::{COMPRESSED, OFFSET, ZERO, broken};
use crate::image::disk::DiskError;
use crate::layout::{Source, SourceError};
use crate::limits;

/// Largest window of a compressed cluster, as a power of two: RFC 8878 recommends to take 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Bits of an L1 entry that must be zero: all but the offset and the mark that it is the only one.
const L1_RESERVED: u64 = 0x7f00_0000_0000_01ff;
/// The same of the entry of a plain cluster; its lowest bit says that it is zero.
const L2_RESERVED: u64 = 0x3f00_0000_0000_01fe;

/// A qcow2 file of which every table was looked at: nothing is used twice, nothing lies outside.
pub(crate) struct Qcow2<'a> {
    file: &'a dyn Source,
    size: u64,
    bits: u32,
    codec: Codec,
    l1: Vec<u64>,
    /// The compressed cluster that was read last, by its entry: readers go on where they were.
    last: Mutex<Option<(u64, Vec<u8>)>>,
}

/// Where the bytes of a cluster are.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Nowhere: they are zero.
    Zero,
    /// There.
    Plain(u64),
    /// At most so many bytes from there on.
    Compressed(u64, u64),
}

impl<'a> Qcow2<'a> {
    /// Reads the header and all tables.
    pub(crate) fn open(file: &'a dyn Source) -> Result<Self, DiskError> {
        let mut start = [0; LENGTH];
        let length = usize::try_from(file.size())
            .unwrap_or(usize::MAX)
            .min(LENGTH);
        file.read_at(0, start.get_mut(..length).unwrap_or_default())?;
        let header = Header::parse(&start)?;
        let bits = header.cluster_bits;
        let entries = header.size.div_ceil(1 << (2 * bits - 3));
        let mut bytes = vec![0; usize::try_from(entries.saturating_mul(8)).unwrap_or(0)];
        file.read_at(header.l1_offset, &mut bytes)?;
        let l1 = numbers(&bytes);
        let disk = Self {
            file,
            size: header.size,
            bits,
            codec: header.codec,
            l1,
            last: Mutex::new(None),
        };
        disk.check(&header)?;
        Ok(disk)
    }

    /// Looks at every table once: a cluster of the file is header, table or content, and the content
    /// of one place alone.
    fn check(&self, header: &Header) -> Result<(), DiskError> {
        let clusters = self.file.size().div_ceil(self.cluster());
        if clusters > limits::DISK_CLUSTERS_MAX {
            return Err(broken("its clusters are too small for a file of its size"));
        }
        let mut used = Used(vec![0; usize::try_from(clusters.div_ceil(8)).unwrap_or(0)]);
        let cluster = self.cluster();
        used.claim(0, 1)?;
        for offset in [header.l1_offset, header.refcount_offset] {
            if offset & (cluster - 1) != 0 {
                return Err(broken("a table does not begin with a cluster"));
            }
        }
        let l1_clusters = u64::from(header.l1_entries)
            .saturating_mul(8)
            .div_ceil(cluster);
        used.claim(header.l1_offset / cluster, l1_clusters)?;
        let counts = u64::from(header.refcount_clusters);
        used.claim(header.refcount_offset / cluster, counts)?;
        let mut compressed = 0_u64;
        for table in self.tables() {
            let table = table?;
            used.claim(table / cluster, 1)?;
            for entry in self.table(table)? {
                match self.place(entry)? {
                    Place::Zero => {}
                    Place::Plain(offset) => used.claim(offset / cluster, 1)?,
                    Place::Compressed(..) => compressed += 1,
                }
            }
            if compressed > limits::DISK_CLUSTERS_MAX {
                return Err(broken("it has too many compressed clusters"));
            }
        }
        if compressed == 0 {
            return Ok(());
        }
        // Once more, now that all others are known: a list of them would take more memory than anything.
        for table in self.tables() {
            for entry in self.table(table?)? {
                let Place::Compressed(offset, length) = self.place(entry)? else {
                    continue;
                };
                // The length is rounded up to sectors, and the last sector may be cut short.
                let last = offset.saturating_add(length).saturating_sub(1) / cluster;
                for number in offset / cluster..=last.min(clusters.saturating_sub(1)) {
                    if used.is_claimed(number) {
                        return Err(broken("two places of its disk share bytes of the file"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Where the L2 tables are.
    fn tables(&self) -> impl Iterator<Item = Result<u64, DiskError>> {
        let tables = self.l1.iter().map(|entry| {
            if entry & L1_RESERVED != 0 {
                return Err(broken(
                    "an entry of its L1 table has bits that are not known",
                ));
            }
            let table = entry & OFFSET;
            if table & (self.cluster() - 1) != 0 {
                return Err(broken("an L2 table does not begin with a cluster"));
            }
            Ok(table)
        });
        tables.filter(|table| !matches!(table, Ok(0)))
    }

    /// The entries of an L2 table.
    fn table(&self, at: u64) -> Result<Vec<u64>, DiskError> {
        let mut bytes = vec![0; usize::try_from(self.cluster()).unwrap_or(0)];
        self.file.read_at(at, &mut bytes)?;
        Ok(numbers(&bytes))
    }

    fn cluster(&self) -> u64 {
        1 << self.bits
    }

    /// What an entry of an L2 table says.
    fn place(&self, entry: u64) -> Result<Place, DiskError> {
        if entry & COMPRESSED != 0 {
            let shift = 62 - (self.bits - 8);
            let offset = entry & ((1 << shift) - 1);
            let sectors = (entry & (COMPRESSED - 1)) >> shift;
            let length = (sectors + 1)
                .saturating_mul(512)
                .saturating_sub(offset % 512);
            if offset >= self.file.size() {
                return Err(broken("a compressed cluster lies behind its end"));
            }
            return Ok(Place::Compressed(offset, length));
        }
        if entry & L2_RESERVED != 0 {
            return Err(broken(
                "an entry of an L2 table has bits that are not known",
            ));
        }
        let offset = entry & OFFSET;
        if offset & (self.cluster() - 1) != 0 {
            return Err(broken(
                "a cluster of its disk does not begin with one of the file",
            ));
        }
        Ok(match offset {
            _ if entry & ZERO != 0 => Place::Zero,
            0 => Place::Zero,
            offset => Place::Plain(offset),
        })
    }

    /// The entry of the cluster that holds `offset`.
    fn entry(&self, offset: u64) -> Result<u64, SourceError> {
        let cluster = offset >> self.bits;
        let per_table = self.bits - 3;
        let table = usize::try_from(cluster >> per_table).unwrap_or(usize::MAX);
        let table = self.l1.get(table).copied().unwrap_or(0) & OFFSET;
        if table == 0 {
            return Ok(0);
        }
        let within = cluster & ((1 << per_table) - 1);
        let mut bytes = [0; 8];
        self.file
            .read_at(table.saturating_add(within * 8), &mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// Fills `part` with bytes of one cluster, from `skip` on.
    fn fill(&self, offset: u64, skip: u64, part: &mut [u8]) -> Result<(), SourceError> {
        let invalid = |text: String| SourceError::Io {
            offset,
            error: io::Error::new(io::ErrorKind::InvalidData, text),
        };
        let entry = self.entry(offset)?;
        // The file may have changed since its tables were looked at.
        match self
            .place(entry)
            .map_err(|error| invalid(error.to_string()))?
        {
            Place::Zero => part.fill(0),
            Place::Plain(at) => self.file.read_at(at.saturating_add(skip), part)?,
            Place::Compressed(at, length) => {
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                if last.as_ref().is_none_or(|(known, _)| *known != entry) {
                    let bytes = self.decompress(at, length);
                    *last = Some((entry, bytes.map_err(|error| invalid(error.to_string()))?));
                }
                let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                let bytes = last.as_ref().and_then(|(_, bytes)| bytes.get(skip..));
                for (slot, byte) in part.iter_mut().zip(bytes.unwrap_or_default()) {
                    *slot = *byte;
                }
            }
        }
        Ok(())
    }

    fn decompress(&self, at: u64, length: u64) -> io::Result<Vec<u8>> {
        let there = self.file.size().saturating_sub(at);
        let mut stored = vec![0; usize::try_from(length.min(there)).unwrap_or(0)];
        self.file
            .read_at(at, &mut stored)
            .map_err(io::Error::other)?;
        let mut bytes = vec![0; usize::try_from(self.cluster()).unwrap_or(0)];
        // What stands behind the compressed bytes belongs to somebody else.
        match self.codec {
            Codec::Deflate => {
                flate2::bufread::DeflateDecoder::new(stored.as_slice()).read_exact(&mut bytes)?;
            }
            Codec::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(stored.as_slice())?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                decoder.single_frame().read_exact(&mut bytes)?;
            }
        }
        Ok(bytes)
    }
}

impl Source for Qcow2<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        SourceError::check(self.size, offset, buffer.len())?;
        let mut offset = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let skip = offset & (self.cluster() - 1);
            let room = usize::try_from(self.cluster() - skip).unwrap_or(usize::MAX);
            let (part, after) = rest.split_at_mut(room.min(rest.len()));
            self.fill(offset, skip, part)?;
            offset = offset.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            rest = after;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Qcow2<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Qcow2({} bytes)", self.size)
    }
}

/// Which clusters of the file are used, a bit for each.
struct Used(Vec<u8>);

impl Used {
    fn claim(&mut self, first: u64, count: u64) -> Result<(), DiskError> {
        let outside = || broken("a table or a cluster lies behind its end");
        let end = first.checked_add(count).ok_or_else(outside)?;
        // Far behind the end there is no need to count.
        let bytes = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        if end.div_ceil(8) > bytes {
            return Err(outside());
        }
        for number in first..end {
            let index = usize::try_from(number / 8).map_err(|_error| outside())?;
            let byte = self.0.get_mut(index).ok_or_else(outside)?;
            let bit = 1 << (number % 8);
            if *byte & bit != 0 {
                return Err(broken("two places of its disk share bytes of the file"));
            }
            *byte |= bit;
        }
        Ok(())
    }

    fn is_claimed(&self, number: u64) -> bool {
        let index = usize::try_from(number / 8).unwrap_or(usize::MAX);
        let byte = self.0.get(index).copied().unwrap_or(0);
        byte & (1 << (number % 8)) != 0
    }
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let chunks = bytes.chunks_exact(8);
    chunks
        .map(|chunk| chunk.try_into().map_or(0, u64::from_be_bytes))
        .collect()
}

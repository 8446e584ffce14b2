//! The disk in a VMDK file.

use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

use super::broken;
use super::header::{AT_END, GRAIN, Header, Marker, SECTOR, SECTOR_BYTES, TABLE};
use crate::image::disk::DiskError;
use crate::image::disk::field::{le32, le64};
use crate::image::disk::pass::{UNIT, UNIT_BYTES};
use crate::layout::{Source, SourceError};

/// Bytes of a grain table.
const TABLE_BYTES: usize = TABLE * 4;
/// Most bytes of a compressed grain: zlib lets what it cannot compress grow a little.
const STORED_MAX: u32 = 2 * 64 * 1024;
/// Bytes of a grain's marker.
const MARKER: usize = 12;

/// A stream-optimised file of which every table was read.
pub(crate) struct Vmdk<'a> {
    file: &'a dyn Source,
    size: u64,
    /// Where each grain stands, in sectors; 0 for those that are zero.
    grains: Vec<u32>,
    /// The grain that was read last: readers go on where they were.
    last: Mutex<Option<(usize, Vec<u8>)>>,
}

impl<'a> Vmdk<'a> {
    /// Reads header, footer and tables.
    pub(crate) fn open(file: &'a dyn Source) -> Result<Self, DiskError> {
        let sector = |number: u64| -> Result<[u8; SECTOR], DiskError> {
            let mut bytes = [0; SECTOR];
            file.read_at(number.saturating_mul(SECTOR_BYTES), &mut bytes)?;
            Ok(bytes)
        };
        let mut header = Header::parse(&sector(0)?)?;
        let sectors = file.size() / SECTOR_BYTES;
        if header.directory == AT_END {
            let [marker, footer, end] = [3, 2, 1].map(|back| sectors.checked_sub(back));
            let at = |number: Option<u64>| {
                sector(number.ok_or_else(|| broken("it is shorter than its footer"))?)
            };
            let markers = [at(marker)?, at(end)?];
            if markers != [Marker::Footer.encode(1), Marker::EndOfStream.encode(0)] {
                return Err(broken("its last three sectors are no footer"));
            }
            let footer = Header::parse(&at(footer)?)?;
            if footer.capacity != header.capacity {
                return Err(broken("header and footer name different sizes"));
            }
            header = footer;
        }
        let grains = header.capacity.div_ceil(GRAIN);
        let tables = grains.div_ceil(512);
        let mut directory = vec![0; usize::try_from(tables.saturating_mul(4)).unwrap_or(0)];
        let at = header.directory.checked_mul(SECTOR_BYTES);
        let at = at.ok_or_else(|| broken("its grain directory lies behind its end"))?;
        file.read_at(at, &mut directory)?;
        let mut places = Vec::with_capacity(usize::try_from(grains).unwrap_or(0));
        for table in numbers(&directory) {
            let mut bytes = [0; TABLE_BYTES];
            if table != 0 {
                file.read_at(u64::from(table) * SECTOR_BYTES, &mut bytes)?;
            }
            places.extend(numbers(&bytes));
        }
        places.truncate(usize::try_from(grains).unwrap_or(0));
        let mut used: Vec<u32> = places.iter().copied().filter(|place| *place != 0).collect();
        used.sort_unstable();
        if used.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(broken("two places of its disk share a grain"));
        }
        Ok(Self {
            file,
            size: header.capacity.saturating_mul(SECTOR_BYTES),
            grains: places,
            last: Mutex::new(None),
        })
    }

    /// Fills `part` with bytes of one grain, from `skip` on.
    fn fill(&self, number: usize, skip: usize, part: &mut [u8]) -> io::Result<()> {
        let place = self.grains.get(number).copied().unwrap_or(0);
        if place == 0 {
            part.fill(0);
            return Ok(());
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(known, _)| *known != number) {
            *last = Some((number, self.inflate(number, place)?));
        }
        let bytes = last.as_ref().and_then(|(_, bytes)| bytes.get(skip..));
        for (slot, byte) in part.iter_mut().zip(bytes.unwrap_or_default()) {
            *slot = *byte;
        }
        Ok(())
    }

    fn inflate(&self, number: usize, place: u32) -> io::Result<Vec<u8>> {
        let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text);
        let at = u64::from(place) * SECTOR_BYTES;
        let mut marker = [0; MARKER];
        self.file
            .read_at(at, &mut marker)
            .map_err(io::Error::other)?;
        let first = u64::try_from(number)
            .ok()
            .and_then(|number| number.checked_mul(GRAIN));
        if le64(&marker, 0) != first {
            return Err(invalid("a grain is marked as that of another place"));
        }
        let length = le32(&marker, 8).filter(|length| *length <= STORED_MAX);
        let length = length.ok_or_else(|| invalid("a grain has too many bytes"))?;
        let mut stored = vec![0; usize::try_from(length).unwrap_or(0)];
        let at = at.saturating_add(12);
        self.file
            .read_at(at, &mut stored)
            .map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(UNIT);
        let mut decoder = flate2::bufread::ZlibDecoder::new(stored.as_slice());
        (&mut decoder).take(UNIT_BYTES).read_to_end(&mut bytes)?;
        // The last grain may end with the disk.
        bytes.resize(UNIT, 0);
        Ok(bytes)
    }
}

impl Source for Vmdk<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        SourceError::check(self.size, offset, buffer.len())?;
        let mut offset = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let number = usize::try_from(offset / UNIT_BYTES).unwrap_or(usize::MAX);
            let skip = usize::try_from(offset % UNIT_BYTES).unwrap_or(0);
            let (part, after) = rest.split_at_mut(UNIT.saturating_sub(skip).min(rest.len()));
            let filled = self.fill(number, skip, part);
            filled.map_err(|error| SourceError::Io { offset, error })?;
            offset = offset.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            rest = after;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Vmdk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vmdk({} bytes)", self.size)
    }
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    let chunks = bytes.chunks_exact(4);
    chunks
        .map(|chunk| chunk.try_into().map_or(0, u32::from_le_bytes))
        .collect()
}

//! Writes a VMDK file from its first byte to its last.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::broken;
use super::header::{
    AT_END, DESCRIPTOR, GRAIN, Header, Marker, OVERHEAD, SECTOR, SECTOR_BYTES, TABLE, descriptor,
};
use crate::image::disk::pass::{Job, UNIT_BYTES};
use crate::image::disk::{Container, DiskError};
use crate::limits;

/// zlib's level: what it takes by itself.
const LEVEL: Compression = Compression::new(6);

/// Writes the disk, filled up to whole sectors.
pub(crate) fn write<W: Write>(job: &Job<'_>, out: W) -> Result<(), DiskError> {
    let size = job.disk.size();
    if size > limits::DISK_MAX {
        return Err(DiskError::Size {
            container: Container::Vmdk,
            size,
            max: limits::DISK_MAX,
        });
    }
    let capacity = size.div_ceil(SECTOR_BYTES);
    let mut file = File { out, sector: 0 };
    let mut header = Header {
        capacity,
        directory: AT_END,
    };
    file.put(&header.encode())?;
    let mut text = descriptor(capacity, job.identity).into_bytes();
    text.resize(
        usize::try_from((OVERHEAD - 1) * SECTOR_BYTES).unwrap_or(0),
        0,
    );
    file.put(&text)?;

    let mut directory = Vec::new();
    let mut table = Vec::with_capacity(TABLE);
    job.each(deflated, |number, _, made| {
        table.push(match made {
            None => 0,
            Some(bytes) => file.put_grain(number.saturating_mul(GRAIN), &bytes)?,
        });
        if table.len() == TABLE {
            directory.push(file.put_table(&mut table)?);
        }
        Ok(())
    })?;
    if !table.is_empty() {
        directory.push(file.put_table(&mut table)?);
    }
    let bytes = little_endian(&directory);
    let sectors = u64::try_from(bytes.len().div_ceil(SECTOR)).unwrap_or(0);
    file.put(&Marker::Directory.encode(sectors))?;
    header.directory = file.sector;
    file.put(&bytes)?;
    file.put(&Marker::Footer.encode(1))?;
    file.put(&header.encode())?;
    file.put(&Marker::EndOfStream.encode(0))?;
    file.out.flush()?;
    Ok(())
}

fn deflated(unit: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), LEVEL);
    encoder.write_all(unit)?;
    encoder.finish()
}

/// What is written so far.
struct File<W> {
    out: W,
    sector: u64,
}

impl<W: Write> File<W> {
    /// Writes bytes, filled up to whole sectors.
    fn put(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.out.write_all(bytes)?;
        let padded = bytes.len().next_multiple_of(SECTOR);
        let zeros = [0; SECTOR];
        let missing = padded.saturating_sub(bytes.len());
        self.out
            .write_all(zeros.get(..missing).unwrap_or_default())?;
        let sectors = u64::try_from(padded / SECTOR).unwrap_or(u64::MAX);
        self.sector = self.sector.saturating_add(sectors);
        Ok(())
    }

    /// Writes a grain behind its marker, and gives its place.
    fn put_grain(&mut self, first: u64, bytes: &[u8]) -> Result<u32, DiskError> {
        let at = self.here()?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut marked = Vec::with_capacity(bytes.len().saturating_add(12));
        marked.extend_from_slice(&first.to_le_bytes());
        marked.extend_from_slice(&length.to_le_bytes());
        marked.extend_from_slice(bytes);
        self.put(&marked)?;
        Ok(at)
    }

    /// Writes a grain table, unless it is empty, and gives its place.
    fn put_table(&mut self, table: &mut Vec<u32>) -> Result<u32, DiskError> {
        let empty = table.iter().all(|entry| *entry == 0);
        table.resize(TABLE, 0);
        let bytes = little_endian(table);
        table.clear();
        if empty {
            return Ok(0);
        }
        self.put(&Marker::Table.encode(4))?;
        let at = self.here()?;
        self.put(&bytes)?;
        Ok(at)
    }

    /// The place of what comes next; the format counts 2^32 sectors.
    fn here(&self) -> Result<u32, DiskError> {
        u32::try_from(self.sector).map_err(|_error| broken("it would have more than 2 TiB"))
    }
}

fn little_endian(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

const _: () = assert!(GRAIN * SECTOR_BYTES == UNIT_BYTES && DESCRIPTOR < OVERHEAD);

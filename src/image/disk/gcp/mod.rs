//! What Google's import takes: a tar archive in the old GNU format with the one member `disk.raw`,
//! compressed with gzip.

use std::io::{self, Read, Write};
use std::num::NonZero;

use super::pass::{Job, UNIT, is_zero};
use super::{Container, DiskError};
use crate::image::compress::{Compression, Decoder, Encoder};
use crate::image::tar::{BLOCK, Block};
use crate::limits;

/// What Google counts in.
const WHOLE: u64 = 1 << 30;
const NAME: &str = "disk.raw";
/// What tar(1) fills an archive up to.
const RECORD: u64 = 10_240;
/// The same of a block, where offsets are counted.
const BLOCK_BYTES: u64 = 512;

/// Writes the archive; the disk is filled up to whole GiB.
pub(super) fn write<W: Write>(
    job: &Job<'_>,
    threads: NonZero<usize>,
    out: W,
) -> Result<(), DiskError> {
    let size = job.disk.size();
    let max = limits::DISK_MAX;
    let whole = size
        .checked_next_multiple_of(WHOLE)
        .filter(|whole| *whole <= max);
    let whole = whole.ok_or(DiskError::Size {
        container: Container::Gcp,
        size,
        max,
    })?;
    let mut header = tar::Header::new_gnu();
    header.set_path(NAME)?;
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(job.identity.time);
    header.set_size(whole);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    let mut encoder = Encoder::new(Compression::Gzip, threads, out)?;
    encoder.write_all(header.as_bytes())?;
    let mut left = whole;
    job.each(
        |_| Ok(()),
        |_, unit, _| {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(unit.len());
            encoder.write_all(unit.get(..length).unwrap_or(unit))?;
            left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
            Ok(())
        },
    )?;
    // Two blocks of zeros end an archive.
    let end = whole.saturating_add(3 * BLOCK_BYTES);
    let padding = end.next_multiple_of(RECORD).saturating_sub(end);
    let zeros = left.saturating_add(2 * BLOCK_BYTES).saturating_add(padding);
    io::copy(&mut io::repeat(0).take(zeros), &mut encoder)?;
    encoder.finish()?;
    Ok(())
}

/// Unpacks the disk, gives it piece by piece to `take`, and gives its size.
pub(super) fn unpack(
    file: impl Read + Send,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<u64, DiskError> {
    let broken = |rule| DiskError::Broken {
        container: Container::Gcp,
        rule,
    };
    let mut input = Decoder::new(Compression::Gzip, file, limits::DISK_MAX)?;
    let mut block = [0; BLOCK];
    input.read_exact(&mut block)?;
    let header = Block::parse(&block).ok_or_else(|| broken("its first block is no tar header"))?;
    if header.name() != NAME.as_bytes() || header.kind() != b'0' {
        return Err(broken("its first member is not the regular file disk.raw"));
    }
    let size = header.size().filter(|size| *size > 0);
    let size = size.ok_or_else(|| broken("its member disk.raw says no size"))?;
    let mut left = size;
    let mut buffer = vec![0; UNIT];
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(UNIT);
        let unit = buffer.get_mut(..length).unwrap_or_default();
        input.read_exact(unit)?;
        take(unit)?;
        left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
    }
    // Nothing else may be hidden in it.
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok(size);
        }
        if !is_zero(buffer.get(..count).unwrap_or_default()) {
            return Err(broken("something stands behind its member disk.raw"));
        }
    }
}

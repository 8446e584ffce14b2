//! Fixed VHD ("Virtual Hard Disk Image Format Specification", version 1.0): the disk, and a footer
//! of 512 bytes.

mod footer;

use std::io::{Seek, Write};

use super::pass::Job;
use super::{Container, DiskError, raw};
use crate::layout::{Part, Source};
use footer::Footer;

pub(super) use footer::{FOOTER, FOOTER_BYTES, is_footer};

/// What Azure counts in.
const WHOLE: u64 = 1 << 20;
/// What geometry can say, and Azure takes no more.
const SIZE_MAX: u64 = 2040 << 30;

/// Writes the disk, filled up to whole MiB, and its footer.
pub(super) fn write<W: Write + Seek>(job: &Job<'_>, out: &mut W) -> Result<(), DiskError> {
    let size = job.disk.size();
    let too_large = DiskError::Size {
        container: Container::Vhd,
        size,
        max: SIZE_MAX,
    };
    let whole = size.checked_next_multiple_of(WHOLE);
    let Some(whole) = whole.filter(|whole| *whole <= SIZE_MAX) else {
        return Err(too_large);
    };
    let footer = Footer {
        size: whole,
        identity: job.identity,
    };
    raw::write(job, Some((whole, &footer.encode())), out)
}

/// The disk in a file.
pub(super) fn open<'a>(file: &'a dyn Source) -> Result<Part<'a, dyn Source + 'a>, DiskError> {
    let broken = |rule| DiskError::Broken {
        container: Container::Vhd,
        rule,
    };
    let at = file.size().checked_sub(FOOTER_BYTES);
    let at = at.ok_or_else(|| broken("it is shorter than its footer of 512 bytes"))?;
    let mut bytes = [0; FOOTER];
    file.read_at(at, &mut bytes)?;
    let size = footer::size(&bytes).map_err(broken)?;
    if size != at {
        return Err(broken("its footer names another size than the file has"));
    }
    Ok(Part::new(file, 0, size)?)
}

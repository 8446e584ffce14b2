//! A disk as it is, with holes where it is zero.

use std::io::{self, Seek, SeekFrom, Write};

use super::DiskError;
use super::pass::{Job, UNIT, UNIT_BYTES, is_zero};

/// Writes bytes in order into an empty file, and leaves out those that are zero.
#[derive(Debug)]
pub struct Sparse<W> {
    out: W,
    /// Whether the file ends with something left out.
    hole: bool,
}

impl<W: Write + Seek> Sparse<W> {
    /// Starts at the start of `out`.
    pub fn new(out: W) -> Self {
        Self { out, hole: false }
    }

    /// Writes the next bytes, or leaves them out where all of them are zero.
    ///
    /// # Errors
    /// The output takes no bytes.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hole = is_zero(bytes);
        if self.hole {
            let length = i64::try_from(bytes.len()).map_err(io::Error::other)?;
            self.out.seek(SeekFrom::Current(length))?;
            return Ok(());
        }
        self.out.write_all(bytes)
    }

    /// Gives the output back, as long as it was meant to be.
    ///
    /// # Errors
    /// The output takes no bytes.
    pub fn finish(mut self) -> io::Result<W> {
        // A hole at the end is none until something stands behind it.
        if self.hole {
            self.out.seek(SeekFrom::Current(-1))?;
            self.out.write_all(&[0])?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Writes the disk into an empty file, with `footer` at the offset beside it, if there is one.
pub(super) fn write<W: Write + Seek>(
    job: &Job<'_>,
    footer: Option<(u64, &[u8])>,
    out: &mut W,
) -> Result<(), DiskError> {
    let end = job.disk.size();
    let mut sparse = Sparse::new(out);
    job.each(
        |_| Ok(()),
        |number, unit, _| {
            let left = end.saturating_sub(number.saturating_mul(UNIT_BYTES));
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(UNIT);
            sparse.put(unit.get(..length).unwrap_or(unit))?;
            Ok(())
        },
    )?;
    let out = sparse.finish()?;
    if let Some((at, bytes)) = footer {
        out.seek(SeekFrom::Start(at))?;
        out.write_all(bytes)?;
        out.flush()?;
    }
    Ok(())
}

//! A finished disk, read at any offset.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

use super::Plan;
use crate::layout::gpt::Partition;
use crate::layout::{Source, SourceError};

/// A disk with what its partitions hold. Where nothing lies, it reads as zeros.
pub struct Disk<'a> {
    size: u64,
    /// What lies on it, by where it starts.
    parts: BTreeMap<u64, Piece<'a>>,
}

enum Piece<'a> {
    Table(Vec<u8>),
    Content(&'a dyn Source),
}

/// Why a disk cannot be filled so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// No such partition.
    #[error("disk: there is no partition {0}")]
    Missing(usize),
    /// More bytes than the partition has.
    #[error("disk: {needed} bytes do not fit partition {number} of {size}")]
    Large {
        /// Which partition.
        number: usize,
        /// Its size.
        size: u64,
        /// How many bytes there are.
        needed: u64,
    },
}

impl<'a> Disk<'a> {
    /// Fills partitions, by their numbers.
    ///
    /// # Errors
    /// There is no such partition, or its content is too large.
    pub fn new(
        plan: &Plan,
        contents: impl IntoIterator<Item = (usize, &'a dyn Source)>,
    ) -> Result<Self, DiskError> {
        let tail = plan.tail();
        let tail_start = plan.size().saturating_sub(length(&tail));
        let mut parts = BTreeMap::from([
            (0, Piece::Table(plan.head())),
            (tail_start, Piece::Table(tail)),
        ]);
        for (number, content) in contents {
            let found = |partition: &&Partition| partition.number == number;
            let partition = plan.partitions().iter().find(found);
            let partition = partition.ok_or(DiskError::Missing(number))?;
            let (size, needed) = (partition.size, content.size());
            if needed > size {
                return Err(DiskError::Large {
                    number,
                    size,
                    needed,
                });
            }
            parts.insert(partition.start, Piece::Content(content));
        }
        Ok(Self {
            size: plan.size(),
            parts,
        })
    }

    /// Where something lies, in order; zeros everywhere else. A sparse file has its holes there.
    pub fn used(&self) -> impl Iterator<Item = Range<u64>> {
        self.parts
            .iter()
            .map(|(start, piece)| *start..start.saturating_add(piece.source().size()))
    }

    /// Writes what lies on the disk at its places: `put` takes an offset and bytes, in order.
    ///
    /// # Errors
    /// A content cannot be read, or `put` fails.
    pub fn each_used(
        &self,
        mut put: impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> Result<(), SourceError> {
        let mut buffer = vec![0; CHUNK];
        for (start, piece) in &self.parts {
            let source = piece.source();
            let mut at = 0;
            while at < source.size() {
                let left = source.size().saturating_sub(at);
                let count = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
                let bytes = buffer.get_mut(..count).unwrap_or_default();
                source.read_at(at, bytes)?;
                let offset = start.saturating_add(at);
                put(offset, bytes).map_err(|error| SourceError::Io { offset, error })?;
                at = at.saturating_add(length(bytes));
            }
        }
        Ok(())
    }

    /// Writes all of it, zeros included.
    ///
    /// # Errors
    /// A content cannot be read, or the sink takes no bytes.
    pub fn write(&self, sink: &mut impl Write) -> Result<(), SourceError> {
        let mut at = 0;
        self.each_used(|offset, bytes| {
            io::copy(&mut zeros(offset.saturating_sub(at)), sink)?;
            at = offset.saturating_add(length(bytes));
            sink.write_all(bytes)
        })
    }
}

/// How much is read at a time.
const CHUNK: usize = 1 << 20;

impl Source for Disk<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let length = length(buffer);
        let size = self.size;
        let Some(end) = offset.checked_add(length).filter(|end| *end <= size) else {
            return Err(SourceError::Outside {
                offset,
                length,
                size,
            });
        };
        buffer.fill(0);
        for (start, piece) in self.parts.range(..end) {
            let source = piece.source();
            let from = offset.max(*start);
            let to = end.min(start.saturating_add(source.size()));
            if from >= to {
                continue;
            }
            let place = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
            let part = buffer.get_mut(place(from)..place(to)).unwrap_or_default();
            source.read_at(from.saturating_sub(*start), part)?;
        }
        Ok(())
    }
}

impl Piece<'_> {
    fn source(&self) -> &dyn Source {
        match self {
            Self::Table(bytes) => bytes,
            Self::Content(source) => *source,
        }
    }
}

impl std::fmt::Debug for Disk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let used: Vec<Range<u64>> = self.used().collect();
        f.debug_struct("Disk")
            .field("size", &self.size)
            .field("used", &used)
            .finish()
    }
}

fn zeros(count: u64) -> io::Take<io::Repeat> {
    io::Read::take(io::repeat(0), count)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

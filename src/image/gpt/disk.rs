//! A finished disk, read at any offset.

use super::Plan;
use crate::image::pieces::{NoRoom, Pieces};
use crate::layout::gpt::Partition;
use crate::layout::{Part, Source, SourceError};

/// Why a disk cannot be filled so.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// No such partition.
    #[error("disk: there is no partition {0}")]
    Missing(usize),
    /// More or fewer bytes than the partition has.
    #[error("disk: {needed} bytes do not fit partition {number} of {size}")]
    Size {
        /// Which partition.
        number: usize,
        /// Its size.
        size: u64,
        /// How many bytes there are.
        needed: u64,
    },
    /// Two partitions at one place.
    #[error("disk: {0}")]
    NoRoom(#[from] NoRoom),
    /// The disk ends before its partition does.
    #[error("disk: {0}")]
    Source(#[from] SourceError),
}

/// A disk whose partitions, by their numbers, hold `contents`; the rest of them is zeros.
///
/// # Errors
/// There is no such partition, or its content is too large.
pub fn fill<'a>(
    plan: &Plan,
    contents: impl IntoIterator<Item = (usize, &'a dyn Source)>,
) -> Result<Pieces<'a>, DiskError> {
    let mut disk = Pieces::new(plan.size());
    let (head, tail) = (plan.head(), plan.tail());
    disk.put(plan.size().saturating_sub(tail.size()), tail)?;
    disk.put(0, head)?;
    for (number, content) in contents {
        let found = |partition: &&Partition| partition.number == number;
        let partition = plan.partitions().iter().find(found);
        let partition = partition.ok_or(DiskError::Missing(number))?;
        let (size, needed) = (partition.size, content.size());
        if needed > size {
            return Err(DiskError::Size {
                number,
                size,
                needed,
            });
        }
        disk.put(partition.start, content)?;
    }
    Ok(disk)
}

/// A disk as it lies, but for one partition, which holds `content` instead: what adding files to the
/// EFI system partition of a finished disk comes to. Written beside and renamed, it is there whole or
/// not at all.
///
/// # Errors
/// The content has another size than the partition, or the disk ends before that.
pub fn with_partition<'a>(
    disk: &'a dyn Source,
    partition: &Partition,
    content: impl Source + 'a,
) -> Result<Pieces<'a>, DiskError> {
    let (size, needed) = (partition.size, content.size());
    if needed != size {
        return Err(DiskError::Size {
            number: partition.number,
            size,
            needed,
        });
    }
    let mut pieces = Pieces::new(disk.size());
    pieces.put(0, Part::new(disk, 0, partition.start)?)?;
    pieces.put(partition.start, content)?;
    let rest = disk.size().saturating_sub(partition.end());
    pieces.put(partition.end(), Part::new(disk, partition.end(), rest)?)?;
    Ok(pieces)
}

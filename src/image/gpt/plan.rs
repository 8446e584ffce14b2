//! Where partitions lie.

use super::ALIGNMENT;
use crate::layout::Uuid;
use crate::layout::gpt::{
    Attributes, Disk, ENTRIES, Kind, NAME_MAX, Partition, SECTOR, TAIL_SECTORS,
};

/// A partition that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it is for.
    pub kind: Kind,
    /// Its own name.
    pub id: Uuid,
    /// Its label.
    pub name: String,
    /// How many bytes it must have at least; made a multiple of [`ALIGNMENT`].
    pub size: u64,
    /// How it is to be treated.
    pub attributes: Attributes,
}

/// Partitions at their places, on a disk of a known size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    id: Uuid,
    size: u64,
    partitions: Vec<Partition>,
}

/// Why there is no such disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// More than the disk shall have.
    #[error("disk: its partitions need {needed} bytes; {size} were asked for")]
    Size {
        /// What was asked for.
        size: u64,
        /// What is needed.
        needed: u64,
    },
    /// A size that is none.
    #[error("disk: a size of {0} bytes is not a multiple of 1 MiB up to 2^62")]
    Unaligned(u64),
    /// A label that a table cannot hold.
    #[error("disk: \"{}\" is no label of a partition: 1 to {NAME_MAX} letters, digits and signs of ASCII. Shorten the image's name or version", crate::path::Escaped(.0.as_bytes()))]
    Name(String),
    /// A UUID twice, or none.
    #[error("disk: two partitions would have the UUID {0}")]
    Twice(Uuid),
    /// More than a table has room for.
    #[error("disk: {0} partitions; a table holds {ENTRIES}")]
    Many(usize),
    /// Less room than what must lie there takes.
    #[error("disk: a {what} of {size} bytes does not hold {needed}")]
    Slot {
        /// Which partition.
        what: &'static str,
        /// How large it shall be.
        size: u64,
        /// What must fit.
        needed: u64,
    },
}

/// Larger than any disk, and far from where sums overflow.
const SIZE_MAX: u64 = 1 << 62;

impl Plan {
    /// Puts the partitions one behind the other, from 1 MiB on. Where `size` is given, the disk has
    /// it, and the last partition takes what is left if `grow` says so.
    ///
    /// # Errors
    /// They do not fit, or a table cannot hold them.
    pub fn new(
        id: Uuid,
        wanted: Vec<Wanted>,
        size: Option<u64>,
        grow: bool,
    ) -> Result<Self, PlanError> {
        if wanted.len() > ENTRIES {
            return Err(PlanError::Many(wanted.len()));
        }
        let mut partitions: Vec<Partition> = Vec::new();
        let mut at = ALIGNMENT;
        for (index, wanted) in wanted.into_iter().enumerate() {
            let size = aligned(wanted.size.max(1))?;
            let fits = !wanted.name.is_empty() && wanted.name.len() <= NAME_MAX;
            if !fits || !wanted.name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(PlanError::Name(wanted.name));
            }
            let taken = |other: &Partition| other.id == wanted.id;
            if wanted.id == Uuid::NIL || partitions.iter().any(taken) {
                return Err(PlanError::Twice(wanted.id));
            }
            partitions.push(Partition {
                number: index.saturating_add(1),
                kind: wanted.kind,
                id: wanted.id,
                start: at,
                size,
                attributes: wanted.attributes,
                name: wanted.name,
            });
            at = aligned(at.saturating_add(size))?;
        }
        // What is left of the last MiB holds the second table.
        let needed = aligned(at.saturating_add(TAIL_SECTORS.saturating_mul(SECTOR)))?;
        let size = match size {
            None => needed,
            Some(size) if !size.is_multiple_of(ALIGNMENT) || size > SIZE_MAX => {
                return Err(PlanError::Unaligned(size));
            }
            Some(size) if size < needed => return Err(PlanError::Size { size, needed }),
            Some(size) => size,
        };
        if let Some(last) = partitions.last_mut().filter(|_| grow) {
            last.size = last.size.saturating_add(size.saturating_sub(needed));
        }
        Ok(Self {
            id,
            size,
            partitions,
        })
    }

    /// The disk's name.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// How many bytes the disk has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The partitions, in the order of the table and of the disk.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// What lies at the start of the disk: protective MBR, header, table.
    pub fn head(&self) -> Vec<u8> {
        self.disk().head()
    }

    /// What lies at its end: table, header.
    pub fn tail(&self) -> Vec<u8> {
        self.disk().tail()
    }

    fn disk(&self) -> Disk {
        Disk {
            id: self.id,
            partitions: self.partitions.clone(),
            size: self.size,
            known: self.size,
            first: ALIGNMENT,
        }
    }
}

fn aligned(size: u64) -> Result<u64, PlanError> {
    let aligned = size.checked_next_multiple_of(ALIGNMENT);
    aligned
        .filter(|aligned| *aligned <= SIZE_MAX)
        .ok_or(PlanError::Unaligned(size))
}

//! One pass over a disk: in units, with those that are all zero told apart.

use std::fmt;
use std::io;

use rayon::prelude::*;

use super::DiskError;
use crate::digest::{Digest, Hasher};
use crate::layout::Source;
use crate::progress::{Progress, Unit};

/// What is looked at at once: a cluster of qcow2, a grain of VMDK.
pub(super) const UNIT: usize = 64 << 10;
/// The same, where offsets are counted.
pub(super) const UNIT_BYTES: u64 = 64 << 10;
/// How many units are held, and compressed at once.
const BATCH: usize = 64;
static ZEROS: [u8; UNIT] = [0; UNIT];
/// How much of a disk tells it from all others: a partition table, whose ids are those of the
/// root's hash.
const HEAD: u64 = 1 << 20;
/// The step that is reported.
pub(super) const STEP: &str = "convert";

/// A disk to be put into a container.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Its bytes.
    pub disk: &'a dyn Source,
    /// What the container says of itself.
    pub identity: Identity,
    /// Who is told how far it is: step `convert`, in bytes of the disk.
    pub progress: &'a dyn Progress,
}

/// What a container says of itself where its format asks for an id and a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// An id.
    pub uuid: [u8; 16],
    /// A time, in seconds since 1970.
    pub time: u64,
}

impl Identity {
    /// The id of a disk by its first MiB, with the partition table.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(disk: &dyn Source, time: u64) -> Result<Self, DiskError> {
        let length = disk.size().min(HEAD);
        let mut head = vec![0; usize::try_from(length).unwrap_or(0)];
        disk.read_at(0, &mut head)?;
        let mut hasher = Hasher::new();
        hasher.update(b"karat disk container\0");
        hasher.update(&disk.size().to_le_bytes());
        hasher.update(&head);
        let digest: Digest = hasher.finish();
        let mut uuid = [0; 16];
        for (slot, byte) in uuid.iter_mut().zip(digest.as_bytes()) {
            *slot = *byte;
        }
        // RFC 9562, section 5.8: an id whose bits are the maker's own.
        let [.., version, _, variant, _, _, _, _, _, _, _] = &mut uuid;
        *version = (*version & 0x0f) | 0x80;
        *variant = (*variant & 0x3f) | 0x80;
        Ok(Self { uuid, time })
    }
}

impl Job<'_> {
    /// Calls `take` for each unit in order, with its number, its bytes, and what `make` made of them
    /// on some thread; `make` is not called for units that are all zero, for which there is `None`.
    /// The last unit is filled up with zeros.
    pub(super) fn each<T: Send>(
        &self,
        make: impl Fn(&[u8]) -> io::Result<T> + Sync,
        mut take: impl FnMut(u64, &[u8], Option<T>) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        let size = self.disk.size();
        self.progress.started(STEP, Some(size), Unit::Bytes);
        let mut buffer = vec![0; UNIT.saturating_mul(BATCH)];
        let mut offset = 0;
        let mut number = 0_u64;
        while offset < size {
            let left = size.saturating_sub(offset);
            let length = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let padded = length.next_multiple_of(UNIT);
            if let Some(tail) = buffer.get_mut(length..padded) {
                tail.fill(0);
            }
            let read = buffer.get_mut(..length).unwrap_or_default();
            self.disk.read_at(offset, read)?;
            let units = buffer.get(..padded).unwrap_or_default();
            let made = units
                .par_chunks(UNIT)
                .map(|unit| (!is_zero(unit)).then(|| make(unit)).transpose())
                .collect::<Vec<_>>();
            for (unit, made) in units.chunks(UNIT).zip(made) {
                take(number, unit, made?)?;
                number = number.saturating_add(1);
            }
            offset = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            self.progress.advanced(STEP, offset, None);
        }
        Ok(())
    }
}

impl fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({} bytes, {:?})", self.disk.size(), self.identity)
    }
}

/// Whether a unit, or less, is all zero.
pub(super) fn is_zero(unit: &[u8]) -> bool {
    ZEROS.get(..unit.len()) == Some(unit)
}

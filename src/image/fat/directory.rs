//! The entries of a directory.

use super::FatWriteError;
use super::names::short_names;
use crate::layout::fat::short_sum;
use crate::tree::Epoch;

/// A name of a directory, and what it stands for.
pub(super) struct Child<'a> {
    pub(super) name: &'a str,
    pub(super) is_directory: bool,
    pub(super) cluster: u32,
    pub(super) size: u32,
}

/// What comes before the children.
pub(super) enum Head<'a> {
    /// The volume's label.
    Root { label: &'a str },
    /// The directory's own cluster and that of the one above, 0 for the root.
    Below { own: u32, parent: u32 },
}

/// Attributes (section 6).
const LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const ARCHIVE: u8 = 0x20;
const LONG_NAME: u8 = 0x0f;
/// Letters of a part of a long name.
const PART: usize = 13;

/// The bytes of a directory, without the zeros up to the end of its last cluster.
pub(super) fn bytes(
    head: &Head<'_>,
    children: &[Child<'_>],
    epoch: Epoch,
) -> Result<Vec<u8>, FatWriteError> {
    let time = Time::of(epoch);
    let mut bytes = Vec::new();
    match head {
        Head::Root { label } => {
            bytes.extend(entry(&padded(label), LABEL, 0, 0, time));
        }
        Head::Below { own, parent } => {
            for (name, cluster) in [(".", *own), ("..", *parent)] {
                bytes.extend(entry(&padded(name), DIRECTORY, cluster, 0, time));
            }
        }
    }
    let names: Vec<&str> = children.iter().map(|child| child.name).collect();
    for (child, short) in children.iter().zip(short_names(&names)?) {
        if !is_itself(child.name, &short) {
            long(child.name, short_sum(&short), &mut bytes);
        }
        let kind = if child.is_directory {
            DIRECTORY
        } else {
            ARCHIVE
        };
        bytes.extend(entry(&short, kind, child.cluster, child.size, time));
    }
    Ok(bytes)
}

/// How many entries the names take at most, without those before them: for laying out directories before
/// their clusters are known.
pub(super) fn entries(names: &[&str]) -> Result<usize, FatWriteError> {
    let short = short_names(names)?;
    let parts = names.iter().zip(&short).map(|(name, short)| {
        let long = if is_itself(name, short) {
            0
        } else {
            name.len().div_ceil(PART)
        };
        long.saturating_add(1)
    });
    Ok(parts.sum())
}

/// Whether a short name says all: the name is upper case and short.
fn is_itself(name: &str, short: &[u8; 11]) -> bool {
    let (base, extension) = short.split_at(8);
    let (base, extension) = (base.trim_ascii_end(), extension.trim_ascii_end());
    let dot: &[u8] = if extension.is_empty() { b"" } else { b"." };
    [base, dot, extension].concat() == name.as_bytes()
}

/// The parts of a long name, the last one first.
fn long(name: &str, sum: u8, bytes: &mut Vec<u8>) {
    let parts: Vec<&[u8]> = name.as_bytes().chunks(PART).collect();
    for (at, part) in parts.iter().enumerate().rev() {
        let last = if at.saturating_add(1) == parts.len() {
            0x40
        } else {
            0
        };
        let number = u8::try_from(at.saturating_add(1)).unwrap_or(0);
        let mut units = [u16::MAX; PART];
        // A zero behind the name, ones behind that.
        for (unit, byte) in units.iter_mut().zip(part.iter().chain(&[0])) {
            *unit = u16::from(*byte);
        }
        let units: Vec<u8> = units.into_iter().flat_map(u16::to_le_bytes).collect();
        let (first, rest) = units.split_at_checked(10).unwrap_or_default();
        let (second, third) = rest.split_at_checked(12).unwrap_or_default();
        bytes.push(number | last);
        bytes.extend(first);
        bytes.extend([LONG_NAME, 0, sum]);
        bytes.extend(second);
        bytes.extend([0, 0]);
        bytes.extend(third);
    }
}

fn entry(name: &[u8; 11], kind: u8, cluster: u32, size: u32, time: Time) -> Vec<u8> {
    let Time { date, time } = time;
    let (high, low) = (cluster >> 16, cluster & 0xffff);
    let half = |half: u32| u16::try_from(half).unwrap_or(0).to_le_bytes();
    let parts: [&[u8]; 11] = [
        name,
        &[kind, 0, 0],
        &time.to_le_bytes(),
        &date.to_le_bytes(),
        &date.to_le_bytes(),
        &half(high),
        &time.to_le_bytes(),
        &date.to_le_bytes(),
        &half(low),
        &size.to_le_bytes(),
        &[],
    ];
    parts.concat()
}

fn padded(name: &str) -> [u8; 11] {
    let mut padded = [b' '; 11];
    for (place, byte) in padded.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    padded
}

/// An instant as entries have it, in UTC: FAT knows no zones. Odd seconds are rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Time {
    date: u16,
    time: u16,
}

/// 1980-01-01T00:00:00Z and 2107-12-31T23:59:58Z: what entries can say.
const FIRST: u64 = 315_532_800;
const LAST: u64 = 4_354_819_198;

impl Time {
    fn of(epoch: Epoch) -> Self {
        let seconds = epoch.seconds().clamp(FIRST, LAST);
        let [year, month, day, hour, minute, second] = Epoch::saturating(seconds).utc();
        let short = |number: u64| u16::try_from(number).unwrap_or(0);
        Self {
            date: short(year.saturating_sub(1980) << 9 | month << 5 | day),
            time: short(hour << 11 | minute << 5 | (second / 2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_as_entries_have_them() {
        let time = |seconds: u64| {
            let Time { date, time } = Time::of(Epoch::new(seconds).unwrap());
            (
                date >> 9,
                date >> 5 & 15,
                date & 31,
                time >> 11,
                time >> 5 & 63,
                time & 31,
            )
        };
        assert_eq!(time(0), (0, 1, 1, 0, 0, 0));
        assert_eq!(time(1_700_000_001), (43, 11, 14, 22, 13, 10));
        assert_eq!(time(Epoch::MAX), (127, 12, 31, 23, 59, 29));
    }

    #[test]
    fn a_long_name_fills_its_parts() {
        for length in [1, 12, 13, 14, 26, 27, 255] {
            let name = "n".repeat(length);
            let mut bytes = Vec::new();
            long(&name, 7, &mut bytes);
            assert_eq!(bytes.len(), 32 * length.div_ceil(13));
            assert_eq!(usize::from(bytes[0]), 0x40 + length.div_ceil(13));
        }
    }
}

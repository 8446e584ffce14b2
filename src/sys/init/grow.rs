//! A state partition takes what its disk has more than the tables know.
//!
//! Tables are written so that a power failure at any time leaves what can be read or mended
//! (`layout::gpt`, file `grow`): the second copy first, at the disk's new end. No byte of a partition
//! is written, and nothing grows before the root was judged.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::ioctl::{NoArg, Setter, opcode};

use super::{Device, Devices};
use crate::boot::Plan;
use crate::layout::gpt::{self, Attributes, Partition};
use crate::layout::{Ext4, Source as _};
use crate::sys::fs::{IoContext as _, IoError};

/// Where the state partition is mounted.
const STATE: &str = "/run/karat/state";

/// Lets the state partition take what is behind the tables; gives it as it is then, `None` where
/// nothing changed.
///
/// # Errors
/// It does not grow; why. It is then what it was, and so are its contents.
pub fn grow(disk: &Device, state: &Partition) -> Result<Option<Partition>, IoError> {
    let wrong = |error: &dyn std::fmt::Display| {
        let error = io::Error::other(error.to_string());
        IoError::new("enlarge the state partition of", disk.path(), error)
    };
    let table = gpt::Disk::read(disk).map_err(|error| wrong(&error))?;
    if !table.partitions.contains(state) {
        return Err(wrong(&"the tables have changed since they were judged"));
    }
    let grown = table.grown(state.id).map_err(|error| wrong(&error))?;
    let Some((grown, partition)) = grown.and_then(|grown| {
        let of = |it: &&Partition| it.id == state.id;
        let partition = grown.partitions.iter().find(of)?.clone();
        Some((grown, partition))
    }) else {
        return Ok(None);
    };
    let file = writable(disk)?;
    let tail = grown.tail();
    let at = grown.known.saturating_sub(tail.as_slice().size());
    write(disk, &file, at, &tail)?;
    write(disk, &file, 0, &grown.head())?;
    resize(&file, &partition).at("tell the kernel of partitions of", disk.path())?;
    Ok(Some(partition))
}

impl Devices {
    /// Ends what was cut off when a disk of this plan grew; gives whether disks are to be looked at
    /// again. What the first copy of the tables shall say, the second says.
    pub fn mend(&mut self, plan: &Plan) -> bool {
        let mut is_mended = false;
        for (disk, table) in std::mem::take(&mut self.cut_off) {
            let has = |id| table.partitions.iter().any(|it| it.id == id);
            if !has(plan.root.data) || !plan.state.is_some_and(has) {
                let path = disk.path();
                let of = "is of another image, and its partition table was written in part";
                self.refused.push(format!("{} {of}", path.display()));
                continue;
            }
            match mend(&disk, &table) {
                Ok(()) => is_mended = true,
                Err(error) => self.refused.push(error.to_string()),
            }
        }
        is_mended
    }
}

fn mend(disk: &Device, table: &gpt::Disk) -> Result<(), IoError> {
    let file = writable(disk)?;
    write(disk, &file, 0, &table.head())?;
    #[expect(unsafe_code, reason = "the kernel has no other interface")]
    // SAFETY: `BLKRRPART`, `_IO(0x12, 95)`, takes no argument (`linux/fs.h`).
    let read_again =
        unsafe { rustix::ioctl::ioctl(&file, NoArg::<{ opcode::none(0x12, 95) }>::new()) };
    read_again.at("have the kernel read the partitions of", disk.path())
}

/// Lets the file system of the state partition, which is mounted, take all of its partition. The
/// kernel does that with its journal: it is done or not, whatever happens. Quick, where there is
/// nothing to do.
///
/// # Errors
/// The kernel refused; it is as large as before.
pub fn fill(disk: &Device, state: &Partition) -> Result<(), IoError> {
    if !state.attributes.has(Attributes::GROW) {
        return Ok(());
    }
    let wrong = |error| IoError::new("read", disk.path(), io::Error::other(error));
    let part = state.of(disk).map_err(wrong)?;
    let found = Ext4::read(&part).map_err(wrong)?;
    let Some(blocks) = found.and_then(|found| found.wanted(state.size)) else {
        return Ok(());
    };
    let mounted = File::open(STATE).at("open", STATE)?;
    #[expect(unsafe_code, reason = "ext4 has no other interface")]
    // SAFETY: `EXT4_IOC_RESIZE_FS`, `_IOW('f', 16, __u64)`, reads the one number that it is given
    // (the kernel's `include/uapi/linux/ext4.h`).
    let resized = unsafe {
        let number = Setter::<{ opcode::write::<u64>(b'f', 16) }, u64>::new(blocks);
        rustix::ioctl::ioctl(&mounted, number)
    };
    resized.at("enlarge the file system on", STATE)
}

fn writable(disk: &Device) -> Result<File, IoError> {
    let file = OpenOptions::new().write(true).open(disk.path());
    file.at("open for writing", disk.path())
}

/// Writes, and waits until it lies there.
fn write(disk: &Device, file: &File, at: u64, bytes: &[u8]) -> Result<(), IoError> {
    file.write_all_at(bytes, at).at("write to", disk.path())?;
    file.sync_data().at("flush", disk.path())
}

/// `struct blkpg_partition` (`linux/blkpg.h`).
#[repr(C)]
struct Resized {
    start: i64,
    length: i64,
    number: i32,
    /// Not looked at.
    names: [[u8; 64]; 2],
}

/// `struct blkpg_ioctl_arg`.
#[repr(C)]
struct Told {
    operation: i32,
    flags: i32,
    length: i32,
    data: *const Resized,
}

/// `BLKPG_RESIZE_PARTITION`.
const RESIZE: i32 = 3;

/// Tells the kernel where a partition ends now: it would not read the tables of a disk that is in use.
fn resize(disk: &File, partition: &Partition) -> io::Result<()> {
    let number = |value: u64| i64::try_from(value).map_err(io::Error::other);
    let resized = Resized {
        start: number(partition.start)?,
        length: number(partition.size)?,
        number: i32::try_from(partition.number).map_err(io::Error::other)?,
        names: [[0; 64]; 2],
    };
    let told = Told {
        operation: RESIZE,
        flags: 0,
        length: i32::try_from(size_of::<Resized>()).map_err(io::Error::other)?,
        data: &raw const resized,
    };
    #[expect(unsafe_code, reason = "the kernel has no other interface")]
    // SAFETY: `BLKPG`, `_IO(0x12, 105)`, reads a `struct blkpg_ioctl_arg` and the `struct
    // blkpg_partition` that it points to (`block/ioctl.c`), both of which live until the call is over;
    // it writes to neither.
    unsafe {
        let told = Setter::<{ opcode::none(0x12, 105) }, Told>::new(told);
        rustix::ioctl::ioctl(disk, told)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_and_numbers_as_the_kernel_has_them() {
        // On every machine of 64 bits.
        assert_eq!((size_of::<Resized>(), size_of::<Told>()), (152, 24));
        assert_eq!(opcode::none(0x12, 105), 0x1269);
        assert_eq!(opcode::none(0x12, 95), 0x125f);
        assert_eq!(opcode::write::<u64>(b'f', 16), 0x4008_6610);
    }
}

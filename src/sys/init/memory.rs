//! What the state partition is, and what it says of boots before.

use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::Device;
use super::device::path_of;
use crate::boot::Memory;
use crate::layout::gpt::Partition;
use crate::layout::{Ext4, Source as _, first_used};
use crate::sys::fs::{self, IoContext as _, IoError};
use crate::sys::state;

/// Where it is looked at.
const HERE: &str = "/run/karat/state";
/// Where an instance's memory lies on it: what is written below a path of the image lies below
/// `upper` and that path.
const STATE: &str = "/run/karat/state/upper/var/lib/karat/state";
/// The same, from [`HERE`] on.
const BELOW: &str = "upper/var/lib/karat/state";
/// How much of its start must be zero to be nobody's: more than any file system's first structures.
const START: u64 = 1 << 20;

/// Looks at the state partition, without writing to it.
pub fn memory(disk: &Device, state: Option<&Partition>) -> Memory {
    let Some(state) = state else {
        return Memory::Absent;
    };
    match look(disk, state) {
        Ok(memory) => memory,
        Err(error) => Memory::Foreign(error),
    }
}

fn look(disk: &Device, state: &Partition) -> Result<Memory, String> {
    let part = state.of(disk).map_err(|error| error.to_string())?;
    let start = START.min(part.size());
    let used = first_used(&part, 0..start).map_err(|error| error.to_string())?;
    if used.is_none() {
        return Ok(Memory::Blank);
    }
    let found = Ext4::read(&part).map_err(|error| error.to_string())?;
    if found.is_none() {
        return Err("the state partition is neither blank nor an ext4 file system".to_owned());
    }
    let name = disk.partition(state).map_err(|error| error.to_string())?;
    read(&name)
        .map(Memory::Kept)
        .map_err(|error| error.to_string())
}

/// Whether where the two files are said to lie is on the state partition itself: a link could lead
/// anywhere, and what is writable later is made through none.
fn through_no_link() -> Result<(), IoError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let here = rustix::fs::open(HERE, flags, Mode::empty()).at("open", HERE)?;
    match rustix::fs::openat2(&here, BELOW, flags, Mode::empty(), resolve) {
        Ok(_) | Err(Errno::NOENT) => Ok(()),
        error => error.map(drop).at("open through no link", STATE),
    }
}

/// Reads the two files. The journal is not played back, which would be writing: at worst what is
/// read is one generation old.
fn read(name: &str) -> Result<[crate::instance::Slot; 2], IoError> {
    fs::make_dirs(HERE, 0o700)?;
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    mount(path_of(name), HERE, "ext4", safe, Some(c"noload")).at("mount", path_of(name))?;
    let slots = through_no_link().and_then(|()| state::read(Path::new(STATE)));
    unmount(HERE, UnmountFlags::empty()).at("unmount", HERE)?;
    slots
}

//! Where the running system may write: in memory, or on the state partition.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_bind};

use super::device::path_of;
use crate::boot::{Etc, Memory, Place, PlaceKind, Plan};
use crate::digest::Digest;
use crate::limits;
use crate::path::{Escaped, ImagePath};
use crate::sys::fs::{self, IoContext as _, IoError};
use crate::sys::process;

/// Where the state partition is mounted.
const STATE: &str = "/run/karat/state";
/// Where file systems in memory are, of places whose directory in the image holds something.
const MEMORY: &str = "/run/karat/places";
/// The image's own programs: only what the kernel checks as it is read.
const MAKE: &str = "/usr/sbin/mkfs.ext4";
const CHECK: &str = "/usr/sbin/e2fsck";
/// Where ext4 says what is wrong with it, and the bit for "errors were found".
const FLAGS_AT: u64 = 1024 + 58;
const ERRORS: u8 = 2;
/// Nothing on either kind of place gains rights or is a device.
const SAFE: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Prepares all places of the plan, in the root that was entered. `state` is the kernel's name of
/// the state partition, if the plan names one.
///
/// # Errors
/// A place could not be made; the running system would write nowhere, or into nothing.
pub fn prepare(plan: &Plan, state: Option<&str>, memory: &Memory) -> Result<(), IoError> {
    if let Some(name) = state {
        mount_state(name, memory)?;
    }
    let etc = match plan.etc {
        Etc::ReadOnly => None,
        Etc::OverlayState => Some(PlaceKind::State),
        Etc::OverlayTmpfs => Some(PlaceKind::Tmpfs { size: None }),
    };
    if let Some(kind) = etc {
        let path = ImagePath::parse("/etc").map_err(|error| wrong("/etc", &error.to_string()))?;
        place(&Place { path, kind })?;
    }
    plan.writable.iter().try_for_each(place)
}

fn mount_state(name: &str, memory: &Memory) -> Result<(), IoError> {
    let device = path_of(name);
    match memory {
        Memory::Blank => run(MAKE, &["-q"], &device)?,
        Memory::Kept(_) if has_errors(&device)? => run(CHECK, &["-p"], &device)?,
        Memory::Kept(_) | Memory::Absent | Memory::Foreign(_) => {}
    }
    fs::make_dirs(STATE, 0o700)?;
    mount(&device, STATE, "ext4", SAFE, None).at("mount", &device)?;
    closed(&opened(STATE)?).at("close to others", STATE)
}

/// Lets nobody but root in. Below it lies again what lies in places, without the directories of the
/// image above them, of which one may be closed: `/root`, `/var/lib/private`.
fn closed(directory: &OwnedFd) -> io::Result<()> {
    let root = (Some(Uid::ROOT), Some(Gid::ROOT));
    rustix::fs::chownat(directory, c"", root.0, root.1, AtFlags::EMPTY_PATH)?;
    rustix::fs::fchmod(directory, Mode::RWXU)?;
    Ok(())
}

/// Runs one of the image's programs; silent, unless it fails.
fn run(program: &str, options: &[&str], device: &Path) -> Result<(), IoError> {
    let mut command = process::command(program);
    command.env("PATH", "/usr/sbin:/usr/bin").args(options);
    let output = command.arg(device).output().at("start", program)?;
    // e2fsck(8): 1 is "errors were corrected".
    let is_done = matches!(output.status.code(), Some(0 | 1));
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next_back().unwrap_or_default();
    if is_done {
        Ok(())
    } else {
        let said = Escaped(said.as_bytes());
        Err(wrong(program, &format!("{}: {said}", output.status)))
    }
}

fn has_errors(device: &Path) -> Result<bool, IoError> {
    use std::os::unix::fs::FileExt as _;
    let mut flags = [0];
    let file = File::open(device).at("open", device)?;
    file.read_exact_at(&mut flags, FLAGS_AT)
        .at("read", device)?;
    let [flags] = flags;
    Ok(flags & ERRORS != 0)
}

/// Makes one place writable. A directory that is empty in the image becomes the place itself; over
/// any other the place is laid (overlayfs), so that what the image has there still shows.
fn place(place: &Place) -> Result<(), IoError> {
    let text = place.path.display().to_string();
    let lower = directory(&place.path).at("open", &text)?;
    let here = itself(&lower);
    let is_empty = fs::list_up_to(&here, limits::FACT_NAMES_MAX)?.is_empty();
    let key = Digest::of(place.path.as_bytes()).short();
    let (upper, work) = match place.kind {
        PlaceKind::Tmpfs { size } if is_empty => return in_memory(&here, &lower, size),
        PlaceKind::Tmpfs { size } => {
            let memory = format!("{MEMORY}/{key}");
            fs::make_dirs(&memory, 0o700)?;
            in_memory(&memory, &lower, size)?;
            let memory = opened(&memory)?;
            (made(&memory, b"upper")?, made(&memory, b"work")?)
        }
        PlaceKind::State => {
            let state = opened(STATE)?;
            let path = [b"upper/", place.path.relative()].concat();
            let work = [b"work/", key.as_bytes()].concat();
            (made(&state, &path)?, made(&state, &work)?)
        }
    };
    like(&upper, &lower).at("prepare", &text)?;
    let [upper, work] = [itself(&upper), itself(&work)];
    if is_empty {
        return mount_bind(&upper, &here).at("bind", &text);
    }
    // Nothing that was written earlier decides where something of the image is found.
    let options = format!(
        "lowerdir={here},upperdir={upper},workdir={work},redirect_dir=nofollow,metacopy=off\0"
    );
    let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes());
    let options = options.map_err(|error| wrong(&text, &error.to_string()))?;
    mount("overlay", &here, "overlay", SAFE, Some(options)).at("lay something over", &text)
}

/// A file system in memory, with the mode and owner of the directory that it takes the place of.
fn in_memory(at: &str, lower: &OwnedFd, size: Option<u64>) -> Result<(), IoError> {
    let stat = rustix::fs::fstat(lower).at("examine", at)?;
    let size = size.map_or_else(String::new, |size| format!(",size={size}"));
    let options = format!(
        "mode={:o},uid={},gid={}{size}\0",
        stat.st_mode & 0o7777,
        stat.st_uid,
        stat.st_gid
    );
    let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes());
    let options = options.map_err(|error| wrong(at, &error.to_string()))?;
    mount("tmpfs", at, "tmpfs", SAFE, Some(options)).at("mount", at)
}

/// A directory of the root, through no link: what lies on the state partition may be anything.
fn directory(path: &ImagePath) -> rustix::io::Result<OwnedFd> {
    let root = rustix::fs::open("/", FLAGS, Mode::empty())?;
    beneath(&root, path.relative())
}

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

fn beneath(directory: &OwnedFd, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(directory, path, FLAGS, Mode::empty(), resolve)
}

fn opened(path: &str) -> Result<OwnedFd, IoError> {
    rustix::fs::open(path, FLAGS, Mode::empty()).at("open", path)
}

/// The directory `path` below `directory`, made where it is not there; through no link.
fn made(directory: &OwnedFd, path: &[u8]) -> Result<OwnedFd, IoError> {
    let shown = Escaped(path).to_string();
    let mut at: Option<OwnedFd> = None;
    for name in path.split(|byte| *byte == b'/') {
        let above = at.as_ref().unwrap_or(directory);
        match rustix::fs::mkdirat(above, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            error => error.at("make", &shown)?,
        }
        at = Some(beneath(above, name).at("open", &shown)?);
    }
    at.ok_or_else(|| wrong(&shown, "it has no name"))
}

/// Gives `upper` the mode and owner that the image's directory has.
fn like(upper: &OwnedFd, lower: &OwnedFd) -> io::Result<()> {
    let stat = File::from(rustix::io::dup(lower)?).metadata()?;
    let (owner, group) = (Uid::from_raw(stat.uid()), Gid::from_raw(stat.gid()));
    rustix::fs::chownat(upper, c"", Some(owner), Some(group), AtFlags::EMPTY_PATH)?;
    rustix::fs::fchmod(upper, Mode::from_raw_mode(stat.mode() & 0o7777))?;
    Ok(())
}

/// A path of what is open, for calls that take no descriptors.
fn itself(open: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", open.as_raw_fd())
}

fn wrong(path: &str, message: &str) -> IoError {
    IoError::new("use", path, io::Error::other(message.to_owned()))
}

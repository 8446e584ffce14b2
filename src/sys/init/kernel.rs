//! The kernel's own file systems, its modules, and what it says of this boot.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::limits;
use crate::path::{Escaped, ImagePath};
use crate::sys::fs::{self, IoContext as _, IoError};

/// What systemd's stub adds to an initrd (systemd-stub(7)).
const EXTRAS: &str = "/.extra";
/// Where the firmware's variables are shown.
const VARIABLES: &str = "/sys/firmware/efi/efivars";
/// Whether Secure Boot is on (UEFI, section 3.3): four bytes of attributes, and one that says so.
const SECURE_BOOT: &str =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// Mounts what the kernel shows of itself: `/proc`, `/sys`, `/dev`, and `/run`, which the running
/// system takes over.
///
/// # Errors
/// One of them cannot be mounted.
pub fn mount_kernel() -> Result<(), IoError> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let [devices, run] = [MountFlags::NOSUID, MountFlags::NOSUID | MountFlags::NODEV];
    for (kind, path, flags, options) in [
        ("proc", "/proc", safe, None),
        ("sysfs", "/sys", safe, None),
        ("devtmpfs", "/dev", devices, Some(c"mode=0755")),
        ("tmpfs", "/run", run, Some(c"mode=0755")),
    ] {
        fs::make_dirs(path, 0o755)?;
        match mount(kind, path, kind, flags, options) {
            // The kernel was told to mount its devices itself.
            Ok(()) | Err(Errno::BUSY) => {}
            error => error.at("mount", path)?,
        }
    }
    Ok(())
}

/// The command line that the kernel runs with.
///
/// # Errors
/// It cannot be read.
pub fn cmdline() -> Result<Vec<u8>, IoError> {
    fs::read("/proc/cmdline", limits::FACT_VALUE_MAX)
}

/// The names of what the boot stub added to the initrd.
///
/// # Errors
/// They cannot be listed.
pub fn extras() -> Result<Vec<Vec<u8>>, IoError> {
    match fs::list_up_to(EXTRAS, limits::FACT_NAMES_MAX) {
        Ok(names) => Ok(names
            .into_iter()
            .map(std::ffi::OsString::into_vec)
            .collect()),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether Secure Boot is on; `None` where the firmware says nothing of it.
pub fn secure_boot() -> Option<bool> {
    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    // Without firmware of that kind there is no such directory, which is no fault.
    let _ = mount("efivarfs", VARIABLES, "efivarfs", safe, None);
    let bytes = fs::read(SECURE_BOOT, 64);
    // Also where there is no such variable: what stayed mounted read-only would stay so for systemd.
    let _ = unmount(VARIABLES, UnmountFlags::DETACH);
    bytes.ok()?.get(4).map(|byte| *byte == 1)
}

/// The modules that could not be loaded. Drivers of hardware that is not there are among them, so
/// that it is no fault by itself; where a device is missing, it may be why.
#[derive(Debug, Default)]
pub struct Modules {
    /// Which, and why.
    pub refused: Vec<String>,
}

impl Modules {
    /// Loads modules in this order.
    pub fn load(paths: &[ImagePath]) -> Self {
        let mut refused = Vec::new();
        for path in paths {
            let file = Path::new(OsStr::from_bytes(path.as_bytes()));
            if let Err(error) = load(file) {
                refused.push(error.to_string());
            }
        }
        Self { refused }
    }

    /// The last of them, for a message.
    pub fn told(&self) -> String {
        let last = self.refused.last();
        last.map_or_else(String::new, |error| {
            format!("; {}", Escaped(error.as_bytes()))
        })
    }
}

fn load(path: &Path) -> Result<(), IoError> {
    let file = fs::open(path)?;
    match rustix::system::finit_module(&file, c"", 0) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        error => error.at("load", path),
    }
}

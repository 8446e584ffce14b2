//! Where a root is staged: a tmpfs that no other process sees, or a directory on disk.

use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;
use rustix::mount::MountFlags;

use super::error::{DirectoryFault, StageError};
use super::inputs::Staging;
use crate::sys::fs::{self, IoContext as _, Lock};
use crate::sys::sandbox::SandboxError;
use crate::sys::{env, memory};

/// What scripts make beside packages: caches, databases, an initrd.
const EXTRA: u64 = 512 << 20;
/// Name of staging directories on disk, before the process id.
const PREFIX: &str = "karat-stage-";

/// A place with two directories: `root`, and `unpack` beside it on the same file system.
#[derive(Debug)]
pub(super) struct Stage {
    path: PathBuf,
    /// For a directory on disk: held until it is removed.
    on_disk: Option<Lock>,
}

impl Stage {
    /// Finds room for packages that say they need `installed` bytes.
    pub(super) fn create(staging: &Staging, installed: u64) -> Result<Self, StageError> {
        let needed = installed
            .saturating_add(installed / 4)
            .saturating_add(EXTRA);
        let directory = match staging {
            Staging::Directory(path) => path.clone(),
            Staging::Automatic => env::temp_dir(),
        };
        sweep(&directory);
        let spare = memory::spare();
        let stage = if *staging == Staging::Automatic && needed <= spare / 4 * 3 {
            Self::in_memory(spare / 4 * 3)?
        } else {
            examine(&directory)?;
            let disk = fs::spare(&directory)?;
            // A directory that somebody chose is theirs to judge.
            if *staging == Staging::Automatic && disk < needed {
                return Err(StageError::Space {
                    needed,
                    memory: spare,
                    directory: directory.display().to_string(),
                    disk,
                });
            }
            Self::on_disk(&directory)?
        };
        fs::make_dirs(stage.root(), 0o755)?;
        fs::make_dirs(stage.unpack(), 0o700)?;
        Ok(stage)
    }

    /// The directory that becomes the image's root.
    pub(super) fn root(&self) -> PathBuf {
        self.path.join("root")
    }

    /// Where packages are extracted.
    pub(super) fn unpack(&self) -> PathBuf {
        self.path.join("unpack")
    }

    /// A tmpfs needs a directory to lie on. `/sys` is on every Linux and nothing of it is needed
    /// here; only this process' mount namespace sees the change, and it vanishes with it.
    fn in_memory(size: u64) -> Result<Self, StageError> {
        let path = PathBuf::from("/sys");
        let options = format!("mode=0755,size={size},nr_inodes=0");
        let options = std::ffi::CString::new(options).unwrap_or_default();
        rustix::mount::mount(
            "tmpfs",
            &path,
            "tmpfs",
            MountFlags::empty(),
            Some(options.as_c_str()),
        )
        .map_err(|errno| SandboxError::Mount {
            what: "a tmpfs".to_owned(),
            message: errno.to_string(),
        })?;
        Ok(Self {
            path,
            on_disk: None,
        })
    }

    fn on_disk(directory: &Path) -> Result<Self, StageError> {
        let path = directory.join(format!("{PREFIX}{}", std::process::id()));
        fs::make_dirs(&path, 0o700).map_err(|error| match error.source.kind() {
            std::io::ErrorKind::PermissionDenied => fault(
                directory,
                DirectoryFault::Refused(format!("nothing can be made in it: {}", error.source)),
            ),
            _ => error.into(),
        })?;
        let lock = Lock::exclusive(path.join("lock"))?;
        rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o711)).at("chmod", &path)?;
        Ok(Self {
            path,
            on_disk: Some(lock),
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.on_disk.is_some() {
            drop(fs::remove_tree(&self.path));
        }
    }
}

/// Whether a directory can hold a root. `nodev` and `nosuid` do no harm: device nodes lie on a file
/// system of their own, and a set-user-ID bit that does not count is captured all the same.
fn examine(directory: &Path) -> Result<(), StageError> {
    match fs::is_dir(directory) {
        Ok(true) => {}
        Ok(false) if fs::exists(directory).unwrap_or(false) => {
            return Err(fault(directory, DirectoryFault::NotADirectory));
        }
        Ok(false) => return Err(fault(directory, DirectoryFault::Missing)),
        Err(error) => {
            let refused = DirectoryFault::Refused(error.source.to_string());
            return Err(fault(directory, refused));
        }
    }
    let flags = rustix::fs::statvfs(directory)
        .at("examine", directory)?
        .f_flag;
    if flags.contains(StatVfsMountFlags::RDONLY) {
        return Err(fault(directory, DirectoryFault::ReadOnly));
    }
    if flags.contains(StatVfsMountFlags::NOEXEC) {
        return Err(fault(directory, DirectoryFault::NoExec));
    }
    Ok(())
}

fn fault(directory: &Path, fault: DirectoryFault) -> StageError {
    StageError::Directory {
        directory: directory.display().to_string(),
        fault,
    }
}

/// Removes what killed builds left in a directory; only a namespace like this one may remove files
/// of all ids.
fn sweep(directory: &Path) {
    for name in fs::list(directory).unwrap_or_default() {
        let path = directory.join(&name);
        let own = fs::mode_and_owner(&path).is_ok_and(|(_, uid, _)| uid == 0);
        if name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
            && own
            && fs::exists(path.join("lock")).unwrap_or(false)
            && let Ok(Some(_held)) = Lock::try_exclusive(path.join("lock"))
        {
            drop(fs::remove_tree(&path));
        }
    }
}

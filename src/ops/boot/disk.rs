//! The file as QEMU takes it.

use std::path::{Path, PathBuf};

use super::BootError;
use crate::image::disk::{Container, DiskError};
use crate::ops::disk::unpack;
use crate::path::Escaped;
use crate::progress::Progress;
use crate::sys::fs::{self, AtomicFile, FileSource, Scratch};

/// How a partition table begins, at the disk's second sector (UEFI specification, 5.3.2).
const TABLE: &[u8; 8] = b"EFI PART";
/// How a tar header says what it is, and where.
const TAR: (usize, &[u8]) = (257, b"ustar");
/// How zstd files begin: nothing that boots is compressed with it.
const ZSTD: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// A disk that QEMU can open.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) path: PathBuf,
    pub(super) container: Container,
    /// What was unpacked for this, and is gone when this is dropped.
    _unpacked: Option<AtomicFile>,
}

impl Disk {
    /// Looks at a file; unpacks Google's archives.
    pub(super) fn open(
        path: &Path,
        from: Option<Container>,
        scratch: &Scratch,
        progress: &dyn Progress,
    ) -> Result<Self, BootError> {
        let shown = || Escaped(path.as_os_str().as_encoded_bytes()).to_string();
        if fs::is_dir(path)? {
            return Err(BootError::Archive(shown()));
        }
        let broken = |source| BootError::Disk {
            path: shown(),
            source,
        };
        let file = FileSource::open(path)?;
        let container = match from {
            Some(container) => container,
            None => Container::detect(&file).map_err(broken)?,
        };
        if container == Container::Gcp {
            let near = scratch.path().join("disk.raw");
            let (unpacked, _) = match unpack(&file, path, &near, progress) {
                Ok(unpacked) => unpacked,
                Err(crate::ops::disk::ConvertError::Disk {
                    source: DiskError::Broken { .. },
                    ..
                }) => return Err(BootError::Archive(shown())),
                Err(error) => return Err(error.into()),
            };
            return Ok(Self {
                path: unpacked.path().to_owned(),
                container: Container::Raw,
                _unpacked: Some(unpacked),
            });
        }
        let opened = container.open(&file).map_err(broken)?;
        let disk = opened.disk();
        let mut start = vec![0; usize::try_from(disk.size().min(1024)).unwrap_or(0)];
        let read = disk.read_at(0, &mut start).map_err(DiskError::Source);
        read.map_err(broken)?;
        if start.get(512..520) != Some(TABLE) {
            let (at, magic) = TAR;
            let is_tar = start.get(at..).is_some_and(|rest| rest.starts_with(magic));
            if is_tar || start.starts_with(&ZSTD) {
                return Err(BootError::Archive(shown()));
            }
            return Err(broken(DiskError::Broken {
                container,
                rule: "it has no partition table (GPT), without which UEFI firmware boots nothing",
            }));
        }
        drop(opened);
        Ok(Self {
            path: fs::absolute(path)?,
            container,
            _unpacked: None,
        })
    }

    /// QEMU's name of the container.
    pub(super) fn format(&self) -> &'static str {
        match self.container {
            Container::Gcp | Container::Raw => "raw",
            Container::Qcow2 => "qcow2",
            Container::Vhd => "vpc",
            Container::Vmdk => "vmdk",
        }
    }
}

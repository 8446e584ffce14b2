//! Decompressing packages: files get their bytes and metadata under a number, away from the root,
//! so that many packages can be worked on at once and no name in them matters yet.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::error::StageError;
use super::inputs::Package;
use crate::deb::archive::{Archive, Control, DebError, Entry, EntryKind, Md5};
use crate::path::ImagePath;
use crate::sys::fs::{self, IoContext as _};
use crate::sys::root::{Metadata, create_at};

/// A package whose file was checked against the lock.
#[derive(Debug)]
pub(super) struct Deb {
    pub(super) name: String,
    pub(super) control: Control,
    /// Bytes of `data.tar` as stored: how much work it is.
    pub(super) work: u64,
    /// Read by one thread at a time: whoever extracts it.
    archive: Mutex<Archive<File>>,
}

/// The entries of a package, files extracted.
#[derive(Debug, Default)]
pub(super) struct Extracted {
    pub(super) entries: Vec<Entry>,
    /// `md5sums` as dpkg writes it for a package that brings none.
    pub(super) md5sums: Option<String>,
}

impl Deb {
    /// Opens a package and checks that it is the locked one.
    pub(super) fn open(package: &Package) -> Result<Self, StageError> {
        let file = fs::open(&package.path)?;
        let open = || -> Result<Self, DebError> {
            let mut archive = Archive::open(file)?;
            let digest = archive.digest()?;
            if digest != package.sha256 {
                return Err(DebError::Digest {
                    found: digest.to_string(),
                    locked: package.sha256.to_string(),
                });
            }
            let control = archive.control()?;
            for (field, locked) in [
                ("package", &package.name),
                ("version", &package.version),
                ("architecture", &package.architecture),
            ] {
                if control.field(field) != locked {
                    return Err(DebError::Identity {
                        field: field.to_owned(),
                        found: control.field(field).to_owned(),
                        locked: locked.clone(),
                    });
                }
            }
            Ok(Self {
                name: package.name.clone(),
                work: archive.data_size(),
                control,
                archive: Mutex::new(archive),
            })
        };
        open().map_err(|error| StageError::Deb {
            package: package.name.clone(),
            error,
        })
    }

    /// What the package says it will occupy, in bytes.
    pub(super) fn installed_size(&self) -> u64 {
        let kibibytes: u64 = self.control.field("installed-size").parse().unwrap_or(0);
        kibibytes.saturating_mul(1024).max(self.work)
    }

    /// Extracts all files into `directory`, named by the place of their entry.
    pub(super) fn extract(
        &self,
        directory: &OwnedFd,
        shown: &Path,
    ) -> Result<Extracted, StageError> {
        let deb = |error| StageError::Deb {
            package: self.name.clone(),
            error,
        };
        let mut archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = archive.data().map_err(deb)?;
        let mut extracted = Extracted::default();
        let mut seen: BTreeMap<ImagePath, bool> = BTreeMap::new();
        let mut buffer = vec![0; 128 << 10];
        let conffiles = self.control.conffiles();
        let mut md5sums = match self.control.member("md5sums") {
            None => Some(String::new()),
            Some(_) => None,
        };
        while let Some(entry) = entries.next().map_err(deb)? {
            let is_file = matches!(entry.kind, EntryKind::Regular(_));
            if let EntryKind::HardLink(target) = &entry.kind
                && seen.get(target.as_bytes()) != Some(&true)
            {
                return Err(deb(DebError::HardLink {
                    path: entry.path.to_string(),
                    target: target.to_string(),
                }));
            }
            // A hard link to a link's path leads to the same file.
            let linkable = is_file || matches!(entry.kind, EntryKind::HardLink(_));
            if seen.insert(entry.path.clone(), linkable).is_some() {
                return Err(deb(DebError::DuplicatePath(entry.path.to_string())));
            }
            if is_file {
                let name = extracted.entries.len().to_string();
                let mut file = create_at(directory, OsStr::new(&name)).at("create", shown)?;
                let mut content = entries.content();
                let mut md5 = md5sums.is_some().then(Md5::default);
                loop {
                    let count = content.read(&mut buffer).map_err(|error| {
                        deb(DebError::Compression {
                            member: "data.tar".to_owned(),
                            message: error.to_string(),
                        })
                    })?;
                    if count == 0 {
                        break;
                    }
                    if let Some(md5) = &mut md5 {
                        md5.update(buffer.get(..count).unwrap_or_default());
                    }
                    file.write_all(buffer.get(..count).unwrap_or_default())
                        .at("write", shown)?;
                }
                if let (Some(sums), Some(md5)) = (&mut md5sums, md5)
                    && !conffiles.iter().any(|(path, _)| *path == entry.path)
                {
                    let name = String::from_utf8_lossy(entry.path.relative());
                    let _ = writeln!(sums, "{}  {name}", md5.finish());
                }
                drop(content);
                metadata(&entry).apply(&file).at("set metadata in", shown)?;
            }
            extracted.entries.push(entry);
        }
        extracted.md5sums = md5sums;
        Ok(extracted)
    }
}

/// What an entry says about its inode.
pub(super) fn metadata(entry: &Entry) -> Metadata {
    Metadata {
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        mtime: entry.mtime,
    }
}

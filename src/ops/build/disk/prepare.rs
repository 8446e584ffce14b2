//! What an image that boots from a disk has otherwise than one that does not.

use super::DiskImageError;
use super::parts::{self, Body, EFI, ORIGIN, UPDATER};
use crate::boot::Etc;
use crate::expect;
use crate::image::disk::Split;
use crate::manifest::Manifest;
use crate::ops::build::Trust;
use crate::path::{Glob, ImagePath};
use crate::template::{Disk, Template};
use crate::tree::{
    Blobs, Inode, Kind, Layered, MemoryBlobs, Mode, Open, Origin, Stat, Tree, Xattrs,
};

/// os-release(5), which says which version runs; systemd-sysupdate(8) never writes over that one.
pub(super) const OS_RELEASE: &str = "/usr/lib/os-release";

/// What is said about an image that boots from a disk.
pub(in crate::ops::build) struct Prepare<'a> {
    pub(in crate::ops::build) template: &'a Template,
    pub(in crate::ops::build) disk: &'a Disk,
    pub(in crate::ops::build) trust: Option<&'a Trust>,
}

impl Prepare<'_> {
    /// Changes the tree, before it is sealed; what is new is in `added`, all else in `blobs`.
    ///
    /// # Errors
    /// A place of the template is no directory of the image, or what the template asks for is not in it.
    pub(in crate::ops::build) fn tree(
        &self,
        tree: &mut Tree<Open>,
        added: &mut MemoryBlobs,
        blobs: &dyn Blobs,
    ) -> Result<(), DiskImageError> {
        for path in places(self.disk)? {
            let is_directory = |inode: &Inode| matches!(inode.kind, Kind::Directory);
            if !tree.get(&path).is_some_and(is_directory) {
                return Err(DiskImageError::Place(path));
            }
        }
        self.version(tree, added, blobs)?;
        let origin = Origin::Template(ORIGIN.to_owned());
        tree.make_dirs(&ImagePath::parse(EFI)?, &origin)?;
        let split = self.split();
        if split.is_some() && tree.get(&ImagePath::parse(UPDATER)?).is_none() {
            return Err(DiskImageError::NoUpdater);
        }
        let parts = parts::parts(|path| tree.get(path).is_some(), split.as_ref())?;
        for part in parts {
            // What a template has there is what it wants.
            if tree.get(&part.path).is_some() {
                continue;
            }
            if let Some(directory) = part.path.parent() {
                tree.make_dirs(&directory, &origin)?;
            }
            let (mode, kind) = match part.body {
                Body::Text(text) => {
                    let content = added.add(text.into_owned().into_bytes());
                    (Mode::FILE, Kind::Regular(content))
                }
                Body::Masked => (Mode::SYMLINK, Kind::Symlink(b"/dev/null".to_vec())),
            };
            let inode = Inode {
                stat: Stat {
                    mtime: tree.epoch().seconds(),
                    ..Stat::root(mode)
                },
                kind,
                xattrs: Xattrs::new(),
                origin: origin.clone(),
            };
            tree.insert(part.path, inode)?;
        }
        Ok(())
    }

    /// Whether the image of `manifest` was prepared by this very karat.
    pub(in crate::ops::build) fn is_in(&self, manifest: &Manifest) -> Result<bool, DiskImageError> {
        Ok(parts::are_in(manifest, self.split().as_ref())?)
    }

    /// Where the image's updates come from, if it says so.
    fn split(&self) -> Option<Split> {
        let log = self.trust.and_then(|trust| trust.root.log());
        Some(Split {
            name: self.template.image.name.clone(),
            address: self.disk.updates.clone()?,
            receipt: log.is_some(),
        })
    }

    /// Puts the image's own name and version into os-release(5) of the distribution.
    fn version(
        &self,
        tree: &mut Tree<Open>,
        added: &mut MemoryBlobs,
        blobs: &dyn Blobs,
    ) -> Result<(), DiskImageError> {
        let path = ImagePath::parse(OS_RELEASE)?;
        let content = tree.content(&path);
        let content = content.ok_or_else(|| DiskImageError::Missing(path.clone()))?;
        let bytes = Layered(&*added, blobs).read(&content);
        let bytes = bytes.map_err(|error| DiskImageError::Read {
            path: path.clone(),
            error,
        })?;
        let mut text = Vec::with_capacity(bytes.len());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !line.starts_with(b"IMAGE_ID=") && !line.starts_with(b"IMAGE_VERSION=") {
                text.extend_from_slice(line);
            }
        }
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        let image = &self.template.image;
        let own = format!("IMAGE_ID={}\nIMAGE_VERSION={}\n", image.name, image.version);
        text.extend_from_slice(own.as_bytes());
        let inode = Inode {
            stat: Stat {
                mtime: tree.epoch().seconds(),
                ..Stat::root(Mode::FILE)
            },
            kind: Kind::Regular(added.add(text)),
            xattrs: Xattrs::new(),
            origin: Origin::Template(ORIGIN.to_owned()),
        };
        tree.replace(path, inode)?;
        Ok(())
    }
}

/// Where the initrd lets the machine write.
///
/// # Errors
/// Never: the paths were read before.
pub(in crate::ops::build) fn places(disk: &Disk) -> Result<Vec<ImagePath>, DiskImageError> {
    let mut places: Vec<ImagePath> = disk.writable.iter().map(|it| it.path.clone()).collect();
    if disk.etc != Etc::ReadOnly {
        places.push(ImagePath::parse("/etc")?);
    }
    Ok(places)
}

/// `mutable`, and what may be mounted where the EFI system partition is: nothing there gains rights, and
/// the root beneath it is read-only.
pub(in crate::ops::build) fn expectations(
    mut mutable: Vec<expect::Mutable>,
) -> Vec<expect::Mutable> {
    if let Ok(path) = Glob::parse(&format!("{EFI}/**"))
        && mutable.iter().all(|entry| entry.path != path)
    {
        mutable.push(expect::Mutable {
            class: expect::Class::State,
            mode: None,
            origin: Origin::Template(ORIGIN.to_owned()),
            path,
        });
    }
    mutable
}

//! What an image that boots from a disk has otherwise than one that does not.

use super::DiskImageError;
use crate::boot::Etc;
use crate::path::ImagePath;
use crate::template::Disk;
use crate::tree::{Inode, Kind, Mode, Open, Origin, Stat, Tree, Xattrs};

/// What would mount partitions by itself (systemd-gpt-auto-generator(8)): the EFI system partition,
/// which nobody mounts on a machine whose initrd reads it.
const GENERATOR: &str = "/etc/systemd/system-generators/systemd-gpt-auto-generator";

/// Changes the tree, before it is sealed.
///
/// # Errors
/// A place of the template is no directory of the image.
pub(in crate::ops::build) fn prepare(
    tree: &mut Tree<Open>,
    disk: &Disk,
) -> Result<(), DiskImageError> {
    for path in places(disk)? {
        let is_directory = |inode: &Inode| matches!(inode.kind, Kind::Directory);
        if !tree.get(&path).is_some_and(is_directory) {
            return Err(DiskImageError::Place(path));
        }
    }
    let origin = Origin::Template("disk".to_owned());
    let path = ImagePath::parse(GENERATOR)?;
    if tree.get(&path).is_some() {
        return Ok(());
    }
    if let Some(directory) = path.parent() {
        tree.make_dirs(&directory, &origin)?;
    }
    let inode = Inode {
        stat: Stat {
            mtime: tree.epoch().seconds(),
            ..Stat::root(Mode::SYMLINK)
        },
        kind: Kind::Symlink(b"/dev/null".to_vec()),
        xattrs: Xattrs::new(),
        origin,
    };
    tree.insert(path, inode)?;
    Ok(())
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

//! From a configured root on disk to a tree as a value, with its contents in a pack.
//!
//! Nothing runs in the root any more. The walk opens directories by name without following links;
//! only regular files are opened. Files are hashed and packed by all processors at once, several at
//! a time by each.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use rayon::prelude::*;
use rustix::fs::FileType;

use super::error::StageError;
use super::normalise::{Action, LINKS, Rules, shadow_dates};
use super::place::{Owner, Spot};
use super::store::PackWriter;
use crate::digest::Hasher;
use crate::limits;
use crate::path::ImagePath;
use crate::sys::root::{self, Found, Root};
use crate::tree::{
    Content, Device, Epoch, Inode, InodeId, Kind, Mode, Origin, Sealed, Stat, Tree, Xattrs,
};

/// Files up to this size are read once and written from memory; larger ones are read twice.
const IN_MEMORY_MAX: u64 = 4 << 20;
/// Bytes of files that are held before they are hashed and written together.
const BATCH: u64 = 2 << 20;
/// Files that are hashed and written together, at most.
const BATCH_FILES: usize = 128;

/// What the walk found at one path.
#[derive(Debug)]
struct Seen {
    path: ImagePath,
    found: Found,
    kind: Pending,
    xattrs: Xattrs,
    origin: Origin,
    /// Whether the inode still has the time that its package gave it.
    packaged: bool,
    action: Option<Action>,
}

/// A kind whose content may still be to be read.
#[derive(Debug)]
enum Pending {
    Known(Kind),
    File,
}

/// Who owns what, for the origin of each path.
#[derive(Debug)]
pub(super) struct Owners {
    pub(super) spots: BTreeMap<Spot, Owner>,
    pub(super) names: Vec<String>,
}

/// Captures a root.
pub(super) fn capture(
    root: &Root,
    epoch: Epoch,
    owners: &Owners,
    pack: &PackWriter,
) -> Result<Tree<Sealed>, StageError> {
    let seen = walk(root, owners)?;
    // Hard links share one read: only an inode's first path is read.
    let mut first: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    let mut files: Vec<&Seen> = Vec::new();
    for (at, entry) in seen.iter().enumerate() {
        if matches!(entry.kind, Pending::File)
            && first
                .insert((entry.found.device, entry.found.inode), at)
                .is_none()
        {
            files.push(entry);
        }
    }
    // The largest first, so that no processor is left alone with it at the end.
    files.sort_by_key(|entry| std::cmp::Reverse(entry.found.size));
    let contents: Vec<Vec<((u64, u64), Content)>> = batches(&files)
        .par_iter()
        .map_init(Vec::new, |arena, batch| {
            let contents = read(root, batch, epoch, pack, arena)?;
            let keys = batch
                .iter()
                .map(|entry| (entry.found.device, entry.found.inode));
            Ok(keys.zip(contents).collect())
        })
        .collect::<Result<_, StageError>>()?;
    assemble(seen, &contents.into_iter().flatten().collect(), epoch)
}

/// Runs of files that are dealt with together; a large one is alone.
fn batches<'a>(files: &'a [&'a Seen]) -> Vec<&'a [&'a Seen]> {
    let mut batches = Vec::new();
    let mut rest = files;
    while !rest.is_empty() {
        let mut bytes = 0_u64;
        let fits = |entry: &&&Seen| {
            bytes = bytes.saturating_add(entry.found.size);
            bytes <= BATCH
        };
        let count = rest.iter().take(BATCH_FILES).take_while(fits).count();
        let (batch, others) = rest.split_at_checked(count.max(1)).unwrap_or((rest, &[]));
        batches.push(batch);
        rest = others;
    }
    batches
}

/// All paths that stay, parents first.
fn walk(root: &Root, owners: &Owners) -> Result<Vec<Seen>, StageError> {
    let rules = Rules::new();
    let top = ImagePath::root();
    let found = root.find(&top)?.ok_or_else(|| system("the root is gone"))?;
    let device = found.device;
    let mut seen = vec![Seen {
        path: top.clone(),
        found,
        kind: Pending::Known(Kind::Directory),
        xattrs: Xattrs::new(),
        origin: Origin::Script("configure".to_owned()),
        packaged: false,
        action: None,
    }];
    // One level after the other, the directories of a level by all processors.
    let mut level = vec![(top, found.inode)];
    while !level.is_empty() {
        let found: Vec<Vec<Seen>> = level
            .par_iter()
            .map(|(path, inode)| list(root, path, *inode, &rules, owners))
            .collect::<Result<_, StageError>>()?;
        level.clear();
        for entry in found.into_iter().flatten() {
            if entry.found.kind == FileType::Directory {
                if entry.found.device != device {
                    return Err(at(&entry.path, "another file system is mounted there"));
                }
                level.push((entry.path.clone(), entry.found.inode));
            }
            seen.push(entry);
        }
        if seen.len() > limits::TREE_ENTRIES_MAX {
            return Err(system(format!(
                "more than {} paths",
                limits::TREE_ENTRIES_MAX
            )));
        }
    }
    seen.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(seen)
}

/// What a directory holds that stays.
fn list(
    root: &Root,
    path: &ImagePath,
    inode: u64,
    rules: &Rules,
    owners: &Owners,
) -> Result<Vec<Seen>, StageError> {
    let directory = root.directory(path)?;
    let mut seen = Vec::new();
    for name in root::names(&directory).map_err(|errno| at(path, errno))? {
        let child = path.join(&name).map_err(|rule| at(path, rule))?;
        let action = rules.action(&child);
        if action == Some(Action::Remove) {
            continue;
        }
        let entry = look(&directory, inode, child, &name, action, owners)?;
        let leads_nowhere = matches!(&entry.kind, Pending::Known(Kind::Symlink(target))
            if LINKS.iter().any(|link| link.as_bytes() == target.as_slice()));
        if !leads_nowhere {
            seen.push(entry);
        }
    }
    Ok(seen)
}

fn look(
    directory: &OwnedFd,
    directory_inode: u64,
    path: ImagePath,
    name: &[u8],
    action: Option<Action>,
    owners: &Owners,
) -> Result<Seen, StageError> {
    let os_name = OsStr::from_bytes(name);
    let fail = |errno: rustix::io::Errno| at(&path, errno);
    let found = root::find_at(directory, os_name)
        .map_err(fail)?
        .ok_or_else(|| at(&path, "it vanished"))?;
    let device = Device {
        major: found.rdev.0,
        minor: found.rdev.1,
    };
    let kind = match found.kind {
        FileType::Directory => Pending::Known(Kind::Directory),
        FileType::RegularFile => Pending::File,
        FileType::Symlink => {
            let target = root::link_target(directory, os_name).map_err(fail)?;
            Pending::Known(Kind::Symlink(target))
        }
        FileType::Fifo => Pending::Known(Kind::Fifo),
        FileType::Socket => Pending::Known(Kind::Socket),
        FileType::BlockDevice => Pending::Known(Kind::BlockDevice(device)),
        FileType::CharacterDevice => Pending::Known(Kind::CharDevice(device)),
        FileType::Unknown => return Err(at(&path, "its type is unknown")),
    };
    let xattrs = root::xattrs(directory, os_name).map_err(fail)?;
    let owner = owners.spots.get(&(directory_inode, name.to_vec()));
    let (origin, packaged) = origin(&found, owner, owners);
    Ok(Seen {
        found,
        kind,
        xattrs: kept_xattrs(xattrs),
        origin,
        packaged,
        action,
        path,
    })
}

/// Size and time that stand as the package gave them mean that its content stands; a script that
/// writes a file changes its time.
fn origin(found: &Found, owner: Option<&Owner>, owners: &Owners) -> (Origin, bool) {
    let package = owner.filter(|owner| {
        if found.kind == FileType::Directory || owner.directory {
            return owner.directory == (found.kind == FileType::Directory);
        }
        owner.mtime == found.mtime && (owner.size == found.size || found.kind == FileType::Fifo)
    });
    match package.and_then(|owner| owners.names.get(owner.package)) {
        Some(name) => (Origin::Package(name.clone()), true),
        None => (Origin::Script("configure".to_owned()), false),
    }
}

/// Attributes that belong to an image. Labels of the machine's own security module do not.
fn kept_xattrs(xattrs: Xattrs) -> Xattrs {
    xattrs
        .into_iter()
        .filter_map(|(name, value)| match name.as_slice() {
            b"security.capability" => Some((name, file_capability(value))),
            b"system.posix_acl_access" | b"system.posix_acl_default" => Some((name, value)),
            _ if name.starts_with(b"user.") => Some((name, value)),
            _ => None,
        })
        .collect()
}

/// capabilities(7): version 3 of a file capability names the root of the namespace that set it;
/// version 2 is the same without.
fn file_capability(value: Vec<u8>) -> Vec<u8> {
    const VERSION_2: u8 = 2;
    const VERSION_3: u8 = 3;
    match value.as_slice() {
        [flags, a, b, VERSION_3, rest @ ..] if rest.len() == 20 => {
            let mut out = vec![*flags, *a, *b, VERSION_2];
            out.extend_from_slice(rest.get(..16).unwrap_or_default());
            out
        }
        _ => value,
    }
}

/// Reads files into the pack; gives their contents.
fn read(
    root: &Root,
    batch: &[&Seen],
    epoch: Epoch,
    pack: &PackWriter,
    arena: &mut Vec<u8>,
) -> Result<Vec<Content>, StageError> {
    if let [entry] = batch
        && entry.found.size > IN_MEMORY_MAX
        && entry.action != Some(Action::Empty)
    {
        let content = keep_large(pack, open(root, entry)?, arena);
        return Ok(vec![content.map_err(|error| at(&entry.path, error))?]);
    }
    arena.clear();
    let mut ends = Vec::with_capacity(batch.len());
    for entry in batch {
        if entry.action != Some(Action::Empty) {
            let start = arena.len();
            let mut file = open(root, entry)?.take(IN_MEMORY_MAX);
            file.read_to_end(arena)
                .map_err(|error| at(&entry.path, error))?;
            if entry.action == Some(Action::ShadowDates) {
                let text = arena.split_off(start);
                arena.extend_from_slice(&shadow_dates(&text, epoch));
            }
        }
        ends.push(arena.len());
    }
    let mut rest = arena.as_slice();
    let mut start = 0;
    let parts: Vec<&[u8]> = ends
        .into_iter()
        .map(|end| {
            let (part, others) = rest.split_at_checked(end - start).unwrap_or_default();
            (rest, start) = (others, end);
            part
        })
        .collect();
    pack.keep_all(&parts).map_err(system)
}

fn open(root: &Root, entry: &Seen) -> Result<File, StageError> {
    let (directory, name) = root.parent(&entry.path)?;
    root::open_at(directory, name).map_err(|error| at(&entry.path, error))
}

fn keep_large(pack: &PackWriter, mut file: File, buffer: &mut Vec<u8>) -> std::io::Result<Content> {
    buffer.resize(1 << 20, 0);
    let mut hasher = Hasher::new();
    loop {
        let count = file.read(buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
    let content = Content {
        size: hasher.length(),
        digest: hasher.finish(),
    };
    if let Some(slot) = pack.reserve(&content) {
        file.rewind()?;
        let mut offset = slot.offset;
        loop {
            let count = file.read(buffer)?;
            if count == 0 {
                break;
            }
            pack.write(offset, buffer.get(..count).unwrap_or_default())?;
            offset = offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }
    Ok(content)
}

fn assemble(
    seen: Vec<Seen>,
    contents: &BTreeMap<(u64, u64), Content>,
    epoch: Epoch,
) -> Result<Tree<Sealed>, StageError> {
    let mut tree = Tree::new(epoch);
    let mut links: BTreeMap<(u64, u64), InodeId> = BTreeMap::new();
    for entry in seen {
        let key = (entry.found.device, entry.found.inode);
        let is_directory = entry.found.kind == FileType::Directory;
        let many = entry.found.links > 1 && !is_directory;
        if many && let Some(id) = links.get(&key) {
            tree.link(entry.path, *id).map_err(system)?;
            continue;
        }
        let kind = match entry.kind {
            Pending::Known(kind) => kind,
            Pending::File => Kind::Regular(
                *contents
                    .get(&key)
                    .ok_or_else(|| at(&entry.path, "it was not read"))?,
            ),
        };
        let changed = entry.action.is_some_and(|action| action != Action::Remove);
        let mtime = if entry.packaged && !is_directory && !changed {
            entry.found.mtime
        } else {
            epoch.seconds()
        };
        let mode = if matches!(kind, Kind::Symlink(_)) {
            Mode::SYMLINK
        } else {
            Mode::of_st_mode(entry.found.mode)
        };
        let inode = Inode {
            stat: Stat {
                mode,
                uid: entry.found.uid,
                gid: entry.found.gid,
                mtime,
            },
            kind,
            xattrs: entry.xattrs,
            origin: entry.origin,
        };
        let id = tree.replace(entry.path, inode).map_err(system)?;
        if many {
            links.insert(key, id);
        }
    }
    tree.seal().map_err(system)
}

fn at(path: &ImagePath, error: impl std::fmt::Display) -> StageError {
    StageError::system(format!("{path}: {error}"))
}

fn system(error: impl std::fmt::Display) -> StageError {
    StageError::system(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_lose_the_namespace_they_were_set_in() {
        // cap_net_raw+ep, as setcap(8) writes it inside a user namespace.
        let mut third = vec![
            1, 0, 0, 3, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let mut second = third.clone();
        second[3] = 2;
        third.extend([0xe8, 3, 0, 0]);
        assert_eq!(file_capability(third), second);
        assert_eq!(file_capability(second.clone()), second);
    }

    #[test]
    fn labels_of_the_machine_are_left_out() {
        let xattr = |name: &str| (name.as_bytes().to_vec(), b"x".to_vec());
        let all = Xattrs::from([
            xattr("security.selinux"),
            xattr("user.a"),
            xattr("trusted.b"),
        ]);
        assert_eq!(kept_xattrs(all), Xattrs::from([xattr("user.a")]));
    }
}

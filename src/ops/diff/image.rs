//! Images as files on this machine: a tree, and the contents of some of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use super::DiffError;
use super::files::{ErofsFiles, Files};
use crate::appraise::{Evidence, NotChecked, Observed, ObservedKind, Reason, UpTo};
use crate::image::compress::Decoder;
use crate::image::erofs;
use crate::image::oci;
use crate::image::tar;
use crate::limits;
use crate::ops::outputs::LayoutDirectory;
use crate::path::ImagePath;
use crate::sys::fs::{self, IoContext as _};
use crate::sys::material::without_suffix;
use crate::sys::root::Root;
use crate::sys::scan::{Scan, scan};
use crate::tree::{
    Blobs as _, Content, Epoch, Inode, Kind, MemoryBlobs, Mode, Open, Origin, Stat, Tree, TreeError,
};

/// What names of tar archives end with.
pub(in crate::ops) const TAR_SUFFIXES: [&str; 3] = [".tar.zst", ".tar.gz", ".tar"];

/// What names of EROFS images end with.
pub(in crate::ops) const EROFS_SUFFIX: &str = ".erofs";

/// An image, by what it is.
#[derive(Debug)]
pub(in crate::ops) enum Image {
    /// A directory tree, scanned with so many threads.
    Directory(PathBuf, NonZero<usize>),
    /// An EROFS image, read with so many threads.
    Erofs(PathBuf, NonZero<usize>),
    /// An OCI image layout.
    Oci(PathBuf),
    /// A tar archive, compressed or not.
    Tar(PathBuf),
}

/// What reading an image gave.
pub(in crate::ops) struct Read {
    /// All paths; every origin is [`unknown`].
    pub(in crate::ops) tree: Tree<Open>,
    /// The contents that were asked for.
    pub(in crate::ops) kept: MemoryBlobs,
    /// What could not be looked at; it is not in the tree.
    pub(super) not_checked: Vec<NotChecked>,
}

/// The origin of paths whose origin nobody knows: no manifest can spell it.
pub(super) fn unknown() -> Origin {
    Origin::Template(String::new())
}

/// Says which contents to keep, by path and size.
type Keep<'a> = &'a mut dyn FnMut(&ImagePath, u64) -> bool;

impl Image {
    /// The image that `path` names: an OCI layout, another directory, an EROFS image, or a tar
    /// archive; `None`
    /// where the name says none of them.
    ///
    /// # Errors
    /// It is not there.
    pub(in crate::ops) fn named(
        path: &Path,
        threads: NonZero<usize>,
    ) -> Result<Option<Self>, DiffError> {
        let path_of = || path.to_owned();
        if fs::is_dir(path)? {
            let is_layout = without_suffix(path, ".oci").is_some()
                || without_suffix(path, ".oci/").is_some()
                || fs::exists(path.join("oci-layout"))?;
            return Ok(Some(if is_layout {
                Self::Oci(path_of())
            } else {
                Self::Directory(path_of(), threads)
            }));
        }
        if without_suffix(path, EROFS_SUFFIX).is_some() {
            return Ok(Some(Self::Erofs(path_of(), threads)));
        }
        let is_tar = TAR_SUFFIXES
            .iter()
            .any(|suffix| without_suffix(path, suffix).is_some());
        Ok(is_tar.then(|| Self::Tar(path_of())))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Directory(path, _) | Self::Erofs(path, _) | Self::Oci(path) | Self::Tar(path) => {
                path
            }
        }
    }

    /// All paths, and the contents that `keep` chooses.
    pub(in crate::ops) fn read(&self, keep: Keep<'_>) -> Result<Read, DiffError> {
        // Times are not compared.
        let epoch = Epoch::saturating(0);
        match self {
            Self::Directory(path, threads) => read_directory(path, *threads, keep),
            Self::Erofs(path, threads) => {
                let source = fs::FileSource::open(path)?;
                let (tree, kept) = erofs::read(&source, epoch, &unknown(), keep, *threads)
                    .map_err(|source| DiffError::Erofs {
                        path: path.clone(),
                        source,
                    })?;
                Ok(Read::whole(tree, kept))
            }
            Self::Oci(path) => {
                let failed = |source| DiffError::Oci {
                    path: path.clone(),
                    source,
                };
                let files = LayoutDirectory::new(path);
                let image = oci::Image::open(&files, None).map_err(failed)?;
                let (tree, kept) = image
                    .read(&files, epoch, &unknown(), keep)
                    .map_err(failed)?;
                Ok(Read::whole(tree, kept))
            }
            Self::Tar(path) => {
                let file = fs::open(path)?;
                let input = Decoder::detect(file, limits::IMAGE_TAR_MAX).at("read", path)?;
                let (tree, kept) =
                    tar::read(input, epoch, &unknown(), keep).map_err(|source| DiffError::Tar {
                        path: path.clone(),
                        source,
                    })?;
                Ok(Read::whole(tree, kept))
            }
        }
    }
}

impl Files for Image {
    fn contents(&self, wanted: &BTreeMap<ImagePath, Content>) -> Result<MemoryBlobs, DiffError> {
        match self {
            Self::Directory(path, _) => {
                let root = Root::open(path)?;
                let mut kept = MemoryBlobs::new();
                for (path, content) in wanted {
                    keep_file(&root, path, content, &mut kept);
                }
                Ok(kept)
            }
            Self::Erofs(path, _) => {
                let bytes = &fs::FileSource::open(path)?;
                ErofsFiles { bytes, path }.contents(wanted)
            }
            Self::Oci(_) | Self::Tar(_) => {
                let mut keep = |path: &ImagePath, size| {
                    wanted.get(path).is_some_and(|content| content.size == size)
                };
                Ok(self.read(&mut keep)?.kept)
            }
        }
    }

    fn file(&self, path: &ImagePath, cap: u64) -> Option<Vec<u8>> {
        match self {
            Self::Directory(root, _) => Root::open(root).ok()?.read(path, cap).ok()?,
            Self::Erofs(image, _) => {
                let bytes = &fs::FileSource::open(image).ok()?;
                ErofsFiles { bytes, path: image }.file(path, cap)
            }
            Self::Oci(_) | Self::Tar(_) => {
                let mut keep = |at: &ImagePath, size| at == path && size <= cap;
                let read = self.read(&mut keep).ok()?;
                let Kind::Regular(content) = &read.tree.get(path)?.kind else {
                    return None;
                };
                read.kept.read(content).ok()
            }
        }
    }
}

impl Read {
    fn whole(tree: Tree<Open>, kept: MemoryBlobs) -> Self {
        Self {
            tree,
            kept,
            not_checked: Vec::new(),
        }
    }
}

/// Keeps a file of a directory tree, if it still has its content.
fn keep_file(root: &Root, path: &ImagePath, content: &Content, kept: &mut MemoryBlobs) {
    if let Ok(Some(bytes)) = root.read(path, content.size)
        && Content::of(&bytes) == *content
    {
        kept.add(bytes);
    }
}

fn read_directory(path: &Path, threads: NonZero<usize>, keep: Keep<'_>) -> Result<Read, DiffError> {
    let evidence = scan(path, &Scan::new(&UpTo(limits::DIFF_FILE_MAX), threads))?;
    let mut read = tree_of(evidence).map_err(|source| DiffError::Tree {
        path: path.to_owned(),
        source,
    })?;
    let root = Root::open(path)?;
    for entry in read.tree.iter() {
        if let Kind::Regular(content) = &entry.inode.kind
            && keep(entry.path, content.size)
        {
            keep_file(&root, entry.path, content, &mut read.kept);
        }
    }
    Ok(read)
}

/// What was observed as a tree; whatever was not observed whole is left out of it, and noted.
fn tree_of(evidence: Evidence) -> Result<Read, TreeError> {
    let mut tree = Tree::new(Epoch::saturating(0));
    let mut not_checked = evidence.not_checked;
    let told: BTreeSet<ImagePath> = not_checked.iter().map(|item| item.path.clone()).collect();
    let mut inodes = BTreeMap::new();
    for seen in evidence.entries {
        let (path, key) = (seen.path.clone(), seen.inode);
        let is_shared = seen.links > 1 && seen.kind != ObservedKind::Directory;
        if let Some(id) = inodes.get(&key).filter(|_| is_shared) {
            tree.link(path, *id)?;
            continue;
        }
        let Some(inode) = inode_of(seen) else {
            // The scan says why, but for files that are too large to be read.
            if !told.contains(&path) {
                let reason =
                    Reason::Content(format!("it has more than {} bytes", limits::DIFF_FILE_MAX));
                not_checked.push(NotChecked { path, reason });
            }
            continue;
        };
        match tree.replace(path.clone(), inode) {
            Ok(id) if is_shared => {
                inodes.insert(key, id);
            }
            Ok(_) => {}
            // The directory was replaced or removed while it was read.
            Err(TreeError::NoParent(_)) => {
                let reason = Reason::Unstable;
                not_checked.push(NotChecked { path, reason });
            }
            Err(error) => return Err(error),
        }
    }
    not_checked.sort();
    Ok(Read {
        tree,
        kept: MemoryBlobs::new(),
        not_checked,
    })
}

fn inode_of(seen: Observed) -> Option<Inode> {
    let mut mode = seen.mode;
    let kind = match seen.kind {
        ObservedKind::BlockDevice(device) => Kind::BlockDevice(device),
        ObservedKind::CharDevice(device) => Kind::CharDevice(device),
        ObservedKind::Directory => Kind::Directory,
        ObservedKind::Fifo => Kind::Fifo,
        ObservedKind::Regular(content) => Kind::Regular(Content {
            digest: content.digest?,
            size: content.size,
        }),
        ObservedKind::Socket => Kind::Socket,
        ObservedKind::Symlink(target) => {
            mode = Mode::SYMLINK;
            Kind::Symlink(target?)
        }
    };
    Some(Inode {
        stat: Stat {
            uid: seen.uid,
            gid: seen.gid,
            ..Stat::root(mode)
        },
        kind,
        xattrs: seen.xattrs.unwrap_or_default(),
        origin: unknown(),
    })
}

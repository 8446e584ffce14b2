//! What was observed.

use std::collections::BTreeMap;
use std::fmt;

use crate::digest::Digest;
use crate::limits;
use crate::manifest::{Manifest, is_reserved};
use crate::path::ImagePath;
use crate::tree::{Device, Kind, Mode, Tree, Xattrs};

/// What was observed of a file tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Where from.
    pub source: Source,
    /// What is there, in bytewise order of the paths, each path once, but for what is exactly as
    /// listed.
    pub entries: Vec<Observed>,
    /// What is there exactly as the manifest lists it.
    pub as_listed: AsListed,
    /// What is mounted below the root, in bytewise order of the paths.
    pub mounts: Vec<ObservedMount>,
    /// The overlays among them that were looked through: what shows there is in `entries`, and what lies
    /// beneath is not.
    pub through: Vec<ImagePath>,
    /// What should have been looked at and could not be.
    pub not_checked: Vec<NotChecked>,
    /// Whether attributes of the `trusted.*` namespace were invisible to whoever looked: only root
    /// sees them.
    pub hides_trusted: bool,
    /// What a reader should know about how this was observed, in whole sentences.
    pub notes: Vec<String>,
}

/// Entries of a manifest, by their places, that were found exactly as they are listed: a bit each,
/// because an instance has hundreds of thousands of them and they are all alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AsListed {
    bits: Vec<u64>,
}

impl AsListed {
    /// Adds a place.
    pub fn insert(&mut self, place: usize) {
        let word = place / 64;
        if self.bits.len() <= word {
            self.bits.resize(word.saturating_add(1), 0);
        }
        if let Some(bits) = self.bits.get_mut(word) {
            *bits |= 1 << (place % 64);
        }
    }

    /// Adds all places of another.
    pub fn add(&mut self, other: &Self) {
        if self.bits.len() < other.bits.len() {
            self.bits.resize(other.bits.len(), 0);
        }
        for (ours, theirs) in self.bits.iter_mut().zip(&other.bits) {
            *ours |= theirs;
        }
    }

    /// Takes a place back.
    pub fn remove(&mut self, place: usize) {
        if let Some(bits) = self.bits.get_mut(place / 64) {
            *bits &= !(1 << (place % 64));
        }
    }

    /// Whether a place was added.
    pub fn contains(&self, place: usize) -> bool {
        let word = self.bits.get(place / 64).copied().unwrap_or(0);
        word >> (place % 64) & 1 == 1
    }
}

/// Where evidence comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An image as it was written (tar, OCI): nothing has run in it yet, so that nothing may differ
    /// and expectations exempt nothing.
    Image,
    /// A directory that may have been lived in: an instance, a snapshot, an unpacked image.
    Root,
}

/// What was observed at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The path.
    pub path: ImagePath,
    /// Permission, set-id and sticky bits.
    pub mode: Mode,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Type, and what belongs to that type alone.
    pub kind: ObservedKind,
    /// How many names the inode has, those outside of what was looked at included.
    pub links: u64,
    /// Which inode it is: equal for hard links of each other.
    pub inode: InodeKey,
    /// Extended attributes; `None` where they could not be read.
    pub xattrs: Option<Xattrs>,
}

/// A mount that covers what the root's own file system has at a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObservedMount {
    /// Where it is mounted.
    pub path: ImagePath,
    /// The file system's type, such as `tmpfs`.
    pub filesystem: String,
    /// What is mounted, as the kernel names it: a device, or a word.
    pub source: String,
    /// The directory of that file system that is seen: other than `/` for a bind mount.
    pub part: String,
    /// The mount's own options, in the kernel's order.
    pub options: String,
}

impl ObservedMount {
    /// Whether neither set-id bits nor device nodes in it have any effect.
    pub fn is_harmless(&self) -> bool {
        let has = |wanted| self.options.split(',').any(|option| option == wanted);
        has("nosuid") && has("nodev")
    }
}

impl fmt::Display for ObservedMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.filesystem, self.source)?;
        if self.part != "/" {
            write!(f, " at {}", self.part)?;
        }
        write!(f, ", {}", self.options)
    }
}

/// Which inode: the device and inode numbers, or any two numbers that play their part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InodeKey(pub u64, pub u64);

/// An observed type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservedKind {
    /// A block device.
    BlockDevice(Device),
    /// A character device.
    CharDevice(Device),
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A regular file.
    Regular(ObservedContent),
    /// A Unix socket.
    Socket,
    /// A symbolic link, with its target as written; `None` where it could not be read.
    Symlink(Option<Vec<u8>>),
}

/// The observed bytes of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedContent {
    /// How many there are.
    pub size: u64,
    /// SHA-256 of them; `None` where they could not be read, or did not have to be: another size
    /// than expected is drift whatever they are.
    pub digest: Option<Digest>,
    /// SHA-256 of as many bytes as the manifest expects, where there are more.
    pub prefix: Option<Digest>,
}

/// Which bytes of a file are worth hashing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Whether the digest of all bytes is.
    pub whole: bool,
    /// How many bytes of the beginning are.
    pub prefix: Option<u64>,
}

/// Largest unexpected file whose digest is still taken, so that a report can name it: a file of
/// another size than expected, or one that is not listed, is drift whatever its bytes are, and may
/// be huge and sparse.
pub(super) const UNEXPECTED_MAX: u64 = 16 << 20;

impl Want {
    /// What is worth hashing of a regular file of `size` bytes at `path`.
    pub fn of(manifest: &Manifest, path: &ImagePath, size: u64) -> Self {
        let is_small = size <= UNEXPECTED_MAX;
        if is_reserved(path) {
            return Self {
                whole: is_small || size <= limits::MANIFEST_MAX,
                prefix: None,
            };
        }
        match manifest.get(path).map(|entry| &entry.kind) {
            Some(Kind::Regular(content)) => Self {
                whole: is_small || content.size == size,
                prefix: (content.size < size).then_some(content.size),
            },
            _ => Self {
                whole: is_small,
                prefix: None,
            },
        }
    }
}

/// Something that should have been looked at and could not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotChecked {
    /// Where.
    pub path: ImagePath,
    /// Why.
    pub reason: Reason,
}

/// Why something was not checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// More than a budget allows; what was not reached is unknown.
    Budget(Limit),
    /// The bytes of a file, or the target of a link, could not be read.
    Content(String),
    /// A directory could not be listed: nothing below it was seen.
    Directory(String),
    /// The path itself could not be examined.
    Examine(String),
    /// A runtime fact could not be observed there.
    Fact {
        /// Which.
        name: String,
        /// Why.
        error: String,
    },
    /// Another file system is mounted there: what lies beneath was not seen.
    Mount,
    /// A name in that directory makes a path longer than Linux' `PATH_MAX`.
    TooLong,
    /// It changed while it was read, more than once.
    Unstable,
    /// Its extended attributes could not be read.
    Xattrs(String),
}

/// A budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Bytes of files: paths are examined all the same.
    Bytes,
    /// Paths.
    Paths,
    /// Seconds.
    Time,
}

impl Reason {
    /// Whether everything below the path is unknown too.
    pub fn covers_below(&self) -> bool {
        matches!(
            self,
            Self::Budget(Limit::Paths | Limit::Time)
                | Self::Directory(_)
                | Self::Examine(_)
                | Self::Mount
        )
    }

    /// The name in JSON reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Budget(_) => "budget",
            Self::Content(_) => "content",
            Self::Directory(_) => "directory",
            Self::Examine(_) => "examine",
            Self::Fact { .. } => "fact",
            Self::Mount => "mount",
            Self::TooLong => "too-long",
            Self::Unstable => "unstable",
            Self::Xattrs(_) => "xattrs",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget(limit) => f.write_str(match limit {
                Limit::Bytes => "files have more bytes than may be read: the largest were not",
                Limit::Paths => "there are more paths than the budget allows",
                Limit::Time => "the time was over before all was looked at",
            }),
            Self::Content(error) => write!(f, "its content cannot be read: {error}"),
            Self::Directory(error) => write!(f, "it cannot be listed: {error}"),
            Self::Examine(error) => write!(f, "it cannot be examined: {error}"),
            Self::Fact { name, error } => write!(f, "{name} was not observed: {error}"),
            Self::Mount => f.write_str("another file system is mounted there"),
            Self::TooLong => f.write_str("a name in it makes a path longer than PATH_MAX"),
            Self::Unstable => f.write_str("it kept changing while it was read"),
            Self::Xattrs(error) => write!(f, "its extended attributes cannot be read: {error}"),
        }
    }
}

impl Evidence {
    /// What an image holds: all of it was read.
    pub fn of_tree<State>(tree: &Tree<State>) -> Self {
        let mut links: BTreeMap<_, u64> = BTreeMap::new();
        let mut numbers = BTreeMap::new();
        for entry in tree.iter() {
            let number = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
            numbers.entry(entry.id).or_insert(number);
            let count = links.entry(entry.id).or_default();
            *count = count.saturating_add(1);
        }
        let entries = tree
            .iter()
            .map(|entry| Observed {
                path: entry.path.clone(),
                mode: entry.inode.stat.mode,
                uid: entry.inode.stat.uid,
                gid: entry.inode.stat.gid,
                kind: ObservedKind::from(&entry.inode.kind),
                links: links.get(&entry.id).copied().unwrap_or(1),
                inode: InodeKey(0, numbers.get(&entry.id).copied().unwrap_or(u64::MAX)),
                xattrs: Some(entry.inode.xattrs.clone()),
            })
            .collect();
        Self::whole(entries)
    }
}

impl Evidence {
    /// A manifest as if it had been observed: for comparing two of them.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        let entries = (1..)
            .zip(manifest.entries())
            .map(|(number, entry)| Observed {
                path: entry.path.clone(),
                mode: entry.mode,
                uid: entry.uid,
                gid: entry.gid,
                kind: ObservedKind::from(&entry.kind),
                links: u64::from(entry.links),
                inode: match entry.group {
                    Some(group) => InodeKey(1, u64::from(group)),
                    None => InodeKey(0, number),
                },
                xattrs: Some(entry.xattrs.clone()),
            })
            .collect();
        Self::whole(entries)
    }

    /// Entries of a value, of which all is known: nothing was mounted, nothing left unread.
    fn whole(entries: Vec<Observed>) -> Self {
        Self {
            source: Source::Image,
            entries,
            as_listed: AsListed::default(),
            mounts: Vec::new(),
            through: Vec::new(),
            not_checked: Vec::new(),
            hides_trusted: false,
            notes: Vec::new(),
        }
    }
}

impl From<&Kind> for ObservedKind {
    fn from(kind: &Kind) -> Self {
        match kind {
            Kind::BlockDevice(device) => Self::BlockDevice(*device),
            Kind::CharDevice(device) => Self::CharDevice(*device),
            Kind::Directory => Self::Directory,
            Kind::Fifo => Self::Fifo,
            Kind::Regular(content) => Self::Regular(ObservedContent {
                size: content.size,
                digest: Some(content.digest),
                prefix: None,
            }),
            Kind::Socket => Self::Socket,
            Kind::Symlink(target) => Self::Symlink(Some(target.clone())),
        }
    }
}

impl ObservedKind {
    /// The type alone, device numbers included, as text.
    pub fn describe(&self) -> String {
        match self {
            Self::BlockDevice(Device { major, minor }) => format!("block device {major}:{minor}"),
            Self::CharDevice(Device { major, minor }) => {
                format!("character device {major}:{minor}")
            }
            Self::Directory => "directory".to_owned(),
            Self::Fifo => "FIFO".to_owned(),
            Self::Regular(_) => "file".to_owned(),
            Self::Socket => "socket".to_owned(),
            Self::Symlink(_) => "symbolic link".to_owned(),
        }
    }
}

//! What a path leads to.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;

/// Extended attributes by full name (`security.capability`), in bytewise order.
pub type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// A file, directory, link, device, FIFO or socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inode {
    /// Mode, owner, group, time.
    pub stat: Stat,
    /// Type, and what belongs to that type alone.
    pub kind: Kind,
    /// Extended attributes, capabilities and ACLs among them.
    pub xattrs: Xattrs,
    /// Who put it there.
    pub origin: Origin,
}

/// Metadata that every inode has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Permission, set-id and sticky bits.
    pub mode: Mode,
    /// Owner, as the image's own number.
    pub uid: u32,
    /// Group, as the image's own number.
    pub gid: u32,
    /// Time of last change of the content, in seconds since 1970; never after the tree's Epoch
    /// once sealed.
    pub mtime: u64,
}

impl Stat {
    /// Metadata of an inode that root owns, last changed in 1970; sealing keeps it.
    pub const fn root(mode: Mode) -> Self {
        Self {
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
        }
    }
}

/// Permission, set-id and sticky bits: `0o0000` to `0o7777`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mode(u16);

/// Bits that are no mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mode lies between 0000 and 7777 (octal)")]
pub struct ModeError;

impl Mode {
    /// `0755`: directories and programs.
    pub const DIRECTORY: Self = Self(0o755);
    /// `0644`: files.
    pub const FILE: Self = Self(0o644);
    /// `0777`: what Linux shows for every symbolic link.
    pub const SYMLINK: Self = Self(0o777);

    /// Takes the twelve mode bits.
    ///
    /// # Errors
    /// Other bits are set.
    pub fn new(bits: u32) -> Result<Self, ModeError> {
        match u16::try_from(bits) {
            Ok(bits @ 0..=0o7777) => Ok(Self(bits)),
            _ => Err(ModeError),
        }
    }

    /// The twelve bits of `st_mode`, whatever its file type bits are.
    #[expect(clippy::as_conversions, reason = "twelve bits fit")]
    pub const fn of_st_mode(st_mode: u32) -> Self {
        Self((st_mode & 0o7777) as u16)
    }

    /// The twelve bits.
    pub fn bits(self) -> u32 {
        u32::from(self.0)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mode({self})")
    }
}

/// The type of an inode, with what only that type has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A block device.
    BlockDevice(Device),
    /// A character device.
    CharDevice(Device),
    /// A directory; what it holds follows from the paths.
    Directory,
    /// A named pipe.
    Fifo,
    /// A regular file.
    Regular(Content),
    /// A Unix socket.
    Socket,
    /// A symbolic link, with its target as written.
    Symlink(Vec<u8>),
}

/// A device number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

/// The bytes of a regular file, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
}

impl Content {
    /// The name of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            digest: Digest::of(bytes),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }
}

/// Who put an inode there; written into the manifest as `package:NAME` and so on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A package's own file.
    Package(String),
    /// A hardening rule.
    Rule(String),
    /// A maintainer script or trigger; `configure` where none can be named.
    Script(String),
    /// A section of the template: `files`, `users`, `services`, `kernel` …
    Template(String),
}

/// Text that names no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is package:, rule:, script: or template: and a name of A-Z a-z 0-9 . + - _ : /")]
pub struct OriginError;

impl Origin {
    /// The kind and the name: what stands before and after the colon.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Package(name) => ("package", name),
            Self::Rule(name) => ("rule", name),
            Self::Script(name) => ("script", name),
            Self::Template(name) => ("template", name),
        }
    }

    /// Whether `name` may stand in an origin: no comma, blank or control byte, which the manifest's
    /// `tags=` list could not hold.
    fn is_name(name: &str) -> bool {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".+-_:/".contains(&byte))
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (kind, name) = text.split_once(':').ok_or(OriginError)?;
        if !Self::is_name(name) {
            return Err(OriginError);
        }
        let name = name.to_owned();
        match kind {
            "package" => Ok(Self::Package(name)),
            "rule" => Ok(Self::Rule(name)),
            "script" => Ok(Self::Script(name)),
            "template" => Ok(Self::Template(name)),
            _ => Err(OriginError),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = self.parts();
        write!(f, "{kind}:{name}")
    }
}

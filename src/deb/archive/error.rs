//! What is wrong with a `.deb` file.

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::path::Escaped;

/// The rule that a `.deb` file breaks.
///
/// Format: deb(5); the limits of the format that dpkg itself accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum DebError {
    /// It does not start as an ar archive, or a member header is damaged.
    #[error("it is not an ar archive: {0}")]
    Ar(String),
    /// The compressed bytes of a member are damaged or end early.
    #[error("{member} is damaged: {message}")]
    Compression {
        /// Which member.
        member: String,
        /// What the decompressor said.
        message: String,
    },
    /// A control member (`postinst`, `conffiles` …) is no regular file, or has an odd name.
    #[error("control member '{}' is no plain file", Escaped(.0.as_bytes()))]
    ControlMember(String),
    /// A field of `control` is missing, repeated or malformed.
    #[error("its control file: {0}")]
    Field(String),
    /// A path occurs twice in `data.tar`.
    #[error("path '{0}' occurs twice")]
    DuplicatePath(String),
    /// `data.tar` holds a device node.
    #[error("path '{0}' is a device node")]
    Device(String),
    /// A hard link to something that is no earlier file of the same package.
    #[error("hard link '{path}' to '{target}', which is no earlier file of this package")]
    HardLink {
        /// The link.
        path: String,
        /// Where it points.
        target: String,
    },
    /// A field says another thing than the lock.
    #[error("its {field} is '{found}' where the lock says '{locked}'")]
    Identity {
        /// Which field.
        field: String,
        /// What the package says.
        found: String,
        /// What the lock says.
        locked: String,
    },
    /// The file is not the one that was locked.
    #[error("its SHA-256 is {found} where the lock says {locked}")]
    Digest {
        /// What the file has.
        found: String,
        /// What the lock says.
        locked: String,
    },
    /// Larger than a cap allows.
    #[error("{what} is larger than {max} bytes")]
    TooLarge {
        /// What is.
        what: String,
        /// The cap.
        max: u64,
    },
    /// More entries than [`limits::DEB_ENTRIES_MAX`].
    #[error("more than {} entries", limits::DEB_ENTRIES_MAX)]
    TooManyEntries,
    /// A required member is missing, repeated, unknown or at the wrong place.
    #[error("member {0}")]
    Members(String),
    /// A path is absolute in a way that climbs, holds `..`, a NUL, or is too long.
    #[error("path '{path}': {rule}")]
    Path {
        /// The path as written.
        path: String,
        /// The rule it breaks.
        rule: String,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(String),
    /// A symbolic link without a target, or with one that no link can have.
    #[error("symbolic link '{0}' has no valid target")]
    Symlink(String),
    /// A tar header is damaged, or of a type that dpkg does not unpack either.
    #[error("{member}: {message}")]
    Tar {
        /// Which member.
        member: String,
        /// What is wrong.
        message: String,
    },
}

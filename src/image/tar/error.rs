//! What can be wrong with an archive.

use std::io;

use crate::limits;
use crate::path::{Escaped, ImagePath, PathError};
use crate::tree::TreeError;

/// Why an archive cannot be written or is not read.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// A POSIX ACL's bytes are malformed, or its text form in a pax record says something else.
    #[error("{0}: its POSIX ACL is malformed or given in two ways that differ")]
    Acl(ImagePath),
    /// A header block whose checksum is wrong.
    #[error("at byte {0}: the header's checksum is wrong")]
    Checksum(u64),
    /// The stored bytes of a file are not those that the tree names.
    #[error("{0}: its stored bytes are not those that the tree names")]
    Content(ImagePath),
    /// The bytes of a file cannot be had.
    #[error("{path}: cannot read its content: {source}")]
    ContentRead {
        /// Which file.
        path: ImagePath,
        /// What the source answered.
        source: io::Error,
    },
    /// A device number over 2,097,151, which ustar cannot hold.
    #[error("{0}: its device number is too large for a tar header")]
    Device(ImagePath),
    /// A path that the archive names twice.
    #[error("{0}: the archive names it twice")]
    Duplicate(ImagePath),
    /// Names and extended attributes that need too large an extension header.
    #[error("{0}: its extended attributes need more than {max} bytes", max = limits::TAR_EXTENSION_MAX)]
    Extension(ImagePath),
    /// Extension headers of one entry are too large.
    #[error("at byte {0}: extension headers of more than {max} bytes", max = limits::TAR_EXTENSION_MAX)]
    ExtensionSize(u64),
    /// A hard link to a path that the archive did not name before.
    #[error("{path}: a hard link to {target}, which is not there")]
    HardLink {
        /// The link.
        path: ImagePath,
        /// What it points to.
        target: ImagePath,
    },
    /// The archive cannot be read, or its output takes no bytes.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not a ustar, pax or GNU header.
    #[error("at byte {0}: neither a ustar nor a GNU tar header")]
    Magic(u64),
    /// Names, targets and attributes of more bytes than a manifest may have.
    #[error(
        "names, link targets and extended attributes of more than {} bytes",
        limits::MANIFEST_MAX
    )]
    Metadata,
    /// A member name that no image path can be made of.
    #[error("at byte {at}: the name {name:?} is refused: {rule}", name = Escaped(.name).to_string())]
    Name {
        /// Where its header starts.
        at: u64,
        /// The name, as the archive has it.
        name: Vec<u8>,
        /// The rule that it breaks.
        rule: PathError,
    },
    /// A number field that holds no number, or one out of its range.
    #[error("at byte {at}: the field {field} holds no number in range")]
    Number {
        /// Where the entry's header starts.
        at: u64,
        /// Which field.
        field: &'static str,
    },
    /// A pax record that is malformed, repeated, or that would change the entry's meaning in a way
    /// that an image does not have.
    #[error("at byte {at}: the pax record {key:?} is refused", key = Escaped(.key).to_string())]
    Record {
        /// Where the entry's first header starts.
        at: u64,
        /// Its keyword; empty where the record is malformed.
        key: Vec<u8>,
    },
    /// A sparse file, which no two programs store in the same way.
    #[error("at byte {0}: sparse files are not supported (write the archive without --sparse)")]
    Sparse(u64),
    /// A socket, which tar cannot hold.
    #[error("{0}: a socket cannot be stored in a tar archive")]
    Socket(ImagePath),
    /// Bytes behind the end of the archive.
    #[error("at byte {0}: there are bytes behind the end of the archive")]
    Trailing(u64),
    /// The entry breaks a rule of trees.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The archive ends in the middle.
    #[error("at byte {0}: the archive ends without its end marker")]
    Truncated(u64),
    /// An entry type that no image holds, or data where its type has none.
    #[error("at byte {at}: entries of type {kind:?} with such a name or size are not supported", kind = char::from(*.kind))]
    Type {
        /// Where its header starts.
        at: u64,
        /// Its type flag.
        kind: u8,
    },
    /// A whiteout of an OCI layer that hides nothing that can be hidden.
    #[error("{0}: not a whiteout that layers may hold")]
    Whiteout(ImagePath),
    /// An extended attribute whose name is empty or holds a NUL, or too many or too large ones.
    #[error("{0}: an extended attribute's name or size is out of range, or there are too many")]
    Xattr(ImagePath),
}

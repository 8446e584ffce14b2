//! What a template adds to a configured tree: users, files, services, kernel settings.
//!
//! [`apply`] is a pure function on the tree: it runs nothing, reads nothing but the tree, and does
//! by itself what `useradd`, `systemctl --root enable` and an editor would do. Every inode that it
//! touches says so in its origin: `template:users`, `template:files` and so on.

mod accounts;
mod canvas;
mod files;
mod install;
mod kernel;
mod segment;
mod services;
mod users;

use crate::path::ImagePath;
use crate::template::Template;
use crate::tree::{Blobs, MemoryBlobs, Open, Tree, TreeError};

use canvas::Canvas;

/// The rule that a template breaks on the tree that it is laid over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// A line of passwd(5), group(5), shadow(5) or gshadow(5) that is none.
    #[error("{path}: line {line} is no entry of that file")]
    AccountLine {
        /// The file.
        path: ImagePath,
        /// The line, from 1.
        line: usize,
    },
    /// No account database, or one that is no regular file.
    #[error("{0}: the image has no such file; accounts need it")]
    AccountFile(ImagePath),
    /// A directory that holds something, where the template wants a file.
    #[error("{0}: a directory of the image stands there, where the template states a file or link")]
    Directory(ImagePath),
    /// Another user or group has that name or number.
    #[error("{what} {name:?}: {id} is taken by {other:?}")]
    IdTaken {
        /// `user` or `group`.
        what: &'static str,
        /// Who asks.
        name: String,
        /// The number.
        id: u32,
        /// Who has it.
        other: String,
    },
    /// The account exists with another number.
    #[error("{what} {name:?} exists with the number {has}; the template states {stated}")]
    IdDiffers {
        /// `user` or `group`.
        what: &'static str,
        /// Which.
        name: String,
        /// Its number.
        has: u32,
        /// The template's.
        stated: u32,
    },
    /// No number of the range is free.
    #[error("{what} {name:?}: no number from {first} to {last} is free")]
    NoFreeId {
        /// `user` or `group`.
        what: &'static str,
        /// Who asks.
        name: String,
        /// First of the range.
        first: u32,
        /// Last of the range.
        last: u32,
    },
    /// Rules of the packet filter, and nothing that loads them.
    #[error(
        "[segment]: the image has no {0}, which loads its packet filter: add nftables to packages"
    )]
    NoPacketFilter(ImagePath),
    /// A path that leads through something that is no directory, or in a circle.
    #[error("{0}: its parent leads through something that is no directory")]
    Parent(ImagePath),
    /// A file of the tree whose bytes cannot be had.
    #[error("{path}: {reason}")]
    Read {
        /// The file.
        path: ImagePath,
        /// Why.
        reason: String,
    },
    /// The tree refuses a change.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Two units want the same name, or a file stands in the way of a link.
    #[error("{path}: stands there already and is not the link that {unit} needs")]
    UnitExists {
        /// The path.
        path: ImagePath,
        /// The unit.
        unit: String,
    },
    /// A unit that cannot be enabled or disabled, with the reason.
    #[error("unit {unit}: {reason}")]
    Unit {
        /// The unit.
        unit: String,
        /// Why.
        reason: UnitProblem,
    },
    /// A group that the image does not have.
    #[error("group {name:?}, of {of}: the image has no such group")]
    UnknownGroup {
        /// The group.
        name: String,
        /// Which user or path asks for it.
        of: String,
    },
    /// A user that the image does not have.
    #[error("owner {name:?}, of {of}: the image has no such user")]
    UnknownUser {
        /// The user.
        name: String,
        /// Which path asks for it.
        of: String,
    },
}

/// Why a unit cannot be enabled, disabled or masked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitProblem {
    /// A link to another unit.
    #[error("it is an alias of {0}; name that one")]
    Alias(String),
    /// A directive of `[Install]` with a word that is no unit, or with a specifier that is not known
    /// before boot.
    #[error("{0}")]
    Install(String),
    /// Masked.
    #[error("it is masked")]
    Masked,
    /// No `[Install]` section: other units start it, or it is always on.
    #[error("it has no [Install] section, so it cannot be enabled: other units start it")]
    NoInstall,
    /// A template unit without an instance.
    #[error("it is a template without DefaultInstance=; name an instance, as in {0}")]
    NoInstance(String),
    /// Not in the image.
    #[error("no package and no [[files]] entry has put it into the image")]
    Unknown,
}

/// Lays `template` over `tree`. Files of the tree are read from `blobs`, new ones go into `new`.
///
/// The order: groups, users, segment, files, services, kernel, os-release. So a file may belong to a user,
/// and a unit may come from a file, of the same template.
///
/// # Errors
/// The first rule that the template breaks on this tree.
pub fn apply(
    tree: Tree<Open>,
    template: &Template,
    new: &mut MemoryBlobs,
    blobs: &dyn Blobs,
) -> Result<Tree<Open>, OverlayError> {
    let mut canvas = Canvas::new(tree, new, blobs);
    users::apply(&mut canvas, &template.groups, &template.users)?;
    // Before files: one of the template's own takes the place of what follows from its segment.
    let services = segment::apply(&mut canvas, template)?;
    files::apply(&mut canvas, &template.files)?;
    services::apply(&mut canvas, &services)?;
    kernel::apply(&mut canvas, &template.kernel)?;
    files::os_release(&mut canvas, &template.image)?;
    Ok(canvas.into_tree())
}

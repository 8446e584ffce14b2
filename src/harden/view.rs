//! What can be looked at of a root, wherever it is.

use std::fmt;
use std::io::Read as _;

use crate::path::{Escaped, ImagePath};
use crate::tree::{Blobs, Content, Inode, Kind, Origin, Stat, Tree, Xattrs};

/// A root as somebody else's bytes: a tree that is being built, a directory, an archive.
///
/// Nothing here follows links: [`Root`](super::Root) does, inside of the root.
pub trait View {
    /// What stands at `path` itself; `None` where nothing does.
    ///
    /// # Errors
    /// It cannot be looked at.
    fn look(&self, path: &ImagePath) -> Result<Option<Node>, ViewError>;

    /// The names in the directory at `path`, sorted bytewise; none where there is no directory.
    ///
    /// # Errors
    /// It cannot be read, or has too many names.
    fn names(&self, path: &ImagePath) -> Result<Vec<Vec<u8>>, ViewError>;

    /// What the directory at `path` itself holds, sorted bytewise by name, for a look over the whole
    /// root: none where the view does not go in, as into another machine's file system.
    ///
    /// # Errors
    /// As [`View::names`] and [`View::look`].
    fn children(&self, path: &ImagePath) -> Result<Vec<(Vec<u8>, Node)>, ViewError> {
        let mut children = Vec::new();
        for name in self.names(path)? {
            // What lies deeper than a path can say was not looked at: no rule may hold for it.
            let child = path
                .join(&name)
                .map_err(|error| ViewError::new(path, error.to_string()))?;
            if let Some(node) = self.look(&child)? {
                children.push((name, node));
            }
        }
        Ok(children)
    }

    /// The bytes of the regular file at `path` itself, at most `cap`.
    ///
    /// # Errors
    /// There is no such file, it is larger, or it cannot be read.
    fn bytes(&self, path: &ImagePath, cap: u64) -> Result<Vec<u8>, ViewError>;
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Mode and owner; times say nothing here.
    pub stat: Stat,
    /// The type.
    pub kind: NodeKind,
    /// Extended attributes; file capabilities are among them.
    pub xattrs: Xattrs,
    /// Who put it there, where that is known.
    pub origin: Option<Origin>,
}

/// The type of what stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A directory.
    Directory,
    /// A regular file of so many bytes.
    Regular(u64),
    /// A symbolic link, with its target as written.
    Symlink(Vec<u8>),
    /// A device, FIFO or socket.
    Special,
}

/// Something that could not be looked at, and why: a rule that needs it is `unknown`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", Escaped(path.as_bytes()))]
pub struct ViewError {
    /// Where.
    pub path: ImagePath,
    /// Why.
    pub reason: String,
}

impl ViewError {
    /// `reason` at `path`.
    pub fn new(path: &ImagePath, reason: impl Into<String>) -> Self {
        Self {
            path: path.clone(),
            reason: reason.into(),
        }
    }
}

/// A tree and the contents of its files.
pub struct TreeView<'a, State> {
    tree: &'a Tree<State>,
    blobs: &'a dyn Blobs,
    more: Option<&'a dyn Blobs>,
    /// Whether the tree knows who put what there.
    origins: bool,
}

impl<State> fmt::Debug for TreeView<'_, State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TreeView").finish_non_exhaustive()
    }
}

impl<'a, State> TreeView<'a, State> {
    /// Looks at `tree`, whose contents `blobs` has.
    pub fn new(tree: &'a Tree<State>, blobs: &'a dyn Blobs) -> Self {
        Self {
            tree,
            blobs,
            more: None,
            origins: true,
        }
    }

    /// The same for a tree that was read from an archive: who put what there is not known of it,
    /// whatever its inodes say.
    pub fn of_archive(tree: &'a Tree<State>, blobs: &'a dyn Blobs) -> Self {
        Self {
            origins: false,
            ..Self::new(tree, blobs)
        }
    }

    /// As [`TreeView::new`], with a second source of contents.
    pub(super) fn layered(
        tree: &'a Tree<State>,
        first: &'a dyn Blobs,
        second: &'a dyn Blobs,
    ) -> Self {
        Self {
            tree,
            blobs: first,
            more: Some(second),
            origins: true,
        }
    }

    fn open(&self, content: &Content) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
        match (self.blobs.open(content), self.more) {
            (Err(error), Some(more)) if error.kind() == std::io::ErrorKind::NotFound => {
                more.open(content)
            }
            (answer, _) => answer,
        }
    }
}

impl<State> View for TreeView<'_, State> {
    fn look(&self, path: &ImagePath) -> Result<Option<Node>, ViewError> {
        let mut node = self.tree.get(path).map(node);
        if let (Some(node), false) = (&mut node, self.origins) {
            node.origin = None;
        }
        Ok(node)
    }

    fn names(&self, path: &ImagePath) -> Result<Vec<Vec<u8>>, ViewError> {
        Ok(self
            .tree
            .names(path)
            .into_iter()
            .map(<[u8]>::to_vec)
            .collect())
    }

    fn bytes(&self, path: &ImagePath, cap: u64) -> Result<Vec<u8>, ViewError> {
        let failed = |reason: String| ViewError::new(path, reason);
        let content = match self.tree.get(path).map(|inode| &inode.kind) {
            Some(Kind::Regular(content)) => *content,
            _ => return Err(failed("it is no regular file".to_owned())),
        };
        if content.size > cap {
            return Err(failed(format!("it is larger than {cap} bytes")));
        }
        let mut bytes = Vec::new();
        self.open(&content)
            .and_then(|reader| {
                reader
                    .take(content.size.saturating_add(1))
                    .read_to_end(&mut bytes)
            })
            .map_err(|error| failed(error.to_string()))?;
        if Content::of(&bytes) != content {
            return Err(failed("its stored bytes are not the right ones".to_owned()));
        }
        Ok(bytes)
    }
}

fn node(inode: &Inode) -> Node {
    Node {
        stat: inode.stat,
        kind: match &inode.kind {
            Kind::Directory => NodeKind::Directory,
            Kind::Regular(content) => NodeKind::Regular(content.size),
            Kind::Symlink(target) => NodeKind::Symlink(target.clone()),
            Kind::BlockDevice(_) | Kind::CharDevice(_) | Kind::Fifo | Kind::Socket => {
                NodeKind::Special
            }
        },
        xattrs: inode.xattrs.clone(),
        origin: Some(inode.origin.clone()),
    }
}

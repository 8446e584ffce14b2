//! The manifest as a value.

use std::io::{self, Write};
use std::sync::Arc;

use super::index::Index;
use super::{Entry, encode};
use crate::digest::{Digest, Hasher};
use crate::path::ImagePath;
use crate::tree::{Content, InodeId, Origin, OriginError, Sealed, Tree};

/// The directory of the two files that no manifest lists.
pub const RESERVED_DIRECTORY: &str = "/usr/lib/karat/baseline";

/// The only paths that a manifest leaves out: the image's own copies of the manifest and of the
/// expectations. Their digests are subjects of the signed statement instead.
pub const RESERVED: [&str; 2] = [
    "/usr/lib/karat/baseline/manifest.mtree",
    "/usr/lib/karat/baseline/expect.json",
];

/// Whether manifests leave `path` out.
pub fn is_reserved(path: &ImagePath) -> bool {
    RESERVED
        .iter()
        .any(|reserved| reserved.as_bytes() == path.as_bytes())
}

/// Every path of a tree, in bytewise order.
///
/// Its rules hold by construction: the first path is `/`, parents are listed directories, hard-link
/// groups are whole, and its bytes are canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<Entry>,
    index: Index,
    content: Content,
}

impl Manifest {
    /// The manifest of a sealed tree.
    pub fn of(tree: &Tree<Sealed>) -> Self {
        let groups = Groups::of(tree);
        let mut origins = Origins::default();
        let entries = tree
            .iter()
            .filter(|entry| !is_reserved(entry.path))
            .map(|entry| {
                let (links, group) = groups.find(entry.id);
                Entry {
                    path: entry.path.clone(),
                    mode: entry.inode.stat.mode,
                    uid: entry.inode.stat.uid,
                    gid: entry.inode.stat.gid,
                    links,
                    group,
                    kind: entry.inode.kind.clone(),
                    xattrs: entry.inode.xattrs.clone(),
                    origin: origins.share(&entry.inode.origin),
                }
            })
            .collect();
        Self::new(entries)
    }

    /// A manifest of entries that keep all rules.
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let mut hasher = Hasher::new();
        let mut buffer = Vec::new();
        for entry in &entries {
            buffer.clear();
            encode::line(entry, &mut buffer);
            hasher.update(&buffer);
        }
        let size = hasher.length();
        let digest = hasher.finish();
        Self::known(entries, Content { digest, size })
    }

    /// A manifest of entries that keep all rules and whose bytes are `content`.
    pub(super) fn known(entries: Vec<Entry>, content: Content) -> Self {
        Self {
            index: Index::of(&entries),
            entries,
            content,
        }
    }

    /// The entries, in bytewise order of their paths.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the manifest says about `path`.
    pub fn get(&self, path: &ImagePath) -> Option<&Entry> {
        self.entries.get(self.place(path)?)
    }

    /// The place of `path` among the entries.
    pub fn place(&self, path: &ImagePath) -> Option<usize> {
        self.index.place(&self.entries, path)
    }

    /// The canonical line of `path`, without its line feed.
    pub fn line(&self, path: &ImagePath) -> Option<String> {
        let mut line = Vec::new();
        encode::line(self.get(path)?, &mut line);
        line.pop();
        String::from_utf8(line).ok()
    }

    /// SHA-256 of the canonical bytes: the name under which a statement signs this manifest.
    pub fn digest(&self) -> Digest {
        self.content.digest
    }

    /// Digest and size of the canonical bytes.
    pub fn content(&self) -> Content {
        self.content
    }

    /// Writes the canonical bytes.
    ///
    /// # Errors
    /// What writing to `out` meets.
    pub fn write_to(&self, mut out: impl Write) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(BUFFER + 4096);
        for entry in &self.entries {
            encode::line(entry, &mut buffer);
            if buffer.len() >= BUFFER {
                out.write_all(&buffer)?;
                buffer.clear();
            }
        }
        out.write_all(&buffer)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            encode::line(entry, &mut bytes);
        }
        bytes
    }
}

/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 16;

/// Hard-link groups of the listed paths, by inode.
struct Groups(Vec<(InodeId, u32, u32)>);

impl Groups {
    fn of(tree: &Tree<Sealed>) -> Self {
        let mut listed: Vec<(&ImagePath, InodeId, u32)> = tree
            .hard_links()
            .into_iter()
            .filter_map(|(id, mut paths)| {
                paths.retain(|path| !is_reserved(path));
                // A tree has fewer paths than `limits::TREE_ENTRIES_MAX`, so they fit.
                let links = u32::try_from(paths.len()).ok().filter(|links| *links > 1)?;
                Some((*paths.first()?, id, links))
            })
            .collect();
        listed.sort_unstable_by_key(|(first, _, _)| *first);
        let mut groups: Vec<(InodeId, u32, u32)> = (1..)
            .zip(listed)
            .map(|(number, (_, id, links))| (id, links, number))
            .collect();
        groups.sort_unstable_by_key(|(id, _, _)| *id);
        Self(groups)
    }

    /// The number of links, and the group.
    fn find(&self, id: InodeId) -> (u32, Option<u32>) {
        match self.0.binary_search_by_key(&id, |(id, _, _)| *id) {
            Ok(index) => self
                .0
                .get(index)
                .map_or((1, None), |(_, links, number)| (*links, Some(*number))),
            Err(_) => (1, None),
        }
    }
}

/// Origins seen so far, so that entries share them.
#[derive(Default)]
pub(super) struct Origins {
    seen: Vec<Arc<Origin>>,
    last: usize,
}

impl Origins {
    /// The origin that is written so.
    pub(super) fn read(&mut self, text: &str) -> Result<Arc<Origin>, OriginError> {
        // Most lines have the origin of the line before: nothing is read or kept for them.
        if let Some(last) = self.seen.get(self.last) {
            let (kind, name) = last.parts();
            let rest = text.strip_prefix(kind).and_then(|it| it.strip_prefix(':'));
            if rest == Some(name) {
                return Ok(Arc::clone(last));
            }
        }
        Ok(self.share(&text.parse()?))
    }

    pub(super) fn share(&mut self, origin: &Origin) -> Arc<Origin> {
        // Neighbours mostly come from one package.
        if let Some(last) = self.seen.get(self.last)
            && **last == *origin
        {
            return Arc::clone(last);
        }
        match self.seen.binary_search_by(|seen| (**seen).cmp(origin)) {
            Ok(index) => {
                self.last = index;
                self.seen
                    .get(index)
                    .map_or_else(|| Arc::new(origin.clone()), Arc::clone)
            }
            Err(index) => {
                let shared = Arc::new(origin.clone());
                self.seen.insert(index, Arc::clone(&shared));
                self.last = index;
                shared
            }
        }
    }
}

//! The tree as EROFS sees it: numbered inodes, and directories that list them.

use std::collections::BTreeMap;

use super::directory::Dirent;
use super::inode;
use crate::layout::erofs::format::{S_IFDIR, entry_type};
use crate::tree::{Inode, InodeId, Kind, Sealed, Tree};

/// Inodes by number, and what each directory holds.
#[derive(Debug)]
pub(super) struct Names<'a> {
    root: usize,
    /// In order, with their numbers.
    ids: Vec<(InodeId, usize)>,
    inodes: Vec<&'a Inode>,
    links: Vec<u64>,
    /// In path order.
    directories: Vec<usize>,
    /// By directory, then name.
    entries: Vec<(usize, Dirent<'a>)>,
    parents: BTreeMap<usize, usize>,
}

impl<'a> Names<'a> {
    pub(super) fn of(tree: &'a Tree<Sealed>) -> Self {
        let mut all: Vec<(InodeId, usize)> = tree.iter().map(|it| it.id).zip(0..).collect();
        all.sort_unstable();
        let mut names = Self {
            root: 0,
            ids: Vec::new(),
            inodes: Vec::new(),
            links: Vec::new(),
            directories: Vec::new(),
            entries: Vec::new(),
            parents: BTreeMap::new(),
        };
        // Numbers follow the first paths: the order in which a tree was made does not matter.
        let mut firsts = all.clone();
        firsts.dedup_by_key(|(id, _)| *id);
        firsts.sort_unstable_by_key(|(_, place)| *place);
        names.ids = firsts.iter().map(|(id, _)| *id).zip(0..).collect();
        names.ids.sort_unstable();
        names.links = vec![0; firsts.len()];
        names.inodes.reserve(firsts.len());
        for entry in tree.iter() {
            let number = names.number(entry.id);
            if number == names.inodes.len() {
                names.inodes.push(entry.inode);
            }
            let is_directory = entry.inode.kind == Kind::Directory;
            if let Some(links) = names.links.get_mut(number) {
                *links += if is_directory { 2 } else { 1 };
            }
        }
        names.list(tree);
        names
    }

    fn list(&mut self, tree: &'a Tree<Sealed>) {
        let mut by_path: BTreeMap<&[u8], usize> = BTreeMap::new();
        for entry in tree.iter() {
            let number = self.number(entry.id);
            let path = entry.path.as_bytes();
            let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            let (parent, name) = path.split_at(slash);
            let parent = if slash == 0 { &b"/"[..] } else { parent };
            let parent = by_path.get(parent).copied().unwrap_or(number);
            let is_directory = entry.inode.kind == Kind::Directory;
            if is_directory {
                by_path.insert(path, number);
                self.directories.push(number);
                self.parents.insert(number, parent);
            }
            if entry.path.is_root() {
                self.root = number;
                continue;
            }
            let name = name.get(1..).unwrap_or_default();
            if is_directory && let Some(links) = self.links.get_mut(parent) {
                *links += 1;
            }
            let kind = entry_type(inode::st_mode(entry.inode));
            let dirent = Dirent {
                name,
                inode: number,
                kind,
            };
            self.entries.push((parent, dirent));
        }
        // Of one directory they are in order already.
        self.entries.sort_by_key(|(parent, _)| *parent);
    }

    /// The number of the root.
    pub(super) fn root(&self) -> usize {
        self.root
    }

    /// How many inodes there are.
    pub(super) fn count(&self) -> usize {
        self.ids.len()
    }

    /// The number of an inode of the tree.
    pub(super) fn number(&self, id: InodeId) -> usize {
        let found = self.ids.binary_search_by_key(&id, |(id, _)| *id);
        let found = found.ok().and_then(|place| self.ids.get(place));
        found.map_or(0, |(_, number)| *number)
    }

    /// The inode with this number.
    pub(super) fn inode(&self, number: usize) -> Option<&'a Inode> {
        self.inodes.get(number).copied()
    }

    /// How many names an inode has; a directory's own `.` and its directories' `..` count.
    pub(super) fn links(&self, number: usize) -> u64 {
        self.links.get(number).copied().unwrap_or(1)
    }

    /// All directories, in path order.
    pub(super) fn directories(&self) -> Vec<usize> {
        self.directories.clone()
    }

    /// What a directory holds, `.` and `..` among it, in bytewise order.
    pub(super) fn entries(&self, directory: usize) -> Vec<Dirent<'a>> {
        let start = self
            .entries
            .partition_point(|(parent, _)| *parent < directory);
        let own = self.entries.get(start..).unwrap_or_default();
        let own = own.iter().take_while(|(parent, _)| *parent == directory);
        let mut entries: Vec<_> = own.map(|(_, dirent)| *dirent).collect();
        let parent = self.parents.get(&directory).copied().unwrap_or(directory);
        for (name, inode) in [(&b"."[..], directory), (b"..", parent)] {
            let at = entries.partition_point(|entry| entry.name < name);
            let kind = entry_type(S_IFDIR);
            entries.insert(at, Dirent { name, inode, kind });
        }
        entries
    }
}

//! A whole file system, laid out.

use std::collections::BTreeMap;

use super::directory::{self, Child, Head};
use super::geometry::Geometry;
use super::{FatWriteError, sectors};
use crate::image::pieces::Pieces;
use crate::layout::Source;
use crate::layout::fat::is_long;
use crate::limits;
use crate::tree::Epoch;

/// What makes a file system besides its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its number.
    pub id: u32,
    /// Its label: 1 to 11 of `A-Z 0-9 - _`.
    pub label: String,
    /// The instant of each file and directory, in UTC; FAT begins in 1980 and ends in 2107.
    pub epoch: Epoch,
    /// Its size in bytes: a multiple of 4096, from 33 MiB to 8 GiB.
    pub size: u64,
}

/// A file system with `files`, by their paths below the root, such as `EFI/BOOT/BOOTX64.EFI`.
///
/// Their contents are read when the file system is.
///
/// # Errors
/// It cannot hold them.
pub fn image<'a>(
    settings: &Settings,
    files: BTreeMap<String, Box<dyn Source + 'a>>,
) -> Result<Pieces<'a>, FatWriteError> {
    let label = &settings.label;
    let fine = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
    if !(1..=11).contains(&label.len()) || !label.bytes().all(fine) {
        return Err(FatWriteError::Label(label.clone()));
    }
    let geometry = Geometry::of(settings.size)?;
    let mut tree = Directory::default();
    for (path, file) in &files {
        tree.add(path, file.size())?;
    }
    let mut clusters = Clusters {
        geometry,
        next: 2,
        table: vec![END, u32::MAX >> 4],
        nodes: 0,
    };
    tree.place(&mut clusters)?;
    tree.place_files(&mut clusters)?;
    let used = clusters.next.saturating_sub(2);
    if used > geometry.clusters {
        return Err(FatWriteError::Full {
            needed: u64::from(used).saturating_mul(geometry.cluster()),
            room: u64::from(geometry.clusters).saturating_mul(geometry.cluster()),
        });
    }
    let mut pieces = Pieces::new(settings.size);
    pieces.put(0, sectors::reserved(settings, &geometry, used))?;
    let table: Vec<u8> = clusters
        .table
        .iter()
        .flat_map(|entry| entry.to_le_bytes())
        .collect();
    pieces.put(geometry.table_start(0), table.clone())?;
    pieces.put(geometry.table_start(1), table)?;
    let head = Head::Root { label };
    let mut places = BTreeMap::new();
    tree.write(settings, &geometry, &head, "", &mut pieces, &mut places)?;
    for (path, file) in files {
        if let Some(cluster) = places.remove(&path) {
            pieces.put(geometry.cluster_start(cluster), file)?;
        }
    }
    Ok(pieces)
}

/// The first entry of a table, and what ends a chain.
const END: u32 = 0x0fff_fff8;
/// Bytes of an entry of a directory.
const ENTRY: usize = 32;
/// Most entries of a directory, the parts of long names included (section 6).
const ENTRIES_MAX: usize = 65_536;

/// A directory on its way to its bytes.
#[derive(Default)]
struct Directory {
    cluster: u32,
    children: BTreeMap<String, Node>,
}

enum Node {
    File { size: u32, cluster: u32 },
    Directory(Directory),
}

/// Clusters are given out in order, so that every chain is one piece.
struct Clusters {
    geometry: Geometry,
    next: u32,
    table: Vec<u32>,
    /// Files and directories so far.
    nodes: usize,
}

impl Clusters {
    /// Room for so many bytes; its first cluster, 0 for none.
    fn take(&mut self, bytes: u64) -> Result<u32, FatWriteError> {
        let count = bytes.div_ceil(self.geometry.cluster());
        // Not to make a table for what does not fit anyway.
        let most = u64::from(self.geometry.clusters);
        let used = u64::from(self.next.saturating_sub(2)).saturating_add(count);
        if used > most {
            return Err(FatWriteError::Full {
                needed: used.saturating_mul(self.geometry.cluster()),
                room: most.saturating_mul(self.geometry.cluster()),
            });
        }
        let first = self.next;
        for left in (0..count).rev() {
            self.next = self.next.saturating_add(1);
            self.table
                .push(if left == 0 { u32::MAX >> 4 } else { self.next });
        }
        Ok(if count == 0 { 0 } else { first })
    }
}

impl Directory {
    /// Adds a file and the directories above it.
    fn add(&mut self, path: &str, size: u64) -> Result<(), FatWriteError> {
        let size = u32::try_from(size).ok().ok_or_else(|| {
            let path = path.to_owned();
            FatWriteError::Large { path, size }
        })?;
        let names: Vec<&str> = path.split('/').collect();
        let wrong = names.len() > limits::FAT_DEPTH_MAX.saturating_add(1);
        let Some((name, above)) = names.split_last().filter(|_| !wrong) else {
            return Err(FatWriteError::Path(path.to_owned()));
        };
        if !names.iter().all(|name| is_long(name)) {
            return Err(FatWriteError::Path(path.to_owned()));
        }
        let twice = || FatWriteError::Twice(path.to_owned());
        let mut at = self;
        for name in above {
            let node = at.children.entry((*name).to_owned());
            let Node::Directory(below) = node.or_insert_with(|| Node::Directory(Self::default()))
            else {
                return Err(twice());
            };
            at = below;
        }
        let file = Node::File { size, cluster: 0 };
        match at.children.insert((*name).to_owned(), file) {
            None => Ok(()),
            Some(_) => Err(twice()),
        }
    }

    /// Gives this directory and those below it their clusters.
    fn place(&mut self, clusters: &mut Clusters) -> Result<(), FatWriteError> {
        let names: Vec<&str> = self.children.keys().map(String::as_str).collect();
        clusters.nodes = clusters.nodes.saturating_add(names.len());
        // The label, or the two that every directory below the root begins with.
        let entries = directory::entries(&names)?.saturating_add(2);
        if entries > ENTRIES_MAX || clusters.nodes > limits::FAT_ENTRIES_MAX {
            return Err(FatWriteError::Many);
        }
        let bytes = entries.saturating_mul(ENTRY);
        self.cluster = clusters.take(u64::try_from(bytes).unwrap_or(u64::MAX))?;
        for node in self.children.values_mut() {
            if let Node::Directory(below) = node {
                below.place(clusters)?;
            }
        }
        Ok(())
    }

    /// Gives the files theirs, behind all directories.
    fn place_files(&mut self, clusters: &mut Clusters) -> Result<(), FatWriteError> {
        for node in self.children.values_mut() {
            match node {
                Node::File { size, cluster } => *cluster = clusters.take(u64::from(*size))?,
                Node::Directory(below) => below.place_files(clusters)?,
            }
        }
        Ok(())
    }

    /// Puts the directories at their places, and says where the files lie.
    fn write(
        &self,
        settings: &Settings,
        geometry: &Geometry,
        head: &Head<'_>,
        path: &str,
        pieces: &mut Pieces<'_>,
        places: &mut BTreeMap<String, u32>,
    ) -> Result<(), FatWriteError> {
        let children: Vec<Child<'_>> = self
            .children
            .iter()
            .map(|(name, node)| match node {
                Node::File { size, cluster } => Child {
                    name,
                    is_directory: false,
                    cluster: *cluster,
                    size: *size,
                },
                Node::Directory(below) => Child {
                    name,
                    is_directory: true,
                    cluster: below.cluster,
                    size: 0,
                },
            })
            .collect();
        let bytes = directory::bytes(head, &children, settings.epoch)?;
        pieces.put(geometry.cluster_start(self.cluster), bytes)?;
        let parent = match head {
            Head::Root { .. } => 0,
            Head::Below { own, .. } => *own,
        };
        for (name, node) in &self.children {
            let path = format!("{path}{name}");
            match node {
                Node::File { cluster, .. } => {
                    if *cluster != 0 {
                        places.insert(path, *cluster);
                    }
                }
                Node::Directory(below) => {
                    let own = below.cluster;
                    let head = Head::Below { own, parent };
                    let path = path + "/";
                    below.write(settings, geometry, &head, &path, pieces, places)?;
                }
            }
        }
        Ok(())
    }
}

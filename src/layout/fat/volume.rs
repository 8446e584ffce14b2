//! A whole file system.

use std::collections::BTreeSet;

use super::FatError;
use super::boot::Geometry;
use super::directory::{self, Entry, Place};
use super::file::{Extent, File, read_pieces};
use super::table::Table;
use crate::layout::Source;
use crate::limits;

/// A FAT32 file system in which everything was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its number.
    pub id: u32,
    /// Its label in the root directory, if it has one.
    pub label: Option<String>,
    /// Its size in bytes; what follows in its partition is no part of it.
    pub size: u64,
    /// Bytes of a cluster.
    pub cluster: u64,
    /// How many clusters are free.
    pub free: u32,
    /// Every file, in the order of their paths.
    pub files: Vec<File>,
    /// The paths of every directory below the root, in order.
    pub directories: Vec<String>,
    /// Where things lie.
    pub(super) geometry: Geometry,
    /// Where the directories lie.
    pub(super) directory_extents: Vec<Extent>,
}

/// A directory that is still to be read.
struct Pending {
    path: String,
    cluster: u32,
    place: Place,
    depth: usize,
}

impl Volume {
    /// Reads all of it but the files' contents.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn read(source: &dyn Source) -> Result<Self, FatError> {
        let geometry = Geometry::read(source)?;
        let mut table = Table::read(source, geometry)?;
        let mut volume = Self {
            id: geometry.id,
            label: None,
            size: geometry.size,
            cluster: geometry.cluster,
            free: 0,
            files: Vec::new(),
            directories: Vec::new(),
            geometry,
            directory_extents: Vec::new(),
        };
        let mut pending = vec![Pending {
            path: String::new(),
            cluster: geometry.root,
            place: Place::Root,
            depth: 0,
        }];
        let mut budget = limits::FAT_DIRECTORIES_MAX;
        while let Some(at) = pending.pop() {
            let (extents, size) = table.chain(&at.path, at.cluster)?;
            let length = usize::try_from(size).unwrap_or(usize::MAX);
            let Some(left) = budget.checked_sub(length) else {
                return Err(FatError::Table("its directories are too large"));
            };
            budget = left;
            let mut bytes = vec![0; length];
            read_pieces(source, &extents, size, 0, &mut bytes)?;
            let listing = directory::parse(&at.path, at.place, &bytes)?;
            volume.directory_extents.extend(extents);
            volume.label = volume.label.or(listing.label);
            distinct(&at.path, &listing.entries)?;
            for entry in listing.entries {
                volume.add(&mut table, &at, entry, &mut pending)?;
            }
        }
        volume.free = table.finish()?;
        volume.files.sort_by(|one, other| one.path.cmp(&other.path));
        volume.directories.sort();
        Ok(volume)
    }

    /// The file at `path`, whatever the case of its letters: so does firmware look for it.
    pub fn file(&self, path: &str) -> Option<&File> {
        let is_it = |file: &&File| file.path.eq_ignore_ascii_case(path);
        self.files.iter().find(is_it)
    }

    fn add(
        &mut self,
        table: &mut Table,
        at: &Pending,
        entry: Entry,
        pending: &mut Vec<Pending>,
    ) -> Result<(), FatError> {
        let path = if at.path.is_empty() {
            entry.name
        } else {
            [at.path.as_str(), &entry.name].join("/")
        };
        let count = self.files.len().saturating_add(self.directories.len());
        if count >= limits::FAT_ENTRIES_MAX {
            return Err(FatError::entry(&path, "there are too many files"));
        }
        if entry.is_directory {
            if entry.size != 0 || at.depth >= limits::FAT_DEPTH_MAX {
                return Err(FatError::entry(&path, "it is no directory, or too deep"));
            }
            // The root is called 0 by what is right below it.
            let parent = match at.place {
                Place::Root => 0,
                Place::Below { own, .. } => own,
            };
            pending.push(Pending {
                path: path.clone(),
                cluster: entry.cluster,
                place: Place::Below {
                    own: entry.cluster,
                    parent,
                },
                depth: at.depth.saturating_add(1),
            });
            self.directories.push(path);
            return Ok(());
        }
        let size = u64::from(entry.size);
        let (extents, room) = match entry.cluster {
            0 => (Vec::new(), 0),
            first => table.chain(&path, first)?,
        };
        if room != size.next_multiple_of(self.cluster) {
            return Err(FatError::entry(
                &path,
                "it has more or fewer clusters than bytes",
            ));
        }
        self.files.push(File {
            path,
            size,
            extents,
        });
        Ok(())
    }
}

/// No two entries have names that are the same but for their case, long or short.
fn distinct(path: &str, entries: &[Entry]) -> Result<(), FatError> {
    let mut names = BTreeSet::new();
    for Entry { name, short, .. } in entries {
        let name = name.to_ascii_uppercase();
        let fresh = name == *short || names.insert(name);
        if !names.insert(short.clone()) || !fresh {
            return Err(FatError::entry(path, "it has the same name twice"));
        }
    }
    Ok(())
}

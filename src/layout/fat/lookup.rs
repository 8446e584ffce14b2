//! Single files, read as firmware and kernel read them.
//!
//! What was being written when the power failed may be there in part: in one table and not in the other,
//! in a directory and not in the tables. [`Volume`](super::Volume) refuses that. Here only what leads to one
//! file is looked at: the boot sector, the directories on the way, and the file's own clusters. What is
//! odd about these is an error for this file alone; what is odd elsewhere is nobody's matter here.
//!
//! **The first table counts, and no other.** EDK II (`FatLoadFatEntry`) and Linux (`fat_ent_bread`) follow chains
//! in the first one, and copy what they change there to the second, which they never read; fsck.fat makes
//! the second like the first where both are whole. So this is how the boot loader was found, and how the
//! volume will be mounted and mended. A directory whose clusters break off ends there: what stands before
//! that stands there as it did, although EDK II takes such a directory for empty, and Linux does not open it.
//!
//! Sectors are taken to be written whole or not at all. Bytes that were never written are not told from
//! others: whoever reads them has a signature over them.

use std::collections::BTreeSet;

use super::FatError;
use super::boot::Geometry;
use super::directory::{self, Entry};
use super::file::{Extent, read_pieces};
use super::table::{END, MASK, NOT_THERE, no_cluster};
use crate::layout::{Source, SourceError};
use crate::limits;

/// A FAT32 file system of which nothing was looked at but the boot sector.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    source: &'a dyn Source,
    geometry: Geometry,
}

/// The clusters of a chain, as far as it goes.
struct Chain {
    extents: Vec<Extent>,
    /// Their bytes.
    size: u64,
    /// Why it goes no further, where it breaks off.
    broken: Option<&'static str>,
}

impl<'a> Lookup<'a> {
    /// Reads the boot sector.
    ///
    /// # Errors
    /// The rule that it breaks: then nobody can tell where anything lies.
    pub fn open(source: &'a dyn Source) -> Result<Self, FatError> {
        let geometry = Geometry::of_boot_sector(source)?;
        Ok(Self { source, geometry })
    }

    /// All bytes of the file at `path`, whatever the case of its letters, if it has at most `max`; `None`
    /// where there is no such file.
    ///
    /// # Errors
    /// There are two of that name and they are not the same, it has more bytes, its clusters end before
    /// it does, or something on the way cannot be read.
    pub fn read(&self, path: &str, max: u64) -> Result<Option<Vec<u8>>, FatError> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(entries) = self.directory(parent)? else {
            return Ok(None);
        };
        let Some(entry) = named(entries, path, name)? else {
            return Ok(None);
        };
        if entry.is_directory {
            return Err(FatError::entry(path, "it is a directory, and no file"));
        }
        let size = u64::from(entry.size);
        let length = usize::try_from(size).ok().filter(|_| size <= max);
        let Some(length) = length else {
            let path = path.to_owned();
            return Err(FatError::Large { path, size, max });
        };
        if length == 0 {
            return Ok(Some(Vec::new()));
        }
        let chain = self.chain(entry.cluster, size)?;
        if chain.size < size {
            let rule = chain.broken.unwrap_or("it has fewer clusters than bytes");
            return Err(FatError::entry(path, rule));
        }
        let mut bytes = vec![0; length];
        read_pieces(self.source, &chain.extents, size, 0, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// The names of the files right in the directory at `path`, as they are written there, in its own order;
    /// none where there is no such directory.
    ///
    /// # Errors
    /// As [`Lookup::read`] says of what is on the way.
    pub fn names(&self, path: &str) -> Result<Vec<String>, FatError> {
        let entries = self.directory(path)?.unwrap_or_default();
        let files = entries.into_iter().filter(|entry| !entry.is_directory);
        Ok(files.map(|entry| entry.name).collect())
    }

    /// The entries of the directory at `path`; `None` where there is none.
    fn directory(&self, path: &str) -> Result<Option<Vec<Entry>>, FatError> {
        let mut entries = self.entries("", self.geometry.root)?;
        let mut ends = path.match_indices('/').map(|(at, _)| at);
        let mut start = 0;
        while start < path.len() {
            let end = ends.next().unwrap_or(path.len());
            let here = path.get(..end).unwrap_or(path);
            let name = path.get(start..end).unwrap_or_default();
            start = end.saturating_add(1);
            match named(entries, here, name)? {
                Some(entry) if entry.is_directory => entries = self.entries(here, entry.cluster)?,
                _ => return Ok(None),
            }
        }
        Ok(Some(entries))
    }

    /// What the directory that starts with cluster `first` holds, up to where it ends or breaks off.
    fn entries(&self, path: &str, first: u32) -> Result<Vec<Entry>, FatError> {
        let chain = self.chain(first, limits::FAT_DIRECTORY_MAX)?;
        if let (0, Some(rule)) = (chain.size, chain.broken) {
            return Err(FatError::entry(path, rule));
        }
        let mut bytes = vec![0; usize::try_from(chain.size).unwrap_or(0)];
        read_pieces(self.source, &chain.extents, chain.size, 0, &mut bytes)?;
        Ok(directory::scan(&bytes))
    }

    /// The clusters from `first` on, until they hold `wanted` bytes.
    fn chain(&self, first: u32, wanted: u64) -> Result<Chain, SourceError> {
        let cluster_size = self.geometry.cluster;
        let mut chain = Chain {
            extents: Vec::new(),
            size: 0,
            broken: None,
        };
        let mut followed = BTreeSet::new();
        let mut at = first;
        while chain.size < wanted && at < END {
            let number = at.checked_sub(2).filter(|it| *it < self.geometry.clusters);
            let Some(number) = number else {
                chain.broken = Some(NOT_THERE);
                break;
            };
            let following = self.following(at)?;
            chain.broken = no_cluster(following);
            if !followed.insert(at) {
                chain.broken = Some("it runs in a circle");
            }
            if chain.broken.is_some() {
                break;
            }
            let place = u64::from(number).saturating_mul(cluster_size);
            let start = self.geometry.data.saturating_add(place);
            match chain.extents.last_mut().filter(|last| last.end() == start) {
                Some(last) => last.size = last.size.saturating_add(cluster_size),
                None => chain.extents.push(Extent {
                    start,
                    size: cluster_size,
                }),
            }
            chain.size = chain.size.saturating_add(cluster_size);
            at = following;
        }
        Ok(chain)
    }

    /// What the first table says of a cluster.
    fn following(&self, cluster: u32) -> Result<u32, SourceError> {
        let mut entry = [0; 4];
        let place = u64::from(cluster).saturating_mul(4);
        let place = self.geometry.table.saturating_add(place);
        self.source.read_at(place, &mut entry)?;
        Ok(u32::from_le_bytes(entry) & MASK)
    }
}

/// The one of `entries` that is called `name`, by its long name or its short one; `path` is where.
///
/// The same name twice is an error, unless both lead to the same: so it is for a moment while a directory is
/// written anew.
fn named(entries: Vec<Entry>, path: &str, name: &str) -> Result<Option<Entry>, FatError> {
    let mut found: Option<Entry> = None;
    for entry in entries {
        let is_it = |text: &str| text.eq_ignore_ascii_case(name);
        if !is_it(&entry.name) && !is_it(&entry.short) {
            continue;
        }
        let leads_to = |it: &Entry| (it.is_directory, it.cluster, it.size);
        if found.is_some_and(|other| leads_to(&other) != leads_to(&entry)) {
            return Err(FatError::entry(path, "its directory has this name twice"));
        }
        found = Some(entry);
    }
    Ok(found)
}

impl std::fmt::Debug for Lookup<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lookup").field(&self.geometry).finish()
    }
}

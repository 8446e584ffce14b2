//! File systems that are there already.

use std::collections::BTreeMap;

use super::FatWriteError;
use super::image::{Settings, image};
use crate::image::pieces::Pieces;
use crate::layout::Source;
use crate::layout::fat::Volume;
use crate::tree::Epoch;

/// What `volume`, which lies on `source`, becomes with `added`: files that replace those at their paths,
/// or are new. It is what would have been written with all of them from the beginning.
///
/// # Errors
/// It cannot hold them.
pub fn with_files<'a>(
    volume: &'a Volume,
    source: &'a dyn Source,
    epoch: Epoch,
    added: BTreeMap<String, Box<dyn Source + 'a>>,
) -> Result<Pieces<'a>, FatWriteError> {
    let settings = Settings {
        id: volume.id,
        label: volume.label.clone().unwrap_or_default(),
        epoch,
        size: volume.size,
    };
    let mut files: BTreeMap<String, Box<dyn Source + 'a>> = BTreeMap::new();
    for file in &volume.files {
        files.insert(file.path.clone(), Box::new(file.of(source)));
    }
    files.extend(added);
    image(&settings, files)
}

/// Compares a whole file system with what its files, number, label and `epoch` make it: nothing lies
/// between the files or behind them.
///
/// # Errors
/// The first byte that differs; or its files are none that karat writes.
pub fn compare(volume: &Volume, source: &dyn Source, epoch: Epoch) -> Result<(), FatWriteError> {
    let made = with_files(volume, source, epoch, BTreeMap::new())?;
    let (mut one, mut other) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut at: u64 = 0;
    while at < volume.size {
        let left = volume.size.saturating_sub(at);
        let count = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let one = one.get_mut(..count).unwrap_or_default();
        let other = other.get_mut(..count).unwrap_or_default();
        made.read_at(at, one)?;
        source.read_at(at, other)?;
        if one != other {
            let first = one
                .iter()
                .zip(&*other)
                .position(|(one, other)| one != other);
            let first = u64::try_from(first.unwrap_or(0)).unwrap_or(0);
            return Err(FatWriteError::Differs(at.saturating_add(first)));
        }
        at = at.saturating_add(u64::try_from(count).unwrap_or(left));
    }
    Ok(())
}

/// How much is compared at a time.
const CHUNK: usize = 1 << 20;

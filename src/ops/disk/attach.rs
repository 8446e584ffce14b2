//! Envelope and Receipt on the EFI system partition of a finished disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::DiskFileError;
use super::containers::{self, Packed};
use super::error::Rule;
use crate::digest::{Digest, HashingWriter};
use crate::image::fat;
use crate::image::gpt;
use crate::image::pieces::Pieces;
use crate::image::sums::Sums;
use crate::layout::fat::Volume;
use crate::layout::gpt::{Disk, Kind, Partition};
use crate::layout::{Part, Source, SourceError, first_used};
use crate::progress::Progress;
use crate::sys::fs::{self, AtomicFile, FileSource, IoContext as _};
use crate::tree::Epoch;

/// What the list of a disk's digest after [`deliver`] ends in: it takes the place of the suffix of the disk.
pub const ATTACHED_SUMS: &str = ".attached.SHA256SUMS";

/// The directory of the EFI system partition that an initrd looks into.
const DELIVERED: &str = "karat";
/// How much is copied at a time, or left out where it is all zeros.
const CHUNK: u64 = 1 << 20;

/// Puts `files`, by their names, into `karat/` on the EFI system partition of the disk at `path`, with
/// the time of `epoch`; a file that is there is replaced. Gives what was written.
///
/// The disk is written anew beside itself, so that it is the old one or the new one at any moment. It
/// is what it would have been if it had been built with these files. So are the containers of it that
/// lie beside it by their names. A list beside it has the digests.
///
/// # Errors
/// It is no disk of karat's, or has no room for them; then it stays as it is.
pub fn deliver(
    path: &Path,
    epoch: Epoch,
    files: BTreeMap<String, Vec<u8>>,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, DiskFileError> {
    let files = files.into_iter();
    let files = files.map(|(name, bytes)| (format!("{DELIVERED}/{name}"), bytes));
    let files: BTreeMap<String, Vec<u8>> = files.collect();
    let source = FileSource::open(path)?;
    let (partition, part, volume) = esp(&source).map_err(|rule| rule.of(path))?;
    if has_all(&volume, &part, &files) {
        return Ok(Vec::new());
    }
    let mut added: BTreeMap<String, Box<dyn Source + '_>> = BTreeMap::new();
    for (name, bytes) in &files {
        added.insert(name.clone(), Box::new(bytes.as_slice()));
    }
    let pieces = fat::with_files(&volume, &part, epoch, added)
        .map_err(Rule::from)
        .and_then(|esp| Ok(gpt::with_partition(&source, &partition, esp)?));
    let disk = pieces.map_err(|rule: Rule| rule.of(path))?;

    let whole = AtomicFile::create(path, 0o644)?;
    let digest = write(&disk, whole.file())
        .at("write", path)?
        .map_err(|error| Rule::from(error).of(path))?;
    let written = whole.source()?;
    let mut packed = Vec::new();
    for (container, place) in containers::places(path) {
        if fs::exists(&place)? {
            packed.push(Packed::write(&written, container, place, epoch, progress)?);
        }
    }

    let mut sums = Sums::new();
    let digests = packed.iter().map(|one| (one.path(), one.content().digest));
    for (path, digest) in digests.chain([(path, digest)]) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        sums.add(name, digest)
            .map_err(|error| Rule::from(error).of(path))?;
    }
    // First the list: a disk that it does not fit is told from one that it does. The disk comes last:
    // as long as it is the old one, all of it is done again.
    fs::write_atomic(sums_path(path), sums.to_string().as_bytes(), 0o644)?;
    let mut paths = Vec::new();
    for container in packed {
        paths.push(container.path().to_owned());
        container.commit()?;
    }
    whole.commit()?;
    paths.push(path.to_owned());
    Ok(paths)
}

/// Where the list for the disk at `path` stands.
fn sums_path(path: &Path) -> PathBuf {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}{ATTACHED_SUMS}"))
}

type Found<'a> = (Partition, Part<'a, FileSource>, Volume);

/// The EFI system partition of a disk, and what is on it.
fn esp(source: &FileSource) -> Result<Found<'_>, Rule> {
    let disk = Disk::read(source)?;
    let mut found = disk
        .partitions
        .into_iter()
        .filter(|one| one.kind == Kind::Esp);
    let (partition, others) = (found.next(), found.count());
    let partition = match (partition, others) {
        (Some(partition), 0) => partition,
        (first, others) => {
            return Err(Rule::Esp(
                usize::from(first.is_some()).saturating_add(others),
            ));
        }
    };
    let part = partition.of(source)?;
    let volume = Volume::read(&part)?;
    Ok((partition, part, volume))
}

fn has_all(volume: &Volume, part: &dyn Source, files: &BTreeMap<String, Vec<u8>>) -> bool {
    files.iter().all(|(path, bytes)| {
        let cap = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let there = volume.file(path).and_then(|file| file.read(part, cap).ok());
        there.is_some_and(|there| there == *bytes)
    })
}

/// Writes all of a disk but its zeros; gives the digest of the whole.
fn write(disk: &Pieces<'_>, file: &File) -> io::Result<Result<Digest, SourceError>> {
    file.set_len(disk.size())?;
    let mut sink = HashingWriter::new(io::sink());
    let mut buffer = vec![0; usize::try_from(CHUNK).unwrap_or(usize::MAX)];
    let mut at = 0;
    while at < disk.size() {
        let left = disk.size().saturating_sub(at).min(CHUNK);
        let count = usize::try_from(left).unwrap_or(buffer.len());
        let bytes = buffer.get_mut(..count).unwrap_or_default();
        if let Err(error) = disk.read_at(at, bytes) {
            return Ok(Err(error));
        }
        io::Write::write_all(&mut sink, bytes)?;
        match first_used(&&*bytes, 0..left) {
            Ok(None) => {}
            Ok(Some(_)) => file.write_all_at(bytes, at)?,
            Err(error) => return Ok(Err(error)),
        }
        at = at.saturating_add(left);
    }
    Ok(Ok(sink.finish().1))
}

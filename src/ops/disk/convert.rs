//! `karat image convert` and `info`, without printing.

use std::io::{self, BufWriter, Write as _};
use std::num::NonZero;
use std::path::Path;

use crate::digest::{Digest, Hasher};
use crate::image::disk::{Container, DiskError, Identity, Job, Sparse};
use crate::layout::Source;
use crate::progress::{Progress, Unit};
use crate::sys::clock::Stopwatch;
use crate::sys::fs::{AtomicFile, FileSource, IoError};

/// How much of a disk is hashed at once.
const PIECE: usize = 1 << 20;
/// The steps that are reported.
const UNPACK: &str = "unpack";
const HASH: &str = "hash";
const CONVERT: &str = "convert";

/// What shall become of a disk.
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    /// What the file is; `None`: its magic numbers say so.
    pub from: Option<Container>,
    /// What it shall become.
    pub to: Container,
    /// Whether clusters of qcow2 are compressed.
    pub compress: bool,
    /// The time that a container says of itself, in seconds since 1970.
    pub time: u64,
    /// On how many threads; the bytes are the same for any number.
    pub threads: NonZero<usize>,
}

/// What is known of a disk in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it lies in.
    pub container: Container,
    /// The size of the disk, in bytes.
    pub disk: u64,
    /// The size of the file, in bytes.
    pub file: u64,
    /// SHA-256 of the disk, where it was asked for.
    pub digest: Option<Digest>,
}

/// Why a disk is not converted or described.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The container, or the disk in it.
    #[error("{path}: {source}")]
    Disk {
        /// Which file.
        path: String,
        /// What is wrong with it.
        source: DiskError,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// Puts a disk into another container; gives what was read and what was written.
///
/// # Errors
/// The file is no container that is read, or the output cannot be written. Then nothing appears.
pub fn convert(
    input: &Path,
    output: &Path,
    conversion: &Conversion,
    progress: &dyn Progress,
) -> Result<(Known, Known), ConvertError> {
    let watch = Stopwatch::start();
    let file = FileSource::open(input)?;
    let of_input = |source| disk_error(input, source);
    let from = container(&file, conversion.from).map_err(of_input)?;
    let (room, opened);
    let disk: &dyn Source = if from == Container::Gcp {
        room = unpack(&file, input, output, progress)?;
        &room.1
    } else {
        opened = from.open(&file).map_err(of_input)?;
        opened.disk()
    };
    let target = AtomicFile::create(output, 0o644)?;
    let job = Job {
        disk,
        identity: Identity::of(disk, conversion.time).map_err(of_input)?,
        progress,
    };
    let mut out = BufWriter::with_capacity(PIECE, target.file());
    let written = conversion
        .to
        .write(&job, conversion.compress, conversion.threads, &mut out);
    written
        .and_then(|()| out.flush().map_err(DiskError::Io))
        .map_err(|source| match source {
            DiskError::Io(error) => IoError::new("write", output, error).into(),
            source => disk_error(input, source),
        })?;
    drop(out);
    target.commit()?;
    let read = Known {
        container: from,
        disk: disk.size(),
        file: file.size(),
        digest: None,
    };
    let written = describe(output, Some(conversion.to), disk.size())?;
    progress.finished(
        CONVERT,
        format!("{} bytes as {}", written.file, conversion.to),
        watch.seconds(),
    );
    Ok((read, written))
}

/// What is known of the disk in a file; with `digest`, all of it is read.
///
/// # Errors
/// The file is no container that is read.
pub fn info(
    path: &Path,
    from: Option<Container>,
    digest: bool,
    progress: &dyn Progress,
) -> Result<Known, ConvertError> {
    let watch = Stopwatch::start();
    let file = FileSource::open(path)?;
    let of_file = |source| disk_error(path, source);
    let container = container(&file, from).map_err(of_file)?;
    let mut hasher = Hasher::new();
    let mut done = 0_u64;
    let disk = if container == Container::Gcp {
        progress.started(HASH, None, Unit::Bytes);
        let mut take = |bytes: &[u8]| {
            hasher.update(bytes);
            done = done.saturating_add(length(bytes));
            progress.advanced(HASH, done, None);
            Ok(())
        };
        Container::unpack(file.reader(), &mut take).map_err(of_file)?
    } else {
        let opened = container.open(&file).map_err(of_file)?;
        let disk = opened.disk();
        if digest {
            progress.started(HASH, Some(disk.size()), Unit::Bytes);
            let mut piece = vec![0; PIECE];
            while done < disk.size() {
                let left = usize::try_from(disk.size() - done).unwrap_or(usize::MAX);
                let part = piece.get_mut(..left.min(PIECE)).unwrap_or_default();
                let read = disk.read_at(done, part).map_err(DiskError::Source);
                read.map_err(of_file)?;
                hasher.update(part);
                done = done.saturating_add(length(part));
                progress.advanced(HASH, done, None);
            }
        }
        disk.size()
    };
    if done > 0 {
        progress.finished(HASH, format!("{done} bytes"), watch.seconds());
    }
    Ok(Known {
        container,
        disk,
        file: file.size(),
        digest: digest.then(|| hasher.finish()),
    })
}

/// Unpacks the disk of a `gcp` archive beside `near`; it is gone once the first of the two is
/// dropped.
///
/// # Errors
/// The archive breaks a rule of its format, or there is no room.
pub fn unpack(
    file: &FileSource,
    input: &Path,
    near: &Path,
    progress: &dyn Progress,
) -> Result<(AtomicFile, FileSource), ConvertError> {
    let watch = Stopwatch::start();
    progress.started(UNPACK, None, Unit::Bytes);
    let room = AtomicFile::create(near, 0o600)?;
    let mut done = 0_u64;
    let mut sparse = Sparse::new(room.file());
    let mut take = |bytes: &[u8]| {
        done = done.saturating_add(length(bytes));
        progress.advanced(UNPACK, done, None);
        sparse.put(bytes)
    };
    let unpacked = Container::unpack(file.reader(), &mut take);
    unpacked.map_err(|source| disk_error(input, source))?;
    let finished: io::Result<_> = sparse.finish();
    finished.map_err(|error| IoError::new("write", near, error))?;
    let source = room.source()?;
    progress.finished(UNPACK, format!("{done} bytes"), watch.seconds());
    Ok((room, source))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn container(file: &FileSource, named: Option<Container>) -> Result<Container, DiskError> {
    named.map_or_else(|| Container::detect(file), Ok)
}

fn describe(path: &Path, container: Option<Container>, disk: u64) -> Result<Known, ConvertError> {
    let file = FileSource::open(path)?;
    let container = self::container(&file, container).map_err(|source| disk_error(path, source))?;
    // Some containers hold whole MiB or GiB.
    let disk = match container {
        Container::Gcp => disk.next_multiple_of(1 << 30),
        container => {
            let opened = container
                .open(&file)
                .map_err(|source| disk_error(path, source))?;
            opened.disk().size()
        }
    };
    Ok(Known {
        container,
        disk,
        file: file.size(),
        digest: None,
    })
}

fn disk_error(path: &Path, source: DiskError) -> ConvertError {
    ConvertError::Disk {
        path: crate::path::Escaped(path.as_os_str().as_encoded_bytes()).to_string(),
        source,
    }
}

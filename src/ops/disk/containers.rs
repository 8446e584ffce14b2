//! Containers of a disk that lie beside it: what clouds and hypervisors are given.

use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::DiskFileError;
use super::error::Rule;
use crate::digest::HashingWriter;
use crate::image::disk::{Container, DiskError, Identity, Job};
use crate::layout::Source;
use crate::progress::Progress;
use crate::sys::cpu;
use crate::sys::fs::{AtomicFile, IoContext as _, IoError};
use crate::tree::{Content, Epoch};

/// How much is written and hashed at once.
const PIECE: usize = 1 << 20;

/// A container that is written and has no name yet.
#[derive(Debug)]
pub struct Packed {
    file: AtomicFile,
    path: PathBuf,
    content: Content,
}

impl Packed {
    /// Writes `disk` into a container, beside the place where it belongs. Clusters of qcow2 are
    /// compressed. The bytes are a function of the disk and the epoch.
    ///
    /// # Errors
    /// The disk cannot be read or does not fit the container, or the file cannot be written.
    pub fn write(
        disk: &dyn Source,
        container: Container,
        path: PathBuf,
        epoch: Epoch,
        progress: &dyn Progress,
    ) -> Result<Self, DiskFileError> {
        let file = AtomicFile::create(&path, 0o644)?;
        let of_path = |error| match error {
            DiskError::Io(error) => IoError::new("write", &path, error).into(),
            error => Rule::from(error).of(&path),
        };
        let job = Job {
            disk,
            identity: Identity::of(disk, epoch.seconds()).map_err(of_path)?,
            progress,
        };
        let mut out = BufWriter::with_capacity(PIECE, file.file());
        container
            .write(&job, true, cpu::count(), &mut out)
            .and_then(|()| out.flush().map_err(DiskError::Io))
            .map_err(of_path)?;
        drop(out);
        let content = content(&file).at("read", &path)?;
        Ok(Self {
            file,
            path,
            content,
        })
    }

    /// Where it belongs.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size and digest of the file.
    pub fn content(&self) -> Content {
        self.content
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// The file system says no.
    pub fn commit(self) -> Result<(), IoError> {
        self.file.commit()
    }
}

/// Where the containers of the disk at `path` belong, each with its kind.
pub(super) fn places(path: &Path) -> impl Iterator<Item = (Container, PathBuf)> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let places = Container::ALL.map(|container| {
        let name = format!("{stem}{}", container.suffix());
        (container, path.with_file_name(name))
    });
    places
        .into_iter()
        .filter(|(container, _)| *container != Container::Raw)
}

/// Size and digest of all of a file.
fn content(written: &AtomicFile) -> io::Result<Content> {
    let mut file = written.file();
    file.seek(SeekFrom::Start(0))?;
    let mut sink = HashingWriter::new(io::sink());
    io::copy(&mut io::BufReader::with_capacity(PIECE, file), &mut sink)?;
    let (_, digest, size) = sink.finish();
    Ok(Content { digest, size })
}

//! Finished outputs on a disk: each one whole, or not there.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, HashingReader, HashingWriter};
use crate::image::compress::Compression;
use crate::image::erofs::{self, ErofsError};
use crate::image::oci::{self, Description, Difference, Document, Files, Layer, OciError};
use crate::image::sums::{Sums, SumsError};
use crate::image::tar::{self, TarError};
use crate::image::verity::{Tree as HashTree, VerityWriteError};
use crate::layout::Uuid;
use crate::layout::verity::Verity;
use crate::sys::fs::{self, AtomicDir, AtomicFile, FileSource, IoContext, IoError};
use crate::tree::{Blobs, Content, Sealed, Tree};

/// Mode of every finished file: outputs hold nothing secret, and are replaced, not edited.
const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;

/// Why an output was not written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The file system.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The EROFS image.
    #[error("{}: {source}", path.display())]
    Erofs {
        /// Which output.
        path: PathBuf,
        /// What cannot be said in it.
        source: ErofsError,
    },
    /// The OCI layout.
    #[error("{}: {source}", path.display())]
    Oci {
        /// Which output.
        path: PathBuf,
        /// What cannot be said in it.
        source: OciError,
    },
    /// A file name that a checksum list cannot hold.
    #[error(transparent)]
    Sums(#[from] SumsError),
    /// The tar archive.
    #[error("{}: {source}", path.display())]
    Tar {
        /// Which output.
        path: PathBuf,
        /// What cannot be said in it.
        source: TarError,
    },
    /// The tree of hashes.
    #[error("{}: {source}", path.display())]
    Verity {
        /// Which output.
        path: PathBuf,
        /// What has no such tree.
        source: VerityWriteError,
    },
}

/// A tar archive that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TarOutput {
    /// The archive before compression: the subject of a statement.
    pub archive: tar::Written,
    /// The file.
    pub file: Content,
}

/// An OCI layout that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciOutput {
    /// SHA-256 of the manifest: the subject of a statement.
    pub manifest: Digest,
    /// The lower layer, to keep in a cache under its `digest`.
    pub base: Layer,
    /// Whether the lower layer came from the cache.
    pub base_reused: bool,
    /// Every file, relative to the layout's directory, in bytewise order.
    pub files: Vec<(String, Content)>,
}

/// What an OCI layout is made from.
#[derive(Clone, Copy)]
pub struct OciInput<'a> {
    /// The configured tree: what packages brought.
    pub base: &'a Tree<Sealed>,
    /// The image.
    pub tree: &'a Tree<Sealed>,
    /// The contents of both.
    pub blobs: &'a dyn Blobs,
    /// What the image says about itself.
    pub description: &'a Description,
    /// The lower layer of an earlier build from the same `base`, and the file that holds it. A
    /// file that is not what the layer says is not used.
    pub cached_base: Option<(&'a Layer, &'a Path)>,
}

impl std::fmt::Debug for OciInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (base, tree) = (self.base.len(), self.tree.len());
        write!(f, "OciInput({base} and {tree} paths)")
    }
}

/// Writes the tree as an archive at `target`.
///
/// # Errors
/// Tar cannot hold the tree, contents are missing or wrong, or the file cannot be written; then
/// nothing appears.
pub fn write_tar(
    tree: &Tree<Sealed>,
    blobs: &dyn Blobs,
    compression: Compression,
    threads: NonZero<usize>,
    target: &Path,
) -> Result<TarOutput, OutputError> {
    let file = AtomicFile::create(target, FILE_MODE)?;
    let written = tar::write_compressed(tree, blobs, compression, threads, file);
    let (file, archive, content) = written.map_err(|source| OutputError::Tar {
        path: target.to_owned(),
        source,
    })?;
    file.commit()?;
    Ok(TarOutput {
        archive,
        file: content,
    })
}

/// Writes the tree as an EROFS image at `target`.
///
/// # Errors
/// EROFS cannot hold the tree, contents are missing or wrong, or the file cannot be written; then
/// nothing appears.
pub fn write_erofs(
    tree: &Tree<Sealed>,
    blobs: &dyn Blobs,
    options: &erofs::Options,
    target: &Path,
) -> Result<Content, OutputError> {
    let file = AtomicFile::create(target, FILE_MODE)?;
    let written = erofs::write(tree, blobs, options, file);
    let (mut file, _) = written.map_err(|source| OutputError::Erofs {
        path: target.to_owned(),
        source,
    })?;
    // The first block was written last, so that its digest was not made on the way.
    file.seek(SeekFrom::Start(0)).at("read", target)?;
    let mut reader = HashingReader::new(file.file());
    io::copy(&mut reader, &mut io::sink()).at("read", target)?;
    let (digest, size) = reader.finish();
    file.commit()?;
    Ok(Content { digest, size })
}

/// Writes the tree of hashes over the file system at `image` to `target`; salt and UUID come from `seed`.
///
/// # Errors
/// The file system cannot be read, or the file cannot be written; then nothing appears.
pub fn write_verity(
    image: &Path,
    seed: &Digest,
    threads: NonZero<usize>,
    target: &Path,
) -> Result<(Content, Verity), OutputError> {
    let source = FileSource::open(image)?;
    let tree = HashTree::of(&source, Verity::salt_of(seed), threads);
    let tree = tree.map_err(|source| OutputError::Verity {
        path: target.to_owned(),
        source,
    })?;
    let file = AtomicFile::create(target, FILE_MODE)?;
    let mut writer = HashingWriter::new(BufWriter::new(file));
    tree.write(Uuid::derived(seed, "verity"), &mut writer)
        .at("write", target)?;
    let (file, digest, size) = writer.finish();
    let file = file.into_inner().map_err(io::IntoInnerError::into_error);
    file.at("write", target)?.commit()?;
    Ok((Content { digest, size }, tree.verity()))
}

/// Writes the image as an OCI layout at `target`, a directory: the base as one layer, and what the
/// image has otherwise as a second one, if there is anything.
///
/// # Errors
/// As [`write_tar`]; or a name that layers take for a whiteout.
pub fn write_oci(
    input: &OciInput<'_>,
    threads: NonZero<usize>,
    target: &Path,
) -> Result<OciOutput, OutputError> {
    let directory = AtomicDir::create(target)?;
    let root = directory.path();
    for name in ["blobs", "blobs/sha256"] {
        let path = root.join(name);
        fs::make_dirs(&path, DIRECTORY_MODE)?;
        // Whatever the umask.
        let mode = Permissions::from_mode(DIRECTORY_MODE);
        std::fs::set_permissions(&path, mode).at("chmod", &path)?;
    }
    let failed = |source| OutputError::Oci {
        path: target.to_owned(),
        source,
    };

    let reused = match input.cached_base {
        Some((layer, file)) => copy_layer(root, layer, file)?,
        None => None,
    };
    let base_reused = reused.is_some();
    let base = match reused {
        Some(layer) => layer,
        None => write_layer(root, failed, |sink| {
            oci::layer(input.base, input.blobs, threads, "karat: packages", sink)
        })?,
    };
    let mut layers = vec![base.clone()];
    let difference = Difference::between(input.base, input.tree);
    if !difference.is_empty() {
        layers.push(write_layer(root, failed, |sink| {
            let made_by = "karat: configuration";
            oci::difference_layer(&difference, input.blobs, threads, made_by, sink)
        })?);
    }

    let layout = oci::layout(input.description, &layers);
    let mut files = Vec::new();
    for layer in &layers {
        let content = Content {
            digest: layer.digest,
            size: layer.size,
        };
        files.push((oci::blob_path(&layer.digest), content));
    }
    for Document { path, bytes } in layout.documents {
        fs::write_atomic(root.join(&path), &bytes, FILE_MODE)?;
        files.push((path, Content::of(&bytes)));
    }
    files.sort();
    files.dedup();
    directory.commit()?;
    Ok(OciOutput {
        manifest: layout.manifest,
        base,
        base_reused,
        files,
    })
}

/// An OCI layout on the disk, to be read.
#[derive(Clone, Debug)]
pub struct LayoutDirectory(PathBuf);

impl LayoutDirectory {
    /// The layout at `path`; nothing is opened yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Files for LayoutDirectory {
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send + '_>> {
        match fs::open(self.0.join(path)) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(error.source),
        }
    }
}

/// Attaches a signed envelope to the image `subject` of the OCI layout at `target`; gives the digest
/// of the artefact's manifest.
///
/// The new `index.json` takes its place last, at once: a layout is never seen with half of it.
///
/// # Errors
/// The layout has no such image, or cannot be read or written.
pub fn attach_oci(
    target: &Path,
    subject: &Digest,
    media_type: &str,
    envelope: &[u8],
) -> Result<Digest, OutputError> {
    let layout = LayoutDirectory::new(target);
    let attached = oci::attach(&layout, subject, media_type, envelope);
    let attached = attached.map_err(|source| OutputError::Oci {
        path: target.to_owned(),
        source,
    })?;
    for Document { path, bytes } in &attached.documents {
        fs::write_atomic(target.join(path), bytes, FILE_MODE)?;
    }
    Ok(attached.manifest)
}

/// Writes the checksum list of a build at `target`.
///
/// # Errors
/// A name is listed twice or no plain relative path, or the file cannot be written.
pub fn write_sums(
    files: impl IntoIterator<Item = (impl Into<String>, Digest)>,
    target: &Path,
) -> Result<Content, OutputError> {
    let mut sums = Sums::new();
    for (name, digest) in files {
        sums.add(name, digest)?;
    }
    let text = sums.to_string();
    fs::write_atomic(target, text.as_bytes(), FILE_MODE)?;
    Ok(Content::of(text.as_bytes()))
}

/// Writes a layer under a name of its own, and gives it its digest's when that is known.
fn write_layer(
    root: &Path,
    failed: impl Fn(OciError) -> OutputError,
    write: impl FnOnce(File) -> Result<(File, Layer), OciError>,
) -> Result<Layer, OutputError> {
    let temporary = root.join("blobs/sha256/.layer.tmp");
    let (file, layer) = write(create(&temporary)?).map_err(failed)?;
    finish(&file, &temporary, root, &layer)?;
    Ok(layer)
}

/// Copies a layer out of a cache; `None` where the file is not that layer.
fn copy_layer(root: &Path, layer: &Layer, source: &Path) -> Result<Option<Layer>, OutputError> {
    let mut input = match fs::open(source) {
        Ok(file) => file.take(layer.size.saturating_add(1)),
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let temporary = root.join("blobs/sha256/.layer.tmp");
    let mut output = HashingWriter::new(create(&temporary)?);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(IoError::new("read", source, error).into()),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        output.write_all(bytes).at("write", &temporary)?;
    }
    let (file, digest, size) = output.finish();
    if (digest, size) != (layer.digest, layer.size) {
        fs::remove_tree(&temporary)?;
        return Ok(None);
    }
    finish(&file, &temporary, root, layer)?;
    Ok(Some(layer.clone()))
}

fn create(path: &Path) -> Result<File, IoError> {
    let file = File::create_new(path).at("create", path)?;
    let mode = Permissions::from_mode(FILE_MODE);
    file.set_permissions(mode).at("chmod", path)?;
    Ok(file)
}

fn finish(file: &File, temporary: &Path, root: &Path, layer: &Layer) -> Result<(), IoError> {
    file.sync_all().at("sync", temporary)?;
    let target = root.join(oci::blob_path(&layer.digest));
    std::fs::rename(temporary, &target).at("write", &target)?;
    fs::sync_parent(&target)
}

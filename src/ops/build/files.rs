//! The files of one build, written one after the other, the list of their digests last.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use super::disk::RAW;
use super::{BuildError, layers};
use crate::archive::Cache;
use crate::baseline::{Draft, Statement, Subject};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::image::compress::Compression;
use crate::image::disk::Container;
use crate::image::erofs;
use crate::image::further::Further;
use crate::image::oci;
use crate::layout::verity::Verity;
use crate::limits;
use crate::ops::disk::{ATTACHED_SUMS, Packed};
use crate::ops::outputs::{self, OciInput};
use crate::progress::Progress;
use crate::sys::fs::{self, FileSource, Lock};
use crate::sys::material::{ENVELOPE_SUFFIX, RECEIPT_SUFFIX};
use crate::tree::{Blobs, Content, Epoch, Sealed, Tree};

/// The right to write outputs into a directory: one process at a time has it, so that all files of
/// one name are of one build.
#[derive(Debug)]
pub(super) struct Alone {
    directory: PathBuf,
    _lock: Option<Lock>,
}

impl Alone {
    /// Waits until nobody else writes into `directory`, which is made if it is missing.
    pub(super) fn in_directory(directory: &Path) -> Result<Self, BuildError> {
        fs::make_dirs(directory, 0o777)?;
        Ok(Self {
            directory: directory.to_owned(),
            _lock: Lock::directory(directory)?,
        })
    }
}

/// What was written so far.
#[derive(Debug)]
pub(super) struct Files<'a> {
    directory: &'a Path,
    stem: String,
    written: Vec<(String, Content)>,
    further: Further,
}

impl<'a> Files<'a> {
    /// Starts the files `STEM.*`. A list of digests that is there already vouches for other files: it
    /// goes first, and with it what a killed build left half-written.
    pub(super) fn start(alone: &'a Alone, stem: &str) -> Result<Self, BuildError> {
        let files = Self {
            directory: &alone.directory,
            stem: stem.to_owned(),
            written: Vec::new(),
            further: Further::new(),
        };
        fs::remove_tree(files.place(".SHA256SUMS").1)?;
        fs::remove_tree(files.place(ATTACHED_SUMS).1)?;
        for start in [".", "_"] {
            fs::remove_temporaries(files.directory, &format!("{stem}{start}"))?;
        }
        Ok(files)
    }

    /// Writes a small file.
    pub(super) fn file(&mut self, suffix: &str, bytes: &[u8]) -> Result<(), BuildError> {
        let (name, path) = self.place(suffix);
        fs::write_atomic(path, bytes, 0o644)?;
        self.written.push((name, Content::of(bytes)));
        Ok(())
    }

    /// Where the file with this suffix belongs.
    pub(super) fn path(&self, suffix: &str) -> PathBuf {
        self.place(suffix).1
    }

    /// Takes note of a file that was written there.
    pub(super) fn made(&mut self, suffix: &str, content: Content) {
        self.written.push((self.place(suffix).0, content));
    }

    /// Removes what an earlier build of the same name and version left of pieces (`STEM_ID`) with these
    /// suffixes: their names tell what is in them, and change with it.
    pub(super) fn forget_pieces(&self, suffixes: &[&str]) -> Result<(), BuildError> {
        let start = format!("{}_", self.stem);
        for name in fs::list(self.directory)? {
            let text = name.to_string_lossy();
            if text.starts_with(&start) && suffixes.iter().any(|end| text.ends_with(end)) {
                fs::remove_tree(self.directory.join(&name))?;
            }
        }
        Ok(())
    }

    /// Writes a small file that the statement does not name: it gets into the list of further outputs.
    pub(super) fn further(&mut self, suffix: &str, bytes: &[u8]) -> Result<(), BuildError> {
        self.file(suffix, bytes)?;
        let (name, _) = self.place(suffix);
        Ok(self.further.add(name, Content::of(bytes))?)
    }

    /// Writes the list of further outputs; gives its digest.
    pub(super) fn list_further(&mut self) -> Result<Digest, BuildError> {
        let bytes = self.further.to_bytes()?;
        self.file(Subject::Outputs.suffix(), &bytes)?;
        Ok(Digest::of(&bytes))
    }

    /// Writes the tar file; gives the digest of its uncompressed bytes.
    pub(super) fn tar(
        &mut self,
        tree: &Tree<Sealed>,
        blobs: &dyn Blobs,
        compression: Compression,
        threads: NonZero<usize>,
    ) -> Result<Digest, BuildError> {
        let (name, path) = self.place(&format!(".tar{}", compression.suffix()));
        let output = outputs::write_tar(tree, blobs, compression, threads, &path)?;
        self.written.push((name, output.file));
        Ok(output.archive.digest)
    }

    /// Writes the EROFS image; gives its digest.
    pub(super) fn erofs(
        &mut self,
        tree: &Tree<Sealed>,
        blobs: &dyn Blobs,
        options: &erofs::Options,
    ) -> Result<Digest, BuildError> {
        let (name, path) = self.place(Subject::Erofs.suffix());
        let content = outputs::write_erofs(tree, blobs, options, &path)?;
        self.written.push((name, content));
        Ok(content.digest)
    }

    /// Writes the tree of hashes over the EROFS image, which was written before; gives its digest, and
    /// what vouches for the image.
    pub(super) fn verity(
        &mut self,
        seed: &Digest,
        threads: NonZero<usize>,
    ) -> Result<(Digest, Verity), BuildError> {
        let (_, image) = self.place(Subject::Erofs.suffix());
        let (name, path) = self.place(Subject::Verity.suffix());
        let (content, verity) = outputs::write_verity(&image, seed, threads, &path)?;
        self.written.push((name, content));
        Ok((content.digest, verity))
    }

    /// Puts the disk, which was written before, into a container.
    pub(super) fn container(
        &mut self,
        container: Container,
        epoch: Epoch,
        progress: &dyn Progress,
    ) -> Result<(), BuildError> {
        let disk = FileSource::open(self.path(RAW))?;
        let (name, path) = self.place(container.suffix());
        let packed = Packed::write(&disk, container, path, epoch, progress)?;
        self.written.push((name, packed.content()));
        Ok(packed.commit()?)
    }

    /// Writes the OCI layout; gives the digest of its image manifest.
    pub(super) fn oci(
        &mut self,
        image: &Image<'_>,
        description: &oci::Description,
        threads: NonZero<usize>,
    ) -> Result<Digest, BuildError> {
        let (name, path) = self.place(".oci");
        let layer = image
            .cache
            .and_then(|cache| layers::find(cache, &image.base_key));
        let file = match (&layer, image.cache) {
            (Some(layer), Some(cache)) => cache.find(&Content {
                digest: layer.digest,
                size: layer.size,
            })?,
            _ => None,
        };
        let input = OciInput {
            base: image.base,
            tree: image.tree,
            blobs: image.blobs,
            description,
            cached_base: layer.as_ref().zip(file.as_deref()),
        };
        let output = outputs::write_oci(&input, threads, &path)?;
        if let (Some(cache), false) = (image.cache, output.base_reused) {
            let content = Content {
                digest: output.base.digest,
                size: output.base.size,
            };
            cache.add(
                &content,
                fs::open(path.join(oci::blob_path(&content.digest)))?,
            )?;
            layers::keep(cache, &image.base_key, &output.base)?;
        }
        let files = output.files.into_iter();
        self.written
            .extend(files.map(|(file, content)| (format!("{name}/{file}"), content)));
        Ok(output.manifest)
    }

    /// Removes an Envelope and a Receipt of another draft: what they speak of was just replaced.
    pub(super) fn forget_other(&self, draft: &Draft) -> Result<(), BuildError> {
        let (_, envelope) = self.place(ENVELOPE_SUFFIX);
        let bytes = match fs::read(&envelope, limits::ENVELOPE_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let signed = Envelope::parse(&bytes)
            .ok()
            .and_then(|envelope| Statement::parse(&envelope.signed().payload).ok());
        if signed.is_none_or(|statement| statement.draft() != *draft) {
            fs::remove_tree(envelope)?;
            fs::remove_tree(self.place(RECEIPT_SUFFIX).1)?;
        }
        Ok(())
    }

    /// Writes the list of digests; gives all names and sizes.
    pub(super) fn finish(self) -> Result<Vec<(String, u64)>, BuildError> {
        let digests = self
            .written
            .iter()
            .map(|(name, content)| (name.clone(), content.digest));
        outputs::write_sums(digests, &self.place(".SHA256SUMS").1)?;
        Ok(self
            .written
            .into_iter()
            .map(|(name, content)| (name, content.size))
            .collect())
    }

    fn place(&self, suffix: &str) -> (String, PathBuf) {
        let name = format!("{}{suffix}", self.stem);
        let path = self.directory.join(&name);
        (name, path)
    }
}

/// The tree to write, and the configured tree that it grew from.
pub(super) struct Image<'a> {
    pub(super) tree: &'a Tree<Sealed>,
    pub(super) base: &'a Tree<Sealed>,
    pub(super) blobs: &'a dyn Blobs,
    /// Names the configured tree, so that its layer is compressed once.
    pub(super) base_key: Digest,
    /// Where that layer is kept; `None`: nowhere.
    pub(super) cache: Option<&'a Cache>,
}

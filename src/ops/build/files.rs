//! The files of one build, written one after the other, the list of their digests last.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use super::{BuildError, layers};
use crate::archive::Cache;
use crate::digest::Digest;
use crate::image::compress::Compression;
use crate::image::oci;
use crate::ops::outputs::{self, OciInput};
use crate::sys::fs;
use crate::tree::{Blobs, Content, Sealed, Tree};

/// What was written so far.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    stem: String,
    written: Vec<(String, Content)>,
}

impl Files {
    /// Starts the files `STEM.*` in `directory`, which is made if it is missing. A list of digests
    /// that is there already vouches for other files: it goes first.
    pub(super) fn start(directory: &Path, stem: &str) -> Result<Self, BuildError> {
        fs::make_dirs(directory, 0o777)?;
        let files = Self {
            directory: directory.to_owned(),
            stem: stem.to_owned(),
            written: Vec::new(),
        };
        fs::remove_tree(files.place(".SHA256SUMS").1)?;
        Ok(files)
    }

    /// Writes a small file.
    pub(super) fn file(&mut self, suffix: &str, bytes: &[u8]) -> Result<(), BuildError> {
        let (name, path) = self.place(suffix);
        fs::write_atomic(path, bytes, 0o644)?;
        self.written.push((name, Content::of(bytes)));
        Ok(())
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

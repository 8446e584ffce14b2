//! Layers and documents of a layout.

use std::io::Write;
use std::num::NonZero;

use serde::Serialize;

use super::config::{Config, Description};
use super::diff::{Difference, check_name};
use super::document::{
    CONFIG, Descriptor, INDEX, Index, LAYER_GZIP, MANIFEST, Manifest, Platform, REF_NAME,
};
use super::{OciError, blob_path};
use crate::digest::{Digest, HashingWriter};
use crate::image::compress::{Compression, Encoder};
use crate::image::tar::{self, TarError, Writer};
use crate::tree::{Blobs, Sealed, Tree};

/// A layer that stands at its [`blob_path`]: just written, or from a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// SHA-256 of the compressed bytes: the blob's name.
    pub digest: Digest,
    /// How many compressed bytes there are.
    pub size: u64,
    /// SHA-256 of the uncompressed archive.
    pub diff_id: Digest,
    /// What made it, for the image's history.
    pub created_by: String,
}

/// A small file of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where, relative to the layout's directory.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// All of a layout but its layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// SHA-256 of the manifest: the name of the image, and the subject of a statement.
    pub manifest: Digest,
    /// The files, in bytewise order of their paths.
    pub documents: Vec<Document>,
}

/// Writes a whole tree as a gzip layer into `sink`, on `threads` threads.
///
/// # Errors
/// As [`tar::write`]; or a name that a layer takes for a whiteout.
pub fn layer<W: Write>(
    tree: &Tree<Sealed>,
    blobs: &dyn Blobs,
    threads: NonZero<usize>,
    created_by: &str,
    sink: W,
) -> Result<(W, Layer), OciError> {
    tree.iter().try_for_each(|entry| check_name(entry.path))?;
    let (sink, archive, blob) =
        tar::write_compressed(tree, blobs, Compression::Gzip, threads, sink)?;
    let layer = Layer {
        digest: blob.digest,
        size: blob.size,
        diff_id: archive.digest,
        created_by: created_by.to_owned(),
    };
    Ok((sink, layer))
}

/// Writes what changed between two trees as a gzip layer into `sink`, on `threads` threads.
///
/// # Errors
/// As [`layer`]; or a removed name of more than 251 bytes, for which there is no whiteout.
pub fn difference_layer<W: Write>(
    difference: &Difference<'_>,
    blobs: &dyn Blobs,
    threads: NonZero<usize>,
    created_by: &str,
    sink: W,
) -> Result<(W, Layer), OciError> {
    let sink = HashingWriter::new(sink);
    let encoder = Encoder::new(Compression::Gzip, threads, sink).map_err(TarError::from)?;
    let mut writer = Writer::new(encoder);
    difference.write(blobs, &mut writer)?;
    let (encoder, archive) = writer.finish()?;
    let (sink, digest, size) = encoder.finish().map_err(TarError::from)?.finish();
    let layer = Layer {
        digest,
        size,
        diff_id: archive.digest,
        created_by: created_by.to_owned(),
    };
    Ok((sink, layer))
}

/// The documents of a layout with one image, made of `layers`, the lowest first.
pub fn layout(description: &Description, layers: &[Layer]) -> Layout {
    let config = json(&Config::new(description, layers));
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        artifact_type: None,
        config: Descriptor::of(CONFIG, &config),
        layers: layers
            .iter()
            .map(|layer| Descriptor::new(LAYER_GZIP, layer.digest, layer.size))
            .collect(),
        subject: None,
        annotations: description.labels(),
    };
    let config_digest = manifest.config.digest;
    let manifest = json(&manifest);
    let (architecture, variant) = super::architecture(&description.architecture);
    let mut descriptor = Descriptor::of(MANIFEST, &manifest);
    descriptor.platform = Some(Platform {
        architecture: architecture.to_owned(),
        os: "linux".to_owned(),
        variant: variant.map(str::to_owned),
    });
    let name = reference(&description.version);
    descriptor.annotations.insert(REF_NAME.to_owned(), name);
    let digest = descriptor.digest;
    let index = json(&index(vec![descriptor]));
    let mut documents = vec![
        Document::new(blob_path(&config_digest), config),
        Document::new(blob_path(&digest), manifest),
        Document::new("index.json", index),
        Document::new("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
    ];
    documents.sort_by(|a, b| a.path.cmp(&b.path));
    Layout {
        manifest: digest,
        documents,
    }
}

/// The name that a version has as a reference of a layout: whatever tools could take for syntax
/// becomes `_`.
pub fn reference(version: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = version
        .chars()
        .map(|c| if keep(c) { c } else { '_' })
        .collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

impl Document {
    pub(super) fn new(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            path: path.into(),
            bytes,
        }
    }
}

pub(super) fn index(manifests: Vec<Descriptor>) -> Index {
    Index {
        schema_version: 2,
        media_type: Some(INDEX.to_owned()),
        manifests,
    }
}

/// Compact JSON; fields in the order of their types, maps in bytewise order.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "string keys and plain values always serialise"
    )]
    serde_json::to_vec(value).expect("plain values serialise")
}

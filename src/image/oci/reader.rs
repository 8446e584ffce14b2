//! Layouts of anybody: every byte is checked against the digest that named it.

use std::io::{self, Read};

use serde::de::DeserializeOwned;

use super::config::Config;
use super::diff::WHITEOUT;
use super::document::{
    CONFIG, Descriptor, INDEX, Index, LAYER, LAYER_GZIP, LAYER_ZSTD, MANIFEST, Manifest,
};
use super::{OciError, blob_path};
use crate::digest::{Digest, HashingReader};
use crate::image::compress::{Compression, Decoder};
use crate::image::tar::{Assembly, Keep, Member, MemberKind, Reader, TarError};
use crate::limits;
use crate::path::ImagePath;
use crate::tree::{Epoch, MemoryBlobs, Open, Origin, Tree};

/// The name that makes a directory forget what lower layers put into it.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// The files of a layout.
pub trait Files {
    /// Opens a file by its path relative to the layout's directory: `index.json`,
    /// `blobs/sha256/…`. No path has other components than these.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send + '_>>;
}

/// An image of a layout: its documents, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The manifest, as the index describes it.
    pub descriptor: Descriptor,
    /// What it is made of.
    pub manifest: Manifest,
    /// What it says about itself.
    pub config: Config,
}

impl Image {
    /// Opens the image that `reference` names, or the only one there is.
    ///
    /// What is merely attached to an image (a manifest with a subject or an artefact type) does
    /// not count.
    ///
    /// # Errors
    /// No or more than one image fits; a document is missing, too large, malformed, of another
    /// media type, or does not have its digest.
    pub fn open(files: &dyn Files, reference: Option<&str>) -> Result<Self, OciError> {
        let index = index(files)?;
        let fits = |descriptor: &Descriptor| {
            descriptor.artifact_type.is_none()
                && reference.is_none_or(|name| descriptor.ref_name() == Some(name))
        };
        let mut found: Vec<Descriptor> = index.manifests.into_iter().filter(fits).collect();
        let (descriptor, more) = (found.pop(), found.len());
        let Some(descriptor) = descriptor else {
            return Err(OciError::NotFound(reference.unwrap_or_default().to_owned()));
        };
        if more > 0 {
            return Err(OciError::Ambiguous(more + 1));
        }
        expect_type("index.json", &descriptor, &[MANIFEST])?;
        let manifest: Manifest = document(files, &descriptor)?;
        let path = blob_path(&descriptor.digest);
        if manifest.schema_version != 2 || manifest.subject.is_some() {
            return Err(OciError::Json {
                path,
                rule: "not the manifest of an image".to_owned(),
            });
        }
        if let Some(media_type) = manifest.media_type.as_ref().filter(|it| *it != MANIFEST) {
            let media_type = media_type.clone();
            return Err(OciError::MediaType { path, media_type });
        }
        expect_type(&path, &manifest.config, &[CONFIG])?;
        for layer in &manifest.layers {
            expect_type(&path, layer, &[LAYER, LAYER_GZIP, LAYER_ZSTD])?;
        }
        let config: Config = document(files, &manifest.config)?;
        let counts = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if counts.0 != counts.1 || counts.0 > limits::OCI_LAYERS_MAX {
            return Err(OciError::LayerCount {
                manifest: counts.0,
                config: counts.1,
            });
        }
        Ok(Self {
            descriptor,
            manifest,
            config,
        })
    }

    /// SHA-256 of the manifest: the name of the image, and the subject of a statement.
    pub fn digest(&self) -> Digest {
        self.descriptor.digest
    }

    /// Lays all layers over each other, the lowest first, and gives the tree.
    ///
    /// `origin` and `keep` are as for [`tar::read`](crate::image::tar::read); contents of a file
    /// that an upper layer replaces may be kept too.
    ///
    /// # Errors
    /// A layer is missing, does not have its digest, size or `diff_id`, decompresses to more than
    /// [`limits::IMAGE_TAR_MAX`], or holds what [`tar::read`](crate::image::tar::read) refuses.
    pub fn read(
        &self,
        files: &dyn Files,
        epoch: Epoch,
        origin: &Origin,
        keep: Keep<'_>,
    ) -> Result<(Tree<Open>, MemoryBlobs), OciError> {
        let mut assembly = Assembly::new(Tree::new(epoch), origin.clone());
        let layers = self
            .manifest
            .layers
            .iter()
            .zip(&self.config.rootfs.diff_ids);
        for (number, (layer, diff_id)) in (1..).zip(layers) {
            assembly.next_archive();
            let found = read_layer(files, layer, number, &mut assembly, keep)?;
            if found != *diff_id {
                return Err(OciError::DiffId(number));
            }
        }
        Ok((assembly.tree, assembly.kept))
    }
}

/// `index.json`, once `oci-layout` says a version that is read.
pub(super) fn index(files: &dyn Files) -> Result<Index, OciError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        image_layout_version: String,
    }
    let version: Version = parse("oci-layout", &small(files, "oci-layout")?)?;
    if version.image_layout_version != "1.0.0" {
        return Err(OciError::Version(version.image_layout_version));
    }
    let index: Index = parse("index.json", &small(files, "index.json")?)?;
    match index.media_type {
        Some(media_type) if media_type != INDEX => Err(OciError::MediaType {
            path: "index.json".to_owned(),
            media_type,
        }),
        _ => Ok(index),
    }
}

/// A JSON blob.
pub(super) fn document<T: DeserializeOwned>(
    files: &dyn Files,
    descriptor: &Descriptor,
) -> Result<T, OciError> {
    let bytes = blob(files, descriptor, limits::OCI_JSON_MAX)?;
    parse(&blob_path(&descriptor.digest), &bytes)
}

/// A blob of at most `max` bytes, checked.
pub(super) fn blob(
    files: &dyn Files,
    descriptor: &Descriptor,
    max: u64,
) -> Result<Vec<u8>, OciError> {
    let path = blob_path(&descriptor.digest);
    if descriptor.size > max {
        return Err(OciError::TooLarge { path, max });
    }
    let bytes = read_at_most(files, &path, descriptor.size)?;
    let whole = u64::try_from(bytes.len()) == Ok(descriptor.size);
    if !whole || Digest::of(&bytes) != descriptor.digest {
        return Err(OciError::Blob(path));
    }
    Ok(bytes)
}

fn small(files: &dyn Files, path: &str) -> Result<Vec<u8>, OciError> {
    let max = limits::OCI_JSON_MAX;
    let bytes = read_at_most(files, path, max)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= max) {
        return Ok(bytes);
    }
    let path = path.to_owned();
    Err(OciError::TooLarge { path, max })
}

/// At most `max` bytes, and one more where there are more.
fn read_at_most(files: &dyn Files, path: &str, max: u64) -> Result<Vec<u8>, OciError> {
    let mut bytes = Vec::new();
    files
        .open(path)
        .and_then(|file| file.take(max.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|source| OciError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, OciError> {
    serde_json::from_slice(bytes).map_err(|error| OciError::Json {
        path: path.to_owned(),
        rule: error.to_string(),
    })
}

fn expect_type(path: &str, descriptor: &Descriptor, types: &[&str]) -> Result<(), OciError> {
    if types.contains(&descriptor.media_type.as_str()) {
        return Ok(());
    }
    Err(OciError::MediaType {
        path: path.to_owned(),
        media_type: descriptor.media_type.clone(),
    })
}

/// Lays one layer over the tree; gives the digest of its uncompressed bytes.
fn read_layer(
    files: &dyn Files,
    layer: &Descriptor,
    number: usize,
    assembly: &mut Assembly,
    keep: Keep<'_>,
) -> Result<Digest, OciError> {
    let path = blob_path(&layer.digest);
    let compression = match layer.media_type.as_str() {
        LAYER_GZIP => Compression::Gzip,
        LAYER_ZSTD => Compression::Zstd,
        _ => Compression::None,
    };
    let wrong = |source| OciError::Layer { number, source };
    let unreadable = |source| OciError::Read {
        path: path.clone(),
        source,
    };
    let file = files.open(&path).map_err(unreadable)?;
    // One byte more than announced shows in the length.
    let mut blob = HashingReader::new(file.take(layer.size.saturating_add(1)));
    let decoder = Decoder::new(compression, &mut blob, limits::IMAGE_TAR_MAX);
    let mut archive = HashingReader::new(decoder.map_err(unreadable)?);
    let read = lay(&mut archive, assembly, keep);
    let (diff_id, _) = archive.finish();
    // What a wrong blob decompresses to is not worth a message of its own.
    io::copy(&mut blob, &mut io::sink()).map_err(unreadable)?;
    if blob.finish() != (layer.digest, layer.size) {
        return Err(OciError::Blob(path));
    }
    read.map_err(wrong)?;
    Ok(diff_id)
}

fn lay(input: impl Read, assembly: &mut Assembly, keep: Keep<'_>) -> Result<(), TarError> {
    let mut reader = Reader::new(input);
    while let Some(member) = reader.next()? {
        let hidden = member
            .path
            .components()
            .rev()
            .skip(1)
            .any(|component| component.starts_with(WHITEOUT));
        let name = member.path.name().unwrap_or_default();
        if hidden {
            return Err(TarError::Whiteout(member.path));
        }
        match name.strip_prefix(WHITEOUT) {
            None => assembly.add(member, &mut reader, keep)?,
            Some(target) => white_out(&member, target, assembly)?,
        }
    }
    Ok(())
}

fn white_out(member: &Member, target: &[u8], assembly: &mut Assembly) -> Result<(), TarError> {
    let refused = || TarError::Whiteout(member.path.clone());
    let parent = member.path.parent().ok_or_else(refused)?;
    if member.kind != MemberKind::Regular(0) {
        return Err(refused());
    }
    assembly.name(&member.path)?;
    if member.path.name() == Some(OPAQUE) {
        return assembly.remove_earlier(&parent, false);
    }
    // `.wh..`, `.wh...` and further names of aufs are no names of files.
    if target.starts_with(WHITEOUT) {
        return Err(refused());
    }
    let target: ImagePath = parent.join(target).map_err(|_rule| refused())?;
    assembly.remove_earlier(&target, true)
}

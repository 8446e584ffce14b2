//! Signed envelopes beside the image that they are about.

use std::collections::BTreeMap;

use super::document::{Descriptor, EMPTY, Index, MANIFEST, Manifest};
use super::reader::{self, Files};
use super::writer::json;
use super::{Document, OciError, blob_path};
use crate::digest::Digest;
use crate::limits;

/// The empty configuration of an artefact.
const EMPTY_JSON: &[u8] = b"{}";

/// What to add to a layout to attach something to its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// SHA-256 of the artefact's manifest.
    pub manifest: Digest,
    /// The new files; `index.json`, the last one, takes the old one's place once the others
    /// stand. Blobs that are there already have the same bytes.
    pub documents: Vec<Document>,
}

/// The documents that attach `envelope` (a file of media type `media_type`, such as
/// `application/vnd.dsse.envelope.v1+json`) to the image whose manifest has the digest `subject`.
///
/// It becomes an artefact manifest that names the image as its subject (image-spec v1.1,
/// "Guidelines for Artifact Usage") and is listed in `index.json`. The image itself, its manifest
/// and its blobs stay as they are. Attaching the same bytes again changes nothing.
///
/// # Errors
/// The layout has no such image, or its index cannot be read.
pub fn attach(
    files: &dyn Files,
    subject: &Digest,
    media_type: &str,
    envelope: &[u8],
) -> Result<Attached, OciError> {
    let mut index = reader::index(files)?;
    let is_subject = |descriptor: &&Descriptor| descriptor.digest == *subject;
    let Some(image) = index.manifests.iter().find(is_subject) else {
        return Err(OciError::NotFound(subject.to_string()));
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST.to_owned()),
        artifact_type: Some(media_type.to_owned()),
        config: Descriptor::of(EMPTY, EMPTY_JSON),
        layers: vec![Descriptor::of(media_type, envelope)],
        subject: Some(Descriptor::new(MANIFEST, image.digest, image.size)),
        annotations: BTreeMap::new(),
    };
    let empty = blob_path(&manifest.config.digest);
    let layer = blob_path(&Digest::of(envelope));
    let manifest = json(&manifest);
    let mut descriptor = Descriptor::of(MANIFEST, &manifest);
    descriptor.artifact_type = Some(media_type.to_owned());
    let digest = descriptor.digest;
    if !index.manifests.iter().any(|known| known.digest == digest) {
        index.manifests.push(descriptor);
    }
    Ok(Attached {
        manifest: digest,
        documents: vec![
            Document::new(empty, EMPTY_JSON.to_vec()),
            Document::new(layer, envelope.to_vec()),
            Document::new(blob_path(&digest), manifest),
            Document::new("index.json", json(&index)),
        ],
    })
}

/// What is attached to the image `subject` with the type `media_type`, in the order of the index.
///
/// Digests are checked; what the bytes say is not.
///
/// # Errors
/// A document or blob of such an artefact is missing, malformed or not what it should be.
pub fn attachments(
    files: &dyn Files,
    subject: &Digest,
    media_type: &str,
) -> Result<Vec<Vec<u8>>, OciError> {
    let Index { manifests, .. } = reader::index(files)?;
    let mut found = Vec::new();
    for descriptor in manifests {
        if descriptor.media_type != MANIFEST
            || descriptor.artifact_type.as_deref() != Some(media_type)
        {
            continue;
        }
        let manifest: Manifest = reader::document(files, &descriptor)?;
        let about = manifest.subject.map(|subject| subject.digest);
        if about != Some(*subject) || manifest.artifact_type.as_deref() != Some(media_type) {
            continue;
        }
        for layer in &manifest.layers {
            found.push(reader::blob(files, layer, limits::OCI_JSON_MAX)?);
        }
    }
    Ok(found)
}

//! What can be wrong with a layout.

use std::io;

use crate::image::tar::TarError;
use crate::limits;
use crate::path::ImagePath;

/// Why a layout cannot be written or is not read.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The layout has several images, or several of that name, and none was chosen.
    #[error("{0} images fit: name one by its reference")]
    Ambiguous(usize),
    /// A blob whose bytes do not have the digest or the size that its descriptor says.
    #[error("{0}: its bytes do not have the digest and size that the layout names")]
    Blob(String),
    /// A layer whose uncompressed bytes do not have the digest that the configuration says.
    #[error("layer {0}: its uncompressed bytes do not have the diff_id of the configuration")]
    DiffId(usize),
    /// A JSON document that does not parse.
    #[error("{path}: {rule}")]
    Json {
        /// Which document.
        path: String,
        /// What is wrong with it, and where.
        rule: String,
    },
    /// The manifest and the configuration name different numbers of layers, or too many.
    #[error("the manifest has {manifest} layers, the configuration {config}; at most {max} are read", max = limits::OCI_LAYERS_MAX)]
    LayerCount {
        /// Layers of the manifest.
        manifest: usize,
        /// `diff_ids` of the configuration.
        config: usize,
    },
    /// A layer's archive.
    #[error("layer {number}: {source}")]
    Layer {
        /// Which layer, from 1.
        number: usize,
        /// What is wrong with it.
        source: TarError,
    },
    /// A media type that is not read in this place.
    #[error("{path}: the media type {media_type:?} is not read here")]
    MediaType {
        /// In which document.
        path: String,
        /// The media type.
        media_type: String,
    },
    /// No image of that name.
    #[error("no image {0:?} in this layout")]
    NotFound(String),
    /// A file of the layout cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: String,
        /// What the system answered.
        source: io::Error,
    },
    /// A document or blob over its cap.
    #[error("{path}: larger than {max} bytes")]
    TooLarge {
        /// Which file.
        path: String,
        /// The cap.
        max: u64,
    },
    /// A layout of another version.
    #[error("oci-layout: version {0:?} is not read; 1.0.0 is")]
    Version(String),
    /// A layer cannot be written.
    #[error(transparent)]
    Write(#[from] TarError),
    /// A name that a layer would take for a whiteout, or a whiteout with a name that is none.
    #[error("{0}: a name that starts with .wh. cannot stand for itself in a layer")]
    Whiteout(ImagePath),
    /// A removed path whose whiteout would have too long a name.
    #[error("{0}: its name is too long to be removed in a layer")]
    WhiteoutLength(ImagePath),
}

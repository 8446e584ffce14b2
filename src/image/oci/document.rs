//! The JSON documents of the image specification, as far as they are read or written here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub(super) const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(super) const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
pub(super) const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The annotation that names an image of a layout.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// `index.json`: the images of a layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// The media type of an index; may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The images, and what refers to them.
    pub manifests: Vec<Descriptor>,
}

/// The manifest of an image, or of something attached to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// The media type of a manifest; may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What an artefact is; images have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<Descriptor>,
    /// What an artefact refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Notes for people and tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A blob's name, with what to expect in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the bytes are.
    pub media_type: String,
    /// Their SHA-256; written `sha256:…`, the only algorithm that is read.
    #[serde(with = "prefixed")]
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
    /// Which machine they are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What an artefact is; images have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Notes for people and tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Describes `bytes`.
    pub(super) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(
            media_type,
            Digest::of(bytes),
            u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        )
    }

    pub(super) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The value of `org.opencontainers.image.ref.name`.
    pub fn ref_name(&self) -> Option<&str> {
        self.annotations.get(REF_NAME).map(String::as_str)
    }
}

/// A kind of machine, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64` …
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// `v7` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// Digests as `sha256:…`.
pub(super) mod prefixed {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::digest::Digest;

    pub(in super::super) fn text(digest: &Digest) -> String {
        format!("sha256:{digest}")
    }

    pub(in super::super) fn parse(text: &str) -> Option<Digest> {
        text.strip_prefix("sha256:")?.parse().ok()
    }

    pub(in super::super) fn serialize<S: Serializer>(
        digest: &Digest,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&text(digest))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom("a digest is sha256: and 64 digits"))
    }

    /// The same for lists.
    pub(in super::super) mod list {
        use serde::ser::SerializeSeq as _;
        use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

        use crate::digest::Digest;

        pub(in super::super::super) fn serialize<S: Serializer>(
            digests: &[Digest],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(Some(digests.len()))?;
            for digest in digests {
                list.serialize_element(&super::text(digest))?;
            }
            list.end()
        }

        pub(in super::super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Vec<Digest>, D::Error> {
            Vec::<String>::deserialize(deserializer)?
                .iter()
                .map(|text| super::parse(text))
                .collect::<Option<_>>()
                .ok_or_else(|| D::Error::custom("a digest is sha256: and 64 digits"))
        }
    }
}

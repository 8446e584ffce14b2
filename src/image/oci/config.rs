//! The configuration of an image: what it says about itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Layer;
use super::document::prefixed;
use crate::digest::Digest;
use crate::tree::Epoch;

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a layout says about the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The image's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// A sentence for people; none where empty.
    pub description: String,
    /// The architecture in Debian's words: `amd64`, `armhf` …
    pub architecture: String,
    /// The only time that the layout shows.
    pub epoch: Epoch,
    /// What a container runs; nothing where empty.
    pub command: Vec<String>,
}

impl Description {
    /// The standard labels, for the configuration and the manifest alike.
    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        let created = self.epoch.rfc3339();
        [
            ("created", created.as_str()),
            ("description", &self.description),
            ("title", &self.name),
            ("version", &self.version),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.to_owned()))
        .collect()
    }
}

/// Go's words for an architecture of Debian: its name and, for some, a variant.
pub fn architecture(debian: &str) -> (&str, Option<&'static str>) {
    match debian {
        "arm64" => ("arm64", Some("v8")),
        "armel" => ("arm", Some("v5")),
        "armhf" => ("arm", Some("v7")),
        "i386" => ("386", None),
        "mips64el" => ("mips64le", None),
        "ppc64el" => ("ppc64le", None),
        "loong64" | "amd64" | "riscv64" | "s390x" => (debian, None),
        other => (other, None),
    }
}

/// The configuration document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// When the image was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// In Go's words.
    pub architecture: String,
    /// `v7` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// `linux`.
    pub os: String,
    /// How to run it.
    #[serde(default)]
    pub config: Execution,
    /// What it is made of.
    pub rootfs: RootFs,
    /// How it was made, layer by layer.
    #[serde(default)]
    pub history: Vec<History>,
}

/// How to run an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(unnameable_types, reason = "read through Config only")]
pub struct Execution {
    #[serde(default, skip_serializing_if = "is_none_or_empty")]
    pub(super) env: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "is_none_or_empty")]
    pub(super) cmd: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) labels: Option<BTreeMap<String, String>>,
}

#[expect(clippy::ref_option, reason = "serde passes the field as it is")]
fn is_none_or_empty(list: &Option<Vec<String>>) -> bool {
    list.as_ref().is_none_or(Vec::is_empty)
}

/// The digests of the uncompressed layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(unnameable_types, reason = "read through Config only")]
pub struct RootFs {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(with = "prefixed::list")]
    pub(super) diff_ids: Vec<Digest>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(unnameable_types, reason = "read through Config only")]
pub struct History {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created_by: Option<String>,
}

impl Config {
    /// The configuration of an image that has these layers.
    pub(super) fn new(description: &Description, layers: &[Layer]) -> Self {
        let (architecture, variant) = architecture(&description.architecture);
        let created = description.epoch.rfc3339();
        let history = |layer: &Layer| History {
            created: Some(created.clone()),
            created_by: Some(layer.created_by.clone()),
        };
        Self {
            created: Some(created.clone()),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
            os: "linux".to_owned(),
            config: Execution {
                env: Some(vec![PATH.to_owned()]),
                cmd: Some(description.command.clone()),
                labels: Some(description.labels()),
            },
            rootfs: RootFs {
                kind: "layers".to_owned(),
                diff_ids: layers.iter().map(|layer| layer.diff_id).collect(),
            },
            history: layers.iter().map(history).collect(),
        }
    }

    /// The digests of the uncompressed layers, the lowest first.
    pub fn diff_ids(&self) -> &[Digest] {
        &self.rootfs.diff_ids
    }

    /// The labels.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.config.labels.iter().flatten();
        labels.map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

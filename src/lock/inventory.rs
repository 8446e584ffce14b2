//! The packages that an SBOM lists, read back from the SPDX document that a build wrote.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Lockfile;
use crate::digest::Digest;
use crate::json::{self, JsonError};
use crate::limits;

/// The packages of the distribution in an image: of each name and architecture the versions and digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory(BTreeMap<(String, String), BTreeSet<(String, Digest)>>);

/// Why an SBOM is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// The JSON is none, or of another shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A package without the one digest and the version that a lock has of each.
    #[error("the package number {0} has no version, or not exactly one SHA-256")]
    Package(usize),
    /// More packages than an image can have.
    #[error("it lists more than {} packages", limits::LOCKED_PACKAGES_MAX)]
    TooMany,
    /// Another version of SPDX than builds write.
    #[error("it is no document of SPDX 2.3")]
    Version,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "spdxVersion")]
    version: String,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(default)]
    checksums: Vec<Checksum>,
    #[serde(rename = "versionInfo")]
    version: Option<String>,
}

#[derive(Deserialize)]
struct Checksum {
    algorithm: String,
    #[serde(rename = "checksumValue")]
    value: String,
}

/// How the identifiers of packages begin: `SPDXRef-deb-NAME.ARCHITECTURE`.
const PACKAGE: &str = "SPDXRef-deb-";

impl Inventory {
    /// Reads the bytes of `NAME_VERSION.spdx.json`, which were compared with a signed digest before. What
    /// is no package of the distribution, such as the image itself, is left out.
    ///
    /// # Errors
    /// The rule that they break.
    pub fn parse(bytes: &[u8]) -> Result<Self, InventoryError> {
        let document: Document = json::read(bytes, limits::FURTHER_HASHED_MAX)?;
        if document.version != "SPDX-2.3" {
            return Err(InventoryError::Version);
        }
        if document.packages.len() > limits::LOCKED_PACKAGES_MAX.saturating_add(2) {
            return Err(InventoryError::TooMany);
        }
        let mut inventory = Self::default();
        for (number, package) in (1_usize..).zip(document.packages) {
            let Some(id) = package.id.strip_prefix(PACKAGE) else {
                continue;
            };
            let (_, architecture) = id.rsplit_once('.').unwrap_or((id, ""));
            let digest = match package.checksums.as_slice() {
                [one] if one.algorithm == "SHA256" => one.value.parse::<Digest>().ok(),
                _ => None,
            };
            let (Some(version), Some(digest)) = (package.version, digest) else {
                return Err(InventoryError::Package(number));
            };
            let key = (package.name, architecture.to_owned());
            let versions = inventory.0.entry(key).or_default();
            versions.insert((version, digest));
        }
        Ok(inventory)
    }

    /// What the SBOM of an image that was built from `lock` lists.
    pub fn of(lock: &Lockfile) -> Self {
        let mut inventory = Self::default();
        for package in &lock.packages {
            let key = (package.name.to_string(), package.architecture.to_string());
            let versions = inventory.0.entry(key).or_default();
            versions.insert((package.version.to_string(), package.content.digest));
        }
        inventory
    }

    /// How many packages it lists.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The version of each package, by name; of one with several the last.
    pub fn versions(&self) -> BTreeMap<&str, &str> {
        let each = self.0.iter().flat_map(|((name, _), versions)| {
            let versions = versions.iter();
            versions.map(|(version, _)| (name.as_str(), version.as_str()))
        });
        each.collect()
    }

    /// How many packages only one of both lists, in that version and with those bytes.
    pub fn differences(&self, other: &Self) -> usize {
        let lacks = |one: &Self, other: &Self| -> usize {
            let none = BTreeSet::new();
            let each = one.0.iter().map(|(name, versions)| {
                versions
                    .difference(other.0.get(name).unwrap_or(&none))
                    .count()
            });
            each.sum()
        };
        lacks(self, other).saturating_add(lacks(other, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(version: &str, package: &str) -> Vec<u8> {
        format!(
            r#"{{"packages":[{{"SPDXID":"SPDXRef-image","name":"web"}},{package}],"spdxVersion":"{version}"}}"#
        )
        .into_bytes()
    }

    fn package(version: &str, digest: &str) -> String {
        format!(
            r#"{{"SPDXID":"SPDXRef-deb-gPP.amd64","name":"g++","checksums":[{{"algorithm":"SHA256","checksumValue":"{digest}"}}],"versionInfo":"{version}"}}"#
        )
    }

    #[test]
    fn packages_are_told_by_name_version_and_bytes() {
        let (one, two) = ("11".repeat(32), "22".repeat(32));
        let read = |version: &str, digest: &str| {
            Inventory::parse(&document("SPDX-2.3", &package(version, digest))).unwrap()
        };
        let first = read("1.0-1", &one);
        assert_eq!(first.len(), 1);
        assert_eq!(first.versions(), BTreeMap::from([("g++", "1.0-1")]));
        assert_eq!(first.differences(&read("1.0-1", &one)), 0);
        assert_eq!(first.differences(&read("1.0-1", &two)), 2);
        assert_eq!(first.differences(&read("1.0-2", &one)), 2);
        assert_eq!(first.differences(&Inventory::default()), 1);
        assert!(Inventory::default().is_empty());
    }

    #[test]
    fn what_a_build_does_not_write_is_refused() {
        let digest = "11".repeat(32);
        let parse = |version: &str, package: &str| Inventory::parse(&document(version, package));
        assert_eq!(
            parse("SPDX-3.0", &package("1", &digest)),
            Err(InventoryError::Version)
        );
        for bad in [
            package("1", "11"),
            package("1", &digest).replace("SHA256", "MD5"),
            package("1", &digest).replace(r#","versionInfo":"1""#, ""),
            r#"{"SPDXID":"SPDXRef-deb-a.all","name":"a","versionInfo":"1"}"#.to_owned(),
        ] {
            assert_eq!(
                parse("SPDX-2.3", &bad),
                Err(InventoryError::Package(2)),
                "{bad}"
            );
        }
        assert!(matches!(
            Inventory::parse(b"{}"),
            Err(InventoryError::Json(_))
        ));
    }
}

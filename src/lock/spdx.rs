//! An image as an SPDX 2.3 document (<https://spdx.github.io/spdx-spec/v2.3/>): which packages are in it.
//!
//! It is a pure function of the lock and of what dpkg's database says about source packages: no clock, no
//! random number, no address. The format is shown in `docs/formats/sbom.md`.

use serde::Serialize;

use super::{LockedPackage, Lockfile, purl};
use crate::deb::{SourcePackage, SourcePackages};
use crate::digest::Digest;
use crate::json::{self, JsonError};

/// What is described, besides its packages.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// The image's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The version of karat that describes it.
    pub tool: &'a str,
}

/// The bytes of `NAME_VERSION.spdx.json`: canonical JSON and a line end.
///
/// # Errors
/// Never: text and lists of text always have a JSON form.
pub fn spdx(
    image: &Described<'_>,
    lock: &Lockfile,
    sources: &SourcePackages,
) -> Result<Vec<u8>, JsonError> {
    let mut packages = vec![whole(image)];
    packages.extend(lock.agent.map(agent));
    packages.extend(
        lock.packages
            .iter()
            .map(|package| one(lock, package, sources)),
    );
    let contains = packages.iter().skip(1).map(|package| Relationship {
        from: IMAGE.to_owned(),
        kind: "CONTAINS",
        to: package.id.clone(),
    });
    let mut relationships = vec![Relationship {
        from: DOCUMENT.to_owned(),
        kind: "DESCRIBES",
        to: IMAGE.to_owned(),
    }];
    relationships.extend(contains);
    let name = format!("{}_{}", image.name, image.version);
    let mut document = Document {
        id: DOCUMENT,
        comment: format!(
            "The packages of the image. Every path of it is in {name}.mtree, which the same statement names."
        ),
        creation: Creation {
            created: lock.epoch.rfc3339(),
            creators: vec![format!("Tool: karat-{}", image.tool)],
        },
        license: "CC0-1.0",
        namespace: String::new(),
        packages,
        relationships,
        version: "SPDX-2.3",
        name,
    };
    // Two documents with one namespace must be the same document: it is named after its contents.
    let digest = Digest::of(&json::canonical(&document)?);
    document.namespace = format!("https://karat.example/spdx/{}/{digest}", document.name);
    let mut bytes = json::canonical(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-image";
/// What nobody looked into.
const UNKNOWN: &str = "NOASSERTION";

/// The image as a whole.
fn whole(image: &Described<'_>) -> Package {
    Package {
        purpose: Some("OPERATING-SYSTEM"),
        refs: vec![Reference::purl(purl::generic(image.name, image.version))],
        version: Some(image.version.to_owned()),
        ..Package::new(IMAGE.to_owned(), image.name.to_owned())
    }
}

/// The agent that is put into the image beside the packages.
fn agent(digest: Digest) -> Package {
    Package {
        checksums: vec![Checksum::sha256(digest)],
        purpose: Some("APPLICATION"),
        ..Package::new("SPDXRef-agent".to_owned(), "karat-agent".to_owned())
    }
}

fn one(lock: &Lockfile, package: &LockedPackage, sources: &SourcePackages) -> Package {
    let (name, architecture) = (&package.name, &package.architecture);
    let source = sources.of(name, architecture, &package.version);
    // Names have no capital letters, so that no two of them give one id.
    let id = format!(
        "SPDXRef-deb-{}.{architecture}",
        name.as_str().replace('+', "P")
    );
    let supplier = match lock.distribution.as_str() {
        "debian" if purl::is_of_distribution(lock, package) => "Organization: Debian",
        _ => UNKNOWN,
    };
    Package {
        checksums: vec![Checksum::sha256(package.content.digest)],
        file: Some(package.path.clone()),
        info: source.map(|SourcePackage { name, version }| {
            format!("built from the source package {name} {version}")
        }),
        refs: vec![Reference::purl(purl::deb(lock, package, source))],
        supplier: supplier.to_owned(),
        version: Some(package.version.to_string()),
        ..Package::new(id, name.to_string())
    }
}

#[derive(Serialize)]
struct Document {
    #[serde(rename = "SPDXID")]
    id: &'static str,
    comment: String,
    #[serde(rename = "creationInfo")]
    creation: Creation,
    #[serde(rename = "dataLicense")]
    license: &'static str,
    #[serde(rename = "documentNamespace")]
    namespace: String,
    name: String,
    packages: Vec<Package>,
    relationships: Vec<Relationship>,
    #[serde(rename = "spdxVersion")]
    version: &'static str,
}

#[derive(Serialize)]
struct Creation {
    created: String,
    creators: Vec<String>,
}

#[derive(Serialize)]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    #[serde(rename = "copyrightText")]
    copyright: &'static str,
    #[serde(rename = "downloadLocation")]
    location: &'static str,
    #[serde(rename = "externalRefs", skip_serializing_if = "Vec::is_empty")]
    refs: Vec<Reference>,
    #[serde(rename = "filesAnalyzed")]
    analyzed: bool,
    #[serde(rename = "licenseConcluded")]
    concluded: &'static str,
    #[serde(rename = "licenseDeclared")]
    declared: &'static str,
    name: String,
    #[serde(rename = "packageFileName", skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(
        rename = "primaryPackagePurpose",
        skip_serializing_if = "Option::is_none"
    )]
    purpose: Option<&'static str>,
    #[serde(rename = "sourceInfo", skip_serializing_if = "Option::is_none")]
    info: Option<String>,
    supplier: String,
    #[serde(rename = "versionInfo", skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

#[derive(Serialize)]
struct Checksum {
    algorithm: &'static str,
    #[serde(rename = "checksumValue")]
    value: String,
}

#[derive(Serialize)]
struct Reference {
    #[serde(rename = "referenceCategory")]
    category: &'static str,
    #[serde(rename = "referenceLocator")]
    locator: String,
    #[serde(rename = "referenceType")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Relationship {
    #[serde(rename = "spdxElementId")]
    from: String,
    #[serde(rename = "relatedSpdxElement")]
    to: String,
    #[serde(rename = "relationshipType")]
    kind: &'static str,
}

impl Package {
    /// One of which only its name is known.
    fn new(id: String, name: String) -> Self {
        Self {
            id,
            checksums: Vec::new(),
            copyright: UNKNOWN,
            location: UNKNOWN,
            refs: Vec::new(),
            analyzed: false,
            concluded: UNKNOWN,
            declared: UNKNOWN,
            name,
            file: None,
            purpose: None,
            info: None,
            supplier: UNKNOWN.to_owned(),
            version: None,
        }
    }
}

impl Checksum {
    fn sha256(digest: Digest) -> Self {
        Self {
            algorithm: "SHA256",
            value: digest.to_string(),
        }
    }
}

impl Reference {
    fn purl(locator: String) -> Self {
        Self {
            category: "PACKAGE-MANAGER",
            locator,
            kind: "purl",
        }
    }
}

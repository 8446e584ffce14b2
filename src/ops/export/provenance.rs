//! SLSA provenance, version 1 (<https://slsa.dev/spec/v1.0/provenance>): the same build, told in the
//! words that other tools read. The format is shown in `docs/formats/provenance.md`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Opened;
use crate::baseline::Statement;
use crate::digest::Digest;
use crate::json;
use crate::key::Signed;

const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";
/// What kind of build it was. The host name is reserved.
const BUILD_TYPE: &str = "https://karat.example/build/v1";
/// Who built, as a kind of builder: the key says which one.
const BUILDER: &str = "https://karat.example/builder/v1";

/// The provenance of what `opened` speaks about, not yet signed: a pure function of the statement.
pub fn provenance(opened: &Opened) -> Signed {
    let statement = opened.statement();
    let baseline = statement.baseline();
    let inputs = &baseline.inputs;
    let dependencies = [
        ("lock", Some(inputs.lock)),
        ("template", Some(inputs.template)),
        ("trust", inputs.trust),
        ("agent", inputs.agent),
    ];
    // "karat 0.1.0"
    let builder = baseline.builder.as_str();
    let (program, version) = builder.split_once(' ').unwrap_or(("builder", builder));
    let document = Document {
        statement_type: Statement::TYPE,
        predicate: Predicate {
            definition: Definition {
                build_type: BUILD_TYPE,
                external: External {
                    name: baseline.name.as_str(),
                    template: Sha256::from(inputs.template),
                    version: baseline.version.as_str(),
                },
                internal: Internal {
                    epoch: baseline.epoch.seconds(),
                },
                dependencies: dependencies
                    .into_iter()
                    .filter_map(|(name, digest)| Some(Named::new(name, digest?)))
                    .collect(),
            },
            details: Details {
                builder: Builder {
                    id: BUILDER,
                    version: BTreeMap::from([(program, version)]),
                },
            },
        },
        predicate_type: PREDICATE_TYPE,
        subject: baseline
            .subjects
            .iter()
            .map(|(subject, digest)| Named::new(&baseline.subject_name(*subject), *digest))
            .collect(),
    };
    // Text, numbers and lists of them always have a JSON form.
    let payload = json::canonical(&document).unwrap_or_default();
    Signed::new(Statement::PAYLOAD_TYPE, payload)
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "_type")]
    statement_type: &'a str,
    predicate: Predicate<'a>,
    #[serde(rename = "predicateType")]
    predicate_type: &'a str,
    subject: Vec<Named>,
}

#[derive(Serialize)]
struct Predicate<'a> {
    #[serde(rename = "buildDefinition")]
    definition: Definition<'a>,
    #[serde(rename = "runDetails")]
    details: Details<'a>,
}

#[derive(Serialize)]
struct Definition<'a> {
    #[serde(rename = "buildType")]
    build_type: &'a str,
    #[serde(rename = "externalParameters")]
    external: External<'a>,
    #[serde(rename = "internalParameters")]
    internal: Internal,
    #[serde(rename = "resolvedDependencies")]
    dependencies: Vec<Named>,
}

#[derive(Serialize)]
struct External<'a> {
    name: &'a str,
    template: Sha256,
    version: &'a str,
}

#[derive(Serialize)]
struct Internal {
    epoch: u64,
}

#[derive(Serialize)]
struct Details<'a> {
    builder: Builder<'a>,
}

#[derive(Serialize)]
struct Builder<'a> {
    id: &'a str,
    version: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct Named {
    digest: Sha256,
    name: String,
}

#[derive(Serialize)]
struct Sha256 {
    sha256: String,
}

impl Named {
    fn new(name: &str, digest: Digest) -> Self {
        Self {
            digest: Sha256::from(digest),
            name: name.to_owned(),
        }
    }
}

impl From<Digest> for Sha256 {
    fn from(digest: Digest) -> Self {
        Self {
            sha256: digest.to_string(),
        }
    }
}

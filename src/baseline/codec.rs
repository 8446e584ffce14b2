//! The in-toto JSON of statements.

use serde::{Deserialize, Serialize};

use super::{
    Baseline, ImageName, ImageVersion, Inputs, NameError, Placement, Serial, SerialError,
    Statement, Subject, Subjects,
};
use crate::digest::Digest;
use crate::json::{self, JsonError};
use crate::key::Signed;
use crate::layout::verity::{BlocksError, Verity};
use crate::limits;
use crate::path::Escaped;
use crate::tree::{Epoch, EpochError};

/// Why bytes are no statement, or a build's words make none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not JSON, or not the fields of a statement.
    #[error("statement: {0}")]
    Json(#[from] JsonError),
    /// Not an in-toto statement, version 1.
    #[error("statement: \"{}\" is no in-toto statement, version 1", Escaped(.0.as_bytes()))]
    Type(String),
    /// A statement about something else.
    #[error("statement: the predicate is \"{}\", not a baseline", Escaped(.0.as_bytes()))]
    PredicateType(String),
    /// The payload is not in its one spelling.
    #[error("statement: it is not canonical JSON")]
    NotCanonical,
    /// A name or version out of its alphabet.
    #[error("statement: {0}")]
    Name(#[from] NameError),
    /// A word out of its alphabet.
    #[error("statement: \"{}\" cannot be its {field}", Escaped(word.as_bytes()))]
    Word {
        /// Which field.
        field: &'static str,
        /// The word.
        word: String,
    },
    /// A serial out of range.
    #[error("statement: {0}")]
    Serial(#[from] SerialError),
    /// An instant out of range.
    #[error("statement: {0}")]
    Epoch(#[from] EpochError),
    /// A tree over no blocks, or too many.
    #[error("statement: {0}")]
    Verity(#[from] BlocksError),
    /// A subject whose name is not one of this image's.
    #[error("statement: \"{}\" is no subject of this image", Escaped(.0.as_bytes()))]
    Subject(String),
    /// A subject that must be there is not.
    #[error("statement: the subject {} is missing", .0.suffix())]
    MissingSubject(Subject),
    /// Subjects are in their order, each once.
    #[error("statement: the subjects are not in order, or one is there twice")]
    SubjectOrder,
    /// A draft where a complete statement was wanted.
    #[error("statement: it has no serial yet; it is a draft")]
    Draft,
    /// A complete statement where a draft was wanted.
    #[error("statement: it has a serial already; it is no draft")]
    Complete,
    /// Larger than every signer takes.
    #[error(
        "statement: what is signed would be {length} bytes, more than {}",
        limits::STATEMENT_MAX
    )]
    TooLarge {
        /// How large.
        length: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStatement {
    #[serde(rename = "_type")]
    statement_type: String,
    predicate: RawPredicate,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: Vec<RawSubject>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSubject {
    digest: RawDigest,
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDigest {
    sha256: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPredicate {
    builder: String,
    epoch: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    inputs: RawInputs,
    name: String,
    #[serde(default, skip_serializing_if = "RawPlacement::is_empty")]
    segment: RawPlacement,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verity: Option<RawVerity>,
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVerity {
    blocks: u64,
    root: Digest,
    salt: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInputs {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<Digest>,
    lock: Digest,
    template: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trust: Option<Digest>,
}

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlacement {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifecycle: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    segment: Option<String>,
}

impl RawPlacement {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The canonical payload, if its signed form is small enough.
pub(super) fn encode(
    baseline: &Baseline,
    serial: Option<Serial>,
    expires: Option<Epoch>,
) -> Result<Vec<u8>, StatementError> {
    let Baseline {
        name,
        version,
        epoch,
        builder,
        inputs,
        segment,
        verity,
        subjects,
    } = baseline;
    let Inputs {
        template,
        lock,
        trust,
        agent,
    } = inputs;
    let raw = RawStatement {
        statement_type: Statement::TYPE.to_owned(),
        predicate: RawPredicate {
            builder: builder.clone(),
            epoch: epoch.seconds(),
            expires: expires.map(Epoch::seconds),
            inputs: RawInputs {
                agent: *agent,
                lock: *lock,
                template: *template,
                trust: *trust,
            },
            name: name.as_str().to_owned(),
            segment: RawPlacement {
                category: segment.category.clone(),
                lifecycle: segment.lifecycle.clone(),
                segment: segment.segment.clone(),
            },
            serial: serial.map(Serial::get),
            verity: verity.map(|verity| RawVerity {
                blocks: verity.blocks(),
                root: verity.root(),
                salt: verity.salt(),
            }),
            version: version.as_str().to_owned(),
        },
        predicate_type: Statement::PREDICATE_TYPE.to_owned(),
        subject: subjects
            .iter()
            .map(|(subject, sha256)| RawSubject {
                digest: RawDigest { sha256: *sha256 },
                name: baseline.subject_name(*subject),
            })
            .collect(),
    };
    // The fields stand in their order above, so that this is `json::canonical` without a detour.
    let payload = serde_json::to_vec(&raw).map_err(|error| JsonError::Shape(error.to_string()))?;
    let signed = Signed::new(Statement::PAYLOAD_TYPE, payload);
    let length = signed.message().len();
    if length > limits::STATEMENT_MAX {
        return Err(StatementError::TooLarge { length });
    }
    Ok(signed.payload)
}

/// A payload taken apart: what the build says, serial, expiry.
pub(super) fn decode(
    payload: &[u8],
) -> Result<(Baseline, Option<Serial>, Option<Epoch>), StatementError> {
    // Most payloads are as they must be: what is spelled as karat spells it, keeps to every rule of the
    // strict reader. Only of others is it asked which one they break.
    if payload.len() <= limits::STATEMENT_MAX
        && let Ok(raw) = serde_json::from_slice(payload)
        && let Ok(decoded) = understand(raw, payload)
    {
        return Ok(decoded);
    }
    let cap = u64::try_from(limits::STATEMENT_MAX).unwrap_or(u64::MAX);
    // The two types first, so that a statement about something else is called that.
    let types: Types = json::read(payload, cap)?;
    if types.statement_type != Statement::TYPE {
        return Err(StatementError::Type(types.statement_type));
    }
    if types.predicate_type != Statement::PREDICATE_TYPE {
        return Err(StatementError::PredicateType(types.predicate_type));
    }
    understand(json::read(payload, cap)?, payload)
}

/// What the fields say, if they make these very bytes.
fn understand(
    raw: RawStatement,
    payload: &[u8],
) -> Result<(Baseline, Option<Serial>, Option<Epoch>), StatementError> {
    let types = [raw.statement_type.as_str(), raw.predicate_type.as_str()];
    if types != [Statement::TYPE, Statement::PREDICATE_TYPE] {
        return Err(StatementError::NotCanonical);
    }
    let predicate = raw.predicate;
    let verity = match predicate.verity {
        Some(RawVerity { blocks, root, salt }) => Some(Verity::new(root, salt, blocks)?),
        None => None,
    };
    let mut baseline = Baseline {
        name: ImageName::parse(&predicate.name)?,
        version: ImageVersion::parse(&predicate.version)?,
        epoch: Epoch::new(predicate.epoch)?,
        builder: predicate.builder,
        inputs: Inputs {
            template: predicate.inputs.template,
            lock: predicate.inputs.lock,
            trust: predicate.inputs.trust,
            agent: predicate.inputs.agent,
        },
        segment: Placement {
            category: predicate.segment.category,
            segment: predicate.segment.segment,
            lifecycle: predicate.segment.lifecycle,
        },
        verity,
        subjects: Subjects::new(),
    };
    let stem = baseline.stem();
    for raw in raw.subject {
        let Some(subject) = Subject::of_name(&raw.name, &stem) else {
            return Err(StatementError::Subject(raw.name));
        };
        let last = baseline.subjects.last_key_value();
        if last.is_some_and(|(last, _)| *last >= subject) {
            return Err(StatementError::SubjectOrder);
        }
        baseline.subjects.insert(subject, raw.digest.sha256);
    }
    let serial = predicate.serial.map(Serial::new).transpose()?;
    let expires = predicate.expires.map(Epoch::new).transpose()?;
    if encode(&baseline, serial, expires)? != payload {
        return Err(StatementError::NotCanonical);
    }
    Ok((baseline, serial, expires))
}

#[derive(Deserialize)]
struct Types {
    #[serde(rename = "_type")]
    statement_type: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

/// What the types of a [`Baseline`] do not say by themselves.
pub(super) fn check(baseline: &Baseline) -> Result<(), StatementError> {
    for subject in [Subject::Manifest, Subject::Expectations] {
        if !baseline.subjects.contains_key(&subject) {
            return Err(StatementError::MissingSubject(subject));
        }
    }
    let builder = &baseline.builder;
    let visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if builder.is_empty() || builder.len() > 64 || !builder.bytes().all(visible) {
        return Err(StatementError::Word {
            field: "builder",
            word: builder.clone(),
        });
    }
    let Placement {
        category,
        segment,
        lifecycle,
    } = &baseline.segment;
    for (field, word) in [
        ("category", category),
        ("segment", segment),
        ("lifecycle", lifecycle),
    ] {
        // The alphabet of an image name.
        if let Some(word) = word
            && ImageName::parse(word).is_err()
        {
            let word = word.clone();
            return Err(StatementError::Word { field, word });
        }
    }
    Ok(())
}

//! What is known of an image: what was signed, and what was found beside it.
//!
//! All text that comes from a file is [`crate::path::Escaped`] already.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::baseline::Placement;
use crate::digest::Digest;
use crate::harden::Results;
use crate::tree::Epoch;

/// An image, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file that spoke for it.
    pub file: String,
    /// What its word is worth.
    pub standing: Standing,
    /// What was said; `None` where it is not to be believed.
    pub said: Option<Said>,
}

/// What a statement is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A threshold of the keys in charge signed it.
    Signed(SignedBy),
    /// Nobody signed it: it is what whoever built the image says.
    Unsigned,
    /// It is not trusted.
    Untrusted {
        /// Why.
        why: String,
    },
}

/// Who signed a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// The ids of the keys whose signatures count.
    pub keys: Vec<String>,
    /// How many were needed.
    pub threshold: u64,
    /// The version of the trust root that was judged by.
    pub trust_root: u64,
    /// The index in the log, where a Receipt says so.
    pub log_index: Option<u64>,
}

/// What a statement says, and what was found beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The image's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its serial; a draft has none.
    pub serial: Option<u64>,
    /// The build's clock.
    pub epoch: Epoch,
    /// After this instant it should have been replaced.
    pub expires: Option<Epoch>,
    /// SHA-256 of the statement, or of the draft's file.
    pub statement: Digest,
    /// What it speaks about, by name.
    pub subjects: Vec<Named>,
    /// The manifest among them.
    pub manifest: Option<Digest>,
    /// The template that it was built from.
    pub template: Digest,
    /// The lock that it was built from.
    pub lock: Digest,
    /// The program that built it.
    pub builder: String,
    /// Where it belongs.
    pub placement: Placement,
    /// The rules' results.
    pub rules: Known<Rules>,
    /// The lock's contents.
    pub locked: Known<Locked>,
    /// The list of packages.
    pub sbom: Known<Sbom>,
    /// Reports of verifications of it.
    pub attestations: Vec<Attestation>,
    /// What the log of signatures says; `None`: none was named.
    pub history: Option<History>,
}

/// A product by name and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its SHA-256.
    pub sha256: Digest,
}

/// A file that should be beside a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// It is there, with the very bytes that the statement names.
    Here(T),
    /// It is not there, or the statement names none.
    Missing(String),
    /// It is there, and cannot be used.
    Broken(String),
}

/// Results of hardening rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The file.
    pub file: Named,
    /// What is in it.
    pub results: Results,
}

/// What a lock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// The file.
    pub file: Named,
    /// How many packages.
    pub packages: u64,
    /// How many Release files vouch for them.
    pub releases: u64,
    /// The date of the newest of those.
    pub newest: Option<Epoch>,
}

/// What a list of packages (SBOM) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sbom {
    /// The file.
    pub file: Named,
    /// How many packages of the distribution it lists.
    pub packages: u64,
    /// How many of them, or of those of the lock, only one of both has; `None`: the lock is not at hand.
    pub other_than_lock: Option<u64>,
}

/// What a verification came to: a report, which nobody signed, or a signed summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The file.
    pub file: Named,
    /// `match`, `drift`, `untrusted`, `rollback` or `incomplete`; of a summary `match` or `failed`.
    pub verdict: String,
    /// Where the verifier ran: `self`, `snapshot` or `archive`; a summary does not say.
    pub assurance: Option<String>,
    /// The verifier's clock.
    pub at: Epoch,
    /// The ids of the keys that signed a summary and count; none of a report.
    pub signed_by: Vec<String>,
}

/// What the log of signatures says about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The log as a whole.
    pub log: Log,
    /// The newest entry with the statement; `None`: the log does not have it.
    pub entry: Option<Entry>,
}

/// A log that was audited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// Its name.
    pub origin: String,
    /// How many entries it has.
    pub tree_size: u64,
    /// The root of its published checkpoint.
    pub root_sha256: Digest,
    /// `clean`, `findings`, `untrusted` or `incomplete`.
    pub verdict: &'static str,
    /// How many findings nobody has acknowledged, notes left out.
    pub open_findings: u64,
    /// Whether a quorum of witnesses vouches for the history besides the log.
    pub witnessed: bool,
}

/// An entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its index.
    pub index: u64,
    /// Whether its signatures are enough by the newest trust root and all revocations.
    pub counts: bool,
}

/// A fleet of templates that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// SHA-256 of the list of the files that were read, with their digests.
    pub sha256: Digest,
    /// How many templates.
    pub templates: u64,
    /// What is wrong.
    pub problems: Vec<String>,
    /// Where each image belongs by its template.
    pub placements: BTreeMap<String, Placement>,
}

//! What an audit says, as a value: text, JSON, CSV and HTML are made of it.
//!
//! All text in it that comes from a log, an envelope or a trust root is escaped already
//! ([`crate::path::Escaped`]): it holds no control characters. It is still text, not HTML.

use serde::Serialize;

use super::{CodeCount, Entries, Finding};
use crate::digest::Digest;
use crate::key::{KeyId, Role};

/// All that an audit says. `docs/formats/audit-report.md` shows it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Names this format: [`Report::FORMAT`].
    pub format: &'static str,
    /// In one word.
    pub verdict: Verdict,
    /// The log that was audited.
    pub log: LogFacts,
    /// How much there was.
    pub counts: Counts,
    /// How often each code was found; in the order of codes, those that were found only.
    pub codes: Vec<CodeCount>,
    /// What was found: the worst first, then by code, entry and subject.
    pub findings: Vec<Finding>,
    /// The lineage of trust roots, the oldest first.
    pub roots: Vec<RootFacts>,
    /// Every key of the lineage, by role, then by where it began; after them those that signed and
    /// that no trust root names.
    pub keys: Vec<KeyFacts>,
    /// Revocations and retirements, in the order of the log.
    pub notices: Vec<NoticeFacts>,
    /// The images that something was signed for, by name.
    pub images: Vec<ImageFacts>,
    /// Who cosigned checkpoints of the log, by name.
    pub witnesses: Vec<WitnessFacts>,
    /// What changed between consecutive baselines whose outputs were at hand.
    pub changes: Vec<Change>,
    /// The entries, in the order of the log, from [`LogFacts::since`] on.
    pub entries: Entries,
}

impl Report {
    /// The name of this format.
    pub const FORMAT: &'static str = "karat-audit/1";
}

/// What an audit comes to; the worst of what was found and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing was found that weighs anything: exit code 0.
    Clean,
    /// Rules were broken: exit code 10.
    Findings,
    /// A cryptographic fault or a fork: exit code 11.
    Untrusted,
    /// Something could not be checked, and nothing else was found: exit code 13.
    Incomplete,
}

/// The log that was audited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogFacts {
    /// Its name: the first line of its checkpoints.
    pub origin: String,
    /// How many entries the published checkpoint speaks for.
    pub tree_size: u64,
    /// The root of the published checkpoint.
    pub root_sha256: Digest,
    /// How many of the entries were read and checked, from the first on.
    pub checked: u64,
    /// How many checkpoints were checked against the entries, the published one included.
    pub checkpoints: u64,
    /// The first entry that the report is about; those before are checked all the same.
    pub since: u64,
    /// The keys that signed the published checkpoint, and the witnesses that cosigned it, as the
    /// newest trust root counts them.
    pub signed_by: Vec<Who>,
    /// Who vouches for the history besides the log.
    pub independence: Independence,
}

/// Who vouches for a log's history besides the log itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Independence {
    /// A quorum of the trust root's witnesses cosigned the published checkpoint.
    Witnessed,
    /// Nobody that is known: who has the log's key decides what the log was.
    None,
}

/// Somebody with a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The key's id; of a key that no trust root names, what the signature said; `null`: nothing.
    pub key: Option<KeyId>,
    /// Who holds it, as a trust root says.
    pub name: Option<String>,
    /// Its role there; `null`: no trust root names the key.
    pub role: Option<Role>,
}

/// How much there was, from [`LogFacts::since`] on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Entries with statements.
    pub signed: u64,
    /// Entries with trust roots.
    pub trust: u64,
    /// Entries with revocations.
    pub revoke: u64,
    /// Entries with retirements.
    pub retire: u64,
    /// Entries of other kinds, and entries that are none of karat's.
    pub other: u64,
    /// Signatures on all entries.
    pub signatures: u64,
    /// Those of them that count.
    pub signatures_counting: u64,
    /// Images that something was signed for.
    pub images: u64,
    /// Envelopes that were looked at outside of the log.
    pub envelopes: u64,
}

/// One version of the trust root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RootFacts {
    /// Its version.
    pub version: u64,
    /// SHA-256 of its payload.
    pub sha256: Digest,
    /// The first entry that has it; `null`: the log does not.
    pub index: Option<u64>,
    /// When it should have been replaced, in seconds since 1970.
    pub expires: Option<u64>,
    /// Who signed it: root keys of it and of the version before.
    pub signed_by: Vec<Who>,
    /// What it changed; of the first version at hand, nothing.
    pub changes: Vec<RootChange>,
}

/// One thing that a trust root changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RootChange {
    /// What: one of the words of `karat trust update --json`.
    pub what: crate::ops::trust::What,
    /// The change in words.
    pub text: String,
}

/// A key and its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyFacts {
    /// Its id; of a key that no trust root names, what the signatures said; `null`: nothing.
    pub key: Option<KeyId>,
    /// Who holds it, as the newest trust root says.
    pub name: Option<String>,
    /// Its role; `null`: no trust root names the key.
    pub role: Option<Role>,
    /// Baseline keys: the images that it may sign, as patterns.
    pub images: Vec<String>,
    /// The first index for which it counts.
    pub from: u64,
    /// The first index for which it counts no more.
    pub until: Option<u64>,
    /// Why it was ended.
    pub reason: Option<String>,
    /// The revocation in the log that reaches back furthest, where there is one.
    pub revoked: Option<Revoked>,
    /// How it stands at the end of the log.
    pub state: KeyState,
    /// The first version of the trust root, of those at hand, that names it.
    pub since_version: Option<u64>,
    /// The first entry that it signed.
    pub first_index: Option<u64>,
    /// The last entry that it signed.
    pub last_index: Option<u64>,
    /// How many signatures it made on entries.
    pub signatures: u64,
    /// How many of them count.
    pub counting: u64,
}

/// How a key stands at the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It counts.
    Valid,
    /// It begins at an index that the log has not reached.
    Future,
    /// The trust root ended it.
    Ended,
    /// A revocation in the log ended it; perhaps the trust root did too.
    Revoked,
    /// No trust root names it.
    Unknown,
}

/// A revocation that reached a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revoked {
    /// The entry of the revocation.
    pub index: u64,
    /// The first index for which the key counts no more.
    pub from: u64,
    /// Why.
    pub reason: String,
}

/// A revocation or a retirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeFacts {
    /// Its entry.
    pub index: u64,
    /// What it is.
    pub kind: NoticeKind,
    /// Why it does not count; `null` where it does.
    pub refused: Option<String>,
    /// The key that is revoked.
    pub key: Option<KeyId>,
    /// The first index for which that key counts no more.
    pub from: Option<u64>,
    /// The image whose baselines are retired.
    pub image: Option<String>,
    /// The first serial that is retired.
    pub first_serial: Option<u64>,
    /// The last serial that is retired.
    pub last_serial: Option<u64>,
    /// Why.
    pub reason: Option<String>,
    /// Who signed it.
    pub signed_by: Vec<Who>,
}

/// What a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// A key counts no more.
    Revoke,
    /// A baseline should be used no more.
    Retire,
}

/// An image and its releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageFacts {
    /// Its name.
    pub name: String,
    /// How many entries are about it.
    pub entries: u64,
    /// How many different serials were signed.
    pub serials: u64,
    /// The lowest of them.
    pub lowest_serial: u64,
    /// The highest of them.
    pub highest_serial: u64,
    /// The version of the highest serial, as it was logged last.
    pub newest_version: String,
    /// The entry of that.
    pub newest_index: u64,
    /// The first entry about it.
    pub first_index: u64,
    /// How many serials between the lowest and the highest the log does not have.
    pub missing: u64,
    /// The lowest serial that counts, by the newest trust root.
    pub min_serial: u64,
    /// What is retired.
    pub retired: Vec<Retired>,
}

/// Serials that should be used no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retired {
    /// The entry of the retirement.
    pub index: u64,
    /// The first serial.
    pub first_serial: u64,
    /// The last serial.
    pub last_serial: u64,
    /// Why.
    pub reason: String,
}

/// A witness of the lineage that cosigned checkpoints of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WitnessFacts {
    /// Its name in checkpoints.
    pub name: String,
    /// Its key.
    pub key: KeyId,
    /// How many checkpoints it cosigned.
    pub checkpoints: u64,
    /// The smallest of them.
    pub first_size: u64,
    /// The largest of them.
    pub last_size: u64,
    /// The earliest time that it named, in seconds since 1970. Advisory: a witness's clock may lie.
    pub first_time: u64,
    /// The latest time that it named.
    pub last_time: u64,
}

/// What changed from one baseline of an image to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The image.
    pub image: String,
    /// The baseline before.
    pub from: Baseline,
    /// The baseline after.
    pub to: Baseline,
    /// Packages that are other ones, by name. Where it is very many, not all of them.
    pub packages: Vec<PackageDelta>,
    /// How many packages are other ones.
    pub packages_changed: u64,
    /// How many paths were added.
    pub paths_added: u64,
    /// How many paths were removed.
    pub paths_removed: u64,
    /// How many paths were changed.
    pub paths_changed: u64,
    /// How many expected facts and mutable patterns are other ones.
    pub expectations_changed: u64,
}

/// A baseline as the log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Baseline {
    /// Its entry.
    pub index: u64,
    /// Its serial.
    pub serial: u64,
    /// Its version.
    pub version: String,
    /// SHA-256 of its list of packages (SBOM), where that lies beside the manifest as the signed list of
    /// outputs names it.
    pub sbom: Option<Digest>,
}

/// A package that is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageDelta {
    /// Its name.
    pub name: String,
    /// Its version before; `null`: it was not there, or nobody knows.
    pub from: Option<String>,
    /// Its version after; `null`: it is not there, or nobody knows.
    pub to: Option<String>,
}

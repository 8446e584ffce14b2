//! The whole answer to "is this what was signed?": trust first, then the comparison.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::drifts_of;
use super::{
    Change, Circumstances, DiskFacts, Drift, Evidence, Group, Lines, Nonce, NotChecked, Report,
    Verdict,
};
use crate::digest::Digest;
use crate::expect::{Expectations, Mutable};
use crate::manifest::Manifest;
use crate::path::ImagePath;
use crate::tlog::Logged;
use crate::tree::Epoch;

/// The whole answer to "is this what was signed?".
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// What was looked at.
    pub target: Target,
    /// What the answer is worth.
    pub circumstances: Circumstances,
    /// What was signed and by whom; `None` where no signature could be trusted.
    pub baseline: Option<Facts>,
    /// What is wrong with signature, keys, neighbours or age, or could not be found.
    pub findings: Vec<Finding>,
    /// The archive or image as a whole against its signed digest; `None` for a directory.
    pub artefact: Option<Artefact>,
    /// The comparison path by path; `None` where there was nothing trusted to compare with.
    pub report: Option<Report>,
    /// What lies on the disk, where one was verified as it lies.
    pub disk: Option<DiskFacts>,
    /// All that is known of the path that was asked about.
    pub explanation: Option<Explanation>,
    /// What was judged by.
    pub inputs: Inputs,
    /// The challenge that this answers.
    pub nonce: Option<Nonce>,
    /// The drifts of packages, by package.
    pub groups: Vec<Group>,
    /// Which lines differ, of changed files whose signed content is at hand.
    pub lines: BTreeMap<ImagePath, Lines>,
}

/// What was judged by, whether it could be trusted or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// SHA-256 of the trust root's file; `None` where there is none.
    pub trust: Option<Digest>,
    /// SHA-256 of the Envelope's file; `None` where there is none.
    pub envelope: Option<Digest>,
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `root`, `tar`, `erofs`, `oci` or `disk`.
    pub kind: &'static str,
    /// Where, as given.
    pub path: String,
}

/// What the trusted baseline says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The image's name.
    pub name: String,
    /// The image's version.
    pub version: String,
    /// The signature's place in the order of that image's baselines.
    pub serial: u64,
    /// The build's clock.
    pub epoch: Epoch,
    /// Ids of the keys whose signatures counted.
    pub signed_by: Vec<String>,
    /// How many signatures were needed.
    pub threshold: usize,
    /// The version of the trust root that was judged by.
    pub trust_root: u64,
    /// SHA-256 of the manifest.
    pub manifest: Digest,
    /// Where it stands in the log; `None` where no Receipt was judged by.
    pub log: Option<LogFacts>,
}

/// What a Receipt that was checked says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFacts {
    /// The log.
    pub origin: String,
    /// The Envelope's place in it.
    pub index: u64,
    /// How many entries the log had, by the checkpoint that vouches for it.
    pub size: u64,
    /// The root of that tree.
    pub root: Digest,
    /// The names of the witnesses whose cosignatures counted.
    pub cosigned_by: Vec<String>,
}

impl LogFacts {
    /// What `logged` says.
    pub fn of(logged: &Logged) -> Self {
        let trusted = logged.checkpoint();
        let checkpoint = trusted.checkpoint();
        let witnesses = trusted.cosigned_by().iter();
        Self {
            origin: checkpoint.origin.clone(),
            index: logged.index(),
            size: checkpoint.head.size,
            root: checkpoint.head.root,
            cosigned_by: witnesses.map(|it| it.name.as_str().to_owned()).collect(),
        }
    }
}

/// Something about trust, age or completeness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The verdict that it brings; `Match` for a mere warning.
    pub verdict: Verdict,
    /// The rule and the place, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// An archive or image as a whole against its signed digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artefact {
    /// The name of the signed subject.
    pub name: String,
    /// As signed.
    pub expected: Digest,
    /// As observed.
    pub observed: Digest,
}

impl Artefact {
    /// Whether the bytes are those that were signed.
    pub fn is_as_signed(&self) -> bool {
        self.expected == self.observed
    }
}

/// All that is known of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The path.
    pub path: ImagePath,
    /// Its line in the manifest; `None`: not listed.
    pub listed: Option<String>,
    /// Whether it was observed at all.
    pub is_observed: bool,
    /// What the expectations say about it; `None`: strict.
    pub mutable: Option<Mutable>,
    /// How it differs.
    pub drifts: Vec<Drift>,
    /// What could not be checked there.
    pub not_checked: Vec<NotChecked>,
}

impl Explanation {
    /// Gathers all that is known of `path`.
    pub fn of(
        path: ImagePath,
        manifest: &Manifest,
        expectations: &Expectations,
        evidence: &Evidence,
        report: &Report,
    ) -> Self {
        let mut drifts = report.drifts.clone();
        drifts.retain(|drift| drift.path == path);
        if report.omitted.counted().next().is_some() {
            // Those that the report only counts are looked for again; it has all facts.
            drifts.retain(|drift| matches!(drift.change, Change::Fact { .. }));
            drifts.extend(drifts_of(&path, manifest, expectations, evidence));
        }
        Self {
            listed: manifest.line(&path),
            is_observed: evidence
                .entries
                .binary_search_by(|seen| seen.path.cmp(&path))
                .is_ok()
                || manifest
                    .place(&path)
                    .is_some_and(|place| evidence.as_listed.contains(place)),
            mutable: expectations.of(&path).cloned(),
            drifts,
            not_checked: report
                .not_checked
                .iter()
                .filter(|item| {
                    item.path == path || item.reason.covers_below() && path.is_within(&item.path)
                })
                .cloned()
                .collect(),
            path,
        }
    }
}

/// The contract's precedence.
const ORDER: [Verdict; 4] = [
    Verdict::Untrusted,
    Verdict::Rollback,
    Verdict::Drift,
    Verdict::Incomplete,
];

impl Verification {
    /// All verdicts that apply, the worst first; `Match` alone where none else does.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let mut found: BTreeSet<Verdict> = self
            .findings
            .iter()
            .map(|finding| finding.verdict)
            .chain(self.report.iter().flat_map(Report::verdicts))
            .collect();
        if self
            .artefact
            .as_ref()
            .is_some_and(|artefact| !artefact.is_as_signed())
        {
            found.insert(Verdict::Drift);
        }
        if self.report.is_none() && found.iter().all(|verdict| *verdict == Verdict::Match) {
            found.insert(Verdict::Incomplete);
        }
        let worst: Vec<Verdict> = ORDER
            .into_iter()
            .filter(|verdict| found.contains(verdict))
            .collect();
        if worst.is_empty() {
            vec![Verdict::Match]
        } else {
            worst
        }
    }

    /// The worst verdict that applies.
    pub fn verdict(&self) -> Verdict {
        self.verdicts()
            .first()
            .copied()
            .unwrap_or(Verdict::Incomplete)
    }
}

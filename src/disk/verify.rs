//! The door: a disk's bytes and a trust root in, everything that is wrong with it out.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};

use super::leftovers::leftovers;
use super::programs::{Inside, loader};
use super::slot::{ComparedRoot, Judged, material};
use super::trouble::{WRITE_AGAIN, finding};
use super::{BootName, Survey};
use crate::appraise::{
    Artefact, BootFile, Compared, DiskFacts, Explanation, Facts, Finding, Group, Inputs, Neighbour,
    NewerRoot, PartitionFacts, PartitionRole, Report, Terms, Verdict, groups,
};
use crate::baseline::{Statement, Verified};
use crate::digest::Digest;
use crate::layout::{Source, SourceError};
use crate::manifest::Parts;
use crate::path::ImagePath;

/// Is told how far something long is: what, how many bytes there are, how many of them are done.
pub type Tell<'a> = &'a (dyn Fn(&'static str, u64, u64) + Sync);

/// Is given each root that was compared, so that whoever asks can look into it for more.
pub type Further<'a> = &'a dyn Fn(&ComparedRoot<'_>);

/// What to verify, against what.
#[derive(Clone)]
pub struct Question<'a> {
    /// The disk.
    pub disk: &'a dyn Source,
    /// The name of the container that it lies in.
    pub container: &'static str,
    /// The trust root that somebody chose to trust, never out of the disk.
    pub trust: Neighbour,
    /// An Envelope that is not, or not yet, on the disk.
    pub outside: Option<Outside>,
    /// What is demanded beyond signatures.
    pub terms: Terms,
    /// The path to tell all about.
    pub explain: Option<ImagePath>,
    /// How many threads to read with.
    pub threads: NonZero<usize>,
    /// Looks into unified kernel images: what is signed is their digest, and this tells which part
    /// is another.
    pub inside: Option<Inside<'a>>,
    /// Looks for more about what drifted, such as lines of texts.
    pub further: Option<Further<'a>>,
    /// Is told how far it is.
    pub told: Tell<'a>,
}

/// An Envelope with what lies beside it.
#[derive(Clone, Debug)]
pub struct Outside {
    /// It.
    pub envelope: Neighbour,
    /// Its Receipt.
    pub receipt: Neighbour,
    /// The manifest; where neither this nor `expectations` is there, those in the root are taken.
    pub manifest: Neighbour<Parts>,
    /// The expectations.
    pub expectations: Neighbour,
    /// Newer trust roots, by version; none: those on the disk.
    pub newer_roots: Vec<NewerRoot>,
}

/// What was found.
#[must_use]
#[derive(Debug)]
pub struct Answer {
    /// What was signed, of the newest slot; `None`: nothing is trusted.
    pub baseline: Option<Facts>,
    /// What is wrong with anything but the paths of that slot's root.
    pub findings: Vec<Finding>,
    /// That slot's root as a whole.
    pub artefact: Option<Artefact>,
    /// Its root, path by path.
    pub report: Option<Report>,
    /// The drifts of packages in it, by package.
    pub groups: Vec<Group>,
    /// All that is known of the path that was asked about.
    pub explanation: Option<Explanation>,
    /// What was judged by.
    pub inputs: Inputs,
    /// What was signed for that slot; `None`: nothing is trusted.
    pub statement: Option<Verified<Statement>>,
    /// What lies where; `None` where the table is not to be relied on.
    pub disk: Option<DiskFacts>,
}

/// Most paths of a further slot that are named in a finding.
const NAMED_MAX: usize = 8;

/// Verifies a disk as it lies: all slots, and everything else.
///
/// The report path by path is about one slot: that of [`Question::outside`], else the one with the highest
/// serial. What is wrong with others is among the findings, with their names, and path by path in what is
/// said of the disk.
///
/// # Errors
/// This machine cannot read the disk. Whatever is wrong with it is in the answer.
pub fn verify(question: &Question<'_>) -> Result<Answer, SourceError> {
    let mut findings = Vec::new();
    let Some(survey) = Survey::read(question.disk, &mut findings)? else {
        let cannot = "nothing on the disk could be compared".to_owned();
        findings.push(finding(Verdict::Incomplete, cannot, WRITE_AGAIN));
        return Ok(Answer::without(findings, question));
    };
    let mut slots = slots(&survey, question)?;
    for stale in slots.iter().filter(|slot| slot.is_stale) {
        findings.push(Finding {
            verdict: Verdict::Match,
            message: format!(
                "{} is for an image that is not on this disk",
                BootName::envelope_path(&stale.stem)
            ),
            hint: None,
        });
    }
    slots.retain(|slot| !slot.is_stale);
    if slots.is_empty() {
        let message = "there is no image on this disk: no kernel image, and no envelope of one";
        findings.push(finding(
            Verdict::Incomplete,
            message.to_owned(),
            WRITE_AGAIN,
        ));
    }
    findings.extend(loader(&survey, &slots)?);
    let (roles, odd) = leftovers(&survey, &slots)?;
    findings.extend(odd);
    let mut disk = facts(&survey, &slots, &roles, question.container);
    let mut answer = Answer::without(Vec::new(), question);
    let main = main_of(&slots, question);
    for (place, slot) in slots.into_iter().enumerate() {
        if Some(place) != main {
            let (odd, compared) = summed(slot);
            findings.extend(odd);
            if let Some(facts) = disk.slots.get_mut(place) {
                facts.compared = compared;
            }
            continue;
        }
        answer.findings.extend(slot.findings);
        answer.baseline = slot.baseline;
        answer.artefact = slot.artefact;
        answer.groups = grouped(slot.report.as_ref());
        answer.report = slot.report;
        answer.explanation = slot.explanation;
        answer.inputs = slot.inputs;
        answer.statement = slot.statement;
    }
    // What is wrong with the trust root is found once for each slot.
    for finding in findings {
        if !answer.findings.contains(&finding) {
            answer.findings.push(finding);
        }
    }
    answer.disk = Some(disk);
    Ok(answer)
}

impl Answer {
    fn without(findings: Vec<Finding>, question: &Question<'_>) -> Self {
        let outside = question.outside.as_ref();
        let digest = |file: &Neighbour| file.bytes.as_deref().map(Digest::of);
        Self {
            baseline: None,
            findings,
            artefact: None,
            report: None,
            groups: Vec::new(),
            explanation: None,
            inputs: Inputs {
                trust: digest(&question.trust),
                envelope: outside.and_then(|it| digest(&it.envelope)),
            },
            statement: None,
            disk: None,
        }
    }
}

/// Judges all images that the EFI system partition or an Envelope from outside names.
fn slots(survey: &Survey<'_>, question: &Question<'_>) -> Result<Vec<Judged>, SourceError> {
    let mut stems = survey.stems();
    let mut slots = Vec::new();
    if let Some(outside) = &question.outside {
        let material = material(survey, "", Some(outside), question)?;
        let mut findings = Vec::new();
        if let Some((_, statement)) = material.trusted(&mut findings) {
            let stem = statement.baseline().stem();
            stems.remove(&stem);
            slots.push(Judged::of(survey, stem, Some(outside), question)?);
        } else {
            let path = outside.envelope.path.clone();
            slots.push(Judged::refused(path, findings, material.inputs()));
        }
    }
    for stem in stems {
        slots.push(Judged::of(survey, stem, None, question)?);
    }
    Ok(slots)
}

/// The slot that the report is about.
fn main_of(slots: &[Judged], question: &Question<'_>) -> Option<usize> {
    if question.outside.is_some() {
        return (!slots.is_empty()).then_some(0);
    }
    let mut newest: Option<(usize, Option<u64>)> = None;
    for (place, slot) in slots.iter().enumerate() {
        let serial = slot.facts.serial;
        if newest.is_none_or(|(_, other)| serial > other) {
            newest = Some((place, serial));
        }
    }
    newest.map(|(place, _)| place)
}

/// What is wrong with a slot that the report is not about, in findings and path by path.
fn summed(slot: Judged) -> (Vec<Finding>, Option<Compared>) {
    let (stem, worst) = (slot.stem, slot.facts.verdict);
    let mut findings: Vec<Finding> = slot.findings;
    for finding in &mut findings {
        finding.message = format!("{stem}: {}", finding.message);
    }
    let mut add = |verdict, message: String| {
        findings.push(finding(verdict, format!("{stem}: {message}"), WRITE_AGAIN));
    };
    if let Some(report) = slot.report.as_ref().filter(|it| it.drift_count() > 0) {
        let named = report.drifts.iter().take(NAMED_MAX);
        let named: Vec<String> = named.map(|drift| drift.path.to_string()).collect();
        let count = match report.drift_count() {
            1 => "1 difference".to_owned(),
            count => format!("{count} differences"),
        };
        let message = format!("{count} in its root: {}", named.join(", "));
        add(Verdict::Drift, message);
    }
    if let Some(artefact) = slot.artefact.filter(|artefact| !artefact.is_as_signed()) {
        let (name, found, signed) = (artefact.name, artefact.observed, artefact.expected);
        let message =
            format!("{name} as a whole is not as signed: sha256 {found}, signed {signed}");
        add(Verdict::Drift, message);
    }
    if worst != Verdict::Match && findings.iter().all(|it| it.verdict != worst) {
        findings.push(Finding {
            verdict: worst,
            message: format!("{stem}: its paths could not be compared"),
            hint: None,
        });
    }
    let groups = grouped(slot.report.as_ref());
    let explanation = slot.explanation;
    let compared = slot.report.map(|report| Compared {
        report,
        groups,
        lines: BTreeMap::new(),
        explanation,
    });
    (findings, compared)
}

/// The drifts of packages; which versions they have, nobody has looked.
fn grouped(report: Option<&Report>) -> Vec<Group> {
    let drifts = report.map(|report| report.drifts.as_slice());
    groups(drifts.unwrap_or_default(), None, None)
}

fn facts(
    survey: &Survey<'_>,
    slots: &[Judged],
    roles: &[PartitionRole],
    container: &'static str,
) -> DiskFacts {
    let partitions = survey.disk.partitions.iter().zip(roles);
    let partitions = partitions.map(|(it, role)| PartitionFacts {
        number: it.number,
        role: *role,
        id: it.id.to_string(),
        label: it.name.clone(),
        start: it.start,
        size: it.size,
    });
    let partitions: Vec<PartitionFacts> = partitions.collect();
    let files = survey.volume.files.iter().map(|file| BootFile {
        path: file.path.clone(),
        size: file.size,
        role: BootName::of(&file.path).role(),
    });
    let kept = partitions
        .iter()
        .filter(|it| it.role == PartitionRole::State);
    let kept = kept.map(|it| {
        format!(
            "partition {}, state: what a machine keeps there is its own, and nobody signed it",
            it.number
        )
    });
    DiskFacts {
        container,
        size: survey.disk.size,
        not_covered: kept.collect(),
        partitions,
        files: files.collect(),
        slots: slots.iter().map(|slot| slot.facts.clone()).collect(),
    }
}

/// Something that is read, and says how much of it was.
pub(super) struct Told<'a, S> {
    source: S,
    step: &'static str,
    done: AtomicU64,
    tell: Tell<'a>,
}

impl<'a, S: Source> Told<'a, S> {
    pub(super) fn new(source: S, step: &'static str, tell: Tell<'a>) -> Self {
        Self {
            source,
            step,
            done: AtomicU64::new(0),
            tell,
        }
    }
}

impl<S: Source> Source for Told<'_, S> {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        self.source.read_at(offset, buffer)?;
        let count = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let done = self.done.fetch_add(count, Ordering::Relaxed);
        let size = self.size();
        (self.tell)(self.step, size, done.saturating_add(count).min(size));
        Ok(())
    }

    fn next_data(&self, offset: u64) -> u64 {
        self.source.next_data(offset)
    }
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question")
            .field("container", &self.container)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

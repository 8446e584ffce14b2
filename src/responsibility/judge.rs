//! The matrix against what is known: a report.

use super::facts::{Fleet, Image, Log, Standing};
use super::matrix::Matrix;
use super::report::{
    ControlFacts, Counts, Finding, FleetFacts, Holds, ImageFacts, MatrixFacts, Report, State,
    Verdict, Weight,
};
use super::value::{Control, Model, Owner, Provider};
use super::weigh::weigh;
use crate::tree::Epoch;

/// Most problems of a fleet that a report lists; the command that checks it shows all.
const PROBLEMS_MAX: usize = 100;

/// What is weighed.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The controls.
    pub matrix: &'a Matrix,
    /// Whose cloud.
    pub provider: Provider,
    /// Which model.
    pub model: Model,
    /// The time for which evidence is weighed.
    pub at: Epoch,
    /// The images.
    pub images: &'a [Image],
    /// The fleet, where one was checked.
    pub fleet: Option<&'a Fleet>,
    /// The log, where one was audited.
    pub log: Option<&'a Log>,
    /// What is wrong with what was given as evidence.
    pub findings: Vec<Finding>,
}

/// Weighs all evidence.
pub fn judge(case: Case<'_>) -> Report {
    let mut controls: Vec<ControlFacts> = case
        .matrix
        .controls()
        .map(|control| one(control, &case))
        .collect();
    controls.sort_by(|a, b| {
        let key = |it: &ControlFacts| (it.state, it.domain.clone(), it.id.clone());
        key(a).cmp(&key(b))
    });
    let mut counts = Counts::default();
    for control in &controls {
        let count = counts.of(control.state);
        *count = count.saturating_add(1);
    }
    let mut findings = case.findings;
    findings.extend(untrusted(case.images));
    if let Some(log) = case.log {
        findings.extend(of_log(log));
    }
    findings.sort_by(|a, b| (a.weight, &a.subject, &a.text).cmp(&(b.weight, &b.subject, &b.text)));
    findings.dedup();
    Report {
        format: Report::FORMAT,
        at: case.at.seconds(),
        provider: case.provider,
        model: case.model,
        matrix: MatrixFacts {
            sha256: case.matrix.digest(),
            controls: u64::try_from(case.matrix.len()).unwrap_or(u64::MAX),
        },
        verdict: verdict(&counts, &findings),
        counts,
        images: case.images.iter().map(image).collect(),
        log: case.log.cloned(),
        fleet: case.fleet.map(|fleet| FleetFacts {
            sha256: fleet.sha256,
            templates: fleet.templates,
            problems: fleet.problems.iter().take(PROBLEMS_MAX).cloned().collect(),
        }),
        findings,
        controls,
    }
}

fn one(control: &Control, case: &Case<'_>) -> ControlFacts {
    let owner = control.owner.of(case.model, case.provider);
    let mut evidence = Vec::new();
    if owner.has_customer() {
        for image in case.images {
            for need in &control.evidence {
                evidence.extend(weigh(need, image, case.fleet, case.at));
            }
        }
    }
    let worst = evidence.iter().map(|it| it.holds).min();
    let state = match (owner, worst) {
        (Owner::Provider, _) => State::Provider,
        (Owner::None, _) => State::None,
        (_, None) => State::Uncovered,
        (_, Some(Holds::No)) => State::NotMet,
        (_, Some(Holds::Unclear)) => State::Unclear,
        (_, Some(Holds::Stale)) => State::Stale,
        (_, Some(Holds::Missing | Holds::Unsigned)) => State::Unproven,
        (_, Some(Holds::InPart)) => State::InPart,
        (_, Some(Holds::Yes)) if control.gap.is_some() => State::InPart,
        (_, Some(Holds::Yes)) => State::Evidenced,
    };
    let provider = owner.has_provider();
    let report = control.report.as_ref().filter(|_| provider);
    let note = control.notes.get(&case.provider).cloned();
    ControlFacts {
        id: control.id.clone(),
        title: control.title.clone(),
        domain: control.domain().to_owned(),
        nist: control.ids.nist.clone(),
        ccm: control.ids.ccm.clone(),
        cis: control.ids.cis.clone(),
        owner,
        state,
        provider_part: control.provider.clone().filter(|_| provider),
        provider_note: note.filter(|_| owner != Owner::None),
        provider_report: report.map(|report| format!("{}: {report}", case.provider.portal())),
        customer_duty: control.customer.clone().filter(|_| owner.has_customer()),
        gap: control.gap.clone().filter(|_| owner.has_customer()),
        evidence,
    }
}

impl Counts {
    fn of(&mut self, state: State) -> &mut u64 {
        match state {
            State::NotMet => &mut self.not_met,
            State::Unclear => &mut self.unclear,
            State::Stale => &mut self.stale,
            State::Unproven => &mut self.unproven,
            State::Uncovered => &mut self.uncovered,
            State::InPart => &mut self.in_part,
            State::Evidenced => &mut self.evidenced,
            State::Provider => &mut self.provider,
            State::None => &mut self.none,
        }
    }

    /// How many are open: nobody has shown them.
    pub fn open(&self) -> u64 {
        [
            self.not_met,
            self.unclear,
            self.stale,
            self.unproven,
            self.uncovered,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

fn verdict(counts: &Counts, findings: &[Finding]) -> Verdict {
    let has = |weight| findings.iter().any(|finding| finding.weight == weight);
    if has(Weight::Untrusted) {
        Verdict::Untrusted
    } else if counts.not_met > 0 {
        Verdict::NotMet
    } else if has(Weight::Incomplete) || counts.unclear > 0 || counts.stale > 0 {
        Verdict::Incomplete
    } else if counts.open() > 0 {
        Verdict::Open
    } else {
        Verdict::Evidenced
    }
}

fn untrusted(images: &[Image]) -> impl Iterator<Item = Finding> {
    images.iter().filter_map(|image| match &image.standing {
        Standing::Untrusted { why } => Some(Finding {
            weight: Weight::Untrusted,
            subject: image.file.clone(),
            text: why.clone(),
        }),
        Standing::Unsigned => Some(Finding {
            weight: Weight::Note,
            subject: image.file.clone(),
            text: "nobody signed it: what it says is evidence of the builder only".to_owned(),
        }),
        Standing::Signed(_) => None,
    })
}

fn of_log(log: &Log) -> Option<Finding> {
    let (weight, text) = match log.verdict {
        "untrusted" => (Weight::Untrusted, "the audit finds this log untrusted"),
        "incomplete" => (Weight::Incomplete, "not all of this log could be checked"),
        _ => return None,
    };
    Some(Finding {
        weight,
        subject: log.origin.clone(),
        text: text.to_owned(),
    })
}

fn image(image: &Image) -> ImageFacts {
    let said = image.said.as_ref();
    let (standing, why, signed) = match &image.standing {
        Standing::Signed(by) => ("signed", None, Some(by.clone())),
        Standing::Unsigned => ("unsigned", None, None),
        Standing::Untrusted { why } => ("untrusted", Some(why.clone()), None),
    };
    ImageFacts {
        file: image.file.clone(),
        standing,
        why,
        signed,
        name: said.map(|said| format!("{} {}", said.name, said.version)),
        serial: said.and_then(|said| said.serial),
        epoch: said.map(|said| said.epoch.seconds()),
        expires: said.and_then(|said| said.expires).map(Epoch::seconds),
        statement_sha256: said.map(|said| said.statement),
        subjects: said.map(|said| said.subjects.clone()).unwrap_or_default(),
    }
}

//! What a report says, as a value: text, JSON, CSV, HTML and OSCAL are made of it.

use serde::Serialize;

use super::facts::{Log, Named, SignedBy};
use super::value::{Kind, Model, Owner, Provider};
use crate::digest::Digest;
use crate::harden::Outcome;

/// All that is said. `docs/formats/responsibility-report.md` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Names this format: [`Report::FORMAT`].
    pub format: &'static str,
    /// The time for which evidence was weighed, in seconds since 1970.
    pub at: u64,
    /// Whose cloud.
    pub provider: Provider,
    /// Which model.
    pub model: Model,
    /// What it was made by.
    pub matrix: MatrixFacts,
    /// In one word.
    pub verdict: Verdict,
    /// How many controls are in which state.
    pub counts: Counts,
    /// The images, in the order of their files.
    pub images: Vec<ImageFacts>,
    /// The log that was audited.
    pub log: Option<Log>,
    /// The fleet that was checked.
    pub fleet: Option<FleetFacts>,
    /// What is wrong with what was given as evidence.
    pub findings: Vec<Finding>,
    /// Each control: what is open first.
    pub controls: Vec<ControlFacts>,
}

impl Report {
    /// The name of this format.
    pub const FORMAT: &'static str = "karat-responsibility/1";

    /// How many controls the customer has a part in.
    pub fn customers(&self) -> u64 {
        let counts = &self.counts;
        [counts.open(), counts.in_part, counts.evidenced]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// The controls in one of some states.
    pub fn in_states<'a>(&'a self, states: &'a [State]) -> impl Iterator<Item = &'a ControlFacts> {
        self.controls
            .iter()
            .filter(|control| states.contains(&control.state))
    }
}

/// What a report comes to. None of the words says that anybody complies with anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Something that should speak for an image is not trusted: exit code 11.
    Untrusted,
    /// A control of the customer has evidence that it fails: exit code 10.
    NotMet,
    /// Evidence is too old, or could not be read: exit code 13.
    Incomplete,
    /// Nothing that was given speaks against a control, and some controls have no evidence.
    Open,
    /// Each control of the customer has evidence.
    Evidenced,
}

/// The matrix that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixFacts {
    /// SHA-256 of all controls.
    pub sha256: Digest,
    /// How many there are.
    pub controls: u64,
}

/// How many controls are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// [`State::NotMet`].
    pub not_met: u64,
    /// [`State::Unclear`].
    pub unclear: u64,
    /// [`State::Stale`].
    pub stale: u64,
    /// [`State::Unproven`].
    pub unproven: u64,
    /// [`State::Uncovered`].
    pub uncovered: u64,
    /// [`State::InPart`].
    pub in_part: u64,
    /// [`State::Evidenced`].
    pub evidenced: u64,
    /// [`State::Provider`].
    pub provider: u64,
    /// [`State::None`].
    pub none: u64,
}

/// How a control stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Evidence speaks against it.
    NotMet,
    /// Evidence could not be read, or says that it could not tell.
    Unclear,
    /// Evidence is older than it may be.
    Stale,
    /// karat could show it, and the evidence was not given or nobody signed it.
    Unproven,
    /// karat cannot show it.
    Uncovered,
    /// Evidence holds, and does not show all of it.
    InPart,
    /// Evidence holds.
    Evidenced,
    /// It is the provider's alone.
    Provider,
    /// There is nothing of the kind in this model.
    None,
}

impl State {
    /// What nobody has shown, the worst first.
    pub const OPEN: [Self; 5] = [
        Self::NotMet,
        Self::Unclear,
        Self::Stale,
        Self::Unproven,
        Self::Uncovered,
    ];
    /// What has evidence.
    pub const SHOWN: [Self; 2] = [Self::InPart, Self::Evidenced];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotMet => "not-met",
            Self::Unclear => "unclear",
            Self::Stale => "stale",
            Self::Unproven => "unproven",
            Self::Uncovered => "uncovered",
            Self::InPart => "in-part",
            Self::Evidenced => "evidenced",
            Self::Provider => "provider",
            Self::None => "none",
        }
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NotMet => "not met",
            Self::Unclear => "could not be told",
            Self::Stale => "evidence too old",
            Self::Unproven => "evidence not given",
            Self::Uncovered => "not covered",
            Self::InPart => "evidence in part",
            Self::Evidenced => "evidence holds",
            Self::Provider => "the provider\u{2019}s",
            Self::None => "not in this model",
        }
    }
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageFacts {
    /// The file that spoke for it.
    pub file: String,
    /// `signed`, `unsigned` or `untrusted`.
    pub standing: &'static str,
    /// Why it is not trusted.
    pub why: Option<String>,
    /// Who signed.
    pub signed: Option<SignedBy>,
    /// `NAME VERSION`; `null` where that is not to be believed.
    pub name: Option<String>,
    /// Its serial.
    pub serial: Option<u64>,
    /// The build's clock, in seconds since 1970.
    pub epoch: Option<u64>,
    /// When it should be replaced.
    pub expires: Option<u64>,
    /// SHA-256 of the statement.
    pub statement_sha256: Option<Digest>,
    /// What the statement speaks about.
    pub subjects: Vec<Named>,
}

/// The fleet that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FleetFacts {
    /// SHA-256 of the list of its files.
    pub sha256: Digest,
    /// How many templates.
    pub templates: u64,
    /// What is wrong; where it is very much, not all of it.
    pub problems: Vec<String>,
}

/// Something wrong with what was given as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub weight: Weight,
    /// What it is about.
    pub subject: String,
    /// What is wrong.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// It is not what was signed, or nobody in charge signed it: exit code 11.
    Untrusted,
    /// It could not be read, or it could not be told: exit code 13.
    Incomplete,
    /// Worth knowing.
    Note,
}

/// One control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ControlFacts {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// Its domain of the Cloud Controls Matrix, or `own`.
    pub domain: String,
    /// NIST SP 800-53 revision 5.
    pub nist: Vec<String>,
    /// CSA Cloud Controls Matrix 4.0.
    pub ccm: Vec<String>,
    /// CIS Controls 8.
    pub cis: Vec<String>,
    /// Whose it is.
    pub owner: Owner,
    /// How it stands.
    pub state: State,
    /// What the provider does; `null`: it has no part in it.
    pub provider_part: Option<String>,
    /// What is different at this provider.
    pub provider_note: Option<String>,
    /// Where the provider's report is found: `PORTAL: REPORT`.
    pub provider_report: Option<String>,
    /// What the customer has to do; `null`: nothing.
    pub customer_duty: Option<String>,
    /// What the evidence does not show.
    pub gap: Option<String>,
    /// The evidence of each image.
    pub evidence: Vec<Evidence>,
}

impl ControlFacts {
    /// Its evidence, of which each piece that several images share stands once, with their names.
    pub fn grouped(&self) -> Vec<(Vec<&str>, &Evidence)> {
        let mut groups: Vec<(Vec<&str>, &Evidence)> = Vec::new();
        for evidence in &self.evidence {
            let same = groups.iter_mut().find(|(_, first)| first.is_like(evidence));
            match same {
                Some((images, _)) => images.push(&evidence.image),
                None => groups.push((vec![&evidence.image], evidence)),
            }
        }
        groups
    }
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What kind.
    pub kind: Kind,
    /// The image, `NAME VERSION`, or the file where its name is not to be believed.
    pub image: String,
    /// Whether it speaks for the control.
    pub holds: Holds,
    /// What it says.
    pub text: String,
    /// The file, entry or statement that says so.
    pub subject: Option<String>,
    /// The SHA-256 of that.
    pub sha256: Option<Digest>,
    /// Its date, in seconds since 1970.
    pub date: Option<u64>,
    /// Most days that it may be old.
    pub fresh_days: Option<u64>,
    /// What to do.
    pub next: Option<String>,
    /// Rules that did not simply hold.
    pub rules: Vec<RuleLine>,
    /// Of a signed summary of a verification the ids of the keys that signed it; else none.
    pub signed_by: Vec<String>,
}

impl Evidence {
    /// Whether it says the same of another image.
    fn is_like(&self, other: &Self) -> bool {
        let image = self.image.clone();
        *self
            == Self {
                image,
                ..other.clone()
            }
    }
}

/// Whether a piece of evidence speaks for a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// It speaks against it.
    No,
    /// It cannot be read, or could not tell.
    Unclear,
    /// It is too old.
    Stale,
    /// It is not there.
    Missing,
    /// It would speak for it, and nobody signed it: it is the builder's word.
    Unsigned,
    /// It speaks for a part of it.
    InPart,
    /// It speaks for it.
    Yes,
}

impl Holds {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Unclear => "unclear",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::Unsigned => "unsigned",
            Self::InPart => "in-part",
            Self::Yes => "yes",
        }
    }
}

/// A rule that did not simply hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleLine {
    /// Its id.
    pub id: String,
    /// What came out.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
}

//! The judgement of a boot: facts in, verdict out.

use super::recall::recall;
use super::tpm::{Floor, TpmFloor};
use super::{Plan, cmdline};
use crate::appraise::{Finding, Inputs, Material, Neighbour, Remembered, Verdict};
use crate::baseline::{Statement, Verified};
use crate::instance::Slot;
use crate::layout::verity::{Superblock, Verity};
use crate::path::Escaped;

/// What the initrd found: hostile, none of it checked.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `/proc/cmdline`.
    pub cmdline: Vec<u8>,
    /// The names in `/.extra`, where systemd's stub puts what it found beside the kernel image
    /// (systemd-stub(7)).
    pub extras: Vec<Vec<u8>>,
    /// The trust root of the initrd, and what lies on the EFI system partition.
    pub material: Material,
    /// What is odd about that partition, and keeps nothing from being read: warnings.
    pub untidy: Vec<Finding>,
    /// What stands before the root's hash tree, or why that is none.
    pub superblock: Result<Superblock, String>,
    /// What the state partition says.
    pub memory: Memory,
    /// What the TPM says.
    pub floor: TpmFloor,
}

/// What the state partition is, and what it says of boots before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memory {
    /// The plan names no state partition.
    Absent,
    /// Its start is zero: nobody has written to it yet.
    Blank,
    /// A file system, and the two files of what was remembered.
    Kept([Slot; 2]),
    /// Neither, or what is in it cannot be read or believed: why.
    Foreign(String),
}

/// The judgement of a boot.
#[must_use]
#[derive(Clone, Debug)]
pub struct Judgement {
    findings: Vec<Finding>,
    statement: Option<Verified<Statement>>,
    remembered: Option<Remembered>,
    inputs: Inputs,
    memory: &'static str,
}

/// The root may be used: what the kernel is to check it against. Only [`Judgement::cleared`] makes
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleared(Verity);

/// What systemd's stub puts beside the kernel image's own sections: measured with it.
pub(super) const OF_THE_IMAGE: [&[u8]; 4] = [
    b"os-release",
    b"profile",
    b"tpm2-pcr-public-key.pem",
    b"tpm2-pcr-signature.json",
];

/// The contract's precedence.
const ORDER: [Verdict; 4] = [
    Verdict::Untrusted,
    Verdict::Rollback,
    Verdict::Drift,
    Verdict::Incomplete,
];

impl Judgement {
    /// Judges what was found by the plan: the command line, what was added to the initrd, the
    /// signatures, the root, and what was accepted before.
    pub fn of(plan: &Plan, seen: &mut Seen) -> Self {
        let Seen {
            cmdline,
            extras,
            material,
            untidy,
            superblock,
            memory,
            floor,
        } = seen;
        material.terms.image = Some(plan.name.clone());
        let mut judgement = Self::new(material.inputs());
        judgement.findings.extend(cmdline::judge(plan, cmdline));
        judgement.findings.extend(added(extras));
        let trusted = if material.envelope.bytes.is_some() {
            material.trusted(&mut judgement.findings)
        } else {
            judgement.add(unread(&material.envelope));
            None
        };
        let version = trusted.as_ref().map(|(root, _)| root.version());
        judgement.statement = trusted.and_then(|(_, statement)| {
            let wrong = other_root(plan, &statement).or_else(|| other_tree(&statement, superblock));
            let is_this = wrong.is_none();
            judgement.findings.extend(wrong);
            is_this.then_some(statement)
        });
        let statement = judgement.statement.as_ref();
        let recalled = recall(&plan.name, version, statement, memory, floor);
        judgement.memory = recalled.memory;
        judgement.remembered = recalled.remembered;
        judgement.findings.extend(recalled.findings);
        judgement.findings.append(untidy);
        judgement
    }

    /// The judgement where there was nothing to judge.
    pub fn without(finding: Finding) -> Self {
        let mut judgement = Self::new(Inputs::default());
        judgement.add(finding);
        judgement
    }

    /// Adds what went wrong afterwards.
    pub fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// What is wrong, missing, or worth a warning.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The signed statement; `None` where none is trusted for this root.
    pub fn statement(&self) -> Option<&Verified<Statement>> {
        self.statement.as_ref()
    }

    /// What was remembered; `None` where nothing could be.
    pub fn remembered(&self) -> Option<&Remembered> {
        self.remembered.as_ref()
    }

    /// What a TPM is to hold from this boot on; `None` where there is no state partition, so that no
    /// boot is ever blessed. It is no higher than what this boot was judged by as new enough.
    pub fn floor(&self) -> Option<Floor> {
        let has_state = matches!(self.memory, "blank" | "kept");
        let remembered = self.remembered.filter(|_| has_state)?;
        Some(Floor {
            serial: remembered.serial.unwrap_or(0),
            trust_root: remembered.trust_root.unwrap_or(0),
        })
    }

    /// What was judged by.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// What the state partition is, in one word.
    pub fn memory(&self) -> &'static str {
        self.memory
    }

    /// All verdicts that apply, the worst first; `Match` alone where none else does.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let has = |verdict: &Verdict| self.findings.iter().any(|it| it.verdict == *verdict);
        let mut found: Vec<Verdict> = ORDER.into_iter().filter(has).collect();
        if found.is_empty() {
            // Without a finding there is a statement; were there none, nobody could tell.
            found.push(match self.statement {
                Some(_) => Verdict::Match,
                None => Verdict::Incomplete,
            });
        }
        found
    }

    /// The worst verdict that applies.
    pub fn verdict(&self) -> Verdict {
        self.verdicts()
            .first()
            .copied()
            .unwrap_or(Verdict::Incomplete)
    }

    /// What the kernel is to check the root against, where nothing at all is wrong.
    pub fn cleared(&self) -> Option<Cleared> {
        if self.verdict() != Verdict::Match {
            return None;
        }
        let statement = self.statement.as_ref()?;
        statement.baseline().verity.map(Cleared)
    }

    pub(super) fn new(inputs: Inputs) -> Self {
        Self {
            findings: Vec::new(),
            statement: None,
            remembered: None,
            inputs,
            memory: "unknown",
        }
    }
}

impl Cleared {
    /// What the kernel is to check the root against: as signed.
    pub fn verity(&self) -> &Verity {
        &self.0
    }
}

/// Why there is no envelope to open.
fn unread(envelope: &Neighbour) -> Finding {
    let path = &envelope.path;
    Finding {
        verdict: Verdict::Incomplete,
        message: match &envelope.unread {
            Some(reason) => format!("{path}: {reason}"),
            None => format!("there is no envelope {path} on the EFI system partition"),
        },
        hint: Some("sign the image, and put the envelope there: 'karat attach'".to_owned()),
    }
}

/// What is wrong where somebody had the boot stub add files to the initrd.
fn added(extras: &[Vec<u8>]) -> Option<Finding> {
    let odd = extras
        .iter()
        .find(|name| !OF_THE_IMAGE.contains(&name.as_slice()))?;
    Some(Finding {
        verdict: Verdict::Untrusted,
        message: format!(
            "the boot stub added \"{}\" to the initrd, which is not of the image",
            Escaped(odd)
        ),
        hint: Some(
            "take credentials, extensions and addons off the EFI system partition".to_owned(),
        ),
    })
}

/// Why a statement is about another root than the plan's; `None` where it is about this one.
fn other_root(plan: &Plan, statement: &Statement) -> Option<Finding> {
    let baseline = statement.baseline();
    let (verdict, message) = match &baseline.verity {
        Some(verity) if verity.root() == plan.root.hash => return None,
        Some(verity) => (
            Verdict::Untrusted,
            format!(
                "the envelope is for {}, root hash {}; this initrd boots {}, root hash {}",
                baseline.stem(),
                verity.root(),
                plan.stem(),
                plan.root.hash
            ),
        ),
        None => (
            Verdict::Untrusted,
            format!("the envelope for {} names no root hash", baseline.stem()),
        ),
    };
    Some(Finding {
        verdict,
        message,
        hint: Some("deliver the envelope that was signed for this very image".to_owned()),
    })
}

/// Why the hash tree on the disk is another than the statement's, as far as it says itself. The kernel
/// finds out in any case; said here, it is understood.
fn other_tree(statement: &Statement, superblock: &Result<Superblock, String>) -> Option<Finding> {
    let verity = statement.baseline().verity.as_ref()?;
    let message = match superblock {
        Ok(it) if it.salt == verity.salt() && it.blocks == verity.blocks() => return None,
        Ok(it) => format!(
            "the hash tree on the disk is not the signed one: {} blocks with salt {}, signed {} with {}",
            it.blocks,
            it.salt,
            verity.blocks(),
            verity.salt()
        ),
        Err(error) => format!("the hash tree on the disk is not the signed one: {error}"),
    };
    Some(Finding {
        verdict: Verdict::Untrusted,
        message,
        hint: Some("write the image to the disk again".to_owned()),
    })
}

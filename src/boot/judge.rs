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
const OF_THE_IMAGE: [&[u8]; 4] = [
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

    fn new(inputs: Inputs) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appraise::Protection;
    use crate::baseline::{ImageName, Serial};
    use crate::boot::testing::{Signed, plan};
    use crate::instance::State;

    fn judge(signed: &Signed, change: impl FnOnce(&mut Seen)) -> Judgement {
        let mut seen = signed.seen();
        change(&mut seen);
        Judgement::of(&plan(), &mut seen)
    }

    /// The verdict and the words of its findings.
    fn says(judgement: &Judgement, verdict: Verdict, text: &str) {
        let messages: Vec<&str> = judgement
            .findings()
            .iter()
            .map(|finding| finding.message.as_str())
            .collect();
        assert_eq!(judgement.verdict(), verdict, "{messages:?}");
        assert!(
            messages.iter().any(|message| message.contains(text)),
            "{text}: {messages:?}"
        );
        assert_eq!(judgement.cleared().is_some(), verdict == Verdict::Match);
    }

    #[test]
    fn clean_boot() {
        let signed = Signed::new(|_| {});
        let judgement = judge(&signed, |_| {});
        says(&judgement, Verdict::Match, "no state partition");
        let verity = *judgement.cleared().unwrap().verity();
        assert_eq!(verity.root(), plan().root.hash);
        let blank = judge(&signed, |seen| seen.memory = Memory::Blank);
        says(&blank, Verdict::Match, "first boot");
        let trailing = judge(&signed, |seen| seen.cmdline.extend(*b" \n"));
        says(&trailing, Verdict::Match, "no state partition");
    }

    #[test]
    fn cmdline_passed_by_firmware() {
        let signed = Signed::new(|_| {});
        for (cmdline, text) in [
            (
                "console=ttyS0 quiet init=/bin/sh",
                "\"init=/bin/sh\" is not of the image",
            ),
            (
                "console=ttyS0 quiet initrd=x",
                "\"initrd=x\" is not of the image",
            ),
            (
                "BOOT_IMAGE=/x console=ttyS0 quiet",
                "\"BOOT_IMAGE=/x\" is not",
            ),
            ("console=ttyS0", "\"quiet\" is missing"),
            ("quiet console=ttyS0", "another order"),
            ("console=ttyS0  quiet", "another order"),
            ("console=ttyS0 quiet quiet", "another order"),
            ("", "is missing"),
            ("console=ttyS0 quiet \u{1b}[2J", "\\x1b[2J"),
        ] {
            let judgement = judge(&signed, |seen| seen.cmdline = cmdline.into());
            says(&judgement, Verdict::Untrusted, text);
        }
    }

    #[test]
    fn esp_addon_added() {
        let signed = Signed::new(|_| {});
        let own = judge(&signed, |seen| {
            seen.extras = OF_THE_IMAGE.map(<[u8]>::to_vec).to_vec();
        });
        says(&own, Verdict::Match, "");
        for name in ["credentials", "sysext", "confext", "x"] {
            let judgement = judge(&signed, |seen| seen.extras = vec![name.into()]);
            says(&judgement, Verdict::Untrusted, "added");
        }
    }

    #[test]
    fn envelope_of_another_image_and_another_root() {
        let other = Signed::new(|baseline| baseline.name = ImageName::parse("other").unwrap());
        says(
            &judge(&other, |_| {}),
            Verdict::Untrusted,
            "well signed, and for the image other",
        );
        let root = Signed::new(|baseline| {
            let digest = crate::digest::Digest::of(b"another");
            baseline.verity = Verity::new(digest, digest, 1).ok();
        });
        says(
            &judge(&root, |_| {}),
            Verdict::Untrusted,
            "the envelope is for base_1, root hash",
        );
        let none = Signed::new(|baseline| baseline.verity = None);
        says(
            &judge(&none, |_| {}),
            Verdict::Untrusted,
            "names no root hash",
        );
    }

    #[test]
    fn verity_tree_exchanged() {
        let signed = Signed::new(|_| {});
        let judgement = judge(&signed, |seen| {
            seen.superblock.as_mut().unwrap().blocks = 24;
        });
        says(&judgement, Verdict::Untrusted, "24 blocks");
        let judgement = judge(&signed, |seen| {
            seen.superblock = Err("no superblock".to_owned());
        });
        says(&judgement, Verdict::Untrusted, "no superblock");
    }

    #[test]
    fn wrong_trust_root_and_what_is_missing() {
        let signed = Signed::new(|_| {});
        let foreign = Signed::by(9, |_| {}).seen().material.trust;
        let judgement = judge(&signed, |seen| seen.material.trust = foreign);
        says(&judgement, Verdict::Untrusted, "not trusted");
        let gone = judge(&signed, |seen| seen.material.envelope.bytes = None);
        says(&gone, Verdict::Incomplete, "there is no envelope");
        let gone = judge(&signed, |seen| seen.material.trust.bytes = None);
        says(&gone, Verdict::Incomplete, "there is no trust root");
        let torn = judge(&signed, |seen| {
            seen.material.envelope.bytes.as_mut().unwrap().truncate(100);
        });
        assert_eq!(torn.verdict(), Verdict::Untrusted);
    }

    #[test]
    fn receipt_missing() {
        let signed = Signed::demanding_receipts();
        says(
            &judge(&signed, |_| {}),
            Verdict::Untrusted,
            "demands a receipt",
        );
        let rubbish = judge(&signed, |seen| {
            seen.material.receipt.bytes = Some(b"c2sp.org/tlog-proof@v1\n".to_vec());
        });
        assert_eq!(rubbish.verdict(), Verdict::Untrusted);
    }

    #[test]
    fn older_serial_replayed() {
        let name = plan().name;
        let state = |serial, root| {
            let state = State::default().raised(&name, Serial::new(serial).unwrap(), root, None);
            let bytes = state.unwrap().to_bytes();
            let slot = |bytes| Slot {
                path: "state".to_owned(),
                bytes,
            };
            Memory::Kept([slot(None), slot(Some(bytes))])
        };
        let signed = Signed::new(|_| {});
        let same = judge(&signed, |seen| seen.memory = state(5, 1));
        says(&same, Verdict::Match, "is lost");
        assert_eq!(same.remembered().unwrap().serial, Some(5));
        let older = judge(&signed, |seen| seen.memory = state(6, 1));
        says(&older, Verdict::Rollback, "serial 5 of base is below 6");
        let root = judge(&signed, |seen| seen.memory = state(5, 2));
        says(&root, Verdict::Rollback, "trust root 1 is older than 2");
    }

    #[test]
    fn state_put_back_below_the_floor_of_the_tpm() {
        let name = plan().name;
        let signed = Signed::new(|_| {});
        let kept = |serial| {
            let serial = Serial::new(serial).unwrap();
            let state = State::default().raised(&name, serial, 1, None).unwrap();
            let bytes = Some(state.to_bytes());
            let slot = |bytes| Slot {
                path: "state".to_owned(),
                bytes,
            };
            Memory::Kept([slot(None), slot(bytes)])
        };
        let judge = |memory, floor| {
            judge(&signed, |seen| {
                seen.memory = memory;
                seen.floor = floor;
            })
        };
        let floor = |serial, trust_root| Floor { serial, trust_root };
        let held = |serial, trust_root| TpmFloor::Kept(floor(serial, trust_root));
        let protects = |judgement: &Judgement, how: Protection, serial, trust_root| {
            assert_eq!(judgement.remembered().unwrap().protection, how);
            assert_eq!(judgement.floor(), Some(floor(serial, trust_root)));
        };
        let (state, both) = (Protection::State, Protection::StateAndTpm);
        // A TPM that lags behind, as it does after each blessing, and one that does not.
        for old in [held(4, 1), held(5, 1), held(0, 0)] {
            let judgement = judge(kept(5), old);
            says(&judgement, Verdict::Match, "is lost");
            protects(&judgement, both, 5, 1);
        }
        let back = judge(kept(4), held(5, 1));
        says(
            &back,
            Verdict::Rollback,
            "remembers serial 4 and trust root 1 of base, and the TPM serial 5",
        );
        says(
            &judge(kept(5), held(5, 2)),
            Verdict::Rollback,
            "trust root 1 is older than 2",
        );
        says(
            &judge(kept(5), held(6, 1)),
            Verdict::Rollback,
            "serial 5 of base is below 6",
        );
        // A disk that was written anew: what is on it is judged by the TPM alone.
        let anew = judge(Memory::Blank, held(5, 1));
        says(&anew, Verdict::Match, "is blank, and the TPM holds a floor");
        protects(&anew, both, 5, 1);
        says(
            &judge(Memory::Blank, held(6, 1)),
            Verdict::Rollback,
            "below 6",
        );
        let none = judge(Memory::Absent, held(5, 1));
        says(&none, Verdict::Match, "no state partition");
        assert_eq!(none.floor(), None);
        says(
            &judge(Memory::Absent, held(6, 1)),
            Verdict::Rollback,
            "below 6",
        );
        // Lost, never there, or somebody else's.
        for (lost, text) in [
            (TpmFloor::Missing, "the TPM holds no floor of base"),
            (TpmFloor::Unwritten, "the TPM holds no floor of base"),
            (
                TpmFloor::Foreign("rubbish"),
                "the TPM holds no floor of base: rubbish",
            ),
            (TpmFloor::NoTpm, "is lost"),
        ] {
            let judgement = judge(kept(5), lost);
            says(&judgement, Verdict::Match, text);
            protects(&judgement, state, 5, 1);
        }
        let first = judge(Memory::Blank, TpmFloor::Missing);
        protects(&first, state, 0, 0);
        assert_eq!(first.findings().len(), 1, "a first boot, said once");
    }

    #[test]
    fn state_partition_garbage() {
        let signed = Signed::new(|_| {});
        let judgement = judge(&signed, |seen| {
            seen.memory = Memory::Foreign("rubbish".into());
        });
        says(&judgement, Verdict::Incomplete, "rubbish");
        assert_eq!(judgement.memory(), "foreign");
    }

    #[test]
    fn an_untidy_partition_is_said_and_keeps_no_boot_from_starting() {
        let untidy = Finding {
            verdict: Verdict::Match,
            message: "the EFI system partition is not in order".to_owned(),
            hint: None,
        };
        let judgement = judge(&Signed::new(|_| {}), |seen| seen.untidy.push(untidy));
        says(&judgement, Verdict::Match, "is not in order");
        let machine = crate::boot::Machine::default();
        let report = crate::boot::Report::of(&plan(), &judgement, machine);
        let text = String::from_utf8_lossy(report.as_bytes());
        let said = "{\"hint\":null,\"message\":\"the EFI system partition is not in order\",\
                    \"verdict\":\"warning\"}";
        assert!(text.contains(said), "{text}");
    }

    #[test]
    fn what_goes_wrong_later_takes_the_clearance_away() {
        let mut judgement = judge(&Signed::new(|_| {}), |_| {});
        judgement.add(Finding {
            verdict: Verdict::Incomplete,
            message: "the disk is gone".to_owned(),
            hint: None,
        });
        says(&judgement, Verdict::Incomplete, "the disk is gone");
        let nothing = Judgement::new(Inputs::default());
        assert_eq!(nothing.verdict(), Verdict::Incomplete);
        assert_eq!(nothing.cleared(), None);
    }
}

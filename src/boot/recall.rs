//! What was accepted before, as the state partition and the TPM have it.
//!
//! Blessing a boot writes to the state partition alone; the next boot's initrd raises the TPM to it and
//! locks it. So the state partition is never behind the TPM, unless somebody put an older one there.

use super::Memory;
use super::tpm::{Floor, TpmFloor};
use crate::appraise::{Finding, LogFacts, Protection, Remembered, Verdict};
use crate::baseline::{ImageName, Statement, Verified};
use crate::instance::{LogSeen, State};

/// What follows from it for this boot.
#[derive(Debug)]
pub(super) struct Recalled {
    /// What the state partition is, in one word.
    pub(super) memory: &'static str,
    /// The floors in force; `None`: nobody knows them.
    pub(super) remembered: Option<Remembered>,
    /// What is wrong, missing, or worth a warning.
    pub(super) findings: Vec<Finding>,
}

/// Judges what is to be started by what was accepted before.
pub(super) fn recall(
    name: &ImageName,
    trust_root: Option<u64>,
    statement: Option<&Verified<Statement>>,
    memory: &Memory,
    floor: &TpmFloor,
) -> Recalled {
    let mut recalled = by_state(name, trust_root, statement, memory);
    by_tpm(name, trust_root, statement, floor, &mut recalled);
    recalled
}

fn by_state(
    name: &ImageName,
    trust_root: Option<u64>,
    statement: Option<&Verified<Statement>>,
    memory: &Memory,
) -> Recalled {
    let without = |memory, protection: Option<Protection>, finding| Recalled {
        memory,
        remembered: protection.map(|protection| Remembered {
            serial: None,
            trust_root: None,
            protection,
        }),
        findings: vec![finding],
    };
    let slots = match memory {
        Memory::Absent => {
            return without(
                "none",
                Some(Protection::Nothing),
                warning(
                    "there is no state partition: an older baseline cannot be told from a newer one"
                        .to_owned(),
                ),
            );
        }
        Memory::Blank => {
            return without(
                "blank",
                Some(Protection::State),
                warning(
                    "the state partition is blank: this is a first boot, and it is formatted"
                        .to_owned(),
                ),
            );
        }
        Memory::Foreign(reason) => {
            let finding = Finding {
                verdict: Verdict::Incomplete,
                message: format!("what was accepted before is not known: {reason}"),
                hint: Some(
                    "look at the state partition from another machine; where its first MiB is \
                     zero, it is formatted anew, and this is a first boot"
                        .to_owned(),
                ),
            };
            return without("foreign", None, finding);
        }
        Memory::Kept(slots) => slots,
    };
    let recalled = State::recall(slots);
    let mut findings = recalled.findings;
    let log = statement.and_then(|statement| statement.logged());
    let log = log.map(|log| LogSeen::of(&LogFacts::of(log)));
    let statement = statement.map(|statement| (name, statement.serial().get()));
    findings.extend(recalled.state.judge(trust_root, statement, log.as_ref()));
    Recalled {
        memory: "kept",
        remembered: Some(recalled.state.about(Some(name))),
        findings,
    }
}

/// Adds what the TPM says: what it holds counts whatever the state partition says.
fn by_tpm(
    name: &ImageName,
    trust_root: Option<u64>,
    statement: Option<&Verified<Statement>>,
    floor: &TpmFloor,
    recalled: &mut Recalled,
) {
    let is_kept = recalled.memory == "kept";
    let held = match floor {
        TpmFloor::NoTpm => return,
        TpmFloor::Kept(held) => *held,
        TpmFloor::Missing | TpmFloor::Unwritten if !is_kept => return,
        TpmFloor::Missing | TpmFloor::Unwritten => {
            return recalled.findings.push(warning(format!(
                "the TPM holds no floor of {name}: this is its first boot of it, or the floor is \
                 lost; only the state partition tells an older baseline from a newer one"
            )));
        }
        TpmFloor::Foreign(reason) => {
            return recalled.findings.push(warning(format!(
                "the TPM holds no floor of {name}: {reason}, and is left as it is"
            )));
        }
    };
    let mut refuse = |message| {
        recalled.findings.push(Finding {
            verdict: Verdict::Rollback,
            message,
            hint: Some(
                "put back the newest image and state; the guide for disks tells how to go back on \
                 purpose"
                    .to_owned(),
            ),
        });
    };
    if let Some(version) = trust_root.filter(|version| *version < held.trust_root) {
        refuse(format!(
            "trust root {version} is older than {}, the floor in the TPM",
            held.trust_root
        ));
    }
    if let Some(statement) = statement.filter(|it| it.serial().get() < held.serial) {
        refuse(format!(
            "serial {} of {name} is below {}, the floor in the TPM",
            statement.serial().get(),
            held.serial
        ));
    }
    let Some(remembered) = &mut recalled.remembered else {
        return;
    };
    let state = Floor {
        serial: remembered.serial.unwrap_or(0),
        trust_root: remembered.trust_root.unwrap_or(0),
    };
    let both = state.raised(held);
    if both != state && is_kept {
        refuse(format!(
            "the state partition remembers serial {} and trust root {} of {name}, and the TPM serial {} and \
             trust root {}: an older state was put there",
            state.serial, state.trust_root, held.serial, held.trust_root
        ));
    }
    if both != Floor::default() {
        remembered.serial = Some(both.serial);
        remembered.trust_root = Some(both.trust_root);
    }
    if recalled.memory == "none" {
        // Nothing raises it any more.
        return;
    }
    remembered.protection = Protection::StateAndTpm;
    if recalled.memory == "blank" && both != Floor::default() {
        recalled.findings.push(warning(format!(
            "the state partition is blank, and the TPM holds a floor of {name}, serial {}: what was kept is gone",
            both.serial
        )));
    }
}

fn warning(message: String) -> Finding {
    Finding {
        verdict: Verdict::Match,
        message,
        hint: None,
    }
}

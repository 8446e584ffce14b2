//! Tests of the judgement of a boot.

use super::judge::OF_THE_IMAGE;
use super::tpm::{Floor, TpmFloor};
use super::{Judgement, Memory, Seen};
use crate::appraise::{Finding, Inputs, Protection, Verdict};
use crate::baseline::{ImageName, Serial};
use crate::boot::testing::{Signed, plan};
use crate::instance::{Slot, State};
use crate::layout::verity::Verity;

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

//! What is as it was signed, in every container, and what an update or a boot leaves.

use std::fs;
use std::io::Cursor;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;

use karat::appraise::PartitionRole::{self, Empty, Esp, Root, State, Tree};
use karat::appraise::Verdict;
use karat::image::disk::{Container, Identity, Job};
use karat::ops::verify::verify;
use karat::progress::Silent;
use serde_json::Value;

use super::fixture::{Disk, NEEDLE, find, says};
use crate::support::schema::published;

#[test]
fn a_disk_as_it_was_built_matches_in_every_container() {
    let disk = Disk::new("vdisk-clean");
    let bytes = disk.bytes();
    for container in Container::ALL {
        let job = Job {
            disk: &bytes,
            identity: Identity::of(&bytes, 1_760_000_000).unwrap(),
            progress: &Silent,
        };
        let mut out = Cursor::new(Vec::new());
        let threads = NonZero::new(2).unwrap();
        container.write(&job, true, threads, &mut out).unwrap();
        let path = disk.scratch.join(format!("demo_1{}", container.suffix()));
        fs::write(&path, out.into_inner()).unwrap();
        let found = verify(&disk.request(path.clone())).unwrap();
        assert_eq!(
            found.verdicts(),
            [Verdict::Match],
            "{container}: {:#?}",
            found.findings
        );
        assert!(found.findings.is_empty(), "{:#?}", found.findings);
        let facts = found.disk.unwrap();
        assert_eq!(facts.container, container.name());
        let roles: Vec<PartitionRole> = facts.partitions.iter().map(|it| it.role).collect();
        assert_eq!(roles, [Esp, Root, Tree, Empty, Empty, State]);
        assert_eq!(facts.slots.len(), 1);
        assert_eq!(
            facts.slots[0].kernel_image.as_deref(),
            Some("EFI/Linux/demo_1+3.efi")
        );
        assert!(facts.not_covered[0].contains("partition 6, state"));
        assert!(found.report.unwrap().checked.files > 5);
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn the_program_says_so_to_people_and_machines() {
    let disk = Disk::new("vdisk-program");
    let path = disk.write(|_| {});
    let run = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_karat"))
            .args(["verify", "--disk"])
            .arg(&path)
            .args(more)
            .current_dir(disk.scratch.path())
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    };
    let trust = ["--trust", "trust.json"];
    let (code, text) = run(&trust);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("MATCH"), "{text}");
    assert!(
        text.contains("  slot       demo_1: as signed, partitions 2 and 3, root hash "),
        "{text}"
    );
    assert!(
        text.contains("  not covered: partition 6, state: "),
        "{text}"
    );
    let (code, text) = run(&[&trust[..], &["--json"]].concat());
    let report = published("verify-report").holds(&text);
    assert_eq!(
        (code, &report["target"]["kind"]),
        (Some(0), &Value::from("disk"))
    );
    assert_eq!(report["disk"]["slots"][0]["verdict"], "match");
    assert_eq!(report["disk"]["files"][3]["role"], "envelope");
    let (code, text) = run(&[&trust[..], &["--explain", "/usr/bin/su"]].concat());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("/usr/bin/su"), "{text}");
    let (code, text) = run(&["--trust", "trust.json", "--report", "canonical=-"]);
    assert_eq!(code, Some(0), "{text}");
    published("verify-canonical").holds(&text);
    // No trust root is ever taken from the disk, and one that is not there trusts nothing.
    assert_eq!(run(&["--trust", "none.json"]).0, Some(13));
    assert_eq!(
        run(&[&trust[..], &["--max-bytes", "1"]].concat()).0,
        Some(2)
    );
    assert_eq!(
        run(&[&trust[..], &["--baseline", "x.json"]].concat()).0,
        Some(2)
    );
}

#[test]
fn what_a_boot_or_an_update_changes_is_no_false_alarm() {
    // A blessed boot takes the counter away, and the loader's own directory may be written in another
    // case by firmware.
    let mut disk = Disk::new("vdisk-counted");
    let uki = disk.files.remove("EFI/Linux/demo_1+3.efi").unwrap();
    disk.files.insert("EFI/Linux/demo_1.efi".to_owned(), uki);
    let loader = disk.files.remove("EFI/BOOT/BOOTX64.EFI").unwrap();
    disk.files.insert("EFI/Boot/bootx64.efi".to_owned(), loader);
    let found = disk.verified(|_| {});
    assert_eq!(found.verdicts(), [Verdict::Match], "{:#?}", found.findings);

    // The second slot is a slot of its own; the report is about the newer one.
    disk.update();
    let found = disk.verified(|_| {});
    assert_eq!(found.verdicts(), [Verdict::Match], "{:#?}", found.findings);
    assert_eq!(found.baseline.unwrap().version, "2");
    let facts = found.disk.unwrap();
    let slots: Vec<(&str, Option<[usize; 2]>)> = facts
        .slots
        .iter()
        .map(|slot| (slot.image.as_str(), slot.partitions))
        .collect();
    assert_eq!(slots, [("demo_1", Some([2, 3])), ("demo_2", Some([4, 5]))]);

    // What an earlier, larger root left behind it is told, and nothing more.
    let end = disk.partitions()[super::fixture::SPARE].end();
    let found = disk.verified(|bytes| bytes[usize::try_from(end).unwrap() - 1] = 1);
    says(
        &found,
        Verdict::Match,
        "partition 4 has bytes that belong to nothing",
    );

    // A file of the older slot: drift, although the report is about the newer one.
    let older = disk.verified(|bytes| {
        let at = usize::try_from(disk.partitions()[super::fixture::ROOT].start).unwrap();
        let within = find(&disk.made[0].root, NEEDLE);
        bytes[at + within] ^= 1;
    });
    says(
        &older,
        Verdict::Drift,
        "demo_1: 1 difference in its root: /usr/bin/large",
    );
}

/// The static program judges a raw disk in the same way; containers it does not know.
#[test]
fn the_agent_says_the_same_of_a_raw_disk() {
    let disk = Disk::new("vdisk-agent");
    let run = |more: &[&str], path: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_karat-agent"))
            .args(["verify", "--disk"])
            .arg(path)
            .args(["--trust", "trust.json"])
            .args(more)
            .current_dir(disk.scratch.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text, said)
    };
    let (code, text, said) = run(&[], &disk.write(|_| {}));
    assert_eq!(code, Some(0), "{text}{said}");
    assert!(text.starts_with("MATCH"), "{text}");
    assert!(
        text.contains("  slot       demo_1: as signed, partitions 2 and 3, root hash "),
        "{text}"
    );
    let (code, text, _) = run(&["--json"], &disk.write(|_| {}));
    assert_eq!(code, Some(0));
    let document = published("verify-report").holds(&text);
    assert_eq!(document["disk"]["container"], "raw");

    let start = usize::try_from(disk.partitions()[1].start).unwrap();
    let path = disk.write(|bytes| bytes[start + find(&disk.made[0].root, NEEDLE)] ^= 1);
    let (code, text, _) = run(&[], &path);
    assert_eq!(code, Some(10), "{text}");

    let (code, _, said) = run(&["--root", "/"], &path);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("--disk goes with neither of --root"),
        "{said}"
    );
}

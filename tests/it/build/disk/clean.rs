//! What is as it was signed starts, and what it writes goes where the plan says.

use karat::digest::Digest;

use super::fixture::Disk;
use super::machine::{Start, Tpm, boot};
use crate::build::boot::{has, has_not};
use crate::support::judge;
use crate::support::schema::published;

#[test]
fn clean_boot() {
    let Some(disk) = Disk::new("disk-clean") else {
        return;
    };
    // The state partition is blank: it is formatted by the root's own mkfs.ext4.
    let console = boot(&disk, &Start::default());
    has(
        &console,
        &[
            "ROOT RUNS\n",
            "\"state\":\"blank\"",
            "\"tpm\":false",
            "\"secure_boot\":null",
            "small_1.dsse.json",
            "REFUSED /usr/x\n",
            "WROTE /etc/x\n",
            "WROTE /var/x\n",
            "WROTE /tmp/x\n",
            // Through it nobody but root reaches what lies in closed directories.
            "STATE 700 0:0\n",
        ],
    );
    has_not(&console, &["karat: ", "FOUND ", "Kernel panic"]);
    let line = |console: &str, start: &str| {
        let line = console.lines().find_map(|line| line.strip_prefix(start));
        line.unwrap().to_owned()
    };
    let report = published("boot-report").holds(&line(&console, "REPORT "));
    assert_eq!(report["verdict"], "match");
    assert_eq!(report["root_hash"], disk.verity.root().to_string());
    let times = published("boot-timings").holds(&line(&console, "TIMES "));
    println!("{times}");
    let steps = times["steps"].as_array().unwrap();
    let (first, last) = (&steps[0], &steps[steps.len() - 1]);
    assert_eq!(
        (&first["step"], &last["step"]),
        (&"start".into(), &"end".into())
    );
    let number = |step: &serde_json::Value, name: &str| step[name].as_u64().unwrap();
    let took = number(last, "at_us") - number(first, "at_us");
    let used = |step| number(step, "own_us") + number(step, "kernel_us");
    assert!(
        used(last) > used(first) && used(last) - used(first) <= took,
        "{times}"
    );
    for mount in [
        "/dev/dm-0 / erofs ro,nodev,",
        "tmpfs /tmp tmpfs rw,nosuid,nodev,",
        "/var overlay rw,nosuid,nodev,",
        "/etc overlay rw,nosuid,nodev,",
    ] {
        has(&console, &[mount]);
    }
    // What was written to /var is kept, and nothing else. That the power failed while something was
    // written to the EFI system partition keeps nothing from starting, and is said.
    disk.untidy();
    let console = boot(&disk, &Start::default());
    has(
        &console,
        &["ROOT RUNS\n", "\"state\":\"kept\"", "FOUND /var/x\n"],
    );
    let report = published("boot-report").holds(&line(&console, "REPORT "));
    assert_eq!(report["verdict"], "match");
    let findings = report["findings"].to_string();
    assert!(
        findings.contains("FAT: its two tables differ"),
        "{findings}"
    );
    has_not(&console, &["karat: ", "FOUND /etc/x", "FOUND /tmp/x"]);
}

#[test]
fn tpm_present() {
    let (Some(disk), Some(swtpm)) = (Disk::new("disk-tpm"), judge("swtpm")) else {
        return;
    };
    let tpm = Tpm::new(&swtpm, &disk.path(""));
    let start = Start {
        more: tpm.options(),
        ..Start::default()
    };
    let console = boot(&disk, &start);
    has(&console, &["ROOT RUNS\n", "\"tpm\":true"]);
    let report = console
        .lines()
        .find_map(|line| line.strip_prefix("REPORT "));
    let digest = Digest::of(format!("{}\n", report.unwrap()).as_bytes());
    let extend = |pcr: Digest, event: &str| {
        let event = Digest::of(event.as_bytes());
        Digest::of(&[pcr.as_bytes().as_slice(), event.as_bytes()].concat())
    };
    let zero = Digest::from_bytes([0; 32]);
    let verdict = extend(zero, &format!("karat-verdict:{digest}"));
    let boot = extend(extend(zero, "enter-initrd"), "leave-initrd");
    for (pcr, expected) in [(8, verdict), (11, boot)] {
        let start = format!("PCR sha256 {pcr} ");
        let found = console
            .lines()
            .find_map(|line| line.strip_prefix(start.as_str()));
        assert_eq!(
            found.map(str::to_lowercase),
            Some(expected.to_string()),
            "{pcr}"
        );
    }
}

//! What was done to a disk, or to how it is started, and what the console says then.

use std::fs;

use karat::boot::{OnFailure, Plan, Root};
use karat::digest::Digest;
use karat::key::{LogPolicy, Receipts, Role, RoleKey, RoleKeys, Signer as _, SigningKey};

use super::fixture::{Disk, trust};
use super::machine::{Start, boot};
use crate::build::boot::{has, has_not};

/// The root must not have run, and the console says this.
pub(super) fn refused(disk: &Disk, start: &Start<'_>, texts: &[&str]) {
    let console = boot(disk, start);
    has(&console, &["karat: small_1 is not started\n"]);
    has(&console, texts);
    has_not(&console, &["ROOT RUNS", "panicked"]);
    let words = console.lines().filter(|line| line.starts_with("karat: "));
    assert!(words.count() <= 6, "a few lines: {console}");
}

#[test]
fn root_block_flipped() {
    let Some(disk) = Disk::new("disk-flipped") else {
        return;
    };
    disk.flip(b"echo \"ROOT RUNS\"");
    let console = boot(&disk, &Start::default());
    has(&console, &["Kernel panic", "dm-verity device corrupted"]);
    has_not(&console, &["ROOT RUNS"]);
}

#[test]
fn root_hash_swapped() {
    let Some(disk) = Disk::new("disk-swapped") else {
        return;
    };
    let plan = Plan {
        root: Root {
            hash: Digest::of(b"another"),
            ..disk.plan.root
        },
        ..disk.plan.clone()
    };
    disk.initrd(&plan, &trust(1, |_| {}));
    refused(
        &disk,
        &Start::default(),
        &["karat: untrusted: the envelope is for small_1, root hash "],
    );
}

#[test]
fn cmdline_passed() {
    let Some(disk) = Disk::new("disk-cmdline") else {
        return;
    };
    let start = Start {
        cmdline: Some("console=ttyS0 quiet panic=-1 no_timer_check init=/bin/sh"),
        ..Start::default()
    };
    refused(
        &disk,
        &start,
        &[
            "karat: untrusted: the kernel's command line is not the image's: \"init=/bin/sh\" is not",
            "karat: the machine is switched off\n",
        ],
    );
}

#[test]
fn envelope_of_another_image_and_none_and_a_stranger() {
    let Some(disk) = Disk::new("disk-envelope") else {
        return;
    };
    disk.esp(&[("small_1.dsse.json", &disk.envelope("other", 5, 2))]);
    let other = "well signed, and for the image other, not for small\n";
    refused(
        &disk,
        &Start::default(),
        &["karat: untrusted: karat/small_1.dsse.json: ", other],
    );
    disk.esp(&[("small_1.dsse.json", &disk.envelope("small", 5, 9))]);
    refused(
        &disk,
        &Start::default(),
        &["karat: untrusted: ", "not trusted"],
    );
    disk.esp(&[]);
    let none = "karat: incomplete: there is no envelope karat/small_1.dsse.json on the EFI";
    refused(&disk, &Start::default(), &[none]);
}

#[test]
fn wrong_trust_root() {
    let Some(disk) = Disk::new("disk-trust") else {
        return;
    };
    disk.initrd(&disk.plan, &trust(5, |_| {}));
    refused(
        &disk,
        &Start::default(),
        &["karat: untrusted: ", "not trusted"],
    );
}

#[test]
fn receipt_missing() {
    let Some(disk) = Disk::new("disk-receipt") else {
        return;
    };
    let trust = trust(1, |document| {
        document.log = Some(LogPolicy {
            origin: "example.com/log".to_owned(),
            receipt: Receipts::Required,
        });
        let log = RoleKey {
            from: 0,
            images: Vec::new(),
            key: SigningKey::from_seed([7; 32]).public_key(),
            name: Some("example.com/log".to_owned()),
            reason: None,
            until: None,
        };
        let keys = RoleKeys {
            keys: vec![log],
            threshold: 1,
        };
        document.roles.insert(Role::Log, keys);
    });
    disk.initrd(&disk.plan, &trust);
    refused(
        &disk,
        &Start::default(),
        &[
            "karat: untrusted: ",
            "demands a receipt of the log, and there is none\n",
        ],
    );
}

#[test]
fn older_serial_replayed() {
    let Some(disk) = Disk::new("disk-serial") else {
        return;
    };
    disk.remembering(6, &[]);
    refused(
        &disk,
        &Start::default(),
        &["karat: rollback: serial 5 of small is below 6, the lowest"],
    );
    // A newer one starts, and what was remembered stays where the running system looks for it.
    disk.esp(&[("small_1.dsse.json", &disk.envelope("small", 6, 2))]);
    let console = boot(&disk, &Start::default());
    has(&console, &["ROOT RUNS\n", "\"serial_floor\":6"]);
}

#[test]
fn state_partition_garbage() {
    let Some(disk) = Disk::new("disk-garbage") else {
        return;
    };
    disk.state(&[0x5a; 4096]);
    let plan = Plan {
        on_failure: OnFailure::Previous,
        ..disk.plan.clone()
    };
    disk.initrd(&plan, &trust(1, |_| {}));
    refused(
        &disk,
        &Start::default(),
        &[
            "karat: incomplete: what was accepted before is not known: the state partition is neither",
            "karat: the machine starts again, to try the slot before\n",
        ],
    );
}

#[test]
fn state_partition_with_a_link() {
    let Some(disk) = Disk::new("disk-link") else {
        return;
    };
    // What an instance remembers, and not where it remembers it.
    disk.remembering(5, &[]);
    let tree = disk.path("state.d");
    let place = tree.join("upper/var/lib/karat");
    fs::rename(&place, tree.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../../../elsewhere", &place).unwrap();
    disk.state_of(&tree);
    refused(
        &disk,
        &Start::default(),
        &["karat: incomplete: what was accepted before is not known: cannot open through no link"],
    );
}

#[test]
fn a_second_disk_with_the_same_partitions() {
    let Some(disk) = Disk::new("disk-twice") else {
        return;
    };
    let twin = disk.path("twin.raw");
    fs::copy(disk.path("disk.raw"), &twin).unwrap();
    let start = Start {
        more: vec![
            "-drive".to_owned(),
            format!("file={},format=raw,if=virtio,cache=unsafe", twin.display()),
        ],
        ..Start::default()
    };
    refused(
        &disk,
        &start,
        &["karat: untrusted: both vda and vdb have partitions of this image\n"],
    );
}

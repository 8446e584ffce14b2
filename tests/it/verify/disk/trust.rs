//! Attacks on signatures, and Envelopes that lie beside the disk.

use std::fs;

use karat::appraise::Verdict;
use karat::baseline::ImageName;
use karat::key::{LogPolicy, Receipts, Role, RoleKey, RoleKeys, Signer as _, SigningKey};
use karat::ops::verify::verify;

use super::fixture::{Disk, says, trust};

#[test]
fn envelope_of_another_image_missing_and_of_a_stranger() {
    let mut disk = Disk::new("vdisk-envelope");
    let mut other = disk.made[0].clone();
    other.baseline.name = ImageName::parse("other").unwrap();
    disk.envelope("demo_1", other.envelope(5, 2));
    let text = "karat/demo_1.dsse.json: it is well signed, and for other_1, not for demo_1";
    disk.says(Verdict::Untrusted, text, |_| {});
    disk.envelope("demo_1", disk.made[0].envelope(5, 9));
    disk.says(Verdict::Untrusted, "not trusted", |_| {});
    disk.envelope("demo_1", b"{}".to_vec());
    disk.says(Verdict::Untrusted, "karat/demo_1.dsse.json: ", |_| {});
    disk.files.remove("karat/demo_1.dsse.json");
    let found = disk.verified(|_| {});
    says(&found, Verdict::Incomplete, "demo_1 has no envelope");
    assert!(found.report.is_none() && found.baseline.is_none());
}

#[test]
fn wrong_trust_root_older_serial_and_receipt_missing() {
    let disk = Disk::new("vdisk-trust");
    disk.new_trust(&trust(1, |document| {
        let stranger = SigningKey::from_seed([5; 32]).public_key();
        document.roles.get_mut(&Role::Baseline).unwrap().keys[0].key = stranger;
    }));
    disk.says(Verdict::Untrusted, "not trusted", |_| {});
    disk.new_trust(&trust(1, |document| {
        document.min_serial.insert("demo".to_owned(), 6);
    }));
    disk.says(Verdict::Rollback, "demo", |_| {});
    disk.new_trust(&trust(1, |document| {
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
    }));
    let text = "demands a receipt of the log, and there is none";
    disk.says(Verdict::Untrusted, text, |_| {});
    disk.new_trust(b"{}");
    disk.says(Verdict::Untrusted, "trust.json: ", |_| {});
}

#[test]
fn newer_trust_roots_on_the_disk_are_followed() {
    let mut disk = Disk::new("vdisk-newer");
    let ended = trust(2, |document| {
        document.min_serial.insert("demo".to_owned(), 6);
    });
    disk.files.insert("karat/trust/2.json".to_owned(), ended);
    disk.says(Verdict::Rollback, "demo", |_| {});
    disk.files
        .insert("karat/trust/2.json".to_owned(), b"{}".to_vec());
    disk.says(Verdict::Untrusted, "karat/trust/2.json", |_| {});
}

#[test]
fn an_envelope_beside_a_disk_that_it_is_not_on_yet() {
    let mut disk = Disk::new("vdisk-beside");
    disk.files.remove("karat/demo_1.dsse.json");
    let made = disk.made[0].clone();
    let beside = disk.scratch.join("demo_1.dsse.json");
    fs::write(&beside, made.envelope(5, 2)).unwrap();
    let mut request = disk.request(disk.write(|_| {}));
    request.baseline = Some(beside.clone());
    let found = verify(&request).unwrap();
    assert_eq!(found.verdicts(), [Verdict::Match], "{:#?}", found.findings);
    // Its neighbours are taken where they are there, and must be those that were signed.
    fs::write(disk.scratch.join("demo_1.mtree"), &made.manifest).unwrap();
    says(
        &verify(&request).unwrap(),
        Verdict::Incomplete,
        "demo_1.expect.json is missing",
    );
    fs::write(disk.scratch.join("demo_1.expect.json"), &made.expectations).unwrap();
    assert_eq!(verify(&request).unwrap().verdict(), Verdict::Match);
    fs::write(disk.scratch.join("demo_1.mtree"), b"").unwrap();
    says(
        &verify(&request).unwrap(),
        Verdict::Untrusted,
        "demo_1.mtree is not what was signed",
    );
    fs::write(&beside, made.envelope(5, 9)).unwrap();
    says(
        &verify(&request).unwrap(),
        Verdict::Untrusted,
        "not trusted",
    );
    request.image = Some(ImageName::parse("shop").unwrap());
    fs::write(&beside, made.envelope(5, 2)).unwrap();
    says(
        &verify(&request).unwrap(),
        Verdict::Untrusted,
        "for the image demo, not for shop",
    );
}

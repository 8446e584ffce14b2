//! Signed summaries of verifications as evidence, made by `karat verify --summary` and read again.

use std::fs;
use std::process::Command;

use karat::baseline::Subject;
use karat::key::{Role, RoleKey, RoleKeys, Signer as _, SigningKey};
use serde_json::{Value, json};

use super::desk::{control, state};
use crate::support::root::Sample;
use crate::support::schema::published;
use crate::support::signed::{Release, signer};

/// When verifications run.
const AT: u64 = 1_760_000_000;
const DAY: u64 = 86_400;

/// The verifier's key, which the trust root has in the role `fleet`.
fn verifier() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

fn release(name: &str) -> Release {
    let release = Release::new(name);
    trust(&release, 1);
    for (file, key) in [("verifier.pem", verifier()), ("baseline.pem", signer())] {
        let path = release.scratch.join(file);
        fs::write(&path, key.to_pem().unwrap().as_bytes()).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, mode).unwrap();
    }
    release
}

fn trust(release: &Release, version: u64) {
    release.trust(version, |document| {
        let fleet = RoleKey {
            from: 0,
            images: Vec::new(),
            key: verifier().public_key(),
            name: None,
            reason: None,
            until: None,
        };
        let keys = RoleKeys {
            keys: vec![fleet],
            threshold: 1,
        };
        document.roles.insert(Role::Fleet, keys);
    });
}

fn karat(release: &Release, arguments: &str, epoch: u64) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_karat"))
        .args(arguments.split_whitespace())
        .args(["--trust", "trust.json"])
        .current_dir(release.scratch.path())
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text + &error)
}

/// Verifies and signs a summary, `FILE`.
fn verify(release: &Release, exit: i32, file: &str, key: &str) {
    let command =
        format!("verify --tar out/demo_1.tar.zst --summary {file} --summary-key {key}.pem");
    let (code, said) = karat(release, &command, AT);
    assert_eq!(code, exit, "{said}");
}

fn report(release: &Release, exit: i32, at: u64, more: &str) -> Value {
    let command =
        format!("--json responsibility report out --provider aws --model iaas --at {at} {more}");
    let (code, out) = karat(release, &command, 0);
    assert_eq!(code, exit, "{out}");
    published("responsibility").holds(&out)
}

/// The one piece of evidence of a verification.
fn evidence(report: &Value) -> &Value {
    let all = control(report, "tvm.malware")["evidence"]
        .as_array()
        .unwrap();
    let mut found = all.iter().filter(|it| it["kind"] == "attestation");
    let first = found.next().unwrap();
    assert!(found.next().is_none());
    first
}

/// What is wrong, and how bad.
fn refused(report: &Value) -> (&str, &str) {
    assert_eq!(evidence(report)["holds"], "missing");
    let findings = report["findings"].as_array().unwrap();
    let about = |it: &&Value| it["subject"].as_str().unwrap().ends_with(".json");
    let mut findings = findings.iter().filter(about);
    let finding = findings.next().unwrap();
    assert!(findings.next().is_none(), "{report}");
    (
        finding["weight"].as_str().unwrap(),
        finding["text"].as_str().unwrap(),
    )
}

#[test]
fn a_summary_that_a_key_of_the_fleet_signed_is_signed_evidence() {
    let release = release("duty-summary");
    verify(&release, 0, "s.json", "verifier");
    let fresh = report(&release, 0, AT + 60, "--summary s.json");
    let id = verifier().public_key().id().to_string();
    let found = evidence(&fresh);
    assert_eq!(found["holds"], "yes");
    assert_eq!(found["signed_by"], json!([id]));
    assert_eq!(found["date"], AT);
    let text = found["text"].as_str().unwrap();
    assert!(text.contains("signed by keys of the role fleet"), "{text}");
    assert_eq!(fresh["findings"], json!([]));
    // The same in a report that nobody signed shows a part.
    let command = "--json verify --tar out/demo_1.tar.zst";
    let (_, out) = karat(&release, command, AT);
    let mut unsigned: Value = serde_json::from_str(&out).unwrap();
    unsigned["clock"]["seconds"] = AT.into();
    fs::write(release.scratch.join("r.json"), unsigned.to_string()).unwrap();
    let unsigned = report(&release, 0, AT + 60, "--verdict r.json");
    assert_eq!(evidence(&unsigned)["holds"], "in-part");
    assert_eq!(evidence(&unsigned)["signed_by"], json!([]));
}

#[test]
fn its_age_is_that_at_the_given_time() {
    let release = release("duty-summary-age");
    verify(&release, 0, "s.json", "verifier");
    let stale = report(&release, 13, AT + 8 * DAY, "--summary s.json");
    assert_eq!(state(&stale, "tvm.malware"), "stale");
    let text = evidence(&stale)["text"].as_str().unwrap();
    assert!(text.contains("8 days old"), "{text}");
    let ahead = report(&release, 13, AT - 60, "--summary s.json");
    assert_eq!(evidence(&ahead)["holds"], "unclear");
}

#[test]
fn a_summary_of_a_failure_speaks_against_the_control() {
    let mut drifted = release("duty-summary-failed");
    drifted.tampered(|sample: &mut Sample| sample.file("/etc/new", 0o644, b"", "package:x"));
    verify(&drifted, 10, "s.json", "verifier");
    let report = report(&drifted, 10, AT + 60, "--summary s.json");
    assert_eq!(state(&report, "tvm.malware"), "not-met");
    assert_eq!(evidence(&report)["holds"], "no");
}

#[test]
fn what_is_not_signed_by_the_fleet_is_not_trusted() {
    let release = release("duty-summary-untrusted");
    // The same key may sign baselines; that does not make it a verifier's.
    verify(&release, 0, "baseline.json", "baseline");
    let found = report(&release, 11, AT + 60, "--summary baseline.json");
    let (weight, text) = refused(&found);
    assert_eq!(weight, "untrusted");
    assert!(text.contains("the keys of the role fleet"), "{text}");
    // Bytes that were changed after they were signed.
    verify(&release, 0, "s.json", "verifier");
    let text = fs::read_to_string(release.scratch.join("s.json")).unwrap();
    let other = text.replacen("eyJ", "eyK", 1);
    assert_ne!(text, other);
    fs::write(release.scratch.join("s.json"), other).unwrap();
    assert_eq!(
        refused(&report(&release, 11, AT + 60, "--summary s.json")).0,
        "untrusted"
    );
    // A baseline is no summary, and neither is rubbish.
    fs::write(release.scratch.join("junk.json"), "[[[").unwrap();
    for file in ["out/demo_1.dsse.json", "junk.json"] {
        let found = report(&release, 11, AT + 60, &format!("--summary {file}"));
        assert_eq!(refused(&found).0, "untrusted", "{file}");
    }
    // A trust root without a fleet believes nobody.
    verify(&release, 0, "s.json", "verifier");
    release.trust(1, |_| {});
    assert_eq!(
        refused(&report(&release, 11, AT + 60, "--summary s.json")).0,
        "untrusted"
    );
}

#[test]
fn what_was_judged_by_or_is_about_something_else_is_refused_with_its_reason() {
    let release = release("duty-summary-foreign");
    verify(&release, 0, "s.json", "verifier");
    // Another envelope of the same image: its serial is another.
    release.sign(&[&signer()], 6, None);
    let found = report(&release, 13, AT + 60, "--summary s.json");
    let (weight, text) = refused(&found);
    assert_eq!(weight, "incomplete");
    assert!(text.contains("about none of the images"), "{text}");
    verify(&release, 0, "s.json", "verifier");
    assert_eq!(
        state(
            &report(&release, 0, AT + 60, "--summary s.json"),
            "tvm.malware"
        ),
        "in-part"
    );
    // Another trust root than the one that is judged by now.
    trust(&release, 2);
    let found = report(&release, 13, AT + 60, "--summary s.json");
    let (weight, text) = refused(&found);
    assert_eq!(weight, "incomplete");
    assert!(text.contains("judged by another trust root"), "{text}");
}

#[test]
fn an_envelope_is_not_what_a_key_of_the_fleet_says_it_is() {
    use karat::envelope::Envelope;
    use karat::key::Signed;

    let release = release("duty-summary-lie");
    verify(&release, 0, "s.json", "verifier");
    let file = fs::read(release.scratch.join("s.json")).unwrap();
    let payload = Envelope::parse(&file).unwrap().signed().payload.clone();
    let text = String::from_utf8(payload).unwrap();
    let manifest = release
        .baseline
        .digest(Subject::Manifest)
        .unwrap()
        .to_string();
    let other = text.replace(&manifest, &manifest.chars().rev().collect::<String>());
    assert_ne!(text, other);
    let mut signed = Signed::new("application/vnd.in-toto+json", other.into_bytes());
    signed.sign(&verifier()).unwrap();
    fs::write(
        release.scratch.join("s.json"),
        Envelope::new(signed).to_bytes(),
    )
    .unwrap();
    let found = report(&release, 11, AT + 60, "--summary s.json");
    let (weight, text) = refused(&found);
    assert_eq!(weight, "untrusted");
    assert!(text.contains("names another image"), "{text}");
}

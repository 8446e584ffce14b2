//! The signed summary of a verification, and what openssl and securesystemslib say about it.

use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use karat::digest::Digest;
use karat::key::{Signer as _, SigningKey};
use serde_json::{Value, json};

use super::*;
use crate::support::signed::Release;

/// The verifier's own key, which signs no baselines.
fn verifier() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

fn release(name: &str) -> Release {
    let release = Release::new(name);
    let key = verifier().to_pem().unwrap();
    fs::write(release.scratch.join("verifier.pem"), key.as_bytes()).unwrap();
    chmod(&release.scratch.join("verifier.pem"), 0o600);
    release
}

fn karat(release: &Release, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_karat"))
        .args(["verify", "--tar", "out/demo_1.tar.zst"])
        .arg("--trust")
        .arg(release.trust_file())
        .args(arguments)
        .current_dir(release.scratch.path())
        .env("SOURCE_DATE_EPOCH", "1760000000")
        .output()
        .unwrap()
}

const SUMMARY: [&str; 4] = ["--summary", "s.json", "--summary-key", "verifier.pem"];

/// The envelope and its payload.
fn summary(release: &Release, code: i32) -> (Value, Value) {
    let output = karat(release, &SUMMARY);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    let file = fs::read(release.scratch.join("s.json")).unwrap();
    let envelope: Value = serde_json::from_slice(&file).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap());
    let payload: Value = serde_json::from_slice(&payload.unwrap()).unwrap();
    (envelope, payload)
}

fn digest_of(release: &Release, name: &str) -> Value {
    json!({"sha256": Digest::of(&fs::read(release.scratch.join(name)).unwrap()).to_string()})
}

#[test]
fn a_match_is_passed_and_says_what_was_judged_by() {
    let release = release("summary");
    let (envelope, payload) = summary(&release, 0);
    let manifest = json!({"sha256": release.manifest.digest().to_string()});
    let tar = release
        .baseline
        .digest(karat::baseline::Subject::Tar)
        .unwrap();
    assert_eq!(
        payload,
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "predicate": {
                "inputAttestations": [{
                    "digest": digest_of(&release, "out/demo_1.dsse.json"),
                    "uri": "demo_1.dsse.json",
                }],
                "policy": {
                    "digest": digest_of(&release, "trust.json"),
                    "uri": "https://karat.example/trust-root/v1",
                },
                "resourceUri": "pkg:generic/demo@1",
                "timeVerified": "2025-10-09T08:53:20Z",
                "verificationResult": "PASSED",
                "verifiedLevels": ["KARAT_MATCH"],
                "verifier": {
                    "id": "https://karat.example/verifier/v1",
                    "version": {"karat": env!("CARGO_PKG_VERSION")},
                },
            },
            "predicateType": "https://slsa.dev/verification_summary/v1",
            "subject": [
                {"digest": manifest, "name": "demo_1.mtree"},
                {"digest": {"sha256": tar.to_string()}, "name": "demo_1.tar"},
            ],
        })
    );
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    let signatures = envelope["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 1);
    let id = verifier().public_key().id().to_string();
    assert_eq!(signatures[0]["keyid"], id.as_str());
    // Again, byte for byte.
    let before = fs::read(release.scratch.join("s.json")).unwrap();
    karat(&release, &SUMMARY);
    assert_eq!(fs::read(release.scratch.join("s.json")).unwrap(), before);
}

/// The same with all digests alike.
fn without_digests(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), without_digests(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_digests).collect(),
        Value::String(text) if text.len() == 64 => json!("\u{2026}"),
        other => other.clone(),
    }
}

#[test]
fn the_documented_example_is_what_is_written() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docs/formats/verification-summary.md"
    );
    let text = fs::read_to_string(file).unwrap();
    let example = text.split("```json\n").nth(1).unwrap();
    let example: Value = serde_json::from_str(example.split("```").next().unwrap()).unwrap();
    let (_, payload) = summary(&release("summary-example"), 0);
    assert_eq!(without_digests(&payload), example);
}

#[test]
fn whatever_is_no_match_has_failed() {
    let mut drifted = release("summary-drift");
    drifted.tampered(|sample| sample.file("/etc/new", 0o644, b"", "package:x"));
    let (_, payload) = summary(&drifted, 10);
    let predicate = &payload["predicate"];
    assert_eq!(predicate["verificationResult"], "FAILED");
    assert_eq!(predicate["verifiedLevels"], json!(["FAILED"]));
    // The archive is not as signed: the summary is about what was signed, not about that.
    let subjects = payload["subject"].as_array().unwrap();
    assert_eq!(subjects.len(), 1);
    assert_eq!(subjects[0]["name"], "demo_1.mtree");

    let untrusted = release("summary-untrusted");
    untrusted.sign(&[&SigningKey::from_seed([9; 32])], 5, None);
    let (_, payload) = summary(&untrusted, 11);
    assert_eq!(payload["predicate"]["verificationResult"], "FAILED");
    // Nobody knows what was signed: it is about the envelope.
    let envelope = json!({
        "digest": digest_of(&untrusted, "out/demo_1.dsse.json"),
        "name": "demo_1.dsse.json",
    });
    assert_eq!(payload["subject"], json!([envelope]));

    let incomplete = release("summary-incomplete");
    fs::remove_file(incomplete.out("demo_1.expect.json")).unwrap();
    let (_, payload) = summary(&incomplete, 13);
    assert_eq!(payload["predicate"]["verificationResult"], "FAILED");

    // Without an envelope there is nothing to speak about.
    let nothing = release("summary-nothing");
    fs::remove_file(nothing.out("demo_1.dsse.json")).unwrap();
    let output = karat(&nothing, &SUMMARY);
    assert_eq!(output.status.code(), Some(1));
    assert!(!nothing.scratch.join("s.json").exists());
    for half in [&SUMMARY[..2], &SUMMARY[2..]] {
        assert_eq!(karat(&nothing, half).status.code(), Some(2));
    }
}

#[test]
fn a_summary_is_no_baseline() {
    let release = release("summary-as-baseline");
    // Even where the same key may sign baselines.
    let key = crate::support::signed::signer().to_pem().unwrap();
    fs::write(release.scratch.join("verifier.pem"), key.as_bytes()).unwrap();
    summary(&release, 0);
    fs::copy(
        release.scratch.join("s.json"),
        release.out("demo_1.dsse.json"),
    )
    .unwrap();
    assert_eq!(karat(&release, &[]).status.code(), Some(11));
}

#[test]
fn openssl_verifies_the_summary() {
    let Some(openssl) = judge("openssl") else {
        return;
    };
    let release = release("summary-openssl");
    let (envelope, _) = summary(&release, 0);
    let text = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let payload = text(&envelope["payload"]);
    let kind = envelope["payloadType"].as_str().unwrap();
    let mut pae = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    pae.extend_from_slice(&payload);
    fs::write(release.scratch.join("pae"), &pae).unwrap();
    let signature = text(&envelope["signatures"][0]["sig"]);
    fs::write(release.scratch.join("sig"), signature).unwrap();
    fs::write(
        release.scratch.join("pub.pem"),
        verifier().public_key().to_pem(),
    )
    .unwrap();
    let verify = || {
        let arguments = "pkeyutl -verify -pubin -inkey pub.pem -rawin -in pae -sigfile sig";
        openssl
            .command()
            .args(arguments.split(' '))
            .current_dir(release.scratch.path())
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(verify());
    pae.push(b' ');
    fs::write(release.scratch.join("pae"), &pae).unwrap();
    assert!(!verify());
}

/// Arguments: envelope, the public key as hex. Prints the payload.
const PYTHON: &str = r#"
import json, sys
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
envelope = Envelope.from_dict(json.load(open(sys.argv[1])))
keyid = json.load(open(sys.argv[1]))["signatures"][0]["keyid"]
key = SSlibKey(keyid, "ed25519", "ed25519", {"public": sys.argv[2]})
envelope.verify([key], 1)
sys.stdout.buffer.write(envelope.payload)
"#;

#[test]
fn securesystemslib_opens_the_summary() {
    let Some(python) = judge("python3") else {
        return;
    };
    let import = ["-c", "import securesystemslib, cryptography"];
    let found = python.command().args(import).output().unwrap();
    if !found.status.success() {
        skip("Python's securesystemslib not installed");
        return;
    }
    let release = release("summary-securesystemslib");
    let (_, payload) = summary(&release, 0);
    let open = |key: &SigningKey| {
        let raw = Digest::from_bytes(*key.public_key().as_bytes());
        python
            .command()
            .args(["-c", PYTHON])
            .arg(release.scratch.join("s.json"))
            .arg(raw.to_string())
            .output()
            .unwrap()
    };
    let output = open(&verifier());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let opened: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(opened, payload);
    assert!(!open(&SigningKey::from_seed([8; 32])).status.success());
}

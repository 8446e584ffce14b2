//! `karat export`: what OpenSSH and others' libraries say about it.

use std::path::Path;

use base64::Engine as _;
use karat::digest::Digest;
use karat::key::PublicKey;
use serde_json::Value;

use super::bench::Bench;
use super::fixture::{baseline, key, payload};
use crate::support::schema::published;
use crate::support::{Judge, judge, skip};

/// A workspace with a signed release; two keys that may sign, and both did.
fn released() -> Bench {
    let bench = Bench::new();
    bench.ok("key new --out second.pem --public second.pub.pem");
    bench.ok("trust update --add-key baseline=second.pub.pem,images=*");
    bench.draft("out/web_1.0.statement.json", baseline("web", "1.0"));
    bench.ok("sign out/web_1.0.statement.json --key keys/private/baseline.pem --key second.pem");
    bench
}

fn export(bench: &Bench, arguments: &str) -> Vec<String> {
    let text = bench.ok(&format!("export {arguments} --json"));
    let document = published("export").holds(&text);
    let written = document["written"].as_array().unwrap();
    written
        .iter()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect()
}

/// Python with a module; `None`, said so, where it is missing.
fn python(module: &str) -> Option<Judge> {
    let judge = judge("python3")?;
    let import = ["-c", &format!("import {module}")];
    let has = judge.command().args(import).output().unwrap();
    if !has.status.success() {
        skip(&format!("Python's {module} not installed"));
        return None;
    }
    Some(judge)
}

fn run(judge: &Judge, script: &str, file: &Path, more: &[String]) -> Result<String, String> {
    let mut command = judge.command();
    let output = command
        .args(["-c", script])
        .arg(file)
        .args(more)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Reads a bundle by sigstore's own models, and gives envelope and hint.
const BUNDLE: &str = r#"
import json, sys, base64
from sigstore_models.bundle.v1 import Bundle
bundle = Bundle.from_json(open(sys.argv[1]).read())
assert bundle.media_type == "application/vnd.dev.sigstore.bundle.v0.3+json"
envelope = bundle.dsse_envelope
assert len(envelope.signatures) == 1 and bundle.message_signature is None
from cryptography.hazmat.primitives.serialization import load_der_public_key
key = load_der_public_key(bytes.fromhex(sys.argv[2]))
body = base64.b64decode(json.load(open(sys.argv[1]))["dsseEnvelope"]["payload"])
kind = envelope.payload_type.encode()
pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)
sig = base64.b64decode(json.load(open(sys.argv[1]))["dsseEnvelope"]["signatures"][0]["sig"])
key.verify(sig, pae)
sys.stdout.write(bundle.verification_material.public_key.hint)
"#;

#[test]
fn sigstore_reads_one_bundle_for_each_key() {
    let bench = released();
    let files = export(&bench, "sigstore-bundle out/web_1.0.dsse.json");
    assert_eq!(files.len(), 2);
    assert_eq!(
        files,
        export(&bench, "sigstore-bundle out/web_1.0.dsse.json")
    );
    let envelope: Value = serde_json::from_slice(&bench.read("out/web_1.0.dsse.json")).unwrap();
    let document = bench.root().document().clone();
    let keys: Vec<PublicKey> = document.roles[&karat::key::Role::Baseline]
        .keys
        .iter()
        .map(|key| key.key)
        .collect();
    let judge = python("sigstore_models, cryptography");
    for key in keys {
        let file = format!("out/web_1.0.{}.sigstore.json", key.id().short());
        assert!(files.contains(&file), "{files:?}");
        let bundle: Value = serde_json::from_slice(&bench.read(&file)).unwrap();
        let signature = &bundle["dsseEnvelope"]["signatures"][0];
        assert!(
            envelope["signatures"]
                .as_array()
                .unwrap()
                .contains(signature),
            "the same one"
        );
        let Some(judge) = &judge else { continue };
        let der: String = key
            .to_der()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let hint = run(judge, BUNDLE, &bench.scratch.join(&file), &[der]).unwrap();
        let digest = Digest::of(&key.to_der());
        let expected = base64::engine::general_purpose::STANDARD.encode(digest.as_bytes());
        assert_eq!(hint, expected);
    }
}

#[test]
fn openssh_verifies_the_statement() {
    let Some(judge) = judge("ssh-keygen") else {
        return;
    };
    let bench = released();
    let text = bench.run("export sshsig out/web_1.0.dsse.json");
    let said = String::from_utf8(text.stderr).unwrap();
    let line = said.split("allowed signer: NAME ").nth(1).unwrap().trim();
    bench.write("allowed_signers", format!("release {line}\n").as_bytes());
    let id = bench.json("key show keys/private/baseline.pem")["id"]
        .as_str()
        .unwrap()[..12]
        .to_owned();
    let payload = bench.read("out/web_1.0.payload.json");
    assert_eq!(payload, {
        let envelope = karat::envelope::Envelope::parse(&bench.read("out/web_1.0.dsse.json"));
        envelope.unwrap().signed().payload.clone()
    });
    let verify = |namespace: &str, message: &[u8]| {
        let message = bench.write("message", message);
        let output = judge
            .command()
            .args([
                "-Y",
                "verify",
                "-f",
                "allowed_signers",
                "-I",
                "release",
                "-n",
                namespace,
                "-s",
            ])
            .arg(format!("out/web_1.0.{id}.sig"))
            .current_dir(bench.scratch.path())
            .stdin(std::fs::File::open(message).unwrap())
            .output()
            .unwrap();
        output.status.success()
    };
    assert!(verify("baseline@karat.example", &payload));
    assert!(!verify("file", &payload), "another purpose");
    assert!(
        !verify("baseline@karat.example", &payload[1..]),
        "another message"
    );
    // The public half is what OpenSSH itself derives.
    bench.write("release.pub", format!("{line}\n").as_bytes());
    assert_eq!(
        bench.json("key show release.pub")["id"].as_str().unwrap()[..12],
        id
    );
    // Byte for byte what it was, a second time.
    let first = bench.read(&format!("out/web_1.0.{id}.sig"));
    export(&bench, "sshsig out/web_1.0.dsse.json");
    assert_eq!(bench.read(&format!("out/web_1.0.{id}.sig")), first);
}

/// Reads the statement by in-toto's own library, and the predicate by SLSA's message.
const PROVENANCE: &str = r#"
import json, sys
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
import hashlib
prefix = bytes.fromhex("302a300506032b6570032100")
keyid = hashlib.sha256(prefix + bytes.fromhex(sys.argv[2])).hexdigest()
key = SSlibKey(keyid, "ed25519", "ed25519", {"public": sys.argv[2]})
envelope = Envelope.from_dict(json.load(open(sys.argv[1])))
envelope.verify([key], 1)
document = json.loads(envelope.payload)
from google.protobuf.struct_pb2 import Struct
import in_toto_attestation.v1.statement_pb2 as spb
statement = Statement.copy_from_pb(ParseDict(document, spb.Statement()))
statement.validate()
assert statement.pb.predicate_type == "https://slsa.dev/provenance/v1"
predicate = ParseDict(document["predicate"], provenance_pb2.Provenance())
assert predicate.build_definition.build_type == "https://karat.example/build/v1"
assert predicate.run_details.builder.id == "https://karat.example/builder/v1"
assert not predicate.run_details.HasField("metadata")
print(len(statement.pb.subject), len(predicate.build_definition.resolved_dependencies))
"#;

#[test]
fn in_toto_reads_the_provenance() {
    let bench = released();
    let files = export(&bench, "provenance out/web_1.0.dsse.json");
    assert_eq!(files, ["out/web_1.0.provenance.dsse.json"]);
    let bytes = bench.read(&files[0]);
    export(&bench, "provenance out/web_1.0.dsse.json -o out");
    assert_eq!(bench.read(&files[0]), bytes, "deterministic");
    // It is no statement about an image.
    let envelope = karat::envelope::Envelope::parse(&bytes).unwrap();
    assert!(envelope.open(&bench.root()).is_err());
    assert!(envelope.signed().message().len() < 4096);
    assert_eq!(bench.fails("sign out/web_1.0.provenance.dsse.json").0, 1);

    let Some(judge) = python("in_toto_attestation, securesystemslib, cryptography") else {
        return;
    };
    bench.ok("key show keys/private/baseline.pem --public b.pub.pem");
    let key = PublicKey::from_file(&bench.read("b.pub.pem")).unwrap();
    let raw: String = key
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let counts = run(&judge, PROVENANCE, &bench.scratch.join(&files[0]), &[raw]).unwrap();
    assert_eq!(counts.trim(), "4 3");
}

#[test]
fn the_page_on_provenance_shows_one() {
    let bench = released();
    export(&bench, "provenance out/web_1.0.dsse.json");
    let envelope =
        karat::envelope::Envelope::parse(&bench.read("out/web_1.0.provenance.dsse.json"));
    let written: Value = serde_json::from_slice(&envelope.unwrap().signed().payload).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats/provenance.md");
    let page = std::fs::read_to_string(page).unwrap();
    let shown = page
        .split("```json\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let shown: Value = serde_json::from_str(shown).unwrap();
    assert_eq!(shown, written);
}

#[test]
fn only_what_opens_is_exported_and_only_by_those_who_may() {
    let bench = released();
    bench.ok("key new --out stranger.pem");
    let (code, said) = bench.fails("export provenance out/web_1.0.dsse.json --key stranger.pem");
    assert_eq!(code, 1);
    assert!(said.contains("does not let key"), "{said}");
    let foreign = super::fixture::envelope(payload("web", 1), &[1]);
    bench.write("foreign.dsse.json", &foreign);
    for format in ["sigstore-bundle", "sshsig", "provenance"] {
        let (code, said) = bench.fails(&format!("export {format} foreign.dsse.json"));
        assert_eq!(code, 11, "{said}");
        bench.write("broken.dsse.json", b"{}");
        assert_eq!(
            bench.fails(&format!("export {format} broken.dsse.json")).0,
            11
        );
    }
    assert!(!bench.scratch.join("web_1.0.payload.json").exists());
    // A signature that does not count is in no bundle.
    let mut envelope =
        karat::envelope::Envelope::parse(&bench.read("out/web_1.0.dsse.json")).unwrap();
    envelope.sign(&key(1)).unwrap();
    bench.write("out/web_1.0.dsse.json", &envelope.to_bytes());
    assert_eq!(
        export(&bench, "sigstore-bundle out/web_1.0.dsse.json").len(),
        2
    );
}

#[test]
fn where_receipts_are_demanded_the_one_beside_the_envelope_counts() {
    let bench = released();
    bench.ok("trust update --receipts required");
    let envelope = "sigstore-bundle out/web_1.0.dsse.json";
    assert_eq!(export(&bench, envelope).len(), 2);
    let receipt = bench.scratch.join("out/web_1.0.tlog-proof");
    let good = std::fs::read(&receipt).unwrap();
    // The key that ended later counts for what was logged before.
    bench.ok("key new --out third.pem --public third.pub.pem");
    bench.ok("key rotate baseline --old second.pub.pem --public third.pub.pem --yes");
    assert_eq!(export(&bench, envelope).len(), 2);
    std::fs::remove_file(&receipt).unwrap();
    let (code, said) = bench.fails(&format!("export {envelope}"));
    assert_eq!(code, 11);
    assert!(
        said.contains("demands a receipt") && said.contains("web_1.0") && said.contains("next:"),
        "{said}"
    );
    // One of another entry proves nothing.
    bench.ok("log proof log 0 -o out/web_1.0.tlog-proof");
    let (code, said) = bench.fails(&format!("export {envelope}"));
    assert_eq!(code, 11);
    assert!(said.contains("another entry"), "{said}");
    std::fs::write(&receipt, good).unwrap();
    assert_eq!(export(&bench, envelope).len(), 2);
}

//! The files that the transcript `tests/cmd/responsibility.md` is about: made by code from throw-away keys.
//! `KARAT_BLESS=1` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use karat::baseline::{Draft, Serial};
use karat::digest::Digest;
use karat::envelope::Envelope;
use karat::json::canonical;
use karat::key::Role;
use karat::responsibility::resource;
use serde_json::json;

use crate::keys::fixture::{baseline, document, envelope, role, root_file, signed};

/// The key of the fleet.
const FLEET: u8 = 121;

/// A summary about the envelope `judged`, under the trust root `trust`, signed by `signer`.
fn summary(judged: &[u8], trust: &[u8], signer: u8) -> Vec<u8> {
    let digest = |bytes: &[u8]| json!({"sha256": Digest::of(bytes).to_string()});
    let payload = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": {
            "inputAttestations": [{"digest": digest(judged), "uri": "web_1.dsse.json"}],
            "policy": {"digest": digest(trust), "uri": "https://karat.example/trust-root/v1"},
            "resourceUri": resource("web", "1"),
            "timeVerified": "2023-11-14T23:13:20Z",
            "verificationResult": "PASSED",
            "verifiedLevels": ["KARAT_MATCH"],
            "verifier": {"id": "https://karat.example/verifier/v1", "version": {"karat": "0.1.0"}},
        },
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "subject": [{"digest": digest(b"manifest"), "name": "web_1.mtree"}],
    });
    let payload = canonical(&payload).unwrap();
    Envelope::new(signed("application/vnd.in-toto+json", payload, &[signer])).to_bytes()
}

fn files() -> BTreeMap<&'static str, Vec<u8>> {
    let mut document = document(1);
    let (name, keys) = role(Role::Fleet, 1, &[FLEET]);
    document.roles.insert(name, keys);
    let trust = root_file(&document, &[101, 102]);
    let statement = |serial| {
        let draft = Draft::new(baseline("web", "1")).unwrap();
        let statement = draft.complete(Serial::new(serial).unwrap(), None);
        envelope(statement.to_signed().unwrap().payload, &[1])
    };
    let image = statement(7);
    BTreeMap::from([
        ("summary.json", summary(&image, &trust, FLEET)),
        ("stranger.json", summary(&image, &trust, 99)),
        ("older.json", summary(&statement(6), &trust, FLEET)),
        ("trust.json", trust),
        ("web_1.dsse.json", image),
    ])
}

#[test]
fn the_files_of_the_transcript_are_those_of_the_code() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd/responsibility.in");
    for (name, bytes) in files() {
        let path = directory.join(name);
        if std::env::var_os("KARAT_BLESS").is_some() {
            fs::create_dir_all(&directory).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        assert!(fs::read(&path).is_ok_and(|there| there == bytes), "{name}");
    }
}

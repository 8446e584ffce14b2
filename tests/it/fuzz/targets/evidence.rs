//! What a report on responsibility reads, and what it leads to: controls, summaries of verifications;
//! documents of peers; lists of further outputs; dpkg's word on sources.

use std::sync::LazyLock;

use karat::deb::SourcePackages;
use karat::envelope::Envelope;
use karat::image::further::Further;
use karat::json::{canonical, read};
use karat::key::{Role, TrustRoot};
use karat::limits;
use karat::peers::Peers;
use karat::responsibility::{
    Case, Matrix, Model, Provider, VerifiedSummary, judge, oscal, resource,
};
use karat::tree::{Content, Epoch};
use serde_json::{Value, json};

use super::seeds::texts;
use crate::keys::fixture::{document, role, root, signed};

/// The key of the fleet.
const FLEET: u8 = 121;

static ROOT: LazyLock<TrustRoot> = LazyLock::new(|| {
    let mut document = document(1);
    let (name, keys) = role(Role::Fleet, 1, &[FLEET]);
    document.roles.insert(name, keys);
    root(&document)
});

/// Any file of controls ends in a matrix, of which every report is whole, or in an error that can be shown.
pub fn controls(bytes: &[u8]) {
    let mut matrix = Matrix::default();
    let plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n');
    if let Err(error) = matrix.add("fuzz.toml", bytes) {
        let text = error.to_string();
        assert!(text.starts_with("fuzz.toml") && plain(&text), "{text:?}");
        return;
    }
    for control in matrix.controls() {
        assert!(plain(&control.title), "{control:?}");
        assert!(!control.domain().is_empty());
    }
    // What stands there already is refused, and nothing is lost by that.
    let before = matrix.digest();
    assert_eq!(matrix.add("fuzz.toml", bytes).is_ok(), matrix.is_empty());
    assert_eq!(matrix.digest(), before);
    for model in [Model::Iaas, Model::Paas, Model::Saas] {
        let report = judge(Case {
            matrix: &matrix,
            provider: Provider::Aws,
            model,
            at: Epoch::saturating(0),
            images: &[],
            fleet: None,
            log: None,
            findings: Vec::new(),
        });
        assert_eq!(report.controls.len(), matrix.len());
        for text in [
            oscal::component_definition(&report),
            oscal::assessment_results(&report),
        ] {
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        }
    }
}

pub fn controls_seeds() -> Vec<Vec<u8>> {
    let page = include_str!("../../../../docs/formats/controls.md");
    let (_, after) = page.split_once("```toml\n").unwrap();
    let (example, _) = after.split_once("```").unwrap();
    texts([
        example,
        "[[control]]\nid = \"own.x\"\ntitle = \"x\"\nids = { nist = [\"SI-7(1)\"] }\n\
         owner = { iaas = \"none\", paas = \"shared\", saas = \"provider\", aws = { iaas = \"customer\" } }\n\
         provider = \"p\"\ncustomer = \"c\"\nnotes = { gcp = \"n\" }\nreport = \"r\"\n\
         evidence = [{ kind = \"rules\", rules = [\"sh.*\"], nist = [\"CM-6\"] }, { kind = \"segment\" }]\n",
        "[[control]]\nid = \"A\\u001b[2J\"\n",
        "",
    ])
}

/// Peers that somebody in charge signed have one spelling; nobody else's are let in.
pub fn peers(bytes: &[u8]) {
    let envelope = Envelope::new(signed(Peers::PAYLOAD_TYPE, bytes, &[FLEET]));
    if let Ok(peers) = Peers::unverified(envelope.signed()) {
        assert_eq!(peers.to_signed().unwrap().payload, bytes);
        let file = envelope.to_bytes();
        assert!(Peers::open(&ROOT, &file, &peers.segment).is_ok());
        assert!(Peers::open(&ROOT, &file, "elsewhere").is_err() || peers.segment == "elsewhere");
    }
    if let Ok(peers) = Peers::open(&ROOT, bytes, "data") {
        assert_eq!(peers.to_signed().unwrap().payload, PEERS.as_bytes());
    }
}

const PEERS: &str = r#"{"segment":"data","serial":3,"sets":{"api":["10.1.0.0/16","2001:db8::/32"]},"spec":"karat-peers/1"}"#;

pub fn peers_seeds() -> Vec<Vec<u8>> {
    let with_end = PEERS.replacen('{', "{\"expires\":1760000000,", 1);
    let file = Envelope::new(signed(Peers::PAYLOAD_TYPE, PEERS, &[FLEET])).to_bytes();
    let mut seeds = texts([PEERS, &with_end, "{\"spec\":\"karat-peers/1\"}"]);
    assert!(Peers::open(&ROOT, &file, "data").is_ok());
    seeds.push(file);
    seeds
}

/// Summaries have one spelling, and the only one that is believed is that which a key of the fleet signed.
pub fn summary(bytes: &[u8]) {
    let kind = "application/vnd.in-toto+json";
    let file = Envelope::new(signed(kind, bytes, &[FLEET])).to_bytes();
    if let Ok(summary) = VerifiedSummary::open(&ROOT, &file) {
        let value: Value = read(bytes, limits::ENVELOPE_MAX).unwrap();
        assert_eq!(canonical(&value).unwrap(), bytes);
        let passed = value["predicate"]["verificationResult"] == "PASSED";
        assert_eq!(summary.has_passed(), passed);
        assert_eq!(
            value["predicate"]["timeVerified"],
            summary.at().rfc3339().as_str()
        );
    }
    // A key that signs baselines verifies nothing.
    let other = Envelope::new(signed(kind, bytes, &[1])).to_bytes();
    assert!(VerifiedSummary::open(&ROOT, &other).is_err());
    if let Ok(summary) = VerifiedSummary::open(&ROOT, bytes) {
        assert!(summary.has_passed());
        assert!(summary.names("demo", "1", karat::digest::Digest::of(b"manifest")));
    }
}

/// A summary's payload.
fn verified(result: &str, level: &str) -> Vec<u8> {
    let digest =
        |text: &str| json!({"sha256": karat::digest::Digest::of(text.as_bytes()).to_string()});
    let document = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": {
            "inputAttestations": [{"digest": digest("envelope"), "uri": "demo_1.dsse.json"}],
            "policy": {"digest": digest("root"), "uri": "https://karat.example/trust-root/v1"},
            "resourceUri": resource("demo", "1"),
            "timeVerified": "2025-10-09T08:53:20Z",
            "verificationResult": result,
            "verifiedLevels": [level],
            "verifier": {"id": "https://karat.example/verifier/v1", "version": {"karat": "0.1.0"}},
        },
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "subject": [{"digest": digest("manifest"), "name": "demo_1.mtree"}],
    });
    canonical(&document).unwrap()
}

pub fn summary_seeds() -> Vec<Vec<u8>> {
    let passed = verified("PASSED", "KARAT_MATCH");
    let kind = "application/vnd.in-toto+json";
    let file = Envelope::new(signed(kind, passed.clone(), &[FLEET])).to_bytes();
    assert!(VerifiedSummary::open(&ROOT, &file).is_ok());
    vec![passed, verified("FAILED", "FAILED"), file]
}

/// One spelling, and names that lead nowhere else.
pub fn further(bytes: &[u8]) {
    if let Ok(further) = Further::parse(bytes) {
        assert_eq!(further.to_bytes().as_deref(), Ok(bytes));
        for (name, _) in further.iter() {
            assert!(!name.contains('/') && !name.starts_with('.') && !name.is_empty());
        }
    }
}

pub fn further_seeds() -> Vec<Vec<u8>> {
    let mut further = Further::new();
    let mut seeds = vec![further.to_bytes().unwrap()];
    for name in ["a_1.spdx.json", "a_1.vhd"] {
        further.add(name, Content::of(name.as_bytes())).unwrap();
        seeds.push(further.to_bytes().unwrap());
    }
    seeds
}

/// Nothing in dpkg's database is a name that a package cannot have.
pub fn dpkg_sources(bytes: &[u8]) {
    let packages = SourcePackages::parse(&String::from_utf8_lossy(bytes));
    let (name, architecture) = ("libc6".parse().unwrap(), "amd64".parse().unwrap());
    let version = "2.41-12".parse().unwrap();
    if let Some(source) = packages.of(&name, &architecture, &version) {
        assert!(karat::deb::PackageName::is_valid(source.name.as_str()));
        assert!(karat::deb::Version::is_valid(source.version.as_str()));
    }
}

pub fn dpkg_source_seeds() -> Vec<Vec<u8>> {
    texts([
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc (2.41-11)\nVersion: 2.41-12\n",
        "Package: libc6\nArchitecture: amd64\nVersion: 2.41-12\n\nPackage: x\nSource: (\nVersion: 1\n",
    ])
}

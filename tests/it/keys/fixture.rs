//! Throw-away keys, statements and trust roots, the same on every run.

use std::collections::BTreeMap;

use karat::baseline::{
    Baseline, Draft, ImageName, ImageVersion, Inputs, Placement, Serial, Statement, Subject,
};
use karat::digest::Digest;
use karat::envelope::Envelope;
use karat::key::{
    ImageGlob, LogPolicy, Receipts, Role, RoleKey, RoleKeys, Signed, Signer as _, SigningKey,
    TrustDocument, TrustRoot,
};
use karat::tree::Epoch;

/// A key that everybody can make.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

pub fn baseline(name: &str, version: &str) -> Baseline {
    Baseline {
        name: ImageName::parse(name).unwrap(),
        version: ImageVersion::parse(version).unwrap(),
        epoch: Epoch::new(1_700_000_000).unwrap(),
        builder: "karat 0.1.0".to_owned(),
        inputs: Inputs {
            template: Digest::of(b"template"),
            lock: Digest::of(b"lock"),
            trust: Some(Digest::of(b"trust")),
            agent: None,
        },
        segment: Placement {
            category: Some("frontend".to_owned()),
            segment: Some("dmz".to_owned()),
            lifecycle: None,
        },
        verity: None,
        subjects: BTreeMap::from([
            (Subject::Manifest, Digest::of(b"manifest")),
            (Subject::Expectations, Digest::of(b"expectations")),
            (Subject::Tar, Digest::of(b"tar")),
            (Subject::Oci, Digest::of(b"oci")),
        ]),
    }
}

pub fn statement(name: &str, serial: u64) -> Statement {
    Draft::new(baseline(name, "1.0"))
        .unwrap()
        .complete(Serial::new(serial).unwrap(), None)
}

pub fn payload(name: &str, serial: u64) -> Vec<u8> {
    statement(name, serial).to_signed().unwrap().payload
}

/// A statement's bytes as text, to be changed.
pub fn text(name: &str, serial: u64) -> String {
    String::from_utf8(payload(name, serial)).unwrap()
}

/// Any payload of any type, signed well by `signers`.
pub fn signed(payload_type: &str, payload: impl Into<Vec<u8>>, signers: &[u8]) -> Signed {
    let mut signed = Signed::new(payload_type, payload.into());
    for seed in signers {
        signed.sign(&key(*seed)).unwrap();
    }
    signed
}

/// A file of any statement payload, signed well by `signers`.
pub fn envelope(payload: impl Into<Vec<u8>>, signers: &[u8]) -> Vec<u8> {
    Envelope::new(signed(Statement::PAYLOAD_TYPE, payload, signers)).to_bytes()
}

pub fn role_key(role: Role, seed: u8) -> RoleKey {
    RoleKey {
        from: 0,
        images: match role {
            Role::Baseline => vec![ImageGlob::parse("*").unwrap()],
            _ => Vec::new(),
        },
        key: key(seed).public_key(),
        name: matches!(role, Role::Log | Role::Witness).then(|| "example.com/log".to_owned()),
        reason: None,
        until: None,
    }
}

pub fn role(role: Role, threshold: usize, seeds: &[u8]) -> (Role, RoleKeys) {
    let mut keys: Vec<RoleKey> = seeds.iter().map(|seed| role_key(role, *seed)).collect();
    keys.sort_by_key(|key| key.key);
    (role, RoleKeys { keys, threshold })
}

/// Root keys 101.. (two of three), baseline keys 1, 2, 3 (`threshold` of them), log key 111.
pub fn document(threshold: usize) -> TrustDocument {
    TrustDocument {
        expires: None,
        log: Some(LogPolicy {
            origin: "example.com/log".to_owned(),
            receipt: Receipts::Optional,
        }),
        min_serial: BTreeMap::new(),
        roles: BTreeMap::from([
            role(Role::Root, 2, &[101, 102, 103]),
            role(Role::Baseline, threshold, &[1, 2, 3]),
            role(Role::Log, 1, &[111]),
        ]),
        spec: TrustDocument::SPEC.to_owned(),
        version: 1,
    }
}

/// A trust root file, signed by `signers`.
pub fn root_file(document: &TrustDocument, signers: &[u8]) -> Vec<u8> {
    let mut signed = document.to_signed().unwrap();
    for seed in signers {
        signed.sign(&key(*seed)).unwrap();
    }
    Envelope::new(signed).to_bytes()
}

pub fn root(document: &TrustDocument) -> TrustRoot {
    TrustRoot::parse(&root_file(document, &[101, 102])).unwrap()
}

/// The key of `role` that `seed` made, in a document.
pub fn entry(document: &mut TrustDocument, role: Role, seed: u8) -> &mut RoleKey {
    let raw = key(seed).public_key();
    let keys = document.roles.get_mut(&role).unwrap();
    keys.keys.iter_mut().find(|key| key.key == raw).unwrap()
}

//! What is signed, and keys.

use std::sync::LazyLock;

use karat::baseline::{Draft, Statement};
use karat::envelope::Envelope;
use karat::json::{canonical, read};
use karat::key::{Passphrase, PublicKey, Signer as _, SigningKey, TrustDocument, TrustRoot};
use karat::limits;

use super::seeds::{texts, vectors};
use crate::keys::fixture::{
    baseline, document, envelope as envelope_of, key, payload, root, root_file, signed,
};

static ROOT: LazyLock<TrustRoot> = LazyLock::new(|| root(&document(1)));

/// Reading and writing settles at once; the only statement that a trust root's keys vouch for is the one
/// that they signed.
pub fn envelope(bytes: &[u8]) {
    let Ok(envelope) = Envelope::parse(bytes) else {
        return;
    };
    let written = envelope.to_bytes();
    let again = Envelope::parse_draft(&written).unwrap();
    assert_eq!(again, envelope);
    assert_eq!(again.to_bytes(), written);
    assert!((1..=limits::SIGNATURES_MAX).contains(&envelope.signed().claims.len()));
    assert!(u64::try_from(bytes.len()).unwrap() <= limits::ENVELOPE_MAX);
    if envelope.open(&ROOT).is_ok() {
        assert_eq!(envelope.signed().payload_type, Statement::PAYLOAD_TYPE);
        assert!(GOOD.contains(&envelope.signed().payload), "a forgery");
    }
}

/// The payloads that keys of the fixture signed, here or in the kit.
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let parsed = envelope_seeds()
        .into_iter()
        .filter_map(|seed| Envelope::parse(&seed).ok());
    parsed
        .map(|envelope| envelope.signed().payload.clone())
        .collect()
});

pub fn envelope_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vectors("envelope");
    // The one beyond the cap tells nothing more by being copied.
    seeds.retain(|seed| u64::try_from(seed.len()).unwrap() <= limits::ENVELOPE_MAX);
    seeds.push(envelope_of(payload("web", 7), &[1, 2]));
    seeds.push(envelope_of(payload("web", 7), &[9]));
    seeds
}

/// Signed bytes are a statement in one spelling only.
pub fn statement(bytes: &[u8]) {
    if let Ok(statement) = Statement::parse(bytes) {
        // What a reader takes, signers may find too large for a token: then it is not signed.
        if let Ok(signed) = statement.to_signed() {
            assert_eq!(signed.payload, bytes);
        }
        let file = envelope_of(bytes.to_vec(), &[1]);
        if let Ok(verified) = Envelope::parse(&file).unwrap().open(&ROOT) {
            assert_eq!(*verified, statement);
        }
    }
}

pub fn statement_seeds() -> Vec<Vec<u8>> {
    let inner = |seed: Vec<u8>| Some(Envelope::parse(&seed).ok()?.signed().payload.clone());
    vectors("envelope").into_iter().filter_map(inner).collect()
}

/// One spelling.
pub fn draft(bytes: &[u8]) {
    if let Ok(draft) = Draft::parse(bytes) {
        let written = draft.to_bytes().unwrap();
        assert_eq!(
            written.strip_suffix(b"\n"),
            Some(bytes.strip_suffix(b"\n").unwrap_or(bytes))
        );
    }
}

pub fn draft_seeds() -> Vec<Vec<u8>> {
    ["web", "db-1"]
        .map(|name| {
            Draft::new(baseline(name, "1.0~rc1"))
                .unwrap()
                .to_bytes()
                .unwrap()
        })
        .to_vec()
}

/// Payloads that root keys sign are trust roots in one spelling only.
pub fn trust_root(bytes: &[u8]) {
    let signed = signed(TrustDocument::PAYLOAD_TYPE, bytes, &[101, 102]);
    if let Ok(root) = TrustRoot::pinned(&signed) {
        assert_eq!(root.document().to_signed().unwrap().payload, bytes);
        assert!(root.version() > 0);
        for role in root.document().roles.values() {
            assert!((1..=role.keys.len()).contains(&role.threshold));
            assert!(role.keys.len() <= limits::ROLE_KEYS_MAX);
        }
    }
}

/// What follows a trust root is the next version, and takes nothing back.
pub fn successor(bytes: &[u8]) {
    let signed = signed(TrustDocument::PAYLOAD_TYPE, bytes, &[101, 102]);
    let Ok(next) = ROOT.successor(&signed) else {
        return;
    };
    assert_eq!(next.version(), ROOT.version() + 1);
    assert_eq!(
        next.log().map(|log| &log.origin),
        ROOT.log().map(|log| &log.origin)
    );
    for (role, before) in &ROOT.document().roles {
        let after = next.role(*role).expect("a role that was dropped");
        for key in &before.keys {
            let same = after
                .keys
                .iter()
                .find(|one| one.key == key.key)
                .expect("a key that was dropped");
            assert_eq!(same.from, key.from);
            assert!(
                key.until
                    .is_none_or(|end| same.until.is_some_and(|now| now <= end))
            );
        }
    }
}

pub fn trust_root_seeds() -> Vec<Vec<u8>> {
    let inner = |seed: Vec<u8>| Some(Envelope::parse_draft(&seed).ok()?.signed().payload.clone());
    let mut next = document(2);
    next.version = 2;
    let mut seeds: Vec<Vec<u8>> = vectors("trust").into_iter().filter_map(inner).collect();
    seeds.extend(
        [document(1), next]
            .iter()
            .filter_map(|one| inner(root_file(one, &[101, 102]))),
    );
    seeds
}

/// Strict JSON is JSON, and its canonical spelling settles at once.
pub fn json(bytes: &[u8]) {
    let Ok(value) = read::<serde_json::Value>(bytes, 65_536) else {
        return;
    };
    assert!(bytes.len() <= 65_536);
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(bytes).unwrap(),
        value
    );
    // Fractions have more than one spelling that reads the same; karat signs none.
    if has_fractions(&value) {
        return;
    }
    let spelt = canonical(&value).unwrap();
    let again: serde_json::Value = read(&spelt, u64::MAX).unwrap();
    assert_eq!(canonical(&again).unwrap(), spelt);
}

fn has_fractions(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Array(items) => items.iter().any(has_fractions),
        serde_json::Value::Number(number) => number.is_f64(),
        serde_json::Value::Object(fields) => fields.values().any(has_fractions),
        _ => false,
    }
}

pub fn json_seeds() -> Vec<Vec<u8>> {
    texts([
        r#"{"a":[1,2.5e3,-0,true,null],"b":{"\u00e9\ud83d\ude00":"\n\\\""},"c":18446744073709551615}"#,
        r#"{"a":1,"\u0061":2}"#,
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        " [1] \n",
        "[1e999,1E-7,0.1]",
        "\u{feff}{}",
    ])
}

/// A key is written in one way, and read back from it.
pub fn public_key(bytes: &[u8]) {
    for key in [PublicKey::from_file(bytes), PublicKey::from_der(bytes)]
        .into_iter()
        .flatten()
    {
        assert_eq!(PublicKey::from_der(&key.to_der()), Ok(key));
        assert_eq!(PublicKey::from_file(key.to_pem().as_bytes()), Ok(key));
        assert_eq!(PublicKey::from_bytes(*key.as_bytes()), Ok(key));
    }
    if let Ok(key) = PublicKey::from_der(bytes) {
        assert_eq!(key.to_der().as_slice(), bytes, "a second spelling");
    }
    let raw = bytes.first_chunk::<32>().copied();
    if let Some(Ok(key)) = raw.map(PublicKey::from_bytes) {
        assert_eq!(Some(*key.as_bytes()), raw);
    }
}

pub fn public_key_seeds() -> Vec<Vec<u8>> {
    let key = key(1).public_key();
    vec![
        key.to_der().to_vec(),
        key.to_pem().into_bytes(),
        key.as_bytes().to_vec(),
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl c"
            .to_vec(),
    ]
}

/// A private key that is read is written and read back; nobody is asked for a passphrase in vain.
pub fn private_key(bytes: &[u8]) {
    if let Ok(key) = SigningKey::read(bytes, || None) {
        let pem = key.to_pem().unwrap();
        let again = SigningKey::read(pem.as_bytes(), || None).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert!(!SigningKey::is_encrypted(bytes));
    }
}

pub fn private_key_seeds() -> Vec<Vec<u8>> {
    let pem = key(1).to_pem().unwrap();
    let encrypted = key(1)
        .to_encrypted_pem(&Passphrase::new(b"secret".to_vec()))
        .unwrap();
    let der = {
        use base64::Engine as _;
        let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        base64::engine::general_purpose::STANDARD
            .decode(lines)
            .unwrap()
    };
    vec![pem.as_bytes().to_vec(), encrypted.as_bytes().to_vec(), der]
}

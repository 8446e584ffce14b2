//! Trust roots of two keys.

use std::collections::BTreeMap;

use karat::envelope::Envelope;
use karat::key::{ImageGlob, Role, RoleKey, RoleKeys, Signer as _, SigningKey, TrustDocument};

/// A trust root with changes: the key of the first seed signs it, that of the second baselines of any image.
pub fn trust_root(
    seeds: [u8; 2],
    version: u64,
    change: impl FnOnce(&mut TrustDocument),
) -> Vec<u8> {
    let [root, baseline] = seeds.map(|seed| SigningKey::from_seed([seed; 32]));
    let keys = |key: &SigningKey, images: &[&str]| RoleKeys {
        keys: vec![RoleKey {
            from: 0,
            images: images
                .iter()
                .map(|glob| ImageGlob::parse(glob).unwrap())
                .collect(),
            key: key.public_key(),
            name: None,
            reason: None,
            until: None,
        }],
        threshold: 1,
    };
    let mut document = TrustDocument {
        expires: None,
        log: None,
        min_serial: BTreeMap::new(),
        roles: BTreeMap::from([
            (Role::Root, keys(&root, &[])),
            (Role::Baseline, keys(&baseline, &["*"])),
        ]),
        spec: TrustDocument::SPEC.to_owned(),
        version,
    };
    change(&mut document);
    let mut envelope = Envelope::new(document.to_signed().unwrap());
    envelope.sign(&root).unwrap();
    envelope.to_bytes()
}

//! A plan, and what is signed for it, for the tests of this folder.

use std::collections::BTreeMap;
use std::num::NonZero;

use super::tpm::TpmFloor;
use super::{Memory, Plan, Seen};
use crate::appraise::{Expiry, Material, Neighbour, Terms};
use crate::baseline::{
    Baseline, Draft, ImageName, ImageVersion, Inputs, Placement, Serial, Subject, Subjects,
};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::{
    ImageGlob, LogPolicy, Receipts, Role, RoleKey, RoleKeys, Signer as _, SigningKey, TrustDocument,
};
use crate::layout::Uuid;
use crate::layout::verity::{Superblock, Verity};
use crate::tree::Epoch;

/// The plan of the format's example.
pub(super) fn plan() -> Plan {
    let page = include_str!("../../docs/formats/boot.md");
    let text = page.split("```json\n").nth(1).unwrap();
    Plan::parse(text.split("```").next().unwrap().as_bytes()).unwrap()
}

/// What a signer delivers.
pub(super) struct Signed {
    envelope: Vec<u8>,
    trust: Vec<u8>,
}

impl Signed {
    /// Serial 5 of the plan's image, changed.
    pub(super) fn new(change: impl FnOnce(&mut Baseline)) -> Self {
        Self::by(1, change)
    }

    /// By other people.
    pub(super) fn by(who: u8, change: impl FnOnce(&mut Baseline)) -> Self {
        Self::of(who, change, |_| {})
    }

    /// By people who want to see a Receipt of their log.
    pub(super) fn demanding_receipts() -> Self {
        let log = SigningKey::from_seed([7; 32]).public_key();
        Self::of(
            1,
            |_| {},
            |trust| {
                trust.log = Some(LogPolicy {
                    origin: "example.com/log".to_owned(),
                    receipt: Receipts::Required,
                });
                let mut log = role(log);
                log.name = Some("example.com/log".to_owned());
                trust.roles.insert(Role::Log, keys(&[log]));
            },
        )
    }

    fn of(
        who: u8,
        change: impl FnOnce(&mut Baseline),
        trusts: impl FnOnce(&mut TrustDocument),
    ) -> Self {
        let [root, key] = [who, who + 1].map(|seed| SigningKey::from_seed([seed; 32]));
        let plan = plan();
        let digest = Digest::of(b"anything");
        let subjects = [Subject::Manifest, Subject::Expectations, Subject::Tar];
        let mut baseline = Baseline {
            name: plan.name,
            version: ImageVersion::parse("1").unwrap(),
            epoch: Epoch::new(1_700_000_000).unwrap(),
            builder: "karat test".to_owned(),
            inputs: Inputs {
                template: digest,
                lock: digest,
                trust: None,
                agent: None,
            },
            segment: Placement::default(),
            verity: Verity::new(plan.root.hash, digest, 25).ok(),
            subjects: Subjects::from(subjects.map(|subject| (subject, digest))),
        };
        change(&mut baseline);
        let statement = Draft::new(baseline).unwrap();
        let statement = statement.complete(Serial::new(5).unwrap(), None);
        let mut envelope = Envelope::new(statement.to_signed().unwrap());
        envelope.sign(&key).unwrap();
        let mut baseline = role(key.public_key());
        baseline.images = vec![ImageGlob::parse("*").unwrap()];
        let mut document = TrustDocument {
            expires: None,
            log: None,
            min_serial: BTreeMap::new(),
            roles: BTreeMap::from([
                (Role::Root, keys(&[role(root.public_key())])),
                (Role::Baseline, keys(&[baseline])),
            ]),
            spec: TrustDocument::SPEC.to_owned(),
            version: 1,
        };
        trusts(&mut document);
        let mut trust = Envelope::new(document.to_signed().unwrap());
        trust.sign(&root).unwrap();
        Self {
            envelope: envelope.to_bytes(),
            trust: trust.to_bytes(),
        }
    }

    /// What the initrd sees where nothing is wrong.
    pub(super) fn seen(&self) -> Seen {
        let file = |path: &str, bytes: &[u8]| Neighbour {
            path: path.to_owned(),
            bytes: Some(bytes.to_vec()),
            unread: None,
        };
        Seen {
            cmdline: b"console=ttyS0 quiet\n".to_vec(),
            extras: Vec::new(),
            material: Material {
                trust: file(Plan::TRUST, &self.trust),
                newer_roots: Vec::new(),
                envelope: file("/karat/base_1.dsse.json", &self.envelope),
                manifest: absent(),
                expectations: absent(),
                receipt: absent(),
                terms: Terms {
                    image: ImageName::parse("nobody").ok(),
                    expiry: Expiry::Warn,
                    now: 1_800_000_000,
                },
                threads: NonZero::<usize>::MIN,
            },
            untidy: Vec::new(),
            superblock: Ok(Superblock {
                uuid: Uuid::from_bytes([7; 16]),
                salt: Digest::of(b"anything"),
                blocks: 25,
            }),
            memory: Memory::Absent,
            floor: TpmFloor::NoTpm,
        }
    }
}

fn absent<Bytes>() -> Neighbour<Bytes> {
    Neighbour {
        path: "/nowhere".to_owned(),
        bytes: None,
        unread: None,
    }
}

fn role(key: crate::key::PublicKey) -> RoleKey {
    RoleKey {
        from: 0,
        images: Vec::new(),
        key,
        name: None,
        reason: None,
        until: None,
    }
}

fn keys(keys: &[RoleKey]) -> RoleKeys {
    RoleKeys {
        keys: keys.to_vec(),
        threshold: 1,
    }
}

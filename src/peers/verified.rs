//! The one door from an envelope to peers to let in.

use std::ops::Deref;

use super::{Peers, PeersError};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::{Position, Quorum, Role, TrustRoot};

/// Peers that a threshold of the keys of the role `fleet` signed. Only [`Peers::open`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPeers {
    peers: Peers,
    digest: Digest,
    quorum: Quorum,
}

impl VerifiedPeers {
    /// SHA-256 of what was signed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Who signed.
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }
}

impl Deref for VerifiedPeers {
    type Target = Peers;

    fn deref(&self) -> &Peers {
        &self.peers
    }
}

impl Peers {
    /// Opens the file of an envelope under `root`, for an instance of `segment`: a threshold of those
    /// keys of the role `fleet` must have signed it that count today. Signatures are checked before a
    /// byte of the payload is read.
    ///
    /// Whether it has expired, and whether a later one was seen, is left to the caller: see
    /// [`super::SeenPeers::judge`].
    ///
    /// # Errors
    /// The rule broken.
    pub fn open(root: &TrustRoot, file: &[u8], segment: &str) -> Result<VerifiedPeers, PeersError> {
        let envelope =
            Envelope::parse(file).map_err(|error| PeersError::Envelope(error.to_string()))?;
        let signed = envelope.signed();
        if signed.payload_type != Self::PAYLOAD_TYPE {
            return Err(PeersError::PayloadType(signed.payload_type.clone()));
        }
        let quorum = root
            .quorum(Role::Fleet, Position::Unlogged, signed)
            .map_err(PeersError::Threshold)?;
        let peers = Self::read(signed)?;
        if peers.segment != segment {
            return Err(PeersError::OtherSegment {
                expected: segment.to_owned(),
                found: peers.segment,
            });
        }
        Ok(VerifiedPeers {
            peers,
            digest: Digest::of(&signed.payload),
            quorum,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::key::{ImageGlob, RoleKey, RoleKeys, Signer as _, SigningKey, TrustDocument};
    use crate::peers::document::tests::peers;
    use crate::peers::{SeenPeers, SeenPeersError};

    fn role(keys: &[&SigningKey], threshold: usize, images: &[&str]) -> RoleKeys {
        let mut keys: Vec<RoleKey> = keys
            .iter()
            .map(|key| RoleKey {
                from: 0,
                images: images
                    .iter()
                    .map(|it| ImageGlob::parse(it).unwrap())
                    .collect(),
                key: key.public_key(),
                name: None,
                reason: None,
                until: None,
            })
            .collect();
        keys.sort_by_key(|key| key.key);
        RoleKeys { keys, threshold }
    }

    /// A trust root in which two keys of the fleet must agree.
    fn root(fleet: &[&SigningKey], end: Option<u64>) -> TrustRoot {
        let [root, baseline] = [0; 2].map(|_| SigningKey::generate().unwrap());
        let mut fleet = role(fleet, 2, &[]);
        fleet.keys[0].until = end;
        let document = TrustDocument {
            expires: None,
            log: None,
            min_serial: BTreeMap::new(),
            roles: BTreeMap::from([
                (Role::Root, role(&[&root], 1, &[])),
                (Role::Baseline, role(&[&baseline], 1, &["*"])),
                (Role::Fleet, fleet),
            ]),
            spec: TrustDocument::SPEC.to_owned(),
            version: 1,
        };
        let mut signed = document.to_signed().unwrap();
        signed.sign(&root).unwrap();
        TrustRoot::pinned(&signed).unwrap()
    }

    fn file(peers: &Peers, keys: &[&SigningKey]) -> Vec<u8> {
        let mut envelope = Envelope::new(peers.to_signed().unwrap());
        for key in keys {
            envelope.sign(*key).unwrap();
        }
        envelope.to_bytes()
    }

    #[test]
    fn as_many_keys_of_the_fleet_as_the_trust_root_asks_for() {
        let [one, two, stranger] = [0; 3].map(|_| SigningKey::generate().unwrap());
        let root = root(&[&one, &two], None);
        let peers = peers(&[("api", &["10.1.0.0/16"])]);
        let open = |file: &[u8]| Peers::open(&root, file, "data");
        let opened = open(&file(&peers, &[&stranger, &one, &two])).unwrap();
        assert_eq!((&*opened, opened.quorum().keys().count()), (&peers, 2));
        for keys in [&[&one][..], &[&one, &stranger], &[&stranger]] {
            let refused = open(&file(&peers, keys));
            assert!(
                matches!(refused, Err(PeersError::Threshold(_))),
                "{refused:?}"
            );
        }
        assert!(matches!(
            open(&file(&peers, &[])),
            Err(PeersError::Envelope(_))
        ));
        // Nothing of a payload is read that is not well signed.
        let text = String::from_utf8(file(&peers, &[&one, &two])).unwrap();
        let other = text.replacen("eyJ", "eyK", 1);
        assert_ne!(text, other);
        assert!(matches!(
            open(other.as_bytes()),
            Err(PeersError::Threshold(_))
        ));
        let other = text.replace("karat.peers+json", "karat.notice+json");
        assert!(matches!(
            open(other.as_bytes()),
            Err(PeersError::PayloadType(_))
        ));
        let elsewhere = Peers::open(&root, text.as_bytes(), "web");
        assert!(matches!(elsewhere, Err(PeersError::OtherSegment { .. })));
        assert!(Peers::open(&root, &vec![b'x'; 70_000], "data").is_err());
    }

    #[test]
    fn an_ended_key_says_nothing_any_more() {
        let [one, two] = [0; 2].map(|_| SigningKey::generate().unwrap());
        let root = root(&[&one, &two], Some(5));
        let refused = Peers::open(&root, &file(&peers(&[]), &[&one, &two]), "data");
        assert!(matches!(refused, Err(PeersError::Threshold(_))));
    }

    #[test]
    fn serials_never_fall() {
        let [one, two] = [0; 2].map(|_| SigningKey::generate().unwrap());
        let root = root(&[&one, &two], None);
        let opened = |serial: u64, networks: &[&str]| {
            let mut peers = peers(&[("api", networks)]);
            peers.serial = crate::baseline::Serial::new(serial).unwrap();
            Peers::open(&root, &file(&peers, &[&one, &two]), "data").unwrap()
        };
        let seen = SeenPeers::of(&opened(3, &[]));
        assert_eq!(
            SeenPeers::parse(seen.to_text().as_bytes()),
            Ok(seen.clone())
        );
        assert_eq!(seen.judge(&opened(3, &[])), Ok(()));
        assert_eq!(seen.judge(&opened(4, &["10.0.0.0/8"])), Ok(()));
        let older = seen.judge(&opened(2, &[]));
        assert!(matches!(older, Err(SeenPeersError::Rollback { .. })));
        let other = seen.judge(&opened(3, &["10.0.0.0/8"]));
        assert!(matches!(other, Err(SeenPeersError::Fork { .. })));
    }
}

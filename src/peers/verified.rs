//! The one door from an envelope to peers to let in.

use std::ops::Deref;

use super::{Peers, PeersError};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::{Position, Quorum, Role, TrustRoot, threshold};

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
        let role = root.role(Role::Fleet);
        let authorised = role.map(|role| role.at(Position::Unlogged));
        let quorum = threshold(
            &signed.message(),
            &signed.claims,
            &authorised.unwrap_or_default(),
            role.map_or(0, |role| role.threshold),
        )
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

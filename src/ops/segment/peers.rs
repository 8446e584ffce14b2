//! `karat segment peers`, without printing: who a segment's peers are, written by people, signed by
//! the fleet's keys.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::baseline::{Serial, SerialError};
use crate::envelope::{Envelope, EnvelopeError};
use crate::json::{self, JsonError};
use crate::key::{Role, Signer, SignerError, TrustRoot};
use crate::limits;
use crate::ops::instant::instant;
use crate::peers::{Cidr, Peers, PeersError, VerifiedPeers};
use crate::sys::fs::{self, IoError};

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum SignPeersError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// No envelope.
    #[error("{path}: {error}")]
    Envelope {
        /// The file.
        path: PathBuf,
        /// Why.
        error: EnvelopeError,
    },
    /// Neither TOML nor JSON of peers.
    #[error("{path}: {reason}")]
    Input {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The peers break a rule.
    #[error(transparent)]
    Peers(#[from] PeersError),
    /// The key may not say who peers are.
    #[error("key {0} is none of those of the role fleet that count today")]
    Stranger(String),
    /// The key does not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// What became of a document.
#[derive(Debug)]
pub struct SignedPeers {
    /// What it says.
    pub peers: Peers,
    /// The envelope.
    pub envelope: Envelope,
    /// What is still missing before an instance takes it; `None`: nothing.
    pub missing: Option<PeersError>,
}

/// Reads peers that are to be signed: TOML, JSON where the name ends with `.json`, or an envelope
/// (`.dsse.json`) that gets a further signature.
///
/// Networks may stand in any order; one that lies in another is left out.
///
/// # Errors
/// The file is none of these, or breaks a rule of peers.
pub fn read_input(path: &Path) -> Result<(Peers, Envelope), SignPeersError> {
    let bytes = fs::read(path, limits::ENVELOPE_MAX)?;
    let name = path.to_string_lossy();
    if name.ends_with(".dsse.json") {
        let envelope = parse(path, &bytes)?;
        return Ok((Peers::unverified(envelope.signed())?, envelope));
    }
    let wrong = |reason: String| SignPeersError::Input {
        path: path.to_owned(),
        reason,
    };
    let input: Input = if name.ends_with(".json") {
        json::read(&bytes, limits::ENVELOPE_MAX)
            .map_err(|error: JsonError| wrong(error.to_string()))?
    } else {
        let text = std::str::from_utf8(&bytes).map_err(|error| wrong(error.to_string()))?;
        toml::from_str(text).map_err(|error| wrong(error.to_string()))?
    };
    let peers = input.peers().map_err(wrong)?;
    let signed = peers.to_signed()?;
    Ok((peers, Envelope::new(signed)))
}

/// Signs it with each of `signers`, which must be keys of the role `fleet` of `root`.
///
/// # Errors
/// A key is another's, or does not sign.
pub fn sign(
    (peers, mut envelope): (Peers, Envelope),
    signers: &[Box<dyn Signer>],
    root: &TrustRoot,
) -> Result<SignedPeers, SignPeersError> {
    let role = root.role(Role::Fleet);
    let fleet = role.map(|role| role.at(crate::key::Position::Unlogged));
    let fleet = fleet.unwrap_or_default();
    for signer in signers {
        let key = signer.public_key();
        if !fleet.contains(&key) {
            return Err(SignPeersError::Stranger(key.id().short()));
        }
        envelope.sign(signer.as_ref())?;
    }
    // As an instance will open it.
    let missing = Peers::open(root, &envelope.to_bytes(), &peers.segment).err();
    Ok(SignedPeers {
        peers,
        envelope,
        missing,
    })
}

/// Opens a document as an instance of its segment does.
///
/// # Errors
/// No instance takes it.
pub fn open(path: &Path, root: &TrustRoot) -> Result<VerifiedPeers, SignPeersError> {
    let bytes = fs::read(path, limits::ENVELOPE_MAX)?;
    // Whose it is it says itself; signatures are checked by the door all the same.
    let segment = Peers::unverified(parse(path, &bytes)?.signed())?.segment;
    Ok(Peers::open(root, &bytes, &segment)?)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Envelope, SignPeersError> {
    Envelope::parse(bytes).map_err(|error| SignPeersError::Envelope {
        path: path.to_owned(),
        error,
    })
}

/// What people write.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    segment: String,
    serial: u64,
    /// A day or an instant.
    expires: Option<String>,
    sets: BTreeMap<String, Vec<String>>,
}

impl Input {
    fn peers(self) -> Result<Peers, String> {
        let expires = match &self.expires {
            Some(text) => Some(instant(text)?.seconds()),
            None => None,
        };
        let mut sets = Vec::new();
        for (name, texts) in self.sets {
            let network = |text: &String| {
                Cidr::parse(text).ok_or_else(|| format!("{name}: {text:?}: {}", Cidr::RULE))
            };
            let mut networks = texts
                .iter()
                .map(network)
                .collect::<Result<Vec<Cidr>, _>>()?;
            networks.sort_unstable();
            // Sorted by address and length: what holds others comes before them.
            let mut apart: Vec<Cidr> = Vec::new();
            for network in networks {
                if apart.last().is_none_or(|it| !it.contains(&network)) {
                    apart.push(network);
                }
            }
            sets.push((name, apart));
        }
        Ok(Peers {
            expires,
            segment: self.segment,
            serial: Serial::new(self.serial).map_err(|error: SerialError| error.to_string())?,
            sets,
        })
    }
}

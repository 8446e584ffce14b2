//! The door from a signed note to a checkpoint that a policy believes.

use std::collections::BTreeSet;

use super::value::{Policy, PolicyMember};
use crate::key::PublicKey;
use crate::path::Escaped;
use crate::tlog::{
    Algorithm, BadLine, Checkpoint, CheckpointError, Cosigned, Lines, Note, SignedCheckpoint,
    UntrustedCheckpoint,
};

/// A checkpoint that one of a policy's logs signed, and its quorum cosigned. Only [`Policy::open`]
/// makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyCheckpoint {
    checkpoint: Checkpoint,
    cosigned_by: Vec<Cosigned>,
}

/// Why a policy does not believe a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// None of the policy's logs signed it under its own name.
    #[error(transparent)]
    Log(UntrustedCheckpoint),
    /// A line of a witness does not verify.
    #[error("checkpoint: {0}")]
    BadLine(#[from] BadLine),
    /// The quorum is not reached.
    #[error(
        "checkpoint: the policy's quorum \"{}\" is not reached: {}",
        Escaped(quorum),
        missing(lacking)
    )]
    Quorum {
        /// What it is called.
        quorum: Vec<u8>,
        /// Witnesses of the policy that did not cosign.
        lacking: Vec<Vec<u8>>,
    },
}

impl From<CheckpointError> for PolicyRefusal {
    fn from(error: CheckpointError) -> Self {
        Self::Log(error.into())
    }
}

impl Policy {
    /// Opens a checkpoint: one of the policy's logs must have signed it, and what the quorum names
    /// must have cosigned it.
    ///
    /// # Errors
    /// The rule broken.
    pub fn open(&self, note: &Note) -> Result<PolicyCheckpoint, PolicyRefusal> {
        let logs = self.logs.iter().map(|log| log.key.clone());
        let signed = SignedCheckpoint::by(logs, note).map_err(PolicyRefusal::Log)?;
        Ok(PolicyCheckpoint {
            checkpoint: signed.checkpoint().clone(),
            cosigned_by: self.cosigners(note)?,
        })
    }

    /// The policy's witnesses that cosigned a checkpoint, where the quorum is reached; whose checkpoint
    /// it is, is not asked: for who has signed it himself.
    ///
    /// # Errors
    /// The quorum is not reached, or a line of a witness does not verify.
    pub fn cosigners(&self, note: &Note) -> Result<Vec<Cosigned>, PolicyRefusal> {
        let witnesses = self.witnesses.iter().map(|witness| witness.key.clone());
        let lines = Lines::of(note, witnesses)?;
        let keys = lines.keys();
        if let Some(quorum) = self.quorum
            && !self.has_cosigned(quorum, &keys)
        {
            let lacking = self.witnesses.iter().filter(|witness| {
                raw(witness.key.algorithm()).is_none_or(|key| !keys.contains(key))
            });
            return Err(PolicyRefusal::Quorum {
                quorum: self.name(quorum).to_vec(),
                lacking: lacking.map(|witness| witness.name.clone()).collect(),
            });
        }
        // Each key once, as the one threshold loop counts them.
        let counted = lines.count(&keys, 1);
        Ok(counted.map_or_else(|_| Vec::new(), |quorum| lines.signers(&quorum)))
    }

    /// Whether a witness or group has cosigned, where these keys have. Witnesses' keys differ and no
    /// member is one of two groups, so that nobody is counted twice. Members are defined before their
    /// group: what is asked for is done already.
    fn has_cosigned(&self, member: PolicyMember, keys: &BTreeSet<PublicKey>) -> bool {
        let mut groups: Vec<bool> = Vec::new();
        let witness = |number: usize| {
            let key = self.witnesses.get(number).map(|it| it.key.algorithm());
            key.and_then(raw).is_some_and(|key| keys.contains(key))
        };
        let of = |groups: &[bool], member| match member {
            PolicyMember::Witness(number) => witness(number),
            PolicyMember::Group(number) => groups.get(number).copied().unwrap_or_default(),
        };
        for group in &self.groups {
            let members = group.members.iter();
            let cosigned = members.filter(|member| of(&groups, **member)).count();
            groups.push(group.required > 0 && cosigned >= group.required);
        }
        of(&groups, member)
    }
}

impl PolicyCheckpoint {
    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The witnesses of the policy that cosigned it, by raw key; also those that the quorum did not
    /// need.
    pub fn cosigned_by(&self) -> &[Cosigned] {
        &self.cosigned_by
    }
}

/// The key that cosignatures of this kind are checked with; other kinds never count.
fn raw(algorithm: &Algorithm) -> Option<&PublicKey> {
    match algorithm {
        Algorithm::Cosignature(key) => Some(key),
        Algorithm::Ed25519(_) | Algorithm::Other { .. } => None,
    }
}

fn missing(lacking: &[Vec<u8>]) -> String {
    let names: Vec<String> = lacking.iter().map(|it| Escaped(it).to_string()).collect();
    format!("no cosignature of {}", names.join(", "))
}

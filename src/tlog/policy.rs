//! Who must sign and cosign, for other people's tools (<https://c2sp.org/tlog-policy>).

use std::fmt::Write as _;

use super::{NameError, NoteKey, NoteName};
use crate::key::{Role, RoleKey, TrustRoot};

/// The log and the witnesses of a trust root, and how many of these must have cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The log's keys, any of which does.
    pub logs: Vec<NoteKey>,
    /// The witnesses.
    pub witnesses: Vec<NoteKey>,
    /// How many of them must have cosigned.
    pub quorum: usize,
}

/// Why a trust root has no such policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It names no log.
    #[error("the trust root names no log")]
    NoLog,
    /// The format has no way to say that several log keys must sign together.
    #[error("the trust root wants {0} log keys to sign, and a tlog-policy can ask for one only")]
    LogThreshold(usize),
    /// Fewer witnesses count today than must cosign.
    #[error("the trust root wants {wanted} witnesses to cosign, and {there} count today")]
    Witnesses {
        /// How many must.
        wanted: usize,
        /// How many can.
        there: usize,
    },
    /// A name that no note can hold.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Policy {
    /// The policy of `root`, with the keys that count today.
    ///
    /// # Errors
    /// It has no log, or wants what the format cannot say.
    pub fn of(root: &TrustRoot) -> Result<Self, PolicyError> {
        let log = root.role(Role::Log).filter(|_| root.log().is_some());
        let log = log.ok_or(PolicyError::NoLog)?;
        if log.threshold != 1 {
            return Err(PolicyError::LogThreshold(log.threshold));
        }
        let witness = root.role(Role::Witness);
        let keys = witness.map(|role| role.keys.as_slice()).unwrap_or_default();
        let policy = Self {
            logs: vkeys(&log.keys, NoteKey::ed25519)?,
            witnesses: vkeys(keys, NoteKey::cosigner)?,
            quorum: witness.map_or(0, |role| role.threshold),
        };
        if policy.witnesses.len() < policy.quorum {
            return Err(PolicyError::Witnesses {
                wanted: policy.quorum,
                there: policy.witnesses.len(),
            });
        }
        Ok(policy)
    }

    /// The policy as a file.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for key in &self.logs {
            // Writing to a string cannot fail.
            let _: std::fmt::Result = writeln!(text, "log {key}");
        }
        let mut names = String::new();
        for (number, key) in self.witnesses.iter().enumerate() {
            let name = format!("w{}", number.saturating_add(1));
            let _: std::fmt::Result = writeln!(text, "witness {name} {key}");
            names.push(' ');
            names.push_str(&name);
        }
        let quorum = if self.quorum == 0 {
            "none"
        } else {
            let _: std::fmt::Result = writeln!(text, "group witnesses {}{names}", self.quorum);
            "witnesses"
        };
        text + "quorum " + quorum + "\n"
    }
}

fn vkeys(
    keys: &[RoleKey],
    make: fn(NoteName, crate::key::PublicKey) -> NoteKey,
) -> Result<Vec<NoteKey>, PolicyError> {
    let counting = keys.iter().filter(|key| key.until.is_none());
    counting
        .map(|key| {
            let name = NoteName::parse(key.name.as_deref().unwrap_or_default())?;
            Ok(make(name, key.key))
        })
        .collect()
}

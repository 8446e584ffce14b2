//! A policy as a value.

use crate::key::{PublicKey, Role, RoleKey, TrustRoot};
use crate::tlog::{NameError, NoteKey, NoteName};

/// The logs and witnesses that somebody relies on, and which of these must have cosigned.
///
/// Members of groups and the quorum are numbers of what is defined before them, so that there are no
/// circles; no two members name the same, so that a witness counts once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(super) logs: Vec<PolicyLog>,
    pub(super) witnesses: Vec<PolicyWitness>,
    pub(super) groups: Vec<PolicyGroup>,
    pub(super) quorum: Option<PolicyMember>,
}

/// A log; its name is its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key.
    pub key: NoteKey,
    /// Where it is.
    pub url: Option<String>,
}

/// A witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// What groups call it: any bytes without blanks.
    pub name: Vec<u8>,
    /// Its key.
    pub key: NoteKey,
    /// Its submission prefix (tlog-witness).
    pub url: Option<String>,
}

/// Witnesses and groups of which a number must have cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyGroup {
    /// What groups and the quorum call it.
    pub name: Vec<u8>,
    /// How many of its members must have cosigned, from 1 to all of them.
    pub required: usize,
    /// Its members.
    pub members: Vec<PolicyMember>,
}

/// A witness or a group, by its number among these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyMember {
    /// A witness.
    Witness(usize),
    /// A group.
    Group(usize),
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
        let logs = vkeys(&log.keys, NoteKey::ed25519)?;
        let witnesses = vkeys(keys, NoteKey::cosigner)?;
        let (wanted, there) = (witness.map_or(0, |role| role.threshold), witnesses.len());
        if there < wanted {
            return Err(PolicyError::Witnesses { wanted, there });
        }
        let mut groups = Vec::new();
        if wanted > 0 {
            groups.push(PolicyGroup {
                name: b"witnesses".to_vec(),
                required: wanted,
                members: (0..there).map(PolicyMember::Witness).collect(),
            });
        }
        let log = |key| PolicyLog { key, url: None };
        let witness = |(number, key): (usize, NoteKey)| PolicyWitness {
            name: format!("w{}", number.saturating_add(1)).into_bytes(),
            key,
            url: None,
        };
        Ok(Self {
            logs: logs.into_iter().map(log).collect(),
            witnesses: witnesses.into_iter().enumerate().map(witness).collect(),
            quorum: groups.first().map(|_| PolicyMember::Group(0)),
            groups,
        })
    }

    /// The logs, any of which will do.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// The groups, in the order in which they are defined.
    pub fn groups(&self) -> &[PolicyGroup] {
        &self.groups
    }

    /// What must have cosigned; `None`: nobody has to.
    pub fn quorum(&self) -> Option<PolicyMember> {
        self.quorum
    }

    /// The policy as a file: logs, witnesses, groups, quorum, a line each, one blank between items.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for log in &self.logs {
            lines.push(format!("log {}{}", log.key, url(log.url.as_ref())).into_bytes());
        }
        for witness in &self.witnesses {
            let rest = format!(" {}{}", witness.key, url(witness.url.as_ref()));
            lines.push([b"witness ", witness.name.as_slice(), rest.as_bytes()].concat());
        }
        for group in &self.groups {
            let required = format!(" {}", group.required);
            let mut line = [b"group ", group.name.as_slice(), required.as_bytes()].concat();
            for member in &group.members {
                line.push(b' ');
                line.extend_from_slice(self.name(*member));
            }
            lines.push(line);
        }
        let quorum = self.quorum.map_or(&b"none"[..], |member| self.name(member));
        lines.push([b"quorum ", quorum].concat());
        lines.push(Vec::new());
        lines.join(&b'\n')
    }

    /// What a member is called.
    pub(super) fn name(&self, member: PolicyMember) -> &[u8] {
        let name = match member {
            PolicyMember::Witness(number) => self.witnesses.get(number).map(|it| &it.name),
            PolicyMember::Group(number) => self.groups.get(number).map(|it| &it.name),
        };
        name.map(Vec::as_slice).unwrap_or_default()
    }
}

fn url(url: Option<&String>) -> String {
    url.map_or_else(String::new, |url| format!(" {url}"))
}

fn vkeys(
    keys: &[RoleKey],
    make: fn(NoteName, PublicKey) -> NoteKey,
) -> Result<Vec<NoteKey>, PolicyError> {
    let counting = keys.iter().filter(|key| key.until.is_none());
    counting
        .map(|key| {
            let name = NoteName::parse(key.name.as_deref().unwrap_or_default())?;
            Ok(make(name, key.key))
        })
        .collect()
}

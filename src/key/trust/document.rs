//! What a trust root says, before anyone has signed it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{LogPolicy, Role, RoleKey, RoleKeys, TrustError};
use crate::json::{self, JsonError};
use crate::key::Signed;
use crate::limits;

/// What a trust root says. Anybody can write one: it means nothing until [`super::TrustRoot`] has
/// checked who signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustDocument {
    /// After this many seconds since 1970 it should have been replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// The log, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogPolicy>,
    /// The lowest serial that counts, by image name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub min_serial: BTreeMap<String, u64>,
    /// Whose signatures count for what.
    pub roles: BTreeMap<Role, RoleKeys>,
    /// Names this format: [`TrustDocument::SPEC`].
    pub spec: String,
    /// 1 for the first, one more for each that follows.
    pub version: u64,
}

impl TrustDocument {
    /// The media type of the payload of a trust root file.
    pub const PAYLOAD_TYPE: &str = "application/vnd.karat.trust-root+json";
    /// The name of this format.
    pub const SPEC: &str = "karat-trust-root/1";

    /// The document as a payload to sign.
    ///
    /// # Errors
    /// The document breaks a rule of its format.
    pub fn to_signed(&self) -> Result<Signed, TrustError> {
        self.check()?;
        let payload = json::canonical(self)?;
        Ok(Signed::new(Self::PAYLOAD_TYPE, payload))
    }

    /// Reads a draft: a payload that nobody need have signed. It may be shown, changed and signed;
    /// nothing may be judged by it.
    ///
    /// # Errors
    /// The payload breaks a rule of its format.
    #[cfg(feature = "build")]
    pub fn unverified(signed: &Signed) -> Result<Self, TrustError> {
        Self::read(signed)
    }

    /// Checks that `next` may come after this document: the version is the next, and history is not
    /// rewritten. Who signed it is another question, [`super::TrustRoot::successor`]'s.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check_follows(&self, next: &Self) -> Result<(), TrustError> {
        if self.version.checked_add(1) != Some(next.version) {
            return Err(TrustError::Version {
                present: self.version,
                found: next.version,
            });
        }
        for (role, keys) in &self.roles {
            let later = next.roles.get(role);
            for key in &keys.keys {
                let kept = |later: &RoleKeys| later.keys.iter().any(|later| continues(key, later));
                if !later.is_some_and(kept) {
                    return Err(TrustError::KeyHistory {
                        role: *role,
                        key: key.key.id(),
                    });
                }
            }
        }
        for (name, serial) in &self.min_serial {
            if next.least_serial(name) < *serial {
                return Err(TrustError::MinSerial(name.clone()));
            }
        }
        match (&self.log, &next.log) {
            (Some(one), Some(other)) if one.origin == other.origin => Ok(()),
            (None, _) => Ok(()),
            _ => Err(TrustError::LogChanged),
        }
    }

    /// The lowest serial of the image `name` that counts; 0 where nothing is said.
    pub fn least_serial(&self, name: &str) -> u64 {
        self.min_serial.get(name).copied().unwrap_or(0)
    }

    /// Reads a payload, whoever signed it.
    pub(super) fn read(signed: &Signed) -> Result<Self, TrustError> {
        if signed.payload_type != Self::PAYLOAD_TYPE {
            return Err(TrustError::PayloadType(signed.payload_type.clone()));
        }
        let document: Self = json::read(&signed.payload, limits::TRUST_ROOT_MAX)?;
        document.check()?;
        if json::canonical(&document)? != signed.payload {
            return Err(TrustError::NotCanonical);
        }
        Ok(document)
    }

    fn check(&self) -> Result<(), TrustError> {
        if self.spec != Self::SPEC {
            return Err(TrustError::Spec(self.spec.clone()));
        }
        if self.version == 0 {
            return Err(TrustError::VersionZero);
        }
        for role in [Role::Root, Role::Baseline] {
            if !self.roles.contains_key(&role) {
                return Err(TrustError::MissingRole(role));
            }
        }
        if let Some(log) = &self.log {
            if !self.roles.contains_key(&Role::Log) {
                return Err(TrustError::MissingRole(Role::Log));
            }
            check_name(&log.origin, Role::Log)?;
        }
        let mut seen = BTreeSet::new();
        for (role, keys) in &self.roles {
            check_role(*role, keys)?;
            for key in &keys.keys {
                if !seen.insert(key.key) {
                    return Err(TrustError::KeyInTwoRoles(key.key.id()));
                }
            }
        }
        Ok(())
    }
}

fn check_role(role: Role, keys: &RoleKeys) -> Result<(), TrustError> {
    if keys.keys.len() > limits::ROLE_KEYS_MAX {
        return Err(TrustError::TooManyKeys(role));
    }
    if !keys.keys.is_sorted_by(|one, next| one.key < next.key) {
        return Err(TrustError::KeysUnsorted(role));
    }
    let current = keys.keys.iter().filter(|key| key.until.is_none()).count();
    if keys.threshold == 0 || keys.threshold > keys.keys.len() {
        return Err(TrustError::Threshold {
            role,
            threshold: keys.threshold,
            keys: keys.keys.len(),
        });
    }
    // The root role must stay able to act; another may be left without keys on purpose.
    if role == Role::Root && current < keys.threshold {
        return Err(TrustError::Threshold {
            role,
            threshold: keys.threshold,
            keys: current,
        });
    }
    for key in &keys.keys {
        let scoped = !key.images.is_empty();
        if scoped != (role == Role::Baseline) {
            return Err(TrustError::Scope {
                role,
                key: key.key.id(),
            });
        }
        if key.until.is_some_and(|until| until < key.from) {
            return Err(TrustError::Interval(key.key.id()));
        }
        let shown = |reason: &String| {
            reason.len() <= limits::REASON_MAX && !reason.contains(char::is_control)
        };
        if !key.reason.as_ref().is_none_or(shown) || (key.reason.is_some() && key.until.is_none()) {
            return Err(TrustError::Reason(key.key.id()));
        }
        match &key.name {
            Some(name) => check_name(name, role)?,
            None if matches!(role, Role::Log | Role::Witness) => {
                return Err(TrustError::Unnamed {
                    role,
                    key: key.key.id(),
                });
            }
            None => {}
        }
    }
    Ok(())
}

/// Signed notes hold key names: not empty, no white space, no plus (C2SP signed-note).
fn check_name(name: &str, role: Role) -> Result<(), TrustError> {
    let refused = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '+';
    if name.is_empty() || name.len() > limits::KEY_NAME_MAX || name.contains(refused) {
        return Err(TrustError::Name {
            role,
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// Whether `later` is the same key, with a life that is not longer.
fn continues(key: &RoleKey, later: &RoleKey) -> bool {
    key.key == later.key
        && key.from == later.from
        && match (key.until, later.until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(before), Some(now)) => now <= before,
        }
}

impl From<JsonError> for TrustError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

//! Whose signatures a draft has, and whose are missing.

use serde::Serialize;

use crate::key::{KeyId, Position, Role, Signed, TrustDocument, threshold};

/// How far a draft has come among the root keys of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Whose root keys are asked.
    pub version: u64,
    /// How many of them must sign.
    pub required: usize,
    /// Those that did.
    pub signed: Vec<Holder>,
    /// Those that did not.
    pub open: Vec<Holder>,
}

/// A root key and who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The key's id.
    pub id: KeyId,
    /// Who holds it, where the trust root says so.
    pub name: Option<String>,
}

impl Standing {
    /// What `signed` has among the root keys of `document`.
    pub fn of(document: &TrustDocument, signed: &Signed) -> Self {
        let role = document.roles.get(&Role::Root);
        let required = role.map_or(0, |role| role.threshold);
        let authorised = role.map(|role| role.at(Position::Unlogged));
        let authorised = authorised.unwrap_or_default();
        let counted = threshold(&signed.message(), &signed.claims, &authorised, required);
        let verified = match &counted {
            Ok(quorum) => quorum.keys().copied().collect(),
            Err(error) => error.verified.clone(),
        };
        let holder = |key: &crate::key::RoleKey| Holder {
            id: key.key.id(),
            name: key.name.clone(),
        };
        let current = role.into_iter().flat_map(|role| &role.keys);
        let (done, open): (Vec<_>, Vec<_>) = current
            .filter(|key| authorised.contains(&key.key))
            .partition(|key| verified.contains(&key.key));
        Self {
            version: document.version,
            required,
            signed: done.into_iter().map(holder).collect(),
            open: open.into_iter().map(holder).collect(),
        }
    }

    /// How many signatures are missing.
    pub fn missing(&self) -> usize {
        self.required.saturating_sub(self.signed.len())
    }
}

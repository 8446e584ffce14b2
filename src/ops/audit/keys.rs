//! Every key and its life.

use std::collections::BTreeSet;

use super::judge::{Activity, People, Person};
use super::lineage::{Lineage, escaped};
use super::notices::Notices;
use super::{KeyFacts, KeyState};
use crate::key::{KeyId, Role, RoleKey};
use crate::limits;

/// All keys of the lineage, and after them those that signed and that no trust root names: of these
/// at most so many as of findings.
pub(super) fn facts(
    lineage: &Lineage,
    notices: &Notices,
    people: &People,
    size: u64,
) -> Vec<KeyFacts> {
    let mut keys = Vec::new();
    for (role, held) in &lineage.newest().document().roles {
        let mut held: Vec<&RoleKey> = held.keys.iter().collect();
        held.sort_by_key(|key| (key.from, key.key));
        for key in held {
            let activity = people.activity(&key.key);
            keys.push(known(*role, key, activity, lineage, notices, size));
        }
    }
    let named: BTreeSet<KeyId> = keys.iter().filter_map(|key: &KeyFacts| key.key).collect();
    let strangers = people.all().filter_map(|(person, activity)| match person {
        Person::Known(_) => None,
        // A forgery in the name of a key is nobody's.
        Person::Stranger(Some(hint)) if named.contains(hint) => None,
        Person::Stranger(hint) => Some((*hint, activity)),
    });
    let most = usize::try_from(limits::AUDIT_FINDINGS_MAX).unwrap_or(usize::MAX);
    for (hint, activity) in strangers.take(most) {
        keys.push(KeyFacts {
            key: hint,
            name: None,
            role: None,
            images: Vec::new(),
            from: 0,
            until: None,
            reason: None,
            revoked: None,
            state: KeyState::Unknown,
            since_version: None,
            first_index: activity.first,
            last_index: activity.last,
            signatures: activity.signatures,
            counting: 0,
        });
    }
    keys
}

fn known(
    role: Role,
    key: &RoleKey,
    activity: Activity,
    lineage: &Lineage,
    notices: &Notices,
    size: u64,
) -> KeyFacts {
    let revoked = notices.of(&key.key).cloned();
    let has_it = |role: &crate::key::RoleKeys| role.keys.iter().any(|it| it.key == key.key);
    let mut roots = lineage.links().iter().map(|link| &link.root);
    let since = roots.find(|root| root.role(role).is_some_and(has_it));
    let state = if revoked.is_some() {
        KeyState::Revoked
    } else if key.until.is_some_and(|until| until <= size) {
        KeyState::Ended
    } else if key.from > size {
        KeyState::Future
    } else {
        KeyState::Valid
    };
    KeyFacts {
        key: Some(key.key.id()),
        name: escaped(key.name.as_deref()),
        role: Some(role),
        images: key.images.iter().map(ToString::to_string).collect(),
        from: key.from,
        until: key.until,
        reason: escaped(key.reason.as_deref()),
        revoked,
        state,
        since_version: since.map(crate::key::TrustRoot::version),
        first_index: activity.first,
        last_index: activity.last,
        signatures: activity.signatures,
        counting: activity.counting,
    }
}

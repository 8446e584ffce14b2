//! What differs between two versions of a trust root, in words and for machines.

use std::fmt;

use serde::Serialize;

use crate::key::{ImageGlob, KeyId, Receipts, Role, RoleKey, TrustDocument};
use crate::path::Escaped;
use crate::tree::Epoch;

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A key joined a role.
    KeyAdded,
    /// A key ended, or ended earlier than it had.
    KeyEnded,
    /// A key may sign other images.
    Images,
    /// A key has another name.
    Name,
    /// The reason of a key's end.
    Reason,
    /// How many keys must sign.
    Threshold,
    /// The lowest serial of an image rose.
    MinSerial,
    /// Whether Receipts are needed, or the log itself.
    Log,
    /// When it should have been replaced.
    Expires,
}

/// One difference. `before` and `after` are its two sides as text; absent where there was or is
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What changed.
    pub what: What,
    /// Of which role.
    pub role: Option<Role>,
    /// Of which key.
    pub key: Option<KeyId>,
    /// Of which image.
    pub image: Option<String>,
    /// What it was.
    pub before: Option<String>,
    /// What it shall be.
    pub after: Option<String>,
}

impl Change {
    /// Whether no later version can take it back: ended keys never return, serials never go down.
    pub fn is_final(&self) -> bool {
        matches!(self.what, What::KeyEnded | What::MinSerial)
    }
}

/// All differences, in the order of the roles.
pub fn changes(before: &TrustDocument, after: &TrustDocument) -> Vec<Change> {
    let mut found = Vec::new();
    for (role, keys) in &after.roles {
        let earlier = before.roles.get(role);
        let threshold = earlier.map(|keys| keys.threshold);
        if threshold != Some(keys.threshold) {
            found.push(Change {
                role: Some(*role),
                before: threshold.map(|threshold| threshold.to_string()),
                after: Some(keys.threshold.to_string()),
                ..of(What::Threshold)
            });
        }
        for key in &keys.keys {
            let same = earlier.and_then(|it| it.keys.iter().find(|it| it.key == key.key));
            of_key(*role, same, key, &mut found);
        }
    }
    for (image, serial) in &after.min_serial {
        let earlier = before.min_serial.get(image);
        if earlier != Some(serial) {
            found.push(Change {
                image: Some(image.clone()),
                before: earlier.map(ToString::to_string),
                after: Some(serial.to_string()),
                ..of(What::MinSerial)
            });
        }
    }
    let log = |document: &TrustDocument| {
        document.log.as_ref().map(|log| {
            let receipts = match log.receipt {
                Receipts::Optional => "optional",
                Receipts::Required => "required",
            };
            format!("{}, receipts {receipts}", Escaped(log.origin.as_bytes()))
        })
    };
    let expires = |document: &TrustDocument| {
        let seconds = document.expires?;
        Some(Epoch::new(seconds).map_or_else(|_| seconds.to_string(), Epoch::rfc3339))
    };
    for (what, before, after) in [
        (What::Log, log(before), log(after)),
        (What::Expires, expires(before), expires(after)),
    ] {
        if before != after {
            found.push(Change {
                before,
                after,
                ..of(what)
            });
        }
    }
    found
}

fn of(what: What) -> Change {
    Change {
        what,
        role: None,
        key: None,
        image: None,
        before: None,
        after: None,
    }
}

fn of_key(role: Role, before: Option<&RoleKey>, after: &RoleKey, found: &mut Vec<Change>) {
    let mut push = |what, before: Option<String>, after: Option<String>, key: &RoleKey| {
        if before != after {
            found.push(Change {
                what,
                role: Some(role),
                key: Some(key.key.id()),
                image: None,
                before,
                after,
            });
        }
    };
    let Some(before) = before else {
        let mut words = vec![format!("from entry {}", after.from)];
        words.extend(images(after).map(|images| format!("images {images}")));
        words.extend(name(after));
        push(What::KeyAdded, None, Some(words.join(", ")), after);
        let until = after.until.map(|until| format!("from entry {until} on"));
        push(What::KeyEnded, None, until, after);
        return;
    };
    let end = |key: &RoleKey| key.until.map(|until| format!("from entry {until} on"));
    push(What::KeyEnded, end(before), end(after), after);
    push(What::Images, images(before), images(after), after);
    push(What::Name, name(before), name(after), after);
    let reason = |key: &RoleKey| {
        let reason = key.reason.as_ref()?;
        Some(Escaped(reason.as_bytes()).to_string())
    };
    push(What::Reason, reason(before), reason(after), after);
}

fn images(key: &RoleKey) -> Option<String> {
    let images: Vec<&str> = key.images.iter().map(ImageGlob::as_str).collect();
    (!images.is_empty()).then(|| images.join(" "))
}

fn name(key: &RoleKey) -> Option<String> {
    let name = key.name.as_ref()?;
    Some(Escaped(name.as_bytes()).to_string())
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role.map_or("", |role| role.as_str());
        let key = self.key.map(|key| key.to_string()).unwrap_or_default();
        let image = self.image.as_deref().unwrap_or_default();
        let subject = match self.what {
            What::KeyAdded => {
                return write!(f, "+ {role} key {key}  {}", side(self.after.as_ref()));
            }
            What::KeyEnded => {
                return write!(
                    f,
                    "- {role} key {key}  counts no more {}",
                    side(self.after.as_ref())
                );
            }
            What::Images => format!("{role} key {key}  may sign"),
            What::Name => format!("{role} key {key}  name"),
            What::Reason => format!("{role} key {key}  reason"),
            What::Threshold => format!("{role}: keys that must sign"),
            What::MinSerial => format!("lowest serial of {}", Escaped(image.as_bytes())),
            What::Log => "log".to_owned(),
            What::Expires => "expires".to_owned(),
        };
        write!(
            f,
            "~ {subject}  {} -> {}",
            side(self.before.as_ref()),
            side(self.after.as_ref())
        )
    }
}

fn side(side: Option<&String>) -> &str {
    side.map_or("nothing", String::as_str)
}

//! One change of a trust root's document.

use crate::key::{
    ImageGlob, KeyId, PublicKey, Receipts, Role, RoleKey, RoleKeys, TrustDocument, TrustError,
};
use crate::path::Escaped;

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A key joins a role.
    Add {
        /// Which role; one that nobody has yet begins with a threshold of one.
        role: Role,
        /// The key.
        key: PublicKey,
        /// Baseline keys: which images it may sign.
        images: Vec<ImageGlob>,
        /// Who holds it; log keys without one get the log's origin.
        name: Option<String>,
        /// The first log index for which it counts.
        from: u64,
    },
    /// A key ends.
    End {
        /// Which.
        key: KeyId,
        /// The first log index for which it counts no more.
        until: u64,
        /// Why.
        reason: Option<String>,
    },
    /// A baseline key may sign other images.
    Images {
        /// Which.
        key: KeyId,
        /// Which images.
        images: Vec<ImageGlob>,
    },
    /// So many keys of a role must sign.
    Threshold {
        /// Which role.
        role: Role,
        /// How many.
        threshold: usize,
    },
    /// Releases below a serial count no more.
    MinSerial {
        /// Of which image.
        image: String,
        /// The lowest that counts.
        serial: u64,
    },
    /// Whether an Envelope needs a Receipt.
    Receipts(Receipts),
    /// When the trust root should have been replaced; `None`: never.
    Expires(Option<u64>),
}

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// No key of the trust root has that id.
    #[error("the trust root names no key {0}")]
    UnknownKey(String),
    /// The beginning of an id fits several keys.
    #[error("several keys of the trust root begin with {0}")]
    Ambiguous(String),
    /// The key is there already.
    #[error("key {} is in the role {role} already{}", key.short(), if *ended { ", and was ended: an ended key never counts again" } else { "" })]
    There {
        /// In which role.
        role: Role,
        /// Which key.
        key: KeyId,
        /// Whether it was ended.
        ended: bool,
    },
    /// It has ended at that entry or before.
    #[error("key {} was ended from log entry {until} on already", key.short())]
    Ended {
        /// Which key.
        key: KeyId,
        /// Since when.
        until: u64,
    },
    /// The role has nobody.
    #[error("nobody has the role {0}")]
    NoRole(Role),
    /// There is no log that could give Receipts.
    #[error("the trust root names no log that could give receipts")]
    NoLog,
    /// Baseline keys must say which images they may sign.
    #[error("a baseline key needs the images that it may sign")]
    NoImages,
    /// The serial is no higher than before.
    #[error("the lowest serial of {} is {present} already", Escaped(image.as_bytes()))]
    MinSerial {
        /// Of which image.
        image: String,
        /// The present one.
        present: u64,
    },
    /// Nothing is changed.
    #[error("nothing would change")]
    Nothing,
    /// The result breaks a rule of trust roots.
    #[error(transparent)]
    Rule(#[from] TrustError),
}

/// The next version of `present`: the changes made one after the other, and every rule of the format
/// and of its history held.
///
/// # Errors
/// The first change that cannot be made, or the rule that the result breaks.
pub fn apply(present: &TrustDocument, edits: &[Edit]) -> Result<TrustDocument, EditError> {
    let mut next = present.clone();
    for edit in edits {
        change(&mut next, edit)?;
    }
    if next == *present {
        return Err(EditError::Nothing);
    }
    next.version = present.version.saturating_add(1);
    present.check_follows(&next)?;
    next.to_signed()?;
    Ok(next)
}

fn change(next: &mut TrustDocument, edit: &Edit) -> Result<(), EditError> {
    match edit {
        Edit::Add {
            role,
            key,
            images,
            name,
            from,
        } => {
            if *role == Role::Baseline && images.is_empty() {
                return Err(EditError::NoImages);
            }
            let log = next.log.as_ref().filter(|_| *role == Role::Log);
            let name = name.clone().or_else(|| log.map(|log| log.origin.clone()));
            let keys = next.roles.entry(*role).or_insert_with(|| RoleKeys {
                keys: Vec::new(),
                threshold: 1,
            });
            if let Some(there) = keys.keys.iter().find(|there| there.key == *key) {
                return Err(EditError::There {
                    role: *role,
                    key: key.id(),
                    ended: there.until.is_some(),
                });
            }
            keys.keys.push(RoleKey {
                from: *from,
                images: images.clone(),
                key: *key,
                name,
                reason: None,
                until: None,
            });
            keys.keys.sort_by_key(|key| key.key);
        }
        Edit::End { key, until, reason } => {
            let (_, entry) = find(next, *key)?;
            match entry.until {
                Some(before) if before <= *until => {
                    return Err(EditError::Ended {
                        key: *key,
                        until: before,
                    });
                }
                _ => entry.until = Some(*until),
            }
            if reason.is_some() {
                entry.reason.clone_from(reason);
            }
        }
        Edit::Images { key, images } => find(next, *key)?.1.images.clone_from(images),
        Edit::Threshold { role, threshold } => {
            let keys = next.roles.get_mut(role).ok_or(EditError::NoRole(*role))?;
            keys.threshold = *threshold;
        }
        Edit::MinSerial { image, serial } => {
            let present = next.least_serial(image);
            if *serial <= present {
                return Err(EditError::MinSerial {
                    image: image.clone(),
                    present,
                });
            }
            next.min_serial.insert(image.clone(), *serial);
        }
        Edit::Receipts(receipt) => {
            next.log.as_mut().ok_or(EditError::NoLog)?.receipt = *receipt;
        }
        Edit::Expires(expires) => next.expires = *expires,
    }
    Ok(())
}

fn find(document: &mut TrustDocument, id: KeyId) -> Result<(Role, &mut RoleKey), EditError> {
    document
        .roles
        .iter_mut()
        .flat_map(|(role, keys)| keys.keys.iter_mut().map(|key| (*role, key)))
        .find(|(_, key)| key.key.id() == id)
        .ok_or_else(|| EditError::UnknownKey(id.to_string()))
}

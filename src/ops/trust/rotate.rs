//! A new key in the place of the present one, and its file.

use std::path::PathBuf;

use super::{DraftError, Edit};
use crate::key::{KeyId, Passphrase, PublicKey, Role, RoleKey, Signer as _, SigningKey, TrustRoot};
use crate::ops::key::{KeyFileError, pem};
use crate::ops::workspace::Workspace;
use crate::sys::fs;

/// What a rotation changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The changes of the trust root.
    pub edits: Vec<Edit>,
    /// The key that ends.
    pub ended: KeyId,
}

/// A key that was made for a rotation and has no file yet.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// For which role.
    pub role: Role,
    /// The key.
    pub key: SigningKey,
    /// What its file is encrypted with.
    pub passphrase: Option<&'a Passphrase>,
}

impl Rotation {
    /// The changes that put `new` in the place of `old`, else of the only key of the role that
    /// counts, from log entry `at` on. The new key may do what the old one could, under its name.
    ///
    /// # Errors
    /// The role has no such key, or more than one.
    pub fn of(
        root: &TrustRoot,
        role: Role,
        old: Option<KeyId>,
        new: PublicKey,
        at: u64,
    ) -> Result<Self, DraftError> {
        let keys = root.role(role).ok_or(super::EditError::NoRole(role))?;
        let live: Vec<&RoleKey> = keys
            .keys
            .iter()
            .filter(|key| key.until.is_none() && old.is_none_or(|old| old == key.key.id()))
            .collect();
        let old = match (live.as_slice(), old) {
            ([only], _) => *only,
            ([], Some(old)) => return Err(super::EditError::UnknownKey(old.to_string()).into()),
            ([], None) => return Err(super::EditError::NoRole(role).into()),
            _ => return Err(DraftError::Several(role)),
        };
        let ended = old.key.id();
        Ok(Self {
            edits: vec![
                Edit::Add {
                    role,
                    key: new,
                    images: old.images.clone(),
                    name: old.name.clone(),
                    from: at,
                },
                Edit::End {
                    key: ended,
                    until: at.max(old.from),
                    reason: Some(format!("rotated to {}", new.id().short())),
                },
            ],
            ended,
        })
    }

    /// The same, the old key ending at another log entry, for another reason.
    #[must_use]
    pub fn ending(mut self, from: Option<u64>, why: Option<&str>) -> Self {
        for edit in &mut self.edits {
            if let Edit::End { until, reason, .. } = edit {
                *until = from.unwrap_or(*until);
                *reason = why.map(ToOwned::to_owned).or_else(|| reason.take());
            }
        }
        self
    }
}

/// Writes the file of a new key: `keys/private/ROLE.ID.pem`, ID the first digits of its id. It takes
/// the name `ROLE.pem` once a trust root counts it.
///
/// # Errors
/// It is there already, or cannot be written.
pub fn keep(workspace: &Workspace, new: &NewKey<'_>) -> Result<PathBuf, DraftError> {
    let directory = workspace.private_keys();
    if !fs::exists(&directory)? {
        fs::make_dirs(&directory, 0o700)?;
        fs::set_mode(&directory, 0o700)?;
        fs::write_atomic(directory.join(".gitignore"), b"*\n", 0o600)?;
    }
    let path = waiting(workspace, new.role, &new.key.public_key());
    if fs::exists(&path)? {
        return Err(KeyFileError::Exists(path).into());
    }
    let text = pem(&new.key, new.passphrase).map_err(|source| KeyFileError::Private {
        path: path.clone(),
        source,
    })?;
    fs::write_atomic(&path, text.as_bytes(), 0o600)?;
    Ok(path)
}

/// Gives files of keys that count now the name `ROLE.pem`; what had it becomes `ROLE.before-N.pem`, N
/// the trust root's version. A run that was cut off is finished by the next.
pub(super) fn settle(workspace: &Workspace, root: &TrustRoot) -> Result<Vec<PathBuf>, DraftError> {
    let mut done = Vec::new();
    for (role, keys) in &root.document().roles {
        for key in keys.keys.iter().filter(|key| key.until.is_none()) {
            let from = waiting(workspace, *role, &key.key);
            if !fs::exists(&from)? {
                continue;
            }
            let to = workspace.private_key(role.as_str());
            if fs::exists(&to)? {
                let name = format!("{role}.before-{}", root.version());
                let aside = workspace.private_key(&name);
                if fs::exists(&aside)? {
                    return Err(KeyFileError::Exists(aside).into());
                }
                fs::rename(&to, &aside)?;
                done.push(aside);
            }
            fs::rename(&from, &to)?;
            done.push(to);
        }
    }
    Ok(done)
}

fn waiting(workspace: &Workspace, role: Role, key: &PublicKey) -> PathBuf {
    workspace.private_key(&format!("{role}.{}", key.id().short()))
}

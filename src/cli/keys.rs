//! Keys on the command line: what signs, and which key of a trust root is meant.

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};

use super::console::Console;
use super::failure::Failure;
use super::passphrase::Source;
use crate::key::{KeyId, PublicKey, Role, Signer, TrustDocument};
use crate::limits;
use crate::ops::signer::{self, KeySpec};
use crate::ops::trust::EditError;
use crate::ops::workspace::Workspace;
use crate::sys::fs;

/// Fewest digits of an id that stand for a key: short enough to type, too long to hit by chance.
const DIGITS_MIN: usize = 6;

/// Takes `--key`.
pub fn parser() -> impl TypedValueParser<Value = KeySpec> {
    OsStringValueParser::new().try_map(|text| KeySpec::parse(&text))
}

/// Opens every key that was named.
pub fn open(
    specs: &[KeySpec],
    passphrase: Source,
    console: &Console,
) -> Result<Vec<Box<dyn Signer>>, Failure> {
    specs
        .iter()
        .map(|spec| {
            let name = PathBuf::from(spec.to_string());
            Ok(spec.open(|| passphrase.existing(console, &name))?)
        })
        .collect()
}

/// The keys that were named; else those of `role` that the workspace's `signers.toml` names; else its own file, if it is there.
pub fn named_or_own(
    named: &[KeySpec],
    workspace: Option<&Workspace>,
    role: Role,
) -> Result<Vec<KeySpec>, Failure> {
    if let (true, Some(workspace)) = (named.is_empty(), workspace) {
        let configured = signer::configured(workspace, role)?;
        if !configured.is_empty() {
            return Ok(configured);
        }
        let path = workspace.private_key(role.as_str());
        if fs::exists(&path)? {
            return Ok(vec![KeySpec::File(path)]);
        }
    }
    Ok(named.to_vec())
}

/// A key of `document`: an id, its first digits, or the file of its public half.
pub fn find(document: &TrustDocument, text: &str) -> Result<KeyId, Failure> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digits || text.len() < DIGITS_MIN {
        return Ok(read_public(Path::new(text))?.id());
    }
    let lower = text.to_ascii_lowercase();
    let mut found = document
        .roles
        .values()
        .flat_map(|keys| &keys.keys)
        .map(|key| key.key.id())
        .filter(|id| id.to_string().starts_with(&lower));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(EditError::Ambiguous(lower).into()),
        (None, _) => Err(EditError::UnknownKey(lower).into()),
    }
}

/// A public key file.
pub fn read_public(path: &Path) -> Result<PublicKey, Failure> {
    let bytes = fs::read(path, limits::KEY_FILE_MAX)?;
    PublicKey::from_file(&bytes).map_err(|source| {
        crate::ops::key::KeyFileError::Public {
            path: path.to_owned(),
            source,
        }
        .into()
    })
}

/// A role by its name.
pub fn role(text: &str) -> Result<Role, String> {
    let names: Vec<&str> = Role::ALL.into_iter().map(Role::as_str).collect();
    Role::ALL
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| format!("the roles are {}", names.join(", ")))
}

//! Where a workspace's keys are, if not in `keys/private/` itself: `keys/private/signers.toml`.
//!
//! It lies there because it names programs and libraries that will be run: what comes with a
//! repository must not be able to say so, and `keys/private/` never does.
//!
//! ```toml
//! root = "pkcs11:token=root;object=root"
//! baseline = ["agent:SHA256:…", "file:keys/private/baseline.pem"]
//! ```

use std::ffi::OsStr;
use std::path::PathBuf;

use super::KeySpec;
use crate::key::Role;
use crate::limits;
use crate::ops::workspace::Workspace;
use crate::sys::fs::{self, IoError};

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// It breaks a rule.
    #[error("{}: {rule}", path.display())]
    Rule {
        /// The file.
        path: PathBuf,
        /// Which one.
        rule: String,
    },
}

/// The keys of `role` that the file names; none where it says nothing. Relative paths in it begin at
/// the workspace.
///
/// # Errors
/// Somebody else may write to it, it is not TOML, names what is no role, or spells a key wrongly.
pub fn configured(workspace: &Workspace, role: Role) -> Result<Vec<KeySpec>, SettingsError> {
    let path = workspace.signers();
    let bytes = match fs::read_ours(&path, limits::SIGNERS_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let parsed = match String::from_utf8(bytes) {
        Ok(text) => parse(&text, role),
        Err(_) => Err("it is not UTF-8".to_owned()),
    };
    parsed
        .map(|keys| {
            keys.into_iter()
                .map(|key| key.beneath(workspace.root()))
                .collect()
        })
        .map_err(|rule| SettingsError::Rule { path, rule })
}

fn parse(text: &str, wanted: Role) -> Result<Vec<KeySpec>, String> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| error.to_string())?;
    let mut found = Vec::new();
    for (name, value) in &table {
        let Some(role) = Role::ALL.into_iter().find(|role| role.as_str() == name) else {
            return Err(format!("\"{}\" is no role", name.escape_default()));
        };
        let texts = match value {
            toml::Value::String(text) => vec![text.as_str()],
            toml::Value::Array(items) => items
                .iter()
                .map(toml::Value::as_str)
                .collect::<Option<_>>()
                .ok_or_else(|| format!("{role}: a key is text"))?,
            _ => return Err(format!("{role}: a key or a list of keys is expected")),
        };
        for text in texts {
            let key = KeySpec::parse(OsStr::new(text)).map_err(|rule| format!("{role}: {rule}"))?;
            if role == wanted {
                found.push(key);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_or_several_for_each_role() {
        let text = "root = \"agent:\"\nbaseline = [\"a.pem\", \"file:b.pem\"]\n";
        let names = |role| -> Vec<String> {
            let keys = parse(text, role).unwrap();
            keys.iter().map(ToString::to_string).collect()
        };
        assert_eq!(names(Role::Root), ["agent:"]);
        assert_eq!(names(Role::Baseline), ["a.pem", "b.pem"]);
        assert_eq!(names(Role::Log), [""; 0]);
        for bad in [
            "x",
            "wizard = \"a\"",
            "root = 1",
            "root = [1]",
            "root = \"pkcs11:\"",
        ] {
            assert!(parse(bad, Role::Log).is_err(), "{bad}");
        }
    }
}

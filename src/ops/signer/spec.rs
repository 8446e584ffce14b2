//! The spelling of a key: `file:`, `agent:`, `command:`, `pkcs11:`, or a plain path.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::TokenUri;
use crate::key::{KeyError, Passphrase, PublicKey, Signer};
use crate::limits;
use crate::ops::key::{self, KeyFileError};
use crate::sys::fs::{self, IoError};
use crate::sys::signer::{AgentError, AgentSigner, CommandSigner};

/// Where a private key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySpec {
    /// `file:PATH` or `PATH`: a PKCS#8 file.
    File(PathBuf),
    /// `agent:WHICH`: ssh-agent holds it. WHICH is `SHA256:…` as `ssh-add -l` prints it, the first
    /// digits of a key id, a public key file, or nothing where there is one Ed25519 key only.
    Agent(String),
    /// `command:PUBLIC:PROGRAM ARGUMENT…`: a program signs; PUBLIC is the file of the public key.
    Command {
        /// The public key file.
        public: PathBuf,
        /// The program and its arguments, separated by blanks; no shell is asked.
        words: Vec<String>,
    },
    /// `pkcs11:…`: a token holds it (RFC 7512).
    Token(TokenUri),
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenKeyError {
    /// A key file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A token.
    #[cfg(feature = "pkcs11")]
    #[error(transparent)]
    Token(#[from] crate::sys::signer::TokenError),
    /// This program knows nothing of tokens.
    #[cfg(not(feature = "pkcs11"))]
    #[error("{0}: this karat was built without PKCS#11")]
    NoTokens(String),
}

/// Fewest digits of an id that stand for a key.
const DIGITS_MIN: usize = 6;

impl KeySpec {
    /// Takes what somebody wrote.
    ///
    /// # Errors
    /// It begins as one of the spellings and does not go on as one.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        let file = || Self::File(text.into());
        let Some((kind, rest)) = text.to_str().and_then(|text| text.split_once(':')) else {
            return Ok(file());
        };
        match kind {
            "file" => Ok(Self::File(rest.into())),
            "agent" => Ok(Self::Agent(rest.to_owned())),
            "command" => {
                let (public, program) = rest
                    .split_once(':')
                    .ok_or("command:PUBLIC.pem:PROGRAM [ARGUMENT]... is expected")?;
                let words: Vec<String> =
                    program.split_whitespace().map(ToOwned::to_owned).collect();
                if public.is_empty() || words.is_empty() {
                    return Err("command: names no public key file or no program".to_owned());
                }
                Ok(Self::Command {
                    public: public.into(),
                    words,
                })
            }
            "pkcs11" => TokenUri::parse(rest)
                .map(Self::Token)
                .map_err(|error| error.to_string()),
            _ => Ok(file()),
        }
    }

    /// The same, with relative paths of files taken from `directory`.
    #[must_use]
    pub fn beneath(self, directory: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(directory.join(path)),
            Self::Command { public, words } => Self::Command {
                public: directory.join(public),
                words,
            },
            other => other,
        }
    }

    /// Opens it; `passphrase` is asked only where one is needed.
    ///
    /// # Errors
    /// There is no such key, or it cannot be used.
    pub fn open(
        &self,
        passphrase: impl FnOnce() -> Option<Passphrase>,
    ) -> Result<Box<dyn Signer>, OpenKeyError> {
        match self {
            Self::File(path) => Ok(Box::new(key::read_private(path, passphrase)?)),
            Self::Agent(which) => Ok(Box::new(agent(which)?)),
            Self::Command { public, words } => {
                let key = read_public(public)?;
                let (program, arguments) = words.split_first().map_or_else(
                    || (String::new(), Vec::new()),
                    |(first, rest)| (first.clone(), rest.to_vec()),
                );
                Ok(Box::new(CommandSigner::new(program, arguments, key)))
            }
            #[cfg(feature = "pkcs11")]
            Self::Token(uri) => Ok(Box::new(crate::sys::signer::TokenSigner::open(
                &uri.to_lookup(),
                passphrase,
            )?)),
            #[cfg(not(feature = "pkcs11"))]
            Self::Token(uri) => Err(OpenKeyError::NoTokens(uri.to_string())),
        }
    }
}

fn agent(which: &str) -> Result<AgentSigner, OpenKeyError> {
    let socket = crate::sys::env::path("SSH_AUTH_SOCK");
    let socket = socket.as_deref();
    if which.is_empty() {
        let any = |_: &str, key: Option<&PublicKey>| key.is_some();
        return Ok(AgentSigner::find(socket, "for ssh-ed25519", any)?);
    }
    if which.starts_with("SHA256:") {
        let wanted = which.trim_end_matches('=');
        let same = |name: &str, _: Option<&PublicKey>| name == wanted;
        return Ok(AgentSigner::find(socket, which, same)?);
    }
    if which.len() >= DIGITS_MIN && which.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let digits = which.to_ascii_lowercase();
        let begins = |_: &str, key: Option<&PublicKey>| {
            key.is_some_and(|key| key.id().to_string().starts_with(&digits))
        };
        return Ok(AgentSigner::find(socket, which, begins)?);
    }
    let wanted = read_public(Path::new(which))?;
    let same = |_: &str, key: Option<&PublicKey>| key == Some(&wanted);
    Ok(AgentSigner::find(socket, which, same)?)
}

fn read_public(path: &Path) -> Result<PublicKey, OpenKeyError> {
    let bytes = fs::read(path, limits::KEY_FILE_MAX)?;
    let key = PublicKey::from_file(&bytes);
    Ok(key.map_err(|source: KeyError| KeyFileError::Public {
        path: path.to_owned(),
        source,
    })?)
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Agent(which) => write!(f, "agent:{which}"),
            Self::Command { public, words } => {
                write!(f, "command:{}:{}", public.display(), words.join(" "))
            }
            Self::Token(uri) => uri.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let parse = |text: &str| KeySpec::parse(OsStr::new(text));
        let file = |path: &str| Ok(KeySpec::File(path.into()));
        for (text, expected) in [
            ("key.pem", file("key.pem")),
            ("file:key.pem", file("key.pem")),
            ("file:agent:x", file("agent:x")),
            ("c:/key.pem", file("c:/key.pem")),
            ("", file("")),
            ("agent:", Ok(KeySpec::Agent(String::new()))),
            (
                "agent:SHA256:a/b",
                Ok(KeySpec::Agent("SHA256:a/b".to_owned())),
            ),
            (
                "command:a.pem:sign  --key 7",
                Ok(KeySpec::Command {
                    public: "a.pem".into(),
                    words: ["sign", "--key", "7"].map(ToOwned::to_owned).to_vec(),
                }),
            ),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in [
            "command:",
            "command:a.pem",
            "command:a.pem: ",
            "command::x",
            "pkcs11:",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let moved = parse("command:a.pem:sign")
            .unwrap()
            .beneath(Path::new("/w"));
        assert_eq!(moved.to_string(), "command:/w/a.pem:sign");
    }
}

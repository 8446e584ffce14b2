//! What `failure` does, for the errors of keys, trust roots and exports.

use super::Exit;
use super::failure::Failure;

impl From<crate::ops::trust::EditError> for Failure {
    fn from(error: crate::ops::trust::EditError) -> Self {
        use crate::key::TrustError as Rule;
        use crate::ops::trust::EditError as Error;
        let failure = Self::failed(&error);
        match error {
            Error::Ambiguous(_) => failure.hint("give more digits: `karat trust show`"),
            Error::UnknownKey(_) | Error::NoRole(_) => {
                failure.hint("`karat trust show` lists roles and keys")
            }
            Error::There { ended: true, .. } => failure.hint("make a new key: `karat key new`"),
            Error::Nothing => {
                failure.hint("say what shall: `karat trust update --help` has examples")
            }
            Error::NoImages => failure.hint("give them: --add-key baseline=FILE,images=GLOB"),
            Error::Rule(Rule::Threshold { .. }) => {
                failure.hint("add keys or lower the threshold in the same command")
            }
            Error::Rule(Rule::Interval(_)) => {
                failure.hint("--at INDEX says from which log entry on keys begin and end")
            }
            _ => failure,
        }
    }
}

impl From<crate::ops::trust::DraftError> for Failure {
    fn from(error: crate::ops::trust::DraftError) -> Self {
        use crate::ops::trust::DraftError as Error;
        let failure = Self::failed(&error);
        match error {
            Error::Edit(error) => error.into(),
            Error::Key(error) => error.into(),
            Error::Present(error) => error.into(),
            Error::Trust { .. } | Error::Envelope { .. } | Error::OtherDraft { .. } => {
                failure.exit(Exit::Untrusted)
            }
            Error::Chain(_) => failure
                .exit(Exit::Untrusted)
                .hint("two trust roots of one version: find out which one instances were given"),
            Error::NotRoot { .. } => failure.hint("`karat trust show` lists the root keys"),
            Error::Unfinished { .. } => failure.hint(
                "finish it (`karat trust sign`, `karat trust accept`), or throw it away: \
                 `karat trust discard`",
            ),
            Error::NoDraft(_) => failure.hint("`karat trust update` makes one"),
            Error::Several(_) => failure.hint("say which one goes: --old KEY"),
            Error::Log(_) | Error::OtherLog(_) => failure.hint("give --at INDEX instead"),
            Error::Moved(_) => failure.hint("run the command again"),
            Error::Io(_) | Error::Ledger(_) | Error::Signer(_) => failure,
        }
    }
}

impl From<crate::ops::signer::OpenKeyError> for Failure {
    fn from(error: crate::ops::signer::OpenKeyError) -> Self {
        use crate::ops::signer::OpenKeyError as Error;
        use crate::sys::signer::AgentError as Agent;
        match error {
            Error::File(error) => error.into(),
            Error::Io(error) => error.into(),
            Error::Agent(error) => {
                let failure = Self::failed(&error);
                match error {
                    Agent::NoAgent | Agent::Io { .. } => {
                        failure.hint("start one: eval \"$(ssh-agent)\", then ssh-add FILE")
                    }
                    Agent::NoKey { .. } | Agent::Several { .. } => {
                        failure.hint("`ssh-add -l` lists the keys; name one: agent:SHA256:...")
                    }
                    Agent::Fido(_) | Agent::Algorithm { .. } => {
                        failure.hint("make an Ed25519 key: ssh-keygen -t ed25519")
                    }
                    Agent::Key { .. } | Agent::Protocol { .. } => failure,
                }
            }
            #[cfg(feature = "pkcs11")]
            Error::Token(error) => Self::failed(&error).hint(
                "name library, token and key: \
                 pkcs11:token=LABEL;object=LABEL?module-path=/path/to/library.so",
            ),
            #[cfg(not(feature = "pkcs11"))]
            Error::NoTokens(_) => Self::failed(&error)
                .hint("build one that has it: cargo build --release --features pkcs11"),
        }
    }
}

impl From<crate::ops::signer::SettingsError> for Failure {
    fn from(error: crate::ops::signer::SettingsError) -> Self {
        Self::failed(&error)
            .hint("keys/private/signers.toml has lines ROLE = \"KEY\": docs/formats/keys.md")
    }
}

impl From<crate::ops::export::ExportError> for Failure {
    fn from(error: crate::ops::export::ExportError) -> Self {
        use crate::baseline::OpenError;
        use crate::ops::export::ExportError as Error;
        let failure = Self::failed(&error);
        match error {
            Error::Key(error) => error.into(),
            Error::Open { source, .. } => match source {
                OpenError::Rollback { .. } => failure.exit(Exit::Rollback),
                OpenError::ReceiptRequired | OpenError::Receipt(_) => failure
                    .exit(Exit::Untrusted)
                    .hint("put its receipt X.tlog-proof beside it: `karat log append` writes it"),
                _ => failure.exit(Exit::Untrusted).hint(
                    "`karat trust show` lists who may sign what; `karat sign` adds a signature",
                ),
            },
            Error::Envelope { .. } => failure.exit(Exit::Untrusted),
            Error::Io(_) | Error::Signer(_) => failure,
        }
    }
}

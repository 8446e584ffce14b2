//! What `failure` does, for the errors of logs.

use super::Exit;
use super::failure::Failure;
use crate::log::LogError;
use crate::ops::log::LogFailure;

impl From<LogFailure> for Failure {
    fn from(error: LogFailure) -> Self {
        let failure = Self::failed(&error);
        match error {
            LogFailure::Io(error) => error.into(),
            LogFailure::Ledger(error) => crate::ops::sign::SignError::from(error).into(),
            LogFailure::Log { source, .. } => match source {
                LogError::Io(error) => error.into(),
                LogError::NoLog => failure.hint("make one: `karat log init`"),
                LogError::Rollback { .. } => failure.exit(Exit::Rollback).hint(
                    "put back all files that were published since: from a mirror, or whoever has them",
                ),
                LogError::NoState(_) => {
                    failure.hint("add where the log was made, with its .state directory")
                }
                LogError::OtherKey { .. } => failure.hint(
                    "name the log's own key with --key; a key that the workspace's trust root names \
                     for it is taken up when something is signed there",
                ),
                LogError::Odd(_) => failure.hint("move it away"),
                LogError::NotOurs(_)
                | LogError::Note { .. }
                | LogError::Checkpoint { .. }
                | LogError::Vkey(_)
                | LogError::Missing(_)
                | LogError::Damaged(_)
                | LogError::Bundle { .. }
                | LogError::Root { .. }
                | LogError::Fork(_)
                | LogError::Inconsistent { .. } => failure
                    .exit(Exit::Untrusted)
                    .hint("`karat log check` lists all that is wrong; nothing was added"),
                LogError::Exists(..)
                | LogError::Signer(_)
                | LogError::EntryTooLarge(_)
                | LogError::NoEntry { .. } => failure,
            },
            LogFailure::Untrusted { .. } => failure
                .exit(Exit::Untrusted)
                .hint("compare with `karat trust show`: origin, log keys, witnesses"),
            LogFailure::Envelope { .. }
            | LogFailure::Statement { .. }
            | LogFailure::Trust { .. }
            | LogFailure::Other { .. } => failure
                .exit(Exit::Untrusted)
                .hint("a log takes envelopes as `karat sign` writes them, and trust roots"),
            LogFailure::Origin(_) | LogFailure::Entry { .. } => failure,
            LogFailure::NotLogged(_) => failure.hint("`karat log append` adds it"),
        }
    }
}

impl From<crate::ops::audit::AuditFailure> for Failure {
    fn from(error: crate::ops::audit::AuditFailure) -> Self {
        use crate::ops::audit::{AcknowledgeError, AuditFailure as Error};
        let failure = Self::failed(&error);
        match error {
            Error::Io(error) | Error::Acknowledgements(AcknowledgeError::Io(error)) => error.into(),
            Error::Trust(error) => error.into(),
            Error::Log { source, log } => LogFailure::Log {
                directory: log.into(),
                source,
            }
            .into(),
            Error::Acknowledgements(AcknowledgeError::Form { .. }) => failure.hint(
                "each [[acknowledge]] has code, index or subject, reason and who: docs/formats/audit-report.md",
            ),
            Error::Since { .. } => failure
                .hint("give the file `checkpoint` of the log as it was then, or a number of entries"),
            Error::TooLarge(_) => failure,
        }
    }
}

//! What `failure` does, for the errors of logs.

use super::Exit;
use super::failure::Failure;
use crate::log::LogError;
use crate::ops::log::{Forbidden, LogFailure};

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
                     for it is taken up when something is added there",
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
                .hint("a log takes envelopes as `karat sign` writes them, trust roots, and notices"),
            LogFailure::Notice { source, .. } => {
                use crate::log::NoticeError as Rule;
                let failure = failure.exit(Exit::Untrusted);
                match source {
                    Rule::Threshold { .. } => failure.hint(
                        "`karat trust show` lists the keys of the role revoke; root keys speak \
                         where it has none",
                    ),
                    Rule::Reason | Rule::Serials { .. } | Rule::Later { .. } | Rule::NoLog => {
                        failure.exit(Exit::Failed)
                    }
                    _ => failure,
                }
            }
            LogFailure::Forbidden(error) => error.into(),
            LogFailure::OtherLog(_) => {
                failure.hint("`karat trust show` names the log that belongs here")
            }
            LogFailure::Signer(_) | LogFailure::Origin(_) | LogFailure::Entry { .. } => failure,
            LogFailure::NotLogged(_) => failure.hint("`karat log append` adds it"),
        }
    }
}

impl From<Forbidden> for Failure {
    fn from(error: Forbidden) -> Self {
        let failure = Self::failed(&error);
        match error {
            Forbidden::Revoked { .. } => failure.hint(
                "go on with a new key: `karat key rotate ROLE`; it needs the root keys, and ends the \
                 old key for instances, too",
            ),
            Forbidden::Retired { .. } => failure
                .hint("a corrected image is a new release: build it, and sign its own draft"),
        }
    }
}

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
            LogFailure::Cache(error) => error.into(),
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
                LogError::Overwrites(_) => failure.exit(Exit::Rollback).hint(
                    "`karat log check` tells what is there; put back the newest .state, or move those files away",
                ),
                LogError::TooMany(_) => failure.hint("add them in several appends"),
                LogError::Busy => failure.hint("try again"),
                LogError::Unfit(_) => failure.hint(
                    "keep the log in a directory, or in a store with conditional writes (If-None-Match, If-Match)",
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
            LogFailure::Refused { .. } => failure
                .exit(Exit::Untrusted)
                .hint("`karat log cosign` asks the witnesses that are missing"),
            LogFailure::Memory { .. } => failure.hint(
                "it is another log's, or was changed: look who did, and move it away to begin anew",
            ),
            LogFailure::Fork { .. } => failure.hint(
                "name the keys of the log: --trust FILE, --by-policy FILE or --key NAME+ID+BASE64",
            ),
            LogFailure::Envelope { .. }
            | LogFailure::Statement { .. }
            | LogFailure::Trust { .. }
            | LogFailure::Other { .. } => failure
                .exit(Exit::Untrusted)
                .hint("a log takes envelopes as `karat sign` writes them, trust roots, and notices"),
            LogFailure::Policy { .. } => {
                failure.hint("the format is https://c2sp.org/tlog-policy; see docs/formats/log.md")
            }
            LogFailure::SameLog(_) => failure.hint("name each log once"),
            LogFailure::NoLogs => failure.hint("give --trust FILE or --policy FILE"),
            LogFailure::Served(_) => failure.hint("stop the other one, or give another --state"),
            LogFailure::NoBuckets(_) => failure.hint("build karat with the feature \"s3\""),
            LogFailure::NeedsTrust(_) => failure.hint("give --trust FILE"),
            LogFailure::ReadOnly(_) => {
                failure.hint("name the directory or the bucket that the server shows")
            }
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

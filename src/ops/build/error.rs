//! Why an image was not built.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::agent::AgentError;
use super::disk::DiskImageError;
use crate::archive::CacheError;
use crate::baseline::StatementError;
use crate::expect::ExpectationsError;
use crate::harden::{Outcome, Results, ResultsError, ViewError};
use crate::image::further::FurtherError;
use crate::json::JsonError;
use crate::lock::LockError;
use crate::ops::disk::DiskFileError;
use crate::ops::outputs::OutputError;
use crate::ops::sign::SignError;
use crate::ops::trust::TrustFileError;
use crate::path::{Escaped, PathError};
use crate::stage::StageError;
use crate::stage::overlay::OverlayError;
use crate::sys::fs::IoError;
use crate::template::Diagnostics;
use crate::tree::{EpochError, TreeError};

/// Why an image was not built. Each step has its own errors; most are passed on as they are.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// What was given as the agent would not run in the image.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The disk cannot be made.
    #[error(transparent)]
    Disk(#[from] Box<DiskImageError>),
    /// Nothing can be delivered on the disk.
    #[error(transparent)]
    DiskFile(#[from] DiskFileError),
    /// `SOURCE_DATE_EPOCH` is no epoch.
    #[error("SOURCE_DATE_EPOCH: {0}")]
    Epoch(#[from] EpochError),
    /// The template's mutable paths contradict each other.
    #[error(transparent)]
    Expectations(#[from] ExpectationsError),
    /// A further output has a name that it cannot have.
    #[error(transparent)]
    Further(#[from] FurtherError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A document has no JSON form.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The lock does not fit, or cannot be made.
    #[error(transparent)]
    Lock(#[from] crate::ops::lock::LockFailure),
    /// The lock file itself breaks a rule.
    #[error(transparent)]
    LockFile(#[from] LockError),
    /// The signed statement could not be logged.
    #[error(transparent)]
    Log(#[from] crate::ops::log::LogFailure),
    /// The template wants an agent in the image, and there is none to install.
    #[error("the template installs karat-agent, and there is none at {}", .0.display())]
    NoAgent(PathBuf),
    /// An output cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The template's files, users or services do not fit the packages' tree.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A package that the image's segment forbids, also where another one needs it.
    #[error("the lock has a package that the segment forbids: {reason}")]
    Package {
        /// Why.
        reason: String,
    },
    /// Units are more exposed than the segment allows.
    #[error("services are more exposed than [segment] allows:\n  {}", .0.join("\n  "))]
    Exposed(Vec<String>),
    /// What says how exposed units are cannot be read.
    #[error(transparent)]
    Units(#[from] ViewError),
    /// A path of karat's own breaks a rule.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The statement could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// Hardening rules of the template's profile do not hold, or it cannot be told.
    #[error("{}", rules(.0))]
    Rules(Box<Results>),
    /// The rules give no results: none was looked at.
    #[error(transparent)]
    RuleResults(#[from] ResultsError),
    /// A package, a script or the machine breaks a rule.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// What was built cannot be stated.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The template breaks rules.
    #[error(transparent)]
    Template(#[from] Diagnostics),
    /// The finished tree breaks a rule.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The workspace's trust root is not accepted.
    #[error(transparent)]
    Trust(#[from] TrustFileError),
}

/// All rules that do not hold, each with its reasons.
fn rules(results: &Results) -> String {
    let (fails, unknown) = (
        results.count(Outcome::Fail),
        results.count(Outcome::Unknown),
    );
    let profile = results.profile;
    let mut text = match fails {
        1 => format!("a hardening rule of {profile} does not hold"),
        _ => format!("{fails} hardening rules of {profile} do not hold"),
    };
    if unknown > 0 {
        let _infallible = write!(text, ", and of {unknown} it cannot be told");
    }
    for result in &results.results {
        if matches!(result.outcome, Outcome::Fail | Outcome::Unknown) {
            let (id, title) = (&result.id, Escaped(result.title.as_bytes()));
            let _infallible = write!(text, "\n  {id}: {title}");
            for reason in result.reasons.iter().chain(&result.conflicts) {
                let _infallible = write!(text, "\n    {}", Escaped(reason.as_bytes()));
            }
        }
    }
    text
}

impl From<DiskImageError> for BuildError {
    fn from(error: DiskImageError) -> Self {
        Self::Disk(Box::new(error))
    }
}

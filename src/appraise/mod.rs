//! Evidence against a manifest and expectations gives a report: what drifted, who owns it, what the
//! change enables, and what could not be checked.
//!
//! [`Evidence`] is what was observed, by a scan of a directory or by reading an image. [`appraise`]
//! compares it with the [`Manifest`](crate::manifest::Manifest) path by path; nothing is ignored
//! silently: what the [`Expectations`](crate::expect::Expectations) let pass is counted, what could
//! not be read is listed, and both are part of the [`Report`].

mod budget;
mod capability;
mod choice;
mod circumstances;
mod compare;
mod differences;
mod disk;
mod door;
mod drift;
mod effect;
mod evidence;
mod exemption;
mod expected;
pub mod fact;
mod group;
mod hardlinks;
mod lines;
mod mount;
mod nonce;
mod opening;
pub mod program;
mod report;
mod roots;
mod tally;
mod verification;
mod versions;

pub use budget::Within;
pub use choice::{Candidate, Choice, choose};
pub use circumstances::{
    Assurance, BootId, BootIdError, Booted, Circumstances, Expiry, ExpiryError, Protection,
    Remembered,
};
pub use compare::appraise;
pub use disk::{BootFile, Compared, DiskFacts, PartitionFacts, PartitionRole, SlotFacts};
pub use door::{Material, Neighbour, Opened, Terms, newest_root};
pub use drift::{Change, Drift, Owner, Severity};
pub use effect::Effect;
pub use evidence::{
    AsListed, Evidence, InodeKey, Limit, NotChecked, Observed, ObservedContent, ObservedKind,
    ObservedMount, Reason, Source, Want,
};
pub use expected::{Expected, Known, Listed, UpTo};
pub use group::{Group, Versions, groups};
pub use lines::{Lines, Unified};
pub use nonce::{Nonce, NonceError};
pub use opening::Opening;
pub use report::{Counts, Report, Verdict};
pub use roots::NewerRoot;
pub use tally::Tally;
pub use verification::{
    Artefact, Explanation, Facts, Finding, Inputs, LogFacts, Target, Verification,
};
pub use versions::{installed, locked};

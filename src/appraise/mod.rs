//! Evidence against a manifest and expectations gives a report: what drifted, who owns it, what the
//! change enables, and what could not be checked.
//!
//! [`Evidence`] is what was observed, by a scan of a directory or by reading an image. [`appraise`]
//! compares it with the [`Manifest`](crate::manifest::Manifest) path by path; nothing is ignored
//! silently: what the [`Expectations`](crate::expect::Expectations) let pass is counted, what could
//! not be read is listed, and both are part of the [`Report`].

mod capability;
mod compare;
mod door;
mod drift;
mod effect;
mod evidence;
pub mod fact;
pub mod program;
mod report;
mod verification;

pub use compare::appraise;
pub use door::{Material, Neighbour, Opened};
pub use drift::{Change, Drift, Owner, Severity};
pub use effect::Effect;
pub use evidence::{
    Evidence, InodeKey, NotChecked, Observed, ObservedContent, ObservedKind, Reason, Source, Want,
};
pub use report::{Counts, Report, Verdict};
pub use verification::{Artefact, Explanation, Facts, Finding, Target, Verification};

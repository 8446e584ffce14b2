//! A verification as text for people and as JSON for machines; both binaries print the same.

mod facts;
mod json;
mod text;

pub use facts::{document as facts_document, text as facts_text};
pub use json::document;
pub use text::{Style, text};

use super::Exit;
use crate::appraise::Verdict;

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Match => Self::Ok,
            Verdict::Drift => Self::Drift,
            Verdict::Untrusted => Self::Untrusted,
            Verdict::Rollback => Self::Rollback,
            Verdict::Incomplete => Self::Incomplete,
        }
    }
}

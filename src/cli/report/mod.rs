//! A verification as text for people and in formats for machines; both binaries print the same.
//!
//! | file | what |
//! |---|---|
//! | `text`, `drifts`, `excerpt`, `page` | for people |
//! | `json`, `comparison` | all that is known, as one document |
//! | `canonical` | what a digest stands for |
//! | `disk` | what lies on a disk that was verified |
//! | `facts` | what the running system shows |
//! | `output` | further reports: `--report FORMAT=FILE` |
//! | `journal` | systemd's journal |
//! | `prometheus` | metrics |
//! | `junit`, `sarif` | for CI; `karat` alone |

pub mod canonical;
mod comparison;
mod disk;
mod drifts;
mod excerpt;
mod facts;
mod journal;
mod json;
#[cfg(feature = "build")]
mod junit;
mod output;
mod page;
mod prometheus;
#[cfg(feature = "build")]
mod sarif;
mod text;

pub use facts::{document as facts_document, text as facts_text};
pub use json::{document, json_text};
pub use output::{Format, Output, Outputs};
pub use page::{Detail, Style};
pub use text::text;

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

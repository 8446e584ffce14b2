//! `karat audit`, without printing: the whole history of signatures, replayed and judged.
//!
//! | file | what |
//! |---|---|
//! | `code`, `finding` | what an audit can find, with codes that stay; one thing found |
//! | `report` | what an audit says, as a value: text, JSON, CSV and HTML are made of it |
//! | `entries` | the rows of the report, a million of them in little memory |

mod code;
mod entries;
mod finding;
mod report;

pub use code::{Code, Severity};
pub use entries::{Entries, EntryFacts, EntryKind, EntryVerdict, SignatureFacts, SignatureVerdict};
pub use finding::{Acknowledged, CodeCount, Finding};
pub use report::{
    Baseline, Change, Counts, ImageFacts, Independence, KeyFacts, KeyState, LogFacts, NoticeFacts,
    NoticeKind, PackageDelta, Report, Retired, Revoked, RootChange, RootFacts, Verdict, Who,
    WitnessFacts,
};

//! `karat audit`, without printing: the whole history of signatures, replayed and judged.
//!
//! ```text
//! entries ─scan (all processors)▶ rows · who signed · trust roots ─lineage▶ the newest decides
//!         ─notices▶ revocations ─judge▶ verdicts ─serials, envelopes, changes▶ Report
//! ```
//! Each entry is read, hashed and verified once, in one pass that also computes every tile and root
//! again. What a signature is worth is judged when all is known: the newest trust root that the given
//! one leads to decides, by index, and every revocation in the log.
//!
//! | file | what |
//! |---|---|
//! | `run` | the whole, step by step |
//! | `code`, `next`, `finding` | what an audit can find, with codes that stay, and what to do about each |
//! | `report` | what an audit says, as a value: text, JSON, CSV and HTML are made of it |
//! | `entries` | the rows of the report, a million of them in little memory |
//! | `parse`, `scan` | one entry taken apart; all of them, on all processors |
//! | `lineage`, `roots` | the trust roots that belong together; what the log says about them |
//! | `notices` | revocations and retirements |
//! | `judge` | what each entry and each signature is worth |
//! | `serials` | each image's releases |
//! | `integrity` | checkpoints, tiles, witnesses, forks |
//! | `keys` | every key and its life |
//! | `files`, `envelopes`, `changes`, `sbom` | what lies outside of the log |
//! | `collect`, `acknowledge` | findings, and those that somebody has taken note of |
//! | `failure` | [`AuditFailure`] |

mod acknowledge;
mod changes;
mod code;
mod collect;
mod entries;
mod envelopes;
mod failure;
mod files;
mod finding;
mod integrity;
mod judge;
mod keys;
mod lineage;
mod next;
mod notices;
mod parse;
mod report;
mod roots;
mod run;
#[cfg(test)]
mod sample;
mod sbom;
mod scan;
mod serials;

pub use acknowledge::AcknowledgeError;
pub use code::{Code, Severity};
pub use entries::{Entries, EntryFacts, EntryKind, EntryVerdict, SignatureFacts, SignatureVerdict};
pub use failure::AuditFailure;
pub use finding::{Acknowledged, CodeCount, Finding};
pub use report::{
    Baseline, Change, Counts, ImageFacts, Independence, KeyFacts, KeyState, LogFacts, NoticeFacts,
    NoticeKind, PackageDelta, Report, Retired, Revoked, RootChange, RootFacts, Verdict, Who,
    WitnessFacts,
};
pub use run::{Request, Since, audit};
#[cfg(test)]
pub(crate) use sample::sample;

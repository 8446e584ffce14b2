//! Who is responsible for what, and which evidence there is.
//!
//! ```text
//! templates/controls/*.toml ─▶ Matrix ─┐
//! statements, rules, lock, log, reports ─▶ Image, Fleet ─┴─judge▶ Report ─▶ text, JSON, CSV, HTML, OSCAL
//! ```
//! A report states evidence. It never says that anybody complies with anything: that is for people to
//! judge, and what nobody has shown comes first. Files of controls: `docs/formats/controls.md`; the
//! report: `docs/formats/responsibility-report.md`.
//!
//! | file | what |
//! |---|---|
//! | `value`, `parse`, `matrix`, `domain` | controls, the files that they stand in, all of them, what domains are called |
//! | `facts` | what is known of an image, the log and the fleet |
//! | `summary` | signed summaries of verifications, opened under the trust root |
//! | `weigh` | one need of a control against one image |
//! | `judge`, `report` | all of them, as a value |
//! | `oscal` | the same as OSCAL's component definition and assessment results |

mod domain;
mod facts;
mod judge;
mod matrix;
pub mod oscal;
mod parse;
mod report;
mod summary;
#[cfg(test)]
mod tests;
mod value;
mod weigh;

pub use domain::domain_title;
pub use facts::{
    Attestation, Entry, Fleet, History, Image, Known, Locked, Log, Named, Rules, Said, Sbom,
    SignedBy, Standing,
};
pub use judge::{Case, judge};
pub use matrix::{Matrix, SHIPPED};
pub use parse::ControlError;
pub use report::{
    ControlFacts, Counts, Evidence, Finding, FleetFacts, Holds, ImageFacts, MatrixFacts, Report,
    RuleLine, State, Verdict, Weight,
};
pub use summary::{
    LEVEL, POLICY, PREDICATE_TYPE, SummaryError, VERIFIER, VerifiedSummary, resource,
};
pub use value::{Control, Ids, Kind, Model, Need, Owner, Owners, Provider, WordError};

//! Hardening rules: data that says what to set, and few kinds of code that set and check it.
//!
//! ```text
//! rule files ─Catalogue▶ Rules ─Selection (profile, exceptions)▶ apply(tree) ─▶ Tree, facts
//!                                                               check(root) ─▶ Results (.rules.json)
//! ```
//!
//! Nothing here touches the machine: a rule sees a root through [`View`], and writes through
//! [`Edit`]. The format of rule files and of results: `docs/formats/rules.md`; the reasons:
//! `docs/design/hardening.md`.
//!
//! | file | what |
//! |---|---|
//! | `rule` `applies` `parse` | one rule, when it applies, reading it |
//! | `catalogue` | [`Catalogue`]: all rules, by id, with a digest |
//! | `profile` | [`Profile`], [`Severity`], [`Selection`]: which rules are wanted |
//! | `stated` | [`Stated`]: what a template says that the image's files do not show |
//! | `kind` | what rules can set: one file each |
//! | `view` `root` `survey` | what a rule sees of a root |
//! | `edit` | what a rule changes |
//! | `systemd` | units and their drop-ins, as the service manager reads them |
//! | [`exposure`] | how exposed a service is, as systemd measures it |
//! | `facts` | what must hold on the running system, with the template's |
//! | `run` | [`apply`] and [`check`] |
//! | `outcome` | [`Results`]: what came of each rule |

mod applies;
mod catalogue;
mod edit;
pub mod exposure;
mod facts;
mod kind;
mod outcome;
mod parse;
mod profile;
mod root;
mod rule;
mod run;
mod shipped;
mod stated;
mod survey;
mod systemd;
mod view;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_stated;
#[cfg(test)]
mod tests_units;

pub use applies::Applies;
pub use catalogue::Catalogue;
pub use edit::{Edit, EditError, Owned};
pub use facts::united;
pub use kind::{Answer, NEEDED_BY_DISK, Phase, Setting};
pub use outcome::{Outcome, Refs, ResultOf, Results, ResultsError};
pub use profile::{Profile, Selection, Severity};
pub use root::{InstalledPackage, Root};
pub use rule::{Rule, RuleId};
pub use run::{Hardened, apply, check, facts_of};
pub use stated::{Filter, Stated};
pub use survey::CAPABILITY;
pub use view::{Node, NodeKind, TreeView, View, ViewError};

//! Whether a fleet keeps its own rules.
//!
//! | file | what |
//! |---|---|
//! | `code` | [`Rule`]: the rules, each with a code that never changes its meaning |
//! | `finding` | [`Finding`]: a broken rule and its place |
//! | `ends` | both ends of a flow say the same, nothing is open for nobody |
//! | `placement` | categories and lifecycles, legacy behind its gateway |
//! | `paths` | what no way may lead to |
//! | `contents` | packages, units, sockets, exposure |
//! | `egress` | what is let out |
//! | `demands` | what `fleet.toml` demands |

mod code;
mod contents;
mod demands;
mod egress;
mod ends;
mod finding;
mod paths;
mod placement;

pub use code::Rule;
pub use finding::{Demand, Finding, Spot};

use super::member::Fleet;

/// Everything that breaks a rule, in the order of members, rules and places.
///
/// `day` is today, as in `2030-06-30`.
pub fn check(fleet: &Fleet, day: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    placement::check(fleet, day, &mut found);
    ends::check(fleet, &mut found);
    paths::check(fleet, &mut found);
    contents::check(fleet, &mut found);
    egress::check(fleet, &mut found);
    demands::check(fleet, &mut found);
    found.sort();
    found.dedup();
    found
}

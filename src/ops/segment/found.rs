//! What breaks a rule, with its line.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::segment::Rule;
use crate::template::Location;

/// A broken rule of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Which rule.
    #[serde(rename = "code", serialize_with = "code")]
    pub rule: Rule,
    /// The fact that breaks it.
    pub message: String,
    /// Where.
    pub location: Location,
    /// What to do.
    pub help: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
fn code<S: Serializer>(rule: &Rule, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(rule)
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.rule.to_string();
        self.location
            .write(f, &code, &self.message, self.help.as_deref())
    }
}

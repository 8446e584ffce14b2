//! What the kernel lists once a ruleset is loaded.

use serde_json::{Value, json};

use super::model::{Chain, Line, Rule, Ruleset};
use crate::expect::fact::{RulesetError, ruleset};
use crate::peers::{Family, TABLE, set_name};

impl Ruleset {
    /// The normalised ruleset (`docs/formats/expectations.md`) of an instance that has loaded the
    /// text, has no rules of its own beside it, and whose sets of peers are empty.
    ///
    /// # Errors
    /// It is larger than any ruleset that is read.
    pub fn listing(&self) -> Result<Vec<String>, RulesetError> {
        let mut objects = vec![json!({"table": {"family": "inet", "name": TABLE}})];
        for segment in &self.peers {
            for family in Family::ALL {
                objects.push(json!({"set": {
                    "family": "inet",
                    "flags": ["interval"],
                    "name": set_name(segment.as_str(), family),
                    "table": TABLE,
                    "type": family.set_type(),
                }}));
            }
        }
        for chain in &self.chains {
            objects.push(chain.listed());
            for line in &chain.lines {
                if let Line::Rule(rule) = line {
                    objects.push(rule.listed(chain.hook));
                }
            }
        }
        // Through the door that an instance's own listing comes through, so that both have one order.
        let listing = json!({"nftables": objects}).to_string();
        ruleset(listing.as_bytes())
    }
}

impl Chain {
    fn listed(&self) -> Value {
        json!({"chain": {
            "family": "inet",
            "hook": self.hook,
            "name": self.hook,
            "policy": self.policy.word(),
            "prio": 0,
            "table": TABLE,
            "type": "filter",
        }})
    }
}

impl Rule {
    fn listed(&self, chain: &str) -> Value {
        let parts: Vec<&Value> = self.parts.iter().map(|part| &part.listed).collect();
        let mut rule = json!({"chain": chain, "expr": parts, "family": "inet", "table": TABLE});
        if let (Some(comment), Some(members)) = (&self.comment, rule.as_object_mut()) {
            members.insert("comment".to_owned(), json!(comment));
        }
        json!({"rule": rule})
    }
}

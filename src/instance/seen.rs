//! The tree of the log that an instance has seen.

use serde::{Deserialize, Serialize};

use crate::appraise::{Finding, Verdict};
use crate::digest::Digest;

/// A tree of a log, by the checkpoint that vouched for an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSeen {
    /// Which log.
    pub origin: String,
    /// Its root.
    pub root: Digest,
    /// How many entries it has.
    pub size: u64,
}

impl LogSeen {
    /// What is wrong where `now` is a tree of the same log and size with another root: of one size
    /// there is one. Whether a larger tree goes on from this one needs a proof that nobody has here.
    pub(super) fn fork(&self, now: &Self) -> Option<Finding> {
        let is_same = self.origin == now.origin && self.size == now.size;
        (is_same && self.root != now.root).then(|| Finding {
            verdict: Verdict::Untrusted,
            message: format!(
                "the log has two trees of {} entries: the receipt is of another than the one that \
                 this instance was verified by",
                now.size
            ),
            hint: Some(
                "the log was forked: keep this receipt, and compare with what others see"
                    .to_owned(),
            ),
        })
    }

    /// Whether it is remembered in the place of `seen`: it is larger, or of another log.
    pub(super) fn replaces(&self, seen: &Self) -> bool {
        self.origin != seen.origin || self.size > seen.size
    }
}

//! The tree of the log that an instance has seen.

use crate::appraise::{Finding, LogFacts, Verdict};
use crate::digest::Digest;

/// A tree of a log, by the checkpoint that vouched for an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSeen {
    /// Which log.
    pub origin: String,
    /// Its root.
    pub root: Digest,
    /// How many entries it has.
    pub size: u64,
}

impl LogSeen {
    /// The tree by which a Receipt was judged.
    pub fn of(log: &LogFacts) -> Self {
        Self {
            origin: log.origin.clone(),
            root: log.root,
            size: log.size,
        }
    }

    /// Reads `ORIGIN SIZE ROOT`; an origin has no blanks.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (rest, root) = text.rsplit_once(' ')?;
        let (origin, size) = rest.rsplit_once(' ')?;
        Some(Self {
            origin: origin.to_owned(),
            root: root.parse().ok()?,
            size: size.parse().ok()?,
        })
    }

    /// The one spelling.
    pub fn to_text(&self) -> String {
        format!("{} {} {}", self.origin, self.size, self.root)
    }

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

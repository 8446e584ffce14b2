//! From the pinned trust root to the newest that can be reached from it, one version at a time.

use super::Verdict;
use super::door::Neighbour;
use super::verification::Finding;
use crate::key::TrustRoot;

/// A file that may hold a newer trust root: `trust/N.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewerRoot {
    /// The version that its name says.
    pub version: u64,
    /// The file.
    pub file: Neighbour,
}

/// Follows `pinned` through `newer`, which are ordered by version. Each version must vouch for the
/// next ([`TrustRoot::successor`]); files of versions that are pinned or older are not needed.
///
/// A file that does not follow leaves nothing to judge by: whoever put it there may hide what the
/// real one says, a key that was ended for example.
pub(super) fn follow(
    pinned: TrustRoot,
    newer: &[NewerRoot],
    findings: &mut Vec<Finding>,
) -> Option<TrustRoot> {
    let mut root = pinned;
    for next in newer {
        if next.version <= root.version() {
            continue;
        }
        let path = &next.file.path;
        let mut refuse = |verdict, message: String, hint: &str| {
            findings.push(Finding {
                verdict,
                message,
                hint: Some(hint.to_owned()),
            });
        };
        if root.version().checked_add(1) != Some(next.version) {
            let missing = root.version().saturating_add(1);
            refuse(
                Verdict::Incomplete,
                format!("{path} cannot be followed: the trust root {missing} is missing"),
                "deliver every version of the trust root since the pinned one, as trust/N.json",
            );
            return None;
        }
        let Some(bytes) = &next.file.bytes else {
            let (message, hint) = match &next.file.unread {
                Some(reason) => (
                    format!("{path} cannot be read: {reason}"),
                    "deliver that version of the trust root again",
                ),
                None => (
                    format!("{path} was there a moment ago and is gone"),
                    "run the check again",
                ),
            };
            refuse(Verdict::Incomplete, message, hint);
            return None;
        };
        match root.update(bytes) {
            Ok(successor) => root = successor,
            Err(error) => {
                refuse(
                    Verdict::Untrusted,
                    format!("{path}: {error}"),
                    "deliver the trust root that the one before it vouches for, or take the file away",
                );
                return None;
            }
        }
    }
    Some(root)
}

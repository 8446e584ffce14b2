//! Which of several Envelopes an instance is judged by.

use super::Verdict;
use super::door::{self, Neighbour, Terms};
use super::verification::Finding;
use crate::baseline::{Statement, Subject, Verified};
use crate::digest::Digest;
use crate::key::TrustRoot;

/// An Envelope that an instance may be judged by, and its Receipt: hostile bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The Envelope.
    pub envelope: Neighbour,
    /// Its Receipt, where there is one.
    pub receipt: Neighbour,
}

/// What choosing gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The place of the Envelope to be judged by; `None`: none of them is trusted.
    pub chosen: Option<usize>,
    /// About the others; where none is trusted, why.
    pub findings: Vec<Finding>,
}

/// Chooses among `candidates`: of those that `root` trusts for the image of `terms`, those that name
/// `own`, the manifest that the image carries, and of them the newest. Where none names it, the
/// newest of all: then the image is not what was signed last, and the report says so.
///
/// A newer Envelope that was delivered ahead of its image is said, and does not disturb.
pub fn choose(
    root: &TrustRoot,
    terms: &Terms,
    own: Option<Digest>,
    candidates: &[Candidate],
) -> Choice {
    let mut trusted: Vec<(usize, &Candidate, Verified<Statement>)> = Vec::new();
    let mut refused = Vec::new();
    for (place, candidate) in candidates.iter().enumerate() {
        match open(root, terms, candidate) {
            Ok(statement) => trusted.push((place, candidate, statement)),
            Err(finding) => refused.push(finding),
        }
    }
    let fits = |statement: &Statement| {
        own.is_some() && statement.baseline().digest(Subject::Manifest) == own
    };
    let best = trusted
        .iter()
        .max_by_key(|(_, _, statement)| (fits(statement), statement.serial()));
    let Some((place, chosen, statement)) = best else {
        return Choice {
            chosen: None,
            findings: refused,
        };
    };
    let mut findings: Vec<Finding> = refused
        .into_iter()
        .map(|finding| Finding {
            verdict: Verdict::Match,
            message: format!("not used: {}", finding.message),
            hint: None,
        })
        .collect();
    let newest = trusted
        .iter()
        .max_by_key(|(_, _, statement)| statement.serial());
    if let Some((_, newer, other)) = newest
        && other.serial() > statement.serial()
    {
        findings.push(Finding {
            verdict: Verdict::Match,
            message: format!(
                "{} is for a newer image, serial {}; this one is what {} describes, serial {}",
                newer.envelope.path,
                other.serial(),
                chosen.envelope.path,
                statement.serial()
            ),
            hint: None,
        });
    }
    Choice {
        chosen: Some(*place),
        findings,
    }
}

fn open(
    root: &TrustRoot,
    terms: &Terms,
    candidate: &Candidate,
) -> Result<Verified<Statement>, Finding> {
    let refuse = |(verdict, message, hint): (_, String, Option<&str>)| Finding {
        verdict,
        message: format!("{}: {message}", candidate.envelope.path),
        hint: hint.map(str::to_owned),
    };
    let Some(bytes) = &candidate.envelope.bytes else {
        let (message, hint) = candidate.envelope.unread.as_ref().map_or_else(
            || ("it was there a moment ago and is gone".to_owned(), None),
            |reason| (format!("it cannot be read: {reason}"), Some("take it away")),
        );
        return Err(refuse((Verdict::Incomplete, message, hint)));
    };
    let statement = door::open(root, bytes, &candidate.receipt).map_err(refuse)?;
    match terms.other_image(&statement) {
        Some(message) => Err(refuse((Verdict::Untrusted, message, None))),
        None => Ok(statement),
    }
}

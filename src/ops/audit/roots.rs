//! The history of trust roots, and what the log says about it.

use super::collect::Findings;
use super::lineage::{Lineage, Link, Offer};
use super::scan::{Scanned, TrustEntry};
use super::{Code, EntryVerdict, RootChange, RootFacts};
use crate::key::{Candidates, TrustError};
use crate::ops::trust::changes;
use crate::path::Escaped;

/// Judges the entries with trust roots, and says what is wrong with the lineage.
pub(super) fn judge(scanned: &mut Scanned, lineage: &mut Lineage, findings: &mut Findings) {
    let settled = lineage.settle();
    let mut newest = 0;
    for TrustEntry {
        index,
        version,
        offer,
    } in std::mem::take(&mut scanned.trust)
    {
        let later = settled.iter().find(|(at, _)| *at == index);
        let offer = later.map_or(offer, |(_, offer)| offer.clone());
        let subject = || format!("trust root {version}");
        if let Offer::Taken(version) = offer {
            let place = usize::try_from(index).unwrap_or(usize::MAX);
            if let Some(row) = scanned.entries.row_mut(place) {
                row.verdict = EntryVerdict::Counts;
            }
            if version < newest {
                findings.add(Code::LateRoot, Some(index), || {
                    (subject(), format!("trust root {newest} stands before it"))
                });
            }
            newest = newest.max(version);
            continue;
        }
        let (code, text) = refusal(&offer, version, lineage);
        findings.add(code, Some(index), || (subject(), text));
    }
    let any = lineage.links().iter().any(|link| link.index.is_some());
    for link in lineage
        .links()
        .iter()
        .filter(|link| any && link.index.is_none())
    {
        let version = link.root.version();
        findings.add(Code::UnloggedRoot, None, || {
            let text = "others of its lineage are in the log, and it is not";
            (format!("trust root {version}"), text.to_owned())
        });
    }
}

fn refusal(offer: &Offer, version: u64, lineage: &Lineage) -> (Code, String) {
    let newest = lineage.newest().version();
    match offer {
        Offer::Foreign(_) => (
            Code::ForeignRoot,
            "the lineage of the given trust root has another one of this version, and nothing links this one with it"
                .to_owned(),
        ),
        Offer::Forked(_) => (
            Code::ForkedRoot,
            "the root keys signed it and another one of the same version".to_owned(),
        ),
        Offer::Refused(error) => {
            let code = match error {
                TrustError::KeyInTwoRoles(_) => Code::TwoRoles,
                TrustError::Predecessor { .. } => Code::ForeignRoot,
                _ => Code::RefusedRoot,
            };
            let words: String = error.to_string().chars().take(400).collect();
            (code, words)
        }
        Offer::Waits if version > newest => (
            Code::RefusedRoot,
            format!("the newest that the lineage leads to is {newest}, and nothing vouches for this one"),
        ),
        Offer::Waits | Offer::Taken(_) => (
            Code::BrokenLineage,
            "the versions between it and the oldest at hand are missing, so nothing links them".to_owned(),
        ),
    }
}

/// The trust roots of the lineage: what changed, and who signed.
pub(super) fn facts(lineage: &Lineage, keys: &Candidates) -> Vec<RootFacts> {
    let mut before: Option<&Link> = None;
    let mut facts = Vec::new();
    for link in lineage.links() {
        let Link {
            root,
            signed,
            index,
        } = link;
        let by = keys.attribute(&signed.message(), &signed.claims);
        let changed = before.map(|before| changes(before.root.document(), root.document()));
        facts.push(RootFacts {
            version: root.version(),
            sha256: root.digest(),
            index: *index,
            expires: root.expires(),
            signed_by: lineage.makers(&by),
            changes: changed
                .unwrap_or_default()
                .iter()
                .map(|change| RootChange {
                    what: change.what,
                    text: Escaped(change.to_string().as_bytes()).to_string(),
                })
                .collect(),
        });
        before = Some(link);
    }
    facts
}

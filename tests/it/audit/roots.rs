//! Trust roots in the log: which of them belong to the lineage.

use std::fs;

use karat::envelope::Envelope;
use karat::json;
use karat::key::{Role, Signed, TrustDocument};
use karat::ops::audit::{Code, EntryVerdict, Verdict};
use karat::tlog::Kind;

use super::history::{History, ROOTS, found};
use crate::keys::fixture::{key, role, root_file};

fn parsed(file: &[u8]) -> Envelope {
    Envelope::parse(file).unwrap()
}

#[test]
fn a_first_trust_root_of_another_lineage_is_a_fault() {
    let mut log = History::empty("audit-foreign-root");
    let mut other = log.document.clone();
    let (_, roots) = role(Role::Root, 1, &[201]);
    other.roles.insert(Role::Root, roots);
    log.entry(Kind::Trust, &parsed(&root_file(&other, &[201])));
    log.release("web", 1, &[1]);
    let report = log.audit();
    assert_eq!(found(&report), [(Code::ForeignRoot, Some(0))]);
    assert_eq!(report.verdict, Verdict::Untrusted);
    assert_eq!(
        report.entries.get(0).unwrap().verdict,
        EntryVerdict::Refused
    );
}

#[test]
fn a_trust_root_that_its_predecessor_does_not_vouch_for() {
    let mut log = History::new("audit-unvouched");
    let mut next = log.document.clone();
    next.version = 2;
    let (_, roots) = role(Role::Root, 1, &[201]);
    next.roles.insert(Role::Root, roots);
    log.entry(Kind::Trust, &parsed(&root_file(&next, &[201])));
    // One that skips a version, though the right keys signed it.
    let mut skips = log.document.clone();
    skips.version = 3;
    log.entry(Kind::Trust, &parsed(&root_file(&skips, &ROOTS)));
    // One that brings a key back to life.
    let mut shorter = log.document.clone();
    shorter.version = 2;
    shorter.roles.get_mut(&Role::Baseline).unwrap().keys.pop();
    log.entry(Kind::Trust, &parsed(&root_file(&shorter, &ROOTS)));
    let report = log.audit();
    assert_eq!(
        found(&report),
        [
            (Code::ForeignRoot, Some(1)),
            (Code::RefusedRoot, Some(2)),
            (Code::RefusedRoot, Some(3)),
        ]
    );
}

#[test]
fn two_trust_roots_of_one_version() {
    let mut log = History::new("audit-forked-root");
    log.root(|root| root.expires = Some(1));
    let mut other = log.document.clone();
    other.expires = Some(2);
    log.entry(Kind::Trust, &parsed(&root_file(&other, &ROOTS)));
    let report = log.audit();
    assert_eq!(found(&report), [(Code::ForkedRoot, Some(2))]);
    assert_eq!(report.verdict, Verdict::Untrusted);
}

#[test]
fn one_key_in_two_roles() {
    let mut log = History::new("audit-two-roles");
    let mut next = log.document.clone();
    next.version = 2;
    let (_, fleet) = role(Role::Fleet, 1, &[1]);
    next.roles.insert(Role::Fleet, fleet);
    let payload = json::canonical(&next).unwrap();
    let mut signed = Signed::new(TrustDocument::PAYLOAD_TYPE, payload);
    for seed in ROOTS {
        signed.sign(&key(seed)).unwrap();
    }
    log.entry(Kind::Trust, &Envelope::new(signed));
    assert_eq!(found(&log.audit()), [(Code::TwoRoles, Some(1))]);
}

#[test]
fn trust_roots_out_of_order_left_out_and_with_holes_before_them() {
    let mut log = History::empty("audit-root-order");
    let first = parsed(&root_file(&log.document, &ROOTS));
    let second = log.next_root(|root| root.expires = Some(1));
    log.entry(Kind::Trust, &second);
    log.entry(Kind::Trust, &first);
    drop(log.next_root(|root| root.expires = Some(2)));
    log.root(|root| root.expires = Some(3));
    let report = log.audit();
    assert_eq!(
        found(&report),
        [(Code::LateRoot, Some(1)), (Code::UnloggedRoot, None)]
    );
    // Without the versions in between nothing links the old ones with the newest.
    fs::copy(log.path("keys/trust/4.json"), log.path("newest.json")).unwrap();
    fs::remove_dir_all(log.path("keys/trust")).unwrap();
    let report = log.audit_by("newest.json", |_| ());
    assert_eq!(
        found(&report),
        [
            (Code::BrokenLineage, Some(0)),
            (Code::BrokenLineage, Some(1))
        ]
    );
    assert_eq!(report.verdict, Verdict::Incomplete);
}

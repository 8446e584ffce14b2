//! Each rule about entries, signatures, serials and notices: broken once, found once.

use std::fs;

use karat::envelope::Envelope;
use karat::key::{Claim, ImageGlob, Role, Signature, Signer as _};
use karat::ops::audit::{Code, EntryVerdict, Report, SignatureVerdict};
use karat::tlog::Kind;

use super::history::{History, LOG, REVOKER, add, end, found, release};
use crate::keys::fixture::{entry, key};

fn signature(report: &Report, index: u64, place: usize) -> SignatureVerdict {
    report.entries.get(index).unwrap().signatures[place].verdict
}

#[test]
fn a_clean_log_is_clean() {
    let mut log = History::new("audit-clean");
    log.release("web", 1, &[1]);
    log.release("web", 2, &[2, 1]);
    let report = log.audit();
    assert_eq!(found(&report), []);
    assert_eq!(report.verdict, karat::ops::audit::Verdict::Clean);
    assert_eq!(found(&History::empty("audit-empty").audit()), []);
}

#[test]
fn too_few_signatures() {
    let mut log = History::empty("audit-threshold");
    log.document
        .roles
        .get_mut(&Role::Baseline)
        .unwrap()
        .threshold = 2;
    log.keep(&crate::keys::fixture::root_file(&log.document, &[101, 102]));
    log.release("web", 1, &[1]);
    log.release("web", 2, &[1, 2]);
    assert_eq!(found(&log.audit()), [(Code::BelowThreshold, Some(0))]);
}

#[test]
fn a_higher_threshold_breaks_no_rule_of_the_past() {
    let mut log = History::new("audit-superseded");
    log.release("web", 1, &[1]);
    log.release("web", 2, &[1, 2]);
    log.root(|root| root.roles.get_mut(&Role::Baseline).unwrap().threshold = 2);
    log.root(|root| {
        root.min_serial.insert("web".to_owned(), 2);
    });
    let report = log.audit();
    assert_eq!(found(&report), []);
    let verdict = |index| report.entries.get(index).unwrap().verdict;
    assert_eq!(
        (verdict(1), verdict(2)),
        (EntryVerdict::Superseded, EntryVerdict::Counts)
    );
}

#[test]
fn a_key_after_its_end_and_before_its_beginning() {
    let mut log = History::new("audit-ended");
    log.root(|root| {
        end(root, Role::Baseline, 1, 2);
        add(root, Role::Baseline, 4, 4);
    });
    log.release("web", 1, &[1, 2]);
    log.release("web", 2, &[4, 2]);
    log.release("web", 3, &[4]);
    let report = log.audit();
    assert_eq!(
        found(&report),
        [(Code::EndedKey, Some(2)), (Code::EarlyKey, Some(3))]
    );
    assert_eq!(signature(&report, 2, 0), SignatureVerdict::Ended);
    assert_eq!(signature(&report, 3, 0), SignatureVerdict::Early);
}

#[test]
fn a_key_that_no_trust_root_in_the_log_had_yet() {
    let mut log = History::new("audit-early");
    let next = log.next_root(|root| add(root, Role::Baseline, 4, 1));
    log.release("web", 1, &[4]);
    log.entry(Kind::Trust, &next);
    let report = log.audit();
    assert_eq!(found(&report), [(Code::EarlyKey, Some(1))]);
    assert_eq!(report.entries.get(1).unwrap().verdict, EntryVerdict::Counts);
}

#[test]
fn a_revocation_reaches_back_as_far_as_it_says() {
    let mut log = History::new("audit-revoked");
    log.release("web", 1, &[1]);
    log.release("web", 2, &[1]);
    log.release("web", 3, &[1, 2]);
    log.revoke(1, Some(2), &[REVOKER]);
    let report = log.audit();
    assert_eq!(
        found(&report),
        [
            (Code::BelowThreshold, Some(2)),
            (Code::RevokedKey, Some(2)),
            (Code::RevokedKey, Some(3)),
            (Code::PendingRevocation, Some(4)),
        ]
    );
    assert_eq!(report.entries.get(1).unwrap().verdict, EntryVerdict::Counts);
    assert_eq!(report.entries.get(3).unwrap().verdict, EntryVerdict::Counts);
    assert_eq!(report.notices[0].from, Some(2));
}

#[test]
fn keys_of_other_roles_and_for_other_images() {
    let mut log = History::empty("audit-roles");
    entry(&mut log.document, Role::Baseline, 2).images = vec![ImageGlob::parse("dev-*").unwrap()];
    log.keep(&crate::keys::fixture::root_file(&log.document, &[101, 102]));
    log.release("web", 1, &[1, LOG]);
    log.release("web", 2, &[1, 2]);
    log.release("dev-web", 1, &[2]);
    log.release("web", 3, &[2]);
    let report = log.audit();
    assert_eq!(
        found(&report),
        [
            (Code::BelowThreshold, Some(3)),
            (Code::WrongRole, Some(0)),
            (Code::WrongImage, Some(1)),
            (Code::WrongImage, Some(3)),
        ]
    );
}

#[test]
fn strangers_forgeries_and_doubles() {
    let mut log = History::new("audit-strangers");
    log.release("web", 1, &[1, 77]);
    let good = release("web", "1.0", 2, &[1, 2]);
    let forged = |change: fn(&mut Vec<Claim>)| {
        let mut signed = good.signed().clone();
        change(&mut signed.claims);
        Envelope::new(signed)
    };
    // A good signature in the name of somebody else stays the good one of who made it.
    log.entry(
        Kind::Signed,
        &forged(|claims| claims[0].key_id = claims[1].key_id.clone()),
    );
    log.entry(
        Kind::Signed,
        &forged(|claims| claims[0].signature = Signature::from_bytes([9; 64])),
    );
    log.entry(
        Kind::Signed,
        &forged(|claims| {
            claims[1] = claims[0].clone();
            claims[1].key_id = "another name".to_owned();
        }),
    );
    let report = log.audit();
    assert_eq!(
        found(&report),
        [
            (Code::BadSignature, Some(3)),
            (Code::UnknownKey, Some(1)),
            (Code::DoubleSignature, Some(4)),
        ]
    );
    assert_eq!(signature(&report, 1, 1), SignatureVerdict::Unknown);
    assert_eq!(signature(&report, 2, 0), SignatureVerdict::Counts);
    assert_eq!(signature(&report, 3, 0), SignatureVerdict::Invalid);
    assert_eq!(signature(&report, 4, 1), SignatureVerdict::Duplicate);
    let stranger = report.keys.last().unwrap();
    assert_eq!(stranger.key, Some(key(77).public_key().id()));
    assert_eq!((stranger.role, stranger.signatures), (None, 1));
}

#[test]
fn serials_missing_late_double_and_too_low() {
    let mut log = History::new("audit-serials");
    log.release("web", 1, &[1]);
    log.release("web", 5, &[1]);
    log.release("web", 3, &[1]);
    log.entry(Kind::Signed, &release("web", "2.0", 5, &[1]));
    // A second signer is nothing to find; the same signer under another name of his is.
    log.release("web", 5, &[1, 2]);
    let mut again = release("web", "1.0", 5, &[1]).signed().clone();
    again.claims[0].key_id = String::new();
    log.entry(Kind::Signed, &Envelope::new(again));
    log.root(|root| {
        root.min_serial.insert("web".to_owned(), 6);
    });
    log.release("web", 4, &[1]);
    // What a stranger signs, takes no serial.
    log.release("web", 99, &[77]);
    let report = log.audit();
    assert_eq!(
        found(&report),
        [
            (Code::BelowThreshold, Some(9)),
            (Code::UnknownKey, Some(9)),
            (Code::SerialGap, Some(3)),
            (Code::LateSerial, Some(3)),
            (Code::LateSerial, Some(8)),
            (Code::SerialConflict, Some(4)),
            (Code::Duplicate, Some(6)),
            (Code::BelowMinimum, Some(8)),
        ]
    );
    let gap = report
        .findings
        .iter()
        .find(|it| it.code == Code::SerialGap)
        .unwrap();
    assert_eq!(gap.subject, "web 2");
    let web = &report.images[0];
    assert_eq!(
        (web.lowest_serial, web.highest_serial, web.missing),
        (1, 5, 1)
    );
}

#[test]
fn retired_releases_that_go_on() {
    let mut log = History::new("audit-retired");
    log.release("web", 1, &[1]);
    log.release("web", 2, &[1]);
    log.retire("web", 1, 1);
    log.release("web", 1, &[1, 2]);
    let out = log.path("out/below");
    fs::create_dir_all(&out).unwrap();
    fs::write(
        out.join("web_1.0.dsse.json"),
        release("web", "1.0", 1, &[1]).to_bytes(),
    )
    .unwrap();
    let directory = log.path("out");
    let report = log.audit_with(|it| it.envelopes = Some(directory.clone()));
    assert_eq!(
        found(&report),
        [(Code::RetiredSigned, Some(4)), (Code::RetiredInUse, None)]
    );
    assert_eq!(report.counts.envelopes, 1);
    assert_eq!(report.images[0].retired[0].last_serial, 1);
}

#[test]
fn envelopes_that_were_never_logged() {
    let mut log = History::new("audit-unlogged");
    log.release("web", 1, &[1]);
    let out = log.path("out");
    fs::create_dir_all(&out).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(out.join(name), bytes).unwrap();
    write("a.dsse.json", &release("web", "1.0", 1, &[1]).to_bytes());
    write("b.dsse.json", &release("web", "1.0", 1, &[1, 2]).to_bytes());
    write("c.dsse.json", &release("web", "1.0", 2, &[2]).to_bytes());
    write("d.dsse.json", b"rubbish");
    write("other.json", b"rubbish");
    let report = log.audit_with(|it| it.envelopes = Some(out.clone()));
    assert_eq!(
        found(&report),
        [(Code::Unlogged, None), (Code::UnreadableEnvelope, None)]
    );
    let more = report
        .findings
        .iter()
        .find(|it| it.code == Code::MoreSignatures)
        .unwrap();
    assert!(more.subject.ends_with("b.dsse.json"), "{more:?}");
    let unlogged = &report.findings[0];
    let who = key(2).public_key().id().short();
    assert!(unlogged.subject.ends_with("c.dsse.json") && unlogged.text.contains(&who));
    assert_eq!(report.counts.envelopes, 4);
}

#[test]
fn notices_that_do_not_count() {
    let mut log = History::new("audit-notices");
    log.revoke(1, None, &[2]);
    log.revoke(77, None, &[REVOKER]);
    log.revoke(REVOKER, None, &[REVOKER]);
    log.revoke(2, None, &[REVOKER]);
    let report = log.audit();
    assert_eq!(
        found(&report),
        [
            (Code::RevokedKey, Some(4)),
            (Code::WrongRole, Some(1)),
            (Code::RefusedNotice, Some(1)),
            (Code::RefusedNotice, Some(4)),
            (Code::PendingRevocation, Some(3)),
            (Code::StrangeRevocation, Some(2)),
        ]
    );
    let refused: Vec<bool> = report
        .notices
        .iter()
        .map(|it| it.refused.is_some())
        .collect();
    assert_eq!(refused, [true, false, false, true]);
}

#[test]
fn hostile_entries_are_carried_and_told() {
    let mut log = History::new("audit-hostile");
    log.bytes(b"\xff\xfe no entry of karat's \x1b[2J");
    log.bytes(b"");
    log.bytes(&[b"karat-log/1 attest\n", &[0xff; 60_000][..]].concat());
    log.bytes(
        &[
            b"karat-log/1 ",
            "\u{1b}[31m\u{202e}".repeat(99).as_bytes(),
            b"\n{}",
        ]
        .concat(),
    );
    log.bytes(b"karat-log/1 signed\n{\"payload\":");
    log.bytes(&[b"karat-log/1 signed\n", "[".repeat(50_000).as_bytes()].concat());
    let mut signed = release("web", "1.0", 1, &[1]).signed().clone();
    signed.payload = b"{\"a\":\"\x1b\"}".to_vec();
    log.entry(Kind::Signed, &Envelope::new(signed));
    let spaced = release("web", "1.0", 2, &[1]).to_bytes();
    log.bytes(&[b"karat-log/1 signed\n", &spaced[..], b" "].concat());
    // A statement under another word.
    log.entry(Kind::Trust, &release("web", "1.0", 3, &[1]));
    log.entry(Kind::Revoke, &release("web", "1.0", 3, &[1]));
    let report = log.audit();
    let count = |code| {
        report
            .codes
            .iter()
            .find(|it| it.code == code)
            .map_or(0, |it| it.found)
    };
    assert_eq!(count(Code::ForeignEntry), 2);
    assert_eq!(count(Code::UnknownKind), 2);
    assert_eq!(count(Code::Malformed), 5);
    assert_eq!(count(Code::OtherSpelling), 1);
    assert_eq!(report.entries.len(), 11);
    let text = serde_json::to_string(&report).unwrap();
    assert!(
        !text.contains('\u{202e}') && !text.contains("\\u001b"),
        "{text}"
    );
    assert!(text.len() < 60_000, "{}", text.len());
}

#[test]
fn findings_of_one_code_are_listed_up_to_a_cap_and_counted_beyond() {
    let mut log = History::new("audit-cap");
    let entries: Vec<Vec<u8>> = (0..10_050)
        .map(|it| format!("entry {it}").into_bytes())
        .collect();
    log.log.append(&key(LOG), &entries).unwrap();
    let report = log.audit();
    let foreign = report
        .codes
        .iter()
        .find(|it| it.code == Code::ForeignEntry)
        .unwrap();
    assert_eq!((foreign.found, foreign.listed), (10_050, 10_000));
    let listed = report
        .findings
        .iter()
        .filter(|it| it.code == Code::ForeignEntry);
    assert_eq!(listed.count(), 10_000);
}

//! Tests of notices: their bytes, and who may say them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::baseline::{ImageName, NameError, Serial};
use crate::envelope::Envelope;
use crate::json::JsonError;
use crate::key::{
    ImageGlob, KeyError, LogPolicy, Position, Receipts, Role, RoleKey, RoleKeys, Signed,
    Signer as _, SigningKey, TrustDocument, TrustRoot,
};
use crate::limits;

const LOG: &str = "example.com/log";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

/// Root key 1, baseline key 2, log key 3, and keys of the role `revoke`: seed and `until`.
fn root(revokers: &[(u8, Option<u64>)], threshold: usize) -> TrustRoot {
    let role_key = |seed: u8, role: Role, until| RoleKey {
        from: 0,
        images: ImageGlob::parse("*")
            .into_iter()
            .filter(|_| role == Role::Baseline)
            .collect(),
        key: key(seed).public_key(),
        name: (role == Role::Log).then(|| LOG.to_owned()),
        reason: None,
        until,
    };
    let mut roles = BTreeMap::new();
    for (role, seed) in [(Role::Root, 1), (Role::Baseline, 2), (Role::Log, 3)] {
        let keys = vec![role_key(seed, role, None)];
        roles.insert(role, RoleKeys { keys, threshold: 1 });
    }
    if !revokers.is_empty() {
        let one = |(seed, until): &(u8, Option<u64>)| role_key(*seed, Role::Revoke, *until);
        let mut keys: Vec<RoleKey> = revokers.iter().map(one).collect();
        keys.sort_by_key(|key| key.key);
        roles.insert(Role::Revoke, RoleKeys { keys, threshold });
    }
    let document = TrustDocument {
        expires: None,
        log: Some(LogPolicy {
            origin: LOG.to_owned(),
            receipt: Receipts::Optional,
        }),
        min_serial: BTreeMap::new(),
        roles,
        spec: TrustDocument::SPEC.to_owned(),
        version: 1,
    };
    let mut signed = document.to_signed().unwrap();
    signed.sign(&key(1)).unwrap();
    TrustRoot::pinned(&signed).unwrap()
}

fn revocation(from: Option<u64>) -> Notice {
    Notice::Revoke(Revocation {
        key: key(2).public_key(),
        from,
        reason: "laptop stolen".to_owned(),
    })
}

fn retirement(from: u64, through: u64) -> Notice {
    Notice::Retire(Retirement {
        image: ImageName::parse("web").unwrap(),
        from: Serial::new(from).unwrap(),
        through: Serial::new(through).unwrap(),
        reason: "it loses mail".to_owned(),
    })
}

fn signed_by(notice: &Notice, seeds: &[u8]) -> Envelope {
    payload_signed_by(&notice.to_signed(LOG).unwrap().payload, seeds)
}

fn payload_signed_by(payload: &[u8], seeds: &[u8]) -> Envelope {
    let mut signed = Signed::new(Notice::PAYLOAD_TYPE, payload.to_vec());
    for seed in seeds {
        signed.sign(&key(*seed)).unwrap();
    }
    Envelope::new(signed)
}

const AT_9: Position = Position::Logged(9);

#[test]
fn the_bytes_are_those_of_the_documentation() {
    let base64 = STANDARD.encode(key(2).public_key().to_der());
    for (notice, text) in [
        (
            revocation(Some(7)),
            format!(
                r#"{{"log":"example.com/log","revoke":{{"from":7,"key":"{base64}","reason":"laptop stolen"}},"spec":"karat-notice/1"}}"#
            ),
        ),
        (
            revocation(None),
            format!(
                r#"{{"log":"example.com/log","revoke":{{"key":"{base64}","reason":"laptop stolen"}},"spec":"karat-notice/1"}}"#
            ),
        ),
        (
            retirement(1, 3),
            r#"{"log":"example.com/log","retire":{"from":1,"image":"web","reason":"it loses mail","through":3},"spec":"karat-notice/1"}"#.to_owned(),
        ),
    ] {
        let signed = notice.to_signed(LOG).unwrap();
        assert_eq!(String::from_utf8(signed.payload.clone()).unwrap(), text);
        assert_eq!(Notice::unverified(&signed), Ok(notice));
    }
}

#[test]
fn the_examples_of_the_documentation_are_notices() {
    let text = include_str!("../../../docs/formats/log.md");
    let lines = text
        .lines()
        .filter(|line| line.ends_with("\"karat-notice/1\"}"));
    let read = |line: &str| {
        let signed = Signed::new(Notice::PAYLOAD_TYPE, line.into());
        Notice::unverified(&signed).unwrap().kind().as_str()
    };
    assert_eq!(lines.map(read).collect::<Vec<_>>(), ["revoke", "retire"]);
}

#[test]
fn the_role_revoke_speaks_and_root_where_nobody_has_it() {
    for (root, seeds, in_charge) in [
        (root(&[], 0), [1].as_slice(), Role::Root),
        (root(&[(4, None)], 1), &[4], Role::Revoke),
        (root(&[(4, None), (5, None)], 2), &[5, 4], Role::Revoke),
        // Its only key counts there no more.
        (root(&[(4, Some(9))], 1), &[1], Role::Root),
        (root(&[(4, Some(10))], 1), &[4], Role::Revoke),
    ] {
        let notice = revocation(Some(7));
        let opened = Notice::open(&root, &signed_by(&notice, seeds), AT_9).unwrap();
        assert_eq!(*opened, notice);
        assert_eq!(opened.role(), in_charge);
        assert_eq!(opened.quorum().keys().count(), seeds.len());
    }
}

#[test]
fn others_say_nothing() {
    for (root, seeds, in_charge) in [
        (root(&[], 0), [2].as_slice(), Role::Root),
        // Not the root keys either, where somebody has the role.
        (root(&[(4, None)], 1), &[1], Role::Revoke),
        (root(&[(4, None)], 1), &[2, 3], Role::Revoke),
        (root(&[(4, None), (5, None)], 2), &[4, 4, 1], Role::Revoke),
        (root(&[(4, Some(9))], 1), &[4], Role::Root),
        (root(&[(4, None)], 1), &[], Role::Revoke),
    ] {
        let envelope = signed_by(&retirement(1, 1), seeds);
        let error = Notice::open(&root, &envelope, AT_9).unwrap_err();
        assert!(
            matches!(&error, NoticeError::Threshold { role, .. } if *role == in_charge),
            "{seeds:?}: {error}"
        );
    }
}

#[test]
fn each_rule_has_its_error() {
    let root = root(&[(4, None)], 1);
    let base64 = STANDARD.encode(key(2).public_key().to_der());
    let good = String::from_utf8(revocation(Some(7)).to_signed(LOG).unwrap().payload).unwrap();
    let retire = String::from_utf8(retirement(1, 3).to_signed(LOG).unwrap().payload).unwrap();
    let weak = STANDARD.encode([&key(2).public_key().to_der()[..12], &[0; 32]].concat());
    let long = "x".repeat(limits::REASON_MAX + 1);
    for (text, error) in [
        (
            good.replace("notice/1", "notice/2"),
            NoticeError::Spec("karat-notice/2".to_owned()),
        ),
        (good.replace(":7", ": 7"), NoticeError::NotCanonical),
        (
            good.replace("\"from\":7", "\"from\":null"),
            NoticeError::NotCanonical,
        ),
        (good.replace("laptop stolen", ""), NoticeError::Reason),
        (
            good.replace("laptop stolen", "\\u001b[2J"),
            NoticeError::Reason,
        ),
        (good.replace("laptop stolen", "a\\nb"), NoticeError::Reason),
        (good.replace("laptop stolen", &long), NoticeError::Reason),
        (good.replace(&base64, "?"), NoticeError::KeyBase64),
        (good.replace(&base64, "AAAA"), KeyError::Format.into()),
        (
            good.replace("example.com/log", "example.com/other"),
            NoticeError::OtherLog {
                expected: LOG.to_owned(),
                found: "example.com/other".to_owned(),
            },
        ),
        (
            good.replace(":7", ":10"),
            NoticeError::Later { index: 9, from: 10 },
        ),
        (
            r#"{"log":"example.com/log","spec":"karat-notice/1"}"#.to_owned(),
            NoticeError::NotOne,
        ),
        (
            retire.replace(
                "\"spec\"",
                &format!("\"revoke\":{{\"key\":\"{base64}\",\"reason\":\"x\"}},\"spec\""),
            ),
            NoticeError::NotOne,
        ),
        (
            retire.replace("\"from\":1", "\"from\":4"),
            NoticeError::Serials {
                from: 4,
                through: 3,
            },
        ),
        (
            retire.replace("\"from\":1", "\"from\":0"),
            NoticeError::Serials {
                from: 0,
                through: 3,
            },
        ),
        (
            retire.replace("web", "../x"),
            NameError::Name("../x".to_owned()).into(),
        ),
        (
            good.replacen('{', "{\"log\":\"a\",", 1),
            JsonError::DuplicateKey("log".to_owned()).into(),
        ),
        (
            " ".repeat(2049),
            JsonError::TooLarge(limits::NOTICE_MAX).into(),
        ),
    ] {
        let envelope = payload_signed_by(text.as_bytes(), &[4]);
        assert_eq!(
            Notice::open(&root, &envelope, AT_9),
            Err(error),
            "{text:.300}"
        );
    }
    for text in [
        good.replace(&base64, &weak),
        good.replacen('{', "{\"also\":1,", 1),
        good.replace("\"from\"", "\"until\""),
        good.replace(":7", ":-1"),
        retire.replace(",\"through\":3", ""),
        format!("{good}{good}"),
        String::new(),
    ] {
        let envelope = payload_signed_by(text.as_bytes(), &[4]);
        let error = Notice::open(&root, &envelope, AT_9).unwrap_err();
        assert!(
            matches!(error, NoticeError::Json(_) | NoticeError::Key(_)),
            "{text}: {error}"
        );
    }
    let mut other = revocation(None).to_signed(LOG).unwrap();
    other.payload_type = TrustDocument::PAYLOAD_TYPE.to_owned();
    other.sign(&key(4)).unwrap();
    let error = NoticeError::PayloadType(TrustDocument::PAYLOAD_TYPE.to_owned());
    assert_eq!(Notice::open(&root, &Envelope::new(other), AT_9), Err(error));
}

#[test]
fn nothing_is_read_that_nobody_in_charge_signed() {
    let root = root(&[(4, None)], 1);
    let envelope = payload_signed_by(b"{", &[2]);
    let error = Notice::open(&root, &envelope, AT_9);
    assert!(matches!(error, Err(NoticeError::Threshold { .. })));
}

#[test]
fn a_release_is_retired_by_name_and_serial() {
    let Notice::Retire(retirement) = retirement(2, 3) else {
        panic!("it retires");
    };
    let covers = |image: &str, serial| {
        retirement.covers(
            &ImageName::parse(image).unwrap(),
            Serial::new(serial).unwrap(),
        )
    };
    let covered: Vec<bool> = (1..=4).map(|serial| covers("web", serial)).collect();
    assert_eq!(covered, [false, true, true, false]);
    assert!(!covers("db", 2));
}

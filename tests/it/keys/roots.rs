//! Hostile trust roots.

use karat::envelope::Envelope;
use karat::key::{
    ImageGlob, Position, Role, Signed, ThresholdError, TrustDocument, TrustError, TrustRoot,
};

use super::fixture::{document, entry, key, role, root, root_file, signed};
use super::vector::{self, Vector};

use karat::key::Signer as _;

/// Version 1 with one more thing to lose.
fn present() -> TrustDocument {
    let mut document = document(2);
    document.min_serial.insert("web".to_owned(), 5);
    entry(&mut document, Role::Baseline, 3).until = Some(7);
    document
}

fn next(change: impl FnOnce(&mut TrustDocument)) -> TrustDocument {
    let mut document = present();
    document.version = 2;
    change(&mut document);
    document
}

fn verdict(result: Result<TrustRoot, TrustError>) -> String {
    let Err(error) = result else {
        return "ok".to_owned();
    };
    match error {
        TrustError::Json(_) => "json",
        TrustError::Envelope(_) => "envelope",
        TrustError::PayloadType(_) => "payload-type",
        TrustError::Spec(_) => "spec",
        TrustError::NotCanonical => "not-canonical",
        TrustError::VersionZero => "version-zero",
        TrustError::MissingRole(_) => "missing-role",
        TrustError::Threshold { .. } => "threshold-of-a-role",
        TrustError::TooManyKeys(_) => "too-many-keys",
        TrustError::KeysUnsorted(_) => "keys-unsorted",
        TrustError::KeyInTwoRoles(_) => "key-in-two-roles",
        TrustError::Scope { .. } => "scope",
        TrustError::Interval(_) => "interval",
        TrustError::Unnamed { .. } => "unnamed",
        TrustError::Name { .. } => "name",
        TrustError::Own { .. } => "signed-by-too-few",
        TrustError::Predecessor { .. } => "not-signed-by-the-one-before",
        TrustError::Version { .. } => "version",
        TrustError::KeyHistory { .. } => "key-history",
        TrustError::MinSerial(_) => "min-serial",
        TrustError::LogChanged => "log-changed",
        TrustError::Reason(_) => "reason",
    }
    .to_owned()
}

/// Well signed by root keys, whatever it says.
fn raw(text: &str) -> Vec<u8> {
    let payload_type = TrustDocument::PAYLOAD_TYPE;
    Envelope::new(signed(payload_type, text, &[101, 102])).to_bytes()
}

fn text(document: &TrustDocument) -> String {
    String::from_utf8(document.to_signed().unwrap().payload).unwrap()
}

/// A first root: judged by itself.
fn first() -> Vec<Vector> {
    let good = text(&document(2));
    let mut all = Vec::new();
    let mut add = |name, expect, comment, file: Vec<u8>| {
        all.push(Vector::new(name, expect, comment, file).with("after", "nothing"));
    };
    add(
        "first",
        "ok",
        "two of its three root keys signed",
        root_file(&document(2), &[101, 102]),
    );
    add(
        "one-signature",
        "signed-by-too-few",
        "one of two needed",
        root_file(&document(2), &[101]),
    );
    add(
        "signed-by-baseline-keys",
        "signed-by-too-few",
        "keys of another role",
        root_file(&document(2), &[1, 2]),
    );
    let mut twice = document(2).to_signed().unwrap();
    twice.sign(&key(101)).unwrap();
    let mut again = twice.claims[0].clone();
    again.key_id = key(102).public_key().id().to_string();
    twice.claims.push(again);
    add(
        "one-key-under-two-ids",
        "signed-by-too-few",
        "keys are counted by their bytes",
        Envelope::new(twice).to_bytes(),
    );
    let replace = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        raw(&good.replace(from, to))
    };
    add(
        "version-zero",
        "version-zero",
        "versions start at 1",
        replace("\"version\":1", "\"version\":0"),
    );
    add(
        "other-format",
        "spec",
        "a later format may mean something else",
        replace("root/1\"", "root/2\""),
    );
    add(
        "not-canonical",
        "not-canonical",
        "a space",
        replace("\"version\":1", "\"version\": 1"),
    );
    add(
        "unknown-field",
        "json",
        "a field that this version does not know",
        replace("\"version\":1", "\"version\":1,\"x\":1"),
    );
    add(
        "field-twice",
        "json",
        "two versions",
        replace("\"version\":1", "\"version\":1,\"version\":2"),
    );
    add(
        "null-for-absent",
        "not-canonical",
        "an absent field has one spelling",
        raw(&good.replacen('{', "{\"expires\":null,", 1)),
    );
    add(
        "threshold-zero",
        "threshold-of-a-role",
        "nobody has to agree",
        replace("\"threshold\":2", "\"threshold\":0"),
    );
    add(
        "threshold-out-of-reach",
        "threshold-of-a-role",
        "more signatures than keys",
        replace("\"threshold\":2", "\"threshold\":4"),
    );
    add(
        "baseline-key-without-images",
        "scope",
        "a baseline key names its images",
        replace("\"images\":[\"*\"],", ""),
    );
    add(
        "image-pattern-with-a-path",
        "json",
        "patterns are over names",
        replace("\"images\":[\"*\"]", "\"images\":[\"../*\"]"),
    );
    add(
        "log-key-without-name",
        "unnamed",
        "a log key carries its checkpoint name",
        replace(",\"name\":\"example.com/log\"", ""),
    );
    add(
        "origin-with-a-line-feed",
        "name",
        "a name that would end a line of a checkpoint",
        replace(
            "\"origin\":\"example.com/log\"",
            "\"origin\":\"example.com\\nlog\"",
        ),
    );
    add(
        "other-payload-type",
        "payload-type",
        "the right bytes, signed under another type",
        Envelope::new(signed(
            "application/vnd.in-toto+json",
            good.as_str(),
            &[101, 102],
        ))
        .to_bytes(),
    );
    add(
        "not-an-envelope",
        "envelope",
        "the payload alone",
        good.clone().into_bytes(),
    );
    let encoded = |seed: u8| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(key(seed).public_key().to_der())
    };
    add(
        "key-in-two-roles",
        "key-in-two-roles",
        "what it signs as one must not count as the other",
        replace(&encoded(111), &encoded(1)),
    );
    let keys = &document(2).roles[&Role::Root].keys;
    let smallest: Vec<String> = keys
        .iter()
        .map(|key| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(key.key.to_der())
        })
        .collect();
    add(
        "key-twice-in-a-role",
        "keys-unsorted",
        "one key, two votes",
        replace(&smallest[1], &smallest[0]),
    );
    // The SPKI of the point of order one: every message has a signature under it.
    add(
        "weak-key",
        "json",
        "the identity as a key",
        replace(
            &encoded(111),
            "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
    );
    add(
        "key-of-another-algorithm",
        "json",
        "an X25519 key",
        replace(
            &encoded(111),
            "MCowBQYDK2VuAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
        ),
    );
    let mut ended = document(2);
    entry(&mut ended, Role::Baseline, 1).until = Some(3);
    let ended = text(&ended);
    add(
        "key-ends-before-it-begins",
        "interval",
        "from 0 until 3, made from 9 until 3",
        {
            let at = ended.find("\"until\":3").unwrap();
            let from = ended[..at].rfind("\"from\":0").unwrap();
            raw(&(ended[..from].to_owned() + "\"from\":9" + &ended[from + 8..]))
        },
    );
    for (name, comment, reason) in [
        (
            "reason-of-a-key-that-counts",
            "why a key ended that did not end",
            "",
        ),
        (
            "reason-with-an-escape-sequence",
            "it would write to a terminal",
            "\\u001b[2J",
        ),
        ("reason-too-long", "more than a sentence", &*"x".repeat(257)),
    ] {
        let until = if reason.is_empty() { "" } else { "\"until\":3" };
        let with = format!("\"reason\":\"{reason}\",{until}").replace(",}", "}");
        let with = with.trim_end_matches(',');
        add(
            name,
            "reason",
            comment,
            raw(&ended.replacen("\"until\":3", with, 1)),
        );
    }
    let mut lame = document(2);
    lame.roles.remove(&Role::Baseline);
    add(
        "no-baseline-role",
        "missing-role",
        "nobody may sign an image",
        raw(&good.replace(
            &serde_json::to_string(
                &serde_json::to_value(&document(2).roles[&Role::Baseline]).unwrap(),
            )
            .map(|role| format!("\"baseline\":{role},"))
            .unwrap(),
            "",
        )),
    );
    all
}

/// A next root: judged by `present`.
fn later() -> Vec<Vector> {
    let mut all = Vec::new();
    let mut add = |name, expect, comment, document: &TrustDocument, signers: &[u8]| {
        let file = root_file(document, signers);
        all.push(Vector::new(name, expect, comment, file).with("after", "present"));
    };
    let new_keys = |document: &mut TrustDocument| {
        for seed in [101, 102, 103] {
            entry(document, Role::Root, seed).until = Some(9);
        }
        let fresh = role(Role::Root, 2, &[121, 122]).1.keys;
        let keys = &mut document.roles.get_mut(&Role::Root).unwrap().keys;
        keys.extend(fresh);
        keys.sort_by_key(|key| key.key);
    };
    add(
        "next",
        "ok",
        "the next version, signed by two root keys",
        &next(|_| {}),
        &[101, 103],
    );
    add(
        "next-with-new-root-keys",
        "ok",
        "all root keys replaced, signed by old and new",
        &next(new_keys),
        &[101, 102, 121, 122],
    );
    add(
        "new-root-keys-alone",
        "not-signed-by-the-one-before",
        "the new root keys appoint themselves",
        &next(new_keys),
        &[121, 122],
    );
    add(
        "old-root-keys-alone",
        "signed-by-too-few",
        "the new root keys never showed that they exist",
        &next(new_keys),
        &[101, 102],
    );
    add(
        "threshold-lowered-by-one-key",
        "not-signed-by-the-one-before",
        "one of two makes itself enough",
        &next(|it| it.roles.get_mut(&Role::Root).unwrap().threshold = 1),
        &[101],
    );
    add(
        "threshold-lowered-by-two",
        "ok",
        "two of two may decide that one is enough",
        &next(|it| it.roles.get_mut(&Role::Root).unwrap().threshold = 1),
        &[101, 102],
    );
    add(
        "version-skipped",
        "version",
        "version 3 after version 1",
        &next(|it| it.version = 3),
        &[101, 102],
    );
    add(
        "version-repeated",
        "version",
        "another version 1",
        &next(|it| {
            it.version = 1;
            it.expires = Some(1);
        }),
        &[101, 102],
    );
    add(
        "key-deleted",
        "key-history",
        "history would forget who signed",
        &next(|it| {
            it.roles
                .get_mut(&Role::Baseline)
                .unwrap()
                .keys
                .retain(|it| it.until.is_none());
        }),
        &[101, 102],
    );
    add(
        "role-deleted",
        "key-history",
        "as before, with a whole role",
        &next(|it| {
            it.log = None;
            it.roles.remove(&Role::Log);
        }),
        &[101, 102],
    );
    add(
        "key-moved-to-another-role",
        "key-history",
        "as before, and the key would mean something else",
        &next(|it| {
            it.roles
                .get_mut(&Role::Baseline)
                .unwrap()
                .keys
                .retain(|it| it.until.is_none());
            it.roles.extend([role(Role::Fleet, 1, &[3])]);
        }),
        &[101, 102],
    );
    add(
        "key-brought-back",
        "key-history",
        "an ended key counts again",
        &next(|it| entry(it, Role::Baseline, 3).until = None),
        &[101, 102],
    );
    add(
        "key-ends-later",
        "key-history",
        "an ended key ends later",
        &next(|it| entry(it, Role::Baseline, 3).until = Some(8)),
        &[101, 102],
    );
    add(
        "key-ends-earlier",
        "ok",
        "a revocation may reach back",
        &next(|it| entry(it, Role::Baseline, 3).until = Some(6)),
        &[101, 102],
    );
    add(
        "key-begins-earlier",
        "key-history",
        "old signatures would begin to count",
        &next(|it| entry(it, Role::Baseline, 3).from = 1),
        &[101, 102],
    );
    add(
        "scope-narrowed",
        "ok",
        "what a key may sign may change",
        &next(|it| entry(it, Role::Baseline, 1).images = vec![ImageGlob::parse("dev-*").unwrap()]),
        &[101, 102],
    );
    add(
        "lowest-serial-lowered",
        "min-serial",
        "old images would count again",
        &next(|it| *it.min_serial.get_mut("web").unwrap() = 4),
        &[101, 102],
    );
    add(
        "lowest-serial-dropped",
        "min-serial",
        "as before",
        &next(|it| it.min_serial.clear()),
        &[101, 102],
    );
    add(
        "other-log",
        "log-changed",
        "indices of keys would mean another log",
        &next(|it| "example.com/other".clone_into(&mut it.log.as_mut().unwrap().origin)),
        &[101, 102],
    );
    all
}

#[test]
fn the_attack_kit_gets_its_verdicts() {
    let present = root(&present());
    let mut vectors = first();
    vectors.extend(later());
    vector::check("trust", &vectors, |vector| {
        verdict(match vector.with[0].1.as_str() {
            "nothing" => TrustRoot::parse(&vector.bytes),
            _ => present.update(&vector.bytes),
        })
    });
}

#[test]
fn signatures_are_asked_before_a_byte_is_read() {
    let present = root(&document(2));
    let unsigned = Signed::new(TrustDocument::PAYLOAD_TYPE, b"{broken".to_vec());
    assert_eq!(
        present.successor(&unsigned),
        Err(TrustError::Predecessor {
            version: 1,
            source: ThresholdError {
                required: 2,
                verified: std::collections::BTreeSet::new(),
                rejected: Vec::new(),
            }
        })
    );
}

#[test]
fn a_replayed_chain_stops_where_it_was_cut() {
    let one = root(&document(2));
    let documents: Vec<TrustDocument> = (2..=4)
        .map(|version| TrustDocument {
            version,
            ..document(2)
        })
        .collect();
    let files: Vec<Vec<u8>> = documents
        .iter()
        .map(|it| root_file(it, &[101, 102]))
        .collect();
    let two = one.update(&files[0]).unwrap();
    let three = two.update(&files[1]).unwrap();
    let cut = TrustError::Version {
        present: 2,
        found: 4,
    };
    assert_eq!(two.update(&files[2]), Err(cut), "the middle is missing");
    let older = TrustError::Version {
        present: 3,
        found: 2,
    };
    assert_eq!(three.update(&files[0]), Err(older), "an older root again");
    assert_eq!(three.update(&files[2]).unwrap().version(), 4);
}

#[test]
fn the_page_on_trust_roots_shows_one() {
    let page = include_str!("../../../docs/formats/trust-root.md");
    let example = page
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let joined: String = example.lines().map(str::trim_start).collect();
    let trust = TrustRoot::parse(&raw_any(&joined)).unwrap_err();
    // Its root keys are not ours: everything but their signatures holds.
    assert!(matches!(trust, TrustError::Own { .. }), "{trust}");
}

fn raw_any(text: &str) -> Vec<u8> {
    Envelope::new(signed(TrustDocument::PAYLOAD_TYPE, text, &[1])).to_bytes()
}

#[test]
fn globs_and_positions_select_keys() {
    let root = root(&present());
    let baseline = root.role(Role::Baseline).unwrap();
    assert_eq!(baseline.for_image("web", Position::Unlogged).len(), 2);
    assert_eq!(baseline.for_image("web", Position::Logged(6)).len(), 3);
    assert_eq!(baseline.for_image("web", Position::Logged(7)).len(), 2);
}

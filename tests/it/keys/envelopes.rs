//! Hostile envelopes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use karat::baseline::{OpenError, Statement, Verified};
use karat::envelope::{Envelope, EnvelopeError};
use karat::json::JsonError;
use karat::key::{
    Claim, ImageGlob, Receipts, Rejected, Role, Signature, Signer as _, TrustDocument, TrustRoot,
};
use serde_json::{Value, json};

use super::fixture::{document, entry, envelope, key, payload, root, signed, text};
use super::vector::{self, Vector};

/// The trust roots that the vectors name.
fn trust(name: &str) -> TrustRoot {
    let mut document = document(if name == "one-of-three" { 1 } else { 2 });
    match name {
        "one-of-three" | "two-of-three" => {}
        "scoped" => {
            for (seed, images) in [(1, "prod-*"), (2, "prod-*"), (3, "dev-*")] {
                entry(&mut document, Role::Baseline, seed).images =
                    vec![ImageGlob::parse(images).unwrap()];
            }
        }
        "ended" => entry(&mut document, Role::Baseline, 2).until = Some(7),
        "min-serial" => document.min_serial = BTreeMap::from([("web".to_owned(), 5)]),
        "receipt" => document.log.as_mut().unwrap().receipt = Receipts::Required,
        other => panic!("{other}"),
    }
    root(&document)
}

fn open(file: &[u8], root: &TrustRoot) -> Result<Verified<Statement>, String> {
    let envelope = Envelope::parse(file).map_err(|error| {
        match error {
            EnvelopeError::Json(JsonError::DuplicateKey(_)) => "duplicate-key",
            EnvelopeError::Json(JsonError::TooDeep) => "too-deep",
            EnvelopeError::Json(JsonError::TooLarge(_)) => "too-large",
            EnvelopeError::Json(_) => "json",
            EnvelopeError::PayloadBase64 => "base64",
            EnvelopeError::Signature(_) => "signature",
            EnvelopeError::TooManySignatures => "too-many-signatures",
            EnvelopeError::Unsigned => "unsigned",
        }
        .to_owned()
    })?;
    envelope.open(root).map_err(|error| {
        match error {
            OpenError::PayloadType(_) => "payload-type",
            OpenError::Threshold(_) => "threshold",
            OpenError::Image { .. } => "image",
            OpenError::Statement(_) => "statement",
            OpenError::Receipt(_) => "receipt",
            OpenError::ReceiptRequired => "receipt-required",
            OpenError::Rollback { .. } => "rollback",
        }
        .to_owned()
    })
}

/// A good envelope as JSON, to be changed.
fn value(signers: &[u8]) -> Value {
    serde_json::from_slice(&envelope(payload("web", 1), signers)).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// Adds the order of the group to S: the same signature for a lenient verifier.
fn malleated(signature: &Signature) -> Signature {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = *signature.as_bytes();
    let mut carry = 0;
    for (digit, add) in bytes[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*digit) + u16::from(add) + carry;
        *digit = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    Signature::from_bytes(bytes)
}

/// Well-signed or changed envelopes: what happens before a statement is read.
fn outer() -> Vec<Vector> {
    let good = envelope(payload("web", 1), &[1]);
    let good_text = String::from_utf8(good.clone()).unwrap();
    let two = value(&[1, 2]);
    let sig = |value: &Value, index: usize| value["signatures"][index].clone();
    let mut all = vec![
        Vector::new("good", "ok", "one signature of one key", good.clone()),
        Vector::new("good-two", "ok", "two signatures of two keys", bytes(&two))
            .with("trust", "two-of-three"),
        Vector::new(
            "one-signature-of-two",
            "threshold",
            "a well-made envelope with one signature where two are needed",
            good.clone(),
        )
        .with("trust", "two-of-three"),
        Vector::new(
            "unknown-key",
            "threshold",
            "signed by a key that no role has",
            envelope(payload("web", 1), &[9]),
        ),
        Vector::new(
            "root-key-signs-a-statement",
            "threshold",
            "signed by a root key, which may sign trust roots and nothing else",
            envelope(payload("web", 1), &[101]),
        ),
        Vector::new(
            "key-ended",
            "threshold",
            "one of the two keys has ended; without a receipt its signature counts no more",
            bytes(&two),
        )
        .with("trust", "ended"),
        Vector::new(
            "two-documents",
            "json",
            "a second envelope follows the first",
            [good.clone(), good.clone()].concat(),
        ),
        Vector::new(
            "cut-off",
            "json",
            "the last bytes are missing",
            &good[..good.len() - 3],
        ),
        Vector::new(
            "byte-order-mark",
            "json",
            "a byte order mark before the document",
            [b"\xef\xbb\xbf", good.as_slice()].concat(),
        ),
        Vector::new("not-utf-8", "json", "a key id that is not UTF-8", {
            let mut file = good.clone();
            let at = good_text.find("\"keyid\":\"").unwrap() + 9;
            file[at] = 0xff;
            file
        }),
        Vector::new(
            "duplicate-payload",
            "duplicate-key",
            "two payloads: one reader sees the first, another the last",
            good_text.replacen('{', "{\"payload\":\"AAAA\",", 1),
        ),
        Vector::new(
            "duplicate-payload-escaped",
            "duplicate-key",
            "as before, with the first key spelt in escapes",
            good_text.replacen('{', "{\"payl\\u006fad\":\"AAAA\",", 1),
        ),
        Vector::new(
            "duplicate-key-in-a-signature",
            "duplicate-key",
            "two values of sig in one signature",
            good_text.replacen("\"sig\":", "\"sig\":\"AAAA\",\"sig\":", 1),
        ),
        Vector::new(
            "deep-nesting",
            "too-deep",
            "an unknown field that would cost a reader its stack",
            format!(
                "{{\"x\":{}{},{}",
                "[".repeat(2000),
                "]".repeat(2000),
                good_text.strip_prefix('{').unwrap()
            ),
        ),
    ];
    let mut change = |name, expect, comment, signers: &[u8], change: &dyn Fn(&mut Value)| {
        let mut value = value(signers);
        change(&mut value);
        all.push(Vector::new(name, expect, comment, bytes(&value)));
    };
    change(
        "unknown-fields",
        "ok",
        "fields that DSSE does not know are ignored",
        &[1],
        &|value| {
            value["x"] = json!({"payload": 1});
            value["signatures"][0]["cert"] = json!("none");
        },
    );
    change(
        "no-key-id",
        "ok",
        "a signature without key id: the id is a hint",
        &[1],
        &|value| {
            value["signatures"][0]
                .as_object_mut()
                .unwrap()
                .remove("keyid");
        },
    );
    change(
        "foreign-key-id",
        "ok",
        "a key id of somebody else's making",
        &[1],
        &|value| {
            value["signatures"][0]["keyid"] = json!("SHA256:abc");
        },
    );
    change(
        "misleading-key-id",
        "ok",
        "the key id of another key",
        &[1],
        &|value| {
            value["signatures"][0]["keyid"] = json!(key(2).public_key().id().to_string());
        },
    );
    change(
        "foreign-signature-beside",
        "ok",
        "a signature of an unknown key comes first",
        &[9, 1],
        &|_| {},
    );
    change(
        "url-safe-base64",
        "ok",
        "URL-safe base64 without padding, as DSSE allows",
        &[1],
        &|value| {
            let recode = |value: &mut Value| {
                let bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
                *value = json!(URL_SAFE_NO_PAD.encode(bytes));
            };
            recode(&mut value["payload"]);
            recode(&mut value["signatures"][0]["sig"]);
        },
    );
    change(
        "payload-changed",
        "threshold",
        "one byte of the payload was changed",
        &[1],
        &|value| {
            let changed = text("web", 1).replace("\"serial\":1", "\"serial\":2");
            value["payload"] = json!(STANDARD.encode(changed));
        },
    );
    change(
        "type-changed",
        "payload-type",
        "the type was changed after signing",
        &[1],
        &|value| {
            value["payloadType"] = json!("application/json");
        },
    );
    change(
        "type-spelt-otherwise",
        "payload-type",
        "types are compared byte by byte",
        &[1],
        &|value| {
            value["payloadType"] = json!("Application/vnd.in-toto+json");
        },
    );
    change(
        "signature-short",
        "signature",
        "63 bytes of signature",
        &[1],
        &|value| {
            value["signatures"][0]["sig"] = json!(STANDARD.encode([7; 63]));
        },
    );
    change(
        "signature-zero",
        "threshold",
        "64 zero bytes",
        &[1],
        &|value| {
            value["signatures"][0]["sig"] = json!(STANDARD.encode([0; 64]));
        },
    );
    change(
        "no-signature",
        "unsigned",
        "an empty list of signatures",
        &[1],
        &|value| {
            value["signatures"] = json!([]);
        },
    );
    change(
        "signatures-absent",
        "json",
        "no list of signatures",
        &[1],
        &|value| {
            value.as_object_mut().unwrap().remove("signatures");
        },
    );
    change(
        "too-many-signatures",
        "too-many-signatures",
        "65 signatures",
        &[1],
        &|value| {
            let one = sig(value, 0);
            value["signatures"] = Value::Array(vec![one; 65]);
        },
    );
    change(
        "payload-not-base64",
        "base64",
        "a payload that is no base64",
        &[1],
        &|value| {
            value["payload"] = json!("{}");
        },
    );
    change(
        "payload-mixed-base64",
        "base64",
        "letters of both alphabets",
        &[1],
        &|value| {
            value["payload"] = json!("+_+_");
        },
    );
    change(
        "payload-trailing-bits",
        "base64",
        "a second spelling of the same bytes",
        &[1],
        &|value| {
            value["payload"] = json!("AB==");
        },
    );
    let mut two_of_three = |name, comment, value: Value| {
        all.push(
            Vector::new(name, "threshold", comment, bytes(&value)).with("trust", "two-of-three"),
        );
    };
    let mut twice = value(&[1]);
    twice["signatures"] = json!([sig(&two, 0), sig(&two, 0)]);
    two_of_three("same-signature-twice", "one key is one key", twice.clone());
    twice["signatures"][1]["keyid"] = json!(key(2).public_key().id().to_string());
    two_of_three(
        "same-key-under-two-ids",
        "keys are counted by their bytes, not by their ids",
        twice.clone(),
    );
    twice["signatures"][1]["keyid"] = json!("");
    two_of_three(
        "same-key-with-and-without-id",
        "an absent id makes no second key",
        twice.clone(),
    );
    let genuine = STANDARD
        .decode(sig(&two, 0)["sig"].as_str().unwrap())
        .unwrap();
    let other = malleated(&Signature::from_bytes(genuine.try_into().unwrap()));
    twice["signatures"][1]["sig"] = json!(STANDARD.encode(other.as_bytes()));
    two_of_three(
        "malleable-second-signature",
        "S + L: another spelling of the first signature",
        twice,
    );
    all
}

/// Envelopes that are signed well, and what they say.
fn inner() -> Vec<Vector> {
    let good = text("web", 1);
    let statement = |name, comment, payload: String| {
        assert_ne!(payload, good, "{name} changes something");
        Vector::new(name, "statement", comment, envelope(payload, &[1]))
    };
    let replace = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let mtree = "web_1.0.mtree";
    let typed = |payload_type: &str| {
        Envelope::new(signed(payload_type, payload("web", 1), &[1])).to_bytes()
    };
    vec![
        Vector::new(
            "dev-key-signs-prod",
            "image",
            "two good signatures, one of a key that may sign dev-* only",
            envelope(payload("prod-web", 1), &[1, 3]),
        )
        .with("trust", "scoped"),
        Vector::new(
            "prod-keys-sign-prod",
            "ok",
            "two good signatures of keys that may sign prod-*",
            envelope(payload("prod-web", 1), &[1, 2]),
        )
        .with("trust", "scoped"),
        Vector::new(
            "serial-below-lowest",
            "rollback",
            "serial 4 where the trust root says 5",
            envelope(payload("web", 4), &[1, 2]),
        )
        .with("trust", "min-serial"),
        Vector::new(
            "serial-at-lowest",
            "ok",
            "serial 5 where the trust root says 5",
            envelope(payload("web", 5), &[1, 2]),
        )
        .with("trust", "min-serial"),
        Vector::new(
            "no-receipt",
            "receipt-required",
            "the trust root demands a receipt",
            envelope(payload("web", 1), &[1, 2]),
        )
        .with("trust", "receipt"),
        Vector::new(
            "other-type-well-signed",
            "payload-type",
            "the right bytes, signed under another type",
            typed("text/plain"),
        ),
        Vector::new(
            "trust-root-as-statement",
            "payload-type",
            "a statement signed under the type of trust roots",
            typed(TrustDocument::PAYLOAD_TYPE),
        ),
        statement(
            "draft",
            "a draft, without serial",
            good.replace("\"serial\":1,", ""),
        ),
        statement(
            "serial-zero",
            "serials start at 1",
            replace("\"serial\":1", "\"serial\":0"),
        ),
        statement(
            "serial-too-large",
            "2^53: not every JSON reader keeps it",
            replace("\"serial\":1", "\"serial\":9007199254740992"),
        ),
        statement(
            "serial-fraction",
            "a serial is whole",
            replace("\"serial\":1", "\"serial\":1.0"),
        ),
        statement(
            "serial-text",
            "a serial is a number",
            replace("\"serial\":1", "\"serial\":\"1\""),
        ),
        statement(
            "serial-twice",
            "two serials in one predicate",
            replace("\"serial\":1", "\"serial\":1,\"serial\":2"),
        ),
        statement(
            "other-statement-type",
            "in-toto's older statement",
            replace("Statement/v1", "Statement/v0.1"),
        ),
        statement(
            "other-predicate-type",
            "a statement about something else",
            replace("baseline/v1", "baseline/v2"),
        ),
        statement(
            "unknown-field",
            "a field that this version does not know may change the meaning",
            replace("\"epoch\"", "\"altered\":true,\"epoch\""),
        ),
        statement(
            "not-canonical",
            "a space",
            replace("\"serial\":1", "\"serial\": 1"),
        ),
        statement(
            "line-feed-after",
            "a line feed after the payload",
            good.clone() + "\n",
        ),
        statement(
            "two-statements",
            "a second statement follows the first",
            good.repeat(2),
        ),
        statement("no-subjects", "a statement about nothing", {
            let mut value: Value = serde_json::from_str(&good).unwrap();
            value["subject"] = json!([]);
            value.to_string()
        }),
        statement("no-manifest", "a statement without its manifest", {
            let mut value: Value = serde_json::from_str(&good).unwrap();
            value["subject"].as_array_mut().unwrap().remove(0);
            value.to_string()
        }),
        statement("subject-twice", "one subject with two digests", {
            let mut value: Value = serde_json::from_str(&good).unwrap();
            let first = value["subject"][0].clone();
            value["subject"].as_array_mut().unwrap().insert(0, first);
            value.to_string()
        }),
        statement("subjects-in-another-order", "a second spelling", {
            let mut value: Value = serde_json::from_str(&good).unwrap();
            value["subject"].as_array_mut().unwrap().reverse();
            value.to_string()
        }),
        statement(
            "subject-of-another-image",
            "the manifest of another image",
            replace(mtree, "base_1.0.mtree"),
        ),
        statement(
            "subject-with-a-path",
            "a subject that climbs out of the directory",
            replace(mtree, "../web_1.0.mtree"),
        ),
        statement(
            "subject-unknown",
            "a kind of subject that this version does not know",
            replace(mtree, "web_1.0.exe"),
        ),
        statement("digest-upper-case", "a second spelling of a digest", {
            let digest = karat::digest::Digest::of(b"manifest").to_string();
            replace(&digest, &digest.to_uppercase())
        }),
        statement(
            "digest-sha512",
            "another algorithm",
            replace("\"sha256\"", "\"sha512\""),
        ),
        statement(
            "name-with-a-path",
            "a name that climbs out of the directory",
            good.replace("\"web\"", "\"../web\"")
                .replace("web_1.0", "../web_1.0"),
        ),
        statement(
            "name-with-a-separator",
            "an underscore in the name: NAME_VERSION would be ambiguous",
            good.replace("\"web\"", "\"web_1\"")
                .replace("web_1.0", "web_1_1.0"),
        ),
        statement(
            "builder-with-control-bytes",
            "a word that speaks to terminals",
            replace("karat 0.1.0", "\\u001b[2J"),
        ),
        statement("empty-object", "JSON, but nothing in it", "{}".to_owned()),
        statement("not-json", "no JSON at all", "hello".to_owned()),
        statement(
            "too-large",
            "a payload of 4096 bytes: not every signer would have taken it",
            " ".repeat(4096),
        ),
    ]
}

#[test]
fn the_attack_kit_gets_its_verdicts() {
    let mut vectors = outer();
    vectors.extend(inner());
    for vector in &mut vectors {
        if vector.with.is_empty() {
            vector.with.push(("trust", "one-of-three".to_owned()));
        }
    }
    vector::check("envelope", &vectors, |vector| {
        match open(&vector.bytes, &trust(&vector.with[0].1)) {
            Ok(_) => "ok".to_owned(),
            Err(verdict) => verdict,
        }
    });
}

#[test]
fn an_error_names_each_signature_and_what_is_wrong_with_it() {
    let mut value = value(&[1, 1, 9]);
    let first = value["signatures"][0].clone();
    let mut wrong = first.clone();
    wrong["sig"] = json!(STANDARD.encode([0; 64]));
    value["signatures"]
        .as_array_mut()
        .unwrap()
        .extend([first, wrong]);
    let root = trust("two-of-three");
    let error = Envelope::parse(&bytes(&value))
        .unwrap()
        .open(&root)
        .unwrap_err();
    let OpenError::Threshold(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.required, 2);
    assert_eq!(error.verified.len(), 1);
    let (id, stranger) = (key(1).public_key().id(), key(9).public_key().id());
    assert_eq!(
        error.rejected,
        [
            Rejected::Unknown {
                index: 1,
                key_id: stranger.to_string()
            },
            Rejected::Duplicate { index: 2, key: id },
            Rejected::Invalid { index: 3, key: id },
        ]
    );
}

#[test]
fn what_is_opened_knows_who_signed() {
    let file = envelope(payload("web", 1), &[9, 3, 1]);
    let verified = open(&file, &trust("one-of-three")).unwrap();
    assert_eq!(verified.serial().get(), 1);
    let mut expected = [key(1).public_key(), key(3).public_key()];
    expected.sort();
    let signers: Vec<_> = verified.quorum().keys().copied().collect();
    assert_eq!(signers, expected);
    assert_eq!(
        verified.quorum().rejected().len(),
        1,
        "the stranger is reported"
    );
}

#[test]
fn every_single_bit_of_an_envelope_matters() {
    let file = envelope(payload("web", 1), &[1]);
    let root = trust("one-of-three");
    let good = open(&file, &root).unwrap();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            // What still opens (a change of the key id, say) says exactly the same.
            if let Ok(opened) = open(&changed, &root) {
                assert_eq!(*opened, *good, "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn an_envelope_of_more_than_the_cap_is_not_even_parsed() {
    let mut file = envelope(payload("web", 1), &[1]);
    file.resize(65_536, b' ');
    assert_eq!(
        open(&file, &trust("one-of-three")).unwrap_err(),
        "too-large"
    );
    file.truncate(65_535);
    assert!(open(&file, &trust("one-of-three")).is_ok());
}

#[test]
fn merging_keeps_every_signature_once() {
    let [one, other] = [[1, 2], [2, 3]]
        .map(|signers| Envelope::parse(&envelope(payload("web", 1), &signers)).unwrap());
    let mut merged = one.clone();
    assert!(merged.merge(&other));
    assert_eq!(merged.signed().claims.len(), 3);
    let stranger = Envelope::parse(&envelope(payload("web", 2), &[3])).unwrap();
    assert!(!merged.merge(&stranger), "another payload");
    let claim = Claim {
        key_id: String::new(),
        signature: one.signed().claims[0].signature,
    };
    assert_eq!(claim.hint(), None);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(512))]

    /// Splices bytes into good files: nothing panics, and what opens has one spelling.
    #[test]
    fn spliced_files_end_in_an_error_or_say_the_same(
        at in 0_usize..2000,
        removed in 0_usize..20,
        inserted in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..20),
        inner in proptest::prelude::any::<bool>(),
    ) {
        let splice = |mut bytes: Vec<u8>| {
            let at = at % bytes.len();
            let end = (at + removed).min(bytes.len());
            bytes.splice(at..end, inserted);
            bytes
        };
        let original = payload("web", 1);
        let root = trust("one-of-three");
        if inner {
            let spliced = splice(original.clone());
            let opened = open(&envelope(spliced.clone(), &[1]), &root);
            // Well signed: whatever opens has exactly one spelling.
            if let Ok(statement) = opened {
                proptest::prop_assert_eq!(statement.to_signed().unwrap().payload, spliced);
            }
        } else if let Ok(statement) = open(&splice(envelope(original.clone(), &[1])), &root) {
            proptest::prop_assert_eq!(statement.to_signed().unwrap().payload, original);
        }
    }
}

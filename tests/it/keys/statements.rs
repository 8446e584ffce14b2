//! Statements: one spelling, small enough for every signer.

use karat::baseline::{Draft, Serial, Statement, StatementError, Subject};
use karat::digest::Digest;
use karat::layout::verity::{BlocksError, Verity};
use karat::limits;
use karat::tree::Epoch;

use super::fixture::{baseline, text};

/// The bytes of docs/formats/statement.md.
#[test]
fn the_format_is_what_its_page_shows() {
    let page = include_str!("../../../docs/formats/statement.md");
    let example = page
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    // The page breaks the line for people; the format has no white space outside of text.
    let joined: String = example.lines().map(str::trim_start).collect();
    assert_eq!(joined, text("web", 1));
}

#[test]
fn drafts_round_trip_and_statements_take_them_further() {
    let draft = Draft::new(baseline("web", "1.0")).unwrap();
    let file = draft.to_bytes().unwrap();
    assert_eq!(Draft::parse(&file), Ok(draft.clone()));
    let expires = Epoch::new(2_000_000_000).unwrap();
    let statement = draft.complete(Serial::new(7).unwrap(), Some(expires));
    let payload = statement.to_signed().unwrap().payload;
    assert_eq!(Statement::parse(&payload), Ok(statement.clone()));
    assert_eq!(statement.draft(), draft);
    assert_eq!(Draft::parse(&payload), Err(StatementError::Complete));
    let draft_payload = file.strip_suffix(b"\n").unwrap();
    assert_eq!(Statement::parse(draft_payload), Err(StatementError::Draft));
}

#[test]
fn what_the_kernel_checks_against_has_one_spelling() {
    let (root, salt) = (Digest::of(b"root"), Digest::of(b"salt"));
    let mut image = baseline("web", "1.0");
    image.verity = Some(Verity::new(root, salt, 51_234).unwrap());
    let draft = Draft::new(image).unwrap();
    let payload = draft.complete(Serial::FIRST, None).to_signed().unwrap();
    let text = String::from_utf8(payload.payload).unwrap();
    let said = format!(
        r#","serial":1,"verity":{{"blocks":51234,"root":"{root}","salt":"{salt}"}},"version":"1.0"}}"#
    );
    assert!(text.contains(&said), "{text}");
    let statement = Statement::parse(text.as_bytes()).unwrap();
    assert_eq!(statement.draft(), draft);
    let blocks = |number: &str| {
        let text = text.replace("51234", number);
        Statement::parse(text.as_bytes())
    };
    assert!(blocks("4294967296").is_ok());
    for number in ["0", "4294967297"] {
        assert_eq!(blocks(number), Err(StatementError::Verity(BlocksError)));
    }
    assert!(matches!(blocks("051234"), Err(StatementError::Json(_))));
}

#[test]
fn the_largest_statement_fits_every_signer() {
    let long = "x".repeat(limits::IMAGE_NAME_MAX);
    let mut largest = baseline(&long, &long);
    largest.builder = "b".repeat(64);
    largest.inputs.agent = Some(Digest::of(b"agent"));
    largest.segment.category = Some(long.clone());
    largest.segment.segment = Some(long.clone());
    largest.segment.lifecycle = Some(long);
    let digest = Digest::of(b"x");
    largest.verity = Verity::new(digest, digest, limits::VERITY_BLOCKS_MAX).ok();
    assert!(largest.verity.is_some());
    largest.epoch = Epoch::new(Epoch::MAX).unwrap();
    for subject in Subject::ALL {
        largest.subjects.insert(subject, Digest::of(b"x"));
    }
    let draft = Draft::new(largest).unwrap();
    let statement = draft.complete(Serial::MAX, Epoch::new(Epoch::MAX).ok());
    let message = statement.to_signed().unwrap().message();
    assert!(message.len() < 4096, "{}", message.len());
}

#[test]
fn a_build_cannot_say_what_has_no_place() {
    let refused = |change: &dyn Fn(&mut karat::baseline::Baseline)| {
        let mut baseline = baseline("web", "1.0");
        change(&mut baseline);
        Draft::new(baseline).unwrap_err()
    };
    assert_eq!(
        refused(&|it| it
            .subjects
            .retain(|subject, _| *subject != Subject::Expectations)),
        StatementError::MissingSubject(Subject::Expectations)
    );
    assert_eq!(
        refused(&|it| it.builder = "karat\n0".to_owned()),
        StatementError::Word {
            field: "builder",
            word: "karat\n0".to_owned()
        }
    );
    assert_eq!(
        refused(&|it| it.segment.category = Some("Front end".to_owned())),
        StatementError::Word {
            field: "category",
            word: "Front end".to_owned()
        }
    );
}

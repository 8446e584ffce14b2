//! Hostile Receipts, as files.

use karat::baseline::OpenError;
use karat::envelope::Envelope;
use karat::tlog::{
    CheckpointError, Kind, NoteError, ProofError, ReceiptError, ReceiptFault, UntrustedCheckpoint,
};

use crate::keys::fixture::{document, envelope, key, payload, root};
use crate::keys::vector::{self, Vector};
use crate::support::log::receipt;

const ORIGIN: &str = "example.com/log";

fn subject() -> Envelope {
    Envelope::parse(&envelope(payload("web", 1), &[1])).unwrap()
}

/// The file of a good Receipt for entry 5 of 7.
fn good() -> String {
    let mut entries: Vec<Vec<u8>> = (0..7).map(|number: u8| vec![number]).collect();
    entries[5] = Kind::Signed.entry(&subject()).unwrap();
    String::from_utf8(receipt(ORIGIN, &key(111), &entries, 5).to_bytes()).unwrap()
}

/// A Receipt whose checkpoint is `text`, well signed by the log.
fn signed(text: &str) -> String {
    let (head, _) = good()
        .split_once("\n\n")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let mut note = karat::tlog::Note::new(text.to_owned());
    note.sign(&crate::support::log::name(ORIGIN), &key(111))
        .unwrap();
    format!("{head}\n\n{}", String::from_utf8(note.to_bytes()).unwrap())
}

fn checkpoint_lines() -> (String, String) {
    let good = good();
    let (_, note) = good.split_once("\n\n").unwrap();
    let mut lines = note.lines().skip(1);
    (
        lines.next().unwrap().to_owned(),
        lines.next().unwrap().to_owned(),
    )
}

fn judge(vector: &Vector) -> String {
    let opened = subject().open_logged(&root(&document(1)), &vector.bytes);
    let Err(error) = opened else {
        return "ok".to_owned();
    };
    let OpenError::Receipt(fault) = error else {
        return "envelope".to_owned();
    };
    match fault {
        ReceiptFault::Receipt(error) => match error {
            ReceiptError::TooLarge => "too-large",
            ReceiptError::Header => "header",
            ReceiptError::Index => "index",
            ReceiptError::Extra => "extra",
            ReceiptError::Hash(_) => "hash",
            ReceiptError::Note(error) => match error {
                NoteError::TooLarge => "note-too-large",
                NoteError::Text => "note-text",
                NoteError::Form => "note-form",
                NoteError::Signature(_) => "note-signature",
                NoteError::Name(_) => "note-name",
                NoteError::TooManySignatures => "note-too-many-signatures",
            },
        },
        ReceiptFault::Checkpoint(error) => match error {
            UntrustedCheckpoint::NoLog => "no-log",
            UntrustedCheckpoint::BadSignature { .. } => "bad-signature",
            UntrustedCheckpoint::Log(_) => "not-signed-by-the-log",
            UntrustedCheckpoint::Witnesses(_) => "not-cosigned",
            UntrustedCheckpoint::Origin { .. } => "other-log",
            UntrustedCheckpoint::Checkpoint(error) => match error {
                CheckpointError::Lines => "checkpoint-lines",
                CheckpointError::Size => "checkpoint-size",
                CheckpointError::Root => "checkpoint-root",
                CheckpointError::EmptyRoot => "checkpoint-empty-root",
            },
        },
        ReceiptFault::Proof(error) => match error {
            ProofError::Index { .. } => "proof-index",
            ProofError::Shrinks { .. } => "proof-shrinks",
            ProofError::Length(_) => "proof-length",
            ProofError::Root => "proof-root",
        },
        ReceiptFault::OtherEntry(_) => "other-entry",
        ReceiptFault::Entry(_) => "entry",
    }
    .to_owned()
}

fn form(good: &str) -> Vec<Vector> {
    let (head, note) = good.split_once("\n\n").unwrap();
    let hash = head.lines().nth(2).unwrap();
    let signature = note.lines().last().unwrap();
    let v = |name, expect, comment, bytes: String| Vector::new(name, expect, comment, bytes);
    vec![
        v("good", "ok", "entry 5 of 7", good.to_owned()),
        v(
            "other-version",
            "header",
            "another version of the format",
            good.replacen("@v1", "@v2", 1),
        ),
        v(
            "carriage-returns",
            "note-form",
            "lines end as on another system",
            good.replace('\n', "\r\n"),
        ),
        v(
            "byte-order-mark",
            "header",
            "a byte order mark before the text",
            format!("\u{feff}{good}"),
        ),
        v(
            "index-leading-zero",
            "index",
            "a second spelling of the index",
            good.replacen("index 5", "index 05", 1),
        ),
        v(
            "index-negative",
            "index",
            "a negative index",
            good.replacen("index 5", "index -5", 1),
        ),
        v(
            "index-2-63",
            "index",
            "an index that other programs would read as negative",
            good.replacen("index 5", "index 9223372036854775808", 1),
        ),
        v(
            "index-missing",
            "index",
            "no index",
            good.replacen("index 5\n", "", 1),
        ),
        v(
            "index-twice",
            "hash",
            "two indices",
            good.replacen("index 5", "index 5\nindex 4", 1),
        ),
        v(
            "index-beyond-the-tree",
            "proof-index",
            "as many as the tree has",
            good.replacen("index 5", "index 7", 1),
        ),
        v(
            "index-of-a-neighbour",
            "other-entry",
            "the proof of another leaf",
            good.replacen("index 5", "index 4", 1),
        ),
        v(
            "extra-data",
            "ok",
            "extra data mean nothing",
            good.replacen("index", "extra bm90aGluZw==\nindex", 1),
        ),
        v(
            "extra-not-base64",
            "extra",
            "extra data that cannot be read",
            good.replacen("index", "extra *\nindex", 1),
        ),
        v(
            "extra-after-the-index",
            "hash",
            "extra data in another place",
            good.replacen("index 5", "index 5\nextra AA==", 1),
        ),
        v(
            "hash-trailing-bits",
            "hash",
            "a second spelling of a hash",
            good.replacen(hash, &format!("{}B=", &hash[..42]), 1),
        ),
        v(
            "hash-url-safe",
            "hash",
            "the other alphabet",
            good.replacen(hash, &"_".repeat(43), 1),
        ),
        v(
            "hash-missing",
            "proof-length",
            "a proof that is too short",
            good.replacen(&format!("{hash}\n"), "", 1),
        ),
        v(
            "hash-twice",
            "proof-length",
            "a proof that is too long",
            good.replacen(hash, &format!("{hash}\n{hash}"), 1),
        ),
        v(
            "hash-changed",
            "other-entry",
            "a sibling that is not in the tree",
            good.replacen(hash, &format!("{}=", "A".repeat(43)), 1),
        ),
        v(
            "hashes-65",
            "hash",
            "more hashes than any tree needs",
            good.replacen(hash, &vec![hash; 65].join("\n"), 1),
        ),
        v(
            "two-empty-lines",
            "bad-signature",
            "an empty line begins the checkpoint",
            good.replacen("\n\n", "\n\n\n", 1),
        ),
        v(
            "no-checkpoint",
            "note-form",
            "nothing after the proof",
            format!("{head}\n\n"),
        ),
        v(
            "no-signature",
            "note-form",
            "a checkpoint that nobody signed",
            good.replace(signature, "").trim_end().to_owned() + "\n",
        ),
        v(
            "signature-without-a-name",
            "note-name",
            "a signature line with two spaces",
            good.replace("\u{2014} example.com/log", "\u{2014} "),
        ),
        v(
            "signature-with-a-hyphen",
            "note-signature",
            "a hyphen where a dash belongs",
            good.replace('\u{2014}', "-"),
        ),
        v(
            "signature-not-base64",
            "note-signature",
            "a signature that cannot be read",
            good.replace(signature, "\u{2014} example.com/log *"),
        ),
        v(
            "signature-without-line-end",
            "note-form",
            "the last line is cut off",
            good.trim_end().to_owned(),
        ),
        v(
            "name-with-a-plus",
            "note-name",
            "a name that no key may have",
            good.replace(signature, "\u{2014} a+b AAAAAAAA"),
        ),
        v(
            "signatures-65",
            "note-too-many-signatures",
            "one more than is read",
            format!("{good}{}", format!("{signature}\n").repeat(64)),
        ),
        v(
            "stranger-cosigns",
            "ok",
            "a key that nobody knows is ignored",
            format!("{good}\u{2014} example.com/stranger AAAAAAAA\n"),
        ),
        v(
            "signature-twice",
            "ok",
            "one key twice is one key",
            format!("{good}{signature}\n"),
        ),
        v(
            "control-byte",
            "note-text",
            "an escape sequence in the checkpoint",
            good.replace("example.com/log\n7", "example.com/\u{1b}[2Jlog\n7"),
        ),
    ]
}

fn trust(good: &str) -> Vec<Vector> {
    let (size, root) = checkpoint_lines();
    let signature = good.lines().last().unwrap();
    let v = |name, expect, comment, bytes: String| Vector::new(name, expect, comment, bytes);
    vec![
        v(
            "signature-of-another-text",
            "bad-signature",
            "the size was changed after signing",
            good.replace("\n7\n", "\n8\n"),
        ),
        v(
            "signed-by-a-stranger",
            "not-signed-by-the-log",
            "the line of the log is taken away",
            good.replace(signature, "\u{2014} example.com/stranger AAAAAAAA"),
        ),
        v(
            "bad-second-signature",
            "bad-signature",
            "a good signature of the log and a bad one",
            {
                let prefix: String = signature
                    .chars()
                    .take(signature.chars().count() - 6)
                    .collect();
                format!("{good}{prefix}AAAAA=\n")
            },
        ),
        v(
            "other-origin",
            "other-log",
            "the log's key signs for another log",
            signed(&format!("example.com/other\n{size}\n{root}\n")),
        ),
        v(
            "extension-line",
            "ok",
            "a further line, signed too",
            signed(&format!("{ORIGIN}\n{size}\n{root}\nfurther\n")),
        ),
        v(
            "size-leading-zero",
            "checkpoint-size",
            "a second spelling of the size, well signed",
            signed(&format!("{ORIGIN}\n0{size}\n{root}\n")),
        ),
        v(
            "size-2-63",
            "checkpoint-size",
            "a size that other programs read as negative, well signed",
            signed(&format!("{ORIGIN}\n9223372036854775808\n{root}\n")),
        ),
        v(
            "size-huge",
            "proof-length",
            "the largest size, well signed, with a short proof",
            signed(&format!("{ORIGIN}\n9223372036854775807\n{root}\n")),
        ),
        v(
            "size-zero-with-a-root",
            "checkpoint-empty-root",
            "no entries and yet a root, well signed",
            signed(&format!("{ORIGIN}\n0\n{root}\n")),
        ),
        v(
            "size-zero",
            "proof-index",
            "no entries, well signed",
            signed(&format!(
                "{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
            )),
        ),
        v(
            "root-of-a-fork",
            "other-entry",
            "the same size with another root, well signed",
            signed(&format!("{ORIGIN}\n{size}\n{}=\n", "A".repeat(43))),
        ),
        v(
            "two-lines",
            "checkpoint-lines",
            "no root, well signed",
            signed(&format!("{ORIGIN}\n{size}\n")),
        ),
    ]
}

#[test]
fn each_receipt_gets_the_verdict_of_its_file() {
    let good = good();
    let mut vectors = form(&good);
    vectors.extend(trust(&good));
    let mut latin = good.clone().into_bytes();
    latin.push(0xff);
    vectors.push(Vector::new(
        "not-utf-8",
        "note-text",
        "a byte that is no text",
        latin,
    ));
    let others: Vec<_> = vectors.iter().filter(|it| judge(it) != it.expect).collect();
    let others: Vec<_> = others.iter().map(|it| (it.name, judge(it))).collect();
    assert_eq!(others, []);
    vector::check("tlog", &vectors, judge);
}

#[test]
fn the_documented_receipt_is_the_good_one() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats/log.md");
    let page = std::fs::read_to_string(page).unwrap();
    let good = good();
    let (_, checkpoint) = good.split_once("\n\n").unwrap();
    for shown in [&good, checkpoint] {
        assert!(page.contains(&format!("```text\n{shown}```\n")), "{shown}");
    }
}

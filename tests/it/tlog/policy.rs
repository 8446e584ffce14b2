//! tlog-policy: the rules of the specification, each with its error, and what a policy believes.

use karat::key::{PublicKey, Signer as _};
use karat::tlog::{
    Note, NoteKey, Policy, PolicyMember, PolicyParseError, PolicyRefusal, PolicyRule,
};

use crate::keys::fixture::{document, key, root};
use crate::support::log::{MemoryTree, checkpoint, name};

fn raw(seed: u8) -> PublicKey {
    key(seed).public_key()
}

fn log(seed: u8) -> NoteKey {
    NoteKey::ed25519(name("example.com/log"), raw(seed))
}

fn witness(seed: u8) -> NoteKey {
    NoteKey::cosigner(name(&format!("w{seed}.example")), raw(seed))
}

/// The example of the specification: two of three, and any of three others.
fn example() -> String {
    let mut text = format!("log {}\n\n", log(1));
    for (group, seeds) in [("X", [11, 12, 13]), ("Y", [21, 22, 23])] {
        for (number, seed) in (1..).zip(seeds) {
            text += &format!("witness {group}{number} {}\n", witness(seed));
        }
    }
    text + "group X-witnesses 2 X1 X2 X3\n\
        group Y-witnesses any Y1 Y2 Y3\n\
        group X-and-Y all X-witnesses Y-witnesses\n\
        quorum X-and-Y\n"
}

fn note(log_seed: u8, witnesses: &[u8]) -> Note {
    let mut note = checkpoint("example.com/log", &MemoryTree::of_numbers(5));
    note.sign(&name("example.com/log"), &key(log_seed)).unwrap();
    for seed in witnesses {
        let name = name(&format!("w{seed}.example"));
        note.cosign(&name, &key(*seed), 1_700_000_000).unwrap();
    }
    note
}

#[test]
fn the_example_of_the_specification_is_believed_as_it_says() {
    let policy = Policy::parse(example().as_bytes()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    assert_eq!(policy.quorum(), Some(PolicyMember::Group(2)));
    for (witnesses, is_enough) in [
        (&[][..], false),
        (&[11], false),
        (&[11, 12], false),
        (&[11, 12, 13], false),
        (&[21, 22, 23], false),
        (&[11, 21, 22, 23], false),
        (&[11, 12, 21], true),
        (&[12, 13, 23], true),
        (&[11, 12, 13, 21, 22, 23], true),
        // A stranger counts for nobody, and the same one twice once.
        (&[11, 99, 21], false),
        (&[11, 11, 21], false),
    ] {
        let opened = policy.open(&note(1, witnesses));
        assert_eq!(opened.is_ok(), is_enough, "{witnesses:?}: {opened:?}");
        match opened {
            Ok(opened) => {
                assert_eq!(opened.checkpoint().head.size, 5);
                assert_eq!(opened.cosigned_by().len(), witnesses.len());
            }
            Err(PolicyRefusal::Quorum { quorum, lacking }) => {
                assert_eq!(quorum, b"X-and-Y");
                assert!(!lacking.is_empty());
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_log_signs_under_its_own_name_and_bad_lines_refuse_the_whole() {
    let policy = Policy::parse(example().as_bytes()).unwrap();
    let enough = [11, 12, 21];
    let refused = policy.open(&note(2, &enough));
    assert!(matches!(refused, Err(PolicyRefusal::Log(_))));
    // The cosignature of another text in the name of a witness of the policy.
    let mut other = checkpoint("example.com/log", &MemoryTree::of_numbers(6));
    other.cosign(&name("w13.example"), &key(13), 7).unwrap();
    let mut forged = note(1, &enough);
    forged.add(other.signatures()[0].clone());
    assert!(matches!(
        policy.open(&forged),
        Err(PolicyRefusal::BadLine(line)) if line.name == name("w13.example")
    ));
    // A log key whose name is not the origin.
    let vkey = NoteKey::ed25519(name("example.com/other"), raw(1));
    let elsewhere = Policy::parse(format!("log {vkey}\nquorum none\n").as_bytes()).unwrap();
    let mut stranger = checkpoint("example.com/log", &MemoryTree::of_numbers(5));
    stranger.sign(&name("example.com/other"), &key(1)).unwrap();
    assert!(matches!(
        elsewhere.open(&stranger),
        Err(PolicyRefusal::Log(_))
    ));
}

#[test]
fn without_a_quorum_nobody_has_to_cosign() {
    let text = format!("log {}\nquorum none\n", log(1));
    let policy = Policy::parse(text.as_bytes()).unwrap();
    assert_eq!(policy.open(&note(1, &[])).unwrap().cosigned_by(), []);
    // Without logs nothing is believed, but cosignatures can be counted.
    let text = format!("witness w {}\nquorum w\n", witness(11));
    let policy = Policy::parse(text.as_bytes()).unwrap();
    assert!(policy.open(&note(1, &[11])).is_err());
    assert_eq!(policy.cosigners(&note(1, &[11])).unwrap().len(), 1);
    assert!(policy.cosigners(&note(1, &[12])).is_err());
}

#[test]
fn what_is_written_is_read_and_odd_but_allowed_spellings_too() {
    let policy = Policy::parse(example().as_bytes()).unwrap();
    let written = policy.to_bytes();
    assert_eq!(Policy::parse(&written).unwrap(), policy);
    let of_root = Policy::of(&root(&document(1))).unwrap();
    assert_eq!(Policy::parse(&of_root.to_bytes()).unwrap(), of_root);
    let odd = format!(
        "# a comment\n \t# another\n\n \t \n\tlog  {} \thttps://log.example/ \n\
         witness w\u{e9} {} https://w.example/\ngroup g 1 w\u{e9}\nquorum\tg\n",
        log(1),
        witness(11),
    );
    let policy = Policy::parse(odd.as_bytes()).unwrap();
    assert_eq!(
        policy.logs()[0].url.as_deref(),
        Some("https://log.example/")
    );
    assert_eq!(
        policy.witnesses()[0].url.as_deref(),
        Some("https://w.example/")
    );
    assert_eq!(policy.witnesses()[0].name, "w\u{e9}".as_bytes());
    // Names and comments are bytes, not text.
    let vkey = witness(11).to_string();
    let bytes = [
        &b"# \xff\nwitness \xfe "[..],
        vkey.as_bytes(),
        b"\nquorum \xfe\n",
    ];
    assert_eq!(
        Policy::parse(&bytes.concat()).unwrap().witnesses()[0].name,
        b"\xfe"
    );
    // Other algorithms are carried, and never count.
    let other = "witness pq example.com/pq+01020304+BgECAwQ=\nquorum pq\n";
    assert!(
        Policy::parse(other.as_bytes())
            .unwrap()
            .cosigners(&note(1, &[11]))
            .is_err()
    );
}

#[test]
fn each_rule_has_its_error() {
    use PolicyRule as Rule;
    let w = |name: &str, seed| format!("witness {name} {}\n", witness(seed));
    let two = w("a", 11) + &w("b", 12);
    let required = |found: &str, members| Rule::Required {
        found: found.as_bytes().to_vec(),
        members,
    };
    let unknown = |name: &str| Rule::Unknown(name.as_bytes().to_vec());
    let same_name = |name: &str| Rule::SameName(name.as_bytes().to_vec());
    let form_group = Rule::Form("group NAME any|all|NUMBER MEMBER...");
    for (text, line, rule) in [
        (String::new(), 1, Rule::NoQuorum),
        ("# nothing\n".to_owned(), 1, Rule::NoQuorum),
        (format!("log {}\n", log(1)), 1, Rule::NoQuorum),
        ("quorum none".to_owned(), 1, Rule::Text),
        ("quorum none\r\n".to_owned(), 1, Rule::Text),
        (
            "quorum none\nquorum none\n".to_owned(),
            2,
            Rule::SecondQuorum,
        ),
        ("quorum\n".to_owned(), 1, Rule::Form("quorum NAME|none")),
        ("quorum a b\n".to_owned(), 1, Rule::Form("quorum NAME|none")),
        ("quorum a\n".to_owned(), 1, unknown("a")),
        (
            "Quorum none\n".to_owned(),
            1,
            Rule::Word(b"Quorum".to_vec()),
        ),
        ("log\n".to_owned(), 1, Rule::Form("log VKEY [URL]")),
        (
            format!("log {} u v\n", log(1)),
            1,
            Rule::Form("log VKEY [URL]"),
        ),
        (
            format!("log {}\n", witness(11)),
            1,
            Rule::KeyKind("cosignatures of a witness, not for a log"),
        ),
        (
            format!("witness a {}\n", log(1)),
            1,
            Rule::KeyKind("notes, not cosignatures"),
        ),
        (format!("log {0}\nlog {0}\n", log(1)), 2, Rule::SameKey),
        // The same raw key under two names.
        (
            format!(
                "log {}\nlog {}\n",
                log(1),
                NoteKey::ed25519(name("other"), raw(1))
            ),
            2,
            Rule::SameKey,
        ),
        (
            w("a", 11) + &format!("witness b {}\n", NoteKey::cosigner(name("other"), raw(11))),
            2,
            Rule::SameKey,
        ),
        (w("a", 11) + &w("a", 12), 2, same_name("a")),
        (w("none", 11), 1, same_name("none")),
        (two.clone() + "group a any b\n", 3, same_name("a")),
        (two.clone() + "group none any b\n", 3, same_name("none")),
        (two.clone() + "group g any\n", 3, form_group.clone()),
        (two.clone() + "group g\n", 3, form_group),
        (two.clone() + "group g any c\n", 3, unknown("c")),
        (two.clone() + "group g any none\n", 3, unknown("none")),
        (two.clone() + "group g any g\n", 3, unknown("g")),
        ("group g any a\n".to_owned() + &two, 1, unknown("a")),
        (
            two.clone() + "group g any a a\n",
            3,
            Rule::SecondUse(b"a".to_vec()),
        ),
        (
            two.clone() + "group g any a\ngroup h any a\n",
            4,
            Rule::SecondUse(b"a".to_vec()),
        ),
        (two.clone() + "group g 0 a b\n", 3, required("0", 2)),
        (two.clone() + "group g 3 a b\n", 3, required("3", 2)),
        (two.clone() + "group g 01 a b\n", 3, required("01", 2)),
        (two.clone() + "group g +1 a b\n", 3, required("+1", 2)),
        (two.clone() + "group g some a b\n", 3, required("some", 2)),
        (
            two.clone() + "group g 99999999999999999999 a b\n",
            3,
            required("99999999999999999999", 2),
        ),
        (two + "quorum c\n", 3, unknown("c")),
    ] {
        assert_eq!(
            Policy::parse(text.as_bytes()),
            Err(PolicyParseError { line, rule }),
            "{text}"
        );
    }
    let vkey = Policy::parse(b"log example.com/log\n").unwrap_err();
    assert!(matches!(vkey.rule, Rule::Key(_)));
    let weak = "log n+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    assert!(matches!(
        Policy::parse(weak.as_bytes()).unwrap_err().rule,
        Rule::Key(_)
    ));
    let large = vec![b'\n'; usize::try_from(karat::limits::TLOG_POLICY_MAX).unwrap() + 1];
    assert_eq!(Policy::parse(&large).unwrap_err().rule, Rule::TooLarge);
    let groups = |count: usize| -> String {
        let mut text = w("a", 11) + "group g0 any a\n";
        for number in 1..count {
            text += &format!("group g{number} any g{}\n", number - 1);
        }
        text + &format!("quorum g{}\n", count - 1)
    };
    // Deep, and no deeper: no stack is used, and the innermost counts.
    let deep = Policy::parse(groups(256).as_bytes()).unwrap();
    assert!(deep.cosigners(&note(1, &[11])).is_ok());
    assert!(deep.cosigners(&note(1, &[12])).is_err());
    assert_eq!(
        Policy::parse(groups(257).as_bytes()).unwrap_err().rule,
        Rule::TooMany
    );
}

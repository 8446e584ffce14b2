//! Indexes, good and hostile.

use super::*;
use crate::deb::control::ControlError;
use crate::digest::Digest;

const GOOD: &str = "Package: aa\nVersion: 1:2-3\nArchitecture: all\nFilename: ./pool/a/aa_2-3_all.deb\n\
                    Size: 42\nSHA256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n\
                    Installed-Size: 7\nSource: src (1:2-2)\nMulti-Arch: foreign\nPriority: required\n\
                    Essential: yes\nDepends: bb (>= 1) | cc,\n dd:any\nProvides: ee (= 5), ff\n";

fn add(text: &str) -> Result<Universe, StanzaRule> {
    let mut universe = Universe::new();
    let added = universe.add(Source::named("main"), text.to_owned());
    added.map(|_id| universe).map_err(|error| error.rule)
}

#[test]
fn a_stanza_is_read() {
    let universe = add(GOOD).unwrap();
    let record = universe.packages("aa").next().unwrap();
    assert_eq!(
        (record.name(), record.version(), record.architecture()),
        ("aa", "1:2-3", "all")
    );
    assert_eq!(
        (record.filename(), record.size()),
        ("pool/a/aa_2-3_all.deb", 42)
    );
    assert_eq!(record.sha256(), Digest::of(b"abc"));
    assert_eq!(record.installed_size(), 7);
    assert_eq!(record.source_package(), ("src", "1:2-2"));
    assert_eq!(record.multi_arch(), MultiArch::Foreign);
    assert_eq!(record.priority(), Priority::Required);
    assert!(record.essential() && !record.protected());
    assert_eq!(record.relations(RelationField::Depends).unwrap().len(), 2);
    assert_eq!(record.relations(RelationField::Conflicts), Ok(Vec::new()));
    let provider = universe.providers("ee").next().unwrap();
    assert_eq!(
        (provider.record.name(), provider.version),
        ("aa", Some("5"))
    );
    assert_eq!(universe.providers("ff").next().unwrap().version, None);
    assert_eq!(
        universe.providers("gg").count() + universe.packages("ee").count(),
        0
    );
}

#[test]
fn hostile_stanzas_are_refused() {
    use StanzaRule as R;
    type Expected = fn(&StanzaRule) -> bool;
    let cases: &[(&str, &str, Expected)] = &[
        ("Package: aa", "X: y", |rule| *rule == R::Missing("Package")),
        ("Version: 1:2-3", "X: y", |rule| {
            *rule == R::Missing("Version")
        }),
        ("Architecture: all", "X: y", |rule| {
            *rule == R::Missing("Architecture")
        }),
        ("Filename: ./pool/a/aa_2-3_all.deb", "X: y", |rule| {
            *rule == R::Missing("Filename")
        }),
        ("Size: 42", "X: y", |rule| *rule == R::Missing("Size")),
        ("SHA256: ba", "X: ba", |rule| *rule == R::Missing("SHA256")),
        ("Package: aa", "Package: ../aa", |rule| {
            matches!(rule, R::Name(_))
        }),
        ("Package: aa", "Package: aa\npackage: bb", |rule| {
            matches!(rule, R::Control(ControlError::Twice(_)))
        }),
        ("Size: 42", "Size: 42\nDepends: x", |rule| {
            matches!(rule, R::Control(ControlError::Twice(_)))
        }),
        ("Size: 42", "Size 42", |rule| {
            matches!(rule, R::Control(ControlError::NotAField(_)))
        }),
        ("1:2-3", "1:2/3", |rule| matches!(rule, R::Version(_))),
        ("all\n", "any\n", |rule| matches!(rule, R::Name(_))),
        ("all\n", "../all\n", |rule| matches!(rule, R::Name(_))),
        ("./pool", "/pool", |rule| matches!(rule, R::Filename(_))),
        ("./pool", "../pool", |rule| matches!(rule, R::Filename(_))),
        ("./pool/a", "./pool/../..", |rule| {
            matches!(rule, R::Filename(_))
        }),
        ("./pool", "././pool", |rule| matches!(rule, R::Filename(_))),
        ("./pool", "pool/", |rule| matches!(rule, R::Filename(_))),
        ("./pool", "\u{1b}pool", |rule| {
            matches!(rule, R::Filename(_))
        }),
        ("./pool/a/aa_2-3_all.deb", "", |rule| {
            matches!(rule, R::Filename(_))
        }),
        ("Size: 42", "Size: -1", |rule| matches!(rule, R::Size(_))),
        ("Size: 42", "Size: +42", |rule| matches!(rule, R::Size(_))),
        ("Size: 42", "Size: 0", |rule| matches!(rule, R::Size(_))),
        ("Size: 42", "Size: 99999999999999999999", |rule| {
            matches!(rule, R::Size(_))
        }),
        ("SHA256: ba", "SHA256: BA", |rule| {
            matches!(rule, R::Digest(_))
        }),
        ("SHA256: ba", "SHA256: a", |rule| {
            matches!(rule, R::Digest(_))
        }),
        ("Installed-Size: 7", "Installed-Size: 7k", |rule| {
            matches!(rule, R::InstalledSize(_))
        }),
        ("foreign", "both", |rule| matches!(rule, R::MultiArch(_))),
        ("Essential: yes", "Essential: maybe", |rule| {
            *rule == R::Flag("Essential")
        }),
        ("ee (= 5)", "ee (>= 5)", |rule| {
            matches!(rule, R::ProvidesForm(_))
        }),
        ("ee (= 5)", "ee | gg", |rule| {
            matches!(rule, R::ProvidesForm(_))
        }),
        ("ee (= 5)", "../ee", |rule| matches!(rule, R::Provides(_))),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let rule = add(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(expected(&rule), "{from:?} -> {to:?}: {rule:?}");
    }
}

#[test]
fn an_error_names_index_line_and_package_and_adds_nothing() {
    let mut universe = add(GOOD).unwrap();
    let bad = format!("{GOOD}\n{}", GOOD.replace("Size: 42", "Size: x"));
    let error = universe.add(Source::named("extra"), bad).unwrap_err();
    assert_eq!((error.index.as_str(), error.line), ("extra", 16));
    assert_eq!(error.package, "aa");
    assert_eq!((universe.len(), universe.sources().len()), (1, 1));
    assert_eq!(
        (
            universe.providers("ee").count(),
            universe.packages("aa").count()
        ),
        (1, 1)
    );
}

#[test]
fn several_sources_are_searched_in_their_order() {
    let mut universe = add(GOOD).unwrap();
    let other = GOOD
        .replace("1:2-3", "2")
        .replace("Package: aa", "Package: a0");
    universe
        .add(Source::named("second"), format!("{other}\n{GOOD}"))
        .unwrap();
    let sources = |name| {
        let records = universe.packages(name);
        records
            .map(|record| record.source().name.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(sources("aa"), ["main", "second"]);
    assert_eq!(sources("a0"), ["second"]);
    let names: Vec<_> = universe.records_by_name().map(Record::name).collect();
    assert_eq!(names, ["a0", "aa", "aa"]);
    let names: Vec<_> = universe
        .providers("ff")
        .map(|at| at.record.name())
        .collect();
    assert_eq!(names, ["aa", "a0", "aa"]);
}

#[test]
fn empty_indexes_are_fine() {
    for text in ["", "\n", "\n\n\n"] {
        assert!(add(text).unwrap().is_empty());
    }
}

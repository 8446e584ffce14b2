//! Baselines: packages, paths, expectations.

use std::fs;
use std::path::PathBuf;

use karat::expect::{Class, Expectations, Mutable};
use karat::ops::diff::{DiffError, Event};
use karat::path::Glob;

use super::{changes, diff, run};
use crate::support::root::{Sample, image};
use crate::support::signed::{Release, signer};

fn newer(name: &str) -> Release {
    let mut sample = Sample::new();
    sample.file("/usr/bin/nginx", 0o755, b"nginx", "package:nginx");
    sample.file("/usr/bin/ping", 0o755, b"#!ping 2", "package:iputils-ping");
    sample.file("/usr/bin/su", 0o755, b"#!su", "package:util-linux");
    sample.tree.remove(&image("/usr/bin/perl5")).unwrap();
    sample.tree.remove(&image("/usr/bin/perl")).unwrap();
    let log = Mutable {
        class: Class::State,
        mode: None,
        origin: "template:verify".parse().unwrap(),
        path: Glob::parse("/var/log/**").unwrap(),
    };
    Release::of(name, sample, Expectations::new(vec![log]).unwrap())
}

fn envelope(release: &Release) -> PathBuf {
    release.out("demo_1.dsse.json")
}

#[test]
fn packages_paths_and_expectations() {
    let (old, new) = (Release::new("diff-old"), newer("diff-new"));
    new.sign(&[&signer()], 6, None);
    let difference = diff(envelope(&old), envelope(&new)).unwrap();
    let packages: Vec<_> = difference
        .packages
        .iter()
        .map(|package| (package.name.as_str(), package.change, package.bytes))
        .collect();
    assert_eq!(
        packages,
        [
            ("iputils-ping", Event::Changed, 2),
            ("nginx", Event::Added, 5),
            ("perl-base", Event::Removed, -6),
            ("util-linux", Event::Changed, 0),
        ]
    );
    let paths = changes(&difference);
    assert_eq!(
        paths,
        [
            "/usr/bin/nginx added package:nginx",
            "/usr/bin/perl removed package:perl-base",
            "/usr/bin/perl5 removed package:perl-base",
            "/usr/bin/ping content package:iputils-ping",
            "/usr/bin/su mode package:util-linux",
        ]
    );
    assert_eq!(difference.mutable_added["/var/log/**"], "state");
    assert_eq!(
        (difference.from.serial, difference.to.serial),
        (Some(5), Some(6))
    );
    assert!(diff(envelope(&old), envelope(&old)).unwrap().is_empty());
}

#[test]
fn hard_link_groups_with_other_numbers_are_the_same() {
    let old = Release::new("groups-old");
    let mut sample = Sample::new();
    sample.file("/etc/aa", 0o644, b"x", "package:x");
    sample.link("/etc/ab", "/etc/aa");
    let new = Release::of("groups-new", sample, Expectations::default());
    let difference = diff(old.out("demo_1.mtree"), new.out("demo_1.mtree")).unwrap();
    let paths: Vec<_> = difference.paths.iter().map(|path| &path.path).collect();
    assert_eq!(paths, ["/etc/aa", "/etc/ab"]);
}

#[test]
fn a_neighbour_that_the_statement_does_not_name() {
    let (old, new) = (Release::new("swap-old"), newer("swap-new"));
    fs::copy(new.out("demo_1.mtree"), old.out("demo_1.mtree")).unwrap();
    let error = diff(envelope(&old), envelope(&new)).unwrap_err();
    assert!(matches!(error, DiffError::Neighbour(_)), "{error}");
    // Manifests alone are compared as they are.
    let (one, other) = (old.out("demo_1.mtree"), new.out("demo_1.mtree"));
    assert!(diff(&one, &other).unwrap().paths.is_empty());
}

#[test]
fn results_of_rules_that_differ() {
    let with = |name: &str, rules: &[(&str, &str)]| {
        let mut release = Release::new(name);
        let bytes = crate::responsibility::desk::results(rules);
        fs::write(release.out("demo_1.rules.json"), &bytes).unwrap();
        let digest = karat::digest::Digest::of(&bytes);
        let subjects = &mut release.baseline.subjects;
        subjects.insert(karat::baseline::Subject::Rules, digest);
        release.sign(&[&signer()], 5, None);
        release
    };
    let old = with("rules-old", &[("fw.deny", "pass"), ("sh.root", "pass")]);
    let new = with(
        "rules-new",
        &[
            ("fw.deny", "pass"),
            ("sh.root", "excepted"),
            ("sh.x11", "pass"),
        ],
    );
    let (code, out) = run(envelope(&old), envelope(&new), &["--exit-code", "--json"]);
    assert_eq!(code, 10, "{out}");
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    let rules = found["rules"].as_array().unwrap();
    let ids: Vec<&str> = rules.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["sh.root", "sh.x11"]);
    assert_eq!(
        (&rules[0]["from"], &rules[0]["to"]),
        (&"pass".into(), &"excepted".into())
    );
    assert_eq!(rules[1]["from"], serde_json::Value::Null);
    let (code, text) = run(envelope(&old), envelope(&new), &[]);
    assert_eq!(code, 0);
    assert!(
        text.contains("sh.root") && text.contains("pass -> excepted"),
        "{text}"
    );
    // Nothing differs but for them.
    assert!(
        diff(envelope(&old), envelope(&new))
            .unwrap()
            .paths
            .is_empty()
    );
    assert_eq!(run(envelope(&old), envelope(&old), &["--exit-code"]).0, 0);
    // Results that nobody signed are no results.
    fs::write(new.out("demo_1.rules.json"), b"{}").unwrap();
    let error = diff(envelope(&old), envelope(&new)).unwrap_err();
    assert!(matches!(error, DiffError::Neighbour(_)), "{error}");
}

#[test]
fn the_command_and_its_exit_codes() {
    let (old, new) = (Release::new("cmd-old"), newer("cmd-new"));
    let (code, text) = run(envelope(&old), envelope(&new), &[]);
    assert_eq!(code, 0);
    for part in [
        "demo 1 (serial 5) -> demo 1 (serial 5)",
        "+ nginx",
        "- perl-base",
        "mode     /usr/bin/su: 4755 -> 0755",
        "+ mutable /var/log/** (state)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(run(envelope(&old), envelope(&new), &["--exit-code"]).0, 10);
    assert_eq!(run(envelope(&old), envelope(&old), &["--exit-code"]).0, 0);
    let (_, json) = run(envelope(&old), envelope(&new), &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["packages"][1]["change"], "added");
    assert_eq!(run(old.out("demo_1.zip"), envelope(&new), &[]).0, 2);
    assert_eq!(run(old.out("absent.mtree"), envelope(&new), &[]).0, 1);
}

//! `karat audit` as people run it.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::history::{History, release};
use super::story::story;
use crate::support::schema::published;

fn run(log: &History, arguments: &str) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_karat"))
        .args(arguments.split_whitespace())
        .current_dir(log.scratch.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn json(log: &History, exit: i32, arguments: &str) -> Value {
    let (code, out, err) = run(log, &format!("audit log --json {arguments}"));
    assert_eq!(code, exit, "{arguments}: {out}{err}");
    published("audit").holds(&out)
}

#[test]
fn the_story_as_text_json_and_csv() {
    let log = story("audit-command");
    let (code, out, err) = run(&log, "audit log --csv signatures.csv");
    assert_eq!(code, 10, "{out}{err}");
    let order = [
        "example.com/log  8 entries",
        "Findings",
        "KA304",
        "laptop stolen",
        "Keys",
        "Trust roots",
        "Images",
        "Story",
        "trust root 1",
        "web 1.0 serial 1",
        "trust root 2",
        "web 1.0 serial 2",
        "revokes key",
        "refused",
        "trust root 3",
        "rules were broken",
    ];
    let mut rest = out.as_str();
    for word in order {
        let at = rest
            .find(word)
            .unwrap_or_else(|| panic!("no {word} in order: {out}"));
        rest = &rest[at + word.len()..];
    }
    assert!(!out.contains('\u{1b}'));
    let document = json(&log, 10, "");
    assert_eq!(document["verdict"], "findings");
    assert_eq!(document["entries"].as_array().unwrap().len(), 8);

    let csv = fs::read_to_string(log.path("signatures.csv")).unwrap();
    let lines: Vec<&str> = csv.split("\r\n").collect();
    // A header, eleven signatures, and what is behind the last line's end.
    assert_eq!(lines.len(), 13);
    let columns = lines[0].split(',').count();
    assert!(
        lines[1..12]
            .iter()
            .all(|line| line.split(',').count() == columns)
    );
    let refused: Vec<&&str> = lines
        .iter()
        .filter(|line| line.contains(",revoked,"))
        .collect();
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0].starts_with("5,signed,web,1.0,3,,refused,"),
        "{refused:?}"
    );
}

#[test]
fn every_exit_code() {
    let mut log = History::new("audit-exit");
    log.release("web", 1, &[1]);
    let clean = json(&log, 0, "--trust keys/trust.json");
    assert_eq!(clean["verdict"], "clean");
    json(&log, 0, "--since 1");
    // Policy, and then acknowledged.
    fs::create_dir(log.path("out")).unwrap();
    let unlogged = release("web", "1.0", 2, &[1]).to_bytes();
    fs::write(log.path("out/web.dsse.json"), unlogged).unwrap();
    json(&log, 10, "--envelopes out");
    let known = "[[acknowledge]]\ncode = \"KA501\"\nsubject = \"out/web.dsse.json\"\nreason = \"a try\"\nwho = \"alice\"\n";
    fs::write(log.path("known.toml"), known).unwrap();
    let known = json(&log, 0, "--envelopes out --acknowledged known.toml");
    assert_eq!(known["findings"][0]["acknowledged"]["who"], "alice");
    // Incomplete.
    fs::write(log.path("out/web.dsse.json"), b"{").unwrap();
    json(&log, 13, "--envelopes out");
    // A fault outweighs both.
    fs::copy(log.path("log/checkpoints/0"), log.path("log/checkpoint")).unwrap();
    json(&log, 11, "--envelopes out");
    // Failures.
    for (arguments, exit) in [
        ("audit log --trust none.json", 1),
        ("audit out", 1),
        ("audit log --acknowledged out/web.dsse.json", 1),
        ("audit log --since known.toml", 1),
        ("audit", 2),
        ("audit /nowhere/log", 1),
    ] {
        let (code, out, err) = run(&log, arguments);
        assert_eq!(code, exit, "{arguments}: {out}{err}");
        assert!(err.contains("error"), "{arguments}: {err}");
    }
}

#[test]
fn hostile_names_reach_no_terminal_and_no_spreadsheet() {
    let mut log = History::empty("audit-names");
    let name = "=cmd|' /C calc'!A0,\u{1b}[31m\u{202e}\"\n";
    let alice = crate::keys::fixture::entry(&mut log.document, karat::key::Role::Baseline, 1);
    alice.name = Some("=cmd|'calc'!A0,\u{202e}\"".to_owned());
    log.keep(&crate::keys::fixture::root_file(&log.document, &[101, 102]));
    log.release("web", 1, &[1]);
    log.bytes(&[b"karat-log/1 ", name.trim_end().as_bytes(), b"\n{}"].concat());
    let (code, out, _) = run(&log, "audit log --csv all.csv");
    assert_eq!(code, 0, "{out}");
    assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out}");
    let csv = fs::read_to_string(log.path("all.csv")).unwrap();
    assert!(
        csv.contains("\"'=cmd|'calc'!A0,\\xe2\\x80\\xae\"\"\""),
        "{csv}"
    );
    assert!(csv.contains("\r\n1,\"'=cmd|"), "{csv}");
    json(&log, 0, "");
}

#[test]
fn outputs_of_two_releases_are_compared() {
    use karat::baseline::{Draft, Serial, Subject, Subjects};
    use karat::envelope::Envelope;
    use karat::tlog::Kind;

    let mut log = History::new("audit-outputs");
    fs::create_dir_all(log.path("out")).unwrap();
    for (version, change) in [("1", ""), ("2", "more")] {
        let mut sample = crate::support::root::Sample::new();
        if !change.is_empty() {
            sample.file("/etc/more", 0o644, b"x", "package:more");
        }
        let manifest = karat::manifest::Manifest::of(&sample.sealed());
        let expectations = karat::expect::Expectations::default();
        let mut baseline = crate::keys::fixture::baseline("web", version);
        baseline.subjects = Subjects::from([
            (Subject::Manifest, manifest.digest()),
            (Subject::Expectations, expectations.digest()),
        ]);
        let serial = Serial::new(version.parse().unwrap()).unwrap();
        let statement = Draft::new(baseline).unwrap().complete(serial, None);
        let mut envelope = Envelope::new(statement.to_signed().unwrap());
        envelope.sign(&crate::keys::fixture::key(1)).unwrap();
        let out = |suffix: &str| log.path(&format!("out/web_{version}{suffix}"));
        fs::write(out(".mtree"), manifest.to_bytes()).unwrap();
        fs::write(out(".expect.json"), expectations.to_bytes()).unwrap();
        fs::write(out(".dsse.json"), envelope.to_bytes()).unwrap();
        log.entry(Kind::Signed, &envelope);
    }
    let document = json(&log, 0, "--outputs out --envelopes out");
    let change = &document["changes"][0];
    assert_eq!(
        (&change["from"]["serial"], &change["to"]["serial"]),
        (&1.into(), &2.into())
    );
    assert_eq!(change["paths_added"], 1, "{change}");
    assert_eq!(change["packages"][0]["name"], "more");
    let (code, out, _) = run(&log, "audit log --outputs out");
    assert_eq!(code, 0);
    assert!(out.contains("Changes") && out.contains("paths +1"), "{out}");
    // A manifest that is not the signed one is nobody's output.
    fs::write(log.path("out/web_2.mtree"), b"#mtree\n").unwrap();
    assert_eq!(
        json(&log, 0, "--outputs out")["changes"],
        serde_json::json!([])
    );
}

#[test]
fn results_of_rules_and_further_outputs_are_subjects_like_others() {
    use karat::baseline::{Draft, Serial, Subject};
    use karat::digest::Digest;
    use karat::envelope::Envelope;
    use karat::tlog::Kind;

    let mut log = History::new("audit-outputs-rules");
    fs::create_dir_all(log.path("out")).unwrap();
    for (version, outcome) in [("1", "pass"), ("2", "excepted")] {
        let manifest = karat::manifest::Manifest::of(&crate::support::root::Sample::new().sealed());
        let expectations = karat::expect::Expectations::default();
        let rules = crate::responsibility::desk::results(&[("sh.root", outcome)]);
        let mut further = karat::image::further::Further::new();
        let sbom = format!("web_{version}.spdx.json");
        further.add(&sbom, karat::tree::Content::of(b"{}")).unwrap();
        let further = further.to_bytes().unwrap();
        let mut baseline = crate::keys::fixture::baseline("web", version);
        let mut write = |subject: Subject, bytes: &[u8]| {
            let name = baseline.subject_name(subject);
            fs::write(log.path(&format!("out/{name}")), bytes).unwrap();
            baseline.subjects.insert(subject, Digest::of(bytes));
        };
        write(Subject::Manifest, &manifest.to_bytes());
        write(Subject::Expectations, &expectations.to_bytes());
        write(Subject::Rules, &rules);
        write(Subject::Outputs, &further);
        let serial = Serial::new(version.parse().unwrap()).unwrap();
        let statement = Draft::new(baseline).unwrap().complete(serial, None);
        let mut envelope = Envelope::new(statement.to_signed().unwrap());
        envelope.sign(&crate::keys::fixture::key(1)).unwrap();
        let path = log.path(&format!("out/web_{version}.dsse.json"));
        fs::write(path, envelope.to_bytes()).unwrap();
        log.entry(Kind::Signed, &envelope);
    }
    // The paths are the same: what was found of rules is no change of the image.
    let document = json(&log, 0, "--outputs out --envelopes out");
    let change = &document["changes"][0];
    assert_eq!(change["to"]["version"], "2", "{document}");
    assert_eq!(
        (&change["paths_added"], &change["paths_changed"]),
        (&0.into(), &0.into())
    );
    let findings = document["findings"].as_array().unwrap();
    assert!(
        findings.iter().all(|it| it["severity"] == "note"),
        "{document}"
    );
    // The manifests alone are compared: other results beside them are for `karat verify` to tell.
    fs::remove_file(log.path("out/web_1.rules.json")).unwrap();
    fs::write(log.path("out/web_2.rules.json"), b"{}").unwrap();
    let again = json(&log, 0, "--outputs out --envelopes out");
    assert_eq!(again["changes"], document["changes"]);
}

#[test]
fn lists_of_packages_are_compared_where_they_are_the_signed_ones() {
    use karat::baseline::{Draft, Serial, Subject};
    use karat::digest::Digest;
    use karat::envelope::Envelope;
    use karat::tlog::Kind;

    let mut log = History::new("audit-outputs-sbom");
    fs::create_dir_all(log.path("out")).unwrap();
    let lock = String::from_utf8(crate::responsibility::desk::lock()).unwrap();
    let mut digests = Vec::new();
    for version in ["1", "2"] {
        // The second release has another version of a package.
        let lock = lock.replace("1:10.0p1-7\"", &format!("1:10.0p1-{version}\""));
        let (sbom, outputs) = crate::responsibility::desk::sbom("web", version, lock.as_bytes());
        digests.push(Digest::of(&sbom).to_string());
        fs::write(log.path(&format!("out/web_{version}.spdx.json")), &sbom).unwrap();
        let manifest = karat::manifest::Manifest::of(&crate::support::root::Sample::new().sealed());
        let mut baseline = crate::keys::fixture::baseline("web", version);
        let mut write = |subject: Subject, bytes: &[u8]| {
            let name = baseline.subject_name(subject);
            fs::write(log.path(&format!("out/{name}")), bytes).unwrap();
            baseline.subjects.insert(subject, Digest::of(bytes));
        };
        write(Subject::Manifest, &manifest.to_bytes());
        let expectations = karat::expect::Expectations::default();
        write(Subject::Expectations, &expectations.to_bytes());
        write(Subject::Outputs, &outputs);
        let serial = Serial::new(version.parse().unwrap()).unwrap();
        let statement = Draft::new(baseline).unwrap().complete(serial, None);
        let mut envelope = Envelope::new(statement.to_signed().unwrap());
        envelope.sign(&crate::keys::fixture::key(1)).unwrap();
        let path = log.path(&format!("out/web_{version}.dsse.json"));
        fs::write(path, envelope.to_bytes()).unwrap();
        log.entry(Kind::Signed, &envelope);
    }
    let document = json(&log, 0, "--outputs out --envelopes out");
    let change = &document["changes"][0];
    assert_eq!(
        change["packages"],
        serde_json::json!([{"from": "1:10.0p1-1", "name": "openssh-server", "to": "1:10.0p1-2"}])
    );
    assert_eq!(change["from"]["sbom"], digests[0]);
    assert_eq!(change["to"]["sbom"], digests[1]);

    // Another list, or another list of outputs that would vouch for it, is a finding, and says nothing.
    for name in ["web_2.spdx.json", "web_2.outputs.json"] {
        let file = log.path(&format!("out/{name}"));
        let bytes = fs::read(&file).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        fs::write(
            &file,
            text.replacen(":1", ":2", 1).replacen("web", "wep", 1),
        )
        .unwrap();
        let document = json(&log, 10, "--outputs out --envelopes out");
        let findings = document["findings"].as_array().unwrap();
        let found = findings.iter().find(|it| it["code"] == "KA904").unwrap();
        assert_eq!(found["index"], 2, "{found}");
        assert!(
            found["subject"].as_str().unwrap().ends_with(name),
            "{found}"
        );
        assert_eq!(document["changes"][0]["to"]["sbom"], Value::Null);
        fs::write(&file, bytes).unwrap();
    }
    // One that is not there is for nobody to judge.
    fs::remove_file(log.path("out/web_1.spdx.json")).unwrap();
    let document = json(&log, 0, "--outputs out --envelopes out");
    assert_eq!(document["changes"][0]["from"]["sbom"], Value::Null);
    assert_eq!(document["changes"][0]["to"]["sbom"], digests[1]);
}

#[test]
fn a_long_log_gives_a_short_text_and_a_whole_document() {
    let mut log = History::new("audit-long");
    let releases: Vec<_> = (1..=700)
        .map(|serial| release("web", "1.0", serial, &[1]))
        .collect();
    log.releases(&releases);
    let (code, out, _) = run(&log, "audit log");
    assert_eq!(code, 0);
    assert!(out.lines().count() < 120, "{out}");
    assert!(out.contains("661 entries before these"), "{out}");
    let document = json(&log, 0, "");
    assert_eq!(document["entries"].as_array().unwrap().len(), 701);
}

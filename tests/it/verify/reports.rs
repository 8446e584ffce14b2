//! `--report`: each format against a program that reads it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::*;
use crate::support::schema;
use crate::support::signed::Release;

/// Runs karat (`verify` is put before the arguments) or the agent.
fn run(program: &str, release: &Release, arguments: &[&str]) -> Output {
    Command::new(program)
        .arg("verify")
        .args(arguments)
        .arg("--trust")
        .arg(release.trust_file())
        .current_dir(release.scratch.path())
        .env("NO_COLOR", "1")
        .env("SOURCE_DATE_EPOCH", "1760000000")
        .output()
        .unwrap()
}

fn karat(release: &Release, arguments: &[&str]) -> Output {
    let subject = ["--tar", "out/demo_1.tar.zst"];
    let arguments = [&subject, arguments].concat();
    run(env!("CARGO_BIN_EXE_karat"), release, &arguments)
}

fn agent(release: &Release, arguments: &[&str]) -> Output {
    let subject = ["--root", "root", "--baseline", "out/demo_1.dsse.json"];
    let arguments = [&subject, arguments].concat();
    run(env!("CARGO_BIN_EXE_karat-agent"), release, &arguments)
}

const HOSTILE: &[u8] = b"/etc/<a b=\"c\">&]]>\n# x{y=\"z\"} 1\\\xff\x1b[2J\xef\xbf\xbe";

/// A release whose tar was tampered with by somebody who likes to be read by parsers.
fn tampered(name: &str) -> Release {
    let mut release = Release::new(name);
    release.tampered(|sample| {
        sample.file("/usr/bin/ping", 0o4755, b"#!ping", "package:iputils-ping");
        sample.file(HOSTILE, 0o644, b"", "package:x");
        sample.file("/etc/motd", 0o600, b"other\n", "template:files");
        sample.xattr("/etc/motd", "user.\"big\"", &[0xa5; 20_000]);
    });
    release
}

fn read(release: &Release, name: &str) -> String {
    fs::read_to_string(release.scratch.join(name)).unwrap()
}

fn assert_accepts(output: &Output) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&text)
    );
}

#[test]
fn files_standard_output_and_exit_codes() {
    let release = tampered("report-places");
    let all = [
        "--report=json=r.json",
        "--report=prometheus=r.prom",
        "--report=sarif=-",
        "--report=junit=r.xml",
    ];
    let output = karat(&release, &all);
    assert_eq!(output.status.code(), Some(10));
    // The report has standard output for itself.
    let sarif: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    // But for the clock that expiry was judged by.
    let timeless = |text: String| match serde_json::from_str::<Value>(&text) {
        Ok(mut report) => {
            report["clock"]["seconds"] = Value::Null;
            report.to_string()
        }
        Err(_) => text,
    };
    let read_all = || ["r.json", "r.prom", "r.xml"].map(|name| timeless(read(&release, name)));
    let written = read_all();
    // Nothing in them depends on when or where they were made.
    assert_eq!(karat(&release, &all).stdout, output.stdout);
    assert_eq!(read_all(), written);
    let document = karat(&release, &["--json"]).stdout;
    assert_eq!(timeless(String::from_utf8(document).unwrap()), written[0]);
    // The text is there beside reports in files.
    let output = karat(&release, &["--report", "json=r.json"]);
    assert!(output.stdout.starts_with(b"DRIFT"));

    // One that cannot be written is a failure, which is worse than drift; the others are written.
    fs::remove_file(release.scratch.join("r.prom")).unwrap();
    let output = karat(
        &release,
        &["--report=json=no/r.json", "--report=prometheus=r.prom"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(read(&release, "r.prom"), written[1]);
    for wrong in [
        &["--report=json"][..],
        &["--report=xml=x"],
        &["--report=json=-", "--json"],
        &["--report=json=-", "--report=sarif=-"],
    ] {
        assert_eq!(karat(&release, wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn no_report_takes_the_place_of_a_device() {
    let release = Release::new("report-device");
    // A FIFO stands for all of them: as root, a failure would cost this machine its /dev/null.
    let fifo = release.scratch.join("fifo");
    root::node(&fifo, FileType::Fifo, 0, 0);
    symlink("fifo", release.scratch.join("link")).unwrap();
    for to in ["fifo", "link"] {
        let report = format!("--report=json={to}");
        let output = karat(&release, &[&report]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("a device, FIFO or socket"), "{error}");
    }
    let kind = |path: &Path| fs::symlink_metadata(path).unwrap().file_type();
    assert!(kind(&fifo).is_fifo());
    assert!(kind(&release.scratch.join("link")).is_symlink());
}

#[test]
fn the_agent_reports_as_karat_does() {
    let release = Release::new("report-agent");
    let root = release.unpack();
    fs::write(on(&root, "/etc/motd"), b"owned\n").unwrap();
    let arguments = ["--report=json=a.json", "--report=prometheus=a.prom"];
    let output = agent(&release, &arguments);
    assert_eq!(output.status.code(), Some(10));
    let subject = ["--root", "root", "--baseline", "out/demo_1.dsse.json"];
    let arguments = ["--report=json=k.json", "--report=prometheus=k.prom"];
    let arguments = [&subject[..], &arguments].concat();
    let output = run(env!("CARGO_BIN_EXE_karat"), &release, &arguments);
    assert_eq!(output.status.code(), Some(10));
    for format in ["json", "prom"] {
        let by = |who: &str| read(&release, &format!("{who}.{format}"));
        assert_eq!(by("a"), by("k"));
    }
    assert_eq!(
        agent(&release, &["--report=junit=x"]).status.code(),
        Some(2)
    );
    let output = agent(&release, &["--report=prometheus=-"]);
    assert!(output.stdout.starts_with(b"# HELP karat_verify_verdict"));
    let output = agent(&release, &["--report=json=no/such"]);
    assert_eq!(output.status.code(), Some(1));
}

/// What is reported where nothing can be trusted, where all is well, and where nothing is.
fn states(name: &str) -> Vec<(&'static str, Release)> {
    let untrusted = Release::new(name);
    untrusted.sign(&[&karat::key::SigningKey::from_seed([9; 32])], 5, None);
    let warned = Release::new(name);
    warned.sign(&[&crate::support::signed::signer()], 5, Some(1));
    let missing = tampered(name);
    fs::remove_file(missing.out("demo_1.expect.json")).unwrap();
    vec![
        ("match", warned),
        ("drift", tampered(name)),
        ("untrusted", untrusted),
        ("drift", missing),
    ]
}

#[test]
fn junit_keeps_to_its_schema_by_xmllint() {
    let Some(xmllint) = judge("xmllint") else {
        return;
    };
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/formats/report.junit.xsd");
    let xpath = |release: &Release, path: &str| {
        let output = xmllint
            .command()
            .args(["--nonet", "--xpath", path])
            .arg(release.scratch.join("r.xml"))
            .output()
            .unwrap();
        assert_accepts(&output);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    for (verdict, release) in states("junit") {
        karat(&release, &["--report", "junit=r.xml"]);
        let output = xmllint
            .command()
            .args(["--nonet", "--noout", "--schema", schema])
            .arg(release.scratch.join("r.xml"))
            .output()
            .unwrap();
        assert_accepts(&output);
        // The counts are those of the elements.
        for (attribute, element) in [
            ("tests", "testcase"),
            ("failures", "testcase/failure"),
            ("errors", "testcase/error"),
        ] {
            let sum = xpath(&release, &format!("sum(//testsuite/@{attribute})"));
            assert_eq!(sum, xpath(&release, &format!("count(//{element})")));
        }
        let bad = xpath(&release, "count(//failure|//error)");
        assert_eq!(bad == "0", verdict == "match", "{bad}");
        let said = xpath(&release, "string(//property[@name='verdict']/@value)");
        assert_eq!(said, verdict);
    }
    // A parser gives back the text that all reports show.
    let release = tampered("junit-hostile");
    karat(&release, &["--report", "junit=r.xml"]);
    let name = xpath(
        &release,
        "string(//testcase[@classname='karat.package:base-files']/@name)",
    );
    let shown = root::image(HOSTILE).to_string();
    assert_eq!(
        name,
        format!("{shown} added").replace('\u{fffe}', "\\xef\\xbf\\xbe")
    );
}

#[test]
fn metrics_are_those_of_promtool() {
    let Some(promtool) = judge("promtool") else {
        return;
    };
    for (verdict, release) in states("promtool") {
        karat(&release, &["--report", "prometheus=r.prom"]);
        let text = read(&release, "r.prom");
        let mut child = promtool
            .command()
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_accepts(&output);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{text}");
        let line = format!("{{target=\"out/demo_1.tar.zst\",verdict=\"{verdict}\"}} 1\n");
        assert!(text.contains(&line), "{text}");
        assert!(text.contains("_timestamp_seconds{target=\"out/demo_1.tar.zst\"} 1760000000\n"));
        // What was not compared has no count of drifts, not one of zero.
        let compared = text.contains("karat_verify_drifts{");
        let expected = release.out("demo_1.expect.json").exists() && verdict != "untrusted";
        assert_eq!(compared, expected, "{text}");
    }
    let release = tampered("promtool-counts");
    karat(&release, &["--report", "prometheus=r.prom"]);
    let text = read(&release, "r.prom");
    for line in [
        "karat_verify_drifts{target=\"out/demo_1.tar.zst\",severity=\"critical\"} 1",
        "karat_verify_exit_code{target=\"out/demo_1.tar.zst\"} 10",
        "karat_verify_baseline_serial{target=\"out/demo_1.tar.zst\"} 5",
        "karat_verify_artefact_as_signed{target=\"out/demo_1.tar.zst\"} 0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
}

/// The rules of the guide are rules, and speak about metrics that there are.
#[test]
fn documented_alerts_are_those_of_promtool() {
    let Some(promtool) = judge("promtool") else {
        return;
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guides/watching.md");
    let guide = fs::read_to_string(file).unwrap();
    let rules = guide.split("```yaml\n").nth(1).unwrap();
    let rules = rules.split("```").next().unwrap();
    let release = tampered("alerts");
    karat(&release, &["--report", "prometheus=r.prom"]);
    let metrics = read(&release, "r.prom");
    for name in rules.split("karat_verify_").skip(1) {
        let end = name.find(|it: char| !it.is_ascii_lowercase() && it != '_');
        let line = format!("# TYPE karat_verify_{} gauge", &name[..end.unwrap()]);
        assert!(metrics.contains(&line), "{line}");
    }
    // Each alert goes off for what it is about, and for nothing else.
    let test = format!(
        "rule_files: [rules.yml]\ntests:\n  - interval: 1h\n    input_series:\n{}    \
         alert_rule_test:\n      - {{eval_time: 0h, alertname: KaratUntrusted}}\n      \
         - eval_time: 0h\n        alertname: KaratDrift\n        exp_alerts:\n          \
         - exp_labels: {{severity: page, target: out/demo_1.tar.zst}}\n            \
         exp_annotations: {{summary: \": 1 changes that an intruder would make\"}}\n",
        metrics
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                format!("      - {{series: '{series}', values: '{value}'}}\n")
            })
            .collect::<String>()
    );
    fs::write(release.scratch.join("rules.yml"), rules).unwrap();
    fs::write(release.scratch.join("test.yml"), test).unwrap();
    for arguments in [
        ["check", "rules", "rules.yml"],
        ["test", "rules", "test.yml"],
    ] {
        let output = promtool
            .command()
            .args(arguments)
            .current_dir(release.scratch.path())
            .output()
            .unwrap();
        assert_accepts(&output);
    }
}

/// Arguments: schema, document. Fails unless the document is valid.
const PYTHON: &str = "
import json, sys, jsonschema
schema, document = (json.load(open(path)) for path in sys.argv[1:])
jsonschema.Draft202012Validator(schema).validate(document)
";

#[test]
fn sarif_keeps_to_its_schema() {
    let schema = schema::published("sarif-report");
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docs/schemas/sarif-report.schema.json"
    );
    let jsonschema = judge("python3").filter(|python| {
        let import = python.command().args(["-c", "import jsonschema"]).output();
        import.unwrap().status.success()
    });
    if jsonschema.is_none() {
        skip("Python's jsonschema not installed");
    }
    for (verdict, release) in states("sarif") {
        let output = karat(&release, &["--report", "sarif=r.sarif"]);
        let text = read(&release, "r.sarif");
        let report = schema.holds(&text);
        let run = &report["runs"][0];
        assert_eq!(run["properties"]["verdict"], verdict);
        let code = run["invocations"][0]["exitCode"].as_i64().unwrap();
        assert_eq!(i32::try_from(code).ok(), output.status.code());
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.is_empty(), verdict == "match", "{text}");
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(
                run["tool"]["driver"]["rules"][index]["id"],
                result["ruleId"]
            );
        }
        if let Some(python) = &jsonschema {
            let judged = python
                .command()
                .args(["-c", PYTHON, file])
                .arg(release.scratch.join("r.sarif"))
                .output()
                .unwrap();
            assert_accepts(&judged);
        }
    }
}

#[test]
fn sarif_results_are_found_again() {
    let fingerprints = |release: &Release| -> BTreeMap<String, (String, String)> {
        karat(release, &["--report", "sarif=r.sarif"]);
        let report: Value = serde_json::from_str(&read(release, "r.sarif")).unwrap();
        let results = report["runs"][0]["results"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all: BTreeMap<_, _> = results
            .iter()
            .map(|result| {
                let print = text(&result["partialFingerprints"]["karat/v1"]);
                let location = &result["locations"][0]["physicalLocation"]["artifactLocation"];
                (print, (text(&result["ruleId"]), text(&location["uri"])))
            })
            .collect();
        assert_eq!(all.len(), results.len(), "no two are the same");
        all
    };
    let mut release = tampered("sarif-again");
    let before = fingerprints(&release);
    release.tampered(|sample| sample.file("/etc/new", 0o644, b"", "package:x"));
    let after = fingerprints(&release);
    let new: Vec<_> = after
        .iter()
        .filter(|(print, _)| !before.contains_key(*print))
        .map(|(_, (rule, uri))| (rule.as_str(), uri.as_str()))
        .collect();
    // The archive as a whole is another one, too.
    assert!(new.contains(&("added", "etc/new")), "{new:?}");
    assert!(new.contains(&("artefact", "out/demo_1.tar.zst")), "{new:?}");
    assert_eq!(new.len(), 2);
    let hostile = "etc/%3Ca%20b%3D%22c%22%3E%26%5D%5D%3E%0A%23%20x%7By%3D%22z%22%7D%201%5C%FF%1B%5B2J%EF%BF%BE";
    let added = ("added".to_owned(), hostile.to_owned());
    assert!(after.values().any(|it| *it == added), "{after:?}");
}

/// What a run sends to a journal of the test's own, one datagram for each entry.
fn sent(release: &Release, run: impl FnOnce(&Release, &[&str]) -> Output) -> Vec<Vec<u8>> {
    let socket = release.scratch.join("socket");
    drop(fs::remove_file(&socket));
    let journal = UnixDatagram::bind(&socket).unwrap();
    let output = run(release, &["--report", "journal=socket"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    journal.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; 1 << 18];
    let mut entries = Vec::new();
    while let Ok(length) = journal.recv(&mut buffer) {
        entries.push(buffer[..length].to_vec());
    }
    entries
}

/// An entry's fields, by the rules of the native protocol.
fn fields(mut entry: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut fields = Vec::new();
    while !entry.is_empty() {
        let end = entry.iter().position(|byte| *byte == b'\n').unwrap();
        let (line, rest) = entry.split_at(end);
        let name = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        if let Some(equals) = line.iter().position(|byte| *byte == b'=') {
            fields.push((name(&line[..equals]), line[equals + 1..].to_vec()));
            entry = &rest[1..];
        } else {
            let length = u64::from_le_bytes(rest[1..9].try_into().unwrap());
            let length = usize::try_from(length).unwrap();
            fields.push((name(line), rest[9..9 + length].to_vec()));
            assert_eq!(rest[9 + length], b'\n');
            entry = &rest[10 + length..];
        }
    }
    fields
}

fn field<'a>(entry: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    let mut found = entry.iter().filter(|(it, _)| it == name);
    found.next().map(|(_, value)| value.as_slice())
}

#[test]
fn the_journal_gets_an_entry_for_each_drift() {
    let release = tampered("journal");
    let entries: Vec<_> = sent(&release, karat).iter().map(|it| fields(it)).collect();
    let texts = |name| -> Vec<String> {
        let values = entries.iter().filter_map(|entry| field(entry, name));
        values
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    };
    // The whole first, then the worst first.
    assert_eq!(texts("KARAT_DRIFTS"), ["5"]);
    assert_eq!(texts("KARAT_EXIT_CODE"), ["10"]);
    assert_eq!(texts("PRIORITY")[..2], ["3", "2"]);
    let changes = texts("KARAT_CHANGE");
    assert_eq!(changes, ["mode", "added", "content", "xattr", "mode"]);
    for entry in &entries {
        assert_eq!(field(entry, "KARAT_VERDICT"), Some(&b"drift"[..]));
        assert_eq!(field(entry, "SYSLOG_IDENTIFIER"), Some(&b"karat"[..]));
        assert_eq!(field(entry, "MESSAGE_ID").map(<[u8]>::len), Some(32));
        let message = field(entry, "MESSAGE").unwrap();
        assert!(!message.contains(&0x1b), "{message:?}");
    }
    // Paths are bytes here, whatever they are; what is too large is named.
    let hostile = entries
        .iter()
        .find(|entry| field(entry, "KARAT_CHANGE") == Some(b"added"))
        .unwrap();
    assert_eq!(field(hostile, "KARAT_PATH"), Some(HOSTILE));
    let large = entries
        .iter()
        .find(|entry| field(entry, "KARAT_CHANGE") == Some(b"xattr"))
        .unwrap();
    assert_eq!(field(large, "KARAT_ATTRIBUTE"), Some(&b"user.\"big\""[..]));
    assert_eq!(field(large, "KARAT_OMITTED"), Some(&b"KARAT_OBSERVED"[..]));
}

#[test]
fn many_drifts_do_not_flood_the_journal() {
    let release = Release::new("flood");
    let root = release.unpack();
    for number in 0..1200 {
        fs::write(root.join(format!("etc/{number}")), b"").unwrap();
    }
    let socket = release.scratch.join("socket");
    let journal = UnixDatagram::bind(&socket).unwrap();
    // Somebody reads: a socket queues a handful of datagrams only.
    let reader = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 18];
        let mut entries: Vec<Vec<u8>> = Vec::new();
        while entries.len() < 1001 {
            let length = journal.recv(&mut buffer).unwrap();
            entries.push(buffer[..length].to_vec());
        }
        journal.set_nonblocking(true).unwrap();
        (entries, journal.recv(&mut buffer).is_err())
    });
    let output = agent(&release, &["--report", "journal=socket"]);
    assert_eq!(output.status.code(), Some(10), "{output:?}");
    let (entries, is_all) = reader.join().unwrap();
    assert!(is_all);
    let whole = fields(&entries[0]);
    assert_eq!(field(&whole, "KARAT_DRIFTS"), Some(&b"1200"[..]));
    assert_eq!(field(&whole, "KARAT_OMITTED"), Some(&b"200 drifts"[..]));
}

#[test]
fn without_a_journal_the_report_fails() {
    let release = Release::new("no-journal");
    let output = karat(&release, &["--report", "journal=absent"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("cannot connect to absent"), "{error}");
}

/// A journal file made of entries by systemd's own importer, and read by journalctl.
#[test]
fn journalctl_reads_what_was_sent() {
    let Some(journalctl) = judge("journalctl") else {
        return;
    };
    let remote = ["/usr/lib/systemd", "/lib/systemd"]
        .map(|directory| PathBuf::from(directory).join("systemd-journal-remote"))
        .into_iter()
        .find(|file| file.is_file());
    let Some(remote) = remote else {
        skip("systemd-journal-remote not installed");
        return;
    };
    let release = tampered("journalctl");
    let entries = sent(&release, karat);
    // The export format is that of the datagrams, with the time that journald would add.
    let mut export = Vec::new();
    for (entry, second) in entries.iter().zip(1_760_000_000..) {
        export.extend_from_slice(format!("__REALTIME_TIMESTAMP={second}000000\n").as_bytes());
        export.extend_from_slice(entry);
        export.push(b'\n');
    }
    fs::write(release.scratch.join("export"), export).unwrap();
    let file = release.scratch.join("it.journal");
    let output = Command::new(remote)
        .arg("--output")
        .arg(&file)
        .arg(release.scratch.join("export"))
        .output()
        .unwrap();
    assert_accepts(&output);
    let output = journalctl
        .command()
        .args(["--output=json", "--all", "--no-pager", "--file"])
        .arg(&file)
        .output()
        .unwrap();
    assert_accepts(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    let read: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read.len(), entries.len(), "{text}");
    // What is not text is a list of bytes there.
    let bytes = |value: &Value| match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(bytes) => bytes
            .iter()
            .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
            .collect(),
        other => panic!("{other}"),
    };
    for (entry, read) in entries.iter().zip(&read) {
        for (name, value) in fields(entry) {
            assert_eq!(bytes(&read[&name]), value, "{name}");
        }
    }
}

//! Upgraded packages as one event, lines of changed texts, challenges.

use std::process::{Command, Output};

use serde_json::Value;

use super::*;
use crate::support::schema;
use crate::support::signed::Release;

fn karat(release: &Release, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_karat"))
        .arg("verify")
        .args(["--root", "root", "--baseline", "out/demo_1.dsse.json"])
        .arg("--trust")
        .arg(release.trust_file())
        .args(arguments)
        .current_dir(release.scratch.path())
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8([output.stdout.as_slice(), &output.stderr].concat()).unwrap()
}

fn json(release: &Release, arguments: &[&str]) -> Value {
    let arguments = [&["--json"], arguments].concat();
    let output = karat(release, &arguments);
    schema::published("verify-report").holds(&String::from_utf8(output.stdout).unwrap())
}

fn status(version: &str) -> String {
    format!(
        "Package: web\nStatus: install ok installed\nVersion: {version}\n\n\
         Package: other\nStatus: install ok installed\nVersion: 1\n"
    )
}

/// An instance with a package `web` of some files.
fn instance(name: &str) -> Release {
    let mut sample = Sample::new();
    for path in ["/usr/share", "/usr/share/web", "/var/lib/dpkg"] {
        sample.add(path, 0o755, karat::tree::Kind::Directory, "package:web");
    }
    for number in 0..30 {
        let path = format!("/usr/share/web/{number:02}");
        sample.file(path, 0o644, b"old\n", "package:web");
    }
    sample.file("/usr/bin/web", 0o755, b"#!old", "package:web");
    sample.file("/usr/bin/webroot", 0o755, b"#!old", "package:web");
    sample.file(
        "/var/lib/dpkg/status",
        0o644,
        status("1-1").as_bytes(),
        "script:dpkg",
    );
    sample.file("/etc/hosts", 0o644, b"1\n2\n3\n4\n5\n", "template:files");
    let release = Release::of(name, sample, Expectations::default());
    release.unpack();
    release
}

fn write(release: &Release, path: &str, bytes: impl AsRef<[u8]>) {
    fs::write(on(&release.scratch.join("root"), path), bytes).unwrap();
}

fn upgrade(release: &Release, version: &str) {
    for number in 0..30 {
        write(release, &format!("/usr/share/web/{number:02}"), "new\n");
    }
    write(release, "/usr/share/web/30", "new\n");
    write(release, "/usr/bin/web", "#!new");
    write(release, "/var/lib/dpkg/status", status(version));
}

const AGAINST: [&str; 2] = ["--against", "out/demo_1.tar.zst"];

#[test]
fn an_upgrade_is_one_event() {
    let release = instance("upgrade");
    upgrade(&release, "1-2");
    let output = karat(&release, &AGAINST);
    assert_eq!(output.status.code(), Some(10));
    let shown = text(&output);
    let head = "package:web 1-1 -> 1-2: 31 changed, 1 added, at worst high";
    assert!(shown.contains(head), "{shown}");
    assert!(
        shown.contains("which whoever changes files can change too"),
        "{shown}"
    );
    // What is worse than medium is listed; the rest is counted.
    assert!(shown.contains("high       /usr/bin/web\n"), "{shown}");
    assert!(!shown.contains("/usr/share/web/07"), "{shown}");
    assert!(
        shown.contains("and 31 more; --verbose lists all"),
        "{shown}"
    );
    let shown = text(&karat(&release, &[&AGAINST[..], &["--verbose"]].concat()));
    assert!(shown.contains(head), "{shown}");
    for number in 0..=30 {
        assert!(
            shown.contains(&format!("/usr/share/web/{number:02}")),
            "{shown}"
        );
    }

    let report = json(&release, &AGAINST);
    let groups = report["comparison"]["groups"].as_array().unwrap();
    let web = groups
        .iter()
        .find(|group| group["package"] == "web")
        .unwrap();
    assert_eq!(
        (&web["signed"], &web["observed"]),
        (&"1-1".into(), &"1-2".into())
    );
    let drifts = report["comparison"]["drifts"].as_array().unwrap();
    let indices = web["drifts"].as_array().unwrap();
    assert_eq!(indices.len(), 32);
    for index in indices {
        let drift = &drifts[usize::try_from(index.as_u64().unwrap()).unwrap()];
        assert_eq!(drift["origin"], "package:web");
    }
}

#[test]
fn no_event_hides_what_is_bad() {
    let release = instance("hidden");
    upgrade(&release, "1-2");
    // Thirty set-id programs in the upgraded package: more than are shown of anything else.
    for number in 0..30 {
        let path = format!("/usr/share/web/{number:02}");
        chmod(&on(&release.scratch.join("root"), path), 0o4755);
    }
    let shown = text(&karat(&release, &AGAINST));
    for number in 0..30 {
        let line = format!("critical   /usr/share/web/{number:02}");
        assert!(shown.contains(&line), "{line}: {shown}");
    }
    assert!(shown.contains("at worst critical"), "{shown}");
}

#[test]
fn no_directory_hides_what_is_bad_below_it() {
    let release = instance("below");
    upgrade(&release, "1-2");
    let root = release.scratch.join("root");
    fs::create_dir(on(&root, "/usr/bin/web.d")).unwrap();
    write(&release, "/usr/bin/web.d/x", "#!x");
    chmod(&on(&root, "/usr/bin/web.d/x"), 0o755);
    fs::create_dir(on(&root, "/usr/share/web/new")).unwrap();
    write(&release, "/usr/share/web/new/ld.so.preload", "");
    chmod(&on(&root, "/usr/share/web/new/ld.so.preload"), 0o666);
    let shown = text(&karat(&release, &AGAINST));
    // A file that everybody may write, below a directory that is nothing in particular.
    let line = "high       /usr/share/web/new/ld.so.preload\n";
    assert!(shown.contains(line), "{shown}");
    let shown = text(&karat(&release, &["--verbose"]));
    for path in ["/usr/bin/web.d", "/usr/bin/web.d/x", "/usr/share/web/new"] {
        assert!(shown.contains(&format!("{path}\n")), "{path}: {shown}");
    }
}

#[test]
fn the_signed_lock_says_which_versions_were_signed() {
    use karat::lock::{Basis, LockedPackage, Lockfile};
    let mut release = instance("lock");
    upgrade(&release, "1-2");
    let lock = Lockfile {
        epoch: karat::tree::Epoch::new(1_760_000_000).unwrap(),
        architecture: "amd64".parse().unwrap(),
        distribution: "debian".to_owned(),
        suite: "trixie".to_owned(),
        agent: None,
        template: karat::digest::Digest::of(b"template"),
        basis: Basis {
            packages: vec!["web".to_owned()],
            components: vec!["main".to_owned()],
            ..Basis::default()
        },
        releases: vec![karat::lock::LockedRelease {
            name: "debian/trixie".parse().unwrap(),
            date: karat::tree::Epoch::new(1_760_000_000).unwrap(),
            valid_until: None,
            digest: karat::digest::Digest::of(b"release"),
            signed_by: vec!["0123456789ABCDEF0123456789ABCDEF01234567".parse().unwrap()],
        }],
        packages: vec![LockedPackage {
            name: "web".parse().unwrap(),
            version: "1-1".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            content: root::content(b"deb"),
            path: "pool/main/web_1-1_amd64.deb".to_owned(),
            boot: false,
            source: "debian/trixie".parse().unwrap(),
        }],
    };
    let text_of = lock.encode();
    fs::write(release.out("demo_1.lock"), &text_of).unwrap();
    // Nobody signed it: it says nothing.
    assert!(!text(&karat(&release, &[])).contains("1-1 -> 1-2"));
    release.baseline.inputs.lock = lock.digest();
    release.sign(&[&crate::support::signed::signer()], 5, None);
    let shown = text(&karat(&release, &[]));
    assert!(
        shown.contains("package:web 1-1 -> 1-2: 31 changed, 1 added"),
        "{shown}"
    );
    // The same by the program that an instance carries, which has no parser of TOML.
    let (shown, web) = agent(&release);
    let head = "package:web 1-1 -> 1-2: 31 changed, 1 added, at worst high";
    assert!(shown.contains(head), "{shown}");
    assert_eq!(
        (&web["signed"], &web["observed"]),
        (&"1-1".into(), &"1-2".into())
    );
    // Another lock says nothing, whatever it says.
    fs::write(release.out("demo_1.lock"), text_of.replace("1-1", "1-0")).unwrap();
    let (shown, web) = agent(&release);
    assert!(shown.contains("package:web: 32 paths"), "{shown}");
    assert_eq!(
        (&web["signed"], &web["observed"]),
        (&Value::Null, &"1-2".into())
    );
    // A database as it was signed says what was signed, and that nobody upgraded anything.
    write(&release, "/var/lib/dpkg/status", status("1-1"));
    let (shown, web) = agent(&release);
    assert!(shown.contains("package:web: 32 paths"), "{shown}");
    assert_eq!(
        (&web["signed"], &web["observed"]),
        (&"1-1".into(), &"1-1".into())
    );
    // One that is none is not read: no link leads out of the root, and nothing waits for a pipe.
    let outside = release.scratch.join("status");
    fs::write(&outside, status("1-3")).unwrap();
    let at = on(&release.scratch.join("root"), "/var/lib/dpkg/status");
    for make in [&|| symlink(&outside, &at).unwrap(), &|| {
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        let kind = FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &at, kind, mode, 0).unwrap();
    }] as [&dyn Fn(); 2]
    {
        fs::remove_file(&at).unwrap();
        make();
        assert_eq!(agent(&release).1["observed"], Value::Null);
    }
}

/// The report of `karat-agent`, and in its JSON the group of the package `web`.
fn agent(release: &Release) -> (String, Value) {
    let run = |options: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_karat-agent"))
            .args(["verify", "--root", "root"])
            .args(["--baseline", "out/demo_1.dsse.json", "--trust"])
            .arg(release.trust_file())
            .args(options)
            .current_dir(release.scratch.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(10), "{}", text(&output));
        text(&output)
    };
    let report = schema::published("verify-report").holds(&run(&["--json"]));
    let groups = report["comparison"]["groups"].as_array().unwrap();
    let web = groups.iter().find(|group| group["package"] == "web");
    (run(&[]), web.unwrap().clone())
}

#[test]
fn the_same_version_is_no_event() {
    let release = instance("same");
    upgrade(&release, "1-1");
    let shown = text(&karat(&release, &AGAINST));
    assert!(shown.contains("package:web: 32 paths"), "{shown}");
    assert!(shown.contains("/usr/share/web/07"), "{shown}");
    // Without the signed database nobody knows which version was signed.
    upgrade(&release, "1-2");
    let shown = text(&karat(&release, &[]));
    assert!(shown.contains("package:web: 32 paths"), "{shown}");
    let report = json(&release, &[]);
    let groups = report["comparison"]["groups"].as_array().unwrap();
    let web = groups
        .iter()
        .find(|group| group["package"] == "web")
        .unwrap();
    assert_eq!(web["signed"], Value::Null);
    assert_eq!(web["changed"], 31);
}

#[test]
fn a_forged_reference_gives_no_versions_and_no_lines() {
    let mut release = instance("forged");
    upgrade(&release, "1-2");
    write(&release, "/etc/hosts", "1\n2\nchanged\n4\n5\n");
    // Whoever changed the reference says that the new files were there before.
    release.tampered(|sample| {
        sample.file("/etc/hosts", 0o644, b"forged\n", "template:files");
        let status = status("0-9");
        sample.file(
            "/var/lib/dpkg/status",
            0o644,
            status.as_bytes(),
            "script:dpkg",
        );
    });
    let report = json(&release, &AGAINST);
    let drifts = report["comparison"]["drifts"].as_array().unwrap();
    let hosts = drifts
        .iter()
        .find(|drift| drift["path"] == "/etc/hosts")
        .unwrap();
    assert_eq!(hosts["diff"], serde_json::json!({"shown": "stale"}));
    let groups = report["comparison"]["groups"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["signed"] == Value::Null));
    assert!(!text(&karat(&release, &AGAINST)).contains("forged"));
}

#[test]
fn lines_of_texts_are_shown() {
    let release = instance("lines");
    write(&release, "/etc/hosts", b"1\n2\n\x1b[2Jthree\xff\n4\n5\n");
    write(&release, "/usr/bin/web", b"#!\0");
    let output = karat(&release, &AGAINST);
    let shown = text(&output);
    for line in [
        "| @@ -1,5 +1,5 @@",
        "|  2\n",
        "| -3\n",
        "| +\\x1b[2Jthree\\xff\n",
    ] {
        assert!(shown.contains(line), "{line:?}: {shown}");
    }
    for against in [
        &AGAINST[..],
        &["--against", "out/demo_1.oci"],
        &["--explain", "/etc/hosts"],
    ] {
        let report = json(&release, against);
        let drifts = report["comparison"]["drifts"].as_array().unwrap();
        let diff = |path: &str| {
            let found = drifts.iter().find(|drift| drift["path"] == path).unwrap();
            found.get("diff").cloned()
        };
        let hosts = diff("/etc/hosts").unwrap();
        assert_eq!(hosts["shown"], "unified", "{against:?}");
        assert_eq!((&hosts["added"], &hosts["removed"]), (&1.into(), &1.into()));
        let is_all = against[0] == "--against";
        let binary = is_all.then(|| serde_json::json!({"shown": "binary"}));
        assert_eq!(diff("/usr/bin/web"), binary);
    }
    let shown = text(&karat(&release, &["--explain", "/etc/hosts"]));
    assert!(shown.contains("| -3\n"), "{shown}");
    write(&release, "/var/lib/dpkg/status", status("1-2"));
    let arguments = [&AGAINST[..], &["--explain", "/usr/bin/web"]].concat();
    let shown = text(&karat(&release, &arguments));
    let versions = "  version      1-1 as signed, 1-2 by the package database there\n";
    assert!(shown.contains(versions), "{shown}");
    // Without anything to compare with, nothing is said about lines.
    let report = json(&release, &[]);
    assert!(!report.to_string().contains("\"diff\""));
}

#[test]
fn a_reference_that_cannot_be_read() {
    let release = instance("no-reference");
    for (against, code) in [("out/absent.tar", 1), ("out/demo_1.mtree", 2)] {
        let output = karat(&release, &["--against", against]);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
    }
    // One that was found beside the baseline is no reason to fail.
    write(&release, "/etc/hosts", "other\n");
    fs::write(release.out("demo_1.tar.zst"), b"no archive").unwrap();
    let output = karat(&release, &["--explain", "/etc/hosts"]);
    assert_eq!(output.status.code(), Some(10));
    let shown = text(&output);
    assert!(
        shown.contains("warning: the lines that differ cannot be shown"),
        "{shown}"
    );
}

const NONCE: &str = "00112233445566778899aAbBcCdDeEfF";

#[test]
fn the_canonical_report_answers_a_nonce() {
    let release = instance("nonce");
    write(&release, "/etc/hosts", "other\n");
    let arguments = ["--report=canonical=r.json", "--nonce", NONCE];
    let bytes_of = |output: &Output| {
        assert_eq!(output.status.code(), Some(10), "{}", text(output));
        fs::read(release.scratch.join("r.json")).unwrap()
    };
    let output = karat(&release, &arguments);
    let bytes = bytes_of(&output);
    let report = schema::published("verify-canonical").holds(std::str::from_utf8(&bytes).unwrap());
    assert_eq!(report["nonce"], NONCE.to_lowercase());
    // One line, in one spelling.
    let canonical = karat::json::canonical(&report).unwrap();
    assert_eq!(bytes, [canonical.as_slice(), b"\n"].concat());
    let digest = karat::digest::Digest::of(&bytes).to_string();
    assert!(text(&output).contains(&digest), "{}", text(&output));
    let document = json(&release, &["--nonce", NONCE]);
    assert_eq!(document["canonical_sha256"], digest.as_str());
    assert_eq!(document["nonce"], report["nonce"]);

    // The same by the other program, and with whatever only explains.
    let output = Command::new(env!("CARGO_BIN_EXE_karat-agent"))
        .args([
            "verify",
            "--root",
            "root",
            "--baseline",
            "out/demo_1.dsse.json",
        ])
        .arg("--trust")
        .arg(release.trust_file())
        .args(arguments)
        .current_dir(release.scratch.path())
        .output()
        .unwrap();
    assert_eq!(bytes_of(&output), bytes);
    let more = ["--explain", "/etc/hosts", "--against", "out/demo_1.oci"];
    let output = karat(&release, &[&arguments[..], &more].concat());
    assert_eq!(bytes_of(&output), bytes);

    // Another nonce, or another finding, is another report.
    let output = karat(&release, &["--report=canonical=r.json"]);
    let without = bytes_of(&output);
    assert_ne!(without, bytes);
    write(&release, "/etc/motd", "other\n");
    let output = karat(&release, &["--report=canonical=r.json"]);
    assert_ne!(bytes_of(&output), without);
    for wrong in ["", "00", &NONCE[1..], &format!("{NONCE}g0")] {
        let output = karat(&release, &["--nonce", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

/// A document without its values.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        _ => Value::Null,
    }
}

#[test]
fn the_documented_example_has_this_shape() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/formats/report.md");
    let text = fs::read_to_string(file).unwrap();
    let example = text
        .lines()
        .find(|line| line.starts_with("{\"artefact\""))
        .unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    let release = instance("canonical-example");
    let output = karat(&release, &["--report=canonical=-", "--nonce", NONCE]);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shape(&example), shape(&report));
    assert_eq!(example["nonce"], report["nonce"]);
}

#[test]
fn the_canonical_report_names_no_file_of_this_machine() {
    let release = instance("canonical-paths");
    release.sign(&[&karat::key::SigningKey::from_seed([9; 32])], 5, Some(1));
    let output = karat(&release, &["--report=canonical=-"]);
    assert_eq!(output.status.code(), Some(11));
    let report = schema::published("verify-canonical").holds(&text(&output));
    assert_eq!(report["findings"], serde_json::json!(["untrusted"]));
    assert!(!text(&output).contains("dsse"), "{}", text(&output));
}

#[test]
fn the_agent_fails_with_a_document() {
    let release = instance("agent-fails");
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_karat-agent"))
            .args(["verify", "--baseline", "out/demo_1.dsse.json", "--json"])
            .arg("--trust")
            .arg(release.trust_file())
            .args(arguments)
            .current_dir(release.scratch.path())
            .output()
            .unwrap()
    };
    let absent = ["--root", "absent"];
    let unwritable = ["--root", "root", "--report", "json=absent/r.json"];
    for arguments in [&absent[..], &unwritable] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1));
        let document = String::from_utf8(output.stdout).unwrap();
        let error = schema::published("error").holds(&document);
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("absent"), "{message}");
    }
}

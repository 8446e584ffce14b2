//! Both binaries: exit codes, output, the published schema.

use std::process::{Command, Output};

use serde_json::Value;

use super::*;
use crate::support::schema;
use crate::support::signed::{Release, signer};

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

fn run(program: &str, release: &Release, arguments: &[&str]) -> Run {
    let output: Output = Command::new(program)
        .args(arguments)
        .arg("--trust")
        .arg(release.trust_file())
        .current_dir(release.scratch.path())
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn karat(release: &Release, arguments: &[&str]) -> Run {
    let arguments = [&["verify"], arguments].concat();
    run(env!("CARGO_BIN_EXE_karat"), release, &arguments)
}

fn agent(release: &Release, arguments: &[&str]) -> Run {
    let baseline = [
        "verify",
        "--root",
        "root",
        "--baseline",
        "out/demo_1.dsse.json",
    ];
    let arguments = [&baseline, arguments].concat();
    run(env!("CARGO_BIN_EXE_karat-agent"), release, &arguments)
}

const TAR: [&str; 2] = ["--tar", "out/demo_1.tar.zst"];

#[test]
fn exit_codes_are_the_contract() {
    let mut release = Release::new("codes");
    release.unpack();
    let root = ["--root", "root", "--baseline", "out/demo_1.dsse.json"];
    let oci = ["--oci", "out/demo_1.oci"];
    for arguments in [&TAR[..], &oci, &["--oci", "out/demo_1.oci/"], &root] {
        let run = karat(&release, arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {}{}", run.stdout, run.stderr);
        assert!(run.stdout.starts_with("MATCH"), "{}", run.stdout);
    }
    assert_eq!(agent(&release, &[]).code, 0);
    assert_eq!(
        karat(
            &release,
            &[
                "--tar",
                "out/absent.tar",
                "--baseline",
                "out/demo_1.dsse.json"
            ]
        )
        .code,
        1
    );
    assert_eq!(
        karat(
            &release,
            &["--oci", "out", "--baseline", "out/demo_1.dsse.json"]
        )
        .code,
        1
    );
    assert_eq!(karat(&release, &[]).code, 2);
    assert_eq!(karat(&release, &["--root", "root"]).code, 2);
    assert_eq!(
        karat(
            &release,
            &["--root", "root", "--baseline", "out/demo_1.mtree"]
        )
        .code,
        2
    );
    assert_eq!(karat(&release, &[&TAR[..], &oci].concat()).code, 2);
    assert_eq!(
        karat(&release, &[&TAR[..], &["--explain", "etc"]].concat()).code,
        2
    );

    release.tampered(|sample| sample.file("/etc/motd", 0o644, b"owned\n", "package:x"));
    fs::write(release.scratch.join("root/etc/motd"), b"owned\n").unwrap();
    for arguments in [&TAR[..], &oci, &root] {
        assert_eq!(karat(&release, arguments).code, 10, "{arguments:?}");
    }
    assert_eq!(agent(&release, &[]).code, 10);
    fs::remove_file(release.out("demo_1.expect.json")).unwrap();
    assert_eq!(karat(&release, &root).code, 13);
    // The tar as a whole is not what was signed, whatever is missing.
    assert_eq!(karat(&release, &TAR).code, 10);
    assert_eq!(agent(&release, &[]).code, 13);
    fs::write(release.out("demo_1.mtree"), b"").unwrap();
    // Untrusted is worse than incomplete.
    assert_eq!(karat(&release, &TAR).code, 11);
    assert_eq!(agent(&release, &[]).code, 11);
    release.trust(1, |document| {
        document.min_serial.insert("demo".to_owned(), 6);
    });
    assert_eq!(karat(&release, &TAR).code, 12);
    assert_eq!(agent(&release, &[]).code, 12);
}

#[test]
fn results_of_rules_beside_the_envelope_are_those_that_were_signed() {
    let mut release = Release::new("rules");
    let results = b"{}\n";
    let signed = karat::digest::Digest::of(results);
    release
        .baseline
        .subjects
        .insert(karat::baseline::Subject::Rules, signed);
    release.sign(&[&signer()], 6, None);
    // Nothing that is compared depends on them.
    assert_eq!(karat(&release, &TAR).code, 0);
    fs::write(release.out("demo_1.rules.json"), results).unwrap();
    assert_eq!(karat(&release, &TAR).code, 0);
    fs::write(release.out("demo_1.rules.json"), b"{} \n").unwrap();
    let run = karat(&release, &TAR);
    assert_eq!(run.code, 11, "{}", run.stdout);
    assert!(
        run.stdout.contains("demo_1.rules.json has the digest"),
        "{}",
        run.stdout
    );
}

#[test]
fn further_outputs_beside_the_envelope_are_those_that_are_listed() {
    let mut release = Release::new("further");
    let mut list = karat::image::further::Further::new();
    let content = karat::tree::Content::of(b"{}\n");
    list.add("demo_1.spdx.json", content).unwrap();
    let list = list.to_bytes().unwrap();
    let subjects = &mut release.baseline.subjects;
    let digest = karat::digest::Digest::of(&list);
    subjects.insert(karat::baseline::Subject::Outputs, digest);
    release.sign(&[&signer()], 6, None);
    // Nothing that is compared depends on them.
    assert_eq!(karat(&release, &TAR).code, 0);
    fs::write(release.out("demo_1.outputs.json"), &list).unwrap();
    assert_eq!(karat(&release, &TAR).code, 0);
    fs::write(release.out("demo_1.spdx.json"), b"{}\n").unwrap();
    assert_eq!(karat(&release, &TAR).code, 0);
    for other in ["{} ", "{}", "{}\n\n"] {
        fs::write(release.out("demo_1.spdx.json"), other).unwrap();
        let run = karat(&release, &TAR);
        assert_eq!(run.code, 11, "{}", run.stdout);
        let said = "demo_1.spdx.json is not what the signed .outputs.json lists";
        assert!(run.stdout.contains(said), "{}", run.stdout);
    }
    fs::write(release.out("demo_1.outputs.json"), b"{}\n").unwrap();
    let run = karat(&release, &TAR);
    assert_eq!(run.code, 11);
    assert!(run.stdout.contains("demo_1.outputs.json has the digest"));
    // One that is signed, and that this karat cannot read.
    let strange = b"{\"version\":2}\n";
    let digest = karat::digest::Digest::of(strange);
    let subjects = &mut release.baseline.subjects;
    subjects.insert(karat::baseline::Subject::Outputs, digest);
    release.sign(&[&signer()], 7, None);
    fs::write(release.out("demo_1.outputs.json"), strange).unwrap();
    assert_eq!(karat(&release, &TAR).code, 13);
}

#[test]
fn what_is_demanded_beyond_signatures() {
    let release = Release::new("demanded");
    let with = |more: &[&str]| karat(&release, &[&TAR[..], more].concat());
    assert_eq!(with(&["--image", "demo", "--expiry", "enforce"]).code, 0);
    let run = with(&["--image", "prod"]);
    assert_eq!(run.code, 11);
    assert!(
        run.stdout.contains("for the image demo, not for prod"),
        "{}",
        run.stdout
    );
    assert_eq!(with(&["--image", "../x"]).code, 2);
    assert_eq!(with(&["--expiry", "never"]).code, 2);
    release.sign(&[&signer()], 5, Some(1_000_000_000));
    assert_eq!(with(&["--expiry", "warn"]).code, 0);
    assert_eq!(with(&["--expiry", "enforce"]).code, 11);
    release.unpack();
    assert_eq!(agent(&release, &["--expiry=enforce"]).code, 11);
    assert_eq!(
        agent(&release, &["--expiry=ignore", "--image=demo"]).code,
        0
    );
    assert_eq!(agent(&release, &["--image=prod"]).code, 11);
}

#[test]
fn a_report_is_written_where_it_is_asked_for() {
    let release = Release::new("verdict");
    release.unpack();
    let run = agent(&release, &["--verdict", "new/verdict.json", "--journal"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    assert!(run.stderr.starts_with("<6>MATCH"), "{}", run.stderr);
    let file = release.scratch.join("new/verdict.json");
    let report = schema::published("verify-report").holds(&fs::read_to_string(file).unwrap());
    assert_eq!(report["assurance"], "snapshot");
    assert_eq!(report["boot_id"], Value::Null);
    // One that cannot be written is a failure, whatever the verdict.
    let run = agent(&release, &["--verdict", "out/demo_1.mtree/verdict.json"]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(
        run.stdout.starts_with("MATCH") && run.stderr.contains("cannot"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_agent_takes_the_images_own_copies() {
    let release = Release::new("copies");
    let root = release.unpack();
    fs::remove_file(release.out("demo_1.mtree")).unwrap();
    fs::remove_file(release.out("demo_1.expect.json")).unwrap();
    assert_eq!(agent(&release, &[]).code, 0);
    let copy = on(&root, karat::manifest::RESERVED[0]);
    fs::write(&copy, b". type=dir mode=0755 uid=0 gid=0 tags=rule:x\n").unwrap();
    assert_eq!(agent(&release, &[]).code, 11);
}

#[test]
fn a_drift_is_told_with_path_change_owner_and_meaning() {
    let mut release = Release::new("told");
    release.tampered(|sample| {
        sample.file("/usr/bin/ping", 0o4755, b"#!ping", "package:iputils-ping");
        sample.file(b"/etc/\x1b[2Jx", 0o644, b"", "package:x");
    });
    let run = karat(&release, &TAR);
    assert_eq!(run.code, 10);
    for part in [
        "DRIFT  out/demo_1.tar.zst against demo 1, serial 5",
        "signed by",
        "package:iputils-ping: 1 path",
        "critical   /usr/bin/ping",
        "mode: 0755 -> 4755",
        "setuid: runs as its owner, whoever starts it",
        "/etc/\\x1b[2Jx",
        "next: --explain '/usr/bin/ping'",
    ] {
        assert!(run.stdout.contains(part), "{part:?}: {}", run.stdout);
    }
    assert!(!run.stdout.contains('\x1b'));
    let run = karat(
        &release,
        &[&TAR[..], &["--explain", "/usr/bin/ping"]].concat(),
    );
    assert_eq!(run.code, 10);
    for part in [
        "signed as    ./usr/bin/ping type=file mode=0755",
        "observed     there",
        "expectation  strict",
        "owner        package:iputils-ping",
    ] {
        assert!(run.stdout.contains(part), "{part:?}: {}", run.stdout);
    }
}

#[test]
fn many_changes_stay_readable() {
    let mut release = Release::new("many");
    release.tampered(|sample| {
        for number in 0..500 {
            sample.file(format!("/etc/{number:03}"), 0o644, b"", "package:x");
        }
        sample.tree.remove(&root::image("/var/lib/app")).unwrap();
    });
    let run = karat(&release, &TAR);
    assert!(run.stdout.lines().count() < 80, "{}", run.stdout);
    assert!(run.stdout.contains("and 480 more"), "{}", run.stdout);
    assert!(
        run.stdout.contains("with 2 paths below it"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_tree_unpacked_by_an_ordinary_user_is_one_event() {
    let mut release = Release::new("ordinary");
    release.tampered(|sample| {
        let paths: Vec<_> = sample.tree.iter().map(|entry| entry.path.clone()).collect();
        for path in paths {
            sample.tree.get_mut(&path).unwrap().stat.uid = 54321;
        }
    });
    let run = karat(&release, &TAR);
    assert_eq!(run.code, 10);
    assert!(
        run.stdout.contains("paths belong to 54321:"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("--numeric-owner"), "{}", run.stdout);
    assert!(run.stdout.lines().count() < 20, "{}", run.stdout);
}

#[test]
fn json_reports_keep_to_the_published_schema() {
    let schema = schema::published("verify-report");
    let mut release = Release::new("json");
    release.unpack();
    let check = |run: &Run, exit: i32| {
        assert_eq!(run.code, exit, "{}{}", run.stdout, run.stderr);
        let report = schema.holds(&run.stdout);
        assert_eq!(report["exit_code"], exit);
        report
    };
    let report = check(&karat(&release, &[&TAR[..], &["--json"]].concat()), 0);
    assert_eq!(report["verdict"], "match");
    assert_eq!(report["baseline"]["serial"], 5);
    check(&agent(&release, &["--json"]), 0);
    release.sign(&[&signer()], 5, Some(1));
    release.tampered(|sample| {
        sample.file("/usr/bin/ping", 0o4755, b"#!ping", "package:iputils-ping");
        sample.file("/etc/new", 0o666, b"", "package:x");
        sample.tree.remove(&root::image("/etc/motd")).unwrap();
    });
    let arguments = [&TAR[..], &["--json", "--explain", "/etc/new"]].concat();
    let report = check(&karat(&release, &arguments), 10);
    assert_eq!(report["artefact"]["as_signed"], false);
    let drifts = report["comparison"]["drifts"].as_array().unwrap();
    assert_eq!(drifts.len(), 3);
    assert_eq!(drifts[2]["effects"], serde_json::json!(["setuid"]));
    fs::remove_file(release.out("demo_1.mtree")).unwrap();
    check(&agent(&release, &["--json"]), 13);
    release.sign(&[&karat::key::SigningKey::from_seed([9; 32])], 5, None);
    let report = check(&karat(&release, &[&TAR[..], &["--json"]].concat()), 11);
    assert_eq!(report["baseline"], Value::Null);
}

//! `--max-bytes` and `--max-time`: what is over the budget is not checked, and nothing is wrong.

use std::process::{Command, Output};

use karat::tree::Kind;
use serde_json::{Value, json};

use super::*;
use crate::support::schema::published;
use crate::support::signed::Release;

const LARGE: &str = "/usr/bin/large";
const LOG: &str = "/usr/bin/log";

/// An image with one file that is larger than all others, and one that may grow.
fn instance(name: &str) -> Release {
    let mut sample = Sample::new();
    sample.file(LARGE, 0o755, &[b'x'; 4000], "package:large");
    sample.file(LOG, 0o644, &[b'y'; 2000], "package:log");
    let mutable = vec![mutable(LOG, Class::AppendOnly)];
    let release = Release::of(name, sample, Expectations::new(mutable).unwrap());
    release.unpack();
    release
}

/// Bytes of all listed files, and how many of them are not empty.
fn files(release: &Release) -> (u64, u64) {
    let entries = release.manifest.entries().iter();
    let sizes = entries.filter_map(|entry| match &entry.kind {
        Kind::Regular(content) if content.size > 0 => Some(content.size),
        _ => None,
    });
    sizes.fold((0, 0), |(bytes, count), size| (bytes + size, count + 1))
}

fn run(program: &str, release: &Release, options: &[&str]) -> Output {
    Command::new(program)
        .args(["verify", "--root", "root", "--json", "--trust"])
        .arg(release.trust_file())
        .args(["--baseline", "out/demo_1.dsse.json"])
        .args(options)
        .current_dir(release.scratch.path())
        .output()
        .unwrap()
}

/// The exit code and the report; both programs say the same.
fn verify(release: &Release, options: &[&str]) -> (i32, Value) {
    let [karat, agent] = [
        env!("CARGO_BIN_EXE_karat"),
        env!("CARGO_BIN_EXE_karat-agent"),
    ]
    .map(|program| {
        let output = run(program, release, options);
        let text = String::from_utf8(output.stdout).unwrap();
        let report = published("verify-report").holds(&text);
        (output.status.code().unwrap(), report)
    });
    assert_eq!(karat.0, agent.0, "{options:?}");
    assert_eq!(karat.1["comparison"], agent.1["comparison"], "{options:?}");
    karat
}

fn changed(report: &Value) -> Vec<&str> {
    let drifts = report["comparison"]["drifts"].as_array().unwrap();
    let path = |drift: &'_ Value| drift["path"].as_str().unwrap().to_owned();
    let paths: Vec<String> = drifts.iter().map(path).collect();
    let names = [LARGE, LOG, "/usr/bin/ping"].into_iter();
    names
        .filter(|name| paths.iter().any(|path| path == name))
        .collect()
}

#[test]
fn the_smallest_files_are_read_first() {
    let release = instance("budget-bytes");
    let (bytes, count) = files(&release);
    let enough = bytes.to_string();
    let (code, report) = verify(&release, &["--max-bytes", &enough]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["comparison"]["paths_not_checked"], 0);

    // One byte less leaves the largest out: a gap is no match.
    let less = (bytes - 1).to_string();
    let (code, report) = verify(&release, &["--max-bytes", &less]);
    assert_eq!((code, &report["verdict"]), (13, &json!("incomplete")));
    let comparison = &report["comparison"];
    assert_eq!(comparison["paths_not_checked"], 1);
    assert_eq!(comparison["not_checked"][0]["path"], "/");
    assert_eq!(comparison["not_checked"][0]["reason"], "budget");
    assert_eq!(comparison["not_checked"].as_array().unwrap().len(), 1);
    let (code, report) = verify(&release, &["--max-bytes=0"]);
    assert_eq!(code, 13);
    assert_eq!(report["comparison"]["paths_not_checked"], count);

    // What was read or has another size is judged; what was not is not.
    let write = |path: &str, bytes: &[u8]| {
        fs::write(on(&release.scratch.join("root"), path), bytes).unwrap();
    };
    write("/usr/bin/ping", b"#!gnip");
    write(LARGE, &[b'z'; 4000]);
    let (code, report) = verify(&release, &["--max-bytes", &less]);
    assert_eq!((code, changed(&report)), (10, vec!["/usr/bin/ping"]));
    assert_eq!(report["verdicts"], json!(["drift", "incomplete"]));
    let (_, report) = verify(&release, &["--max-bytes", &enough]);
    assert_eq!(changed(&report), [LARGE, "/usr/bin/ping"]);
    write(LARGE, &[b'x'; 4001]);
    let (_, report) = verify(&release, &["--max-bytes=0"]);
    assert_eq!(changed(&report), [LARGE]);
    // Nor does a file that only grew look like one that was rewritten.
    write(LOG, &[b'y'; 3000]);
    let (_, report) = verify(&release, &["--max-bytes=0"]);
    assert_eq!(changed(&report), [LARGE]);
    assert_eq!(report["comparison"]["exempted"], json!({"append-only": 1}));
}

#[test]
fn once_the_time_is_over_nothing_is_said_of_the_rest() {
    let release = instance("budget-time");
    let (code, report) = verify(&release, &["--max-time", "100000"]);
    assert_eq!(code, 0, "{report:#}");
    fs::remove_file(on(&release.scratch.join("root"), LARGE)).unwrap();
    let (code, report) = verify(&release, &["--max-time=0"]);
    assert_eq!(code, 13, "{report:#}");
    let comparison = &report["comparison"];
    assert_eq!(comparison["drifts"], json!([]));
    assert_eq!(comparison["checked"]["files"], 0);
    // All that is listed, and the two files that no manifest lists.
    let listed = release.manifest.entries().len() + 2;
    assert_eq!(comparison["paths_not_checked"], listed);
    let first = &comparison["not_checked"][0];
    assert_eq!(
        (&first["path"], &first["reason"]),
        (&json!("/"), &json!("budget"))
    );
    assert!(
        first["message"].as_str().unwrap().contains("time"),
        "{first}"
    );
}

#[test]
fn budgets_are_for_directory_trees() {
    let release = instance("budget-usage");
    for options in [["--max-time", "-1"], ["--max-bytes", "1G"]] {
        let output = run(env!("CARGO_BIN_EXE_karat-agent"), &release, &options);
        assert_eq!(output.status.code(), Some(2), "{options:?}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_karat"))
        .args(["verify", "--tar", "out/demo_1.tar.zst", "--max-time", "1"])
        .current_dir(release.scratch.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

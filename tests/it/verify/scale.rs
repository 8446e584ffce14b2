//! How much memory looking at a large tree takes.

use super::*;
use crate::support::Judge;
use crate::support::schema;
use crate::support::signed::Release;

/// Files of the tree.
const FILES: usize = 200_000;
/// Names of the one directory.
const NAMES: usize = 1_000_000;
/// Most memory that the agent may take for them, in KiB: what a small instance can spare.
const MEMORY_MAX: u64 = 64 << 10;
/// Most memory that they may take, in KiB, where anything may be: some 500 bytes for each name, all of
/// which the scan holds before it looks at the first.
const MANY_NAMES_MAX: u64 = 640 << 10;
/// Most memory that they may take, in KiB, where nothing may be, with reports in all formats.
const MANY_DRIFTS_MAX: u64 = 768 << 10;

/// Runs a command, and tells the most memory that it held (`wait4(2)`, in KiB) and its exit code.
const MEASURE: &str = "
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, code)
";

#[test]
fn two_hundred_thousand_files_take_little_memory() {
    let Some(python) = judge("python3") else {
        return;
    };
    let mut sample = Sample::new();
    for directory in 0..FILES / 1000 {
        let directory = format!("/usr/lib/{directory}");
        sample.add(
            &directory,
            0o755,
            karat::tree::Kind::Directory,
            "package:app",
        );
        for file in 0..1000 {
            sample.file(
                format!("{directory}/{file}"),
                0o644,
                &[b'x'; 1024],
                "package:app",
            );
        }
    }
    let release = Release::of("scale", sample, Expectations::default());
    release.unpack();
    let (memory, code) = verify(&python, &release, env!("CARGO_BIN_EXE_karat-agent"), &[]);
    println!("{FILES} files: {memory} KiB at most");
    assert_eq!(code, 0);
    assert!(memory <= MEMORY_MAX, "{memory} KiB");
}

/// The most memory, in KiB, and the exit code of a verification.
fn verify(python: &Judge, release: &Release, program: &str, more: &[&str]) -> (u64, i32) {
    let arguments = [
        "verify",
        "--root",
        "root",
        "--baseline",
        "out/demo_1.dsse.json",
        "--trust",
        "trust.json",
    ];
    let arguments = [&arguments[..], more].concat();
    measured(python, release.scratch.path(), program, &arguments)
}

/// The most memory, in KiB, and the exit code of a program that runs in a directory.
pub fn measured(python: &Judge, directory: &Path, program: &str, arguments: &[&str]) -> (u64, i32) {
    let output = python
        .command()
        .args(["-c", MEASURE, program])
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (memory, code) = text.trim().split_once(' ').unwrap();
    (memory.parse().unwrap(), code.parse().unwrap())
}

/// Fills a directory with this many names: hard links of a few files, which cost no inodes.
fn fill(directory: &Path, names: usize) {
    /// ext4 gives an inode at most 65,000 names.
    const LINKS: usize = 50_000;
    fs::create_dir(directory).unwrap();
    chmod(directory, 0o755);
    let mut source = directory.to_owned();
    for name in 0..names {
        let path = directory.join(name.to_string());
        if name % LINKS == 0 {
            fs::write(&path, "x").unwrap();
            source = path;
        } else {
            fs::hard_link(&source, path).unwrap();
        }
    }
}

#[test]
fn a_million_names_in_one_directory() {
    let Some(python) = judge("python3") else {
        return;
    };
    let agent = env!("CARGO_BIN_EXE_karat-agent");
    let volatile = Expectations::new(vec![mutable("/var/log/**", Class::Volatile)]).unwrap();
    let anything = Release::of("million-volatile", Sample::new(), volatile);
    let place = anything.unpack().join("var/log/many");
    fill(&place, NAMES);
    let (memory, code) = verify(&python, &anything, agent, &["--report", "json=report.json"]);
    println!("{NAMES} names where anything may be: {memory} KiB at most");
    assert_eq!(code, 0);
    assert!(memory <= MANY_NAMES_MAX, "{memory} KiB");
    let report = report(&anything, "report.json");
    // The directory itself, too.
    assert_eq!(report["comparison"]["exempted"]["volatile"], NAMES + 1);
    assert_eq!(report["comparison"]["drifts"], serde_json::json!([]));

    // Where nothing may be all are counted, and as many are listed as anybody can read.
    let nothing = Release::of("million-strict", Sample::new(), Expectations::default());
    let log = nothing.unpack().join("var/log");
    fs::rename(&place, log.join("many")).unwrap();
    // What the flood shall hide comes after all of it.
    fs::write(log.join("much"), "#!").unwrap();
    chmod(&log.join("much"), 0o4755);
    let formats = ["json", "canonical", "prometheus", "junit", "sarif"];
    let outputs = formats.map(|format| ["--report".to_owned(), format!("{format}={format}")]);
    let mut more: Vec<&str> = outputs.as_flattened().iter().map(String::as_str).collect();
    more.extend(["--explain", "/var/log/many/999999"]);
    let karat = env!("CARGO_BIN_EXE_karat");
    let (memory, code) = verify(&python, &nothing, karat, &more);
    println!("{NAMES} names where nothing may be: {memory} KiB at most");
    assert_eq!(code, 10);
    assert!(memory <= MANY_DRIFTS_MAX, "{memory} KiB");
    let listed = usize::try_from(karat::limits::DRIFTS_MAX).unwrap();
    let omitted = serde_json::json!({"medium": NAMES + 1 - listed});
    for (name, published) in [("json", "verify-report"), ("canonical", "verify-canonical")] {
        let text = fs::read_to_string(nothing.scratch.join(name)).unwrap();
        let report = schema::published(published).holds(&text);
        let comparison = &report["comparison"];
        let drifts = comparison["drifts"].as_array().unwrap();
        assert_eq!(drifts.len(), listed + 1);
        let last = &drifts[listed];
        assert_eq!(
            (&last["path"], &last["severity"]),
            (&"/var/log/much".into(), &"critical".into())
        );
        assert_eq!(comparison["drifts_omitted"], omitted);
        if name == "json" {
            // One that is not listed is explained all the same.
            let drift = &report["explanation"]["drifts"][0];
            assert_eq!(drift["path"], "/var/log/many/999999");
            assert_eq!(drift["change"], "added");
        }
    }
    let text = |name: &str| fs::read_to_string(nothing.scratch.join(name)).unwrap();
    let count = format!("severity=\"medium\"}} {}\n", NAMES + 1);
    assert!(text("prometheus").contains(&count));
    let more = format!(
        "{} more drifts of severity medium are counted only",
        NAMES + 1 - listed
    );
    for name in ["json", "junit", "sarif"] {
        let text = text(name);
        assert!(text.contains(&more), "{name}");
        assert!(text.len() < 64 << 20, "{name}: {} bytes", text.len());
    }
}

fn report(release: &Release, name: &str) -> serde_json::Value {
    let text = fs::read_to_string(release.scratch.join(name)).unwrap();
    schema::published("verify-report").holds(&text)
}

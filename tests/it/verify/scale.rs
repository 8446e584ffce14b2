//! How much memory looking at a large tree takes.

use super::*;
use crate::support::signed::Release;

/// Files of the tree.
const FILES: usize = 200_000;
/// Most memory that the agent may take for them, in KiB: what a small instance can spare.
const MEMORY_MAX: u64 = 64 << 10;

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
    let output = python
        .command()
        .args(["-c", MEASURE, env!("CARGO_BIN_EXE_karat-agent"), "verify"])
        .args(["--root", "root", "--baseline", "out/demo_1.dsse.json"])
        .args(["--trust", "trust.json", "--json"])
        .current_dir(release.scratch.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (memory, code) = text.trim().split_once(' ').unwrap();
    let memory: u64 = memory.parse().unwrap();
    println!("{FILES} files: {memory} KiB at most");
    assert_eq!(code, "0");
    assert!(memory <= MEMORY_MAX, "{memory} KiB");
}

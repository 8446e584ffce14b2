//! Transcripts of the command line: `tests/cmd/*.md`. What changes on purpose is written anew by
//! `TRYCMD=overwrite cargo test --test it cli::`.

use std::fs::File;
use std::io::pipe;
use std::process::{Command, Output, Stdio};

const KARAT: &str = env!("CARGO_BIN_EXE_karat");
const AGENT: &str = env!("CARGO_BIN_EXE_karat-agent");

/// Commands whose results go to standard output in every way that there is.
const PRINTING: [(&str, &[&str]); 5] = [
    (KARAT, &["template", "schema"]),
    (KARAT, &["harden", "list"]),
    (KARAT, &["harden", "list", "--json"]),
    (AGENT, &["facts"]),
    (AGENT, &["facts", "--json"]),
];

fn printing_to(program: &str, arguments: &[&str], stdout: impl Into<Stdio>) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdout(stdout);
    command.output().unwrap()
}

#[test]
fn a_result_that_is_cut_short_is_a_failure() {
    for (program, arguments) in PRINTING {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = printing_to(program, arguments, full);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("cannot write to standard output: No space left on device"),
            "{arguments:?}: {said}"
        );
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    for (program, arguments) in PRINTING {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = printing_to(program, arguments, writer);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("standard output"), "{arguments:?}: {said}");
    }
}

#[test]
fn transcripts() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1")
        .env("CI", "false")
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .case("tests/cmd/*.md")
        .insert_var("[VERSION]", env!("CARGO_PKG_VERSION"))
        .expect("a plain placeholder");
}

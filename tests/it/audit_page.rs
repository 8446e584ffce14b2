//! The page of `karat audit --html`, as a browser gets it.

use std::fs;
use std::process::{Command, Stdio};

use karat::baseline::Draft;

use crate::keys::fixture::baseline;
use crate::support::{Scratch, judge};

/// A workspace with a log of two releases; the log's name is one that HTML would take for markup, as
/// far as names go.
fn workspace() -> Scratch {
    let scratch = Scratch::new("audit-page");
    karat(
        &scratch,
        "init --no-passphrase --name example.com/a&b<i>'log'",
    );
    for (name, version) in [("web", "1.0"), ("web", "1.1"), ("db", "1.0")] {
        let draft = Draft::new(baseline(name, version)).unwrap();
        let file = format!("{name}_{version}.statement.json");
        fs::write(scratch.join(&file), draft.to_bytes().unwrap()).unwrap();
        karat(&scratch, &format!("sign {file}"));
    }
    scratch
}

fn karat(scratch: &Scratch, arguments: &str) -> i32 {
    let output = Command::new(env!("CARGO_BIN_EXE_karat"))
        .args(arguments.split_whitespace())
        .current_dir(scratch.path())
        .env_remove("KARAT_KEY_PASSPHRASE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let code = output.status.code().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(code, 0 | 10), "karat {arguments}: {said}");
    code
}

#[test]
fn the_page_is_html_to_others_and_the_same_each_time() {
    let scratch = workspace();
    karat(&scratch, "audit log --html page.html");
    let page = fs::read_to_string(scratch.join("page.html")).unwrap();
    karat(&scratch, "audit log --html again.html");
    assert_eq!(
        fs::read_to_string(scratch.join("again.html")).unwrap(),
        page
    );
    assert!(page.contains("example.com/a&amp;b&lt;i&gt;&#39;log&#39;"));
    assert!(page.contains("<bdi>web</bdi> <bdi>1.1</bdi>"));
    let Some(tidy) = judge("tidy") else {
        return;
    };
    let output = tidy
        .command()
        .args(["-q", "-e", "--drop-empty-elements", "no"])
        .arg(scratch.join("page.html"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

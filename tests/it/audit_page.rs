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

/// Relative luminance (WCAG 2.1) of `#rrggbb`.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
        let value = f64::from(value) / 255.0;
        if value <= 0.039_28 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

#[test]
fn text_stands_out_from_its_ground_by_day_and_by_night() {
    let read = |name: &str| {
        let path = format!("{}/src/cli/{name}/page.css", env!("CARGO_MANIFEST_DIR"));
        fs::read_to_string(path).unwrap()
    };
    let style = read("audit_page") + &read("responsibility_page");
    // The first statement of a colour is that of the day, the second that of the night; paper is white.
    let colours = |name: &str| -> Vec<String> {
        let key = format!("--{name}: #");
        let found = style.split(&key).skip(1).take(2);
        found.map(|rest| format!("#{}", &rest[..6])).collect()
    };
    let contrast = |text: &str, ground: &str| {
        for (text_colour, ground_colour) in colours(text).iter().zip(colours(ground)) {
            let (a, b) = (luminance(text_colour), luminance(&ground_colour));
            let ratio = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(ratio >= 4.5, "{text} on {ground}: {ratio:.2}");
        }
        assert_eq!(colours(text).len(), 2, "{text}");
        assert_eq!(colours(ground).len(), 2, "{ground}");
    };
    for text in ["ink", "soft", "link"] {
        contrast(text, "paper");
        contrast(text, "ground");
    }
    for badge in [
        "valid", "ended", "fault", "policy", "note", "unknown", "open",
    ] {
        contrast(badge, &format!("{badge}-bg"));
    }
}

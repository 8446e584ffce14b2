//! `karat diff --format markdown`: what a pull request shows.

use std::io::Write as _;
use std::process::Stdio;

use karat::expect::Expectations;

use super::run;
use crate::support::judge;
use crate::support::root::Sample;
use crate::support::signed::Release;

fn release(name: &str, status: &str, change: impl FnOnce(&mut Sample)) -> Release {
    let mut sample = Sample::new();
    let directory = karat::tree::Kind::Directory;
    sample.add("/var/lib/dpkg", 0o755, directory, "package:dpkg");
    sample.file(
        "/var/lib/dpkg/status",
        0o644,
        status.as_bytes(),
        "script:dpkg",
    );
    change(&mut sample);
    Release::of(name, sample, Expectations::default())
}

fn status(packages: &[(&str, &str)]) -> String {
    let stanza = |(name, version): &(&str, &str)| {
        format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\n\n")
    };
    packages.iter().map(stanza).collect()
}

#[test]
fn packages_paths_and_lines() {
    let old = status(&[("app", "2.0-1"), ("iputils-ping", "1.9-1"), ("gone", "5-1")]);
    let old = release("markdown-old", &old, |sample| {
        sample.file("/usr/bin/gone", 0o755, b"", "package:gone");
    });
    let new = status(&[("app", "1.9-3"), ("iputils-ping", "1.10-1"), ("fresh", "1")]);
    let new = release("markdown-new", &new, |sample| {
        sample.file("/usr/bin/fresh", 0o755, b"", "package:fresh");
        sample.file("/usr/bin/ping", 0o4755, b"#!ping", "package:iputils-ping");
        sample.file("/etc/motd", 0o644, b"hello\n```\n", "template:files");
    });
    let (from, to) = (old.out("demo_1.tar.zst"), new.out("demo_1.tar.zst"));
    let (code, page) = run(&from, &to, &["--format", "markdown", "--exit-code"]);
    assert_eq!(code, 10);
    for part in [
        "| **down** | ` app ` | ` 2.0-1 ` | ` 1.9-3 ` |",
        "| up | ` iputils-ping ` | ` 1.9-1 ` | ` 1.10-1 ` |",
        "| removed | ` gone ` | ` 5-1 ` |  |",
        "| added | ` fresh ` |  | ` 1 ` |",
        "<summary><code>package:iputils-ping</code>: 1 change, at worst critical</summary>",
        "| critical | mode (setuid) | ` /usr/bin/ping ` | ` 0755 ` | ` 4755 ` |",
        "\n````diff\n@@ -1 +1,2 @@\n-welcome\n+hello\n+```\n````\n",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // The worst owner first.
    let first = page.find("<details>").unwrap();
    assert!(page[first..].starts_with("<details><summary><code>package:iputils-ping"));
    let (code, page) = run(&from, &from, &["--format=markdown", "--exit-code"]);
    assert_eq!(code, 0);
    assert!(page.contains("Nothing differs."), "{page}");
}

#[test]
fn a_page_fits_into_a_pull_request() {
    let old = release("markdown-many-old", "", |_| {});
    let new = release("markdown-many-new", "", |sample| {
        for number in 0..2000 {
            let path = format!("/etc/{number:05}");
            sample.file(path, 0o644, b"", &format!("package:p{}", number % 40));
        }
    });
    let files = [old, new].map(|release| (release.out("demo_1.tar.zst"), release));
    let (_, page) = run(&files[0].0, &files[1].0, &["--format", "markdown"]);
    assert!(page.len() < 65_536, "{}", page.len());
    assert!(page.contains("are too large for this page"), "{page}");
}

/// GitHub's own parser shows hostile text as text.
#[test]
fn cmark_sees_no_markup_in_hostile_text() {
    let Some(cmark) = judge("cmark-gfm") else {
        return;
    };
    let hostile = "/etc/</code></details>`|*b*_i_[l](u)<b>&amp; www.example.org http:a @all";
    let hostile = hostile.replace("/etc/", "").replace('/', "\u{2215}");
    let path = format!("/etc/{hostile}");
    let old = release("cmark-old", "", |_| {});
    let new = release("cmark-new", "", |sample| {
        sample.file(&path, 0o644, b"", "package:x");
        let text = b"</details>\n```\n<script>\n</code>````\n";
        sample.file("/etc/motd", 0o644, text, "template:files");
    });
    let (from, to) = (old.out("demo_1.tar.zst"), new.out("demo_1.tar.zst"));
    let (_, page) = run(&from, &to, &["--format", "markdown"]);
    let mut child = cmark
        .command()
        .args([
            "--unsafe",
            "--extension",
            "table",
            "--extension",
            "autolink",
        ])
        .args(["--extension", "strikethrough"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let html = String::from_utf8(output.stdout).unwrap();
    for (tag, count) in [
        ("<script", 0),
        ("<b>", 0),
        ("<em>", 0),
        ("<strong>", 0),
        ("<a ", 0),
        ("<details>", page.matches("<details>").count()),
        ("</details>", page.matches("<details>").count()),
    ] {
        assert_eq!(html.matches(tag).count(), count, "{tag}: {html}");
    }
    // The name is there, letter by letter.
    let text = html
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    assert!(text.contains(&format!("<code>{path}</code>")), "{html}");
}

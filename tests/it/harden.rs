//! `karat harden`: the same root gives the same verdicts wherever it is, with documents as published.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::Scratch;
use crate::support::schema::published;

/// Runs karat; its exit code, what it printed, and what it complained about.
fn karat(desk: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_karat"))
        .current_dir(desk)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A root with some of what rules look at, and links that would lead out of it.
fn root(desk: &Scratch) {
    let files = [
        ("etc/os-release", "VERSION_CODENAME=trixie\n"),
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
        ("etc/group", "root:x:0:\n"),
        (
            "etc/ssh/sshd_config",
            "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\n",
        ),
        ("etc/sysctl.d/1.conf", "kernel.kptr_restrict = 2\n"),
        (
            "etc/systemd/system-preset/10-karat.preset",
            "enable asked.service\n",
        ),
        ("etc/systemd/system/asked.service", "[Service]\n"),
        ("etc/systemd/system/unasked.service", "[Service]\n"),
        ("usr/bin/tool", "tool\n"),
        (
            "var/lib/dpkg/info/tool.md5sums",
            "d41d8cd98f00b204e9800998ecf8427e  usr/bin/tool\n",
        ),
        (
            "var/lib/dpkg/status",
            "Package: openssh-server\nStatus: install ok installed\nVersion: 1\n",
        ),
    ];
    for (path, text) in files {
        let path = desk.join("root").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    // The machine's own file says otherwise: nobody may be led there.
    fs::write(desk.join("outside"), "PermitRootLogin no\n").unwrap();
    let drop_ins = desk.join("root/etc/ssh/sshd_config.d");
    fs::create_dir(&drop_ins).unwrap();
    symlink("../../../../outside", drop_ins.join("10-out.conf")).unwrap();
    symlink("loop.conf", drop_ins.join("loop.conf")).unwrap();
    let wants = desk.join("root/etc/systemd/system/multi-user.target.wants");
    fs::create_dir(&wants).unwrap();
    for unit in ["asked.service", "unasked.service"] {
        symlink(format!("../{unit}"), wants.join(unit)).unwrap();
    }
}

const RULES: &str = r#"
[[rule]]
id = "my.root"
title = "root does not log in"
severity = "high"
profile = "server-l1"
rationale = "It is known who did what."
breaks = "Backups that come as root."
refs = { cis = ["5.1.20"] }
applies = { packages = ["openssh-server"] }
[[rule.setting]]
kind = "directive"
file = "/etc/ssh/sshd_config"
syntax = "sshd"
key = "PermitRootLogin"
value = "no"
"#;

const TEMPLATE: &str = r#"
[image]
name = "x"
version = "1"
[source]
suite = "trixie"
[harden]
profile = "server-l1"
rules = ["mine.toml"]
except = { "sc.fwd" = "this one forwards: it is a router" }
"#;

#[test]
fn one_root_gives_the_same_verdicts_as_directory_and_archive() {
    let desk = Scratch::new("harden-places");
    root(&desk);
    fs::write(desk.join("mine.toml"), RULES).unwrap();
    fs::write(desk.join("x.toml"), TEMPLATE).unwrap();
    let tar = Command::new("tar")
        .current_dir(desk.path())
        .args(["--format=pax", "-C", "root", "-cf", "x.tar", "."])
        .status();
    assert!(tar.unwrap().success());
    let check = |place: [&str; 2]| -> Value {
        let arguments = [
            &["--json", "-q", "harden", "check", "--template", "x.toml"][..],
            &place[..],
        ];
        let (code, out, err) = karat(desk.path(), &arguments.concat());
        assert_eq!(code, 10, "{err}");
        published("harden-check").holds(&out)
    };
    let directory = check(["--root", "root"]);
    let archive = check(["--tar", "x.tar"]);
    assert_eq!(directory["results"], archive["results"]);
    assert_eq!(directory["in_force"], Value::Null);
    let results = directory["results"]["results"].as_array().unwrap();
    let result = |id: &str| results.iter().find(|it| it["id"] == id).unwrap();
    let mine = result("my.root");
    assert_eq!(mine["outcome"], "fail");
    assert_eq!(
        mine["reasons"][0],
        "/etc/ssh/sshd_config:2: states PermitRootLogin yes; wanted: PermitRootLogin is no"
    );
    // Who put something there is known of no root that was not built just now.
    let unasked = result("sv.enabled");
    assert_eq!(unasked["outcome"], "unknown");
    assert_eq!(
        unasked["reasons"],
        serde_json::json!([
            "/etc/systemd/system/multi-user.target.wants/unasked.service: starts unasked.service; \
             who asked for it is not known here"
        ])
    );
    assert_eq!(result("fp.debsums")["outcome"], "not-applicable");
    assert_eq!(result("sc.fwd")["outcome"], "excepted");
    assert_eq!(
        result("sc.fwd")["reasons"][0],
        "this one forwards: it is a router"
    );

    // The same results as a file, in their one spelling.
    let canonical = karat::json::canonical(&directory["results"]).unwrap();
    fs::write(
        desk.join("x.rules.json"),
        [canonical, b"\n".to_vec()].concat(),
    )
    .unwrap();
    let arguments = ["--json", "-q", "harden", "check", "--rules", "x.rules.json"];
    let (code, out, _) = karat(desk.path(), &arguments);
    assert_eq!(code, 10);
    let again = published("harden-check").holds(&out);
    assert_eq!(again["results"], directory["results"]);

    let (code, text, err) = karat(
        desk.path(),
        &["harden", "check", "--template", "x.toml", "--root", "root"],
    );
    assert_eq!(code, 10, "{err}");
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("fail     "), "{text}");
    // The worst first: no line of a mild one stands before one of a bad one.
    let severities: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("fail "))
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    let rank = |word: &&str| ["high", "medium", "low"].iter().position(|it| it == word);
    assert!(
        severities.is_sorted_by_key(|it| rank(it).unwrap()),
        "{text}"
    );
    let count = |word| severities.iter().filter(|it| **it == word).count();
    let counts = format!(
        "{} fail ({} high, {} medium, {} low)",
        severities.len(),
        count("high"),
        count("medium"),
        count("low")
    );
    assert!(text.contains(&counts), "{counts}: {text}");
    assert!(
        text.contains("excepted sc.fwd  this one forwards"),
        "{text}"
    );
    // Long lists are cut, and what needs no work is counted alone, unless all is asked for.
    let cut = |text: &str| text.matches("more: --verbose shows them").count();
    let silent = |text: &str| text.lines().filter(|it| it.starts_with("n/a ")).count();
    assert!(cut(&text) > 0 && silent(&text) == 0, "{text}");
    let more = ["--root", "root", "--verbose"];
    let arguments = [&["harden", "check", "--template", "x.toml"][..], &more].concat();
    let (code, all, err) = karat(desk.path(), &arguments);
    assert_eq!((code, cut(&all)), (10, 0), "{err}");
    let not_applicable: Vec<&Value> = results
        .iter()
        .filter(|it| it["outcome"] == "not-applicable")
        .collect();
    assert_eq!(silent(&all), not_applicable.len(), "{all}");
    for result in results {
        for reason in result["reasons"].as_array().unwrap() {
            let reason = reason.as_str().unwrap();
            assert!(all.contains(reason), "{reason:?} is not shown: {all}");
        }
    }
}

#[test]
fn the_catalogue_is_listed_and_explained() {
    let desk = Scratch::new("harden-catalogue");
    fs::write(desk.join("mine.toml"), RULES).unwrap();
    fs::write(desk.join("x.toml"), TEMPLATE).unwrap();
    let (code, out, err) = karat(
        desk.path(),
        &["--json", "harden", "list", "--template", "x.toml"],
    );
    assert_eq!(code, 0, "{err}");
    let list = published("harden-list").holds(&out);
    let rules = list["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["id"] == "my.root"));
    for rule in rules {
        let id = rule["id"].as_str().unwrap();
        let arguments = ["--json", "harden", "explain", id, "--template", "x.toml"];
        // One of each ten, and the one that is the template's own: each takes a process.
        if id == "my.root" || id.ends_with("root") {
            let (code, out, err) = karat(desk.path(), &arguments);
            assert_eq!(code, 0, "{err}");
            drop(published("harden-explain").holds(&out));
        }
    }
    let scap = ["--json", "harden", "list", "--scap"];
    let (code, out, err) = karat(desk.path(), &scap);
    assert_eq!(code, 0, "{err}");
    let all = published("harden-list").holds(&out);
    assert!(all["scap"].as_array().unwrap().len() > 300);
    let named = [
        "sshd_disable_root_login",
        "partition_for_tmp",
        "no_such_rule",
    ];
    let (code, out, _) = karat(desk.path(), &[&scap[..], &named[..]].concat());
    assert_eq!(code, 10, "one has no answer");
    let some = published("harden-list").holds(&out);
    assert_eq!(some["scap"][0]["rules"], serde_json::json!(["sh.root"]));
    assert_eq!(some["scap"][0]["cis"], serde_json::json!(["5.1.20"]));
    assert!(
        some["scap"][1]["reasons"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("fstab")
    );
    assert_eq!(some["scap"][2]["rules"], serde_json::json!([]));
    let (code, text, _) = karat(
        desk.path(),
        &["harden", "list", "--scap", named[0], named[1]],
    );
    assert_eq!(code, 0);
    assert!(
        text.starts_with("sshd_disable_root_login  sh.root  CIS 5.1.20\n"),
        "{text}"
    );
    assert_eq!(karat(desk.path(), &["harden", "list", named[0]]).0, 2);

    let (code, text, _) = karat(
        desk.path(),
        &["harden", "explain", "my.root", "--template", "x.toml"],
    );
    assert_eq!(code, 0);
    for part in [
        "my.root  root does not log in",
        "severity   high",
        "Backups that come as root.",
        "directive  /etc/ssh/sshd_config: PermitRootLogin is no",
        "cis        5.1.20",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let (code, _, err) = karat(desk.path(), &["harden", "explain", "no.such"]);
    assert_eq!(code, 2);
    assert!(err.contains("there is no rule \"no.such\""), "{err}");
}

#[test]
fn a_template_names_rules_that_there_are_and_gives_reasons() {
    let desk = Scratch::new("harden-template");
    fs::write(desk.join("mine.toml"), RULES).unwrap();
    for (harden, expected) in [
        ("profile = \"server-l4\"", "T006"),
        ("except = { \"sc.fwd\" = \"it is a router\" }", "T005"),
        (
            "profile = \"strict\"\nexcept = { \"sc.fw\" = \"it is a router\" }",
            "T018",
        ),
        (
            "profile = \"strict\"\nexcept = { \"sc.fwd\" = \" \" }",
            "T006",
        ),
        ("profile = \"strict\"\nrules = [\"none.toml\"]", "T014"),
        ("profile = \"strict\"\nrules = [\"../x.toml\"]", "T006"),
        (
            "profile = \"strict\"\nrules = [\"mine.toml\", \"mine.toml\"]",
            "T011",
        ),
    ] {
        let text = format!(
            "[image]\nname = \"x\"\nversion = \"1\"\n[source]\nsuite = \"trixie\"\n[harden]\n{harden}\n"
        );
        fs::write(desk.join("x.toml"), text).unwrap();
        let (code, out, _) = karat(desk.path(), &["--json", "template", "check", "x.toml"]);
        assert_eq!(code, 1, "{harden}: {out}");
        let found: Value = serde_json::from_str(&out).unwrap();
        let codes: Vec<&str> = found[0]["diagnostics"]
            .as_array()
            .or_else(|| found["templates"][0]["diagnostics"].as_array())
            .unwrap()
            .iter()
            .map(|it| it["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes, [expected], "{harden}: {out}");
    }
}

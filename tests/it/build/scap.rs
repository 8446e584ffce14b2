//! What an outside scanner says of shipped templates with a kernel, at the profile `server-l2`: the
//! rules of CIS that it says fail are those that `templates/scap/exceptions.toml` gives a reason for,
//! no more and no fewer.
//!
//! The scanner is `OpenSCAP`, its content Debian's package `ssg-debian` (see `.ci/run`). The scanner
//! reads an unpacked tree, and writes into it: so the tree is a copy that nothing else looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use karat::harden::Catalogue;
use karat::ops::harden::Scap;

use super::workshop::{Workshop, said, unpack};
use crate::support::toolbox::scap_content;
use crate::support::{judge, skip};

/// The content that the exceptions were written for. Later content may ask for more: then the counts
/// alone are held.
const CONTENT: &str = "0.1.82";

/// How many rules may fail: of level 1, of level 2.
const MOST: [usize; 2] = [20, 32];

/// What the benchmark wants installed and a minimal server has not.
const PACKAGES: &str = r#"["apparmor", "apparmor-utils", "audispd-plugins", "libpam-pwquality", "linux-image-cloud-amd64", "systemd-journal-remote"]"#;

#[test]
fn bookworm_fails_what_the_exceptions_name() {
    check("base-bookworm", "bookworm", "debian12");
}

#[test]
fn trixie_fails_what_the_exceptions_name() {
    check("base", "trixie", "debian13");
}

/// Each exception is a rule of the scanner's, in order, with a reason and known suites; the guide
/// has the same table.
#[test]
fn every_exception_has_a_reason_and_a_line_in_the_guide() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/hardening.md");
    let guide = fs::read_to_string(path).unwrap();
    let all = exceptions();
    let order: Vec<&String> = all.iter().map(|(rule, ..)| rule).collect();
    assert!(order.is_sorted() && !order.is_empty(), "{order:?}");
    for (rule, suites, reason) in &all {
        assert!(!suites.is_empty() && reason.len() > 20, "{rule}: {reason}");
        for suite in suites {
            assert!(["bookworm", "trixie"].contains(&&**suite), "{rule}");
        }
        let row = format!("| `{rule}` | {} | {reason} |\n", suites.join(", "));
        assert_eq!(guide.matches(&row).count(), 1, "the guide lacks: {row}");
    }
    let rows = guide.lines().filter(|line| {
        line.starts_with("| `") && (line.contains("| bookworm") || line.contains("| trixie"))
    });
    assert_eq!(rows.count(), all.len(), "the guide names others");
}

fn check(base: &str, suite: &str, content: &str) {
    let (Some(oscap), Some(content)) = (judge("oscap"), scap_content(content)) else {
        return;
    };
    let Some(shop) = Workshop::new(&format!("scap-{suite}")) else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the image with its owners");
    }
    let text = format!(
        "extends = \"{base}\"\npackages = {PACKAGES}\n[image]\nname = \"scap\"\n\
         [kernel]\ninitrd = \"karat\"\n[harden]\nprofile = \"server-l2\"\n\
         [harden.except]\n\"lg.remote\" = \"where logs go is known to whoever runs the instance\"\n"
    );
    fs::write(shop.path("workspace/templates/scap.toml"), text).unwrap();
    let options = ["-o", "out", "--format", "tar", "--compression", "none"];
    let build = ["build", "workspace/templates/scap.toml"];
    shop.succeed(build.iter().chain(&options));
    let root = shop.path("root");
    unpack(&shop.path("out/scap_1.tar"), &root);
    fs::remove_file(shop.path("out/scap_1.tar")).unwrap();
    // The scanner reads packages by libapt: by the image's settings, not by this machine's.
    let settings = "Dir::Etc::parts \"/dev/null\";\nDir::Etc::main \"/dev/null\";\n";
    fs::write(shop.path("apt.conf"), settings).unwrap();

    let (mut asked, mut failed) = (BTreeSet::new(), BTreeSet::new());
    for (level, most) in (1..).zip(MOST) {
        let mut scan = oscap.command();
        scan.env("OSCAP_PROBE_ROOT", &root);
        scan.env("APT_CONFIG", shop.path("apt.conf"));
        let profile = format!("xccdf_org.ssgproject.content_profile_cis_level{level}_server");
        scan.args(["xccdf", "eval", "--profile", &profile]);
        let (code, text) = said(&scan.arg(&content).output().unwrap());
        // 2: not all rules passed.
        assert!(code == 0 || code == 2, "{code}: {text}");
        let results = results(&text);
        asked.extend(results.keys().cloned());
        let of = |what: &str| -> BTreeSet<String> {
            let rules = results.iter().filter(|(_, result)| *result == what);
            rules.map(|(rule, _)| rule.clone()).collect()
        };
        // A scanner that cannot read the tree finds nothing wrong with it.
        assert!(of("pass").len() > 200, "{results:?}");
        let fail = of("fail");
        println!("{suite}, level {level}: {} fail: {fail:?}", fail.len());
        assert!(of("error").is_empty(), "{:?}", of("error"));
        assert!(fail.len() <= most, "level {level}: {fail:?}");
        failed.extend(fail);
    }
    // Whoever comes from the scanner finds an answer to each of its rules.
    let catalogue = Catalogue::shipped().unwrap();
    let scap = Scap::of(&catalogue, |_| true).unwrap();
    let unanswered = asked.iter().filter(|rule| !scap.answer(rule).is_some());
    let unanswered: Vec<&String> = unanswered.collect();
    assert!(
        unanswered.is_empty(),
        "{suite}: nothing answers {unanswered:?}"
    );
    let named = exceptions().into_iter();
    let named = named.filter(|(_, suites, _)| suites.iter().any(|name| name == suite));
    let named: BTreeSet<String> = named.map(|(rule, ..)| rule).collect();
    let text = fs::read_to_string(&content).unwrap();
    if !text.contains(&format!(">{CONTENT}</xccdf-1.2:version>")) {
        println!("the content is not {CONTENT}: counts alone are held");
        return;
    }
    let new: Vec<&String> = failed.difference(&named).collect();
    let gone: Vec<&String> = named.difference(&failed).collect();
    assert!(new.is_empty(), "{suite}: fail without a reason: {new:?}");
    assert!(
        gone.is_empty(),
        "{suite}: are no exceptions any more: {gone:?}"
    );
}

/// The last word of the scanner on each rule, by the rule's short name.
fn results(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rule = None;
    for line in text.lines() {
        // A carriage return stands before the tab.
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("Rule"), Some(id)) => {
                rule = id.rsplit_once("content_rule_").map(|(_, name)| name);
            }
            (Some("Result"), Some(word)) => {
                if let Some(name) = rule.take() {
                    found.insert(name.to_owned(), word.to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

/// Rule, suites and reason of each exception.
fn exceptions() -> Vec<(String, Vec<String>, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/scap/exceptions.toml");
    let table: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    let of = |one: &toml::Value| {
        let suites = one["suites"].as_array().unwrap();
        let suites = suites.iter().map(text).collect();
        (text(&one["rule"]), suites, text(&one["reason"]))
    };
    let all = table["exception"].as_array().unwrap();
    all.iter().map(of).collect()
}

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

/// Sections that are about the very thing, where the content has other rules for it: a second way to the
/// same end.
const BESIDE: [(&str, &str); 6] = [
    ("ac.sudo-pw", "5.2.4"),
    ("bt.quiet", "6.2.1.3"),
    ("cd.systemd", "1.5.3"),
    ("fw.deny-out", "4.3.8"),
    ("lg.fim", "6.3.1"),
    ("sc.reapply", "3.3.1"),
];

/// Sections that the benchmark leaves to people, and the content to nobody.
const BY_HAND: [(&str, &str); 5] = [
    ("fw.ports", "4.3.7"),
    ("km.fs-l2", "1.1.1.7"),
    ("pk.src", "1.2.1.1"),
    ("pk.src", "1.2.1.2"),
    ("sv.listen", "2.1.22"),
];

/// Where the content is mistaken: 2.4.1.2 is about the modes of `/etc/crontab`.
const MISTAKEN: [(&str, &str); 1] = [("cr.allow", "2.4.1.2")];

/// Each section of the benchmark of Debian 12 that a rule names is one of the content's rules that it
/// answers, and all sections of those that it names are there.
#[test]
fn sections_of_cis_are_those_of_the_content() {
    let Some(content) = scap_content("debian12") else {
        return;
    };
    let text = fs::read_to_string(content).unwrap();
    if !text.contains(&format!(">{CONTENT}</xccdf-1.2:version>")) {
        return println!(
            "the content is not {CONTENT}: its sections may be those of another benchmark"
        );
    }
    let sections = sections(&text);
    assert!(sections.len() > 400, "{}", sections.len());
    let catalogue = Catalogue::shipped().unwrap();
    let scap = Scap::of(&catalogue, |_| true).unwrap();
    let mut known: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (rule, of) in &sections {
        for section in of {
            let answering = known.entry(section).or_default();
            answering.extend(scap.answer(rule).rules);
        }
    }
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    let mut excused = |list: &'static [(&str, &str)], rule: &str, section: &str| {
        let found = list.iter().find(|it| **it == (rule, section));
        found.map(|it| used.insert(*it)).is_some()
    };
    for rule in catalogue.rules() {
        let id = rule.id.as_str();
        let none = Vec::new();
        let stated = rule.refs.get("cis").unwrap_or(&none);
        for section in stated {
            let fits = match known.get(section.as_str()) {
                Some(rules) => rules.contains(id) || excused(&BESIDE, id, section),
                None => excused(&BY_HAND, id, section),
            };
            if !fits {
                wrong.push(format!(
                    "{id} names {section}, which is about something else"
                ));
            }
        }
        let names = rule.refs.get("ssg").into_iter().flatten();
        for section in names.filter_map(|name| sections.get(name)).flatten() {
            if !stated.contains(section) && !excused(&MISTAKEN, id, section) {
                wrong.push(format!("{id} lacks {section}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // What is excused no more is taken out.
    let all = BESIDE.iter().chain(&BY_HAND).chain(&MISTAKEN).count();
    assert_eq!(used.len(), all, "{used:?}");
}

/// Sections of CIS's Debian 12 benchmark by the content's rules.
fn sections(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let benchmark = "href=\"https://www.cisecurity.org/benchmark/debian_linux/\">";
    for rule in text.split("<xccdf-1.2:Rule ").skip(1) {
        let (rule, _) = rule.split_once("</xccdf-1.2:Rule>").unwrap();
        let (_, id) = rule.split_once("content_rule_").unwrap();
        let (id, _) = id.split_once('"').unwrap();
        for section in rule.split(benchmark).skip(1) {
            let (section, _) = section.split_once('<').unwrap();
            found
                .entry(id.to_owned())
                .or_default()
                .insert(section.to_owned());
        }
    }
    found
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

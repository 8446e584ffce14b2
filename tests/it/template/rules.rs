//! The shipped rules of hardening, and what the guide says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use karat::harden::{Catalogue, Profile};

/// Where the table stands in the guide.
const BEGIN: &str = "<!-- the rules, counted: written by a test -->\n";
const END: &str = "<!-- end -->\n";

/// Rules by file and profile, as the guide shows them.
fn table() -> String {
    let catalogue = Catalogue::shipped().unwrap();
    let mut files: BTreeMap<String, BTreeMap<Profile, usize>> = BTreeMap::new();
    let all = "all".to_owned();
    for rule in catalogue.rules() {
        for row in [&rule.file, &all] {
            let row = files.entry(row.clone()).or_default();
            *row.entry(rule.profile).or_default() += 1;
        }
    }
    let mut text =
        String::from("| rules | server-l1 | server-l2 adds | strict adds |\n|---|---|---|---|\n");
    let sum = files.remove(&all).unwrap();
    for (file, row) in files.into_iter().chain([(all, sum)]) {
        let count = |profile| row.get(&profile).copied().unwrap_or(0);
        text += &format!(
            "| {file} | {} | {} | {} |\n",
            count(Profile::ServerL1),
            count(Profile::ServerL2),
            count(Profile::Strict)
        );
    }
    text
}

#[test]
fn the_guide_counts_the_rules() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/hardening.md");
    let guide = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = guide.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("KARAT_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert!(
        guide == wanted || std::env::var_os("KARAT_BLESS").is_some(),
        "the counts are out of date; write them anew by KARAT_BLESS=1:\n{}",
        table()
    );
}

/// The files are in order, so that a rule is found and two branches that add one do not collide, and
/// references are of the shape that others number them in.
#[test]
fn rules_are_in_order_and_refer_to_what_may_be() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/rules");
    let catalogue = Catalogue::shipped().unwrap();
    let files: BTreeSet<&String> = catalogue.rules().map(|rule| &rule.file).collect();
    for file in files {
        let path = directory.join(file.strip_prefix("rules/").unwrap());
        let text = std::fs::read_to_string(path).unwrap();
        let ids = text.lines().filter(|line| line.starts_with("id = "));
        let ids: Vec<&str> = ids.collect();
        assert!(ids.is_sorted(), "{file}: {ids:?}");
    }
    for rule in catalogue.rules() {
        for (whose, names) in &rule.refs {
            let fits = |name: &String| match whose.as_str() {
                "cis" => name.split('.').count() >= 3 && number(&name.replace('.', "")),
                "anssi" => name.strip_prefix('R').is_some_and(number),
                "stig" => name.strip_prefix("UBTU-22-").is_some_and(number),
                "nist" => name
                    .split_once('-')
                    .is_some_and(|(_, it)| number(&it.replace('.', ""))),
                _ => true,
            };
            let odd: Vec<&String> = names.iter().filter(|name| !fits(name)).collect();
            assert!(odd.is_empty(), "{}: {whose} {odd:?}", rule.id);
        }
        assert!(
            rule.title.len() <= 100,
            "{}: a title is one short line",
            rule.id
        );
    }
}

fn number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

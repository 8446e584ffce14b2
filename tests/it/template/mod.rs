//! Templates: what is taken, what is refused and how it is said, what a digest depends on.

mod overlay;
mod rules;
mod segment;
mod shipped;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use karat::template::{Code, Diagnostics, Template, load};

/// Templates in memory: `(name, text)`.
fn files(list: &[(&str, &str)]) -> impl Fn(&Path, u64) -> io::Result<Vec<u8>> {
    let map: BTreeMap<PathBuf, Vec<u8>> = list
        .iter()
        .map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec()))
        .collect();
    move |path, _| {
        map.get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Loads the first of the templates.
pub(crate) fn resolve(list: &[(&str, &str)]) -> Result<Template, Diagnostics> {
    load(Path::new(list[0].0), &files(list))
}

/// The codes of all diagnostics, with their line and column.
fn codes(list: &[(&str, &str)]) -> Vec<(Code, String, usize, usize)> {
    match resolve(list) {
        Ok(_) => Vec::new(),
        Err(found) => found
            .0
            .into_iter()
            .map(|one| {
                (
                    one.code,
                    one.location.file,
                    one.location.line,
                    one.location.column,
                )
            })
            .collect(),
    }
}

/// A template that lacks nothing.
const WHOLE: &str = "[image]\nname = \"x\"\nversion = \"1\"\n[source]\nsuite = \"trixie\"\n";

#[test]
fn the_smallest_template_has_the_documented_defaults() {
    let template = resolve(&[("x.toml", WHOLE)]).unwrap();
    let json = template.to_json();
    assert_eq!(json["source"]["components"], serde_json::json!(["main"]));
    assert_eq!(
        json["source"]["pockets"],
        serde_json::json!(["security", "updates"])
    );
    assert_eq!(
        json["outputs"]["formats"],
        serde_json::json!(["oci", "tar"])
    );
    assert_eq!(json["outputs"]["compression"], "zstd");
    assert_eq!(json["kernel"]["initrd"], "distribution");
    assert_eq!(json["verify"]["agent"], false);
    assert_eq!(json["verify"]["expiry"], "warn");
    assert_eq!(json["verify"]["on_failure"], "report");
    assert_eq!(template.expectations(), []);
    assert_eq!(json["source"]["recommends"], false);
}

#[test]
fn with_an_agent_an_instance_may_be_given_and_remember_things() {
    let paths = |text: &str| {
        let text = format!("{WHOLE}[verify]\nagent = true\n{text}");
        let entries = resolve(&[("x.toml", &text)]).unwrap().expectations();
        let show = |entry: &karat::expect::Mutable| format!("{} {}", entry.path, entry.class);
        entries.iter().map(show).collect::<Vec<_>>()
    };
    assert_eq!(
        paths(""),
        ["/run/karat/** volatile", "/var/lib/karat/** state"]
    );
    let stricter = "[[verify.mutable]]\npath = \"/var/lib/karat/**\"\nclass = \"append-only\"\n";
    assert_eq!(
        paths(stricter),
        ["/var/lib/karat/** append-only", "/run/karat/** volatile"]
    );
    for key in ["expiry", "on_failure"] {
        let text = format!("{WHOLE}[verify]\n{key} = \"shrug\"\n");
        let refused = resolve(&[("x.toml", &text)]).unwrap_err();
        assert_eq!(refused.0.len(), 1, "{key}");
    }
}

/// One broken template for each rule: its text, and where which rules must be reported.
#[test]
fn every_broken_rule_is_reported_with_its_place() {
    type Case = (&'static str, &'static [(Code, usize, usize)]);
    let cases: &[Case] = &[
        ("[image\n", &[(Code::T002, 1, 7)]),
        ("a = 1\na = 2\n", &[(Code::T002, 2, 1)]),
        ("[harden]\nprofile = \"x\"\n", &[(Code::T006, 2, 11)]),
        (
            "[harden]\nprofile = \"strict\"\nexcept = { \"no.such\" = \"for a good reason\" }\n",
            &[(Code::T018, 3, 12)],
        ),
        ("[services]\nenabled = []\n", &[(Code::T003, 2, 1)]),
        ("[image]\npackages = []\n", &[(Code::T003, 2, 1)]),
        ("packages = \"nginx\"\n", &[(Code::T004, 1, 12)]),
        ("packages = [1]\n", &[(Code::T004, 1, 13)]),
        ("image = 1\n", &[(Code::T004, 1, 9)]),
        ("[source]\nrecommends = \"yes\"\n", &[(Code::T004, 2, 14)]),
        ("[[files]]\ncontent = \"\"\n", &[(Code::T005, 1, 1)]),
        ("[[files]]\npath = \"/a\"\n", &[(Code::T005, 1, 1)]),
        (
            "[[source.extra]]\nname = \"x\"\nuri = \"https://x/\"\nsuite = \"s\"\ncomponents = [\"c\"]\n",
            &[(Code::T005, 1, 1)],
        ),
        (
            "[[source.extra]]\nname = \"debian\"\nuri = \"https://x/\"\nsuite = \"./\"\n",
            &[(Code::T006, 2, 8)],
        ),
        (
            "[[source.extra]]\nname = \"x\"\nuri = \"https://x/\"\nsuite = \"../\"\nkey = \"key\"\n",
            &[(Code::T006, 4, 9), (Code::T014, 5, 7)],
        ),
        (
            "[[source.extra]]\nname = \"x\"\nuri = \"https://x/\"\nsuite = \"s\"\nkey = \"key\"\n",
            &[(Code::T012, 1, 1), (Code::T014, 5, 7)],
        ),
        (
            "[[source.extra]]\nname = \"x\"\nuri = \"https://x/\"\nsuite = \"./\"\ncomponents = [\"c\"]\nkey = \"key\"\n",
            &[(Code::T012, 1, 1), (Code::T014, 6, 7)],
        ),
        (
            "[[verify.mutable]]\npath = \"/a/**\"\n",
            &[(Code::T005, 1, 1)],
        ),
        ("packages = [\"Nginx\", \"ok\"]\n", &[(Code::T006, 1, 13)]),
        ("packages = [\"a=\"]\n", &[(Code::T006, 1, 13)]),
        ("packages = [\"libc6:i386\"]\n", &[(Code::T006, 1, 13)]),
        ("[outputs]\ncompression = \"zst\"\n", &[(Code::T006, 2, 15)]),
        ("[disk]\nupdates = \"http://x\"\n", &[(Code::T006, 2, 11)]),
        (
            "[disk]\nslots = 1\nupdates = \"https://x\"\n",
            &[(Code::T006, 3, 11)],
        ),
        (
            "[[files]]\npath = \"/a/../b\"\ncontent = \"\"\n",
            &[(Code::T006, 2, 8)],
        ),
        (
            "[[files]]\npath = \"a\"\ncontent = \"\"\n",
            &[(Code::T006, 2, 8)],
        ),
        (
            "[[files]]\npath = \"/\"\ndirectory = true\n",
            &[(Code::T006, 2, 8)],
        ),
        (
            "[[files]]\npath = \"/a\"\ncontent = \"\"\nmode = 644\n",
            &[(Code::T006, 4, 8)],
        ),
        (
            "[[files]]\npath = \"/a\"\ncontent = \"\"\nmode = \"0888\"\n",
            &[(Code::T006, 4, 8)],
        ),
        ("[[users]]\nname = \"a:b\"\n", &[(Code::T006, 2, 8)]),
        ("[[users]]\nname = \"a\"\nuid = 0\n", &[(Code::T006, 3, 7)]),
        (
            "[[users]]\nname = \"a\"\nssh_keys = [\"ssh-rsa x\"]\n",
            &[(Code::T006, 3, 13)],
        ),
        (
            "[[users]]\nname = \"a\"\nshell = \"/bin/a:b\"\n",
            &[(Code::T006, 3, 9)],
        ),
        ("[kernel]\ncmdline = [\"a b\"]\n", &[(Code::T006, 2, 12)]),
        (
            "[kernel.sysctl]\n\"a.b\" = \"1\\n2\"\n",
            &[(Code::T006, 2, 9)],
        ),
        ("[kernel.sysctl]\n\"a.b\" = true\n", &[(Code::T004, 2, 9)]),
        ("[segment]\neol = \"2030-02-30\"\n", &[(Code::T006, 2, 7)]),
        (
            "[[verify.mutable]]\npath = \"/a**\"\nclass = \"state\"\n",
            &[(Code::T006, 2, 8)],
        ),
        (
            "[verify.facts]\nlisten = [\"tcp 22\"]\n",
            &[(Code::T006, 2, 11)],
        ),
        (
            "[verify.facts]\nlockdown = \"some\"\n",
            &[(Code::T006, 2, 12)],
        ),
        (
            "[verify.facts.sysctl]\n\"net.ipv4.conf.*.x\" = 1\n",
            &[(Code::T006, 2, 1)],
        ),
        (
            "[[verify.facts.mounts]]\nfstype = \"tmpfs\"\n",
            &[(Code::T005, 1, 1)],
        ),
        (
            "[verify.facts]\nmodules_deny = [\"x\"]\n",
            &[(Code::T012, 2, 17)],
        ),
        (
            "[verify.facts]\nfirewall = \"missing\"\n",
            &[(Code::T014, 2, 12)],
        ),
        (
            "[verify.facts]\ncmdline_absent = [\"x\"]\ncmdline_present = [\"x\"]\n",
            &[(Code::T015, 2, 19)],
        ),
        ("packages = [\"!gone\"]\n", &[(Code::T010, 1, 13)]),
        ("packages = [\"aa\", \"aa=1\"]\n", &[(Code::T011, 1, 19)]),
        (
            "[[users]]\nname = \"a\"\n[[users]]\nname = \"a\"\n",
            &[(Code::T011, 4, 8)],
        ),
        (
            "[[files]]\npath = \"/a\"\ncontent = \"\"\nlink = \"b\"\n",
            &[(Code::T012, 4, 8)],
        ),
        (
            "[[files]]\npath = \"/a\"\nlink = \"b\"\nmode = \"0644\"\n",
            &[(Code::T012, 4, 8)],
        ),
        (
            "[[source.pins]]\npackage = \"a\"\npriority = 1\n",
            &[(Code::T012, 1, 1)],
        ),
        (
            "[[verify.mutable]]\npath = \"/a\"\nclass = \"state\"\nmode = \"0600\"\n",
            &[(Code::T012, 4, 8)],
        ),
        (
            "[[files]]\npath = \"/a\"\nsource = \"../x\"\n",
            &[(Code::T013, 3, 10)],
        ),
        (
            "[[files]]\npath = \"/a\"\nsource = \"/etc/shadow\"\n",
            &[(Code::T013, 3, 10)],
        ),
        (
            "[source]\nkeyring = \"a/../../b\"\n",
            &[(Code::T013, 2, 11)],
        ),
        (
            "[[files]]\npath = \"/a\"\nsource = \"missing\"\n",
            &[(Code::T014, 3, 10)],
        ),
        (
            "[services]\nenable = [\"a.service\"]\nmask = [\"a.service\"]\n",
            &[(Code::T015, 3, 9)],
        ),
        (
            "[[files]]\npath = \"/a\"\ncontent = \"\"\n[[files]]\npath = \"/a/b\"\ncontent = \"\"\n",
            &[(Code::T015, 5, 8)],
        ),
        (
            "[kernel]\nflavour = \"cloud\"\ninitrd = \"distribution\"\n",
            &[(Code::T015, 3, 10)],
        ),
        ("[outputs]\nformats = [\"raw\"]\n", &[(Code::T017, 2, 12)]),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (broken, expected) in cases {
        // What every template needs stands in the parent, so that nothing else is missing.
        let text = if broken.contains("[image") || broken.starts_with("image") {
            (*broken).to_owned()
        } else {
            format!("{broken}[image]\nname = \"x\"\n")
        };
        let text = format!("# first line\nextends = \"p\"\n{text}");
        let found: Vec<(Code, usize, usize)> = codes(&[("x.toml", &text), ("p.toml", WHOLE)])
            .into_iter()
            .filter(|(code, ..)| !(broken.contains("[image]") && *code == Code::T005))
            .map(|(code, _, line, column)| (code, line - 2, column))
            .collect();
        assert_eq!(found, *expected, "{broken}");
        seen.extend(expected.iter().map(|(code, ..)| *code));
    }
    // The others need more than one file, or more bytes: they have tests of their own below.
    let elsewhere = [Code::T001, Code::T007, Code::T008, Code::T009, Code::T016];
    for code in Code::ALL {
        assert!(
            seen.contains(code) || elsewhere.contains(code),
            "{code} has no test"
        );
    }
}

#[test]
fn several_problems_are_said_at_once_like_a_compiler_does() {
    let text = "packages = [\"nginx\", \"Bad\"]\n[image]\nname = \"web_1\"\nversion = \"1\"\n[source]\nsuit = \"trixie\"\n";
    let found = resolve(&[("dir/x.toml", text)]).unwrap_err();
    assert_eq!(
        found.to_string(),
        "\
T006: \"Bad\" is not allowed: a package name is two or more of a-z 0-9 + . - and starts with a letter or digit (Debian Policy 5.6.1)
 --> dir/x.toml:1:22
  |
1 | packages = [\"nginx\", \"Bad\"]
  |                      ^^^^^

T006: \"web_1\" is not allowed: an image name is up to 64 of a-z 0-9 . - and starts with a letter or digit (no _: it separates name and version)
 --> dir/x.toml:3:8
  |
3 | name = \"web_1\"
  |        ^^^^^^^

T005: [source] needs suite
 --> dir/x.toml:5:1
  |
5 | [source]
  | ^^^^^^^^

T003: unknown key \"suit\" in [source]
 --> dir/x.toml:6:1
  |
6 | suit = \"trixie\"
  | ^^^^
  = help: did you mean \"suite\"?"
    );
}

#[test]
fn a_circle_of_templates() {
    let whole = format!("extends = \"b\"\n{WHOLE}");
    let found = codes(&[
        ("d/a.toml", &whole),
        ("d/b.toml", "extends = \"c\"\n"),
        ("d/c.toml", "extends = \"../d/./a.toml\"\n"),
    ]);
    assert_eq!(found, [(Code::T007, "d/c.toml".to_owned(), 1, 11)]);
    assert_eq!(codes(&[("a.toml", "extends = \"a\"\n")])[0].0, Code::T007);
}

#[test]
fn a_chain_of_templates_without_end() {
    let texts: Vec<(String, String)> = (0..40)
        .map(|n| (format!("t{n}.toml"), format!("extends = \"t{}\"\n", n + 1)))
        .collect();
    let list: Vec<(&str, &str)> = texts.iter().map(|(a, b)| (&**a, &**b)).collect();
    let found = codes(&list);
    assert_eq!(found, [(Code::T008, "t15.toml".to_owned(), 1, 11)]);
}

#[test]
fn a_parent_that_is_missing_and_a_template_that_is() {
    let text = format!("extends = \"nope\"\n{WHOLE}");
    assert_eq!(
        codes(&[("x.toml", &text)]),
        [(Code::T009, "x.toml".to_owned(), 1, 11)]
    );
    let none = load(Path::new("none.toml"), &files(&[])).unwrap_err();
    assert_eq!(none.0[0].code, Code::T001);
    assert_eq!(
        none.to_string(),
        "T001: none.toml cannot be read: no such file\n  --> none.toml"
    );
    let binary = load(Path::new("x"), &|_: &Path, _: u64| Ok(vec![b'a', 0xff])).unwrap_err();
    assert!(
        binary.to_string().contains("not UTF-8 (byte 1)"),
        "{binary}"
    );
}

#[test]
fn templates_and_lists_beyond_their_caps() {
    let large = load(Path::new("x"), &|_: &Path, cap: u64| {
        Ok(vec![b'\n'; usize::try_from(cap).unwrap() + 1])
    });
    assert_eq!(large.unwrap_err().0[0].code, Code::T001);
    let many = format!("packages = [{}]\n{WHOLE}", "\"aa\",".repeat(10_001));
    assert_eq!(codes(&[("x.toml", &many)])[0].0, Code::T016);
    // Nonsense on every line does not fill the terminal.
    let nonsense: Vec<String> = (0..5000).map(|n| format!("key{n} = 1")).collect();
    let nonsense = nonsense.join("\n");
    assert_eq!(codes(&[("x.toml", &nonsense)]).len(), 100);
    // Nesting is bounded by the parser, not by the stack.
    let deep = format!("a = {}\n", "[".repeat(100_000));
    assert_eq!(codes(&[("x.toml", &deep)])[0].0, Code::T002);
}

const PARENT: &str = r#"
packages = ["base-files", "nano", "vim=1"]
[image]
name = "parent"
version = "7"
description = "the parent"
[source]
suite = "trixie"
components = ["main"]
pockets = ["updates"]
[[files]]
path = "/etc/motd"
content = "parent"
mode = "0600"
owner = "daemon"
[[files]]
path = "/etc/other"
content = "other"
[[users]]
name = "admin"
groups = ["sudo", "adm"]
[services]
enable = ["a.service", "b.service"]
[kernel]
cmdline = ["quiet"]
[kernel.sysctl]
net.ipv4.ip_forward = 0
"kernel.sysrq" = 1
[[verify.mutable]]
path = "/var/log/**"
class = "state"
"#;

#[test]
fn what_a_child_states_lies_over_what_it_extends() {
    let child = r#"
extends = "p"
packages = ["!nano", "vim=2", "nginx"]
[image]
name = "child"
[source]
components = ["contrib"]
[[files]]
path = "/etc/motd"
content = "child"
[[users]]
name = "admin"
groups = ["!adm", "www-data"]
locked = false
[services]
enable = ["!a.service"]
disable = ["a.service"]
[kernel]
cmdline = ["audit=1"]
[kernel.sysctl]
"kernel.sysrq" = 0
[[verify.mutable]]
path = "/var/log/**"
class = "append-only"
"#;
    let template = resolve(&[("x.toml", child), ("p.toml", PARENT)]).unwrap();
    let json = template.to_json();
    let names: Vec<String> = template
        .packages
        .iter()
        .map(|spec| spec.name.to_string())
        .collect();
    assert_eq!(names, ["base-files", "nginx", "vim"]);
    assert_eq!(json["packages"][2]["version"], "2");
    assert_eq!(json["image"]["name"], "child");
    assert_eq!(json["image"]["version"], "7");
    // The name and the description are the template's own.
    assert!(json["image"]["description"].is_null());
    assert_eq!(
        json["source"]["components"],
        serde_json::json!(["main", "contrib"])
    );
    assert_eq!(json["source"]["pockets"], serde_json::json!(["updates"]));
    assert_eq!(template.files.len(), 2);
    assert_eq!(json["files"][0]["mode"], "0600");
    assert_eq!(json["files"][0]["owner"], "daemon");
    assert_eq!(json["files"][0]["content"]["size"], 5);
    assert_eq!(
        json["users"][0]["groups"],
        serde_json::json!(["sudo", "www-data"])
    );
    assert_eq!(json["users"][0]["locked"], false);
    assert_eq!(json["services"]["enable"], serde_json::json!(["b.service"]));
    assert_eq!(
        json["kernel"]["cmdline"],
        serde_json::json!(["quiet", "audit=1"])
    );
    assert_eq!(json["kernel"]["sysctl"]["kernel.sysrq"], "0");
    assert_eq!(json["kernel"]["sysctl"]["net.ipv4.ip_forward"], "0");
    assert_eq!(json["verify"]["mutable"][0]["class"], "append-only");
    let shown = template.to_toml();
    assert!(shown.contains("    \"base-files\", # p.toml\n"), "{shown}");
    assert!(shown.contains("    \"vim=2\",\n"), "{shown}");
    assert!(toml_parses(&shown), "{shown}");
    let unnamed = resolve(&[("x.toml", "extends = \"p\"\n"), ("p.toml", PARENT)]).unwrap_err();
    assert_eq!(unnamed.0[0].code, Code::T005);
}

fn toml_parses(text: &str) -> bool {
    text.parse::<toml::Table>().is_ok()
}

#[test]
fn a_list_that_is_empty_on_purpose_is_not_the_default() {
    let none = format!("{WHOLE}pockets = []\n");
    let template = resolve(&[("x.toml", &none)]).unwrap();
    assert!(template.source.pockets.is_empty());
    let text = "extends = \"p\"\n[image]\nname = \"x\"\n[source]\npockets = [\"!updates\"]\n";
    let removed = resolve(&[("x.toml", text), ("p.toml", PARENT)]).unwrap();
    assert!(removed.source.pockets.is_empty());
}

#[test]
fn modes_in_each_spelling() {
    for (mode, shown) in [
        ("0o640", "0640"),
        ("\"640\"", "0640"),
        ("\"4755\"", "4755"),
        ("0o1777", "1777"),
    ] {
        let text = format!("{WHOLE}[[files]]\npath = \"/a\"\ncontent = \"\"\nmode = {mode}\n");
        let template = resolve(&[("x.toml", &text)]).unwrap();
        assert_eq!(template.files[0].mode.to_string(), shown);
    }
}

/// A template with one file beside it.
fn with_source(text: &str, bytes: &str) -> Template {
    resolve(&[("d/x.toml", text), ("d/files/f", bytes)]).unwrap()
}

#[test]
fn a_digest_follows_meaning_not_spelling() {
    let text = format!(
        "{WHOLE}[[files]]\npath = \"/a\"\nsource = \"files/f\"\n[[files]]\npath = \"/b\"\ncontent = \"b\"\n"
    );
    let same = "# a comment\n[[files]]\ncontent='b'\nmode = \"0644\"\npath = '/b'\n[[files]]\nsource = 'files/f'\npath = \"\"\"/a\"\"\"\n[source]\nsuite = \"trixie\"\npockets = [\"security\", \"updates\"]\n[image]\nversion = \"1\"\nname = \"x\"\n";
    let one = with_source(&text, "bytes");
    assert_eq!(one.digest(), with_source(same, "bytes").digest());
    assert_ne!(one.digest(), with_source(&text, "other").digest());
    // Files do not decide what packages are.
    assert_eq!(
        one.resolution_digest(),
        with_source(&text, "other").resolution_digest()
    );
    // How it is split into parents does not matter either.
    let split = resolve(&[
        ("d/x.toml", "extends = \"p\"\n[image]\nname = \"x\"\n"),
        ("d/p.toml", &text.replace("name = \"x\"\n", "")),
        ("d/files/f", "bytes"),
    ]);
    assert_eq!(one.digest(), split.unwrap().digest());
}

#[test]
fn what_a_lock_depends_on_is_exactly_what_decides_packages() {
    let base = format!("{WHOLE}mirror = \"https://a/debian\"\n");
    let digest = |text: &str| {
        resolve(&[("x.toml", text), ("key", "k")])
            .unwrap()
            .resolution_digest()
    };
    let before = digest(&base);
    for same in [
        "[services]\nmask = [\"a.service\"]\n",
        "security_mirror = \"https://b/\"\n",
        "[[users]]\nname = \"a\"\n",
        "[outputs]\ncompression = \"none\"\n",
        "[kernel]\ncmdline = [\"a\"]\n",
    ] {
        assert_eq!(digest(&format!("{base}{same}")), before, "{same}");
    }
    for other in [
        "recommends = true\n",
        "snapshot = \"20260101T000000Z\"\n",
        "components = [\"main\", \"contrib\"]\n",
        "keyring = \"key\"\n",
        "[[source.pins]]\npackage = \"*\"\nsuite = \"trixie-backports\"\npriority = 600\n",
        "[[source.extra]]\nname = \"x\"\nuri = \"https://x/\"\nsuite = \"s\"\ncomponents = [\"c\"]\nkey = \"key\"\n",
        "[kernel]\ninitrd = \"karat\"\n",
    ] {
        assert_ne!(digest(&format!("{base}{other}")), before, "{other}");
    }
    assert_ne!(digest(&format!("packages = [\"aa\"]\n{base}")), before);
    let moved = base.replace("https://a/debian", "https://c/debian");
    assert_eq!(digest(&moved), before);
}

/// The digest's definition, by other means: what `jq -cS` prints, without its line feed.
#[test]
fn the_digest_can_be_recomputed_from_what_show_prints() {
    fn canonical(value: &serde_json::Value) -> String {
        match value {
            serde_json::Value::Object(map) => {
                let sorted: BTreeMap<&String, String> = map
                    .iter()
                    .map(|(key, value)| (key, canonical(value)))
                    .collect();
                let members: Vec<String> = sorted
                    .iter()
                    .map(|(key, value)| format!("{}:{value}", serde_json::to_string(key).unwrap()))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
            serde_json::Value::Array(items) => {
                let items: Vec<String> = items.iter().map(canonical).collect();
                format!("[{}]", items.join(","))
            }
            other => serde_json::to_string(other).unwrap(),
        }
    }
    let template = resolve(&[("x.toml", PARENT)]).unwrap();
    let digest = karat::digest::Digest::of(canonical(&template.to_json()).as_bytes());
    assert_eq!(template.digest(), digest);
}

#[test]
fn hostile_text_never_panics() {
    use proptest::prelude::*;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let lines = PARENT.lines().map(str::to_owned).collect::<Vec<_>>();
    let line = prop_oneof![
        proptest::sample::select(lines),
        "[a-z_.\\[\\]\"=!{}0-9 \\\\\\-]{0,30}",
        "\\PC{0,20}",
    ];
    runner
        .run(&proptest::collection::vec(line, 0..20), |lines| {
            let text = lines.join("\n");
            if let Err(found) = resolve(&[("x.toml", &text)]) {
                prop_assert!(!found.0.is_empty());
                let shown = found.to_string();
                prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
            }
            Ok(())
        })
        .unwrap();
}

/// What `[verify.facts]` states of two templates, and what `[kernel]` adds to it.
#[test]
fn facts_are_merged_and_become_expectations() {
    let parent = format!(
        "{WHOLE}[kernel]\ncmdline = [\"quiet\"]\n[kernel.sysctl]\n\"net.ipv4.ip_forward\" = 0\n\
         \"net.ipv4.conf.*.rp_filter\" = 1\n\"kernel.sysrq\" = 0\n[verify.facts]\nlisten = [\"tcp *:22\", \"udp *:68\"]\n\
         taint = 4096\nno_preload = true\n[[verify.facts.mounts]]\npoint = \"/tmp\"\noptions = [\"nodev\"]\n"
    );
    let child = "extends = \"p\"\n[image]\nname = \"c\"\n[verify.facts]\nlisten = [\"!udp *:68\", \"tcp *:80\"]\n\
         lockdown = \"integrity\"\nfirewall = \"rules.json\"\ncmdline_absent = [\"init\"]\n[verify.facts.sysctl]\n\
         \"kernel.sysrq\" = 1\n[[verify.facts.mounts]]\npoint = \"/tmp\"\nfstype = \"tmpfs\"\noptions = [\"nosuid\"]\n";
    let rules = r#"{"nftables":[{"metainfo":{}},{"table":{"name":"x","family":"ip","handle":3}}]}"#;
    let list = [
        ("c.toml", child),
        ("p.toml", &parent),
        ("rules.json", rules),
    ];
    let template = resolve(&list).unwrap();
    let expectations = karat::expect::Expectations::new(template.expectations())
        .and_then(|expectations| expectations.with_facts(template.facts()))
        .unwrap();
    assert_eq!(
        String::from_utf8(expectations.to_bytes()).unwrap(),
        concat!(
            r#"{"facts":{"cmdline":[{"origin":"template:verify","rule":"absent","word":"init"},"#,
            r#"{"origin":"template:kernel","rule":"present","word":"quiet"}],"#,
            r#""firewall":{"origin":"template:verify","rules":["{\"table\":{\"family\":\"ip\",\"name\":\"x\"}}"]},"#,
            r#""kernel":{"lockdown":"integrity","origin":"template:verify","taint":4096},"#,
            r#""listen":{"allow":["tcp *:22","tcp *:80"],"origin":"template:verify"},"#,
            r#""mounts":[{"fstype":"tmpfs","options":["nodev","nosuid"],"origin":"template:verify","point":"/tmp"}],"#,
            r#""preload":{"origin":"template:verify"},"#,
            r#""sysctl":[{"name":"kernel.sysrq","origin":"template:verify","value":"1"},"#,
            r#"{"name":"net.ipv4.ip_forward","origin":"template:kernel","value":"0"}]},"#,
            r#""mutable":[],"version":1}"#,
            "\n"
        )
    );
    // A template without facts writes none.
    assert!(resolve(&[("x.toml", WHOLE)]).unwrap().facts().is_empty());
    let broken = [list[0], list[1], ("rules.json", "{}")];
    assert_eq!(codes(&broken), [(Code::T006, "c.toml".to_owned(), 7, 12)]);
}

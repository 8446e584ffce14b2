//! The templates that come with karat, and the description of their format.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use karat::ops::shipped::SHIPPED;
use karat::ops::template::load;
use karat::template::{Code, FileKind, Template};

use super::resolve;
use crate::support::Scratch;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")
}

fn files_below(directory: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name);
        }
    }
}

fn templates() -> Vec<Template> {
    SHIPPED
        .iter()
        .filter(|(name, _)| {
            let is_toml = Path::new(name)
                .extension()
                .is_some_and(|suffix| suffix == "toml");
            // Rules and exceptions have directories of their own.
            is_toml && *name != "fleet.toml" && !name.contains('/')
        })
        .map(|(name, _)| {
            load(&directory().join(name)).unwrap_or_else(|found| panic!("{name}:\n{found}"))
        })
        .collect()
}

#[test]
fn the_embedded_templates_are_those_of_the_repository() {
    let mut on_disk = BTreeSet::new();
    files_below(&directory(), "", &mut on_disk);
    let embedded: BTreeSet<String> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(embedded, on_disk);
    for (name, bytes) in SHIPPED {
        assert_eq!(
            std::fs::read(directory().join(name)).unwrap(),
            *bytes,
            "{name}"
        );
        let text = std::str::from_utf8(bytes).unwrap();
        for mirror in ["http://", "https://", "PRIVATE KEY"] {
            assert!(!text.contains(mirror), "{name} holds {mirror}");
        }
    }
}

#[test]
fn every_shipped_template_is_valid_and_lets_nobody_in() {
    let templates = templates();
    let names: BTreeSet<&str> = templates.iter().map(|t| t.image.name.as_str()).collect();
    for name in [
        "base",
        "base-bookworm",
        "web-frontend",
        "internal-api",
        "data-postgres",
        "legacy",
    ] {
        assert!(names.contains(name), "{name}");
    }
    assert_eq!(names.len(), templates.len(), "one image name, one template");
    let mut used = BTreeSet::new();
    for template in &templates {
        let name = &template.image.name;
        assert!(
            template.users.iter().all(|user| user.ssh_keys.is_empty()),
            "{name}"
        );
        assert!(template.users.iter().all(|user| user.locked), "{name}");
        assert!(template.image.description.is_some(), "{name}");
        for file in &template.files {
            if let FileKind::Regular(body) = &file.kind {
                used.insert(body.content.digest);
            }
        }
        // Private or made once: never part of an image.
        for path in ["/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key"] {
            let path = karat::path::ImagePath::parse(path).unwrap();
            assert!(
                template
                    .verify
                    .mutable
                    .iter()
                    .any(|entry| entry.path.matches(&path))
            );
            assert!(template.files.iter().all(|file| file.path != path));
        }
    }
    for (name, bytes) in SHIPPED
        .iter()
        .filter(|(name, _)| name.starts_with("files/"))
    {
        assert!(
            used.contains(&karat::digest::Digest::of(bytes)),
            "{name} is used by none"
        );
    }
}

/// sshd takes the first value: what the rules of hardening state in the main file comes before the
/// drop-ins, and must not stand there again.
#[test]
fn what_the_sshd_drop_in_states_no_rule_states() {
    let text = std::fs::read_to_string(directory().join("files/base/sshd.conf")).unwrap();
    let rules = std::fs::read_to_string(directory().join("rules/ssh.toml")).unwrap();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let Some((directive, _)) = line.split_once(' ').filter(|(word, _)| *word != "#") else {
            continue;
        };
        assert!(
            directive == "HostKey" || seen.insert(directive),
            "{directive} stands there twice"
        );
        let stated = rules.contains(&format!("key = \"{directive}\"\nvalue"));
        assert!(!stated, "a rule states {directive}");
    }
    assert!(seen.contains("AllowGroups"));
}

/// Code blocks of a language in the format's description.
fn examples() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats/template.md");
    let text = std::fs::read_to_string(path).unwrap();
    text.split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_examples_of_the_description_are_templates() {
    let examples = examples();
    let [first, flat, parent, child] = &*examples else {
        panic!("{} examples", examples.len())
    };
    let base = "packages = [\"nano\"]\n[source]\nsuite = \"trixie\"\n";
    resolve(&[("x.toml", first), ("base.toml", base)]).unwrap();
    let flat = format!("extends = \"base\"\n[image]\nname = \"x\"\nversion = \"1\"\n{flat}");
    let files = [
        ("x.toml", &*flat),
        ("base.toml", base),
        ("files/tools.gpg", ""),
    ];
    let extra = resolve(&files).unwrap().source.extra;
    assert_eq!((extra.len(), extra[0].suite.as_str()), (1, "./"));
    let template = resolve(&[("child.toml", child), ("parent.toml", parent)]).unwrap();
    let names: Vec<String> = template
        .packages
        .iter()
        .map(|p| p.name.to_string())
        .collect();
    assert_eq!(names, ["openssh-server", "vim-tiny"]);
}

#[test]
fn every_code_is_described() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats/template.md");
    let text = std::fs::read_to_string(path).unwrap();
    for code in Code::ALL {
        let row = format!("| {code} | {} |\n", code.title());
        assert_eq!(text.matches(&row).count(), 1, "{row}");
    }
    assert_eq!(text.matches("\n| T0").count(), Code::ALL.len());
}

#[test]
fn a_symbolic_link_in_a_template_directory_that_leads_out_of_it() {
    let scratch = Scratch::new("beneath");
    std::fs::write(scratch.join("secret"), "host").unwrap();
    let templates = scratch.join("templates");
    std::fs::create_dir_all(templates.join("files")).unwrap();
    symlink("../../secret", templates.join("files/out")).unwrap();
    symlink("/etc/passwd", templates.join("files/absolute")).unwrap();
    std::fs::write(templates.join("files/real"), "inside").unwrap();
    symlink("real", templates.join("files/in")).unwrap();
    for (source, fits) in [
        ("out", false),
        ("absolute", false),
        ("in", true),
        (".", false),
    ] {
        let text = format!(
            "[image]\nname = \"x\"\nversion = \"1\"\n[source]\nsuite = \"s\"\n[[files]]\npath = \"/a\"\nsource = \"files/{source}\"\n"
        );
        std::fs::write(templates.join("x.toml"), text).unwrap();
        let found = load(&templates.join("x.toml"));
        assert_eq!(found.is_ok(), fits, "{source}");
        if let Err(found) = found {
            assert!(
                [Code::T014, Code::T013].contains(&found.0[0].code),
                "{found}"
            );
            assert!(!found.to_string().contains("host"), "{found}");
        }
    }
}

/// The command line, as CI uses it.
#[test]
fn check_show_and_schema() {
    let karat = |args: &[&str]| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_karat"))
            .args(args)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            run.status.code().unwrap(),
            text(run.stdout),
            text(run.stderr),
        )
    };
    let scratch = Scratch::new("check");
    let good = directory().join("web-frontend.toml").display().to_string();
    let bad = scratch.join("bad.toml");
    std::fs::write(&bad, "packges = []\n").unwrap();
    let bad = bad.display().to_string();
    let (code, out, err) = karat(&["template", "check", &good]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("web-frontend 1"), "{out}");
    let (code, out, err) = karat(&["template", "check", &good, &bad]);
    assert_eq!(code, 1);
    assert!(out.contains("web-frontend"), "{out}");
    assert!(
        err.contains("T003") && err.contains("did you mean \"packages\"?"),
        "{err}"
    );
    let (code, out, _) = karat(&["--json", "template", "check", &good, &bad]);
    assert_eq!(code, 1);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json[0]["valid"], true);
    assert_eq!(json[1]["valid"], false);
    assert_eq!(json[1]["diagnostics"][0]["code"], "T003");
    assert_eq!(json[1]["diagnostics"][0]["location"]["line"], 1);
    assert_eq!(karat(&["template", "check"]).0, 2);
    let (code, out, _) = karat(&["template", "show", &good]);
    assert_eq!(code, 0);
    assert!(out.contains("\"sudo\", # base.toml"), "{out}");
    out.parse::<toml::Table>().unwrap();
    let (code, out, _) = karat(&["template", "show", "--json", &good]);
    assert_eq!(code, 0);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["image"]["name"], "web-frontend");
    let (code, _, err) = karat(&["template", "show", &bad]);
    assert_eq!(code, 1);
    assert!(err.contains("T003"), "{err}");
    let (code, out, _) = karat(&["template", "schema"]);
    assert_eq!(code, 0);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["additionalProperties"], false);
}

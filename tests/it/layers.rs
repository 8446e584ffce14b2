//! The shape of the source: layers, the wall around the agent, no forgotten file, no private key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The lines of `src/lib.rs`, from the top; a module imports from its own line or those above.
const LINES: [&[&str]; 11] = [
    &["limits", "json", "order", "digest", "path"],
    &["tree", "key"],
    &["manifest", "envelope", "tlog", "layout"],
    &["baseline", "expect", "peers"],
    &["appraise", "boot", "disk", "instance"],
    &["sys"],
    // The wall.
    &["deb", "harden", "image", "progress", "segment", "written"],
    &["template", "lock"],
    &["archive", "stage", "log", "responsibility"],
    &["ops"],
    &["cli"],
];

/// How many lines stand above the wall.
const AGENT_LINES: usize = 6;

/// What `cli` compiles for the agent as well.
const AGENT_CLI: [&str; 20] = [
    "src/cli/agent.rs",
    "src/cli/bless.rs",
    "src/cli/exit.rs",
    "src/cli/init.rs",
    "src/cli/instance.rs",
    "src/cli/instance_disk.rs",
    "src/cli/journal.rs",
    "src/cli/peers.rs",
    "src/cli/report/canonical.rs",
    "src/cli/report/comparison.rs",
    "src/cli/report/disk.rs",
    "src/cli/report/excerpt.rs",
    "src/cli/report/facts.rs",
    "src/cli/report/journal.rs",
    "src/cli/report/json.rs",
    "src/cli/report/mod.rs",
    "src/cli/report/output.rs",
    "src/cli/report/prometheus.rs",
    "src/cli/report/text.rs",
    "src/cli/stdout.rs",
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn line_of(module: &str) -> Option<usize> {
    LINES.iter().position(|line| line.contains(&module))
}

/// All files below `directory`, in order, as paths relative to the repository.
fn files(directory: &str) -> Vec<PathBuf> {
    let mut pending = vec![repository().join(directory)];
    let mut files = Vec::new();
    while let Some(at) = pending.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                files.push(path.strip_prefix(repository()).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

/// The code of a source file, without comments and without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(repository().join(path)).unwrap();
    let text = match text.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => &text[..tests],
        None => &text,
    };
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules of the crate that some code names: `crate::tree`, `use crate::{digest, path::…}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        if let Some(list) = part.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for character in list.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        named.insert(first_name(&word));
                        word.clear();
                        continue;
                    }
                    _ => {}
                }
                word.push(character);
            }
            named.insert(first_name(&word));
        } else {
            named.insert(first_name(part));
        }
    }
    named.remove("");
    named
}

fn first_name(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

/// Which module each module imports from, and a file where it does.
fn edges() -> BTreeMap<(String, String), PathBuf> {
    let mut edges = BTreeMap::new();
    for path in files("src") {
        let module = path.components().nth(1).unwrap().as_os_str();
        let module = module.to_str().unwrap().trim_end_matches(".rs").to_owned();
        let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
        if ["lib", "bin"].contains(&module.as_str()) || is_test {
            continue;
        }
        for target in named(&code(&path)) {
            if target != module {
                edges
                    .entry((module.clone(), target))
                    .or_insert_with(|| path.clone());
            }
        }
    }
    edges
}

#[test]
fn every_module_has_a_line() {
    let lib = fs::read_to_string(repository().join("src/lib.rs")).unwrap();
    let modules: BTreeSet<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let lines: BTreeSet<&str> = LINES.iter().copied().flatten().copied().collect();
    assert_eq!(modules, lines);
    for module in modules {
        assert!(
            lib.contains(&format!("[`{module}`]")),
            "the map in src/lib.rs does not show {module}"
        );
    }
}

#[test]
fn a_module_imports_only_from_its_own_line_and_those_above() {
    let edges = edges();
    assert!(edges.len() > 20, "the edges were not found: {edges:?}");
    for ((from, to), path) in &edges {
        let (Some(from_line), Some(to_line)) = (line_of(from), line_of(to)) else {
            panic!("{}: crate::{to} has no line", path.display());
        };
        assert!(
            to_line <= from_line,
            "{}: {from} imports {to}, which stands below it",
            path.display()
        );
    }
    // Neighbours on one line may not import each other in a circle.
    for (from, to) in edges.keys() {
        assert!(
            !edges.contains_key(&(to.clone(), from.clone())),
            "{from} and {to} import each other"
        );
    }
}

#[test]
fn what_the_agent_compiles_stands_above_the_wall() {
    for path in AGENT_CLI {
        for target in named(&code(Path::new(path))) {
            let line = line_of(&target).unwrap();
            assert!(
                line < AGENT_LINES || target == "cli",
                "{path}: crate::{target} is not part of the agent"
            );
        }
    }
}

#[test]
fn unsafe_stands_in_sys_and_in_the_hashing_kernel_alone() {
    for path in files("src") {
        let may = path.starts_with("src/sys") || path == Path::new("src/digest/sha_ni.rs");
        if may || path.extension().is_none_or(|it| it != "rs") {
            continue;
        }
        let code = code(&path);
        let has = [
            "unsafe {",
            "unsafe fn",
            "unsafe impl",
            "unsafe extern",
            "(unsafe_code",
        ]
        .iter()
        .any(|mark| code.contains(mark));
        assert!(!has, "{}", path.display());
    }
}

#[test]
fn the_agents_dependencies_are_the_reviewed_ones() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--no-default-features"])
        .args(["--features", "agent", "--edges", "normal,no-proc-macro"])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found: BTreeSet<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "karat")
        .map(str::to_owned)
        .collect();
    let list = fs::read_to_string(repository().join("tests/agent-dependencies.txt")).unwrap();
    let reviewed: BTreeSet<String> = list
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(str::to_owned)
        .collect();
    assert_eq!(
        found, reviewed,
        "tests/agent-dependencies.txt is the reviewed list"
    );
}

#[test]
fn no_test_file_is_forgotten() {
    for path in files("tests/it") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.extension().is_none_or(|it| it != "rs") || name == "main" {
            continue;
        }
        // A module is declared by the file that has the name of its directory, or by `mod.rs`.
        let directory = path.parent().unwrap();
        let (declared, parents) = if name == "mod" {
            let name = directory.file_name().unwrap().to_str().unwrap();
            (
                name,
                [
                    directory.with_file_name("main.rs"),
                    directory.join("../mod.rs"),
                ],
            )
        } else if directory == Path::new("tests/it") {
            (name, [directory.join("main.rs"), directory.join("main.rs")])
        } else {
            (
                name,
                [directory.with_extension("rs"), directory.join("mod.rs")],
            )
        };
        let is_declared = parents.iter().any(|parent| {
            fs::read_to_string(repository().join(parent)).is_ok_and(|text| {
                text.lines().any(|line| {
                    let line = line
                        .trim_start_matches("pub ")
                        .trim_start_matches("pub(crate) ");
                    line == format!("mod {declared};")
                })
            })
        });
        assert!(is_declared, "{} belongs to no module", path.display());
    }
}

#[test]
fn no_private_key_is_part_of_the_repository() {
    // Put together here, so that this file does not hold what it looks for.
    let marks = ["PRIVATE KEY", "PGP PRIVATE"].map(|mark| format!("-----BEGIN {mark}"));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE".to_owned();
    for directory in [
        "keys",
        "templates",
        "docs",
        "tests",
        "benches",
        "src",
        ".ci",
    ] {
        for path in files(directory) {
            let is_private = path.components().any(|part| part.as_os_str() == "private");
            assert!(
                !is_private,
                "{}: a workspace's private keys",
                path.display()
            );
            let bytes = fs::read(repository().join(&path)).unwrap();
            let is_source = path.extension().is_some_and(|it| it == "rs");
            for mark in marks.iter().chain([&encrypted]) {
                let position = bytes
                    .windows(mark.len())
                    .position(|part| part == mark.as_bytes());
                // Source names the armour it reads and writes; key material follows on a new line.
                let is_key = position.is_some_and(|position| {
                    let rest = &bytes[position..];
                    let rest = &rest[..rest.len().min(200)];
                    let body = rest.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
                    !is_source || looks_like_base64(body)
                });
                assert!(!is_key, "{} holds a private key", path.display());
            }
        }
    }
}

fn looks_like_base64(line: &[u8]) -> bool {
    line.len() >= 40
        && line
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
}

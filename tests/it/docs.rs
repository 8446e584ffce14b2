//! What is written for people stays true: links lead somewhere, commands are ones that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;

/// Directories of this repository that nobody reads on a web page.
const ELSEWHERE: [&str; 3] = [".git", "target", "corpus"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `directory` whose names end with one of `suffixes`, in a fixed order.
fn files(directory: &Path, suffixes: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !ELSEWHERE.contains(&name.as_str()) {
                pending.push(entry.path());
            } else if kind.is_file() && suffixes.iter().any(|suffix| name.ends_with(suffix)) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// A page, line by line, and whether each stands in a block of code.
fn lines(page: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut code = false;
    page.lines().map(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        (code || fence, line)
    })
}

/// The targets of the links in a page.
fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (_, line) in lines(page).filter(|(code, _)| !code) {
        // What stands between backticks is no link.
        let text: Vec<&str> = line.split('`').step_by(2).collect();
        let text = text.join("`");
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            found.push(target.trim().to_owned());
        }
    }
    found
}

/// The anchors that headings of a page have, as web pages of repositories name them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in lines(page).filter(|(code, line)| !code && line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim();
        let slug: String = heading
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let mut name = slug.clone();
        let mut count = 0;
        while !found.insert(name) {
            count += 1;
            name = format!("{slug}-{count}");
        }
    }
    found
}

#[test]
fn links_lead_somewhere() {
    let (mut broken, mut count) = (Vec::new(), 0);
    for file in files(repository(), &[".md"]) {
        let page = fs::read_to_string(&file).unwrap();
        for link in links(&page) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => file.clone(),
                path => file.parent().unwrap().join(path),
            };
            let there = target.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor));
            if !there {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(
        count > 50,
        "only {count} links were found: is this the repository?"
    );
}

/// Help, errors and images name pages of the documentation.
#[test]
fn pages_that_programs_name_are_there() {
    let (mut missing, mut count) = (BTreeSet::new(), 0);
    for place in ["src", "templates"] {
        for file in files(&repository().join(place), &[".rs", ".toml", ".md"]) {
            let text = fs::read_to_string(&file).unwrap();
            for part in text.split("docs/").skip(1) {
                let end = part
                    .find(|c: char| !(c.is_ascii_alphanumeric() || "/-_.".contains(c)))
                    .unwrap_or(part.len());
                let name = part.get(..end).unwrap_or_default().trim_end_matches('.');
                if !name.ends_with(".md") {
                    continue;
                }
                count += 1;
                if !repository().join("docs").join(name).exists() {
                    missing.insert(format!("{}: docs/{name}", file.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(count > 50, "only {count} names were found");
}

/// The words of a line for a shell. Operators and redirections stand for themselves; a comment ends it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        let word = words.last_mut().unwrap();
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if word.is_empty() => break,
            (None, c) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(String::new());
                }
            }
            (None, ';' | '|' | '&' | '<' | '>' | '(' | ')') => {
                words.push(c.to_string());
                words.push(String::new());
            }
            (_, c) => word.push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What is wrong with the uses of karat in a line for a shell.
fn wrong(line: &str, count: &mut usize) -> Vec<String> {
    let mut found = Vec::new();
    for command in words(line).split(|word| matches!(word.as_str(), ";" | "|" | "&" | "(" | ")")) {
        let Some(start) = command.iter().position(|word| word == "karat") else {
            continue;
        };
        // Only what may stand before a program: settings, and programs that run others.
        let before = command.get(..start).unwrap_or_default();
        let runs = |word: &String| {
            word.contains('=')
                || ["$", "sudo", "if", "!", "then", "do", "run"].contains(&word.as_str())
        };
        if !before.iter().all(runs) {
            continue;
        }
        let redirected = |word: &String| matches!(word.as_str(), "<" | ">");
        let mut arguments = command.get(start..).unwrap_or_default();
        if let Some(end) = arguments.iter().position(redirected) {
            // `3<file`: the number belongs to what follows.
            let number = arguments
                .get(end - 1)
                .is_some_and(|word| word.len() == 1 && word.chars().all(|c| c.is_ascii_digit()));
            arguments = arguments
                .get(..end - usize::from(number))
                .unwrap_or_default();
        }
        // Something is left out on purpose.
        if arguments.iter().any(|word| word == "…" || word == "...") {
            continue;
        }
        *count += 1;
        if let Err(error) = karat::cli::definition().try_get_matches_from(arguments)
            && !matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            )
        {
            found.push(format!("{}\n{error}", arguments.join(" ")));
        }
    }
    found
}

/// Lines that a backslash continues are one.
fn joined<S: AsRef<str>>(lines: impl Iterator<Item = S>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut continues = false;
    for line in lines {
        let line = line.as_ref();
        let (text, more) = match line.trim_end().strip_suffix('\\') {
            Some(text) => (text, true),
            None => (line, false),
        };
        match all.last_mut().filter(|_| continues) {
            Some(last) => last.push_str(text.trim_start()),
            None => all.push(text.to_owned()),
        }
        continues = more;
    }
    all
}

#[test]
fn commands_of_pages_are_ones_that_there_are() {
    let (mut found, mut count) = (Vec::new(), 0);
    for file in files(repository(), &[".md"]) {
        let page = fs::read_to_string(&file).unwrap();
        // Transcripts show what is wrong on purpose, and are run.
        if file.starts_with(repository().join("tests/cmd")) {
            continue;
        }
        let code = lines(&page).filter(|(code, _)| *code).map(|(_, line)| line);
        for line in joined(code) {
            for fault in wrong(&line, &mut count) {
                found.push(format!("{}: {fault}", file.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(count > 50, "only {count} commands were found");
}

/// Calls `look` with every command of karat, and how it is called.
fn each(command: &clap::Command, called: &str, look: &mut impl FnMut(&clap::Command, &str)) {
    look(command, called);
    for sub in command.get_subcommands() {
        if sub.get_name() != "help" {
            each(sub, &format!("{called}-{}", sub.get_name()), look);
        }
    }
}

#[test]
fn every_command_has_examples_that_are_right() {
    let (mut found, mut count) = (Vec::new(), 0);
    let mut definition = karat::cli::definition();
    definition.build();
    each(&definition, "help", &mut |command, called| {
        let text = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let before = count;
        let examples = text.lines().filter(|line| line.starts_with("  "));
        for line in joined(examples) {
            // What an example is for stands some spaces behind it.
            let line = line.trim_start().split("  ").next().unwrap_or_default();
            found.extend(wrong(line, &mut count));
        }
        if count == before {
            found.push(format!("{called}: has no example"));
        }
        for line in text.lines().filter(|line| line.chars().count() > 100) {
            found.push(format!("{called}: is broken on a terminal: {line}"));
        }
        let transcript = repository().join(format!("tests/cmd/{called}.md"));
        if !transcript.exists() {
            found.push(format!(
                "{called}: has no transcript {}",
                transcript.display()
            ));
        }
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(count > 100, "only {count} examples were found");
}

#[test]
fn a_line_is_read_as_a_shell_does() {
    let mut count = 0;
    assert_eq!(
        words("karat a 'b c' --d=\"e\" # f"),
        ["karat", "a", "b c", "--d=e"]
    );
    assert_eq!(wrong("echo karat nonsense", &mut count), [""; 0]);
    assert_eq!(count, 0);
    for right in [
        "$ karat key show a.pem 3<b | jq .",
        "A=b karat init && cd c",
        "karat lock …",
    ] {
        assert_eq!(wrong(right, &mut count), [""; 0], "{right}");
    }
    assert_eq!(count, 2);
    assert_eq!(
        wrong("karat nonsense; karat lock a --nonsense", &mut count).len(),
        2
    );
    assert_eq!(joined("a \\\n   b\nc".lines()), ["a b", "c"]);
}

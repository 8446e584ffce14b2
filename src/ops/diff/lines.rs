//! Which lines of changed files differ.

use std::collections::BTreeMap;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use super::difference::PathChange;
use super::error::DiffError;
use super::files::Files;
use super::side::Loaded;
use crate::appraise::{Lines, Unified};
use crate::limits;
use crate::manifest::Manifest;
use crate::path::{Escaped, ImagePath};
use crate::tree::{Blobs as _, Content, Kind, MemoryBlobs};

/// Unchanged lines shown around those that changed, as `diff -u` does.
const CONTEXT: usize = 3;

/// Adds the lines that differ to all changes of contents that are at hand on both sides.
///
/// # Errors
/// An image can no longer be read.
pub(super) fn explain(
    old: &Loaded,
    new: &Loaded,
    changes: &mut [(ImagePath, PathChange)],
) -> Result<(), DiffError> {
    let (Some(old_image), Some(new_image)) = (&old.image, &new.image) else {
        return Ok(());
    };
    let of_contents = |change: &PathChange| change.change == "content";
    let pairs = changes
        .iter()
        .filter(|(_, change)| of_contents(change))
        .filter_map(|(path, _)| {
            let (before, after) = (content(&old.manifest, path)?, content(&new.manifest, path)?);
            Some((path.clone(), before, after))
        });
    let mut found = between_images(old_image, new_image, pairs)?;
    for (path, change) in changes.iter_mut().filter(|(_, it)| of_contents(it)) {
        change.lines = found.remove(path);
    }
    Ok(())
}

/// Which lines of some files differ, given the old and the new content of each: bytes that are
/// others by now are never shown.
///
/// # Errors
/// An image can no longer be read.
pub(in crate::ops) fn between_images(
    old: &dyn Files,
    new: &dyn Files,
    pairs: impl IntoIterator<Item = (ImagePath, Content, Content)>,
) -> Result<BTreeMap<ImagePath, Lines>, DiffError> {
    let mut left = [limits::DIFF_TEXTS_MAX; 2];
    let (mut from, mut to) = (BTreeMap::new(), BTreeMap::new());
    let mut found = BTreeMap::new();
    for (path, before, after) in pairs {
        if before.size.max(after.size) > limits::DIFF_TEXT_MAX {
            found.insert(path, Lines::TooLarge);
        } else if !take(&mut left, [before.size, after.size]) {
            found.insert(path, Lines::TooMany);
        } else {
            from.insert(path.clone(), before);
            to.insert(path, after);
        }
    }
    if from.is_empty() {
        return Ok(found);
    }
    let (old, new) = (old.contents(&from)?, new.contents(&to)?);
    let mut room = Room {
        output: limits::DIFF_OUTPUT_MAX,
        lines: limits::DIFF_ALL_LINES_MAX,
    };
    for ((path, before), after) in from.into_iter().zip(to.into_values()) {
        let lines = lines((&old, before), (&new, after), &mut room);
        found.insert(path, lines);
    }
    Ok(found)
}

fn content(manifest: &Manifest, path: &ImagePath) -> Option<Content> {
    match manifest.get(path)?.kind {
        Kind::Regular(content) => Some(content),
        _ => None,
    }
}

/// Takes from both sides' budgets, or from none.
fn take(left: &mut [u64; 2], sizes: [u64; 2]) -> bool {
    let [old, new] = *left;
    let [of_old, of_new] = sizes;
    match (old.checked_sub(of_old), new.checked_sub(of_new)) {
        (Some(old), Some(new)) => {
            *left = [old, new];
            true
        }
        _ => false,
    }
}

/// What is left for further files.
#[derive(Debug)]
struct Room {
    /// Bytes of differences to give.
    output: usize,
    /// Lines to compare.
    lines: usize,
}

fn lines(old: (&MemoryBlobs, Content), new: (&MemoryBlobs, Content), room: &mut Room) -> Lines {
    let (Ok(old), Ok(new)) = (old.0.read(&old.1), new.0.read(&new.1)) else {
        return Lines::Stale;
    };
    if old.contains(&0) || new.contains(&0) {
        return Lines::Binary;
    }
    let (old, new) = (split(&old), split(&new));
    let count = between(&old, &new);
    if count > limits::DIFF_LINES_MAX {
        return Lines::TooLarge;
    }
    let Some(lines_left) = room.lines.checked_sub(count) else {
        return Lines::TooMany;
    };
    room.lines = lines_left;
    let unified = unified(&old, &new);
    let size: usize = unified.unified.iter().map(String::len).sum();
    match room.output.checked_sub(size) {
        Some(rest) => {
            room.output = rest;
            Lines::Unified(unified)
        }
        None => Lines::TooMany,
    }
}

/// How many lines both have between what they begin and end with alike.
fn between(old: &[&[u8]], new: &[&[u8]]) -> usize {
    let same = |(a, b): &(&&[u8], &&[u8])| a == b;
    let begin = old.iter().zip(new).take_while(same).count();
    let (old, new) = (
        old.get(begin..).unwrap_or_default(),
        new.get(begin..).unwrap_or_default(),
    );
    let ends = old.iter().rev().zip(new.iter().rev());
    let end = ends.take_while(same).count();
    old.len().saturating_add(new.len()) - 2 * end
}

/// The difference.
fn unified(old: &[&[u8]], new: &[&[u8]]) -> Unified {
    // Numbers for lines: comparing them costs the same however long and alike the lines are.
    let mut numbers: BTreeMap<&[u8], usize> = BTreeMap::new();
    for line in old.iter().chain(new) {
        let next = numbers.len();
        numbers.entry(line).or_insert(next);
    }
    let numbered = |lines: &[&[u8]]| -> Vec<usize> {
        let number = |line: &&[u8]| numbers.get(line).copied().unwrap_or_default();
        lines.iter().map(number).collect()
    };
    let operations = capture_diff_slices(Algorithm::Myers, &numbered(old), &numbered(new));
    let mut unified = Unified {
        added: 0,
        removed: 0,
        unified: Vec::new(),
    };
    for hunk in group_diff_ops(operations, CONTEXT) {
        unified.hunk(&hunk, old, new);
    }
    unified
}

impl Unified {
    fn hunk(&mut self, operations: &[DiffOp], old: &[&[u8]], new: &[&[u8]]) {
        let (Some(first), Some(last)) = (operations.first(), operations.last()) else {
            return;
        };
        let from = first.old_range().start..last.old_range().end;
        let to = first.new_range().start..last.new_range().end;
        self.unified
            .push(format!("@@ -{} +{} @@", place(&from), place(&to)));
        for operation in operations {
            if let DiffOp::Equal { .. } = operation {
                self.push(' ', old, operation.old_range());
                continue;
            }
            let (from, to) = (operation.old_range(), operation.new_range());
            self.removed = self.removed.saturating_add(from.len());
            self.added = self.added.saturating_add(to.len());
            self.push('-', old, from);
            self.push('+', new, to);
        }
    }

    fn push(&mut self, sign: char, lines: &[&[u8]], range: Range<usize>) {
        for line in lines.get(range).unwrap_or_default() {
            let (text, is_whole) = match line.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (*line, false),
            };
            let tabs: Vec<String> = text
                .split(|byte| *byte == b'\t')
                .map(|text| Escaped(text).to_string())
                .collect();
            self.unified.push(format!("{sign}{}", tabs.join("\t")));
            if !is_whole {
                self.unified.push("\\ No newline at end of file".to_owned());
            }
        }
    }
}

/// Where a hunk is, as `diff -u` says it: the first line, from 1, and how many, unless it is one.
fn place(range: &Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => range.end.to_string(),
        count => format!("{},{count}", range.start.saturating_add(1)),
    }
}

/// The lines, each with its line feed.
fn split(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(old: &str, new: &str) -> String {
        let (old, new) = (split(old.as_bytes()), split(new.as_bytes()));
        unified(&old, &new).unified.join("\n")
    }

    #[test]
    fn hunks_are_those_of_diff_u() {
        let numbers: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
        let old = numbers.join("\n") + "\n";
        let new = old.replace("3\n4\n", "3\nnew\n").replace("20\n", "20");
        assert_eq!(
            text(&old, &new),
            "@@ -1,7 +1,7 @@\n 1\n 2\n 3\n-4\n+new\n 5\n 6\n 7\n\
             @@ -17,4 +17,4 @@\n 17\n 18\n 19\n-20\n+20\n\\ No newline at end of file"
        );
        assert_eq!(text("", "a\n"), "@@ -0,0 +1 @@\n+a");
        assert_eq!(text("a\nb\n", ""), "@@ -1,2 +0,0 @@\n-a\n-b");
    }

    #[test]
    fn lines_cannot_speak_to_the_terminal() {
        let shown = text("a\n", "\u{1b}[2J\tb\r\n\u{202e}\\\n");
        assert_eq!(
            shown,
            "@@ -1 +1,2 @@\n-a\n+\\x1b[2J\tb\\x0d\n+\\xe2\\x80\\xae\\\\"
        );
    }

    #[test]
    fn too_many_lines_are_not_compared() {
        let mut room = Room {
            output: 100,
            lines: limits::DIFF_LINES_MAX + 10,
        };
        let mut compare = |old: &str, new: &str| {
            let (mut from, mut to) = (MemoryBlobs::new(), MemoryBlobs::new());
            let (old, new) = (from.add(old.into()), to.add(new.into()));
            lines((&from, old), (&to, new), &mut room)
        };
        let many = |word: &str, count: usize| -> String {
            let lines = (0..count).map(|n| format!("{word}{n}"));
            lines.collect::<Vec<_>>().join("\n") + "\n"
        };
        let half = limits::DIFF_LINES_MAX / 2;
        let answer = compare(&many("a", half + 1), &many("b", half));
        assert_eq!(answer, Lines::TooLarge);
        // What both begin and end with does not count.
        let large = many("a", half + 1);
        let answer = compare(&format!("{large}x\n{large}"), &format!("{large}y\n{large}"));
        assert!(matches!(answer, Lines::Unified(lines) if lines.added == 1));
        // The output has no room for these, and then no line is left to be compared.
        let answer = compare(&many("a", half), &many("b", half));
        assert_eq!(answer, Lines::TooMany);
        assert_eq!(compare(&many("a", 5), &many("b", 5)), Lines::TooMany);
        assert!(matches!(compare("a\n", "b\n"), Lines::Unified(_)));
    }
}

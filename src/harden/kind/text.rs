//! Lines of text files, and the one block of them that rules share.
//!
//! What rules add to a file stands in one block, sorted, so that the text is the same in whatever
//! order rules wrote it.

/// The first line of the block, where `#` begins a comment.
pub(super) const MARK: &str = "# Set by karat's hardening rules.";

/// The lines of a text, without their ends.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The text of lines, each with its end.
pub(super) fn text(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Adds `line` to the block that begins at or after `from`, in its sorted place; where there is no
/// such block before `to`, one is made at `new`.
pub(super) fn add_to_block(
    lines: &mut Vec<String>,
    line: &str,
    range: std::ops::Range<usize>,
    new: usize,
) {
    let marks = lines.iter().enumerate().take(range.end).skip(range.start);
    let mut mark = marks.filter(|(_, text)| *text == MARK).map(|(at, _)| at);
    let Some(mark) = mark.next_back() else {
        let new = new.min(lines.len());
        let mut block = vec![MARK.to_owned(), line.to_owned()];
        if new < lines.len() {
            block.push(String::new());
        }
        lines.splice(new..new, block);
        return;
    };
    let mut at = mark.saturating_add(1);
    while let Some(there) = lines.get(at) {
        if there.is_empty() || there.as_str() >= line {
            break;
        }
        at = at.saturating_add(1);
    }
    if lines.get(at).is_none_or(|there| there != line) {
        lines.insert(at, line.to_owned());
    }
}

/// Removes the block's first line where nothing follows it.
pub(super) fn drop_empty_block(lines: &mut Vec<String>) {
    let is_empty = |lines: &[String], at: usize| {
        let next = lines.get(at.saturating_add(1));
        lines.get(at).is_some_and(|line| line == MARK) && next.is_none_or(String::is_empty)
    };
    let mut at = 0;
    while at < lines.len() {
        if is_empty(lines, at) {
            lines.remove(at);
        } else {
            at = at.saturating_add(1);
        }
    }
}

/// The words of a line, blanks being what separates them.
pub(super) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text without one pair of quotes around it.
pub(super) fn unquoted(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\''] {
        let inner = text
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    text
}

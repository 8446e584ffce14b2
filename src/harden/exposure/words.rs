//! Values as systemd.syntax(7) has them.

/// A switch: `yes`, `1`, `true`, `on`, and their opposites, in any case.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// Words between blanks, quotes taken off; what follows a quote that is never closed is left out.
pub(super) fn unquoted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for character in text.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_ascii_whitespace() => words.extend(word.take()),
            (_, _) => word.get_or_insert_default().push(character),
        }
    }
    if quote.is_none() {
        words.extend(word);
    }
    words
}

/// A list that starts with `~`, and what follows.
pub(super) fn denial(value: &str) -> (bool, &str) {
    match value.strip_prefix('~') {
        Some(rest) => (true, rest),
        None => (false, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_and_words() {
        assert_eq!(switch("YES"), Some(true));
        assert_eq!(switch("off"), Some(false));
        assert_eq!(switch("\"yes\""), None);
        assert_eq!(switch(""), None);
        assert_eq!(unquoted(" a \"b c\" d'e'  ''"), ["a", "b c", "de", ""]);
        assert_eq!(unquoted("a \"b c"), ["a"]);
        assert!(unquoted("  ").is_empty());
    }
}

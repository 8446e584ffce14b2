//! What was meant by a word that is none.

/// The word most like `text`, if it is like enough to be meant.
pub(crate) fn nearest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    if text.len() > 64 {
        return None;
    }
    words
        .iter()
        .map(|word| (distance(text, word), *word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min()
        .map(|(_, word)| word)
}

/// Levenshtein's distance, upper and lower case and `-` and `_` being the same.
fn distance(a: &str, b: &str) -> usize {
    let fold = |text: &str| -> Vec<char> {
        text.chars()
            .map(|c| {
                if c == '_' {
                    '-'
                } else {
                    c.to_ascii_lowercase()
                }
            })
            .collect()
    };
    let (a, b) = (fold(a), fold(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i.saturating_add(1)];
        for ((j, y), (above, diagonal)) in
            b.iter().enumerate().zip(row.iter().skip(1).zip(row.iter()))
        {
            let left = next.get(j).copied().unwrap_or(usize::MAX);
            let cost = usize::from(x != y);
            next.push(
                left.saturating_add(1)
                    .min(above.saturating_add(1))
                    .min(diagonal.saturating_add(cost)),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let words = ["enable", "disable", "mask", "security-mirror", "uid", "gid"];
        for (text, meant) in [
            ("enabled", Some("enable")),
            ("desable", Some("disable")),
            ("security_mirror", Some("security-mirror")),
            ("UID", Some("uid")),
            ("masks", Some("mask")),
            ("harden", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, &words), meant, "{text:?}");
        }
        assert_eq!(nearest(&"e".repeat(100_000), &words), None);
    }
}

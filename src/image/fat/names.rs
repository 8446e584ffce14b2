//! Short names for long ones.

use std::collections::BTreeSet;

use super::FatWriteError;
use crate::layout::fat::{is_short, is_short_letter};

/// The short name of each of a directory's names, which are in order, in that order.
///
/// A name of at most eight and three letters has itself for a short name, in upper case; another has
/// the first letters that a short name may have, and `~N` with the least N that nothing has yet.
pub(super) fn short_names(names: &[&str]) -> Result<Vec<[u8; 11]>, FatWriteError> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for name in names {
        if !taken.insert(name.to_ascii_uppercase()) {
            return Err(FatWriteError::Twice((*name).to_owned()));
        }
    }
    let mut short = Vec::with_capacity(names.len());
    for name in names {
        let upper = name.to_ascii_uppercase();
        let own = match own(&upper) {
            Some(own) => own,
            None => made(&upper, &mut taken)?,
        };
        short.push(own);
    }
    Ok(short)
}

/// Base and extension, what is behind the last dot; a dot at the start separates nothing.
fn parts(name: &str) -> (&str, &str) {
    let split = name.rsplit_once('.').filter(|(base, _)| !base.is_empty());
    split.unwrap_or((name, ""))
}

/// The name itself, where it is a short one.
fn own(upper: &str) -> Option<[u8; 11]> {
    let (base, extension) = parts(upper);
    let fits = (1..=8).contains(&base.len()) && extension.len() <= 3;
    let dots = upper.bytes().filter(|byte| *byte == b'.').count();
    let same = dots == usize::from(!extension.is_empty());
    let name = filled(base, extension);
    let plain = !upper.contains(' ');
    (fits && same && plain && is_short(&name)).then_some(name)
}

fn made(upper: &str, taken: &mut BTreeSet<String>) -> Result<[u8; 11], FatWriteError> {
    let (base, extension) = parts(upper);
    let letters = |part: &str| -> String {
        let part = part.chars().filter(|letter| !matches!(letter, ' ' | '.'));
        part.map(|letter| if is_letter(letter) { letter } else { '_' })
            .collect()
    };
    let (base, mut extension) = (letters(base), letters(extension));
    extension.truncate(3);
    for number in 1_u32..1_000_000 {
        let tail = format!("~{number}");
        let mut start = base.clone();
        start.truncate(8_usize.saturating_sub(tail.len()));
        start += &tail;
        let shown = if extension.is_empty() {
            start.clone()
        } else {
            format!("{start}.{extension}")
        };
        if taken.insert(shown) {
            return Ok(filled(&start, &extension));
        }
    }
    Err(FatWriteError::Many)
}

fn is_letter(letter: char) -> bool {
    u8::try_from(letter).is_ok_and(is_short_letter)
}

fn filled(base: &str, extension: &str) -> [u8; 11] {
    let mut name = [b' '; 11];
    let (start, end) = name.split_at_mut(8);
    for (place, byte) in start.iter_mut().zip(base.bytes()) {
        *place = byte;
    }
    for (place, byte) in end.iter_mut().zip(extension.bytes()) {
        *place = byte;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &[&str]) -> Vec<String> {
        short_names(names)
            .unwrap()
            .iter()
            .map(|name| String::from_utf8(name.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn short_names_are_themselves_and_others_get_a_number() {
        assert_eq!(
            shown(&["BOOTX64.EFI", "EFI", "loader.conf", "web_1.0.dsse.json"]),
            ["BOOTX64 EFI", "EFI        ", "LOADER~1CON", "WEB_10~1JSO"]
        );
        assert_eq!(
            shown(&[
                ".hidden",
                "a+b",
                "a b",
                "lower.txt",
                "web_1.0+3.efi",
                "web_1.0+4.efi"
            ]),
            [
                "HIDDEN~1   ",
                "A_B~1      ",
                "AB~1       ",
                "LOWER   TXT",
                "WEB_10~1EFI",
                "WEB_10~2EFI"
            ]
        );
    }

    #[test]
    fn a_number_that_is_somebodys_name_is_passed_over() {
        assert_eq!(
            shown(&["LONGNA~1.TXT", "longname-2.txt"]),
            ["LONGNA~1TXT", "LONGNA~2TXT"]
        );
        let names: Vec<String> = (100..300)
            .map(|at| format!("name number {at}.efi"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all: BTreeSet<String> = shown(&names).into_iter().collect();
        assert_eq!(all.len(), 200);
        assert!(all.contains("NAMEN~10EFI") && all.contains("NAME~200EFI"));
    }

    #[test]
    fn case_makes_no_other_name() {
        let error = short_names(&["README", "readme"]).unwrap_err();
        assert!(matches!(error, FatWriteError::Twice(_)));
    }
}

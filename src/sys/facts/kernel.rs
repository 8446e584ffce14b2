//! The kernel: its command line, modules, taint, lockdown, release and settings.

use std::collections::BTreeSet;

use super::read::{FileSystem, kernel, text};
use crate::appraise::fact::{Seen, source};
use crate::expect::fact::{Lockdown, SysctlName};
use crate::limits;

pub(super) fn cmdline() -> Seen<Vec<Vec<u8>>> {
    kernel(source::CMDLINE, FileSystem::Proc, limits::FACT_VALUE_MAX)
        .parse(|bytes| Ok(cmdline_words(&bytes)))
}

/// Words as the kernel takes them: blanks separate, but not between double quotes.
pub(super) fn cmdline_words(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word = Vec::new();
    let mut is_quoted = false;
    for byte in bytes {
        is_quoted ^= *byte == b'"';
        if byte.is_ascii_whitespace() && !is_quoted {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        } else {
            word.push(*byte);
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

pub(super) fn modules() -> Seen<Vec<String>> {
    kernel(source::MODULES, FileSystem::Proc, limits::FACT_TABLE_MAX).parse(module_names)
}

/// The first word of each line (`proc_modules(5)`).
pub(super) fn module_names(bytes: Vec<u8>) -> Result<Vec<String>, String> {
    let text = text(bytes)?;
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err("a line does not start with a module's name".to_owned());
        }
        names.insert(name);
    }
    Ok(names.iter().map(|name| name.replace('-', "_")).collect())
}

pub(super) fn taint() -> Seen<u64> {
    kernel(source::TAINT, FileSystem::Proc, limits::FACT_VALUE_MAX).parse(|bytes| {
        let text = text(bytes)?;
        let number = text.trim_ascii();
        let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_plain
            .then(|| number.parse().ok())
            .flatten()
            .ok_or_else(|| "it is no number".to_owned())
    })
}

pub(super) fn release() -> Seen<String> {
    kernel(source::RELEASE, FileSystem::Proc, limits::FACT_VALUE_MAX)
        .parse(|bytes| Ok(text(bytes)?.trim_ascii().to_owned()))
}

pub(super) fn lockdown() -> Seen<Lockdown> {
    kernel(
        source::LOCKDOWN,
        FileSystem::Security,
        limits::FACT_VALUE_MAX,
    )
    .parse(lockdown_in_force)
}

/// `none [integrity] confidentiality`: the one in brackets.
pub(super) fn lockdown_in_force(bytes: Vec<u8>) -> Result<Lockdown, String> {
    let text = text(bytes)?;
    let mut marked = text
        .split_ascii_whitespace()
        .filter_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    let (Some(word), None) = (marked.next(), marked.next()) else {
        return Err("it names not exactly one state in brackets".to_owned());
    };
    word.parse()
        .map_err(|_rule| "it names a state that this version does not know".to_owned())
}

/// The value of one setting, without blanks around it.
pub(super) fn setting(name: &SysctlName) -> Seen<String> {
    let path = format!("{}/{}", source::SYSCTL, name.relative());
    kernel(&path, FileSystem::Proc, limits::FACT_VALUE_MAX)
        .parse(|bytes| Ok(text(bytes)?.trim_ascii().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_command_line() {
        let words = |text: &[u8]| cmdline_words(text);
        assert_eq!(
            words(b"quiet  ro\troot=/dev/vda\n"),
            [&b"quiet"[..], b"ro", b"root=/dev/vda"]
        );
        assert_eq!(words(b"a=\"b c\" d"), [&b"a=\"b c\""[..], b"d"]);
        assert_eq!(words(b"\"never closed x"), [b"\"never closed x"]);
        assert_eq!(words(b" \n"), Vec::<Vec<u8>>::new());
        assert_eq!(words(b"\xff\x00"), [b"\xff\x00"]);
    }

    #[test]
    fn names_of_modules() {
        let names = |text: &[u8]| module_names(text.to_vec());
        assert_eq!(
            names(b"virtio_net 1 0 - Live 0x0\next4 2 1 x, Live 0x0 (OE)\n"),
            Ok(vec!["ext4".to_owned(), "virtio_net".to_owned()])
        );
        assert_eq!(names(b""), Ok(Vec::new()));
        for bad in [&b"\n"[..], b" x\n", b"a/b 1\n", b"\xff 1\n", b"a\x1b 1\n"] {
            assert!(names(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn states_of_lockdown() {
        let state = |text: &[u8]| lockdown_in_force(text.to_vec());
        assert_eq!(
            state(b"none [integrity] confidentiality\n"),
            Ok(Lockdown::Integrity)
        );
        for bad in [
            &b""[..],
            b"none integrity",
            b"[none] [integrity]",
            b"[nobody]",
            b"[\xff]",
            b"[integrity",
        ] {
            assert!(state(bad).is_err(), "{bad:?}");
        }
    }
}

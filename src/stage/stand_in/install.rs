//! The lines of a unit file that say which links enabling it makes, as `deb-systemd-helper` reads
//! them: wherever they stand, and each for itself.
//!
//! ```text
//! WantedBy=UNIT [UNIT…]     RequiredBy=UNIT [UNIT…]     Also=UNIT [UNIT…]
//! Alias=UNIT                DefaultInstance=NAME
//! ```
//! Its regular expressions take more than that (quotes, other letter cases, white space before the
//! key), with results that surprise. Such lines are in hardly any package; one of them makes the
//! whole file [`Unusual`], and the program itself reads it.

/// Longest name of a file (`NAME_MAX`, `limits.h`), and so of a unit.
const NAME_MAX: usize = 255;
/// The keys, in small letters.
const KEYS: [&[u8]; 5] = [
    b"wantedby",
    b"requiredby",
    b"also",
    b"alias",
    b"defaultinstance",
];

/// A line that makes links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Links in `UNIT.wants`.
    WantedBy(Vec<String>),
    /// Links in `UNIT.requires`.
    RequiredBy(Vec<String>),
    /// Other units whose links are made as well.
    Also(Vec<String>),
    /// A second name.
    Alias(String),
    /// Which instance of a template a link stands for.
    DefaultInstance(String),
}

/// Something that only the program itself is sure to understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unusual;

/// The lines of a unit file that make links, in its order.
pub(super) fn lines(unit: &[u8]) -> Result<Vec<Line>, Unusual> {
    unit.split(|byte| *byte == b'\n')
        .filter(|line| !matches!(line.first(), Some(b'#' | b';')) && names_a_key(line))
        .filter_map(|line| read(line).transpose())
        .collect()
}

/// Whether `name` can only be the name of a unit, and needs no quoting anywhere.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._:-".contains(&byte);
    !name.is_empty()
        && name.len() <= NAME_MAX
        && !name.starts_with(['-', '.'])
        && name.bytes().all(plain)
}

/// Whether a key with its equals sign stands anywhere in the line: more than a reader may take for
/// an assignment, never less.
fn names_a_key(line: &[u8]) -> bool {
    let line = line.to_ascii_lowercase();
    KEYS.iter().any(|key| {
        let is_here = |at: &[u8]| at.strip_suffix(b"=") == Some(key);
        line.windows(key.len().saturating_add(1)).any(is_here)
    })
}

/// A line that names a key; `None` where it gives it no value.
fn read(line: &[u8]) -> Result<Option<Line>, Unusual> {
    let text = str::from_utf8(line).map_err(|_not_text| Unusual)?;
    let (key, value) = text.split_once('=').ok_or(Unusual)?;
    let names = || -> Result<Vec<String>, Unusual> {
        value
            .split(' ')
            .map(|name| is_plain(name).then(|| name.to_owned()).ok_or(Unusual))
            .collect()
    };
    let name = || is_plain(value).then(|| value.to_owned()).ok_or(Unusual);
    let is_empty = value.is_empty();
    Ok(match key {
        "WantedBy" | "RequiredBy" | "Also" | "Alias" | "DefaultInstance" if is_empty => None,
        "WantedBy" => Some(Line::WantedBy(names()?)),
        "RequiredBy" => Some(Line::RequiredBy(names()?)),
        "Also" => Some(Line::Also(names()?)),
        "Alias" => Some(Line::Alias(name()?)),
        "DefaultInstance" => Some(Line::DefaultInstance(name()?)),
        _ => return Err(Unusual),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_are_read_in_order() {
        let unit = b"[Unit]\nDescription=x\n#WantedBy=no.target\n; Also=no.service\n\n[Install]\n\
            WantedBy=a.target b.target\nRequiredBy=\nAlso=c.socket\nAlias=d.service\n\
            RequiredBy=e.target\nDefaultInstance=tty1";
        let one = |name: &str| vec![name.to_owned()];
        let expected = vec![
            Line::WantedBy(vec!["a.target".to_owned(), "b.target".to_owned()]),
            Line::Also(one("c.socket")),
            Line::Alias("d.service".to_owned()),
            Line::RequiredBy(one("e.target")),
            Line::DefaultInstance("tty1".to_owned()),
        ];
        assert_eq!(lines(unit), Ok(expected));
    }

    #[test]
    fn whatever_could_be_read_otherwise_is_unusual() {
        for line in [
            "wantedby=a.target",
            " WantedBy=a.target",
            "WantedBy =a.target\nWantedBy=b.target \n",
            "WantedBy=a.target\r",
            "WantedBy= a.target",
            "WantedBy=a.target  b.target",
            "WantedBy=\"a.target\"",
            "WantedBy=a\\x2db.target",
            "WantedBy=a/b.target",
            "WantedBy=../a.target",
            "WantedBy=a.target \\",
            "Alias=a.service b.service",
            "XWantedBy=a.target",
            "DefaultInstance='x'",
            "Also=\u{fc}.service",
        ] {
            assert_eq!(lines(line.as_bytes()), Err(Unusual), "{line}");
        }
        assert_eq!(lines(b"Also=\xff.service"), Err(Unusual));
        assert_eq!(lines(b"Wants=a\n# says WantedBy=b\n"), Ok(Vec::new()));
    }
}

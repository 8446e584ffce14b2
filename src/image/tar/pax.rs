//! pax records: `LENGTH KEY=VALUE\n` (POSIX.1-2001, pax, "Extended Header").

use std::collections::{BTreeMap, BTreeSet};

use super::{TarError, acl};
use crate::limits;
use crate::path::ImagePath;
use crate::tree::Xattrs;

/// The prefix under which star, GNU tar, libarchive and Go keep extended attributes, raw.
const XATTR: &[u8] = b"SCHILY.xattr.";
/// libarchive's own: base64, written beside the other by default.
const LIBARCHIVE_XATTR: &[u8] = b"LIBARCHIVE.xattr.";

/// Records that change nothing that an image has.
const IGNORED: [&[u8]; 9] = [
    b"LIBARCHIVE.creationtime",
    b"SCHILY.dev",
    b"SCHILY.ino",
    b"SCHILY.nlink",
    b"atime",
    b"comment",
    b"ctime",
    b"gname",
    b"uname",
];

/// One record, with the length that counts itself.
pub(super) fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    let mut record = Vec::with_capacity(length);
    record.extend_from_slice(length.to_string().as_bytes());
    record.push(b' ');
    record.extend_from_slice(key);
    record.push(b'=');
    record.extend_from_slice(value);
    record.push(b'\n');
    record
}

/// The records of all extended attributes, ACLs in both forms.
pub(super) fn xattr_records(
    path: &ImagePath,
    xattrs: &Xattrs,
    records: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<(), TarError> {
    for (name, value) in xattrs {
        if name.is_empty() || name.contains(&0) {
            return Err(TarError::Xattr(path.clone()));
        }
        let key = [XATTR, &escape(name)].concat();
        records.insert(key, value.clone());
        if let Some((_, key)) = acl::KEYS.iter().find(|(attribute, _)| *attribute == name) {
            let text = acl::text(value).ok_or_else(|| TarError::Acl(path.clone()))?;
            records.insert(key.to_vec(), text.into_bytes());
        }
    }
    Ok(())
}

/// `=` would end the keyword: GNU tar writes it, and the sign of the escape, as `%3D` and `%25`.
fn escape(name: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'=' => escaped.extend_from_slice(b"%3D"),
            b'%' => escaped.extend_from_slice(b"%25"),
            byte => escaped.push(*byte),
        }
    }
    escaped
}

fn unescape(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((byte, after)) = rest.split_first() {
        let (byte, after) = match rest {
            [b'%', b'3', b'D', after @ ..] => (&b'=', after),
            [b'%', b'2', b'5', after @ ..] => (&b'%', after),
            _ => (byte, after),
        };
        plain.push(*byte);
        rest = after;
    }
    plain
}

/// What the extension headers before an entry say.
#[derive(Debug, Default)]
pub(super) struct Extension {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<u64>,
    pub(super) xattrs: Xattrs,
    acls: Vec<(&'static [u8], Vec<u8>)>,
    copies: Xattrs,
}

impl Extension {
    /// Takes the body of an `x` header; `at` is where the entry starts.
    pub(super) fn pax(&mut self, body: &[u8], at: u64) -> Result<(), TarError> {
        let mut seen = BTreeSet::new();
        let mut rest = body;
        while !rest.is_empty() {
            let Some((key, value, after)) = split(rest) else {
                return Err(TarError::Record {
                    at,
                    key: Vec::new(),
                });
            };
            if !seen.insert(key) || self.take(key, value).is_none() {
                let key = key.to_vec();
                return Err(TarError::Record { at, key });
            }
            rest = after;
        }
        Ok(())
    }

    /// Takes the body of a `g` header: git writes one with a comment; nothing else may apply to
    /// entries that do not say so.
    pub(super) fn global(body: &[u8], at: u64) -> Result<(), TarError> {
        let mut rest = body;
        while !rest.is_empty() {
            let Some((key, _, after)) = split(rest) else {
                return Err(TarError::Record {
                    at,
                    key: Vec::new(),
                });
            };
            if key != b"comment" {
                let key = key.to_vec();
                return Err(TarError::Record { at, key });
            }
            rest = after;
        }
        Ok(())
    }

    /// Takes a name from GNU tar's `L` header.
    pub(super) fn gnu_name(&mut self, body: &[u8]) -> Option<()> {
        once(&mut self.path, without_nul(body)?)
    }

    /// Takes a link name from GNU tar's `K` header.
    pub(super) fn gnu_link(&mut self, body: &[u8]) -> Option<()> {
        once(&mut self.link, without_nul(body)?)
    }

    /// The attributes, once all ways in which they were given agree.
    pub(super) fn finish(&mut self, path: &ImagePath) -> Result<Xattrs, TarError> {
        let xattrs = std::mem::take(&mut self.xattrs);
        let valid = |(name, value): (&Vec<u8>, &Vec<u8>)| {
            !name.is_empty() && !name.contains(&0) && value.len() <= limits::XATTR_VALUE_MAX
        };
        let copied = |(name, value): (&Vec<u8>, &Vec<u8>)| xattrs.get(name) == Some(value);
        if xattrs.len() > limits::XATTRS_MAX
            || !xattrs.iter().all(valid)
            || !self.copies.iter().all(copied)
        {
            return Err(TarError::Xattr(path.clone()));
        }
        if !self
            .acls
            .iter()
            .all(|(attribute, text)| acl::agrees(&xattrs, attribute, text))
        {
            return Err(TarError::Acl(path.clone()));
        }
        Ok(xattrs)
    }

    /// Takes one record; `None` refuses it.
    fn take(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        if let Some(name) = key.strip_prefix(XATTR) {
            self.xattrs.insert(unescape(name), value.to_vec());
            return Some(());
        }
        if let Some(name) = key.strip_prefix(LIBARCHIVE_XATTR) {
            let (name, value) = libarchive(name, value)?;
            self.copies.insert(name, value);
            return Some(());
        }
        if let Some((attribute, _)) = acl::KEYS.iter().find(|(_, record)| *record == key) {
            self.acls.push((attribute, value.to_vec()));
            return Some(());
        }
        match key {
            b"path" => once(&mut self.path, without_nul(value)?),
            b"linkpath" => once(&mut self.link, without_nul(value)?),
            b"size" => once(&mut self.size, decimal(value)?),
            b"uid" => once(&mut self.uid, decimal(value)?),
            b"gid" => once(&mut self.gid, decimal(value)?),
            b"mtime" => once(&mut self.mtime, seconds(value)?),
            b"hdrcharset" => {
                (value == b"BINARY" || value == b"ISO-IR 10646 2000 UTF-8").then_some(())
            }
            key => IGNORED.contains(&key).then_some(()),
        }
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// The first record of `bytes`: keyword, value, and what follows.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(bytes.get(..blank)?)?).ok()?;
    let record = bytes.get(blank.checked_add(1)?..length)?;
    let record = record.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let key = record.get(..equals).filter(|key| !key.is_empty())?;
    Some((key, record.get(equals + 1..)?, bytes.get(length..)?))
}

fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whole seconds; times before 1970 become 1970.
fn seconds(text: &[u8]) -> Option<u64> {
    let (before_1970, text) = match text.strip_prefix(b"-") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let whole = decimal(parts.next()?)?;
    let fraction = parts.next().unwrap_or_default();
    let digits = fraction.iter().all(u8::is_ascii_digit);
    digits.then_some(if before_1970 { 0 } else { whole })
}

/// A name without NUL; one at the end is GNU tar's habit.
fn without_nul(name: &[u8]) -> Option<Vec<u8>> {
    let name = name.strip_suffix(&[0]).unwrap_or(name);
    (!name.contains(&0)).then(|| name.to_vec())
}

/// libarchive's form: the name URL-encoded, the value base64 without padding.
fn libarchive(name: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    let end = value
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |last| last + 1);
    let value = engine.decode(value.get(..end)?).ok()?;
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'%' {
            let pair = [*bytes.next()?, *bytes.next()?];
            plain.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            plain.push(*byte);
        }
    }
    Some((plain, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_itself() {
        assert_eq!(record(b"path", b"x"), b"9 path=x\n");
        assert_eq!(record(b"pat", b"x"), b"8 pat=x\n");
        for length in 80..120 {
            let record = record(b"k", &vec![b'v'; length]);
            let (key, value, rest) = split(&record).unwrap();
            assert_eq!(
                (key, value.len(), rest),
                (b"k".as_slice(), length, b"".as_slice())
            );
        }
    }

    #[test]
    fn names_with_equals_signs_survive() {
        for name in [b"user.a=b".as_slice(), b"user.%3D", b"user.100%"] {
            assert_eq!(unescape(&escape(name)), name);
        }
    }

    #[test]
    fn malformed_records_are_refused() {
        for body in [
            b"path=x\n".as_slice(),
            b"99 path=x\n",
            b"8 path=x\n",
            b"9 path=x ",
            b"6 =abc\n",
            b" path=x\n",
            b"0000000000000000000000032 path=x\n",
            b"9 path=x\n9 path=y\n",
            b"11 size=-1\n",
            b"22 GNU.sparse.major=1\n",
            b"12 path=a\0b\n",
        ] {
            let result = Extension::default().pax(body, 0);
            assert!(matches!(result, Err(TarError::Record { .. })), "{body:?}");
        }
    }

    #[test]
    fn times_are_whole_and_not_negative() {
        assert_eq!(seconds(b"12.999"), Some(12));
        assert_eq!(seconds(b"-12.5"), Some(0));
        assert_eq!(seconds(b"1e9"), None);
    }
}

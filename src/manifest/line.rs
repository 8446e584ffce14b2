//! One line of the canonical text: from its words to an entry.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::value::Origins;
use super::{Entry, Rule};
use crate::digest::DigestError;
use crate::limits;
use crate::path::{ImagePath, PathError};
use crate::tree::{Content, Device, Kind, Mode, Origin, OriginError, Xattrs};

/// One line. Leniency here is harmless: what is not canonical fails the comparison with its own
/// encoding.
pub(super) fn entry(line: &[u8], origins: &mut Origins) -> Result<Entry, Rule> {
    let mut words = Words(line.split(|byte| *byte == b' '));
    let path = path(words.0.next().unwrap_or_default())?;
    let kind_name = words.value(b"type=")?;
    let mode = std::str::from_utf8(words.value(b"mode=")?)
        .ok()
        .and_then(|text| u32::from_str_radix(text, 8).ok())
        .and_then(|bits| Mode::new(bits).ok())
        .ok_or(Rule::Number)?;
    let uid = number(words.value(b"uid=")?)?;
    let gid = number(words.value(b"gid=")?)?;
    let mut links = 1;
    let kind = match kind_name {
        b"block" => Kind::BlockDevice(device(words.value(b"device=")?)?),
        b"char" => Kind::CharDevice(device(words.value(b"device=")?)?),
        b"dir" => Kind::Directory,
        b"fifo" => Kind::Fifo,
        b"file" => {
            links = number(words.value(b"nlink=")?)?;
            let size = number(words.value(b"size=")?)?;
            let digest = words.value(b"sha256=")?;
            let digest = std::str::from_utf8(digest).or(Err(DigestError))?.parse()?;
            Kind::Regular(Content { digest, size })
        }
        b"link" => {
            let target = unvis(words.value(b"link=")?)?;
            let fits = (1..=limits::PATH_MAX).contains(&target.len()) && !target.contains(&0);
            if !fits || mode != Mode::SYMLINK {
                return Err(Rule::Symlink);
            }
            Kind::Symlink(target)
        }
        b"socket" => Kind::Socket,
        _ => return Err(Rule::Keyword),
    };
    let tags = words.value(b"tags=")?;
    if words.0.next().is_some() {
        return Err(Rule::Keyword);
    }
    let tags = tags_of(tags, origins)?;
    Ok(Entry {
        path,
        mode,
        uid,
        gid,
        links,
        group: tags.group,
        kind,
        xattrs: tags.xattrs,
        origin: tags.origin,
    })
}

/// The words of a line after the path, each `KEYWORD=VALUE`.
struct Words<'a, F: FnMut(&u8) -> bool>(std::slice::Split<'a, u8, F>);

impl<'a, F: FnMut(&u8) -> bool> Words<'a, F> {
    fn value(&mut self, keyword: &[u8]) -> Result<&'a [u8], Rule> {
        self.0
            .next()
            .and_then(|word| word.strip_prefix(keyword))
            .ok_or(Rule::Keyword)
    }
}

struct Tags {
    group: Option<u32>,
    xattrs: Xattrs,
    origin: Arc<Origin>,
}

fn tags_of(tags: &[u8], origins: &mut Origins) -> Result<Tags, Rule> {
    let mut list = tags.split(|byte| *byte == b',').peekable();
    let group = match list.next_if(|tag| tag.starts_with(b"link:")) {
        Some(tag) => Some(number(tag.get(5..).unwrap_or_default())?),
        None => None,
    };
    let mut xattrs = Xattrs::new();
    while let Some(tag) = list.next_if(|tag| tag.starts_with(b"xattr:")) {
        let mut parts = tag.splitn(3, |byte| *byte == b':').skip(1);
        let name = unvis(parts.next().unwrap_or_default())?;
        let value = parts.next().ok_or(Rule::Xattr)?;
        let value = STANDARD.decode(value).or(Err(Rule::Xattr))?;
        let sorted = xattrs.last_key_value().is_none_or(|(last, _)| *last < name);
        let fits = value.len() <= limits::XATTR_VALUE_MAX
            && (1..=limits::NAME_MAX).contains(&name.len())
            && !name.contains(&0)
            && xattrs.len() < limits::XATTRS_MAX;
        if !sorted || !fits {
            return Err(Rule::Xattr);
        }
        xattrs.insert(name, value);
    }
    let origin = std::str::from_utf8(list.next().unwrap_or_default()).or(Err(OriginError))?;
    let origin = origins.read(origin)?;
    match list.next() {
        Some(_) => Err(Rule::Keyword),
        None => Ok(Tags {
            group,
            xattrs,
            origin,
        }),
    }
}

fn path(word: &[u8]) -> Result<ImagePath, Rule> {
    match word.strip_prefix(b".") {
        Some(b"") => Ok(ImagePath::root()),
        // `./` alone would be the root by another name.
        Some(rest) if rest.len() > 1 && rest.contains(&b'\\') => {
            Ok(ImagePath::parse(unvis(rest)?)?)
        }
        Some(rest) if rest.len() > 1 => Ok(ImagePath::parse(rest)?),
        _ => Err(Rule::Path(PathError::Relative)),
    }
}

fn device(value: &[u8]) -> Result<Device, Rule> {
    let numbers = value.strip_prefix(b"native,").ok_or(Rule::NotCanonical)?;
    let mut numbers = numbers.splitn(2, |byte| *byte == b',');
    Ok(Device {
        major: number(numbers.next().unwrap_or_default())?,
        minor: number(numbers.next().unwrap_or_default())?,
    })
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Result<T, Rule> {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Rule::Number)
}

fn unvis(word: &[u8]) -> Result<Vec<u8>, Rule> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(3).ok_or(Rule::Escape)?;
        let value = digits.iter().try_fold(0_u16, |value, digit| match digit {
            b'0'..=b'7' => Ok(value * 8 + u16::from(digit - b'0')),
            _ => Err(Rule::Escape),
        })?;
        bytes.push(u8::try_from(value).or(Err(Rule::Escape))?);
        rest = after;
    }
    Ok(bytes)
}

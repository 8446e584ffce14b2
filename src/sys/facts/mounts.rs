//! The mount table of this process.

use super::read::{FileSystem, kernel};
use crate::appraise::fact::{MountPoint, Seen, source};
use crate::limits;
use crate::path::ImagePath;

pub(super) fn observe() -> Seen<Vec<MountPoint>> {
    kernel(source::MOUNTS, FileSystem::Proc, limits::FACT_TABLE_MAX).parse(|bytes| parse(&bytes))
}

/// Mounts in the order of the table (`proc_pid_mountinfo(5)`).
///
/// ```text
/// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
/// ```
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<MountPoint>, String> {
    let mut mounts = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        mounts.extend(parse_line(line).ok_or_else(|| "a line is malformed".to_owned())?);
    }
    Ok(mounts)
}

/// The mount of one line; none where its directory is gone, so that no path leads to it.
fn parse_line(line: &[u8]) -> Option<Vec<MountPoint>> {
    let mut fields = line.split(|byte| *byte == b' ');
    let (_id, _parent, _device, _root) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    let point = unescape(fields.next()?)?;
    let own = fields.next()?;
    fields.find(|field| *field == b"-")?;
    let fstype = unescape(fields.next()?)?;
    let _device = fields.next()?;
    let of_the_file_system = fields.next()?;
    if point.ends_with(b"//deleted") {
        return Some(Vec::new());
    }
    let options = [own, of_the_file_system]
        .iter()
        .flat_map(|list| list.split(|byte| *byte == b','))
        .map(unescape)
        .collect::<Option<Vec<_>>>()?;
    let mut all: Vec<Vec<u8>> = Vec::new();
    for option in options {
        if !option.is_empty() && !all.contains(&option) {
            all.push(option);
        }
    }
    Some(vec![MountPoint {
        point: ImagePath::parse(point).ok()?,
        fstype,
        options: all,
    }])
}

/// Blanks, line feeds, backslashes and `#` stand there as three octal digits.
fn unescape(field: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'\\' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let (digits, tail) = tail.split_at_checked(3)?;
        let text = std::str::from_utf8(digits).ok()?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        bytes.push(u8::from_str_radix(text, 8).ok()?);
        rest = tail;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(point: &[u8], fstype: &str, options: &[&str]) -> MountPoint {
        MountPoint {
            point: ImagePath::parse(point).unwrap(),
            fstype: fstype.into(),
            options: options
                .iter()
                .map(|option| option.as_bytes().to_vec())
                .collect(),
        }
    }

    #[test]
    fn lines_with_and_without_optional_fields() {
        let table = b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n\
            36 35 98:0 /a /mnt\\0402 ro,nosuid master:1 shared:2 - fuse.x /dev/\\134 rw,x\n\
            37 35 98:0 /a /gone//deleted rw - tmpfs t rw\n";
        assert_eq!(
            parse(table),
            Ok(vec![
                mount(b"/", "ext4", &["rw", "relatime", "discard"]),
                mount(b"/mnt 2", "fuse.x", &["ro", "nosuid", "rw", "x"]),
            ])
        );
        assert_eq!(parse(b""), Ok(Vec::new()));
        let odd = b"1 1 0:1 / /a\xff rw - t d rw\n";
        assert_eq!(parse(odd), Ok(vec![mount(b"/a\xff", "t", &["rw"])]));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for bad in [
            &b"x\n"[..],
            b"1 2 0:1 / /mnt rw ext4 d rw\n",
            b"1 2 0:1 / /mnt rw - ext4 d\n",
            b"1 2 0:1 / mnt rw - ext4 d rw\n",
            b"1 2 0:1 / /m/../x rw - ext4 d rw\n",
            b"1 2 0:1 / /m\\9 rw - ext4 d rw\n",
            b"1 2 0:1 / /m\\0 rw - ext4 d rw\n",
            b"1 2 0:1 / /m\\+12 rw - ext4 d rw\n",
            b"1 2 0:1 / /m\\777 rw - ext4 d rw\n",
        ] {
            assert!(parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}

//! What is mounted below a directory, and a way to see beneath it.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{OpenTreeFlags, open_tree};

use super::inode::{self, Examined, is_proc};
use crate::appraise::ObservedMount;
use crate::path::{Escaped, ImagePath};
use crate::sys::fs;
use crate::{limits, order};

/// All mounts below an open directory; `None` where the kernel's table cannot be read, or where
/// something else than the kernel's own `/proc` would give it.
pub(super) fn below(root: &OwnedFd) -> Option<Vec<ObservedMount>> {
    let table = rustix::fs::open(
        "/proc/self/mountinfo",
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY,
        Mode::empty(),
    );
    let table = table.ok().filter(|table| is_proc(table))?;
    let table = fs::read_all(File::from(table), limits::MOUNTINFO_MAX).ok()?;
    let links = rustix::fs::open(
        "/proc/self/fd",
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let links = links.ok().filter(|links| is_proc(links))?;
    let name = root.as_fd().as_raw_fd().to_string();
    let root = rustix::fs::readlinkat(&links, name, Vec::new()).ok()?;
    parse(&table, root.as_bytes())
}

/// The directory again, through a mount of its own that nothing covers: other mounts are not copied
/// with it (`open_tree(2)`, `OPEN_TREE_CLONE` without `AT_RECURSIVE`). `None` where this process may
/// not make mounts.
pub(super) fn private(root: &OwnedFd) -> Option<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = open_tree(root, c"", flags).ok()?;
    // What open_tree(2) gives is a name only; a scan lists it.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(&tree, c".", flags, Mode::empty()).ok()
}

/// An overlay that was opened: files of the root show through it, so that what it shows is what is
/// looked at, and not what lies beneath.
pub(super) struct Through {
    /// Where it is mounted.
    pub(super) path: ImagePath,
    /// The overlay alone: nothing that is mounted in it.
    pub(super) descriptor: OwnedFd,
    /// Its own directory.
    pub(super) examined: Examined,
}

/// The overlays that are mounted on the root itself and that nothing else is mounted over. `root` sees
/// all mounts.
pub(super) fn overlays(root: &OwnedFd, mounts: &[ObservedMount]) -> Vec<Through> {
    let mut through = Vec::new();
    let mut before: Option<&ImagePath> = None;
    // Sorted: what lies within a mount comes after it.
    for mount in mounts {
        if before.is_some_and(|before| mount.path.is_within(before)) {
            continue;
        }
        before = Some(&mount.path);
        if mounts
            .iter()
            .any(|it| it.path == mount.path && it.filesystem == "overlay")
        {
            through.extend(overlay(root, &mount.path));
        }
    }
    through
}

fn overlay(root: &OwnedFd, path: &ImagePath) -> Option<Through> {
    let opened = inode::open_mounted(root, path).ok()?;
    let descriptor = private(&opened).unwrap_or(opened);
    let examined = inode::examine(&descriptor, c"").ok()?;
    inode::is_overlay(&descriptor).then(|| Through {
        path: path.clone(),
        descriptor,
        examined,
    })
}

/// Reads a table in the form of `proc_pid_mountinfo(5)`; `None` where it has another form.
fn parse(table: &[u8], root: &[u8]) -> Option<Vec<ObservedMount>> {
    let mut mounts = Vec::new();
    for line in table.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        let mut fields = line.split(|byte| *byte == b' ');
        let part = unescape(fields.nth(3)?);
        let point = unescape(fields.next()?);
        let options = fields.next()?;
        // Any number of optional fields ends with a dash.
        fields.find(|field| *field == b"-")?;
        let filesystem = fields.next()?;
        let source = unescape(fields.next()?);
        let Some(path) = within(&point, root) else {
            continue;
        };
        mounts.push(ObservedMount {
            path,
            filesystem: Escaped(filesystem).to_string(),
            source: Escaped(&source).to_string(),
            part: Escaped(&part).to_string(),
            options: Escaped(options).to_string(),
        });
    }
    order::sort(&mut mounts);
    Some(mounts)
}

/// A mount point as seen from the root; `None` where it lies elsewhere or is the root itself.
fn within(point: &[u8], root: &[u8]) -> Option<ImagePath> {
    let relative = match root {
        b"/" => point,
        _ => point.strip_prefix(root)?,
    };
    let is_below = relative.len() > 1 && relative.starts_with(b"/");
    is_below.then(|| ImagePath::parse(relative).ok()).flatten()
}

/// Undoes the kernel's escapes: a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escaped = after
            .first_chunk::<3>()
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => bytes.push(*first),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /dev rw,nosuid shared:2 master:3 - devtmpfs udev rw
40 22 8:1 /tmp/x /etc/passwd rw - ext4 /dev/sda1 rw
41 22 0:40 / /mnt/a\\040b rw,nosuid,nodev - tmpfs one\\012two rw
42 41 0:41 / /mnt/a\\040b/c ro - proc proc rw
";

    fn shown(table: &[u8], root: &[u8]) -> Option<Vec<String>> {
        let mounts = parse(table, root)?;
        let show = |mount: &ObservedMount| format!("{}: {mount}", mount.path);
        Some(mounts.iter().map(show).collect())
    }

    #[test]
    fn a_table() {
        assert_eq!(
            shown(TABLE, b"/").unwrap(),
            [
                "/dev: devtmpfs from udev, rw,nosuid",
                "/etc/passwd: ext4 from /dev/sda1 at /tmp/x, rw",
                "/mnt/a b: tmpfs from one\\ntwo, rw,nosuid,nodev",
                "/mnt/a b/c: proc from proc, ro",
            ]
        );
        assert_eq!(
            shown(TABLE, b"/mnt/a b").unwrap(),
            ["/c: proc from proc, ro"]
        );
        assert_eq!(shown(TABLE, b"/mn").unwrap(), [""; 0]);
        let harmless: Vec<bool> = parse(TABLE, b"/")
            .unwrap()
            .iter()
            .map(ObservedMount::is_harmless)
            .collect();
        assert_eq!(harmless, [false, false, true, false]);
    }

    #[test]
    fn another_form_is_none() {
        for table in [
            b"22 1 8:1 / / rw,relatime\n".as_slice(),
            b"one\n",
            b"22 1 8:1 / /x rw shared:1 ext4 /dev/sda1 rw\n",
            b"22 1 8:1 / /x rw -\n",
        ] {
            assert_eq!(parse(table, b"/"), None);
        }
        assert_eq!(parse(b"", b"/"), Some(Vec::new()));
    }

    #[test]
    fn escapes_that_are_none_stay() {
        assert_eq!(unescape(br"a\04\0409\777\"), br"a\04 9\777\");
    }
}

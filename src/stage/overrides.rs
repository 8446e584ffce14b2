//! What maintainer scripts told dpkg about paths of other packages: `dpkg-divert` and
//! `dpkg-statoverride`.
//!
//! ```text
//! /var/lib/dpkg/diversions      three lines each: the path, where it goes, who still gets the path
//! /var/lib/dpkg/statoverride    root ssl-cert 640 /etc/ssl/private/key
//! ```
//! dpkg unpacks nothing where it cannot read one of them. A line that were passed over would leave a
//! file with the owner and mode that a script wanted to be rid of.

use std::collections::BTreeMap;

use super::error::StageError;
use crate::path::{Escaped, ImagePath};

/// Diversions and overrides, by the bytes of the path.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    diversions: Vec<Diversion>,
    owners: BTreeMap<Vec<u8>, Owner>,
}

/// Whose a path is, and its mode, whatever its package says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
}

#[derive(Debug)]
struct Diversion {
    from: Vec<u8>,
    to: Vec<u8>,
    /// The package that still gets the path itself.
    except: Vec<u8>,
}

/// The four files that say it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files<'a> {
    pub(super) diversions: &'a [u8],
    pub(super) statoverride: &'a [u8],
    /// `/etc/passwd` of the root.
    pub(super) passwd: &'a [u8],
    /// `/etc/group` of the root.
    pub(super) group: &'a [u8],
}

impl Overrides {
    /// Reads them.
    ///
    /// # Errors
    /// The file and line that dpkg would refuse as well.
    pub(super) fn parse(files: Files<'_>) -> Result<Self, StageError> {
        let mut owners = BTreeMap::new();
        for (number, line) in (1_usize..).zip(lines(files.statoverride)) {
            let (path, owner) = over(line, files.passwd, files.group).map_err(|rule| {
                let file = "/var/lib/dpkg/statoverride";
                StageError::system(format!("{file}, line {number}: {rule}"))
            })?;
            owners.insert(path, owner);
        }
        Ok(Self {
            diversions: diversions(files.diversions)?,
            owners,
        })
    }

    /// Where a path of `package` goes instead.
    pub(super) fn diverted(&self, path: &ImagePath, package: &str) -> Option<&[u8]> {
        let diversion = self.diversions.iter().find(|diversion| {
            diversion.from == path.as_bytes() && diversion.except != package.as_bytes()
        });
        diversion.map(|diversion| diversion.to.as_slice())
    }

    /// Whose a path is, where a script said so.
    pub(super) fn owner(&self, path: &ImagePath) -> Option<Owner> {
        self.owners.get(path.as_bytes()).copied()
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let all = (!bytes.is_empty()).then(|| bytes.split(|byte| *byte == b'\n'));
    all.into_iter().flatten()
}

fn diversions(bytes: &[u8]) -> Result<Vec<Diversion>, StageError> {
    let mut lines = lines(bytes).map(<[u8]>::to_vec);
    let mut diversions = Vec::new();
    while let Some(from) = lines.next() {
        let (Some(to), Some(except)) = (lines.next(), lines.next()) else {
            return Err(StageError::system(
                "/var/lib/dpkg/diversions ends within a diversion",
            ));
        };
        diversions.push(Diversion { from, to, except });
    }
    Ok(diversions)
}

/// `OWNER GROUP MODE PATH`; only the path may hold blanks.
fn over(line: &[u8], passwd: &[u8], group: &[u8]) -> Result<(Vec<u8>, Owner), String> {
    let mut fields = line.splitn(4, |byte| *byte == b' ');
    let mut field = || fields.next().ok_or("it is not OWNER GROUP MODE PATH");
    let (user, its_group, mode, path) = (field()?, field()?, field()?, field()?);
    let owner = Owner {
        uid: id(user, passwd).ok_or_else(|| format!("there is no user {}", Escaped(user)))?,
        gid: id(its_group, group)
            .ok_or_else(|| format!("there is no group {}", Escaped(its_group)))?,
        mode: mode_of(mode).ok_or_else(|| format!("{} is no mode", Escaped(mode)))?,
    };
    Ok((path.to_vec(), owner))
}

fn mode_of(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    let mode = u32::from_str_radix(text, 8).ok()?;
    (mode <= 0o7777).then_some(mode)
}

/// A user or group of an override: `#NUMBER`, or a name of passwd(5) or group(5).
fn id(text: &[u8], database: &[u8]) -> Option<u32> {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok();
    if let Some(text) = text.strip_prefix(b"#") {
        return number(text);
    }
    lines(database).find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let is_it = fields.next() == Some(text);
        is_it.then(|| fields.nth(1)).flatten().and_then(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(diversions: &[u8], statoverride: &[u8]) -> Result<Overrides, StageError> {
        Overrides::parse(Files {
            diversions,
            statoverride,
            passwd: b"root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/:\n",
            group: b"root:x:0:\nssl-cert:x:106:\n",
        })
    }

    fn path(text: &[u8]) -> ImagePath {
        ImagePath::parse(text).unwrap()
    }

    #[test]
    fn as_dpkg_reads_them() {
        let told = parse(
            b"/bin/sh\n/bin/sh.distrib\ndash\n/usr/a\xff\n/usr/b\n:\n",
            b"root ssl-cert 640 /etc/ssl/a key\n#7 #8 4755 /usr/bin/x\xff\n",
        )
        .unwrap();
        let diverted = |at: &[u8], package| told.diverted(&path(at), package).map(<[u8]>::to_vec);
        assert_eq!(
            diverted(b"/bin/sh", "bash"),
            Some(b"/bin/sh.distrib".to_vec())
        );
        assert_eq!(diverted(b"/bin/sh", "dash"), None);
        assert_eq!(diverted(b"/usr/a\xff", "any"), Some(b"/usr/b".to_vec()));
        assert_eq!(diverted(b"/bin/ls", "any"), None);
        let owner = |at: &[u8]| told.owner(&path(at)).map(|it| (it.uid, it.gid, it.mode));
        assert_eq!(owner(b"/etc/ssl/a key"), Some((0, 106, 0o640)));
        assert_eq!(owner(b"/usr/bin/x\xff"), Some((7, 8, 0o4755)));
        assert_eq!(owner(b"/etc/ssl/a"), None);
        assert!(parse(b"", b"").is_ok());
    }

    #[test]
    fn nothing_is_passed_over() {
        for (diversions, statoverride, says) in [
            (
                &b"/a\n/b\n"[..],
                &b""[..],
                "diversions ends within a diversion",
            ),
            (
                b"",
                b"root root 644 /a\ngone root 600 /b\n",
                "line 2: there is no user gone",
            ),
            (b"", b"root gone 600 /b\n", "line 1: there is no group gone"),
            (b"", b"root root 8 /b\n", "line 1: 8 is no mode"),
            (b"", b"root root 10000 /b\n", "line 1: 10000 is no mode"),
            (b"", b"#x root 600 /b\n", "there is no user #x"),
            (
                b"",
                b"root root 600\n",
                "line 1: it is not OWNER GROUP MODE PATH",
            ),
            (
                b"",
                b"\nroot root 600 /b\n",
                "line 1: it is not OWNER GROUP MODE PATH",
            ),
        ] {
            let error = parse(diversions, statoverride).unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
    }
}

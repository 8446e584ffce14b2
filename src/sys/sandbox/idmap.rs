//! Which ids a sandbox has: `user_namespaces(7)`, subuid(5), newuidmap(1).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::diagnose::Facts;
use super::error::SandboxError;
use crate::sys::fs::IoError;
use crate::sys::{env, fs, process};

/// Ids that Debian's policy hands out: 0 to 65535.
const IDS: u64 = 65_536;
/// Where login.defs(5) lets subordinate ids begin: `SUB_UID_MIN`.
const FIRST: u64 = 100_000;
const SUBID_FILE_MAX: u64 = 4 << 20;

/// A run of ids: inside, outside, how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    inside: u64,
    outside: u64,
    count: u64,
}

/// Users or groups.
#[derive(Clone, Copy)]
struct Kind {
    map: &'static str,
    subordinate: &'static str,
    mapper: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        map: "uid_map",
        subordinate: "/etc/subuid",
        mapper: "newuidmap",
    },
    Kind {
        map: "gid_map",
        subordinate: "/etc/subgid",
        mapper: "newgidmap",
    },
];

/// Maps ids into the new user namespace of the process `pid`.
///
/// Root maps every id that it has onto itself. An ordinary user maps their own id to root and the
/// ids that `/etc/subuid` and `/etc/subgid` allot to 1 and above.
pub(super) fn map(pid: u32, facts: &Facts) -> Result<(), SandboxError> {
    let own = [
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    ];
    let user = user_name(own[0]);
    for (kind, own) in KINDS.into_iter().zip(own) {
        if rustix::process::geteuid().is_root() {
            let text = fs::read_text(format!("/proc/self/{}", kind.map), SUBID_FILE_MAX)
                .map_err(|error| SandboxError::step("read the id map", error))?;
            let extents = identity(&text);
            let found = extents.iter().map(|extent| extent.count).sum();
            if found < IDS {
                return Err(SandboxError::FewIds {
                    file: format!("/proc/self/{}", kind.map),
                    found,
                    wanted: IDS,
                });
            }
            let path = format!("/proc/{pid}/{}", kind.map);
            // The kernel takes the map in one write, and only as such.
            rustix::fs::open(
                path.as_str(),
                rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC,
                rustix::fs::Mode::empty(),
            )
            .and_then(|file| rustix::io::write(&file, lines(&extents).as_bytes()))
            .map_err(|errno| SandboxError::Map {
                message: format!("writing {path}: {errno}"),
            })?;
        } else {
            let extents = delegated(&subordinate(kind.subordinate)?, &user, own);
            // The user's own id is not the file's to allot.
            let found = extents.iter().skip(1).map(|extent| extent.count).sum();
            if found < IDS.saturating_sub(1) {
                let mut free = FIRST;
                for kind in KINDS {
                    free = free.max(first_free(&subordinate(kind.subordinate)?));
                }
                return Err(SandboxError::NoSubordinateIds {
                    file: kind.subordinate.to_owned(),
                    user,
                    found,
                    wanted: IDS,
                    free,
                });
            }
            run_mapper(kind.mapper, pid, &extents, facts)?;
        }
    }
    Ok(())
}

/// A subuid(5) file; one that is missing allots nothing. One that cannot be read is not taken for that:
/// who then allots ids anew may give them away twice.
fn subordinate(file: &str) -> Result<String, SandboxError> {
    match read_lossy(file) {
        Ok(text) => Ok(text),
        Err(error) if error.is_not_found() => Ok(String::new()),
        Err(error) => Err(SandboxError::step("read who may use which ids", error)),
    }
}

/// The first id from [`FIRST`] on that no line of a subuid(5) file allots to anybody, nor any
/// above it.
fn first_free(file: &str) -> u64 {
    let end = |line: &str| -> Option<u64> {
        let mut numbers = line.split(':').skip(1).map(|number| number.trim().parse());
        let start: u64 = numbers.next()?.ok()?;
        Some(start.saturating_add(numbers.next()?.ok()?))
    };
    file.lines()
        .filter_map(end)
        .max()
        .unwrap_or(FIRST)
        .max(FIRST)
}

/// All ids that a map shows, each onto itself.
fn identity(map: &str) -> Vec<Extent> {
    map.lines()
        .filter_map(|line| {
            let mut numbers = line.split_ascii_whitespace().map(str::parse);
            let inside = numbers.next()?.ok()?;
            numbers.next()?.ok()?;
            Some(Extent {
                inside,
                outside: inside,
                count: numbers.next()?.ok()?,
            })
        })
        .collect()
}

/// The user's own id as root, then what a subuid(5) file allots, up to [`IDS`] in all.
fn delegated(file: &str, user: &str, own: u32) -> Vec<Extent> {
    let mut extents = vec![Extent {
        inside: 0,
        outside: own.into(),
        count: 1,
    }];
    let mut next = 1;
    for line in file.lines() {
        let mut parts = line.split(':');
        let (Some(name), Some(start), Some(count)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let (Ok(outside), Ok(count)) = (start.trim().parse(), count.trim().parse::<u64>()) else {
            continue;
        };
        let count = count.min(IDS.saturating_sub(next));
        if (name == user || name == own.to_string()) && count > 0 {
            extents.push(Extent {
                inside: next,
                outside,
                count,
            });
            next = next.saturating_add(count);
        }
    }
    extents
}

fn lines(extents: &[Extent]) -> String {
    extents.iter().fold(String::new(), |mut text, extent| {
        let _ = writeln!(
            text,
            "{} {} {}",
            extent.inside, extent.outside, extent.count
        );
        text
    })
}

fn run_mapper(
    program: &str,
    pid: u32,
    extents: &[Extent],
    facts: &Facts,
) -> Result<(), SandboxError> {
    let path = find_program(program).ok_or_else(|| SandboxError::NoMapper {
        program: program.to_owned(),
    })?;
    let mut arguments = vec![pid.to_string()];
    for extent in extents {
        arguments.extend([extent.inside, extent.outside, extent.count].map(|id| id.to_string()));
    }
    let output =
        process::output(&path, &arguments).map_err(|error| SandboxError::step(program, error))?;
    if output.status.success() {
        return Ok(());
    }
    if let Some(error) = facts.powerless(&path.display().to_string(), is_privileged(&path)) {
        return Err(error);
    }
    Err(SandboxError::Map {
        message: format!(
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    })
}

/// Whether a program gains something by being started: its set-user-ID bit or a capability, on a
/// file system where these count. What cannot be asked is taken for granted.
fn is_privileged(path: &Path) -> bool {
    use rustix::fs::{Mode, StatVfsMountFlags};
    let counts = rustix::fs::statvfs(path)
        .is_ok_and(|stat| !stat.f_flag.contains(StatVfsMountFlags::NOSUID));
    let Ok(stat) = rustix::fs::stat(path) else {
        return true;
    };
    let bit = Mode::from_raw_mode(stat.st_mode).contains(Mode::SUID);
    let mut value = [0; 64];
    let capability = rustix::fs::getxattr(path, c"security.capability", &mut value).is_ok();
    counts && (bit || capability)
}

/// A program on `PATH`, or where Debian has it.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::text("PATH").unwrap_or_default();
    path.split(':')
        .filter(|directory| directory.starts_with('/'))
        .chain(["/usr/bin", "/bin"])
        .map(|directory| Path::new(directory).join(name))
        .find(|path| {
            rustix::fs::stat(path)
                .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file())
        })
}

/// The name of a user in `/etc/passwd`, else their number, which subuid(5) takes as well.
fn user_name(uid: u32) -> String {
    let uid = uid.to_string();
    // Where there is no such file, nobody has a name.
    let passwd = read_lossy("/etc/passwd").unwrap_or_default();
    for line in passwd.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(_), Some(id)) = (fields.next(), fields.next(), fields.next())
            && id == uid
        {
            return name.to_owned();
        }
    }
    uid
}

/// A file of lines whose names are ASCII. What is not UTF-8, such as somebody's full name from long ago, is
/// in nobody's way.
fn read_lossy(file: &str) -> Result<String, IoError> {
    let bytes = fs::read(file, SUBID_FILE_MAX)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_becomes_root_and_has_all_ids() {
        let file = "other:1:65536\nalice:100000:65536\n1000:300000:10\n";
        assert_eq!(
            lines(&delegated(file, "alice", 1000)),
            "0 1000 1\n1 100000 65535\n"
        );
        assert_eq!(lines(&delegated("", "alice", 1000)), "0 1000 1\n");
        let two = "alice:100000:5\n1000:300000:70000\n";
        assert_eq!(
            lines(&delegated(two, "alice", 1000)),
            "0 1000 1\n1 100000 5\n6 300000 65530\n"
        );
    }

    #[test]
    fn a_free_range_lies_above_all_others() {
        let file = "alice:100000:65536\nbob:165536:65536\n1000:100000:10\nodd\nodd:x:1\n";
        assert_eq!(first_free(file), 231_072);
        assert_eq!(first_free(""), 100_000);
        assert_eq!(first_free("low:1000:10\n"), 100_000);
        assert_eq!(first_free("high:18446744073709551615:9\n"), u64::MAX);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes a file")]
    fn a_file_that_cannot_be_read_allots_more_than_nothing() {
        assert_eq!(subordinate("/nowhere/subuid"), Ok(String::new()));
        let error = subordinate("/").unwrap_err().to_string();
        assert!(error.contains("who may use which ids"), "{error}");
        let file = std::env::temp_dir().join(format!("karat-subuid-{}", std::process::id()));
        std::fs::write(&file, b"# J\xfcrgen\nalice:100000:65536\n").unwrap();
        let read = subordinate(file.to_str().unwrap());
        std::fs::remove_file(&file).unwrap();
        assert_eq!(first_free(&read.unwrap()), 165_536);
    }

    #[test]
    fn root_keeps_its_ids() {
        let map = "         0     100000      65536\n";
        assert_eq!(lines(&identity(map)), "0 0 65536\n");
    }
}

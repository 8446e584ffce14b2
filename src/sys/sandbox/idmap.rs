//! Which ids a sandbox has: `user_namespaces(7)`, subuid(5), newuidmap(1).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::error::SandboxError;
use crate::sys::{env, fs, process};

/// Ids that Debian's policy hands out: 0 to 65535.
const IDS: u64 = 65_536;
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
pub(super) fn map(pid: u32) -> Result<(), SandboxError> {
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
            check(
                kind,
                "root",
                extents.iter().map(|extent| extent.count).sum(),
            )?;
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
            let text = fs::read_text(kind.subordinate, SUBID_FILE_MAX).unwrap_or_default();
            let extents = delegated(&text, &user, own);
            check(kind, &user, extents.iter().map(|extent| extent.count).sum())?;
            run_mapper(kind.mapper, pid, &extents)?;
        }
    }
    Ok(())
}

fn check(kind: Kind, user: &str, found: u64) -> Result<(), SandboxError> {
    if found >= IDS {
        return Ok(());
    }
    Err(SandboxError::NoSubordinateIds {
        file: if user == "root" {
            format!("/proc/self/{}", kind.map)
        } else {
            kind.subordinate.to_owned()
        },
        user: user.to_owned(),
        found,
        wanted: IDS,
    })
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

fn run_mapper(program: &str, pid: u32, extents: &[Extent]) -> Result<(), SandboxError> {
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
    Err(SandboxError::Map {
        message: format!(
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    })
}

/// A program on `PATH`, or where Debian has it.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::text("PATH").unwrap_or_default();
    path.split(':')
        .filter(|directory| directory.starts_with('/'))
        .chain(["/usr/bin", "/bin"])
        .map(|directory| Path::new(directory).join(name))
        .find(|path| fs::exists(path).unwrap_or(false))
}

/// The name of a user in `/etc/passwd`, else their number, which subuid(5) takes as well.
fn user_name(uid: u32) -> String {
    let uid = uid.to_string();
    let passwd = fs::read_text("/etc/passwd", SUBID_FILE_MAX).unwrap_or_default();
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
    fn root_keeps_its_ids() {
        let map = "         0     100000      65536\n";
        assert_eq!(lines(&identity(map)), "0 0 65536\n");
    }
}

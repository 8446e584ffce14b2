//! What stands where systemd looks for units, their drop-ins and generators (systemd.unit(5),
//! systemd.generator(7)): files and links; directories are only where those stand.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::read::{names, seen};
use crate::appraise::fact::{Entry, Seen};
use crate::limits;
use crate::path::ImagePath;
use crate::sys::fs;

/// Where systemd looks, for the system and for users' managers.
const DIRECTORIES: [&str; 36] = [
    "/etc/systemd/system",
    "/etc/systemd/system-environment-generators",
    "/etc/systemd/system-generators",
    "/etc/systemd/system.attached",
    "/etc/systemd/system.conf.d",
    "/etc/systemd/system.control",
    "/etc/systemd/user",
    "/etc/systemd/user-environment-generators",
    "/etc/systemd/user-generators",
    "/etc/systemd/user.conf.d",
    "/run/systemd/generator",
    "/run/systemd/generator.early",
    "/run/systemd/generator.late",
    "/run/systemd/system",
    "/run/systemd/system-environment-generators",
    "/run/systemd/system-generators",
    "/run/systemd/system.attached",
    "/run/systemd/system.conf.d",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/user",
    "/run/systemd/user-environment-generators",
    "/run/systemd/user-generators",
    "/run/systemd/user.conf.d",
    "/usr/lib/systemd/system",
    "/usr/lib/systemd/system-environment-generators",
    "/usr/lib/systemd/system-generators",
    "/usr/lib/systemd/user",
    "/usr/lib/systemd/user-environment-generators",
    "/usr/lib/systemd/user-generators",
    "/usr/local/lib/systemd/system",
    "/usr/local/lib/systemd/system-generators",
    "/usr/local/lib/systemd/user",
    "/usr/local/lib/systemd/user-generators",
    "/usr/local/share/systemd/user",
    "/usr/share/systemd/user",
];

/// Where systemd says that it runs (`sd_booted(3)`).
const BOOTED: &str = "/run/systemd/system";

pub(super) fn observe() -> Seen<Vec<Entry>> {
    match seen(fs::exists(BOOTED)) {
        Seen::Value(true) => below(DIRECTORIES.iter().flat_map(ImagePath::parse).collect()),
        Seen::Value(false) | Seen::Absent => Seen::Absent,
        Seen::Unreadable(why) => Seen::Unreadable(why),
    }
}

/// All files and links at or below these places, in order. Links are not followed.
pub(super) fn below(mut pending: Vec<ImagePath>) -> Seen<Vec<Entry>> {
    let mut found = Vec::new();
    while let Some(path) = pending.pop() {
        let place = Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()));
        let answer = match seen(fs::is_real_dir(place)) {
            Seen::Value(true) => names(place),
            Seen::Value(false) => {
                let name = Vec::new();
                found.push(Entry { path, name });
                continue;
            }
            Seen::Absent => continue,
            Seen::Unreadable(why) => return Seen::Unreadable(format!("{path}: {why}")),
        };
        match answer {
            Seen::Value(names) => {
                for name in names {
                    match path.join(&name) {
                        Ok(inner) => pending.push(inner),
                        Err(error) => return Seen::Unreadable(format!("{path}: {error}")),
                    }
                }
            }
            Seen::Absent => {}
            Seen::Unreadable(why) => return Seen::Unreadable(format!("{path}: {why}")),
        }
        if found.len().saturating_add(pending.len()) > limits::FACT_NAMES_MAX {
            return Seen::Unreadable(format!("more than {} files", limits::FACT_NAMES_MAX));
        }
    }
    crate::order::sort(&mut found);
    found.dedup();
    Seen::Value(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own directory")]
    fn files_and_links_are_found_and_not_followed() {
        let base = std::env::temp_dir().join(format!("karat-units-{}", std::process::id()));
        let units = base.join("system");
        std::fs::create_dir_all(units.join("a.service.d")).unwrap();
        std::fs::create_dir_all(units.join("empty.wants")).unwrap();
        std::fs::write(units.join("a.service.d/x.conf"), "").unwrap();
        std::fs::write(units.join("b.service"), "").unwrap();
        symlink("/", units.join("loop")).unwrap();
        symlink(&units, base.join("linked")).unwrap();
        let root = |name: &str| ImagePath::parse(base.join(name).as_os_str().as_bytes()).unwrap();
        let answer = below(vec![root("system"), root("linked"), root("absent")]);
        let Seen::Value(found) = answer else {
            panic!("{answer:?}");
        };
        let prefix = format!("{}/", base.display());
        let names: Vec<String> = found
            .iter()
            .map(|entry| entry.path.to_string().replace(&prefix, ""))
            .collect();
        std::fs::remove_dir_all(&base).unwrap();
        assert_eq!(
            names,
            [
                "linked",
                "system/a.service.d/x.conf",
                "system/b.service",
                "system/loop"
            ]
        );
    }
}

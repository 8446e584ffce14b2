//! What makes programs run, or lets somebody in, from places that an instance may write: spools of
//! cron and at, what users' service managers and remote logins read in homes, rules of udev and
//! polkit in `/run`. Files and links; directories are only where those stand.

use super::accounts;
use super::units::below;
use crate::appraise::fact::{Entry, Seen};
use crate::path::ImagePath;

/// Places of the whole system: crontab(1), at(1), `loginctl enable-linger`, modprobe.d(5), udev(7),
/// polkit(8). In `/etc` and `/usr/lib` the same is strict as any file is.
const SYSTEM: [&str; 6] = [
    "/run/modprobe.d",
    "/run/polkit-1/rules.d",
    "/run/udev/rules.d",
    "/var/lib/systemd/linger",
    "/var/spool/cron/atjobs",
    "/var/spool/cron/crontabs",
];

/// Places in each home: sshd(8) and rlogin(1) ask these who may come in and what runs then, mail
/// servers whom a message starts, systemd which units a user has (systemd.unit(5)).
const HOME: [&[u8]; 9] = [
    b".config/systemd",
    b".forward",
    b".local/share/systemd",
    b".rhosts",
    b".shosts",
    b".ssh/authorized_keys",
    b".ssh/authorized_keys2",
    b".ssh/environment",
    b".ssh/rc",
];

pub(super) fn observe() -> Seen<Vec<Entry>> {
    match accounts::homes() {
        Seen::Value(homes) => in_homes(homes),
        Seen::Absent => in_homes(Vec::new()),
        Seen::Unreadable(why) => Seen::Unreadable(why),
    }
}

fn in_homes(homes: Vec<Vec<u8>>) -> Seen<Vec<Entry>> {
    let mut places: Vec<ImagePath> = SYSTEM.iter().flat_map(ImagePath::parse).collect();
    for home in homes {
        for inside in HOME {
            match ImagePath::from_archive([&home, b"/".as_slice(), inside].concat()) {
                Ok(path) => places.push(path),
                Err(error) => return Seen::Unreadable(format!("a home in /etc/passwd: {error}")),
            }
        }
    }
    below(places)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own directory")]
    fn places_in_homes() {
        let base = std::env::temp_dir().join(format!("karat-startup-{}", std::process::id()));
        std::fs::create_dir_all(base.join("a/.config/systemd/user/default.target.wants")).unwrap();
        std::fs::create_dir_all(base.join("elsewhere")).unwrap();
        std::fs::write(base.join("a/.config/systemd/user/x.service"), "").unwrap();
        std::fs::write(base.join("a/.bashrc"), "").unwrap();
        std::fs::write(base.join("elsewhere/authorized_keys"), "").unwrap();
        std::fs::write(base.join("file"), "").unwrap();
        std::fs::create_dir(base.join("b")).unwrap();
        symlink("../elsewhere", base.join("b/.ssh")).unwrap();
        let home = |name: &str| base.join(name).as_os_str().as_bytes().to_vec();
        // One that is no directory, one that is not there, one with a slash at its end.
        let answer = in_homes(vec![home("a/"), home("b"), home("file"), home("absent")]);
        std::fs::remove_dir_all(&base).unwrap();
        let Seen::Value(found) = answer else {
            panic!("{answer:?}");
        };
        let prefix = format!("{}/", base.display());
        let inside: Vec<String> = found
            .iter()
            .filter_map(|entry| Some(entry.path.to_string().strip_prefix(&prefix)?.to_owned()))
            .collect();
        assert_eq!(
            inside,
            ["a/.config/systemd/user/x.service", "b/.ssh/authorized_keys"]
        );
        assert!(matches!(
            in_homes(vec![b"/a/../b".to_vec()]),
            Seen::Unreadable(_)
        ));
    }
}

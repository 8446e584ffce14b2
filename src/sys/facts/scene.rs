//! Whether the root that is checked is the one that runs, and all observers one after the other.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{
    accounts, credentials, firewall, kernel, local, mounts, preload, sockets, startup, units,
};
use crate::appraise::fact::{Observations, Scene};
use crate::expect::Facts;
use crate::expect::fact::SysctlName;
use crate::manifest::Manifest;
use crate::sys::fs::{IoContext as _, IoError};

/// What the running system shows, if `root` is its root and anything is expected of it.
///
/// Facts are about the system that runs: of a snapshot, an unpacked image, or a root that is not
/// the first process' own, nothing is observed.
///
/// # Errors
/// `root` cannot be examined.
pub fn scene(root: &Path, expected: &Facts, manifest: &Manifest) -> Result<Scene, IoError> {
    if expected.is_empty() || !is_running(root)? {
        return Ok(Scene::Snapshot);
    }
    let names = expected.sysctl.iter().map(|entry| entry.name.clone());
    let mut seen = observe(names.collect());
    // It takes a program of the image, so that it is asked for only where it is expected.
    seen.firewall = expected
        .firewall
        .as_ref()
        .map(|_| firewall::observe(manifest));
    Ok(Scene::Running(Box::new(seen)))
}

/// All that the running system shows, and the settings of these names.
pub fn observe(names: Vec<SysctlName>) -> Observations {
    let mut sysctl = BTreeMap::new();
    for name in names {
        let value = kernel::setting(&name);
        sysctl.insert(name, value);
    }
    Observations {
        accounts_root: accounts::root(),
        accounts_password: accounts::passwords(),
        cmdline: kernel::cmdline(),
        credentials: credentials::observe(),
        firewall: None,
        lockdown: kernel::lockdown(),
        modules: kernel::modules(),
        mounts: mounts::observe(),
        packet: local::packet(),
        peers: Vec::new(),
        preload: preload::observe(),
        release: kernel::release(),
        sockets: sockets::observe(),
        startup: startup::observe(),
        sysctl,
        taint: kernel::taint(),
        units: units::observe(),
        unix: local::unix(),
        userdb: accounts::userdb(),
    }
}

/// Whether `root` is this process' own root, and the first process' too: in a `chroot` of a rescue
/// system neither sockets nor settings belong to what is checked.
///
/// # Errors
/// `root` cannot be examined.
pub fn is_running(root: &Path) -> Result<bool, IoError> {
    let id = |path: &Path| {
        let stat = std::fs::metadata(path).at("examine", path)?;
        Ok::<_, IoError>((stat.dev(), stat.ino()))
    };
    let own = id(Path::new("/"))?;
    if id(root)? != own {
        return Ok(false);
    }
    // Who may not look at the first process cannot tell, and is taken at his word.
    let first = id(Path::new("/proc/1/root"));
    Ok(first.is_err() || first.is_ok_and(|first| first == own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::fact::Preload;

    fn preload() -> Facts {
        let origin = "template:verify".parse().unwrap();
        Facts {
            preload: Some(Preload { origin }),
            ..Facts::default()
        }
    }

    fn scene_of(root: &str, facts: &Facts) -> Result<Scene, IoError> {
        let tree = crate::tree::Tree::new(crate::tree::Epoch::saturating(0));
        scene(Path::new(root), facts, &Manifest::of(&tree.seal().unwrap()))
    }

    #[test]
    fn a_directory_is_no_running_system() {
        for root in ["/proc", "/usr", "."] {
            assert_eq!(scene_of(root, &preload()).unwrap(), Scene::Snapshot);
        }
        assert!(scene_of("/karat-absent", &preload()).is_err());
        // Nothing is looked at where nothing is expected.
        assert_eq!(scene_of("/", &Facts::default()).unwrap(), Scene::Snapshot);
    }

    #[test]
    fn the_running_system_is_observed() {
        use crate::appraise::fact::Seen;
        let name: SysctlName = "kernel.ostype".parse().unwrap();
        let seen = observe(vec![name.clone()]);
        assert_eq!(seen.sysctl[&name], Seen::Value("Linux".to_owned()));
        assert!(matches!(&seen.mounts, Seen::Value(mounts) if !mounts.is_empty()));
        assert!(matches!(&seen.sockets["/proc/net/tcp"], Seen::Value(_)));
        assert!(matches!(&seen.cmdline, Seen::Value(_)));
        assert!(matches!(&seen.release, Seen::Value(_)));
        let lines = seen.lines();
        assert!(lines.iter().any(|line| line.name == "sysctl kernel.ostype"
            && line.value.as_deref() == Some("Linux")
            && line.source == "/proc/sys/kernel/ostype"));
    }
}

//! Mounts: which of them cover something that was signed.

use super::evidence::ObservedMount;
use crate::expect::{Class, Mutable};

/// Whether expectations let something be mounted at a path. What is mounted is not looked at, so
/// only a place where anything may be, or one whose files may be any and gain nothing, is one.
pub(super) fn allows_mount(mutable: &Mutable, mount: &ObservedMount) -> bool {
    let is_whole = mutable.path.as_str().ends_with("/**");
    let may_be_any = match mutable.class {
        Class::Volatile => true,
        Class::State => mount.is_harmless(),
        Class::AppendOnly | Class::GeneratedOnce => false,
    };
    is_whole && may_be_any
}

/// How an initrd makes a place where a machine may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Laid {
    /// In the stead of a directory that is empty in the image.
    Instead,
    /// Over a directory, whose files show through.
    Over,
}

/// Mounts that no other of them covers: what lies within one is its matter.
pub(super) fn outermost(mounts: &[ObservedMount]) -> Vec<&ObservedMount> {
    let mut outermost: Vec<&ObservedMount> = Vec::new();
    for mount in mounts {
        let is_within = |other: &&ObservedMount| mount.path.is_within(&other.path);
        if !outermost.iter().any(is_within) {
            outermost.push(mount);
        }
    }
    outermost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{Glob, ImagePath};

    fn mount(path: &str, options: &str) -> ObservedMount {
        ObservedMount {
            path: ImagePath::parse(path).unwrap(),
            filesystem: "tmpfs".to_owned(),
            source: "none".to_owned(),
            part: "/".to_owned(),
            options: options.to_owned(),
        }
    }

    #[test]
    fn what_may_be_mounted() {
        let allows = |class, path: &str, options| {
            let mutable = Mutable {
                class,
                mode: None,
                origin: "template:verify".parse().unwrap(),
                path: Glob::parse(path).unwrap(),
            };
            allows_mount(&mutable, &mount("/a", options))
        };
        assert!(allows(Class::Volatile, "/a/**", "rw"));
        assert!(!allows(Class::Volatile, "/a", "rw"));
        assert!(allows(Class::State, "/a/**", "rw,nosuid,nodev"));
        assert!(!allows(Class::State, "/a/**", "rw,nosuid"));
        assert!(!allows(Class::State, "/a/*", "rw,nosuid,nodev"));
        assert!(!allows(Class::AppendOnly, "/a/**", "rw,nosuid,nodev"));
        assert!(!allows(Class::GeneratedOnce, "/a/**", "rw,nosuid,nodev"));
    }

    #[test]
    fn mounts_within_mounts_are_told_once() {
        let mounts = ["/a", "/a", "/a/b", "/ab", "/c"].map(|path| mount(path, "rw"));
        let paths: Vec<String> = outermost(&mounts)
            .iter()
            .map(|mount| mount.path.to_string())
            .collect();
        assert_eq!(paths, ["/a", "/ab", "/c"]);
    }
}

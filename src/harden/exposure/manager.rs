//! What differs from one systemd to another.

use crate::harden::{Root, ViewError};

/// The service manager of a root, as far as the measure depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::harden) struct Manager {
    /// Its release.
    pub(super) release: Release,
    /// What it runs on.
    pub(super) machine: Machine,
}

/// Releases that measure differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Release {
    /// That of Debian 12 (252), and what is older.
    Bookworm,
    /// That of Debian 13 (257), and what is newer: `PrivateMounts=` counts as set where nothing is said
    /// of it, and some switches take words.
    Trixie,
}

/// Machines whose kernels differ in the system calls that are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Machine {
    /// x86-64, and any other of which nothing better is known.
    Amd64,
    /// 64-bit ARM, which never had the old calls.
    Arm64,
}

impl Manager {
    /// By the package systemd of a root; a root without one is taken for the newest on x86-64.
    ///
    /// # Errors
    /// The list of packages cannot be read.
    pub(in crate::harden) fn of(root: &Root<'_>) -> Result<Self, ViewError> {
        let package = root.packages()?.get("systemd");
        let major = package.and_then(|package| major(&package.version));
        Ok(Self {
            release: match major {
                Some(..=252) => Release::Bookworm,
                _ => Release::Trixie,
            },
            machine: match package.map(|package| package.architecture.as_str()) {
                Some("arm64") => Machine::Arm64,
                _ => Machine::Amd64,
            },
        })
    }
}

/// The first number of a version, behind the epoch: 252 of `252.39-1~deb12u2`.
fn major(version: &str) -> Option<u32> {
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    let digits = upstream.split(|it: char| !it.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(major("252.39-1~deb12u2"), Some(252));
        assert_eq!(major("1:257-1"), Some(257));
        assert_eq!(major("257~rc1-1"), Some(257));
        assert_eq!(major("x"), None);
        assert_eq!(major(""), None);
    }
}

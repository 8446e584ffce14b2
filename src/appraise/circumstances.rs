//! Under which circumstances something was verified: what the answer is worth.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Who vouches for what was observed. Later words are to follow: an initrd, dm-verity, a TPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assurance {
    /// An archive or image was read as a file: its bytes are what was judged.
    Archive,
    /// The machine that is checked runs the verifier and holds its trust root: root there can
    /// replace both.
    Machine,
    /// A tree was read by another system than the one that lives in it.
    Snapshot,
}

impl Assurance {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Archive, Self::Machine, Self::Snapshot];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Machine => "self",
            Self::Snapshot => "snapshot",
        }
    }

    /// What it means, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Archive => "the bytes of the file itself were judged",
            Self::Machine => {
                "the machine that is checked runs the verifier and holds the trust root"
            }
            Self::Snapshot => "the tree was read from outside of the system that lives in it",
        }
    }
}

impl fmt::Display for Assurance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What happens once a trust root or a statement has expired, by the clock of the machine that
/// judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expiry {
    /// It counts for nothing: untrusted.
    Enforce,
    /// It is not looked at.
    Ignore,
    /// It is said. The default: a wrong clock must not stop a fleet.
    #[default]
    Warn,
}

impl Expiry {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Enforce, Self::Ignore, Self::Warn];

    /// The name in options, policies and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Ignore => "ignore",
            Self::Warn => "warn",
        }
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Text that names no [`Expiry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what to do about expiry is enforce, warn or ignore")]
pub struct ExpiryError;

impl FromStr for Expiry {
    type Err = ExpiryError;

    fn from_str(text: &str) -> Result<Self, ExpiryError> {
        Self::ALL
            .into_iter()
            .find(|expiry| expiry.name() == text)
            .ok_or(ExpiryError)
    }
}

/// One boot of a machine: what Linux says in `/proc/sys/kernel/random/boot_id` (random(4)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootId(String);

/// Text that is no boot id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a boot id is 36 of 0-9 a-f -")]
pub struct BootIdError;

impl BootId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BootId {
    type Err = BootIdError;

    fn from_str(text: &str) -> Result<Self, BootIdError> {
        let allowed = |byte: u8| byte == b'-' || matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 36 || !text.bytes().all(allowed) {
            return Err(BootIdError);
        }
        Ok(Self(text.to_owned()))
    }
}

/// What an instance remembered of boots before, where it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The lowest serial that it accepts of this image; `None`: no boot of it was blessed yet.
    pub serial: Option<u64>,
    /// The lowest version of the trust root; `None` as above.
    pub trust_root: Option<u64>,
    /// What keeps an older image from being put back.
    pub protection: Protection,
}

/// What keeps an older image from being put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Nothing: nothing is remembered.
    Nothing,
    /// Files alone, which root, or who writes to the disk, can put back too.
    State,
    /// Those, and a TPM, which an initrd asked and nobody can lower before the machine starts again.
    StateAndTpm,
}

impl Protection {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nothing, Self::State, Self::StateAndTpm];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::State => "state only",
            Self::StateAndTpm => "tpm+state",
        }
    }

    /// What a name stands for.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// How this boot began, on a disk image: its initrd judged it as what was signed, and left word of it.
/// Root there can rewrite that; a TPM cannot be made to forget what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booted {
    /// The root hash by which the kernel checks the root.
    pub root_hash: Digest,
    /// Whether Secure Boot is on; `None`: the firmware says nothing.
    pub secure_boot: Option<bool>,
    /// Whether a TPM was told the verdict.
    pub tpm: bool,
    /// What kept an older image from being put back, for this boot.
    pub protection: Protection,
}

/// The circumstances of one verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// Who vouches for what was observed.
    pub assurance: Assurance,
    /// The machine's clock, in seconds since 1970.
    pub clock: u64,
    /// What happens once something has expired by that clock.
    pub expiry: Expiry,
    /// The boot of the machine that was checked, where it checked itself.
    pub boot: Option<BootId>,
    /// How that boot began; `None`: no initrd of karat's left word of it.
    pub booted: Option<Booted>,
    /// What it remembered; `None`: no state was asked.
    pub remembered: Option<Remembered>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for expiry in Expiry::ALL {
            assert_eq!(expiry.name().parse(), Ok(expiry));
            let json = serde_json::to_string(&expiry).unwrap();
            assert_eq!(json, format!("\"{expiry}\""));
        }
        assert_eq!("Warn".parse::<Expiry>(), Err(ExpiryError));
        let id = "0d9a0b1c-2f3e-4a5b-8c7d-6e5f40312233";
        assert_eq!(id.parse::<BootId>().unwrap().as_str(), id);
        for other in ["", &id[1..], &id.to_uppercase(), &id.replace('-', "\n")] {
            assert_eq!(other.parse::<BootId>(), Err(BootIdError), "{other:?}");
        }
    }
}

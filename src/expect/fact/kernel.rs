//! What must hold of the kernel: its settings, command line, modules and state.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::wire::{self, RuleError, checked_text, one_string};
use crate::tree::Origin;

/// One setting of sysctl(8) and the value that it must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Sysctl {
    /// Which.
    pub name: SysctlName,
    /// Who asked for it.
    #[serde(serialize_with = "wire::write")]
    pub origin: Origin,
    /// The value; runs of blanks count as one, as the kernel prints tabs for what is written with
    /// blanks.
    pub value: String,
}

/// The name of a kernel setting: a path below `/proc/sys`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SysctlName(String);

impl SysctlName {
    /// The rule, for people.
    pub const RULE: &'static str = "a kernel setting is a name such as net.ipv4.ip_forward; a \
                                    pattern such as net.ipv4.conf.*.rp_filter names no single one";

    /// The path below `/proc/sys`.
    pub fn relative(&self) -> &str {
        &self.0
    }
}

impl FromStr for SysctlName {
    type Err = RuleError;

    /// As sysctl.d(5) says: where the first separator is a dot, dots separate and slashes stand for
    /// dots in names; otherwise it is a path.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let swap = text.find(['.', '/']).map(|at| text[at..].starts_with('.'));
        let path = match swap {
            Some(true) => swapped(text),
            Some(false) => text.to_owned(),
            None => return Err(RuleError(Self::RULE)),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:@/".contains(&byte);
        let fits = path.len() <= 255
            && path.bytes().all(plain)
            && path
                .split('/')
                .all(|part| !part.is_empty() && part != "." && part != "..");
        if fits {
            Ok(Self(path))
        } else {
            Err(RuleError(Self::RULE))
        }
    }
}

impl fmt::Display for SysctlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&swapped(&self.0))
    }
}

fn swapped(text: &str) -> String {
    let swap = |character| match character {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    text.chars().map(swap).collect()
}

/// A word that the kernel's command line must or must not have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CmdlineWord {
    /// Who asked for it.
    #[serde(serialize_with = "wire::write")]
    pub origin: Origin,
    /// Which of the two.
    pub rule: WordRule,
    /// The word as a whole, such as `lockdown=integrity`. Under `absent` one without `=` also
    /// stands for itself with any value.
    pub word: Word,
}

/// Whether a word of the command line must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WordRule {
    /// It must not be there.
    Absent,
    /// It must be there.
    Present,
}

checked_text! {
    /// A word of the kernel's command line.
    Word: |text| !text.is_empty() && text.len() <= 1024 && text.bytes().all(|byte| byte.is_ascii_graphic()),
        "a word of the command line is printable ASCII without blanks";
    /// The name of a kernel module, with `_` for `-` as the kernel has it.
    ModuleName: |text| !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
        "a module's name is up to 64 of A-Z a-z 0-9 _, as in /proc/modules";
}

/// Loaded modules are files of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Modules {
    /// Modules that may be loaded from elsewhere.
    pub allow: Vec<ModuleName>,
    /// Modules that must not be loaded, even though the image has them.
    pub deny: Vec<ModuleName>,
    /// Who asked for it.
    #[serde(serialize_with = "wire::write")]
    pub origin: Origin,
}

/// The state of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// Lockdown at least so strict (`kernel_lockdown(7)`); `None`: not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lockdown: Option<Lockdown>,
    /// Who asked for it.
    #[serde(serialize_with = "wire::write")]
    pub origin: Origin,
    /// Bits of `/proc/sys/kernel/tainted` that may be set; `None`: not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taint: Option<u64>,
}

/// How much of the kernel is closed to root, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lockdown {
    /// Nothing is.
    None,
    /// Changing it is.
    Integrity,
    /// Changing it and reading its secrets are.
    Confidentiality,
}

impl FromStr for WordRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text {
            "absent" => Ok(Self::Absent),
            "present" => Ok(Self::Present),
            _ => Err(RuleError("a word of the command line is absent or present")),
        }
    }
}

impl Lockdown {
    /// All of them with their words.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("integrity", Self::Integrity),
        ("confidentiality", Self::Confidentiality),
    ];
}

impl fmt::Display for Lockdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Integrity => "integrity",
            Self::Confidentiality => "confidentiality",
        })
    }
}

impl FromStr for Lockdown {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        found
            .map(|(_, value)| *value)
            .ok_or(RuleError("lockdown is none, integrity or confidentiality"))
    }
}

one_string!(SysctlName, Lockdown);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_one_name() {
        for (text, relative, shown) in [
            (
                "net.ipv4.ip_forward",
                "net/ipv4/ip_forward",
                "net.ipv4.ip_forward",
            ),
            (
                "net/ipv4/conf/eth0.1/x",
                "net/ipv4/conf/eth0.1/x",
                "net.ipv4.conf.eth0/1.x",
            ),
            (
                "net.ipv4.conf.eth0/1.x",
                "net/ipv4/conf/eth0.1/x",
                "net.ipv4.conf.eth0/1.x",
            ),
        ] {
            let name: SysctlName = text.parse().unwrap();
            assert_eq!(
                (name.relative(), name.to_string().as_str()),
                (relative, shown)
            );
            assert_eq!(shown.parse(), Ok(name));
        }
        for bad in [
            "",
            "x",
            "../x",
            "a/../b",
            "a//b",
            "a..b",
            "/a/b",
            "a.",
            "net.ipv4.conf.*.x",
            "a.b\n",
        ] {
            assert_eq!(
                bad.parse::<SysctlName>(),
                Err(RuleError(SysctlName::RULE)),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn names_and_words_keep_their_rules() {
        for bad in ["", "a b", "a\n", "\u{e4}"] {
            assert!(bad.parse::<Word>().is_err(), "{bad:?}");
        }
        for bad in ["", "a-b", "a/b", "../a"] {
            assert!(bad.parse::<ModuleName>().is_err(), "{bad:?}");
        }
        assert_eq!("integrity".parse(), Ok(Lockdown::Integrity));
        assert!("Integrity".parse::<Lockdown>().is_err());
        assert!(Lockdown::None < Lockdown::Integrity);
    }
}

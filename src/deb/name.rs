//! Names of packages and architectures.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest package name; Debian's longest has about 90 bytes.
const NAME_MAX: usize = 200;

/// The name of a package (Debian Policy 5.6.1): lower-case letters, digits, `+`, `-` and `.`, at
/// least two characters, the first a letter or a digit.
///
/// ```
/// use karat::deb::PackageName;
///
/// assert!("libstdc++6".parse::<PackageName>().is_ok());
/// assert!("../evil".parse::<PackageName>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(Box<str>);

impl PackageName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` is a package name.
    pub fn is_valid(text: &str) -> bool {
        let mut bytes = text.bytes();
        (2..=NAME_MAX).contains(&text.len())
            && bytes.next().is_some_and(is_alphanumeric)
            && bytes.all(|byte| is_alphanumeric(byte) || matches!(byte, b'+' | b'-' | b'.'))
    }
}

impl FromStr for PackageName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if Self::is_valid(text) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Package(excerpt(text)))
        }
    }
}

/// An architecture as `dpkg --print-architecture` prints it, or `all` (Debian Policy 5.6.8).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Architecture(Box<str>);

impl Architecture {
    /// The architecture of packages that run everywhere.
    pub const ALL: &'static str = "all";

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `all`.
    pub fn is_all(&self) -> bool {
        &*self.0 == Self::ALL
    }

    /// Whether `text` is the name of an architecture.
    pub fn is_valid(text: &str) -> bool {
        let mut bytes = text.bytes();
        (2..=64).contains(&text.len())
            && bytes.next().is_some_and(is_alphanumeric)
            && bytes.all(|byte| is_alphanumeric(byte) || byte == b'-')
            && !matches!(text, "any" | "native" | "source")
    }
}

impl FromStr for Architecture {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if Self::is_valid(text) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Architecture(excerpt(text)))
        }
    }
}

/// Text that is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a package name.
    #[error(
        "{0:?} is not a package name: two or more of a-z, 0-9, '+', '-' and '.', the first a letter or digit"
    )]
    Package(String),
    /// Not an architecture.
    #[error("{0:?} is not an architecture, such as amd64 or all")]
    Architecture(String),
}

const fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// At most the first 80 characters: hostile text is quoted in errors, but not at length.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

macro_rules! text_traits {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use text_traits;

text_traits!(PackageName);
text_traits!(Architecture);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a0", "0ad", "libstdc++6", "linux-image-6.12.9-amd64"] {
            assert!(PackageName::is_valid(good), "{good}");
        }
        let long = "a".repeat(201);
        for bad in [
            "", "a", "-a", ".a", "+a", "A0", "a_b", "a b", "a/b", "..", "a\n", &long,
        ] {
            assert!(bad.parse::<PackageName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn architectures() {
        for good in ["amd64", "all", "arm64", "hurd-i386", "x32"] {
            assert!(Architecture::is_valid(good), "{good}");
        }
        for bad in [
            "",
            "any",
            "source",
            "native",
            "AMD64",
            "a/b",
            "-a",
            "amd64 all",
        ] {
            assert!(bad.parse::<Architecture>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn errors_quote_hostile_text_in_short() {
        let error = PackageName::from_str(&"\u{1b}".repeat(1000)).unwrap_err();
        assert!(error.to_string().len() < 800);
        assert!(!error.to_string().contains('\u{1b}'));
    }
}

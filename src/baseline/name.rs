//! Names and versions of images.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::limits;
use crate::path::Escaped;

/// The name of an image: 1 to 64 of `a-z 0-9 . -`, a letter or digit first.
///
/// No `_`: it separates name and version in file names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName(String);

/// The version of an image: 1 to 64 of `A-Z a-z 0-9 . ~ ^ -`, a letter or digit first; the alphabet
/// of UAPI.10.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageVersion(String);

/// Text that cannot name an image or a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not an [`ImageName`].
    #[error("\"{}\": {}", Escaped(.0.as_bytes()), ImageName::RULE)]
    Name(String),
    /// Not an [`ImageVersion`].
    #[error("\"{}\": {}", Escaped(.0.as_bytes()), ImageVersion::RULE)]
    Version(String),
}

impl ImageName {
    /// The rule, for people.
    pub const RULE: &str = "an image name is up to 64 of a-z 0-9 . - and starts with a letter or digit (no _: it separates name and version)";

    /// Takes a name.
    ///
    /// # Errors
    /// It is empty, too long, or holds other letters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if is_word(text, allowed, b".-") {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Name(text.to_owned()))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ImageVersion {
    /// The rule, for people.
    pub const RULE: &str =
        "an image version is up to 64 of A-Z a-z 0-9 . - ~ ^ and starts with a letter or digit";

    /// Takes a version.
    ///
    /// # Errors
    /// It is empty, too long, or holds other letters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_word(text, |byte| byte.is_ascii_alphanumeric(), b".~^-") {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Version(text.to_owned()))
        }
    }

    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_word(text: &str, letter: fn(u8) -> bool, also: &[u8]) -> bool {
    text.len() <= limits::IMAGE_NAME_MAX
        && text.bytes().next().is_some_and(letter)
        && text
            .bytes()
            .all(|byte| letter(byte) || also.contains(&byte))
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ImageVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ImageName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for ImageVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_say_the_cap() {
        for rule in [ImageName::RULE, ImageVersion::RULE] {
            assert!(rule.contains(&format!("up to {} of", limits::IMAGE_NAME_MAX)));
        }
    }

    #[test]
    fn alphabets() {
        for name in ["base", "web-frontend", "0.x", &"a".repeat(64)] {
            assert!(ImageName::parse(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "-a",
            ".a",
            "A",
            "a_b",
            "a/b",
            "a b",
            "ä",
            &"a".repeat(65),
        ] {
            assert!(ImageName::parse(name).is_err(), "{name}");
        }
        for version in ["1", "2026.11.24", "1.0~rc1", "1^git"] {
            assert!(ImageVersion::parse(version).is_ok(), "{version}");
        }
        for version in ["", ".1", "~1", "1_2", "1/2", "1 2", "1\n"] {
            assert!(ImageVersion::parse(version).is_err(), "{version}");
        }
    }
}

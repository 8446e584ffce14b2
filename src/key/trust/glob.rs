//! Which images a key may sign.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;
use crate::path::name_matches;

/// A pattern over image names: `*` is any run of letters, `?` one letter, all else stands for
/// itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageGlob(String);

/// Text that is not an [`ImageGlob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pattern over image names is 1 to {} of a-z 0-9 . - * ?",
    limits::IMAGE_NAME_MAX
)]
pub struct ImageGlobError;

impl ImageGlob {
    /// Takes a pattern.
    ///
    /// # Errors
    /// It is empty, too long, or holds what no image name and no pattern may hold.
    pub fn parse(text: &str) -> Result<Self, ImageGlobError> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-*?".contains(&byte)
        };
        if text.is_empty() || text.len() > limits::IMAGE_NAME_MAX || !text.bytes().all(allowed) {
            return Err(ImageGlobError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `name` fits.
    pub fn matches(&self, name: &str) -> bool {
        name_matches(self.0.as_bytes(), name.as_bytes())
    }
}

impl fmt::Display for ImageGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ImageGlob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ImageGlob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_only() {
        for (glob, name, expected) in [
            ("*", "base", true),
            ("dev-*", "dev-web", true),
            ("dev-*", "prod-web", false),
            ("dev-*", "x-dev-web", false),
            ("web", "web-dev", false),
            ("web-?", "web-1", true),
        ] {
            let glob = ImageGlob::parse(glob).unwrap();
            assert_eq!(glob.matches(name), expected, "{glob} {name}");
        }
        for text in ["", "Web", "a/b", "a_b", "[ab]"] {
            assert_eq!(ImageGlob::parse(text), Err(ImageGlobError), "{text}");
        }
    }
}

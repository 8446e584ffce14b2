//! Globs over image paths, for expectations and key scopes.
//!
//! `*` is any run of bytes within a component, `?` one byte within a component, `**` as a whole
//! component any number of components (also none). Everything else stands for itself. There are no
//! character classes and no escapes: one spelling, one meaning.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ImagePath;
use crate::limits;

/// A pattern over absolute image paths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glob(String);

/// Why a text is not a [`Glob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// It does not start with `/`, or is not normal.
    #[error("a path pattern is absolute and has no empty, '.' or '..' component")]
    NotNormal,
    /// `**` shares its component with something else.
    #[error("'**' must be a whole component, as in /var/**")]
    StarStar,
    /// Longer than a path may be.
    #[error("a path pattern is at most {} bytes long", limits::PATH_MAX)]
    TooLong,
}

impl Glob {
    /// Takes a pattern.
    ///
    /// # Errors
    /// The rule that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        if text.len() > limits::PATH_MAX {
            return Err(GlobError::TooLong);
        }
        if ImagePath::parse(text).is_err() {
            return Err(GlobError::NotNormal);
        }
        if text
            .split('/')
            .any(|component| component != "**" && component.contains("**"))
        {
            return Err(GlobError::StarStar);
        }
        Ok(Self(text.to_owned()))
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path` as a whole fits the pattern.
    pub fn matches(&self, path: &ImagePath) -> bool {
        let (pattern, path) = (self.0.as_bytes(), path.as_bytes());
        // Most pairs are told apart before the first star, and every path is held against every pattern.
        let letters = pattern.iter().take_while(|byte| !b"*?".contains(byte));
        if letters.zip(path).any(|(wanted, byte)| wanted != byte) {
            return false;
        }
        components_match(Components::of(pattern), Components::of(path))
    }
}

/// What is left of a normal absolute path, without the slash before it.
#[derive(Clone, Copy)]
struct Components<'a>(&'a [u8]);

impl<'a> Components<'a> {
    fn of(path: &'a [u8]) -> Self {
        Self(path.strip_prefix(b"/").unwrap_or(path))
    }

    /// The first component, and what follows it.
    fn split_first(self) -> Option<(&'a [u8], Self)> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().position(|byte| *byte == b'/');
        let (first, rest) = self.0.split_at_checked(end.unwrap_or(self.0.len()))?;
        Some((first, Self::of(rest)))
    }
}

/// Greedy with one point of return: linear in practice, quadratic at worst, never exponential.
fn components_match<'a>(mut pattern: Components<'a>, mut path: Components<'a>) -> bool {
    let mut retry: Option<(Components<'a>, Components<'a>)> = None;
    loop {
        match (pattern.split_first(), path.split_first()) {
            (Some((b"**", rest)), _) => {
                retry = Some((rest, path));
                pattern = rest;
            }
            (Some((component, pattern_rest)), Some((name, path_rest)))
                if name_matches(component, name) =>
            {
                pattern = pattern_rest;
                path = path_rest;
            }
            (None, None) => return true,
            _ => {
                // What `**` took takes one component more.
                let again = retry.and_then(|(after, from)| Some((after, from.split_first()?.1)));
                let Some((after, from)) = again else {
                    return false;
                };
                retry = again;
                pattern = after;
                path = from;
            }
        }
    }
}

/// Whether the whole of `name` fits `pattern`, in which `*` is any run of bytes and `?` any byte.
pub fn name_matches(mut pattern: &[u8], mut name: &[u8]) -> bool {
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), name.split_first()) {
            (Some((b'*', rest)), _) => {
                retry = Some((rest, name));
                pattern = rest;
            }
            (Some((wanted, pattern_rest)), Some((byte, name_rest)))
                if *wanted == b'?' || wanted == byte =>
            {
                pattern = pattern_rest;
                name = name_rest;
            }
            (None, None) => return true,
            _ => match retry.as_mut() {
                Some((after, from)) if !from.is_empty() => {
                    *from = from.get(1..).unwrap_or_default();
                    pattern = after;
                    name = from;
                }
                _ => return false,
            },
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Glob {
    type Err = GlobError;

    fn from_str(text: &str) -> Result<Self, GlobError> {
        Self::parse(text)
    }
}

impl Serialize for Glob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        Glob::parse(glob)
            .unwrap()
            .matches(&ImagePath::parse(path).unwrap())
    }

    #[test]
    fn components_and_stars() {
        for (glob, path, expected) in [
            ("/var/log/**", "/var/log", true),
            ("/var/log/**", "/var/log/a/b", true),
            ("/var/log/**", "/var/logs", false),
            (
                "/etc/ssh/ssh_host_*_key",
                "/etc/ssh/ssh_host_ed25519_key",
                true,
            ),
            (
                "/etc/ssh/ssh_host_*_key",
                "/etc/ssh/ssh_host_ed25519_key.pub",
                false,
            ),
            ("/etc/*", "/etc/a/b", false),
            ("/**/x", "/x", true),
            ("/**/x", "/a/b/x", true),
            ("/**/a/**/b", "/a/x/a/y/b", true),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("/**", "/", true),
            ("/", "/", true),
            ("/", "/a", false),
            ("/*", "/", false),
            ("/a", "/ab", false),
            ("/ab", "/a", false),
            ("/a/**/b/**", "/a/b", true),
            ("/a/**/b/**", "/a/c/b/d/e", true),
            ("/a/**/b/**", "/a/c/d", false),
            ("/a*/b", "/ax/b", true),
            ("/a*/b", "/a/b", true),
            ("/a*/b", "/ax/y/b", false),
        ] {
            assert_eq!(matches(glob, path), expected, "{glob} {path}");
        }
    }

    /// What the documentation says, word by word and slowly.
    fn defined(pattern: &[&str], path: &[&str]) -> bool {
        fn name(pattern: &[u8], bytes: &[u8]) -> bool {
            match pattern.split_first() {
                None => bytes.is_empty(),
                Some((b'*', rest)) => (0..=bytes.len()).any(|n| name(rest, &bytes[n..])),
                Some((one, rest)) => bytes.split_first().is_some_and(|(byte, after)| {
                    (*one == b'?' || one == byte) && name(rest, after)
                }),
            }
        }
        match pattern.split_first() {
            None => path.is_empty(),
            Some((&"**", rest)) => (0..=path.len()).any(|n| defined(rest, &path[n..])),
            Some((one, rest)) => path.split_first().is_some_and(|(first, after)| {
                name(one.as_bytes(), first.as_bytes()) && defined(rest, after)
            }),
        }
    }

    /// All sequences of up to three of `words`.
    fn sequences<'a>(words: &[&'a str]) -> Vec<Vec<&'a str>> {
        let mut all = vec![vec![]];
        for length in 0..3 {
            let longer = all.iter().filter(|it| it.len() == length);
            let longer = longer.flat_map(|start| {
                words
                    .iter()
                    .map(|word| [start.as_slice(), &[*word]].concat())
            });
            let longer: Vec<_> = longer.collect();
            all.extend(longer);
        }
        all
    }

    #[test]
    fn every_short_pattern_means_what_the_documentation_says() {
        let paths = sequences(&["a", "b", "ab"]);
        for pattern in sequences(&["a", "ab", "*", "?", "a*", "*b", "**"]) {
            let glob = format!("/{}", pattern.join("/"));
            for path in &paths {
                let text = format!("/{}", path.join("/"));
                assert_eq!(
                    matches(&glob, &text),
                    defined(&pattern, path),
                    "{glob} {text}"
                );
            }
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let glob = format!("/{}b", "a*".repeat(40));
        assert!(!matches(&glob, &format!("/{}", "a".repeat(200))));
    }

    #[test]
    fn rules() {
        assert_eq!(Glob::parse("etc"), Err(GlobError::NotNormal));
        assert_eq!(Glob::parse("/a/../b"), Err(GlobError::NotNormal));
        assert_eq!(Glob::parse("/a**"), Err(GlobError::StarStar));
    }
}

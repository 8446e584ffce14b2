//! Files of a build that the statement does not name one by one: `.outputs.json` lists them, and is a
//! subject itself, so that the statement stays small. The format: `docs/formats/outputs.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::json::{self, JsonError};
use crate::limits;
use crate::path::Escaped;
use crate::tree::Content;

/// Further files of a build, by name: digest and size of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Further(BTreeMap<String, Content>);

/// Why a list of further outputs is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FurtherError {
    /// The JSON is none, or of another shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A name that could lead elsewhere, or that cannot be shown.
    #[error("\"{}\" is no name of a file beside the list: visible ASCII without / and \\, no dot in front", Escaped(.0.as_bytes()))]
    Name(String),
    /// Not the one spelling that a list has.
    #[error("it is not spelt as karat writes it: compact JSON with sorted keys, files by name")]
    Spelling,
    /// More than [`limits::FURTHER_FILES_MAX`].
    #[error("it lists more than {} files", limits::FURTHER_FILES_MAX)]
    TooMany,
    /// A name that is listed twice.
    #[error("it lists {0} twice")]
    Twice(String),
    /// A version that this karat does not know.
    #[error("its version is {0}; this karat reads version 1")]
    Version(u64),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    files: Vec<RawFile>,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    name: String,
    sha256: Digest,
    size: u64,
}

impl Further {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists a file.
    ///
    /// # Errors
    /// It is no plain name, it stands there already, or there are too many.
    pub fn add(&mut self, name: impl Into<String>, content: Content) -> Result<(), FurtherError> {
        let name = name.into();
        let visible = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\');
        let plain = !name.is_empty() && !name.starts_with('.') && name.len() <= limits::NAME_MAX;
        if !plain || !name.bytes().all(visible) {
            return Err(FurtherError::Name(name));
        }
        if self.0.contains_key(&name) {
            return Err(FurtherError::Twice(name));
        }
        if self.0.len() >= limits::FURTHER_FILES_MAX {
            return Err(FurtherError::TooMany);
        }
        self.0.insert(name, content);
        Ok(())
    }

    /// All files, in bytewise order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Content)> {
        self.0
            .iter()
            .map(|(name, content)| (name.as_str(), *content))
    }

    /// The bytes of `.outputs.json`: canonical JSON and a line end.
    ///
    /// # Errors
    /// Never: text and numbers always have a JSON form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FurtherError> {
        let files = self.iter().map(|(name, content)| RawFile {
            name: name.to_owned(),
            sha256: content.digest,
            size: content.size,
        });
        let raw = Raw {
            files: files.collect(),
            version: 1,
        };
        let mut bytes = json::canonical(&raw)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads `.outputs.json`, in its one spelling.
    ///
    /// # Errors
    /// The rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, FurtherError> {
        let raw: Raw = json::read(bytes, limits::FURTHER_MAX)?;
        if raw.version != 1 {
            return Err(FurtherError::Version(raw.version));
        }
        let mut further = Self::new();
        for file in raw.files {
            let content = Content {
                digest: file.sha256,
                size: file.size,
            };
            further.add(file.name, content)?;
        }
        if further.to_bytes()? != bytes {
            return Err(FurtherError::Spelling);
        }
        Ok(further)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Further {
        let mut further = Further::new();
        for name in names {
            further.add(*name, Content::of(name.as_bytes())).unwrap();
        }
        further
    }

    #[test]
    fn one_spelling() {
        let further = of(&["b_1.spdx.json", "a_1.vhd"]);
        let bytes = further.to_bytes().unwrap();
        assert_eq!(Further::parse(&bytes), Ok(further));
        assert!(bytes.starts_with(b"{\"files\":[{\"name\":\"a_1.vhd\",\"sha256\":\""));
        assert!(bytes.ends_with(b",\"version\":1}\n"));
        let text = String::from_utf8(bytes).unwrap();
        for other in [text.trim_end().to_owned(), text.replace("{\"n", "{ \"n")] {
            let refused = Further::parse(other.as_bytes());
            assert_eq!(refused, Err(FurtherError::Spelling));
        }
        let later = text.replace("\"version\":1", "\"version\":2");
        let refused = Further::parse(later.as_bytes());
        assert_eq!(refused, Err(FurtherError::Version(2)));
        let more = text.replace("\"version\"", "\"x\":1,\"version\"");
        assert!(matches!(
            Further::parse(more.as_bytes()),
            Err(FurtherError::Json(_))
        ));
        let twice = text.replace("a_1.vhd", "b_1.spdx.json");
        assert!(matches!(
            Further::parse(twice.as_bytes()),
            Err(FurtherError::Twice(_))
        ));
    }

    #[test]
    fn names_stay_beside_the_list() {
        for name in ["", ".", "..", "a/b", "/a", ".x", "a\\b", "a b", "a\n", "é"] {
            let refused = Further::new().add(name, Content::of(b""));
            assert!(matches!(refused, Err(FurtherError::Name(_))), "{name:?}");
        }
        let mut full = Further::new();
        for number in 0..limits::FURTHER_FILES_MAX {
            full.add(number.to_string(), Content::of(b"")).unwrap();
        }
        let refused = full.add("x", Content::of(b""));
        assert_eq!(refused, Err(FurtherError::TooMany));
    }
}

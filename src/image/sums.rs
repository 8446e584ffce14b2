//! Checksum lists, in the format of coreutils' sha256sum.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use crate::digest::{Digest, HashingReader};

/// The list of a build's files: one line `DIGEST  NAME` each, in bytewise order of the names.
///
/// Names are relative, with `/` between components; files of one build are flat, those of an OCI
/// layout are listed one by one below its directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<String, Digest>);

/// Why a list is refused or does not hold.
#[derive(Debug, thiserror::Error)]
pub enum SumsError {
    /// The file's bytes are others.
    #[error("{name}: its SHA-256 is {found}, the list says {listed}")]
    Differs {
        /// Which file.
        name: String,
        /// What its bytes have.
        found: Digest,
        /// What the list says.
        listed: Digest,
    },
    /// A line of another form.
    #[error("line {0}: not of the form 'SHA-256, two blanks, name'")]
    Line(usize),
    /// A name that is absolute, climbs, or holds a control byte or a backslash.
    #[error("the name {0:?} is not a plain relative path")]
    Name(String),
    /// A listed file cannot be read.
    #[error("{name}: {source}")]
    Read {
        /// Which file.
        name: String,
        /// What the system answered.
        source: io::Error,
    },
    /// A name that is listed twice.
    #[error("{0} is listed twice")]
    Twice(String),
}

impl Sums {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists a file.
    ///
    /// # Errors
    /// The name is not a plain relative path, or is there already.
    pub fn add(&mut self, name: impl Into<String>, digest: Digest) -> Result<(), SumsError> {
        let name = name.into();
        let plain = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !plain || name.chars().any(|c| c.is_control() || c == '\\') {
            return Err(SumsError::Name(name));
        }
        if self.0.insert(name.clone(), digest).is_some() {
            return Err(SumsError::Twice(name));
        }
        Ok(())
    }

    /// The same list, where a file that `later` lists too has the digest that stands there.
    #[must_use]
    pub fn updated(mut self, later: &Self) -> Self {
        for (name, digest) in &mut self.0 {
            if let Some(later) = later.get(name) {
                *digest = later;
            }
        }
        self
    }

    /// The listed digest of a file.
    pub fn get(&self, name: &str) -> Option<Digest> {
        self.0.get(name).copied()
    }

    /// All files, in bytewise order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.0.iter().map(|(name, digest)| (name.as_str(), *digest))
    }

    /// Reads every listed file through `open` and compares.
    ///
    /// # Errors
    /// The first file, in the order of names, that is missing or differs.
    pub fn check<R: Read>(
        &self,
        mut open: impl FnMut(&str) -> io::Result<R>,
    ) -> Result<(), SumsError> {
        for (name, listed) in self.iter() {
            let unreadable = |source| SumsError::Read {
                name: name.to_owned(),
                source,
            };
            let mut reader = HashingReader::new(open(name).map_err(unreadable)?);
            io::copy(&mut reader, &mut io::sink()).map_err(unreadable)?;
            let (found, _) = reader.finish();
            if found != listed {
                return Err(SumsError::Differs {
                    name: name.to_owned(),
                    found,
                    listed,
                });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter()
            .try_for_each(|(name, digest)| writeln!(f, "{digest}  {name}"))
    }
}

impl FromStr for Sums {
    type Err = SumsError;

    /// Takes what sha256sum writes in text or binary mode; lines in any order.
    fn from_str(text: &str) -> Result<Self, SumsError> {
        let mut sums = Self::new();
        for (number, line) in (1..).zip(text.split_terminator('\n')) {
            let (digest, name) = line.split_once(' ').ok_or(SumsError::Line(number))?;
            let digest = digest.parse().map_err(|_digest| SumsError::Line(number))?;
            let name = name
                .strip_prefix([' ', '*'])
                .ok_or(SumsError::Line(number))?;
            sums.add(name, digest)?;
        }
        Ok(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_round_trips_sorted() {
        let mut sums = Sums::new();
        sums.add("b.tar", Digest::of(b"b")).unwrap();
        sums.add("a.oci/index.json", Digest::of(b"a")).unwrap();
        let text = sums.to_string();
        assert!(text.ends_with("  b.tar\n"));
        assert_eq!(text.parse::<Sums>().unwrap(), sums);
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for name in ["", "/a", "../a", "a/../b", "a//b", "a\nb", "a\\b", "./a"] {
            let error = Sums::new().add(name, Digest::of(b"")).unwrap_err();
            assert!(matches!(error, SumsError::Name(_)), "{name:?}");
        }
    }

    #[test]
    fn a_changed_file_is_named() {
        let mut sums = Sums::new();
        sums.add("a", Digest::of(b"a")).unwrap();
        assert!(sums.check(|_| Ok(b"a".as_slice())).is_ok());
        let error = sums.check(|_| Ok(b"b".as_slice())).unwrap_err();
        assert!(matches!(error, SumsError::Differs { name, .. } if name == "a"));
    }
}

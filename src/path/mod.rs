//! Paths inside an image: absolute, normal, bytes.
//!
//! An [`ImagePath`] starts with `/`, holds no empty, `.` or `..` component, no NUL and no trailing
//! slash. It is bytes, since Linux file names are; [`Escaped`] shows any of them on a terminal
//! without letting it speak to that terminal.

mod escape;
mod glob;

use std::borrow::Borrow;
use std::fmt;

pub use escape::Escaped;
pub use glob::{Glob, GlobError, name_matches};

use crate::limits;

/// An absolute, normal path inside an image.
///
/// The order is bytewise, so a directory comes before what it holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath(Box<[u8]>);

/// The rule that a path broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A component is `..`, which could leave the image.
    #[error("a component is '..', which could leave the image")]
    DotDot,
    /// A component is empty or `.`.
    #[error("a component is empty or '.'")]
    NotNormal,
    /// A NUL byte, which no file name may hold.
    #[error("it holds a NUL byte")]
    Nul,
    /// It does not start with `/`.
    #[error("it does not start with '/'")]
    Relative,
    /// Longer than Linux allows (`PATH_MAX`, or `NAME_MAX` for one component).
    #[error(
        "it is longer than {} bytes, or a component longer than {}",
        limits::PATH_MAX,
        limits::NAME_MAX
    )]
    TooLong,
}

impl ImagePath {
    /// The root directory, `/`.
    pub fn root() -> Self {
        Self(Box::from(*b"/"))
    }

    /// Takes a path that is absolute and normal already.
    ///
    /// # Errors
    /// The rule that `bytes` break.
    pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let bytes = bytes.as_ref();
        let Some(rest) = bytes.strip_prefix(b"/") else {
            return Err(PathError::Relative);
        };
        if bytes.len() > limits::PATH_MAX {
            return Err(PathError::TooLong);
        }
        if !rest.is_empty() {
            rest.split(|byte| *byte == b'/')
                .try_for_each(check_component)?;
        }
        Ok(Self(bytes.into()))
    }

    /// Takes a path as archives write it: `./etc/hosts`, `etc/hosts`, `/etc/hosts/`; never `..`.
    ///
    /// # Errors
    /// The rule that `bytes` break.
    pub fn from_archive(bytes: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let mut path = Vec::with_capacity(bytes.as_ref().len().saturating_add(1));
        for component in bytes.as_ref().split(|byte| *byte == b'/') {
            if component.is_empty() || component == b"." {
                continue;
            }
            path.push(b'/');
            path.extend_from_slice(component);
        }
        if path.is_empty() {
            return Ok(Self::root());
        }
        Self::parse(path)
    }

    /// All bytes, with the leading `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes without the leading `/`; empty for the root.
    pub fn relative(&self) -> &[u8] {
        self.0.get(1..).unwrap_or_default()
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.relative().is_empty()
    }

    /// The components from the top down; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.relative()
            .split(|byte| *byte == b'/')
            .filter(|component| !component.is_empty())
    }

    /// The last component; `None` for the root.
    pub fn name(&self) -> Option<&[u8]> {
        self.components().last()
    }

    /// The directory that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        match self.0.iter().rposition(|byte| *byte == b'/') {
            None | Some(0) => Some(Self::root()),
            Some(slash) => self.0.get(..slash).map(|bytes| Self(bytes.into())),
        }
    }

    /// This directory's entry `name`.
    ///
    /// # Errors
    /// `name` is not one plain component, or the path grows too long.
    pub fn join(&self, name: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let name = name.as_ref();
        if name.contains(&b'/') {
            return Err(PathError::NotNormal);
        }
        check_component(name)?;
        let mut bytes =
            Vec::with_capacity(self.0.len().saturating_add(name.len()).saturating_add(1));
        if !self.is_root() {
            bytes.extend_from_slice(&self.0);
        }
        bytes.push(b'/');
        bytes.extend_from_slice(name);
        if bytes.len() > limits::PATH_MAX {
            return Err(PathError::TooLong);
        }
        Ok(Self(bytes.into()))
    }

    /// Whether this is `ancestor` or lies below it.
    pub fn is_within(&self, ancestor: &Self) -> bool {
        ancestor.is_root()
            || self
                .0
                .strip_prefix(ancestor.as_bytes())
                .is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
    }

    /// The path as text for people: control bytes and what is not UTF-8 are escaped.
    pub fn display(&self) -> Escaped<'_> {
        Escaped(&self.0)
    }
}

fn check_component(component: &[u8]) -> Result<(), PathError> {
    match component {
        b"" | b"." => Err(PathError::NotNormal),
        b".." => Err(PathError::DotDot),
        _ if component.len() > limits::NAME_MAX => Err(PathError::TooLong),
        _ if component.contains(&0) => Err(PathError::Nul),
        _ => Ok(()),
    }
}

impl Borrow<[u8]> for ImagePath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display().fmt(f)
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImagePath({})", self.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_its_error() {
        let long = [b"/".as_slice(), &[b'a'; limits::NAME_MAX + 1]].concat();
        for (bytes, error) in [
            (b"etc".as_slice(), PathError::Relative),
            (b"", PathError::Relative),
            (b"/a//b", PathError::NotNormal),
            (b"/a/", PathError::NotNormal),
            (b"/./a", PathError::NotNormal),
            (b"/a/../b", PathError::DotDot),
            (b"/a\0b", PathError::Nul),
            (&long, PathError::TooLong),
        ] {
            assert_eq!(ImagePath::parse(bytes), Err(error));
        }
    }

    #[test]
    fn archive_names_are_normalised_but_never_climb() {
        for name in ["./etc/hosts", "etc/hosts", "/etc/hosts", "etc//hosts/"] {
            assert_eq!(
                ImagePath::from_archive(name),
                ImagePath::parse("/etc/hosts")
            );
        }
        assert_eq!(ImagePath::from_archive("./"), Ok(ImagePath::root()));
        assert_eq!(ImagePath::from_archive("a/../b"), Err(PathError::DotDot));
    }

    #[test]
    fn family() -> Result<(), PathError> {
        let path = ImagePath::parse("/etc/ssh")?;
        assert_eq!(path.parent(), Some(ImagePath::parse("/etc")?));
        assert_eq!(ImagePath::parse("/etc")?.parent(), Some(ImagePath::root()));
        assert_eq!(ImagePath::root().parent(), None);
        assert_eq!(path.name(), Some(b"ssh".as_slice()));
        assert_eq!(ImagePath::root().join("etc")?.join("ssh")?, path);
        assert!(path.is_within(&ImagePath::parse("/etc")?));
        assert!(!ImagePath::parse("/etcetera")?.is_within(&ImagePath::parse("/etc")?));
        Ok(())
    }
}

//! Where an archive is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The base of an archive: what `dists/` and `pool/` are below.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// A directory of this machine (`file:`).
    File(PathBuf),
    /// A web server: the URI without a slash at its end.
    Http(String),
}

/// Text that is not the base of an archive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the base of an archive: http:, https: or file: with an absolute path, without user, password, query or blanks"
)]
pub struct LocationError(String);

impl Location {
    /// The place `path` below this one. `path` has only characters that mean nothing in a URI, and
    /// `%`, which is escaped in one (RFC 3986, 2.4).
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        match self {
            Self::File(base) => Self::File(base.join(path)),
            Self::Http(base) => Self::Http(format!("{base}/{}", path.replace('%', "%25"))),
        }
    }

    /// The host and port; `None` for a directory.
    pub fn authority(&self) -> Option<&str> {
        match self {
            Self::File(_) => None,
            Self::Http(uri) => {
                let (_, rest) = uri.split_once("://")?;
                Some(
                    rest.split_once('/')
                        .map_or(rest, |(authority, _)| authority),
                )
            }
        }
    }

    /// `…/debian-security` beside an archive whose base ends in `/debian`: how mirrors of Debian
    /// that carry both name them.
    pub fn security_sibling(&self) -> Option<Self> {
        match self {
            Self::File(path) => (path.file_name()? == "debian")
                .then(|| Self::File(path.with_file_name("debian-security"))),
            Self::Http(uri) => {
                let base = uri
                    .strip_suffix("/debian")
                    .filter(|base| !base.ends_with('/'))?;
                Some(Self::Http(format!("{base}/debian-security")))
            }
        }
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let error = || LocationError(text.chars().take(80).collect());
        let (scheme, rest) = text.split_once(':').ok_or_else(error)?;
        if rest.chars().any(|char| char.is_control() || char == ' ') {
            return Err(error());
        }
        let trimmed = rest.trim_end_matches('/');
        match scheme {
            "file" => {
                let path = trimmed.strip_prefix("//").unwrap_or(trimmed);
                match (path, rest.starts_with('/')) {
                    ("", true) => Ok(Self::File(PathBuf::from("/"))),
                    (path, _) if path.starts_with('/') => Ok(Self::File(PathBuf::from(path))),
                    _ => Err(error()),
                }
            }
            "http" | "https" => {
                let authority = trimmed
                    .strip_prefix("//")
                    .and_then(|rest| rest.split('/').next())
                    .filter(|authority| !authority.is_empty() && !authority.contains('@'));
                if authority.is_none() || trimmed.contains(['?', '#', '"', '\\', '<', '>']) {
                    return Err(error());
                }
                Ok(Self::Http(format!("{scheme}:{trimmed}")))
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Http(uri) => f.write_str(uri),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        for (text, shown) in [
            ("http://host/debian/", "http://host/debian"),
            ("https://host:8080", "https://host:8080"),
            ("file:/srv/debian//", "file:/srv/debian"),
            ("file:///srv", "file:/srv"),
            ("file:/", "file:/"),
        ] {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), shown);
        }
        for text in [
            "host/debian",
            "ftp://host",
            "http:",
            "http://",
            "http:///x",
            "file:x",
            "file:",
            "http://user:word@host/",
            "http://host/?x",
            "http://host/a b",
            "cdrom:[x]/",
        ] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_percent_sign_stands_for_itself() {
        let join = |text: &str| text.parse::<Location>().unwrap().join("a%3a.deb");
        assert_eq!(
            join("http://host/x").to_string(),
            "http://host/x/a%253a.deb"
        );
        assert_eq!(join("file:/x").to_string(), "file:/x/a%3a.deb");
    }

    #[test]
    fn siblings() {
        let sibling = |text: &str| {
            let location: Location = text.parse().unwrap();
            location
                .security_sibling()
                .map(|sibling| sibling.to_string())
        };
        assert_eq!(
            sibling("http://host/pub/debian/").as_deref(),
            Some("http://host/pub/debian-security")
        );
        assert_eq!(
            sibling("file:/a/debian").as_deref(),
            Some("file:/a/debian-security")
        );
        assert_eq!(sibling("http://debian"), None);
        assert_eq!(sibling("http://host/mirror"), None);
    }
}

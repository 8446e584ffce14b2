//! Where a log is, as its user writes it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::failure::{LogFailure, at};
use crate::archive::{Cache, Location, Network, Patience, Proxies};
use crate::log::{Ahead, Kept, Log, Source, Store, Web};
#[cfg(feature = "s3")]
use crate::log::{
    Bucket,
    s3::{S3, Settings},
};
use crate::sys;
use crate::sys::fs::Beneath;

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPlace {
    /// In a directory of this machine.
    Directory(PathBuf),
    /// On a web server, below an address.
    Web(Location),
    /// In an S3 bucket, below a prefix.
    Bucket(BucketPlace),
}

/// A bucket, and what the names of a log's objects begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPlace {
    bucket: String,
    prefix: String,
}

/// Text that names no place of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no place of a log: a directory, http(s)://HOST/PATH, file:/PATH or s3://BUCKET/PREFIX, \
     without user, password, query or blanks"
)]
pub struct LogPlaceError(String);

/// A log, wherever it is read from.
pub type AnyLog = Log<Box<dyn Source + Send + Sync>>;

/// The way to logs that are elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Proxies.
    pub proxies: Proxies,
    /// How long to wait and how often to try.
    pub patience: Patience,
    /// Where full tiles are kept, if anywhere.
    pub cache: Option<PathBuf>,
    /// Who asks for objects of a bucket, and where.
    #[cfg(feature = "s3")]
    pub s3: Settings,
}

impl Way {
    /// What the environment says, read through `variable`; tiles are kept in `cache`.
    pub fn of(variable: &dyn Fn(&str) -> Option<String>, cache: Option<PathBuf>) -> Self {
        Self {
            proxies: Proxies::from_environment(variable),
            patience: Patience::default(),
            cache,
            #[cfg(feature = "s3")]
            s3: Settings::from_environment(variable),
        }
    }
}

impl LogPlace {
    /// Reads a place; whatever has no scheme is a directory.
    ///
    /// # Errors
    /// It has a scheme, and is none of those places.
    pub fn parse(text: OsString) -> Result<Self, LogPlaceError> {
        let Some(written) = text.to_str() else {
            return Ok(Self::Directory(text.into()));
        };
        let error = || LogPlaceError(written.chars().take(80).collect());
        let scheme = written.split_once(':').map(|(scheme, _)| scheme);
        match scheme {
            Some("http" | "https" | "file") => {
                match written.parse::<Location>().ok().ok_or_else(error)? {
                    Location::File(path) => Ok(Self::Directory(path)),
                    web @ Location::Http(_) => Ok(Self::Web(web)),
                }
            }
            Some("s3") => BucketPlace::parse(written)
                .map(Self::Bucket)
                .ok_or_else(error),
            _ if written.contains("://") => Err(error()),
            _ => Ok(Self::Directory(text.into())),
        }
    }

    /// The directory, where it is one of this machine.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) => Some(path),
            Self::Web(_) | Self::Bucket(_) => None,
        }
    }
}

impl BucketPlace {
    /// Reads `s3://BUCKET[/PREFIX]`. Names are what is safe in every store: the bucket's as S3 has
    /// them, the prefix of letters, digits, `-`, `_` and `.`, no part of it `.` or `..`.
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let ends = bucket.bytes().next().is_some_and(is_word)
            && bucket.bytes().last().is_some_and(is_word);
        let is_bucket = (3..=63).contains(&bucket.len())
            && ends
            && !bucket.contains("..")
            && bucket
                .bytes()
                .all(|byte| is_word(byte) || byte == b'-' || byte == b'.');
        let is_part = |part: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !matches!(part, "" | "." | "..") && part.bytes().all(allowed)
        };
        let is_prefix =
            prefix.len() <= 512 && (prefix.is_empty() || prefix.split('/').all(is_part));
        (is_bucket && is_prefix).then(|| Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What the names of the log's objects begin with, without a slash at its end; empty for all of
    /// the bucket.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Web(location) => write!(f, "{location}"),
            Self::Bucket(place) => write!(f, "{place}"),
        }
    }
}

impl fmt::Display for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() {
            Ok(())
        } else {
            write!(f, "/{}", self.prefix)
        }
    }
}

/// Opens a log to read it, wherever it is.
///
/// # Errors
/// There is none, or it cannot be reached.
pub fn open_at(place: &LogPlace, way: &Way) -> Result<AnyLog, LogFailure> {
    let source: Box<dyn Source + Send + Sync> = match place {
        LogPlace::Directory(path) => Box::new(Beneath::open(path)?),
        LogPlace::Web(location) => {
            let network = Network::new(way.proxies.clone(), way.patience);
            far(Web::new(network, location.clone()), place, way)
        }
        LogPlace::Bucket(bucket) => far(objects(bucket, way)?, place, way),
    };
    Log::open(source).map_err(at(&place.shown()))
}

/// A source that is read ahead, and kept where there is a cache. Without one it is only slower.
fn far<S>(source: S, place: &LogPlace, way: &Way) -> Box<dyn Source + Send + Sync>
where
    S: Source + Send + Sync + 'static,
{
    let cache = way.cache.as_deref().map(Cache::open);
    match cache {
        Some(Ok(cache)) => match Kept::new(source, cache, &place.to_string()) {
            Ok(kept) => Box::new(Ahead::new(kept)),
            Err((source, _)) => Box::new(Ahead::new(source)),
        },
        Some(Err(_)) | None => Box::new(Ahead::new(source)),
    }
}

/// The objects of a log in a bucket.
///
/// # Errors
/// The environment names no place to ask.
#[cfg(feature = "s3")]
fn objects(place: &BucketPlace, way: &Way) -> Result<Bucket<S3>, LogFailure> {
    let (name, prefix) = (place.bucket(), place.prefix());
    let objects = S3::new(&way.s3, name, prefix, &way.proxies, way.patience)?;
    Ok(Bucket::new(objects, WRITERS))
}

#[cfg(not(feature = "s3"))]
fn objects(place: &BucketPlace, _way: &Way) -> Result<Beneath, LogFailure> {
    Err(LogFailure::NoBuckets(place.to_string()))
}

/// As many objects are written at a time as are read.
#[cfg(feature = "s3")]
const WRITERS: usize = 8;

/// The objects of a log that is written to.
///
/// # Errors
/// The environment names no place to ask.
pub(super) fn writable(place: &BucketPlace, way: &Way) -> Result<impl Store + use<>, LogFailure> {
    #[cfg(feature = "s3")]
    let store = Ahead::new(objects(place, way)?);
    #[cfg(not(feature = "s3"))]
    let store = objects(place, way)?;
    Ok(store)
}

/// A directory of this machine for what can be read from a log again.
#[derive(Debug)]
pub(super) struct Shelf {
    path: PathBuf,
    _cache: Cache,
}

impl Shelf {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The shelf called `name`; where there is no cache, for this run only.
///
/// # Errors
/// Not even that can be made.
pub(super) fn shelf(way: &Way, name: &str) -> Result<Shelf, LogFailure> {
    let temp = sys::env::temp_dir();
    let cache = Cache::open_or_temporary(way.cache.as_deref(), &temp, &mut drop)?;
    Ok(Shelf {
        path: cache.log(name),
        _cache: cache,
    })
}

impl LogPlace {
    /// As messages name it.
    pub(super) fn shown(&self) -> PathBuf {
        match self {
            Self::Directory(path) => path.clone(),
            other => PathBuf::from(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<LogPlace, LogPlaceError> {
        LogPlace::parse(text.into())
    }

    #[test]
    fn each_place_in_its_spelling() {
        for text in ["log", "/srv/log", "./a:b", "C:log", "s3", "http"] {
            assert_eq!(parse(text), Ok(LogPlace::Directory(text.into())), "{text}");
        }
        let directory = LogPlace::Directory("/srv/log".into());
        assert_eq!(parse("file:/srv/log"), Ok(directory.clone()));
        assert_eq!(parse("file:///srv/log/"), Ok(directory));
        for (text, shown) in [
            ("https://example.com/log/", "https://example.com/log"),
            ("s3://images", "s3://images"),
            ("s3://images/", "s3://images"),
            ("s3://images/logs/a_b.c/", "s3://images/logs/a_b.c"),
        ] {
            assert_eq!(
                parse(text).map(|place| place.to_string()).as_deref(),
                Ok(shown)
            );
        }
    }

    #[test]
    fn places_of_nothing() {
        for text in [
            "ftp://host/log",
            "http://user:word@host/",
            "https://host/?x=y",
            "file:relative",
            "s3:images",
            "s3://",
            "s3://ab",
            "s3://Images",
            "s3://-images",
            "s3://a..b",
            "s3://images/a//b",
            "s3://images/../other",
            "s3://images/a b",
            "s3://images/a?b",
            "s3://images/%2e%2e",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

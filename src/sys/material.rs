//! Reading an Envelope and its neighbours, and what an instance was given.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::fs::{self, IoContext as _, IoError};
use super::{clock, cpu};
use crate::appraise::{Candidate, Expiry, Material, Neighbour, NewerRoot, Terms};
use crate::baseline::Subject;
use crate::disk::version_of;
use crate::limits;
use crate::manifest::Parts;
use crate::path::Escaped;

/// The suffix of an Envelope's file name.
pub const ENVELOPE_SUFFIX: &str = ".dsse.json";
/// The suffix of a lock's file name.
pub const LOCK_SUFFIX: &str = ".lock";
/// The suffix of a Receipt's file name.
pub const RECEIPT_SUFFIX: &str = ".tlog-proof";

/// Reads the Envelope `STEM.dsse.json`, its neighbours by name, and the trust root.
///
/// What is not there is said in the result, and so is a manifest or a list of expectations that
/// cannot be read: whoever delivers files may put anything in their place. Nothing is checked here.
///
/// # Errors
/// The Envelope or the trust root, which somebody named, cannot be read or is larger than such a file
/// may be.
pub fn read(stem: &Path, trust: &Path) -> Result<Material, IoError> {
    let beside = |suffix: &str| with_suffix(stem, suffix);
    Ok(Material {
        trust: neighbour(trust, limits::TRUST_ROOT_MAX)?,
        envelope: neighbour(&beside(ENVELOPE_SUFFIX), limits::ENVELOPE_MAX)?,
        manifest: manifest(&beside(Subject::Manifest.suffix())),
        expectations: delivered(
            &beside(Subject::Expectations.suffix()),
            limits::EXPECTATIONS_MAX,
        ),
        newer_roots: Vec::new(),
        receipt: delivered(&beside(RECEIPT_SUFFIX), limits::RECEIPT_MAX),
        terms: Terms {
            image: None,
            expiry: Expiry::default(),
            now: clock::now(),
        },
        threads: cpu::count(),
    })
}

/// A manifest that should be there.
pub fn manifest(path: &Path) -> Neighbour<Parts> {
    let read = || Parts::read(fs::open(path)?, limits::MANIFEST_MAX).at("read", path);
    found(path, read())
}

/// All Envelopes in `directory` with their Receipts, in bytewise order of their names; none where it
/// is not there.
///
/// # Errors
/// There are more than [`limits::ENVELOPES_MAX`], or `directory` cannot be listed.
pub fn envelopes(directory: &Path) -> Result<Vec<(PathBuf, Candidate)>, IoError> {
    let mut envelopes = Vec::new();
    for name in listed(directory)? {
        let path = directory.join(&name);
        let Some(stem) = without_suffix(&path, ENVELOPE_SUFFIX) else {
            continue;
        };
        if envelopes.len() == limits::ENVELOPES_MAX {
            return Err(too_many(directory, limits::ENVELOPES_MAX, "envelopes"));
        }
        let candidate = Candidate {
            envelope: delivered(&path, limits::ENVELOPE_MAX),
            receipt: delivered(&with_suffix(&stem, RECEIPT_SUFFIX), limits::RECEIPT_MAX),
        };
        envelopes.push((path, candidate));
    }
    Ok(envelopes)
}

/// The trust roots `trust/N.json` below `directory`, by N; none where there is no such directory.
/// Other names are nothing to go by.
///
/// # Errors
/// There are more than [`limits::NEWER_ROOTS_MAX`], or the directory cannot be listed.
pub fn newer_roots(directory: &Path) -> Result<Vec<NewerRoot>, IoError> {
    let directory = directory.join("trust");
    let mut roots = Vec::new();
    for name in listed(&directory)? {
        let version = name.to_str().and_then(|name| name.strip_suffix(".json"));
        let Some(version) = version.and_then(version_of) else {
            continue;
        };
        if roots.len() == limits::NEWER_ROOTS_MAX {
            return Err(too_many(&directory, limits::NEWER_ROOTS_MAX, "trust roots"));
        }
        let file = delivered(&directory.join(&name), limits::TRUST_ROOT_MAX);
        roots.push(NewerRoot { version, file });
    }
    crate::order::sort_by(&mut roots, |a, b| a.version.cmp(&b.version));
    Ok(roots)
}

/// The names in a directory; none where it is not there.
fn listed(directory: &Path) -> Result<Vec<OsString>, IoError> {
    match fs::list(directory) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        names => names,
    }
}

fn too_many(directory: &Path, most: usize, what: &str) -> IoError {
    let message = format!("there are more than {most} {what}; take away what is out of date");
    IoError::new("read", directory, io::Error::other(message))
}

/// A file that somebody named, of at most `cap` bytes.
///
/// # Errors
/// It is there and cannot be read, or is larger.
pub fn neighbour(path: &Path, cap: u64) -> Result<Neighbour, IoError> {
    match fs::read(path, cap) {
        Err(error) if !error.is_not_found() => Err(error),
        read => Ok(found(path, read)),
    }
}

/// A file in a place where others put files, of at most `cap` bytes. One that cannot be read, is no
/// file or is larger says nothing: that is for the one who judges to tell.
pub fn delivered(path: &Path, cap: u64) -> Neighbour {
    found(path, fs::read(path, cap))
}

/// What reading a file gave.
fn found<Bytes>(path: &Path, read: Result<Bytes, IoError>) -> Neighbour<Bytes> {
    let (bytes, unread) = match read {
        Ok(bytes) => (Some(bytes), None),
        Err(error) if error.is_not_found() => (None, None),
        Err(error) => (None, Some(error.source.to_string())),
    };
    Neighbour {
        path: Escaped(path.as_os_str().as_bytes()).to_string(),
        bytes,
        unread,
    }
}

/// `path` with `suffix` behind its last component.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    PathBuf::from(text)
}

/// `path` without `suffix`; `None` where it does not end so.
pub fn without_suffix(path: &Path, suffix: &str) -> Option<PathBuf> {
    let bytes = path
        .as_os_str()
        .as_bytes()
        .strip_suffix(suffix.as_bytes())?;
    let is_named = bytes.last().is_some_and(|byte| *byte != b'/');
    is_named.then(|| PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

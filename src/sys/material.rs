//! Reading an Envelope and its neighbours.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::fs::{self, IoContext as _, IoError};
use super::{clock, cpu};
use crate::appraise::{Material, Neighbour};
use crate::baseline::Subject;
use crate::limits;
use crate::manifest::Parts;
use crate::path::Escaped;

/// The suffix of an Envelope's file name.
pub const ENVELOPE_SUFFIX: &str = ".dsse.json";
/// The suffix of a Receipt's file name.
pub const RECEIPT_SUFFIX: &str = ".tlog-proof";

/// Reads the Envelope `STEM.dsse.json`, its neighbours by name, and the trust root.
///
/// What is not there is said in the result; nothing is checked here.
///
/// # Errors
/// A file is there and cannot be read, or is larger than such a file may be.
pub fn read(stem: &Path, trust: &Path) -> Result<Material, IoError> {
    let beside = |suffix: &str| with_suffix(stem, suffix);
    Ok(Material {
        trust: neighbour(trust, limits::TRUST_ROOT_MAX)?,
        envelope: neighbour(&beside(ENVELOPE_SUFFIX), limits::ENVELOPE_MAX)?,
        manifest: manifest(&beside(Subject::Manifest.suffix()))?,
        expectations: neighbour(
            &beside(Subject::Expectations.suffix()),
            limits::EXPECTATIONS_MAX,
        )?,
        has_receipt: fs::exists(beside(RECEIPT_SUFFIX))?,
        now: clock::now(),
        threads: cpu::count(),
    })
}

/// A manifest that should be there.
///
/// # Errors
/// As [`neighbour`].
pub fn manifest(path: &Path) -> Result<Neighbour<Parts>, IoError> {
    let read = || Parts::read(fs::open(path)?, limits::MANIFEST_MAX).at("read", path);
    let bytes = match read() {
        Ok(parts) => Some(parts),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    Ok(Neighbour {
        path: Escaped(path.as_os_str().as_bytes()).to_string(),
        bytes,
    })
}

/// A file that should be there, of at most `cap` bytes.
///
/// # Errors
/// It is there and cannot be read, or is larger.
pub fn neighbour(path: &Path, cap: u64) -> Result<Neighbour, IoError> {
    let bytes = match fs::read(path, cap) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    Ok(Neighbour {
        path: Escaped(path.as_os_str().as_bytes()).to_string(),
        bytes,
    })
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

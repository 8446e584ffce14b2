//! Environment variables: each one that karat honours is read through here.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::tree::{Epoch, EpochError};

/// The variable `name`; `None` if unset or empty.
pub fn os(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    let value = std::env::var_os(name)?;
    (!value.is_empty()).then_some(value)
}

/// The variable `name` as text; `None` if unset, empty or not UTF-8.
pub fn text(name: &str) -> Option<String> {
    os(name)?.into_string().ok()
}

/// The variable `name` as an absolute path; relative ones are ignored, as the XDG Base Directory
/// Specification demands.
pub fn path(name: &str) -> Option<PathBuf> {
    os(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// `SOURCE_DATE_EPOCH`, if it is set.
///
/// # Errors
/// It is set to something that is no epoch.
pub fn epoch() -> Result<Option<Epoch>, EpochError> {
    text("SOURCE_DATE_EPOCH")
        .map(|text| text.parse())
        .transpose()
}

/// Whether this run is somebody's continuous integration (`CI` set to anything but `false` or `0`).
pub fn is_ci() -> bool {
    text("CI").is_some_and(|value| value != "false" && value != "0")
}

/// karat's cache: `$XDG_CACHE_HOME/karat`, else `~/.cache/karat`; `None` without a home.
pub fn cache_dir() -> Option<PathBuf> {
    path("XDG_CACHE_HOME")
        .or_else(|| path("HOME").map(|home| home.join(".cache")))
        .map(|base| base.join("karat"))
}

/// Where temporary files go: `$TMPDIR`, else `/tmp`.
pub fn temp_dir() -> PathBuf {
    path("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp"))
}

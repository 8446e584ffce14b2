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

/// The variable `name` as text; `None` if unset or empty. What is not UTF-8 becomes U+FFFD: whoever reads
/// the value then refuses it, and does not take the variable for one that is not set.
pub fn text(name: &str) -> Option<String> {
    os(name).map(lossy)
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

fn lossy(value: OsString) -> String {
    value
        .into_string()
        .unwrap_or_else(|value| value.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn what_is_not_text_is_refused_and_not_passed_over() {
        let value = |bytes: &[u8]| lossy(OsString::from_vec(bytes.to_vec()));
        assert_eq!(value(b"1234567890").parse(), Epoch::new(1_234_567_890));
        assert_eq!(value(b"1234567890\xff").parse::<Epoch>(), Err(EpochError));
    }
}

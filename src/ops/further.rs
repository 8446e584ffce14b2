//! Files beside a statement that verifying does not need: whether they are those that were signed, the
//! further outputs by way of `.outputs.json`.

use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::appraise::{Finding, Verdict};
use crate::baseline::{Statement, Subject};
use crate::digest::{Digest, HashingReader};
use crate::image::further::Further;
use crate::limits;
use crate::path::Escaped;
use crate::sys::fs::{self, IoContext as _, IoError};
use crate::sys::material;
use crate::tree::Content;

/// The suffix of the list of packages: `NAME_VERSION.spdx.json`.
pub(super) const SBOM_SUFFIX: &str = ".spdx.json";

/// What came of comparing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// It is not there.
    Absent,
    /// It has the listed size, and is too large to be hashed here.
    NotHashed,
    /// It is another: of another size, or with other bytes.
    Other,
    /// It is the listed one, to the last byte.
    Same,
}

/// Compares the file `path` with what is listed; at most `most` bytes are hashed.
///
/// # Errors
/// It is there and cannot be read, or is no regular file.
pub(super) fn compare(path: &Path, listed: Content, most: u64) -> Result<Compared, IoError> {
    let file = match fs::open(path) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(Compared::Absent),
        Err(error) => return Err(error),
    };
    let size = file.metadata().at("stat", path)?.len();
    if size != listed.size {
        return Ok(Compared::Other);
    }
    if size > most {
        return Ok(Compared::NotHashed);
    }
    // One byte more than there should be: a file may grow while it is read.
    let mut reader = HashingReader::new(file.take(size.saturating_add(1)));
    io::copy(&mut reader, &mut io::sink()).at("read", path)?;
    let (digest, read) = reader.finish();
    if (digest, read) == (listed.digest, listed.size) {
        Ok(Compared::Same)
    } else {
        Ok(Compared::Other)
    }
}

/// The results of hardening rules, predicted measurements and the further outputs beside the Envelope are those that were signed;
/// where they are not at hand, nothing else that is verified depends on them.
///
/// # Errors
/// One of them is there and cannot be read.
pub(super) fn neighbours(
    stem: &Path,
    statement: Option<&Statement>,
) -> Result<Vec<Finding>, IoError> {
    let Some(baseline) = statement.map(Statement::baseline) else {
        return Ok(Vec::new());
    };
    let mut findings = Vec::new();
    let mut bytes = |subject: Subject, cap: u64| -> Result<Option<Vec<u8>>, IoError> {
        let path = material::with_suffix(stem, subject.suffix());
        let Some(signed) = baseline.digest(subject) else {
            return Ok(None);
        };
        if !fs::exists(&path)? {
            return Ok(None);
        }
        let bytes = fs::read(&path, cap)?;
        let found = Digest::of(&bytes);
        if found != signed {
            let what = format!("has the digest {found}; the statement names {signed}");
            findings.push(other_than_signed(&path, &what));
            return Ok(None);
        }
        Ok(Some(bytes))
    };
    bytes(Subject::Rules, limits::RULE_RESULTS_MAX)?;
    bytes(Subject::Measure, limits::MEASURE_MAX)?;
    if let Some(list) = bytes(Subject::Outputs, limits::FURTHER_MAX)? {
        findings.extend(further(stem, &list)?);
    }
    Ok(findings)
}

/// What the signed list of further outputs names is beside it as listed, or not there.
fn further(stem: &Path, list: &[u8]) -> Result<Vec<Finding>, IoError> {
    let list = match Further::parse(list) {
        Ok(list) => list,
        Err(error) => {
            return Ok(vec![Finding {
                verdict: Verdict::Incomplete,
                message: format!("the list of further outputs cannot be read: {error}"),
                hint: Some("verify with the karat that built the image, or a later one".to_owned()),
            }]);
        }
    };
    let mut findings = Vec::new();
    for (name, listed) in list.iter() {
        let path = stem.with_file_name(name);
        if compare(&path, listed, limits::FURTHER_HASHED_MAX)? == Compared::Other {
            let list = Subject::Outputs.suffix();
            let what = format!("is not what the signed {list} lists");
            findings.push(other_than_signed(&path, &what));
        }
    }
    Ok(findings)
}

fn other_than_signed(path: &Path, what: &str) -> Finding {
    Finding {
        verdict: Verdict::Untrusted,
        message: format!("{} {what}", Escaped(path.as_os_str().as_bytes())),
        hint: Some("fetch it again from where it was published".to_owned()),
    }
}

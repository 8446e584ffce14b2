//! A file system and the tree of hashes over it, against the root hash that was signed.

use std::io;
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::appraise::{Finding, Verdict};
use crate::baseline::{Statement, Subject};
use crate::digest::HashingReader;
use crate::image::verity::{Tree, VerityWriteError};
use crate::layout::verity::{Checked, VerityError};
use crate::layout::{Source, SourceError};
use crate::path::Escaped;
use crate::sys::fs::{self, FileSource, IoContext as _, IoError};

/// What is wrong with the file system `file`, which `source` reads, or with `tree` beside it.
///
/// The root hash is computed anew, from the tree where it is there, else from the data alone.
///
/// # Errors
/// One of the two cannot be read.
pub(super) fn findings(
    (file, source): (&Path, &dyn Source),
    tree: &Path,
    statement: Option<&Statement>,
    threads: NonZero<usize>,
) -> Result<Vec<Finding>, IoError> {
    let Some(baseline) = statement.map(Statement::baseline) else {
        return Ok(Vec::new());
    };
    let Some(verity) = baseline.verity else {
        return Ok(Vec::new());
    };
    if source.size() != verity.data_size() {
        let (size, wanted) = (source.size(), verity.data_size());
        let text = format!("it has {size} bytes; the signed root hash is over {wanted}");
        return Ok(vec![damaged(file, &text)]);
    }
    if !fs::exists(tree)? {
        let mut findings = match Tree::of(source, verity.salt(), threads) {
            Ok(made) if made.verity() == verity => Vec::new(),
            Ok(made) => {
                let (found, signed) = (made.verity().root(), verity.root());
                let text = format!("its root hash is {found}; the statement names {signed}");
                vec![damaged(file, &text)]
            }
            Err(VerityWriteError::Source(error)) => return Err(unreadable(file, error)),
            Err(error) => vec![damaged(file, &error.to_string())],
        };
        findings.push(Finding {
            verdict: Verdict::Match,
            message: format!(
                "{} is not there; the root hash was computed without it",
                shown(tree)
            ),
            hint: None,
        });
        return Ok(findings);
    }
    let hashes = FileSource::open(tree)?;
    let mut findings = Vec::new();
    let mut reader = HashingReader::new(fs::open(tree)?);
    io::copy(&mut reader, &mut io::sink()).at("read", tree)?;
    let (found, _) = reader.finish();
    if let Some(signed) = baseline.digest(Subject::Verity)
        && found != signed
    {
        let text = format!("its digest is {found}; the statement names {signed}");
        findings.push(damaged(tree, &text));
    }
    let checked = Checked::new(verity, source, &hashes).and_then(|it| it.check(threads));
    match checked {
        Ok(()) => {}
        Err(VerityError::Source(error)) => return Err(unreadable(file, error)),
        Err(error @ VerityError::Data(_)) => findings.push(damaged(file, &error.to_string())),
        Err(error) => findings.push(damaged(tree, &error.to_string())),
    }
    Ok(findings)
}

fn damaged(path: &Path, what: &str) -> Finding {
    Finding {
        verdict: Verdict::Drift,
        message: format!("{} is not as it was signed: {what}", shown(path)),
        hint: Some("fetch it again from where it was published".to_owned()),
    }
}

fn shown(path: &Path) -> Escaped<'_> {
    Escaped(path.as_os_str().as_bytes())
}

fn unreadable(path: &Path, error: SourceError) -> IoError {
    match error {
        SourceError::Io { error, .. } => IoError::new("read", path, error),
        error @ SourceError::Outside { .. } => IoError::new("read", path, io::Error::other(error)),
    }
}

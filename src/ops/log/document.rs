//! A file that is to be logged, as an entry.

use std::path::{Path, PathBuf};

use super::LogFailure;
use crate::baseline::Statement;
use crate::envelope::Envelope;
use crate::key::{TrustDocument, TrustRoot};
use crate::limits;
use crate::sys::fs;
use crate::tlog::Kind;

/// A file that is to be logged.
pub(super) struct Document {
    pub(super) file: PathBuf,
    pub(super) kind: Kind<'static>,
    pub(super) envelope: Envelope,
    pub(super) entry: Vec<u8>,
}

/// Reads an envelope with a statement, or a trust root that its own keys signed.
pub(super) fn document(file: &Path) -> Result<Document, LogFailure> {
    let bytes = fs::read(file, limits::TRUST_ROOT_MAX)?;
    let envelope = Envelope::parse(&bytes).map_err(|source| LogFailure::Envelope {
        file: file.to_owned(),
        source,
    })?;
    match envelope.signed().payload_type.as_str() {
        Statement::PAYLOAD_TYPE => signed(file, envelope),
        TrustDocument::PAYLOAD_TYPE => {
            let root = TrustRoot::pinned(envelope.signed());
            root.map_err(|source| LogFailure::Trust {
                file: file.to_owned(),
                source,
            })?;
            of_kind(file, Kind::Trust, envelope)
        }
        other => Err(LogFailure::Other {
            file: file.to_owned(),
            payload_type: other.to_owned(),
        }),
    }
}

/// The entry of an Envelope with a statement, which `file` holds.
pub(super) fn signed(file: &Path, envelope: Envelope) -> Result<Document, LogFailure> {
    let statement = Statement::parse(&envelope.signed().payload);
    statement.map_err(|source| LogFailure::Statement {
        file: file.to_owned(),
        source,
    })?;
    of_kind(file, Kind::Signed, envelope)
}

fn of_kind(file: &Path, kind: Kind<'static>, envelope: Envelope) -> Result<Document, LogFailure> {
    let entry = kind.entry(&envelope).map_err(|source| LogFailure::Entry {
        file: file.to_owned(),
        source,
    })?;
    Ok(Document {
        file: file.to_owned(),
        kind,
        envelope,
        entry,
    })
}

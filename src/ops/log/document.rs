//! A file that is to be logged, as an entry.

use std::path::{Path, PathBuf};

use super::LogFailure;
use crate::baseline::Statement;
use crate::envelope::Envelope;
use crate::key::{TrustDocument, TrustRoot};
use crate::limits;
use crate::log::Notice;
use crate::sys::fs;
use crate::tlog::Kind;

/// A file that is to be logged.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) file: PathBuf,
    pub(super) kind: Kind<'static>,
    pub(super) envelope: Envelope,
    pub(super) entry: Vec<u8>,
}

/// Reads an envelope with a statement, a trust root that its own keys signed, or a notice.
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
        Notice::PAYLOAD_TYPE => notice(file, envelope),
        other => Err(LogFailure::Other {
            file: file.to_owned(),
            payload_type: other.to_owned(),
        }),
    }
}

/// The entry of an Envelope with a statement, which `file` holds.
pub(super) fn signed(file: &Path, envelope: Envelope) -> Result<Document, LogFailure> {
    statement(file, &envelope)?;
    of_kind(file, Kind::Signed, envelope)
}

/// The statement in an Envelope, whoever signed it.
pub(super) fn statement(file: &Path, envelope: &Envelope) -> Result<Statement, LogFailure> {
    let statement = Statement::parse(&envelope.signed().payload);
    statement.map_err(|source| LogFailure::Statement {
        file: file.to_owned(),
        source,
    })
}

/// The entry of an Envelope with a notice, which `file` holds or shall hold.
pub(super) fn notice(file: &Path, envelope: Envelope) -> Result<Document, LogFailure> {
    let notice = Notice::unverified(envelope.signed());
    let notice = notice.map_err(|source| LogFailure::Notice {
        file: file.to_owned(),
        source,
    })?;
    of_kind(file, notice.kind(), envelope)
}

pub(super) fn of_kind(
    file: &Path,
    kind: Kind<'static>,
    envelope: Envelope,
) -> Result<Document, LogFailure> {
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

//! One entry, taken apart: who made its signatures, and what it says.

use super::EntryKind;
use crate::baseline::Statement;
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::{Attribution, Candidates, Signed, TrustDocument};
use crate::log::Notice;
use crate::path::Escaped;
use crate::tlog::{Entry, Kind};

/// One entry, taken apart.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) kind: EntryKind,
    pub(super) body: Body,
    /// SHA-256 of the payload, where there is one.
    pub(super) payload: Option<Digest>,
    /// Who made its signatures.
    pub(super) by: Option<Attribution>,
    /// Its bytes are not those that karat writes for this envelope.
    pub(super) other_spelling: bool,
}

/// What an entry says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// A release of an image.
    Statement {
        image: String,
        version: String,
        serial: u64,
    },
    /// A trust root, to be offered to the lineage.
    Trust,
    /// A revocation or retirement, to be opened when it is known who may sign one.
    Notice,
    /// A kind that this karat does not know.
    Word(String),
    /// None of karat's.
    Foreign,
    /// It cannot be read; says why.
    Malformed(String),
}

/// Longest word of an unknown kind that is shown; karat's own have up to six letters.
const WORD_MAX: usize = 32;
/// Most characters that are said about an entry that cannot be read.
const WORDS_MAX: usize = 400;

/// Takes an entry apart. Signatures are verified before the payload is read; what that says is shown,
/// and decides nothing by itself.
pub(super) fn parse(bytes: &[u8], keys: &Candidates) -> Parsed {
    let nothing = |kind, body| Parsed {
        kind,
        body,
        payload: None,
        by: None,
        other_spelling: false,
    };
    let Some(entry) = Entry::parse(bytes) else {
        return nothing(EntryKind::Foreign, Body::Foreign);
    };
    let kind = match entry.kind {
        Kind::Signed => EntryKind::Signed,
        Kind::Trust => EntryKind::Trust,
        Kind::Revoke => EntryKind::Revoke,
        Kind::Retire => EntryKind::Retire,
        Kind::Other(word) => {
            let short: String = word.chars().take(WORD_MAX).collect();
            let word = Escaped(short.as_bytes()).to_string();
            return nothing(EntryKind::Other, Body::Word(word));
        }
    };
    let exact = Envelope::parse_exact(entry.envelope);
    let is_exact = exact.is_some();
    let envelope = match exact.map_or_else(|| Envelope::parse(entry.envelope), Ok) {
        Ok(envelope) => envelope,
        Err(error) => return nothing(kind, malformed(&error)),
    };
    let signed = envelope.signed();
    let by = keys.attribute(&signed.message(), &signed.claims);
    let body = match kind {
        EntryKind::Signed => statement(signed),
        EntryKind::Trust => match of_type(signed, TrustDocument::PAYLOAD_TYPE) {
            Ok(()) => Body::Trust,
            Err(words) => malformed(&words),
        },
        EntryKind::Revoke | EntryKind::Retire | EntryKind::Other | EntryKind::Foreign => {
            match Notice::unverified(signed) {
                Ok(notice) if notice.kind() == entry.kind => Body::Notice,
                Ok(_) => malformed(&"the notice is of the other kind"),
                Err(error) => malformed(&error),
            }
        }
    };
    Parsed {
        kind,
        body,
        payload: Some(Digest::of(&signed.payload)),
        by: Some(by),
        other_spelling: !is_exact && envelope.to_bytes() != entry.envelope,
    }
}

fn statement(signed: &Signed) -> Body {
    if let Err(words) = of_type(signed, Statement::PAYLOAD_TYPE) {
        return malformed(&words);
    }
    match Statement::parse(&signed.payload) {
        Ok(statement) => Body::Statement {
            image: statement.baseline().name.to_string(),
            version: statement.baseline().version.to_string(),
            serial: statement.serial().get(),
        },
        Err(error) => malformed(&error),
    }
}

/// Why an entry cannot be read: an error may quote much of it.
fn malformed(error: &dyn std::fmt::Display) -> Body {
    Body::Malformed(error.to_string().chars().take(WORDS_MAX).collect())
}

fn of_type(signed: &Signed, wanted: &str) -> Result<(), String> {
    if signed.payload_type == wanted {
        return Ok(());
    }
    let found: String = signed.payload_type.chars().take(80).collect();
    let found = Escaped(found.as_bytes());
    Err(format!("the payload type is \"{found}\", not \"{wanted}\""))
}

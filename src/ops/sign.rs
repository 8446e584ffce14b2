//! `karat sign`, without printing.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::ledger::LedgerError;
use super::log::{Forbidden, Notices};
use crate::baseline::{
    Draft, ImageName, Ledger, OpenError, Serial, SerialError, Statement, StatementError,
};
use crate::envelope::{Envelope, EnvelopeError};
use crate::json::{self, JsonError};
use crate::key::{KeyId, Position, PublicKey, Role, Signer, SignerError, TrustRoot};
use crate::limits;
use crate::path::Escaped;
use crate::tree::Epoch;

/// What to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// A draft: it gets a serial.
    Draft(Box<Draft>),
    /// An Envelope: it gets a further signature.
    Envelope(Envelope),
}

/// How to sign.
#[derive(Debug)]
pub struct Request<'a> {
    /// What to sign.
    pub document: &'a Document,
    /// With which key.
    pub signer: &'a dyn Signer,
    /// Under which serial; else the one that the same draft has, else one more than the highest.
    pub serial: Option<Serial>,
    /// Until when it should count; part of what is signed.
    pub expires: Option<Epoch>,
    /// Whose keys may sign what: a key that may not is refused.
    pub trust: Option<&'a TrustRoot>,
    /// What the log says of keys and releases: a key that was revoked signs nothing.
    pub notices: Option<&'a Notices>,
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The Envelope with all its signatures.
    pub envelope: Envelope,
    /// The statement in it.
    pub statement: Statement,
    /// Whether the same draft had been signed before, and kept its serial.
    pub reused: bool,
    /// The highest serial of this image on record, where it is above this one.
    pub newer: Option<Serial>,
    /// What still keeps it from opening under the trust root: signatures of further keys, or a
    /// Receipt. `None` where it opens, or no trust root was given.
    pub missing: Option<OpenError>,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// No statement or draft.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// No Envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The signer did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The record of signatures says no.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no record to take the next serial from, and none was given.
    #[error("there is no record of earlier serials, so a serial must be given")]
    NoSerial,
    /// The serial is the last one.
    #[error("all serials of {0} are used up")]
    SerialsExhausted(ImageName),
    /// An Envelope's serial or expiry cannot be changed by signing it again.
    #[error("the envelope has serial {serial}: a further signature cannot change serial or expiry")]
    Fixed {
        /// Its serial.
        serial: Serial,
    },
    /// The trust root does not let this key sign this image.
    #[error("trust root {version} does not let key {} sign {name}", key.short())]
    NotAllowed {
        /// The trust root's version.
        version: u64,
        /// The key.
        key: KeyId,
        /// The image.
        name: ImageName,
    },
    /// The trust root ended the key.
    #[error("key {} signs no more: trust root {version} ended it from log entry {until} on{reason}", key.short())]
    Ended {
        /// The trust root's version.
        version: u64,
        /// The key.
        key: KeyId,
        /// The first log index for which it counts no more.
        until: u64,
        /// Why, in brackets, or nothing.
        reason: String,
    },
    /// A notice of the log forbids it.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The trust root demands a higher serial.
    #[error("serial {serial} of {name} is below {least}, the lowest that the trust root accepts")]
    BelowLeast {
        /// The image.
        name: ImageName,
        /// The serial.
        serial: Serial,
        /// The lowest that counts.
        least: u64,
    },
}

impl Document {
    /// Reads a draft (`.statement.json`) or an Envelope (`.dsse.json`), whichever it is.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(file: &[u8]) -> Result<Self, SignError> {
        #[derive(Deserialize)]
        struct Probe {
            payload: Option<IgnoredAny>,
        }
        let probe: Probe = json::read(file, limits::ENVELOPE_MAX)?;
        if probe.payload.is_some() {
            Ok(Envelope::parse(file)?.into())
        } else {
            Ok(Draft::parse(file)?.into())
        }
    }
}

impl From<Draft> for Document {
    fn from(draft: Draft) -> Self {
        Self::Draft(Box::new(draft))
    }
}

impl From<Envelope> for Document {
    fn from(envelope: Envelope) -> Self {
        Self::Envelope(envelope)
    }
}

/// Signs, and records what was signed.
///
/// The same draft, signed again, keeps its serial and gives the same Envelope; signing is
/// deterministic, so a run that was cut off can be repeated.
///
/// # Errors
/// Nothing was recorded and no Envelope was made.
pub fn sign<L>(request: &Request<'_>, ledger: Option<&mut L>) -> Result<Signed, SignError>
where
    L: Ledger<Error = LedgerError>,
{
    let name = match request.document {
        Document::Draft(draft) => draft.baseline().name.clone(),
        Document::Envelope(envelope) => {
            let statement = Statement::parse(&envelope.signed().payload)?;
            statement.baseline().name.clone()
        }
    };
    let record = ledger.as_deref();
    check_key(request, &name)?;
    let serials = record.map_or(Ok(Vec::new()), |record| record.serials(&name))?;
    let (mut envelope, statement, reused) = match request.document {
        Document::Envelope(envelope) => further(request, envelope)?,
        Document::Draft(draft) => match earlier(request, draft, record, &serials)? {
            Some(earlier) => earlier,
            None => first(request, draft, record.is_some(), serials.last().copied())?,
        },
    };
    let least = request
        .trust
        .map_or(0, |root| root.min_serial(name.as_str()));
    if statement.serial().get() < least {
        return Err(SignError::BelowLeast {
            name,
            serial: statement.serial(),
            least,
        });
    }
    if let Some(notices) = request.notices {
        notices.check_release(&name, statement.serial())?;
    }
    envelope.sign(request.signer)?;
    if let Some(ledger) = ledger {
        envelope = ledger.record(&envelope)?;
    }
    let highest = serials.last().copied();
    Ok(Signed {
        missing: request.trust.and_then(|root| envelope.open(root).err()),
        newer: highest.filter(|highest| *highest > statement.serial()),
        envelope,
        statement,
        reused,
    })
}

type Prepared = (Envelope, Statement, bool);

/// An Envelope that gets a further signature.
fn further(request: &Request<'_>, envelope: &Envelope) -> Result<Prepared, SignError> {
    let statement = Statement::parse(&envelope.signed().payload)?;
    let same_serial = request.serial.is_none_or(|it| it == statement.serial());
    let same_expiry = request.expires.is_none() || request.expires == statement.expires();
    // What is signed must be what a statement is signed as, not the same bytes under another type.
    let expected = statement.to_signed()?;
    if envelope.signed().payload_type != expected.payload_type {
        let found = envelope.signed().payload_type.clone();
        return Err(StatementError::Type(found).into());
    }
    if !same_serial || !same_expiry {
        return Err(SignError::Fixed {
            serial: statement.serial(),
        });
    }
    Ok((envelope.clone(), statement, false))
}

/// The Envelope that this very draft got before.
fn earlier<L>(
    request: &Request<'_>,
    draft: &Draft,
    record: Option<&L>,
    serials: &[Serial],
) -> Result<Option<Prepared>, SignError>
where
    L: Ledger<Error = LedgerError>,
{
    let Some(record) = record else {
        return Ok(None);
    };
    let wanted = |serial: &&Serial| request.serial.is_none_or(|wanted| wanted == **serial);
    for serial in serials.iter().rev().filter(wanted) {
        let Some(envelope) = record.envelope(&draft.baseline().name, *serial)? else {
            continue;
        };
        let statement = Statement::parse(&envelope.signed().payload)?;
        let same_expiry = request.expires.is_none() || request.expires == statement.expires();
        if statement.baseline() == draft.baseline() && same_expiry {
            return Ok(Some((envelope, statement, true)));
        }
    }
    Ok(None)
}

/// A draft that was never signed.
fn first(
    request: &Request<'_>,
    draft: &Draft,
    recorded: bool,
    highest: Option<Serial>,
) -> Result<Prepared, SignError> {
    let name = &draft.baseline().name;
    let serial = match request.serial {
        Some(serial) => serial,
        None if !recorded => return Err(SignError::NoSerial),
        None => {
            let least = request
                .trust
                .map_or(0, |root| root.min_serial(name.as_str()));
            let next = highest.map_or(1, |highest| highest.get().saturating_add(1));
            Serial::new(next.max(least))
                .map_err(|SerialError| SignError::SerialsExhausted(name.clone()))?
        }
    };
    let statement = draft.complete(serial, request.expires);
    let envelope = Envelope::new(statement.to_signed()?);
    Ok((envelope, statement, false))
}

fn check_key(request: &Request<'_>, name: &ImageName) -> Result<(), SignError> {
    let key = request.signer.public_key();
    if let Some(root) = request.trust {
        allowed(root, &key, name)?;
    }
    if let Some(notices) = request.notices {
        notices.check_key(&key)?;
    }
    Ok(())
}

/// Whether `root` lets `key` sign the image `name` today.
///
/// # Errors
/// It does not; an ended key is told as such.
pub fn allowed(root: &TrustRoot, key: &PublicKey, name: &ImageName) -> Result<(), SignError> {
    let role = root.role(Role::Baseline);
    let may = role.map(|role| role.for_image(name.as_str(), Position::Unlogged));
    if may.is_some_and(|keys| keys.contains(key)) {
        return Ok(());
    }
    let entry = role.and_then(|role| role.keys.iter().find(|it| it.key == *key));
    let (version, key) = (root.version(), key.id());
    Err(match entry.and_then(|entry| Some((entry.until?, entry))) {
        Some((until, entry)) => SignError::Ended {
            version,
            key,
            until,
            reason: entry
                .reason
                .as_ref()
                .map(|reason| format!(" ({})", Escaped(reason.as_bytes())))
                .unwrap_or_default(),
        },
        None => SignError::NotAllowed {
            version,
            key,
            name: name.clone(),
        },
    })
}

//! The one door from an Envelope to a statement to rely on.

use std::ops::Deref;

use super::{Serial, Statement, StatementError};
use crate::envelope::Envelope;
use crate::key::{Position, Quorum, Receipts, Role, ThresholdError, TrustRoot, threshold};
use crate::path::Escaped;
use crate::tlog::{Logged, LoggedEnvelope, ReceiptFault, locate};

/// Something that a threshold of the keys in charge signed. Only [`Envelope::open`] and
/// [`Envelope::open_logged`] make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    quorum: Quorum,
    root_version: u64,
    logged: Option<Logged>,
}

impl<T> Verified<T> {
    /// Who signed.
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// The version of the trust root that it was opened under.
    pub fn root_version(&self) -> u64 {
        self.root_version
    }

    /// Where it stands in the log; `None` where it was opened without a Receipt.
    pub fn logged(&self) -> Option<&Logged> {
        self.logged.as_ref()
    }

    /// The thing itself, without the proof.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Why an Envelope does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The payload is something else than a statement.
    #[error("the payload type is \"{}\", not that of a statement", Escaped(.0.as_bytes()))]
    PayloadType(String),
    /// Too few baseline keys signed, whatever the image.
    #[error("not trusted: {0}")]
    Threshold(ThresholdError),
    /// Enough keys signed, but too few of those that may sign this image.
    #[error("not trusted for the image {name}: {source}")]
    Image {
        /// The image's name.
        name: String,
        /// What the count among its keys found.
        source: ThresholdError,
    },
    /// Well signed, but not a statement about an image.
    #[error("signed, but {0}")]
    Statement(#[from] StatementError),
    /// The trust root demands a Receipt of the log, and there is none.
    #[error("the trust root demands a receipt of the log, and there is none")]
    ReceiptRequired,
    /// The Receipt does not prove that the Envelope was logged.
    #[error("not trusted: {0}")]
    Receipt(#[from] ReceiptFault),
    /// Below the lowest serial that the trust root lets count.
    #[error("serial {serial} of {name} is below {least}, the lowest that the trust root accepts")]
    Rollback {
        /// The image's name.
        name: String,
        /// Its serial.
        serial: Serial,
        /// The lowest that counts.
        least: u64,
    },
}

impl Envelope {
    /// Opens the envelope under `root`, without a Receipt: only keys that count today do, and a
    /// root that demands Receipts refuses.
    ///
    /// Signatures are checked before a byte of the payload is read. Then those of keys that may not
    /// sign *this* image are taken out, and the rest is counted again.
    ///
    /// # Errors
    /// The rule broken; whether the statement has expired is left to the caller, who knows his
    /// clock.
    pub fn open(&self, root: &TrustRoot) -> Result<Verified<Statement>, OpenError> {
        let required = |log: &crate::key::LogPolicy| log.receipt == Receipts::Required;
        if root.log().is_some_and(required) {
            return Err(OpenError::ReceiptRequired);
        }
        self.open_at(root, Position::Unlogged)
    }

    /// Opens the envelope under `root` with the file of its Receipt: those keys count that did at
    /// the index where the log has it, and those signatures that the log has.
    ///
    /// # Errors
    /// The Receipt does not prove that the Envelope was logged, or as [`Envelope::open`].
    pub fn open_logged(
        &self,
        root: &TrustRoot,
        receipt: &[u8],
    ) -> Result<Verified<Statement>, OpenError> {
        let LoggedEnvelope { envelope, logged } = locate(root, receipt, self)?;
        let mut verified = envelope.open_at(root, logged.position())?;
        verified.logged = Some(logged);
        Ok(verified)
    }

    fn open_at(
        &self,
        root: &TrustRoot,
        position: Position,
    ) -> Result<Verified<Statement>, OpenError> {
        let signed = self.signed();
        if signed.payload_type != Statement::PAYLOAD_TYPE {
            return Err(OpenError::PayloadType(signed.payload_type.clone()));
        }
        root.quorum(Role::Baseline, position, signed)
            .map_err(OpenError::Threshold)?;

        let statement = Statement::parse(&signed.payload)?;
        let name = statement.baseline().name.as_str();
        let role = root.role(Role::Baseline);
        let theirs = role.map(|role| role.for_image(name, position));
        let theirs = theirs.unwrap_or_default();
        let required = role.map_or(0, |role| role.threshold);
        let quorum = threshold(&signed.message(), &signed.claims, &theirs, required);
        let quorum = release(root, name, statement.serial(), quorum)?;
        Ok(Verified {
            value: statement,
            quorum,
            root_version: root.version(),
            logged: None,
        })
    }
}

/// What [`Envelope::open_logged`] says of a statement about `name` that stands in the log at `index`,
/// for who judges very many and knows already who made their signatures. Keys in `except` count for
/// nobody, whatever `root` says.
///
/// # Errors
/// Too few of the keys signed that may sign this image there, or its serial is too low.
#[cfg(feature = "build")]
pub fn judge(
    root: &TrustRoot,
    index: u64,
    by: &crate::key::Attribution,
    except: &std::collections::BTreeSet<crate::key::PublicKey>,
    name: &str,
    serial: Serial,
) -> Result<Quorum, OpenError> {
    let role = root.role(Role::Baseline);
    let theirs = role.map(|role| role.for_image(name, Position::Logged(index)));
    let mut theirs = theirs.unwrap_or_default();
    theirs.retain(|key| !except.contains(key));
    let quorum = by.count(&theirs, role.map_or(0, |role| role.threshold));
    release(root, name, serial, quorum)
}

/// The last two questions: did enough keys sign that may sign this image, and is it not too old.
fn release(
    root: &TrustRoot,
    name: &str,
    serial: Serial,
    counted: Result<Quorum, ThresholdError>,
) -> Result<Quorum, OpenError> {
    let quorum = counted.map_err(|source| OpenError::Image {
        name: name.to_owned(),
        source,
    })?;
    let least = root.min_serial(name);
    if serial.get() < least {
        return Err(OpenError::Rollback {
            name: name.to_owned(),
            serial,
            least,
        });
    }
    Ok(quorum)
}

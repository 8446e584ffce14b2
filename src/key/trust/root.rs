//! A trust root whose signatures were checked.

use super::{LogPolicy, Position, Role, RoleKeys, TrustDocument};
use crate::digest::Digest;
use crate::json::JsonError;
use crate::key::{KeyId, Quorum, Signed, ThresholdError, threshold};
use crate::path::Escaped;

/// Whose signatures count: a document that a threshold of root keys signed.
///
/// There are two ways to one: [`TrustRoot::pinned`], for the file that somebody chose to trust,
/// and [`TrustRoot::successor`], for the next version, which the present one must vouch for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRoot {
    document: TrustDocument,
    digest: Digest,
}

/// Why a trust root is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not the JSON that a trust root is.
    #[error("trust root: {0}")]
    Json(JsonError),
    /// The file is no DSSE envelope; says why.
    #[error("trust root: {0}")]
    Envelope(String),
    /// The payload is something else.
    #[error("the payload type is \"{}\", not that of a trust root", Escaped(.0.as_bytes()))]
    PayloadType(String),
    /// A later format, or none.
    #[error("\"{}\" is no format of trust roots that this karat knows", Escaped(.0.as_bytes()))]
    Spec(String),
    /// The payload is not in its one spelling.
    #[error("the trust root is not canonical JSON")]
    NotCanonical,
    /// Versions start at 1.
    #[error("a trust root's version is 1 or more")]
    VersionZero,
    /// A role that must be there is not.
    #[error("the role {0} is missing")]
    MissingRole(Role),
    /// The threshold is 0, or more than there are keys.
    #[error("the role {role} wants {threshold} of {keys} keys")]
    Threshold {
        /// Which role.
        role: Role,
        /// Its threshold.
        threshold: usize,
        /// How many keys it has to meet it with.
        keys: usize,
    },
    /// More keys in a role than are read.
    #[error("the role {0} has too many keys")]
    TooManyKeys(Role),
    /// Keys are ordered by their bytes, each once.
    #[error("the keys of the role {0} are not in order, or one is there twice")]
    KeysUnsorted(Role),
    /// A key has one purpose: what it signed for one role must not count for another.
    #[error("key {} is in two roles", .0.short())]
    KeyInTwoRoles(KeyId),
    /// Baseline keys name their images; no other key does.
    #[error("key {} of the role {role} {}", key.short(), if *role == Role::Baseline { "names no images" } else { "names images" })]
    Scope {
        /// Which role.
        role: Role,
        /// Which key.
        key: KeyId,
    },
    /// A key whose `until` lies before its `from`.
    #[error("key {} ends before it begins", .0.short())]
    Interval(KeyId),
    /// A reason for an end that is not there, or one that cannot be shown.
    #[error("the reason of key {} is without an end, longer than {} bytes, or holds control characters", .0.short(), crate::limits::REASON_MAX)]
    Reason(KeyId),
    /// Log and witness keys carry their checkpoint name.
    #[error("key {} of the role {role} has no name", key.short())]
    Unnamed {
        /// Which role.
        role: Role,
        /// Which key.
        key: KeyId,
    },
    /// A name that no checkpoint can hold.
    #[error("\"{}\" cannot be a name in the role {role}", Escaped(name.as_bytes()))]
    Name {
        /// Which role.
        role: Role,
        /// The name.
        name: String,
    },
    /// Too few of its own root keys signed it.
    #[error("trust root {version}, signed by its own root keys: {source}")]
    Own {
        /// Its version.
        version: u64,
        /// What the count found.
        source: ThresholdError,
    },
    /// Too few of the root keys before it signed it.
    #[error("next trust root, signed by the root keys of version {version}: {source}")]
    Predecessor {
        /// The version before.
        version: u64,
        /// What the count found.
        source: ThresholdError,
    },
    /// A version was skipped, repeated or replayed.
    #[error("trust root {found} cannot follow {present}: the next version is {}", present.saturating_add(1))]
    Version {
        /// The version trusted now.
        present: u64,
        /// The version offered.
        found: u64,
    },
    /// A key was dropped, began another time, or was brought back.
    #[error("key {} of the role {role} was dropped or lives longer than before; keys are ended, never deleted", key.short())]
    KeyHistory {
        /// Which role.
        role: Role,
        /// Which key.
        key: KeyId,
    },
    /// The lowest serial of an image went down.
    #[error("the lowest serial of {} went down", Escaped(.0.as_bytes()))]
    MinSerial(String),
    /// Log indices mean another log now.
    #[error("the log's origin changed, so the indices of keys would mean something else")]
    LogChanged,
}

impl TrustRoot {
    /// Accepts the trust root that somebody chose to trust: a threshold of its own root keys must
    /// have signed it, which proves that it is whole, and nothing about who they are.
    ///
    /// # Errors
    /// It breaks a rule of its format, or too few signed.
    pub fn pinned(signed: &Signed) -> Result<Self, TrustError> {
        let document = TrustDocument::read(signed)?;
        let root = Self {
            document,
            digest: Digest::of(&signed.payload),
        };
        root.check_signed(signed)
            .map_err(|source| TrustError::Own {
                version: root.version(),
                source,
            })?;
        Ok(root)
    }

    /// Accepts the next version: signed by a threshold of this one's root keys, which is asked
    /// before a byte of it is read, and by a threshold of its own.
    ///
    /// # Errors
    /// Too few signed, the version is not the next, or history was rewritten.
    pub fn successor(&self, next: &Signed) -> Result<Self, TrustError> {
        self.check_signed(next)
            .map_err(|source| TrustError::Predecessor {
                version: self.version(),
                source,
            })?;
        let next = Self::pinned(next)?;
        self.document.check_follows(&next.document)?;
        Ok(next)
    }

    fn check_signed(&self, signed: &Signed) -> Result<(), ThresholdError> {
        self.quorum(Role::Root, Position::Unlogged, signed)
            .map(drop)
    }

    /// Asks whether a threshold of those keys of `role` made `signed` that count at `position`. Nothing
    /// of the payload is read.
    ///
    /// # Errors
    /// Too few did, or nobody has the role: nothing is ever proven by nobody.
    pub fn quorum(
        &self,
        role: Role,
        position: Position,
        signed: &Signed,
    ) -> Result<Quorum, ThresholdError> {
        let keys = self.role(role);
        let authorised = keys.map(|keys| keys.at(position)).unwrap_or_default();
        let required = keys.map_or(0, |keys| keys.threshold);
        threshold(&signed.message(), &signed.claims, &authorised, required)
    }

    /// Its version.
    pub fn version(&self) -> u64 {
        self.document.version
    }

    /// When it should have been replaced, in seconds since 1970.
    pub fn expires(&self) -> Option<u64> {
        self.document.expires
    }

    /// SHA-256 of its payload: its name in statements. Further signatures do not change it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The keys of a role; `None` where nobody has it.
    pub fn role(&self, role: Role) -> Option<&RoleKeys> {
        self.document.roles.get(&role)
    }

    /// The log, where there is one.
    pub fn log(&self) -> Option<&LogPolicy> {
        self.document.log.as_ref()
    }

    /// The lowest serial of the image `name` that counts; 0 where nothing is said.
    pub fn min_serial(&self, name: &str) -> u64 {
        self.document.least_serial(name)
    }

    /// All that it says: for showing it, and as the start of its successor.
    pub fn document(&self) -> &TrustDocument {
        &self.document
    }
}

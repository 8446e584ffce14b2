//! What the notices of a log forbid.

use std::collections::{BTreeMap, BTreeSet};

use crate::baseline::{ImageName, Serial, Statement};
use crate::envelope::Envelope;
use crate::key::{KeyId, Position, PublicKey, Role, TrustRoot, threshold};
use crate::log::{Notice, OpenedNotice};
use crate::ops::ledger::{DirectoryLedger, LedgerError};
use crate::path::Escaped;

/// The notices of a log that count under a trust root, with their indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices(Vec<(u64, OpenedNotice)>);

/// What a notice forbids.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The key was revoked.
    #[error("key {} signs nothing more: log entry {index} revoked it from entry {from} on ({})", key.short(), Escaped(reason.as_bytes()))]
    Revoked {
        /// Which key.
        key: KeyId,
        /// Where the revocation stands.
        index: u64,
        /// The first log index for which the key counts no more.
        from: u64,
        /// Why.
        reason: String,
    },
    /// The release was retired.
    #[error("serial {serial} of {name} was retired by log entry {index} ({})", Escaped(reason.as_bytes()))]
    Retired {
        /// Which image.
        name: ImageName,
        /// Which release.
        serial: Serial,
        /// Where the retirement stands.
        index: u64,
        /// Why.
        reason: String,
    },
}

impl Notices {
    /// The notices on record that count under `root`, whose newest version says who was in charge at
    /// which index. What nobody in charge signed says nothing.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn of(ledger: &DirectoryLedger, root: &TrustRoot) -> Result<Self, LedgerError> {
        let open = |(index, envelope): (u64, Envelope)| {
            let opened = Notice::open(root, &envelope, Position::Logged(index));
            Some((index, opened.ok()?))
        };
        Ok(Self(
            ledger.notices()?.into_iter().filter_map(open).collect(),
        ))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that no notice revoked `key`.
    ///
    /// # Errors
    /// One did; the earliest is told.
    pub fn check_key(&self, key: &PublicKey) -> Result<(), Forbidden> {
        self.revoked().remove(key).map_or(Ok(()), Err)
    }

    /// The first log index for which a revoked key counts no more; `None` where none revoked it.
    pub fn revoked_from(&self, key: KeyId) -> Option<u64> {
        self.0.iter().find_map(|(index, notice)| match &**notice {
            Notice::Revoke(revocation) if revocation.key.id() == key => {
                Some(revocation.counts_from(*index))
            }
            _ => None,
        })
    }

    /// Checks that no notice retired the release.
    ///
    /// # Errors
    /// One did; the earliest is told.
    pub fn check_release(&self, name: &ImageName, serial: Serial) -> Result<(), Forbidden> {
        for (index, notice) in &self.0 {
            if let Notice::Retire(retirement) = &**notice
                && retirement.covers(name, serial)
            {
                return Err(Forbidden::Retired {
                    name: name.clone(),
                    serial,
                    index: *index,
                    reason: retirement.reason.clone(),
                });
            }
        }
        Ok(())
    }

    /// Checks that an Envelope may be logged now: its release was not retired, and it was not signed
    /// by revoked keys alone. A further signature of a key that counts makes it one of that key's.
    ///
    /// # Errors
    /// The notice that forbids it.
    pub(super) fn check_envelope(
        &self,
        root: &TrustRoot,
        envelope: &Envelope,
        statement: &Statement,
    ) -> Result<(), Forbidden> {
        self.check_release(&statement.baseline().name, statement.serial())?;
        let (signed, mut revoked) = (envelope.signed(), self.revoked());
        let message = signed.message();
        let signers = |keys: &BTreeSet<PublicKey>| {
            threshold(&message, &signed.claims, keys, 1)
                .ok()
                .and_then(|quorum| quorum.keys().next().copied())
        };
        let role = root.role(Role::Baseline);
        let others: BTreeSet<PublicKey> = role
            .into_iter()
            .flat_map(|role| &role.keys)
            .map(|key| key.key)
            .filter(|key| !revoked.contains_key(key))
            .collect();
        let theirs = revoked.keys().copied().collect();
        match signers(&theirs) {
            Some(key) if signers(&others).is_none() => revoked.remove(&key).map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    /// The revoked keys, each with the earliest revocation.
    fn revoked(&self) -> BTreeMap<PublicKey, Forbidden> {
        let mut revoked = BTreeMap::new();
        for (index, notice) in &self.0 {
            if let Notice::Revoke(revocation) = &**notice {
                revoked
                    .entry(revocation.key)
                    .or_insert_with(|| Forbidden::Revoked {
                        key: revocation.key.id(),
                        index: *index,
                        from: revocation.counts_from(*index),
                        reason: revocation.reason.clone(),
                    });
            }
        }
        revoked
    }
}

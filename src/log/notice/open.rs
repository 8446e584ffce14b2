//! The one door from an envelope to a notice to heed.

use std::ops::Deref;

use super::{Notice, NoticeError, Revocation, wire};
use crate::envelope::Envelope;
use crate::key::{Position, Quorum, Role, TrustRoot};

/// A notice that a threshold of the keys in charge signed. Only [`Notice::open`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedNotice {
    notice: Notice,
    role: Role,
    quorum: Quorum,
}

impl Notice {
    /// The role whose word a notice at `position` is: `revoke`, or `root` where no key of the role
    /// `revoke` counts there.
    pub fn role_in_charge(root: &TrustRoot, position: Position) -> Role {
        let revokers = root.role(Role::Revoke);
        if revokers.is_some_and(|role| !role.at(position).is_empty()) {
            Role::Revoke
        } else {
            Role::Root
        }
    }

    /// Opens the notice that `envelope` holds under `root`, for the place in the log that it has: a
    /// threshold of those keys of the role in charge must have signed it that count there.
    ///
    /// Signatures are checked before a byte of the payload is read.
    ///
    /// # Errors
    /// The rule broken.
    pub fn open(
        root: &TrustRoot,
        envelope: &Envelope,
        position: Position,
    ) -> Result<OpenedNotice, NoticeError> {
        let signed = envelope.signed();
        if signed.payload_type != Self::PAYLOAD_TYPE {
            return Err(NoticeError::PayloadType(signed.payload_type.clone()));
        }
        let role = Self::role_in_charge(root, position);
        let quorum = root
            .quorum(role, position, signed)
            .map_err(|source| NoticeError::Threshold { role, source })?;
        let (found, notice) = wire::read(signed)?;
        let expected = &root.log().ok_or(NoticeError::NoLog)?.origin;
        if found != *expected {
            let expected = expected.clone();
            return Err(NoticeError::OtherLog { expected, found });
        }
        if let (
            Self::Revoke(Revocation {
                from: Some(from), ..
            }),
            Position::Logged(index),
        ) = (&notice, position)
            && *from > index
        {
            return Err(NoticeError::Later { index, from: *from });
        }
        Ok(OpenedNotice {
            notice,
            role,
            quorum,
        })
    }
}

impl OpenedNotice {
    /// Whose word it is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Who signed.
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// The notice itself, without the proof.
    pub fn into_inner(self) -> Notice {
        self.notice
    }
}

impl Deref for OpenedNotice {
    type Target = Notice;

    fn deref(&self) -> &Notice {
        &self.notice
    }
}

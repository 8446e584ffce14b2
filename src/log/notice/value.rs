//! What a notice says.

use crate::baseline::{ImageName, Serial};
use crate::key::PublicKey;
use crate::tlog::Kind;

/// What somebody says. Anybody can write one: it means nothing until [`Notice::open`] has checked who
/// signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A key counts no more.
    Revoke(Revocation),
    /// Releases should be used no more.
    Retire(Retirement),
}

/// A key counts no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Which key.
    pub key: PublicKey,
    /// The first log index for which it counts no more; absent: the notice's own.
    pub from: Option<u64>,
    /// Why, in the words of who says so.
    pub reason: String,
}

/// Releases of one image should be used no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// Which image.
    pub image: ImageName,
    /// The first serial.
    pub from: Serial,
    /// The last serial: the same one, or a later.
    pub through: Serial,
    /// Why, in the words of who says so.
    pub reason: String,
}

impl Notice {
    /// The kind of the log entry that holds it.
    pub fn kind(&self) -> Kind<'static> {
        match self {
            Self::Revoke(_) => Kind::Revoke,
            Self::Retire(_) => Kind::Retire,
        }
    }

    /// Why, in the words of who says so.
    pub fn reason(&self) -> &str {
        match self {
            Self::Revoke(revocation) => &revocation.reason,
            Self::Retire(retirement) => &retirement.reason,
        }
    }
}

impl Revocation {
    /// The first log index for which the key counts no more, of a notice that stands at `index`.
    pub fn counts_from(&self, index: u64) -> u64 {
        self.from.unwrap_or(index)
    }
}

impl Retirement {
    /// Whether it means that release.
    pub fn covers(&self, image: &ImageName, serial: Serial) -> bool {
        self.image == *image && (self.from..=self.through).contains(&serial)
    }
}

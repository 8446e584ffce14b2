//! A register of a TPM, in both banks.

use super::Digests;
use crate::digest::Digest;
use crate::image::measure::Digest384;

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Register(Digests);

impl Register {
    /// All zeros: what PCR 0 to 15 hold when the machine starts.
    pub(super) const ZERO: Self = Self(Digests {
        sha256: Digest::from_bytes([0; Digest::LEN]),
        sha384: Digest384::from_bytes([0; 48]),
    });

    /// Extends it by the digests of an event (TPM 2.0 Library, Part 1, section 17.2).
    #[must_use]
    pub(super) fn extend(self, event: &Digests) -> Self {
        Self(Digests::of_each(
            [self.0.sha256.as_bytes(), event.sha256.as_bytes()],
            [self.0.sha384.as_bytes(), event.sha384.as_bytes()],
        ))
    }

    /// Extends it by the digests of these bytes.
    #[must_use]
    pub(super) fn measure(self, event: &[u8]) -> Self {
        self.extend(&Digests::of(event))
    }

    /// Its values.
    pub(super) fn values(self) -> Digests {
        self.0
    }
}

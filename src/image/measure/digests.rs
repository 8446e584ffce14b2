//! Digests of both banks at once.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha384};

use crate::digest::{Digest, Hasher};
use crate::layout::Source;
use crate::layout::pe::{Image, PeError, Section};

/// A SHA-384 digest (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest384([u8; 48]);

/// The same bytes' digests for the banks that karat predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Digests {
    /// SHA-256.
    pub sha256: Digest,
    /// SHA-384.
    pub sha384: Digest384,
}

/// Takes bytes for both.
#[derive(Default)]
struct Both {
    sha256: Hasher,
    sha384: Sha384,
}

impl Digests {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut both = Both::default();
        both.update(bytes);
        both.finish()
    }

    /// What firmware computes of an image: [`Image::authenticode`].
    ///
    /// # Errors
    /// It cannot be read.
    pub fn authenticode<S: Source + ?Sized>(image: &Image, source: &S) -> Result<Self, PeError> {
        let mut both = Both::default();
        image.authenticode(source, &mut |some| both.update(some))?;
        Ok(both.finish())
    }

    /// Of what a section has in memory.
    ///
    /// # Errors
    /// As [`Section::each`].
    pub fn section<S: Source + ?Sized>(section: &Section, source: &S) -> Result<Self, PeError> {
        let mut both = Both::default();
        section.each(source, &mut |some| both.update(some))?;
        Ok(both.finish())
    }

    /// Of these bytes, one after the other: for each bank its own.
    pub(super) fn of_each(sha256: [&[u8]; 2], sha384: [&[u8]; 2]) -> Self {
        let mut both = Both::default();
        for bytes in sha256 {
            both.sha256.update(bytes);
        }
        for bytes in sha384 {
            Sha384::update(&mut both.sha384, bytes);
        }
        both.finish()
    }
}

impl Both {
    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        Sha384::update(&mut self.sha384, bytes);
    }

    fn finish(self) -> Digests {
        Digests {
            sha256: self.sha256.finish(),
            sha384: Digest384(self.sha384.finalize().into()),
        }
    }
}

impl Digest384 {
    /// Takes bytes that already are a digest.
    pub const fn from_bytes(bytes: [u8; 48]) -> Self {
        Self(bytes)
    }

    /// The 48 bytes.
    pub const fn as_bytes(&self) -> &[u8; 48] {
        &self.0
    }
}

impl fmt::Display for Digest384 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest384 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest384({self})")
    }
}

impl Serialize for Digest384 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

//! The document: `docs/formats/measure.md`, `docs/schemas/measure.schema.json`.

use serde::Serialize;

use super::{Digests, MeasuredSection};

/// What a unified kernel image measures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measurements {
    /// [`Measurements::FORMAT`].
    pub format: &'static str,
    /// The stub's version.
    pub stub: String,
    /// `x64` or `aa64`.
    pub architecture: &'static str,
    /// The Authenticode digests of the image.
    pub authenticode: Digests,
    /// Those of the boot loader, where one was given.
    pub loader: Option<Digests>,
    /// The image's sections, in the order of the file.
    pub sections: Vec<MeasuredSection>,
    /// Values of registers, sorted by register; of PCR 4 and 11 several, each with its `when`.
    pub pcrs: Vec<Pcr>,
    /// Registers that the image does not decide, with the reason.
    pub undetermined: Vec<Undetermined>,
}

/// A register's value at some time, or under some condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pcr {
    /// Its number.
    pub pcr: u8,
    /// When it has this value: of PCR 11 the phases so far, separated by `:`.
    pub when: String,
    /// The value in the bank of SHA-256 and in that of SHA-384.
    #[serde(flatten)]
    pub values: Digests,
}

/// A register whose value is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undetermined {
    /// Its number.
    pub pcr: u8,
    /// Why.
    pub reason: String,
}

impl Measurements {
    /// The format and its version.
    pub const FORMAT: &'static str = "karat-measure/1";

    /// As a file: JSON with two blanks for each level, and a line feed at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The value of a register at this time.
    pub fn value(&self, pcr: u8, when: &str) -> Option<&Digests> {
        let mut found = self.pcrs.iter();
        found
            .find(|one| one.pcr == pcr && one.when == when)
            .map(|one| &one.values)
    }
}

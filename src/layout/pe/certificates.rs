//! The certificate table: signatures that the digest does not cover.

use std::ops::Range;

use super::PeError;
use super::field::{array, u16_at, u32_at};
use crate::layout::Source;

/// An entry of the certificate table (`WIN_CERTIFICATE`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Certificate {
    /// `wRevision`: 0x0200 for all that firmware reads.
    pub revision: u16,
    /// `wCertificateType`: 0x0002 for PKCS#7 `SignedData`.
    pub kind: u16,
    /// Where its own bytes lie in the file.
    pub bytes: Range<u64>,
}

/// Length of an entry's head: `dwLength`, `wRevision`, `wCertificateType`.
const HEAD: u64 = 8;
/// Entries begin at multiples of this.
const ALIGN: u64 = 8;
/// Most entries: signers are people, vendors and distributions.
const ENTRIES_MAX: usize = 16;

/// Reads the entries between two offsets of the file.
pub(super) fn read<S: Source + ?Sized>(
    source: &S,
    table: &Range<u64>,
) -> Result<Vec<Certificate>, PeError> {
    let mut found = Vec::new();
    let mut at = table.start;
    while at < table.end {
        if found.len() == ENTRIES_MAX {
            return Err(PeError::Certificates("it has more than 16 entries"));
        }
        let head: [u8; 8] = array(source, at)?;
        let length = u64::from(u32_at(&head, 0));
        let next = length
            .checked_next_multiple_of(ALIGN)
            .and_then(|length| at.checked_add(length))
            .filter(|next| length > HEAD && *next <= table.end)
            .ok_or(PeError::Certificates("an entry leaves it, or is empty"))?;
        found.push(Certificate {
            revision: u16_at(&head, 4),
            kind: u16_at(&head, 6),
            bytes: at.saturating_add(HEAD)..at.saturating_add(length),
        });
        at = next;
    }
    Ok(found)
}

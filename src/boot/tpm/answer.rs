//! What all answers have in common (Part 1, section 18).

use crate::path::Escaped;

/// Why a TPM did not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TpmError {
    /// More than an event holds.
    #[error("an event for the TPM has at most 1024 bytes")]
    TooLong,
    /// Its answer is shorter than an answer, or of another length than it says.
    #[error("the TPM's answer is none: \"{}\"", Escaped(.0))]
    NoAnswer(Vec<u8>),
    /// It refused.
    #[error("the TPM refused with the response code {0:#x}")]
    Refused(u32),
}

/// Whether the TPM did it: its answer has a tag, the answer's size, and a response code, which is 0.
///
/// # Errors
/// It refused, or what came is no answer.
pub fn check(answer: &[u8]) -> Result<(), TpmError> {
    body(answer).map(drop)
}

/// What stands behind tag, size and response code.
pub(super) fn body(answer: &[u8]) -> Result<&[u8], TpmError> {
    let field = |at: usize| {
        let bytes = answer.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes))
    };
    match (field(2), field(6)) {
        (Some(size), Some(code)) if usize::try_from(size) == Ok(answer.len()) => match code {
            0 => Ok(answer.get(10..).unwrap_or_default()),
            code => Err(TpmError::Refused(code)),
        },
        _ => Err(none(answer)),
    }
}

/// What came is no answer.
pub(super) fn none(answer: &[u8]) -> TpmError {
    let start = answer.get(..64).unwrap_or(answer);
    TpmError::NoAnswer(start.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let answer = |size: u32, code: u32, more: usize| {
            let mut bytes = vec![0x80, 0x02];
            bytes.extend(size.to_be_bytes());
            bytes.extend(code.to_be_bytes());
            bytes.resize(10 + more, 0);
            bytes
        };
        assert_eq!(check(&answer(10, 0, 0)), Ok(()));
        assert_eq!(check(&answer(40, 0, 30)), Ok(()));
        assert_eq!(body(&answer(12, 0, 2)), Ok(&[0, 0][..]));
        assert_eq!(check(&answer(10, 0x921, 0)), Err(TpmError::Refused(0x921)));
        for bytes in [vec![], vec![0; 9], answer(10, 0, 1), answer(u32::MAX, 0, 0)] {
            assert!(
                matches!(check(&bytes), Err(TpmError::NoAnswer(_))),
                "{bytes:?}"
            );
        }
    }
}

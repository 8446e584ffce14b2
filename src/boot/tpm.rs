//! The one command that the initrd gives a TPM, as bytes (TCG, TPM 2.0 Library, Part 3: Commands).
//!
//! `TPM2_PCR_Event` hands the TPM the event itself: it extends the register in every bank that is
//! active, each by its own hash of the event. So no bank is left in which somebody else could say
//! the same later, and nothing here needs to know which banks there are.

use crate::path::Escaped;

/// The register of the verdict: karat's alone.
pub const PCR_VERDICT: u8 = 8;
/// The register of the unified kernel image and of the phases of the boot, as systemd's stub and
/// `systemd-pcrphase` use it.
pub const PCR_BOOT: u8 = 11;
/// The phase that begins when the initrd does (systemd-pcrphase.service(8)).
pub const ENTER_INITRD: &[u8] = b"enter-initrd";
/// The phase that begins when the root takes over.
pub const LEAVE_INITRD: &[u8] = b"leave-initrd";

/// Longest event (`TPM2B_EVENT`).
const EVENT_MAX: usize = 1024;
/// `TPM_ST_SESSIONS`: the command brings an authorization along.
const SESSIONS: [u8; 2] = [0x80, 0x02];
/// `TPM_CC_PCR_Event`.
const PCR_EVENT: [u8; 4] = [0x00, 0x00, 0x01, 0x3c];
/// The length of an authorization, and it: `TPM_RS_PW`, no nonce, no attributes, the empty password.
const NO_PASSWORD: [u8; 13] = [0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0];

/// Why a TPM did not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TpmError {
    /// More than an event holds.
    #[error("an event for the TPM has at most {EVENT_MAX} bytes")]
    TooLong,
    /// Its answer is shorter than an answer, or of another length than it says.
    #[error("the TPM's answer is none: \"{}\"", Escaped(.0))]
    NoAnswer(Vec<u8>),
    /// It refused.
    #[error("the TPM refused with the response code {0:#x}")]
    Refused(u32),
}

/// The command that extends the register `pcr` by `event`.
///
/// # Errors
/// The event is too long.
pub fn pcr_event(pcr: u8, event: &[u8]) -> Result<Vec<u8>, TpmError> {
    let length = u16::try_from(event.len()).ok();
    let length = length.filter(|_| event.len() <= EVENT_MAX);
    let length = length.ok_or(TpmError::TooLong)?;
    let body = [
        &PCR_EVENT[..],
        &u32::from(pcr).to_be_bytes(),
        &NO_PASSWORD,
        &length.to_be_bytes(),
        event,
    ]
    .concat();
    let size = u32::try_from(body.len()).ok().ok_or(TpmError::TooLong)?;
    let size = size.saturating_add(6);
    Ok([&SESSIONS[..], &size.to_be_bytes(), &body].concat())
}

/// Whether the TPM did it: its answer has a tag, the answer's size, and a response code, which is 0.
///
/// # Errors
/// It refused, or what came is no answer.
pub fn check(answer: &[u8]) -> Result<(), TpmError> {
    let field = |at: usize| {
        let bytes = answer.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes))
    };
    match (field(2), field(6)) {
        (Some(size), Some(code)) if usize::try_from(size) == Ok(answer.len()) => match code {
            0 => Ok(()),
            code => Err(TpmError::Refused(code)),
        },
        _ => {
            let start = answer.get(..64).unwrap_or(answer);
            Err(TpmError::NoAnswer(start.to_vec()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_as_the_specification_has_it() {
        // Part 3, section 22.3: tag, size, code, register, authorization, event.
        let expected = "8002000000290000013c0000000b00000009400000090000000000000c";
        let command = pcr_event(PCR_BOOT, ENTER_INITRD).unwrap();
        let (head, event) = command.split_at(expected.len() / 2);
        let hex = head.iter().map(|byte| format!("{byte:02x}"));
        assert_eq!(hex.collect::<Vec<_>>().concat(), expected);
        assert_eq!(event, ENTER_INITRD);
        assert_eq!(command.len(), 0x29);
        assert!(pcr_event(8, &[0; 1024]).is_ok());
        assert_eq!(pcr_event(8, &[0; 1025]), Err(TpmError::TooLong));
    }

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
        assert_eq!(check(&answer(10, 0x921, 0)), Err(TpmError::Refused(0x921)));
        for bytes in [vec![], vec![0; 9], answer(10, 0, 1), answer(u32::MAX, 0, 0)] {
            assert!(
                matches!(check(&bytes), Err(TpmError::NoAnswer(_))),
                "{bytes:?}"
            );
        }
    }
}

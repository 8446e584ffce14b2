//! Telling a TPM what happened.
//!
//! `TPM2_PCR_Event` hands the TPM the event itself: it extends the register in every bank that is
//! active, each by its own hash of the event. So no bank is left in which somebody else could say
//! the same later, and nothing here needs to know which banks there are.

use super::answer::TpmError;
use super::command::{NO_PASSWORD, SESSIONS, command};

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
/// `TPM_CC_PCR_Event`.
const PCR_EVENT: u32 = 0x13c;

/// The command that extends the register `pcr` by `event`.
///
/// # Errors
/// The event is too long.
pub fn pcr_event(pcr: u8, event: &[u8]) -> Result<Vec<u8>, TpmError> {
    let length = u16::try_from(event.len()).ok();
    let length = length.filter(|_| event.len() <= EVENT_MAX);
    let length = length.ok_or(TpmError::TooLong)?;
    let parts: [&[u8]; 4] = [
        &u32::from(pcr).to_be_bytes(),
        &NO_PASSWORD,
        &length.to_be_bytes(),
        event,
    ];
    Ok(command(SESSIONS, PCR_EVENT, &parts))
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
}

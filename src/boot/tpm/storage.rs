//! The few bytes that a TPM keeps over boots: an NV index (Part 1, section 37; Part 3, section 31).
//!
//! An index of karat's may be read by anybody, and written as a whole by anybody until it is locked;
//! then by nobody until the machine starts again. Owner and platform cannot write it either; but whoever
//! has the owner's password, which is empty where nobody set one, can remove it.

use super::answer::{TpmError, body, none};
use super::command::{NO_PASSWORD, NO_SESSIONS, SESSIONS, command};

/// What a TPM says of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// There is none.
    Missing,
    /// One as [`define`] makes it.
    Ours {
        /// Whether anything was written to it.
        is_written: bool,
    },
    /// Somebody else's, or made anew by somebody: another size or other rules.
    Foreign,
}

/// `TPM_CC_NV_ReadPublic`, `_DefineSpace`, `_Read`, `_Write`, `_WriteLock`.
const READ_PUBLIC: u32 = 0x169;
const DEFINE: u32 = 0x12a;
const READ: u32 = 0x14e;
const WRITE: u32 = 0x137;
const WRITE_LOCK: u32 = 0x138;
/// `TPM_RH_OWNER`.
const OWNER: u32 = 0x4000_0001;
/// `TPM_ALG_SHA256`, by which a TPM names an index.
const SHA256: u16 = 0x000b;
/// `TPMA_NV` (Part 2, section 13.4): `AUTHWRITE`, `WRITEALL`, `WRITE_STCLEAR`, `OWNERREAD`,
/// `AUTHREAD`, `NO_DA`; the password of the index is empty, and guessing it locks nobody out.
const RULES: u32 = 1 << 2 | 1 << 12 | 1 << 14 | 1 << 17 | 1 << 18 | 1 << 25;
/// `WRITELOCKED`, and `WRITTEN`: what the TPM adds.
const LOCKED: u32 = 1 << 11;
const WRITTEN: u32 = 1 << 29;
/// `TPM_RC_HANDLE`, and the bits of a response code that say which rule was broken, and that a handle
/// broke it (Part 2, section 6.6).
const NO_HANDLE: u32 = 0x8b;
const RULE: u32 = 0xff;

/// Asks what the index is.
pub fn read_public(handle: u32) -> Vec<u8> {
    command(NO_SESSIONS, READ_PUBLIC, &[&handle.to_be_bytes()])
}

/// Makes an index of `size` bytes, by the owner's empty password.
pub fn define(handle: u32, size: u16) -> Vec<u8> {
    let public = public(handle, size);
    // All of its parts have a fixed size: 14 bytes.
    let length = u16::try_from(public.len()).unwrap_or(u16::MAX);
    let parts: [&[u8]; 5] = [
        &OWNER.to_be_bytes(),
        &NO_PASSWORD,
        // The password of the index.
        &[0, 0],
        &length.to_be_bytes(),
        &public,
    ];
    command(SESSIONS, DEFINE, &parts)
}

/// Asks for all of an index of `size` bytes.
pub fn read(handle: u32, size: u16) -> Vec<u8> {
    let size = size.to_be_bytes();
    of_index(READ, handle, &[&size, &[0, 0]])
}

/// Writes all of an index; `bytes` has as many as it.
pub fn write(handle: u32, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    of_index(WRITE, handle, &[&length.to_be_bytes(), bytes, &[0, 0]])
}

/// Lets nobody write to the index any more until the machine starts again.
pub fn write_lock(handle: u32) -> Vec<u8> {
    of_index(WRITE_LOCK, handle, &[])
}

/// The answer to [`read_public`], for an index of `size` bytes.
///
/// # Errors
/// It is no answer, or another refusal than that there is no such index.
pub fn index(answer: &[u8], handle: u32, size: u16) -> Result<Index, TpmError> {
    let body = match body(answer) {
        Err(TpmError::Refused(code)) if code & RULE == NO_HANDLE => return Ok(Index::Missing),
        body => body?,
    };
    // `TPM2B_NV_PUBLIC`; the name of the index follows.
    let found = sized(body).ok_or_else(|| none(answer))?;
    let wanted = public(handle, size);
    let place = 6..10;
    let rules = found
        .get(place.clone())
        .and_then(|it| it.first_chunk::<4>());
    let rules = rules.map_or(0, |rules| u32::from_be_bytes(*rules));
    let mut plain = found.to_vec();
    if let Some(it) = plain.get_mut(place) {
        it.copy_from_slice(&(rules & !(LOCKED | WRITTEN)).to_be_bytes());
    }
    Ok(if plain == wanted {
        Index::Ours {
            is_written: rules & WRITTEN != 0,
        }
    } else {
        Index::Foreign
    })
}

/// The answer to [`read`]: what the index holds.
///
/// # Errors
/// It is no answer, or the TPM refused.
pub fn stored(answer: &[u8]) -> Result<&[u8], TpmError> {
    // The size of all parameters, of which there is one; an authorization follows.
    let parameters = body(answer)?.get(4..);
    parameters.and_then(sized).ok_or_else(|| none(answer))
}

/// `TPMS_NV_PUBLIC`: index, how it is named, rules, no policy, size.
fn public(handle: u32, size: u16) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        &handle.to_be_bytes(),
        &SHA256.to_be_bytes(),
        &RULES.to_be_bytes(),
        &[0, 0],
        &size.to_be_bytes(),
    ];
    parts.concat()
}

/// A command on the index by its own password, the empty one.
fn of_index(code: u32, handle: u32, parts: &[&[u8]]) -> Vec<u8> {
    let handle = handle.to_be_bytes();
    let parts = parts.concat();
    command(SESSIONS, code, &[&handle, &handle, &NO_PASSWORD, &parts])
}

/// The bytes behind their length in two bytes.
fn sized(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDLE: u32 = 0x01a1_b2c3;

    fn hex(bytes: &[u8]) -> String {
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<Vec<_>>().concat()
    }

    #[test]
    fn commands_as_the_specification_has_them() {
        let password = "00000009400000090000000000";
        let twice = "01a1b2c301a1b2c3";
        assert_eq!(hex(&read_public(HANDLE)), "80010000000e0000016901a1b2c3");
        assert_eq!(
            hex(&define(HANDLE, 56)),
            format!("80020000002d0000012a40000001{password}0000000e01a1b2c3000b0206500400000038")
        );
        assert_eq!(
            hex(&read(HANDLE, 56)),
            format!("8002000000230000014e{twice}{password}00380000")
        );
        assert_eq!(
            hex(&write(HANDLE, b"ab")),
            format!("80020000002500000137{twice}{password}000261620000")
        );
        assert_eq!(
            hex(&write_lock(HANDLE)),
            format!("80020000001f00000138{twice}{password}")
        );
    }

    fn answer(code: u32, body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(10 + body.len()).unwrap();
        [
            &[0x80, 1],
            &size.to_be_bytes()[..],
            &code.to_be_bytes(),
            body,
        ]
        .concat()
    }

    #[test]
    fn what_an_index_is() {
        let said = |rules: u32, size: u16, handle| {
            let mut public = public(handle, size);
            public[6..10].copy_from_slice(&rules.to_be_bytes());
            // The name follows, which is not looked at.
            let bytes = [&[0, 14][..], &public, &[0, 34], &[7; 34]].concat();
            index(&answer(0, &bytes), HANDLE, 56)
        };
        let ours = |is_written| Ok(Index::Ours { is_written });
        assert_eq!(said(RULES, 56, HANDLE), ours(false));
        assert_eq!(said(RULES | LOCKED, 56, HANDLE), ours(false));
        assert_eq!(said(RULES | LOCKED | WRITTEN, 56, HANDLE), ours(true));
        // It may be written by the owner, too; it is no plain one; it is larger; it is another.
        assert_eq!(said(RULES | 1 << 1, 56, HANDLE), Ok(Index::Foreign));
        assert_eq!(said(RULES | 1 << 4, 56, HANDLE), Ok(Index::Foreign));
        assert_eq!(said(RULES, 57, HANDLE), Ok(Index::Foreign));
        assert_eq!(said(RULES, 56, HANDLE + 1), Ok(Index::Foreign));
        let missing = index(&answer(0x18b, &[]), HANDLE, 56);
        assert_eq!(missing, Ok(Index::Missing));
        let busy = index(&answer(0x922, &[]), HANDLE, 56);
        assert_eq!(busy, Err(TpmError::Refused(0x922)));
        for body in [&[][..], &[0], &[0, 14, 1], &[0xff, 0xff, 1, 2, 3]] {
            let answer = answer(0, body);
            let error = index(&answer, HANDLE, 56).unwrap_err();
            assert_eq!(error, TpmError::NoAnswer(answer));
        }
        let short = index(&answer(0, &[0, 3, 1, 2, 3]), HANDLE, 56);
        assert_eq!(short, Ok(Index::Foreign));
    }

    #[test]
    fn what_an_index_holds() {
        let good = answer(0, &[0, 0, 0, 5, 0, 3, 1, 2, 3, 0, 0, 1, 0, 0]);
        assert_eq!(stored(&good), Ok(&[1, 2, 3][..]));
        for body in [&[][..], &[0, 0, 0, 5], &[0, 0, 0, 5, 0, 3, 1, 2]] {
            assert!(stored(&answer(0, body)).is_err());
        }
        assert_eq!(stored(&answer(0x14a, &[])), Err(TpmError::Refused(0x14a)));
    }
}

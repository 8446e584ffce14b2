//! What all commands have in common (Part 1, section 18).

/// `TPM_ST_NO_SESSIONS`: the command brings no authorization along.
pub(super) const NO_SESSIONS: [u8; 2] = [0x80, 0x01];
/// `TPM_ST_SESSIONS`: it brings one.
pub(super) const SESSIONS: [u8; 2] = [0x80, 0x02];
/// The length of an authorization, and it: `TPM_RS_PW`, no nonce, no attributes, the empty password.
pub(super) const NO_PASSWORD: [u8; 13] = [0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0];

/// Bytes before handles and parameters: tag, size, code.
const HEAD: u32 = 10;

/// A command: tag, size, code, and its parts. They are few and short.
pub(super) fn command(tag: [u8; 2], code: u32, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let size = size.saturating_add(HEAD);
    [&tag[..], &size.to_be_bytes(), &code.to_be_bytes(), &body].concat()
}

//! The outer forms of a public key: SubjectPublicKeyInfo in DER and PEM, and OpenSSH's line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{KeyError, PublicKey};

/// Length of an Ed25519 SubjectPublicKeyInfo in DER.
pub(super) const DER_LEN: usize = PREFIX.len() + PublicKey::LEN;

/// SEQUENCE (42) { SEQUENCE (5) { OID 1.3.101.112 }, BIT STRING (33), no unused bits } (RFC 8410).
const PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
const SSH: &str = "ssh-ed25519";
/// Two SSH strings (RFC 8709, section 4): the algorithm, then 32 bytes.
const SSH_PREFIX: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20";

pub(super) fn to_der(key: &[u8; PublicKey::LEN]) -> [u8; DER_LEN] {
    let mut der = [0; DER_LEN];
    for (to, from) in der.iter_mut().zip(PREFIX.iter().chain(key)) {
        *to = *from;
    }
    der
}

pub(super) fn from_der(der: &[u8]) -> Result<[u8; PublicKey::LEN], KeyError> {
    match der.strip_prefix(&PREFIX) {
        Some(key) => key.try_into().or(Err(KeyError::Format)),
        // 0x30: some other SEQUENCE, most likely of another algorithm.
        None if der.first() == Some(&0x30) => Err(KeyError::Algorithm),
        None => Err(KeyError::Format),
    }
}

pub(super) fn to_pem(key: &[u8; PublicKey::LEN]) -> String {
    format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(to_der(key)))
}

/// A public key file in any of its forms.
pub(super) fn read_any(bytes: &[u8]) -> Result<[u8; PublicKey::LEN], KeyError> {
    if bytes.first() == Some(&0x30) {
        return from_der(bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(KeyError::Format);
    };
    let text = text.trim();
    if let Some(inner) = text
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
    {
        let inner: String = inner.split_ascii_whitespace().collect();
        return from_der(&STANDARD.decode(inner).or(Err(KeyError::Base64))?);
    }
    from_ssh(text)
}

/// `ssh-ed25519 BASE64 [comment]`.
fn from_ssh(line: &str) -> Result<[u8; PublicKey::LEN], KeyError> {
    if line.contains('\n') {
        return Err(KeyError::Format);
    }
    let mut words = line.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(SSH), Some(blob)) => {
            let blob = STANDARD.decode(blob).or(Err(KeyError::Base64))?;
            blob.strip_prefix(SSH_PREFIX)
                .and_then(|key| key.try_into().ok())
                .ok_or(KeyError::Format)
        }
        (Some(algorithm), Some(_))
            if ["ssh-", "ecdsa-", "sk-"]
                .iter()
                .any(|prefix| algorithm.starts_with(prefix)) =>
        {
            Err(KeyError::Algorithm)
        }
        _ => Err(KeyError::Format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.1.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn rfc_8410_example_round_trips() {
        let key = PublicKey::from_file(PEM.as_bytes()).unwrap();
        assert_eq!(key.to_pem(), PEM);
        assert_eq!(PublicKey::from_der(&key.to_der()), Ok(key));
        assert_eq!(PublicKey::from_file(&key.to_der()), Ok(key));
        let crlf = PEM.replace('\n', "\r\n");
        assert_eq!(PublicKey::from_file(crlf.as_bytes()), Ok(key));
    }

    #[test]
    fn openssh_line() {
        let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm/RAlphM3+hUG6wWfcO5bIUIaqMLa2ywxcOK1wMWbh me@host\n";
        assert_eq!(
            PublicKey::from_file(line.as_bytes()),
            PublicKey::from_file(PEM.as_bytes())
        );
    }

    #[test]
    fn other_things_are_refused() {
        for (text, error) in [
            ("", KeyError::Format),
            ("hello", KeyError::Format),
            ("ssh-rsa AAAA", KeyError::Algorithm),
            ("ssh-ed25519 AAAA", KeyError::Format),
            ("ssh-ed25519 !!!!", KeyError::Base64),
            (&PEM.replace("MCow", "MCo!"), KeyError::Base64),
            // X25519 (1.3.101.110), Ed448 would be longer still.
            (&PEM.replace("K2Vw", "K2Vu"), KeyError::Algorithm),
            (&PEM.replace("AxZuE=", "AxZg=="), KeyError::Format),
            (&format!("{PEM}{PEM}"), KeyError::Base64),
        ] {
            assert_eq!(PublicKey::from_file(text.as_bytes()), Err(error), "{text}");
        }
    }
}

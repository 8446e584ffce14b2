//! The URI of a key on a token (RFC 7512).
//!
//! ```text
//! pkcs11:token=release;object=baseline;id=%01?module-path=/usr/lib/softhsm/libsofthsm2.so
//! ```

use std::fmt;
use std::path::PathBuf;

use crate::limits;
use crate::path::Escaped;

/// Which key on which token, by which library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUri {
    text: String,
    /// The library that talks to the token; else `KARAT_PKCS11_MODULE`.
    pub module: Option<PathBuf>,
    /// The token's label.
    pub token: Option<String>,
    /// The token's serial number.
    pub serial: Option<String>,
    /// The key's label (`CKA_LABEL`).
    pub object: Option<String>,
    /// The key's id (`CKA_ID`).
    pub id: Option<Vec<u8>>,
}

/// Why text is no [`TokenUri`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Longer than any real one.
    #[error("a pkcs11: URI has at most {} bytes", limits::TOKEN_URI_MAX)]
    TooLong,
    /// A part is not NAME=VALUE.
    #[error("\"{}\" is not NAME=VALUE", Escaped(.0.as_bytes()))]
    Part(String),
    /// A percent sign without two hexadecimal digits, or a value that is no text.
    #[error("the value of {} is wrongly escaped", Escaped(.0.as_bytes()))]
    Escape(String),
    /// An attribute that is not known, so that it cannot be heeded.
    #[error("karat does not know the attribute {}", Escaped(.0.as_bytes()))]
    Unknown(String),
    /// An attribute that is there twice.
    #[error("the attribute {0} is there twice")]
    Twice(String),
    /// Something else than a private key is asked for.
    #[error("type={} is not private", Escaped(.0.as_bytes()))]
    Type(String),
    /// A PIN on the command line.
    #[error(
        "a PIN does not belong on a command line, where others see it: it is asked for, or comes from --passphrase-fd or KARAT_KEY_PASSPHRASE"
    )]
    Pin,
    /// Nothing says which key.
    #[error("neither object nor id says which key")]
    NoKey,
}

impl TokenUri {
    /// Takes what follows `pkcs11:`.
    ///
    /// # Errors
    /// It breaks a rule of RFC 7512, asks for something that karat cannot heed, or names no key.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if text.len() > limits::TOKEN_URI_MAX {
            return Err(UriError::TooLong);
        }
        let mut uri = Self {
            text: text.to_owned(),
            module: None,
            token: None,
            serial: None,
            object: None,
            id: None,
        };
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let parts = path.split(';').chain(query.split('&'));
        let mut seen = Vec::new();
        for part in parts.filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(UriError::Part(part.to_owned()));
            };
            if seen.contains(&name) {
                return Err(UriError::Twice(name.to_owned()));
            }
            seen.push(name);
            let bytes = unescape(value).ok_or_else(|| UriError::Escape(name.to_owned()))?;
            let text = || match String::from_utf8(bytes.clone()) {
                Ok(text) => Ok(text),
                Err(_) => Err(UriError::Escape(name.to_owned())),
            };
            match name {
                "token" => uri.token = Some(text()?),
                "serial" => uri.serial = Some(text()?),
                "object" => uri.object = Some(text()?),
                "id" => uri.id = Some(bytes),
                "module-path" => uri.module = Some(text()?.into()),
                "type" if bytes == b"private" => {}
                "type" => return Err(UriError::Type(value.to_owned())),
                "pin-value" | "pin-source" => return Err(UriError::Pin),
                _ => return Err(UriError::Unknown(name.to_owned())),
            }
        }
        if uri.object.is_none() && uri.id.is_none() {
            return Err(UriError::NoKey);
        }
        Ok(uri)
    }

    /// What the token is asked for.
    #[cfg(feature = "pkcs11")]
    pub(super) fn to_lookup(&self) -> crate::sys::signer::Lookup {
        crate::sys::signer::Lookup {
            module: self
                .module
                .clone()
                .or_else(|| crate::sys::env::path("KARAT_PKCS11_MODULE")),
            token: self.token.clone(),
            serial: self.serial.clone(),
            object: self.object.clone(),
            id: self.id.clone(),
        }
    }
}

impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkcs11:{}", Escaped(self.text.as_bytes()))
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        let value = high.checked_mul(16)?.checked_add(low)?;
        plain.push(u8::try_from(value).ok()?);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_and_escapes_undone() {
        let uri = TokenUri::parse(
            "token=my%20token;serial=12;object=a%3bb;id=%01%fF;type=private?module-path=/lib/x.so",
        )
        .unwrap();
        assert_eq!(uri.token.as_deref(), Some("my token"));
        assert_eq!(uri.serial.as_deref(), Some("12"));
        assert_eq!(uri.object.as_deref(), Some("a;b"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 255][..]));
        assert_eq!(uri.module, Some("/lib/x.so".into()));
        assert!(uri.to_string().starts_with("pkcs11:token=my%20token;"));
    }

    #[test]
    fn what_cannot_be_heeded_is_refused() {
        for (text, error) in [
            ("", UriError::NoKey),
            ("token=t", UriError::NoKey),
            ("object", UriError::Part("object".to_owned())),
            ("object=%4", UriError::Escape("object".to_owned())),
            ("object=%xx", UriError::Escape("object".to_owned())),
            ("object=%ff", UriError::Escape("object".to_owned())),
            ("object=a;object=b", UriError::Twice("object".to_owned())),
            ("object=a;type=public", UriError::Type("public".to_owned())),
            ("object=a?pin-value=1234", UriError::Pin),
            ("object=a?pin-source=/x", UriError::Pin),
            (
                "object=a;slot-id=1",
                UriError::Unknown("slot-id".to_owned()),
            ),
            (&"x".repeat(5000), UriError::TooLong),
        ] {
            assert_eq!(TokenUri::parse(text), Err(error), "{text:.80}");
        }
    }
}

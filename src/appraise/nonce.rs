//! A challenge that a report answers.

use std::fmt;
use std::str::FromStr;

/// Random bytes that somebody chose: a report that holds them was made after that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(Vec<u8>);

/// Why a text is no nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// Too easy to guess or to meet twice, or more than anybody needs.
    #[error("a nonce has {} to {} bytes", Nonce::LEAST, Nonce::MOST)]
    Length,
    /// Not pairs of hexadecimal digits.
    #[error("a nonce is written as pairs of hexadecimal digits")]
    Digits,
}

impl Nonce {
    /// The fewest bytes: two of 128 random bits are never the same.
    pub const LEAST: usize = 16;
    /// The most bytes: what the longest digest has, such as one that stands for a longer challenge.
    pub const MOST: usize = 64;
}

impl FromStr for Nonce {
    type Err = NonceError;

    /// Reads hexadecimal digits of either case.
    fn from_str(text: &str) -> Result<Self, NonceError> {
        if !(2 * Self::LEAST..=2 * Self::MOST).contains(&text.len()) {
            return Err(NonceError::Length);
        }
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: Option<Vec<u8>> = pairs
            .iter()
            .map(|[high, low]| u8::try_from(digit(high)? * 16 + digit(low)?).ok())
            .collect();
        match bytes {
            Some(bytes) if rest.is_empty() => Ok(Self(bytes)),
            _ => Err(NonceError::Digits),
        }
    }
}

impl fmt::Display for Nonce {
    /// Hexadecimal digits, lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_digits() {
        let parse = |text: &str| text.parse::<Nonce>();
        let least = "0123456789abcdefABCDEF0123456789";
        assert_eq!(parse(least).unwrap().to_string(), least.to_lowercase());
        assert!(parse(&"ab".repeat(64)).is_ok());
        assert_eq!(parse(&"ab".repeat(65)), Err(NonceError::Length));
        assert_eq!(parse(&least[2..]), Err(NonceError::Length));
        assert_eq!(parse(""), Err(NonceError::Length));
        assert_eq!(parse(&format!("{least}a")), Err(NonceError::Digits));
        assert_eq!(parse(&least.replace('0', "g")), Err(NonceError::Digits));
        assert_eq!(
            parse(&least.replace("01", "\u{e9}")),
            Err(NonceError::Digits)
        );
    }
}

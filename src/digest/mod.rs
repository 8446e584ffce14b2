//! SHA-256 digests (FIPS 180-4): the only name that karat gives to bytes.
//!
//! A [`Digest`] is 32 bytes, printed as 64 lower-case hexadecimal digits. The text form is strict:
//! upper case, prefixes and other lengths are refused, so that one digest has one spelling.

mod blocks;
mod hasher;
#[cfg(target_arch = "x86_64")]
mod sha_ni;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use hasher::{Hasher, HashingReader, HashingWriter};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; Self::LEN]);

impl Digest {
    /// Length of a digest, in bytes.
    pub const LEN: usize = 32;

    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digests of several messages, hashed at once: see [`Hasher::update_all`].
    pub fn of_all(messages: &[&[u8]]) -> Vec<Self> {
        let mut hashers = vec![Hasher::new(); messages.len()];
        Hasher::update_all(hashers.iter_mut().zip(messages.iter().copied()));
        Hasher::finish_all(&mut hashers).collect()
    }

    /// Takes bytes that already are a digest, for example out of a Merkle tree.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The 64 hexadecimal digits, as bytes.
    pub fn to_hex(&self) -> [u8; Self::LEN * 2] {
        let digit = |nibble: u8| match nibble {
            0..=9 => b'0' + nibble,
            _ => b'a' + (nibble - 10),
        };
        let mut text = [0; Self::LEN * 2];
        for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(self.0) {
            *pair = [digit(byte >> 4), digit(byte & 0xf)];
        }
        text
    }

    /// The first 12 hexadecimal digits: enough for people, never for machines.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(12);
        text
    }
}

/// Text that is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest is 64 lower-case hexadecimal digits")]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; Self::LEN];
        if text.len() != Self::LEN * 2 {
            return Err(DigestError);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else {
                return Err(DigestError);
            };
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn nibble(digit: u8) -> Result<u8, DigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(DigestError),
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_hex()).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4 example: SHA-256("abc").
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn known_answer() {
        assert_eq!(Digest::of(b"abc").to_string(), ABC);
    }

    /// Bytes without a pattern, the same in each run (Knuth's 64-bit linear congruence).
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let step = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..length).map(step).collect()
    }

    fn twin(bytes: &[u8]) -> [u8; 32] {
        use sha2::Digest as _;
        sha2::Sha256::digest(bytes).into()
    }

    #[test]
    fn every_length_around_blocks_is_as_its_safe_twin_says() {
        let noise = noise(1 << 10);
        let messages: Vec<&[u8]> = (0..=300).map(|length| &noise[length..][..length]).collect();
        for (message, together) in messages.iter().zip(Digest::of_all(&messages)) {
            assert_eq!(*together.as_bytes(), twin(message), "{}", message.len());
            assert_eq!(Digest::of(message), together, "{}", message.len());
        }
    }

    #[test]
    fn any_number_of_messages_of_any_length_and_alignment() {
        let noise = noise(1 << 16);
        let mut draw = noise
            .chunks_exact(4)
            .map(|it| u32::from_le_bytes(it.try_into().unwrap()));
        for count in (0..40).chain([500]) {
            let messages: Vec<&[u8]> = (0..count)
                .map(|_| {
                    let (start, length) = (draw.next().unwrap(), draw.next().unwrap());
                    let start = usize::try_from(start).unwrap() % (noise.len() / 2);
                    // Short ones and long ones.
                    let most = if length % 2 == 0 { 200 } else { 20_000 };
                    &noise[start..][..usize::try_from(length / 2).unwrap() % most]
                })
                .collect();
            let digests = Digest::of_all(&messages);
            assert_eq!(digests.len(), messages.len());
            for (message, digest) in messages.iter().zip(digests) {
                assert_eq!(*digest.as_bytes(), twin(message));
            }
        }
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let noise = noise(3000);
        for size in [1, 3, 55, 63, 64, 65, 127, 128, 129, 1000] {
            let mut alone = Hasher::new();
            let mut together = vec![Hasher::new(); 5];
            for piece in noise.chunks(size) {
                alone.update(piece);
                Hasher::update_all(together.iter_mut().map(|hasher| (hasher, piece)));
            }
            assert_eq!(alone.length(), 3000);
            let whole = twin(&noise);
            assert_eq!(*alone.finish().as_bytes(), whole, "{size}");
            for digest in Hasher::finish_all(&mut together) {
                assert_eq!(*digest.as_bytes(), whole, "{size}");
            }
        }
    }

    #[test]
    fn the_kernel_is_used_where_the_processor_has_it() {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = sha_ni::ShaNi::detect() {
            let noise = noise(64 * 9);
            let (blocks, _) = noise.as_chunks();
            let states = |count| {
                let mut states = vec![blocks::INITIAL; count];
                for (at, state) in states.iter_mut().enumerate() {
                    state[0] ^= u32::try_from(at).unwrap();
                }
                states
            };
            let mut expected = states(3);
            for (at, state) in expected.iter_mut().enumerate() {
                blocks::compress(state, &blocks[at..at + 5]);
            }
            let mut two = states(2);
            let [a, b] = two.as_mut_slice() else { panic!() };
            // The longer one is taken as far as the shorter one.
            kernel.two([a, b], [&blocks[0..5], &blocks[1..7]]);
            assert_eq!(two, expected[..2]);
            let mut three = states(3);
            let [a, b, c] = three.as_mut_slice() else {
                panic!()
            };
            kernel.three([a, b, c], [&blocks[0..5], &blocks[1..6], &blocks[2..]]);
            assert_eq!(three, expected);
        }
    }

    #[test]
    fn text_round_trips() {
        assert_eq!(ABC.parse(), Ok(Digest::of(b"abc")));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "00",
            &ABC.to_uppercase(),
            &format!("{ABC}0"),
            &format!("sha256:{ABC}"),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(DigestError), "{text}");
        }
    }
}

//! Which document of peers an instance has seen last.

use super::VerifiedPeers;
use crate::baseline::Serial;
use crate::digest::Digest;

/// The newest document that an instance let peers in by: a line
/// `karat-peers-seen/1 SEGMENT SERIAL SHA256`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPeers {
    segment: String,
    serial: Serial,
    digest: Digest,
}

/// Why a document is not let count, although it is well signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeenPeersError {
    /// What is remembered is in no spelling that this karat writes.
    #[error("what is remembered of peers is not in its one spelling")]
    Unreadable,
    /// An older one.
    #[error(
        "serial {found} of the peers of {segment} is below {seen}, which this instance has seen"
    )]
    Rollback {
        /// Whose.
        segment: String,
        /// The serial of the document.
        found: Serial,
        /// The serial that was seen.
        seen: Serial,
    },
    /// Another one with the same serial.
    #[error("there are two documents of the peers of {segment} with the serial {serial}")]
    Fork {
        /// Whose.
        segment: String,
        /// The serial of both.
        serial: Serial,
    },
}

impl SeenPeers {
    /// The first word.
    const SPEC: &str = "karat-peers-seen/1";

    /// What remembers `peers`.
    pub fn of(peers: &VerifiedPeers) -> Self {
        Self {
            segment: peers.segment.clone(),
            serial: peers.serial,
            digest: peers.digest(),
        }
    }

    /// Reads the one spelling.
    ///
    /// # Errors
    /// It is another.
    pub fn parse(bytes: &[u8]) -> Result<Self, SeenPeersError> {
        Self::read(bytes).ok_or(SeenPeersError::Unreadable)
    }

    /// The one spelling.
    pub fn to_text(&self) -> String {
        let Self {
            segment,
            serial,
            digest,
        } = self;
        format!("{} {segment} {serial} {digest}\n", Self::SPEC)
    }

    /// Refuses a document of the same segment that is older than what was seen, or another of the
    /// same serial.
    ///
    /// # Errors
    /// The rule broken.
    pub fn judge(&self, peers: &VerifiedPeers) -> Result<(), SeenPeersError> {
        let segment = self.segment.clone();
        if peers.segment != segment || peers.serial > self.serial {
            return Ok(());
        }
        if peers.serial < self.serial {
            return Err(SeenPeersError::Rollback {
                segment,
                found: peers.serial,
                seen: self.serial,
            });
        }
        if peers.digest() != self.digest {
            let serial = self.serial;
            return Err(SeenPeersError::Fork { segment, serial });
        }
        Ok(())
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut words = text.trim_end().splitn(4, ' ').skip(1);
        let seen = Self {
            segment: words.next()?.to_owned(),
            serial: Serial::new(words.next()?.parse().ok()?).ok()?,
            digest: words.next()?.parse().ok()?,
        };
        (seen.to_text() == text).then_some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let text = format!("karat-peers-seen/1 data 3 {}\n", Digest::of(b"x"));
        assert_eq!(SeenPeers::parse(text.as_bytes()).unwrap().to_text(), text);
        for (from, to) in [
            ("/1", "/2"),
            (" 3 ", " 03 "),
            (" 3 ", "  3 "),
            (" 3 ", " 0 "),
            ("\n", ""),
            ("\n", "\n\n"),
            ("data ", ""),
        ] {
            let other = text.replacen(from, to, 1);
            let read = SeenPeers::parse(other.as_bytes());
            assert_eq!(read, Err(SeenPeersError::Unreadable), "{other:?}");
        }
        assert!(SeenPeers::parse(b"\xff").is_err() && SeenPeers::parse(b"").is_err());
    }
}

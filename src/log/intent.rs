//! What a log is about to sign, and all that is needed to finish it.
//!
//! ```text
//! example.com/images                       the checkpoint's text, unsigned
//! 42
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!                                          an empty line
//! 2 bytes, big-endian: length; entry; …    the entries that it adds, as bundles have them
//! ```
//! Without the empty line and entries, the tiles were written before.

use super::LogError;
use crate::limits;
use crate::tlog::Checkpoint;

/// The content of `.state/pending`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Intent {
    /// What will be signed.
    pub(super) checkpoint: Checkpoint,
    /// The entries that the tree before lacks.
    pub(super) entries: Vec<Vec<u8>>,
}

/// The file that holds it.
pub(super) const PENDING: &str = ".state/pending";

impl Intent {
    /// Its bytes.
    ///
    /// # Errors
    /// The entries are too many for one append.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, LogError> {
        let mut bytes = self.checkpoint.to_text().into_bytes();
        if !self.entries.is_empty() {
            bytes.push(b'\n');
        }
        for (place, entry) in self.entries.iter().enumerate() {
            let length = u16::try_from(entry.len()).or(Err(LogError::EntryTooLarge(place)))?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(entry);
            if bytes.len() > limits::LOG_APPEND_MAX {
                return Err(LogError::TooMany(place));
            }
        }
        Ok(bytes)
    }

    /// Reads it.
    ///
    /// # Errors
    /// It is nothing that karat writes.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, LogError> {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n");
        let (text, mut rest) =
            match end.and_then(|end| bytes.split_at_checked(end.saturating_add(1))) {
                Some((text, rest)) => (text, rest.get(1..).unwrap_or_default()),
                None => (bytes, &[][..]),
            };
        let text = String::from_utf8_lossy(text);
        let checkpoint = Checkpoint::parse(&text).map_err(|source| LogError::Checkpoint {
            path: PENDING.to_owned(),
            source,
        })?;
        let damaged = || LogError::Damaged(PENDING.to_owned());
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk().ok_or_else(damaged)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (entry, after) = after.split_at_checked(length).ok_or_else(damaged)?;
            entries.push(entry.to_vec());
            rest = after;
        }
        Ok(Self {
            checkpoint,
            entries,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::TreeHead;

    fn intent(entries: &[&[u8]]) -> Intent {
        Intent {
            checkpoint: Checkpoint {
                origin: "example.com/log".to_owned(),
                head: TreeHead::empty(),
                extensions: Vec::new(),
            },
            entries: entries.iter().map(|entry| entry.to_vec()).collect(),
        }
    }

    #[test]
    fn it_comes_back() {
        let largest = vec![0; 65_535];
        let cases: [&[&[u8]]; 3] = [&[], &[b""], &[b"a\n\nb", b"", &largest]];
        for entries in cases {
            let intent = intent(entries);
            let bytes = intent.to_bytes().unwrap();
            assert_eq!(Intent::parse(&bytes).unwrap(), intent);
        }
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let bytes = intent(&[b"entry", b"other"]).to_bytes().unwrap();
        let text = intent(&[]).to_bytes().unwrap().len();
        for end in (text + 2..bytes.len()).filter(|end| *end != text + 1 + 7) {
            assert!(
                matches!(Intent::parse(&bytes[..end]), Err(LogError::Damaged(_))),
                "{end}"
            );
        }
        assert!(Intent::parse(b"").is_err());
    }

    #[test]
    fn an_append_has_a_largest_size() {
        let entry = vec![0; 65_535];
        let many = vec![entry.as_slice(); limits::LOG_APPEND_MAX / 65_535 + 1];
        assert!(matches!(
            intent(&many).to_bytes(),
            Err(LogError::TooMany(_))
        ));
    }
}

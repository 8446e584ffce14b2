//! Bundles of entries (<https://c2sp.org/tlog-tiles@v0.1.0>, "Log entries").

use super::Tile;

/// Why bytes are no bundle, or entries make none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The last entry is cut off.
    #[error("bundle: it is cut off in entry {0}")]
    CutOff(usize),
    /// There are none, or more than a tile holds.
    #[error("bundle: it holds {0} entries, not 1 to 256")]
    Count(usize),
    /// An entry is longer than its length can say.
    #[error("bundle: entry {0} has more than 65535 bytes")]
    TooLong(usize),
}

/// The bundle of `entries`: each behind its length, two bytes, big-endian.
///
/// # Errors
/// There are none, more than a tile holds, or one is too long.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    check(entries.len())?;
    let mut bytes = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).or(Err(BundleError::TooLong(index)))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle.
///
/// # Errors
/// The bytes end within an entry, hold none, or more than a tile may.
pub fn decode_bundle(bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let cut = BundleError::CutOff(entries.len());
        let (length, after) = rest.split_first_chunk().ok_or(cut)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(cut)?;
        if entries.len() >= usize::from(Tile::FULL) {
            return Err(BundleError::Count(entries.len().saturating_add(1)));
        }
        entries.push(entry);
        rest = after;
    }
    check(entries.len())?;
    Ok(entries)
}

fn check(count: usize) -> Result<(), BundleError> {
    if (1..=usize::from(Tile::FULL)).contains(&count) {
        Ok(())
    } else {
        Err(BundleError::Count(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_any_length_round_trip() {
        let entries = [vec![], vec![7], vec![1; 65_535]];
        let bytes = encode_bundle(&entries).unwrap();
        assert_eq!(&bytes[..5], [0, 0, 0, 1, 7]);
        assert_eq!(decode_bundle(&bytes).unwrap(), entries);
        let full = vec![b"x"; 256];
        assert_eq!(
            decode_bundle(&encode_bundle(&full).unwrap()).unwrap().len(),
            256
        );
    }

    #[test]
    fn each_rule_has_its_error() {
        let none: [&[u8]; 0] = [];
        assert_eq!(encode_bundle(&none), Err(BundleError::Count(0)));
        assert_eq!(
            encode_bundle(&vec![b"x"; 257]),
            Err(BundleError::Count(257))
        );
        let long = [vec![], vec![1; 65_536]];
        assert_eq!(encode_bundle(&long), Err(BundleError::TooLong(1)));
        assert_eq!(decode_bundle(&[]), Err(BundleError::Count(0)));
        assert_eq!(decode_bundle(&[0]), Err(BundleError::CutOff(0)));
        assert_eq!(
            decode_bundle(&[0, 1, 7, 0, 2, 7]),
            Err(BundleError::CutOff(1))
        );
        assert_eq!(decode_bundle(&[0; 514]), Err(BundleError::Count(257)));
    }
}

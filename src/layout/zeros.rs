//! Where nothing should be.

use std::ops::Range;

use super::{Source, SourceError};

/// How much is read at a time.
const CHUNK: usize = 64 << 10;

/// The offset of the first byte in `range` that is not zero.
///
/// # Errors
/// The range ends behind the source, or it cannot be read.
pub fn first_used(source: &dyn Source, range: Range<u64>) -> Result<Option<u64>, SourceError> {
    let (mut bytes, zeros) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut at = range.start;
    loop {
        at = source.next_data(at).max(at);
        if at >= range.end {
            // Of what is not there, nobody knows that it is zero.
            SourceError::check(source.size(), range.end, 0)?;
            return Ok(None);
        }
        let left = range.end.saturating_sub(at);
        let count = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let part = bytes.get_mut(..count).unwrap_or_default();
        source.read_at(at, part)?;
        // Compared as a whole first: by far the quicker way.
        if Some(&*part) != zeros.get(..count)
            && let Some(found) = part.iter().position(|byte| *byte != 0)
        {
            return Ok(Some(at.saturating_add(u64::try_from(found).unwrap_or(0))));
        }
        at = at.saturating_add(u64::try_from(count).unwrap_or(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that know where their first half of zeros ends.
    struct Holed(Vec<u8>);

    impl Source for Holed {
        fn size(&self) -> u64 {
            self.0.size()
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
            assert!(offset >= self.size() / 2, "holes are not read");
            self.0.read_at(offset, buffer)
        }

        fn next_data(&self, offset: u64) -> u64 {
            offset.max(self.size() / 2)
        }
    }

    #[test]
    fn holes_are_passed_over() {
        let mut holed = Holed(vec![0; 4 * CHUNK]);
        let size = holed.size();
        assert_eq!(first_used(&holed, 0..size).unwrap(), None);
        assert_eq!(first_used(&holed, 5..9).unwrap(), None);
        assert!(first_used(&holed, 0..size + 1).is_err());
        holed.0[3 * CHUNK] = 1;
        let at = u64::try_from(3 * CHUNK).unwrap();
        assert_eq!(first_used(&holed, 0..size).unwrap(), Some(at));
        let part = crate::layout::Part::new(&holed, 64, size - 64).unwrap();
        assert_eq!(first_used(&part, 0..size - 64).unwrap(), Some(at - 64));
    }

    #[test]
    fn the_first_byte_is_found_wherever_it_lies() {
        let mut bytes = vec![0; 3 * CHUNK + 5];
        let size = bytes.size();
        assert_eq!(first_used(&bytes, 0..size).unwrap(), None);
        for at in [3 * CHUNK + 4, 2 * CHUNK, CHUNK - 1, 0] {
            bytes[at] = 1;
            let at = u64::try_from(at).unwrap();
            assert_eq!(first_used(&bytes, 0..size).unwrap(), Some(at));
            assert_eq!(first_used(&bytes, at..size).unwrap(), Some(at));
            assert_eq!(first_used(&bytes, 0..at).unwrap(), None);
        }
        assert!(first_used(&bytes, 1..size + 1).is_ok_and(|at| at.is_some()));
        assert!(first_used(&vec![0; 8], 0..9).is_err());
    }
}

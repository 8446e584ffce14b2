//! Something large that is put together of pieces, and read at any offset without a copy of it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

use crate::layout::{Source, SourceError};

/// Pieces at their places; where none lies, it reads as zeros.
pub struct Pieces<'a> {
    size: u64,
    /// By where they start.
    pieces: BTreeMap<u64, Box<dyn Source + 'a>>,
}

/// Two pieces at one place, or one that reaches behind the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a piece of {size} bytes has no room at offset {start}")]
pub struct NoRoom {
    /// Where it should lie.
    pub start: u64,
    /// How large it is.
    pub size: u64,
}

/// How much is read at a time.
const CHUNK: usize = 1 << 20;

impl<'a> Pieces<'a> {
    /// `size` bytes, all of them zero.
    pub fn new(size: u64) -> Self {
        Self {
            size,
            pieces: BTreeMap::new(),
        }
    }

    /// Puts a piece at `start`.
    ///
    /// # Errors
    /// It would lie over another one, or behind the end.
    pub fn put(&mut self, start: u64, piece: impl Source + 'a) -> Result<(), NoRoom> {
        let size = piece.size();
        if size == 0 {
            return Ok(());
        }
        let no_room = NoRoom { start, size };
        let end = start.checked_add(size).filter(|end| *end <= self.size);
        let end = end.ok_or(no_room)?;
        let before = self.pieces.range(..end).next_back();
        if before.is_some_and(|(other, piece)| other.saturating_add(piece.size()) > start) {
            return Err(no_room);
        }
        self.pieces.insert(start, Box::new(piece));
        Ok(())
    }

    /// Where something lies, in order; zeros everywhere else. A sparse file has its holes there.
    pub fn used(&self) -> impl Iterator<Item = Range<u64>> {
        self.pieces
            .iter()
            .map(|(start, piece)| *start..start.saturating_add(piece.size()))
    }

    /// Hands out what lies in it: `put` takes an offset and bytes, in order, at most 1 MiB at a time.
    ///
    /// # Errors
    /// A piece cannot be read, or `put` fails.
    pub fn each_used(
        &self,
        mut put: impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> Result<(), SourceError> {
        let mut buffer = vec![0; CHUNK];
        for (start, piece) in &self.pieces {
            let mut at = 0;
            while at < piece.size() {
                let left = piece.size().saturating_sub(at);
                let count = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
                let bytes = buffer.get_mut(..count).unwrap_or_default();
                piece.read_at(at, bytes)?;
                let offset = start.saturating_add(at);
                put(offset, bytes).map_err(|error| SourceError::Io { offset, error })?;
                at = at.saturating_add(length(bytes));
            }
        }
        Ok(())
    }

    /// Writes all of it, zeros included.
    ///
    /// # Errors
    /// A piece cannot be read, or the sink takes no bytes.
    pub fn write(&self, sink: &mut impl Write) -> Result<(), SourceError> {
        let mut at = 0;
        self.each_used(|offset, bytes| {
            zeros(sink, offset.saturating_sub(at))?;
            at = offset.saturating_add(length(bytes));
            sink.write_all(bytes)
        })?;
        let io = |error| SourceError::Io { offset: at, error };
        zeros(sink, self.size.saturating_sub(at)).map_err(io)
    }
}

impl Source for Pieces<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let (length, size) = (length(buffer), self.size);
        let Some(end) = offset.checked_add(length).filter(|end| *end <= size) else {
            return Err(SourceError::Outside {
                offset,
                length,
                size,
            });
        };
        buffer.fill(0);
        // The last piece that begins before, and all that begin within.
        let first = self.pieces.range(..=offset).next_back();
        let first = first.map_or(offset, |(start, _)| *start);
        for (start, piece) in self.pieces.range(first..end) {
            let from = offset.max(*start);
            let to = end.min(start.saturating_add(piece.size()));
            if from < to {
                let place = |at: u64| usize::try_from(at.saturating_sub(offset)).ok();
                let part = place(from).zip(place(to));
                let part = part.and_then(|(from, to)| buffer.get_mut(from..to));
                piece.read_at(from.saturating_sub(*start), part.unwrap_or_default())?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Pieces<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let used: Vec<Range<u64>> = self.used().collect();
        f.debug_struct("Pieces")
            .field("size", &self.size)
            .field("used", &used)
            .finish()
    }
}

fn zeros(sink: &mut impl Write, count: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), count), sink).map(drop)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Pieces<'static> {
        let mut pieces = Pieces::new(20);
        pieces.put(12, vec![3; 4]).unwrap();
        pieces.put(2, vec![1; 3]).unwrap();
        pieces.put(5, vec![2; 1]).unwrap();
        pieces.put(9, Vec::new()).unwrap();
        pieces
    }

    #[test]
    fn any_part_reads_as_the_whole_says() {
        let pieces = three();
        let mut whole = Vec::new();
        pieces.write(&mut whole).unwrap();
        assert_eq!(
            whole,
            [0, 0, 1, 1, 1, 2, 0, 0, 0, 0, 0, 0, 3, 3, 3, 3, 0, 0, 0, 0]
        );
        for from in 0..=20 {
            for to in from..=20 {
                let mut part = vec![9; to - from];
                pieces
                    .read_at(u64::try_from(from).unwrap(), &mut part)
                    .unwrap();
                assert_eq!(part, whole[from..to]);
            }
        }
        assert!(pieces.read_at(20, &mut [0]).is_err());
        assert_eq!(pieces.used().collect::<Vec<_>>(), [2..5, 5..6, 12..16]);
    }

    #[test]
    fn nothing_lies_over_something_else_or_behind_the_end() {
        for (start, size) in [
            (0, 3),
            (4, 1),
            (3, 1),
            (15, 2),
            (11, 9),
            (19, 2),
            (u64::MAX, 1),
        ] {
            let piece = vec![7; size];
            let size = u64::try_from(size).unwrap();
            assert_eq!(three().put(start, piece), Err(NoRoom { start, size }));
        }
    }
}

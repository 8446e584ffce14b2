//! Stretches of an index' text, small enough to keep several for each stanza.

/// A stretch of an index' text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// The stretch of `text` that `part`, a slice of it at `start`, covers.
    pub(super) fn new(start: usize, part: &str) -> Self {
        // Both fit: an index is smaller than PACKAGES_INDEX_MAX.
        Self {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            len: u32::try_from(part.len()).unwrap_or(0),
        }
    }

    pub(super) fn of(self, text: &str) -> &str {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        let len = usize::try_from(self.len).unwrap_or(0);
        text.get(start..start.saturating_add(len)).unwrap_or("")
    }

    /// The stretch that `part`, a slice of this one's text, covers.
    pub(super) fn part(self, text: &str, part: &str) -> Self {
        let within = part
            .as_ptr()
            .addr()
            .saturating_sub(self.of(text).as_ptr().addr());
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        Self::new(start.saturating_add(within), part)
    }
}

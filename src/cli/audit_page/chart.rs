//! Where an index of the log stands in a drawing.

use std::fmt;

/// What is drawn, and where: indices from `first` to before `end` in [`Chart::WIDTH`] units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chart {
    pub(super) first: u64,
    pub(super) end: u64,
}

/// A place or a length in tenths of a unit: whole numbers, so that every machine draws the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tenths(pub(super) u64);

impl Chart {
    /// Left of the drawing stand names.
    pub(super) const LEFT: u64 = 250;
    /// How wide the drawing itself is.
    pub(super) const WIDTH: u64 = 930;
    /// All of it.
    pub(super) const WHOLE: u64 = Self::LEFT + Self::WIDTH + 20;

    /// Where the entry `index` begins; indices outside are at the nearest end.
    pub(super) fn x(self, index: u64) -> Tenths {
        let offset = index.clamp(self.first, self.end).saturating_sub(self.first);
        let span = u128::from(self.end.saturating_sub(self.first).max(1));
        let at = u128::from(offset) * u128::from(Self::WIDTH * 10) / span;
        Tenths(
            u64::try_from(at)
                .unwrap_or(0)
                .saturating_add(Self::LEFT * 10),
        )
    }

    /// How wide the entries from `from` to before `to` are.
    pub(super) fn width(self, from: u64, to: u64) -> Tenths {
        Tenths(self.x(to).0.saturating_sub(self.x(from).0))
    }

    /// Up to five indices for an axis, both ends among them.
    pub(super) fn ticks(self) -> Vec<u64> {
        let span = self.end.saturating_sub(self.first);
        let last = self.end.saturating_sub(1);
        let mut ticks = Vec::new();
        for quarter in 0..4_u64 {
            let at = u128::from(span) * u128::from(quarter) / 4;
            ticks.push(self.first.saturating_add(u64::try_from(at).unwrap_or(0)));
        }
        ticks.push(last.max(self.first));
        ticks.dedup();
        ticks
    }
}

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

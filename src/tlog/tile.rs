//! Tiles and their paths (<https://c2sp.org/tlog-tiles@v0.1.0>).

use std::fmt;
use std::ops::Range;

use super::Node;

/// Consecutive hashes of one level, or consecutive entries: a file of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// What it holds.
    pub kind: TileKind,
    /// Its place among those of its kind.
    pub index: u64,
    /// How many hashes or entries it holds: 1 to [`Tile::FULL`].
    pub width: u16,
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TileKind {
    /// Entries, as a bundle.
    Entries,
    /// Roots of subtrees of `256^level` leaves.
    Hashes(u8),
}

impl Tile {
    /// How many hashes or entries a full tile holds.
    pub const FULL: u16 = 256;
    /// The last level that a tree of less than 2^63 leaves has.
    const LEVEL_MAX: u8 = 7;

    /// The tile that holds `node` of a tree of `size` leaves, and where its leaves at the tile's own
    /// level are in it: 1, 2, 4 … or 128 of them.
    pub fn holding(node: Node, size: u64) -> (Self, Range<usize>) {
        let level = node.level / 8;
        let below = node.level % 8;
        let first = node.index << below;
        let tile = Self {
            kind: TileKind::Hashes(level),
            index: first / u64::from(Self::FULL),
            width: Self::FULL,
        }
        .within(size);
        let start = usize::try_from(first % u64::from(Self::FULL)).unwrap_or(0);
        (tile, start..start.saturating_add(1 << below))
    }

    /// This tile, as wide as a tree of `size` leaves has it.
    fn within(self, size: u64) -> Self {
        let count = self.kind.count(size);
        let before = self.index.saturating_mul(u64::from(Self::FULL));
        let width = u16::try_from(count.saturating_sub(before)).unwrap_or(Self::FULL);
        Self {
            width: width.min(Self::FULL),
            ..self
        }
    }

    /// Whether a tree of `size` leaves has it, or had it when it was smaller.
    pub fn is_of(self, size: u64) -> bool {
        let before = self.index.saturating_mul(u64::from(Self::FULL));
        before.saturating_add(u64::from(self.width)) <= self.kind.count(size)
    }

    /// Whether it can grow no more.
    pub fn is_full(self) -> bool {
        self.width == Self::FULL
    }

    /// The full tile of which this is the beginning.
    #[must_use]
    pub fn full(self) -> Self {
        Self {
            width: Self::FULL,
            ..self
        }
    }

    /// Reads a path in its one spelling; `None` where it is no tile's.
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (kind, rest) = rest.split_once('/')?;
        let kind = if kind == "entries" {
            TileKind::Entries
        } else {
            TileKind::Hashes(
                kind.parse()
                    .ok()
                    .filter(|level| *level <= Self::LEVEL_MAX)?,
            )
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => {
                let partial = 1..Self::FULL;
                let width = width.parse().ok().filter(|width| partial.contains(width))?;
                (number, width)
            }
            None => (rest, Self::FULL),
        };
        let mut index = 0_u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            let number: u64 = digits.parse().ok().filter(|_| digits.len() == 3)?;
            index = index.checked_mul(1000)?.checked_add(number)?;
        }
        let tile = Self { kind, index, width };
        (tile.to_string() == path).then_some(tile)
    }
}

impl TileKind {
    /// How many hashes or entries of this kind a tree of `size` leaves has.
    fn count(self, size: u64) -> u64 {
        match self {
            Self::Entries => size,
            Self::Hashes(level) => size.checked_shr(u32::from(level) * 8).unwrap_or(0),
        }
    }
}

/// The path below the log's directory or address: `tile/<L>/<N>[.p/<W>]`, `entries` as L.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => f.write_str("tile/entries/")?,
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        let mut groups = Vec::new();
        let mut rest = self.index;
        loop {
            groups.push(rest % 1000);
            rest /= 1000;
            if rest == 0 {
                break;
            }
        }
        while let Some(group) = groups.pop() {
            if groups.is_empty() {
                write!(f, "{group:03}")?;
            } else {
                write!(f, "x{group:03}/")?;
            }
        }
        if self.is_full() {
            Ok(())
        } else {
            write!(f, ".p/{}", self.width)
        }
    }
}

/// All tiles of a tree of `size` leaves: the bundles of entries first, then level by level.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    let levels = (0..=Tile::LEVEL_MAX).map(TileKind::Hashes);
    let kinds = [TileKind::Entries].into_iter().chain(levels);
    kinds.flat_map(move |kind| {
        let tiles = kind.count(size).div_ceil(u64::from(Tile::FULL));
        (0..tiles).map(move |index| {
            Tile {
                kind,
                index,
                width: Tile::FULL,
            }
            .within(size)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        for (kind, index, width, path) in [
            (TileKind::Hashes(0), 1_234_067, 256, "tile/0/x001/x234/067"),
            (TileKind::Hashes(0), 0, 256, "tile/0/000"),
            (TileKind::Hashes(1), 273, 17, "tile/1/273.p/17"),
            (TileKind::Hashes(7), 999, 255, "tile/7/999.p/255"),
            (TileKind::Entries, 1000, 1, "tile/entries/x001/000.p/1"),
        ] {
            let tile = Tile { kind, index, width };
            assert_eq!(tile.to_string(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
    }

    #[test]
    fn other_paths_are_none() {
        for path in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/00/000",
            "tile/8/000",
            "tile/-1/000",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/0/+01",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/257",
            "tile/7/x001/x234/067.p/2255",
            "tile/0/000.p/65535",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000/",
            "tile/Entries/000",
            "tile/entries/../checkpoint",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(Tile::parse(path), None, "{path}");
        }
    }

    #[test]
    fn the_tiles_of_the_specification_s_example() {
        let of = |kind: TileKind| tiles_of(70_000).filter(move |tile| tile.kind == kind);
        assert_eq!(of(TileKind::Hashes(0)).count(), 274);
        assert_eq!(of(TileKind::Entries).last().unwrap().width, 112);
        assert_eq!(of(TileKind::Hashes(0)).last().unwrap().width, 112);
        let widths =
            |level| -> Vec<u16> { of(TileKind::Hashes(level)).map(|it| it.width).collect() };
        assert_eq!(widths(1), [256, 17]);
        assert_eq!(widths(2), [1]);
        assert_eq!(widths(3), [0_u16; 0]);
        assert_eq!(tiles_of(0).count(), 0);
        let paths: Vec<String> = tiles_of(256).map(|tile| tile.to_string()).collect();
        assert_eq!(paths, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    }

    #[test]
    fn nodes_are_found_in_their_tiles() {
        let node = |level, index| Tile::holding(Node { level, index }, 70_000);
        let (tile, range) = node(0, 69_999);
        assert_eq!(
            (tile.to_string().as_str(), range),
            ("tile/0/273.p/112", 111..112)
        );
        let (tile, range) = node(7, 1);
        assert_eq!((tile.to_string().as_str(), range), ("tile/0/000", 128..256));
        let (tile, range) = node(8, 272);
        assert_eq!(
            (tile.to_string().as_str(), range),
            ("tile/1/001.p/17", 16..17)
        );
        let (tile, range) = node(16, 0);
        assert_eq!((tile.to_string().as_str(), range), ("tile/2/000.p/1", 0..1));
    }
}

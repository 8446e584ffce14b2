//! Where each box stands: the way from outside to data goes from left to right, what is apart stands
//! below. Whole numbers, so that every machine draws the same.

use std::collections::BTreeMap;

use super::scene::{Lane, Scene};

/// A box's size.
pub(super) const WIDE: i64 = 200;
pub(super) const HIGH: i64 = 84;
/// Between columns: arrows and their words.
pub(super) const GUTTER: i64 = 160;
/// Between boxes of a column.
const SPACE: i64 = 34;
const MARGIN: i64 = 30;
/// Above the boxes of a lane: its heading.
const HEAD: i64 = 46;
/// Around the boxes of a lane.
pub(super) const PAD: i64 = 14;
/// All of it.
pub(super) const WHOLE: i64 = 2 * MARGIN + 4 * WIDE + 3 * GUTTER;

/// A place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) x: i64,
    pub(super) y: i64,
}

/// A lane's ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ground {
    pub(super) lane: Lane,
    pub(super) corner: Point,
    pub(super) wide: i64,
    pub(super) high: i64,
}

/// Where everything stands.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The upper left corner of each box.
    pub(super) boxes: BTreeMap<(Lane, String), Point>,
    /// What lies below them.
    pub(super) grounds: Vec<Ground>,
    /// Between the bands: the first line that arrows may take, and the last.
    pub(super) corridor: (i64, i64),
    /// All of it.
    pub(super) high: i64,
}

impl Layout {
    pub(super) fn new(scene: &Scene) -> Self {
        let mut boxes: BTreeMap<(Lane, String), Point> = BTreeMap::new();
        let mut grounds = Vec::new();
        let mut tallest = 1;
        for (column, lane) in (0_i64..).zip(Lane::UPPER) {
            let names = ordered(scene, lane, &boxes);
            for (row, name) in (0_i64..).zip(&names) {
                let place = Point {
                    x: MARGIN + column * (WIDE + GUTTER),
                    y: MARGIN + HEAD + row * (HIGH + SPACE),
                };
                boxes.insert((lane, name.clone()), place);
                tallest = tallest.max(row + 1);
            }
        }
        let upper = HEAD + tallest * (HIGH + SPACE) - SPACE + PAD;
        for (column, lane) in (0_i64..).zip(Lane::UPPER) {
            grounds.push(Ground {
                lane,
                corner: Point {
                    x: MARGIN + column * (WIDE + GUTTER) - PAD,
                    y: MARGIN,
                },
                wide: WIDE + 2 * PAD,
                high: upper,
            });
        }
        let between = scene
            .arrows
            .keys()
            .filter(|arrow| takes_corridor(arrow.from.0, arrow.to.0))
            .count();
        let between = i64::try_from(between.min(24)).unwrap_or(0);
        let bottom = MARGIN + upper;
        let corridor = (bottom + 18, bottom + 18 + between * 8);
        let top = corridor.1 + 18;
        let mut high = bottom + MARGIN;
        for (half, lane) in (0_i64..).zip(Lane::LOWER) {
            let names = ordered(scene, lane, &boxes);
            if names.is_empty() {
                continue;
            }
            let left = MARGIN + half * 2 * (WIDE + GUTTER);
            let mut rows = 1;
            for (index, name) in (0_i64..).zip(&names) {
                let (row, column) = (index / 2, index % 2);
                rows = row + 1;
                let place = Point {
                    x: left + column * (WIDE + GUTTER),
                    y: top + HEAD + row * (HIGH + SPACE),
                };
                boxes.insert((lane, name.clone()), place);
            }
            let tall = HEAD + rows * (HIGH + SPACE) - SPACE + PAD;
            grounds.push(Ground {
                lane,
                corner: Point {
                    x: left - PAD,
                    y: top,
                },
                wide: 2 * WIDE + GUTTER + 2 * PAD,
                high: tall,
            });
            high = high.max(top + tall + MARGIN);
        }
        Self {
            boxes,
            grounds,
            corridor,
            high,
        }
    }
}

/// Whether an arrow between boxes of these lanes leaves its band, or goes around boxes of it.
fn takes_corridor(from: Lane, to: Lane) -> bool {
    let column = |lane: Lane| Lane::UPPER.iter().position(|it| *it == lane);
    match (column(from), column(to)) {
        (Some(from), Some(to)) => from.abs_diff(to) > 1,
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => true,
    }
}

/// Whether the lane stands apart below.
pub(super) fn is_lower(lane: Lane) -> bool {
    Lane::LOWER.contains(&lane)
}

/// The boxes of a lane: each near the middle of those further left that reach it, so that few arrows
/// cross.
fn ordered(scene: &Scene, lane: Lane, placed: &BTreeMap<(Lane, String), Point>) -> Vec<String> {
    let mut names: Vec<(i64, &String)> = scene
        .shapes
        .keys()
        .filter(|(of, _)| *of == lane)
        .map(|key| {
            let before: Vec<i64> = scene
                .arrows
                .keys()
                .filter(|arrow| arrow.to == *key)
                .filter_map(|arrow| placed.get(&arrow.from))
                .map(|place| place.y)
                .collect();
            let count = i64::try_from(before.len()).unwrap_or(1).max(1);
            let middle = before.iter().sum::<i64>() / count;
            // What nothing on the left reaches stands last; the outside as a whole first.
            let middle = if before.is_empty() && key.1 != "public" {
                i64::MAX
            } else {
                middle
            };
            (middle, &key.1)
        })
        .collect();
    names.sort();
    names.into_iter().map(|(_, name)| name.clone()).collect()
}

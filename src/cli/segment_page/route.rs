//! Which way each arrow takes, and where its words stand.

use std::collections::BTreeMap;

use super::layout::{GUTTER, HIGH, Layout, Point, WIDE, is_lower};
use super::scene::{Arrow, Scene};

/// An arrow with its way.
#[derive(Clone, Debug)]
pub(super) struct Route<'s> {
    pub(super) arrow: &'s Arrow,
    pub(super) lines: &'s [String],
    /// As `d` of a path (SVG 2, 9.3).
    pub(super) path: String,
    /// The middle of its words, where it has any.
    pub(super) words: Option<Point>,
}

/// How high a line of words is.
pub(super) const LINE: i64 = 15;

/// The ways of all arrows.
pub(super) fn routes<'s>(scene: &'s Scene, layout: &Layout) -> Vec<Route<'s>> {
    let ports = Ports::new(scene, layout);
    let mut tracks = 0;
    let mut routes: Vec<Route<'_>> = Vec::new();
    for (arrow, lines) in &scene.arrows {
        let (Some(from), Some(to)) = (layout.boxes.get(&arrow.from), layout.boxes.get(&arrow.to))
        else {
            continue;
        };
        let is_across = is_lower(arrow.from.0) != is_lower(arrow.to.0);
        let ends = (ports.leaving(arrow), ports.arriving(arrow));
        let (path, words) = if is_across || (from.x - to.x).abs() > WIDE + GUTTER {
            let track = layout.corridor.0 + (tracks % 24) * 8;
            let track = track.min(layout.corridor.1);
            let offset = (tracks % 6) * 7;
            tracks += 1;
            if is_across {
                across(*from, *to, track, offset)
            } else {
                around(*from, *to, ends, track, offset)
            }
        } else {
            beside(*from, *to, ends.0, ends.1)
        };
        routes.push(Route {
            arrow,
            lines,
            path,
            words: words.filter(|_| !arrow.admin),
        });
    }
    part(&mut routes);
    routes
}

/// Between boxes of one band that do not stand side by side: around those between them, behind which it
/// would look like an arrow of theirs.
fn around(
    from: Point,
    to: Point,
    (out, into): (i64, i64),
    track: i64,
    offset: i64,
) -> (String, Option<Point>) {
    let (y1, y2) = (from.y + out, to.y + into);
    let (x1, turn, back, x2, step) = if from.x < to.x {
        let turn = from.x + WIDE + 20 + offset;
        (from.x + WIDE, turn, to.x - 26 - offset, to.x - 2, 8)
    } else {
        let back = to.x + WIDE + 26 + offset;
        (from.x, from.x - 20 - offset, back, to.x + WIDE + 2, -8)
    };
    let down = if track > y1 { 8 } else { -8 };
    let path = format!(
        "M{x1} {y1}H{}Q{turn} {y1} {turn} {}V{}Q{turn} {track} {} {track}H{}Q{back} {track} {back} {}V{}Q{back} {y2} {} {y2}H{x2}",
        turn - step,
        y1 + down,
        track - down,
        turn + step,
        back - step,
        track - down,
        y2 + down,
        back + step,
    );
    // Below the boxes' middle, where no words of neighbours stand.
    let words = Point {
        x: back,
        y: to.y + HIGH + 16,
    };
    (path, Some(words))
}

/// Between neighbours of one band: a curve from side to side.
fn beside(from: Point, to: Point, out: i64, into: i64) -> (String, Option<Point>) {
    let (y1, y2) = (from.y + out, to.y + into);
    let bend = GUTTER / 2;
    if from.x < to.x {
        let (x1, x2) = (from.x + WIDE, to.x - 2);
        let path = format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2 - bend);
        // Near the end that accepts: there ways have parted.
        let words = Point {
            x: to.x - GUTTER / 2,
            y: (y1 + 3 * y2) / 4,
        };
        let adjacent = to.x - from.x <= WIDE + GUTTER;
        let middle = Point {
            x: words.x,
            y: i64::midpoint(y1, y2),
        };
        return (path, Some(if adjacent { middle } else { words }));
    }
    if from.x > to.x {
        let (x1, x2) = (from.x, to.x + WIDE + 2);
        let path = format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 - bend, x2 + bend);
        let words = Point {
            x: to.x + WIDE + GUTTER / 2,
            y: (y1 + 3 * y2) / 4,
        };
        return (path, Some(words));
    }
    let x = from.x + WIDE;
    let path = format!(
        "M{x} {y1}C{} {y1} {} {y2} {} {y2}",
        x + bend / 2,
        x + bend / 2,
        x + 2
    );
    let words = Point {
        x: x + bend,
        y: i64::midpoint(y1, y2),
    };
    (path, Some(words))
}

/// Between the bands: along the gutters, where no box stands.
fn across(from: Point, to: Point, track: i64, offset: i64) -> (String, Option<Point>) {
    let upwards = from.y > to.y;
    if upwards {
        let (x1, gutter, y2) = (
            from.x + WIDE / 2 + offset,
            to.x - 26 - offset,
            to.y + HIGH - 18,
        );
        let step = if gutter < x1 { -8 } else { 8 };
        let words = Point {
            x: x1,
            y: from.y - 22,
        };
        let path = format!(
            "M{x1} {}V{}Q{x1} {track} {} {track}H{}Q{gutter} {track} {gutter} {}V{}Q{gutter} {y2} {} {y2}H{}",
            from.y,
            track + 8,
            x1 + step,
            gutter - step,
            track - 8,
            y2 + 8,
            gutter + 8,
            to.x - 2
        );
        (path, Some(words))
    } else {
        let (gutter, y1, x2) = (
            from.x + WIDE + 20 + offset,
            from.y + HIGH - 18,
            to.x + WIDE / 2 - 20 - offset,
        );
        let step = if x2 < gutter { -8 } else { 8 };
        let words = Point {
            x: x2,
            y: to.y - 22,
        };
        let path = format!(
            "M{} {y1}H{}Q{gutter} {y1} {gutter} {}V{}Q{gutter} {track} {} {track}H{}Q{x2} {track} {x2} {}V{}",
            from.x + WIDE,
            gutter - 8,
            y1 + 8,
            track - 8,
            gutter + step,
            x2 - step,
            track + 8,
            to.y - 2
        );
        (path, Some(words))
    }
}

/// Words of different arrows do not stand on each other.
fn part(routes: &mut [Route<'_>]) {
    let mut order: Vec<usize> = (0..routes.len()).collect();
    let key = |route: &Route<'_>| route.words.map(|words| (words.x, words.y));
    order.sort_by_key(|index| routes.get(*index).and_then(key));
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    for index in order {
        let Some(route) = routes.get_mut(index) else {
            continue;
        };
        let lines = i64::try_from(route.lines.len()).unwrap_or(1);
        let half = lines * LINE / 2;
        if let Some(words) = &mut route.words {
            let floor = last.get(&words.x).copied().unwrap_or(i64::MIN / 2);
            words.y = words.y.max(floor + half + 4);
            last.insert(words.x, words.y + half);
        }
    }
}

/// Where on a box's sides arrows begin and end: spread, in the order of their other ends.
struct Ports {
    out: BTreeMap<Arrow, i64>,
    into: BTreeMap<Arrow, i64>,
}

impl Ports {
    fn new(scene: &Scene, layout: &Layout) -> Self {
        let mut ports = Self {
            out: BTreeMap::new(),
            into: BTreeMap::new(),
        };
        for key in scene.shapes.keys() {
            let height = |other: &_| layout.boxes.get(other).map(|place| (place.y, place.x));
            let mut out: Vec<&Arrow> = scene.arrows.keys().filter(|it| it.from == *key).collect();
            out.sort_by_key(|arrow| height(&arrow.to));
            spread(&out, &mut ports.out);
            let mut into: Vec<&Arrow> = scene.arrows.keys().filter(|it| it.to == *key).collect();
            into.sort_by_key(|arrow| height(&arrow.from));
            spread(&into, &mut ports.into);
        }
        ports
    }

    fn leaving(&self, arrow: &Arrow) -> i64 {
        self.out.get(arrow).copied().unwrap_or(HIGH / 2)
    }

    fn arriving(&self, arrow: &Arrow) -> i64 {
        self.into.get(arrow).copied().unwrap_or(HIGH / 2)
    }
}

fn spread(arrows: &[&Arrow], places: &mut BTreeMap<Arrow, i64>) {
    let count = i64::try_from(arrows.len()).unwrap_or(1);
    for (index, arrow) in (1_i64..).zip(arrows) {
        places.insert((*arrow).clone(), HIGH * index / (count + 1));
    }
}

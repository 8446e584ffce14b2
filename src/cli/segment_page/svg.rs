//! The drawing.

use super::layout::{HIGH, Layout, PAD, Point, WHOLE, WIDE, is_lower};
use super::route::{LINE, Route, routes};
use super::scene::{Lane, Scene, Shape};
use crate::cli::audit_page::html::{Html, Text, shortened};
use crate::segment::Graph;

/// The drawing's own style.
pub(super) const STYLE: &str = include_str!("drawing.css");

/// The drawing as a file of its own.
pub fn svg(graph: &Graph) -> String {
    let mut out = Html::default();
    draw(&mut out, &Scene::new(graph), true);
    out.text
}

/// The drawing; `alone` as a file of its own, else as a part of a page.
pub(super) fn draw(out: &mut Html, scene: &Scene, alone: bool) {
    let layout = Layout::new(scene);
    let high = layout.high;
    let (file, style) = if alone {
        (
            format!(" xmlns=\"http://www.w3.org/2000/svg\" width=\"{WHOLE}\" height=\"{high}\""),
            format!("<style>{STYLE}</style>\n"),
        )
    } else {
        (String::new(), String::new())
    };
    out.put(format_args!(
        "<svg class=\"fleet\"{file} viewBox=\"0 0 {WHOLE} {high}\" role=\"img\" \
         aria-label=\"{} boxes and {} arrows; the tables say the same in words\">\n{style}\
         <defs><marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"8\" refY=\"5\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto-start-reverse\"><path class=\"tip\" d=\"M0 0L10 5L0 10z\"/></marker>\
         <marker id=\"admin-tip\" viewBox=\"0 0 10 10\" refX=\"8\" refY=\"5\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto-start-reverse\"><path class=\"tip admin\" d=\"M0 0L10 5L0 10z\"/></marker></defs>\n",
        scene.shapes.len(),
        scene.arrows.len(),
    ));
    if alone {
        out.put(format_args!(
            "<rect class=\"sheet\" width=\"{WHOLE}\" height=\"{high}\"/>\n"
        ));
    }
    for ground in &layout.grounds {
        out.put(format_args!(
            "<rect class=\"ground {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"14\"/>\n",
            ground.lane.class(),
            ground.corner.x,
            ground.corner.y,
            ground.wide,
            ground.high,
        ));
    }
    let routes = routes(scene, &layout);
    for route in &routes {
        way(out, route);
    }
    for (key, place) in &layout.boxes {
        if let Some(shape) = scene.shapes.get(key) {
            put_box(out, key, shape, *place, alone);
        }
    }
    for route in &routes {
        words(out, route);
    }
    for ground in &layout.grounds {
        // Arrows come into the lower lanes from above: their headings stand aside.
        let (x, class) = if is_lower(ground.lane) {
            (ground.corner.x + ground.wide - PAD, "lane aside")
        } else {
            (ground.corner.x + PAD, "lane")
        };
        out.put(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{}\">{}</text>\n",
            ground.corner.y + 28,
            ground.lane.title(),
        ));
    }
    out.raw("</svg>\n");
}

fn ends(route: &Route<'_>) -> String {
    format!(
        "data-from=\"{}\" data-to=\"{}\"",
        Text(&route.arrow.from.1),
        Text(&route.arrow.to.1)
    )
}

fn way(out: &mut Html, route: &Route<'_>) {
    let (class, tip) = if route.arrow.admin {
        ("way admin", "admin-tip")
    } else {
        ("way", "tip")
    };
    out.put(format_args!(
        "<path class=\"{class}\" {} d=\"{}\" marker-end=\"url(#{tip})\"><title>{} to {}: {}</title></path>\n",
        ends(route),
        route.path,
        Text(&route.arrow.from.1),
        Text(&route.arrow.to.1),
        Text(&route.lines.join(", ")),
    ));
}

fn words(out: &mut Html, route: &Route<'_>) {
    let Some(middle) = route.words else {
        return;
    };
    let lines = i64::try_from(route.lines.len()).unwrap_or(1);
    let top = middle.y - (lines - 1) * LINE / 2 + 4;
    out.put(format_args!("<text class=\"words\" {}>", ends(route)));
    for (index, line) in (0_i64..).zip(route.lines) {
        out.put(format_args!(
            "<tspan x=\"{}\" y=\"{}\">{}</tspan>",
            middle.x,
            top + index * LINE,
            Text(&shortened(line, 24)),
        ));
    }
    out.raw("</text>\n");
}

fn put_box(out: &mut Html, key: &(Lane, String), shape: &Shape, at: Point, alone: bool) {
    let (lane, name) = key;
    let linked = shape.linked && !alone;
    if linked {
        out.put(format_args!("<a href=\"#s-{}\">", Text(name)));
    }
    out.put(format_args!(
        "<g class=\"box {}\" data-name=\"{}\"><title>{}: {}</title>\
         <rect x=\"{}\" y=\"{}\" width=\"{WIDE}\" height=\"{HIGH}\" rx=\"10\"/>\
         <text class=\"name\" x=\"{}\" y=\"{}\">{}</text>\
         <text class=\"about\" x=\"{}\" y=\"{}\">{}</text>",
        lane.class(),
        Text(name),
        Text(name),
        Text(&shape.about),
        at.x,
        at.y,
        at.x + 14,
        at.y + 27,
        Text(&shortened(name, 22)),
        at.x + 14,
        at.y + 47,
        Text(&shortened(&shape.about, 28)),
    ));
    let mut notes = Vec::new();
    if !shape.out.is_empty() {
        let out: Vec<&str> = shape.out.iter().map(String::as_str).collect();
        notes.push(format!("out: {}", out.join(", ")));
    }
    if !shape.within.is_empty() {
        let within: Vec<&str> = shape.within.iter().map(String::as_str).collect();
        notes.push(format!("within: {}", within.join(", ")));
    }
    if !notes.is_empty() {
        out.put(format_args!(
            "<text class=\"note\" x=\"{}\" y=\"{}\">{}</text>",
            at.x + 14,
            at.y + 68,
            Text(&shortened(&notes.join("; "), 30)),
        ));
    }
    out.raw("</g>");
    if linked {
        out.raw("</a>");
    }
    out.raw("\n");
}

//! The file as a whole.

use std::collections::BTreeMap;

use super::scene::Scene;
use super::{svg, tables};
use crate::cli::audit_page::html::{Html, Text, count};
use crate::cli::audit_page::{STYLE, sha256};
use crate::ops::segment::Found;
use crate::segment::{Fleet, LinkKind, Node};

const OWN_STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The fleet as one HTML file that needs no other; `found` is what breaks its rules on the day `day`.
pub fn page(fleet: &Fleet, found: &[Found], day: &str) -> String {
    let mut page = Html::default();
    page.put(format_args!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'sha256-{}' 'sha256-{}' 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>What may reach what</title>\n<style>{STYLE}</style>\n<style>{OWN_STYLE}</style>\n\
         <style>{}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#reach\">To the tables</a>\n",
        sha256(STYLE),
        sha256(OWN_STYLE),
        sha256(svg::STYLE),
        sha256(SCRIPT),
        svg::STYLE,
    ));
    head(&mut page, fleet, found, day);
    page.raw("<main>\n");
    findings(&mut page, found);
    drawing(&mut page, fleet);
    tables::matrix(&mut page, fleet);
    tables::segments(&mut page, fleet);
    tables::flows(&mut page, fleet);
    page.put(format_args!(
        "</main>\n<footer><p>Made by karat from templates alone: the same templates give the same page. A \
         flow is shown where both ends state it.</p></footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    ));
    page.text
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn head(page: &mut Html, fleet: &Fleet, found: &[Found], day: &str) {
    let (class, word, sentence) = if found.is_empty() {
        (
            "clean",
            "Sound".to_owned(),
            format!("Every rule of the fleet holds on {day}."),
        )
    } else {
        let faults = count(number(found.len()), "fault", "faults");
        (
            "findings",
            faults,
            format!("Rules of the fleet are broken on {day}."),
        )
    };
    page.put(format_args!(
        "<header>\n<p class=\"kicker\">Segments of a fleet</p>\n<h1>What may reach what</h1>\n\
         <div class=\"verdict {class}\"><p><strong>{word}</strong> {}</p></div>\n<ul class=\"cards\">\n",
        Text(&sentence),
    ));
    let links = || fleet.graph.links.keys();
    let inner = links()
        .filter(|link| link.from.segment().is_some() && link.to.segment().is_some())
        .count();
    let public = links().filter(|link| link.from == Node::Public).count();
    let egress = links().filter(|link| link.kind == LinkKind::Egress).count();
    for (title, value, about) in [
        (
            "Segments",
            fleet.segments.len(),
            count(number(fleet.members.len()), "image", "images"),
        ),
        ("Flows", inner, "between segments".to_owned()),
        ("Public", public, "openings to anybody".to_owned()),
        ("Egress", egress, "to what no template provides".to_owned()),
    ] {
        page.put(format_args!(
            "<li>{title}<b>{value}</b><small>{about}</small></li>\n"
        ));
    }
    page.raw("</ul>\n</header>\n");
}

/// Most places of one fault that are shown at once; the others are a click away.
const PLACES_MAX: usize = 4;

fn findings(page: &mut Html, found: &[Found]) {
    if found.is_empty() {
        return;
    }
    page.section("findings", "Faults", "");
    page.raw("<ul class=\"found\">\n");
    for same in grouped(found) {
        let Some(first) = same.first() else {
            continue;
        };
        page.put(format_args!(
            "<li class=\"fault\"><p class=\"what\"><span class=\"badge fault\">{}</span> \
             <span class=\"subject\">{}</span></p>",
            first.rule,
            Text(&first.message),
        ));
        let (shown, others) = same.split_at(PLACES_MAX.min(same.len()));
        places(page, shown);
        if !others.is_empty() {
            let more = count(number(others.len()), "more place", "more places");
            page.put(format_args!("<details><summary>{more}</summary>"));
            places(page, others);
            page.raw("</details>");
        }
        if let Some(help) = &first.help {
            page.put(format_args!("<p class=\"next\">{}</p>", Text(help)));
        }
        page.raw("</li>\n");
    }
    page.raw("</ul>\n</section>\n");
}

/// Faults that say the same of several places, together; in the order of the first of each.
fn grouped(found: &[Found]) -> Vec<Vec<&Found>> {
    let mut groups: Vec<Vec<&Found>> = Vec::new();
    let mut index = BTreeMap::new();
    for it in found {
        let key = (it.rule, &it.message, &it.help);
        let at = *index.entry(key).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(it),
            None => groups.push(vec![it]),
        }
    }
    groups
}

fn places(page: &mut Html, found: &[&Found]) {
    page.raw("<p class=\"places\">");
    for it in found {
        page.put(format_args!(
            "<code>{}:{}</code> ",
            Text(&it.location.file),
            it.location.line,
        ));
    }
    page.raw("</p>");
}

fn drawing(page: &mut Html, fleet: &Fleet) {
    let scene = Scene::new(&fleet.graph);
    let about = if scene.summary {
        "There are too many segments to draw one by one: a box is a category."
    } else {
        "From outside to data, left to right. Point at a box, or reach it by keyboard, for its own arrows."
    };
    page.section("drawing", "The fleet", about);
    page.raw(
        "<div class=\"wide\" role=\"region\" aria-label=\"The fleet as a drawing\" tabindex=\"0\">\n",
    );
    svg::draw(page, &scene, false);
    page.raw(
        "</div>\n<ul class=\"fleet-legend\">\
         <li><svg viewBox=\"0 0 40 10\" aria-hidden=\"true\"><line x1=\"0\" x2=\"40\" y1=\"5\" y2=\"5\"/></svg>a service, with its port</li>\
         <li><svg viewBox=\"0 0 40 10\" aria-hidden=\"true\"><line class=\"dashed\" x1=\"0\" x2=\"40\" y1=\"5\" y2=\"5\"/></svg>SSH for administrators</li>\
         <li>out: where it connects to that no template provides</li></ul>\n</section>\n",
    );
}

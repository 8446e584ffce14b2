//! Images, log and fleet: what evidence is from.

use crate::cli::audit_page::html::{Html, Number, Text, count, digest, time};
use crate::responsibility::{ImageFacts, Report};

/// Most images on the page.
const IMAGES_MAX: usize = 500;

pub(super) fn write(page: &mut Html, report: &Report) {
    page.section(
        "sources",
        "What evidence is from",
        "Only bytes count whose signatures open under the trust root.",
    );
    page.table(
        "image-table",
        "The images, and who signed what about them",
        &[
            "Image",
            "Standing",
            "Serial",
            "Built",
            "To be replaced by",
            "Statement",
            "It speaks about",
        ],
    );
    for image in report.images.iter().take(IMAGES_MAX) {
        row(page, image);
    }
    page.end_table();
    page.raw("<dl class=\"origin\">\n");
    match &report.log {
        Some(log) => page.put(format_args!(
            "<dt>Log</dt><dd><bdi>{}</bdi>, {}, root {}; the audit says <b>{}</b>{}</dd>\n",
            Text(&log.origin),
            count(log.tree_size, "entry", "entries"),
            digest(&log.root_sha256),
            log.verdict,
            if log.witnessed {
                ", and witnesses vouch for it"
            } else {
                ", and nobody besides the log vouches for it"
            },
        )),
        None => page.raw("<dt>Log</dt><dd>none was named</dd>\n"),
    }
    match &report.fleet {
        Some(fleet) => page.put(format_args!(
            "<dt>Fleet</dt><dd>{}, {}</dd>\n",
            count(fleet.templates, "template", "templates"),
            count(
                u64::try_from(fleet.problems.len()).unwrap_or(u64::MAX),
                "problem",
                "problems"
            ),
        )),
        None => page.raw("<dt>Fleet</dt><dd>was not checked</dd>\n"),
    }
    page.raw("</dl>\n</section>\n");
}

fn row(page: &mut Html, image: &ImageFacts) {
    let dash = || "\u{2013}".to_owned();
    let (class, said) = match (image.standing, &image.signed) {
        (_, Some(by)) => (
            "valid",
            format!(
                "{} of {} keys needed, trust root {}",
                by.keys.len(),
                Number(by.threshold),
                Number(by.trust_root)
            ),
        ),
        ("unsigned", None) => ("unknown", "evidence of the builder only".to_owned()),
        _ => (
            "fault",
            Text(image.why.as_deref().unwrap_or_default()).to_string(),
        ),
    };
    page.put(format_args!(
        "<tr><th scope=\"row\"><bdi>{}</bdi><small><bdi>{}</bdi></small></th>\
         <td><span class=\"badge {class}\">{}</span> {said}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>",
        Text(image.name.as_deref().unwrap_or("not to be believed")),
        Text(&image.file),
        image.standing,
        image.serial.map_or_else(dash, |serial| Number(serial).to_string()),
        image.epoch.map_or_else(dash, time),
        image.expires.map_or_else(dash, time),
        image.statement_sha256.as_ref().map_or_else(dash, digest),
    ));
    page.raw("<ul class=\"signatures\">");
    for subject in &image.subjects {
        page.put(format_args!(
            "<li><bdi>{}</bdi> {}</li>",
            Text(&subject.name),
            digest(&subject.sha256)
        ));
    }
    page.raw("</ul></td></tr>\n");
}

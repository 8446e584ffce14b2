//! Trust roots, notices, images, what changed, witnesses.

use super::html::{Html, Number, Text, count, digest, people, time};
use crate::ops::audit::{Change, NoticeKind, Report, RootFacts};

/// Most rows of one of these tables; a fleet has some thousand images.
const ROWS_MAX: usize = 1000;
/// Most packages of one change that are listed.
const PACKAGES_MAX: usize = 200;

pub(super) fn roots(page: &mut Html, report: &Report) {
    page.section(
        "roots",
        "Trust roots",
        "Each was signed by a threshold of the root keys before it, and of its own.",
    );
    if report.roots.is_empty() {
        page.raw("<p class=\"nothing\">None is at hand.</p>\n</section>\n");
        return;
    }
    page.raw("<ol class=\"roots\">\n");
    if report.roots.len() > ROWS_MAX {
        let all = u64::try_from(report.roots.len()).unwrap_or(u64::MAX);
        page.put(format_args!(
            "<li class=\"capped\">The newest {ROWS_MAX} of {} trust roots are shown.</li>\n",
            Number(all),
        ));
    }
    for root in report.roots.iter().rev().take(ROWS_MAX) {
        one_root(page, root);
    }
    page.raw("</ol>\n</section>\n");
}

fn one_root(page: &mut Html, root: &RootFacts) {
    let place = match root.index {
        Some(index) => page.entry(index),
        None => "<span class=\"badge policy\">not in the log</span>".to_owned(),
    };
    page.put(format_args!(
        "<li><h3>Version {}</h3><p>{place}, {}, signed by {}</p>",
        Number(root.version),
        digest(&root.sha256),
        people(&root.signed_by),
    ));
    if let Some(expires) = root.expires {
        page.put(format_args!("<p>to be replaced by {}</p>", time(expires)));
    }
    if !root.changes.is_empty() {
        page.raw("<ul>");
        for change in &root.changes {
            page.put(format_args!("<li><bdi>{}</bdi></li>", Text(&change.text)));
        }
        page.raw("</ul>");
    }
    page.raw("</li>\n");
}

pub(super) fn notices(page: &mut Html, report: &Report) {
    if report.notices.is_empty() {
        return;
    }
    page.section("notices", "Revocations and retirements", "");
    page.table(
        "notice-table",
        "What the log was told about keys and baselines, the newest first",
        &[
            "Entry",
            "What",
            "Of",
            "Reaches",
            "Why",
            "Signed by",
            "Worth",
        ],
    );
    for notice in report.notices.iter().rev().take(ROWS_MAX) {
        let (word, class) = match notice.kind {
            NoticeKind::Revoke => ("revocation", "revoked"),
            NoticeKind::Retire => ("retirement", "ended"),
        };
        let of = match (&notice.key, &notice.image) {
            (Some(key), _) => digest(key),
            (None, Some(image)) => format!("<bdi>{}</bdi>", Text(image)),
            (None, None) => "\u{2013}".to_owned(),
        };
        let reaches = match (notice.from, notice.first_serial, notice.last_serial) {
            (Some(from), _, _) => format!("from index {} on", Number(from)),
            (None, Some(first), Some(last)) if first == last => format!("serial {}", Number(first)),
            (None, Some(first), Some(last)) => {
                format!("serials {} to {}", Number(first), Number(last))
            }
            _ => "\u{2013}".to_owned(),
        };
        let worth = match &notice.refused {
            None => "counts".to_owned(),
            Some(why) => format!("<span class=\"badge policy\">refused</span> {}", Text(why)),
        };
        let entry = page.entry(notice.index);
        page.put(format_args!(
            "<tr><td class=\"n\">{entry}</td><td><span class=\"badge {class}\">{word}</span></td><td>{of}</td>\
             <td>{reaches}</td><td><bdi>{}</bdi></td><td>{}</td><td>{worth}</td></tr>\n",
            Text(notice.reason.as_deref().unwrap_or("\u{2013}")),
            people(&notice.signed_by),
        ));
    }
    page.end_table();
    page.raw("</section>\n");
}

pub(super) fn images(page: &mut Html, report: &Report) {
    page.section("images", "Images", "");
    if report.images.is_empty() {
        page.raw("<p class=\"nothing\">Nothing was signed for any image.</p>\n</section>\n");
        return;
    }
    if report.images.len() > ROWS_MAX {
        page.put(format_args!(
            "<p class=\"capped\">The first {ROWS_MAX} of {} images are shown.</p>\n",
            Number(report.counts.images)
        ));
    }
    page.table(
        "image-table",
        "What was signed for each image",
        &[
            "Image",
            "Newest",
            "Serials",
            "Missing",
            "Lowest that counts",
            "Entries",
            "Retired",
        ],
    );
    for image in report.images.iter().take(ROWS_MAX) {
        let missing = if image.missing > 0 {
            format!(
                "<span class=\"badge policy\">{}</span>",
                Number(image.missing)
            )
        } else {
            "none".to_owned()
        };
        let retired: Vec<String> = image
            .retired
            .iter()
            .map(|it| {
                format!(
                    "{} to {} <bdi>({})</bdi>",
                    Number(it.first_serial),
                    Number(it.last_serial),
                    Text(&it.reason)
                )
            })
            .collect();
        let newest = page.entry(image.newest_index);
        page.put(format_args!(
            "<tr><td><bdi>{}</bdi></td><td><bdi>{}</bdi> {newest}</td><td class=\"n\">{} to {}</td><td>{missing}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
            Text(&image.name),
            Text(&image.newest_version),
            Number(image.lowest_serial),
            Number(image.highest_serial),
            Number(image.min_serial),
            Number(image.entries),
            retired.join("; "),
        ));
    }
    page.end_table();
    page.raw("</section>\n");
}

pub(super) fn changes(page: &mut Html, report: &Report) {
    if report.changes.is_empty() {
        return;
    }
    page.section(
        "changes",
        "What changed",
        "From one baseline of an image to the next, where the outputs of both were at hand.",
    );
    for change in report.changes.iter().rev().take(ROWS_MAX) {
        one_change(page, change);
    }
    page.raw("</section>\n");
}

fn one_change(page: &mut Html, change: &Change) {
    page.put(format_args!(
        "<details><summary><bdi>{}</bdi> <bdi>{}</bdi> \u{2192} <bdi>{}</bdi> <span>serial {} to {}: {}, \
         {} added, {} removed, {} changed, {}</span></summary>",
        Text(&change.image),
        Text(&change.from.version),
        Text(&change.to.version),
        Number(change.from.serial),
        Number(change.to.serial),
        count(change.packages_changed, "package", "packages"),
        count(change.paths_added, "path", "paths"),
        Number(change.paths_removed),
        Number(change.paths_changed),
        count(change.expectations_changed, "expectation", "expectations"),
    ));
    if !change.packages.is_empty() {
        page.raw("<ul class=\"packages\">");
        for package in change.packages.iter().take(PACKAGES_MAX) {
            let side =
                |version: &Option<String>| version.as_deref().unwrap_or("\u{2013}").to_owned();
            page.put(format_args!(
                "<li><bdi>{}</bdi> <bdi>{}</bdi> \u{2192} <bdi>{}</bdi></li>",
                Text(&package.name),
                Text(&side(&package.from)),
                Text(&side(&package.to)),
            ));
        }
        page.raw("</ul>");
        let listed = u64::try_from(change.packages.len().min(PACKAGES_MAX)).unwrap_or(0);
        if listed < change.packages_changed {
            page.put(format_args!(
                "<p class=\"capped\">and {} more</p>",
                Number(change.packages_changed.saturating_sub(listed))
            ));
        }
    }
    page.raw("</details>\n");
}

pub(super) fn witnesses(page: &mut Html, report: &Report) {
    if report.witnesses.is_empty() {
        return;
    }
    page.section(
        "witnesses",
        "Witnesses",
        "Who cosigned checkpoints of this log. Times are theirs.",
    );
    page.table(
        "witness-table",
        "Witnesses of the lineage",
        &["Witness", "Key", "Checkpoints", "Sizes", "Between"],
    );
    for witness in report.witnesses.iter().take(ROWS_MAX) {
        page.put(format_args!(
            "<tr><td><bdi>{}</bdi></td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{} to {}</td><td>{} and {}</td></tr>\n",
            Text(&witness.name),
            digest(&witness.key),
            Number(witness.checkpoints),
            Number(witness.first_size),
            Number(witness.last_size),
            time(witness.first_time),
            time(witness.last_time),
        ));
    }
    page.end_table();
    page.raw("</section>\n");
}

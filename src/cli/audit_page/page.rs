//! The file as a whole.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::html::{Html, Text};
use super::{entries, facts, findings, head, lives, timeline};
use crate::digest::Digest;
use crate::ops::audit::Report;

/// The house style; other pages put their own rules behind it.
pub(in crate::cli) const STYLE: &str = include_str!("page.css");
/// Filters and sorting of one table, for other pages, too.
pub(in crate::cli) const SCRIPT: &str = include_str!("page.js");

/// The report as one HTML file that needs no other.
pub fn page(report: &Report) -> String {
    let mut page = Html {
        text: String::new(),
        rows: entries::shown(report),
    };
    page.put(format_args!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Audit of {origin}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#findings\">To the findings</a>\n",
        style = sha256(STYLE),
        script = sha256(SCRIPT),
        origin = Text(&report.log.origin),
    ));
    head::write(&mut page, report);
    page.raw("<main>\n");
    findings::write(&mut page, report);
    timeline::write(&mut page, report);
    lives::write(&mut page, report);
    facts::roots(&mut page, report);
    facts::notices(&mut page, report);
    facts::images(&mut page, report);
    facts::changes(&mut page, report);
    facts::witnesses(&mut page, report);
    entries::write(&mut page, report);
    page.put(format_args!(
        "</main>\n<footer><p>Made by karat from <code>{}</code>, of nothing but the log and what it is \
         judged by: the same log gives the same page. Times are what witnesses said; order is by index.\
         </p></footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        Report::FORMAT,
    ));
    page.text
}

/// A digest as a Content-Security-Policy names it.
pub(in crate::cli) fn sha256(text: &str) -> String {
    STANDARD.encode(Digest::of(text.as_bytes()).as_bytes())
}

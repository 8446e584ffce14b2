//! The file as a whole.

use super::{chart, head, open, sides, sources, table};
use crate::cli::audit_page::html::Html;
use crate::cli::audit_page::page::{SCRIPT, STYLE as HOUSE, sha256};
use crate::responsibility::Report;

/// What the house style does not have.
const OWN: &str = include_str!("page.css");

/// The report as one HTML file that needs no other.
pub(in crate::cli) fn page(report: &Report) -> String {
    let mut page = Html::default();
    let style = [HOUSE, OWN].concat();
    page.put(format_args!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Shared responsibility on {} ({})</title>\n<style>{style}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#open\">To what is open</a>\n",
        sha256(&style),
        sha256(SCRIPT),
        report.provider.title(),
        report.model.title(),
    ));
    head::write(&mut page, report);
    page.raw("<main>\n");
    open::write(&mut page, report);
    chart::write(&mut page, report);
    sides::shown(&mut page, report);
    sides::provider(&mut page, report);
    sources::write(&mut page, report);
    table::write(&mut page, report);
    page.put(format_args!(
        "</main>\n<footer><p>Made by karat from <code>{}</code>: the same evidence at the same time gives \
         the same page. It states evidence; it does not say that anybody complies with anything.</p>\
         </footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        Report::FORMAT,
    ));
    page.text
}

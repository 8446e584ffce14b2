//! What the parts of the report for people write on: lines, and colours where they are wanted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::appraise::Lines;
use crate::path::ImagePath;

/// Whether to colour the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With ANSI colours.
    Colour,
    /// Without.
    Plain,
}

/// How much of a report to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What matters most of each owner, upgraded packages as one event.
    Short,
    /// Every path.
    Full,
}

pub(super) const BOLD: &str = "\x1b[1m";
pub(super) const DIM: &str = "\x1b[2m";
pub(super) const GREEN: &str = "\x1b[1;32m";
pub(super) const RED: &str = "\x1b[1;31m";
pub(super) const YELLOW: &str = "\x1b[1;33m";

/// The text so far.
pub(super) struct Page<'a> {
    pub(super) text: String,
    style: Style,
    pub(super) detail: Detail,
    /// Which lines differ of changed files.
    pub(super) lines: &'a BTreeMap<ImagePath, Lines>,
}

impl<'a> Page<'a> {
    /// An empty page.
    pub(super) fn new(style: Style, detail: Detail, lines: &'a BTreeMap<ImagePath, Lines>) -> Self {
        Self {
            text: String::new(),
            style,
            detail,
            lines,
        }
    }

    /// One line.
    pub(super) fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _: std::fmt::Result = writeln!(self.text, "{line}");
    }

    /// Text in a colour, where there are colours.
    pub(super) fn paint(&self, text: &str, colour: &str) -> String {
        match self.style {
            Style::Colour => format!("{colour}{text}\x1b[0m"),
            Style::Plain => text.to_owned(),
        }
    }
}

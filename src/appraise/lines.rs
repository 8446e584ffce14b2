//! Which lines of a text differ, as a value.

use serde::Serialize;

/// Which lines of a file differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "shown", rename_all = "kebab-case")]
pub enum Lines {
    /// All of them.
    Unified(Unified),
    /// It is no text.
    Binary,
    /// One of its versions has more than [`limits::DIFF_TEXT_MAX`](crate::limits::DIFF_TEXT_MAX)
    /// bytes, or both have too many lines that differ.
    TooLarge,
    /// All texts, or all differences before this one, reached their cap.
    TooMany,
    /// Its bytes are no longer those that were compared.
    Stale,
}

/// A unified difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unified {
    /// How many lines are new.
    pub added: usize,
    /// How many lines are gone.
    pub removed: usize,
    /// Hunks as `diff -u` writes them, without the two lines that name files. Backslashes and what
    /// is not printable are escaped, but for tabs.
    pub unified: Vec<String>,
}

//! The terminal: results on standard output, everything else on standard error.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::failure::Failure;
use crate::path::Escaped;

/// Where a command's words go.
#[derive(Debug)]
pub struct Console {
    json: bool,
    quiet: bool,
}

/// Emphasis: headings.
pub const BOLD: Style = Style::new().bold();
/// Side remarks.
pub const DIM: Style = Style::new().dimmed();
/// Good news.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Bad news.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Warnings.
pub const WARN: Style = AnsiColor::Yellow.on_default().bold();

impl Console {
    /// A console; with `json` the only thing on standard output is one JSON document, with `quiet`
    /// nothing but errors appears on standard error.
    pub fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Whether the result shall be JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether only results and errors shall be shown.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a line of the result. A closed pipe is no error: the reader has seen enough.
    pub fn line(&self, text: impl std::fmt::Display) {
        if !self.json {
            let mut out = anstream::stdout().lock();
            drop(writeln!(out, "{text}"));
        }
    }

    /// Prints the result as JSON, if JSON was asked for. Documents hold text alone (paths as
    /// [`shown`]), so that there is none that cannot be written.
    pub fn json(&self, document: &impl Serialize) {
        if self.json
            && let Ok(text) = serde_json::to_string_pretty(document)
        {
            let mut out = AutoStream::new(std::io::stdout().lock(), ColorChoice::Never);
            drop(writeln!(out, "{text}"));
        }
    }

    /// As [`Console::json`], for documents that are too large to be held as text.
    pub fn json_stream(&self, document: &impl Serialize) {
        if self.json {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            // A closed pipe is no error: the reader has seen enough.
            let written = serde_json::to_writer_pretty(&mut out, document)
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .and_then(|()| out.flush());
            drop(written);
        }
    }

    /// Prints text or bytes as they are, for output that is itself a file: a schema, a script.
    pub fn raw(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        drop(out.write_all(bytes).and_then(|()| out.flush()));
    }

    /// Tells what is going on.
    pub fn note(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            let mut err = anstream::stderr().lock();
            drop(writeln!(err, "{text}"));
        }
    }

    /// Warns.
    pub fn warn(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            let mut err = anstream::stderr().lock();
            drop(writeln!(err, "{WARN}warning:{WARN:#} {text}"));
        }
    }

    /// Shows what is wrong with a file, and where: an error, so `quiet` does not hide it.
    pub fn diagnostic(&self, diagnostic: impl std::fmt::Display) {
        let mut err = anstream::stderr().lock();
        drop(writeln!(err, "{BAD}error{BAD:#} {diagnostic}\n"));
    }

    /// Shows how a command failed; if JSON was asked for, as a document too.
    pub fn failure(&self, failure: &Failure) {
        self.json(&serde_json::json!({
            "error": {
                "exit_code": failure.exit.code(),
                "message": failure.message,
                "next": failure.hint,
            }
        }));
        let mut err = anstream::stderr().lock();
        drop(writeln!(err, "{BAD}error:{BAD:#} {}", failure.message));
        if let Some(hint) = &failure.hint {
            drop(writeln!(err, "{BOLD}next:{BOLD:#}  {hint}"));
        }
    }
}

/// A path as text, for JSON documents: what is not printable or not UTF-8 is escaped.
pub fn shown(path: impl AsRef<Path>) -> String {
    Escaped(path.as_ref().as_os_str().as_bytes()).to_string()
}

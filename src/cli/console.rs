//! The terminal: results on standard output, everything else on standard error.

use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::OnceLock;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::failure::Failure;
use super::{Exit, stdout};
use crate::path::Escaped;
use crate::sys::fs::IoError;

/// Where a command's words go.
#[derive(Debug)]
pub struct Console {
    json: bool,
    quiet: bool,
    /// Why the result is cut short, where it could not be written.
    cut_short: OnceLock<IoError>,
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
        Self {
            json,
            quiet,
            cut_short: OnceLock::new(),
        }
    }

    /// Whether the result shall be JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether only results and errors shall be shown.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// How a command ends that would end as `exit`: with a failure where its result could not be
    /// written, so that nobody takes what is cut short for all of it.
    pub fn end(&self, exit: Exit) -> Exit {
        self.note_written(io::stdout().flush());
        let Some(error) = self.cut_short.get() else {
            return exit;
        };
        let failure = Failure::failed(error)
            .hint("what stands there is cut off, do not use it: make room, or write elsewhere");
        tell_failure(&failure);
        exit.and(failure.exit)
    }

    /// Prints a line of the result. A closed pipe is no error: the reader has seen enough.
    pub fn line(&self, text: impl std::fmt::Display) {
        if !self.json {
            let mut out = anstream::stdout().lock();
            self.note_written(writeln!(out, "{text}"));
        }
    }

    /// Prints the result as JSON, if JSON was asked for. Documents hold text alone (paths as
    /// [`shown`]), so that there is none that cannot be written.
    pub fn json(&self, document: &impl Serialize) {
        if self.json {
            let mut out = AutoStream::new(io::stdout().lock(), ColorChoice::Never);
            let written = serde_json::to_string_pretty(document)
                .map_err(io::Error::from)
                .and_then(|text| writeln!(out, "{text}"));
            self.note_written(written);
        }
    }

    /// As [`Console::json`], for documents that are too large to be held as text.
    pub fn json_stream(&self, document: &impl Serialize) {
        if self.json {
            let mut out = io::BufWriter::new(io::stdout().lock());
            let written = serde_json::to_writer_pretty(&mut out, document)
                .map_err(io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .and_then(|()| out.flush());
            self.note_written(written);
        }
    }

    /// Prints text or bytes as they are, for output that is itself a file: a schema, a script.
    pub fn raw(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        self.note_written(out.write_all(bytes).and_then(|()| out.flush()));
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
        tell_failure(failure);
    }

    /// Remembers the first result that could not be written.
    fn note_written(&self, result: io::Result<()>) {
        if let Err(error) = stdout::written(result) {
            self.cut_short.get_or_init(|| error);
        }
    }
}

fn tell_failure(failure: &Failure) {
    let mut err = anstream::stderr().lock();
    drop(writeln!(err, "{BAD}error:{BAD:#} {}", failure.message));
    if let Some(hint) = &failure.hint {
        drop(writeln!(err, "{BOLD}next:{BOLD:#}  {hint}"));
    }
}

/// So many of something: `1 entry`, `2 entries`.
#[derive(Clone, Copy, Debug)]
pub struct Count<N>(pub N, pub &'static str, pub &'static str);

impl<N: std::fmt::Display + PartialEq + From<u8>> std::fmt::Display for Count<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(number, one, many) = self;
        write!(
            f,
            "{number} {}",
            if *number == N::from(1) { one } else { many }
        )
    }
}

/// A path as text, for JSON documents: what is not printable or not UTF-8 is escaped.
pub fn shown(path: impl AsRef<Path>) -> String {
    Escaped(path.as_ref().as_os_str().as_bytes()).to_string()
}

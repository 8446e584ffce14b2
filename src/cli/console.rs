//! The terminal: results on standard output, everything else on standard error.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::OnceLock;

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
    lost: OnceLock<std::io::Error>,
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
            lost: OnceLock::new(),
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

    /// Prints a line of the result.
    pub fn line(&self, text: impl std::fmt::Display) {
        if !self.json {
            let mut out = anstream::stdout().lock();
            self.printed(writeln!(out, "{text}"));
        }
    }

    /// Prints the result as JSON, if JSON was asked for. Documents hold text alone (paths as
    /// [`shown`]), so that there is none that cannot be written.
    pub fn json(&self, document: &impl Serialize) {
        if self.json
            && let Ok(text) = serde_json::to_string_pretty(document)
        {
            let mut out = AutoStream::new(std::io::stdout().lock(), ColorChoice::Never);
            self.printed(writeln!(out, "{text}"));
        }
    }

    /// As [`Console::json`], for documents that are too large to be held as text.
    pub fn json_stream(&self, document: &impl Serialize) {
        if self.json {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            let written = serde_json::to_writer_pretty(&mut out, document)
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .and_then(|()| out.flush());
            self.printed(written);
        }
    }

    /// Prints text or bytes as they are, for output that is itself a file: a schema, a script.
    pub fn raw(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        self.printed(out.write_all(bytes).and_then(|()| out.flush()));
    }

    /// Whether all of the result arrived on standard output. A result that was cut off must not
    /// look like a whole one.
    ///
    /// # Errors
    /// Some of it was lost: the file system is full, most likely.
    pub fn finish(&self) -> Result<(), Failure> {
        let flushed = std::io::stdout().lock().flush();
        self.printed(flushed);
        match self.lost.get() {
            None => Ok(()),
            Some(error) => Err(Failure::lost(error)),
        }
    }

    /// Remembers that some of the result was lost. A closed pipe is no error: the reader has seen
    /// enough.
    fn printed(&self, result: std::io::Result<()>) {
        if let Err(error) = result
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            // The first one tells why.
            drop(self.lost.set(error));
        }
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
        self.tell(failure);
    }

    /// Says how a command failed, to people alone.
    pub fn tell(&self, failure: &Failure) {
        let mut err = anstream::stderr().lock();
        drop(writeln!(err, "{BAD}error:{BAD:#} {}", failure.message));
        if let Some(hint) = &failure.hint {
            drop(writeln!(err, "{BOLD}next:{BOLD:#}  {hint}"));
        }
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

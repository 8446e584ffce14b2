//! Further reports of a verification: in which format, and where they go.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::{canonical, journal, prometheus};
use crate::appraise::Verification;
use crate::path::Escaped;
use crate::sys::fs::{self, IoError};
use crate::sys::journal as socket;
use crate::tree::Epoch;

/// A format of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line of canonical JSON, for digests and challenges.
    Canonical,
    /// Entries of systemd's journal.
    Journal,
    /// The document of `--json`.
    Json,
    /// JUnit's XML, for CI.
    #[cfg(feature = "build")]
    Junit,
    /// Metrics for Prometheus' textfile collector.
    Prometheus,
    /// SARIF 2.1.0, for CI.
    #[cfg(feature = "build")]
    Sarif,
}

/// One further report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    format: Format,
    /// Where to: a file, of the journal a socket; `None`: standard output.
    to: Option<PathBuf>,
}

/// All further reports of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs(Vec<Output>);

impl Format {
    /// The formats that an instance's own verifier writes, by name.
    pub const OF_AGENT: &'static [(&'static str, Self)] = &[
        ("canonical", Self::Canonical),
        ("journal", Self::Journal),
        ("json", Self::Json),
        ("prometheus", Self::Prometheus),
    ];

    /// All formats, by name.
    #[cfg(feature = "build")]
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("canonical", Self::Canonical),
        ("journal", Self::Journal),
        ("json", Self::Json),
        ("junit", Self::Junit),
        ("prometheus", Self::Prometheus),
        ("sarif", Self::Sarif),
    ];
}

impl Output {
    /// Reads `FORMAT=FILE`, where `-` is standard output; or `journal`, or `journal=SOCKET`. The
    /// format is one of `formats`.
    ///
    /// # Errors
    /// There is no such format, or it goes nowhere.
    pub fn parse(text: &OsStr, formats: &[(&str, Format)]) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let (name, to) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(position) => {
                let (name, rest) = bytes.split_at(position);
                (name, rest.get(1..))
            }
            None => (bytes, None),
        };
        let known = formats.iter().find(|(known, _)| known.as_bytes() == name);
        let Some((name, format)) = known else {
            let names: Vec<&str> = formats.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "there is no report format '{}'; there are {}",
                Escaped(name),
                names.join(", ")
            ));
        };
        let is_journal = *format == Format::Journal;
        let to = match to {
            None if is_journal => Some(PathBuf::from(socket::SOCKET)),
            None | Some(b"") => {
                return Err(format!(
                    "where to? {name}=FILE, or {name}=- for standard output"
                ));
            }
            Some(b"-") if is_journal => {
                return Err("the journal is a socket: journal, or journal=SOCKET".to_owned());
            }
            Some(b"-") => None,
            Some(path) => Some(PathBuf::from(OsStr::from_bytes(path))),
        };
        Ok(Self {
            format: *format,
            to,
        })
    }

    fn bytes(&self, verification: &Verification, now: Epoch) -> Vec<u8> {
        match self.format {
            Format::Canonical => canonical::bytes(verification),
            Format::Journal => Vec::new(),
            Format::Json => super::json_text(verification).into_bytes(),
            #[cfg(feature = "build")]
            Format::Junit => super::junit::document(verification, now).into_bytes(),
            Format::Prometheus => prometheus::metrics(verification, now).into_bytes(),
            #[cfg(feature = "build")]
            Format::Sarif => super::sarif::document(verification).into_bytes(),
        }
    }

    fn deliver(&self, verification: &Verification, now: Epoch) -> Result<(), IoError> {
        match &self.to {
            Some(to) if self.format == Format::Journal => {
                socket::send(to, &journal::entries(verification))
            }
            Some(to) => {
                fs::refuse_special(to)?;
                fs::write_atomic(to, &self.bytes(verification, now), 0o644)
            }
            None => {
                let mut out = std::io::stdout().lock();
                let bytes = self.bytes(verification, now);
                match out.write_all(&bytes).and_then(|()| out.flush()) {
                    // A closed pipe is no error: the reader has seen enough.
                    Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                        Err(IoError::new("write", "standard output", error))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Outputs {
    /// Takes the reports that were asked for, beside `--json` or not.
    ///
    /// # Errors
    /// Two of them would share standard output.
    pub fn new(outputs: Vec<Output>, json: bool) -> Result<Self, String> {
        let there = outputs.iter().filter(|output| output.to.is_none()).count();
        if there + usize::from(json) > 1 {
            return Err("only one report can go to standard output".to_owned());
        }
        Ok(Self(outputs))
    }

    /// Whether one of them goes to standard output, where nothing else may then stand.
    pub fn take_stdout(&self) -> bool {
        self.0.iter().any(|output| output.to.is_none())
    }

    /// Writes and sends them all, those after a failed one too; files appear whole or not at all.
    ///
    /// `now` is when that was, for formats that say it.
    ///
    /// # Errors
    /// The first one that could not be written or sent.
    pub fn deliver(&self, verification: &Verification, now: Epoch) -> Result<(), IoError> {
        let mut result = Ok(());
        for output in &self.0 {
            let delivered = output.deliver(verification, now);
            result = result.and(delivered);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Output, String> {
        Output::parse(OsStr::new(text), Format::OF_AGENT)
    }

    #[test]
    fn formats_and_places() {
        let to = |path: &str| Some(PathBuf::from(path));
        for (text, format, to) in [
            ("json=a=b", Format::Json, to("a=b")),
            ("prometheus=-", Format::Prometheus, None),
            ("journal", Format::Journal, to(socket::SOCKET)),
            ("journal=/s", Format::Journal, to("/s")),
        ] {
            assert_eq!(parse(text), Ok(Output { format, to }), "{text}");
        }
        for (text, says) in [
            ("json", "where to?"),
            ("json=", "where to?"),
            ("journal=", "where to?"),
            ("journal=-", "a socket"),
            ("xml=a", "no report format 'xml'"),
            ("\x1b=a", "no report format '\\x1b'"),
        ] {
            assert!(parse(text).unwrap_err().contains(says), "{text}");
        }
    }

    #[test]
    fn one_report_to_standard_output() {
        let outputs = |json| Outputs::new(vec![parse("json=-").unwrap()], json);
        assert!(outputs(false).unwrap().take_stdout());
        assert!(outputs(true).is_err());
    }
}

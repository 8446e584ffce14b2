//! Findings that somebody has taken note of.
//!
//! ```toml
//! [[acknowledge]]
//! code = "KA401"
//! index = 7                  # the entry, or
//! subject = "web 3..4"       # what the finding is about, or both
//! reason = "the builder crashed after it took the serial"
//! who = "alice"
//! ```

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Acknowledged, Code, Severity};
use crate::limits;
use crate::path::Escaped;
use crate::sys::fs::{self, IoError};

/// What somebody has taken note of, and whether it was found.
#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    list: Vec<(Option<Code>, Raw, u64)>,
}

/// Why acknowledgements cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AcknowledgeError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Not the TOML that it must be; says where.
    #[error("{}: {message}", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    acknowledge: Vec<Raw>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    code: String,
    index: Option<u64>,
    subject: Option<String>,
    reason: String,
    who: String,
}

impl Acknowledgements {
    /// Reads a file.
    ///
    /// # Errors
    /// It is no such file. Codes that do not exist are told at the end.
    pub(super) fn read(path: &Path) -> Result<Self, AcknowledgeError> {
        let text = fs::read_text(path, limits::ACKNOWLEDGEMENTS_MAX)?;
        let form = |message: String| AcknowledgeError::Form {
            path: path.to_owned(),
            message,
        };
        let file: File = toml::from_str(&text).map_err(|error| form(error.to_string()))?;
        let mut list = Vec::new();
        for raw in file.acknowledge {
            if raw.index.is_none() && raw.subject.is_none() {
                let code = Escaped(raw.code.as_bytes()).to_string();
                return Err(form(format!("{code}: name an index or a subject")));
            }
            if raw.reason.trim().is_empty() || raw.who.trim().is_empty() {
                let code = Escaped(raw.code.as_bytes()).to_string();
                return Err(form(format!("{code}: say who acknowledges it, and why")));
            }
            list.push((Code::parse(&raw.code), raw, 0));
        }
        Ok(Self { list })
    }

    /// Whether any of them is about `code`.
    pub(super) fn are_about(&self, code: Code) -> bool {
        self.list.iter().any(|(about, _, _)| *about == Some(code))
    }

    /// Whether somebody has taken note of a finding. Of faults nobody can.
    pub(super) fn find(
        &mut self,
        code: Code,
        index: Option<u64>,
        subject: &str,
    ) -> Option<Acknowledged> {
        let fits = |raw: &Raw| {
            raw.index.is_none_or(|wanted| index == Some(wanted))
                && raw.subject.as_ref().is_none_or(|wanted| wanted == subject)
        };
        let all = self.list.iter_mut();
        let (_, raw, used) = all
            .filter(|(about, _, _)| *about == Some(code))
            .find(|(_, raw, _)| fits(raw))?;
        *used = used.saturating_add(1);
        (code.severity() != Severity::Fault).then(|| Acknowledged {
            who: Escaped(raw.who.as_bytes()).to_string(),
            reason: Escaped(raw.reason.as_bytes()).to_string(),
        })
    }

    /// What has to be said about the acknowledgements themselves.
    pub(super) fn left_over(&mut self) -> Vec<(Code, Option<u64>, String, String)> {
        let mut found = Vec::new();
        for (code, raw, used) in std::mem::take(&mut self.list) {
            let subject = raw.subject.as_deref().unwrap_or_default();
            let name = [raw.code.as_str(), " ", subject].concat();
            let name = Escaped(name.trim_end().as_bytes()).to_string();
            let (what, text) = match code {
                None => (Code::StaleAcknowledgement, "there is no such code"),
                Some(code) if code.severity() == Severity::Fault && used > 0 => (
                    Code::RefusedAcknowledgement,
                    "it is a fault, which nobody can acknowledge away",
                ),
                Some(_) if used == 0 => {
                    (Code::StaleAcknowledgement, "nothing of the kind was found")
                }
                Some(_) => continue,
            };
            let who = Escaped(raw.who.as_bytes()).to_string();
            // Not about an entry: it would be left out with those before `--since`.
            let place = raw
                .index
                .map_or_else(String::new, |index| format!(" at entry {index}"));
            found.push((
                what,
                None,
                name,
                format!("acknowledged by {who}{place}: {text}"),
            ));
        }
        found
    }
}

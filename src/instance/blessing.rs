//! What may be remembered of a boot: only what its verification proved.

use serde::Deserialize;

use super::LogSeen;
use crate::appraise::{Assurance, BootId, Verdict};
use crate::baseline::{ImageName, NameError, Serial, SerialError};
use crate::digest::Digest;
use crate::json::{self, JsonError};
use crate::limits;
use crate::path::Escaped;

/// What a boot was verified as, fit to be remembered. Only [`Blessing::of`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blessing {
    name: ImageName,
    serial: Serial,
    trust_root: u64,
    log: Option<LogSeen>,
}

/// Why nothing may be remembered of a boot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlessingError {
    /// Not JSON, or not a report of a verification.
    #[error("it is no report of a verification: {0}")]
    Json(#[from] JsonError),
    /// A report in another format.
    #[error("it is no report of a verification that this version knows: \"{}\"", Escaped(.0.as_bytes()))]
    Schema(String),
    /// The instance is not what was signed, or nobody can tell.
    #[error("this boot was not verified as what was signed: {}", Escaped(.0.as_bytes()))]
    Verdict(String),
    /// The report is about something else than the machine itself.
    #[error("the report is not about this machine itself, but \"{}\"", Escaped(.0.as_bytes()))]
    Assurance(String),
    /// The report is of another boot.
    #[error("the report is of another boot ({}), and this one is {}", Escaped(.found.as_bytes()), .now.as_str())]
    Boot {
        /// What the report says.
        found: String,
        /// This boot.
        now: BootId,
    },
    /// A match without a baseline, which no verification gives.
    #[error("the report says match, and names no baseline")]
    NoBaseline,
    /// No name of an image.
    #[error("{0}")]
    Name(#[from] NameError),
    /// No serial.
    #[error("{0}")]
    Serial(#[from] SerialError),
}

/// What counts of a report (`docs/formats/report.md`); it says more, which is not needed here.
#[derive(Deserialize)]
struct Raw {
    schema: String,
    verdict: String,
    assurance: String,
    boot_id: Option<String>,
    baseline: Option<RawBaseline>,
}

#[derive(Deserialize)]
struct RawBaseline {
    name: String,
    serial: u64,
    trust_root_version: u64,
    #[serde(default)]
    log: Option<RawLog>,
}

#[derive(Deserialize)]
struct RawLog {
    origin: String,
    tree_size: u64,
    root_sha256: Digest,
}

impl Blessing {
    /// Reads the report of a verification. It must say match, be about the machine itself, and be
    /// of the boot `now`: an older verdict proves nothing about what runs.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn of(report: &[u8], now: &BootId) -> Result<Self, BlessingError> {
        let raw: Raw = json::read(report, limits::REPORT_MAX)?;
        if raw.schema != "verify-report/1" {
            return Err(BlessingError::Schema(raw.schema));
        }
        if raw.verdict != Verdict::Match.name() {
            return Err(BlessingError::Verdict(raw.verdict));
        }
        if raw.assurance != Assurance::Machine.name() {
            return Err(BlessingError::Assurance(raw.assurance));
        }
        let found = raw.boot_id.unwrap_or_default();
        if found != now.as_str() {
            let now = now.clone();
            return Err(BlessingError::Boot { found, now });
        }
        let baseline = raw.baseline.ok_or(BlessingError::NoBaseline)?;
        Ok(Self {
            name: ImageName::parse(&baseline.name)?,
            serial: Serial::new(baseline.serial)?,
            trust_root: baseline.trust_root_version,
            log: baseline.log.map(|log| LogSeen {
                origin: log.origin,
                root: log.root_sha256,
                size: log.tree_size,
            }),
        })
    }

    /// The image.
    pub fn name(&self) -> &ImageName {
        &self.name
    }

    /// Its serial.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// The version of the trust root that was judged by.
    pub fn trust_root(&self) -> u64 {
        self.trust_root
    }

    /// The tree of the log that vouched for it, where a receipt was judged by.
    pub fn log(&self) -> Option<&LogSeen> {
        self.log.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0d9a0b1c-2f3e-4a5b-8c7d-6e5f40312233";

    fn of(text: &str) -> Result<Blessing, BlessingError> {
        Blessing::of(text.as_bytes(), &ID.parse().unwrap())
    }

    #[test]
    fn only_a_match_of_this_boot_by_the_machine_itself() {
        let good = format!(
            "{{\"schema\":\"verify-report/1\",\"verdict\":\"match\",\"assurance\":\"self\",\
             \"boot_id\":\"{ID}\",\"baseline\":{{\"name\":\"base\",\"serial\":5,\
             \"trust_root_version\":2,\"threshold\":1}},\"more\":[]}}"
        );
        let blessing = of(&good).unwrap();
        assert_eq!(blessing.name().as_str(), "base");
        assert_eq!((blessing.serial().get(), blessing.trust_root()), (5, 2));
        assert_eq!(blessing.log(), None);
        let root = Digest::of(b"root");
        let log = format!(
            "\"log\":{{\"origin\":\"l\",\"index\":3,\"tree_size\":9,\"root_sha256\":\"{root}\"}},\"threshold\""
        );
        let logged = good.replace("\"threshold\"", &log);
        let seen = LogSeen {
            origin: "l".to_owned(),
            root,
            size: 9,
        };
        assert_eq!(of(&logged).unwrap().log(), Some(&seen));
        assert!(of(&logged.replace(&root.to_string(), "00")).is_err());
        let other = ID.replace('0', "1");
        for (text, part) in [
            (
                good.replace("\"match\"", "\"drift\""),
                "as what was signed: drift",
            ),
            (good.replace("\"match\"", "\"incomplete\""), "incomplete"),
            (
                good.replace("\"self\"", "\"snapshot\""),
                "not about this machine",
            ),
            (good.replace(ID, &other), "another boot"),
            (good.replace(&format!("\"{ID}\""), "null"), "another boot"),
            (good.replace("report/1", "report/2"), "report/2"),
            (good.replace("\"serial\":5,", ""), "missing field"),
            (good.replace("\"base\"", "\"../base\""), "image name"),
            (good.replace("\"more\"", "\"verdict\""), "twice"),
            (good[..good.len() / 2].to_owned(), "not JSON"),
        ] {
            let error = of(&text).unwrap_err().to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
        let start = good.find(",\"baseline\"").unwrap();
        let none = format!("{},\"baseline\":null}}", &good[..start]);
        assert_eq!(of(&none), Err(BlessingError::NoBaseline));
    }
}

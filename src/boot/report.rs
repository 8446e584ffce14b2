//! The judgement of a boot as bytes: what is measured, and what the running system finds.

use serde::{Deserialize, Serialize};

use super::{Judgement, Plan};
use crate::appraise::{Booted, Protection, Verdict};
use crate::digest::Digest;
use crate::instance::LogSeen;
use crate::json::{self, JsonError};
use crate::limits;
use crate::path::Escaped;

/// What the machine is, as far as the initrd can tell; none of it is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Whether the firmware says that Secure Boot is on; `None`: it says nothing.
    pub secure_boot: Option<bool>,
    /// Whether there is a TPM, which is told the verdict.
    pub tpm: bool,
}

/// The report of a boot: `/run/karat/boot-report.json`. It has no clock and no name of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Vec<u8>);

/// What the running system reads of a report.
#[derive(Deserialize)]
struct Raw {
    schema: String,
    verdict: String,
    root_hash: Digest,
    rollback: Option<RawRollback>,
    secure_boot: Option<bool>,
    tpm: bool,
}

#[derive(Deserialize)]
struct RawRollback {
    protection: String,
}

/// Why bytes are no report of a boot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Not JSON, or not the keys of a report.
    #[error("it is no report of a boot: {0}")]
    Json(#[from] JsonError),
    /// A report in another format.
    #[error("it is no report of a boot that this version knows")]
    Schema,
    /// It says that this boot was refused.
    #[error("it says {}, and such a boot goes no further", Escaped(.0.as_bytes()))]
    Verdict(String),
}

/// The name of this format.
const SPEC: &str = "boot-report/1";
/// What comes before the digest in the event of PCR 8.
const EVENT: &str = "karat-verdict:";

#[derive(Serialize)]
struct Document<'a> {
    baseline: Option<BaselineJson<'a>>,
    findings: Vec<FindingJson<'a>>,
    image: ImageJson<'a>,
    inputs: InputsJson,
    rollback: Option<RollbackJson>,
    root_hash: Digest,
    schema: &'static str,
    secure_boot: Option<bool>,
    state: &'static str,
    tpm: bool,
    verdict: &'static str,
    verdicts: Vec<&'static str>,
}

#[derive(Serialize)]
struct ImageJson<'a> {
    name: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
struct BaselineJson<'a> {
    epoch: u64,
    log_head: Option<String>,
    name: &'a str,
    serial: u64,
    signed_by: Vec<String>,
    trust_root_version: u64,
    version: &'a str,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    hint: Option<&'a str>,
    message: &'a str,
    verdict: &'static str,
}

#[derive(Serialize)]
struct InputsJson {
    envelope_sha256: Option<Digest>,
    trust_root_sha256: Option<Digest>,
}

#[derive(Serialize)]
struct RollbackJson {
    protection: &'static str,
    serial_floor: Option<u64>,
    trust_root_floor: Option<u64>,
}

impl Report {
    /// Its path, once the root runs.
    pub const PATH: &str = "/run/karat/boot-report.json";

    /// The report of a judgement.
    pub fn of(plan: &Plan, judgement: &Judgement, machine: Machine) -> Self {
        let name_of = |verdict| match verdict {
            Verdict::Match => "warning",
            verdict => verdict.name(),
        };
        let findings = judgement.findings().iter().map(|finding| FindingJson {
            hint: finding.hint.as_deref(),
            message: &finding.message,
            verdict: name_of(finding.verdict),
        });
        let baseline = judgement.statement().map(|statement| {
            let log = statement.logged().map(crate::appraise::LogFacts::of);
            let keys = statement.quorum().keys();
            BaselineJson {
                epoch: statement.baseline().epoch.seconds(),
                log_head: log.map(|log| LogSeen::of(&log).to_text()),
                name: statement.baseline().name.as_str(),
                serial: statement.serial().get(),
                signed_by: keys.map(|key| key.id().to_string()).collect(),
                trust_root_version: statement.root_version(),
                version: statement.baseline().version.as_str(),
            }
        });
        let verdicts = judgement.verdicts();
        let document = Document {
            baseline,
            findings: findings.collect(),
            image: ImageJson {
                name: plan.name.as_str(),
                version: plan.version.as_str(),
            },
            inputs: InputsJson {
                envelope_sha256: judgement.inputs().envelope,
                trust_root_sha256: judgement.inputs().trust,
            },
            rollback: judgement.remembered().map(|it| RollbackJson {
                protection: it.protection.name(),
                serial_floor: it.serial,
                trust_root_floor: it.trust_root,
            }),
            root_hash: plan.root.hash,
            schema: SPEC,
            secure_boot: machine.secure_boot,
            state: judgement.memory(),
            tpm: machine.tpm,
            verdict: judgement.verdict().name(),
            verdicts: verdicts.into_iter().map(Verdict::name).collect(),
        };
        // Words and numbers: nothing here can fail to become JSON.
        let mut bytes = json::canonical(&document).unwrap_or_default();
        bytes.push(b'\n');
        Self(bytes)
    }

    /// Reads what the initrd of this boot left.
    ///
    /// # Errors
    /// It is no such report, or says something else than match: such a boot never got so far.
    pub fn read(bytes: &[u8]) -> Result<Booted, ReportError> {
        let raw: Raw = json::read(bytes, limits::BOOT_REPORT_MAX)?;
        if raw.schema != SPEC {
            return Err(ReportError::Schema);
        }
        if raw.verdict != Verdict::Match.name() {
            return Err(ReportError::Verdict(raw.verdict));
        }
        let protection = raw.rollback.map(|it| Protection::of(&it.protection));
        let protection = protection.unwrap_or(Some(Protection::Nothing));
        Ok(Booted {
            root_hash: raw.root_hash,
            secure_boot: raw.secure_boot,
            tpm: raw.tpm,
            protection: protection.ok_or(ReportError::Schema)?,
        })
    }

    /// The bytes of the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The event that PCR 8 is extended by: `karat-verdict:` and the SHA-256 of the file, in
    /// hexadecimal digits.
    pub fn event(&self) -> String {
        format!("{EVENT}{}", Digest::of(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::testing::{Signed, plan};

    #[test]
    fn one_spelling_and_one_event() {
        let judgement = Judgement::of(&plan(), &mut Signed::new(|_| {}).seen());
        let machine = Machine {
            secure_boot: Some(true),
            tpm: true,
        };
        let report = Report::of(&plan(), &judgement, machine);
        assert_eq!(report, Report::of(&plan(), &judgement, machine));
        let text = std::str::from_utf8(report.as_bytes()).unwrap();
        assert!(
            text.ends_with("\"verdict\":\"match\",\"verdicts\":[\"match\"]}\n"),
            "{text}"
        );
        assert!(
            text.contains("\"serial\":5") && text.contains("\"state\":\"none\""),
            "{text}"
        );
        let digest = Digest::of(report.as_bytes());
        assert_eq!(report.event(), format!("karat-verdict:{digest}"));
        let booted = Booted {
            root_hash: plan().root.hash,
            secure_boot: Some(true),
            tpm: true,
            protection: Protection::Nothing,
        };
        assert_eq!(Report::read(report.as_bytes()), Ok(booted));
        let other = text.replace("\"protection\":\"none\"", "\"protection\":\"tpm+state\"");
        let booted = Booted {
            protection: Protection::StateAndTpm,
            ..booted
        };
        assert_eq!(Report::read(other.as_bytes()), Ok(booted));
        let other = text.replace("\"protection\":\"none\"", "\"protection\":\"all\"");
        assert_eq!(Report::read(other.as_bytes()), Err(ReportError::Schema));
        let other = text.replace("report/1", "report/2");
        assert_eq!(Report::read(other.as_bytes()), Err(ReportError::Schema));
        let other = text.replace("\"verdict\":\"match\"", "\"verdict\":\"rollback\"");
        let error = Report::read(other.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("it says rollback"), "{error}");
        assert!(Report::read(&text.as_bytes()[1..]).is_err());
    }
}

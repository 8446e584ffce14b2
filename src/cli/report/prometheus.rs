//! The report as metrics in Prometheus' text format, for node exporter's textfile collector
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::appraise::{Report, Severity, Verdict, Verification};
use crate::cli::Exit;
use crate::expect::Class;
use crate::tree::Epoch;

const VERDICTS: [Verdict; 5] = [
    Verdict::Match,
    Verdict::Drift,
    Verdict::Untrusted,
    Verdict::Rollback,
    Verdict::Incomplete,
];
const SEVERITIES: [Severity; 4] = [
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Critical,
];

/// The metrics. What is not known has no sample: a count of drifts is there only where something
/// was compared.
pub(super) fn metrics(verification: &Verification, now: Epoch) -> String {
    let mut page = Page {
        text: String::new(),
        target: label(&verification.target.path),
    };
    let applying = verification.verdicts();
    page.family(
        "verdict",
        "Whether this verdict applies (1) or not (0).",
        VERDICTS.map(|verdict| {
            let applies = u64::from(applying.contains(&verdict));
            (format!("verdict=\"{verdict}\""), applies)
        }),
    );
    let exit = Exit::from(verification.verdict()).code();
    page.value(
        "exit_code",
        "The exit code of the verification.",
        u64::from(exit),
    );
    page.value(
        "timestamp_seconds",
        "When this was verified, in seconds since 1970.",
        now.seconds(),
    );
    let mut findings: BTreeMap<&str, u64> = BTreeMap::new();
    for verdict in VERDICTS {
        findings.insert(finding(verdict), 0);
    }
    for found in &verification.findings {
        let count = findings.entry(finding(found.verdict)).or_default();
        *count = count.saturating_add(1);
    }
    page.family(
        "findings",
        "Findings about signatures, keys, neighbours and age.",
        findings
            .into_iter()
            .map(|(name, count)| (format!("kind=\"{name}\""), count)),
    );
    if let Some(facts) = &verification.baseline {
        let (name, version) = (label(&facts.name), label(&facts.version));
        page.family(
            "baseline_info",
            "The signed baseline that was compared with.",
            [(format!("image=\"{name}\",version=\"{version}\""), 1)],
        );
        page.value(
            "baseline_serial",
            "The serial of that baseline.",
            facts.serial,
        );
        page.value(
            "baseline_epoch_seconds",
            "The clock of its build, in seconds since 1970.",
            facts.epoch.seconds(),
        );
        page.value(
            "trust_root_version",
            "The version of the trust root.",
            facts.trust_root,
        );
    }
    if let Some(artefact) = &verification.artefact {
        page.value(
            "artefact_as_signed",
            "Whether the archive or image as a whole is as signed (1) or not (0).",
            u64::from(artefact.is_as_signed()),
        );
    }
    if let Some(report) = &verification.report {
        page.report(report);
    }
    page.text
}

struct Page {
    text: String,
    /// The value of the label that every sample has, escaped.
    target: String,
}

impl Page {
    fn report(&mut self, report: &Report) {
        self.family(
            "drifts",
            "Ways in which paths are not as signed.",
            SEVERITIES.map(|severity| {
                let label = format!("severity=\"{}\"", severity.name());
                (label, report.count(severity))
            }),
        );
        let checked = report.checked;
        self.value("checked_paths", "Paths observed.", checked.paths);
        self.value(
            "checked_files",
            "Regular files compared by digest.",
            checked.files,
        );
        self.value("checked_bytes", "Their bytes.", checked.bytes);
        self.value(
            "not_checked_places",
            "Places that could not be checked.",
            u64::try_from(report.not_checked.len()).unwrap_or(u64::MAX),
        );
        self.value(
            "not_checked_paths",
            "Listed paths among or below those.",
            report.paths_not_checked,
        );
        self.family(
            "exempted",
            "Differences that expectations let pass.",
            Class::ALL.map(|class| {
                let count = report.exempted.get(&class).copied().unwrap_or_default();
                (format!("class=\"{class}\""), count)
            }),
        );
    }

    fn value(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, help, [(String::new(), value)]);
    }

    fn family(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (String, u64)>) {
        let mut text =
            format!("# HELP karat_verify_{name} {help}\n# TYPE karat_verify_{name} gauge\n");
        for (labels, value) in samples {
            let comma = if labels.is_empty() { "" } else { "," };
            // Writing to a string cannot fail.
            let _: std::fmt::Result = writeln!(
                text,
                "karat_verify_{name}{{target=\"{}\"{comma}{labels}}} {value}",
                self.target
            );
        }
        self.text.push_str(&text);
    }
}

/// What a finding is called.
fn finding(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Match => "warning",
        verdict => verdict.name(),
    }
}

/// The value of a label: text of one line, with backslashes and quotes escaped.
fn label(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_leaves_its_quotes() {
        assert_eq!(label("a\"} 1\nb\\"), "a\\\"} 1\\nb\\\\");
    }
}

//! The report as JUnit's XML: what the schema of Ant's JUnit task lets through.
//!
//! Three suites: trust, the archive or image as a whole, paths; on a disk one more for each further slot. A drift is a failure, what could
//! not be checked an error, and a suite without either has one test that passed.

use std::fmt::Write as _;

use crate::appraise::{Drift, Finding, Report, Verdict, Verification};
use crate::path::Escaped;
use crate::tree::Epoch;

/// The document. `now` is the time that the schema demands; the host is always `localhost`.
pub(super) fn document(verification: &Verification, now: Epoch) -> String {
    let mut suites = vec![trust(verification)];
    suites.extend(artefact(verification));
    suites.push(paths("paths".to_owned(), verification.report.as_ref()));
    let slots = verification.disk.iter().flat_map(|disk| &disk.slots);
    suites.extend(slots.filter_map(|slot| {
        let compared = slot.compared.as_ref()?;
        Some(paths(
            format!("paths of {}", slot.image),
            Some(&compared.report),
        ))
    }));
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    let when = now.rfc3339();
    let when = when.trim_end_matches('Z');
    for (id, suite) in suites.iter().enumerate() {
        suite.write(&mut text, id, when, &properties(verification));
    }
    text.push_str("</testsuites>\n");
    text
}

struct Suite {
    name: String,
    cases: Vec<Case>,
    /// What is worth saying and makes nothing fail.
    remarks: Vec<String>,
}

struct Case {
    class: String,
    name: String,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    /// Not as signed: type, message, details.
    Failure(&'static str, String, String),
    /// Could not be checked.
    Error(&'static str, String, String),
}

fn trust(verification: &Verification) -> Suite {
    let (warnings, bad): (Vec<&Finding>, Vec<&Finding>) = verification
        .findings
        .iter()
        .partition(|finding| finding.verdict == Verdict::Match);
    let mut cases: Vec<Case> = bad.into_iter().map(finding).collect();
    if cases.is_empty() {
        cases.push(Case::passed("karat.trust", "signatures, keys, neighbours"));
    }
    Suite {
        name: "trust".to_owned(),
        cases,
        remarks: warnings
            .into_iter()
            .map(|finding| finding.message.clone())
            .collect(),
    }
}

fn finding(finding: &Finding) -> Case {
    let kind = finding.verdict.name();
    let details = finding.hint.clone().unwrap_or_default();
    let message = finding.message.clone();
    Case {
        class: "karat.trust".to_owned(),
        name: message.clone(),
        outcome: match finding.verdict {
            Verdict::Incomplete => Outcome::Error(kind, message, details),
            _ => Outcome::Failure(kind, message, details),
        },
    }
}

fn artefact(verification: &Verification) -> Option<Suite> {
    let artefact = verification.artefact.as_ref()?;
    let outcome = if artefact.is_as_signed() {
        Outcome::Passed
    } else {
        let (expected, observed) = (artefact.expected, artefact.observed);
        let message = "it is not as signed".to_owned();
        let details = format!("sha256 {expected} -> {observed}");
        Outcome::Failure("drift", message, details)
    };
    Some(Suite {
        name: "artefact".to_owned(),
        cases: vec![Case {
            class: "karat.artefact".to_owned(),
            name: artefact.name.clone(),
            outcome,
        }],
        remarks: Vec::new(),
    })
}

fn paths(name: String, report: Option<&Report>) -> Suite {
    let mut suite = Suite {
        name,
        cases: Vec::new(),
        remarks: Vec::new(),
    };
    let Some(report) = report else {
        let message = "there was nothing trusted to compare with".to_owned();
        suite.cases.push(Case {
            outcome: Outcome::Error("incomplete", message, String::new()),
            ..Case::passed("karat.paths", "comparison")
        });
        return suite;
    };
    suite.cases.extend(report.drifts.iter().map(drift));
    suite.cases.extend(report.not_checked.iter().map(|place| {
        let message = place.reason.to_string();
        Case {
            outcome: Outcome::Error(place.reason.name(), message, String::new()),
            ..Case::passed("karat.not-checked", &place.path.to_string())
        }
    }));
    if suite.cases.is_empty() {
        suite.cases.push(Case::passed("karat.paths", "comparison"));
    }
    let checked = report.checked;
    suite.remarks.push(format!(
        "{} paths, {} files with {} bytes checked",
        checked.paths, checked.files, checked.bytes
    ));
    for (class, count) in &report.exempted {
        suite.remarks.push(format!("{count} exempted as {class}"));
    }
    suite.remarks.extend(report.notes.iter().cloned());
    suite
}

fn drift(drift: &Drift) -> Case {
    let mut details = format!("severity {}", drift.severity.name());
    for effect in &drift.effects {
        // Writing to a string cannot fail.
        let _: std::fmt::Result = write!(details, "\n{}: {effect}", effect.name());
    }
    let change = match &drift.change {
        crate::appraise::Change::Xattr { name, .. } => format!("xattr {}", Escaped(name)),
        other => other.name().to_owned(),
    };
    let message = drift.change.to_string();
    Case {
        class: format!("karat.{}", drift.owner.origin()),
        name: format!("{} {change}", drift.path),
        outcome: Outcome::Failure(drift.change.name(), message, details),
    }
}

fn properties(verification: &Verification) -> Vec<(&'static str, String)> {
    let mut properties = vec![
        ("verdict", verification.verdict().to_string()),
        ("target", verification.target.path.clone()),
    ];
    if let Some(facts) = &verification.baseline {
        properties.push(("image", facts.name.clone()));
        properties.push(("version", facts.version.clone()));
        properties.push(("serial", facts.serial.to_string()));
    }
    properties
}

impl Case {
    fn passed(class: &str, name: &str) -> Self {
        Self {
            class: class.to_owned(),
            name: name.to_owned(),
            outcome: Outcome::Passed,
        }
    }

    fn write(&self, text: &mut String) {
        let (class, name) = (xml(&self.class), xml(&self.name));
        let case = format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"0\"");
        text.push_str(&case);
        let (element, kind, message, details) = match &self.outcome {
            Outcome::Passed => return text.push_str("/>\n"),
            Outcome::Failure(kind, message, details) => ("failure", kind, message, details),
            Outcome::Error(kind, message, details) => ("error", kind, message, details),
        };
        let (message, details) = (xml(message), xml(details));
        let outcome = format!(
            ">\n      <{element} type=\"{kind}\" message=\"{message}\">{details}</{element}>\n"
        );
        text.push_str(&outcome);
        text.push_str("    </testcase>\n");
    }
}

impl Suite {
    fn write(&self, text: &mut String, id: usize, when: &str, properties: &[(&str, String)]) {
        let count = |is: fn(&Outcome) -> bool| {
            let cases = self.cases.iter();
            cases.filter(|case| is(&case.outcome)).count()
        };
        let failures = count(|outcome| matches!(outcome, Outcome::Failure(..)));
        let errors = count(|outcome| matches!(outcome, Outcome::Error(..)));
        let (name, tests) = (xml(&self.name), self.cases.len());
        let head = format!(
            "  <testsuite package=\"karat\" id=\"{id}\" name=\"{name}\" timestamp=\"{when}\" \
             hostname=\"localhost\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
             time=\"0\">\n    <properties>\n"
        );
        text.push_str(&head);
        for (name, value) in properties {
            let value = xml(value);
            let property = format!("      <property name=\"{name}\" value=\"{value}\"/>\n");
            text.push_str(&property);
        }
        text.push_str("    </properties>\n");
        for case in &self.cases {
            case.write(text);
        }
        let remarks: String = self
            .remarks
            .iter()
            .map(|remark| xml(remark) + "\n")
            .collect();
        let tail = format!(
            "    <system-out>{remarks}</system-out>\n    <system-err></system-err>\n  \
             </testsuite>\n"
        );
        text.push_str(&tail);
    }
}

/// Text for elements and attributes. XML 1.0 has no way to write most control characters, so that
/// whatever is not printable is escaped as in all reports.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\\' => out.push('\\'),
            // Two characters that are printable to Unicode and none to XML.
            '\u{fffe}' | '\u{ffff}' => {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    // Writing to a string cannot fail.
                    let _: std::fmt::Result = write!(out, "\\x{byte:02x}");
                }
            }
            _ => {
                let mut buffer = [0; 4];
                let bytes = character.encode_utf8(&mut buffer).as_bytes();
                out.push_str(&Escaped(bytes).to_string());
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::xml;

    #[test]
    fn what_xml_cannot_hold_is_escaped() {
        assert_eq!(
            xml("<a b=\"c\">&\n\\x\u{1b}\u{fffe}\u{202e}\u{fc}"),
            "&lt;a b=&quot;c&quot;&gt;&amp;&#10;\\x\\x1b\\xef\\xbf\\xbe\\xe2\\x80\\xae\u{fc}"
        );
    }
}

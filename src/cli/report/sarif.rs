//! The report as SARIF 2.1.0
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::appraise::{
    Artefact, Change, Drift, Effect, Finding, NotChecked, Severity, Verdict, Verification,
};
use crate::cli::Exit;
use crate::digest::Digest;
use crate::path::{Escaped, ImagePath};

/// Rules by id, in order: names of changes, of verdicts, and two more.
const RULES: [(&str, &str); 17] = [
    ("added", "A path that is not listed is there."),
    (
        "artefact",
        "The archive or image as a whole is not as signed.",
    ),
    ("content", "The bytes of a file are not as signed."),
    ("drift", "What was checked is damaged."),
    ("fact", "A fact of the running system is not as signed."),
    (
        "incomplete",
        "Something that is needed is missing or could not be checked.",
    ),
    ("links", "The hard links of a file are not as signed."),
    ("mode", "The mode of a path is not as signed."),
    ("mount", "Something is mounted over what was signed."),
    ("not-checked", "A path could not be checked."),
    ("owner", "The owner or group of a path is not as signed."),
    ("removed", "A listed path is not there."),
    (
        "rollback",
        "The baseline is older than the oldest one accepted.",
    ),
    ("target", "A symbolic link leads elsewhere than signed."),
    (
        "type",
        "The type or device number of a path is not as signed.",
    ),
    (
        "untrusted",
        "A signature, a key or a neighbour of the envelope is not to be trusted.",
    ),
    ("xattr", "An extended attribute of a path is not as signed."),
];

/// The document, one line feed behind it.
pub(super) fn document(verification: &Verification) -> String {
    let (warnings, bad): (Vec<&Finding>, Vec<&Finding>) = verification
        .findings
        .iter()
        .partition(|finding| finding.verdict == Verdict::Match);
    let target = &verification.target.path;
    let mut results: Vec<Value> = bad
        .into_iter()
        .map(|finding| of_finding(finding, target))
        .collect();
    let artefact = verification.artefact.iter();
    results.extend(
        artefact
            .filter(|artefact| !artefact.is_as_signed())
            .map(|artefact| of_artefact(artefact, target)),
    );
    if let Some(report) = &verification.report {
        results.extend(report.drifts.iter().map(|drift| of_drift(drift, None)));
        results.extend(report.not_checked.iter().map(of_place));
    }
    for slot in verification.disk.iter().flat_map(|disk| &disk.slots) {
        let drifts = slot.compared.iter().flat_map(|it| &it.report.drifts);
        results.extend(drifts.map(|drift| of_drift(drift, Some(&slot.image))));
    }
    let omitted = verification
        .report
        .iter()
        .flat_map(|report| report.omitted.counted())
        .map(|(severity, count)| {
            let severity = severity.name();
            format!("{count} more drifts of severity {severity} are counted only")
        });
    let notifications: Vec<Value> = warnings
        .into_iter()
        .map(|warning| warning.message.clone())
        .chain(omitted)
        .map(|text| json!({"level": "warning", "message": {"text": text}}))
        .collect();
    let rules: Vec<Value> = RULES.iter().map(rule).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "karat",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "automationDetails": {"id": category(verification)},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "exitCode": Exit::from(verification.verdict()).code(),
                "toolExecutionNotifications": notifications,
            }],
            "originalUriBaseIds": {"ROOT": {
                "description": {"text": "The root directory of what was verified."},
            }},
            "properties": {
                "verdict": verification.verdict().name(),
                "verdicts": verification
                    .verdicts()
                    .into_iter()
                    .map(Verdict::name)
                    .collect::<Vec<_>>(),
            },
            "results": results,
        }],
    });
    // Text and numbers always have a JSON form.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn rule((id, text): &(&str, &str)) -> Value {
    json!({"id": id, "shortDescription": {"text": text}})
}

/// What separates the results of several images in one place: the part before the last slash.
fn category(verification: &Verification) -> String {
    match &verification.baseline {
        Some(facts) => format!("karat/verify/{}/", facts.name),
        None => "karat/verify/".to_owned(),
    }
}

fn of_finding(finding: &Finding, target: &str) -> Value {
    let rule = finding.verdict.name();
    let level = match finding.verdict {
        Verdict::Incomplete => "warning",
        _ => "error",
    };
    result(
        rule,
        level,
        &finding.message,
        &json!({"uri": uri(target.as_bytes())}),
        &[rule.as_bytes(), finding.message.as_bytes()],
        &json!({"hint": finding.hint}),
    )
}

fn of_artefact(artefact: &Artefact, target: &str) -> Value {
    let (expected, observed) = (artefact.expected, artefact.observed);
    let name = Escaped(artefact.name.as_bytes());
    result(
        "artefact",
        "error",
        &format!("{name} as a whole is not as signed: sha256 {expected} -> {observed}"),
        &json!({"uri": uri(target.as_bytes())}),
        &[b"artefact", artefact.name.as_bytes(), observed.as_bytes()],
        &json!({}),
    )
}

/// A drift; of a slot of a disk that the report as a whole is not about, with the slot's image.
fn of_drift(drift: &Drift, slot: Option<&str>) -> Value {
    let level = match drift.severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    };
    let attribute: &[u8] = match &drift.change {
        Change::Xattr { name, .. } => name,
        _ => b"",
    };
    let (_, observed) = drift.change.values();
    let mut message = format!("{}: {}", drift.path, drift.change);
    if let Some(slot) = slot {
        message.insert_str(0, &format!("{slot}: "));
    }
    for effect in &drift.effects {
        // Writing to a string cannot fail.
        let _: std::fmt::Result = write!(message, "; {effect}");
    }
    let observed = observed.unwrap_or_default();
    let mut parts = vec![
        drift.change.name().as_bytes(),
        drift.path.as_bytes(),
        attribute,
        observed.as_bytes(),
    ];
    parts.extend(slot.map(str::as_bytes));
    let mut properties = json!({
        "severity": drift.severity.name(),
        "origin": drift.owner.origin().to_string(),
        "effects": drift.effects.iter().copied().map(Effect::name).collect::<Vec<_>>(),
    });
    if let (Some(slot), Some(members)) = (slot, properties.as_object_mut()) {
        members.insert("slot".to_owned(), slot.into());
    }
    result(
        drift.change.name(),
        level,
        &message,
        &location(&drift.path),
        &parts,
        &properties,
    )
}

fn of_place(place: &NotChecked) -> Value {
    let reason = place.reason.name();
    result(
        "not-checked",
        "warning",
        &format!("{}: {}", place.path, place.reason),
        &location(&place.path),
        &[b"not-checked", place.path.as_bytes(), reason.as_bytes()],
        &json!({"reason": reason}),
    )
}

/// One result. Its fingerprint is the digest of what makes it the same one in another run: each
/// part with its length before it, so that no two lists of parts look alike.
fn result(
    rule: &str,
    level: &str,
    message: &str,
    location: &Value,
    parts: &[&[u8]],
    properties: &Value,
) -> Value {
    let mut same = Vec::new();
    for part in parts {
        same.extend_from_slice(format!("{}:", part.len()).as_bytes());
        same.extend_from_slice(part);
    }
    let mut rules = RULES.iter();
    json!({
        "ruleId": rule,
        "ruleIndex": rules.position(|(id, _)| *id == rule),
        "level": level,
        "message": {"text": message},
        "locations": [{"physicalLocation": {"artifactLocation": location}}],
        "partialFingerprints": {"karat/v1": Digest::of(&same).to_string()},
        "properties": properties,
    })
}

fn location(path: &ImagePath) -> Value {
    let uri = if path.is_root() {
        ".".to_owned()
    } else {
        uri(path.relative())
    };
    json!({"uri": uri, "uriBaseId": "ROOT"})
}

/// Bytes as a relative reference (RFC 3986): what is not unreserved or a slash as `%XX`. A colon is
/// always escaped, so that nothing looks like a scheme.
fn uri(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _: std::fmt::Result = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_references() {
        let path = ImagePath::parse(b"/etc/a b:\xff\n%#?").unwrap();
        assert_eq!(location(&path)["uri"], "etc/a%20b%3A%FF%0A%25%23%3F");
        assert_eq!(location(&ImagePath::root())["uri"], ".");
    }

    #[test]
    fn rules_are_in_order_each_once() {
        let ids: Vec<&str> = RULES.iter().map(|(id, _)| *id).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ids, sorted);
    }
}

//! The report as entries of systemd's journal, in its native protocol.
//!
//! A field is `NAME=VALUE` and a line feed where the value is printable text of one line; else
//! `NAME`, a line feed, the length as 64 bits little-endian, the value, a line feed. See
//! `docs/formats/report.md`.

use crate::appraise::{
    Change, Drift, Effect, Finding, NotChecked, Severity, Verdict, Verification,
};
use crate::cli::Exit;
use crate::path::{Escaped, ImagePath};

/// Message ids (`journalctl --catalog` calls them so): of the whole, of a finding, of a drift, of a
/// place that could not be checked. They never change.
const VERIFIED: &str = "a15915788eea48d2b4fd3738b39fc07c";
const FOUND: &str = "6e3e0ab1d81f4ca5bd57c9b433ece52b";
const DRIFTED: &str = "d221cbfb262a4393894ff18b2d337a72";
const UNCHECKED: &str = "740c712f312642cbb53bcf40e4a4dd42";

/// Largest value that is sent: with all fields an entry stays far below what a socket takes (208
/// KiB by default). Larger ones are values of extended attributes, which the JSON report has.
const VALUE_MAX: usize = 8 << 10;
/// Most entries of drifts, and of places: journald drops what comes faster than 10,000 in 30
/// seconds, and nobody reads so many. The first entry has the counts.
const ENTRIES_MAX: usize = 1000;

/// Priorities of syslog(3).
const CRITICAL: &str = "2";
const ERROR: &str = "3";
const WARNING: &str = "4";
const NOTICE: &str = "5";
const INFO: &str = "6";

/// One datagram for the whole, then one for each finding, drift (the worst first) and place that
/// could not be checked.
pub(super) fn entries(verification: &Verification) -> Vec<Vec<u8>> {
    let mut entries = vec![whole(verification)];
    entries.extend(
        verification
            .findings
            .iter()
            .map(|found| finding(verification, found)),
    );
    if let Some(report) = &verification.report {
        let mut drifts: Vec<&Drift> = report.drifts.iter().collect();
        crate::order::sort_by(&mut drifts, |a, b| b.severity.cmp(&a.severity));
        let drifts = drifts.into_iter().take(ENTRIES_MAX);
        entries.extend(drifts.map(|drifted| drift(verification, drifted)));
        let places = report.not_checked.iter().take(ENTRIES_MAX);
        entries.extend(places.map(|place| not_checked(verification, place)));
    }
    entries
}

fn whole(verification: &Verification) -> Vec<u8> {
    let verdict = verification.verdict();
    let priority = match verdict {
        Verdict::Match => INFO,
        verdict => of_verdict(verdict),
    };
    let (drifts, places) = verification.report.as_ref().map_or((0, 0), |report| {
        let places = u64::try_from(report.not_checked.len()).unwrap_or(u64::MAX);
        (report.drift_count(), places)
    });
    let message = format!(
        "{verdict}: {}, {drifts} drifts, {places} places not checked",
        subject(verification)
    );
    let mut entry = Entry::new(verification, VERIFIED, priority, &message);
    let exit = Exit::from(verdict).code();
    entry.text("KARAT_EXIT_CODE", &exit.to_string());
    if let Some(report) = &verification.report {
        entry.text("KARAT_DRIFTS", &drifts.to_string());
        entry.text("KARAT_NOT_CHECKED", &places.to_string());
        entry.text("KARAT_PATHS", &report.checked.paths.to_string());
        entry.text("KARAT_BYTES", &report.checked.bytes.to_string());
        for (count, what) in [(drifts, "drifts"), (places, "places")] {
            let most = u64::try_from(ENTRIES_MAX).unwrap_or(u64::MAX);
            if count > most {
                let more = count.saturating_sub(most);
                entry.text("KARAT_OMITTED", &format!("{more} {what}"));
            }
        }
    }
    entry.bytes
}

/// What was compared with what.
fn subject(verification: &Verification) -> String {
    let target = &verification.target.path;
    match &verification.baseline {
        Some(facts) => format!(
            "{target} against {} {}, serial {}",
            facts.name, facts.version, facts.serial
        ),
        None => target.clone(),
    }
}

fn finding(verification: &Verification, finding: &Finding) -> Vec<u8> {
    let verdict = finding.verdict;
    let name = match verdict {
        Verdict::Match => "warning",
        verdict => verdict.name(),
    };
    let message = format!("{name}: {}", finding.message);
    let mut entry = Entry::new(verification, FOUND, of_verdict(verdict), &message);
    entry.text("KARAT_FINDING", name);
    entry.bytes
}

fn drift(verification: &Verification, drift: &Drift) -> Vec<u8> {
    let priority = match drift.severity {
        Severity::Critical => CRITICAL,
        Severity::High => ERROR,
        Severity::Medium => WARNING,
        Severity::Low => NOTICE,
    };
    let severity = drift.severity.name();
    let message = format!("{severity}: {} {}", drift.path, drift.change);
    let mut entry = Entry::new(verification, DRIFTED, priority, &message);
    entry.path(&drift.path);
    entry.text("KARAT_CHANGE", drift.change.name());
    entry.text("KARAT_SEVERITY", severity);
    entry.text("KARAT_ORIGIN", &drift.owner.origin().to_string());
    for effect in drift.effects.iter().copied().map(Effect::name) {
        entry.text("KARAT_EFFECT", effect);
    }
    if let Change::Xattr { name, .. } = &drift.change {
        entry.field("KARAT_ATTRIBUTE", name);
    }
    let (expected, observed) = drift.change.values();
    for (name, value) in [("KARAT_EXPECTED", expected), ("KARAT_OBSERVED", observed)] {
        if let Some(value) = value {
            entry.text(name, &value);
        }
    }
    entry.bytes
}

fn not_checked(verification: &Verification, place: &NotChecked) -> Vec<u8> {
    let message = format!("not checked: {}: {}", place.path, place.reason);
    let mut entry = Entry::new(verification, UNCHECKED, WARNING, &message);
    entry.path(&place.path);
    entry.text("KARAT_REASON", place.reason.name());
    entry.bytes
}

fn of_verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Untrusted | Verdict::Rollback => CRITICAL,
        Verdict::Drift => ERROR,
        Verdict::Incomplete | Verdict::Match => WARNING,
    }
}

/// One entry, growing.
struct Entry {
    bytes: Vec<u8>,
}

impl Entry {
    /// An entry with the fields that all of them have.
    fn new(verification: &Verification, id: &str, priority: &str, message: &str) -> Self {
        let mut entry = Self { bytes: Vec::new() };
        let mut cut = message.len().min(VALUE_MAX);
        while !message.is_char_boundary(cut) {
            cut = cut.saturating_sub(1);
        }
        let message = message.get(..cut).unwrap_or_default();
        entry.text("MESSAGE", message);
        entry.text("PRIORITY", priority);
        entry.text("MESSAGE_ID", id);
        entry.text("SYSLOG_IDENTIFIER", "karat");
        entry.text("KARAT_VERDICT", verification.verdict().name());
        entry.text("KARAT_TARGET", &verification.target.path);
        if let Some(facts) = &verification.baseline {
            entry.text("KARAT_IMAGE", &facts.name);
            entry.text("KARAT_VERSION", &facts.version);
            entry.text("KARAT_SERIAL", &facts.serial.to_string());
        }
        entry
    }

    fn path(&mut self, path: &ImagePath) {
        self.field("KARAT_PATH", path.as_bytes());
    }

    fn text(&mut self, name: &str, value: &str) {
        self.field(name, value.as_bytes());
    }

    /// Adds a field, or says that it was left out because it is too large.
    fn field(&mut self, name: &str, value: &[u8]) {
        if value.len() > VALUE_MAX {
            return self.field("KARAT_OMITTED", name.as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        if is_plain(value) {
            self.bytes.push(b'=');
        } else {
            self.bytes.push(b'\n');
            let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
            self.bytes.extend_from_slice(&length.to_le_bytes());
        }
        self.bytes.extend_from_slice(value);
        self.bytes.push(b'\n');
    }
}

/// Whether a value is one printable line, which nothing can take for more.
fn is_plain(value: &[u8]) -> bool {
    let backslash = |byte: &&u8| **byte == b'\\';
    let escaped = Escaped(value).to_string();
    escaped.len() == value.len() + value.iter().filter(backslash).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &[u8]) -> Vec<u8> {
        let mut entry = Entry { bytes: Vec::new() };
        entry.field(name, value);
        entry.bytes
    }

    #[test]
    fn fields_are_text_where_they_can_be() {
        assert_eq!(field("A", b"b c\\d"), b"A=b c\\d\n");
        assert_eq!(field("A", b""), b"A=\n");
        assert_eq!(field("A", "\u{fc}".as_bytes()), "A=\u{fc}\n".as_bytes());
        let binary = b"A\n\x05\0\0\0\0\0\0\0b\nB=c\n";
        assert_eq!(field("A", b"b\nB=c"), binary);
        assert_eq!(field("A", b"\xff"), b"A\n\x01\0\0\0\0\0\0\0\xff\n");
        assert_eq!(field("A", b"\x1b"), b"A\n\x01\0\0\0\0\0\0\0\x1b\n");
    }

    #[test]
    fn what_is_too_large_is_named() {
        let value = vec![b'x'; VALUE_MAX + 1];
        assert_eq!(field("A", &value), b"KARAT_OMITTED=A\n");
        assert_eq!(field("A", &value[1..]).len(), VALUE_MAX + 3);
    }
}

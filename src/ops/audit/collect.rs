//! What was found so far: counted, listed up to a cap, acknowledged where somebody said so.

use std::collections::BTreeMap;

use super::acknowledge::Acknowledgements;
use super::{Code, CodeCount, Finding, Severity, Verdict};
use crate::limits;
use crate::path::Escaped;

/// What was found so far.
#[derive(Debug)]
pub(super) struct Findings {
    acknowledgements: Acknowledgements,
    since: u64,
    list: Vec<Finding>,
    counts: BTreeMap<Code, CodeCount>,
}

impl Findings {
    pub(super) fn new(acknowledgements: Acknowledgements) -> Self {
        Self {
            acknowledgements,
            since: 0,
            list: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    /// From here on, findings about entries before `since` are left out, faults excepted.
    pub(super) fn set_since(&mut self, since: u64) {
        self.since = since;
    }

    /// Adds what `tell` says, subject and text, if anybody wants to know.
    pub(super) fn add(
        &mut self,
        code: Code,
        index: Option<u64>,
        tell: impl FnOnce() -> (String, String),
    ) {
        let severity = code.severity();
        if severity != Severity::Fault && index.is_some_and(|index| index < self.since) {
            return;
        }
        let count = self.counts.entry(code).or_insert_with(|| CodeCount {
            code,
            severity,
            title: code.title(),
            found: 0,
            acknowledged: 0,
            listed: 0,
        });
        count.found = count.found.saturating_add(1);
        let room = count.listed < limits::AUDIT_FINDINGS_MAX;
        if !room && !self.acknowledgements.are_about(code) {
            return;
        }
        let (subject, text) = tell();
        let (subject, text) = (shown(subject), shown(text));
        let acknowledged = self.acknowledgements.find(code, index, &subject);
        if acknowledged.is_some() {
            count.acknowledged = count.acknowledged.saturating_add(1);
        }
        if room {
            count.listed = count.listed.saturating_add(1);
            self.list.push(Finding {
                code,
                severity,
                index,
                subject,
                text,
                next: code.next(),
                acknowledged,
            });
        }
    }

    /// Ends: what it comes to, how often each code was found, and what was found.
    pub(super) fn finish(mut self) -> (Verdict, Vec<CodeCount>, Vec<Finding>) {
        for (code, index, subject, text) in self.acknowledgements.left_over() {
            self.add(code, index, || (subject, text));
        }
        let open = |severity| {
            let of = self.counts.values().filter(|it| it.severity == severity);
            of.map(|it| it.found.saturating_sub(it.acknowledged))
                .sum::<u64>()
                > 0
        };
        let verdict = if open(Severity::Fault) {
            Verdict::Untrusted
        } else if open(Severity::Policy) {
            Verdict::Findings
        } else if open(Severity::Incomplete) {
            Verdict::Incomplete
        } else {
            Verdict::Clean
        };
        let order = |it: &Finding| (it.severity, it.code, it.index, it.subject.clone());
        self.list.sort_by_cached_key(order);
        (verdict, self.counts.into_values().collect(), self.list)
    }
}

/// Text that may quote a log: as it is, or escaped where it holds what must not reach a terminal.
fn shown(text: String) -> String {
    let escaped = Escaped(text.as_bytes()).to_string();
    if escaped == text.replace('\\', "\\\\") {
        text
    } else {
        escaped
    }
}

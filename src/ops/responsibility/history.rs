//! What an audit of the log says about each statement.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;

use super::image::Read;
use crate::digest::Digest;
use crate::ops::audit::{
    self, AuditFailure, EntryVerdict, Independence, Report, Severity, Verdict, audit,
};
use crate::ops::log::AnyLog;
use crate::progress::Progress;
use crate::responsibility::{Entry, History, Log};

/// An audit, as far as it is needed.
pub(super) struct Audited {
    pub(super) log: Log,
    report: Report,
}

impl Audited {
    /// Audits a log called `name` by the trust root in the file `trust`.
    ///
    /// # Errors
    /// There is no log, or it cannot be audited.
    pub(super) fn of(
        log: &AnyLog,
        name: &str,
        trust: &Path,
        threads: NonZero<usize>,
        progress: &dyn Progress,
    ) -> Result<Self, AuditFailure> {
        let request = audit::Request {
            trust,
            since: None,
            envelopes: None,
            outputs: None,
            acknowledged: None,
            evidence: None,
            threads,
        };
        let report = audit(log, name, &request, progress)?;
        let open = report
            .codes
            .iter()
            .filter(|code| code.severity != Severity::Note)
            .map(|code| code.found.saturating_sub(code.acknowledged))
            .fold(0, u64::saturating_add);
        let log = Log {
            origin: report.log.origin.clone(),
            tree_size: report.log.tree_size,
            root_sha256: report.log.root_sha256,
            verdict: match report.verdict {
                Verdict::Clean => "clean",
                Verdict::Findings => "findings",
                Verdict::Untrusted => "untrusted",
                Verdict::Incomplete => "incomplete",
            },
            open_findings: open,
            witnessed: report.log.independence == Independence::Witnessed,
        };
        Ok(Self { log, report })
    }

    /// The newest entry of each statement.
    fn entries(&self) -> BTreeMap<Digest, Entry> {
        let mut entries = BTreeMap::new();
        for entry in self.report.entries.iter() {
            if let Some(payload) = entry.payload_sha256 {
                let found = Entry {
                    index: entry.index,
                    counts: entry.verdict == EntryVerdict::Counts,
                };
                entries.insert(payload, found);
            }
        }
        entries
    }
}

/// Tells each image what the log says about it.
pub(super) fn attach(audited: &Audited, images: &mut [Read]) {
    let entries = audited.entries();
    for read in images {
        if let Some(said) = &mut read.image.said {
            said.history = Some(History {
                log: audited.log.clone(),
                entry: entries.get(&said.statement).copied(),
            });
        }
    }
}

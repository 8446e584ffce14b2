//! An audit, step by step.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use super::acknowledge::Acknowledgements;
use super::collect::Findings;
use super::envelopes::Known;
use super::failure::Outside;
use super::integrity::{Cosignatures, belief, files, log_keys, since, witness_keys};
use super::lineage::Lineage;
use super::notices::Notices;
use super::scan::{STEP, Scanned, scan};
use super::{
    AuditFailure, Code, Counts, EntryKind, LogFacts, Report, SignatureVerdict, changes, judge,
    keys, roots, serials,
};
use crate::envelope::Envelope;
use crate::key::TrustError;
use crate::limits;
use crate::log::{Checked, FaultKind, Log, LogError, Pass, Source};
use crate::ops::trust::TrustFileError;
use crate::path::Escaped;
use crate::progress::{Progress, Unit};
use crate::sys::clock::Stopwatch;
use crate::sys::{fs, material};
use crate::tlog::Note;

/// What an audit is asked to look at.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The trust root that somebody chose to trust. Others of its lineage are found beside it, as
    /// `trust/N.json`, and in the log.
    pub trust: &'a Path,
    /// What was audited before.
    pub since: Option<Since>,
    /// Envelopes that should be in the log.
    pub envelopes: Option<&'a Path>,
    /// Outputs of builds: what changed between two baselines.
    pub outputs: Option<&'a Path>,
    /// Findings that somebody has taken note of.
    pub acknowledged: Option<&'a Path>,
    /// Where evidence of forks goes.
    pub evidence: Option<&'a Path>,
    /// How many threads may work. It decides speed, never a byte.
    pub threads: NonZero<usize>,
}

/// What was audited before: findings and tables are about what came later.
#[derive(Clone, Debug)]
pub enum Since {
    /// So many entries.
    Size(u64),
    /// The entries of a checkpoint that somebody kept. The log must still begin with them.
    Checkpoint(PathBuf),
}

/// Audits a log: reads all of it, verifies every signature, judges each by its index, and says what
/// is wrong.
///
/// # Errors
/// There is no log, the trust root cannot be used, or the file system said no. What is wrong with the
/// log is in the report.
pub fn audit<S: Source + Sync>(
    log: &Log<S>,
    name: &str,
    request: &Request<'_>,
    progress: &dyn Progress,
) -> Result<Report, AuditFailure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(request.threads.get());
    match pool.build() {
        Ok(pool) => pool.install(|| Audit { log, name, request }.run(progress)),
        // No threads are to be had: this one does it all.
        Err(_) => Audit { log, name, request }.run(progress),
    }
}

struct Audit<'a, S> {
    log: &'a Log<S>,
    name: &'a str,
    request: &'a Request<'a>,
}

impl<S: Source + Sync> Audit<'_, S> {
    fn run(&self, progress: &dyn Progress) -> Result<Report, AuditFailure> {
        let (log, request) = (self.log, self.request);
        let watch = Stopwatch::start();
        if u32::try_from(log.size()).is_err() {
            return Err(AuditFailure::TooLarge(log.size()));
        }
        let acknowledged = request
            .acknowledged
            .map(Acknowledgements::read)
            .transpose()?;
        let mut findings = Findings::new(acknowledged.unwrap_or_default());
        let mut lineage = self.lineage()?;
        progress.started(STEP, Some(log.size()), Unit::Items);

        let read = self.read(&mut lineage, progress);
        let (mut scanned, checked, cosigned) = read.map_err(|source| self.failed(source))?;
        roots::judge(&mut scanned, &mut lineage, &mut findings);
        let resolved = scanned.resolve(log, &lineage);
        resolved.map_err(|source| self.failed(source))?;

        let keys = log_keys(lineage.newest());
        let first = self.since(&keys, &mut findings)?;
        findings.set_since(first);
        files(log, &checked, &keys, request.evidence, &mut findings)?;
        let (signed_by, independence) = belief(log, &lineage, &mut findings);
        let notices = Notices::open(log, &mut scanned, &lineage, &mut findings);
        let notices = notices.map_err(|source| self.failed(source))?;
        for (code, index, words) in std::mem::take(&mut scanned.odd) {
            findings.add(code, Some(index), || {
                (format!("entry {index}"), words.into_string())
            });
        }
        let (people, lists, counted) =
            judge::entries(&mut scanned, &lineage, &notices, &mut findings);
        let mut entries = std::mem::take(&mut scanned.entries);
        drop(scanned);
        let images = serials::images(&entries, &counted, &lineage, &notices, &mut findings);
        drop(counted);

        let candidates = lineage.candidates();
        let known = Known {
            log,
            entries: &entries,
            lineage: &lineage,
            notices: &notices,
            keys: &candidates,
        };
        let envelopes = request.envelopes.map(|it| known.look(it, &mut findings));
        let envelopes = envelopes.transpose().map_err(|error| self.outside(error))?;
        let changed = request.outputs.map(|outputs| {
            changes::of(
                log,
                &entries,
                first,
                outputs,
                request.threads,
                &mut findings,
            )
        });
        let changed = changed.transpose().map_err(|error| self.outside(error))?;

        let witnesses_times = cosigned.times.clone();
        let witnesses = cosigned.finish(&mut findings);
        entries.finish(lists, people.who(&lineage), first, witnesses_times);
        let mut counts = count(&entries);
        counts.images = u64::try_from(images.len()).unwrap_or(u64::MAX);
        counts.envelopes = envelopes.unwrap_or(0);
        let (verdict, codes, findings) = findings.finish();
        let head = log.checkpoint();
        let report = Report {
            format: Report::FORMAT,
            verdict,
            log: LogFacts {
                origin: Escaped(head.origin.as_bytes()).to_string(),
                tree_size: head.head.size,
                root_sha256: head.head.root,
                checked: checked.computed,
                checkpoints: u64::try_from(checked.checkpoints).unwrap_or(u64::MAX),
                since: first,
                signed_by,
                independence,
            },
            counts,
            codes,
            findings,
            roots: roots::facts(&lineage, &candidates),
            keys: keys::facts(&lineage, &notices, &people, log.size()),
            notices: notices.list,
            images,
            witnesses,
            changes: changed.unwrap_or_default(),
            entries,
        };
        let size = log.size();
        progress.finished(STEP, format!("{size} entries"), watch.seconds());
        Ok(report)
    }

    /// The given trust root, and those of its lineage beside it.
    fn lineage(&self) -> Result<Lineage, AuditFailure> {
        let path = self.request.trust;
        let failed = |source: TrustError| TrustFileError::Trust {
            path: path.to_owned(),
            source,
        };
        let bytes = fs::read(path, limits::TRUST_ROOT_MAX).map_err(TrustFileError::Io)?;
        let signed = |bytes: &[u8]| {
            let envelope = Envelope::parse_draft(bytes).map_err(TrustError::from)?;
            Ok::<_, TrustError>(envelope.signed().clone())
        };
        let pinned = signed(&bytes).and_then(Lineage::pinned);
        let mut lineage = pinned.map_err(failed)?;
        let directory = path.parent().unwrap_or_else(|| Path::new(""));
        let files = material::newer_roots(directory)?;
        let beside: Vec<_> = files
            .into_iter()
            .filter_map(|it| signed(&it.file.bytes?).ok())
            .collect();
        // Those before the given one link from the newest to the oldest, those after it the other way.
        for signed in beside.iter().rev().chain(&beside) {
            lineage.offer(None, signed);
        }
        Ok(lineage)
    }

    /// Reads the log: every entry once, and every checkpoint. Where the log itself leads to trust
    /// roots with further keys of the log, checkpoints are compared again.
    fn read(
        &self,
        lineage: &mut Lineage,
        progress: &dyn Progress,
    ) -> Result<(Scanned, Checked, Cosignatures), LogError> {
        let log = self.log;
        let keys = log_keys(lineage.newest());
        let (mut pass, mut cosigned) = start(log, lineage)?;
        let scanned = scan(log, &mut pass, lineage, progress)?;
        let mut checked = pass.finish()?;
        let is_strange = |kind: &FaultKind| *kind == FaultKind::NotOurs;
        let more = log_keys(lineage.newest()).len() > keys.len();
        if more && checked.faults.iter().any(|fault| is_strange(&fault.kind)) {
            let (mut pass, again) = start(log, lineage)?;
            for number in 0..log.bundles() {
                match log.read_bundle(number) {
                    Ok(bundle) => pass.take(&bundle)?,
                    Err(error) => {
                        pass.stop(number, error)?;
                        break;
                    }
                }
            }
            (checked, cosigned) = (pass.finish()?, again);
        }
        Ok((scanned, checked, cosigned))
    }

    /// The first entry that the report is about.
    fn since(
        &self,
        keys: &[crate::tlog::NoteKey],
        findings: &mut Findings,
    ) -> Result<u64, AuditFailure> {
        let size = self.log.size();
        match &self.request.since {
            None => Ok(0),
            Some(Since::Size(before)) if *before > size => {
                findings.add(Code::SetBack, None, || {
                    let text = format!("the log had {before} entries then, and has {size} now");
                    ("--since".to_owned(), text)
                });
                Ok(0)
            }
            Some(Since::Size(before)) => Ok(*before),
            Some(Since::Checkpoint(path)) => {
                let cap = u64::try_from(limits::NOTE_MAX).unwrap_or(u64::MAX);
                let bytes = fs::read(path, cap)?;
                let note = Note::parse(&bytes).map_err(|source| AuditFailure::Since {
                    path: path.clone(),
                    source,
                })?;
                Ok(since(
                    self.log,
                    &note,
                    keys,
                    self.request.evidence,
                    findings,
                )?)
            }
        }
    }

    fn failed(&self, source: LogError) -> AuditFailure {
        match source {
            LogError::Io(error) => error.into(),
            source => AuditFailure::Log {
                log: self.name.to_owned(),
                source,
            },
        }
    }

    fn outside(&self, error: Outside) -> AuditFailure {
        match error {
            Outside::Io(error) => error.into(),
            Outside::Log(error) => self.failed(error),
        }
    }
}

/// Begins a pass with the log keys and the witnesses that are known.
fn start<'a, S: Source>(
    log: &'a Log<S>,
    lineage: &Lineage,
) -> Result<(Pass<'a, S>, Cosignatures), LogError> {
    let (keys, witnesses) = (log_keys(lineage.newest()), witness_keys(lineage.newest()));
    let mut cosigned = Cosignatures::default();
    let mut last = None;
    let pass = Pass::start(log, &keys, |note, checkpoint| {
        // The published one is kept under its size, too.
        if last.as_ref() != Some(note) {
            cosigned.take(&witnesses, note, checkpoint);
        }
        last.get_or_insert_with(|| note.clone());
    })?;
    Ok((pass, cosigned))
}

fn count(entries: &super::Entries) -> Counts {
    let mut counts = Counts::default();
    for entry in entries.iter() {
        let kind = match entry.kind {
            EntryKind::Signed => &mut counts.signed,
            EntryKind::Trust => &mut counts.trust,
            EntryKind::Revoke => &mut counts.revoke,
            EntryKind::Retire => &mut counts.retire,
            EntryKind::Other | EntryKind::Foreign => &mut counts.other,
        };
        *kind = kind.saturating_add(1);
        for signature in &entry.signatures {
            counts.signatures = counts.signatures.saturating_add(1);
            let counting = u64::from(signature.verdict == SignatureVerdict::Counts);
            counts.signatures_counting = counts.signatures_counting.saturating_add(counting);
        }
    }
    counts
}

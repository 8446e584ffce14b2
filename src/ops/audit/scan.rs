//! Reading the log: on all processors, in batches, each entry once.
//!
//! ```text
//! batch of bundles ─read, hash, take apart, verify signatures (threads)▶ parsed entries
//!                  ─in the order of the log▶ the pass · the lineage · rows
//! ```
//! While one batch is read, the one before is put in order. What a batch holds is dropped when it is:
//! rows are all that stays of an entry.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::entries::Table;
use super::lineage::{Lineage, Offer};
use super::parse::{Body, Parsed, parse};
use super::{Code, Entries, EntryKind, EntryVerdict};
use crate::envelope::Envelope;
use crate::key::{Attribution, Candidates, Maker, TrustDocument};
use crate::limits;
use crate::log::{Bundle, Log, LogError, Pass, Source};
use crate::progress::Progress;
use crate::tlog::{Entry, Tile};

/// Bundles of one batch: what comes of them stays in memory until it is in order.
const BATCH: u64 = 32;
/// The step that progress is reported under.
pub(super) const STEP: &str = "audit";

/// What reading gave.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) entries: Entries,
    /// Who made the signatures of an entry; rows name the place.
    pub(super) lists: Table<Attribution>,
    /// Entries with trust roots, and what became of these.
    pub(super) trust: Vec<TrustEntry>,
    /// Entries with revocations and retirements.
    pub(super) notices: Vec<u64>,
    /// Found on the way, with the words for it; none where it was found very often.
    pub(super) odd: Vec<(Code, u64, Box<str>)>,
    kept: BTreeMap<Code, u64>,
    /// Entries whose signatures may be of keys that came into the lineage later.
    unresolved: Vec<(u64, u32)>,
}

/// What was read of a bundle; `None` as the error that ended it.
type Read = Result<(Bundle, Vec<Parsed>), LogError>;

/// A batch, and the keys that were known when it was read.
struct Batch {
    read: Vec<Read>,
    generation: u32,
}

/// An entry with a trust root, and what became of it.
#[derive(Debug)]
pub(super) struct TrustEntry {
    pub(super) index: u64,
    /// The version that it says it is; 0: it breaks a rule of the format.
    pub(super) version: u64,
    pub(super) offer: Offer,
}

/// Reads all entries.
///
/// # Errors
/// The file system said no. A bundle that cannot be read ends the reading, and is told to `pass`.
pub(super) fn scan<S: Source + Sync>(
    log: &Log<S>,
    pass: &mut Pass<'_, S>,
    lineage: &mut Lineage,
    progress: &dyn Progress,
) -> Result<Scanned, LogError> {
    let mut scanned = Scanned::default();
    let bundles = log.bundles();
    let range = |first: u64| first..first.saturating_add(BATCH).min(bundles);
    let mut first = 0;
    let mut batch = read(log, range(0), &lineage.candidates(), lineage.generation());
    while first < bundles {
        let following = range(first.saturating_add(BATCH));
        // The keys of the batch that is put in order now are not known to the one that is read; what
        // they leave open is looked at again at the end.
        let (keys, generation) = (lineage.candidates(), lineage.generation());
        let (next, ordered) = rayon::join(
            || read(log, following, &keys, generation),
            || scanned.take_batch(first, batch, log, pass, lineage),
        );
        if ordered? == Ended::Early {
            break;
        }
        batch = next;
        first = first.saturating_add(BATCH);
        let done = u64::try_from(scanned.entries.rows().len()).unwrap_or(u64::MAX);
        progress.advanced(STEP, done, None);
    }
    Ok(scanned)
}

/// Whether a batch could be taken as a whole.
#[derive(PartialEq, Eq)]
enum Ended {
    Whole,
    Early,
}

fn read<S: Source + Sync>(
    log: &Log<S>,
    bundles: std::ops::Range<u64>,
    keys: &Candidates,
    generation: u32,
) -> Batch {
    let full = u64::from(Tile::FULL);
    log.ahead(bundles.start.saturating_mul(full)..bundles.end.saturating_mul(full));
    let one = |number| {
        let bundle = log.read_bundle(number)?;
        let parsed = bundle.entries().map(|entry| parse(entry, keys)).collect();
        Ok((bundle.without_entries(), parsed))
    };
    let bundles: Vec<u64> = bundles.collect();
    Batch {
        read: bundles.into_par_iter().with_max_len(1).map(one).collect(),
        generation,
    }
}

impl Scanned {
    fn take_batch<S: Source>(
        &mut self,
        first: u64,
        batch: Batch,
        log: &Log<S>,
        pass: &mut Pass<'_, S>,
        lineage: &mut Lineage,
    ) -> Result<Ended, LogError> {
        let mut reader = Reader::new(log);
        for (number, read) in (first..).zip(batch.read) {
            match read {
                Ok((bundle, entries)) => {
                    pass.take(&bundle)?;
                    for (index, entry) in (bundle.first()..).zip(entries) {
                        if entry.body == Body::Trust {
                            self.offer(index, &reader.entry(index)?, lineage);
                        }
                        self.take(index, entry, batch.generation);
                    }
                }
                Err(error) => {
                    pass.stop(number, error)?;
                    return Ok(Ended::Early);
                }
            }
        }
        Ok(Ended::Whole)
    }

    /// Offers the trust root of an entry to the lineage. It is read again for that: a batch of large
    /// ones is not to be held in memory.
    fn offer(&mut self, index: u64, bytes: &[u8], lineage: &mut Lineage) {
        let envelope = Entry::parse(bytes).and_then(|entry| Envelope::parse(entry.envelope).ok());
        let Some(envelope) = envelope else { return };
        let signed = envelope.signed();
        let version = TrustDocument::unverified(signed).map_or(0, |document| document.version);
        let offer = lineage.offer(Some(index), signed);
        self.trust.push(TrustEntry {
            index,
            version,
            offer,
        });
    }

    fn take(&mut self, index: u64, entry: Parsed, generation: u32) {
        let Parsed {
            kind,
            body,
            payload,
            by,
            other_spelling,
        } = entry;
        let open = |maker: &Maker| matches!(maker, Maker::Nobody(_));
        if by.as_ref().is_some_and(|by| by.makers().iter().any(open)) {
            self.unresolved.push((index, generation));
        }
        let list = by.map_or(u32::MAX, |by| self.lists.place(&by));
        let verdict = match (kind, &body) {
            (EntryKind::Other | EntryKind::Foreign, _) => EntryVerdict::Carried,
            (_, Body::Malformed(_)) => EntryVerdict::Malformed,
            _ => EntryVerdict::Refused,
        };
        let row = self.entries.push(kind, verdict);
        if let Some(payload) = payload {
            (row.payload, row.has_payload) = (payload, true);
        }
        row.list = list;
        match body {
            Body::Statement {
                image,
                version,
                serial,
            } => {
                row.number = serial;
                let name = self.entries.names().place(&image);
                self.entries.set_name(name);
                self.entries.set_version(&version);
            }
            Body::Trust => {
                row.number = self.trust.last().map_or(0, |entry| entry.version);
            }
            Body::Notice => self.notices.push(index),
            Body::Word(word) => {
                let name = self.entries.names().place(&word);
                self.entries.set_name(name);
                self.odd(Code::UnknownKind, index, format!("its kind is \"{word}\""));
            }
            Body::Foreign => {
                let words = "it does not start as karat's entries do".to_owned();
                self.odd(Code::ForeignEntry, index, words);
            }
            Body::Malformed(words) => self.odd(Code::Malformed, index, words),
        }
        if other_spelling {
            let words = "its bytes are not those that karat writes for this envelope";
            self.odd(Code::OtherSpelling, index, words.to_owned());
        }
    }

    /// Keeps what is odd about an entry, with its words while there is room.
    fn odd(&mut self, code: Code, index: u64, words: String) {
        let kept = self.kept.entry(code).or_default();
        *kept = kept.saturating_add(1);
        let words = (*kept <= limits::AUDIT_FINDINGS_MAX).then_some(words);
        self.odd
            .push((code, index, words.unwrap_or_default().into()));
    }

    /// Looks again at signatures that none of the keys known then had made, where more are known now.
    ///
    /// # Errors
    /// An entry cannot be read again.
    pub(super) fn resolve<S: Source>(
        &mut self,
        log: &Log<S>,
        lineage: &Lineage,
    ) -> Result<(), LogError> {
        let keys = lineage.candidates();
        let mut reader = Reader::new(log);
        for (index, generation) in std::mem::take(&mut self.unresolved) {
            if generation == lineage.generation() {
                continue;
            }
            let by = parse(&reader.entry(index)?, &keys).by;
            let place = usize::try_from(index).unwrap_or(usize::MAX);
            let list = by.map_or(u32::MAX, |by| self.lists.place(&by));
            if let Some(row) = self.entries.row_mut(place) {
                row.list = list;
            }
        }
        Ok(())
    }
}

/// Reads single entries in their order: a bundle once for all that are wanted of it.
pub(super) struct Reader<'a, S> {
    log: &'a Log<S>,
    bundle: Option<Bundle>,
}

impl<'a, S: Source> Reader<'a, S> {
    pub(super) fn new(log: &'a Log<S>) -> Self {
        Self { log, bundle: None }
    }

    /// The entry `index`.
    ///
    /// # Errors
    /// Its bundle cannot be read.
    pub(super) fn entry(&mut self, index: u64) -> Result<Vec<u8>, LogError> {
        let full = u64::from(Tile::FULL);
        let number = index / full;
        let first = number.saturating_mul(full);
        if self.bundle.as_ref().is_none_or(|it| it.first() != first) {
            self.bundle = Some(self.log.read_bundle(number)?);
        }
        let place = usize::try_from(index % full).unwrap_or(usize::MAX);
        let entry = self.bundle.as_ref().and_then(|it| it.entries().nth(place));
        entry.map(<[u8]>::to_vec).ok_or_else(|| LogError::NoEntry {
            index,
            size: self.log.size(),
        })
    }
}

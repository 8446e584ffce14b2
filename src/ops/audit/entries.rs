//! The rows of the report. A log may have a million entries, so a row has 56 bytes, and whatever
//! repeats (images, lists of signatures) stands once in a table.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::Who;
use crate::digest::Digest;
use crate::key::{KeyId, Role};

/// The entries of a log as an audit judged them, in the order of the log.
#[derive(Debug, Default)]
pub struct Entries {
    rows: Vec<Row>,
    /// Index of the first row that is shown.
    since: u64,
    names: Table<String>,
    lists: Table<Vec<Judged>>,
    people: Vec<Who>,
    /// All versions, one behind the other.
    versions: String,
    times: Vec<Bound>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryFacts<'a> {
    /// Its index.
    pub index: u64,
    /// What it is.
    pub kind: EntryKind,
    /// The word of a kind that this karat does not know.
    pub word: Option<&'a str>,
    /// The image that a statement is about.
    pub image: Option<&'a str>,
    /// Its version.
    pub version: Option<&'a str>,
    /// The serial of the statement.
    pub serial: Option<u64>,
    /// The version of a trust root.
    pub trust_root_version: Option<u64>,
    /// SHA-256 of the payload; `null` where there is none to read.
    pub payload_sha256: Option<Digest>,
    /// What it is worth.
    pub verdict: EntryVerdict,
    /// Its signatures, in their order.
    pub signatures: Vec<SignatureFacts<'a>>,
    /// It was logged after this time, as far as witnesses tell: seconds since 1970, advisory.
    pub not_before: Option<u64>,
    /// It was logged before this time, as far as witnesses tell: seconds since 1970, advisory.
    pub not_after: Option<u64>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A statement about an image.
    Signed,
    /// A trust root.
    Trust,
    /// A revocation.
    Revoke,
    /// A retirement.
    Retire,
    /// Of a kind that this karat does not know.
    Other,
    /// None of karat's.
    Foreign,
}

/// What an entry is worth, by the newest trust root and all revocations in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryVerdict {
    /// It counts.
    Counts,
    /// It counted when it was logged; a later trust root lets it count no more, as it wants more
    /// signatures or higher serials.
    Superseded,
    /// It counts for nothing.
    Refused,
    /// It cannot be read.
    Malformed,
    /// It means nothing here.
    Carried,
}

/// One signature on an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignatureFacts<'a> {
    /// The id of the key that made it; where that is not known, the one that it names.
    pub key: Option<KeyId>,
    /// Who holds the key.
    pub name: Option<&'a str>,
    /// The key's role.
    pub role: Option<Role>,
    /// What it is worth.
    pub verdict: SignatureVerdict,
}

/// What a signature is worth, by the newest trust root and all revocations in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureVerdict {
    /// It counts.
    Counts,
    /// Good, of a key after its end.
    Ended,
    /// Good, of a key where a revocation reaches.
    Revoked,
    /// Good, of a key before its beginning.
    Early,
    /// Good, of a key of another role.
    WrongRole,
    /// Good, of a key that may not sign this image.
    WrongImage,
    /// Good, and the second one of its key.
    Duplicate,
    /// Of no key that a trust root names.
    Unknown,
    /// It names a key of the lineage and does not verify under it.
    Invalid,
}

impl SignatureVerdict {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Ended => "ended",
            Self::Revoked => "revoked",
            Self::Early => "early",
            Self::WrongRole => "wrong-role",
            Self::WrongImage => "wrong-image",
            Self::Duplicate => "duplicate",
            Self::Unknown => "unknown",
            Self::Invalid => "invalid",
        }
    }
}

/// A signature, as a list holds it: whose, by its place among the people, and what it is worth.
pub(super) type Judged = (u32, SignatureVerdict);

/// The report's row of an entry, small.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// SHA-256 of the payload.
    pub(super) payload: Digest,
    /// The serial, or the version of a trust root.
    pub(super) number: u64,
    /// The image, or the word of an unknown kind: its place among the names.
    pub(super) name: u32,
    /// The list of signatures.
    pub(super) list: u32,
    /// Where its version starts.
    version: u32,
    /// How long that is.
    version_length: u8,
    pub(super) kind: EntryKind,
    pub(super) verdict: EntryVerdict,
    pub(super) has_payload: bool,
}

/// Values that stand once, and are named by their place.
#[derive(Debug)]
pub(super) struct Table<T> {
    values: Vec<T>,
    places: BTreeMap<T, u32>,
}

/// What witnesses say about when entries were logged.
#[derive(Clone, Copy, Debug)]
struct Bound {
    /// The size of a cosigned checkpoint.
    size: u64,
    /// The latest time at which this tree, or a smaller one, was the largest that a witness knew.
    latest: u64,
    /// The earliest time at which a witness knew this tree, or a larger one.
    earliest: u64,
}

impl Entries {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.shown().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.shown().is_empty()
    }

    /// The entries, in the order of the log.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = EntryFacts<'_>> + DoubleEndedIterator {
        let since = usize::try_from(self.since).unwrap_or(usize::MAX);
        let rows = self.rows.iter().enumerate().skip(since);
        rows.map(|(place, row)| self.facts(place, row))
    }

    /// The entry `index`; `None` where it is not shown.
    pub fn get(&self, index: u64) -> Option<EntryFacts<'_>> {
        let place = usize::try_from(index)
            .ok()
            .filter(|_| index >= self.since)?;
        Some(self.facts(place, self.rows.get(place)?))
    }

    fn shown(&self) -> &[Row] {
        let since = usize::try_from(self.since).unwrap_or(usize::MAX);
        self.rows.get(since..).unwrap_or_default()
    }

    fn facts(&self, place: usize, row: &Row) -> EntryFacts<'_> {
        let index = u64::try_from(place).unwrap_or(u64::MAX);
        let readable = row.verdict != EntryVerdict::Malformed;
        let signed = row.kind == EntryKind::Signed && readable;
        let name = self.names.get(row.name).map(String::as_str);
        let list = self.lists.get(row.list).map(Vec::as_slice);
        let (not_before, not_after) = self.bounds(index);
        EntryFacts {
            index,
            kind: row.kind,
            word: name.filter(|_| row.kind == EntryKind::Other),
            image: name.filter(|_| signed),
            version: signed.then(|| self.version(row)),
            serial: signed.then_some(row.number),
            trust_root_version: (row.kind == EntryKind::Trust && readable).then_some(row.number),
            payload_sha256: row.has_payload.then_some(row.payload),
            verdict: row.verdict,
            signatures: list
                .unwrap_or_default()
                .iter()
                .filter_map(|(who, verdict)| {
                    let who = self.people.get(usize::try_from(*who).ok()?)?;
                    Some(SignatureFacts {
                        key: who.key,
                        name: who.name.as_deref(),
                        role: who.role,
                        verdict: *verdict,
                    })
                })
                .collect(),
            not_before,
            not_after,
        }
    }

    /// The version that the row's statement names.
    pub(super) fn version(&self, row: &Row) -> &str {
        let start = usize::try_from(row.version).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::from(row.version_length));
        self.versions.get(start..end).unwrap_or_default()
    }

    /// Between which times the entry `index` was logged.
    fn bounds(&self, index: u64) -> (Option<u64>, Option<u64>) {
        let above = self.times.partition_point(|bound| bound.size <= index);
        let below = above.checked_sub(1).and_then(|place| self.times.get(place));
        let above = self.times.get(above);
        (below.map(|it| it.latest), above.map(|it| it.earliest))
    }
}

/// What an audit fills in.
impl Entries {
    /// All rows, those that are not shown included.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row of an entry, to be judged.
    pub(super) fn row_mut(&mut self, place: usize) -> Option<&mut Row> {
        self.rows.get_mut(place)
    }

    /// Adds the row of the next entry.
    pub(super) fn push(&mut self, kind: EntryKind, verdict: EntryVerdict) -> &mut Row {
        self.rows.push(Row {
            payload: Digest::from_bytes([0; Digest::LEN]),
            number: 0,
            name: u32::MAX,
            list: u32::MAX,
            version: 0,
            version_length: 0,
            kind,
            verdict,
            has_payload: false,
        });
        let last = self.rows.len().saturating_sub(1);
        #[expect(clippy::indexing_slicing, reason = "it was just pushed")]
        &mut self.rows[last]
    }

    /// Gives the last row its name.
    pub(super) fn set_name(&mut self, name: u32) {
        if let Some(row) = self.rows.last_mut() {
            row.name = name;
        }
    }

    /// Gives the last row its version.
    pub(super) fn set_version(&mut self, version: &str) {
        let start = u32::try_from(self.versions.len()).unwrap_or(u32::MAX);
        if let Some(row) = self.rows.last_mut() {
            row.version = start;
            row.version_length = u8::try_from(version.len()).unwrap_or(u8::MAX);
            self.versions.push_str(version);
        }
    }

    /// The names of images, and words of unknown kinds.
    pub(super) fn names(&mut self) -> &mut Table<String> {
        &mut self.names
    }

    /// The name at a place.
    pub(super) fn name(&self, place: u32) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    /// Puts judged lists of signatures, people, the first entry to show, and what witnesses say, in
    /// their places. `times` has sizes of checkpoints, each with a time of a witness.
    pub(super) fn finish(
        &mut self,
        lists: Table<Vec<Judged>>,
        people: Vec<Who>,
        since: u64,
        mut times: Vec<(u64, u64)>,
    ) {
        times.sort_unstable();
        let mut latest = 0;
        let mut bounds: Vec<Bound> = Vec::with_capacity(times.len());
        for (size, time) in times {
            latest = time.max(latest);
            bounds.push(Bound {
                size,
                latest,
                earliest: time,
            });
        }
        let mut earliest = u64::MAX;
        for bound in bounds.iter_mut().rev() {
            earliest = bound.earliest.min(earliest);
            bound.earliest = earliest;
        }
        self.times = bounds;
        self.lists = lists;
        self.people = people;
        self.since = since;
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            places: BTreeMap::new(),
        }
    }
}

impl<T: Ord + Clone> Table<T> {
    /// The place of `value`, which it gets now if it has none.
    pub(super) fn place<Q: Ord + ?Sized + ToOwned<Owned = T>>(&mut self, value: &Q) -> u32
    where
        T: std::borrow::Borrow<Q>,
    {
        if let Some(place) = self.places.get(value) {
            return *place;
        }
        let place = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.to_owned());
        self.places.insert(value.to_owned(), place);
        place
    }
}

impl<T> Table<T> {
    /// The value at a place.
    pub(super) fn get(&self, place: u32) -> Option<&T> {
        self.values.get(usize::try_from(place).ok()?)
    }

    /// All values, in the order of their places.
    pub(super) fn values(&self) -> &[T] {
        &self.values
    }
}

//! The stanzas of all indexes, and how they are found.

use std::fmt;

use super::entry::{Entry, Provide};
use super::{IndexError, Record, RecordId, Source, SourceId, StanzaRule};
use crate::deb::control::stanzas;
use crate::deb::name::excerpt;
use crate::limits;

/// The stanzas of several `Packages` indexes.
///
/// The order in which sources are added is that of apt's `sources.list`: it decides in the same rare
/// cases as there.
#[derive(Default)]
pub struct Universe {
    sources: Vec<Source>,
    texts: Vec<Box<str>>,
    entries: Vec<Entry>,
    /// All entries, by name, then as they came.
    by_name: Vec<RecordId>,
    /// What is provided, by name, then as it came.
    provides: Vec<Provide>,
}

impl Universe {
    /// A universe without packages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the text of a `Packages` index and adds its stanzas. After an error nothing of it has
    /// been added.
    pub fn add(&mut self, source: Source, text: String) -> Result<SourceId, IndexError> {
        let id = SourceId(u16::try_from(self.texts.len()).unwrap_or(u16::MAX));
        let fail = |offset: usize, package: &str, rule| {
            let before = text.get(..offset).unwrap_or(&text);
            IndexError {
                index: source.name.clone(),
                line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
                package: excerpt(package),
                rule,
            }
        };
        let too_large = u64::try_from(text.len()).is_ok_and(|len| len > limits::PACKAGES_INDEX_MAX);
        if too_large || id.0 == u16::MAX {
            return Err(fail(0, "", StanzaRule::IndexTooLarge));
        }
        let (entries_before, provides_before) = (self.entries.len(), self.provides.len());
        let outcome = stanzas(&text).try_for_each(|stanza| {
            let (package, result) = match Entry::parse(&text, stanza, id) {
                _ if self.entries.len() >= limits::INDEX_RECORDS_MAX => {
                    ("", Err(StanzaRule::TooMany))
                }
                Err((package, rule)) => (package, Err(rule)),
                Ok(entry) => {
                    let record = RecordId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
                    let provides = entry.provides(&text, record, &mut self.provides);
                    let package = entry.name.of(&text);
                    self.entries.push(entry);
                    (package, provides)
                }
            };
            result.map_err(|rule| fail(stanza.offset, package, rule))
        });
        if let Err(error) = outcome {
            self.entries.truncate(entries_before);
            self.provides.truncate(provides_before);
            return Err(error);
        }
        self.sources.push(source);
        self.texts.push(text.into_boxed_str());
        self.sort(entries_before, provides_before);
        Ok(id)
    }

    /// Sorts in what came after the first `entries` stanzas and `provides` names. The new ones are
    /// sorted alone, then merged: the standard library's sort takes two sorted runs in one pass.
    fn sort(&mut self, entries: usize, provides: usize) {
        let ids = (entries..self.entries.len()).filter_map(|index| u32::try_from(index).ok());
        let mut by_name = std::mem::take(&mut self.by_name);
        by_name.extend(ids.map(RecordId));
        let key = |id: &RecordId| (self.record(*id).map(Record::name), *id);
        if let Some(new) = by_name.get_mut(entries..) {
            new.sort_by_key(key);
        }
        by_name.sort_by_key(key);
        self.by_name = by_name;
        let mut all = std::mem::take(&mut self.provides);
        let key = |provide: &Provide| (self.provided_name(provide), provide.order);
        if let Some(new) = all.get_mut(provides..) {
            new.sort_by(|a, b| key(a).cmp(&key(b)));
        }
        all.sort_by(|a, b| key(a).cmp(&key(b)));
        self.provides = all;
    }

    /// The sources, in the order of their [`SourceId`]s.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// How many stanzas there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no stanzas.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The stanza with that number; none if the number is another universe's.
    pub fn record(&self, id: RecordId) -> Option<Record<'_>> {
        let entry = self.entries.get(id.index())?;
        let source = usize::from(entry.source.0);
        Some(Record {
            id,
            entry,
            text: self.texts.get(source)?,
            source: self.sources.get(source)?,
        })
    }

    /// The stanza at that place in the order of sources and files.
    pub(in crate::deb) fn nth(&self, index: usize) -> Option<Record<'_>> {
        self.record(RecordId(u32::try_from(index).ok()?))
    }

    /// All stanzas, in the order of sources and files.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.entries.len())
            .filter_map(|index| self.record(RecordId(u32::try_from(index).ok()?)))
    }

    /// All stanzas, by name, then in the order of sources and files.
    pub fn records_by_name(&self) -> impl Iterator<Item = Record<'_>> {
        self.by_name.iter().filter_map(|id| self.record(*id))
    }

    /// The stanzas of the package `name`, of all versions and architectures, in the order of
    /// sources and files.
    pub fn packages(&self, name: &str) -> impl Iterator<Item = Record<'_>> {
        let start = self
            .by_name
            .partition_point(|id| self.record(*id).is_some_and(|record| record.name() < name));
        let rest = self.by_name.get(start..).unwrap_or(&[]);
        let records = rest.iter().filter_map(|id| self.record(*id));
        records.take_while(move |record| record.name() == name)
    }

    /// The stanzas that provide `name`, with the version that they provide it in, in the order of
    /// sources, files and fields.
    pub(in crate::deb) fn providers(&self, name: &str) -> impl Iterator<Item = Provider<'_>> {
        let start = self
            .provides
            .partition_point(|provide| self.provided_name(provide) < name);
        let rest = self.provides.get(start..).unwrap_or(&[]);
        rest.iter()
            .take_while(move |provide| self.provided_name(provide) == name)
            .filter_map(|provide| {
                let record = self.record(provide.record)?;
                Some(Provider {
                    record,
                    version: provide.version.map(|span| span.of(record.text)),
                    qualifier: provide.qualifier.map(|span| span.of(record.text)),
                })
            })
    }

    fn provided_name<'u>(&'u self, provide: &Provide) -> &'u str {
        self.record(provide.record)
            .map_or("", |record| provide.name.of(record.text))
    }
}

impl fmt::Debug for Universe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Universe")
            .field("sources", &self.sources)
            .field("records", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// One provider of a name.
#[derive(Clone, Copy, Debug)]
pub(in crate::deb) struct Provider<'a> {
    pub(in crate::deb) record: Record<'a>,
    pub(in crate::deb) version: Option<&'a str>,
    pub(in crate::deb) qualifier: Option<&'a str>,
}

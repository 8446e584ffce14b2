//! One stanza, as others see it.

use std::fmt;

use super::entry::Entry;
use super::{MultiArch, Priority, RelationField, Source, SourceId};
use crate::deb::RelationError;
use crate::deb::relation::{self, Relation};
use crate::digest::Digest;

/// The number of a stanza in a [`Universe`](super::Universe).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub(super) u32);

impl RecordId {
    pub(super) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// One stanza of a `Packages` index: one version of one package.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub(super) id: RecordId,
    pub(super) entry: &'a Entry,
    pub(super) text: &'a str,
    pub(super) source: &'a Source,
}

impl<'a> Record<'a> {
    /// Its number.
    pub fn id(self) -> RecordId {
        self.id
    }

    /// The index that it stands in.
    pub fn source(self) -> &'a Source {
        self.source
    }

    /// The number of that index.
    pub fn source_id(self) -> SourceId {
        self.entry.source
    }

    /// The name of the package; a valid [`PackageName`](crate::deb::PackageName).
    pub fn name(self) -> &'a str {
        self.entry.name.of(self.text)
    }

    /// Its version; a valid [`Version`](crate::deb::Version).
    pub fn version(self) -> &'a str {
        self.entry.version.of(self.text)
    }

    /// Its architecture; a valid [`Architecture`](crate::deb::Architecture).
    pub fn architecture(self) -> &'a str {
        self.entry.architecture.of(self.text)
    }

    /// Where the `.deb` is: a relative path without `.` and `..`, below the root of the repository.
    pub fn filename(self) -> &'a str {
        self.entry.filename.of(self.text)
    }

    /// The length of the `.deb`, in bytes.
    pub fn size(self) -> u64 {
        self.entry.size
    }

    /// The digest of the `.deb`.
    pub fn sha256(self) -> Digest {
        self.entry.sha256
    }

    /// The space that the files need, in KiB as the maintainer's build estimated it; 0 if unknown.
    pub fn installed_size(self) -> u64 {
        self.entry.installed_size
    }

    /// How it goes with other architectures.
    pub fn multi_arch(self) -> MultiArch {
        self.entry.multi_arch
    }

    /// Its priority.
    pub fn priority(self) -> Priority {
        self.entry.priority
    }

    /// Whether it is `Essential: yes`.
    pub fn essential(self) -> bool {
        self.entry.essential
    }

    /// Whether it is `Protected: yes` or, as it was called before, `Important: yes`.
    pub fn protected(self) -> bool {
        self.entry.protected
    }

    /// The relations of one field; empty if the field is missing.
    pub fn relations(self, field: RelationField) -> Result<Vec<Relation<'a>>, RelationError> {
        relation::parse(self.relation_text(field))
    }

    /// The text of a relation field; empty if the field is missing.
    pub(in crate::deb) fn relation_text(self, field: RelationField) -> &'a str {
        self.entry.relation(field).of(self.text)
    }

    /// The source package and its version, if they differ from the package's.
    pub fn source_package(self) -> (&'a str, &'a str) {
        let field = self.entry.source_package.of(self.text);
        let (name, version) = match field.split_once(' ') {
            Some((name, rest)) => (name, rest.trim_matches([' ', '(', ')'])),
            None => (field, self.version()),
        };
        (if name.is_empty() { self.name() } else { name }, version)
    }

    /// The whole stanza, as it stands in the index.
    pub fn stanza(self) -> &'a str {
        self.entry.stanza.of(self.text)
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}",
            self.name(),
            self.version(),
            self.architecture()
        )
    }
}

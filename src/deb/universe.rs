//! All stanzas of all `Packages` indexes that a resolution may choose from.
//!
//! An index is parsed once, when it is added: every stanza must have a valid name, version,
//! architecture, `Filename`, `Size` and `SHA256`, and no field of interest twice. Relation fields
//! stay text until a resolution reaches their stanza; only `Provides` is read at once.

use std::fmt;
use std::str::FromStr;

use super::control::{ControlError, stanzas};
use super::name::excerpt;
use super::relation::{self, Operator, Relation};
use super::{Architecture, NameError, PackageName, RelationError, Version, VersionError};
use crate::digest::{Digest, DigestError};
use crate::limits;

/// Where an index came from, in the words of its Release file.
///
/// Two sources should not have the same [`name`](Self::name): errors tell them apart by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What people call it, for example `trixie-security/main`.
    pub name: String,
    /// `Suite` of the Release file (`stable-security`); pins call it `a`.
    pub archive: String,
    /// `Codename` of the Release file (`trixie-security`); pins call it `n`.
    pub codename: String,
    /// `Origin` of the Release file; pins call it `o`.
    pub origin: String,
    /// `Label` of the Release file; pins call it `l`.
    pub label: String,
    /// `Version` of the Release file; pins call it `v`.
    pub version: String,
    /// The component, for example `main`; pins call it `c`.
    pub component: String,
    /// The host of the mirror, empty for local files; `origin` pins compare it.
    pub site: String,
    /// What apt gives to its packages where no pin says otherwise: see [`Self::DEFAULT_PRIORITY`].
    pub priority: i16,
}

impl Source {
    /// Priority of an ordinary source (`apt_preferences(5)`).
    pub const DEFAULT_PRIORITY: i16 = 500;
    /// Priority of a source with `NotAutomatic: yes` in its Release file.
    pub const NOT_AUTOMATIC_PRIORITY: i16 = 1;
    /// Priority of a source with `NotAutomatic: yes` and `ButAutomaticUpgrades: yes`.
    pub const BUT_AUTOMATIC_UPGRADES_PRIORITY: i16 = 100;

    /// A source of ordinary priority of which only the name is known.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            archive: String::new(),
            codename: String::new(),
            origin: String::new(),
            label: String::new(),
            version: String::new(),
            component: String::new(),
            site: String::new(),
            priority: Self::DEFAULT_PRIORITY,
        }
    }
}

/// The number of a source: 0 is the first that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u16);

/// The number of a stanza in a [`Universe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(u32);

impl RecordId {
    fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

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
    pub(super) fn nth(&self, index: usize) -> Option<Record<'_>> {
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
    pub(super) fn providers(&self, name: &str) -> impl Iterator<Item = Provider<'_>> {
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

/// One stanza of a `Packages` index: one version of one package.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    id: RecordId,
    entry: &'a Entry,
    text: &'a str,
    source: &'a Source,
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

    /// The name of the package; a valid [`PackageName`].
    pub fn name(self) -> &'a str {
        self.entry.name.of(self.text)
    }

    /// Its version; a valid [`Version`].
    pub fn version(self) -> &'a str {
        self.entry.version.of(self.text)
    }

    /// Its architecture; a valid [`Architecture`].
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
    pub(super) fn relation_text(self, field: RelationField) -> &'a str {
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

/// One provider of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Provider<'a> {
    pub record: Record<'a>,
    pub version: Option<&'a str>,
    pub qualifier: Option<&'a str>,
}

/// How a package goes with others of the same name and another architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultiArch {
    /// Not at all.
    #[default]
    No,
    /// Both can be installed.
    Same,
    /// It satisfies relations of other architectures.
    Foreign,
    /// It satisfies relations with `:any`.
    Allowed,
}

/// How important a package is (Debian Policy 2.5), the most important first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// None given; apt sorts it before all others.
    #[default]
    Unset,
    /// Needed for the packaging system itself.
    Required,
    /// Expected on any Unix-like system.
    Important,
    /// A reasonable small system.
    Standard,
    /// Nearly everything.
    Optional,
    /// Obsolete; also what apt takes an unknown priority for.
    Extra,
}

/// The fields that hold relations, in the order in which apt reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RelationField {
    /// `Pre-Depends`: unpacked and configured before this package is unpacked.
    PreDepends,
    /// `Depends`
    Depends,
    /// `Conflicts`: never unpacked together.
    Conflicts,
    /// `Breaks`: never configured together.
    Breaks,
    /// `Recommends`
    Recommends,
    /// `Suggests`
    Suggests,
    /// `Replaces`: may overwrite files; chooses nothing.
    Replaces,
    /// `Enhances`
    Enhances,
    /// `Provides`
    Provides,
}

impl RelationField {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::PreDepends,
        Self::Depends,
        Self::Conflicts,
        Self::Breaks,
        Self::Recommends,
        Self::Suggests,
        Self::Replaces,
        Self::Enhances,
        Self::Provides,
    ];

    /// The name of the field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreDepends => "Pre-Depends",
            Self::Depends => "Depends",
            Self::Conflicts => "Conflicts",
            Self::Breaks => "Breaks",
            Self::Recommends => "Recommends",
            Self::Suggests => "Suggests",
            Self::Replaces => "Replaces",
            Self::Enhances => "Enhances",
            Self::Provides => "Provides",
        }
    }
}

/// A `Packages` index that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{index}, line {line}: stanza of {package:?}: {rule}")]
pub struct IndexError {
    /// The name of the source.
    pub index: String,
    /// The line at which the stanza starts, from 1.
    pub line: usize,
    /// The package, empty if the stanza does not name it.
    pub package: String,
    /// The broken rule.
    #[source]
    pub rule: StanzaRule,
}

/// The rules for a stanza of a `Packages` index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StanzaRule {
    /// Not a stanza of fields.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A field that must be there is not.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A bad name or architecture.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A bad version.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A path that is absolute, empty, too long, or has empty parts, `.`, `..` or control characters.
    #[error("Filename {0:?} is not a plain relative path")]
    Filename(String),
    /// Not a number of bytes, or more than [`limits::DEB_MAX`].
    #[error("Size {0:?} is not a number of bytes from 1 to {max}", max = limits::DEB_MAX)]
    Size(String),
    /// Not a number.
    #[error("Installed-Size {0:?} is not a number")]
    InstalledSize(String),
    /// Not a digest.
    #[error("SHA256: {0}")]
    Digest(#[from] DigestError),
    /// Not `yes` or `no`.
    #[error("{0} is neither yes nor no")]
    Flag(&'static str),
    /// Not a known value.
    #[error("Multi-Arch {0:?} is not no, same, foreign or allowed")]
    MultiArch(String),
    /// A bad relation in `Provides`.
    #[error("Provides: {0}")]
    Provides(RelationError),
    /// `Provides` with alternatives, or with a constraint other than `=`.
    #[error("Provides: {0:?} is not a name, or a name and '(= version)'")]
    ProvidesForm(String),
    /// The index is larger than [`limits::PACKAGES_INDEX_MAX`], or there are 65,535 of them.
    #[error("the index is too large, or there are too many indexes")]
    IndexTooLarge,
    /// More stanzas than [`limits::INDEX_RECORDS_MAX`].
    #[error("there are more than {max} stanzas", max = limits::INDEX_RECORDS_MAX)]
    TooMany,
}

/// A stretch of an index' text.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// The stretch of `text` that `part`, a slice of it at `start`, covers.
    fn new(start: usize, part: &str) -> Self {
        // Both fit: an index is smaller than PACKAGES_INDEX_MAX.
        Self {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            len: u32::try_from(part.len()).unwrap_or(0),
        }
    }

    fn of(self, text: &str) -> &str {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        let len = usize::try_from(self.len).unwrap_or(0);
        text.get(start..start.saturating_add(len)).unwrap_or("")
    }

    /// The stretch that `part`, a slice of this one's text, covers.
    fn part(self, text: &str, part: &str) -> Self {
        let within = part
            .as_ptr()
            .addr()
            .saturating_sub(self.of(text).as_ptr().addr());
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        Self::new(start.saturating_add(within), part)
    }
}

/// What is known about a stanza without reading it again.
#[derive(Clone, Debug)]
struct Entry {
    source: SourceId,
    multi_arch: MultiArch,
    priority: Priority,
    essential: bool,
    protected: bool,
    stanza: Span,
    name: Span,
    version: Span,
    architecture: Span,
    filename: Span,
    source_package: Span,
    size: u64,
    installed_size: u64,
    sha256: Digest,
    relations: [Span; RelationField::ALL.len()],
}

/// One name that a stanza provides.
#[derive(Clone, Copy, Debug)]
struct Provide {
    record: RecordId,
    /// Its place in the field.
    order: (RecordId, u32),
    name: Span,
    version: Option<Span>,
    qualifier: Option<Span>,
}

/// The fields that an [`Entry`] is made of, in the order of [`FIELDS`].
const FIELDS: [&str; 22] = [
    "Package",
    "Version",
    "Architecture",
    "Filename",
    "Size",
    "SHA256",
    "Installed-Size",
    "Essential",
    "Protected",
    "Important",
    "Priority",
    "Multi-Arch",
    "Source",
    "Pre-Depends",
    "Depends",
    "Conflicts",
    "Breaks",
    "Recommends",
    "Suggests",
    "Replaces",
    "Enhances",
    "Provides",
];

impl Entry {
    fn parse<'a>(
        text: &'a str,
        stanza: super::control::Stanza<'a>,
        source: SourceId,
    ) -> Result<Self, (&'a str, StanzaRule)> {
        let mut values: [Option<Span>; FIELDS.len()] = [None; FIELDS.len()];
        for field in stanza.fields() {
            let field = field.map_err(|error| ("", error.into()))?;
            let known = FIELDS
                .iter()
                .zip(&mut values)
                .find(|(name, _)| name.eq_ignore_ascii_case(field.name));
            if let Some((_, value)) = known {
                let span = Span::new(stanza.offset + field.offset, field.value);
                if value.replace(span).is_some() {
                    let twice = ControlError::Twice(field.name.to_owned());
                    return Err(("", twice.into()));
                }
            }
        }
        let [
            name,
            version,
            architecture,
            filename,
            size,
            sha256,
            installed_size,
            essential,
            protected,
            important,
            priority,
            multi_arch,
            source_package,
            relations @ ..,
        ] = values;
        let name = name.ok_or(("", StanzaRule::Missing("Package")))?;
        let package = name.of(text);
        let fail = |rule| (package, rule);
        let need =
            |value: Option<Span>, field| value.ok_or_else(|| fail(StanzaRule::Missing(field)));
        let (version, architecture, filename, size, sha256) = (
            need(version, "Version")?,
            need(architecture, "Architecture")?,
            need(filename, "Filename")?,
            need(size, "Size")?,
            need(sha256, "SHA256")?,
        );
        PackageName::from_str(package).map_err(|error| fail(error.into()))?;
        Version::from_str(version.of(text)).map_err(|error| fail(error.into()))?;
        Architecture::from_str(architecture.of(text)).map_err(|error| fail(error.into()))?;
        Ok(Self {
            source,
            multi_arch: parse_multi_arch(multi_arch.map(|value| value.of(text))).map_err(fail)?,
            priority: priority.map_or(Priority::Unset, |value| parse_priority(value.of(text))),
            essential: parse_flag(essential.map(|value| value.of(text)), "Essential")
                .map_err(fail)?,
            protected: parse_flag(protected.map(|value| value.of(text)), "Protected")
                .map_err(fail)?
                || parse_flag(important.map(|value| value.of(text)), "Important").map_err(fail)?,
            stanza: Span::new(stanza.offset, stanza.text),
            name,
            version,
            architecture,
            filename: parse_filename(text, filename).map_err(fail)?,
            source_package: source_package.unwrap_or_default(),
            size: parse_size(size.of(text)).map_err(fail)?,
            installed_size: parse_installed_size(installed_size.map(|value| value.of(text)))
                .map_err(fail)?,
            sha256: sha256
                .of(text)
                .parse()
                .map_err(|error| fail(StanzaRule::Digest(error)))?,
            relations: relations.map(Option::unwrap_or_default),
        })
    }

    fn relation(&self, field: RelationField) -> Span {
        RelationField::ALL
            .iter()
            .zip(self.relations)
            .find_map(|(at, span)| (*at == field).then_some(span))
            .unwrap_or_default()
    }

    fn provides(
        &self,
        text: &str,
        record: RecordId,
        out: &mut Vec<Provide>,
    ) -> Result<(), StanzaRule> {
        let field = self.relation(RelationField::Provides);
        let relations = relation::parse(field.of(text)).map_err(StanzaRule::Provides)?;
        for (order, relation) in (0..).zip(relations) {
            let [alternative] = relation.alternatives.as_slice() else {
                return Err(StanzaRule::ProvidesForm(excerpt(&relation.to_string())));
            };
            let version = match alternative.constraint {
                None => None,
                Some(constraint) if constraint.operator == Operator::Equal => {
                    Some(field.part(text, constraint.version))
                }
                Some(_) => return Err(StanzaRule::ProvidesForm(excerpt(&relation.to_string()))),
            };
            out.push(Provide {
                record,
                order: (record, order),
                name: field.part(text, alternative.name),
                version,
                qualifier: alternative
                    .qualifier
                    .map(|qualifier| field.part(text, qualifier)),
            });
        }
        Ok(())
    }
}

fn parse_filename(text: &str, span: Span) -> Result<Span, StanzaRule> {
    let written = span.of(text);
    let path = written.strip_prefix("./").unwrap_or(written);
    let plain = path.len() <= limits::PATH_MAX
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if plain {
        Ok(span.part(text, path))
    } else {
        Err(StanzaRule::Filename(excerpt(written)))
    }
}

fn parse_size(text: &str) -> Result<u64, StanzaRule> {
    decimal(text)
        .filter(|size| (1..=limits::DEB_MAX).contains(size))
        .ok_or_else(|| StanzaRule::Size(excerpt(text)))
}

fn parse_installed_size(text: Option<&str>) -> Result<u64, StanzaRule> {
    text.map_or(Ok(0), |text| {
        decimal(text).ok_or_else(|| StanzaRule::InstalledSize(excerpt(text)))
    })
}

/// Digits only: `u64::from_str` would take a `+` too.
fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn parse_flag(text: Option<&str>, field: &'static str) -> Result<bool, StanzaRule> {
    match text {
        None | Some("no") => Ok(false),
        Some("yes") => Ok(true),
        Some(_) => Err(StanzaRule::Flag(field)),
    }
}

fn parse_multi_arch(text: Option<&str>) -> Result<MultiArch, StanzaRule> {
    match text {
        None | Some("no") => Ok(MultiArch::No),
        Some("same") => Ok(MultiArch::Same),
        Some("foreign") => Ok(MultiArch::Foreign),
        Some("allowed") => Ok(MultiArch::Allowed),
        Some(other) => Err(StanzaRule::MultiArch(excerpt(other))),
    }
}

fn parse_priority(text: &str) -> Priority {
    match text {
        "required" => Priority::Required,
        "important" => Priority::Important,
        "standard" => Priority::Standard,
        "optional" => Priority::Optional,
        _ => Priority::Extra,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Package: aa\nVersion: 1:2-3\nArchitecture: all\nFilename: ./pool/a/aa_2-3_all.deb\n\
                        Size: 42\nSHA256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n\
                        Installed-Size: 7\nSource: src (1:2-2)\nMulti-Arch: foreign\nPriority: required\n\
                        Essential: yes\nDepends: bb (>= 1) | cc,\n dd:any\nProvides: ee (= 5), ff\n";

    fn add(text: &str) -> Result<Universe, StanzaRule> {
        let mut universe = Universe::new();
        let added = universe.add(Source::named("main"), text.to_owned());
        added.map(|_id| universe).map_err(|error| error.rule)
    }

    #[test]
    fn a_stanza_is_read() {
        let universe = add(GOOD).unwrap();
        let record = universe.packages("aa").next().unwrap();
        assert_eq!(
            (record.name(), record.version(), record.architecture()),
            ("aa", "1:2-3", "all")
        );
        assert_eq!(
            (record.filename(), record.size()),
            ("pool/a/aa_2-3_all.deb", 42)
        );
        assert_eq!(record.sha256(), Digest::of(b"abc"));
        assert_eq!(record.installed_size(), 7);
        assert_eq!(record.source_package(), ("src", "1:2-2"));
        assert_eq!(record.multi_arch(), MultiArch::Foreign);
        assert_eq!(record.priority(), Priority::Required);
        assert!(record.essential() && !record.protected());
        assert_eq!(record.relations(RelationField::Depends).unwrap().len(), 2);
        assert_eq!(record.relations(RelationField::Conflicts), Ok(Vec::new()));
        let provider = universe.providers("ee").next().unwrap();
        assert_eq!(
            (provider.record.name(), provider.version),
            ("aa", Some("5"))
        );
        assert_eq!(universe.providers("ff").next().unwrap().version, None);
        assert_eq!(
            universe.providers("gg").count() + universe.packages("ee").count(),
            0
        );
    }

    #[test]
    fn hostile_stanzas_are_refused() {
        use StanzaRule as R;
        type Expected = fn(&StanzaRule) -> bool;
        let cases: &[(&str, &str, Expected)] = &[
            ("Package: aa", "X: y", |rule| *rule == R::Missing("Package")),
            ("Version: 1:2-3", "X: y", |rule| {
                *rule == R::Missing("Version")
            }),
            ("Architecture: all", "X: y", |rule| {
                *rule == R::Missing("Architecture")
            }),
            ("Filename: ./pool/a/aa_2-3_all.deb", "X: y", |rule| {
                *rule == R::Missing("Filename")
            }),
            ("Size: 42", "X: y", |rule| *rule == R::Missing("Size")),
            ("SHA256: ba", "X: ba", |rule| *rule == R::Missing("SHA256")),
            ("Package: aa", "Package: ../aa", |rule| {
                matches!(rule, R::Name(_))
            }),
            ("Package: aa", "Package: aa\npackage: bb", |rule| {
                matches!(rule, R::Control(ControlError::Twice(_)))
            }),
            ("Size: 42", "Size: 42\nDepends: x", |rule| {
                matches!(rule, R::Control(ControlError::Twice(_)))
            }),
            ("Size: 42", "Size 42", |rule| {
                matches!(rule, R::Control(ControlError::NotAField(_)))
            }),
            ("1:2-3", "1:2/3", |rule| matches!(rule, R::Version(_))),
            ("all\n", "any\n", |rule| matches!(rule, R::Name(_))),
            ("all\n", "../all\n", |rule| matches!(rule, R::Name(_))),
            ("./pool", "/pool", |rule| matches!(rule, R::Filename(_))),
            ("./pool", "../pool", |rule| matches!(rule, R::Filename(_))),
            ("./pool/a", "./pool/../..", |rule| {
                matches!(rule, R::Filename(_))
            }),
            ("./pool", "././pool", |rule| matches!(rule, R::Filename(_))),
            ("./pool", "pool/", |rule| matches!(rule, R::Filename(_))),
            ("./pool", "\u{1b}pool", |rule| {
                matches!(rule, R::Filename(_))
            }),
            ("./pool/a/aa_2-3_all.deb", "", |rule| {
                matches!(rule, R::Filename(_))
            }),
            ("Size: 42", "Size: -1", |rule| matches!(rule, R::Size(_))),
            ("Size: 42", "Size: +42", |rule| matches!(rule, R::Size(_))),
            ("Size: 42", "Size: 0", |rule| matches!(rule, R::Size(_))),
            ("Size: 42", "Size: 99999999999999999999", |rule| {
                matches!(rule, R::Size(_))
            }),
            ("SHA256: ba", "SHA256: BA", |rule| {
                matches!(rule, R::Digest(_))
            }),
            ("SHA256: ba", "SHA256: a", |rule| {
                matches!(rule, R::Digest(_))
            }),
            ("Installed-Size: 7", "Installed-Size: 7k", |rule| {
                matches!(rule, R::InstalledSize(_))
            }),
            ("foreign", "both", |rule| matches!(rule, R::MultiArch(_))),
            ("Essential: yes", "Essential: maybe", |rule| {
                *rule == R::Flag("Essential")
            }),
            ("ee (= 5)", "ee (>= 5)", |rule| {
                matches!(rule, R::ProvidesForm(_))
            }),
            ("ee (= 5)", "ee | gg", |rule| {
                matches!(rule, R::ProvidesForm(_))
            }),
            ("ee (= 5)", "../ee", |rule| matches!(rule, R::Provides(_))),
        ];
        for (from, to, expected) in cases {
            assert!(GOOD.contains(from), "{from}");
            let rule = add(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(expected(&rule), "{from:?} -> {to:?}: {rule:?}");
        }
    }

    #[test]
    fn an_error_names_index_line_and_package_and_adds_nothing() {
        let mut universe = add(GOOD).unwrap();
        let bad = format!("{GOOD}\n{}", GOOD.replace("Size: 42", "Size: x"));
        let error = universe.add(Source::named("extra"), bad).unwrap_err();
        assert_eq!((error.index.as_str(), error.line), ("extra", 16));
        assert_eq!(error.package, "aa");
        assert_eq!((universe.len(), universe.sources().len()), (1, 1));
        assert_eq!(
            (
                universe.providers("ee").count(),
                universe.packages("aa").count()
            ),
            (1, 1)
        );
    }

    #[test]
    fn several_sources_are_searched_in_their_order() {
        let mut universe = add(GOOD).unwrap();
        let other = GOOD
            .replace("1:2-3", "2")
            .replace("Package: aa", "Package: a0");
        universe
            .add(Source::named("second"), format!("{other}\n{GOOD}"))
            .unwrap();
        let sources = |name| {
            let records = universe.packages(name);
            records
                .map(|record| record.source().name.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(sources("aa"), ["main", "second"]);
        assert_eq!(sources("a0"), ["second"]);
        let names: Vec<_> = universe.records_by_name().map(Record::name).collect();
        assert_eq!(names, ["a0", "aa", "aa"]);
        let names: Vec<_> = universe
            .providers("ff")
            .map(|at| at.record.name())
            .collect();
        assert_eq!(names, ["aa", "a0", "aa"]);
    }

    #[test]
    fn empty_indexes_are_fine() {
        for text in ["", "\n", "\n\n\n"] {
            assert!(add(text).unwrap().is_empty());
        }
    }
}

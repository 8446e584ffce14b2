//! Reading the canonical bytes, and nothing else.

use std::num::NonZero;

use super::line::entry;
use super::value::Origins;
use super::{Entry, Manifest, Parts, encode, is_reserved};
use crate::digest::DigestError;
use crate::limits;
use crate::path::PathError;
use crate::tree::{Content, Kind, OriginError};

/// The line of a manifest that breaks a rule, and the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("manifest, line {line}: {rule}")]
pub struct ManifestError {
    /// The line, counted from 1.
    pub line: usize,
    /// The rule it breaks.
    pub rule: Rule,
}

/// A rule that a manifest keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// A `sha256` that is none.
    #[error("{0}")]
    Digest(#[from] DigestError),
    /// The same path twice.
    #[error("the same path stands on the line before")]
    Duplicate,
    /// A `\` that three octal digits of a byte do not follow.
    #[error("a backslash is followed by three octal digits")]
    Escape,
    /// Hard-link groups are whole, numbered by their first paths, and of one inode.
    #[error(
        "a hard-link group has two or more paths, is numbered from 1 by its first path, and its lines differ in nothing but the path"
    )]
    Group,
    /// A keyword is missing, unknown, doubled, or out of place.
    #[error(
        "the keywords are type mode uid gid nlink size sha256 link device tags: those that the type has, in this order"
    )]
    Keyword,
    /// A value has another spelling in canonical form.
    #[error("not the canonical spelling")]
    NotCanonical,
    /// A number that is none, or too large.
    #[error("not a number that fits here")]
    Number,
    /// The path's parent is not a listed directory.
    #[error("the path's parent is not a directory of this manifest")]
    NoParent,
    /// Paths are not in bytewise order.
    #[error("paths stand in bytewise order")]
    Order,
    /// An origin that is none.
    #[error("{0}")]
    Origin(#[from] OriginError),
    /// A path that is none.
    #[error("not a path: {0}")]
    Path(#[from] PathError),
    /// A path that every manifest leaves out.
    #[error("a manifest does not list itself or the expectations")]
    Reserved,
    /// The first line is not the root directory.
    #[error("the first path is '.', a directory")]
    Root,
    /// A symbolic link without a mode of 0777 and a target that Linux allows.
    #[error("a symbolic link has mode 0777 and a target of 1 to 4095 bytes without NUL")]
    Symlink,
    /// More bytes or lines than karat reads.
    #[error(
        "more than {} bytes or {} paths",
        limits::MANIFEST_MAX,
        limits::TREE_ENTRIES_MAX
    )]
    TooLarge,
    /// The last line has no line feed: the file was cut.
    #[error("the last line has no line feed; the file was cut")]
    Truncated,
    /// An extended attribute that is none, or one too many.
    #[error(
        "an extended attribute is xattr:NAME:BASE64, in order of names; at most {}, each of at most {} bytes",
        limits::XATTRS_MAX,
        limits::XATTR_VALUE_MAX
    )]
    Xattr,
}

impl Manifest {
    /// Reads the canonical bytes of a manifest.
    ///
    /// # Errors
    /// The first line that is not exactly what [`Manifest::write_to`] would write there, and the
    /// rule that it breaks.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        check_ends(&[bytes])?;
        let mut reader = Reader::default();
        reader.add(Part::of(bytes))?;
        Ok(Self::known(reader.finish()?, Content::of(bytes)))
    }

    /// As [`Manifest::parse`], on several threads, each part given back once it is read; `content`
    /// is what the parts were found to be ([`Parts::content`]).
    ///
    /// # Errors
    /// As [`Manifest::parse`]: how many threads there are makes no difference.
    pub fn parse_parts(
        parts: Parts,
        content: Content,
        threads: NonZero<usize>,
    ) -> Result<Self, ManifestError> {
        check_ends(&parts.0)?;
        let mut reader = Reader::default();
        let size: usize = parts.0.iter().map(Vec::len).sum();
        reader.entries.reserve_exact(size / USUAL_LINE);
        let mut parts = parts.0.into_iter();
        loop {
            let round: Vec<Vec<u8>> = parts.by_ref().take(threads.get()).collect();
            if round.is_empty() {
                return Ok(Self::known(reader.finish()?, content));
            }
            for part in Part::of_each(round) {
                reader.add(part)?;
            }
        }
    }
}

/// Size, and a line feed at the end.
fn check_ends(parts: &[impl AsRef<[u8]>]) -> Result<(), ManifestError> {
    let sizes = parts.iter().map(|part| part.as_ref().len());
    let size = sizes.fold(0, usize::saturating_add);
    if u64::try_from(size).is_ok_and(|size| size > limits::MANIFEST_MAX) {
        return Err(ManifestError {
            line: 1,
            rule: Rule::TooLarge,
        });
    }
    match parts.last().and_then(|part| part.as_ref().last()) {
        Some(b'\n') => Ok(()),
        last => {
            let bytes = parts.iter().flat_map(AsRef::as_ref);
            Err(ManifestError {
                line: bytes.filter(|byte| **byte == b'\n').count() + 1,
                rule: if last.is_none() {
                    Rule::Root
                } else {
                    Rule::Truncated
                },
            })
        }
    }
}

/// Lines that were read on their own: what they say about each other is still to be checked.
#[derive(Default)]
struct Part {
    entries: Vec<Entry>,
    /// What is wrong with the line after the last entry, where not all were read.
    error: Option<Rule>,
}

/// Bytes of a usual line: memory for so many entries is taken at once.
const USUAL_LINE: usize = 160;

impl Part {
    /// Reads each on a thread of its own; a single one on this thread.
    fn of_each(mut round: Vec<Vec<u8>>) -> Vec<Self> {
        let Some(last) = round.pop() else {
            return Vec::new();
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = round
                .into_iter()
                .map(|part| scope.spawn(move || Self::of(&part)))
                .collect();
            let last = Self::of(&last);
            let lost = || Self {
                error: Some(Rule::TooLarge),
                ..Self::default()
            };
            let others = others
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_panic| lost()));
            others.chain([last]).collect()
        })
    }

    /// Reads whole lines.
    fn of(lines: &[u8]) -> Self {
        let mut part = Self {
            entries: Vec::with_capacity(lines.len() / USUAL_LINE),
            error: None,
        };
        let mut origins = Origins::default();
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        for line in lines.split(|byte| *byte == b'\n') {
            if part.entries.len() >= limits::TREE_ENTRIES_MAX {
                part.error = Some(Rule::TooLarge);
                return part;
            }
            let read = entry(line, &mut origins).and_then(|entry| {
                let is_canonical = encode::is_line_of(&entry, line);
                is_canonical.then_some(entry).ok_or(Rule::NotCanonical)
            });
            match read {
                Ok(entry) => part.entries.push(entry),
                Err(rule) => {
                    part.error = Some(rule);
                    return part;
                }
            }
        }
        part
    }
}

#[derive(Default)]
struct Reader {
    entries: Vec<Entry>,
    /// For each hard-link group: the index of its first entry, and how many it has so far.
    groups: Vec<(usize, u32)>,
    /// The directory that held the last path, by index: the next path mostly has the same.
    parent: usize,
}

impl Reader {
    fn add(&mut self, part: Part) -> Result<(), ManifestError> {
        self.entries.reserve(part.entries.len());
        for entry in part.entries {
            let checked = self
                .check_count()
                .and_then(|()| self.check_place(&entry))
                .and_then(|()| self.check_group(&entry));
            checked.map_err(|rule| self.at(rule))?;
            self.entries.push(entry);
        }
        part.error.map_or(Ok(()), |rule| Err(self.at(rule)))
    }

    /// An error in the line after those that were read.
    fn at(&self, rule: Rule) -> ManifestError {
        ManifestError {
            line: self.entries.len().saturating_add(1),
            rule,
        }
    }

    fn check_count(&self) -> Result<(), Rule> {
        if self.entries.len() < limits::TREE_ENTRIES_MAX {
            Ok(())
        } else {
            Err(Rule::TooLarge)
        }
    }

    /// Order, parent, root, reserved names.
    fn check_place(&mut self, entry: &Entry) -> Result<(), Rule> {
        let Some(last) = self.entries.last() else {
            return if entry.path.is_root() && entry.kind == Kind::Directory {
                Ok(())
            } else {
                Err(Rule::Root)
            };
        };
        match entry.path.cmp(&last.path) {
            std::cmp::Ordering::Greater => {}
            std::cmp::Ordering::Equal => return Err(Rule::Duplicate),
            std::cmp::Ordering::Less => return Err(Rule::Order),
        }
        if is_reserved(&entry.path) {
            return Err(Rule::Reserved);
        }
        let path = entry.path.as_bytes();
        let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let parent = match path.get(..slash) {
            None | Some(b"") => b"/".as_slice(),
            Some(parent) => parent,
        };
        let known = self
            .entries
            .get(self.parent)
            .is_some_and(|entry| entry.path.as_bytes() == parent);
        if !known {
            self.parent = self
                .entries
                .binary_search_by(|entry| entry.path.as_bytes().cmp(parent))
                .or(Err(Rule::NoParent))?;
        }
        match self.entries.get(self.parent) {
            Some(parent) if parent.kind == Kind::Directory => Ok(()),
            _ => Err(Rule::NoParent),
        }
    }

    fn check_group(&mut self, entry: &Entry) -> Result<(), Rule> {
        let Some(group) = entry.group else {
            let alone = entry.links == 1;
            return if alone { Ok(()) } else { Err(Rule::Group) };
        };
        if entry.kind == Kind::Directory {
            return Err(Rule::Group);
        }
        let index = usize::try_from(group)
            .ok()
            .and_then(|group| group.checked_sub(1))
            .ok_or(Rule::Group)?;
        if index == self.groups.len() {
            self.groups.push((self.entries.len(), 1));
            return Ok(());
        }
        let (first, members) = self.groups.get_mut(index).ok_or(Rule::Group)?;
        *members = members.saturating_add(1);
        match self.entries.get(*first) {
            Some(first) if is_same_inode(first, entry) => Ok(()),
            _ => Err(Rule::Group),
        }
    }

    fn finish(mut self) -> Result<Vec<Entry>, ManifestError> {
        for (first, members) in &self.groups {
            let links = self.entries.get(*first).map(|entry| entry.links);
            let is_file = self
                .entries
                .get(*first)
                .is_some_and(|entry| matches!(entry.kind, Kind::Regular(_)));
            if *members < 2 || (is_file && links != Some(*members)) {
                return Err(ManifestError {
                    line: first.saturating_add(1),
                    rule: Rule::Group,
                });
            }
        }
        for entry in &mut self.entries {
            if let Some((_, members)) = entry
                .group
                .and_then(|group| usize::try_from(group).ok()?.checked_sub(1))
                .and_then(|index| self.groups.get(index))
            {
                entry.links = *members;
            }
        }
        Ok(self.entries)
    }
}

fn is_same_inode(a: &Entry, b: &Entry) -> bool {
    (a.mode, a.uid, a.gid, a.links) == (b.mode, b.uid, b.gid, b.links)
        && a.kind == b.kind
        && a.xattrs == b.xattrs
        && a.origin == b.origin
}

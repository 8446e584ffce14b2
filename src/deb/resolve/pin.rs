//! Preferences and the candidate of each package (`apt_preferences(5)`).

use std::cmp::Reverse;

use super::ResolveError;
use crate::deb::name::excerpt;
use crate::deb::version::compare;
use crate::deb::{Record, Source, SourceId, Universe};

/// One preference: a record of `apt_preferences(5)`.
///
/// A pin whose packages are `*` sets the priority of whole sources; the first that matches a source
/// wins. Any other pin sets the priority of the versions that it matches, and beats all pins of the
/// first kind; here too the first wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    packages: Vec<String>,
    rule: Rule,
    priority: i16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// A pattern that versions match.
    Version(String),
    /// Patterns that fields of the Release file match, each with the letter of its field.
    Release(Vec<(Field, String)>),
    /// A pattern that hosts match.
    Origin(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Archive,
    Codename,
    ArchiveOrCodename,
    Component,
    Label,
    Origin,
    Version,
}

impl Pin {
    /// Reads the fields `Package`, `Pin` and `Pin-Priority` of a preference.
    ///
    /// `packages` are names or glob patterns separated by blanks, or `*`; `pin` is
    /// `version PATTERN`, `release a=…,n=…,o=…,l=…,c=…,v=…` or `origin HOST`. Regular expressions
    /// and `src:` are refused.
    pub fn new(packages: &str, pin: &str, priority: i16) -> Result<Self, PinError> {
        let names: Vec<String> = packages.split_whitespace().map(str::to_owned).collect();
        let odd = |name: &String| {
            name.starts_with('/')
                || name.contains([':', '[', ']', '\\'])
                || name == "*" && names.len() > 1
        };
        if names.is_empty() || names.iter().any(odd) {
            return Err(PinError::Packages(excerpt(packages)));
        }
        if priority == 0 {
            return Err(PinError::Priority);
        }
        let bad = || PinError::Pin(excerpt(pin));
        let (kind, value) = pin.trim().split_once(char::is_whitespace).ok_or_else(bad)?;
        let value = value.trim();
        if value.is_empty() || value.contains(['[', ']', '\\']) || value.starts_with('/') {
            return Err(bad());
        }
        let rule = match kind {
            "version" if names != ["*"] => Rule::Version(value.to_owned()),
            "release" => Rule::Release(parse_release(value).ok_or_else(bad)?),
            "origin" => Rule::Origin(value.trim_matches('"').to_owned()),
            _ => return Err(bad()),
        };
        Ok(Self {
            packages: names,
            rule,
            priority,
        })
    }

    fn is_general(&self) -> bool {
        self.packages == ["*"]
    }

    fn matches_source(&self, source: &Source) -> bool {
        match &self.rule {
            Rule::Version(_) => false,
            Rule::Release(fields) => fields.iter().all(|(field, pattern)| {
                let matches = |text: &str| glob(pattern, text);
                match field {
                    Field::Archive => matches(&source.archive),
                    Field::Codename => matches(&source.codename),
                    Field::ArchiveOrCodename => {
                        matches(&source.archive) || matches(&source.codename)
                    }
                    Field::Component => matches(&source.component),
                    Field::Label => matches(&source.label),
                    Field::Origin => matches(&source.origin),
                    Field::Version => matches(&source.version),
                }
            }),
            Rule::Origin(pattern) => glob(pattern, &source.site),
        }
    }

    fn matches_record(&self, record: Record<'_>) -> bool {
        self.packages.iter().any(|name| glob(name, record.name()))
            && match &self.rule {
                Rule::Version(pattern) => glob(pattern, record.version()),
                Rule::Release(_) | Rule::Origin(_) => self.matches_source(record.source()),
            }
    }
}

fn parse_release(value: &str) -> Option<Vec<(Field, String)>> {
    if value == "*" {
        return Some(Vec::new());
    }
    if !value.contains('=') {
        let digit = value.starts_with(|first: char| first.is_ascii_digit());
        let field = if digit {
            Field::Version
        } else {
            Field::ArchiveOrCodename
        };
        return Some(vec![(field, value.to_owned())]);
    }
    value
        .split(',')
        .map(|part| {
            let (letter, pattern) = part.trim().split_once('=')?;
            let field = match letter {
                "a" => Field::Archive,
                "n" => Field::Codename,
                "c" => Field::Component,
                "l" => Field::Label,
                "o" => Field::Origin,
                "v" => Field::Version,
                _ => return None,
            };
            (!pattern.is_empty()).then(|| (field, pattern.to_owned()))
        })
        .collect()
}

/// A preference that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Neither names nor patterns of names.
    #[error("{0:?}: a pin's packages are names or patterns with '*' and '?', or '*' alone")]
    Packages(String),
    /// Not one of the three kinds.
    #[error(
        "{0:?}: a pin is 'version PATTERN' (not for '*'), 'release a=…,n=…,o=…,l=…,c=…,v=…' or 'origin HOST'"
    )]
    Pin(String),
    /// apt has no priority 0.
    #[error("a pin's priority cannot be 0")]
    Priority,
}

/// What pins make of the sources.
pub(super) struct Policy<'u> {
    pins: &'u [Pin],
    /// The priority of each source.
    sources: Vec<i16>,
}

impl<'u> Policy<'u> {
    pub(super) fn new(universe: &Universe, pins: &'u [Pin]) -> Self {
        let priority = |source: &Source| {
            pins.iter()
                .find(|pin| pin.is_general() && pin.matches_source(source))
                .map_or(source.priority, |pin| pin.priority)
        };
        Self {
            pins,
            sources: universe.sources().iter().map(priority).collect(),
        }
    }

    fn source_priority(&self, id: SourceId) -> i32 {
        self.sources
            .get(usize::from(id.0))
            .map_or(0, |priority| i32::from(*priority))
    }

    fn priority(&self, records: &[Record<'_>]) -> i32 {
        let specific = self.pins.iter().find(|pin| {
            !pin.is_general() && records.iter().any(|record| pin.matches_record(*record))
        });
        match specific {
            Some(pin) => i32::from(pin.priority),
            None => records
                .iter()
                .map(|record| self.source_priority(record.source_id()))
                .max()
                .unwrap_or(0),
        }
    }

    /// The version that would be installed: of the highest priority, then the highest version, then
    /// the earliest source. None if all priorities are negative.
    ///
    /// `records` are all stanzas of one name that fit the architecture.
    pub(super) fn candidate<'r>(
        &self,
        records: &[Record<'r>],
    ) -> Result<Option<Record<'r>>, ResolveError> {
        let mut best: Option<(i32, Reverse<usize>, Record<'r>)> = None;
        let mut rivals = Vec::new();
        for (rank, same) in versions(records).iter().enumerate() {
            let priority = self.priority(same);
            let Some(first) = same.first().filter(|_| priority > 0) else {
                continue;
            };
            let rival = best.is_some_and(|(best_priority, _, record)| {
                best_priority == priority && compare(record.version(), first.version()).is_eq()
            });
            if rival {
                rivals.push(*first);
            } else if best.is_none_or(|(best_priority, ..)| priority > best_priority) {
                best = Some((priority, Reverse(rank), *first));
                rivals.clear();
            }
        }
        match best {
            Some((_, _, record)) if !rivals.is_empty() => {
                Err(ResolveError::ambiguous(record, &rivals))
            }
            Some((_, _, record)) => Ok(Some(record)),
            None => Ok(None),
        }
    }
}

/// The stanzas by version, the highest first; stanzas of one file (by its digest) are together.
pub(super) fn versions<'r>(records: &[Record<'r>]) -> Vec<Vec<Record<'r>>> {
    let mut sorted = records.to_vec();
    sorted.sort_by(|a, b| compare(b.version(), a.version()));
    let mut groups: Vec<Vec<Record<'r>>> = Vec::new();
    for record in sorted {
        let same = groups.iter_mut().rev().find(|group| {
            group.first().is_some_and(|first| {
                first.sha256() == record.sha256() && first.version() == record.version()
            })
        });
        match same {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    groups
}

/// fnmatch(3) with `*` and `?` only, without regard to case.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(want) if *want == b'?' || want.eq_ignore_ascii_case(byte) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = star else {
                    return false;
                };
                star = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
        }
    }
    pattern
        .get(p..)
        .is_none_or(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("nginx*", "nginx-light", true),
            ("nginx", "nginx-light", false),
            ("*-d?v", "libssl-dev", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("NGINX", "nginx", true),
            ("?", "", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn pins_that_cannot_be_read_are_refused() {
        for (packages, pin, priority, error) in [
            ("", "version 1", 1, PinError::Packages(String::new())),
            ("/x/", "version 1", 1, PinError::Packages("/x/".into())),
            (
                "src:a0",
                "version 1",
                1,
                PinError::Packages("src:a0".into()),
            ),
            ("* a0", "release a=x", 1, PinError::Packages("* a0".into())),
            ("*", "version 1", 1, PinError::Pin("version 1".into())),
            ("a0", "version", 1, PinError::Pin("version".into())),
            ("a0", "release x=1", 1, PinError::Pin("release x=1".into())),
            ("a0", "release a=", 1, PinError::Pin("release a=".into())),
            ("a0", "branch x", 1, PinError::Pin("branch x".into())),
            ("a0", "version 1", 0, PinError::Priority),
        ] {
            assert_eq!(
                Pin::new(packages, pin, priority),
                Err(error),
                "{packages} {pin}"
            );
        }
    }
}

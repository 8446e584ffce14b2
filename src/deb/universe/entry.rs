//! Parsing a stanza: every rule for it, and what is kept.

use std::str::FromStr;

use super::span::Span;
use super::{MultiArch, Priority, RecordId, RelationField, SourceId, StanzaRule};
use crate::deb::control::{ControlError, Stanza};
use crate::deb::name::excerpt;
use crate::deb::relation::{self, Operator};
use crate::deb::{Architecture, PackageName, Version};
use crate::digest::Digest;
use crate::limits;

/// What is known about a stanza without reading it again.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) source: SourceId,
    pub(super) multi_arch: MultiArch,
    pub(super) priority: Priority,
    pub(super) essential: bool,
    pub(super) protected: bool,
    pub(super) stanza: Span,
    pub(super) name: Span,
    pub(super) version: Span,
    pub(super) architecture: Span,
    pub(super) filename: Span,
    pub(super) source_package: Span,
    pub(super) size: u64,
    pub(super) installed_size: u64,
    pub(super) sha256: Digest,
    pub(super) relations: [Span; RelationField::ALL.len()],
}

/// One name that a stanza provides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Provide {
    pub(super) record: RecordId,
    /// Its place in the field.
    pub(super) order: (RecordId, u32),
    pub(super) name: Span,
    pub(super) version: Option<Span>,
    pub(super) qualifier: Option<Span>,
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
    pub(super) fn parse<'a>(
        text: &'a str,
        stanza: Stanza<'a>,
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

    pub(super) fn relation(&self, field: RelationField) -> Span {
        RelationField::ALL
            .iter()
            .zip(self.relations)
            .find_map(|(at, span)| (*at == field).then_some(span))
            .unwrap_or_default()
    }

    pub(super) fn provides(
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

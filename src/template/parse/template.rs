//! The template itself, and what is said about the image as a whole.

use super::accounts::{group, user};
use super::disk::disk;
use super::facts::facts;
use super::files::file;
use super::harden::harden;
use super::rules::{LINE_RULE, line, mode, source_path};
use super::segment::segment;
use super::source::source;
use super::system::{kernel, services};
use crate::baseline::{ImageName, ImageVersion};
use crate::path::Glob;
use crate::template::diagnostic::Code;
use crate::template::model::PackageSpec;
use crate::template::names::{PackageName, VersionText, Word};
use crate::template::raw::{Raw, RawAgent, RawImage, RawMutable, RawOutputs, RawVerify};
use crate::template::reader::{Reader, Sink, Span};
use crate::tree::Epoch;

pub(super) const GLOB_RULE: &str =
    "a path pattern is absolute and normal; ** is a whole component, as in /var/log/**";

/// What comes with a format, and is none of its own.
const PARTS: &[(&str, &str)] = &[
    ("raw", "a disk is written by \"disk\""),
    ("uki", "it is written with \"disk\""),
    (
        "verity",
        "it is written with \"erofs\", and is in each \"disk\"",
    ),
];

/// Reads one template file.
pub(in crate::template) fn read(top: Reader<'_>) -> Raw {
    let raw = Raw {
        extends: top.parsed(
            "extends",
            "it is a name or a relative path",
            relative_or_name,
        ),
        packages: top.list("packages", PackageName::RULE, package_spec),
        image: image(top.table("image", "[image]")),
        source: source(top.table("source", "[source]")),
        files: top
            .tables("files", "[[files]]")
            .into_iter()
            .filter_map(file)
            .collect(),
        groups: top
            .tables("groups", "[[groups]]")
            .into_iter()
            .filter_map(group)
            .collect(),
        users: top
            .tables("users", "[[users]]")
            .into_iter()
            .filter_map(user)
            .collect(),
        services: services(top.table("services", "[services]")),
        kernel: kernel(top.table("kernel", "[kernel]")),
        disk: disk(top.table("disk", "[disk]"), top.has("disk")),
        harden: harden(top.table("harden", "[harden]")),
        segment: segment(top.table("segment", "[segment]")),
        verify: verify(top.table("verify", "[verify]")),
        outputs: outputs(top.table("outputs", "[outputs]")),
    };
    top.finish();
    raw
}

impl Raw {
    /// A template that states nothing.
    pub(in crate::template) fn nothing() -> Self {
        let span = Span {
            file: 0,
            range: 0..0,
        };
        read(Reader::new(None, "", span, &Sink::default()))
    }
}

fn image(table: Reader<'_>) -> RawImage {
    let raw = RawImage {
        span: table.span().clone(),
        name: table.parsed("name", ImageName::RULE, |text| ImageName::parse(text).ok()),
        version: table.parsed("version", ImageVersion::RULE, |text| {
            ImageVersion::parse(text).ok()
        }),
        description: table.parsed("description", LINE_RULE, line),
        epoch: table
            .integer("epoch", 0, i64::try_from(Epoch::MAX).unwrap_or(i64::MAX))
            .and_then(|at| {
                let value = Epoch::new(u64::try_from(at.value).ok()?).ok()?;
                Some(at.map(|_| value))
            }),
        architecture: table.parsed("architecture", Word::RULE, Word::new),
    };
    table.finish();
    raw
}

fn verify(table: Reader<'_>) -> RawVerify {
    let agent = match table.boolean_or_table("agent", "[verify.agent]") {
        None => None,
        Some(Ok(at)) => Some(at.map(|on| if on { RawAgent::Beside } else { RawAgent::None })),
        Some(Err(inner)) => {
            let file = source_path(&inner, "file");
            if !inner.has("file") {
                inner.missing("file", None);
            }
            inner.finish();
            file.map(|at| at.map(RawAgent::File))
        }
    };
    let mutable = table
        .tables("mutable", "[[verify.mutable]]")
        .into_iter()
        .filter_map(mutable)
        .collect();
    let facts = facts(table.table("facts", "[verify.facts]"));
    let expiry = table.choice("expiry");
    let on_failure = table.choice("on_failure");
    table.finish();
    RawVerify {
        agent,
        expiry,
        on_failure,
        mutable,
        facts,
    }
}

fn mutable(table: Reader<'_>) -> Option<RawMutable> {
    let path = table.parsed("path", GLOB_RULE, |text| Glob::parse(text).ok());
    if !table.has("path") {
        table.missing("path", None);
    }
    let class = table.choice("class");
    let mode = mode(&table);
    let span = table.span().clone();
    table.finish();
    Some(RawMutable {
        path: path?,
        class,
        mode,
        span,
    })
}

fn outputs(table: Reader<'_>) -> RawOutputs {
    let parts = reports_parts(&table);
    let raw = RawOutputs {
        formats: if parts {
            Vec::new()
        } else {
            table.choices("formats")
        },
        compression: table.choice("compression"),
    };
    table.finish();
    raw
}

/// Reports words that name a part of a format; true if there were any.
fn reports_parts(table: &Reader<'_>) -> bool {
    let mut any = false;
    for format in table.strings("formats") {
        if let Some((_, help)) = PARTS.iter().find(|(word, _)| *word == format.value) {
            any = true;
            let message = format!("{:?} is no format of its own", format.value);
            let help = Some((*help).to_owned());
            table.sink().report(Code::T017, &format.span, message, help);
        }
    }
    any
}

fn package_spec(text: &str) -> Option<PackageSpec> {
    let (name, version) = match text.split_once('=') {
        None => (text, None),
        Some((name, version)) => (name, Some(VersionText::new(version)?)),
    };
    Some(PackageSpec {
        name: PackageName::new(name)?,
        version,
    })
}

fn relative_or_name(text: &str) -> Option<String> {
    let fits = !text.is_empty()
        && text.len() <= 1024
        && !text.starts_with('/')
        && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

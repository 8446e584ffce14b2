//! `[source]`.

use super::rules::source_path;
use crate::template::diagnostic::Code;
use crate::template::names::{ComponentName, RepositoryName, Snapshot, SuiteName, Uri};
use crate::template::raw::{RawRepository, RawSource};
use crate::template::reader::{At, Reader};
use crate::template::source::{Pin, PinTarget};

pub(super) fn source(table: Reader<'_>) -> RawSource {
    let raw = RawSource {
        span: table.span().clone(),
        distribution: table.choice("distribution"),
        suite: table.parsed("suite", SuiteName::RULE, |text| {
            SuiteName::new(text).filter(|suite| !suite.as_str().ends_with('/'))
        }),
        components: table.list("components", ComponentName::RULE, ComponentName::new),
        pockets: {
            let pockets = table.choices("pockets");
            table.has("pockets").then_some(pockets)
        },
        snapshot: table.parsed("snapshot", Snapshot::RULE, Snapshot::new),
        mirror: table.parsed("mirror", Uri::RULE, Uri::new),
        security_mirror: table.parsed("security_mirror", Uri::RULE, Uri::new),
        keyring: source_path(&table, "keyring"),
        recommends: table.boolean("recommends"),
        pins: table
            .tables("pins", "[[source.pins]]")
            .into_iter()
            .filter_map(pin)
            .collect(),
        extra: table
            .tables("extra", "[[source.extra]]")
            .into_iter()
            .filter_map(repository)
            .collect(),
    };
    table.finish();
    raw
}

fn pin(table: Reader<'_>) -> Option<At<Pin>> {
    let rule = "it is a package name, where * is any run of characters and ? one";
    let package = table.parsed("package", rule, package_glob);
    let version_rule = "it is a version, where * is any run of characters and ? one";
    let version = table.parsed("version", version_rule, |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:*?".contains(&byte);
        (!text.is_empty() && text.len() <= 256 && text.bytes().all(plain)).then(|| text.to_owned())
    });
    let suite = table.parsed("suite", SuiteName::RULE, SuiteName::new);
    let priority = priority(&table);
    if !table.has("package") {
        table.missing("package", None);
    }
    if !table.has("priority") {
        table.missing(
            "priority",
            Some("from -32768 to 32767; apt's default is 500".to_owned()),
        );
    }
    let both = table.has("version") == table.has("suite");
    if both {
        let message = "[[source.pins]] has exactly one of version and suite".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
    }
    let target = version
        .map(|version| PinTarget::Version(version.value))
        .or_else(|| suite.map(|suite| PinTarget::Suite(suite.value)));
    let span = table.span().clone();
    table.finish();
    Some(At {
        value: Pin {
            package: package?.value,
            target: target?,
            priority: priority?.value,
        },
        span,
    })
}

fn repository(table: Reader<'_>) -> Option<RawRepository> {
    let name = table.parsed("name", RepositoryName::RULE, RepositoryName::new);
    if !table.has("name") {
        table.missing("name", None);
    }
    let uri = table.parsed("uri", Uri::RULE, Uri::new);
    let suite = table.parsed("suite", SuiteName::RULE, SuiteName::new);
    let components = table.list("components", ComponentName::RULE, ComponentName::new);
    let key = source_path(&table, "key");
    let priority = priority(&table);
    let wrong = key.is_none() && table.has("key");
    let span = table.span().clone();
    table.finish();
    if wrong {
        return None;
    }
    Some(RawRepository {
        name: name?,
        uri,
        suite,
        components,
        key,
        priority,
        span,
    })
}

fn priority(table: &Reader<'_>) -> Option<At<i32>> {
    let at = table.integer("priority", -32_768, 32_767)?;
    let value = i32::try_from(at.value).ok()?;
    Some(at.map(|_| value))
}

fn package_glob(text: &str) -> Option<String> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-*?".contains(&byte);
    (!text.is_empty() && text.len() <= 128 && text.bytes().all(plain)).then(|| text.to_owned())
}

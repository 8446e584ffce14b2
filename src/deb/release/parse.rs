//! From signed text to a [`Release`]: every field and every line has its rule.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::date::parse_date;
use super::{Layout, Release, ReleaseError};
use crate::deb::Architecture;
use crate::deb::control::{ControlError, stanzas};
use crate::deb::openpgp::Signed;
use crate::digest::Digest;
use crate::limits;
use crate::tree::{Content, Epoch};

impl Release {
    /// Reads what trusted keys signed.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn parse(signed: &Signed, layout: Layout) -> Result<Self, ReleaseError> {
        Self::from_text(signed.text(), layout, signed.date())
    }

    pub(super) fn from_text(
        text: &str,
        layout: Layout,
        signed_at: Epoch,
    ) -> Result<Self, ReleaseError> {
        let all: Vec<_> = stanzas(text).collect();
        let [stanza] = all.as_slice() else {
            return Err(ReleaseError::Stanzas(all.len()));
        };
        let mut fields = BTreeMap::new();
        for field in stanza.fields() {
            let field = field?;
            if fields
                .insert(field.name.to_ascii_lowercase(), field.value)
                .is_some()
            {
                return Err(ControlError::Twice(field.name.to_owned()).into());
            }
        }
        let text = |name: &str| fields.get(name).map_or("", |value| *value).to_owned();
        let yes = |name: &str| fields.get(name) == Some(&"yes");
        let needed = |name: &'static str| {
            let value = fields.get(name.to_ascii_lowercase().as_str()).copied();
            value.ok_or(ReleaseError::Missing(name))
        };
        let date = |name: &'static str, value: &str| {
            parse_date(value).ok_or_else(|| ReleaseError::Date(name, excerpt(value)))
        };
        // apt does not read these two in a flat repository, where they can hold anything.
        let words = |name: &'static str| match layout {
            Layout::Suite => Ok(needed(name)?.split_ascii_whitespace()),
            Layout::Flat => Ok::<_, ReleaseError>("".split_ascii_whitespace()),
        };
        let date_of = |name: &'static str| {
            let value = fields.get(name.to_ascii_lowercase().as_str());
            value.map(|value| date(name, value)).transpose()
        };
        let release = Self {
            layout,
            origin: text("origin"),
            label: text("label"),
            suite: text("suite"),
            codename: text("codename"),
            version: text("version"),
            date: match (date_of("Date")?, layout) {
                (Some(date), _) => date,
                (None, Layout::Flat) => signed_at,
                (None, Layout::Suite) => return Err(ReleaseError::Missing("Date")),
            },
            valid_until: date_of("Valid-Until")?,
            architectures: words("Architectures")?
                .map(Architecture::from_str)
                .collect::<Result<_, _>>()?,
            components: words("Components")?.map(str::to_owned).collect(),
            by_hash: yes("acquire-by-hash"),
            not_automatic: yes("notautomatic"),
            but_automatic_upgrades: yes("butautomaticupgrades"),
            all_is_everywhere: fields.get("no-support-for-architecture-all") == Some(&"Packages"),
            files: parse_files(needed("SHA256")?)?,
        };
        let named = !release.suite.is_empty() || !release.codename.is_empty();
        if !named && layout == Layout::Suite {
            return Err(ReleaseError::Missing("Codename"));
        }
        Ok(release)
    }
}

fn parse_files(section: &str) -> Result<BTreeMap<String, Content>, ReleaseError> {
    let mut files = BTreeMap::new();
    for line in section
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let wrong = || ReleaseError::File(excerpt(line));
        let mut words = line.split_ascii_whitespace();
        let (Some(digest), Some(size), Some(path), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(wrong());
        };
        let Ok(digest) = digest.parse::<Digest>() else {
            return Err(wrong());
        };
        let size = parse_number(size).ok_or_else(wrong)?;
        if !is_below(path) {
            return Err(wrong());
        }
        let content = Content { digest, size };
        match files.insert(path.to_owned(), content) {
            Some(other) if other != content => return Err(ReleaseError::Twice(excerpt(path))),
            _ => {}
        }
    }
    Ok(files)
}

/// Whether `path` is relative, without `.` and `..`, and of characters that mean nothing in a URI, but
/// for `%`, which stands for itself: dpkg-scanpackages(1) lists `tool_1%3a2_amd64.deb`, as the file is
/// named.
pub fn is_below(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"%+-._~/:@".contains(&byte);
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.len() <= limits::PATH_MAX && path.bytes().all(plain) && path.split('/').all(part)
}

pub(super) fn parse_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

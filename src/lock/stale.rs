//! Whether a lock still fits its template.

use std::fmt;

use super::value::{Basis, Lockfile};
use crate::digest::Digest;

/// A lock that was made for another template, or for this one before it changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lock file is stale: {}", Sentence(.0))]
pub struct Stale(pub Vec<Difference>);

/// What the template says otherwise than the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The template asks for a package that was not asked for.
    Asked(String),
    /// The template no longer asks for a package.
    NotAsked(String),
    /// Another value: of what, before, now.
    Value(&'static str, String, String),
    /// Something that the lock does not show in words: pins, keys, versions.
    Other,
}

impl Lockfile {
    /// Whether this lock was made for a template with this suite, basis and digest.
    ///
    /// # Errors
    /// What differs.
    pub fn check_basis(&self, suite: &str, basis: &Basis, template: Digest) -> Result<(), Stale> {
        if self.template == template {
            return Ok(());
        }
        let mut differences = Vec::new();
        let mut value = |what, before: &str, now: &str| {
            if before != now {
                let value = Difference::Value(what, before.to_owned(), now.to_owned());
                differences.push(value);
            }
        };
        let Basis {
            packages,
            components,
            pockets,
            extra,
            recommends,
            initrd,
            flavour,
            snapshot,
        } = basis;
        let old = &self.basis;
        let text = |stated: &Option<String>| stated.clone().unwrap_or_else(|| "none".into());
        value("suite", &self.suite, suite);
        value(
            "components",
            &old.components.join(" "),
            &components.join(" "),
        );
        value("pockets", &old.pockets.join(" "), &pockets.join(" "));
        value("repositories", &old.extra.join(" "), &extra.join(" "));
        value(
            "recommends",
            &old.recommends.to_string(),
            &recommends.to_string(),
        );
        value("initrd", &old.initrd, initrd);
        value("kernel flavour", &text(&old.flavour), &text(flavour));
        value("snapshot", &text(&old.snapshot), &text(snapshot));
        let asked = packages.iter().filter(|one| !old.packages.contains(one));
        differences.extend(asked.cloned().map(Difference::Asked));
        let not_asked = old.packages.iter().filter(|one| !packages.contains(one));
        differences.extend(not_asked.cloned().map(Difference::NotAsked));
        if differences.is_empty() {
            differences.push(Difference::Other);
        }
        Err(Stale(differences))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(package) => write!(f, "the template now asks for {package}"),
            Self::NotAsked(package) => write!(f, "the template no longer asks for {package}"),
            Self::Value(what, before, now) => {
                let word = |text: &str| if text.is_empty() { "none" } else { text }.to_owned();
                write!(f, "{what} changed from {} to {}", word(before), word(now))
            }
            Self::Other => f.write_str("the template's pins, versions or archive keys changed"),
        }
    }
}

struct Sentence<'a>(&'a [Difference]);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, difference) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("; ")?;
            }
            difference.fmt(f)?;
        }
        Ok(())
    }
}

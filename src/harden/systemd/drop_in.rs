//! Which drop-ins a unit has, in the order in which they count.

use std::collections::{BTreeMap, BTreeSet};

use super::UnitName;
use super::find::{DIRECTORIES, files, own_name};
use super::name::template;
use crate::harden::root::fixed;
use crate::harden::{Root, ViewError};
use crate::path::ImagePath;

/// The drop-ins of a unit in the order in which they count: by name, whatever directory they are in.
/// Of two of one name it is the one of the unit's own name, then of its second names, then of all
/// units of its type; then the one of the first unit directory, then of the longer name.
pub(super) fn drop_ins(root: &Root<'_>, name: &UnitName) -> Result<Vec<ImagePath>, ViewError> {
    let mut groups = vec![speaking(name.as_str())];
    for alias in aliases(root, name)? {
        groups.push(speaking(alias.as_str()));
    }
    groups.push(vec![name.kind().to_owned()]);
    let mut found: BTreeMap<Vec<u8>, ImagePath> = BTreeMap::new();
    for group in groups {
        for directory in DIRECTORIES.map(fixed) {
            for name in &group {
                let Ok(directory) = directory.join(format!("{name}.d")) else {
                    continue;
                };
                for file in root.names(&directory)? {
                    if let (true, Ok(path)) = (file.ends_with(b".conf"), directory.join(&file)) {
                        found.entry(file).or_insert(path);
                    }
                }
            }
        }
    }
    Ok(found.into_values().collect())
}

/// The second names of a unit, sorted: links that lead to its own.
fn aliases(root: &Root<'_>, name: &UnitName) -> Result<BTreeSet<UnitName>, ViewError> {
    let mut found = BTreeSet::new();
    let files = files(root, name.kind())?;
    for (file, _) in files.iter().filter(|(_, has_link)| **has_link) {
        // A link of a template's name is one for each instance.
        let alias = match (file.instance(), name.instance()) {
            (Some(""), Some(instance)) => {
                let instance = format!("{}@{instance}.{}", file.prefix(), file.kind());
                UnitName::new(&instance).unwrap_or_else(|| file.clone())
            }
            _ => file.clone(),
        };
        if alias != *name && own_name(root, &alias)? == *name {
            found.insert(alias);
        }
    }
    Ok(found)
}

/// The names whose drop-ins a unit has, the more special ones first: its own, its template's, and for
/// `foo-bar.service` those of `foo-.service`.
fn speaking(name: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut pending = vec![name.to_owned()];
    while let Some(name) = pending.pop() {
        if names.contains(&name) {
            continue;
        }
        // The template comes before what is shorter: it is taken first.
        pending.extend(shorter(&name));
        pending.extend(template(&name));
        names.push(name);
    }
    names
}

/// A unit's name up to the last dash that something follows: `foo-.service` of `foo-bar.service`.
fn shorter(name: &str) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.')?;
    let (prefix, instance) = match stem.split_once('@') {
        Some((prefix, instance)) => (prefix, format!("@{instance}")),
        None => (stem, String::new()),
    };
    let inner = prefix.strip_suffix('-').unwrap_or(prefix);
    let (start, _) = inner
        .rsplit_once('-')
        .filter(|(start, _)| !start.is_empty())?;
    Some(format!("{start}-{instance}.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_shorter() {
        assert_eq!(speaking("ssh.service"), ["ssh.service"]);
        assert_eq!(
            speaking("foo-bar-baz.service"),
            ["foo-bar-baz.service", "foo-bar-.service", "foo-.service"]
        );
        assert_eq!(
            speaking("a-b@c-d.service"),
            [
                "a-b@c-d.service",
                "a-b@.service",
                "a-@.service",
                "a-@c-d.service"
            ]
        );
        assert_eq!(speaking("-a.service"), ["-a.service"]);
        // As many names as dashes, however many there are.
        let many = format!("{}.service", "a-".repeat(120));
        assert_eq!(speaking(&many).len(), 120);
    }
}

//! What a root says of its systemd units: systemd.unit(5), read as the service manager would.
//!
//! A unit is the first file of its name in the unit directories, plus the drop-ins of all of them. An
//! instance (`postgresql@17-main.service`) is a file of the template's name (`postgresql@.service`).

use std::collections::BTreeMap;

use super::root::fixed;
use super::{NodeKind, Root, ViewError};
use crate::path::ImagePath;

/// Where units stand, the first before the others for files of one name.
pub(super) const DIRECTORIES: [&str; 3] = [
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
];

/// What may stand at the end of a directory whose links start units.
const STARTERS: [&[u8]; 3] = [b".wants", b".requires", b".upholds"];

/// The name of a unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnitName(String);

impl UnitName {
    /// The rule, for people.
    pub(super) const RULE: &'static str =
        "a unit's name is of A-Z a-z 0-9 : - _ . \\ @ and ends as a type of unit, such as .service";

    /// Takes a name.
    pub(super) fn new(text: &str) -> Option<Self> {
        const TYPES: [&str; 8] = [
            "service",
            "socket",
            "timer",
            "path",
            "target",
            "mount",
            "automount",
            "slice",
        ];
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        let (stem, kind) = text.rsplit_once('.')?;
        let fits = text.len() <= 255
            && !stem.is_empty()
            && !stem.starts_with(['@', '.'])
            && text.bytes().all(plain)
            && TYPES.contains(&kind);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The names under which files speak for this unit: its own, then its template's.
    fn names(&self) -> Vec<String> {
        let mut names = vec![self.0.clone()];
        if let (Some((stem, _)), Some((_, kind))) =
            (self.0.split_once('@'), self.0.rsplit_once('.'))
        {
            let template = format!("{stem}@.{kind}");
            if template != self.0 {
                names.push(template);
            }
        }
        names
    }
}

/// What a root has for a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No file of that name.
    Missing,
    /// A link to `/dev/null`, or an empty file: it cannot be started.
    Masked(ImagePath),
    /// A unit, with the file that states it.
    Unit(ImagePath, Unit),
}

/// All assignments of a unit, in order: its file's, then its drop-ins'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit(Vec<Assignment>);

/// One line of a unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Assignment {
    section: String,
    key: String,
    value: String,
}

impl Unit {
    /// The values of a key since it was last emptied, in order.
    pub(super) fn values(&self, section: &str, key: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for line in &self.0 {
            if line.section == section && line.key == key {
                if line.value.is_empty() {
                    values.clear();
                } else {
                    values.push(line.value.as_str());
                }
            }
        }
        values
    }

    /// All assignments of a key, those that empty it included.
    pub(super) fn assignments(&self, section: &str, key: &str) -> Vec<&str> {
        let lines = self.0.iter();
        let lines = lines.filter(|line| line.section == section && line.key == key);
        lines.map(|line| line.value.as_str()).collect()
    }

    /// Adds the assignments of a file's text.
    pub(super) fn read(&mut self, text: &str) {
        let mut section = String::new();
        let mut line = String::new();
        for part in text.lines() {
            let trimmed = part.trim();
            // A comment within a continued line is left out of it.
            if trimmed.starts_with(['#', ';']) {
                continue;
            }
            if let Some(start) = trimmed.strip_suffix('\\') {
                line.push_str(start);
                line.push(' ');
                continue;
            }
            line.push_str(trimmed);
            let whole = std::mem::take(&mut line);
            let whole = whole.trim();
            if let Some(name) = whole.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                name.clone_into(&mut section);
            } else if let Some((key, value)) = whole.split_once('=') {
                self.0.push(Assignment {
                    section: section.clone(),
                    key: key.trim().to_owned(),
                    value: value.trim().to_owned(),
                });
            }
        }
    }
}

/// What `root` has for a unit; the drop-in `except` is left out.
///
/// # Errors
/// A file of it cannot be read.
pub(super) fn find(
    root: &Root<'_>,
    name: &UnitName,
    except: Option<&ImagePath>,
) -> Result<Found, ViewError> {
    let mut unit = Unit::default();
    let mut place = None;
    'search: for name in name.names() {
        for directory in DIRECTORIES.map(fixed) {
            let Ok(path) = directory.join(&name) else {
                continue;
            };
            if is_null(root, &path)? {
                return Ok(Found::Masked(path));
            }
            if let Some(text) = root.text(&path)? {
                if text.is_empty() {
                    return Ok(Found::Masked(path));
                }
                unit.read(&text);
                place = Some(path);
                break 'search;
            }
        }
    }
    let Some(place) = place else {
        return Ok(Found::Missing);
    };
    for path in drop_ins(root, name)? {
        if Some(&path) != except
            && !is_null(root, &path)?
            && let Some(text) = root.text(&path)?
        {
            unit.read(&text);
        }
    }
    Ok(Found::Unit(place, unit))
}

/// The links that start a unit, in bytewise order.
///
/// # Errors
/// A directory cannot be read.
pub(super) fn starters(root: &Root<'_>, name: &UnitName) -> Result<Vec<ImagePath>, ViewError> {
    let mut found = Vec::new();
    for directory in DIRECTORIES.map(fixed) {
        for entry in root.names(&directory)? {
            if !STARTERS.iter().any(|suffix| entry.ends_with(suffix)) {
                continue;
            }
            let path = directory.join(&entry).and_then(|it| it.join(name.as_str()));
            if let Ok(path) = path
                && root.look(&path)?.is_some()
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The services that something starts by a link, in bytewise order.
///
/// # Errors
/// A directory cannot be read.
pub(super) fn started(root: &Root<'_>) -> Result<Vec<(UnitName, ImagePath)>, ViewError> {
    let mut found = BTreeMap::new();
    for directory in DIRECTORIES.map(fixed) {
        for entry in root.names(&directory)? {
            if !STARTERS.iter().any(|suffix| entry.ends_with(suffix)) {
                continue;
            }
            let Ok(starter) = directory.join(&entry) else {
                continue;
            };
            for unit in root.names(&starter)? {
                let name = UnitName::new(&String::from_utf8_lossy(&unit));
                if let (Some(name), Ok(path)) = (name, starter.join(&unit)) {
                    found.entry(name).or_insert(path);
                }
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Whether a path is a link to `/dev/null`.
fn is_null(root: &Root<'_>, path: &ImagePath) -> Result<bool, ViewError> {
    let node = root.look(path)?;
    Ok(node.is_some_and(|node| node.kind == NodeKind::Symlink(b"/dev/null".to_vec())))
}

/// The drop-ins of a unit in the order in which they count: by name, whatever directory they are in;
/// of two of one name the one in the first directory.
fn drop_ins(root: &Root<'_>, name: &UnitName) -> Result<Vec<ImagePath>, ViewError> {
    let mut names = name.names();
    // `foo-bar.service` also has those of `foo-.service`, and all services those of `service`.
    if let Some((stem, kind)) = name.as_str().rsplit_once('.') {
        let dashes = stem.match_indices('-').map(|(at, _)| at);
        let prefixes: Vec<String> = dashes
            .filter_map(|at| stem.get(..=at))
            .map(|prefix| format!("{prefix}.{kind}"))
            .filter(|prefix| prefix != name.as_str())
            .collect();
        names.extend(prefixes);
        names.push(kind.to_owned());
    }
    let mut found: BTreeMap<Vec<u8>, ImagePath> = BTreeMap::new();
    for name in names {
        for directory in DIRECTORIES.map(fixed) {
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
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_units() {
        for good in [
            "ssh.service",
            "postgresql@.service",
            "a@b-c.d.socket",
            "x\\x2dy.mount",
        ] {
            assert!(UnitName::new(good).is_some(), "{good}");
        }
        for bad in [
            "ssh",
            ".service",
            "@.service",
            "a/b.service",
            "a.exe",
            "a b.service",
            "",
        ] {
            assert!(UnitName::new(bad).is_none(), "{bad}");
        }
        let instance = UnitName::new("a@b.service").unwrap();
        assert_eq!(instance.names(), ["a@b.service", "a@.service"]);
    }

    #[test]
    fn lines_are_read_as_the_manager_reads_them() {
        let mut unit = Unit::default();
        unit.read(
            "# c\n[Unit]\nAfter=a \\\n; note\n  b\n[Service]\nUser = x\nUser=\nUser=y\nnonsense\n",
        );
        assert_eq!(unit.values("Unit", "After"), ["a  b"]);
        assert_eq!(unit.values("Service", "User"), ["y"]);
        assert_eq!(unit.assignments("Service", "User"), ["x", "", "y"]);
        assert!(unit.values("Unit", "User").is_empty());
    }
}

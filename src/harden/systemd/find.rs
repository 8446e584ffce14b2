//! Where units stand, and what a root has for one.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::drop_in::drop_ins;
use super::{Unit, UnitName};
use crate::harden::root::fixed;
use crate::harden::{NodeKind, Root, ViewError};
use crate::path::ImagePath;

/// Where units stand, the first before the others for files of one name.
pub(super) const DIRECTORIES: [&str; 5] = [
    "/etc/systemd/system.control",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
];

/// How many names a link may lead on by; systemd itself gives up as soon.
const LINKS_MAX: usize = 8;

/// What a root has for a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::harden) enum Found {
    /// No file of that name.
    Missing,
    /// A link to `/dev/null`, or an empty file: it cannot be started.
    Masked(ImagePath),
    /// A unit, with the file that states it.
    Unit(ImagePath, Unit),
}

/// What `root` has for a unit; the drop-in `except` is left out.
///
/// # Errors
/// A file of it cannot be read.
pub(in crate::harden) fn find(
    root: &Root<'_>,
    name: &UnitName,
    except: Option<&ImagePath>,
) -> Result<Found, ViewError> {
    let (name, first) = named(root, name)?;
    let (place, text) = match first {
        First::Nothing => return Ok(Found::Missing),
        First::Masked(path) => return Ok(Found::Masked(path)),
        First::File(path, text) => (path, text),
    };
    let mut unit = Unit::default();
    unit.read(&text);
    for path in drop_ins(root, &name)? {
        if Some(&path) != except
            && !is_null(root, &path)?
            && let Some(text) = root.text(&path)?
        {
            unit.read(&text);
        }
    }
    Ok(Found::Unit(place, unit))
}

/// The unit's own name, where `name` is a second one of it.
///
/// # Errors
/// A file of it cannot be read.
pub(in crate::harden) fn own_name(root: &Root<'_>, name: &UnitName) -> Result<UnitName, ViewError> {
    Ok(named(root, name)?.0)
}

/// All units of a type that a root has, templates among them, second names not; in bytewise order.
///
/// # Errors
/// A directory cannot be read.
pub(in crate::harden) fn all(root: &Root<'_>, kind: &str) -> Result<BTreeSet<UnitName>, ViewError> {
    let mut found = BTreeSet::new();
    for (name, has_link) in files(root, kind)?.iter() {
        if !has_link || own_name(root, name)? == *name {
            found.insert(name.clone());
        }
    }
    Ok(found)
}

/// The names of all files of units of a type, each with whether one of them is a link.
pub(in crate::harden) type UnitFiles = BTreeMap<UnitName, bool>;

/// The files of units of a type; looked for once.
pub(super) fn files(root: &Root<'_>, kind: &str) -> Result<Rc<UnitFiles>, ViewError> {
    if let Some(known) = root.units.borrow().get(kind) {
        return Ok(Rc::clone(known));
    }
    let mut names = UnitFiles::new();
    for directory in DIRECTORIES.map(fixed) {
        for file in root.names(&directory)? {
            let name = std::str::from_utf8(&file).ok().and_then(UnitName::new);
            let Some(name) = name.filter(|name| name.kind() == kind) else {
                continue;
            };
            let Ok(path) = directory.join(&file) else {
                continue;
            };
            let node = root.look(&path)?;
            let is_link = node.is_some_and(|node| matches!(node.kind, NodeKind::Symlink(_)));
            let has_link = names.entry(name).or_default();
            *has_link = *has_link || is_link;
        }
    }
    let names = Rc::new(names);
    let mut units = root.units.borrow_mut();
    units.insert(kind.to_owned(), Rc::clone(&names));
    Ok(names)
}

/// What the first file of a name is.
enum First {
    Nothing,
    Masked(ImagePath),
    File(ImagePath, String),
}

/// The name that `name` stands for, and the first file of it.
fn named(root: &Root<'_>, name: &UnitName) -> Result<(UnitName, First), ViewError> {
    let mut name = name.clone();
    'named: for _ in 0..LINKS_MAX {
        for file in name.names() {
            for directory in DIRECTORIES.map(fixed) {
                let Ok(path) = directory.join(&file) else {
                    continue;
                };
                let Some(node) = root.look(&path)? else {
                    continue;
                };
                if let NodeKind::Symlink(target) = &node.kind {
                    if target == b"/dev/null" {
                        return Ok((name, First::Masked(path)));
                    }
                    if let Some(led) = name.led_to(target) {
                        name = led;
                        continue 'named;
                    }
                }
                match root.text(&path)? {
                    None => {}
                    Some(text) if text.is_empty() => return Ok((name, First::Masked(path))),
                    Some(text) => return Ok((name, First::File(path, text))),
                }
            }
        }
        return Ok((name, First::Nothing));
    }
    Ok((name, First::Nothing))
}

/// Whether a path is a link to `/dev/null`.
fn is_null(root: &Root<'_>, path: &ImagePath) -> Result<bool, ViewError> {
    let node = root.look(path)?;
    Ok(node.is_some_and(|node| node.kind == NodeKind::Symlink(b"/dev/null".to_vec())))
}

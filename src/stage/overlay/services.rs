//! `[services]`: what `systemctl --root` does to enable, disable and mask units.

use std::collections::BTreeSet;

use crate::path::ImagePath;
use crate::template::{Services, UnitName};
use crate::tree::{Kind, Mode};

use super::canvas::{Canvas, Owned, fixed, origin};
use super::install::{Install, Name};
use super::{OverlayError, UnitProblem};

/// Where links of enabled units go.
const CONFIG: &str = "/etc/systemd/system";
/// Where units are looked for, the first hit counts (systemd.unit(5), without `/run`).
const SEARCH: &[&str] = &[
    CONFIG,
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// What a masked unit is a link to.
const DEV_NULL: &str = "/dev/null";

/// Disables, then enables, then masks: what is asked for in `enable` wins over an `Also=` of a unit
/// that is disabled.
pub(super) fn apply(canvas: &mut Canvas<'_>, services: &Services) -> Result<(), OverlayError> {
    let mut gone = BTreeSet::new();
    for unit in &services.disable {
        with_also(canvas, unit.as_str(), &mut gone)?;
    }
    remove_links(canvas, gone)?;
    let mut seen = BTreeSet::new();
    for unit in &services.enable {
        enable(canvas, unit.as_str(), &mut seen)?;
    }
    for unit in &services.mask {
        mask(canvas, unit.as_str())?;
    }
    write_preset(canvas, services)
}

/// Where a unit's name leads.
enum Found {
    /// A unit file.
    File {
        /// Its name in the first directory of [`SEARCH`] that has it: what links point to.
        path: ImagePath,
        /// The file itself, links followed.
        place: ImagePath,
        install: Install,
    },
    /// A link to a unit of another name.
    Alias(String),
    /// A link to `/dev/null`, or an empty file.
    Masked,
    /// Nowhere.
    Missing,
}

fn find(canvas: &Canvas<'_>, unit: &str) -> Result<Found, OverlayError> {
    for directory in SEARCH {
        let Ok(path) = fixed(directory).join(unit) else {
            continue;
        };
        let Ok(place) = canvas.locate(&path) else {
            continue;
        };
        let Some(inode) = canvas.tree().get(&place) else {
            continue;
        };
        return match &inode.kind {
            Kind::Symlink(target) if target == DEV_NULL.as_bytes() => Ok(Found::Masked),
            Kind::Symlink(target) => {
                let name = target.rsplit(|byte| *byte == b'/').next();
                let name = String::from_utf8_lossy(name.unwrap_or_default());
                Ok(Found::Alias(name.into_owned()))
            }
            Kind::Regular(content) if content.size == 0 => Ok(Found::Masked),
            Kind::Regular(content) => {
                let bytes = canvas.bytes(&place, content)?;
                let install = Install::parse(&String::from_utf8_lossy(&bytes));
                Ok(Found::File {
                    path,
                    place,
                    install,
                })
            }
            _ => Ok(Found::Missing),
        };
    }
    Ok(Found::Missing)
}

/// As [`find`]; for an instance that has no file of its own, its template.
fn find_or_template(canvas: &Canvas<'_>, name: &Name<'_>) -> Result<Found, OverlayError> {
    match (find(canvas, name.whole)?, name.template()) {
        (Found::Missing, Some(template)) if !name.is_template() => find(canvas, &template),
        (found, _) => Ok(found),
    }
}

fn problem(unit: &str, reason: UnitProblem) -> OverlayError {
    OverlayError::Unit {
        unit: unit.to_owned(),
        reason,
    }
}

fn enable(
    canvas: &mut Canvas<'_>,
    asked: &str,
    seen: &mut BTreeSet<String>,
) -> Result<(), OverlayError> {
    // Units that come in by `Also=` are left out where they cannot be enabled, as systemctl does.
    let mut pending = vec![(asked.to_owned(), false)];
    while let Some((unit, also)) = pending.pop() {
        if !seen.insert(unit.clone()) {
            continue;
        }
        let name = Name::of(&unit);
        let reason = match find_or_template(canvas, &name)? {
            Found::File {
                path,
                place,
                install,
            } => match enable_file(canvas, &name, &path, &place, &install) {
                Ok(()) => {
                    let expanded = install.also.iter().filter_map(|word| name.expand(word));
                    pending.extend(expanded.map(|unit| (unit, true)));
                    continue;
                }
                Err(OverlayError::Unit { .. }) if also => continue,
                Err(error) => return Err(error),
            },
            Found::Alias(target) => UnitProblem::Alias(target),
            Found::Masked => UnitProblem::Masked,
            Found::Missing => UnitProblem::Unknown,
        };
        if !also {
            return Err(problem(&unit, reason));
        }
    }
    Ok(())
}

fn enable_file(
    canvas: &mut Canvas<'_>,
    name: &Name<'_>,
    path: &ImagePath,
    place: &ImagePath,
    install: &Install,
) -> Result<(), OverlayError> {
    if install.is_empty() {
        return Err(problem(name.whole, UnitProblem::NoInstall));
    }
    let instance;
    let mut name = name.clone();
    if name.is_template() {
        let Some(default) = install
            .default_instance
            .as_deref()
            .and_then(|word| name.expand(word))
        else {
            let example = name.with_instance("NAME");
            return Err(problem(name.whole, UnitProblem::NoInstance(example)));
        };
        instance = name.with_instance(&default);
        name = Name::of(&instance);
    }
    let mut links = Vec::new();
    let directories = [
        ("wants", &install.wanted_by),
        ("requires", &install.required_by),
        ("upholds", &install.upheld_by),
    ];
    for (kind, words) in directories {
        for word in words {
            let by = expanded(&name, word)?;
            links.push(format!("{CONFIG}/{by}.{kind}/{}", name.whole));
        }
    }
    for word in &install.alias {
        let alias = expanded(&name, word)?;
        if !alias.as_str().ends_with(&format!(".{}", name.suffix)) {
            let reason = format!("its alias {alias} has another suffix");
            return Err(problem(name.whole, UnitProblem::Install(reason)));
        }
        if alias.as_str() != name.whole {
            links.push(format!("{CONFIG}/{alias}"));
        }
    }
    for link in links {
        put_link(canvas, &fixed(&link), path, place, name.whole)?;
    }
    Ok(())
}

/// A word of `[Install]` as the unit that it names.
fn expanded(name: &Name<'_>, word: &str) -> Result<UnitName, OverlayError> {
    name.expand(word)
        .and_then(|unit| UnitName::new(&unit))
        .ok_or_else(|| {
            let reason = format!("its [Install] section names {word:?}, which is no unit");
            problem(name.whole, UnitProblem::Install(reason))
        })
}

fn put_link(
    canvas: &mut Canvas<'_>,
    link: &ImagePath,
    path: &ImagePath,
    place: &ImagePath,
    unit: &str,
) -> Result<(), OverlayError> {
    let there = canvas.locate(link)?;
    if canvas.tree().get(&there).is_some() {
        // A maintainer script may have made the same link by another spelling: /lib for /usr/lib.
        if canvas.tree().resolve(&there).as_ref() == Some(place) {
            return Ok(());
        }
        return Err(OverlayError::UnitExists {
            path: link.clone(),
            unit: unit.to_owned(),
        });
    }
    let target = path.display().to_string();
    canvas.put_link(link, &target, &origin("services"))
}

/// Adds `asked` and all units of its `Also=`, and of theirs, to `names`.
fn with_also(
    canvas: &Canvas<'_>,
    asked: &str,
    names: &mut BTreeSet<String>,
) -> Result<(), OverlayError> {
    let mut pending = vec![(asked.to_owned(), false)];
    while let Some((unit, also)) = pending.pop() {
        if names.contains(&unit) {
            continue;
        }
        let name = Name::of(&unit);
        match find_or_template(canvas, &name)? {
            Found::File { install, .. } => {
                let expanded = install.also.iter().filter_map(|word| name.expand(word));
                pending.extend(expanded.map(|unit| (unit, true)));
            }
            Found::Masked => {}
            Found::Alias(_) | Found::Missing if also => continue,
            Found::Alias(target) => return Err(problem(&unit, UnitProblem::Alias(target))),
            Found::Missing => return Err(problem(&unit, UnitProblem::Unknown)),
        }
        names.insert(unit);
    }
    Ok(())
}

/// Removes every link below [`CONFIG`] that has one of `names` or points to one, then links to
/// those links, then the directories that this emptied.
fn remove_links(canvas: &mut Canvas<'_>, mut names: BTreeSet<String>) -> Result<(), OverlayError> {
    if names.is_empty() {
        return Ok(());
    }
    let Some(config) = canvas.tree().resolve(&fixed(CONFIG)) else {
        return Ok(());
    };
    loop {
        let mut links = Vec::new();
        for entry in canvas.tree().subtree(&config) {
            let Kind::Symlink(target) = &entry.inode.kind else {
                continue;
            };
            if target == DEV_NULL.as_bytes() {
                continue;
            }
            let last = target.rsplit(|byte| *byte == b'/').next();
            let last = String::from_utf8_lossy(last.unwrap_or_default()).into_owned();
            let own = String::from_utf8_lossy(entry.path.name().unwrap_or_default()).into_owned();
            if names.contains(&last) || names.contains(&own) {
                links.push((entry.path.clone(), own));
            }
        }
        if links.is_empty() {
            return Ok(());
        }
        for (path, own) in links {
            canvas.remove(&path)?;
            names.insert(own);
            let mut above = path.parent();
            while let Some(directory) = above {
                let empty = canvas.tree().subtree(&directory).nth(1).is_none();
                if directory == config || !empty {
                    break;
                }
                canvas.remove(&directory)?;
                above = directory.parent();
            }
        }
    }
}

fn mask(canvas: &mut Canvas<'_>, unit: &str) -> Result<(), OverlayError> {
    if let Found::Missing = find_or_template(canvas, &Name::of(unit))? {
        return Err(problem(unit, UnitProblem::Unknown));
    }
    let link = fixed(&format!("{CONFIG}/{unit}"));
    let there = canvas.locate(&link)?;
    match canvas.tree().get(&there).map(|inode| &inode.kind) {
        Some(Kind::Symlink(target)) if target == DEV_NULL.as_bytes() => Ok(()),
        Some(_) => Err(OverlayError::UnitExists {
            path: link,
            unit: unit.to_owned(),
        }),
        None => canvas.put_link(&link, DEV_NULL, &origin("services")),
    }
}

/// systemd.preset(5): so that `systemctl preset-all`, which a first boot may run, comes to the same
/// result as the links.
fn write_preset(canvas: &mut Canvas<'_>, services: &Services) -> Result<(), OverlayError> {
    let lists = [("enable", &services.enable), ("disable", &services.disable)];
    let mut text = String::from("# Written by karat from [services] of the image's template.\n");
    let mut any = false;
    for (verb, units) in lists {
        for unit in units {
            any = true;
            text.push_str(verb);
            text.push(' ');
            text.push_str(unit.as_str());
            text.push('\n');
        }
    }
    if !any {
        return Ok(());
    }
    let path = fixed("/etc/systemd/system-preset/10-karat.preset");
    let owned = Owned::root(Mode::FILE);
    canvas.put_file(&path, text.into_bytes(), owned, &origin("services"))
}

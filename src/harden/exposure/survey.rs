//! All services of a root, the most exposed first.

use super::advice::{Advice, advice};
use super::assess::Rating;
use super::ceiling::{self, Ceiling, over};
use super::manager::Manager;
use super::service::Service;
use super::starting::starting;
use crate::harden::systemd::{Found, UnitName, all, find};
use crate::harden::{Root, Selection, ViewError};
use crate::path::ImagePath;
use crate::segment::Exposure;

/// What a look over all services found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The services, the most exposed first; those that are equally exposed by name.
    pub services: Vec<Surveyed>,
    /// What is wrong with ceilings that the template states: a unit that is not there, or is more exposed.
    pub faults: Vec<String>,
    /// Services that could not be read, and why.
    pub unread: Vec<String>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// The unit; of a template `name@.service`.
    pub unit: String,
    /// The file that states it.
    pub file: ImagePath,
    /// How exposed it is.
    pub exposure: Exposure,
    /// What starts it, where something does: a link.
    pub started_by: Option<ImagePath>,
    /// How exposed it may be, where somebody says so.
    pub ceiling: Option<Ceiling>,
    /// What would lower it, the best first.
    pub advice: Vec<Advice>,
}

impl Surveyed {
    /// Whether it is more exposed than it may be.
    pub fn is_over(&self) -> bool {
        let ceiling = self.ceiling.as_ref();
        ceiling.is_some_and(|ceiling| self.exposure > ceiling.most)
    }
}

/// Looks at all services of a root: those that have a file of their own, instances that something
/// starts, and what has a ceiling. Ceilings are those that the root knows of by its template, and those
/// of the rules of `selection`; the template's own statement comes first, then the lowest.
///
/// # Errors
/// The list of packages, or what starts services, cannot be read.
pub fn survey(root: &Root<'_>, selection: Option<&Selection>) -> Result<Survey, ViewError> {
    let manager = Manager::of(root)?;
    let starting = starting(root)?;
    let mut names = all(root, "service")?;
    names.extend(starting.keys().cloned());
    let stated = root.ceilings().keys();
    let stated = stated.filter_map(|name| UnitName::new(name.as_str()));
    names.extend(stated.filter(|name| name.kind() == "service"));
    let mut found = Survey {
        faults: faults(root)?,
        ..Survey::default()
    };
    for name in &names {
        let (file, unit) = match find(root, name, None) {
            Ok(Found::Unit(file, unit)) => (file, unit),
            Ok(Found::Missing | Found::Masked(_)) => continue,
            Err(error) => {
                found.unread.push(format!("{}: {error}", name.as_str()));
                continue;
            }
        };
        let rating = Rating::of(&Service::new(&unit, name, manager));
        let started_by = starting.get(name).cloned();
        found.services.push(Surveyed {
            unit: name.as_str().to_owned(),
            file,
            exposure: rating.exposure(),
            ceiling: ceiling::of(root, selection, name, started_by.is_some()),
            started_by,
            advice: advice(&unit, name, manager),
        });
    }
    let services = &mut found.services;
    services.sort_by(|a, b| {
        b.exposure
            .cmp(&a.exposure)
            .then_with(|| a.unit.cmp(&b.unit))
    });
    Ok(found)
}

/// What is wrong with the ceilings that the template of a root states; nothing where all are kept. A
/// unit that is masked keeps to any.
///
/// # Errors
/// The list of packages, or a unit that has a ceiling, cannot be read.
pub fn faults(root: &Root<'_>) -> Result<Vec<String>, ViewError> {
    let manager = Manager::of(root)?;
    let mut faults = Vec::new();
    for (stated, most) in root.ceilings() {
        let name = UnitName::new(stated.as_str()).filter(|name| name.kind() == "service");
        let Some(name) = name else {
            faults.push(format!(
                "{stated} is no service: it has no exposure that could be measured"
            ));
            continue;
        };
        match find(root, &name, None)? {
            Found::Unit(_, unit) => faults.extend(over(&unit, &name, manager, *most)),
            Found::Masked(_) => {}
            Found::Missing => faults.push(format!(
                "{stated} may be exposed {most}, and the image has no such unit"
            )),
        }
    }
    Ok(faults)
}

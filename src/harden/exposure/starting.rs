//! Which services start, and what starts them: links, and sockets, timers and paths that are started.

use std::collections::BTreeMap;

use crate::harden::systemd::{Found, Unit, UnitName, find, own_name, started};
use crate::harden::{Root, ViewError};
use crate::path::ImagePath;

/// The services that start by themselves, by their own names, each with the link that starts it, or
/// what activates it. What is started over D-Bus, or because a unit's file wants it, is not known here.
///
/// # Errors
/// A file or directory cannot be read.
pub(in crate::harden) fn starting(
    root: &Root<'_>,
) -> Result<BTreeMap<UnitName, ImagePath>, ViewError> {
    let mut services = BTreeMap::new();
    for (name, link) in started(root)? {
        let name = own_name(root, &name)?;
        let Some(service) = activated(root, &name)? else {
            continue;
        };
        let service = own_name(root, &service)?;
        if matches!(find(root, &service, None)?, Found::Unit(..)) {
            services.entry(service).or_insert(link);
        }
    }
    Ok(services)
}

/// The service that a unit is, or starts.
fn activated(root: &Root<'_>, name: &UnitName) -> Result<Option<UnitName>, ViewError> {
    let (section, key) = match name.kind() {
        "service" => return Ok(Some(name.clone())),
        "socket" => ("Socket", "Service"),
        "timer" => ("Timer", "Unit"),
        "path" => ("Path", "Unit"),
        _ => return Ok(None),
    };
    let Found::Unit(_, unit) = find(root, name, None)? else {
        return Ok(None);
    };
    let stated = unit.values(section, key).last().copied();
    let service = match stated {
        Some(stated) => UnitName::new(stated),
        None => UnitName::new(&usual(name, &unit)),
    };
    Ok(service.filter(|service| service.kind() == "service"))
}

/// The service that a unit starts where it does not say so: that of its own name.
fn usual(name: &UnitName, unit: &Unit) -> String {
    let accepts = unit.values("Socket", "Accept").last().copied();
    let accepts = accepts.and_then(super::words::switch) == Some(true);
    match (name.instance(), name.prefix()) {
        // One for each connection.
        (None, prefix) if accepts => format!("{prefix}@.service"),
        (Some(instance), prefix) => format!("{prefix}@{instance}.service"),
        (None, prefix) => format!("{prefix}.service"),
    }
}

//! Dropping what was marked on the way, but is needed by nothing: a port of apt's `MarkRequired` and
//! of the part of `DoAutomaticRemove` that deals with new packages.
//!
//! apt tries an alternative, marks some of what it needs, then finds that it cannot be installed;
//! what it marked stays, until this takes it away.

use std::collections::{BTreeMap, BTreeSet};

use super::ResolveError;
use super::mark::Marker;
use super::world::{Mode, PackageId, World};
use crate::deb::version::compare;
use crate::deb::{Record, RelationField};

/// Drops every new package that nothing chosen depends on, recommends or suggests.
pub(super) fn sweep(marker: &mut Marker<'_, '_>) -> Result<(), ResolveError> {
    let needed = needed(marker.world)?;
    let mut dropped = Vec::new();
    for id in marker.world.package_ids() {
        let package = marker.world.at_mut(id);
        let new = package.mode == Mode::Install;
        let fixed = package.protected || package.essential || package.protected_flag;
        if new && !fixed && !needed.contains(&id) {
            package.mode = Mode::Keep;
            package.installed = false;
            marker.world.update(id)?;
            dropped.push(id);
        }
    }
    while let Some(at) = position_wanted(marker.world, &dropped)? {
        let id = dropped.remove(at);
        marker.mark_again(id)?;
    }
    Ok(())
}

/// The first dropped package that a chosen one has a relation to, whatever the version, if anything
/// lacks something.
fn position_wanted(
    world: &mut World<'_>,
    dropped: &[PackageId],
) -> Result<Option<usize>, ResolveError> {
    if dropped.is_empty() {
        return Ok(None);
    }
    let chosen: Vec<_> = world
        .package_ids()
        .filter(|id| world.at(*id).mode == Mode::Install)
        .collect();
    let mut lacking = false;
    let mut targets = BTreeSet::new();
    for id in chosen {
        lacking |= world.is_policy_broken(id)?;
        for dependency in world
            .relations(id)?
            .iter()
            .filter(|relation| !relation.is_negative())
        {
            for (target, _) in &dependency.alternatives {
                let target = world.target_at(*target);
                targets.extend(target.package);
                targets.extend(target.providers.iter().map(|(owner, _)| *owner));
            }
        }
    }
    Ok(dropped
        .iter()
        .position(|id| lacking && targets.contains(id)))
}

/// All that is needed, from what was asked for on.
fn needed(world: &mut World<'_>) -> Result<BTreeSet<PackageId>, ResolveError> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<_> = world
        .package_ids()
        .filter(|id| {
            let package = world.at(*id);
            !package.auto || package.essential || package.protected_flag
        })
        .collect();
    while let Some(id) = open.pop() {
        let package = world.at(id);
        if package.mode != Mode::Install || !needed.insert(id) {
            continue;
        }
        for field in RelationField::WANTED {
            for dependency in world.read(id, field)? {
                for alternative in &dependency.alternatives {
                    let chosen = world
                        .matching(id, false, alternative)
                        .filter(|other| world.at(*other).mode == Mode::Install);
                    open.extend(newest_of_each_source(world, chosen));
                }
            }
        }
    }
    Ok(needed)
}

/// Of several packages of one source package only those of its newest version: older kernels are not
/// kept by what any kernel provides.
fn newest_of_each_source(
    world: &World<'_>,
    chosen: impl Iterator<Item = PackageId>,
) -> Vec<PackageId> {
    let mut sources: BTreeMap<&str, (&str, Vec<PackageId>)> = BTreeMap::new();
    for id in chosen {
        let (source, version) = world.at(id).record.map_or(("", ""), Record::source_package);
        let entry = sources.entry(source).or_insert((version, Vec::new()));
        if compare(version, entry.0).is_gt() {
            *entry = (version, Vec::new());
        }
        if version == entry.0 {
            entry.1.push(id);
        }
    }
    sources.into_values().flat_map(|(_, ids)| ids).collect()
}

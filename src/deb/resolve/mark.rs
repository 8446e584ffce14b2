//! Marking a package and all that it needs: a port of `MarkInstall` and its helpers in apt 2.6's
//! `apt-pkg/depcache.cc`, for a system where nothing is installed.
//!
//! The names of the functions are apt's. What apt does with installed packages is left out: there
//! are none, but for what counts as installed, and that is never touched.

use std::collections::BTreeMap;

use super::ResolveError;
use super::world::{Dependency, Mode, PackageId, TargetId, World};
use crate::deb::RelationField;
use crate::deb::relation::Alternative;

/// As deep as apt goes.
const DEPTH_MAX: usize = 3000;
/// Most calls of [`Marker::mark_install`]; a desktop of 2,000 packages takes some 50,000.
const STEPS_MAX: usize = 5_000_000;

/// Why a package could not be marked; for explanations only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// No candidate meets this relation.
    Unmet(RelationField, String),
    /// A conflict with something that must stay.
    Conflict(RelationField, String, PackageId),
}

/// Marks packages in a world.
pub(super) struct Marker<'w, 'u> {
    pub world: &'w mut World<'u>,
    /// The first obstacle that each package met.
    pub obstacles: BTreeMap<PackageId, Obstacle>,
    steps: usize,
}

impl<'w, 'u> Marker<'w, 'u> {
    pub(super) fn new(world: &'w mut World<'u>) -> Self {
        Self {
            world,
            obstacles: BTreeMap::new(),
            steps: 0,
        }
    }

    /// Marks a package that was asked for; with `needs`, also all that it needs.
    pub(super) fn mark_root(&mut self, id: PackageId, needs: bool) -> Result<bool, ResolveError> {
        self.mark_install(id, needs, 0, true)
    }

    /// Marks a package again that was dropped, without looking at what it needs.
    pub(super) fn mark_again(&mut self, id: PackageId) -> Result<bool, ResolveError> {
        self.mark_install(id, false, 0, false)
    }

    fn mark_install(
        &mut self,
        id: PackageId,
        needs: bool,
        depth: usize,
        asked_for: bool,
    ) -> Result<bool, ResolveError> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(ResolveError::TooComplex);
        }
        let package = self.world.at(id);
        let settled = package.protected && package.provided;
        if !settled && !self.is_mode_change_ok(id, Mode::Install, depth, asked_for) {
            return Ok(false);
        }
        let package = self.world.at(id);
        if !package.candidate {
            return Ok(false);
        }
        let (protected, provided, mode) = (package.protected, package.provided, package.mode);
        if provided {
            return Ok(true);
        }
        if !protected
            && mode == Mode::Install
            && !self.world.is_policy_broken(id)?
            && !self.world.is_broken(id)?
        {
            return Ok(true);
        }
        if needs && !self.is_install_ok(id)? {
            return Ok(false);
        }
        if asked_for {
            self.state_change(id, true)?;
        }
        let fail_early = !protected && !asked_for;
        let mut failed = false;
        let mut to_install = Vec::new();
        if needs {
            let mut to_remove = Vec::new();
            for dependency in self.world.relations(id)?.iter() {
                if self.world.is_satisfied(id, dependency) && !protected {
                    continue;
                }
                if dependency.is_negative() {
                    to_remove.push(dependency.clone());
                } else {
                    to_install.push(dependency.clone());
                }
            }
            if !self.remove_conflicts(id, &to_remove, protected, asked_for, depth)? {
                if fail_early {
                    return Ok(false);
                }
                failed = true;
            }
        }
        if !asked_for {
            self.state_change(id, false)?;
        }
        if !needs {
            return Ok(!failed);
        }

        self.world.at_mut(id).protected = true;
        let installed = self.install_dependencies(id, &to_install, protected, asked_for, depth);
        if !installed? {
            if fail_early {
                self.discard_install(id)?;
            }
            failed = true;
        }
        if !protected {
            self.world.at_mut(id).protected = false;
        }
        Ok(!failed)
    }

    fn is_mode_change_ok(&self, id: PackageId, mode: Mode, depth: usize, asked_for: bool) -> bool {
        let package = self.world.at(id);
        if depth > DEPTH_MAX || package.record.is_none() && !package.provided {
            return false;
        }
        asked_for || package.mode == mode || !package.protected
    }

    /// Whether every dependency could be met by a candidate; if not, the package is given up.
    fn is_install_ok(&mut self, id: PackageId) -> Result<bool, ResolveError> {
        for dependency in self.world.relations(id)?.iter() {
            if !dependency.is_critical() || dependency.is_negative() {
                continue;
            }
            let possible = self.world.is_met(id, dependency)
                || dependency
                    .alternatives
                    .iter()
                    .any(|alternative| self.world.could_meet(id, false, alternative));
            if possible {
                continue;
            }
            let obstacle = Obstacle::Unmet(dependency.field, dependency.text());
            self.obstacles.entry(id).or_insert(obstacle);
            if !self.world.at(id).protected {
                self.world.lose_candidate(id);
                self.world.at_mut(id).mode = Mode::Keep;
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn state_change(&mut self, id: PackageId, asked_for: bool) -> Result<(), ResolveError> {
        let package = self.world.at_mut(id);
        if package.protected && package.installed == package.candidate {
            return Ok(());
        }
        package.mode = Mode::Install;
        package.installed = package.candidate;
        package.auto = !asked_for;
        self.world.update(id)
    }

    /// Takes a package that is not protected out of the choice.
    fn mark_keep(&mut self, id: PackageId, depth: usize) -> Result<bool, ResolveError> {
        if !self.is_mode_change_ok(id, Mode::Keep, depth, false) {
            return Ok(false);
        }
        let package = self.world.at_mut(id);
        if package.mode == Mode::Keep {
            return Ok(true);
        }
        package.mode = Mode::Keep;
        package.installed = false;
        self.world.update(id)?;
        Ok(true)
    }

    fn discard_candidate(&mut self, id: PackageId) {
        if !self.world.at(id).installed {
            self.world.lose_candidate(id);
        }
    }

    fn discard_install(&mut self, id: PackageId) -> Result<(), ResolveError> {
        let package = self.world.at_mut(id);
        package.installed = false;
        package.mode = Mode::Keep;
        self.world.update(id)?;
        self.discard_candidate(id);
        Ok(())
    }

    fn remove_conflicts(
        &mut self,
        id: PackageId,
        to_remove: &[Dependency<'u>],
        propagate: bool,
        asked_for: bool,
        depth: usize,
    ) -> Result<bool, ResolveError> {
        let mut failed = false;
        for dependency in to_remove {
            for other in self.solutions(id, dependency) {
                if self.world.at(other).provided {
                    return Err(ResolveError::ProvidedConflict {
                        package: self.world.label(id),
                        field: dependency.verb(),
                        relation: dependency.text(),
                        provided: self.world.at(other).name.to_owned(),
                    });
                }
                if !self.world.at(other).candidate {
                    continue;
                }
                if self.world.at(other).mode == Mode::Install && !self.mark_keep(other, depth)? {
                    let obstacle = Obstacle::Conflict(dependency.field, dependency.text(), other);
                    self.obstacles.entry(id).or_insert(obstacle);
                    failed = true;
                    if !propagate && !asked_for {
                        return Ok(false);
                    }
                } else if propagate {
                    let obstacle = Obstacle::Conflict(dependency.field, dependency.text(), id);
                    self.obstacles.entry(other).or_insert(obstacle);
                    self.discard_candidate(other);
                    self.world.at_mut(other).protected = true;
                }
            }
        }
        Ok(!failed)
    }

    fn install_dependencies(
        &mut self,
        id: PackageId,
        to_install: &[Dependency<'u>],
        propagate: bool,
        asked_for: bool,
        depth: usize,
    ) -> Result<bool, ResolveError> {
        let mut failed = false;
        for dependency in to_install {
            let mut found = self.world.is_met(id, dependency);
            if found && !propagate {
                continue;
            }
            if found {
                // A protected package protects what it cannot do without.
                if !dependency.is_critical() {
                    continue;
                }
                if let [only] = self.all_solutions(id, dependency).as_slice()
                    && !self.world.at(*only).protected
                {
                    self.world.at_mut(*only).protected = true;
                    failed |= !self.mark_install(*only, true, depth + 1, false)?;
                }
                continue;
            }
            let solutions = self.solutions(id, dependency);
            let only = solutions.len() == 1;
            for other in solutions {
                if !self.world.at(other).candidate {
                    continue;
                }
                if propagate && dependency.is_critical() && only {
                    if !self.mark_install(other, false, depth + 1, false)? {
                        continue;
                    }
                    self.world.at_mut(other).protected = true;
                }
                if self.mark_install(other, true, depth + 1, false)? {
                    found = true;
                    break;
                }
            }
            if !found && dependency.is_critical() {
                let obstacle = Obstacle::Unmet(dependency.field, dependency.text());
                self.obstacles.entry(id).or_insert(obstacle);
                failed = true;
                if !propagate && !asked_for {
                    break;
                }
            }
        }
        Ok(!failed)
    }

    /// The candidates that would meet a relation, the best first: alternative by alternative, within
    /// each by preference (apt: `getAllPossibleSolutions`).
    fn solutions(&self, id: PackageId, dependency: &Dependency<'u>) -> Vec<PackageId> {
        let mut solutions = Vec::new();
        for alternative in &dependency.alternatives {
            let mut some = self.candidates(id, dependency, alternative);
            let target: TargetId = alternative.0;
            some.sort_by(|a, b| self.world.preference(target, *a, *b));
            solutions.extend(some);
        }
        // What counts as installed goes before what would be new.
        solutions.sort_by_key(|other| !self.world.at(*other).provided);
        solutions.dedup();
        self.without_forbidden(dependency, solutions)
    }

    /// The same without an order, and each only once.
    fn all_solutions(&self, id: PackageId, dependency: &Dependency<'u>) -> Vec<PackageId> {
        let alternatives = dependency.alternatives.iter();
        let mut solutions: Vec<_> = alternatives
            .flat_map(|alternative| self.candidates(id, dependency, alternative))
            .collect();
        solutions.sort();
        solutions.dedup();
        self.without_forbidden(dependency, solutions)
    }

    fn candidates(
        &self,
        id: PackageId,
        dependency: &Dependency<'u>,
        alternative: &(TargetId, Alternative<'u>),
    ) -> Vec<PackageId> {
        let negative = dependency.is_negative();
        if !self.world.could_meet(id, negative, alternative) {
            return Vec::new();
        }
        let matching = self.world.matching(id, negative, alternative);
        matching
            .filter(|other| self.world.at(*other).candidate)
            .collect()
    }

    fn without_forbidden(
        &self,
        dependency: &Dependency<'u>,
        mut solutions: Vec<PackageId>,
    ) -> Vec<PackageId> {
        if !dependency.is_negative() {
            solutions.retain(|other| {
                let package = self.world.at(*other);
                !package.protected || package.mode == Mode::Install || package.provided
            });
        }
        solutions
    }
}

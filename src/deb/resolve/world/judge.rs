//! Whether a relation is met and a package broken, and whom apt prefers.

use std::cmp::Ordering;

use super::{Dependency, PackageId, TargetId, World};
use crate::deb::relation::Alternative;
use crate::deb::resolve::ResolveError;

impl<'u> World<'u> {
    /// The packages that meet an alternative, the package of the name itself first; a package never
    /// meets its own conflicts.
    pub(in crate::deb::resolve) fn matching<'w>(
        &'w self,
        parent: PackageId,
        negative: bool,
        (target, alternative): &'w (TargetId, Alternative<'u>),
    ) -> impl Iterator<Item = PackageId> + 'w {
        let constraint = alternative.constraint;
        let target = self.target_at(*target);
        let own = target.package.filter(move |id| {
            let package = self.at(*id);
            (package.record.is_some() || package.provided)
                && constraint.is_none_or(|constraint| constraint.allows(package.version))
        });
        let providers = target.providers.iter().filter(move |(_, version)| {
            constraint
                .is_none_or(|constraint| version.is_some_and(|version| constraint.allows(version)))
        });
        own.into_iter()
            .chain(providers.map(|(id, _)| *id))
            .filter(move |id| !(negative && *id == parent))
    }

    /// Whether some alternative is met by what is chosen. For conflicts: whether there is one.
    pub(in crate::deb::resolve) fn is_met(
        &self,
        parent: PackageId,
        dependency: &Dependency<'u>,
    ) -> bool {
        dependency.alternatives.iter().any(|alternative| {
            self.matching(parent, dependency.is_negative(), alternative)
                .any(|id| self.at(id).installed)
        })
    }

    /// Whether the relation is as it should be: met, or for conflicts not met.
    pub(in crate::deb::resolve) fn is_satisfied(
        &self,
        parent: PackageId,
        dependency: &Dependency<'u>,
    ) -> bool {
        self.is_met(parent, dependency) != dependency.is_negative()
    }

    /// Whether a candidate would meet the alternative, as apt last saw it.
    pub(in crate::deb::resolve) fn could_meet(
        &self,
        parent: PackageId,
        negative: bool,
        alternative: &(TargetId, Alternative<'u>),
    ) -> bool {
        self.matching(parent, negative, alternative)
            .any(|id| self.seen(alternative.0, id))
    }

    /// Whether a chosen package lacks something, or has a conflict.
    pub(in crate::deb::resolve) fn is_broken(
        &mut self,
        id: PackageId,
    ) -> Result<bool, ResolveError> {
        self.lacks(id, true)
    }

    /// The same, wanted recommended packages included.
    pub(in crate::deb::resolve) fn is_policy_broken(
        &mut self,
        id: PackageId,
    ) -> Result<bool, ResolveError> {
        self.lacks(id, false)
    }

    fn lacks(&mut self, id: PackageId, critical: bool) -> Result<bool, ResolveError> {
        if !self.at(id).installed {
            return Ok(false);
        }
        let relations = self.relations(id)?;
        let lacks = relations
            .iter()
            .filter(|dependency| dependency.is_critical() || !critical)
            .any(|dependency| !self.is_satisfied(id, dependency));
        Ok(lacks)
    }

    /// Which of two packages apt prefers for a target (apt: `CompareProviders`).
    pub(in crate::deb::resolve) fn preference(
        &self,
        target: TargetId,
        a: PackageId,
        b: PackageId,
    ) -> Ordering {
        let own = self.target_at(target).package;
        let (x, y) = (self.at(a), self.at(b));
        // `true` goes first.
        y.protected
            .cmp(&x.protected)
            .then_with(|| y.provided.cmp(&x.provided))
            .then_with(|| (own == Some(b)).cmp(&(own == Some(a))))
            .then_with(|| y.essential.cmp(&x.essential))
            .then_with(|| y.protected_flag.cmp(&x.protected_flag))
            .then_with(|| x.priority.cmp(&y.priority))
            .then_with(|| {
                if a == b {
                    Ordering::Equal
                } else {
                    // The one that apt met last.
                    let mut numbers = self.numbers.borrow_mut();
                    numbers.of(y.name).cmp(&numbers.of(x.name))
                }
            })
    }
}

//! What relations see of a candidate, which is not always what it is: apt forgets to tell them.

use super::{PackageId, TargetId, World};
use crate::deb::resolve::ResolveError;

impl World<'_> {
    /// Notes that the relations to a package, and to what its candidate provides, are looked at
    /// again (apt: `pkgDepCache::Update`).
    pub(in crate::deb::resolve) fn update(&mut self, id: PackageId) -> Result<(), ResolveError> {
        self.clock += 1;
        let name = self.at(id).name;
        let own = self.target(name, None)?;
        self.refresh(own);
        if self.at(id).candidate {
            for target in self.provided_targets(id)?.iter() {
                self.refresh(*target);
            }
        }
        Ok(())
    }

    fn refresh(&mut self, id: TargetId) {
        let clock = self.clock;
        if let Some(target) = self.targets.get_mut(id.0) {
            target.refreshed = clock;
        }
    }

    /// Gives up a package's candidate. Others do not see it until an [`update`](Self::update) makes
    /// them look: apt forgets to tell them, and its choices depend on it.
    pub(in crate::deb::resolve) fn lose_candidate(&mut self, id: PackageId) {
        self.clock += 1;
        let clock = self.clock;
        let package = self.at_mut(id);
        if package.candidate {
            package.candidate = false;
            package.lost_at = Some(clock);
        }
    }

    /// Whether relations to `target` still see the candidate of `id`.
    pub(super) fn seen(&self, target: TargetId, id: PackageId) -> bool {
        let package = self.at(id);
        package.candidate
            || package
                .lost_at
                .is_some_and(|lost| lost > self.target_at(target).refreshed)
    }
}

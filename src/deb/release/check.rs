//! Whether a Release is the one that was asked for, and in force.

use super::{Layout, Release, ReleaseError};
use crate::deb::Architecture;
use crate::limits;
use crate::tree::Epoch;

/// What a Release file is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The suite or code name; of no account for a flat repository.
    pub suite: &'a str,
    /// The components; a flat repository has none.
    pub components: &'a [String],
    /// The architecture; a flat repository does not say for which it has packages.
    pub architecture: &'a Architecture,
    /// The time at which it must be in force, in seconds since 1970.
    pub now: u64,
    /// The date of the Release that was used before: no older one is accepted.
    pub not_before: Option<Epoch>,
}

impl Release {
    /// Whether this is what was asked for, and in force.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, wanted: &Wanted<'_>) -> Result<(), ReleaseError> {
        match self.layout {
            Layout::Suite => self.check_contents(wanted)?,
            Layout::Flat => {}
        }
        if self.date.seconds() > wanted.now.saturating_add(limits::CLOCK_SKEW) {
            return Err(ReleaseError::FromTheFuture(self.date));
        }
        if let Some(valid_until) = self.valid_until
            && valid_until.seconds() < wanted.now
        {
            return Err(ReleaseError::Expired {
                date: self.date,
                valid_until,
            });
        }
        if let Some(before) = wanted.not_before
            && self.date < before
        {
            return Err(ReleaseError::RolledBack {
                date: self.date,
                before,
            });
        }
        Ok(())
    }

    /// Whether it is of the suite, and has the components and the architecture.
    fn check_contents(&self, wanted: &Wanted<'_>) -> Result<(), ReleaseError> {
        if ![self.suite.as_str(), &self.codename].contains(&wanted.suite) {
            return Err(ReleaseError::Suite {
                wanted: wanted.suite.to_owned(),
                suite: self.suite.clone(),
                codename: self.codename.clone(),
            });
        }
        // Debian's security archive says `updates/main` and lists its files under `main`.
        let has = |wanted: &str| {
            let mut all = self.components.iter();
            all.any(|one| one.rsplit('/').next() == Some(wanted) || one == wanted)
        };
        if let Some(missing) = wanted.components.iter().find(|one| !has(one)) {
            return Err(ReleaseError::Component {
                wanted: missing.clone(),
                present: self.components.clone(),
            });
        }
        if !self.architectures.contains(wanted.architecture) {
            return Err(ReleaseError::NoArchitecture(wanted.architecture.clone()));
        }
        Ok(())
    }
}

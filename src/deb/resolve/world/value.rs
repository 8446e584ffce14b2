//! Everything that a resolution has met.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::relation::Target;
use super::{Mode, Package, PackageId, TargetId};
use crate::deb::resolve::numbers::Numbers;
use crate::deb::resolve::pin::{Policy, versions};
use crate::deb::resolve::{Provided, Request, ResolveError};
use crate::deb::{Priority, Record, Universe};

/// Most stanzas of one package that are worth comparing; kernels have about ten.
const VERSIONS_MAX: usize = 1000;

/// Everything that a resolution has met.
pub(in crate::deb::resolve) struct World<'u> {
    pub(super) universe: &'u Universe,
    pub(super) request: &'u Request,
    pub(super) policy: Policy<'u>,
    pub(super) packages: Vec<Package<'u>>,
    pub(super) package_ids: BTreeMap<&'u str, PackageId>,
    pub(super) targets: Vec<Target<'u>>,
    pub(super) target_ids: BTreeMap<(&'u str, Option<&'u str>), TargetId>,
    pub(super) provided: BTreeMap<&'u str, &'u Provided>,
    pub(super) numbers: RefCell<Numbers<'u>>,
    pub(super) clock: u64,
}

impl<'u> World<'u> {
    pub(in crate::deb::resolve) fn new(
        universe: &'u Universe,
        request: &'u Request,
    ) -> Result<Self, ResolveError> {
        let provided = request.provided.iter();
        let provided: BTreeMap<_, _> = provided.map(|dummy| (dummy.name.as_str(), dummy)).collect();
        let mut world = Self {
            universe,
            request,
            policy: Policy::new(universe, &request.pins),
            packages: Vec::new(),
            package_ids: BTreeMap::new(),
            targets: Vec::new(),
            target_ids: BTreeMap::new(),
            provided,
            numbers: RefCell::new(Numbers::new(universe, request.architecture.as_str())),
            clock: 0,
        };
        for dummy in &request.provided {
            let id = world.package(dummy.name.as_str())?;
            if !world.at(id).records.is_empty() {
                return Err(ResolveError::ProvidedIsPackage(dummy.name.to_string()));
            }
        }
        Ok(world)
    }

    pub(in crate::deb::resolve) fn request(&self) -> &'u Request {
        self.request
    }

    pub(in crate::deb::resolve) fn universe(&self) -> &'u Universe {
        self.universe
    }

    /// All packages met so far, in the order of meeting them.
    pub(in crate::deb::resolve) fn package_ids(&self) -> impl Iterator<Item = PackageId> + use<> {
        (0..self.packages.len()).map(PackageId)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "ids are made by this world only, and packages never go"
    )]
    pub(in crate::deb::resolve) fn at(&self, id: PackageId) -> &Package<'u> {
        &self.packages[id.0]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "ids are made by this world only, and packages never go"
    )]
    pub(in crate::deb::resolve) fn at_mut(&mut self, id: PackageId) -> &mut Package<'u> {
        &mut self.packages[id.0]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "ids are made by this world only, and targets never go"
    )]
    pub(in crate::deb::resolve) fn target_at(&self, id: TargetId) -> &Target<'u> {
        &self.targets[id.0]
    }

    /// Name and version, for people.
    pub(in crate::deb::resolve) fn label(&self, id: PackageId) -> String {
        let package = self.at(id);
        format!("{} {}", package.name, package.version)
    }

    /// The package of that name; without a version if no index has it.
    pub(in crate::deb::resolve) fn package(
        &mut self,
        name: &'u str,
    ) -> Result<PackageId, ResolveError> {
        if let Some(id) = self.package_ids.get(name) {
            return Ok(*id);
        }
        let architecture = self.request.architecture.as_str();
        let records = self.universe.packages(name);
        let records = records.filter(|record| fits(*record, architecture));
        let records: Vec<_> = records.take(VERSIONS_MAX + 1).collect();
        if records.len() > VERSIONS_MAX {
            return Err(ResolveError::TooComplex);
        }
        let candidate = self.policy.candidate(&records)?;
        let dummy = self.provided.get(name).copied();
        let version = match (dummy, candidate) {
            (Some(dummy), _) => dummy.version.as_str(),
            (None, Some(record)) => record.version(),
            (None, None) => "",
        };
        let id = PackageId(self.packages.len());
        self.packages.push(Package {
            name,
            version,
            record: candidate,
            provided: dummy.is_some(),
            essential: records.iter().any(|record| record.essential()),
            protected_flag: records.iter().any(|record| record.protected()),
            priority: candidate.map_or(Priority::Unset, Record::priority),
            records,
            candidate: dummy.is_some() || candidate.is_some(),
            lost_at: None,
            installed: dummy.is_some(),
            mode: Mode::Keep,
            protected: false,
            auto: false,
            relations: None,
            provides: None,
        });
        self.package_ids.insert(name, id);
        Ok(id)
    }

    /// Makes another version of a package its candidate, as a request for `name=version` does.
    pub(in crate::deb::resolve) fn choose_version(
        &mut self,
        id: PackageId,
        version: &str,
    ) -> Result<(), ResolveError> {
        let package = self.at(id);
        let wanted =
            |record: &Record<'_>| crate::deb::version::compare(record.version(), version).is_eq();
        let groups = versions(&package.records);
        let matching: Vec<_> = groups
            .iter()
            .filter_map(|group| group.first().copied())
            .filter(wanted)
            .collect();
        match matching.as_slice() {
            [record] => {
                let record = *record;
                let package = self.at_mut(id);
                package.version = record.version();
                package.record = Some(record);
                package.priority = record.priority();
                package.candidate = true;
                package.relations = None;
                package.provides = None;
                Ok(())
            }
            [] => Err(ResolveError::NoVersion {
                name: package.name.to_owned(),
                version: version.to_owned(),
                available: describe(&package.records),
            }),
            [first, rest @ ..] => Err(ResolveError::ambiguous(*first, rest)),
        }
    }
}

/// Whether a stanza is for this architecture.
pub(in crate::deb::resolve) fn fits(record: Record<'_>, architecture: &str) -> bool {
    record.architecture() == architecture || record.architecture() == crate::deb::Architecture::ALL
}

/// Versions and their sources, for people.
pub(in crate::deb::resolve) fn describe(records: &[Record<'_>]) -> Vec<String> {
    let describe = |group: &Vec<Record<'_>>| {
        let sources: Vec<_> = group
            .iter()
            .map(|record| record.source().name.as_str())
            .collect();
        let version = group.first().map_or("", |record| record.version());
        format!("{version} ({})", sources.join(", "))
    };
    versions(records).iter().map(describe).collect()
}

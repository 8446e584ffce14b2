//! The packages that a resolution reaches, read from the universe when they are first met, and their
//! state.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::numbers::Numbers;
use super::pin::{Policy, versions};
use super::{Provided, Request, ResolveError};
use crate::deb::relation::{Alternative, Relation};
use crate::deb::{MultiArch, Priority, Record, RelationField, Universe};

/// Most stanzas of one package that are worth comparing; kernels have about ten.
const VERSIONS_MAX: usize = 1000;

/// The number of a package in a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackageId(usize);

/// The number of a [`Target`] in a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TargetId(usize);

/// What apt calls the mode of a package; nothing is ever removed, so there are only two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Keep,
    Install,
}

/// A package and its state. Only one version of it matters: its candidate, or the one that counts as
/// installed.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags are apt's, and as independent of each other as there"
)]
pub(super) struct Package<'u> {
    pub name: &'u str,
    /// The version that matters, if there is one.
    pub version: &'u str,
    /// Its stanza; none for what counts as installed.
    pub record: Option<Record<'u>>,
    /// Whether it counts as installed without being a package.
    pub provided: bool,
    pub essential: bool,
    pub protected_flag: bool,
    pub priority: Priority,
    /// The stanzas of that name, for explanations.
    pub records: Vec<Record<'u>>,

    /// Whether the version can still be chosen (apt: `CandidateVer`).
    pub candidate: bool,
    /// When it ceased to be; see [`World::seen`].
    pub lost_at: Option<u64>,
    /// Whether it is chosen (apt: `InstallVer`).
    pub installed: bool,
    pub mode: Mode,
    /// Whether only a request may change the mode.
    pub protected: bool,
    /// Whether it was chosen because of others.
    pub auto: bool,

    relations: Option<Rc<[Dependency<'u>]>>,
    provides: Option<Rc<[TargetId]>>,
}

/// A name in a relation, and what satisfies it.
#[derive(Debug)]
pub(super) struct Target<'u> {
    /// The package of that name; none for `name:any`.
    pub package: Option<PackageId>,
    /// Who provides it, in which version.
    pub providers: Vec<(PackageId, Option<&'u str>)>,
    /// When apt last looked at the relations to this target; see [`World::seen`].
    refreshed: u64,
}

/// One relation of a package.
#[derive(Clone, Debug)]
pub(super) struct Dependency<'u> {
    pub field: RelationField,
    pub alternatives: Vec<(TargetId, Alternative<'u>)>,
}

impl Dependency<'_> {
    pub(super) fn is_negative(&self) -> bool {
        matches!(self.field, RelationField::Conflicts | RelationField::Breaks)
    }

    /// Whether the package is broken without it.
    pub(super) fn is_critical(&self) -> bool {
        self.is_negative()
            || matches!(
                self.field,
                RelationField::PreDepends | RelationField::Depends
            )
    }

    /// The relation as it is written.
    pub(super) fn text(&self) -> String {
        let alternatives = self
            .alternatives
            .iter()
            .map(|(_, alternative)| *alternative);
        let alternatives = alternatives.collect();
        Relation { alternatives }.to_string()
    }

    /// The relation as a verb, for explanations.
    pub(super) fn verb(&self) -> &'static str {
        verb(self.field)
    }
}

pub(super) const fn verb(field: RelationField) -> &'static str {
    match field {
        RelationField::PreDepends => "pre-depends on",
        RelationField::Depends => "depends on",
        RelationField::Conflicts => "conflicts with",
        RelationField::Breaks => "breaks",
        RelationField::Recommends => "recommends",
        RelationField::Suggests => "suggests",
        RelationField::Replaces => "replaces",
        RelationField::Enhances => "enhances",
        RelationField::Provides => "provides",
    }
}

/// Everything that a resolution has met.
pub(super) struct World<'u> {
    universe: &'u Universe,
    request: &'u Request,
    policy: Policy<'u>,
    packages: Vec<Package<'u>>,
    package_ids: BTreeMap<&'u str, PackageId>,
    targets: Vec<Target<'u>>,
    target_ids: BTreeMap<(&'u str, Option<&'u str>), TargetId>,
    provided: BTreeMap<&'u str, &'u Provided>,
    numbers: RefCell<Numbers<'u>>,
    clock: u64,
}

impl<'u> World<'u> {
    pub(super) fn new(universe: &'u Universe, request: &'u Request) -> Result<Self, ResolveError> {
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

    pub(super) fn request(&self) -> &'u Request {
        self.request
    }

    pub(super) fn universe(&self) -> &'u Universe {
        self.universe
    }

    /// All packages met so far, in the order of meeting them.
    pub(super) fn package_ids(&self) -> impl Iterator<Item = PackageId> + use<> {
        (0..self.packages.len()).map(PackageId)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "ids are made by this world only, and packages never go"
    )]
    pub(super) fn at(&self, id: PackageId) -> &Package<'u> {
        &self.packages[id.0]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "ids are made by this world only, and packages never go"
    )]
    pub(super) fn at_mut(&mut self, id: PackageId) -> &mut Package<'u> {
        &mut self.packages[id.0]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "ids are made by this world only, and targets never go"
    )]
    pub(super) fn target_at(&self, id: TargetId) -> &Target<'u> {
        &self.targets[id.0]
    }

    /// Name and version, for people.
    pub(super) fn label(&self, id: PackageId) -> String {
        let package = self.at(id);
        format!("{} {}", package.name, package.version)
    }

    /// The package of that name; without a version if no index has it.
    pub(super) fn package(&mut self, name: &'u str) -> Result<PackageId, ResolveError> {
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
    pub(super) fn choose_version(
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

    /// The relations of the version that matters, in the order in which apt reads the fields;
    /// `Recommends` only if they are wanted.
    pub(super) fn relations(
        &mut self,
        id: PackageId,
    ) -> Result<Rc<[Dependency<'u>]>, ResolveError> {
        if let Some(relations) = &self.at(id).relations {
            return Ok(Rc::clone(relations));
        }
        let mut relations = Vec::new();
        let mut fields = vec![
            RelationField::PreDepends,
            RelationField::Depends,
            RelationField::Conflicts,
            RelationField::Breaks,
        ];
        if self.request.recommends {
            fields.push(RelationField::Recommends);
        }
        for field in fields {
            relations.extend(self.read(id, field)?);
        }
        let relations: Rc<[_]> = relations.into();
        self.at_mut(id).relations = Some(Rc::clone(&relations));
        Ok(relations)
    }

    /// The relations of one field.
    pub(super) fn read(
        &mut self,
        id: PackageId,
        field: RelationField,
    ) -> Result<Vec<Dependency<'u>>, ResolveError> {
        let Some(record) = self.at(id).record else {
            return Ok(Vec::new());
        };
        let relations = record
            .relations(field)
            .map_err(|error| ResolveError::Relation {
                package: self.label(id),
                field: field.as_str(),
                error,
            })?;
        relations
            .into_iter()
            .map(|relation| {
                let alternatives = relation.alternatives.into_iter().map(|alternative| {
                    let target = self.target(alternative.name, alternative.qualifier)?;
                    Ok((target, alternative))
                });
                Ok(Dependency {
                    field,
                    alternatives: alternatives.collect::<Result<_, ResolveError>>()?,
                })
            })
            .collect()
    }

    /// The target of a name and its qualifier.
    pub(super) fn target(
        &mut self,
        name: &'u str,
        qualifier: Option<&'u str>,
    ) -> Result<TargetId, ResolveError> {
        if let Some(id) = self.target_ids.get(&(name, qualifier)) {
            return Ok(*id);
        }
        let architecture = self.request.architecture.as_str();
        let any = qualifier == Some("any");
        let mut target = Target {
            package: None,
            providers: Vec::new(),
            refreshed: 0,
        };
        if any || qualifier.is_none_or(|wanted| wanted == architecture) {
            let own = self.package(name)?;
            if !any {
                target.package = Some(own);
            } else if self.allowed(own) {
                target.providers.push((own, Some(self.at(own).version)));
            }
            let universe = self.universe;
            for provider in universe.providers(name) {
                let record = provider.record;
                let explicit = provider.qualifier == qualifier
                    || provider.qualifier == Some(architecture) && !any;
                let implied = provider.qualifier.is_none()
                    && (!any || record.multi_arch() == MultiArch::Allowed);
                if !fits(record, architecture) || !(explicit || implied) {
                    continue;
                }
                let owner = self.package(record.name())?;
                let is_candidate = self.at(owner).record.map(Record::id) == Some(record.id());
                if is_candidate && !self.at(owner).provided {
                    target.providers.push((owner, provider.version));
                }
            }
            let dummies: Vec<_> = self.provided.values().copied().collect();
            for dummy in dummies {
                if !any
                    && dummy
                        .provides
                        .iter()
                        .any(|provided| provided.as_str() == name)
                {
                    let owner = self.package(dummy.name.as_str())?;
                    target.providers.push((owner, None));
                }
            }
        }
        let id = TargetId(self.targets.len());
        self.targets.push(target);
        self.target_ids.insert((name, qualifier), id);
        Ok(id)
    }

    fn allowed(&self, id: PackageId) -> bool {
        let record = self.at(id).record;
        record.is_some_and(|record| record.multi_arch() == MultiArch::Allowed)
    }

    /// What changes for others when this package changes: its own name and all that it provides.
    fn provided_targets(&mut self, id: PackageId) -> Result<Rc<[TargetId]>, ResolveError> {
        if let Some(provides) = &self.at(id).provides {
            return Ok(Rc::clone(provides));
        }
        let name = self.at(id).name;
        let mut targets = Vec::new();
        let allowed = self.allowed(id);
        if allowed {
            targets.push(self.target(name, Some("any"))?);
        }
        if let Some(record) = self.at(id).record {
            let relations = record.relations(RelationField::Provides).map_err(|error| {
                ResolveError::Relation {
                    package: self.label(id),
                    field: RelationField::Provides.as_str(),
                    error,
                }
            })?;
            for alternative in relations.iter().flat_map(|relation| &relation.alternatives) {
                targets.push(self.target(alternative.name, alternative.qualifier)?);
                if allowed && alternative.qualifier.is_none() {
                    targets.push(self.target(alternative.name, Some("any"))?);
                }
            }
        }
        let targets: Rc<[_]> = targets.into();
        self.at_mut(id).provides = Some(Rc::clone(&targets));
        Ok(targets)
    }

    /// Notes that the relations to a package, and to what its candidate provides, are looked at
    /// again (apt: `pkgDepCache::Update`).
    pub(super) fn update(&mut self, id: PackageId) -> Result<(), ResolveError> {
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
    pub(super) fn lose_candidate(&mut self, id: PackageId) {
        self.clock += 1;
        let clock = self.clock;
        let package = self.at_mut(id);
        if package.candidate {
            package.candidate = false;
            package.lost_at = Some(clock);
        }
    }

    /// Whether relations to `target` still see the candidate of `id`.
    fn seen(&self, target: TargetId, id: PackageId) -> bool {
        let package = self.at(id);
        package.candidate
            || package
                .lost_at
                .is_some_and(|lost| lost > self.target_at(target).refreshed)
    }

    /// The packages that meet an alternative, the package of the name itself first; a package never
    /// meets its own conflicts.
    pub(super) fn matching<'w>(
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
    pub(super) fn is_met(&self, parent: PackageId, dependency: &Dependency<'u>) -> bool {
        dependency.alternatives.iter().any(|alternative| {
            self.matching(parent, dependency.is_negative(), alternative)
                .any(|id| self.at(id).installed)
        })
    }

    /// Whether the relation is as it should be: met, or for conflicts not met.
    pub(super) fn is_satisfied(&self, parent: PackageId, dependency: &Dependency<'u>) -> bool {
        self.is_met(parent, dependency) != dependency.is_negative()
    }

    /// Whether a candidate would meet the alternative, as apt last saw it.
    pub(super) fn could_meet(
        &self,
        parent: PackageId,
        negative: bool,
        alternative: &(TargetId, Alternative<'u>),
    ) -> bool {
        self.matching(parent, negative, alternative)
            .any(|id| self.seen(alternative.0, id))
    }

    /// Whether a chosen package lacks something, or has a conflict.
    pub(super) fn is_broken(&mut self, id: PackageId) -> Result<bool, ResolveError> {
        self.lacks(id, true)
    }

    /// The same, wanted recommended packages included.
    pub(super) fn is_policy_broken(&mut self, id: PackageId) -> Result<bool, ResolveError> {
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
    pub(super) fn preference(&self, target: TargetId, a: PackageId, b: PackageId) -> Ordering {
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

/// Whether a stanza is for this architecture.
pub(super) fn fits(record: Record<'_>, architecture: &str) -> bool {
    record.architecture() == architecture || record.architecture() == crate::deb::Architecture::ALL
}

/// Versions and their sources, for people.
pub(super) fn describe(records: &[Record<'_>]) -> Vec<String> {
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

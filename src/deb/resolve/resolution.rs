//! What was chosen, and why.

use std::collections::BTreeMap;

use super::error::Problem;
use super::mark::{Marker, Obstacle};
use super::sweep::sweep;
use super::world::{Dependency, Mode, PackageId, World, describe, fits, verb};
use super::{Request, ResolveError, Wanted};
use crate::deb::{PackageName, Priority, RecordId, RelationField, Universe};

/// The packages that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The packages, sorted by name.
    pub packages: Vec<Chosen>,
}

/// One chosen package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its name.
    pub name: PackageName,
    /// Its stanza in the universe.
    pub record: RecordId,
    /// Why it was chosen.
    pub reason: Reason,
}

/// Why a package was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for.
    Requested,
    /// It is `Essential: yes`.
    Essential,
    /// Its priority is `required`.
    Required,
    /// Another package needs it.
    Needed {
        /// The other package.
        by: PackageName,
        /// `Pre-Depends`, `Depends` or `Recommends` (in the sweep also `Suggests`).
        field: RelationField,
        /// The relation as it is written.
        relation: String,
    },
}

impl Resolution {
    /// Why the package `name` was chosen: the package itself first, what was asked for last. Empty
    /// if it was not chosen.
    pub fn why(&self, name: &str) -> Vec<&Chosen> {
        let find = |name: &str| {
            let at = self
                .packages
                .binary_search_by(|chosen| chosen.name.as_str().cmp(name));
            at.ok().and_then(|at| self.packages.get(at))
        };
        let mut chain: Vec<&Chosen> = Vec::new();
        let mut next = find(name);
        while let Some(chosen) = next {
            chain.push(chosen);
            next = match &chosen.reason {
                Reason::Needed { by, .. } if chain.len() <= self.packages.len() => {
                    find(by.as_str())
                }
                _ => None,
            };
        }
        chain
    }
}

/// Chooses the packages that `request` needs.
///
/// ```
/// use karat::deb::{Request, Source, Universe, resolve};
///
/// let stanza = |name: &str, fields: &str| {
///     format!("Package: {name}\nVersion: 1\nArchitecture: all\nFilename: {name}.deb\nSize: 1\n\
///              SHA256: {:064}\n{fields}\n", 0)
/// };
/// let mut universe = Universe::new();
/// let index = stanza("server", "Depends: library\n") + &stanza("library", "");
/// universe.add(Source::named("main"), index)?;
///
/// let mut request = Request::new("amd64".parse()?);
/// request.roots.push("server".parse()?);
/// let names: Vec<_> = resolve(&universe, &request)?
///     .packages
///     .iter()
///     .map(|chosen| chosen.name.to_string())
///     .collect();
/// assert_eq!(names, ["library", "server"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn resolve(universe: &Universe, request: &Request) -> Result<Resolution, ResolveError> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || choose(universe, request))
            .map_err(|error| ResolveError::Thread(error.to_string()))?
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The stack that marking needs where relations form a chain as deep as apt follows it: 3000 steps of
/// two calls, each of which takes up to 3 KiB without optimisation. Only what is used takes memory.
const STACK: usize = 64 << 20;

fn choose(universe: &Universe, request: &Request) -> Result<Resolution, ResolveError> {
    let mut world = World::new(universe, request)?;
    let roots = roots(&mut world)?;
    let mut marker = Marker::new(&mut world);
    for (id, _) in &roots {
        marker.world.at_mut(*id).protected = true;
        marker.mark_root(*id, false)?;
    }
    for (id, _) in &roots {
        marker.mark_root(*id, true)?;
    }
    check(&mut marker, &roots)?;
    sweep(&mut marker)?;
    check(&mut marker, &roots)?;
    let reasons = reasons(&mut world, &roots)?;
    let mut packages = Vec::new();
    for id in world.package_ids() {
        let package = world.at(id);
        if !package.installed || package.provided {
            continue;
        }
        let unclear = || ResolveError::Unclear(world.label(id));
        packages.push(Chosen {
            name: package.name.parse().map_err(|_error| unclear())?,
            record: package.record.ok_or_else(unclear)?.id(),
            reason: reasons.get(&id).cloned().ok_or_else(unclear)?,
        });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Resolution { packages })
}

/// What must be installed: the base system by name, then the request in its order.
fn roots(world: &mut World<'_>) -> Result<Vec<(PackageId, Reason)>, ResolveError> {
    let architecture = world.request().architecture.as_str();
    let mut base: BTreeMap<&str, Reason> = BTreeMap::new();
    for record in world.universe().records() {
        if !fits(record, architecture) {
            continue;
        }
        if record.essential() {
            base.insert(record.name(), Reason::Essential);
        } else if record.priority() == Priority::Required {
            base.entry(record.name()).or_insert(Reason::Required);
        }
    }
    let mut roots: Vec<(PackageId, Reason)> = Vec::new();
    for (name, reason) in base {
        let id = world.package(name)?;
        if world.at(id).record.is_none() {
            return Err(no_candidate(world, id));
        }
        roots.push((id, reason));
    }
    let mut versions: BTreeMap<PackageId, &str> = BTreeMap::new();
    for wanted in &world.request().roots {
        let id = find_root(world, wanted)?;
        if let Some(version) = &wanted.version {
            let version = version.as_str();
            if let Some(other) = versions.insert(id, version)
                && other != version
            {
                return Err(ResolveError::TwoVersions {
                    name: wanted.name.to_string(),
                    first: other.to_owned(),
                    second: version.to_owned(),
                });
            }
            world.choose_version(id, version)?;
        }
        match roots.iter_mut().find(|(root, _)| *root == id) {
            Some((_, reason)) => *reason = Reason::Requested,
            None => roots.push((id, Reason::Requested)),
        }
    }
    Ok(roots)
}

fn find_root<'u>(world: &mut World<'u>, wanted: &'u Wanted) -> Result<PackageId, ResolveError> {
    let name = wanted.name.as_str();
    let id = world.package(name)?;
    let package = world.at(id);
    if package.record.is_some()
        || package.provided
        || wanted.version.is_some() && !package.records.is_empty()
    {
        return Ok(id);
    }
    if !package.records.is_empty() {
        return Err(no_candidate(world, id));
    }
    let target = world.target(name, None)?;
    let mut providers: Vec<_> = world
        .target_at(target)
        .providers
        .iter()
        .map(|(owner, _)| *owner)
        .collect();
    providers.sort();
    providers.dedup();
    match providers.as_slice() {
        [] => Err(ResolveError::Unknown(name.to_owned())),
        [only] if wanted.version.is_none() => Ok(*only),
        several => Err(ResolveError::Virtual {
            name: name.to_owned(),
            providers: {
                let mut names: Vec<_> = several
                    .iter()
                    .map(|owner| world.at(*owner).name.to_owned())
                    .collect();
                names.sort();
                names
            },
        }),
    }
}

fn no_candidate(world: &World<'_>, id: PackageId) -> ResolveError {
    let package = world.at(id);
    ResolveError::NoCandidate {
        name: package.name.to_owned(),
        versions: describe(&package.records),
    }
}

/// Refuses a choice in which a relation is not met, or that is neither here nor there.
fn check(marker: &mut Marker<'_, '_>, roots: &[(PackageId, Reason)]) -> Result<(), ResolveError> {
    let mut problems = Vec::new();
    let mut reasons = None;
    for id in marker.world.package_ids() {
        let package = marker.world.at(id);
        if (package.mode == Mode::Install) != (package.installed && !package.provided) {
            return Err(ResolveError::Unclear(marker.world.label(id)));
        }
        if !package.installed {
            continue;
        }
        for dependency in marker.world.relations(id)?.iter() {
            if !dependency.is_critical() || marker.world.is_satisfied(id, dependency) {
                continue;
            }
            let reasons = match &mut reasons {
                Some(reasons) => reasons,
                none => none.insert(self::reasons(marker.world, roots)?),
            };
            problems.push(Problem {
                package: marker.world.label(id),
                verb: dependency.verb(),
                relation: dependency.text(),
                wanted: chain(marker.world, reasons, id),
                findings: findings(marker, reasons, id, dependency),
            });
        }
    }
    for (id, _) in roots {
        if !marker.world.at(*id).installed {
            return Err(ResolveError::Unclear(marker.world.label(*id)));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(ResolveError::Unsolvable(problems))
    }
}

/// For each alternative what there is, and why it will not do.
fn findings<'u>(
    marker: &Marker<'_, 'u>,
    reasons: &BTreeMap<PackageId, Reason>,
    id: PackageId,
    dependency: &Dependency<'u>,
) -> Vec<String> {
    let world = &*marker.world;
    let mut findings = Vec::new();
    for alternative in &dependency.alternatives {
        let text = alternative.1;
        let matching: Vec<_> = world
            .matching(id, dependency.is_negative(), alternative)
            .collect();
        if dependency.is_negative() {
            for other in matching.iter().filter(|other| world.at(**other).installed) {
                findings.push(format!("{} is chosen too", world.label(*other)));
                findings.extend(indented(chain(world, reasons, *other)));
            }
            continue;
        }
        for other in &matching {
            let label = world.label(*other);
            match marker.obstacles.get(other) {
                Some(Obstacle::Unmet(field, relation)) => {
                    let verb = verb(*field);
                    findings.push(format!("{label} cannot be chosen: it {verb} {relation}"));
                }
                Some(Obstacle::Conflict(field, relation, rival)) => {
                    let (rival_label, verb) = (world.label(*rival), verb(*field));
                    findings.push(format!(
                        "{label} cannot be chosen beside {rival_label}: {verb} {relation}"
                    ));
                    findings.extend(indented(chain(world, reasons, *rival)));
                }
                None => findings.push(format!("{label} cannot be chosen")),
            }
        }
        if matching.is_empty() {
            let own = world
                .target_at(alternative.0)
                .package
                .map(|own| world.at(own));
            findings.push(match own.filter(|own| !own.records.is_empty()) {
                Some(own) => format!(
                    "{text}: there is only {}",
                    describe(&own.records).join(", ")
                ),
                None => format!("{text}: there is no such package, and nothing provides it"),
            });
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    findings.retain(|finding| seen.insert(finding.clone()));
    findings
}

fn indented(steps: Vec<String>) -> impl Iterator<Item = String> {
    steps.into_iter().map(|step| format!("  {step}"))
}

/// Why a chosen package is wanted, step by step.
fn chain(world: &World<'_>, reasons: &BTreeMap<PackageId, Reason>, id: PackageId) -> Vec<String> {
    let names: BTreeMap<&str, PackageId> = world
        .package_ids()
        .map(|id| (world.at(id).name, id))
        .collect();
    let mut steps = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next.filter(|_| steps.len() < 50) {
        let label = world.label(id);
        next = None;
        steps.push(match reasons.get(&id) {
            Some(Reason::Requested) => format!("{label} was asked for"),
            Some(Reason::Essential) => format!("{label} is essential"),
            Some(Reason::Required) => format!("{label} has the priority required"),
            Some(Reason::Needed {
                by,
                field,
                relation,
            }) => {
                next = names.get(by.as_str()).copied();
                format!("{label}, because {by} {} {relation}", verb(*field))
            }
            None => format!("{label} was tried"),
        });
    }
    steps
}

/// For every chosen package the shortest way to it from what was asked for.
fn reasons(
    world: &mut World<'_>,
    roots: &[(PackageId, Reason)],
) -> Result<BTreeMap<PackageId, Reason>, ResolveError> {
    let mut reasons: BTreeMap<_, _> = roots.iter().cloned().collect();
    let mut level: Vec<_> = roots.iter().map(|(id, _)| *id).collect();
    while !level.is_empty() {
        let mut next = Vec::new();
        for id in level {
            let by = world.at(id).name;
            for field in RelationField::WANTED {
                for dependency in world.read(id, field)? {
                    for alternative in &dependency.alternatives {
                        for other in world.matching(id, false, alternative) {
                            if !world.at(other).installed || reasons.contains_key(&other) {
                                continue;
                            }
                            let Ok(by) = by.parse() else { continue };
                            let relation = dependency.text();
                            reasons.insert(
                                other,
                                Reason::Needed {
                                    by,
                                    field,
                                    relation,
                                },
                            );
                            next.push(other);
                        }
                    }
                }
            }
        }
        level = next;
    }
    Ok(reasons)
}

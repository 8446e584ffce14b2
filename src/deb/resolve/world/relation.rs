//! What a package asks for, and who meets it.

use std::rc::Rc;

use super::value::fits;
use super::{PackageId, World};
use crate::deb::relation::{Alternative, Relation};
use crate::deb::resolve::ResolveError;
use crate::deb::{MultiArch, Record, RelationField};

/// The number of a [`Target`] in a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::deb::resolve) struct TargetId(pub(super) usize);

/// A name in a relation, and what satisfies it.
#[derive(Debug)]
pub(in crate::deb::resolve) struct Target<'u> {
    /// The package of that name; none for `name:any`.
    pub(in crate::deb::resolve) package: Option<PackageId>,
    /// Who provides it, in which version.
    pub(in crate::deb::resolve) providers: Vec<(PackageId, Option<&'u str>)>,
    /// When apt last looked at the relations to this target; see [`World::seen`].
    pub(super) refreshed: u64,
}

/// One relation of a package.
#[derive(Clone, Debug)]
pub(in crate::deb::resolve) struct Dependency<'u> {
    pub(in crate::deb::resolve) field: RelationField,
    pub(in crate::deb::resolve) alternatives: Vec<(TargetId, Alternative<'u>)>,
}

impl Dependency<'_> {
    pub(in crate::deb::resolve) fn is_negative(&self) -> bool {
        matches!(self.field, RelationField::Conflicts | RelationField::Breaks)
    }

    /// Whether the package is broken without it.
    pub(in crate::deb::resolve) fn is_critical(&self) -> bool {
        self.is_negative()
            || matches!(
                self.field,
                RelationField::PreDepends | RelationField::Depends
            )
    }

    /// The relation as it is written.
    pub(in crate::deb::resolve) fn text(&self) -> String {
        let alternatives = self
            .alternatives
            .iter()
            .map(|(_, alternative)| *alternative);
        let alternatives = alternatives.collect();
        Relation { alternatives }.to_string()
    }

    /// The relation as a verb, for explanations.
    pub(in crate::deb::resolve) fn verb(&self) -> &'static str {
        verb(self.field)
    }
}

pub(in crate::deb::resolve) const fn verb(field: RelationField) -> &'static str {
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

impl<'u> World<'u> {
    /// The relations of the version that matters, in the order in which apt reads the fields;
    /// `Recommends` only if they are wanted.
    pub(in crate::deb::resolve) fn relations(
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
    pub(in crate::deb::resolve) fn read(
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
    pub(in crate::deb::resolve) fn target(
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

    pub(super) fn allowed(&self, id: PackageId) -> bool {
        let record = self.at(id).record;
        record.is_some_and(|record| record.multi_arch() == MultiArch::Allowed)
    }

    /// What changes for others when this package changes: its own name and all that it provides.
    pub(super) fn provided_targets(
        &mut self,
        id: PackageId,
    ) -> Result<Rc<[TargetId]>, ResolveError> {
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
}

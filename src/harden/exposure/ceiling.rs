//! How exposed a service may be, and who says so.

use super::advice::{advice, shown};
use super::assess::Rating;
use super::manager::Manager;
use super::service::Service;
use crate::harden::systemd::{Unit, UnitName};
use crate::harden::{Root, Selection};
use crate::segment::Exposure;

/// How exposed a service may be at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// The most.
    pub most: Exposure,
    /// Who says so: a rule's id, or `[segment] exposure`.
    pub from: String,
    /// Why it is no lower, where that is said.
    pub reason: Option<String>,
}

/// What is wrong with a unit that is more exposed than `most`: its figure, the ceiling, and what would
/// help most; `None` where it keeps to it.
pub(in crate::harden) fn over(
    unit: &Unit,
    name: &UnitName,
    manager: Manager,
    most: Exposure,
) -> Option<String> {
    let exposure = Rating::of(&Service::new(unit, name, manager)).exposure();
    if exposure <= most {
        return None;
    }
    let helps = shown(&advice(unit, name, manager));
    let name = name.as_str();
    Some(format!(
        "{name} is exposed {exposure}, and may be at most {most}; what would help most: {helps}"
    ))
}

/// The ceiling of a unit: what the template states, or else the lowest of the rules that apply.
pub(super) fn of(
    root: &Root<'_>,
    selection: Option<&Selection>,
    name: &UnitName,
    starts: bool,
) -> Option<Ceiling> {
    let mut stated = root.ceilings().iter();
    if let Some((_, most)) = stated.find(|(unit, _)| unit.as_str() == name.as_str()) {
        return Some(Ceiling {
            most: *most,
            from: "[segment] exposure".to_owned(),
            reason: None,
        });
    }
    let selection = selection?;
    let rules = selection.rules().filter(|rule| {
        !selection.except.contains_key(&rule.id) && rule.applies.unmet(root) == Ok(None)
    });
    let ceilings = rules.flat_map(|rule| {
        let settings = rule.settings.iter();
        settings.filter_map(|setting| {
            let (most, reason) = setting.ceiling(name.as_str(), starts)?;
            Some(Ceiling {
                most,
                from: rule.id.to_string(),
                reason,
            })
        })
    });
    ceilings.min_by(|a, b| a.most.cmp(&b.most))
}

//! `kind = "sandbox"`: what a service may do, by systemd.exec(5) and systemd.resource-control(5).
//!
//! ```toml
//! unit = "nginx.service"          # or a template, "postgresql@.service"
//! preset = "service"              # the directives of `preset` below
//! without = ["PrivateTmp"]        # but for these
//! directives = ["CapabilityBoundingSet=CAP_SETUID CAP_SETGID", "UMask=0077"]
//! exposure = 3.0                  # at most so exposed is it then, as systemd measures it
//! ```
//!
//! Writes `/etc/systemd/system/UNIT.d/50-karat-ID.conf`. What the unit says itself is never weakened:
//! of two words the stronger one counts, of two sets of what is allowed the intersection, and what is
//! denied adds up. A unit that the image does not have makes the setting "not applicable".

mod preset;
mod strength;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use self::strength::{holds, merged};
use super::{Answer, Setting, ceiling};
use crate::harden::exposure::{Manager, over};
use crate::harden::root::fixed;
use crate::harden::systemd::{Found, UnitName, find};
use crate::harden::{Edit, EditError, Owned, Root, RuleId, ViewError};
use crate::path::{Escaped, ImagePath};
use crate::segment::Exposure;
use crate::tree::Mode;
use crate::written::Choice;
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sandbox {
    unit: UnitName,
    /// The values of each directive, in order.
    directives: BTreeMap<String, Vec<String>>,
    /// How exposed it may be at most, all its files counted.
    most: Option<Exposure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preset {
    Service,
}

impl Choice for Preset {
    const WORDS: &'static [(&'static str, Self)] = &[("service", Self::Service)];
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    if !table.has("unit") {
        table.missing("unit", None);
    }
    let unit = table.parsed("unit", UnitName::RULE, UnitName::new);
    let mut directives: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if table.choice::<Preset>("preset").is_some() {
        for (key, value) in preset::SERVICE {
            directives.insert((*key).to_owned(), vec![(*value).to_owned()]);
        }
    }
    for text in table.strings("without") {
        if directives.remove(&text.value).is_none() {
            let message = format!("{:?} is no directive of the preset", text.value);
            table.sink().report(Code::T010, &text.span, message, None);
        }
    }
    let mut stated: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in table.strings("directives") {
        if let Some((key, value)) = directive(&text.value) {
            stated.entry(key).or_default().push(value);
        } else {
            let message = format!("{:?} is no line Directive=value", text.value);
            table.sink().report(Code::T006, &text.span, message, None);
        }
    }
    // What is stated stands in the place of the preset's own.
    directives.extend(stated);
    if directives.is_empty() {
        let message = "a sandbox setting states preset or directives".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
        return None;
    }
    let most = ceiling(table, "exposure");
    let unit = unit?.value;
    Some(Arc::new(Sandbox {
        unit,
        directives,
        most,
    }))
}

/// A line of a unit: the directive, and its value without blanks around it.
fn directive(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=')?;
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    let is_value = value.len() <= 1024 && value.bytes().all(plain) && !value.ends_with('\\');
    (is_key && is_value).then(|| (key.to_owned(), value.trim().to_owned()))
}

impl Sandbox {
    /// The drop-in of a rule.
    fn drop_in(&self, rule: &RuleId) -> Result<ImagePath, EditError> {
        let (unit, stem) = (self.unit.as_str(), rule.file_stem());
        ImagePath::parse(format!("/etc/systemd/system/{unit}.d/50-karat-{stem}.conf"))
            .map_err(|error| EditError::Rule(error.to_string()))
    }
}

impl Setting for Sandbox {
    fn kind(&self) -> &'static str {
        "sandbox"
    }

    fn about(&self) -> Vec<String> {
        let unit = self.unit.as_str();
        let keys = self.directives.keys();
        keys.map(|key| format!("sandbox {unit} {key}")).collect()
    }

    fn describe(&self) -> Vec<String> {
        let unit = self.unit.as_str();
        let lines = self.directives.iter().flat_map(|(key, values)| {
            let values = values.iter();
            values.map(move |value| format!("{unit} has at least {key}={value}"))
        });
        let most = self.most.iter();
        let most = most.map(|most| format!("{unit} is exposed at most {most}"));
        lines.chain(most).collect()
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = self.drop_in(edit.rule())?;
        // What the unit has without this drop-in: the same again when the rule is applied twice.
        let found = edit.look(|root| find(root, &self.unit, Some(&path)))?;
        let Found::Unit(_, unit) = found else {
            return Ok(());
        };
        let mut text = format!(
            "# Written by karat for the rule {}.\n[Service]\n",
            edit.rule()
        );
        let mut is_needed = false;
        for (key, values) in &self.directives {
            for value in merged(key, &unit.assignments("Service", key), values) {
                is_needed = true;
                // Writing to a String cannot fail.
                let _infallible = writeln!(text, "{key}={value}");
            }
        }
        if is_needed {
            edit.put(&path, text.into_bytes(), Owned::root(Mode::FILE))?;
        }
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let name = self.unit.as_str();
        let unit = match find(root, &self.unit, None)? {
            Found::Unit(_, unit) => unit,
            Found::Masked(path) => {
                answer.not_applicable(format!("{}: {name} is masked", path.display()));
                return Ok(());
            }
            Found::Missing => {
                answer.not_applicable(format!("the image has no unit {name}"));
                return Ok(());
            }
        };
        for (key, values) in &self.directives {
            let stands = unit.assignments("Service", key);
            if !holds(key, &stands, values) {
                let stands = stands.join("; ");
                answer.fail(format!(
                    "{}: {name} has {key}={}; wanted at least: {}",
                    fixed("/etc/systemd/system").display(),
                    Escaped(stands.as_bytes()),
                    values.join("; ")
                ));
            }
        }
        if let Some(most) = self.most
            && let Some(fault) = over(&unit, &self.unit, Manager::of(root)?, most)
        {
            answer.fail(fault);
        }
        Ok(())
    }

    fn ceiling(&self, unit: &str, _starts: bool) -> Option<(Exposure, Option<String>)> {
        let most = self.most?;
        self.unit.covers(unit).then_some((most, None))
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let unit = self.unit.as_str();
        let path = fixed(&format!("/etc/systemd/system/{unit}.d/99-by-hand.conf"));
        let weak = self
            .directives
            .keys()
            .find_map(|key| strength::weakest(key));
        let (key, value) = weak.unwrap();
        let text = format!("[Service]\n{key}=\n{key}={value}\n");
        edit.put(&path, text.into_bytes(), Owned::root(Mode::FILE))
    }
}

//! `kind = "unit"`: whether a systemd unit starts with the system.
//!
//! ```toml
//! name = "debug-shell.service"
//! state = "masked"                # enabled | disabled | masked | absent
//! ```
//!
//! | state | means |
//! |---|---|
//! | `enabled` | a link starts it, as its `[Install]` section says (systemctl(1) enable) |
//! | `disabled` | no link starts it, or there is no such unit |
//! | `masked` | a link to `/dev/null` stands in its place in `/etc/systemd/system` |
//! | `absent` | there is no such unit, or it is masked |
//!
//! What `[services]` of the template states wins, and the conflict is reported.

use std::sync::Arc;

use super::{Answer, Setting};
use crate::harden::root::fixed;
use crate::harden::systemd::{Found, Unit, UnitName, find, starters};
use crate::harden::{Edit, EditError, Root, ViewError};
use crate::path::ImagePath;
use crate::tree::Origin;
use crate::written::Choice;
use crate::written::reader::Reader;

/// Where administrators' units stand.
const SYSTEM: &str = "/etc/systemd/system";

/// The state of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UnitState {
    name: UnitName,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Enabled,
    Disabled,
    Masked,
    Absent,
}

impl Choice for State {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("enabled", Self::Enabled),
        ("disabled", Self::Disabled),
        ("masked", Self::Masked),
        ("absent", Self::Absent),
    ];
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    for key in ["name", "state"] {
        if !table.has(key) {
            table.missing(key, None);
        }
    }
    let name = table.parsed("name", UnitName::RULE, UnitName::new);
    let state = table.choice::<State>("state");
    Some(Arc::new(UnitState {
        name: name?.value,
        state: state?.value,
    }))
}

impl UnitState {
    fn own(&self) -> ImagePath {
        let directory = fixed(SYSTEM);
        directory.join(self.name.as_str()).unwrap_or(directory)
    }

    /// Says so where the template's own statement stands at `path`.
    fn is_the_templates(edit: &mut Edit<'_>, path: &ImagePath) -> Result<bool, EditError> {
        let node = edit.look(|root| root.look(path))?;
        if let Some(Origin::Template(section)) = node.and_then(|node| node.origin) {
            let shown = path.display();
            edit.conflict(format!(
                "{shown}: [{section}] of the template states it, and wins"
            ));
            return Ok(true);
        }
        Ok(false)
    }
}

/// The links that `[Install]` of a unit asks for.
fn wanted_links(name: &UnitName, unit: &Unit) -> Vec<ImagePath> {
    let mut links = Vec::new();
    for (key, suffix) in [("WantedBy", "wants"), ("RequiredBy", "requires")] {
        for value in unit.values("Install", key) {
            for target in value.split_whitespace() {
                let path =
                    ImagePath::parse(format!("{SYSTEM}/{target}.{suffix}/{}", name.as_str()));
                links.extend(path);
            }
        }
    }
    links
}

impl Setting for UnitState {
    fn kind(&self) -> &'static str {
        "unit"
    }

    fn about(&self) -> Vec<String> {
        vec![format!("unit {}", self.name.as_str())]
    }

    fn describe(&self) -> Vec<String> {
        let name = self.name.as_str();
        vec![match self.state {
            State::Enabled => format!("{name} starts with the system"),
            State::Disabled => format!("{name} does not start with the system"),
            State::Masked => format!("{name} is masked"),
            State::Absent => format!("there is no {name}, or it is masked"),
        }]
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let own = self.own();
        match self.state {
            State::Masked => {
                if !Self::is_the_templates(edit, &own)? {
                    edit.link(&own, "/dev/null")?;
                }
            }
            State::Absent => {}
            State::Disabled => {
                for link in edit.look(|root| starters(root, &self.name))? {
                    if link.is_within(&fixed(SYSTEM)) && !Self::is_the_templates(edit, &link)? {
                        edit.remove(&link)?;
                    }
                }
            }
            State::Enabled => {
                if !edit.look(|root| starters(root, &self.name))?.is_empty() {
                    return Ok(());
                }
                if let Found::Unit(file, unit) = edit.look(|root| find(root, &self.name, None))? {
                    let target = file.display().to_string();
                    for link in wanted_links(&self.name, &unit) {
                        edit.link(&link, &target)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let name = self.name.as_str();
        let found = find(root, &self.name, None)?;
        match (self.state, found) {
            (State::Enabled, Found::Missing) => answer.fail(format!(
                "there is no unit {name}; add the package that has it"
            )),
            (State::Enabled, Found::Masked(path)) => {
                answer.fail(format!("{}: {name} is masked; remove it", path.display()));
            }
            (State::Enabled, Found::Unit(file, _)) => {
                if starters(root, &self.name)?.is_empty() {
                    let shown = file.display();
                    answer.fail(format!(
                        "{shown}: nothing starts {name}; add it to enable of [services]"
                    ));
                }
            }
            (State::Disabled, Found::Unit(..)) => {
                for link in starters(root, &self.name)? {
                    let shown = link.display();
                    answer.fail(format!(
                        "{shown}: starts {name}; remove it, or mask the unit where it is a package's"
                    ));
                }
            }
            (State::Masked, Found::Missing | Found::Unit(..)) => answer.fail(format!(
                "{}: is no link to /dev/null; add {name} to mask of [services]",
                self.own().display()
            )),
            (State::Absent, Found::Unit(file, _)) => answer.fail(format!(
                "{}: is there; take out the package that has it, or mask it",
                file.display()
            )),
            (State::Masked, Found::Masked(_))
            | (State::Disabled | State::Absent, Found::Missing | Found::Masked(_)) => {}
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        use crate::harden::Owned;
        use crate::tree::Mode;
        let own = self.own();
        let file = b"[Service]\nExecStart=/bin/true\n".to_vec();
        match self.state {
            State::Enabled => edit.link(&own, "/dev/null"),
            State::Masked | State::Absent => edit.put(&own, file, Owned::root(Mode::FILE)),
            State::Disabled => {
                edit.put(&own, file, Owned::root(Mode::FILE))?;
                let link = format!("{SYSTEM}/multi-user.target.wants/{}", self.name.as_str());
                edit.link(&fixed(&link), "../by-hand.service")
            }
        }
    }
}

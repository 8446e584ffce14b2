//! `kind = "exposure"`: how exposed the services that start may be, as systemd measures it.
//!
//! ```toml
//! most = 3.0                      # each service that something starts, unless it is named below
//! [[rule.setting.except]]
//! unit = "getty@*.service"        # * is any run of characters, ? any one
//! most = 5.0                      # without it: as exposed as it is
//! reason = "people log in by it"
//! ```
//!
//! Services that start are those that a link starts, and those of the sockets, timers and paths that a
//! link starts. Of exceptions that fit, the first one counts; what `[segment] exposure` of the template
//! states of a unit comes before all of them. Nothing is written: `sandbox` does that.

use std::sync::Arc;

use super::{Answer, Setting, ceiling};
use crate::harden::exposure::{Manager, over, starting};
use crate::harden::parse::line;
use crate::harden::systemd::{Found, find};
use crate::harden::{Edit, EditError, Root, ViewError};
use crate::path::name_matches;
use crate::segment::Exposure;
use crate::written::reader::Reader;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Services {
    most: Exposure,
    except: Vec<Except>,
}

/// What may be more exposed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Except {
    unit: String,
    most: Exposure,
    reason: String,
}

const PATTERN_RULE: &str =
    "a pattern of services is of A-Z a-z 0-9 : - _ . \\ @ * ? and ends in .service";

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    if !table.has("most") {
        table.missing("most", None);
    }
    let most = ceiling(table, "most");
    let tables = table.tables("except", "[[rule.setting.except]]");
    let wanted = tables.len();
    let except: Vec<Except> = tables.into_iter().filter_map(exception).collect();
    let setting = Services {
        most: most?,
        except,
    };
    if setting.except.len() != wanted {
        return None;
    }
    Some(Arc::new(setting))
}

fn exception(table: Reader<'_>) -> Option<Except> {
    for key in ["unit", "reason"] {
        if !table.has(key) {
            table.missing(key, None);
        }
    }
    let unit = table.parsed("unit", PATTERN_RULE, pattern);
    let has_most = table.has("most");
    let most = ceiling(&table, "most");
    let reason = table.parsed("reason", "it is one line without control characters", line);
    table.finish();
    Some(Except {
        unit: unit?.value,
        most: if has_most { most? } else { Exposure::MOST },
        reason: reason?.value,
    })
}

fn pattern(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@*?".contains(&byte);
    let fits = text.len() <= 255 && text.ends_with(".service") && text.bytes().all(plain);
    fits.then(|| text.to_owned())
}

impl Services {
    /// How exposed a service may be, and why it is no less.
    fn most(&self, unit: &str) -> (Exposure, Option<&str>) {
        let mut except = self.except.iter();
        let except = except.find(|except| name_matches(except.unit.as_bytes(), unit.as_bytes()));
        match except {
            Some(except) => (except.most, Some(&except.reason)),
            None => (self.most, None),
        }
    }
}

impl Setting for Services {
    fn kind(&self) -> &'static str {
        "exposure"
    }

    fn about(&self) -> Vec<String> {
        vec!["exposure".to_owned()]
    }

    fn describe(&self) -> Vec<String> {
        let most = self.most;
        let mut lines = vec![format!(
            "services that start are exposed at most {most} (systemd-analyze security)"
        )];
        lines.extend(self.except.iter().map(|except| {
            let (unit, most, reason) = (&except.unit, except.most, &except.reason);
            format!("{unit} at most {most}: {reason}")
        }));
        lines
    }

    fn apply(&self, _edit: &mut Edit<'_>) -> Result<(), EditError> {
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let manager = Manager::of(root)?;
        let services = starting(root)?;
        if services.is_empty() {
            answer.not_applicable("nothing starts a service");
        }
        for (name, link) in services {
            let mut stated = root.ceilings().iter();
            let stated = stated.find(|(unit, _)| unit.as_str() == name.as_str());
            let most = stated.map_or_else(|| self.most(name.as_str()).0, |(_, most)| *most);
            if let Found::Unit(_, unit) = find(root, &name, None)?
                && let Some(fault) = over(&unit, &name, manager, most)
            {
                answer.fail(format!("{}: {fault}", link.display()));
            }
        }
        Ok(())
    }

    fn ceiling(&self, unit: &str, starts: bool) -> Option<(Exposure, Option<String>)> {
        let (most, reason) = self.most(unit);
        starts.then(|| (most, reason.map(str::to_owned)))
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        use crate::harden::Owned;
        use crate::harden::root::fixed;
        use crate::tree::Mode;
        let directory = "/etc/systemd/system";
        let file = b"[Service]\nExecStart=/bin/true\n".to_vec();
        let unit = fixed(&format!("{directory}/by-hand.service"));
        edit.put(&unit, file, Owned::root(Mode::FILE))?;
        let link = fixed(&format!(
            "{directory}/multi-user.target.wants/by-hand.service"
        ));
        edit.link(&link, "../by-hand.service")
    }
}

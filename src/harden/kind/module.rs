//! `kind = "module"`: kernel modules that are not loaded (modprobe.d(5)).
//!
//! ```toml
//! deny = ["cramfs", "usb-storage"]
//! ```
//!
//! Each rule has a file of its own, `/etc/modprobe.d/karat-ID.conf`, with `install X /bin/false`, so
//! that nothing loads the module, and `blacklist X`, so that no alias of a device does. Modules that
//! [`NEEDED_BY_DISK`] names are left alone: a machine with a disk of karat's runs with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::{Answer, Setting};
use crate::expect::Facts;
use crate::expect::fact::{ModuleName, Modules};
use crate::harden::root::fixed;
use crate::harden::{Edit, EditError, Owned, Root, RuleId, ViewError};
use crate::path::{Escaped, ImagePath};
use crate::tree::{Mode, Origin};
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// Where modprobe(8) looks; of files of one name the first counts.
const DIRECTORIES: [&str; 4] = [
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
];

/// Where systemd-modules-load(8) looks.
const LOADED: [&str; 3] = [
    "/etc/modules-load.d",
    "/usr/local/lib/modules-load.d",
    "/usr/lib/modules-load.d",
];

/// Which modules a disk of karat's needs: a file of modules-load.d(5) that a build of one puts there.
pub const NEEDED_BY_DISK: &str = "/usr/lib/modules-load.d/karat-places.conf";

/// The only one that a disk needs and a rule may deny.
const OF_DISKS: &str = "overlay";

/// Programs that do nothing.
const NOTHING: [&str; 6] = [
    "/bin/false",
    "/bin/true",
    "/usr/bin/false",
    "/usr/bin/true",
    "/sbin/nologin",
    "/usr/sbin/nologin",
];

/// Modules, as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Deny(Vec<String>);

/// What the files say of a module.
#[derive(Clone, Debug, Default)]
struct Said {
    /// Whether it is on the list of those that no alias loads.
    blacklisted: bool,
    /// The commands that load it, and where they stand.
    install: Vec<(ImagePath, String)>,
    /// Files that have it loaded at boot.
    loaded: Vec<(ImagePath, Option<Origin>)>,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    if !table.has("deny") {
        table.missing("deny", None);
    }
    let mut names = Vec::new();
    for at in table.strings("deny") {
        if kernel_name(&at.value).parse::<ModuleName>().is_ok() {
            names.push(at.value);
        } else {
            let message = format!("{:?} is not allowed: {}", at.value, ModuleName::RULE);
            table.sink().report(Code::T006, &at.span, message, None);
        }
    }
    names.sort();
    names.dedup();
    if names.is_empty() {
        return None;
    }
    Some(Arc::new(Deny(names)))
}

impl Setting for Deny {
    fn kind(&self) -> &'static str {
        "module"
    }

    fn about(&self) -> Vec<String> {
        let mut about: Vec<String> = self
            .0
            .iter()
            .map(|name| format!("module {}", kernel_name(name)))
            .collect();
        about.sort();
        about
    }

    fn describe(&self) -> Vec<String> {
        let names = self.0.iter();
        names
            .map(|name| format!("the kernel module {name} is never loaded"))
            .collect()
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = format!("/etc/modprobe.d/karat-{}.conf", edit.rule().file_stem());
        let path = ImagePath::parse(path).map_err(|error| EditError::Rule(error.to_string()))?;
        let mut missing = Vec::new();
        for name in &self.0 {
            if edit.look(|root| is_needed(root, name))? {
                continue;
            }
            let said = edit.look(|root| said(root, name))?;
            if let Some((file, Some(Origin::Template(section)))) = said.loaded.first() {
                edit.conflict(format!(
                    "{file}: [{section}] of the template has {name} loaded, and wins"
                ));
            } else if !said.holds() {
                missing.push(name.as_str());
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let old = edit.text(&path)?.unwrap_or_default();
        let before = old
            .lines()
            .filter_map(|line| line.strip_prefix("blacklist "));
        missing.extend(before);
        missing.sort_unstable();
        missing.dedup();
        let mut text = format!("# Written by karat for the rule {}.\n", edit.rule());
        for name in missing {
            // Writing to a String cannot fail.
            let _infallible = writeln!(text, "install {name} /bin/false\nblacklist {name}");
        }
        edit.put(&path, text.into_bytes(), Owned::root(Mode::FILE))
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        for name in &self.0 {
            if is_needed(root, name)? {
                continue;
            }
            let said = said(root, name)?;
            for (path, command) in said
                .install
                .iter()
                .filter(|(_, command)| !is_nothing(command))
            {
                answer.fail(format!(
                    "{}: loads {name} by {}",
                    Escaped(path.as_bytes()),
                    Escaped(command.as_bytes())
                ));
            }
            if said.install.is_empty() {
                answer.fail(format!(
                    "no file of modprobe.d(5) has 'install {name} /bin/false'"
                ));
            }
            if !said.blacklisted {
                answer.fail(format!("no file of modprobe.d(5) has 'blacklist {name}'"));
            }
            for (path, _) in &said.loaded {
                answer.fail(format!(
                    "{}: has {name} loaded at boot",
                    Escaped(path.as_bytes())
                ));
            }
        }
        Ok(())
    }

    fn facts(&self, rule: &RuleId, root: &Root<'_>, facts: &mut Facts) -> Result<(), ViewError> {
        let mut names = Vec::new();
        for name in &self.0 {
            if !is_needed(root, name)? {
                names.extend(kernel_name(name).parse::<ModuleName>());
            }
        }
        let modules = facts.modules.get_or_insert_with(|| Modules {
            allow: Vec::new(),
            deny: Vec::new(),
            origin: rule.origin(),
        });
        for name in names {
            if !modules.deny.contains(&name) && !modules.allow.contains(&name) {
                modules.deny.push(name);
            }
        }
        if let Origin::Rule(ids) = &modules.origin
            && !ids.split('+').any(|id| id == rule.as_str())
        {
            modules.origin = Origin::Rule(format!("{ids}+{rule}"));
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let name = self.0.first().map_or("", String::as_str);
        let text = format!("install {name} /sbin/modprobe --ignore-install {name}\n");
        let path = fixed("/etc/modprobe.d/by-hand.conf");
        edit.put(&path, text.into_bytes(), Owned::root(Mode::FILE))
    }
}

impl Said {
    fn holds(&self) -> bool {
        let commands = self.install.iter();
        self.blacklisted
            && !self.install.is_empty()
            && self.loaded.is_empty()
            && commands.clone().all(|(_, command)| is_nothing(command))
    }
}

/// The kernel takes `-` and `_` for one.
fn kernel_name(name: &str) -> String {
    name.replace('-', "_")
}

/// Whether a disk of karat's does not run without it. A file that a template states itself says nothing of
/// that: leaving out a rule has a reason, in `[harden] except`.
fn is_needed(root: &Root<'_>, name: &str) -> Result<bool, ViewError> {
    if name != OF_DISKS {
        return Ok(false);
    }
    let path = fixed(NEEDED_BY_DISK);
    let origin = root.get(&path)?.and_then(|node| node.origin);
    let text = root.text(&path)?.unwrap_or_default();
    let is_of_disk = match origin {
        Some(Origin::Template(section)) => section == "disk",
        _ => true,
    };
    Ok(is_of_disk && text.lines().any(|line| line == OF_DISKS))
}

fn is_nothing(command: &str) -> bool {
    NOTHING.contains(&command)
}

fn said(root: &Root<'_>, name: &str) -> Result<Said, ViewError> {
    let wanted = kernel_name(name);
    let mut said = Said::default();
    for path in files(root, &DIRECTORIES)? {
        for line in root.text(&path)?.unwrap_or_default().lines() {
            let mut words = line.split_whitespace();
            let (command, module) = (words.next(), words.next());
            if module.map(kernel_name).as_ref() != Some(&wanted) {
                continue;
            }
            match command {
                Some("blacklist") => said.blacklisted = true,
                Some("install") => {
                    let command = words.collect::<Vec<_>>().join(" ");
                    said.install.push((path.clone(), command));
                }
                _ => {}
            }
        }
    }
    for path in files(root, &LOADED)? {
        let text = root.text(&path)?.unwrap_or_default();
        if text.lines().any(|line| kernel_name(line.trim()) == wanted) {
            let origin = root.get(&path)?.and_then(|node| node.origin);
            said.loaded.push((path, origin));
        }
    }
    Ok(said)
}

fn files(root: &Root<'_>, directories: &[&str]) -> Result<Vec<ImagePath>, ViewError> {
    let mut files: BTreeMap<Vec<u8>, ImagePath> = BTreeMap::new();
    for directory in directories.iter().map(|path| fixed(path)) {
        for name in root.names(&directory)? {
            if let (true, Ok(path)) = (name.ends_with(b".conf"), directory.join(&name)) {
                files.entry(name).or_insert(path);
            }
        }
    }
    Ok(files.into_values().collect())
}

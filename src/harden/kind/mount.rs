//! `kind = "mount"`: a mount of its own, and its options.
//!
//! ```toml
//! point = "/tmp"
//! fstype = "tmpfs"
//! options = ["nosuid", "nodev", "noexec"]
//! source = "tmpfs"             # optional; file systems of the kernel need none
//! extra = ["mode=1777"]        # optional: options that a new line gets as well
//! if_mounted = true            # optional: where nothing mounts it, the setting does not apply
//! ```
//!
//! It stands in fstab(5): systemd-fstab-generator(8) makes the unit of it, and
//! systemd-remount-fs.service(8) gives file systems of the kernel their options. Where a mount unit
//! in `/etc/systemd/system` has the point, that one counts.

use std::fmt::Write as _;
use std::sync::Arc;

use super::text::{add_to_block, lines, text};
use super::{Answer, Setting};
use crate::expect::Facts;
use crate::expect::fact::{Mount as MountFact, Name};
use crate::harden::parse::path;
use crate::harden::root::fixed;
use crate::harden::{Edit, EditError, Root, RuleId, ViewError};
use crate::path::{Escaped, ImagePath};
use crate::tree::Origin;
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// File systems that have no device.
const OF_THE_KERNEL: [&str; 4] = ["devtmpfs", "proc", "sysfs", "tmpfs"];

const FSTAB: &str = "/etc/fstab";

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    point: ImagePath,
    fstype: Option<Name>,
    options: Vec<Name>,
    extra: Vec<Name>,
    source: Option<String>,
    if_mounted: bool,
}

/// How a root has it mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stated {
    place: ImagePath,
    fstype: String,
    options: Vec<String>,
    /// The line of fstab(5), from 0; `None`: a unit.
    line: Option<usize>,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    for key in ["point", "options"] {
        if !table.has(key) {
            table.missing(key, None);
        }
    }
    let word = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#';
        let fits = !text.is_empty() && text.len() <= 255 && text.bytes().all(plain);
        fits.then(|| text.to_owned())
    };
    let name = |text: &str| word(text).and_then(|text| text.parse::<Name>().ok());
    let names = |key| -> Vec<Name> {
        let names = table.strings(key).into_iter().filter_map(|at| {
            let found = name(&at.value);
            if found.is_none() {
                let message = format!("{:?} is not allowed: {}", at.value, Name::RULE);
                table.sink().report(Code::T006, &at.span, message, None);
            }
            found
        });
        names.collect()
    };
    let point = table.parsed(
        "point",
        "a mount point is an absolute, normal path without blanks",
        |text| word(text).and_then(|text| path(&text)),
    );
    let fstype = table.parsed("fstype", Name::RULE, name).map(|at| at.value);
    let source = table
        .parsed("source", "a source is one word, as in fstab(5)", word)
        .map(|at| at.value);
    Some(Arc::new(Mount {
        point: point?.value,
        options: names("options"),
        extra: names("extra"),
        fstype,
        source,
        if_mounted: table.boolean("if_mounted").is_some_and(|at| at.value),
    }))
}

impl Setting for Mount {
    fn kind(&self) -> &'static str {
        "mount"
    }

    fn about(&self) -> Vec<String> {
        vec![format!("mount {}", self.point)]
    }

    fn describe(&self) -> Vec<String> {
        let fstype = self.fstype.as_ref();
        let fstype = fstype.map_or_else(String::new, |fstype| format!(" as {fstype}"));
        let (point, options) = (&self.point, joined(&self.options));
        vec![if self.if_mounted {
            format!("{point} has {options} where it is a mount of its own")
        } else {
            format!("{point} is mounted{fstype} with {options}")
        }]
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let stated = edit.look(|root| self.stated(root))?;
        let fstab = fixed(FSTAB);
        let content = edit.text(&fstab)?.unwrap_or_default();
        let mut all = lines(&content);
        // A line of fstab(5) comes before a unit of the system's: /run/systemd/generator before /usr/lib.
        let of_the_system = |stated: &Stated| {
            stated.line.is_none() && stated.place.as_bytes().starts_with(b"/usr/")
        };
        let stated = stated.filter(|stated| {
            !of_the_system(stated) || self.options.iter().all(|name| stated.has(name))
        });
        match stated {
            // Somebody's unit: it is checked, not changed.
            Some(Stated { line: None, .. }) => return Ok(()),
            Some(stated) => {
                let missing = self.options.iter().filter(|name| !stated.has(name));
                let missing: Vec<String> = missing.map(ToString::to_string).collect();
                if missing.is_empty() {
                    return Ok(());
                }
                let mut options = stated.options;
                options.retain(|option| {
                    !self
                        .options
                        .iter()
                        .any(|name| undoes(option, name.as_str()))
                });
                options.extend(missing);
                options.retain(|option| option != "defaults");
                options.sort();
                options.dedup();
                if let Some(line) = stated.line.and_then(|at| all.get_mut(at)) {
                    let fields: Vec<&str> = line.split_whitespace().collect();
                    let field = |at: usize| fields.get(at).copied().unwrap_or("0");
                    *line = format!(
                        "{} {} {} {} {} {}",
                        field(0),
                        field(1),
                        field(2),
                        options.join(","),
                        field(4),
                        field(5)
                    );
                }
            }
            None if self.if_mounted => return Ok(()),
            None => {
                let fstype = self.fstype.as_ref().map(Name::as_str).unwrap_or_default();
                let source = match (&self.source, OF_THE_KERNEL.contains(&fstype)) {
                    (Some(source), _) => source.as_str(),
                    (None, true) => fstype,
                    // A partition of its own is the machine's layout: the check says so.
                    (None, false) => return Ok(()),
                };
                let mut options: Vec<&str> = self
                    .options
                    .iter()
                    .chain(&self.extra)
                    .map(Name::as_str)
                    .collect();
                options.sort_unstable();
                let line = format!("{source} {} {fstype} {} 0 0", self.point, options.join(","));
                let end = all.len();
                add_to_block(&mut all, &line, 0..end, end);
            }
        }
        edit.edit(&fstab, text(&all).into_bytes())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let point = &self.point;
        let Some(stated) = self.stated(root)? else {
            if self.if_mounted {
                answer.not_applicable(format!(
                    "no line of {FSTAB} and no mount unit mounts {point}: the image has no partition for it"
                ));
                return Ok(());
            }
            answer.fail(format!(
                "no line of {FSTAB} and no mount unit mounts {point}; wanted: {}",
                joined(&self.options)
            ));
            return Ok(());
        };
        let place = Escaped(stated.place.as_bytes());
        if let Some(fstype) = &self.fstype
            && fstype.as_str() != stated.fstype
        {
            let stands = Escaped(stated.fstype.as_bytes());
            answer.fail(format!(
                "{place}: mounts {point} as {stands}; wanted: {fstype}"
            ));
        }
        for option in self.options.iter().filter(|name| !stated.has(name)) {
            answer.fail(format!("{place}: mounts {point} without {option}"));
        }
        Ok(())
    }

    fn facts(&self, rule: &RuleId, root: &Root<'_>, facts: &mut Facts) -> Result<(), ViewError> {
        if self.if_mounted && self.stated(root)?.is_none() {
            return Ok(());
        }
        let there = facts
            .mounts
            .iter_mut()
            .find(|mount| mount.point == self.point);
        if let Some(there) = there {
            for option in self.options.iter().filter(|it| shows(it)) {
                if !there.options.contains(option) {
                    there.options.push(option.clone());
                }
            }
            if let Origin::Rule(ids) = &there.origin {
                there.origin = Origin::Rule(format!("{ids}+{rule}"));
            }
            return Ok(());
        }
        facts.mounts.push(MountFact {
            // A directory that is mounted over itself is of its own file system's type.
            fstype: self.fstype.clone().filter(|it| it.as_str() != "none"),
            options: self
                .options
                .iter()
                .filter(|it| shows(it))
                .cloned()
                .collect(),
            origin: rule.origin(),
            point: self.point.clone(),
        });
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let fstab = fixed(FSTAB);
        let content = edit.text(&fstab)?.unwrap_or_default();
        let mut all = lines(&content);
        let is_it = |line: &&mut String| {
            let point = line.split_whitespace().nth(1).unwrap_or_default();
            point.as_bytes() == self.point.as_bytes()
        };
        if self.if_mounted {
            for line in all.iter_mut().filter(is_it) {
                *line = line.replace("nosuid", "suid");
            }
        } else {
            all.retain_mut(|line| !is_it(&line));
        }
        edit.edit(&fstab, text(&all).into_bytes())
    }
}

impl Mount {
    fn stated(&self, root: &Root<'_>) -> Result<Option<Stated>, ViewError> {
        let name = unit_name(&self.point);
        let mut found = None;
        for directory in ["/etc/systemd/system", "/usr/lib/systemd/system"] {
            let Ok(place) = fixed(directory).join(&name) else {
                continue;
            };
            // A unit of the system counts where boot wants it; fstab(5) comes before it.
            let of_the_system = directory.starts_with("/usr");
            if of_the_system && found.is_none() {
                found = self.line(root)?;
            }
            if found.is_some() {
                return Ok(found);
            }
            let wants = format!("{directory}/local-fs.target.wants");
            let wanted = |wants: &str| -> Result<bool, ViewError> {
                let path = fixed(wants).join(&name);
                Ok(path.is_ok_and(|path| matches!(root.look(&path), Ok(Some(_)))))
            };
            if of_the_system
                && !wanted(&wants)?
                && !wanted("/etc/systemd/system/local-fs.target.wants")?
            {
                continue;
            }
            if let Some(content) = root.text(&place)? {
                found = Some(self.unit(root, place, &content)?);
            }
        }
        Ok(found)
    }

    /// The last line of fstab(5) for this point.
    fn line(&self, root: &Root<'_>) -> Result<Option<Stated>, ViewError> {
        let content = root.text(&fixed(FSTAB))?.unwrap_or_default();
        let lines = content.lines().enumerate().filter_map(|(line, text)| {
            let fields: Vec<&str> = text.split_whitespace().collect();
            match fields.as_slice() {
                [source, point, fstype, rest @ ..]
                    if !source.starts_with('#') && point.as_bytes() == self.point.as_bytes() =>
                {
                    let options = rest.first().copied().unwrap_or("defaults");
                    Some(Stated {
                        place: fixed(FSTAB),
                        fstype: (*fstype).to_owned(),
                        options: options.split(',').map(str::to_owned).collect(),
                        line: Some(line),
                    })
                }
                _ => None,
            }
        });
        Ok(lines.last())
    }

    /// What a mount unit states, with its drop-ins.
    fn unit(&self, root: &Root<'_>, place: ImagePath, content: &str) -> Result<Stated, ViewError> {
        let mut text = content.to_owned();
        let name = unit_name(&self.point);
        for directory in ["/usr/lib/systemd/system", "/etc/systemd/system"] {
            let Ok(directory) = ImagePath::parse(format!("{directory}/{name}.d")) else {
                continue;
            };
            for file in root.names(&directory)? {
                if let (true, Ok(path)) = (file.ends_with(b".conf"), directory.join(&file)) {
                    text.push('\n');
                    text.push_str(&root.text(&path)?.unwrap_or_default());
                }
            }
        }
        let value = |key: &str| {
            let mut values = text
                .lines()
                .filter_map(|line| line.trim().strip_prefix(key));
            values.next_back().unwrap_or_default().trim().to_owned()
        };
        Ok(Stated {
            place,
            fstype: value("Type="),
            options: value("Options=").split(',').map(str::to_owned).collect(),
            line: None,
        })
    }
}

impl Stated {
    /// Whether the option holds: it stands there, and nothing after it undoes it.
    fn has(&self, name: &Name) -> bool {
        let name = name.as_str();
        let last = self.options.iter().rev();
        let mut last = last.filter(|option| *option == name || undoes(option, name));
        last.next().is_some_and(|option| option == name)
    }
}

/// Whether an option undoes another: `exec` does `noexec`, `rw` does `ro` (mount(8)).
fn undoes(option: &str, wanted: &str) -> bool {
    match (option, wanted) {
        ("rw", "ro") | ("ro", "rw") => true,
        _ => {
            wanted.strip_prefix("no") == Some(option)
                || option.strip_prefix("no") == Some(wanted)
                || matches!(
                    (option.split_once('='), wanted.split_once('=')),
                    (Some((a, x)), Some((b, y))) if a == b && x != y
                )
        }
    }
}

/// The name of a mount unit (systemd.unit(5), escaping of paths), for paths of plain characters.
fn unit_name(point: &ImagePath) -> String {
    let mut name = String::new();
    for (index, byte) in point.relative().iter().enumerate() {
        let byte = *byte;
        if byte == b'/' {
            name.push('-');
        } else if byte.is_ascii_alphanumeric() || byte == b'_' || (byte == b'.' && index > 0) {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _infallible = write!(name, "\\x{byte:02x}");
        }
    }
    name.push_str(".mount");
    name
}

fn joined(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    names.join(",")
}

/// Whether the table of mounts shows an option: some speak to mount(8) and systemd alone. `hidepid=` is
/// of each mount of proc(5) by itself, and a sandboxed service has one of its own: the verifier would
/// see that one.
fn shows(option: &Name) -> bool {
    let option = option.as_str();
    let speaks_to_mount = [
        "auto", "bind", "defaults", "noauto", "nofail", "rbind", "remount",
    ];
    !speaks_to_mount.contains(&option)
        && !option.starts_with("x-")
        && !option.starts_with("hidepid=")
}

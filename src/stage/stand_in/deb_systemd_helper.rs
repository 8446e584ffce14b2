//! `deb-systemd-helper(1p)` of init-system-helpers, for the actions that installing a package asks
//! for: what is changed, and when, is what the program does.
//!
//! ```text
//! [--quiet] [--system|--user] unmask|enable|update-state|debian-installed UNIT
//! --quiet [--system|--user] was-enabled UNIT
//!
//! /var/lib/systemd/deb-systemd-helper-enabled/UNIT.dsh-also     the links of a unit, one path a line
//! /var/lib/systemd/deb-systemd-helper-enabled/TARGET.wants/UNIT  empty: the link was dealt with
//! ```
//! For units of users it is `deb-systemd-user-helper-enabled`.

use rustix::fs::FileType;

use super::install::{self, Line, Unusual};
use crate::path::ImagePath;
use crate::sys::fs::IoError;
use crate::sys::root::Root;
use crate::sys::sandbox::{Answer, Question, StandIn};

/// In karat's place.
pub(super) const STAND_IN: StandIn = StandIn {
    name: "deb-systemd-helper",
    program: "/usr/bin/deb-systemd-helper",
    known: &[
        // init-system-helpers 1.65.2 (Debian 12) to 1.69 (Debian 13).
        "a895d5f077651960b6ca4ed9c53f8b36eae422ae170f61c972d0c6579e9f8732",
    ],
    script: include_str!("deb-systemd-helper.sh"),
    answer,
};

/// Largest unit file and state file that are read here; Debian's are a few kilobytes.
const FILE_MAX: u64 = 64 << 10;
/// Unit files that are read for one unit, at most: `Also=` may lead in circles that the program
/// walks more often than there are units.
const UNITS_MAX: usize = 64;

/// What is left to the program itself.
#[derive(Clone, Copy, Debug)]
struct Left;

impl From<Unusual> for Left {
    fn from(_: Unusual) -> Self {
        Self
    }
}

impl From<IoError> for Left {
    fn from(_: IoError) -> Self {
        // The program will meet it, and say so in its own words.
        Self
    }
}

/// A link that enabling makes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    /// Where it is.
    place: String,
    /// The unit file that it leads to.
    target: String,
}

/// Answers.
fn answer(root: &Root, question: &Question<'_>) -> Answer {
    helper(root, question).unwrap_or(Answer::Own)
}

fn helper(root: &Root, question: &Question<'_>) -> Result<Answer, Left> {
    let (mut quiet, mut user) = (false, false);
    let mut words = question.words.iter().copied();
    let action = loop {
        match words.next().ok_or(Left)? {
            "--quiet" => quiet = true,
            "--system" => user = false,
            "--user" => user = true,
            action => break action,
        }
    };
    let (Some(unit), None) = (words.next(), words.next()) else {
        return Err(Left);
    };
    if !install::is_plain(unit) {
        return Err(Left);
    }
    let helper = Helper { root, user };
    match (action, question.again) {
        ("unmask", false) => helper.unmask(unit),
        // Without --quiet it says what it found.
        ("was-enabled", false) if quiet => helper.was_enabled(unit),
        ("debian-installed", false) => helper.debian_installed(unit),
        ("update-state", false) => helper.update_state(unit),
        ("enable", again) => helper.enable(unit, again),
        _ => Err(Left),
    }
}

struct Helper<'a> {
    root: &'a Root,
    user: bool,
}

impl Helper<'_> {
    /// Takes away a mask that the program itself set. In a fresh image there is none: no state of
    /// masks, no link to `/dev/null`.
    fn unmask(&self, unit: &str) -> Result<Answer, Left> {
        let place = path(&self.settings(unit))?;
        if let Some(found) = self.root.find(&place)?
            && found.kind == FileType::Symlink
        {
            return Err(Left);
        }
        for directory in [
            "deb-systemd-helper-masked",
            "deb-systemd-user-helper-masked",
        ] {
            // An empty one would be removed.
            let directory = path(&format!("/var/lib/systemd/{directory}"))?;
            if self.root.find(&directory)?.is_some() {
                return Err(Left);
            }
        }
        Ok(Answer::Exit(0))
    }

    /// Whether every link of the state file is there; without one, all are.
    fn was_enabled(&self, unit: &str) -> Result<Answer, Left> {
        let state = self.root.read(&path(&self.state(unit))?, FILE_MAX)?;
        let state = String::from_utf8(state.unwrap_or_default()).map_err(|_not_text| Left)?;
        for link in state.split_terminator('\n') {
            let found = self.root.find(&path(link)?)?;
            if found.is_none_or(|found| found.kind != FileType::Symlink) {
                return Ok(Answer::Exit(1));
            }
        }
        Ok(Answer::Exit(0))
    }

    /// Whether there is a state file.
    fn debian_installed(&self, unit: &str) -> Result<Answer, Left> {
        match self.root.find(&path(&self.state(unit))?)? {
            None => Ok(Answer::Exit(1)),
            Some(found) if found.kind == FileType::RegularFile => Ok(Answer::Exit(0)),
            Some(_) => Err(Left),
        }
    }

    /// Writes the links of the unit into its state file.
    fn update_state(&self, unit: &str) -> Result<Answer, Left> {
        let links = self.links(unit)?;
        let links: Vec<&str> = links.iter().map(|link| link.place.as_str()).collect();
        self.write_state(unit, &links)?;
        Ok(Answer::Exit(0))
    }

    /// Enables a unit for the first time: by `systemctl preset` where there is systemctl, else by
    /// making its links; then notes that it was.
    fn enable(&self, unit: &str, again: bool) -> Result<Answer, Left> {
        // A later time depends on which links were left.
        if self.root.find(&path(&self.state(unit))?)?.is_some() {
            return Err(Left);
        }
        let links = self.links(unit)?;
        let preset = self.has_systemctl()?;
        match (preset, again) {
            (true, false) => {
                let mode = if self.user { "--global" } else { "--system" };
                return Ok(Answer::First(format!("preset {mode} {unit}")));
            }
            // It was there a moment ago.
            (false, true) => return Err(Left),
            _ => {}
        }
        let mut noted = Vec::new();
        let mut todo = Vec::new();
        for link in &links {
            if !noted.contains(&link.place.as_str()) {
                noted.push(link.place.as_str());
            }
            let note = self.note(&link.place)?;
            match self.root.find(&path(&note)?)? {
                None => todo.push((link, note)),
                Some(found) if found.kind == FileType::RegularFile => {}
                Some(_) => return Err(Left),
            }
        }
        if !preset {
            self.examine_places(&links)?;
        }
        if !noted.is_empty() {
            self.write_state(unit, &noted)?;
        }
        for (link, note) in todo {
            if !preset {
                self.make_parents(&link.place)?;
                // One that is there already stays.
                self.root.make_link(&path(&link.place)?, &link.target)?;
            }
            self.make_parents(&note)?;
            self.root.write(&path(&note)?, b"", 0o644)?;
        }
        Ok(Answer::Exit(0))
    }

    /// Where links are to be made, there is nothing but links; and no systemd runs that would have
    /// to be told of them.
    fn examine_places(&self, links: &[Link]) -> Result<(), Left> {
        if self.root.is_directory(&path("/run/systemd/system")?) {
            return Err(Left);
        }
        for link in links {
            let found = self.root.find(&path(&link.place)?)?;
            if found.is_some_and(|found| found.kind != FileType::Symlink) {
                return Err(Left);
            }
        }
        Ok(())
    }

    fn has_systemctl(&self) -> Result<bool, Left> {
        for name in ["/bin/systemctl", "/usr/bin/systemctl"] {
            match self.root.find(&path(name)?)? {
                None => {}
                Some(found) if found.kind == FileType::RegularFile && found.mode & 0o111 != 0 => {
                    return Ok(true);
                }
                Some(_) => return Err(Left),
            }
        }
        Ok(false)
    }

    /// The links of a unit and of those that it names with `Also=`, in the program's order.
    fn links(&self, unit: &str) -> Result<Vec<Link>, Left> {
        let mut links = Vec::new();
        let mut budget = UNITS_MAX;
        self.add_links(unit, &[], &mut links, &mut budget)?;
        Ok(links)
    }

    /// `visited` is what was gone through on the way to this unit, not all that was: the program
    /// hands it down, and never back.
    fn add_links(
        &self,
        unit: &str,
        visited: &[String],
        links: &mut Vec<Link>,
        budget: &mut usize,
    ) -> Result<(), Left> {
        *budget = budget.checked_sub(1).ok_or(Left)?;
        let (target, file) = self.find_unit(unit)?;
        let mut visited = visited.to_vec();
        let mut directories = Vec::new();
        let mut wanted = unit.to_owned();
        for line in install::lines(&file)? {
            match line {
                Line::WantedBy(names) => {
                    directories.extend(names.iter().map(|name| format!("{name}.wants")));
                }
                Line::RequiredBy(names) => {
                    directories.extend(names.iter().map(|name| format!("{name}.requires")));
                }
                Line::Also(names) => {
                    for name in names {
                        if name != unit && !visited.contains(&name) {
                            visited.push(name.clone());
                            self.add_links(&name, &visited, links, budget)?;
                        }
                    }
                }
                Line::Alias(name) => {
                    if name != unit {
                        let (place, target) = (self.settings(&name), target.clone());
                        links.push(Link { place, target });
                    }
                }
                Line::DefaultInstance(name) => wanted = instance(unit, &name)?,
            }
        }
        for directory in directories {
            let place = format!("{}/{wanted}", self.settings(&directory));
            let target = target.clone();
            links.push(Link { place, target });
        }
        Ok(())
    }

    /// The unit file that counts, by the name that links lead to, and what it holds.
    fn find_unit(&self, unit: &str) -> Result<(String, Vec<u8>), Left> {
        for directory in ["/etc/systemd", "/lib/systemd", "/usr/lib/systemd"] {
            let name = format!("{directory}/{}/{unit}", self.instance());
            if let Some(bytes) = self.root.read(&path(&name)?, FILE_MAX)? {
                return Ok((name, bytes));
            }
        }
        Err(Left)
    }

    fn write_state(&self, unit: &str, links: &[&str]) -> Result<(), Left> {
        let state = self.state(unit);
        let text: String = links.iter().flat_map(|link| [*link, "\n"]).collect();
        self.make_parents(&state)?;
        Ok(self.root.write(&path(&state)?, text.as_bytes(), 0o644)?)
    }

    /// Makes the directories above `name` that are missing.
    fn make_parents(&self, name: &str) -> Result<(), Left> {
        let mut missing = Vec::new();
        let mut at = path(name)?.parent();
        while let Some(directory) = at
            && !self.root.is_directory(&directory)
        {
            at = directory.parent();
            missing.push(directory);
        }
        while let Some(directory) = missing.pop() {
            self.root.make_directory(&directory, 0o755)?;
        }
        Ok(())
    }

    fn instance(&self) -> &'static str {
        if self.user { "user" } else { "system" }
    }

    /// Below the directory of links.
    fn settings(&self, name: &str) -> String {
        format!("/etc/systemd/{}/{name}", self.instance())
    }

    /// Below the directory of notes.
    fn notes(&self, name: &str) -> String {
        let user = if self.user { "user-" } else { "" };
        format!("/var/lib/systemd/deb-systemd-{user}helper-enabled/{name}")
    }

    fn state(&self, unit: &str) -> String {
        self.notes(&format!("{unit}.dsh-also"))
    }

    /// The note for a link.
    fn note(&self, link: &str) -> Result<String, Left> {
        let name = link.strip_prefix(&self.settings("")).ok_or(Left)?;
        Ok(self.notes(name))
    }
}

/// The instance of a template that `DefaultInstance=` names; any other unit is what it is.
fn instance(unit: &str, name: &str) -> Result<String, Left> {
    match unit.split_once("@.") {
        None => Ok(unit.to_owned()),
        Some((template, kind))
            if !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            Ok(format!("{template}@{name}.{kind}"))
        }
        Some(_) => Err(Left),
    }
}

fn path(text: &str) -> Result<ImagePath, Left> {
    ImagePath::parse(text).map_err(|_unusual| Left)
}

//! dpkg's database, written as dpkg itself leaves it after `--unpack`: dpkg(1), deb-triggers(5),
//! dpkg's `doc/spec/triggers.txt`.
//!
//! `/var/lib/dpkg/{status,info/*,info/format,triggers/*}`; everything else there is dpkg's own
//! business once it configures.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::error::StageError;
use super::extract::Deb;
use super::place::Placed;
use crate::deb::archive::Control;
use crate::path::ImagePath;
use crate::sys::root::Root;

const DIRECTORY: &str = "/var/lib/dpkg";
/// Where `preinst` scripts wait for their turn; dpkg runs them from `tmp.ci` beside it.
pub(super) const WAITING: &str = "/var/lib/dpkg/karat.ci";
/// Where dpkg has the control files of the package that it is unpacking.
pub(super) const CURRENT: &str = "/var/lib/dpkg/tmp.ci";
const STATUS_MAX: u64 = 64 << 20;

/// Fields that only dpkg writes: a package that brings them would lie about its state.
const STATE_FIELDS: [&str; 7] = [
    "status",
    "config-version",
    "conffiles",
    "triggers-pending",
    "triggers-awaited",
    "revision",
    "package_revision",
];

/// The database of the root that is being made.
#[derive(Debug)]
pub(super) struct Database<'a> {
    root: &'a Root,
    architecture: String,
    /// `info` name and list of every package that was unpacked, by its number.
    lists: BTreeMap<usize, (String, Vec<ImagePath>)>,
    /// Triggers and who wants them: `triggers/File` for paths, one file for each other name.
    interests: BTreeMap<String, Vec<String>>,
}

impl<'a> Database<'a> {
    /// An empty database.
    pub(super) fn create(root: &'a Root, architecture: &str) -> Result<Self, StageError> {
        let database = Self {
            root,
            architecture: architecture.to_owned(),
            lists: BTreeMap::new(),
            interests: BTreeMap::new(),
        };
        for directory in ["/var", "/var/lib", DIRECTORY] {
            root.make_directory(&parse(directory)?, 0o755)?;
        }
        for name in ["alternatives", "info", "parts", "triggers", "updates"] {
            root.make_directory(&within(name)?, 0o755)?;
        }
        root.write(&within("status")?, b"", 0o644)?;
        root.write(&within("info/format")?, b"1\n", 0o644)?;
        Ok(database)
    }

    /// Adds packages that were placed just now, as unpacked; `debs` by number.
    ///
    /// Triggers of packages that are configured already are noted where dpkg looks for them.
    pub(super) fn unpacked(
        &mut self,
        round: &[(usize, Placed)],
        debs: &[Deb],
    ) -> Result<(), StageError> {
        let configured: BTreeMap<String, Vec<String>> = self.interests.clone();
        let mut status = self.status()?;
        let mut rewritten = BTreeSet::new();
        for (at, placed) in round {
            let Some(deb) = debs.get(*at) else { continue };
            let name = self.info_name(&deb.control);
            self.add_info(&name, &deb.control)?;
            if let Some(sums) = &placed.md5sums {
                let path = within(&format!("info/{name}.md5sums"))?;
                self.root.write(&path, sums.as_bytes(), 0o644)?;
            }
            self.add_interests(&name, &deb.control);
            self.lists.insert(*at, (name, placed.list.clone()));
            rewritten.insert(*at);
            for (from, path) in &placed.taken {
                if let Some((_, list)) = self.lists.get_mut(from) {
                    list.retain(|listed| listed != path);
                    rewritten.insert(*from);
                }
            }
            push_stanza(&mut status, &deb.control);
        }
        for at in rewritten {
            if let Some((name, list)) = self.lists.get(&at) {
                let text = list_text(list);
                self.root
                    .write(&within(&format!("info/{name}.list"))?, &text, 0o644)?;
            }
        }
        self.root
            .write(&within("status")?, status.as_bytes(), 0o644)?;
        self.write_interests()?;
        self.activate(round, debs, &configured)
    }

    /// Adds a package that has no files and counts as installed.
    pub(super) fn installed(&self, control: &Control) -> Result<(), StageError> {
        let mut status = self.status()?;
        push_stanza(&mut status, control);
        let status = status.replace(
            &format!(
                "Package: {}\nStatus: install ok unpacked\n",
                control.field("package")
            ),
            &format!(
                "Package: {}\nStatus: install ok installed\n",
                control.field("package")
            ),
        );
        let list = format!("info/{}.list", self.info_name(control));
        self.root.write(&within(&list)?, b"/.\n", 0o644)?;
        let sums = format!("info/{}.md5sums", self.info_name(control));
        self.root.write(&within(&sums)?, b"", 0o644)?;
        Ok(self
            .root
            .write(&within("status")?, status.as_bytes(), 0o644)?)
    }

    /// Lays out the control files of a package whose `preinst` is to run before it is unpacked.
    pub(super) fn prepare_preinst(&self, deb: &Deb) -> Result<(), StageError> {
        let directory = parse(WAITING)?;
        self.root.make_directory(&directory, 0o755)?;
        let own = directory.join(&deb.name).map_err(system)?;
        self.root.make_directory(&own, 0o755)?;
        let control = own.join("control").map_err(system)?;
        self.root
            .write(&control, deb.control.text().as_bytes(), 0o644)?;
        for (name, member) in deb.control.members() {
            let path = own.join(name).map_err(system)?;
            self.root.write(&path, &member.bytes, member.mode)?;
        }
        Ok(())
    }

    /// Packages that are not `install ok installed`, with the state that they are in.
    pub(super) fn unfinished(&self) -> Result<Vec<String>, StageError> {
        let status = self.status()?;
        let mut unfinished = Vec::new();
        for stanza in status.split("\n\n").filter(|text| !text.trim().is_empty()) {
            let field = |name: &str| {
                stanza
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .unwrap_or("")
                    .trim()
            };
            if field("Status:") != "install ok installed" {
                unfinished.push(format!("{} ({})", field("Package:"), field("Status:")));
            }
        }
        Ok(unfinished)
    }

    fn status(&self) -> Result<String, StageError> {
        let bytes = self.root.read(&within("status")?, STATUS_MAX)?;
        String::from_utf8(bytes.unwrap_or_default()).map_err(system)
    }

    /// `info` files of packages that may be there for several architectures carry the name of one.
    fn info_name(&self, control: &Control) -> String {
        let name = control.field("package");
        if control.field("multi-arch") == "same" {
            let own = control.field("architecture");
            let own = if own == "all" {
                self.architecture.as_str()
            } else {
                own
            };
            format!("{name}:{own}")
        } else {
            name.to_owned()
        }
    }

    fn add_info(&self, name: &str, control: &Control) -> Result<(), StageError> {
        for (member, content) in control.members() {
            let path = within(&format!("info/{name}.{member}"))?;
            self.root.write(&path, &content.bytes, content.mode)?;
        }
        Ok(())
    }

    fn add_interests(&mut self, name: &str, control: &Control) {
        for (directive, trigger) in triggers(control) {
            let entry = match directive.as_str() {
                "interest" | "interest-await" => name.to_owned(),
                "interest-noawait" => format!("{name}/noawait"),
                _ => continue,
            };
            let interested = self.interests.entry(trigger).or_default();
            if !interested.contains(&entry) {
                interested.push(entry);
            }
        }
    }

    fn write_interests(&self) -> Result<(), StageError> {
        let mut file = String::new();
        for (trigger, interested) in &self.interests {
            if trigger.starts_with('/') {
                for package in interested {
                    let _ = writeln!(file, "{trigger} {package}");
                }
            } else {
                let mut text = interested.join("\n");
                text.push('\n');
                let path = within("triggers")?.join(trigger).map_err(system)?;
                self.root.write(&path, text.as_bytes(), 0o644)?;
            }
        }
        if !file.is_empty() {
            self.root
                .write(&within("triggers/File")?, file.as_bytes(), 0o644)?;
        }
        Ok(())
    }

    /// Notes the triggers that a round of unpacking sets off. A package that is itself only
    /// unpacked needs no trigger: its `postinst` is still to come.
    fn activate(
        &self,
        round: &[(usize, Placed)],
        debs: &[Deb],
        configured: &BTreeMap<String, Vec<String>>,
    ) -> Result<(), StageError> {
        let mut activated: BTreeSet<&str> = BTreeSet::new();
        for (at, placed) in round {
            if let Some(deb) = debs.get(*at) {
                for (directive, trigger) in triggers(&deb.control) {
                    if directive.starts_with("activate")
                        && let Some((trigger, _)) = configured.get_key_value(&trigger)
                    {
                        activated.insert(trigger);
                    }
                }
            }
            for path in &placed.list {
                // A path sets off its own trigger and those of all directories above it.
                let mut above = Some(path.clone());
                while let Some(path) = above {
                    if let Some((trigger, _)) = std::str::from_utf8(path.as_bytes())
                        .ok()
                        .and_then(|text| configured.get_key_value(text))
                    {
                        activated.insert(trigger);
                    }
                    above = path.parent();
                }
            }
        }
        if activated.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for trigger in activated {
            // "-": nobody waits for it.
            let _ = writeln!(text, "{trigger} -");
        }
        Ok(self
            .root
            .write(&within("triggers/Unincorp")?, text.as_bytes(), 0o644)?)
    }
}

/// The directives of `triggers`: deb-triggers(5).
fn triggers(control: &Control) -> Vec<(String, String)> {
    let text = control
        .member("triggers")
        .map_or_else(String::new, |member| {
            String::from_utf8_lossy(&member.bytes).into_owned()
        });
    text.lines()
        .filter_map(|line| {
            let line = line.split('#').next()?;
            let mut words = line.split_ascii_whitespace();
            let (directive, trigger) = (words.next()?, words.next()?);
            // A name becomes a file name; a path is normal.
            let valid = ImagePath::parse(trigger).is_ok()
                || ImagePath::root().join(trigger).is_ok_and(|path| {
                    path.relative() != b"File"
                        && path.relative() != b"Unincorp"
                        && path.relative() != b"Lock"
                });
            valid.then(|| (directive.to_owned(), trigger.to_owned()))
        })
        .collect()
}

fn push_stanza(status: &mut String, control: &Control) {
    let _ = writeln!(
        status,
        "Package: {}\nStatus: install ok unpacked",
        control.field("package")
    );
    let mut keep = true;
    for line in control
        .text()
        .lines()
        .filter(|line| !line.trim().is_empty())
    {
        if !line.starts_with([' ', '\t']) {
            let name = line.split(':').next().unwrap_or("").to_ascii_lowercase();
            keep = name != "package" && !STATE_FIELDS.contains(&name.as_str());
        }
        if keep {
            status.push_str(line);
            status.push('\n');
        }
    }
    let conffiles = control.conffiles();
    if !conffiles.is_empty() {
        status.push_str("Conffiles:\n");
        for (path, flag) in conffiles {
            // "newconffile" stands for a hash while the file waits as .dpkg-new.
            let flag = flag.map(|flag| format!(" {flag}")).unwrap_or_default();
            let _ = writeln!(status, " {path} newconffile{flag}");
        }
    }
    status.push('\n');
}

fn list_text(list: &[ImagePath]) -> Vec<u8> {
    let mut text = Vec::new();
    for path in list {
        text.extend_from_slice(if path.is_root() {
            b"/."
        } else {
            path.as_bytes()
        });
        text.push(b'\n');
    }
    text
}

fn parse(path: &str) -> Result<ImagePath, StageError> {
    ImagePath::parse(path).map_err(system)
}

fn within(name: &str) -> Result<ImagePath, StageError> {
    parse(&format!("{DIRECTORY}/{name}"))
}

fn system(error: impl std::fmt::Display) -> StageError {
    StageError::system(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_cannot_write_its_own_state() {
        let control = Control::parse(
            "Package: a\nVersion: 1\nArchitecture: all\nStatus: install ok installed\n\
             Conffiles:\n /etc/shadow x\nDescription: d\n e\n",
        )
        .unwrap();
        let mut status = String::new();
        push_stanza(&mut status, &control);
        assert_eq!(
            status,
            "Package: a\nStatus: install ok unpacked\nVersion: 1\nArchitecture: all\n\
             Description: d\n e\n\n"
        );
    }
}

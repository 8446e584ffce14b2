//! `kind = "account"`: what holds of all accounts, groups and home directories.
//!
//! ```toml
//! check = "uid0"                  # see the table
//! group = "sugroup"               # empty-group: its name
//! ```
//!
//! | check | holds where | sets |
//! |---|---|---|
//! | `uid0` | root alone has the number 0, of users and of groups | nothing |
//! | `root-locked` | no password fits root | locks it |
//! | `shadowed` | no password or hash stands in passwd(5), no account has an empty password, each has a line in shadow(5) | locks accounts with an empty one |
//! | `unique` | no name or number is there twice, each user's group exists, each line can be read | nothing |
//! | `system-shells` | no password fits an account of the system (1 to 999, `nobody`), and it has no login shell | locks it, `/usr/sbin/nologin` |
//! | `homes` | home directories of people are theirs, at most 0750, without `.rhosts` `.forward` `.netrc` `.shosts` | modes and owners, removes the files |
//! | `empty-group` | a group is there, and nobody is in it | adds it |

mod base;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::base::{Accounts, GROUP, GSHADOW, PASSWD, SHADOW, User, with_field};
use super::{Answer, Phase, Setting};
use crate::harden::root::fixed;
use crate::harden::{Edit, EditError, NodeKind, Owned, Root, ViewError};
use crate::path::{Escaped, ImagePath};
use crate::tree::Mode;
use crate::written::Choice;
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// What an account of the system has in the place of a shell.
const NOLOGIN: &str = "/usr/sbin/nologin";
/// Bits that a home directory may have.
const HOME: u32 = 0o750;
/// Files by which somebody elsewhere is let in, or passwords are kept.
const TRUSTING: [&str; 4] = [".forward", ".netrc", ".rhosts", ".shosts"];

#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    check: Check,
    group: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    EmptyGroup,
    Homes,
    RootLocked,
    Shadowed,
    SystemShells,
    Uid0,
    Unique,
}

impl Choice for Check {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("empty-group", Self::EmptyGroup),
        ("homes", Self::Homes),
        ("root-locked", Self::RootLocked),
        ("shadowed", Self::Shadowed),
        ("system-shells", Self::SystemShells),
        ("uid0", Self::Uid0),
        ("unique", Self::Unique),
    ];
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    if !table.has("check") {
        table.missing("check", None);
    }
    let check = table.choice::<Check>("check");
    let group = table.parsed("group", "a group's name is of a-z 0-9 _ -", |text| {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let starts = text.starts_with(|it: char| it.is_ascii_lowercase());
        (starts && text.len() <= 31 && text.bytes().all(plain)).then(|| text.to_owned())
    });
    let check = check?.value;
    if (check == Check::EmptyGroup) != table.has("group") {
        let message = "group goes with check = \"empty-group\", and with no other".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
        return None;
    }
    if table.has("group") && group.is_none() {
        return None;
    }
    let group = group.map(|at| at.value);
    Some(Arc::new(Account { check, group }))
}

impl Setting for Account {
    fn kind(&self) -> &'static str {
        "account"
    }

    fn about(&self) -> Vec<String> {
        vec![match &self.group {
            Some(group) => format!("group {group}"),
            None => format!("accounts: {}", self.describe().join("; ")),
        }]
    }

    fn describe(&self) -> Vec<String> {
        let text = match self.check {
            Check::Uid0 => "root alone has the number 0",
            Check::RootLocked => "no password fits root",
            Check::Shadowed => "passwords are shadowed, and none is empty",
            Check::Unique => "names and numbers of accounts and groups are there once",
            Check::SystemShells => "accounts of the system are locked and have no login shell",
            Check::Homes => "home directories are their owners' alone, and trust nobody elsewhere",
            Check::EmptyGroup => {
                let group = self.group.as_deref().unwrap_or_default();
                return vec![format!("there is a group {group}, and nobody is in it")];
            }
        };
        vec![text.to_owned()]
    }

    fn phase(&self) -> Phase {
        if self.check == Check::Homes {
            Phase::Stat
        } else {
            Phase::Write
        }
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let accounts = edit.look(Accounts::of)?;
        match self.check {
            Check::Uid0 | Check::Unique => Ok(()),
            Check::RootLocked => lock(edit, accounts.shadow("root").map(|it| it.name.clone())),
            Check::Shadowed => {
                let empty = accounts.shadows.iter().filter(|it| it.password.is_empty());
                lock(edit, empty.map(|it| it.name.clone()))
            }
            Check::SystemShells => {
                let system: Vec<&User> =
                    accounts.users.iter().filter(|it| it.is_system()).collect();
                lock(edit, system.iter().map(|user| user.name.clone()))?;
                let with_shell = system.iter().filter(|user| user.has_shell());
                let mut text = edit.text(&fixed(PASSWD))?.unwrap_or_default();
                for user in with_shell {
                    text = with_field(&text, &user.name, 6, |_| NOLOGIN.to_owned());
                }
                edit_if_there(edit, PASSWD, text)
            }
            Check::Homes => apply_homes(edit, &accounts),
            Check::EmptyGroup => {
                apply_group(edit, &accounts, self.group.as_deref().unwrap_or_default())
            }
        }
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let accounts = Accounts::of(root)?;
        if accounts.users.is_empty() {
            answer.not_applicable("there are no accounts");
            return Ok(());
        }
        match self.check {
            Check::Uid0 => check_uid0(&accounts, answer),
            Check::RootLocked => match accounts.shadow("root") {
                Some(root) if root.is_locked() => {}
                Some(_) => answer.fail(format!("{SHADOW}: root has a password; lock it with !")),
                None => answer.fail(format!("{SHADOW}: has no line for root; add root:*:::::::")),
            },
            Check::Shadowed => check_shadowed(&accounts, answer),
            Check::Unique => check_unique(&accounts, answer),
            Check::SystemShells => check_system(&accounts, answer),
            Check::Homes => return check_homes(root, &accounts, answer),
            Check::EmptyGroup => {
                let name = self.group.as_deref().unwrap_or_default();
                match accounts.groups.iter().find(|group| group.name == name) {
                    None => answer.fail(format!("{GROUP}: there is no group {name}; add it")),
                    Some(group) => {
                        for member in &group.members {
                            let member = Escaped(member.as_bytes());
                            answer.fail(format!(
                                "{GROUP}: {member} is in the group {name}; remove it"
                            ));
                        }
                        for user in accounts.users.iter().filter(|user| user.gid == group.gid) {
                            let user = Escaped(user.name.as_bytes());
                            answer.fail(format!(
                                "{PASSWD}: {name} is the group of {user}; give it another"
                            ));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let mut append = |file: &str, line: &str| {
            let text = edit.text(&fixed(file))?.unwrap_or_default();
            edit.edit(&fixed(file), format!("{text}{line}\n").into_bytes())
        };
        match self.check {
            Check::Uid0 => append(PASSWD, "toor:x:0:0::/root:/bin/sh"),
            Check::Unique => append(GROUP, "root:x:4242:"),
            Check::Shadowed => append(PASSWD, "guest::4242:65534::/nonexistent:/usr/sbin/nologin"),
            Check::SystemShells => append(PASSWD, "by-hand:x:998:65534::/nonexistent:/bin/sh"),
            Check::RootLocked => {
                let text = edit.text(&fixed(SHADOW))?.unwrap_or_default();
                let text = with_field(&text, "root", 1, |_| "$y$hash".to_owned());
                edit.edit(&fixed(SHADOW), text.into_bytes())
            }
            Check::Homes => {
                append(PASSWD, "guest:x:4242:4242::/home/guest:/bin/sh")?;
                edit.directory(&fixed("/home/guest"), Owned::root(Mode::DIRECTORY))
            }
            Check::EmptyGroup => {
                let text = edit.text(&fixed(GROUP))?.unwrap_or_default();
                let name = self.group.as_deref().unwrap_or_default();
                let text = with_field(&text, name, 3, |_| "root".to_owned());
                edit.edit(&fixed(GROUP), text.into_bytes())
            }
        }
    }
}

/// Writes a file anew; one that is not there is not made.
fn edit_if_there(edit: &mut Edit<'_>, file: &str, text: String) -> Result<(), EditError> {
    if edit.text(&fixed(file))?.is_none() {
        return Ok(());
    }
    edit.edit(&fixed(file), text.into_bytes())
}

/// Puts a `!` before what stands for a password, where none is there.
fn lock(edit: &mut Edit<'_>, names: impl IntoIterator<Item = String>) -> Result<(), EditError> {
    let mut text = edit.text(&fixed(SHADOW))?.unwrap_or_default();
    for name in names {
        text = with_field(&text, &name, 1, |hash| {
            if hash.starts_with(['!', '*']) {
                hash.to_owned()
            } else {
                format!("!{hash}")
            }
        });
    }
    edit_if_there(edit, SHADOW, text)
}

/// Adds a group with the highest free number of the system's.
fn apply_group(edit: &mut Edit<'_>, accounts: &Accounts, name: &str) -> Result<(), EditError> {
    if accounts.groups.iter().any(|group| group.name == name) {
        return Ok(());
    }
    let taken = |gid: &u32| accounts.groups.iter().any(|group| group.gid == *gid);
    let Some(gid) = (100..1000).rev().find(|gid| !taken(gid)) else {
        return Err(EditError::Rule(
            "no number is free for a group of the system".to_owned(),
        ));
    };
    for (file, line) in [
        (GROUP, format!("{name}:x:{gid}:")),
        (GSHADOW, format!("{name}:!::")),
    ] {
        if let Some(text) = edit.text(&fixed(file))? {
            edit_if_there(edit, file, format!("{text}{line}\n"))?;
        }
    }
    Ok(())
}

fn check_uid0(accounts: &Accounts, answer: &mut Answer) {
    for user in &accounts.users {
        let shown = Escaped(user.name.as_bytes());
        if user.uid == 0 && user.name != "root" {
            answer.fail(format!(
                "{PASSWD}: {shown} has the number 0, and is root; remove it"
            ));
        } else if user.gid == 0 && user.name != "root" {
            answer.fail(format!(
                "{PASSWD}: {shown} is in the group 0; give it a group of its own"
            ));
        }
    }
    for group in &accounts.groups {
        let shown = Escaped(group.name.as_bytes());
        if group.gid == 0 && group.name != "root" {
            answer.fail(format!("{GROUP}: {shown} has the number 0; remove it"));
        }
    }
}

fn check_shadowed(accounts: &Accounts, answer: &mut Answer) {
    for user in &accounts.users {
        let shown = Escaped(user.name.as_bytes());
        if user.password != "x" {
            answer.fail(format!(
                "{PASSWD}: the password of {shown} is not in {SHADOW}; put x there"
            ));
        }
        if accounts.shadow(&user.name).is_none() {
            answer.fail(format!(
                "{SHADOW}: has no line for {shown}; add one that is locked"
            ));
        }
    }
    for shadow in accounts
        .shadows
        .iter()
        .filter(|shadow| shadow.password.is_empty())
    {
        let shown = Escaped(shadow.name.as_bytes());
        answer.fail(format!(
            "{SHADOW}: {shown} has an empty password; lock it with !"
        ));
    }
}

fn check_unique(accounts: &Accounts, answer: &mut Answer) {
    for (file, line) in &accounts.unread {
        // A line of the shadow file may hold a hash: its name alone is shown.
        let name = line.split(':').next().unwrap_or_default();
        let shown = Escaped(name.as_bytes());
        answer.fail(format!(
            "{file}: the line of {shown} cannot be read; mend it"
        ));
    }
    let users = accounts
        .users
        .iter()
        .map(|user| (user.name.as_str(), user.uid));
    let groups = accounts
        .groups
        .iter()
        .map(|group| (group.name.as_str(), group.gid));
    for (file, entries) in [
        (PASSWD, users.collect::<Vec<_>>()),
        (GROUP, groups.collect::<Vec<_>>()),
    ] {
        let (mut names, mut numbers) = (BTreeMap::new(), BTreeMap::new());
        for (name, number) in entries {
            let shown = Escaped(name.as_bytes());
            if names.insert(name, number).is_some() {
                answer.fail(format!("{file}: {shown} is there twice; remove one"));
            } else if let Some(first) = numbers.insert(number, name) {
                let first = Escaped(first.as_bytes());
                answer.fail(format!(
                    "{file}: {shown} and {first} have the number {number}; give one another"
                ));
            }
        }
    }
    for user in &accounts.users {
        if accounts.groups.iter().all(|group| group.gid != user.gid) {
            let shown = Escaped(user.name.as_bytes());
            let gid = user.gid;
            answer.fail(format!(
                "{PASSWD}: {shown} is in the group {gid}, which does not exist"
            ));
        }
    }
}

fn check_system(accounts: &Accounts, answer: &mut Answer) {
    for user in accounts.users.iter().filter(|user| user.is_system()) {
        let shown = Escaped(user.name.as_bytes());
        if user.has_shell() {
            let shell = Escaped(user.shell.as_bytes());
            answer.fail(format!(
                "{PASSWD}: {shown} has the shell {shell}; give it {NOLOGIN}"
            ));
        }
        if accounts
            .shadow(&user.name)
            .is_some_and(|it| !it.is_locked())
        {
            answer.fail(format!("{SHADOW}: {shown} has a password; lock it with !"));
        }
    }
}

/// People's accounts with a home directory below the root: the account, and where it is.
fn homes(accounts: &Accounts) -> impl Iterator<Item = (&User, ImagePath)> {
    let people = accounts.users.iter();
    let people = people.filter(|user| !user.is_system() && user.uid != 0 && user.has_shell());
    people.filter_map(|user| {
        let home = ImagePath::parse(&user.home).ok()?;
        (!home.is_root() && user.name != "sync").then_some((user, home))
    })
}

fn apply_homes(edit: &mut Edit<'_>, accounts: &Accounts) -> Result<(), EditError> {
    for (user, home) in homes(accounts) {
        let Some(node) = edit.look(|root| root.look(&home))? else {
            continue;
        };
        if node.kind == NodeKind::Directory {
            let owned = Owned {
                mode: Mode::of_st_mode(node.stat.mode.bits() & HOME),
                uid: user.uid,
                gid: node.stat.gid,
            };
            edit.own(&home, owned)?;
        }
        for name in TRUSTING {
            if let Ok(path) = home.join(name) {
                edit.remove(&path)?;
            }
        }
    }
    Ok(())
}

fn check_homes(root: &Root<'_>, accounts: &Accounts, answer: &mut Answer) -> Result<(), ViewError> {
    for (user, home) in homes(accounts) {
        let (shown, name) = (home.display(), Escaped(user.name.as_bytes()));
        let Some(node) = root.look(&home)? else {
            continue;
        };
        if node.kind != NodeKind::Directory {
            answer.fail(format!("{shown}: is no directory, and the home of {name}"));
            continue;
        }
        let mode = node.stat.mode;
        if mode.bits() & !HOME != 0 {
            answer.fail(format!("{shown}: has mode {mode}; at most 0750"));
        }
        if node.stat.uid != user.uid {
            answer.fail(format!(
                "{shown}: is of the user {}, not of {name}",
                node.stat.uid
            ));
        }
        for file in TRUSTING {
            if let Ok(path) = home.join(file)
                && root.look(&path)?.is_some()
            {
                answer.fail(format!("{}: is there; remove it", path.display()));
            }
        }
    }
    Ok(())
}

//! The files of accounts: passwd(5), shadow(5), group(5).

use crate::harden::root::fixed;
use crate::harden::{Root, ViewError};

pub(super) const PASSWD: &str = "/etc/passwd";
pub(super) const SHADOW: &str = "/etc/shadow";
pub(super) const GROUP: &str = "/etc/group";
pub(super) const GSHADOW: &str = "/etc/gshadow";

/// The first number of people's accounts (`UID_MIN` of login.defs(5), as Debian has it).
const PEOPLE: u32 = 1000;
/// `nobody`, whom no file should be of.
const NOBODY: u32 = 65_534;

/// The accounts and groups of a root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accounts {
    pub(super) users: Vec<User>,
    pub(super) shadows: Vec<Shadow>,
    pub(super) groups: Vec<Group>,
    /// Lines that cannot be read, by file.
    pub(super) unread: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
    pub(super) shell: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shadow {
    pub(super) name: String,
    pub(super) password: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) gid: u32,
    pub(super) members: Vec<String>,
}

impl Accounts {
    /// Reads them.
    ///
    /// # Errors
    /// A file is too large or cannot be read.
    pub(super) fn of(root: &Root<'_>) -> Result<Self, ViewError> {
        let mut accounts = Self::default();
        for file in [PASSWD, SHADOW, GROUP] {
            let text = root.text(&fixed(file))?.unwrap_or_default();
            for line in text.lines() {
                if accounts.read(file, line).is_none() {
                    accounts.unread.push((file, line.to_owned()));
                }
            }
        }
        Ok(accounts)
    }

    fn read(&mut self, file: &'static str, line: &str) -> Option<()> {
        let fields: Vec<&str> = line.split(':').collect();
        match (file, fields.as_slice()) {
            (PASSWD, [name, password, uid, gid, _, home, shell]) => self.users.push(User {
                name: (*name).to_owned(),
                password: (*password).to_owned(),
                uid: uid.parse().ok()?,
                gid: gid.parse().ok()?,
                home: (*home).to_owned(),
                shell: (*shell).to_owned(),
            }),
            (SHADOW, [name, password, ..]) if fields.len() == 9 => self.shadows.push(Shadow {
                name: (*name).to_owned(),
                password: (*password).to_owned(),
            }),
            (GROUP, [name, _, gid, members]) => self.groups.push(Group {
                name: (*name).to_owned(),
                gid: gid.parse().ok()?,
                members: members
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
                    .collect(),
            }),
            _ => return None,
        }
        Some(())
    }

    pub(super) fn shadow(&self, name: &str) -> Option<&Shadow> {
        self.shadows.iter().find(|shadow| shadow.name == name)
    }
}

impl User {
    /// Whether this is an account of the system's, of which nobody logs in. `sync` is none: its shell
    /// is a program that ends at once (base-passwd).
    pub(super) fn is_system(&self) -> bool {
        let is_nobody = self.uid == NOBODY;
        ((1..PEOPLE).contains(&self.uid) || is_nobody) && self.name != "sync"
    }

    /// Whether somebody could log in with this shell.
    pub(super) fn has_shell(&self) -> bool {
        let last = self.shell.rsplit('/').next().unwrap_or_default();
        !matches!(last, "nologin" | "false")
    }
}

impl Shadow {
    /// Whether no password fits: what is no hash begins with `!` or `*` (shadow(5)).
    pub(super) fn is_locked(&self) -> bool {
        self.password.starts_with(['!', '*'])
    }
}

/// The text of a file in whose line for `name` the field at `index` (from 0) is what `change` makes
/// of it.
pub(super) fn with_field(
    text: &str,
    name: &str,
    index: usize,
    change: impl Fn(&str) -> String,
) -> String {
    let lines = text.lines().map(|line| {
        let mut fields: Vec<String> = line.split(':').map(str::to_owned).collect();
        let is_meant = fields.first().is_some_and(|first| first == name);
        if let (true, Some(field)) = (is_meant, fields.get_mut(index)) {
            *field = change(field);
        }
        format!("{}\n", fields.join(":"))
    });
    lines.collect()
}

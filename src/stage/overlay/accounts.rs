//! The account databases: passwd(5), group(5), shadow(5), gshadow(5).
//!
//! Entries keep their order and, where nothing about them changes, their bytes.

use std::collections::BTreeSet;

use crate::path::ImagePath;

use super::OverlayError;
use super::canvas::{Canvas, fixed, origin};

/// Ids of system accounts (Debian Policy 9.2.2).
pub(super) const SYSTEM: (u32, u32) = (100, 999);
/// Ids of people's accounts (Debian Policy 9.2.2).
pub(super) const PEOPLE: (u32, u32) = (1000, 59_999);

/// The four files.
#[derive(Clone, Debug)]
pub(super) struct Accounts {
    passwd: Table,
    group: Table,
    shadow: Table,
    /// Images without one keep none.
    gshadow: Option<Table>,
}

/// A file of lines of fields between colons.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    path: ImagePath,
    rows: Vec<Vec<String>>,
    changed: bool,
}

/// A new line of passwd(5).
#[derive(Clone, Debug)]
pub(super) struct NewUser<'a> {
    pub(super) name: &'a str,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) comment: &'a str,
    pub(super) home: &'a str,
    pub(super) shell: &'a str,
    /// `!` or `*`.
    pub(super) password: &'a str,
    /// Days since 1970.
    pub(super) changed: u64,
}

/// Fields of passwd(5) that a template may change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Gid,
    Comment,
    Home,
    Shell,
}

impl Field {
    fn index(self) -> usize {
        match self {
            Self::Gid => 3,
            Self::Comment => 4,
            Self::Home => 5,
            Self::Shell => 6,
        }
    }
}

impl Accounts {
    /// Reads them from the tree.
    pub(super) fn read(canvas: &Canvas<'_>) -> Result<Self, OverlayError> {
        let needed = |path: &str, fields| {
            Table::read(canvas, path, fields)?.ok_or_else(|| OverlayError::AccountFile(fixed(path)))
        };
        Ok(Self {
            passwd: needed("/etc/passwd", 7)?,
            group: needed("/etc/group", 4)?,
            shadow: needed("/etc/shadow", 9)?,
            gshadow: Table::read(canvas, "/etc/gshadow", 4)?,
        })
    }

    /// Writes those that changed.
    pub(super) fn write(self, canvas: &mut Canvas<'_>) -> Result<(), OverlayError> {
        let tables = [self.passwd, self.group, self.shadow];
        for table in tables.into_iter().chain(self.gshadow) {
            if table.changed {
                let bytes = table.to_bytes();
                canvas.edit(&table.path, bytes, &origin("users"))?;
            }
        }
        Ok(())
    }

    pub(super) fn uid(&self, name: &str) -> Option<u32> {
        self.passwd.number(name)
    }

    pub(super) fn gid(&self, name: &str) -> Option<u32> {
        self.group.number(name)
    }

    /// The primary group of a user.
    pub(super) fn primary(&self, name: &str) -> Option<u32> {
        self.passwd.field(name, 3)?.parse().ok()
    }

    /// The home of a user.
    pub(super) fn home(&self, name: &str) -> Option<ImagePath> {
        ImagePath::parse(self.passwd.field(name, 5)?).ok()
    }

    /// Who has a uid.
    pub(super) fn user_of(&self, uid: u32) -> Option<&str> {
        self.passwd.name_of(uid)
    }

    /// Who has a gid.
    pub(super) fn group_of(&self, gid: u32) -> Option<&str> {
        self.group.name_of(gid)
    }

    /// The first number of `range` that is free as a gid and, with `both`, as a uid too.
    pub(super) fn free(&self, (first, last): (u32, u32), both: bool) -> Option<u32> {
        let mut taken = self.group.numbers();
        if both {
            taken.extend(self.passwd.numbers());
        }
        (first..=last).find(|id| !taken.contains(id))
    }

    /// The first number of `range` that is free as a uid.
    pub(super) fn free_uid(&self, (first, last): (u32, u32)) -> Option<u32> {
        let taken = self.passwd.numbers();
        (first..=last).find(|id| !taken.contains(id))
    }

    pub(super) fn add_group(&mut self, name: &str, gid: u32) {
        self.group.add(&[name, "x", &gid.to_string(), ""]);
        if let Some(gshadow) = &mut self.gshadow {
            gshadow.add(&[name, "!", "", ""]);
        }
    }

    pub(super) fn add_user(&mut self, user: &NewUser<'_>) {
        let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
        self.passwd.add(&[
            user.name,
            "x",
            &uid,
            &gid,
            user.comment,
            user.home,
            user.shell,
        ]);
        let changed = user.changed.to_string();
        self.shadow.add(&[
            user.name,
            user.password,
            &changed,
            "0",
            "99999",
            "7",
            "",
            "",
            "",
        ]);
    }

    pub(super) fn set(&mut self, name: &str, field: Field, value: &str) {
        self.passwd.set(name, field.index(), value);
    }

    /// Locks a password that could be used; one that is locked or unset already stays as it is.
    pub(super) fn lock(&mut self, name: &str, changed: u64) {
        let usable = |password: &str| !password.starts_with(['!', '*']);
        if self.shadow.field(name, 1).is_some_and(usable) {
            self.shadow.set(name, 1, "!");
            self.shadow.set(name, 2, &changed.to_string());
        }
    }

    /// Makes `user` a member of `group`; false where there is no such group.
    pub(super) fn join(&mut self, user: &str, group: &str) -> bool {
        if !self.group.join(group, user) {
            return false;
        }
        if let Some(gshadow) = &mut self.gshadow {
            gshadow.join(group, user);
        }
        true
    }
}

impl Table {
    fn read(canvas: &Canvas<'_>, path: &str, fields: usize) -> Result<Option<Self>, OverlayError> {
        let path = fixed(path);
        let Some(bytes) = canvas.read(&path)? else {
            return Ok(None);
        };
        let wrong = |line: usize| OverlayError::AccountLine {
            path: path.clone(),
            line: line.saturating_add(1),
        };
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..good).unwrap_or_default();
            wrong(String::from_utf8_lossy(before).matches('\n').count())
        })?;
        let mut rows = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let row: Vec<String> = line.split(':').map(str::to_owned).collect();
            if row.len() != fields {
                return Err(wrong(number));
            }
            rows.push(row);
        }
        Ok(Some(Self {
            path,
            rows,
            changed: false,
        }))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for row in &self.rows {
            bytes.extend_from_slice(row.join(":").as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }

    fn row(&self, name: &str) -> Option<&Vec<String>> {
        self.rows
            .iter()
            .find(|row| row.first().is_some_and(|first| first == name))
    }

    fn field(&self, name: &str, index: usize) -> Option<&str> {
        self.row(name)?.get(index).map(String::as_str)
    }

    /// The number of an entry: the third field of passwd(5) and group(5).
    fn number(&self, name: &str) -> Option<u32> {
        self.field(name, 2)?.parse().ok()
    }

    fn numbers(&self) -> BTreeSet<u32> {
        let numbers = self.rows.iter().filter_map(|row| row.get(2)?.parse().ok());
        numbers.collect()
    }

    fn name_of(&self, number: u32) -> Option<&str> {
        let row = self
            .rows
            .iter()
            .find(|row| row.get(2).and_then(|text| text.parse().ok()) == Some(number))?;
        row.first().map(String::as_str)
    }

    fn add(&mut self, fields: &[&str]) {
        self.rows
            .push(fields.iter().map(|field| (*field).to_owned()).collect());
        self.changed = true;
    }

    fn set(&mut self, name: &str, index: usize, value: &str) {
        let row = self
            .rows
            .iter_mut()
            .find(|row| row.first().is_some_and(|first| first == name));
        if let Some(slot) = row.and_then(|row| row.get_mut(index))
            && slot != value
        {
            value.clone_into(slot);
            self.changed = true;
        }
    }

    /// Adds a member to the list in the fourth field; false where there is no such entry.
    fn join(&mut self, group: &str, user: &str) -> bool {
        let Some(members) = self.field(group, 3) else {
            return false;
        };
        if members.split(',').all(|member| member != user) {
            let joined = if members.is_empty() {
                user.to_owned()
            } else {
                format!("{members},{user}")
            };
            self.set(group, 3, &joined);
        }
        true
    }
}

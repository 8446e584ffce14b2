//! Who logs in over SSH and which services are the template's own: what `[segment]` is compiled with.

use std::collections::BTreeMap;

use super::model::{FileKind, Template};
use crate::path::ImagePath;
use crate::segment::{Confined, UnitName};

/// Where the image has the list of who may log in: sshd reads it before the template's own files.
pub const LOGINS: &str = "/etc/ssh/sshd_config.d/05-karat-segment.conf";

/// Where this machine is to itself: `USER@HOST` of `sshd_config(5)`.
const HERE: [&str; 2] = ["127.0.0.0/8", "::1"];

impl Template {
    /// The limits of services that follow from `[segment]`; `packaged` says whether a package brings a
    /// service along, of which the template then says only what it says by name.
    pub fn confined(&self, packaged: impl Fn(&UnitName) -> bool) -> BTreeMap<UnitName, Confined> {
        let own = self.files.iter().filter_map(|file| match file.kind {
            FileKind::Regular(_) => own_service(&file.path),
            FileKind::Absent | FileKind::Directory | FileKind::Symlink(_) => None,
        });
        let own: Vec<UnitName> = own.filter(|unit| !packaged(unit)).collect();
        let confined = self.segment.confined(&own).into_iter();
        confined.map(|(unit, it)| (unit.clone(), it)).collect()
    }

    /// The list of who may log in over SSH, for [`LOGINS`]; `None` where the template does not say it.
    ///
    /// Where `[verify.facts]` says that nobody has a password, and no keys but the image's, those who log
    /// in are the `[[users]]` with keys. Where `admin_from` is empty, they do so from the machine itself.
    /// A list of the template's own is not made longer.
    pub fn logins(&self) -> Option<String> {
        self.segment.category?;
        if self.sshd_says(&["allowusers"]) {
            return None;
        }
        let is_closed = self.segment.admin_from.as_ref().is_some_and(Vec::is_empty);
        let users = self.people();
        let patterns: Vec<String> = match (users.is_empty(), is_closed) {
            (true, false) => return None,
            (true, true) => HERE.map(|host| format!("*@{host}")).to_vec(),
            (false, false) => users.into_iter().map(str::to_owned).collect(),
            (false, true) => users
                .into_iter()
                .flat_map(|user| HERE.map(|host| format!("{user}@{host}")))
                .collect(),
        };
        Some(format!(
            "# Written by karat from [segment] and [[users]] of the image's template.\nAllowUsers {}\n",
            patterns.join(" ")
        ))
    }

    /// Who has a key, where nobody else can have one, or a password.
    fn people(&self) -> Vec<&str> {
        let facts = &self.verify.facts;
        let accounts = facts.accounts.as_ref();
        let passwords = accounts.and_then(|it| it.password.as_ref());
        let no_passwords = passwords.is_some_and(Vec::is_empty);
        // Files that may be made or changed on an instance: keys are among them where a pattern ends in
        // their name, or covers whole homes.
        let are_keys = |text: &str| text.contains("authorized_keys") || text.ends_with("**");
        let startup = facts.startup.as_ref();
        let no_keys = startup.is_some_and(|it| !it.allow.iter().any(|at| are_keys(at.as_str())));
        let own_keys = |path: &ImagePath| {
            let path = String::from_utf8_lossy(path.as_bytes()).into_owned();
            path.contains("authorized_keys")
        };
        let elsewhere = self.files.iter().any(|file| own_keys(&file.path));
        let other_ways = [
            "authorizedkeys",
            "authorizedprincipals",
            "hostbased",
            "kbdinteractive",
            "passwordauthentication",
            "trustedusercakeys",
        ];
        if !no_passwords || !no_keys || elsewhere || self.sshd_says(&other_ways) {
            return Vec::new();
        }
        let users = self.users.iter().filter(|user| !user.ssh_keys.is_empty());
        let mut users: Vec<&str> = users.map(|user| user.name.as_str()).collect();
        users.sort_unstable();
        users
    }

    /// Whether a file of the template's own for sshd has one of these words.
    fn sshd_says(&self, words: &[&str]) -> bool {
        self.files.iter().any(|file| {
            let path = file.path.as_bytes();
            let FileKind::Regular(body) = &file.kind else {
                return false;
            };
            let text = String::from_utf8_lossy(&body.bytes).to_ascii_lowercase();
            path.starts_with(b"/etc/ssh/sshd_config")
                && words.iter().any(|word| text.contains(word))
        })
    }
}

/// The service whose unit stands at `path`.
fn own_service(path: &ImagePath) -> Option<UnitName> {
    let text = std::str::from_utf8(path.as_bytes()).ok()?;
    let (directory, name) = text.rsplit_once('/')?;
    let directories = [
        "/etc/systemd/system",
        "/usr/lib/systemd/system",
        "/usr/local/lib/systemd/system",
    ];
    let is_unit = directories.contains(&directory) && name.ends_with(".service");
    UnitName::new(name).filter(|_| is_unit)
}

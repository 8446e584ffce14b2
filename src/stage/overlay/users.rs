//! `[[groups]]` and `[[users]]`.

use crate::path::ImagePath;
use crate::template::{Group, Owner, User};
use crate::tree::{Inode, Kind, Mode, Stat};

use super::OverlayError;
use super::accounts::{Accounts, Field, NewUser, PEOPLE, SYSTEM};
use super::canvas::{Canvas, Owned, fixed, origin};

/// Adds groups, then users, then what their homes hold.
pub(super) fn apply(
    canvas: &mut Canvas<'_>,
    groups: &[Group],
    users: &[User],
) -> Result<(), OverlayError> {
    if groups.is_empty() && users.is_empty() {
        return Ok(());
    }
    // shadow(5) counts days; the Epoch is the build's only clock.
    let today = canvas.tree().epoch().seconds() / 86_400;
    let mut accounts = Accounts::read(canvas)?;
    for group in groups {
        add_group(&mut accounts, group)?;
    }
    let mut homes = Vec::new();
    for user in users {
        let fresh = accounts.uid(user.name.as_str()).is_none();
        if fresh {
            add_user(&mut accounts, user, today)?;
        } else {
            change_user(&mut accounts, user, today)?;
        }
        for group in &user.groups {
            if !accounts.join(user.name.as_str(), group.as_str()) {
                return Err(unknown_group(group.as_str(), user));
            }
        }
        homes.push((user, fresh));
    }
    accounts.clone().write(canvas)?;
    for (user, fresh) in homes {
        fill_home(canvas, &accounts, user, fresh)?;
    }
    Ok(())
}

fn add_group(accounts: &mut Accounts, group: &Group) -> Result<(), OverlayError> {
    let name = group.name.as_str();
    if let Some(has) = accounts.gid(name) {
        return match group.gid {
            Some(stated) if stated != has => Err(OverlayError::IdDiffers {
                what: "group",
                name: name.to_owned(),
                has,
                stated,
            }),
            _ => Ok(()),
        };
    }
    let gid = if let Some(gid) = group.gid {
        check_gid(accounts, name, gid)?
    } else {
        let range = range(group.system);
        let free = accounts.free(range, false);
        free.ok_or_else(|| no_free_id("group", name, range))?
    };
    accounts.add_group(name, gid);
    Ok(())
}

fn add_user(accounts: &mut Accounts, user: &User, today: u64) -> Result<(), OverlayError> {
    let name = user.name.as_str();
    let range = range(user.system);
    if let Some(uid) = user.uid
        && let Some(other) = accounts.user_of(uid)
    {
        return Err(OverlayError::IdTaken {
            what: "user",
            name: name.to_owned(),
            id: uid,
            other: other.to_owned(),
        });
    }
    let free = |id: Option<u32>| id.ok_or_else(|| no_free_id("user", name, range));
    let (uid, gid) = match (&user.group, user.uid) {
        (Some(group), uid) => {
            let gid = group_id(accounts, group, user)?;
            let uid = uid.map_or_else(|| free(accounts.free_uid(range)), Ok)?;
            (uid, gid)
        }
        (None, uid) => {
            // A group of the user's own name, as adduser and useradd do it, with the same number
            // where that is free.
            if let Some(gid) = accounts.gid(name) {
                let same = accounts.user_of(gid).is_none().then_some(gid);
                let uid = uid.or(same);
                (uid.map_or_else(|| free(accounts.free_uid(range)), Ok)?, gid)
            } else {
                let uid = uid.map_or_else(|| free(accounts.free(range, true)), Ok)?;
                let gid = match accounts.group_of(uid) {
                    None => uid,
                    Some(_) => free(accounts.free(range, false))?,
                };
                accounts.add_group(name, gid);
                (uid, gid)
            }
        }
    };
    let home = home_of(user);
    let shell = user.shell.as_ref().map_or_else(
        || default_shell(user.system).to_owned(),
        |shell| shell.display().to_string(),
    );
    accounts.add_user(&NewUser {
        name,
        uid,
        gid,
        comment: user.comment.as_deref().unwrap_or_default(),
        home: &home.display().to_string(),
        shell: &shell,
        password: if user.locked { "!" } else { "*" },
        changed: today,
    });
    Ok(())
}

/// Changes what the template states about an account that packages have made.
fn change_user(accounts: &mut Accounts, user: &User, today: u64) -> Result<(), OverlayError> {
    let name = user.name.as_str();
    if let (Some(stated), Some(has)) = (user.uid, accounts.uid(name))
        && stated != has
    {
        return Err(OverlayError::IdDiffers {
            what: "user",
            name: name.to_owned(),
            has,
            stated,
        });
    }
    if let Some(group) = &user.group {
        let gid = group_id(accounts, group, user)?;
        accounts.set(name, Field::Gid, &gid.to_string());
    }
    if let Some(comment) = &user.comment {
        accounts.set(name, Field::Comment, comment);
    }
    if let Some(home) = &user.home {
        accounts.set(name, Field::Home, &home.display().to_string());
    }
    if let Some(shell) = &user.shell {
        accounts.set(name, Field::Shell, &shell.display().to_string());
    }
    if user.locked {
        accounts.lock(name, today);
    }
    Ok(())
}

/// Makes the home of a new account, and writes the keys that may log in.
fn fill_home(
    canvas: &mut Canvas<'_>,
    accounts: &Accounts,
    user: &User,
    fresh: bool,
) -> Result<(), OverlayError> {
    let name = user.name.as_str();
    let wanted = (fresh && (!user.system || user.home.is_some())) || !user.ssh_keys.is_empty();
    let (Some(uid), Some(gid), Some(home)) = (
        accounts.uid(name),
        accounts.primary(name),
        accounts.home(name),
    ) else {
        return Ok(());
    };
    if !wanted || home == fixed(NO_HOME) {
        return Ok(());
    }
    if canvas.tree().resolve(&home).is_none() {
        make_home(canvas, &home, (uid, gid), user.system)?;
    }
    if user.ssh_keys.is_empty() {
        return Ok(());
    }
    // sshd(8) reads neither if others may write them.
    let private = |mode| Owned { mode, uid, gid };
    let too_long = |_overlong| OverlayError::Parent(home.clone());
    let directory = home.join(".ssh").map_err(too_long)?;
    let file = directory.join("authorized_keys").map_err(too_long)?;
    let mut text = String::new();
    for key in &user.ssh_keys {
        text.push_str(key.as_str());
        text.push('\n');
    }
    canvas.put_directory(
        &directory,
        private(Mode::of_st_mode(0o700)),
        &origin("users"),
    )?;
    canvas.put_file(
        &file,
        text.into_bytes(),
        private(Mode::of_st_mode(0o600)),
        &origin("users"),
    )
}

/// A home with what `/etc/skel` holds; modes as adduser(8) gives them in Debian 12 and later.
fn make_home(
    canvas: &mut Canvas<'_>,
    home: &ImagePath,
    (uid, gid): (u32, u32),
    system: bool,
) -> Result<(), OverlayError> {
    let mode = Mode::of_st_mode(if system { 0o755 } else { 0o700 });
    let origin = origin("users");
    canvas.put_directory(home, Owned { mode, uid, gid }, &origin)?;
    if system {
        return Ok(());
    }
    let home = canvas.locate(home)?;
    let skeleton = fixed("/etc/skel");
    let mut copies = Vec::new();
    for entry in canvas.tree().subtree(&skeleton) {
        let below = entry.path.relative().strip_prefix(skeleton.relative());
        let below = below.unwrap_or_default();
        let kind = entry.inode.kind.clone();
        let fits = matches!(kind, Kind::Regular(_) | Kind::Directory | Kind::Symlink(_));
        if below.is_empty() || !fits {
            continue;
        }
        let mut path = home.as_bytes().to_vec();
        path.extend_from_slice(below);
        let path =
            ImagePath::parse(path).map_err(|_overlong| OverlayError::Parent(home.clone()))?;
        let inode = Inode {
            stat: Stat {
                uid,
                gid,
                ..entry.inode.stat
            },
            kind,
            xattrs: entry.inode.xattrs.clone(),
            origin: origin.clone(),
        };
        copies.push((path, inode));
    }
    for (path, inode) in copies {
        canvas.copy(&path, inode)?;
    }
    Ok(())
}

/// Debian's home of accounts that have none.
const NO_HOME: &str = "/nonexistent";

fn home_of(user: &User) -> ImagePath {
    match &user.home {
        Some(home) => home.clone(),
        None if user.system => fixed(NO_HOME),
        None => fixed(&format!("/home/{}", user.name)),
    }
}

fn default_shell(system: bool) -> &'static str {
    if system {
        "/usr/sbin/nologin"
    } else {
        "/bin/bash"
    }
}

fn range(system: bool) -> (u32, u32) {
    if system { SYSTEM } else { PEOPLE }
}

fn group_id(accounts: &Accounts, group: &Owner, user: &User) -> Result<u32, OverlayError> {
    match group {
        Owner::Id(gid) => match accounts.group_of(*gid) {
            Some(_) => Ok(*gid),
            None => Err(unknown_group(&gid.to_string(), user)),
        },
        Owner::Name(name) => accounts
            .gid(name.as_str())
            .ok_or_else(|| unknown_group(name.as_str(), user)),
    }
}

fn check_gid(accounts: &Accounts, name: &str, gid: u32) -> Result<u32, OverlayError> {
    match accounts.group_of(gid) {
        None => Ok(gid),
        Some(other) => Err(OverlayError::IdTaken {
            what: "group",
            name: name.to_owned(),
            id: gid,
            other: other.to_owned(),
        }),
    }
}

fn unknown_group(name: &str, user: &User) -> OverlayError {
    OverlayError::UnknownGroup {
        name: name.to_owned(),
        of: format!("user {}", user.name),
    }
}

fn no_free_id(what: &'static str, name: &str, (first, last): (u32, u32)) -> OverlayError {
    OverlayError::NoFreeId {
        what,
        name: name.to_owned(),
        first,
        last,
    }
}

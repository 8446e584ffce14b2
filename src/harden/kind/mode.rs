//! `kind = "mode"`: the most that the mode of files may be, and whose they are.
//!
//! ```toml
//! paths = ["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf"]
//! mode = "0600"                # no bit beyond these
//! owner = "root"               # optional; or owners = ["root", "…"], any of which will do
//! group = "root"               # optional; or groups
//! except = ["/…"]              # optional: paths that are left out
//! required = true              # optional: one path at least must be there
//! files = true                 # optional: regular files alone, whatever else fits the paths
//! ```
//!
//! Symbolic links are left alone: what they lead to counts where it is named itself.

use std::sync::Arc;

use super::owner::{self, Owner};
use super::{Answer, Phase, Setting};
use crate::harden::{Edit, EditError, Node, NodeKind, Owned, Root, ViewError};
use crate::path::{Escaped, Glob, ImagePath};
use crate::tree::Mode;
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

/// Modes and owners of some paths.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Modes {
    paths: Vec<Glob>,
    except: Vec<Glob>,
    mode: Option<Mode>,
    owners: Vec<Owner>,
    groups: Vec<Owner>,
    required: bool,
    files: bool,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    if !table.has("paths") {
        table.missing("paths", None);
    }
    let paths = globs(table, "paths");
    let except = globs(table, "except");
    let mode = owner::mode(table).map(|at| at.value);
    let mut owners = owner::owners(table, "owners");
    owners.extend(owner::owner(table, "owner"));
    let mut groups = owner::owners(table, "groups");
    groups.extend(owner::owner(table, "group"));
    let required = table.boolean("required").is_some_and(|at| at.value);
    let files = table.boolean("files").is_some_and(|at| at.value);
    if mode.is_none() && owners.is_empty() && groups.is_empty() {
        let message = "a mode states at least one of mode, owner and group".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
        return None;
    }
    if paths.is_empty() {
        return None;
    }
    Some(Arc::new(Modes {
        paths,
        except,
        mode,
        owners,
        groups,
        required,
        files,
    }))
}

/// A list of patterns of paths.
pub(super) fn globs(table: &Reader<'_>, key: &'static str) -> Vec<Glob> {
    let globs = table.strings(key).into_iter().filter_map(|at| {
        let glob = Glob::parse(&at.value);
        if let Err(rule) = &glob {
            let message = format!("{:?} is not allowed: {rule}", at.value);
            table.sink().report(Code::T006, &at.span, message, None);
        }
        glob.ok()
    });
    globs.collect()
}

impl Setting for Modes {
    fn kind(&self) -> &'static str {
        "mode"
    }

    fn about(&self) -> Vec<String> {
        let mut about: Vec<String> = self
            .paths
            .iter()
            .map(|glob| format!("mode {glob}"))
            .collect();
        about.sort();
        about
    }

    fn describe(&self) -> Vec<String> {
        let paths: Vec<&str> = self.paths.iter().map(Glob::as_str).collect();
        let mut wanted = Vec::new();
        if let Some(mode) = self.mode {
            wanted.push(format!("mode at most {mode}"));
        }
        for (what, names) in [("owner", &self.owners), ("group", &self.groups)] {
            if !names.is_empty() {
                wanted.push(format!("{what} {}", any_of(names)));
            }
        }
        vec![format!("{}: {}", paths.join(", "), wanted.join(", "))]
    }

    fn phase(&self) -> Phase {
        Phase::Stat
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let wrong = edit.look(|root| -> Result<_, ViewError> {
            let ids = self.ids(root)?;
            let nodes = self.nodes(root)?.into_iter();
            let wrong = nodes.filter_map(|(path, node)| {
                let owned = ids.wanted(self.mode, &node);
                let stands = (node.stat.mode, node.stat.uid, node.stat.gid);
                (stands != (owned.mode, owned.uid, owned.gid)).then_some((path, owned))
            });
            Ok(wrong.collect::<Vec<_>>())
        })?;
        for (path, owned) in wrong {
            edit.own(&path, owned)?;
        }
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let ids = self.ids(root)?;
        let nodes = self.nodes(root)?;
        let names = || {
            let paths: Vec<&str> = self.paths.iter().map(Glob::as_str).collect();
            paths.join(", ")
        };
        if nodes.is_empty() && self.required {
            answer.fail(format!("none of {} is there", names()));
        } else if nodes.is_empty() {
            answer.not_applicable(format!("none of {} is there", names()));
        }
        for (path, node) in nodes {
            let shown = Escaped(path.as_bytes());
            let owned = ids.wanted(self.mode, &node);
            if let (Some(most), true) = (self.mode, owned.mode != node.stat.mode) {
                let mode = node.stat.mode;
                answer.fail(format!(
                    "{shown}: its mode is {mode}; wanted: at most {most}"
                ));
            }
            let kinds = [
                ("owner", owned.uid, node.stat.uid, &self.owners),
                ("group", owned.gid, node.stat.gid, &self.groups),
            ];
            for (what, wanted, stands, names) in kinds {
                if wanted != stands {
                    let names = any_of(names);
                    answer.fail(format!("{shown}: its {what} is {stands}; wanted: {names}"));
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let nodes = edit.look(|root| self.nodes(root))?;
        let Some((path, node)) = nodes.into_iter().next() else {
            return Ok(());
        };
        let mut owned = Owned {
            mode: node.stat.mode,
            uid: node.stat.uid,
            gid: node.stat.gid,
        };
        match self.mode {
            // A bit that is no set-id bit and lets nobody else write, where there is one.
            Some(most) => {
                let bits = [0o040, 0o004, 0o010, 0o001, 0o100, 0o020, 0o002];
                let more = bits.into_iter().find(|bit| most.bits() & bit == 0);
                let bits = node.stat.mode.bits() | more.unwrap_or(0o4000);
                owned.mode = Mode::new(bits).unwrap();
            }
            None if !self.owners.is_empty() => owned.uid = 4711,
            None => owned.gid = 4711,
        }
        edit.own(&path, owned)
    }
}

/// The numbers of the owners and groups that are wanted.
struct Ids {
    uids: Vec<u32>,
    gids: Vec<u32>,
}

impl Ids {
    /// What a node should have.
    fn wanted(&self, most: Option<Mode>, node: &Node) -> Owned {
        let one = |wanted: &[u32], stands: u32| match wanted.first() {
            Some(first) if !wanted.contains(&stands) => *first,
            _ => stands,
        };
        let bits = most.map_or(0o7777, Mode::bits) & node.stat.mode.bits();
        Owned {
            mode: Mode::of_st_mode(bits),
            uid: one(&self.uids, node.stat.uid),
            gid: one(&self.gids, node.stat.gid),
        }
    }
}

impl Modes {
    fn ids(&self, root: &Root<'_>) -> Result<Ids, ViewError> {
        let mut ids = Ids {
            uids: Vec::new(),
            gids: Vec::new(),
        };
        for owner in &self.owners {
            ids.uids.extend(owner.uid(root)?);
        }
        for group in &self.groups {
            ids.gids.extend(group.gid(root)?);
        }
        // A name that the image does not have is nobody's.
        if ids.uids.is_empty() && !self.owners.is_empty() {
            ids.uids.push(0);
        }
        if ids.gids.is_empty() && !self.groups.is_empty() {
            ids.gids.push(0);
        }
        Ok(ids)
    }

    fn nodes(&self, root: &Root<'_>) -> Result<Vec<(ImagePath, Node)>, ViewError> {
        let mut nodes = Vec::new();
        for glob in &self.paths {
            for (path, node) in root.glob(glob)? {
                let excepted = self.except.iter().any(|glob| glob.matches(&path));
                let fits = match node.kind {
                    NodeKind::Symlink(_) => false,
                    NodeKind::Regular(_) => true,
                    NodeKind::Directory | NodeKind::Special => !self.files,
                };
                if !excepted && fits {
                    nodes.push((path, node));
                }
            }
        }
        nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
        nodes.dedup_by(|(a, _), (b, _)| a == b);
        Ok(nodes)
    }
}

fn any_of(names: &[Owner]) -> String {
    let names: Vec<&str> = names.iter().map(Owner::name).collect();
    names.join(" or ")
}

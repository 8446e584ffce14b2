//! `kind = "setid"`: which programs run as their owner or group, or with capabilities of their own.
//!
//! ```toml
//! allow = ["/usr/bin/sudo", "/usr/bin/su"]    # globs of paths that keep their set-id bits
//! caps = []                                   # globs of paths that keep file capabilities
//! strip = true                                # others lose them; false: they are only looked for
//! ```
//!
//! At least one of `allow` and `caps` is stated; what is not stated is not looked at.
//!
//! Set-group-id bits of directories say who owns new files, and are left alone.

use std::sync::Arc;

use super::absent::globs;
use super::{Answer, Phase, Setting};
use crate::harden::survey::{CAPABILITY, SET_ID};
use crate::harden::{Edit, EditError, NodeKind, Owned, Root, ViewError};
use crate::path::{Glob, ImagePath};
use crate::tree::Mode;
use crate::written::reader::Reader;

/// What may keep which.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SetId {
    allow: Option<Vec<Glob>>,
    caps: Option<Vec<Glob>>,
    strip: bool,
}

/// A file with more rights than who runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Raised {
    path: ImagePath,
    /// Mode, owner and group.
    owned: Owned,
    has_capabilities: bool,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    if !table.has("allow") && !table.has("caps") {
        table.missing("allow or caps", None);
        return None;
    }
    // Both are read: a key that nobody asks for is an unknown one.
    let (allow, caps) = (globs(table, "allow"), globs(table, "caps"));
    let setting = SetId {
        allow: table.has("allow").then_some(allow),
        caps: table.has("caps").then_some(caps),
        strip: table.boolean("strip").is_none_or(|at| at.value),
    };
    Some(Arc::new(setting))
}

/// The regular files with set-id bits, in bytewise order.
pub(super) fn programs(root: &Root<'_>) -> Result<Vec<ImagePath>, ViewError> {
    let raised = raised(root)?.into_iter();
    let set_id = raised.filter(|file| file.owned.mode.bits() & SET_ID != 0);
    Ok(set_id.map(|file| file.path).collect())
}

fn raised(root: &Root<'_>) -> Result<Vec<Raised>, ViewError> {
    let mut found = Vec::new();
    for (path, node) in root.survey()? {
        let has_capabilities = node.xattrs.contains_key(CAPABILITY);
        let is_set_id = node.stat.mode.bits() & SET_ID != 0;
        if matches!(node.kind, NodeKind::Regular(_)) && (is_set_id || has_capabilities) {
            found.push(Raised {
                path: path.clone(),
                owned: Owned {
                    mode: node.stat.mode,
                    uid: node.stat.uid,
                    gid: node.stat.gid,
                },
                has_capabilities,
            });
        }
    }
    Ok(found)
}

/// Whether a path may have it; what is not stated allows all.
fn allowed(globs: Option<&Vec<Glob>>, path: &ImagePath) -> bool {
    globs.is_none_or(|globs| globs.iter().any(|glob| glob.matches(path)))
}

impl Setting for SetId {
    fn kind(&self) -> &'static str {
        "setid"
    }

    fn about(&self) -> Vec<String> {
        let allow = self.allow.iter().map(|_| "set-id bits".to_owned());
        let caps = self.caps.iter().map(|_| "file capabilities".to_owned());
        caps.chain(allow).collect()
    }

    fn describe(&self) -> Vec<String> {
        let list = |globs: &[Glob]| match globs {
            [] => "no file has".to_owned(),
            globs => {
                let names: Vec<&str> = globs.iter().map(Glob::as_str).collect();
                format!("no file but {} has", names.join(", "))
            }
        };
        let allow = self
            .allow
            .iter()
            .map(|globs| format!("{} set-id bits", list(globs)));
        let caps = self
            .caps
            .iter()
            .map(|globs| format!("{} capabilities", list(globs)));
        allow.chain(caps).collect()
    }

    fn phase(&self) -> Phase {
        Phase::Stat
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        if !self.strip {
            return Ok(());
        }
        for file in edit.look(raised)? {
            let bits = file.owned.mode.bits();
            if bits & SET_ID != 0 && !allowed(self.allow.as_ref(), &file.path) {
                let mode = Mode::of_st_mode(bits & !SET_ID);
                edit.own(&file.path, Owned { mode, ..file.owned })?;
            }
            if file.has_capabilities && !allowed(self.caps.as_ref(), &file.path) {
                edit.remove_xattr(&file.path, CAPABILITY)?;
            }
        }
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        for file in raised(root)? {
            let shown = file.path.display();
            let mode = file.owned.mode;
            if mode.bits() & SET_ID != 0 && !allowed(self.allow.as_ref(), &file.path) {
                answer.fail(format!(
                    "{shown}: has mode {mode}, and is none of those that may have set-id bits; \
                     remove them, or the package"
                ));
            }
            if file.has_capabilities && !allowed(self.caps.as_ref(), &file.path) {
                answer.fail(format!(
                    "{shown}: has capabilities, and is none of those that may; remove them (setcap -r)"
                ));
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = crate::harden::root::fixed("/usr/local/bin/by-hand");
        let mode = Mode::of_st_mode(if self.allow.is_some() { 0o4755 } else { 0o755 });
        edit.put(&path, b"#!/bin/sh\n".to_vec(), Owned::root(mode))?;
        if self.allow.is_none() {
            edit.set_xattr(&path, CAPABILITY, &[1, 0, 0, 2]);
        }
        Ok(())
    }
}

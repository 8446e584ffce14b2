//! `kind = "file"`: a whole file.
//!
//! ```toml
//! path = "/etc/issue.net"
//! content = "Authorised use only.\n"
//! mode = "0644"                # optional, as owner and group: root's
//! owner = "root"
//! group = "root"
//! ```

use std::sync::Arc;

use super::owner::{self, Owner};
use super::{Answer, Setting};
use crate::harden::parse::path;
use crate::harden::{Edit, EditError, NodeKind, Owned, Root, ViewError};
use crate::path::ImagePath;
use crate::tree::Mode;
use crate::written::reader::Reader;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    path: ImagePath,
    content: String,
    mode: Mode,
    owner: Owner,
    group: Owner,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    for key in ["path", "content"] {
        if !table.has(key) {
            table.missing(key, None);
        }
    }
    let path = table.parsed("path", "a path is absolute and normal", path);
    let rule = "it is at most 65536 bytes and ends with a line end, if it is not empty";
    let content = table.parsed("content", rule, |text| {
        let fits = text.len() <= 65_536 && (text.is_empty() || text.ends_with('\n'));
        fits.then(|| text.to_owned())
    });
    let mode = owner::mode(table).map_or(Mode::FILE, |at| at.value);
    let owner = owner::owner(table, "owner").unwrap_or_else(Owner::root);
    let group = owner::owner(table, "group").unwrap_or_else(Owner::root);
    Some(Arc::new(File {
        path: path?.value,
        content: content?.value,
        mode,
        owner,
        group,
    }))
}

impl Setting for File {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn about(&self) -> Vec<String> {
        vec![format!("file {}", self.path)]
    }

    fn describe(&self) -> Vec<String> {
        vec![format!(
            "{}: {} bytes of the rule's own, mode {}, of {}:{}",
            self.path,
            self.content.len(),
            self.mode,
            self.owner.name(),
            self.group.name()
        )]
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let (uid, gid) = edit.look(|root| -> Result<_, ViewError> {
            Ok((self.owner.uid(root)?, self.group.gid(root)?))
        })?;
        let (Some(uid), Some(gid)) = (uid, gid) else {
            let (owner, group) = (self.owner.name(), self.group.name());
            let message = format!("the image has no user {owner} or no group {group}");
            return Err(EditError::Rule(message));
        };
        let owned = Owned {
            mode: self.mode,
            uid,
            gid,
        };
        edit.put(&self.path, self.content.clone().into_bytes(), owned)
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let Some((_, node)) = root.resolve(&self.path)? else {
            answer.fail(format!("{}: there is no such file", self.path));
            return Ok(());
        };
        if !matches!(node.kind, NodeKind::Regular(_)) {
            answer.fail(format!("{}: it is no regular file", self.path));
            return Ok(());
        }
        if root.read(&self.path)?.as_deref() != Some(self.content.as_bytes()) {
            answer.fail(format!(
                "{}: its content is not the rule's; 'karat harden explain' shows it",
                self.path
            ));
        }
        if node.stat.mode != self.mode {
            answer.fail(format!(
                "{}: its mode is {}; wanted: {}",
                self.path, node.stat.mode, self.mode
            ));
        }
        let owner = (self.owner.uid(root)?, self.group.gid(root)?);
        if owner != (Some(node.stat.uid), Some(node.stat.gid)) {
            answer.fail(format!(
                "{}: it belongs to {}:{}; wanted: {}:{}",
                self.path,
                node.stat.uid,
                node.stat.gid,
                self.owner.name(),
                self.group.name()
            ));
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        edit.edit(
            &self.path,
            format!("{}# by hand\n", self.content).into_bytes(),
        )
    }
}

//! What modes and owners say.

use super::is_excepted;
use crate::harden::kind::Answer;
use crate::harden::root::fixed;
use crate::harden::survey::{NOT_OWNER_WRITE, Names, OTHERS_WRITE, PROGRAMS};
use crate::harden::{Edit, EditError, Node, NodeKind, Owned, Root, ViewError};
use crate::path::{Glob, ImagePath};
use crate::tree::Mode;

/// In a directory, only owners may remove what is theirs.
const STICKY: u32 = 0o1000;

/// Everything of the root that `fits`, and is not left out.
fn all(
    root: &Root<'_>,
    except: &[Glob],
    fits: impl Fn(&ImagePath, &Node) -> bool,
) -> Result<Vec<(ImagePath, Node)>, ViewError> {
    let named = root.survey()?.iter();
    let found = named.filter(|(path, node)| fits(path, node) && !is_excepted(except, path));
    Ok(found.cloned().collect())
}

fn open_to_all(root: &Root<'_>, except: &[Glob]) -> Result<Vec<(ImagePath, Node)>, ViewError> {
    all(root, except, |path, node| {
        let bits = node.stat.mode.bits();
        let may_share = node.kind == NodeKind::Directory && bits & STICKY != 0;
        // What the kernel mounts over is not the image's.
        let passing = ["/dev", "/proc", "/run", "/sys"].iter();
        let is_passing = passing
            .map(|top| fixed(top))
            .any(|top| path.is_within(&top));
        bits & OTHERS_WRITE != 0 && !may_share && !is_passing
    })
}

fn loose(root: &Root<'_>, except: &[Glob]) -> Result<Vec<(ImagePath, Node)>, ViewError> {
    let programs = PROGRAMS.map(fixed);
    all(root, except, |path, node| {
        let is_loose = node.stat.mode.bits() & NOT_OWNER_WRITE != 0 || node.stat.uid != 0;
        is_loose && programs.iter().any(|top| path.is_within(top))
    })
}

pub(super) fn world_writable(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    for (path, node) in open_to_all(root, except)? {
        let (shown, mode) = (path.display(), node.stat.mode);
        answer.fail(format!(
            "{shown}: has mode {mode}, and everybody may write it; take o+w away"
        ));
    }
    Ok(())
}

pub(super) fn close_world(edit: &mut Edit<'_>, except: &[Glob]) -> Result<(), EditError> {
    for (path, node) in edit.look(|root| open_to_all(root, except))? {
        edit.own(
            &path,
            with_mode(&node, node.stat.mode.bits() & !OTHERS_WRITE),
        )?;
    }
    Ok(())
}

pub(super) fn system_dirs(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    for (path, node) in loose(root, except)? {
        let shown = path.display();
        let (mode, uid) = (node.stat.mode, node.stat.uid);
        if uid != 0 {
            answer.fail(format!("{shown}: is of the user {uid}; give it to root"));
        } else {
            answer.fail(format!(
                "{shown}: has mode {mode}; nobody but root may write it"
            ));
        }
    }
    Ok(())
}

pub(super) fn close_system(edit: &mut Edit<'_>, except: &[Glob]) -> Result<(), EditError> {
    for (path, node) in edit.look(|root| loose(root, except))? {
        let mut owned = with_mode(&node, node.stat.mode.bits() & !NOT_OWNER_WRITE);
        // A program that runs as its owner would run as root: it is left to be seen.
        if node.stat.uid != 0 && node.stat.mode.bits() & 0o6000 == 0 {
            owned.uid = 0;
        }
        edit.own(&path, owned)?;
    }
    Ok(())
}

pub(super) fn unowned(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    let names = Names::of(root)?;
    if names.is_empty() {
        answer.not_applicable("there are no accounts");
        return Ok(());
    }
    let found = all(root, except, |_, node| !names.know(node))?;
    for (path, node) in found {
        let shown = path.display();
        let (uid, gid) = (node.stat.uid, node.stat.gid);
        answer.fail(format!(
            "{shown}: is of {uid}:{gid}, which is no user or no group of the image; give it an owner"
        ));
    }
    Ok(())
}

fn with_mode(node: &Node, bits: u32) -> Owned {
    Owned {
        mode: Mode::of_st_mode(bits),
        uid: node.stat.uid,
        gid: node.stat.gid,
    }
}

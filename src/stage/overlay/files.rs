//! `[[files]]`, and the image's name in os-release(5).

use crate::template::{FileEntry, FileKind, Image, Owner};
use crate::tree::Mode;

use super::OverlayError;
use super::accounts::Accounts;
use super::canvas::{Canvas, Owned, fixed, origin};

/// Puts every entry into the tree, parents before what they hold.
pub(super) fn apply(canvas: &mut Canvas<'_>, files: &[FileEntry]) -> Result<(), OverlayError> {
    let by_name = |owner: &Owner| matches!(owner, Owner::Name(_));
    let named = files
        .iter()
        .any(|file| by_name(&file.owner) || by_name(&file.group));
    let accounts = if named {
        Some(Accounts::read(canvas)?)
    } else {
        None
    };
    let origin = origin("files");
    for file in files {
        let owned = Owned {
            mode: file.mode,
            uid: uid(file, accounts.as_ref())?,
            gid: gid(file, accounts.as_ref())?,
        };
        match &file.kind {
            FileKind::Absent => canvas.remove(&file.path)?,
            FileKind::Directory => canvas.put_directory(&file.path, owned, &origin)?,
            FileKind::Regular(body) => {
                canvas.put_file(&file.path, body.bytes.clone(), owned, &origin)?;
            }
            FileKind::Symlink(target) => {
                canvas.put_owned_link(&file.path, target, owned, &origin)?;
            }
        }
    }
    Ok(())
}

fn uid(file: &FileEntry, accounts: Option<&Accounts>) -> Result<u32, OverlayError> {
    match &file.owner {
        Owner::Id(id) => Ok(*id),
        Owner::Name(name) => accounts
            .and_then(|accounts| accounts.uid(name.as_str()))
            .ok_or_else(|| OverlayError::UnknownUser {
                name: name.to_string(),
                of: file.path.to_string(),
            }),
    }
}

fn gid(file: &FileEntry, accounts: Option<&Accounts>) -> Result<u32, OverlayError> {
    match &file.group {
        Owner::Id(id) => Ok(*id),
        Owner::Name(name) => accounts
            .and_then(|accounts| accounts.gid(name.as_str()))
            .ok_or_else(|| OverlayError::UnknownGroup {
                name: name.to_string(),
                of: file.path.to_string(),
            }),
    }
}

/// Writes `IMAGE_ID` and `IMAGE_VERSION` (os-release(5)), in the place of earlier ones: into
/// `/etc/os-release`, which goes first, so that the package's own file stays what dpkg knows it as.
pub(super) fn os_release(canvas: &mut Canvas<'_>, image: &Image) -> Result<(), OverlayError> {
    let path = fixed("/etc/os-release");
    let old = canvas.read(&path)?.unwrap_or_default();
    let mut text = Vec::with_capacity(old.len());
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"IMAGE_ID=") || line.starts_with(b"IMAGE_VERSION=") {
            continue;
        }
        text.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            text.push(b'\n');
        }
    }
    let own = format!(
        "IMAGE_ID=\"{}\"\nIMAGE_VERSION=\"{}\"\n",
        image.name, image.version
    );
    text.extend_from_slice(own.as_bytes());
    canvas.put_file(&path, text, Owned::root(Mode::FILE), &origin("image"))
}

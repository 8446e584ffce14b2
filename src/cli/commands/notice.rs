//! Saying that a key or a release counts no more: what `karat key revoke` and `karat log retire` share.

use std::path::PathBuf;

use serde::Serialize;

use super::log::{cosign, key};
use crate::cli::Exit;
use crate::cli::console::{Console, GOOD, shown};
use crate::cli::failure::Failure;
use crate::cli::passphrase::Source;
use crate::key::{Position, Role, Signer, TrustRoot};
use crate::log::Notice;
use crate::ops::log::{self, Placed};
use crate::ops::workspace::Workspace;
use crate::sys::fs;

/// What became of a notice.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    /// Its place in the log; `None` where the log's key is elsewhere.
    pub index: Option<u64>,
    /// Whether it stood there before.
    pub was_there: bool,
    /// Its file, where it waits to be logged.
    pub file: Option<String>,
    /// What the answers of the log's witnesses come to.
    #[serde(skip)]
    pub exit: Exit,
}

/// Whose word a notice of this workspace's log would be now.
pub fn in_charge(workspace: &Workspace, root: &TrustRoot) -> Result<Role, Failure> {
    let directory = workspace.log();
    let position = if log::exists(&directory)? {
        Position::Logged(log::open(&directory)?.size())
    } else {
        Position::Unlogged
    };
    Ok(Notice::role_in_charge(root, position))
}

/// Signs a notice and logs it; where the log's key is elsewhere, writes it to `keys/FILE`.
pub fn declare(
    workspace: &Workspace,
    root: &TrustRoot,
    notice: &Notice,
    signers: &[Box<dyn Signer>],
    file: &str,
    passphrase: Source,
    console: &Console,
) -> Result<Said, Failure> {
    let envelope = log::sign_notice(&workspace.log(), root, notice, signers)?;
    let Some(key) = key::of_workspace(Some(workspace), passphrase, console)? else {
        let path: PathBuf = workspace.keys().join(file);
        fs::write_atomic(&path, &envelope.to_bytes(), 0o644)?;
        console.line(format_args!("written  {}", path.display()));
        console.note(format_args!(
            "it says nothing before it is logged: `karat log append LOG {}`",
            path.display()
        ));
        return Ok(Said {
            index: None,
            was_there: false,
            file: Some(shown(&path)),
            exit: Exit::Ok,
        });
    };
    let Placed {
        index,
        was_there,
        cosigning,
    } = log::append_notice(workspace, key.as_ref(), &envelope)?;
    let how = if was_there { ", as before" } else { "" };
    let kind = match notice {
        Notice::Revoke(_) => "revoked",
        Notice::Retire(_) => "retired",
    };
    console.line(format_args!(
        "{GOOD}{kind}{GOOD:#} by log entry {index}{how}"
    ));
    Ok(Said {
        index: Some(index),
        was_there,
        file: None,
        exit: cosign::tell(&cosigning, console),
    })
}

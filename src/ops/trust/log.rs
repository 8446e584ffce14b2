//! How many entries the workspace's log has: where a key begins or ends if nobody says otherwise.

use super::DraftError;
use crate::key::TrustRoot;
use crate::ops::log;
use crate::ops::workspace::Workspace;

/// The number of entries of the log in `log/`; 0 where there is none.
///
/// The size is taken from the workspace's own checkpoint, whose signature is not asked: it is a
/// proposal that somebody reads before he signs the trust root that holds it.
///
/// # Errors
/// The log cannot be read, or it is another than `root` names.
pub fn entries(workspace: &Workspace, root: &TrustRoot) -> Result<u64, DraftError> {
    let directory = workspace.log();
    if !log::exists(&directory)? {
        return Ok(0);
    }
    let log = log::open(&directory)?;
    if root.log().map(|policy| &policy.origin) != Some(&log.checkpoint().origin) {
        return Err(DraftError::OtherLog(directory));
    }
    Ok(log.size())
}

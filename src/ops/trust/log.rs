//! How many entries the workspace's log has: where a key begins or ends if nobody says otherwise.

use super::DraftError;
use crate::key::TrustRoot;
use crate::limits;
use crate::ops::workspace::Workspace;
use crate::sys::fs;

/// The number of entries of the log, by the checkpoint in `log/checkpoint`; 0 where there is none.
///
/// The size is taken from the workspace's own file, whose signature is not asked: it is a proposal
/// that somebody reads before he signs the trust root that holds it.
///
/// # Errors
/// The file is no checkpoint of this log (C2SP tlog-checkpoint).
pub fn entries(workspace: &Workspace, root: &TrustRoot) -> Result<u64, DraftError> {
    let path = workspace.log().join("checkpoint");
    let bytes = match fs::read(&path, limits::ENVELOPE_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let refuse = |rule| DraftError::Checkpoint {
        path: path.clone(),
        rule,
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(refuse("it is no text"));
    };
    let mut lines = text.lines();
    let (origin, size) = (lines.next(), lines.next());
    if origin != root.log().map(|log| log.origin.as_str()) {
        return Err(refuse("it is of another log than the trust root names"));
    }
    let size = size.filter(|size| *size == "0" || !size.starts_with(['0', '+']));
    size.and_then(|size| size.parse().ok())
        .ok_or_else(|| refuse("its second line is not the number of entries"))
}

//! Saying that a key or a release counts no more.

use std::path::Path;

use super::directory::{exists, open};
use super::failure::LogFailure;
use crate::envelope::Envelope;
use crate::key::{Position, Signer, TrustRoot};
use crate::log::{Notice, NoticeError};

/// Signs a notice for the log in `directory`, which `root` names, with the keys of who is in charge;
/// it is not logged yet. Where the directory holds no log, it is one that is elsewhere.
///
/// # Errors
/// The notice breaks a rule, a key does not sign, or these keys are too few or the wrong ones.
pub fn sign_notice(
    directory: &Path,
    root: &TrustRoot,
    notice: &Notice,
    signers: &[Box<dyn Signer>],
) -> Result<Envelope, LogFailure> {
    let at = |source| LogFailure::Notice {
        file: directory.to_owned(),
        source,
    };
    let origin = &root.log().ok_or_else(|| at(NoticeError::NoLog))?.origin;
    let mut signed = notice.to_signed(origin).map_err(at)?;
    for signer in signers {
        signed.sign(signer.as_ref())?;
    }
    let envelope = Envelope::new(signed);
    let position = if exists(directory)? {
        Position::Logged(open(directory)?.size())
    } else {
        Position::Unlogged
    };
    Notice::open(root, &envelope, position).map_err(at)?;
    Ok(envelope)
}

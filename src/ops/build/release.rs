//! Signing what was built.

use super::{BuildError, Built, Signing};
use crate::key::TrustRoot;
use crate::limits;
use crate::ops::log::{self, Added};
use crate::ops::sign::{self, Document, Signed};
use crate::ops::workspace::Workspace;
use crate::sys::fs;

/// Signs the draft with every key, records the Envelope, puts it beside the outputs, and logs it
/// where there is the log's key.
///
/// An unchanged draft gets the Envelope that it got before, and keeps its Receipt; no key at all
/// gives nothing.
pub(super) fn sign(
    built: &Built,
    signing: &Signing<'_>,
    workspace: &Workspace,
    trust: Option<&TrustRoot>,
) -> Result<(Option<Signed>, Option<Added>), BuildError> {
    let mut ledger = log::ledger(&workspace.log())?;
    let mut document = Document::Draft(Box::new(built.draft.clone()));
    let mut last: Option<Signed> = None;
    for signer in signing.signers {
        let request = sign::Request {
            document: &document,
            signer: signer.as_ref(),
            serial: signing.serial.filter(|_| last.is_none()),
            expires: None,
            trust,
        };
        let signed = sign::sign(&request, Some(&mut ledger))?;
        document = Document::Envelope(signed.envelope.clone());
        let reused = last.map_or(signed.reused, |last| last.reused);
        last = Some(Signed { reused, ..signed });
    }
    let mut logged = None;
    if let Some(signed) = &mut last {
        let path = built.out.join(format!("{}.dsse.json", built.stem));
        fs::write_atomic(&path, &signed.envelope.to_bytes(), 0o644)?;
        if let Some(key) = signing.log_key {
            let (log, envelope) = (workspace.log(), &signed.envelope);
            let added = log::append_signed(&log, key, &ledger, &path, envelope)?;
            let receipt = fs::read(&added.receipt, limits::RECEIPT_MAX)?;
            signed.missing = trust.and_then(|root| envelope.open_logged(root, &receipt).err());
            logged = Some(added);
        }
    }
    Ok((last, logged))
}

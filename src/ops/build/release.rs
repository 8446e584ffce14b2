//! Signing what was built.

use super::{BuildError, Built, Signing};
use crate::key::TrustRoot;
use crate::ops::ledger::DirectoryLedger;
use crate::ops::sign::{self, Document, Signed};
use crate::ops::workspace::Workspace;
use crate::sys::fs;

/// Signs the draft with every key, records the Envelope and puts it beside the outputs.
///
/// An unchanged draft gets the Envelope that it got before; no key at all gives `None`.
pub(super) fn sign(
    built: &Built,
    signing: &Signing<'_>,
    workspace: &Workspace,
    trust: Option<&TrustRoot>,
) -> Result<Option<Signed>, BuildError> {
    let mut ledger = DirectoryLedger::open(workspace.log()).map_err(sign::SignError::from)?;
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
    if let Some(signed) = &last {
        let path = built.out.join(format!("{}.dsse.json", built.stem));
        fs::write_atomic(path, &signed.envelope.to_bytes(), 0o644)?;
    }
    Ok(last)
}

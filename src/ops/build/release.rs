//! Signing what was built.

use std::collections::BTreeMap;

use super::disk::RAW;
use super::{BuildError, Built, Request, Signing};
use crate::baseline::ImageName;
use crate::key::TrustRoot;
use crate::limits;
use crate::ops::disk;
use crate::ops::log::{self, Added, Notices};
use crate::ops::sign::{self, Document, SignError, Signed};
use crate::ops::workspace::Workspace;
use crate::progress::Progress;
use crate::sys::fs;
use crate::sys::material::{ENVELOPE_SUFFIX, RECEIPT_SUFFIX};

/// Checks that trust root and log let every key sign the image `name`.
pub(super) fn check_keys(
    request: &Request<'_>,
    signing: &Signing<'_>,
    root: &TrustRoot,
    name: &ImageName,
) -> Result<(), BuildError> {
    let notices = match &request.workspace {
        Some(workspace) => {
            let ledger = log::ledger(&workspace.log())?;
            Notices::of(&ledger, root).map_err(SignError::from)?
        }
        None => Notices::default(),
    };
    for signer in signing.signers {
        let key = signer.public_key();
        sign::allowed(root, &key, name)?;
        notices.check_key(&key).map_err(SignError::from)?;
    }
    Ok(())
}

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
    progress: &dyn Progress,
) -> Result<(Option<Signed>, Option<Added>), BuildError> {
    let mut ledger = log::ledger(&workspace.log())?;
    let notices = trust.map(|root| Notices::of(&ledger, root));
    let notices = notices.transpose().map_err(SignError::from)?;
    let mut document = Document::Draft(Box::new(built.draft.clone()));
    let mut last: Option<Signed> = None;
    for signer in signing.signers {
        let request = sign::Request {
            document: &document,
            signer: signer.as_ref(),
            serial: signing.serial.filter(|_| last.is_none()),
            expires: None,
            trust,
            notices: notices.as_ref(),
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
            let envelope = &signed.envelope;
            let added = log::append_signed(workspace, key, &ledger, &path, envelope)?;
            let receipt = fs::read(&added.receipt, limits::RECEIPT_MAX)?;
            signed.missing = trust.and_then(|root| envelope.open_logged(root, &receipt).err());
            logged = Some(added);
        }
        deliver(built, progress)?;
    }
    Ok((last, logged))
}

/// Puts the Envelope, and the Receipt where there is one, on the disk that was built: its initrd looks
/// for them there.
fn deliver(built: &Built, progress: &dyn Progress) -> Result<(), BuildError> {
    let disk = built.out.join(format!("{}{RAW}", built.stem));
    if !built.disk {
        return Ok(());
    }
    let mut files = BTreeMap::new();
    for suffix in [ENVELOPE_SUFFIX, RECEIPT_SUFFIX] {
        let name = format!("{}{suffix}", built.stem);
        match fs::read(built.out.join(&name), limits::RECEIPT_MAX) {
            Ok(bytes) => drop(files.insert(name, bytes)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    disk::deliver(&disk, built.draft.baseline().epoch, files, progress)?;
    Ok(())
}

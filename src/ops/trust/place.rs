//! A draft and the chain of versions in a workspace.
//!
//! ```text
//! keys/trust.json        the present trust root
//! keys/trust.draft.json  the next one, while it collects signatures
//! keys/trust/N.json      every version since the first: what instances follow
//! ```

use std::path::{Path, PathBuf};

use super::{Change, Draft, DraftError, Edit, TrustFileError, apply, changes, rotate};
use crate::baseline::{ImageName, Ledger as _, Serial};
use crate::envelope::Envelope;
use crate::key::{Position, Role, Signer, TrustDocument, TrustRoot, threshold};
use crate::ops::ledger::DirectoryLedger;
use crate::ops::log::places;
use crate::ops::workspace::Workspace;
use crate::sys::fs;

/// A next version, thought through and not yet written.
#[derive(Debug)]
pub struct Plan {
    /// The present trust root.
    pub present: TrustRoot,
    /// The next one, without a signature.
    pub draft: Draft,
    /// What differs.
    pub changes: Vec<Change>,
    /// Releases on record that count today and would not any more, with the Receipts that the log can
    /// give them; `None` where the log cannot be read.
    pub stops: Option<Vec<(ImageName, Serial)>>,
    file: Vec<u8>,
}

/// What became of a draft.
#[derive(Debug)]
pub struct Outcome {
    /// The trust root that it follows.
    pub present: TrustRoot,
    /// The draft with its signatures.
    pub draft: Draft,
    /// Where it is now.
    pub path: PathBuf,
    /// What it became, where it has enough signatures and its place is a workspace.
    pub accepted: Option<Accepted>,
}

/// A draft that became the trust root: what a log is given, and what instances get.
#[derive(Debug)]
pub struct Accepted {
    /// The new trust root.
    pub root: TrustRoot,
    /// The bytes of its file.
    pub file: Vec<u8>,
    /// Files that are new or changed, in the order in which they were written.
    pub written: Vec<PathBuf>,
}

/// Thinks a change of the workspace's trust root through; writes nothing.
///
/// # Errors
/// A draft is there already, or a change cannot be made.
pub fn plan(workspace: &Workspace, edits: &[Edit]) -> Result<Plan, DraftError> {
    let (present, file) = super::read_with_bytes(&workspace.trust_root())?;
    refuse_second(workspace, &present)?;
    let document = apply(present.document(), edits)?;
    let changes = changes(present.document(), &document);
    let stops = stops(workspace, present.document(), &document)?;
    let draft = Draft::new(document).map_err(super::EditError::from)?;
    Ok(Plan {
        present,
        draft,
        changes,
        stops,
        file,
    })
}

/// Signs a plan with the root keys at hand and writes it: as the trust root where that is enough, as
/// a draft otherwise.
///
/// # Errors
/// A signer fails, or the trust root changed since the plan was made; then nothing was written.
pub fn start(
    workspace: &Workspace,
    plan: Plan,
    signers: &[Box<dyn Signer>],
) -> Result<Outcome, DraftError> {
    let mut draft = plan.draft;
    for signer in signers {
        draft.sign(&plan.present, signer.as_ref())?;
    }
    // The record's lock: also what keeps two runs of `init` apart.
    let _alone = DirectoryLedger::open(workspace.log())?;
    let (_, there) = super::read_with_bytes(&workspace.trust_root())?;
    if there != plan.file {
        return Err(DraftError::Moved(workspace.trust_root()));
    }
    refuse_second(workspace, &plan.present)?;
    conclude(workspace, plan.present, &plan.file, draft)
}

/// Adds signatures to `draft`, which was read from `path` and shown. With a workspace whose draft
/// that is, it becomes the trust root as soon as there are enough; anywhere else only the file is
/// written.
///
/// The file is not read again before it is signed: what is signed is what was shown.
///
/// # Errors
/// The file is another draft by now, or a signer fails; then nothing was written.
pub fn sign(
    path: &Path,
    mut draft: Draft,
    present: TrustRoot,
    workspace: Option<&Workspace>,
    signers: &[Box<dyn Signer>],
) -> Result<Outcome, DraftError> {
    for signer in signers {
        draft.sign(&present, signer.as_ref())?;
    }
    let home = match workspace {
        Some(workspace) if fs::exists(workspace.draft())? && fs::same(workspace.draft(), path)? => {
            Some(workspace)
        }
        _ => None,
    };
    let Some(workspace) = home else {
        fs::write_atomic(path, &draft.to_bytes(), 0o644)?;
        return Ok(Outcome {
            present,
            draft,
            path: path.to_owned(),
            accepted: None,
        });
    };
    let _alone = DirectoryLedger::open(workspace.log())?;
    let (there, file) = super::read_with_bytes(&workspace.trust_root())?;
    if there.digest() != present.digest() {
        return Err(DraftError::Moved(workspace.trust_root()));
    }
    // Somebody may have signed it too in the meantime.
    draft.merge(&Draft::read(path, &there)?, path, path)?;
    conclude(workspace, there, &file, draft)
}

/// Brings signatures from elsewhere: files of the same draft. With enough of them it becomes the
/// trust root.
///
/// # Errors
/// A file is another draft, or does not follow the present trust root; then nothing was written.
pub fn accept(workspace: &Workspace, files: &[PathBuf]) -> Result<Outcome, DraftError> {
    let _alone = DirectoryLedger::open(workspace.log())?;
    let (present, file) = super::read_with_bytes(&workspace.trust_root())?;
    let own = workspace.draft();
    let mut from = Vec::new();
    if fs::exists(&own)? {
        from.push(own.clone());
    }
    from.extend(files.iter().cloned());
    let Some((first, others)) = from.split_first() else {
        return Err(DraftError::NoDraft(own));
    };
    let mut draft = Draft::read(first, &present)?;
    for other in others {
        draft.merge(&Draft::read(other, &present)?, first, other)?;
    }
    conclude(workspace, present, &file, draft)
}

/// Throws the workspace's draft away. Keys that were made for it stay where they are.
///
/// # Errors
/// There is none.
pub fn discard(workspace: &Workspace) -> Result<PathBuf, DraftError> {
    let path = workspace.draft();
    if !fs::exists(&path)? {
        return Err(DraftError::NoDraft(path));
    }
    fs::remove_tree(&path)?;
    Ok(path)
}

/// The version before `root`, if the workspace kept it and it leads to `root`.
///
/// # Errors
/// The file cannot be read.
pub fn predecessor(
    workspace: &Workspace,
    root: &TrustRoot,
) -> Result<Option<TrustRoot>, TrustFileError> {
    let path = workspace.trust_version(root.version().saturating_sub(1));
    if !fs::exists(&path)? {
        return Ok(None);
    }
    let before = super::read(&path)?;
    let follows = before.document().check_follows(root.document());
    Ok(follows.is_ok().then_some(before))
}

fn refuse_second(workspace: &Workspace, present: &TrustRoot) -> Result<(), DraftError> {
    let path = workspace.draft();
    if !fs::exists(&path)? {
        return Ok(());
    }
    let version = Draft::read(&path, present)?.document().version;
    Err(DraftError::Unfinished { path, version })
}

/// Writes the draft, or what it became. The lock is held by the caller.
fn conclude(
    workspace: &Workspace,
    present: TrustRoot,
    present_file: &[u8],
    draft: Draft,
) -> Result<Outcome, DraftError> {
    let path = workspace.draft();
    if draft.standings(&present).iter().any(|it| it.missing() > 0) {
        fs::write_atomic(&path, &draft.to_bytes(), 0o644)?;
        return Ok(Outcome {
            present,
            draft,
            path,
            accepted: None,
        });
    }
    let file = draft.to_bytes();
    // The one door: what was counted above was for people.
    let root = present.update(&file).map_err(|source| DraftError::Trust {
        path: path.clone(),
        source,
    })?;
    let mut written = Vec::new();
    for (version, digest, bytes) in [
        (present.version(), present.digest(), present_file),
        (root.version(), root.digest(), file.as_slice()),
    ] {
        let path = workspace.trust_version(version);
        if fs::exists(&path)? {
            if super::read(&path)?.digest() != digest {
                return Err(DraftError::Chain(path));
            }
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::make_dirs(parent, 0o777)?;
        }
        fs::write_atomic(&path, bytes, 0o644)?;
        written.push(path);
    }
    fs::write_atomic(workspace.trust_root(), &file, 0o644)?;
    written.push(workspace.trust_root());
    fs::remove_tree(&path)?;
    written.extend(rotate::settle(workspace, &root)?);
    Ok(Outcome {
        path: workspace.trust_root(),
        accepted: Some(Accepted {
            root,
            file,
            written,
        }),
        present,
        draft,
    })
}

/// The releases on record that open under `before` and not under `after`; `None` where the log, which
/// knows their places, cannot be read.
fn stops(
    workspace: &Workspace,
    before: &TrustDocument,
    after: &TrustDocument,
) -> Result<Option<Vec<(ImageName, Serial)>>, DraftError> {
    let record = DirectoryLedger::open(workspace.log())?;
    let mut releases = Vec::new();
    let mut envelopes = Vec::new();
    for name in record.names()? {
        for serial in record.serials(&name)? {
            if let Some(envelope) = record.envelope(&name, serial)? {
                releases.push((name.clone(), serial));
                envelopes.push(envelope);
            }
        }
    }
    // A forecast; whoever adds to the log is told what is wrong with it.
    let Ok(places) = places(&workspace.log(), &envelopes) else {
        return Ok(None);
    };
    let all = releases.into_iter().zip(&envelopes).zip(places);
    let stops = all.filter(|(((name, serial), envelope), place)| {
        let position = place.map_or(Position::Unlogged, Position::Logged);
        let counts = |document| counts(document, name, *serial, envelope, position);
        counts(before) && !counts(after)
    });
    Ok(Some(stops.map(|((release, _), _)| release).collect()))
}

/// A forecast for people; whether an Envelope opens is decided by [`Envelope::open`].
fn counts(
    document: &TrustDocument,
    name: &ImageName,
    serial: Serial,
    envelope: &Envelope,
    position: Position,
) -> bool {
    let signed = envelope.signed();
    document.roles.get(&Role::Baseline).is_some_and(|role| {
        let keys = role.for_image(name.as_str(), position);
        threshold(&signed.message(), &signed.claims, &keys, role.threshold).is_ok()
    }) && serial.get() >= document.least_serial(name.as_str())
}

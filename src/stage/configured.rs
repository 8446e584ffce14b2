//! The one door: packages in, configured tree out, from the store if it is there.

use std::path::Path;

use super::error::StageError;
use super::inputs::Inputs;
use super::store::{self, Claim, Draft, PackBlobs};
use super::worker::{Message, Phase, Request};
use crate::digest::Digest;
use crate::progress::{Progress, Unit};
use crate::sys::sandbox::{SandboxError, Worker};
use crate::tree::{Sealed, Tree};

/// A configured root.
#[derive(Debug)]
pub struct Configured {
    /// The tree.
    pub tree: Tree<Sealed>,
    /// Its contents.
    pub blobs: PackBlobs,
    /// The name of the inputs: equal keys, equal trees.
    pub key: Digest,
    /// Whether it was in the store already.
    pub reused: bool,
}

/// Whether the store of configured trees is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// A tree that is there is taken, one that is made is kept.
    Yes,
    /// The tree is made anew and not kept.
    No,
}

/// The tree that `inputs` make, if the store `trees` has it; no package need be there for that.
///
/// # Errors
/// The store cannot be read.
pub fn stored(inputs: &Inputs, trees: &Path) -> Result<Option<Configured>, StageError> {
    let key = inputs.key();
    let found = store::load(trees, key)?;
    Ok(found.map(|(tree, blobs)| Configured {
        tree,
        blobs,
        key,
        reused: true,
    }))
}

/// Gives the tree that `inputs` make: out of the store `trees`, or by unpacking and configuring
/// all packages in a sandbox.
///
/// # Errors
/// The rule that a package, a script or this machine breaks.
pub fn configured(
    inputs: &Inputs,
    trees: &Path,
    reuse: Reuse,
    progress: &dyn Progress,
) -> Result<Configured, StageError> {
    let key = inputs.key();
    let draft = match reuse {
        Reuse::No => Draft::unnamed(trees, key)?,
        Reuse::Yes => match stored(inputs, trees)? {
            Some(stored) => return Ok(stored),
            None => match store::claim(trees, key)? {
                Claim::Found(tree, blobs) => {
                    return Ok(Configured {
                        tree,
                        blobs,
                        key,
                        reused: true,
                    });
                }
                Claim::Draft(draft) => draft,
            },
        },
    };
    make(inputs, &draft, progress)?;
    // Opened before it gets its name: whoever prunes the store cannot come in between.
    let (tree, blobs) = store::open(draft.path())?
        .ok_or_else(|| StageError::System("the tree was damaged while it was kept".to_owned()))?;
    if reuse == Reuse::Yes {
        draft.commit()?;
    }
    Ok(Configured {
        tree,
        blobs,
        key,
        reused: false,
    })
}

/// Removes a stored tree that turned out to be damaged. No [`Configured`] may hold it any more.
///
/// # Errors
/// It cannot be removed.
pub fn forget(trees: &Path, key: Digest) -> Result<(), StageError> {
    Ok(store::forget(trees, key)?)
}

fn make(inputs: &Inputs, draft: &Draft, progress: &dyn Progress) -> Result<(), StageError> {
    let request = Request {
        inputs: inputs.clone(),
        entry: draft.path().to_owned(),
    };
    let request =
        serde_json::to_string(&request).map_err(|error| StageError::System(error.to_string()))?;
    let mut worker = Worker::start(inputs.worker.as_deref())?;
    worker.send(&request)?;
    while let Some(line) = worker.receive()? {
        match serde_json::from_str(&line) {
            Ok(Message::Started(phase, total)) => {
                let unit = match phase {
                    Phase::Unpack => Unit::Bytes,
                    Phase::Configure | Phase::Capture => Unit::Items,
                };
                progress.started(step(phase), (total > 0).then_some(total), unit);
            }
            Ok(Message::Advanced(phase, done, item)) => {
                progress.advanced(step(phase), done, Some(&item));
            }
            Ok(Message::Finished(phase, summary, seconds)) => {
                progress.finished(step(phase), summary, seconds);
            }
            Ok(Message::Failed(error)) => return Err(error),
            Ok(Message::Done) => {
                worker.leave();
                return Ok(());
            }
            Err(error) => return Err(StageError::System(format!("the worker said: {error}"))),
        }
    }
    Err(StageError::Sandbox(SandboxError::Ended {
        message: "it gave no answer".to_owned(),
    }))
}

fn step(phase: Phase) -> &'static str {
    match phase {
        Phase::Unpack => "unpack",
        Phase::Configure => "configure",
        Phase::Capture => "capture",
    }
}

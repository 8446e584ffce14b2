//! `karat log check FILE.fork`.

use std::path::Path;

use crate::cli::Exit;
use crate::cli::console::{BAD, Console, GOOD};
use crate::cli::failure::Failure;
use crate::digest::Digest;
use crate::key::TrustRoot;
use crate::log::Fork;
use crate::ops::log::{self, ProvenFork};
use crate::path::Escaped;
use crate::tlog::{NoteKey, Policy};

use serde::Serialize;

/// What a fork is, in documents.
#[derive(Serialize)]
pub(super) struct ForkJson {
    origin: String,
    heads: [HeadJson; 2],
}

#[derive(Serialize)]
struct HeadJson {
    tree_size: u64,
    root_sha256: Digest,
}

impl From<&Fork> for ForkJson {
    fn from(fork: &Fork) -> Self {
        Self {
            origin: Escaped(fork.origin().as_bytes()).to_string(),
            heads: [fork.smaller(), fork.larger()].map(|head| HeadJson {
                tree_size: head.size,
                root_sha256: head.root,
            }),
        }
    }
}

#[derive(Serialize)]
struct Report {
    fork: Option<ForkJson>,
}

/// What a fork is, in a sentence.
pub(super) fn sentence(fork: &Fork) -> String {
    let (smaller, larger) = (fork.smaller(), fork.larger());
    let short = |root: Digest| root.to_string().get(..16).unwrap_or_default().to_owned();
    let origin = Escaped(fork.origin().as_bytes());
    if smaller.size == larger.size {
        format!(
            "{origin} signed two trees of {} entries, with the roots {} and {}",
            smaller.size,
            short(smaller.root),
            short(larger.root)
        )
    } else {
        format!(
            "{origin} signed a tree of {} entries, and one of {} that does not begin with them",
            smaller.size, larger.size
        )
    }
}

/// Says what a file proves.
pub(super) fn check(
    file: &Path,
    trust: Option<&TrustRoot>,
    policy: Option<&Policy>,
    keys: &[NoteKey],
    console: &Console,
) -> Result<Exit, Failure> {
    let proven = log::check_fork(file, trust, policy, keys)?;
    let (exit, fork) = match &proven {
        ProvenFork::Fork(fork) => {
            console.line(format_args!("{BAD}forked{BAD:#}: {}", sentence(fork)));
            (Exit::Untrusted, Some(ForkJson::from(fork)))
        }
        ProvenFork::Agreement => {
            console.line(format_args!(
                "{GOOD}no fork{GOOD:#}: an honest log can have signed both checkpoints"
            ));
            (Exit::Ok, None)
        }
    };
    console.json(&Report { fork });
    Ok(exit)
}

//! What a workspace brings along for its log: the trust root, and all versions before it.

use std::path::Path;

use super::LogFailure;
use super::document::{Document, of_kind};
use crate::envelope::Envelope;
use crate::key::TrustRoot;
use crate::limits;
use crate::log::Log;
use crate::ops::workspace::Workspace;
use crate::sys::fs::{self, Beneath};
use crate::tlog::Kind;

/// The trust root that names a log, and every version of it that the workspace has, as entries.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) root: TrustRoot,
    pub(super) roots: Vec<Document>,
}

impl Home {
    /// What `workspace` says about `log`; `None` where its trust root names another log, or none.
    pub(super) fn of(
        workspace: &Workspace,
        log: &Log<Beneath>,
    ) -> Result<Option<Self>, LogFailure> {
        let path = workspace.trust_root();
        let present = fs::read(&path, limits::TRUST_ROOT_MAX)?;
        let root = TrustRoot::parse(&present).map_err(at(&path))?;
        let origin = root.log().map(|policy| policy.origin.as_str());
        if origin != Some(log.checkpoint().origin.as_str()) {
            return Ok(None);
        }
        let mut roots = Vec::new();
        let mut before: Option<TrustRoot> = None;
        for version in 1..root.version() {
            let path = workspace.trust_version(version);
            let bytes = match fs::read(&path, limits::TRUST_ROOT_MAX) {
                Ok(bytes) => bytes,
                // A workspace that was given a later version only.
                Err(error) if error.is_not_found() => {
                    before = None;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let next = match &before {
                Some(before) => before.update(&bytes),
                None => TrustRoot::parse(&bytes),
            };
            before = Some(next.map_err(at(&path))?);
            roots.push(entry(&path, &bytes)?);
        }
        if let Some(before) = &before {
            before.update(&present).map_err(at(&path))?;
        }
        roots.push(entry(&path, &present)?);
        Ok(Some(Self { root, roots }))
    }
}

fn entry(path: &Path, bytes: &[u8]) -> Result<Document, LogFailure> {
    let envelope = Envelope::parse(bytes).map_err(|source| LogFailure::Envelope {
        file: path.to_owned(),
        source,
    })?;
    of_kind(path, Kind::Trust, envelope)
}

fn at(file: &Path) -> impl FnOnce(crate::key::TrustError) -> LogFailure {
    let file = file.to_owned();
    move |source| LogFailure::Trust { file, source }
}

//! `karat diff`, without printing: what differs between two baselines or images.
//!
//! Nothing is trusted here and nothing is judged: manifests and images are compared as they are. Who
//! wants to know whether they are signed verifies them.
//!
//! | file | what |
//! |---|---|
//! | `difference` | what is found, as a value |
//! | `side` | one side: a manifest, and what else can be known about it |
//! | `image` | tar, OCI layout or directory to a tree |
//! | `files` | contents of files, of an image or of a disk's root |
//! | `database` | what an image says about itself: its own manifest, dpkg's database |
//! | `compare` | paths, packages, expectations |
//! | `facts`, `rules` | expected runtime facts; what came of hardening rules |
//! | `lines` | which lines of changed files differ |
//! | `error` | why two cannot be compared |

mod compare;
pub(super) mod database;
mod difference;
mod error;
mod facts;
pub(super) mod files;
pub(super) mod image;
pub(super) mod lines;
mod rules;
pub(super) mod side;

use std::num::NonZero;
use std::path::Path;

pub use difference::{
    Difference, Event, FactChange, Lines, NotCompared, OriginsFrom, PackageChange, PathChange,
    RuleChange, Side, SideKind, Strictness, Unified, VersionsFrom,
};
pub use error::DiffError;

use self::side::Loaded;

/// Compares two baselines or images, each of them one of:
///
/// - `X.mtree`, `X.dsse.json` or `X.statement.json`, with its neighbours; `X.lock`, where it is
///   beside them and the statement names it, gives versions;
/// - a tar archive (`.tar`, `.tar.gz`, `.tar.zst`), an OCI image layout or a directory tree. Owners
///   of paths are known from the manifest inside of it, else from its dpkg database, which also
///   gives versions; where it has none, `X.lock` beside it does.
///
/// Directories are scanned with so many `threads`.
///
/// # Errors
/// A file is missing, malformed, or not the one that the statement beside it names. What cannot be
/// looked at in a directory is in [`Difference::not_compared`].
pub fn diff(from: &Path, to: &Path, threads: NonZero<usize>) -> Result<Difference, DiffError> {
    let (old, new) = (Loaded::read(from, threads)?, Loaded::read(to, threads)?);
    let mut paths = compare::paths(&old, &new);
    lines::explain(&old, &new, &mut paths)?;
    let (older, newer) = (old.expectations.as_ref(), new.expectations.as_ref());
    Ok(Difference {
        packages: compare::packages(&old, &new, &paths),
        mutable_added: compare::mutable_without(newer, older),
        mutable_removed: compare::mutable_without(older, newer),
        facts: facts::facts(older, newer),
        rules: rules::rules(old.rules.as_ref(), new.rules.as_ref()),
        not_compared: compare::not_compared(&old, &new),
        paths: paths.into_iter().map(|(_, change)| change).collect(),
        from: old.side,
        to: new.side,
    })
}

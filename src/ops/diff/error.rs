//! Why two baselines or images cannot be compared.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::baseline::StatementError;
use crate::envelope::EnvelopeError;
use crate::expect::ExpectationsError;
use crate::harden::ResultsError;
use crate::image::disk::DiskError;
use crate::image::erofs::ErofsError;
use crate::image::oci::OciError;
use crate::image::tar::TarError;
use crate::layout::gpt::GptError;
use crate::manifest::ManifestError;
use crate::path::Escaped;
use crate::sys::fs::IoError;
use crate::tree::TreeError;

/// Why two baselines or images cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A name that says neither baseline nor image.
    #[error("{}: give X.mtree, X.dsse.json or X.statement.json, a tar (.tar, .tar.gz, .tar.zst), an EROFS image (.erofs), an OCI layout or a directory", Escaped(.0.as_os_str().as_bytes()))]
    Name(PathBuf),
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A neighbour is not the one that the statement names.
    #[error("{}: the statement beside it names another digest", Escaped(.0.as_os_str().as_bytes()))]
    Neighbour(PathBuf),
    /// The envelope is none.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The statement is none.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The manifest is none.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The expectations are none.
    #[error(transparent)]
    Expectations(#[from] ExpectationsError),
    /// The results of rules are none.
    #[error(transparent)]
    Rules(#[from] ResultsError),
    /// The archive is malformed or ambiguous.
    #[error("{}: {source}", Escaped(path.as_os_str().as_bytes()))]
    Tar {
        /// Which archive.
        path: PathBuf,
        /// What is wrong with it.
        source: TarError,
    },
    /// The EROFS image is malformed, or of a form that is not read.
    #[error("{}: {source}", Escaped(path.as_os_str().as_bytes()))]
    Erofs {
        /// Which image.
        path: PathBuf,
        /// What is wrong with it.
        source: ErofsError,
    },
    /// A file has no disk that is read.
    #[error("{}: {source}", Escaped(path.as_os_str().as_bytes()))]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: DiskError,
    },
    /// A disk has no partition table to rely on.
    #[error("{}: {source}", Escaped(path.as_os_str().as_bytes()))]
    Table {
        /// Which disk.
        path: PathBuf,
        /// What is wrong with it.
        source: GptError,
    },
    /// The layout is malformed, or one of its blobs is not the one that it names.
    #[error("{}: {source}", Escaped(path.as_os_str().as_bytes()))]
    Oci {
        /// Which layout.
        path: PathBuf,
        /// What is wrong with it.
        source: OciError,
    },
    /// What was read breaks a rule of trees.
    #[error("{}: {source}", Escaped(path.as_os_str().as_bytes()))]
    Tree {
        /// Which image.
        path: PathBuf,
        /// The rule.
        source: TreeError,
    },
}

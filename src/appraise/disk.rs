//! What lies on a disk that was verified, and what was not looked at: values for reports.

use std::collections::BTreeMap;

use super::{Explanation, Group, Lines, Report, Verdict};
use crate::digest::Digest;
use crate::path::ImagePath;

/// A disk that was verified as it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFacts {
    /// The container's name, such as `raw`.
    pub container: &'static str,
    /// Bytes of the disk in it.
    pub size: u64,
    /// The partitions, in the order of the table.
    pub partitions: Vec<PartitionFacts>,
    /// The files of the EFI system partition, by path.
    pub files: Vec<BootFile>,
    /// The slots that hold something, by image and version.
    pub slots: Vec<SlotFacts>,
    /// What no verdict speaks of, in whole sentences.
    pub not_covered: Vec<String>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFacts {
    /// Its place in the table, from 1.
    pub number: usize,
    /// What it is.
    pub role: PartitionRole,
    /// Its unique id.
    pub id: String,
    /// Its label, as it stands there.
    pub label: String,
    /// Its first byte.
    pub start: u64,
    /// Its bytes.
    pub size: u64,
}

/// What a partition was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionRole {
    /// A slot's root or tree in which nothing is.
    Empty,
    /// The EFI system partition.
    Esp,
    /// The root that a trusted statement names.
    Root,
    /// What a machine keeps.
    State,
    /// The tree of hashes over that root.
    Tree,
    /// None of these.
    Unknown,
}

/// A file of the EFI system partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootFile {
    /// Its path below the root of that partition, as it stands there.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// What it is by its name: `loader`, `loader-settings`, `kernel-image`, `envelope`, `receipt`,
    /// `trust-root` or `unknown`.
    pub role: &'static str,
}

/// A slot, and what came of verifying it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotFacts {
    /// `NAME_VERSION`.
    pub image: String,
    /// The serial of its statement; `None`: none is trusted.
    pub serial: Option<u64>,
    /// The signed root hash; `None` as above.
    pub root_hash: Option<Digest>,
    /// The numbers of its root and of its tree; `None`: they are not on the disk.
    pub partitions: Option<[usize; 2]>,
    /// The path of its unified kernel image; `None`: there is none.
    pub kernel_image: Option<String>,
    /// How many paths of its root differ; `None`: they were not compared.
    pub drifts: Option<u64>,
    /// Its root, path by path; `None`: it was not compared, or is what the report as a whole is about.
    pub compared: Option<Compared>,
    /// The worst verdict that applies to it.
    pub verdict: Verdict,
}

/// The root of a slot that the report as a whole is not about, compared with what was signed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Path by path.
    pub report: Report,
    /// The drifts of packages, by package.
    pub groups: Vec<Group>,
    /// Which lines differ, of changed files whose signed content is at hand.
    pub lines: BTreeMap<ImagePath, Lines>,
    /// All that is known of the path that was asked about.
    pub explanation: Option<Explanation>,
}

impl PartitionRole {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Esp => "esp",
            Self::Root => "root",
            Self::State => "state",
            Self::Tree => "tree",
            Self::Unknown => "unknown",
        }
    }
}

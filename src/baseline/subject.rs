//! What a statement speaks about.

use std::collections::BTreeMap;

use crate::digest::Digest;

/// A product of a build that a statement names by digest.
///
/// The order is the one of the subjects in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The manifest, `.mtree`.
    Manifest,
    /// The expectations, `.expect.json`.
    Expectations,
    /// The rules' results, `.rules.json`.
    Rules,
    /// The predicted measurements, `.measure.json`.
    Measure,
    /// The list of further outputs, `.outputs.json`.
    Outputs,
    /// The tar file **before** compression, `.tar`: the compressor does not matter.
    Tar,
    /// The image manifest of the OCI layout, `.oci`: the digest that registries know.
    Oci,
    /// The EROFS file system, `.erofs`.
    Erofs,
    /// The dm-verity hash tree, `.verity`.
    Verity,
    /// The unified kernel image, `.efi`, by its Authenticode SHA-256: Secure Boot signatures may
    /// follow.
    Uki,
}

/// The digests of a build's products.
pub type Subjects = BTreeMap<Subject, Digest>;

impl Subject {
    /// All, in their order.
    pub const ALL: [Self; 10] = [
        Self::Manifest,
        Self::Expectations,
        Self::Rules,
        Self::Measure,
        Self::Outputs,
        Self::Tar,
        Self::Oci,
        Self::Erofs,
        Self::Verity,
        Self::Uki,
    ];

    /// The suffix of its name, after `NAME_VERSION`, with the dot.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Manifest => ".mtree",
            Self::Expectations => ".expect.json",
            Self::Rules => ".rules.json",
            Self::Measure => ".measure.json",
            Self::Outputs => ".outputs.json",
            Self::Tar => ".tar",
            Self::Oci => ".oci",
            Self::Erofs => ".erofs",
            Self::Verity => ".verity",
            Self::Uki => ".efi",
        }
    }

    /// The subject that the name `STEM` + suffix stands for.
    pub(super) fn of_name(name: &str, stem: &str) -> Option<Self> {
        let suffix = name.strip_prefix(stem)?;
        Self::ALL
            .into_iter()
            .find(|subject| subject.suffix() == suffix)
    }
}

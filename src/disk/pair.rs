//! A root and the tree of hashes over it, against the signed root hash and the signed digests.

use std::num::NonZero;

use super::Survey;
use super::trouble::{Trouble as _, WRITE_AGAIN, finding};
use crate::appraise::{Artefact, Finding, Verdict};
use crate::baseline::{Statement, Subject};
use crate::digest::{Digest, Hasher};
use crate::layout::gpt::{Kind, Partition};
use crate::layout::verity::{Checked, Verity, VerityError};
use crate::layout::{Part, Source, SourceError};

/// The two partitions that a signed root hash names.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) root: Partition,
    pub(super) tree: Partition,
    pub(super) verity: Verity,
}

/// How much is hashed at a time.
const CHUNK: usize = 256 << 10;

impl Pair {
    /// Finds both; `None`, with findings, where one is missing, of another type, or too small.
    pub(super) fn find(
        survey: &Survey<'_>,
        stem: &str,
        verity: Verity,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let [root, tree] = verity.partitions();
        let mut one = |id, what, needed, is: fn(Kind) -> bool| {
            let mut refuse = |message| {
                findings.push(finding(Verdict::Untrusted, message, WRITE_AGAIN));
                None
            };
            let partitions = &survey.disk.partitions;
            let Some(found) = partitions.iter().find(|it| it.id == id) else {
                return refuse(format!(
                    "no partition has the id {id}: there is no {what} of {stem} with the signed root hash {}",
                    verity.root()
                ));
            };
            let (number, size) = (found.number, found.size);
            if !is(found.kind) {
                return refuse(format!(
                    "partition {number} has the id of the {what} of {stem}, and another type"
                ));
            }
            if size < needed {
                return refuse(format!(
                    "partition {number}, the {what} of {stem}, has {size} bytes; signed were {needed}"
                ));
            }
            Some(found.clone())
        };
        let is_root = |kind| matches!(kind, Kind::Root(_));
        let is_tree = |kind| matches!(kind, Kind::RootVerity(_));
        let root = one(root, "root", verity.data_size(), is_root);
        let tree = one(tree, "tree of hashes", verity.tree_size(), is_tree);
        let (root, tree) = root.zip(tree)?;
        Some(Self { root, tree, verity })
    }

    /// The signed bytes of the root.
    pub(super) fn root<'a>(
        &self,
        survey: &Survey<'a>,
    ) -> Result<Part<'a, dyn Source + 'a>, SourceError> {
        Part::new(survey.source, self.root.start, self.verity.data_size())
    }

    /// The signed bytes of the tree.
    fn tree<'a>(&self, survey: &Survey<'a>) -> Result<Part<'a, dyn Source + 'a>, SourceError> {
        Part::new(survey.source, self.tree.start, self.verity.tree_size())
    }

    /// Checks every block of root and tree from the signed root hash down, and the tree's digest.
    ///
    /// # Errors
    /// This machine cannot read the disk.
    pub(super) fn check(
        &self,
        survey: &Survey<'_>,
        root: &dyn Source,
        statement: &Statement,
        threads: NonZero<usize>,
    ) -> Result<Vec<Finding>, SourceError> {
        let mut findings = Vec::new();
        let tree = self.tree(survey)?;
        let checked = Checked::new(self.verity, root, &tree).and_then(|it| it.check(threads));
        if let Err(error) = checked {
            let (verdict, number) = self.verdict(&error);
            let words = error.about_the_disk()?;
            let message = format!("partition {number}: {words}");
            findings.push(finding(verdict, message, WRITE_AGAIN));
        }
        let baseline = statement.baseline();
        if let Some(signed) = baseline.digest(Subject::Verity) {
            let found = digest(&tree)?;
            if found != signed {
                let (number, name) = (self.tree.number, baseline.subject_name(Subject::Verity));
                let message = format!(
                    "partition {number} is not {name} as signed: sha256 {found}, signed {signed}"
                );
                findings.push(finding(Verdict::Drift, message, WRITE_AGAIN));
            }
        }
        Ok(findings)
    }

    /// The root as a whole against its signed digest; `None` where none was signed.
    pub(super) fn artefact(statement: &Statement, observed: Digest) -> Option<Artefact> {
        let baseline = statement.baseline();
        Some(Artefact {
            name: baseline.subject_name(Subject::Erofs),
            expected: baseline.digest(Subject::Erofs)?,
            observed,
        })
    }

    /// What a broken rule comes to, and in which partition. Another topmost block is another root hash.
    fn verdict(&self, error: &VerityError) -> (Verdict, usize) {
        let top = self.verity.levels().len().checked_sub(1);
        match error {
            VerityError::Data(_) => (Verdict::Drift, self.root.number),
            VerityError::Hashes { level, .. } if Some(*level) != top => {
                (Verdict::Drift, self.tree.number)
            }
            _ => (Verdict::Untrusted, self.tree.number),
        }
    }
}

/// SHA-256 of all of a source.
///
/// # Errors
/// It cannot be read.
pub(super) fn digest(source: &dyn Source) -> Result<Digest, SourceError> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while let Some(left) = source.size().checked_sub(at).filter(|left| *left > 0) {
        let count = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let bytes = buffer.get_mut(..count).unwrap_or_default();
        source.read_at(at, bytes)?;
        hasher.update(bytes);
        at = at.saturating_add(u64::try_from(count).unwrap_or(left));
    }
    Ok(hasher.finish())
}

//! A budget of bytes: which files are read where not all may be, and how many are not.

use super::evidence::{Limit, ObservedKind};
use super::expected::{Expected, Listed};
use super::{Evidence, NotChecked, Observed, Reason, Report, Want};
use crate::expect::{Class, Expectations};
use crate::manifest::{Manifest, is_reserved};
use crate::order;
use crate::path::ImagePath;
use crate::tree::Kind;

/// A manifest to compare with, of which only so many bytes of files are read.
///
/// The smallest files come first, so that as many as can be are compared, and always the same ones.
/// Files that grew are read as far as they were listed all the same: what may grow would look like
/// what was rewritten. So are the two files of the image itself.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a> {
    manifest: &'a Manifest,
    /// The size of the largest files that are read; `None`: all are.
    most: Option<u64>,
}

impl<'a> Within<'a> {
    /// No more than `bytes` of listed files; `None`: all of them.
    pub fn new(manifest: &'a Manifest, bytes: Option<u64>) -> Self {
        let most = bytes.and_then(|bytes| {
            let mut sizes: Vec<u64> = files(manifest).map(|(_, size)| size).collect();
            order::sort(&mut sizes);
            let mut sum: u64 = 0;
            let over = sizes.into_iter().find(|size| {
                sum = sum.saturating_add(*size);
                sum > bytes
            });
            // All files of one size, or none of them.
            over.map(|size| size.saturating_sub(1))
        });
        Self { manifest, most }
    }

    /// Adds to a report what was not read.
    pub fn note(
        self,
        mut report: Report,
        expectations: &Expectations,
        evidence: &Evidence,
    ) -> Report {
        let Some(most) = self.most else {
            return report;
        };
        let is_unread = |path: &ImagePath, listed: u64| {
            let place = evidence
                .entries
                .binary_search_by(|seen| seen.path.cmp(path));
            let seen = place.ok().and_then(|place| evidence.entries.get(place));
            seen.is_some_and(|seen| match &seen.kind {
                ObservedKind::Regular(it) => it.size == listed && it.digest.is_none(),
                _ => false,
            })
        };
        let may_vary = |path: &ImagePath| {
            let class = expectations.of(path).map(|mutable| mutable.class);
            class.is_some_and(|class| class != Class::AppendOnly)
        };
        let unread = files(self.manifest)
            .filter(|(path, size)| *size > most && is_unread(path, *size) && !may_vary(path))
            .count();
        if unread > 0 {
            let unread = u64::try_from(unread).unwrap_or(u64::MAX);
            report.paths_not_checked = report.paths_not_checked.saturating_add(unread);
            report.not_checked.push(NotChecked {
                path: ImagePath::root(),
                reason: Reason::Budget(Limit::Bytes),
            });
            order::sort(&mut report.not_checked);
        }
        report
    }
}

fn files(manifest: &Manifest) -> impl Iterator<Item = (&ImagePath, u64)> {
    let entries = manifest.entries().iter();
    entries.filter_map(|entry| match &entry.kind {
        Kind::Regular(content) => Some((&entry.path, content.size)),
        _ => None,
    })
}

impl Expected for Within<'_> {
    fn whole_up_to(&self) -> u64 {
        match self.most {
            None => Listed(self.manifest).whole_up_to(),
            Some(_) => 0,
        }
    }

    fn want(&self, path: &ImagePath, size: u64) -> Want {
        let want = Want::of(self.manifest, path, size);
        let is_worth = |most: u64| {
            let listed = self.manifest.get(path).map(|entry| &entry.kind);
            let fits = |it: &crate::tree::Content| it.size == size && size <= most;
            is_reserved(path) || matches!(listed, Some(Kind::Regular(it)) if fits(it))
        };
        Want {
            whole: want.whole && self.most.is_none_or(is_worth),
            prefix: want.prefix,
        }
    }

    fn large(&self, size: u64) -> Vec<(ImagePath, u64)> {
        let mut large = Listed(self.manifest).large(size);
        large.retain(|(_, size)| self.most.is_none_or(|most| *size <= most));
        large
    }

    fn find(&self, path: &ImagePath) -> Option<usize> {
        self.manifest.place(path)
    }

    fn place(&self, seen: &Observed) -> Option<usize> {
        Listed(self.manifest).place(seen)
    }
}

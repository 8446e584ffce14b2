//! Large files that are read before the walk meets them, so that no processor is left alone with one
//! at the end: the manifest says which there will be.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};

use super::content::{Large, SMALL_MAX};
use crate::appraise::Expected;
use crate::path::ImagePath;

/// Who of two looks at a file: the one who reads ahead, or the walk.
pub(super) struct Ahead {
    files: BTreeMap<ImagePath, AtomicU8>,
}

/// It is being read, or was.
const BEGUN: u8 = 1;
/// The walk met it.
const MET: u8 = 2;

impl Ahead {
    /// All large files that are expected, and the work of reading them.
    pub(super) fn of(expected: &dyn Expected) -> (Self, Vec<Large>) {
        let least = u64::try_from(SMALL_MAX).map_or(u64::MAX, |size| size.saturating_add(1));
        let large = expected.large(least);
        let files = large
            .iter()
            .map(|(path, _)| (path.clone(), AtomicU8::new(0)))
            .collect();
        let work = large.into_iter().map(|(path, size)| Large {
            size,
            path,
            is_ahead: true,
        });
        (Self { files }, work.collect())
    }

    /// Whether the one who reads ahead is the one: the walk has not met the file.
    pub(super) fn begin(&self, path: &ImagePath) -> bool {
        let before = |state: &AtomicU8| state.fetch_or(BEGUN, Ordering::AcqRel);
        self.files.get(path).map(before) == Some(0)
    }

    /// Whether the walk is the one: nobody reads the file already.
    pub(super) fn meet(&self, path: &ImagePath) -> bool {
        let before = |state: &AtomicU8| state.fetch_or(MET, Ordering::AcqRel);
        self.files.get(path).map_or(0, before) & BEGUN == 0
    }

    /// It cannot be read ahead. Whether the walk met it meanwhile and left it alone, so that nobody
    /// else will look at it.
    pub(super) fn give_up(&self, path: &ImagePath) -> bool {
        let before = |state: &AtomicU8| state.swap(0, Ordering::AcqRel);
        self.files.get(path).map_or(0, before) & MET != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead() -> (Ahead, ImagePath) {
        let path = ImagePath::parse("/a").unwrap();
        let files = BTreeMap::from([(path.clone(), AtomicU8::new(0))]);
        (Ahead { files }, path)
    }

    #[test]
    fn one_of_the_two_looks() {
        let (ahead, path) = ahead();
        assert!(ahead.begin(&path));
        assert!(!ahead.meet(&path));
        let (ahead, path) = self::ahead();
        assert!(ahead.meet(&path));
        assert!(!ahead.begin(&path));
    }

    #[test]
    fn what_cannot_be_read_ahead_is_the_walks_even_where_it_passed_already() {
        let (ahead, path) = ahead();
        assert!(ahead.begin(&path));
        assert!(!ahead.give_up(&path));
        assert!(ahead.meet(&path));
        let (ahead, path) = self::ahead();
        assert!(ahead.begin(&path));
        assert!(!ahead.meet(&path));
        assert!(ahead.give_up(&path));
    }

    #[test]
    fn what_nobody_expects_is_the_walks() {
        let (ahead, _) = ahead();
        assert!(ahead.meet(&ImagePath::parse("/b").unwrap()));
    }
}

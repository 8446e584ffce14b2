//! Large files that are read before the walk meets them, so that no processor is left alone with one
//! at the end: the manifest says which there will be, once it is known.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::content::{Large, SMALL_MAX};
use crate::appraise::Expected;
use crate::path::ImagePath;

/// Who of two looks at a file: the one who reads ahead, or the walk.
pub(super) struct Ahead {
    /// Empty until the manifest is known.
    files: OnceLock<BTreeMap<ImagePath, AtomicU8>>,
    /// Large files that the walk met before: they wait, so that their bytes are read with the
    /// knowledge of which are worth it. `None` once the manifest is known.
    waiting: Mutex<Option<Vec<Large>>>,
}

/// It is being read, or was.
const BEGUN: u8 = 1;
/// The walk met it.
const MET: u8 = 2;

impl Ahead {
    /// Nothing is known yet.
    pub(super) fn new() -> Self {
        Self {
            files: OnceLock::new(),
            waiting: Mutex::new(Some(Vec::new())),
        }
    }

    /// Asks which large files there will be, and waits for the answer. Gives the work of reading
    /// them, and those that were met before; nothing to all who ask later.
    pub(super) fn learn(&self, expected: &dyn Expected) -> Vec<Large> {
        if self.files.get().is_some() {
            return Vec::new();
        }
        let least = u64::try_from(SMALL_MAX).map_or(u64::MAX, |size| size.saturating_add(1));
        let large = expected.large(least);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut work) = waiting.take() else {
            return Vec::new();
        };
        let files = self.files.get_or_init(|| {
            let states = large
                .iter()
                .map(|(path, _)| (path.clone(), AtomicU8::new(0)));
            states.collect()
        });
        for met in &work {
            if let Some(state) = files.get(&met.path) {
                state.fetch_or(MET, Ordering::AcqRel);
            }
        }
        let is_unmet = |(path, _): &(ImagePath, u64)| {
            let state = files.get(path).map(|state| state.load(Ordering::Acquire));
            state == Some(0)
        };
        work.extend(
            large
                .into_iter()
                .filter(is_unmet)
                .map(|(path, size)| Large {
                    size,
                    path,
                    is_ahead: true,
                }),
        );
        work
    }

    /// Whether the one who reads ahead is the one: the walk has not met the file.
    pub(super) fn begin(&self, path: &ImagePath) -> bool {
        let before = |state: &AtomicU8| state.fetch_or(BEGUN, Ordering::AcqRel);
        self.state(path).map(before) == Some(0)
    }

    /// The work of reading a large file that the walk met: `None` where somebody reads it already,
    /// or where it waits until the manifest is known.
    pub(super) fn meet(&self, path: ImagePath, size: u64) -> Option<Large> {
        let met = Large {
            size,
            path,
            is_ahead: false,
        };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = waiting.as_mut() {
            waiting.push(met);
            return None;
        }
        drop(waiting);
        let before = |state: &AtomicU8| state.fetch_or(MET, Ordering::AcqRel);
        (self.state(&met.path).map_or(0, before) & BEGUN == 0).then_some(met)
    }

    /// It cannot be read ahead. Whether the walk met it meanwhile and left it alone, so that nobody
    /// else will look at it.
    pub(super) fn give_up(&self, path: &ImagePath) -> bool {
        let before = |state: &AtomicU8| state.swap(0, Ordering::AcqRel);
        self.state(path).map_or(0, before) & MET != 0
    }

    fn state(&self, path: &ImagePath) -> Option<&AtomicU8> {
        self.files.get()?.get(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appraise::{Observed, Want};

    /// One large file.
    struct One;

    impl Expected for One {
        fn want(&self, _path: &ImagePath, _size: u64) -> Want {
            Want {
                whole: true,
                prefix: None,
            }
        }

        fn large(&self, _size: u64) -> Vec<(ImagePath, u64)> {
            vec![(path("/a"), 1 << 20)]
        }

        fn place(&self, _seen: &Observed) -> Option<usize> {
            None
        }
    }

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).unwrap()
    }

    fn known() -> Ahead {
        let ahead = Ahead::new();
        let work = ahead.learn(&One);
        assert_eq!(work.len(), 1);
        assert!(work[0].is_ahead);
        assert!(ahead.learn(&One).is_empty());
        ahead
    }

    #[test]
    fn one_of_the_two_looks() {
        let ahead = known();
        assert!(ahead.begin(&path("/a")));
        assert!(ahead.meet(path("/a"), 1).is_none());
        let ahead = known();
        assert!(ahead.meet(path("/a"), 1).is_some());
        assert!(!ahead.begin(&path("/a")));
    }

    #[test]
    fn what_cannot_be_read_ahead_is_the_walks_even_where_it_passed_already() {
        let ahead = known();
        assert!(ahead.begin(&path("/a")));
        assert!(!ahead.give_up(&path("/a")));
        assert!(ahead.meet(path("/a"), 1).is_some());
        let ahead = known();
        assert!(ahead.begin(&path("/a")));
        assert!(ahead.meet(path("/a"), 1).is_none());
        assert!(ahead.give_up(&path("/a")));
    }

    #[test]
    fn what_nobody_expects_is_the_walks() {
        assert!(known().meet(path("/b"), 1).is_some());
    }

    #[test]
    fn what_is_met_before_anything_is_known_waits_and_is_read_once() {
        let ahead = Ahead::new();
        assert!(ahead.meet(path("/a"), 3).is_none());
        assert!(ahead.meet(path("/b"), 4).is_none());
        let work = ahead.learn(&One);
        let found: Vec<_> = work
            .iter()
            .map(|it| (it.path.clone(), it.size, it.is_ahead))
            .collect();
        assert_eq!(found, [(path("/a"), 3, false), (path("/b"), 4, false)]);
        assert!(!ahead.begin(&path("/a")));
    }
}

//! What a scan is told about what it will see, so that it reads no more than it must, begins with
//! what takes longest, and keeps only what is not as listed.

use super::differences::is_as_listed;
use super::evidence::{Observed, UNEXPECTED_MAX, Want};
use crate::manifest::Manifest;
use crate::path::ImagePath;
use crate::tree::Kind;

/// Whether there is something to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is being read: who asks what it says waits until it is known.
    NotYet,
    /// It can be asked.
    Yes,
    /// There is nothing, and there will be nothing: nobody needs what is seen.
    Never,
}

/// What a scan is told about what it will see.
pub trait Expected: Sync {
    /// Whether the other questions can be answered at once.
    fn known(&self) -> Known {
        Known::Yes
    }

    /// Which bytes of a regular file of `size` bytes at `path` are worth hashing.
    fn want(&self, path: &ImagePath, size: u64) -> Want;

    /// Regular files of at most so many bytes are hashed whole, whatever they are.
    fn whole_up_to(&self) -> u64 {
        0
    }

    /// Regular files of at least `size` bytes that will probably be met, with their sizes: worth
    /// reading first, since each keeps one processor busy for long.
    fn large(&self, size: u64) -> Vec<(ImagePath, u64)> {
        let _ = size;
        Vec::new()
    }

    /// The place of a path in the manifest, whatever is there; `None` where it is not listed.
    fn find(&self, path: &ImagePath) -> Option<usize> {
        let _ = path;
        None
    }

    /// The place in the manifest of something that is exactly as listed there, so that the place
    /// says all about it; `None` where it is to be kept as it was observed.
    fn place(&self, seen: &Observed) -> Option<usize> {
        let _ = seen;
        None
    }
}

/// A manifest to compare with.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a>(pub &'a Manifest);

impl Expected for Listed<'_> {
    fn whole_up_to(&self) -> u64 {
        UNEXPECTED_MAX
    }

    fn want(&self, path: &ImagePath, size: u64) -> Want {
        Want::of(self.0, path, size)
    }

    fn large(&self, size: u64) -> Vec<(ImagePath, u64)> {
        let files = self
            .0
            .entries()
            .iter()
            .filter_map(|entry| match &entry.kind {
                Kind::Regular(content) if content.size >= size => {
                    Some((entry.path.clone(), content.size))
                }
                _ => None,
            });
        files.collect()
    }

    fn find(&self, path: &ImagePath) -> Option<usize> {
        self.0.place(path)
    }

    fn place(&self, seen: &Observed) -> Option<usize> {
        let place = self.0.place(&seen.path)?;
        let entry = self.0.entries().get(place)?;
        is_as_listed(entry, seen).then_some(place)
    }
}

/// Nothing to compare with: every file up to a size is worth hashing.
#[derive(Clone, Copy, Debug)]
pub struct UpTo(pub u64);

impl Expected for UpTo {
    fn whole_up_to(&self) -> u64 {
        self.0
    }

    fn want(&self, _path: &ImagePath, size: u64) -> Want {
        Want {
            whole: size <= self.0,
            prefix: None,
        }
    }
}

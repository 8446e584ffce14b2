//! Regular files: opened, examined, read whole or piece by piece.

use std::ffi::{CStr, CString};
use std::ops::Range;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::content::{LANES, Lane, Large, Opened, Reading, Small, Step};
use super::disk;
use super::inode::{self, Examined};
use super::queue::Queue;
use super::walk::{Found, Job, Open, Walk, text};
use crate::appraise::{ObservedContent, ObservedKind, Reason};
use crate::path::ImagePath;

/// Most bytes of a small file that the disk is asked for before they are read.
const SMALL_ASKED: u64 = 128 << 10;

impl Walk<'_> {
    /// Reads files of one directory; gives those that are to be read piece by piece.
    pub(super) fn files(
        &self,
        directory: &Open,
        files: Range<usize>,
        found: &mut Found<'_>,
        reading: &mut Reading,
    ) -> Vec<Large> {
        let at = directory.descriptor.as_fd();
        let mut opened = std::mem::take(&mut reading.opened);
        let is_cold = reading.disk.was_cold();
        for (name, _) in directory.files.part(files) {
            let Some(path) = found.path(&directory.path, name) else {
                continue;
            };
            if let Some((file, examined)) = self.open(at, name, &path, found) {
                if is_cold && examined.size() > 0 {
                    disk::ask(&file, 0, examined.size().min(SMALL_ASKED));
                }
                opened.push(Opened {
                    path,
                    file,
                    examined,
                });
            }
        }
        let mut large = Vec::new();
        for it in opened.drain(..) {
            if reading.small.is_full() {
                reading.small.flush(found);
            }
            large.extend(self.file(at, it, found, reading));
        }
        reading.opened = opened;
        large
    }

    fn file(
        &self,
        at: BorrowedFd<'_>,
        opened: Opened,
        found: &mut Found<'_>,
        reading: &mut Reading,
    ) -> Option<Large> {
        let Opened {
            path,
            file,
            examined,
        } = opened;
        let content = ObservedKind::Regular(unread(&examined));
        // Small files are mostly read whole without a question; where nothing is known yet, large
        // ones wait.
        let is_unasked = Small::fits(examined.size()) && examined.size() <= found.whole_up_to();
        let want = if is_unasked {
            None
        } else {
            found.want(&path, examined.size())
        };
        if !is_unasked && !want.is_some_and(|want| Small::takes(examined.size(), want)) {
            if want.is_none_or(|want| want.whole || want.prefix.is_some()) {
                return self.ahead.meet(path, examined.size());
            }
            let attributes = found.attributes(&path, inode::xattrs(file.as_fd()));
            found.see(examined.observed(path, content, attributes));
            return None;
        }
        let Reading { small, disk, .. } = reading;
        match small.read(&file, &examined, disk) {
            Ok(Some(bytes)) => {
                let attributes = found.attributes(&path, inode::xattrs(file.as_fd()));
                let observed = examined.observed(path, content, attributes);
                small.keep(observed, bytes, is_unasked);
                None
            }
            // It changed meanwhile: to be read again.
            Ok(None) => Some(Large {
                size: examined.size(),
                path,
                is_ahead: false,
            }),
            Err(errno) => {
                let name = path.name().and_then(|name| CString::new(name).ok());
                self.unopened_file(at, &name.unwrap_or_default(), path, errno, found);
                None
            }
        }
    }

    /// Opens a file and examines it; what is no regular file (any more) is not read.
    fn open(
        &self,
        at: BorrowedFd<'_>,
        name: &CStr,
        path: &ImagePath,
        found: &mut Found<'_>,
    ) -> Option<(OwnedFd, Examined)> {
        if self.is_late() {
            return None;
        }
        let opened = inode::open_file(at, name).and_then(|file| {
            let examined = inode::examine(&file, c"")?;
            Ok((file, examined))
        });
        match opened {
            Ok((file, examined)) if examined.file_type() == FileType::RegularFile => {
                return Some((file, examined));
            }
            Err(Errno::XDEV) => found.unseen(path.clone(), Reason::Mount),
            // Gone, or something else has taken its place since it was listed.
            Ok(_) | Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => {
                found.unseen(path.clone(), Reason::Unstable);
            }
            Err(errno) => self.unopened_file(at, name, path.clone(), errno, found),
        }
        None
    }

    /// Reads a large file, and beside it others that wait.
    pub(super) fn large(
        &self,
        first: Large,
        queue: &Queue<Job, Large>,
        found: &mut Found<'_>,
        reading: &mut Reading,
    ) {
        let mut next = Some(first);
        let mut lanes: Vec<Lane> = Vec::with_capacity(LANES);
        let mut unfinished: Vec<Lane> = Vec::with_capacity(LANES);
        loop {
            while lanes.len() < LANES {
                let Some(large) = next.take().or_else(|| queue.another_large()) else {
                    break;
                };
                lanes.extend(self.lane(large, found, &mut reading.spare));
            }
            if lanes.is_empty() || self.is_late() {
                return;
            }
            for mut lane in lanes.drain(..) {
                let step = lane.read(self.options.expected, &mut reading.disk);
                if matches!(step, Ok(Step::Piece)) {
                    unfinished.push(lane);
                    continue;
                }
                reading.spare.push(std::mem::take(&mut lane.buffer));
                let (reason, content) = match step {
                    Ok(Step::Stable(content)) => (None, content),
                    Err(errno) => (Some(Reason::Content(text(errno))), unread(&lane.examined)),
                    Ok(Step::Piece | Step::Unstable) => {
                        (Some(Reason::Unstable), unread(&lane.examined))
                    }
                };
                if let Some(reason) = reason {
                    found.unseen(lane.path.clone(), reason);
                }
                found.file(lane, content);
            }
            std::mem::swap(&mut lanes, &mut unfinished);
            if lanes.len() < LANES {
                self.fill(LANES.saturating_sub(lanes.len()), queue, found, reading);
            }
            reading.small.flush_beside(&mut lanes, found);
        }
    }

    /// Reads small files for so many lanes that no large file fills.
    fn fill(
        &self,
        lanes: usize,
        queue: &Queue<Job, Large>,
        found: &mut Found<'_>,
        reading: &mut Reading,
    ) {
        while !reading.small.fills(lanes) {
            let Some(job) = queue.another_job() else {
                return;
            };
            let more = self.job(job, found, reading);
            queue.add(more);
        }
    }

    /// Opens a large file. One that is read ahead and turns out to be something else is left to the
    /// walk, which will say what it met.
    fn lane(&self, large: Large, found: &mut Found<'_>, spare: &mut Vec<Vec<u8>>) -> Option<Lane> {
        if self.is_late() {
            return None;
        }
        let path = large.path;
        let opened = if large.is_ahead {
            if !self.ahead.begin(&path) {
                return None;
            }
            let opened = self.open_ahead(&path);
            if opened.is_none() && !self.ahead.give_up(&path) {
                return None;
            }
            opened
        } else {
            None
        };
        let opened = match opened {
            Some(opened) => opened,
            None => self.open_by_path(&path, found)?,
        };
        let want = self.options.expected.want(&path, opened.1.size());
        let buffer = spare.pop().unwrap_or_default();
        Some(Lane::new(path, opened, want, buffer))
    }

    fn open_ahead(&self, path: &ImagePath) -> Option<(OwnedFd, Examined)> {
        let directory = self.open_directory(&path.parent()?).ok()?;
        let name = CString::new(path.name()?).ok()?;
        let is_file = |examined: &Examined| examined.file_type() == FileType::RegularFile;
        inode::examine(&directory, &name).ok().filter(is_file)?;
        let file = inode::open_file(&directory, &name).ok()?;
        let examined = inode::examine(&file, c"").ok().filter(is_file)?;
        Some((file, examined))
    }

    fn open_by_path(&self, path: &ImagePath, found: &mut Found<'_>) -> Option<(OwnedFd, Examined)> {
        let parent = path.parent().unwrap_or_else(ImagePath::root);
        let name = path.name().and_then(|name| CString::new(name).ok())?;
        if let Ok(directory) = self.open_directory(&parent) {
            self.open(directory.as_fd(), &name, path, found)
        } else {
            found.unseen(path.clone(), Reason::Unstable);
            None
        }
    }

    /// A regular file that cannot be read is still examined.
    fn unopened_file(
        &self,
        at: BorrowedFd<'_>,
        name: &CStr,
        path: ImagePath,
        errno: Errno,
        found: &mut Found<'_>,
    ) {
        match inode::examine(at, name) {
            Ok(examined) if examined.file_type() == FileType::RegularFile => {
                found.unseen(path.clone(), Reason::Content(text(errno)));
                let attributes = inode::xattrs_at(&self.names, at, &path);
                let attributes = found.attributes(&path, attributes);
                let content = ObservedKind::Regular(unread(&examined));
                found.see(examined.observed(path, content, attributes));
            }
            _ => found.unseen(path, Reason::Unstable),
        }
    }
}

fn unread(examined: &Examined) -> ObservedContent {
    ObservedContent {
        size: examined.size(),
        digest: None,
        prefix: None,
    }
}

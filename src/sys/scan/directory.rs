//! Directories: their entries, and what is neither a directory nor a regular file.

use std::ffi::{CStr, CString};
use std::ops::Range;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

use super::content::Reading;
use super::inode::{self, Examined};
use super::walk::{Found, Job, Open, Walk, text};
use crate::appraise::{ObservedKind, Reason};
use crate::path::ImagePath;

/// Files of one directory that one thread reads at a time.
const BATCH: usize = 32;
/// Bytes of names that a thread keeps memory for.
const NAMES_KEPT: usize = 64 << 10;

impl Walk<'_> {
    /// Lists a directory; gives what is to be done for its entries.
    pub(super) fn directory(
        &self,
        path: ImagePath,
        found: &mut Found<'_>,
        reading: &mut Reading,
    ) -> Vec<Job> {
        if self.is_late() {
            return Vec::new();
        }
        let descriptor = match self.open_directory(&path) {
            Ok(descriptor) => descriptor,
            Err(errno) => {
                self.unopened_directory(path, errno, found);
                return Vec::new();
            }
        };
        let examined = match inode::examine(&descriptor, c"") {
            Ok(examined) => examined,
            Err(errno) => {
                found.unseen(path, Reason::Examine(text(errno)));
                return Vec::new();
            }
        };
        let attributes = inode::xattrs(descriptor.as_fd());
        let attributes = found.attributes(&path, attributes);
        let entry = examined.observed(path.clone(), ObservedKind::Directory, attributes);
        found.see(entry);
        let names = &mut reading.names;
        let max = self.options.entries_max;
        match list(descriptor.as_fd(), examined, max, &mut reading.list, names) {
            Ok(true) => {}
            Ok(false) => {
                found.unseen(path, Reason::Unstable);
                return Vec::new();
            }
            Err(errno) => {
                found.unseen(path, Reason::Directory(text(errno)));
                return Vec::new();
            }
        }
        let seen = self.entries.fetch_add(names.len(), Ordering::Relaxed);
        if seen.saturating_add(names.len()) >= self.options.entries_max {
            self.is_over_budget.store(true, Ordering::Relaxed);
            return Vec::new();
        }
        self.entries_of(path, descriptor, names, found)
    }

    /// Examines the entries of a directory; files come first, so that their directory's descriptor
    /// is soon closed.
    fn entries_of(
        &self,
        path: ImagePath,
        descriptor: OwnedFd,
        names: &NameList,
        found: &mut Found<'_>,
    ) -> Vec<Job> {
        let at = descriptor.as_fd();
        let mut directories = Vec::new();
        let mut files = NameList::with_capacity_of(names);
        for (name, listed) in names.iter() {
            // What the list calls a file or directory is examined once it is open, which neither
            // blocks nor leads elsewhere, whatever has taken its place meanwhile.
            if listed == FileType::RegularFile {
                files.push(name, listed);
                continue;
            }
            let Some(entry) = found.path(&path, name) else {
                continue;
            };
            let kind = if listed == FileType::Directory {
                Some(listed)
            } else {
                self.special(at, name, &entry, found)
            };
            match kind {
                Some(FileType::Directory) => directories.push(Job::Directory(entry)),
                Some(kind) => files.push(name, kind),
                None => {}
            }
        }
        let batches: Vec<Range<usize>> = files.batches().collect();
        let directory = Arc::new(Open {
            path,
            descriptor,
            files,
        });
        let files = batches
            .into_iter()
            .map(|batch| Job::Files(Arc::clone(&directory), batch));
        files.chain(directories).collect()
    }

    /// A directory that cannot be opened is still examined.
    fn unopened_directory(&self, path: ImagePath, errno: Errno, found: &mut Found<'_>) {
        match errno {
            Errno::XDEV => return found.unseen(path, Reason::Mount),
            Errno::NOENT | Errno::LOOP | Errno::NOTDIR => {
                return found.unseen(path, Reason::Unstable);
            }
            _ => {}
        }
        let parent = path
            .parent()
            .and_then(|parent| self.open_directory(&parent).ok());
        let name = path.name().and_then(|name| CString::new(name).ok());
        if let (Some(parent), Some(name)) = (parent, name)
            && let Ok(examined) = inode::examine(&parent, &name)
            && examined.file_type() == FileType::Directory
        {
            let attributes = inode::xattrs_at(&self.names, parent.as_fd(), &path);
            let attributes = found.attributes(&path, attributes);
            let entry = examined.observed(path.clone(), ObservedKind::Directory, attributes);
            found.see(entry);
        }
        found.unseen(path, Reason::Directory(text(errno)));
    }

    /// What is neither a directory nor a regular file: examined, never opened. Gives the type of
    /// what turns out to be one of them.
    fn special(
        &self,
        at: BorrowedFd<'_>,
        name: &CStr,
        path: &ImagePath,
        found: &mut Found<'_>,
    ) -> Option<FileType> {
        let examined = match inode::examine(at, name) {
            Ok(examined) => examined,
            Err(errno) => {
                let reason = match errno {
                    Errno::NOENT => Reason::Unstable,
                    _ => Reason::Examine(text(errno)),
                };
                found.unseen(path.clone(), reason);
                return None;
            }
        };
        if !examined.is_on_mount_of(self.mount_of(path)) {
            found.unseen(path.clone(), Reason::Mount);
            return None;
        }
        let kind = match examined.file_type() {
            kind @ (FileType::Directory | FileType::RegularFile) => return Some(kind),
            FileType::BlockDevice => ObservedKind::BlockDevice(examined.device()),
            FileType::CharacterDevice => ObservedKind::CharDevice(examined.device()),
            FileType::Fifo => ObservedKind::Fifo,
            FileType::Socket => ObservedKind::Socket,
            FileType::Symlink => match inode::read_link(at, name) {
                Ok(target) => ObservedKind::Symlink(Some(target)),
                Err(errno) => {
                    found.unseen(path.clone(), Reason::Content(text(errno)));
                    ObservedKind::Symlink(None)
                }
            },
            FileType::Unknown => {
                let error = "its type is unknown".to_owned();
                found.unseen(path.clone(), Reason::Examine(error));
                return None;
            }
        };
        let attributes = inode::xattrs_at(&self.names, at, path);
        let attributes = found.attributes(path, attributes);
        found.see(examined.observed(path.clone(), kind, attributes));
        None
    }
}

/// Names in a directory, and what it says that they are: in one piece of memory, because a directory
/// may hold a million.
#[derive(Default)]
pub(super) struct NameList {
    /// Each with its NUL.
    names: Vec<u8>,
    /// For each where it ends, and its type.
    ends: Vec<(usize, FileType)>,
}

impl NameList {
    /// Room for all of `others`.
    fn with_capacity_of(others: &Self) -> Self {
        Self {
            names: Vec::with_capacity(others.names.len()),
            ends: Vec::with_capacity(others.ends.len()),
        }
    }

    /// Memory of usual size is kept for the next directory.
    fn clear(&mut self) {
        self.names.clear();
        self.ends.clear();
        self.names.shrink_to(NAMES_KEPT);
        self.ends.shrink_to(NAMES_KEPT / 16);
    }

    fn push(&mut self, name: &CStr, kind: FileType) {
        self.names.extend_from_slice(name.to_bytes_with_nul());
        self.ends.push((self.names.len(), kind));
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn iter(&self) -> impl Iterator<Item = (&CStr, FileType)> {
        self.part(0..self.len())
    }

    /// Some of them.
    pub(super) fn part(&self, range: Range<usize>) -> impl Iterator<Item = (&CStr, FileType)> {
        let before = range.start.checked_sub(1).and_then(|it| self.ends.get(it));
        let mut start = before.map_or(0, |(end, _)| *end);
        let ends = self.ends.get(range).unwrap_or_default();
        ends.iter().filter_map(move |(end, kind)| {
            let name = self.names.get(start..*end);
            start = *end;
            Some((CStr::from_bytes_with_nul(name?).ok()?, *kind))
        })
    }

    /// Parts that one thread reads at a time.
    fn batches(&self) -> impl Iterator<Item = Range<usize>> {
        let end = self.len();
        (0..end)
            .step_by(BATCH)
            .map(move |start| start..start.saturating_add(BATCH).min(end))
    }
}

/// Puts the names in a directory into `names`; says whether it came to rest.
fn list(
    directory: BorrowedFd<'_>,
    mut before: Examined,
    max: usize,
    buffer: &mut Vec<u8>,
    names: &mut NameList,
) -> Result<bool, Errno> {
    for attempt in 0..3 {
        if attempt > 0 {
            rustix::fs::seek(directory, rustix::fs::SeekFrom::Start(0))?;
        }
        names.clear();
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                names.push(name, entry.file_type());
            }
            if names.len() >= max {
                return Ok(true);
            }
        }
        let after = inode::examine(directory, c"")?;
        if after.is_unchanged(&before) {
            return Ok(true);
        }
        before = after;
    }
    Ok(false)
}

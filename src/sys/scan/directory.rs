//! Directories: their entries, and what is neither a directory nor a regular file.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

use super::inode::{self, Examined};
use super::walk::{Found, Job, Open, Walk, text};
use crate::appraise::{ObservedKind, Reason};
use crate::path::ImagePath;

/// Files of one directory that one thread reads at a time.
const BATCH: usize = 32;

impl Walk<'_> {
    /// Lists a directory; gives what is to be done for its entries.
    pub(super) fn directory(
        &self,
        path: ImagePath,
        found: &mut Found<'_>,
        list: &mut Vec<u8>,
    ) -> Vec<Job> {
        if self.is_late() {
            return Vec::new();
        }
        let descriptor = match inode::open_directory(&self.root, &path) {
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
        let names = match names(descriptor.as_fd(), examined, self.options.entries_max, list) {
            Ok(Some(names)) => names,
            Ok(None) => {
                found.unseen(path, Reason::Unstable);
                return Vec::new();
            }
            Err(errno) => {
                found.unseen(path, Reason::Directory(text(errno)));
                return Vec::new();
            }
        };
        let seen = self.entries.fetch_add(names.len(), Ordering::Relaxed);
        if seen.saturating_add(names.len()) >= self.options.entries_max {
            self.is_over_budget.store(true, Ordering::Relaxed);
            return Vec::new();
        }
        let directory = Arc::new(Open { path, descriptor });
        self.entries_of(&directory, names, found)
    }

    /// Examines the entries of a directory; files come first, so that their directory's descriptor
    /// is soon closed.
    fn entries_of(
        &self,
        directory: &Arc<Open>,
        names: Vec<(CString, FileType)>,
        found: &mut Found<'_>,
    ) -> Vec<Job> {
        let mut directories = Vec::new();
        let mut jobs = Vec::new();
        let mut files = Vec::new();
        for (name, listed) in names {
            let Ok(path) = directory.path.join(name.as_bytes()) else {
                found.unseen(directory.path.clone(), Reason::TooLong);
                continue;
            };
            // What the list calls a file or directory is examined once it is open, which neither
            // blocks nor leads elsewhere, whatever has taken its place meanwhile.
            let kind = match listed {
                FileType::Directory | FileType::RegularFile => listed,
                _ => match self.special(directory, &name, &path, found) {
                    Some(kind) => kind,
                    None => continue,
                },
            };
            if kind == FileType::Directory {
                directories.push(Job::Directory(path));
                continue;
            }
            files.push((name, path));
            if files.len() == BATCH {
                let batch = std::mem::take(&mut files);
                jobs.push(Job::Files(Arc::clone(directory), batch));
            }
        }
        if !files.is_empty() {
            jobs.push(Job::Files(Arc::clone(directory), files));
        }
        jobs.append(&mut directories);
        jobs
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
            .and_then(|parent| inode::open_directory(&self.root, &parent).ok());
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
        directory: &Open,
        name: &CStr,
        path: &ImagePath,
        found: &mut Found<'_>,
    ) -> Option<FileType> {
        let at = directory.descriptor.as_fd();
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
        if !examined.is_on_mount_of(&self.examined) {
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

/// The names in a directory; `None` where it did not come to rest.
fn names(
    directory: BorrowedFd<'_>,
    mut before: Examined,
    max: usize,
    list: &mut Vec<u8>,
) -> Result<Option<Vec<(CString, FileType)>>, Errno> {
    for attempt in 0..3 {
        if attempt > 0 {
            rustix::fs::seek(directory, rustix::fs::SeekFrom::Start(0))?;
        }
        let mut names = Vec::new();
        let mut entries = RawDir::new(directory, list.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                names.push((name.to_owned(), entry.file_type()));
            }
            if names.len() >= max {
                return Ok(Some(names));
            }
        }
        let after = inode::examine(directory, c"")?;
        if after.is_unchanged(&before) {
            return Ok(Some(names));
        }
        before = after;
    }
    Ok(None)
}

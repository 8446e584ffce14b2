//! The walk.

use std::ffi::{CStr, CString};
use std::num::NonZero;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::{FileType, Mode as OpenMode, OFlags, RawDir};
use rustix::io::Errno;

use super::content::{LANES, Lane, Large, Small, Step};
use super::inode::{self, Examined, Names};
use super::queue::{More, Queue, Task};
use crate::appraise::{
    Evidence, NotChecked, Observed, ObservedContent, ObservedKind, Reason, Source, Want,
};
use crate::limits;
use crate::path::ImagePath;
use crate::sys::fs::{IoContext as _, IoError};
use crate::tree::Xattrs;

/// How to scan.
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Scan<'a> {
    /// What is worth hashing of a regular file, by path and size.
    pub want: &'a (dyn Fn(&ImagePath, u64) -> Want + Sync),
    /// How many threads to use.
    pub threads: NonZero<usize>,
    /// Most paths to look at; what is beyond is reported as not checked.
    pub entries_max: usize,
}

impl<'a> Scan<'a> {
    /// A scan with the usual budget.
    pub fn new(
        want: &'a (dyn Fn(&ImagePath, u64) -> Want + Sync),
        threads: NonZero<usize>,
    ) -> Self {
        Self {
            want,
            threads,
            entries_max: limits::TREE_ENTRIES_MAX,
        }
    }
}

/// Looks at everything in `directory`, on its own file system.
///
/// # Errors
/// `directory` itself cannot be opened; everything else that cannot be looked at is in the evidence.
pub fn scan(directory: &Path, options: &Scan<'_>) -> Result<Evidence, IoError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(directory, flags, OpenMode::empty()).at("open", directory)?;
    let walk = Walk {
        examined: inode::examine(&root, c"").at("examine", directory)?,
        root,
        names: Names::of(directory.as_os_str().as_bytes()),
        options,
        entries: AtomicUsize::new(0),
        is_over_budget: AtomicBool::new(false),
    };
    let queue = Queue::new(Job::Directory(ImagePath::root()), LANES);
    let found: Vec<Found> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads.get())
            .map(|_| scope.spawn(|| walk.work(&queue)))
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    if found.len() != options.threads.get() {
        return Err(IoError::new(
            "scan",
            directory,
            std::io::Error::other("a thread of the scan failed"),
        ));
    }
    Ok(walk.evidence(found))
}

enum Job {
    /// List it.
    Directory(ImagePath),
    /// Read these regular files of one directory.
    Files(Arc<Open>, Vec<(CString, ImagePath)>),
}

struct Open {
    path: ImagePath,
    descriptor: OwnedFd,
}

/// What one thread found.
#[derive(Default)]
struct Found {
    entries: Vec<Observed>,
    not_checked: Vec<NotChecked>,
}

struct Walk<'a> {
    root: OwnedFd,
    names: Names,
    examined: Examined,
    options: &'a Scan<'a>,
    entries: AtomicUsize,
    is_over_budget: AtomicBool,
}

/// Files of one directory that one thread reads at a time.
const BATCH: usize = 32;
/// Bytes of directory entries read at once.
const LIST_BUFFER: usize = 64 << 10;

impl Walk<'_> {
    fn work(&self, queue: &Queue<Job, Large>) -> Found {
        let mut found = Found::default();
        let mut small = Small::new();
        queue.run(|task| {
            let mut more = More::default();
            match task {
                Task::Job(Job::Directory(path)) => more.jobs = self.directory(path, &mut found),
                Task::Job(Job::Files(directory, files)) => {
                    for (name, path) in files {
                        let large = self.file(&directory, &name, path, &mut found, &mut small);
                        more.large.extend(large);
                    }
                }
                Task::Large(first) => self.large(first, queue, &mut found),
            }
            more
        });
        small.flush(&mut found.entries);
        found
    }

    fn evidence(&self, found: Vec<Found>) -> Evidence {
        let mut evidence = Evidence {
            source: Source::Root,
            entries: Vec::with_capacity(self.entries.load(Ordering::Relaxed)),
            not_checked: Vec::new(),
            notes: Vec::new(),
        };
        for mut part in found {
            evidence.entries.append(&mut part.entries);
            evidence.not_checked.append(&mut part.not_checked);
        }
        evidence
            .entries
            .sort_unstable_by(|a, b| a.path.cmp(&b.path));
        // A directory that changes while it is listed may give a name twice.
        evidence.entries.dedup_by(|a, b| a.path == b.path);
        evidence.not_checked.sort();
        evidence.not_checked.dedup();
        if self.is_over_budget.load(Ordering::Relaxed) {
            evidence.not_checked.insert(
                0,
                NotChecked {
                    path: ImagePath::root(),
                    reason: Reason::Budget,
                },
            );
        }
        if let Names::ByPath(_) = self.names {
            evidence.notes.push(
                "There is no /proc: attributes of links, devices and FIFOs were read by path."
                    .to_owned(),
            );
        }
        if !rustix::process::geteuid().is_root() {
            evidence.notes.push(
                "Not run as root: attributes of the trusted.* namespace are invisible to this process."
                    .to_owned(),
            );
        }
        evidence
    }

    /// Lists a directory; gives what is to be done for its entries.
    fn directory(&self, path: ImagePath, found: &mut Found) -> Vec<Job> {
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
        found.entries.push(entry);
        let names = match names(descriptor.as_fd(), examined, self.options.entries_max) {
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
        found: &mut Found,
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

    /// Reads a file; gives it back where it is to be read piece by piece.
    fn file(
        &self,
        directory: &Open,
        name: &CStr,
        path: ImagePath,
        found: &mut Found,
        small: &mut Small,
    ) -> Option<Large> {
        let at = directory.descriptor.as_fd();
        let (file, examined) = self.open(at, name, &path, found)?;
        let want = (self.options.want)(&path, examined.size());
        let content = ObservedKind::Regular(unread(&examined));
        if !Small::takes(examined.size(), want) {
            if want.whole || want.prefix.is_some() {
                let size = examined.size();
                return Some(Large { size, path });
            }
            let attributes = found.attributes(&path, inode::xattrs(file.as_fd()));
            found
                .entries
                .push(examined.observed(path, content, attributes));
            return None;
        }
        if small.is_full() {
            small.flush(&mut found.entries);
        }
        match small.read(&file, &examined) {
            Ok(Some(bytes)) => {
                let attributes = found.attributes(&path, inode::xattrs(file.as_fd()));
                small.keep(examined.observed(path, content, attributes), bytes);
                None
            }
            // It changed meanwhile: to be read again.
            Ok(None) => Some(Large {
                size: examined.size(),
                path,
            }),
            Err(errno) => {
                self.unopened_file(at, name, path, errno, found);
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
        found: &mut Found,
    ) -> Option<(OwnedFd, Examined)> {
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
    fn large(&self, first: Large, queue: &Queue<Job, Large>, found: &mut Found) {
        let mut next = Some(first);
        let mut lanes: Vec<Lane> = Vec::new();
        loop {
            while lanes.len() < LANES {
                let Some(large) = next.take().or_else(|| queue.another_large()) else {
                    break;
                };
                lanes.extend(self.lane(large.path, found));
            }
            if lanes.is_empty() {
                return;
            }
            let mut reading = Vec::with_capacity(LANES);
            for mut lane in lanes {
                match lane.read(self.options.want) {
                    Ok(Step::Piece) => reading.push(lane),
                    Ok(Step::Stable(content)) => found.file(lane, content),
                    Ok(Step::Unstable) => {
                        found.unseen(lane.path.clone(), Reason::Unstable);
                        let content = unread(&lane.examined);
                        found.file(lane, content);
                    }
                    Err(errno) => {
                        let reason = Reason::Content(text(errno));
                        found.unseen(lane.path.clone(), reason);
                        let content = unread(&lane.examined);
                        found.file(lane, content);
                    }
                }
            }
            lanes = reading;
            Lane::hash(&mut lanes);
        }
    }

    fn lane(&self, path: ImagePath, found: &mut Found) -> Option<Lane> {
        let parent = path.parent().unwrap_or_else(ImagePath::root);
        let name = path.name().and_then(|name| CString::new(name).ok())?;
        let Ok(directory) = inode::open_directory(&self.root, &parent) else {
            found.unseen(path, Reason::Unstable);
            return None;
        };
        let (file, examined) = self.open(directory.as_fd(), &name, &path, found)?;
        let want = (self.options.want)(&path, examined.size());
        Some(Lane::new(path, file, examined, want))
    }

    /// A directory that cannot be opened is still examined.
    fn unopened_directory(&self, path: ImagePath, errno: Errno, found: &mut Found) {
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
            found.entries.push(entry);
        }
        found.unseen(path, Reason::Directory(text(errno)));
    }

    /// A regular file that cannot be read is still examined.
    fn unopened_file(
        &self,
        at: BorrowedFd<'_>,
        name: &CStr,
        path: ImagePath,
        errno: Errno,
        found: &mut Found,
    ) {
        match inode::examine(at, name) {
            Ok(examined) if examined.file_type() == FileType::RegularFile => {
                found.unseen(path.clone(), Reason::Content(text(errno)));
                let attributes = inode::xattrs_at(&self.names, at, &path);
                let attributes = found.attributes(&path, attributes);
                let content = ObservedKind::Regular(unread(&examined));
                found
                    .entries
                    .push(examined.observed(path, content, attributes));
            }
            _ => found.unseen(path, Reason::Unstable),
        }
    }

    /// What is neither a directory nor a regular file: examined, never opened. Gives the type of
    /// what turns out to be one of them.
    fn special(
        &self,
        directory: &Open,
        name: &CStr,
        path: &ImagePath,
        found: &mut Found,
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
        found
            .entries
            .push(examined.observed(path.clone(), kind, attributes));
        None
    }
}

impl Found {
    /// A file that was read piece by piece.
    fn file(&mut self, lane: Lane, content: ObservedContent) {
        let attributes = self.attributes(&lane.path, inode::xattrs(lane.file.as_fd()));
        let kind = ObservedKind::Regular(content);
        self.entries
            .push(lane.examined.observed(lane.path, kind, attributes));
    }

    fn unseen(&mut self, path: ImagePath, reason: Reason) {
        self.not_checked.push(NotChecked { path, reason });
    }

    fn attributes(
        &mut self,
        path: &ImagePath,
        read: Result<Xattrs, inode::XattrError>,
    ) -> Option<Xattrs> {
        match read {
            Ok(attributes) => Some(attributes),
            Err(error) => {
                self.unseen(path.clone(), Reason::Xattrs(error.to_string()));
                None
            }
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

/// The names in a directory; `None` where it did not come to rest.
fn names(
    directory: BorrowedFd<'_>,
    mut before: Examined,
    max: usize,
) -> Result<Option<Vec<(CString, FileType)>>, Errno> {
    let mut buffer = Vec::with_capacity(LIST_BUFFER);
    for attempt in 0..3 {
        if attempt > 0 {
            rustix::fs::seek(directory, rustix::fs::SeekFrom::Start(0))?;
        }
        let mut names = Vec::new();
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
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

fn text(errno: Errno) -> String {
    std::io::Error::from(errno).to_string()
}

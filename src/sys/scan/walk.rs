//! The walk: its options, its threads, and what they found together.

use std::ffi::CStr;
use std::num::NonZero;
use std::ops::Range;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::{Mode as OpenMode, OFlags};
use rustix::io::Errno;

use super::ahead::Ahead;
use super::content::{LANES, Lane, Large, Reading};
use super::directory::NameList;
use super::inode::{self, Examined, Names};
use super::mounts::{self, Through};
use super::queue::{More, Queue, Task};
use crate::appraise::{
    AsListed, Evidence, Expected, Known, Limit, NotChecked, Observed, ObservedContent,
    ObservedKind, Opened, Opening, Reason, Source, Want, Within,
};
use crate::path::ImagePath;
use crate::sys::clock::Deadline;
use crate::sys::fs::{IoContext as _, IoError};
use crate::tree::Xattrs;
use crate::{limits, order};

/// How to scan.
#[expect(missing_debug_implementations, reason = "holds a trait object")]
pub struct Scan<'a> {
    /// What is to be expected.
    pub expected: &'a dyn Expected,
    /// How many threads to use.
    pub threads: NonZero<usize>,
    /// Most paths to look at; what is beyond is reported as not checked.
    pub entries_max: usize,
    /// When to stop; what is then still to be looked at is reported as not checked.
    pub until: Deadline,
}

impl<'a> Scan<'a> {
    /// A scan with the usual budget.
    pub fn new(expected: &'a dyn Expected, threads: NonZero<usize>) -> Self {
        Self {
            expected,
            threads,
            entries_max: limits::TREE_ENTRIES_MAX,
            until: Deadline::default(),
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
    let mounts = mounts::below(&root);
    let known = mounts.as_deref().unwrap_or_default();
    let through = mounts::overlays(&root, known);
    // Where all mounts are known, what lies beneath them can be looked at instead.
    let (root, is_private) = match mounts.as_ref().and_then(|_| mounts::private(&root)) {
        Some(private) => (private, true),
        None => (root, false),
    };
    let walk = Walk {
        examined: inode::examine(&root, c"").at("examine", directory)?,
        root,
        through,
        names: Names::of(directory.as_os_str().as_bytes()),
        options,
        ahead: Ahead::new(),
        entries: AtomicUsize::new(0),
        is_over_budget: AtomicBool::new(false),
        is_late: AtomicBool::new(false),
    };
    // The last comes first. What is expected is mostly being learnt by another thread meanwhile: who
    // waits for that makes room for it, unless nobody else would look at anything.
    let mut jobs = vec![Job::Directory(ImagePath::root()), Job::Learn];
    if options.threads.get() == 1 {
        jobs.reverse();
    }
    let queue = Queue::new(jobs, LANES);
    let found: Vec<Found<'_>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads.get())
            .map(|_| scope.spawn(|| walk.work(&queue)))
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    if found.len() != options.threads.get() {
        return Err(lost(directory));
    }
    let mut evidence = walk.evidence(found);
    evidence.through = walk.through.iter().map(|it| it.path.clone()).collect();
    match mounts {
        Some(mounts) => evidence.mounts = mounts,
        None => evidence.notes.push(
            "The table of mounts cannot be read: a mount is only seen where it is met.".to_owned(),
        ),
    }
    if is_private && !evidence.mounts.is_empty() {
        evidence
            .notes
            .push("What lies beneath mounts was looked at, through a mount of its own.".to_owned());
    }
    for path in &evidence.through {
        let path = path.display();
        let note = format!("At {path} there is an overlay: what shows through it was looked at.");
        evidence.notes.push(note);
    }
    Ok(evidence)
}

/// What a scan may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many threads to use.
    pub threads: NonZero<usize>,
    /// Most bytes of listed files to read; `None`: all.
    pub max_bytes: Option<u64>,
    /// When to stop.
    pub until: Deadline,
}

/// Looks at everything in `directory` while the material that it will be compared with is being
/// opened, and does something with what the door gives: `then` says whether that is still wanted.
///
/// # Errors
/// As [`scan`].
pub fn scan_while_opening(
    directory: &Path,
    opening: &Opening,
    bounds: Bounds,
    then: impl FnOnce(&Opened) -> Wanted,
) -> Result<Evidence, IoError> {
    let look = |expected: &dyn Expected| {
        let mut options = Scan::new(expected, bounds.threads);
        options.until = bounds.until;
        scan(directory, &options)
    };
    let decide = || {
        if then(opening.opened()) == Wanted::No {
            opening.give_up();
        }
    };
    if bounds.max_bytes.is_some() {
        // The manifest decides which files are read: nothing begins before it is known.
        decide();
        return match (opening.known(), &opening.opened().expected) {
            (Known::Yes, Some((manifest, _))) => look(&Within::new(manifest, bounds.max_bytes)),
            _ => look(opening),
        };
    }
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| look(opening));
        decide();
        looking.join().unwrap_or_else(|_panic| Err(lost(directory)))
    })
}

/// Whether anybody still needs what a scan finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It will be compared.
    Yes,
    /// It will not; the scan ends early.
    No,
}

fn lost(directory: &Path) -> IoError {
    let error = std::io::Error::other("a thread of the scan failed");
    IoError::new("scan", directory, error)
}

pub(super) enum Job {
    /// Wait until it is known what is expected, and ask which large files there will be.
    Learn,
    /// List it.
    Directory(ImagePath),
    /// Read regular files of one directory: this part of [`Open::files`].
    Files(Arc<Open>, Range<usize>),
}

/// A directory whose files are still to be read.
pub(super) struct Open {
    pub(super) path: ImagePath,
    pub(super) descriptor: OwnedFd,
    /// The names of what is listed as a regular file.
    pub(super) files: NameList,
}

/// What all threads together keep until it is known what is expected; with more they wait.
const PENDING_MAX: usize = 32_768;

/// What one thread found.
pub(super) struct Found<'a> {
    expected: &'a dyn Expected,
    pending_max: usize,
    /// What was seen before it was known what is expected, and whether more of it may be worth
    /// hashing.
    pending: Vec<(Observed, bool)>,
    /// Of these, files of which more is.
    again: Vec<Large>,
    entries: Vec<Observed>,
    /// Places in the manifest of what is exactly as listed.
    as_listed: AsListed,
    not_checked: Vec<NotChecked>,
}

pub(super) struct Walk<'a> {
    pub(super) root: OwnedFd,
    /// Overlays, which are looked at in the place of what lies beneath them.
    pub(super) through: Vec<Through>,
    pub(super) names: Names,
    pub(super) examined: Examined,
    pub(super) options: &'a Scan<'a>,
    pub(super) ahead: Ahead,
    pub(super) entries: AtomicUsize,
    pub(super) is_over_budget: AtomicBool,
    pub(super) is_late: AtomicBool,
}

impl Walk<'_> {
    /// Opens a directory of the root, or of the overlay that is mounted there.
    pub(super) fn open_directory(&self, path: &ImagePath) -> Result<OwnedFd, Errno> {
        match self.overlay_of(path) {
            Some(through) => {
                let below = path.relative().get(through.path.relative().len()..);
                let below = below.unwrap_or_default();
                let below = below.strip_prefix(b"/").unwrap_or(below);
                inode::open_relative(&through.descriptor, below)
            }
            None => inode::open_directory(&self.root, path),
        }
    }

    /// What everything at `path` must be on the same mount as.
    pub(super) fn mount_of(&self, path: &ImagePath) -> &Examined {
        self.overlay_of(path)
            .map_or(&self.examined, |through| &through.examined)
    }

    fn overlay_of(&self, path: &ImagePath) -> Option<&Through> {
        self.through.iter().find(|it| path.is_within(&it.path))
    }

    fn work(&self, queue: &Queue<Job, Large>) -> Found<'_> {
        let mut found = Found::new(self.options);
        let mut reading = Reading::new();
        queue.run(|task| match task {
            // Nobody needs what is seen.
            _ if self.options.expected.known() == Known::Never => More::default(),
            Task::Job(job) => self.job(job, &mut found, &mut reading),
            Task::Large(first) => {
                self.large(first, queue, &mut found, &mut reading);
                More::default()
            }
        });
        loop {
            reading.small.flush(&mut found);
            found.settle();
            let Some(again) = found.again.pop() else {
                return found;
            };
            self.large(again, queue, &mut found, &mut reading);
        }
    }

    pub(super) fn job(
        &self,
        job: Job,
        found: &mut Found<'_>,
        reading: &mut Reading,
    ) -> More<Job, Large> {
        let mut more = More::default();
        match job {
            Job::Learn => more.large = self.ahead.learn(self.options.expected),
            Job::Directory(path) => more.jobs = self.directory(path, found, reading),
            Job::Files(directory, files) => {
                more.large = self.files(&directory, files, found, reading);
            }
        }
        if found.is_known() {
            more.large
                .append(&mut self.ahead.learn(self.options.expected));
            more.large.append(&mut found.again);
        }
        more
    }

    /// Whether nothing more may be looked at; that is then remembered.
    pub(super) fn is_late(&self) -> bool {
        let is_late = self.options.until.is_over();
        if is_late {
            self.is_late.store(true, Ordering::Relaxed);
        }
        is_late
    }

    fn evidence(&self, found: Vec<Found<'_>>) -> Evidence {
        let mut evidence = Evidence {
            source: Source::Root,
            entries: Vec::new(),
            as_listed: AsListed::default(),
            mounts: Vec::new(),
            through: Vec::new(),
            not_checked: Vec::new(),
            hides_trusted: !rustix::process::geteuid().is_root(),
            notes: Vec::new(),
        };
        for mut part in found {
            evidence.entries.append(&mut part.entries);
            evidence.not_checked.append(&mut part.not_checked);
            evidence.as_listed.add(&part.as_listed);
        }
        order::sort_by(&mut evidence.entries, |a, b| a.path.cmp(&b.path));
        // A directory that changes while it is listed may give a name twice.
        evidence.entries.dedup_by(|a, b| a.path == b.path);
        // What was as listed once and something else another time is something else.
        for seen in &evidence.entries {
            if let Some(place) = self.options.expected.find(&seen.path) {
                evidence.as_listed.remove(place);
            }
        }
        order::sort(&mut evidence.not_checked);
        evidence.not_checked.dedup();
        for (is_over, limit) in [
            (&self.is_late, Limit::Time),
            (&self.is_over_budget, Limit::Paths),
        ] {
            if is_over.load(Ordering::Relaxed) {
                let path = ImagePath::root();
                let reason = Reason::Budget(limit);
                evidence.not_checked.insert(0, NotChecked { path, reason });
            }
        }
        if let Names::ByPath(_) = self.names {
            evidence.notes.push(
                "There is no /proc: attributes of links, devices and FIFOs were read by path."
                    .to_owned(),
            );
        }
        if evidence.hides_trusted {
            evidence.notes.push(
                "Not run as root: attributes of the trusted.* namespace are invisible to this process."
                    .to_owned(),
            );
        }
        evidence
    }
}

impl<'a> Found<'a> {
    fn new(options: &Scan<'a>) -> Self {
        Self {
            expected: options.expected,
            pending_max: PENDING_MAX / options.threads.get(),
            pending: Vec::new(),
            again: Vec::new(),
            entries: Vec::new(),
            as_listed: AsListed::default(),
            not_checked: Vec::new(),
        }
    }

    /// The path of a directory's entry.
    pub(super) fn path(&mut self, directory: &ImagePath, name: &CStr) -> Option<ImagePath> {
        let path = directory.join(name.to_bytes()).ok();
        if path.is_none() {
            self.unseen(directory.clone(), Reason::TooLong);
        }
        path
    }

    /// Whether it is known what is expected.
    pub(super) fn is_known(&self) -> bool {
        self.expected.known() == Known::Yes
    }

    /// Which bytes of a regular file are worth hashing; `None` while that is not known.
    pub(super) fn want(&self, path: &ImagePath, size: u64) -> Option<Want> {
        self.is_known().then(|| self.expected.want(path, size))
    }

    /// Files of at most so many bytes are hashed whole.
    pub(super) fn whole_up_to(&self) -> u64 {
        self.expected.whole_up_to()
    }

    /// Keeps what was observed, or the mere fact that it is as listed.
    pub(super) fn see(&mut self, observed: Observed) {
        self.see_or_later(observed, false);
    }

    /// The same for a small file that was hashed whole before anybody asked what is worth hashing:
    /// where that is more, it is read again.
    pub(super) fn see_unasked(&mut self, observed: Observed) {
        self.see_or_later(observed, true);
    }

    /// Puts aside what cannot be compared yet; with too much of it this waits.
    fn see_or_later(&mut self, observed: Observed, is_unasked: bool) {
        if self.expected.known() == Known::NotYet && self.pending.len() < self.pending_max {
            if self.pending.is_empty() {
                self.pending.reserve_exact(self.pending_max);
            }
            self.pending.push((observed, is_unasked));
            return;
        }
        self.settle();
        self.settle_one(observed, is_unasked);
    }

    /// Compares what was put aside; waits until it can be.
    fn settle(&mut self) {
        for (observed, is_unasked) in std::mem::take(&mut self.pending) {
            self.settle_one(observed, is_unasked);
        }
    }

    fn settle_one(&mut self, observed: Observed, is_unasked: bool) {
        if let Some(place) = self.expected.place(&observed) {
            self.as_listed.insert(place);
            return;
        }
        if let (ObservedKind::Regular(content), true) = (&observed.kind, is_unasked) {
            let want = self.expected.want(&observed.path, content.size);
            if want.prefix.is_some() {
                self.again.push(Large {
                    size: content.size,
                    path: observed.path,
                    is_ahead: false,
                });
                return;
            }
        }
        self.entries.push(observed);
    }

    /// A file that was read piece by piece.
    pub(super) fn file(&mut self, lane: Lane, content: ObservedContent) {
        let attributes = self.attributes(&lane.path, inode::xattrs(lane.file.as_fd()));
        let kind = ObservedKind::Regular(content);
        self.see(lane.examined.observed(lane.path, kind, attributes));
    }

    pub(super) fn unseen(&mut self, path: ImagePath, reason: Reason) {
        self.not_checked.push(NotChecked { path, reason });
    }

    pub(super) fn attributes(
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

pub(super) fn text(errno: Errno) -> String {
    std::io::Error::from(errno).to_string()
}

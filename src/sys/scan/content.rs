//! Reading regular files: small ones whole, to be hashed many at a time; large ones piece by piece,
//! a few at a time. One file alone would leave half of a core's hashing units idle.

use std::cmp::Ordering;
use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::directory::NameList;
use super::disk::Disk;
use super::inode::{self, Examined};
use super::walk::Found;
use crate::appraise::{Expected, Observed, ObservedContent, ObservedKind, Want};
use crate::digest::{Digest, Hasher};
use crate::path::ImagePath;

/// Files up to this size are read whole.
pub(super) const SMALL_MAX: usize = 128 << 10;
/// Bytes of small files that a thread holds before it hashes them: they fit a core's own cache.
const ARENA: usize = 1 << 20;
/// Small files that a thread holds, at most: each costs some hundred bytes beside its own.
const SMALL_FILES: usize = 1024;
/// Bytes of directory entries read at a time.
const LIST: usize = 64 << 10;
/// Bytes of a large file read at a time.
const PIECE: usize = 128 << 10;
/// Large files that a thread reads at a time.
pub(super) const LANES: usize = 3;
/// How often a file that changes under the reader is read.
const ATTEMPTS: usize = 3;

/// A file whose turn is still to come: it is large, or it changed while it was read.
#[derive(PartialEq, Eq)]
pub(super) struct Large {
    pub(super) size: u64,
    pub(super) path: ImagePath,
    /// Whether it is read ahead of the walk, which has not met it yet.
    pub(super) is_ahead: bool,
}

impl Ord for Large {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.size, &other.path).cmp(&(other.size, &self.path))
    }
}

impl PartialOrd for Large {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A file of a directory that is open and was examined.
pub(super) struct Opened {
    pub(super) path: ImagePath,
    pub(super) file: OwnedFd,
    pub(super) examined: Examined,
}

/// What a thread reads with.
pub(super) struct Reading {
    pub(super) small: Small,
    pub(super) disk: Disk,
    /// For the entries of a directory.
    pub(super) list: Vec<u8>,
    /// The names of a directory.
    pub(super) names: NameList,
    /// For the open files of a directory.
    pub(super) opened: Vec<Opened>,
    /// Buffers of large files that were read. Getting memory anew for each would make the kernel
    /// take it from both processors each time.
    pub(super) spare: Vec<Vec<u8>>,
}

impl Reading {
    pub(super) fn new() -> Self {
        Self {
            small: Small::new(),
            disk: Disk::new(),
            list: Vec::with_capacity(LIST),
            names: NameList::default(),
            opened: Vec::new(),
            spare: Vec::new(),
        }
    }
}

/// A small file that was read.
struct Held {
    observed: Observed,
    bytes: usize,
    /// Whether nobody asked what is worth hashing.
    is_unasked: bool,
}

/// Small files that were read and are still to be hashed.
pub(super) struct Small {
    arena: Vec<u8>,
    used: usize,
    files: Vec<Held>,
    /// One for each file; kept, because memory that comes and goes is taken from all processors.
    hashers: Vec<Hasher>,
}

impl Small {
    fn new() -> Self {
        Self {
            arena: vec![0; ARENA],
            used: 0,
            files: Vec::with_capacity(SMALL_FILES),
            hashers: Vec::with_capacity(SMALL_FILES),
        }
    }

    /// Whether a file is small.
    pub(super) fn fits(size: u64) -> bool {
        usize::try_from(size).is_ok_and(|it| it <= SMALL_MAX)
    }

    /// Whether a file is read whole.
    pub(super) fn takes(size: u64, want: Want) -> bool {
        want.whole && want.prefix.is_none() && Self::fits(size)
    }

    /// Reads a file that was examined; gives its bytes' number, or `None` where it changed
    /// meanwhile.
    pub(super) fn read(
        &mut self,
        file: &OwnedFd,
        before: &Examined,
        disk: &mut Disk,
    ) -> Result<Option<usize>, Errno> {
        let size = usize::try_from(before.size()).unwrap_or(usize::MAX);
        // One byte more than expected shows a file that grew.
        let room = self
            .arena
            .get_mut(self.used..)
            .and_then(|free| free.get_mut(..size.saturating_add(1)))
            .unwrap_or_default();
        let mut count = 0;
        while let Some(room) = room.get_mut(count..).filter(|room| !room.is_empty()) {
            let position = u64::try_from(count).unwrap_or(u64::MAX);
            match disk.read(file, room, position)? {
                0 => break,
                // All that was expected: the examination afterwards tells whether there is more.
                more if count.saturating_add(more) == size => {
                    count = size;
                    break;
                }
                more => count = count.saturating_add(more),
            }
        }
        let is_whole = count == size && inode::examine(file, c"")?.is_unchanged(before);
        Ok(is_whole.then_some(count))
    }

    /// Keeps the bytes that were read last, with what is known of their file.
    pub(super) fn keep(&mut self, observed: Observed, bytes: usize, is_unasked: bool) {
        self.files.push(Held {
            observed,
            bytes,
            is_unasked,
        });
        self.used = self.used.saturating_add(bytes);
    }

    /// Whether the next file might not fit.
    pub(super) fn is_full(&self) -> bool {
        let room = self.arena.len().saturating_sub(self.used);
        room <= SMALL_MAX || self.files.len() >= SMALL_FILES
    }

    /// Whether so many bytes are held that hashing them keeps the lanes that no large file fills
    /// busy for as long as one piece of a large file does.
    pub(super) fn fills(&self, lanes: usize) -> bool {
        self.used >= lanes.saturating_mul(PIECE) || self.is_full()
    }

    /// Hashes all that is held.
    pub(super) fn flush(&mut self, found: &mut Found<'_>) {
        self.flush_beside(&mut [], found);
    }

    /// Hashes all that is held, and the pieces of large files beside.
    pub(super) fn flush_beside(&mut self, lanes: &mut [Lane], found: &mut Found<'_>) {
        let mut rest = self.arena.as_slice();
        let messages = self.files.iter().map(|held| {
            let (message, others) = rest.split_at_checked(held.bytes).unwrap_or_default();
            rest = others;
            message
        });
        self.hashers.clear();
        self.hashers.resize(self.files.len(), Hasher::new());
        let small = self.hashers.iter_mut().zip(messages);
        Hasher::update_all(lanes.iter_mut().map(Lane::piece_to_hash).chain(small));
        for lane in lanes {
            lane.filled = 0;
        }
        let digests = Hasher::finish_all(&mut self.hashers);
        for (mut held, digest) in self.files.drain(..).zip(digests) {
            if let ObservedKind::Regular(content) = &mut held.observed.kind {
                content.digest = Some(digest);
            }
            if held.is_unasked {
                found.see_unasked(held.observed);
            } else {
                found.see(held.observed);
            }
        }
        self.used = 0;
    }
}

/// A large file that is being read.
pub(super) struct Lane {
    pub(super) path: ImagePath,
    pub(super) file: OwnedFd,
    /// Its last examination: before reading began, and at the end after.
    pub(super) examined: Examined,
    want: Want,
    hasher: Hasher,
    prefix: Option<Digest>,
    attempts: usize,
    pub(super) buffer: Vec<u8>,
    /// Bytes of the buffer that are still to be hashed.
    filled: usize,
}

/// How reading a file went on.
pub(super) enum Step {
    /// There is a piece to be hashed.
    Piece,
    /// These are its bytes.
    Stable(ObservedContent),
    /// It did not come to rest.
    Unstable,
}

impl Lane {
    /// A file to be read; `buffer` is one of another file that was read, or empty.
    pub(super) fn new(
        path: ImagePath,
        (file, examined): (OwnedFd, Examined),
        want: Want,
        buffer: Vec<u8>,
    ) -> Self {
        Self {
            path,
            file,
            examined,
            want,
            hasher: Hasher::new(),
            prefix: None,
            attempts: 0,
            buffer,
            filled: 0,
        }
    }

    fn piece_to_hash(&mut self) -> (&mut Hasher, &[u8]) {
        let piece = self.buffer.get(..self.filled).unwrap_or_default();
        (&mut self.hasher, piece)
    }

    /// Reads the next piece. Should its size be another now, it is asked anew what is worth
    /// hashing.
    pub(super) fn read(&mut self, expected: &dyn Expected, disk: &mut Disk) -> Result<Step, Errno> {
        loop {
            let content = match self.piece(disk)? {
                Piece::Some => return Ok(Step::Piece),
                Piece::End(content) => Some(content),
                Piece::Changed => None,
            };
            let after = inode::examine(&self.file, c"")?;
            let is_unchanged = after.is_unchanged(&self.examined);
            self.examined = after;
            match content {
                Some(content) if is_unchanged => return Ok(Step::Stable(content)),
                _ => self.attempts = self.attempts.saturating_add(1),
            }
            if self.attempts == ATTEMPTS {
                return Ok(Step::Unstable);
            }
            self.hasher = Hasher::new();
            self.prefix = None;
            self.want = expected.want(&self.path, self.examined.size());
        }
    }

    fn piece(&mut self, disk: &mut Disk) -> Result<Piece, Errno> {
        let size = self.examined.size();
        let position = self.hasher.length();
        if self.want.prefix == Some(position) && self.prefix.is_none() {
            self.prefix = Some(self.hasher.clone().finish());
        }
        let end = match (self.want.whole, self.want.prefix) {
            (true, _) => None,
            (false, prefix) => Some(prefix.unwrap_or(0)),
        };
        if end == Some(position) {
            return Ok(Piece::End(self.content(None)));
        }
        // The prefix ends a piece, so that its digest can be taken.
        let stop = self.want.prefix.filter(|prefix| *prefix > position);
        let most = stop.map_or(PIECE, |stop| {
            usize::try_from(stop.saturating_sub(position)).map_or(PIECE, |left| left.min(PIECE))
        });
        self.buffer.resize(PIECE, 0);
        let room = self.buffer.get_mut(..most).unwrap_or_default();
        let count = disk.read(&self.file, room, position)?;
        let after = position.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if after > size || count == 0 && position != size {
            return Ok(Piece::Changed);
        }
        if count == 0 {
            let digest = self.hasher.clone().finish();
            return Ok(Piece::End(self.content(Some(digest))));
        }
        self.filled = count;
        Ok(Piece::Some)
    }

    fn content(&self, digest: Option<Digest>) -> ObservedContent {
        ObservedContent {
            size: self.examined.size(),
            digest,
            prefix: self.prefix,
        }
    }
}

enum Piece {
    Some,
    End(ObservedContent),
    Changed,
}

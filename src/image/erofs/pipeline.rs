//! Files read, checked and packed by threads, ahead of whoever writes them in order.

use std::io::{self, ErrorKind, Read};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, Scope};

use super::pack::{Packed, Packer, Part};
use super::{BLOCK, Compression, ErofsError};
use crate::digest::{Digest, Hasher};
use crate::path::ImagePath;
use crate::tree::{Blobs, Content};

/// Longest piece of a file. A file's pieces are packed on their own, so that the bytes of the image
/// do not depend on who packs them; smaller pieces would end more clusters early.
pub(super) const PIECE: usize = 512 * BLOCK;

/// Most threads that pack: each has two pieces in its hands, of 2 MiB before and after.
const THREADS_MAX: usize = 16;

/// A file to be packed; never an empty one.
#[derive(Clone, Copy, Debug)]
pub(super) struct File<'a> {
    pub(super) path: &'a ImagePath,
    pub(super) content: Content,
    /// How many bytes may stand behind its inode, in the same block.
    pub(super) room: usize,
}

/// Pieces of files that were packed together.
#[derive(Debug)]
pub(super) struct Batch {
    /// The blocks of all, one piece after the other.
    pub(super) blocks: Vec<u8>,
    pub(super) pieces: Vec<Packed>,
}

struct Job {
    input: Vec<u8>,
    parts: Vec<Part>,
    /// What the parts that are whole files should be, in their order: which file, and its digest.
    wholes: Vec<(usize, Digest)>,
    reply: SyncSender<Reply>,
}

/// The pieces, or which file is not the one that the tree names.
type Reply = Result<Batch, usize>;

type Order = Result<Receiver<Reply>, ErofsError>;

/// The pieces of all files, in order.
#[derive(Debug)]
pub(super) struct Pipeline<'scope> {
    files: &'scope [File<'scope>],
    order: Receiver<Order>,
    spare: &'scope Spare,
}

/// Buffers to be used again.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_default()
    }

    fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spare.push(buffer);
    }
}

impl<'scope> Pipeline<'scope> {
    /// Reads these files, in this order.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn start(
        scope: &'scope Scope<'scope, '_>,
        files: &'scope [File<'scope>],
        blobs: &'scope dyn Blobs,
        compression: Compression,
        threads: NonZero<usize>,
        spare: &'scope Spare,
        jobs: &'scope Jobs,
    ) -> io::Result<Self> {
        let threads = threads.get().min(THREADS_MAX);
        let (sender, order) = sync_channel(threads + 1);
        for _ in 0..threads {
            Builder::new()
                .name("pack".to_owned())
                .spawn_scoped(scope, move || work(compression, jobs, spare))?;
        }
        Builder::new()
            .name("read".to_owned())
            .spawn_scoped(scope, move || {
                let mut feeder = Feeder {
                    jobs: jobs.sender(),
                    order: sender,
                    spare,
                    input: spare.take(),
                    parts: Vec::new(),
                    wholes: Vec::new(),
                };
                // Whoever waits for the order got the error; nobody waits any more otherwise.
                if let Err(Some(error)) = feeder.feed(files, blobs) {
                    drop(feeder.order.send(Err(error)));
                }
            })?;
        Ok(Self {
            files,
            order,
            spare,
        })
    }

    /// The next pieces.
    ///
    /// # Errors
    /// A file's bytes cannot be had, or are not those that the tree names.
    pub(super) fn next(&self) -> Result<Batch, ErofsError> {
        let gone = || io::Error::other("a thread that reads or packs files is gone");
        let reply = self.order.recv().map_err(|_ended| gone())??;
        let reply = reply.recv().map_err(|_ended| gone())?;
        reply.or_else(|file| {
            let file = self.files.get(file).ok_or_else(gone)?;
            Err(ErofsError::Content(file.path.clone()))
        })
    }

    /// Takes a buffer back.
    pub(super) fn give_back(&self, buffer: Vec<u8>) {
        self.spare.give(buffer);
    }
}

/// Work that waits for a thread.
#[derive(Debug)]
pub(super) struct Jobs {
    receiver: Mutex<Receiver<Job>>,
    sender: Mutex<Option<Sender<Job>>>,
}

impl Jobs {
    pub(super) fn new() -> Self {
        let (sender, receiver) = channel();
        Self {
            receiver: Mutex::new(receiver),
            sender: Mutex::new(Some(sender)),
        }
    }

    /// The only sender: once it is gone, threads end.
    fn sender(&self) -> Option<Sender<Job>> {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.take()
    }

    fn next(&self) -> Option<Job> {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.recv().ok()
    }
}

fn work(compression: Compression, jobs: &Jobs, spare: &Spare) {
    let mut packer = Packer::new(compression);
    while let Some(job) = jobs.next() {
        // Nobody waits for it any more once writing failed.
        drop(job.reply.send(pack(&mut packer, &job, spare)));
        spare.give(job.input);
    }
}

fn pack(packer: &mut Packer, job: &Job, spare: &Spare) -> Reply {
    let mut at = 0;
    let parts = job.parts.iter().map(|part| {
        let input = job.input.get(at..at + part.length).unwrap_or_default();
        at += part.length;
        (input, *part)
    });
    let parts: Vec<(&[u8], Part)> = parts.collect();
    let wholes = parts.iter().filter(|(_, part)| part.is_whole);
    let wholes: Vec<&[u8]> = wholes.map(|(input, _)| *input).collect();
    // Together: short files one after the other would not keep a core busy.
    let digests = Digest::of_all(&wholes);
    let mut named = job.wholes.iter().zip(digests);
    if let Some(((file, _), _)) = named.find(|((_, named), digest)| named != digest) {
        return Err(*file);
    }
    let mut blocks = spare.take();
    let pieces = parts
        .into_iter()
        .map(|(input, part)| packer.pack(input, part, &mut blocks))
        .collect();
    Ok(Batch { blocks, pieces })
}

struct Feeder<'a> {
    jobs: Option<Sender<Job>>,
    order: SyncSender<Order>,
    spare: &'a Spare,
    input: Vec<u8>,
    parts: Vec<Part>,
    wholes: Vec<(usize, Digest)>,
}

/// `None`: nobody takes what is read any more.
type Fed = Result<(), Option<ErofsError>>;

impl Feeder<'_> {
    fn feed(&mut self, files: &[File<'_>], blobs: &dyn Blobs) -> Fed {
        for (number, file) in files.iter().enumerate() {
            self.file(number, file, blobs)?;
        }
        self.submit()
    }

    fn file(&mut self, number: usize, file: &File<'_>, blobs: &dyn Blobs) -> Fed {
        let unreadable = |source| {
            Some(ErofsError::ContentRead {
                path: file.path.clone(),
                source,
            })
        };
        let differs = || Some(ErofsError::Content(file.path.clone()));
        let mut reader = blobs.open(&file.content).map_err(unreadable)?;
        let mut hasher = Hasher::new();
        let mut left = file.content.size;
        let is_whole = usize::try_from(left).is_ok_and(|size| size <= PIECE);
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            if self.input.len() + length > PIECE {
                self.submit()?;
            }
            let start = self.input.len();
            self.input.resize(start + length, 0);
            let buffer = self.input.get_mut(start..).unwrap_or_default();
            match reader.read_exact(buffer) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(differs()),
                Err(error) => return Err(unreadable(error)),
            }
            if is_whole {
                self.wholes.push((number, file.content.digest));
            } else {
                hasher.update(buffer);
            }
            left -= super::wide(length);
            self.parts.push(Part {
                length,
                is_whole,
                is_last: left == 0,
                room: file.room,
            });
        }
        let mut more = [0];
        let is_longer = match reader.read(&mut more) {
            Ok(count) => count > 0,
            Err(error) => return Err(unreadable(error)),
        };
        // Whole ones are hashed by who packs them.
        if is_longer || !is_whole && hasher.finish() != file.content.digest {
            return Err(differs());
        }
        Ok(())
    }

    /// Hands over what was read since the last time.
    fn submit(&mut self) -> Fed {
        if self.parts.is_empty() {
            return Ok(());
        }
        let (reply, receiver) = sync_channel(1);
        let job = Job {
            input: std::mem::replace(&mut self.input, self.spare.take()),
            parts: std::mem::take(&mut self.parts),
            wholes: std::mem::take(&mut self.wholes),
            reply,
        };
        // Waits while too many are on their way.
        self.order.send(Ok(receiver)).map_err(|_ended| None)?;
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        if sent { Ok(()) } else { Err(None) }
    }
}

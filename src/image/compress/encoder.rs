//! Cuts a stream into blocks, has them compressed on several threads, and writes them in order.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use flate2::Crc;

use super::Compression;
use super::block::{Block, Codec, Scratch};

/// gzip's header (RFC 1952, 2.3): no time, no name, unknown system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// Deflate's empty last block (RFC 1951, 3.2.6).
const DEFLATE_END: [u8; 2] = [3, 0];

/// Compresses what is written to it; [`Encoder::finish`] must be called.
///
/// The bytes depend on the input and the [`Compression`] alone: not on the number of threads, and
/// not on how the input is cut into writes.
#[derive(Debug)]
pub struct Encoder<W: Write> {
    sink: W,
    blocks: Option<Blocks>,
}

#[derive(Debug)]
struct Blocks {
    codec: Codec,
    current: Block,
    spare: Vec<Block>,
    any: bool,
    crc: Crc,
    length: u64,
    workers: Workers,
}

impl<W: Write> Encoder<W> {
    /// Compresses on `threads` threads into `sink`; one means the caller's own.
    ///
    /// # Errors
    /// No thread can be started, or the sink takes no bytes.
    pub fn new(compression: Compression, threads: NonZero<usize>, mut sink: W) -> io::Result<Self> {
        let codec = match compression {
            Compression::Gzip => Codec::Gzip,
            Compression::None => return Ok(Self { sink, blocks: None }),
            Compression::Zstd => Codec::Zstd,
        };
        if codec == Codec::Gzip {
            sink.write_all(&GZIP_HEADER)?;
        }
        let blocks = Blocks {
            codec,
            current: Block::default(),
            spare: Vec::new(),
            any: false,
            crc: Crc::new(),
            length: 0,
            workers: Workers::start(codec, threads)?,
        };
        Ok(Self {
            sink,
            blocks: Some(blocks),
        })
    }

    /// Compresses what is left, ends the stream and gives the sink back.
    ///
    /// # Errors
    /// A block cannot be compressed, or the sink takes no bytes.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(mut blocks) = self.blocks.take() {
            // zstd has no file without a frame.
            let empty_file = blocks.codec == Codec::Zstd && !blocks.any;
            if !blocks.current.input.is_empty() || empty_file {
                blocks.submit(&mut self.sink)?;
            }
            while blocks.collect(&mut self.sink)? {}
            if blocks.codec == Codec::Gzip {
                self.sink.write_all(&DEFLATE_END)?;
                self.sink.write_all(&blocks.crc.sum().to_le_bytes())?;
                // ISIZE: the length modulo 2^32.
                let length = u32::try_from(blocks.length & 0xffff_ffff).unwrap_or(0);
                self.sink.write_all(&length.to_le_bytes())?;
            }
        }
        self.sink.flush()?;
        Ok(self.sink)
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(blocks) = &mut self.blocks else {
            return self.sink.write(bytes);
        };
        let current = &mut blocks.current.input;
        let room = blocks.codec.block_size() - current.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        current.extend_from_slice(taken);
        if current.len() == blocks.codec.block_size() {
            blocks.submit(&mut self.sink)?;
        }
        Ok(taken.len())
    }

    /// Does nothing: to cut a block short would change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Blocks {
    /// Hands the current block to the workers; waits while too many are on their way.
    fn submit(&mut self, sink: &mut impl Write) -> io::Result<()> {
        while self.workers.is_full() {
            self.collect(sink)?;
        }
        let mut next = self.spare.pop().unwrap_or_default();
        next.input.clear();
        if self.codec == Codec::Gzip {
            self.current.history_into(&mut next.history);
        }
        let block = std::mem::replace(&mut self.current, next);
        self.any = true;
        let length = u64::try_from(block.input.len()).unwrap_or(u64::MAX);
        self.length = self.length.wrapping_add(length);
        self.workers.submit(block)
    }

    /// Writes the oldest block that is on its way; false where there is none.
    fn collect(&mut self, sink: &mut impl Write) -> io::Result<bool> {
        let Some(block) = self.workers.oldest() else {
            return Ok(false);
        };
        let block = block?;
        self.crc.combine(&block.crc);
        sink.write_all(&block.output)?;
        self.spare.push(block);
        Ok(true)
    }
}

type Answer = io::Result<Block>;
type Job = (Block, SyncSender<Answer>);

/// Threads that compress blocks, and the blocks on their way in the order of their input.
struct Workers {
    codec: Codec,
    own: Scratch,
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    waiting: VecDeque<Receiver<Answer>>,
}

impl Workers {
    fn start(codec: Codec, threads: NonZero<usize>) -> io::Result<Self> {
        let mut workers = Self {
            codec,
            own: Scratch::default(),
            jobs: None,
            threads: Vec::new(),
            waiting: VecDeque::new(),
        };
        if threads.get() > 1 {
            let (sender, receiver) = channel::<Job>();
            let receiver = Arc::new(Mutex::new(receiver));
            workers.jobs = Some(sender);
            for _ in 0..threads.get() {
                let jobs = Arc::clone(&receiver);
                let thread = Builder::new()
                    .name("compress".to_owned())
                    .spawn(move || work(codec, &jobs))?;
                workers.threads.push(thread);
            }
        }
        Ok(workers)
    }

    /// Whether enough blocks wait to keep every thread busy while one is written.
    fn is_full(&self) -> bool {
        self.waiting.len() > self.threads.len()
    }

    fn submit(&mut self, mut block: Block) -> io::Result<()> {
        let (reply, receiver) = sync_channel(1);
        if let Some(jobs) = &self.jobs {
            jobs.send((block, reply)).map_err(|_stopped| stopped())?;
        } else {
            let answer = self.codec.pack(&mut block, &mut self.own).map(|()| block);
            reply.send(answer).map_err(|_stopped| stopped())?;
        }
        self.waiting.push_back(receiver);
        Ok(())
    }

    fn oldest(&mut self) -> Option<Answer> {
        let receiver = self.waiting.pop_front()?;
        Some(receiver.recv().map_err(|_stopped| stopped()).flatten())
    }
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Workers({} threads)", self.threads.len())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.waiting.clear();
        drop(self.jobs.take());
        for thread in self.threads.drain(..) {
            // A thread that panicked was reported by `stopped` already.
            drop(thread.join());
        }
    }
}

fn work(codec: Codec, jobs: &Mutex<Receiver<Job>>) {
    let mut scratch = Scratch::default();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((mut block, reply)) = job else {
            return;
        };
        // Nobody waits for the answer any more once the encoder failed or was dropped.
        let answer = codec.pack(&mut block, &mut scratch).map(|()| block);
        drop(reply.send(answer));
    }
}

fn stopped() -> io::Error {
    io::Error::other("a compression thread stopped")
}

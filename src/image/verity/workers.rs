//! Threads that hash pieces, whose hashes come back in the order of the pieces.

use std::collections::VecDeque;
use std::io;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::layout::verity::Salted;

/// Some blocks on their way to their hashes; the buffers are used again.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) blocks: Vec<u8>,
    pub(super) hashes: Vec<u8>,
}

impl Piece {
    fn hash(mut self, salted: &Salted) -> Self {
        self.hashes.clear();
        salted.each(&self.blocks, &mut self.hashes);
        self
    }
}

/// Where a piece goes, and where it comes back.
type Job = (Piece, SyncSender<Piece>);

pub(super) struct Workers {
    salted: Salted,
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    waiting: VecDeque<Receiver<Piece>>,
}

impl Workers {
    /// Starts `threads` threads; one means the caller's own.
    pub(super) fn start(salted: &Salted, threads: NonZero<usize>) -> io::Result<Self> {
        let mut workers = Self {
            salted: salted.clone(),
            jobs: None,
            threads: Vec::new(),
            waiting: VecDeque::new(),
        };
        if threads.get() > 1 {
            let (sender, receiver) = channel::<Job>();
            let receiver = Arc::new(Mutex::new(receiver));
            workers.jobs = Some(sender);
            for _ in 0..threads.get() {
                let (jobs, salted) = (Arc::clone(&receiver), salted.clone());
                let thread = Builder::new()
                    .name("verity".to_owned())
                    .spawn(move || work(&salted, &jobs))?;
                workers.threads.push(thread);
            }
        }
        Ok(workers)
    }

    /// Whether enough pieces wait to keep every thread busy while one is taken back.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() > self.threads.len()
    }

    pub(super) fn submit(&mut self, piece: Piece) -> io::Result<()> {
        let (reply, receiver) = sync_channel(1);
        match &self.jobs {
            Some(jobs) => jobs.send((piece, reply)).map_err(|_stopped| stopped())?,
            None => reply
                .send(piece.hash(&self.salted))
                .map_err(|_stopped| stopped())?,
        }
        self.waiting.push_back(receiver);
        Ok(())
    }

    /// The oldest piece that is on its way; waits for its hashes.
    pub(super) fn oldest(&mut self) -> Option<io::Result<Piece>> {
        let receiver = self.waiting.pop_front()?;
        Some(receiver.recv().map_err(|_stopped| stopped()))
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

fn work(salted: &Salted, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((piece, reply)) = job else {
            return;
        };
        // Nobody waits for it any more once the writer failed or was dropped.
        drop(reply.send(piece.hash(salted)));
    }
}

fn stopped() -> io::Error {
    io::Error::other("a hashing thread stopped")
}

//! Work shared by threads: the newest jobs first, large files the largest first.

use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Two lists of work that end when both are empty and nobody is busy any more.
pub(super) struct Queue<Job, Large> {
    state: Mutex<State<Job, Large>>,
    changed: Condvar,
    /// How many large files a thread works on at a time: when so many wait they come first, so that
    /// no thread is left alone with one at the end.
    lanes: usize,
}

struct State<Job, Large> {
    jobs: Vec<Job>,
    large: BinaryHeap<Large>,
    busy: usize,
    waiting: usize,
}

impl<Job, Large: Ord> State<Job, Large> {
    fn add(&mut self, more: More<Job, Large>) {
        self.jobs.extend(more.jobs.into_iter().rev());
        self.large.extend(more.large);
    }
}

/// What a thread takes.
pub(super) enum Task<Job, Large> {
    Job(Job),
    Large(Large),
}

/// What work gives: further work.
pub(super) struct More<Job, Large> {
    /// Taken in their order, before those that are older.
    pub(super) jobs: Vec<Job>,
    pub(super) large: Vec<Large>,
}

impl<Job, Large> Default for More<Job, Large> {
    fn default() -> Self {
        Self {
            jobs: Vec::new(),
            large: Vec::new(),
        }
    }
}

impl<Job, Large: Ord> Queue<Job, Large> {
    /// Begins with `jobs`, the last first.
    pub(super) fn new(jobs: Vec<Job>, lanes: usize) -> Self {
        Self {
            state: Mutex::new(State {
                jobs,
                large: BinaryHeap::new(),
                busy: 0,
                waiting: 0,
            }),
            changed: Condvar::new(),
            lanes,
        }
    }

    /// Takes work until there is none and no thread can add any.
    pub(super) fn run(&self, mut work: impl FnMut(Task<Job, Large>) -> More<Job, Large>) {
        while let Some(task) = self.take() {
            let more = work(task);
            let mut state = self.lock();
            state.add(more);
            state.busy = state.busy.saturating_sub(1);
            self.tell(state);
        }
    }

    /// Adds what a thread found in the middle of its work.
    pub(super) fn add(&self, more: More<Job, Large>) {
        let mut state = self.lock();
        state.add(more);
        self.tell(state);
    }

    /// A job for a thread that has room for one beside its work; none while another thread has
    /// nothing to do and could take it.
    pub(super) fn another_job(&self) -> Option<Job> {
        let mut state = self.lock();
        if state.waiting > 0 {
            return None;
        }
        state.jobs.pop()
    }

    /// A further large file for a thread that works on some already; none while another thread has
    /// nothing to do and could take it.
    pub(super) fn another_large(&self) -> Option<Large> {
        let mut state = self.lock();
        if state.waiting > 0 {
            return None;
        }
        state.large.pop()
    }

    fn take(&self) -> Option<Task<Job, Large>> {
        let mut state = self.lock();
        loop {
            let are_many_large = state.large.len() >= self.lanes;
            let task = if are_many_large || state.jobs.is_empty() {
                state.large.pop().map(Task::Large)
            } else {
                state.jobs.pop().map(Task::Job)
            };
            if task.is_some() {
                state.busy = state.busy.saturating_add(1);
                return task;
            }
            if state.busy == 0 {
                return None;
            }
            state.waiting = state.waiting.saturating_add(1);
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.waiting = state.waiting.saturating_sub(1);
        }
    }

    /// Tells those who wait that something changed. Mostly nobody does, and telling is a system call.
    fn tell(&self, state: MutexGuard<'_, State<Job, Large>>) {
        let somebody_waits = state.waiting > 0;
        drop(state);
        if somebody_waits {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<Job, Large>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Work shared by threads, the newest first.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A stack of jobs that ends when it is empty and nobody is busy any more.
pub(super) struct Queue<Job> {
    state: Mutex<State<Job>>,
    changed: Condvar,
}

struct State<Job> {
    jobs: Vec<Job>,
    busy: usize,
}

impl<Job> Queue<Job> {
    pub(super) fn new(first: Job) -> Self {
        Self {
            state: Mutex::new(State {
                jobs: vec![first],
                busy: 0,
            }),
            changed: Condvar::new(),
        }
    }

    /// Takes jobs until there are none and no thread can add any; `work` gives further jobs, which
    /// are taken in their order, before those that are older.
    pub(super) fn run(&self, mut work: impl FnMut(Job) -> Vec<Job>) {
        while let Some(job) = self.take() {
            let more = work(job);
            let mut state = self.lock();
            state.jobs.extend(more.into_iter().rev());
            state.busy = state.busy.saturating_sub(1);
            drop(state);
            self.changed.notify_all();
        }
    }

    fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop() {
                state.busy = state.busy.saturating_add(1);
                return Some(job);
            }
            if state.busy == 0 {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<Job>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Unpacking in two parts: extraction on several processors, placement in dpkg's order.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Builder, Scope};

use rayon::prelude::*;

use super::error::StageError;
use super::extract::{Deb, Extracted};
use super::inputs::Inputs;
use super::order::{self, Order};
use super::place::{Placed, Placer};
use crate::deb::archive::Control;
use crate::sys::fs;

/// All packages of a build, checked against the lock.
#[derive(Debug)]
pub(super) struct Packages {
    pub(super) debs: Vec<Deb>,
}

impl Packages {
    /// Opens and checks all packages.
    pub(super) fn open(inputs: &Inputs) -> Result<Self, StageError> {
        let mut packages: Vec<_> = inputs.packages.iter().collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        for pair in packages.windows(2) {
            if let [a, b] = pair
                && a.name == b.name
            {
                return Err(StageError::Packages(format!(
                    "package '{}' is there twice",
                    a.name
                )));
            }
        }
        let debs: Result<Vec<Deb>, StageError> = packages
            .par_iter()
            .map(|package| Deb::open(package))
            .collect();
        Ok(Self { debs: debs? })
    }

    /// In which order they are dealt with.
    pub(super) fn order(&self) -> Order {
        let controls: Vec<&Control> = self.debs.iter().map(|deb| &deb.control).collect();
        order::order(&controls)
    }

    /// Their names, by number.
    pub(super) fn names(&self) -> Vec<String> {
        self.debs.iter().map(|deb| deb.name.clone()).collect()
    }

    /// What they say they will occupy together, in bytes.
    pub(super) fn installed_size(&self) -> u64 {
        self.debs
            .iter()
            .map(Deb::installed_size)
            .fold(0, u64::saturating_add)
    }

    /// How much work extracting all of them is, in compressed bytes.
    pub(super) fn work(&self) -> u64 {
        self.debs
            .iter()
            .map(|deb| deb.work)
            .fold(0, u64::saturating_add)
    }

    /// Some of them.
    pub(super) fn of(&self, numbers: &[usize]) -> impl Iterator<Item = &Deb> {
        self.numbered(numbers).map(|(_, deb)| deb)
    }

    fn numbered(&self, numbers: &[usize]) -> impl Iterator<Item = (usize, &Deb)> {
        numbers
            .iter()
            .filter_map(|at| Some((*at, self.debs.get(*at)?)))
    }
}

/// Unpacks.
pub(super) struct Unpacker<P> {
    directory: PathBuf,
    progress: P,
    done: AtomicU64,
}

impl<P: Fn(u64, &str) + Sync> Unpacker<P> {
    /// An unpacker that extracts below `directory` and reports compressed bytes done.
    pub(super) fn new(directory: PathBuf, progress: P) -> Self {
        Self {
            directory,
            progress,
            done: AtomicU64::new(0),
        }
    }

    /// Extracts packages in this order on `threads` threads of their own, while the caller places them
    /// or runs scripts; calls `finished` after the last one.
    pub(super) fn ahead<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        packages: &'scope Packages,
        numbers: &'scope [usize],
        threads: NonZero<usize>,
        finished: impl FnOnce() + Send + 'scope,
    ) -> Result<Ahead, StageError> {
        let system = |error: &dyn std::fmt::Display| StageError::System(error.to_string());
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .build()
            .map_err(|error| system(&error))?;
        let (sender, receiver) = channel();
        Builder::new()
            .name("unpack".to_owned())
            .spawn_scoped(scope, move || {
                let all = pool.install(|| {
                    let numbers = numbers.iter().par_bridge();
                    // Ends early after an error, and where nobody listens any more.
                    numbers.try_for_each(|at| {
                        let extracted = self.extract(packages, *at);
                        let failed = extracted.is_err();
                        let sent = sender.send(extracted.map(|extracted| (*at, extracted)));
                        if failed || sent.is_err() {
                            Err(())
                        } else {
                            Ok(())
                        }
                    })
                });
                if all.is_ok() {
                    finished();
                }
            })
            .map_err(|error| system(&error))?;
        Ok(Ahead {
            receiver,
            early: BTreeMap::new(),
        })
    }

    /// Places packages in this order, each as soon as it is extracted.
    pub(super) fn place(
        &self,
        packages: &Packages,
        numbers: &[usize],
        ahead: &mut Ahead,
        placer: &mut Placer<'_>,
    ) -> Result<Vec<(usize, Placed)>, StageError> {
        let mut placed = Vec::new();
        for (at, deb) in packages.numbered(numbers) {
            let extracted = ahead.take(at)?;
            let path = self.path(at);
            let files = fs::open_directory(&path)?;
            placed.push((at, placer.place(at, deb, &extracted, &files)?));
            fs::remove_tree(&path)?;
        }
        Ok(placed)
    }

    fn extract(&self, packages: &Packages, at: usize) -> Result<Extracted, StageError> {
        let Some(deb) = packages.debs.get(at) else {
            return Err(StageError::System(format!("there is no package {at}")));
        };
        let path = self.path(at);
        fs::make_dirs(&path, 0o700)?;
        let directory = fs::open_directory(&path)?;
        let extracted = deb.extract(&directory, &path)?;
        let done = self.done.fetch_add(deb.work, Ordering::Relaxed);
        (self.progress)(done.saturating_add(deb.work), &deb.name);
        Ok(extracted)
    }

    fn path(&self, at: usize) -> PathBuf {
        self.directory.join(at.to_string())
    }
}

/// Packages that are being extracted.
pub(super) struct Ahead {
    receiver: Receiver<Result<(usize, Extracted), StageError>>,
    /// Those that came before they were asked for.
    early: BTreeMap<usize, Extracted>,
}

impl Ahead {
    /// One of them, once it is extracted.
    fn take(&mut self, at: usize) -> Result<Extracted, StageError> {
        loop {
            if let Some(extracted) = self.early.remove(&at) {
                return Ok(extracted);
            }
            let next = self.receiver.recv();
            let (other, extracted) =
                next.map_err(|_ended| StageError::System("unpacking ended early".to_owned()))??;
            self.early.insert(other, extracted);
        }
    }
}

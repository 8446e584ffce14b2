//! Unpacking in two parts: extraction by all processors, placement in dpkg's order.

use std::collections::BTreeMap;
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

/// What was extracted of some packages, by number.
pub(super) type Batch = BTreeMap<usize, Extracted>;

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
        numbers.iter().filter_map(|at| self.debs.get(*at))
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

    /// Extracts some packages, by all processors; the largest first.
    pub(super) fn extract(
        &self,
        packages: &Packages,
        numbers: &[usize],
    ) -> Result<Batch, StageError> {
        let mut work: Vec<(usize, &Deb)> = numbers
            .iter()
            .filter_map(|at| Some((*at, packages.debs.get(*at)?)))
            .collect();
        work.sort_by_key(|(_, deb)| std::cmp::Reverse(deb.work));
        work.into_iter()
            .par_bridge()
            .map(|(at, deb)| {
                let path = self.directory.join(at.to_string());
                fs::make_dirs(&path, 0o700)?;
                let directory = fs::open_directory(&path)?;
                let extracted = deb.extract(&directory, &path)?;
                let done = self.done.fetch_add(deb.work, Ordering::Relaxed);
                (self.progress)(done.saturating_add(deb.work), &deb.name);
                Ok((at, extracted))
            })
            .collect()
    }

    /// Extracts one round after the other beside the scripts that run meanwhile, which keep a
    /// processor for themselves; calls `finished` after the last one.
    pub(super) fn ahead<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        packages: &'scope Packages,
        rounds: &'scope [Vec<usize>],
        finished: impl FnOnce() + Send + 'scope,
    ) -> Result<Ahead, StageError> {
        let system = |error: &dyn std::fmt::Display| StageError::System(error.to_string());
        let threads = crate::sys::cpu::count().get();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.saturating_sub(1).max(1))
            .build()
            .map_err(|error| system(&error))?;
        let (sender, batches) = channel();
        Builder::new()
            .name("unpack".to_owned())
            .spawn_scoped(scope, move || {
                for round in rounds {
                    let batch = pool.install(|| self.extract(packages, round));
                    let failed = batch.is_err();
                    if sender.send(batch).is_err() || failed {
                        return;
                    }
                }
                finished();
            })
            .map_err(|error| system(&error))?;
        Ok(Ahead(batches))
    }

    /// Places extracted packages, in their order.
    pub(super) fn place(
        &self,
        packages: &Packages,
        numbers: &[usize],
        batch: &Batch,
        placer: &mut Placer<'_>,
    ) -> Result<Vec<(usize, Placed)>, StageError> {
        let mut placed = Vec::new();
        for at in numbers {
            let (Some(deb), Some(extracted)) = (packages.debs.get(*at), batch.get(at)) else {
                continue;
            };
            let path = self.directory.join(at.to_string());
            let files = fs::open_directory(&path)?;
            placed.push((*at, placer.place(*at, deb, extracted, &files)?));
            fs::remove_tree(&path)?;
        }
        Ok(placed)
    }
}

/// Rounds that are being extracted.
pub(super) struct Ahead(Receiver<Result<Batch, StageError>>);

impl Ahead {
    /// The next round, once all of it is extracted.
    pub(super) fn next(&self) -> Result<Batch, StageError> {
        self.0
            .recv()
            .map_err(|_ended| StageError::System("unpacking ended early".to_owned()))?
    }
}

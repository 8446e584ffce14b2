//! What verifying a tree cannot be faster than on this machine: the bytes of its files hashed from
//! memory on all processors, and a walk that opens, reads and closes the same files.
//!
//! `cargo bench --bench limit -- DIR` prints two numbers of seconds, the best of several rounds:
//! hashing, and the walk. `benches/verify.py` runs it beside karat.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads and prints"
)]

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use karat::digest::Digest;

/// The best of so many counts.
const ROUNDS: usize = 5;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    let Some(directory) = arguments.next() else {
        println!("usage: cargo bench --bench limit -- DIR");
        return Ok(());
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let directory = Path::new(&directory);
    let hashing = hashing(&files(directory)?, threads)?;
    let walk = best(|| walk(directory, threads))?;
    println!("{:.4} {:.4}", hashing.as_secs_f64(), walk.as_secs_f64());
    Ok(())
}

fn best(mut run: impl FnMut() -> io::Result<()>) -> io::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

/// All files' bytes, hashed three at a time: the large ones first, then the small ones in batches.
fn hashing(files: &[PathBuf], threads: usize) -> io::Result<Duration> {
    let mut contents = files.iter().map(fs::read).collect::<io::Result<Vec<_>>>()?;
    contents.sort_by_key(|it| std::cmp::Reverse(it.len()));
    let mut batches: Vec<Vec<&[u8]>> = Vec::new();
    let mut batch: Vec<&[u8]> = Vec::new();
    let mut bytes = 0;
    for content in &contents {
        bytes += content.len();
        batch.push(content);
        if batch.len() >= 3 && bytes >= 1 << 20 {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
    }
    batches.push(batch);
    best(|| {
        share(&batches, threads, |batch, _buffer| {
            std::hint::black_box(Digest::of_all(batch));
            Ok(())
        })
    })
}

/// Directories are read by one thread, files by all.
fn walk(directory: &Path, threads: usize) -> io::Result<()> {
    share(&files(directory)?, threads, |path, buffer| {
        let mut file = open(path)?;
        while file.read(buffer)? > 0 {}
        Ok(())
    })
}

/// Does the same with each item, on several threads.
fn share<Item: Sync>(
    items: &[Item],
    threads: usize,
    work: impl Fn(&Item, &mut [u8]) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut buffer = vec![0; 128 << 10];
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item, &mut buffer)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let lost = |_panic| Err(io::Error::other("a thread failed"));
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(lost))
    })
}

/// Opens without changing the access time where that is allowed.
fn open(path: &Path) -> io::Result<File> {
    const O_NOATIME: i32 = 0o1_000_000;
    let mut options = File::options();
    options.read(true);
    let quiet = options.clone().custom_flags(O_NOATIME).open(path);
    quiet.or_else(|_error| options.open(path))
}

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

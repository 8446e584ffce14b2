//! Appending to a log on a real disk, and checking a Receipt.
//!
//! `cargo bench --bench log -- DIR` makes a log below `DIR`, which should be on the disk that is
//! asked about, and prints what one durable append takes, a batch of 10,000 entries, and the check of
//! one Receipt.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads and prints"
)]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use karat::digest::Digest;
use karat::key::SigningKey;
use karat::log::Log;
use karat::sys::fs::Beneath;
use karat::tlog::{NoteName, leaf_hash};

/// As many entries as the release log of a large fleet grows by in years.
const BATCH: usize = 10_000;
/// Appends of one entry each.
const SINGLE: usize = 50;
/// Bytes of an entry: an envelope with one signature.
const ENTRY: usize = 2_000;
/// Checks of one Receipt.
const CHECKS: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    let Some(directory) = arguments.next() else {
        println!("usage: cargo bench --bench log -- DIR");
        return Ok(());
    };
    let directory = PathBuf::from(directory).join("karat-bench-log");
    if directory.try_exists()? {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    let signer = SigningKey::from_seed([7; 32]);
    let name = NoteName::parse("example.com/bench")?;
    let mut log = Log::create(Beneath::open(&directory)?, &name, &signer)?;

    let entry = |number: usize| {
        let mut entry = format!("entry {number} ").into_bytes();
        entry.resize(ENTRY, b'.');
        entry
    };
    let batch: Vec<Vec<u8>> = (0..BATCH).map(entry).collect();
    let start = Instant::now();
    log.append(&signer, &batch)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("batch of {BATCH}: {seconds:.3} s");

    let start = Instant::now();
    for number in 0..SINGLE {
        log.append(&signer, &[entry(BATCH.saturating_add(number))])?;
    }
    let each = start.elapsed() / u32::try_from(SINGLE)?;
    println!("one entry, of {BATCH}: {:.2} ms", each.as_secs_f64() * 1e3);

    let leaf: Digest = leaf_hash(&entry(77));
    let receipt = log.receipt(77, leaf)?;
    let head = log.checkpoint().head;
    let start = Instant::now();
    for _ in 0..CHECKS {
        receipt.proof.check(leaf, head)?;
    }
    let each = start.elapsed() / u32::try_from(CHECKS)?;
    println!(
        "proof of {} hashes: {:.2} µs",
        receipt.proof.hashes.len(),
        each.as_secs_f64() * 1e6
    );
    fs::remove_dir_all(&directory)?;
    Ok(())
}

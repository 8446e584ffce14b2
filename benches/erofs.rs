//! EROFS images beside mkfs.erofs: `cargo bench --bench erofs -- DIR [THREADS [ROUNDS]]`.
//!
//! DIR is an unpacked image. Rounds are interleaved, so that a busy minute hits all; medians are
//! printed, and the peak of memory. karat's time starts where a build has its tree already, and has
//! the SHA-256 of every content in it; mkfs.erofs looks the tree up by itself. Reading is what `karat
//! verify --erofs` does before it compares. Outputs go into memory (/dev/shm), if it is there.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads, starts programs and prints"
)]

mod unpacked;

use std::fs::{self, File};
use std::num::NonZero;
use std::path::Path;
use std::time::{Duration, Instant};

use karat::image::erofs::{self, Compression, Options};
use karat::image::tar::keep_nothing;
use karat::sys::fs::FileSource;
use karat::tree::{Epoch, Origin};
use unpacked::{Result, run, walk};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["--write", directory, out, word, threads] => write(directory, out, word, threads.parse()?),
        ["--read", image, threads] => read(image, threads.parse()?),
        [directory, rest @ ..] => {
            let threads = rest.first().map_or(Ok(2), |text| text.parse())?;
            let rounds = rest.get(1).map_or(Ok(5), |text| text.parse())?;
            compare(directory, threads, rounds)
        }
        [] => {
            println!("usage: cargo bench --bench erofs -- DIR [THREADS [ROUNDS]]");
            Ok(())
        }
    }
}

/// Runs all, round after round.
fn compare(directory: &str, threads: usize, rounds: usize) -> Result<()> {
    let own = std::env::current_exe()?.display().to_string();
    let memory = Path::new("/dev/shm");
    let home = if memory.is_dir() {
        memory
    } else {
        Path::new("/tmp")
    };
    let out = home.join(format!("karat-bench-{}.erofs", std::process::id()));
    let out = out.display().to_string();
    let count = threads.to_string();
    let mkfs = |options: &[&str]| {
        let mut command = vec![
            "mkfs.erofs",
            "-T1760000000",
            "-U00000000-0000-4000-8000-000000000000",
        ];
        command.extend_from_slice(options);
        command.extend([out.as_str(), directory]);
        command.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let karat = |arguments: &[&str]| {
        let own = std::iter::once(own.as_str());
        own.chain(arguments.iter().copied())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let jobs = [
        (
            "karat, plain",
            karat(&["--write", directory, &out, "none", &count]),
        ),
        ("karat, reading it", karat(&["--read", &out, &count])),
        ("mkfs.erofs", mkfs(&[])),
        (
            "karat, LZ4",
            karat(&["--write", directory, &out, "lz4", &count]),
        ),
        ("karat, reading it", karat(&["--read", &out, &count])),
        ("mkfs.erofs -zlz4", mkfs(&["-zlz4"])),
        ("mkfs.erofs -zlz4 -C65536", mkfs(&["-zlz4", "-C65536"])),
        (
            "mkfs.erofs -zlz4 -C65536 -Eztailpacking",
            mkfs(&["-zlz4", "-C65536", "-Eztailpacking"]),
        ),
    ];
    let mut runs: Vec<Vec<(Duration, u64, u64)>> = vec![Vec::new(); jobs.len()];
    for _ in 0..rounds {
        for ((_, job), runs) in jobs.iter().zip(&mut runs) {
            let ran = run(job)?;
            let time = ran.said.first().copied().unwrap_or(ran.wall);
            runs.push((time, ran.peak, fs::metadata(&out)?.len()));
        }
    }
    fs::remove_file(&out)?;
    println!("| | seconds | MB | peak MB of memory |\n|---|---|---|---|");
    for ((name, _), mut runs) in jobs.iter().zip(runs) {
        runs.sort_unstable();
        let (time, _, size) = runs.get(runs.len() / 2).copied().unwrap_or_default();
        let peak = runs.iter().map(|run| run.1).max().unwrap_or(0);
        let (tenths, peak) = (size / 100_000, peak / 1024);
        println!(
            "| {name} | {:.2} | {}.{} | {peak} |",
            time.as_secs_f64(),
            tenths / 10,
            tenths % 10
        );
    }
    Ok(())
}

fn write(directory: &str, out: &str, word: &str, threads: usize) -> Result<()> {
    let (tree, files) = walk(Path::new(directory))?;
    let tree = tree.seal()?;
    let compression = if word == "lz4" {
        Compression::Lz4
    } else {
        Compression::None
    };
    let options = Options {
        uuid: [0; 16],
        label: [0; 16],
        compression,
        threads: NonZero::new(threads).ok_or("no threads")?,
    };
    let start = Instant::now();
    erofs::write(&tree, &files, &options, File::create(out)?)?;
    println!("{}", start.elapsed().as_micros());
    Ok(())
}

fn read(image: &str, threads: usize) -> Result<()> {
    let threads = NonZero::new(threads).ok_or("no threads")?;
    let origin = Origin::Script("bench".to_owned());
    let start = Instant::now();
    let source = FileSource::open(image)?;
    erofs::read(&source, Epoch::new(0)?, &origin, &mut keep_nothing, threads)?;
    println!("{}", start.elapsed().as_micros());
    Ok(())
}

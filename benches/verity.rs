//! Hash trees beside veritysetup: `cargo bench --bench verity -- [FILE] [THREADS]`.
//!
//! Both read the same file, or 256 MiB without a pattern, out of the page cache and write the tree to a
//! file; the best of five runs counts. The trees must be the same.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads, starts programs and prints"
)]

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use karat::digest::Digest;
use karat::image::verity::{Tree, Writer};
use karat::layout::Uuid;
use karat::layout::verity::{Checked, Verity};

/// Without a file: as large as the compressed root file system of a server.
const SIZE: usize = 256 << 20;
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    let directory = std::env::temp_dir().join(format!("karat-verity-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let file = if let Some(file) = arguments.next() {
        file.into()
    } else {
        let file = directory.join("data");
        std::fs::write(&file, noise())?;
        file
    };
    let threads: usize = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let done = compare(&file, &directory, threads);
    std::fs::remove_dir_all(&directory)?;
    done
}

fn compare(file: &Path, directory: &Path, threads: usize) -> Result<(), Box<dyn Error>> {
    let size = std::fs::metadata(file)?.len();
    let (ours, theirs) = (directory.join("ours"), directory.join("theirs"));
    let salt = Verity::salt_of(&Digest::of(b"bench"));
    let uuid = Uuid::derived(&Digest::of(b"bench"), "verity");
    let mut peer: Option<Duration> = None;
    let mut veritysetup = Command::new("veritysetup");
    veritysetup
        .arg("format")
        .args([file, &theirs])
        .arg(format!("--salt={salt}"))
        .arg(format!("--uuid={uuid}"));
    if veritysetup
        .output()
        .is_ok_and(|output| output.status.success())
    {
        let time = best(|| {
            std::fs::remove_file(&theirs)?;
            veritysetup.output().map(drop)
        })?;
        report("veritysetup format", size, time, None);
        peer = Some(time);
    } else {
        println!("veritysetup is not installed");
    }
    for count in [1, threads] {
        let count = NonZero::new(count).ok_or("no threads")?;
        let mut made: Option<Tree> = None;
        let time = best(|| {
            let mut writer = Writer::new(salt, count, io::sink())?;
            io::copy(&mut File::open(file)?, &mut writer)?;
            let (_, tree) = writer.finish().map_err(io::Error::other)?;
            let mut sink = BufWriter::new(File::create(&ours)?);
            tree.write(uuid, &mut sink)?;
            made = Some(tree);
            sink.flush()
        })?;
        report(&format!("karat, making, threads {count}"), size, time, peer);
        let tree = made.ok_or("no tree")?;
        if peer.is_some() && std::fs::read(&ours)? != std::fs::read(&theirs)? {
            return Err("the trees differ".into());
        }
        let (data, hashes) = (std::fs::read(file)?, std::fs::read(&ours)?);
        let time = best(|| {
            let checked = Checked::new(tree.verity(), &data, &hashes);
            let checked = checked.map_err(io::Error::other)?;
            checked.check(count).map_err(io::Error::other)
        })?;
        report(
            &format!("karat, checking, threads {count}"),
            size,
            time,
            peer,
        );
    }
    Ok(())
}

fn best(mut run: impl FnMut() -> io::Result<()>) -> io::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn report(name: &str, size: u64, time: Duration, peer: Option<Duration>) {
    let megabytes = size / 1_000_000;
    let milliseconds = time.as_millis().max(1);
    let rate = u128::from(megabytes).saturating_mul(1000) / milliseconds;
    let ratio = peer.map_or(String::new(), |peer| {
        format!(
            "  {:.2} of veritysetup's",
            time.as_secs_f64() / peer.as_secs_f64()
        )
    });
    println!("{name:<28} {milliseconds:>6} ms  {rate:>6} MB/s{ratio}");
}

/// Bytes without a pattern (Knuth's 64-bit linear congruence).
fn noise() -> Vec<u8> {
    let mut state = 1_u64;
    let words = (0..SIZE / 8).flat_map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()
    });
    words.collect()
}

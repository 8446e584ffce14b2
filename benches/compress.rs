//! Compression beside zstd, pigz and gzip: `cargo bench --bench compress -- FILE.tar [THREADS]`.
//!
//! Every program compresses the same file, held in memory or in the page cache, to nowhere; the
//! best of three runs counts. Programs that are not installed are left out.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads, starts programs and prints"
)]

use std::error::Error;
use std::io::{self, Write};
use std::num::NonZero;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use karat::image::compress::{Compression, Decoder, Encoder};
use karat::image::tar;
use karat::tree::{Epoch, Origin};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    let Some(file) = arguments.next() else {
        println!("usage: cargo bench --bench compress -- FILE.tar [THREADS]");
        return Ok(());
    };
    let threads: usize = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let bytes = std::fs::read(&file)?;
    for compression in [Compression::Zstd, Compression::Gzip] {
        for threads in [1, threads] {
            let count = NonZero::new(threads).ok_or("no threads")?;
            let name = format!("karat {compression}, threads {threads}");
            let mut packed = Vec::new();
            report(&name, bytes.len(), || {
                let mut encoder = Encoder::new(compression, count, Vec::new())?;
                encoder.write_all(&bytes)?;
                packed = encoder.finish()?;
                Ok(packed.len())
            })?;
        }
        let mut packed = Vec::new();
        let mut encoder = Encoder::new(compression, NonZero::<usize>::MIN, &mut packed)?;
        encoder.write_all(&bytes)?;
        encoder.finish()?;
        report(
            &format!("karat {compression}, decoding"),
            bytes.len(),
            || {
                let mut decoder = Decoder::detect(packed.as_slice(), u64::MAX)?;
                io::copy(&mut decoder, &mut io::sink())?;
                Ok(packed.len())
            },
        )?;
    }
    report("karat, reading the tar", bytes.len(), || {
        let origin = Origin::Script("bench".to_owned());
        let epoch = Epoch::new(0).map_err(io::Error::other)?;
        let (tree, _) = tar::read(bytes.as_slice(), epoch, &origin, &mut tar::keep_nothing)
            .map_err(io::Error::other)?;
        Ok(tree.len())
    })?;
    let origin = Origin::Script("bench".to_owned());
    let (tree, blobs) = tar::read(bytes.as_slice(), Epoch::new(0)?, &origin, &mut |_, _| true)?;
    let tree = tree.seal()?;
    for compression in [Compression::None, Compression::Zstd, Compression::Gzip] {
        let name = format!("karat, tree to tar, {compression}");
        let two = NonZero::new(threads).ok_or("no threads")?;
        report(&name, bytes.len(), || {
            let written = tar::write_compressed(&tree, &blobs, compression, two, io::sink());
            let (_, _, file) = written.map_err(io::Error::other)?;
            usize::try_from(file.size).map_err(io::Error::other)
        })?;
    }
    let count = threads.to_string();
    for (program, flags) in [
        ("zstd", vec!["-3", "-c", "-T1"]),
        ("zstd", vec!["-3", "-c", &format!("-T{threads}")]),
        ("gzip", vec!["-6", "-c", "-n"]),
        ("pigz", vec!["-6", "-c", "-n", "-p", &count]),
    ] {
        let name = format!("{program} {}", flags.join(" "));
        let run = || {
            let mut child = Command::new(program)
                .args(&flags)
                .arg(&file)
                .stdout(Stdio::piped())
                .spawn()?;
            let mut length = 0;
            if let Some(mut output) = child.stdout.take() {
                length = io::copy(&mut output, &mut io::sink())?;
            }
            child.wait()?;
            usize::try_from(length).map_err(io::Error::other)
        };
        if let Err(error) = report(&name, bytes.len(), run) {
            println!("{name}: {error}");
        }
    }
    Ok(())
}

fn report(name: &str, input: usize, mut run: impl FnMut() -> io::Result<usize>) -> io::Result<()> {
    let mut best = Duration::MAX;
    let mut output = 0;
    for _ in 0..3 {
        let start = Instant::now();
        output = run()?;
        best = best.min(start.elapsed());
    }
    let rate = u128::try_from(input).unwrap_or(0) * 1000 / best.as_nanos().max(1);
    println!(
        "{name:32} {:6} ms {rate:6} MB/s  {output} bytes",
        best.as_millis()
    );
    Ok(())
}

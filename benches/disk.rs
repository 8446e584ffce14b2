//! Whole disks beside the usual tools: `cargo bench --bench disk -- DIR [THREADS [ROUNDS]] [--large]`.
//!
//! DIR is an unpacked image that a disk can be made of: with a kernel, systemd-boot-efi and karat-agent.
//! karat goes from a sealed tree (which has the SHA-256 of every content, and each is compared) to a whole
//! disk: root, tree of hashes, initrd, unified kernel image, EFI system partition, tables. The tools make the
//! same disk out of DIR, as one script: `mkfs.erofs -zlz4`, `veritysetup format`, `objcopy`, `sfdisk`,
//! `mkfs.vfat`, `mcopy`, `dd`; their initrd is karat's, made before. They compare no digest and make none, so
//! that is measured apart on both sides: the SHA-256 of root and disk, which a statement and `SHA256SUMS`
//! need. Rounds are interleaved, medians printed, and the peak of memory. All files are in memory
//! (`/dev/shm`), if it is there. `--large` adds a file of 4 GiB to the tree once, and prints the peak of memory.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads, starts programs and prints"
)]

mod unpacked;

use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZero;
use std::path::Path;
use std::time::{Duration, Instant};

use karat::digest::{Digest, HashingWriter};
use karat::image::erofs::{self, Compression, Options};
use karat::ops::build::DiskImage;
use karat::path::ImagePath;
use karat::template;
use karat::tree::{Blobs, Content, Inode, Kind, Mode, Origin, Stat, Xattrs};
use unpacked::{Files, Ran, Result, run, walk};

/// What a disk has without a word about it.
const TEMPLATE: &str = r#"
[image]
name = "bench"
version = "1"
[source]
suite = "trixie"
"#;
/// The steps of the tools. Everything that they are told was written down before; the addresses are behind
/// where Debian's stubs have their base.
const TOOLS: &str = r#"
cd "$1"
mkfs.erofs -zlz4 -T1760000000 -U00000000-0000-4000-8000-000000000000 root "$2" >log
veritysetup format --salt=$(cat salt) --uuid=00000000-0000-4000-8000-000000000000 root verity >log
objcopy \
  --add-section .osrel=osrel --change-section-vma .osrel=0x150020000 \
  --add-section .cmdline=cmdline --change-section-vma .cmdline=0x150030000 \
  --add-section .uname=uname --change-section-vma .uname=0x150040000 \
  --add-section .initrd=initrd --change-section-vma .initrd=0x153000000 \
  --add-section .linux=linux --change-section-vma .linux=0x152000000 \
  stub uki
truncate -s $(cat size) tools
sfdisk -q tools <table
mkfs.vfat -F32 -i 01020304 --offset 2048 -s1 tools $(($3 / 1024)) >log 2>&1
mmd -i tools@@1M ::/EFI ::/EFI/BOOT ::/EFI/Linux
mcopy -i tools@@1M loader ::/EFI/BOOT/BOOTX64.EFI
mcopy -i tools@@1M uki ::/EFI/Linux/bench_1.efi
dd if=root of=tools bs=1M seek=$(($4 / 1048576)) conv=notrunc status=none
dd if=verity of=tools bs=1M seek=$(($5 / 1048576)) conv=notrunc status=none
"#;
const SUMS: &str = r#"cd "$1"; sha256sum root tools >log"#;
/// Bytes of the large file.
const LARGE: u64 = 4 << 30;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    let is_large = arguments.iter().any(|it| it == "--large");
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--karat", directory, out, threads, ..] => {
            make(directory, Path::new(out), threads.parse()?, is_large)
        }
        [directory, rest @ ..] => {
            let mut rest = rest.iter().filter(|it| **it != "--large");
            let threads = rest.next().map_or(Ok(2), |text| text.parse())?;
            let rounds = rest.next().map_or(Ok(5), |text| text.parse())?;
            let memory = Path::new("/dev/shm");
            let home = if memory.is_dir() {
                memory.to_owned()
            } else {
                std::env::temp_dir()
            };
            let home = home.join(format!("karat-bench-{}", std::process::id()));
            fs::create_dir(&home)?;
            let directory = fs::canonicalize(directory)?.display().to_string();
            let done = compare(&directory, &home, threads, rounds, is_large);
            fs::remove_dir_all(&home)?;
            done
        }
        [] => {
            println!("usage: cargo bench --bench disk -- DIR [THREADS [ROUNDS]] [--large]");
            Ok(())
        }
    }
}

/// Runs all, round after round.
fn compare(
    directory: &str,
    home: &Path,
    threads: usize,
    rounds: usize,
    is_large: bool,
) -> Result<()> {
    let own = std::env::current_exe()?.display().to_string();
    let out = home.display().to_string();
    let karat = |more: &[&str]| -> Vec<String> {
        let threads = threads.to_string();
        let words = [&own, "--karat", directory, &out, &threads];
        let words = words.into_iter().chain(more.iter().copied());
        words.map(str::to_owned).collect()
    };
    run(&karat(&[]))?;
    let places = prepare(Path::new(directory), home)?;
    let script = |script: &str, more: &[String]| -> Vec<String> {
        let words = ["sh", "-ec", script, "sh", &out, directory];
        let words = words.into_iter().map(str::to_owned);
        words.chain(more.iter().cloned()).collect()
    };
    let jobs = [karat(&[]), script(TOOLS, &places), script(SUMS, &[])];
    let mut runs: [Vec<Ran>; 3] = Default::default();
    for _ in 0..rounds {
        for (job, runs) in jobs.iter().zip(&mut runs) {
            runs.push(run(job)?);
        }
    }
    let [ours, tools, sums] = runs;
    let said = |place: usize| median(ours.iter().map(|ran| ran.said.get(place).copied()));
    let wall = |runs: &[Ran]| median(runs.iter().map(|ran| Some(ran.wall)));
    let peak = |runs: &[Ran]| runs.iter().map(|ran| ran.peak).max().unwrap_or(0) / 1024;
    let (disk, all) = (said(0)?, said(1)?);
    let (peer, peer_all) = (wall(&tools)?, wall(&tools)? + wall(&sums)?);
    println!("| | seconds | of the tools' | peak MB of memory |\n|---|---|---|---|");
    let row = |name: &str, time: Duration, of: Option<Duration>, peak: u64| {
        let time = time.as_secs_f64();
        let ratio = of.map_or(String::new(), |of| {
            format!("{:.2}x", time / of.as_secs_f64())
        });
        println!("| {name} | {time:.2} | {ratio} | {peak} |");
    };
    row("karat: the disk", disk, Some(peer), peak(&ours));
    row(
        "karat: and the SHA-256 of root and disk",
        all,
        Some(peer_all),
        peak(&ours),
    );
    row("tools: the disk", peer, None, peak(&tools));
    row(
        "tools: and `sha256sum` of root and disk",
        peer_all,
        None,
        peak(&sums),
    );
    let size = |name: &str| -> Result<f64> {
        let megabytes = fs::metadata(home.join(name))?.len() / 100_000;
        Ok(f64::from(u32::try_from(megabytes)?) / 10.0)
    };
    println!(
        "root: {} MB, of mkfs.erofs -zlz4 {} MB; disk: {} MB",
        size("karat.root")?,
        size("root")?,
        size("karat.raw")?
    );
    if is_large {
        let ran = run(&karat(&["--large"]))?;
        let seconds = ran.said.first().map_or(0.0, Duration::as_secs_f64);
        println!(
            "with a file of 4 GiB: {seconds:.1} s, {} MB of memory",
            ran.peak / 1024
        );
    }
    Ok(())
}

fn median(times: impl Iterator<Item = Option<Duration>>) -> Result<Duration> {
    let times: Option<Vec<Duration>> = times.collect();
    let mut times = times.ok_or("a run that says no time")?;
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

/// Writes down what the tools are told: the table of karat's disk, and what its kernel image is made of. Gives
/// the bytes of the EFI system partition, and where root and tree start.
fn prepare(directory: &Path, home: &Path) -> Result<Vec<String>> {
    let raw = home.join("karat.raw").display().to_string();
    let output = |program: &str, words: &[&str]| -> Result<Vec<u8>> {
        let output = std::process::Command::new(program).args(words).output()?;
        Ok(output.stdout)
    };
    let table = String::from_utf8(output("sfdisk", &["-d", &raw])?)?;
    let lines = table.lines().filter(|line| !line.starts_with("device:"));
    let lines: Vec<String> = lines.map(|line| line.replace(&raw, "")).collect();
    fs::write(home.join("table"), lines.join("\n"))?;
    let places: Vec<u64> = table
        .lines()
        .filter_map(|line| line.split_once("start=")?.1.split(',').next())
        .filter_map(|text| text.trim().parse::<u64>().ok())
        .map(|sector| sector * 512)
        .collect();
    let [esp, root, tree, ..] = places.as_slice() else {
        return Err("no partitions".into());
    };
    fs::write(home.join("size"), fs::metadata(&raw)?.len().to_string())?;
    fs::write(home.join("salt"), Digest::of(b"bench").to_string())?;
    let uki = home.join("karat.efi").display().to_string();
    for section in ["osrel", "cmdline", "uname", "initrd", "linux"] {
        let only = format!("--only-section=.{section}");
        let into = home.join(section).display().to_string();
        output("objcopy", &["-O", "binary", &only, &uki, &into])?;
    }
    let programs = directory.join("usr/lib/systemd/boot/efi");
    fs::copy(programs.join("linuxx64.efi.stub"), home.join("stub"))?;
    fs::copy(programs.join("systemd-bootx64.efi"), home.join("loader"))?;
    Ok([root - esp, *root, *tree].map(|it| it.to_string()).into())
}

/// Makes one disk; prints the microseconds until it was whole, and until its digests were known.
fn make(directory: &str, home: &Path, threads: usize, is_large: bool) -> Result<()> {
    let directory = Path::new(directory);
    let (mut tree, files) = walk(directory)?;
    let mut blobs = WithLarge { files, large: None };
    if is_large {
        let mut sink = HashingWriter::new(io::sink());
        io::copy(&mut large(), &mut sink)?;
        let (_, digest, size) = sink.finish();
        let content = Content { digest, size };
        blobs.large = Some(content);
        let inode = Inode {
            stat: Stat::root(Mode::FILE),
            kind: Kind::Regular(content),
            xattrs: Xattrs::new(),
            origin: Origin::Script("bench".to_owned()),
        };
        tree.insert(ImagePath::parse("/large")?, inode)?;
    }
    let tree = tree.seal()?;
    let read = |_: &Path, _: u64| Ok(TEMPLATE.as_bytes().to_vec());
    let template = template::load(Path::new("bench.toml"), &read)?;
    let agent = fs::read(directory.join("usr/lib/karat/karat-agent"))?;
    let trust = fs::read(directory.join("usr/lib/karat/trust.json"))?;
    let seed = Digest::of(b"bench");
    let image = DiskImage {
        tree: &tree,
        blobs: &blobs,
        template: &template,
        architecture: "amd64",
        epoch: tree.epoch(),
        agent: Some(&agent),
        trust: Some(&trust),
        seed,
        root: Options {
            uuid: erofs::uuid(&seed),
            label: erofs::label("bench"),
            compression: Compression::Lz4,
            threads: NonZero::new(threads).ok_or("no threads")?,
        },
        whole: true,
        pieces: false,
    };
    let path = home.join(if is_large { "large.raw" } else { "karat.raw" });
    let start = Instant::now();
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    let disk = image.assemble(&file, &path)?;
    let whole = start.elapsed();
    let sums = disk.sums(&file, &path)?;
    println!("{} {}", whole.as_micros(), start.elapsed().as_micros());
    if !is_large {
        fs::write(home.join("karat.efi"), disk.uki())?;
        File::create(home.join("karat.root"))?.set_len(disk.root_size())?;
    }
    if sums.raw.size != file.metadata()?.len() {
        return Err("not all of the disk was hashed".into());
    }
    Ok(())
}

/// The files of a directory, and a large one.
struct WithLarge {
    files: Files,
    large: Option<Content>,
}

impl Blobs for WithLarge {
    fn open(&self, content: &Content) -> io::Result<Box<dyn Read + Send + '_>> {
        if self.large == Some(*content) {
            return Ok(Box::new(large()));
        }
        self.files.open(content)
    }
}

/// Bytes of which every other MiB is zeros, and the others have no pattern within 64 KiB.
fn large() -> impl Read + Send {
    struct Large {
        state: u64,
        at: u64,
    }
    impl Read for Large {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let left = (1 << 20) - self.at % (1 << 20);
            let count = buffer.len().min(usize::try_from(left).unwrap_or(1));
            let buffer = buffer.get_mut(..count).unwrap_or_default();
            if self.at >> 20 & 1 == 0 {
                buffer.fill(0);
            } else {
                for place in &mut *buffer {
                    // Knuth's 64-bit linear congruence.
                    self.state = self
                        .state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    *place = self.state.to_be_bytes()[0];
                }
            }
            self.at += u64::try_from(count).unwrap_or(0);
            Ok(count)
        }
    }
    Large { state: 1, at: 0 }.take(LARGE)
}

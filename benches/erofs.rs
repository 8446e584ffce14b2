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

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use karat::digest::Digest;
use karat::image::erofs::{self, Compression, Options};
use karat::image::tar::keep_nothing;
use karat::path::ImagePath;
use karat::sys::fs::FileSource;
use karat::tree::{
    Blobs, Content, Epoch, Inode, InodeId, Kind, Mode, Open, Origin, Stat, Tree, Xattrs,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

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
            let (time, memory) = run(job)?;
            runs.push((time, memory, fs::metadata(&out)?.len()));
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

/// Runs a program; the time that it says it took, or the whole one, and its peak of memory in kB.
fn run(job: &[String]) -> Result<(Duration, u64)> {
    let (program, arguments) = job.split_first().ok_or("no program")?;
    let start = Instant::now();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    };
    let wall = start.elapsed();
    if !ended.success() {
        return Err(format!("{program} failed").into());
    }
    let mut said = String::new();
    child
        .stdout
        .take()
        .ok_or("no output")?
        .read_to_string(&mut said)?;
    let own = said.trim().parse().ok().map(Duration::from_micros);
    Ok((own.unwrap_or(wall), peak))
}

fn write(directory: &str, out: &str, word: &str, threads: usize) -> Result<()> {
    let mut walk = Walk {
        tree: Tree::new(Epoch::new(1_760_000_000)?),
        files: Files::default(),
        links: BTreeMap::new(),
    };
    walk.below(Path::new(directory), &ImagePath::root())?;
    let (tree, files) = (walk.tree.seal()?, walk.files);
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

/// Files on the disk, by their contents.
#[derive(Default)]
struct Files(BTreeMap<Digest, PathBuf>);

impl Blobs for Files {
    fn open(&self, content: &Content) -> io::Result<Box<dyn Read + Send + '_>> {
        let path = self.0.get(&content.digest).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(File::open(path)?))
    }
}

/// A directory of the disk on its way into a tree; attributes are left out.
struct Walk {
    tree: Tree<Open>,
    files: Files,
    links: BTreeMap<(u64, u64), InodeId>,
}

impl Walk {
    fn below(&mut self, directory: &Path, at: &ImagePath) -> Result<()> {
        let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, stat) = (entry.path(), entry.metadata()?);
            let at = at.join(entry.file_name().as_bytes())?;
            let (kind, key) = (stat.file_type(), (stat.dev(), stat.ino()));
            if let Some(id) = self.links.get(&key).filter(|_| !kind.is_dir()) {
                self.tree.link(at, *id)?;
                continue;
            }
            let content = if kind.is_dir() {
                Kind::Directory
            } else if kind.is_symlink() {
                Kind::Symlink(fs::read_link(&path)?.as_os_str().as_bytes().to_vec())
            } else if kind.is_file() {
                let content = Content::of(&fs::read(&path)?);
                self.files.0.insert(content.digest, path.clone());
                Kind::Regular(content)
            } else if kind.is_fifo() {
                Kind::Fifo
            } else {
                continue;
            };
            let inode = Inode {
                stat: Stat {
                    uid: stat.uid(),
                    gid: stat.gid(),
                    ..Stat::root(Mode::of_st_mode(stat.mode()))
                },
                kind: content,
                xattrs: Xattrs::new(),
                origin: Origin::Script("bench".to_owned()),
            };
            let id = self.tree.insert(at.clone(), inode)?;
            if !kind.is_dir() && stat.nlink() > 1 {
                self.links.insert(key, id);
            }
            if kind.is_dir() {
                self.below(&path, &at)?;
            }
        }
        Ok(())
    }
}

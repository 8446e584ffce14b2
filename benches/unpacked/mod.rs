//! Unpacked images, and programs that are timed: what benchmarks of images have in common.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use karat::digest::Digest;
use karat::path::ImagePath;
use karat::tree::{
    Blobs, Content, Epoch, Inode, InodeId, Kind, Mode, Open, Origin, Stat, Tree, Xattrs,
};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How a program ran.
pub(crate) struct Ran {
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// The times that it says something took, in microseconds.
    pub(crate) said: Vec<Duration>,
    /// The largest resident set of it, or of a program that it started, in kB.
    pub(crate) peak: u64,
}

/// Runs a program.
pub(crate) fn run(job: &[String]) -> Result<Ran> {
    let (program, arguments) = job.split_first().ok_or("no program")?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()?;
    let id = child.id();
    let ended = AtomicBool::new(false);
    let (status, wall, peak) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(peak_of(id));
                std::thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        let status = child.wait();
        let wall = start.elapsed();
        ended.store(true, Ordering::Relaxed);
        (status, wall, watch.join().unwrap_or(0))
    });
    if !status?.success() {
        return Err(format!("{program} failed").into());
    }
    let mut text = String::new();
    let mut out = child.stdout.take().ok_or("no output")?;
    out.read_to_string(&mut text)?;
    let said = text.split_ascii_whitespace();
    let said = said.map_while(|word| word.parse().ok().map(Duration::from_micros));
    Ok(Ran {
        wall,
        said: said.collect(),
        peak,
    })
}

/// The largest resident set of a process and its children so far, in kB.
fn peak_of(id: u32) -> u64 {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let children = children.unwrap_or_default();
    let children = children.split_ascii_whitespace().map(str::to_owned);
    let all = children.chain([id.to_string()]);
    let peaks = all.filter_map(|id| {
        let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    });
    peaks.max().unwrap_or(0)
}

/// The tree of a directory, and where the contents are. Attributes are left out.
pub(crate) fn walk(directory: &Path) -> Result<(Tree<Open>, Files)> {
    let mut walk = Walk {
        tree: Tree::new(Epoch::new(1_760_000_000)?),
        files: Files::default(),
        links: BTreeMap::new(),
    };
    walk.below(directory, &ImagePath::root())?;
    Ok((walk.tree, walk.files))
}

/// Files on the disk, by their contents.
#[derive(Default)]
pub(crate) struct Files(BTreeMap<Digest, PathBuf>);

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

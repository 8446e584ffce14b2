//! `disk`: a GPT disk that boots, and whose root cannot be changed unseen.
//!
//! ```text
//! Tree ─▶ EROFS ─▶ verity tree ─▶ root hash ─▶ boot.json ─▶ initrd ─▶ unified kernel image ─▶ ESP ─▶ disk
//! ```
//! Every part is written once, at its place in the disk. Nothing is mounted, and no loop device is
//! used. The layout is written down in `docs/formats/disk.md`.

mod assembled;
mod error;
mod parts;
mod prepare;
mod records;
mod split;
mod start;
mod sums;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread::Builder;

pub use assembled::{Assembled, Sums};
pub use error::DiskImageError;
pub(super) use prepare::{Prepare, expectations, places};
pub(super) use records::have_room;

use self::assembled::joined;
use self::start::{Sources, Started};
use super::BuildError;
use super::files::Files;
use crate::baseline::{Subject, Subjects};
use crate::digest::{Digest, HashingWriter};
use crate::image::gpt::{Layout, Slots};
use crate::image::measure::Measurements;
use crate::image::pieces::Pieces;
use crate::image::{erofs, fat, uki, verity};
use crate::layout::verity::Verity;
use crate::layout::{Source, SourceError, Uuid, gpt, pe};
use crate::sys::fs::{AtomicFile, IoContext as _};
use crate::template::{Bytes, Disk, Template};
use crate::tree::{Blobs, Content, Epoch, Sealed, Tree};

/// What a disk is made of.
#[derive(Clone, Copy)]
pub struct DiskImage<'a> {
    /// The image.
    pub tree: &'a Tree<Sealed>,
    /// Its contents.
    pub blobs: &'a dyn Blobs,
    /// What it is called, and what its disk is like.
    pub template: &'a Template,
    /// Debian's name of what it runs on.
    pub architecture: &'a str,
    /// The time of all that has one.
    pub epoch: Epoch,
    /// The agent's program, which is what the kernel runs first.
    pub agent: Option<&'a [u8]>,
    /// The trust root, as signed.
    pub trust: Option<&'a [u8]>,
    /// What all ids come from: a digest of what is in the image.
    pub seed: Digest,
    /// How its root is written.
    pub root: erofs::Options,
    /// Whether the disk as a whole is wanted.
    pub whole: bool,
    /// Whether its pieces are.
    pub pieces: bool,
}

/// The disk's suffix.
pub(super) const RAW: &str = ".raw";
/// Where in the table the EFI system partition and the tree of hashes are.
const ESP: usize = 0;
const TREE: usize = 2;
/// What the room for a root is a multiple of.
const ROOM: u64 = 16 << 20;
/// How many boots a new version has to prove itself: then the loader falls back to the one before.
const TRIES: u8 = 3;
/// Shorter writes than this are gathered.
const BUFFER: usize = 64 << 10;
/// Bytes of a block of the root.
const BLOCK: u64 = 4096;

/// A disk that was written, and what it is made of.
struct Made {
    raw: Content,
    erofs: Digest,
    tree: Digest,
    verity: Verity,
    uki: Vec<u8>,
    measurements: Measurements,
}

impl DiskImage<'_> {
    /// Writes the disk, its pieces, the unified kernel image and what it measures; gives what the root is checked
    /// against, and puts the digests into `subjects`.
    pub(super) fn write(
        &self,
        files: &mut Files<'_>,
        subjects: &mut Subjects,
    ) -> Result<Verity, BuildError> {
        let path = files.path(RAW);
        let whole = AtomicFile::create(&path, 0o644)?;
        let made = self.make(&whole, &path)?;
        if self.pieces {
            let whole = split::Whole {
                name: &self.template.image.name,
                version: &self.template.image.version,
                disk: whole.file(),
                verity: &made.verity,
                digests: [made.erofs, made.tree],
            };
            whole.write(files)?;
        }
        if self.whole {
            whole.commit()?;
            files.made(RAW, made.raw);
        }
        files.file(Subject::Uki.suffix(), &made.uki)?;
        let measured = made.measurements.to_bytes();
        files.file(Subject::Measure.suffix(), &measured)?;
        subjects.extend([
            (Subject::Erofs, made.erofs),
            (Subject::Verity, made.tree),
            (Subject::Uki, made.measurements.authenticode.sha256),
            (Subject::Measure, Digest::of(&measured)),
        ]);
        Ok(made.verity)
    }

    fn make(&self, whole: &AtomicFile, path: &Path) -> Result<Made, BuildError> {
        let assembled = self.assemble(whole.file(), path)?;
        let sums = assembled.sums(whole.file(), path)?;
        let Assembled {
            tree,
            verity,
            started,
            ..
        } = assembled;
        Ok(Made {
            raw: sums.raw,
            erofs: sums.root,
            tree,
            verity,
            uki: started.uki,
            measurements: sums.measurements,
        })
    }

    /// Writes the disk into `file`, which is empty; `path` is what errors call it.
    ///
    /// # Errors
    /// The tree is no image that boots, something does not fit, or the file takes no bytes.
    pub fn assemble(&self, file: &File, path: &Path) -> Result<Assembled, BuildError> {
        let (pe, machine) = self.machines()?;
        let disk = self.template.disk.clone().unwrap_or_default();
        let sources = Sources {
            tree: self.tree,
            blobs: self.blobs,
            template: self.template,
            disk: &disk,
            machine: pe,
            agent: self.agent.ok_or(DiskImageError::NoAgent)?,
            trust: self.trust.ok_or(DiskImageError::NoTrust)?,
        };

        // The root comes first: its place does not depend on its size. What firmware starts is made ready
        // meanwhile, as far as that goes without the root's hash.
        let start = Layout::root_start(disk.esp.get());
        let (root, ready) = std::thread::scope(|scope| {
            let thread = Builder::new().name("start".to_owned());
            let ready = thread.spawn_scoped(scope, || sources.ready())?;
            let root = self.root(file, start);
            io::Result::Ok((root, joined(ready)))
        })
        .at("write", path)?;
        let tree = root.at("write", path)??;
        let ready = ready.at("write", path)??;
        let verity = tree.verity();

        let layout = self.layout(&disk, machine, verity)?;
        let plan = layout.plan().map_err(DiskImageError::from)?;
        let started = sources.start(ready, &verity, layout.state_id())?;

        file.set_len(plan.size()).at("write", path)?;
        let at = |number: usize| plan.partitions().get(number).map_or(0, |it| it.start);
        let mut sink = HashingWriter::new(BufWriter::with_capacity(BUFFER, file));
        let written = seek(file, at(TREE)).and_then(|()| {
            tree.write(Uuid::derived(&self.seed, "verity"), &mut sink)?;
            sink.flush()
        });
        written.at("write", path)?;
        let (_, tree, tree_size) = sink.finish();
        let esp = self.esp(file, at(ESP), &disk, &started);
        let esp = esp.at("write", path)??;
        let (head, tail) = (plan.head(), plan.tail());
        let end = plan.size().saturating_sub(tail.size());
        let tables = file
            .write_all_at(&tail, end)
            .and_then(|()| file.write_all_at(&head, 0));
        tables.at("write", path)?;

        let root = start..start.saturating_add(verity.data_size());
        let mut used: Vec<Range<u64>> = std::iter::once(0..head.size()).chain(esp).collect();
        used.push(root.clone());
        used.push(at(TREE)..at(TREE).saturating_add(tree_size));
        used.push(end..plan.size());
        Ok(Assembled {
            size: plan.size(),
            used,
            root,
            tree,
            verity,
            started,
        })
    }

    /// Writes the root's file system, and hashes its blocks as they come; gives the tree of hashes.
    fn root(&self, file: &File, start: u64) -> io::Result<Result<verity::Tree, DiskImageError>> {
        let salt = Verity::salt_of(&self.seed);
        seek(file, start.saturating_add(BLOCK))?;
        let sink = BufWriter::with_capacity(BUFFER, file);
        let writer = verity::BehindFirst::new(salt, self.root.threads, sink)?;
        let written = erofs::write_behind_first(self.tree, self.blobs, &self.root, writer);
        let (writer, erofs::First(first), _) = match written {
            Ok(written) => written,
            Err(error) => return Ok(Err(error.into())),
        };
        file.write_all_at(&first, start)?;
        Ok(writer
            .finish(&first)
            .map(|(_, tree)| tree)
            .map_err(DiskImageError::from))
    }

    /// What lies where.
    fn layout(
        &self,
        disk: &Disk,
        machine: gpt::Machine,
        verity: Verity,
    ) -> Result<Layout, DiskImageError> {
        let half_as_much_again = verity.data_size().saturating_add(verity.data_size() / 2);
        let room = half_as_much_again.next_multiple_of(ROOM);
        let room = disk.root.map_or(room, Bytes::get);
        let blocks = room.div_ceil(Verity::BLOCK);
        let full = Verity::new(verity.root(), verity.salt(), blocks)?;
        Ok(Layout {
            seed: self.seed,
            lineage: Digest::of(self.template.image.name.to_string().as_bytes()),
            machine,
            label: self.stem(),
            verity,
            esp: disk.esp.get(),
            root: room,
            tree: full.tree_size(),
            slots: if disk.slots == 1 {
                Slots::One
            } else {
                Slots::Two
            },
            state: disk.keeps().then(|| disk.state.get()),
            size: disk.size.map(Bytes::get),
        })
    }

    /// Writes the EFI system partition; gives where in the disk something lies in it.
    fn esp(
        &self,
        file: &File,
        start: u64,
        disk: &Disk,
        started: &Started,
    ) -> io::Result<Result<Vec<Range<u64>>, DiskImageError>> {
        let made = self.esp_image(disk, started);
        let pieces = match made {
            Ok(pieces) => pieces,
            Err(error) => return Ok(Err(error)),
        };
        let put =
            |offset: u64, bytes: &[u8]| file.write_all_at(bytes, start.saturating_add(offset));
        match pieces.each_used(put) {
            Err(SourceError::Io { error, .. }) => Err(error),
            Err(error) => Ok(Err(error.into())),
            Ok(()) => {
                let behind = |at: u64| start.saturating_add(at);
                let used = pieces.used().map(|it| behind(it.start)..behind(it.end));
                Ok(Ok(used.collect()))
            }
        }
    }

    fn esp_image<'a>(
        &self,
        disk: &Disk,
        started: &'a Started,
    ) -> Result<Pieces<'a>, DiskImageError> {
        let image = &self.template.image;
        let mut files: BTreeMap<String, Box<dyn Source + 'a>> = BTreeMap::new();
        for (path, bytes) in uki::loader_files(&started.loader)? {
            files.insert(path, Box::new(bytes.into_owned()));
        }
        let path = uki::uki_path(image.name.as_str(), image.version.as_str(), Some(TRIES));
        files.insert(path, Box::new(started.uki.as_slice()));
        let [a, b, c, d, ..] = Uuid::derived(&self.seed, "esp file system").to_bytes();
        let settings = fat::Settings {
            id: u32::from_be_bytes([a, b, c, d]),
            label: "ESP".to_owned(),
            epoch: self.epoch,
            size: disk.esp.get(),
        };
        Ok(fat::image(&settings, files)?)
    }

    fn machines(&self) -> Result<(pe::Machine, gpt::Machine), DiskImageError> {
        match self.architecture {
            "amd64" => Ok((pe::Machine::X64, gpt::Machine::X86_64)),
            "arm64" => Ok((pe::Machine::Aa64, gpt::Machine::Arm64)),
            other => Err(DiskImageError::Architecture(other.to_owned())),
        }
    }

    fn stem(&self) -> String {
        let image = &self.template.image;
        format!("{}_{}", image.name, image.version)
    }
}

impl std::fmt::Debug for DiskImage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DiskImage({} paths)", self.tree.len())
    }
}

fn seek(mut file: &File, to: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(to)).map(drop)
}

//! `disk`: a GPT disk that boots, and whose root cannot be changed unseen.
//!
//! ```text
//! Tree ─▶ EROFS ─▶ verity tree ─▶ root hash ─▶ boot.json ─▶ initrd ─▶ unified kernel image ─▶ ESP ─▶ disk
//! ```
//! Every part is written once, at its place in the disk. Nothing is mounted, and no loop device is
//! used. The layout is written down in `docs/formats/disk.md`.

mod error;
mod parts;
mod prepare;
mod split;
mod start;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

pub use error::DiskImageError;
pub(super) use prepare::{Prepare, expectations, places};

use self::start::{Sources, Started};
use super::agent::Agent;
use super::files::Files;
use super::{BuildError, Trust};
use crate::baseline::{Subject, Subjects};
use crate::digest::{Digest, HashingWriter};
use crate::image::gpt::{Layout, Slots};
use crate::image::pieces::Pieces;
use crate::image::{erofs, fat, uki, verity};
use crate::layout::verity::Verity;
use crate::layout::{Part, Source, SourceError, Uuid, gpt, pe};
use crate::lock::Lockfile;
use crate::sys::fs::{AtomicFile, FileSource, IoContext as _};
use crate::template::{Bytes, Disk, Template};
use crate::tree::{Blobs, Content, Sealed, Tree};

/// What a disk is made of.
pub(super) struct DiskImage<'a> {
    pub(super) tree: &'a Tree<Sealed>,
    pub(super) blobs: &'a dyn Blobs,
    pub(super) template: &'a Template,
    pub(super) lock: &'a Lockfile,
    pub(super) agent: Option<&'a Agent>,
    pub(super) trust: Option<&'a Trust>,
    /// What all ids come from: a digest of what is in the image.
    pub(super) seed: Digest,
    /// How its root is written.
    pub(super) root: erofs::Options,
    /// Whether the disk as a whole is wanted.
    pub(super) whole: bool,
    /// Whether its pieces are.
    pub(super) pieces: bool,
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
/// How much is read and written at once.
const BUFFER: usize = 1 << 20;

/// A disk that was written, and what it is made of.
struct Made {
    raw: Content,
    erofs: Digest,
    tree: Digest,
    verity: Verity,
    started: Started,
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
        let Started {
            uki, measurements, ..
        } = &made.started;
        files.file(Subject::Uki.suffix(), &uki.bytes)?;
        let measured = measurements.to_bytes();
        files.file(Subject::Measure.suffix(), &measured)?;
        subjects.extend([
            (Subject::Erofs, made.erofs),
            (Subject::Verity, made.tree),
            (Subject::Uki, uki.authenticode.sha256),
            (Subject::Measure, Digest::of(&measured)),
        ]);
        Ok(made.verity)
    }

    fn make(&self, whole: &AtomicFile, path: &Path) -> Result<Made, BuildError> {
        let (pe, machine) = self.machines()?;
        let disk = self.template.disk.clone().unwrap_or_default();
        let agent = self.agent.ok_or(DiskImageError::NoAgent)?;
        let trust = self.trust.ok_or(DiskImageError::NoTrust)?;
        let file = whole.file();

        // The root comes first: its place does not depend on its size.
        let start = Layout::root_start(disk.esp.get());
        let size = self.root(file, start).at("write", path)??;
        let source = file.try_clone().and_then(FileSource::of);
        let source = source.at("read", path)?;
        let root = Part::new(&source, start, size).map_err(DiskImageError::from)?;
        let (tree, erofs) = self.hashes_of(&root).at("read", path)??;
        let verity = tree.verity();

        let layout = self.layout(&disk, machine, verity)?;
        let plan = layout.plan().map_err(DiskImageError::from)?;
        let sources = Sources {
            tree: self.tree,
            blobs: self.blobs,
            template: self.template,
            disk: &disk,
            machine: pe,
            agent: agent.bytes(),
            trust: &trust.file,
        };
        let started = sources.start(&verity, layout.state_id())?;

        file.set_len(plan.size()).at("write", path)?;
        let at = |number: usize| plan.partitions().get(number).map_or(0, |it| it.start);
        let mut sink = HashingWriter::new(BufWriter::with_capacity(BUFFER, file));
        let written = seek(file, at(TREE)).and_then(|()| {
            tree.write(Uuid::derived(&self.seed, "verity"), &mut sink)?;
            sink.flush()
        });
        written.at("write", path)?;
        let (_, tree, _) = sink.finish();
        self.esp(file, at(ESP), &disk, &started)
            .at("write", path)??;
        let tail = plan.tail();
        let tables = file
            .write_all_at(&tail, plan.size().saturating_sub(tail.size()))
            .and_then(|()| file.write_all_at(&plan.head(), 0));
        tables.at("write", path)?;
        Ok(Made {
            raw: content(file).at("read", path)?,
            erofs,
            tree,
            verity,
            started,
        })
    }

    /// Writes the root's file system; gives its size.
    fn root(&self, mut file: &File, start: u64) -> io::Result<Result<u64, DiskImageError>> {
        file.seek(SeekFrom::Start(start))?;
        let mut sink = BufWriter::with_capacity(BUFFER, file);
        let written = erofs::write(self.tree, self.blobs, &self.root, &mut sink);
        match written {
            Ok((_, written)) => {
                sink.flush()?;
                Ok(Ok(written.size))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }

    /// The tree of hashes over the root's file system, and its digest, in one pass over it.
    fn hashes_of(
        &self,
        root: &dyn Source,
    ) -> io::Result<Result<(verity::Tree, Digest), DiskImageError>> {
        let salt = Verity::salt_of(&self.seed);
        let sink = HashingWriter::new(io::sink());
        let mut writer = verity::Writer::new(salt, self.root.threads, sink)?;
        let mut buffer = vec![0; BUFFER];
        let mut at = 0;
        while at < root.size() {
            let left = usize::try_from(root.size().saturating_sub(at)).unwrap_or(BUFFER);
            let bytes = buffer.get_mut(..left.min(BUFFER)).unwrap_or_default();
            if let Err(error) = root.read_at(at, bytes) {
                return Ok(Err(error.into()));
            }
            writer.write_all(bytes)?;
            at = at.saturating_add(bytes.len().try_into().unwrap_or(u64::MAX));
        }
        Ok(writer
            .finish()
            .map_err(DiskImageError::from)
            .map(|(sink, tree)| {
                let (_, digest, _) = sink.finish();
                (tree, digest)
            }))
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

    /// Writes the EFI system partition.
    fn esp(
        &self,
        file: &File,
        start: u64,
        disk: &Disk,
        started: &Started,
    ) -> io::Result<Result<(), DiskImageError>> {
        let made = self.esp_image(disk, started);
        let pieces = match made {
            Ok(pieces) => pieces,
            Err(error) => return Ok(Err(error)),
        };
        let put =
            |offset: u64, bytes: &[u8]| file.write_all_at(bytes, start.saturating_add(offset));
        match pieces.each_used(put) {
            Err(SourceError::Io { error, .. }) => Err(error),
            other => Ok(other.map_err(DiskImageError::from)),
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
        files.insert(path, Box::new(started.uki.bytes.as_slice()));
        let [a, b, c, d, ..] = Uuid::derived(&self.seed, "esp file system").to_bytes();
        let settings = fat::Settings {
            id: u32::from_be_bytes([a, b, c, d]),
            label: "ESP".to_owned(),
            epoch: self.lock.epoch,
            size: disk.esp.get(),
        };
        Ok(fat::image(&settings, files)?)
    }

    fn machines(&self) -> Result<(pe::Machine, gpt::Machine), DiskImageError> {
        match self.lock.architecture.as_str() {
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

/// Size and digest of all of a file.
fn content(mut file: &File) -> io::Result<Content> {
    file.seek(SeekFrom::Start(0))?;
    let mut sink = HashingWriter::new(io::sink());
    io::copy(&mut io::BufReader::with_capacity(BUFFER, file), &mut sink)?;
    let (_, digest, size) = sink.finish();
    Ok(Content { digest, size })
}

fn seek(mut file: &File, to: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(to)).map(drop)
}

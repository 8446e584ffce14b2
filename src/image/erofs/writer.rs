//! The one canonical form of an image.

use std::io::{Seek, SeekFrom, Write};
use std::num::NonZero;

use super::directory::{self, Dirent};
use super::index::Index;
use super::inode::{self, Facts};
use super::metadata::Stretch;
use super::names::Names;
use super::pack::Packed;
use super::pipeline::{File, Jobs, PIECE, Pipeline, Spare};
use super::superblock::{self, ROOT_OFFSET};
use super::xattr::Shared;
use super::{BLOCK, ErofsError, wide};
use crate::digest::Digest;
use crate::layout::erofs::format::{COMPRESSED_FULL, FLAT_INLINE, FLAT_PLAIN, SLOT};
use crate::tree::{Blobs, Content, Inode, Kind, Sealed, Tree};

/// How files are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// LZ4, where it saves blocks.
    Lz4,
    /// As they are.
    None,
}

/// What an image is besides its tree.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Its UUID: of what else identifies the build, since nothing here is random.
    pub uuid: [u8; 16],
    /// Its label, padded with zeros.
    pub label: [u8; 16],
    /// How files are stored.
    pub compression: Compression,
    /// How many threads pack files; the bytes do not depend on it.
    pub threads: NonZero<usize>,
}

/// The UUID (RFC 9562, version 8) of an image that is identified by `digest`.
pub fn uuid(digest: &Digest) -> [u8; 16] {
    let salted = [b"karat erofs uuid\n", digest.as_bytes().as_slice()].concat();
    let hash = Digest::of(&salted);
    let mut uuid = [0; 16];
    for (place, byte) in uuid.iter_mut().zip(hash.as_bytes()) {
        *place = *byte;
    }
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut uuid;
    *version = *version & 0x0f | 0x80;
    *variant = *variant & 0x3f | 0x80;
    uuid
}

/// The label of an image: the start of its name, ended by a zero.
pub fn label(name: &str) -> [u8; 16] {
    let mut label = [0; 16];
    for (place, byte) in label.iter_mut().take(15).zip(name.bytes()) {
        *place = byte;
    }
    label
}

/// An image that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its length in bytes: whole blocks of 4096.
    pub size: u64,
}

/// The first block of an image, which has numbers that are known last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First(pub [u8; BLOCK]);

/// Writes the whole tree, from where `sink` stands.
///
/// The bytes are a function of the tree, the UUID, the label and the compression. Memory is bounded
/// by the number of paths, not by their contents. `sink` must seek, since the first block has numbers that
/// are known last; it is written last, so that an image that was not finished is none.
///
/// # Errors
/// Something that EROFS cannot hold, contents that are missing or not those that the tree names, or
/// a sink that takes no bytes.
pub fn write<W: Write + Seek>(
    tree: &Tree<Sealed>,
    blobs: &dyn Blobs,
    options: &Options,
    mut sink: W,
) -> Result<(W, Written), ErofsError> {
    let start = sink.stream_position()?;
    sink.write_all(&[0; BLOCK])?;
    let (mut sink, First(first), written) = write_behind_first(tree, blobs, options, sink)?;
    sink.seek(SeekFrom::Start(start))?;
    sink.write_all(&first)?;
    sink.seek(SeekFrom::Start(start + written.size))?;
    sink.flush()?;
    Ok((sink, written))
}

/// As [`write()`], for a sink that takes bytes in their order alone: all blocks but the first one go there,
/// and that one is given.
///
/// # Errors
/// As those of [`write()`].
pub fn write_behind_first<W: Write>(
    tree: &Tree<Sealed>,
    blobs: &dyn Blobs,
    options: &Options,
    sink: W,
) -> Result<(W, First, Written), ErofsError> {
    let names = Names::of(tree);
    let shared = Shared::of(tree)?;
    let mut writer = Writer {
        sink,
        block: 1,
        shared,
        names: &names,
        nids: vec![0; names.count()],
        stretch: Stretch::default(),
        tree,
    };
    writer.shared()?;
    let files = writer.files();
    let (spare, jobs) = (Spare::default(), Jobs::new());
    std::thread::scope(|scope| {
        let Options {
            compression,
            threads,
            ..
        } = *options;
        let pipeline = Pipeline::start(scope, &files, blobs, compression, threads, &spare, &jobs)?;
        writer.inodes(pipeline)
    })?;
    let root = writer.directories()?;
    let first = superblock::encode(&superblock::Facts {
        options,
        epoch: tree.epoch(),
        inodes: wide(names.count()),
        blocks: u32::try_from(writer.block).map_err(|_large| ErofsError::Size)?,
        root: &root,
        has_xattrs: writer.shared.length() > 0,
    });
    let size = writer.block * wide(BLOCK);
    let mut sink = writer.sink;
    sink.flush()?;
    Ok((sink, First(first), Written { size }))
}

struct Writer<'a, W> {
    sink: W,
    /// How many blocks were written.
    block: u64,
    shared: Shared<'a>,
    names: &'a Names<'a>,
    /// The number in the image of each inode; 0 where it has none yet.
    nids: Vec<u64>,
    stretch: Stretch,
    tree: &'a Tree<Sealed>,
}

/// Pieces that were packed, and where their blocks stand.
struct Pieces<'scope> {
    pipeline: Pipeline<'scope>,
    ready: std::vec::IntoIter<Packed>,
    block: u64,
}

impl<'a, W: Write> Writer<'a, W> {
    fn blocks(&mut self, bytes: &[u8]) -> Result<(), ErofsError> {
        self.sink.write_all(bytes)?;
        let padding = bytes.len().next_multiple_of(BLOCK) - bytes.len();
        self.sink
            .write_all([0; BLOCK].get(..padding).unwrap_or_default())?;
        self.block += wide(bytes.len().div_ceil(BLOCK));
        Ok(())
    }

    /// The attributes that are shared, from block 1 on.
    fn shared(&mut self) -> Result<(), ErofsError> {
        let mut bytes = Vec::new();
        for attribute in self.shared.encode() {
            bytes.extend_from_slice(&attribute);
        }
        self.blocks(&bytes)
    }

    /// Whether an inode is met for the first time.
    fn is_first(&self, number: usize) -> bool {
        self.nids.get(number) == Some(&0)
    }

    /// The files that have bytes, each once, in path order.
    fn files(&self) -> Vec<File<'a>> {
        let mut met = vec![false; self.names.count()];
        let mut files = Vec::new();
        for entry in self.tree.iter() {
            let number = self.names.number(entry.id);
            let Kind::Regular(content) = entry.inode.kind else {
                continue;
            };
            let Some(met) = met.get_mut(number).filter(|met| !**met) else {
                continue;
            };
            *met = true;
            if content.size > 0 {
                let head = inode::length(entry.inode, content.size, self.names.links(number))
                    + self.shared.body(&entry.inode.xattrs).len();
                files.push(File {
                    path: entry.path,
                    content,
                    room: BLOCK.saturating_sub(head),
                });
            }
        }
        files
    }

    /// All inodes but directories, with their bytes.
    fn inodes(&mut self, pipeline: Pipeline<'_>) -> Result<(), ErofsError> {
        let mut pieces = Pieces {
            pipeline,
            ready: Vec::new().into_iter(),
            block: 0,
        };
        let tree = self.tree;
        for entry in tree.iter() {
            let number = self.names.number(entry.id);
            if !self.is_first(number) {
                continue;
            }
            let (inode, links) = (entry.inode, self.names.links(number));
            let mut facts = Facts {
                layout: FLAT_PLAIN,
                size: 0,
                place: 0,
                links,
                number: number + 1,
            };
            let tail = match &inode.kind {
                Kind::Directory => continue,
                Kind::BlockDevice(device) | Kind::CharDevice(device) => {
                    facts.place = inode::device(entry.path, *device)?;
                    Vec::new()
                }
                Kind::Fifo | Kind::Socket => Vec::new(),
                Kind::Symlink(target) => {
                    facts.size = wide(target.len());
                    self.symlink(inode, target, &mut facts)?
                }
                Kind::Regular(content) if content.size == 0 => Vec::new(),
                Kind::Regular(content) => {
                    self.file(number, inode, *content, facts, &mut pieces)?;
                    continue;
                }
            };
            self.place(number, inode, facts, &[], &tail);
            self.flush_if_full()?;
        }
        self.flush()
    }

    /// The target as a tail, or in a block of its own where the inode leaves no room.
    fn symlink(
        &mut self,
        inode: &Inode,
        target: &[u8],
        facts: &mut Facts,
    ) -> Result<Vec<u8>, ErofsError> {
        let head = inode::length(inode, facts.size, facts.links);
        if head + self.shared.body(&inode.xattrs).len() + target.len() <= BLOCK {
            facts.layout = FLAT_INLINE;
            return Ok(target.to_vec());
        }
        facts.place = u32::try_from(self.block).map_err(|_large| ErofsError::Size)?;
        self.blocks(target)?;
        Ok(Vec::new())
    }

    fn file(
        &mut self,
        number: usize,
        inode: &Inode,
        content: Content,
        mut facts: Facts,
        pieces: &mut Pieces<'_>,
    ) -> Result<(), ErofsError> {
        facts.size = content.size;
        let mut index = Index::default();
        let mut blocks = 0;
        let mut first = None;
        let mut at = 0;
        let (mut tail, mut is_flat) = (Vec::new(), true);
        while at < content.size {
            let (packed, mut block) = self.piece(pieces)?;
            first.get_or_insert(block);
            is_flat = packed.extents.is_empty();
            for extent in packed.extents {
                index.push(at, extent, block)?;
                block += u64::from(extent.blocks);
            }
            blocks += packed.blocks;
            tail = packed.tail;
            at += wide(PIECE);
        }
        let mut rest = Vec::new();
        if is_flat {
            facts.layout = if tail.is_empty() {
                FLAT_PLAIN
            } else {
                FLAT_INLINE
            };
            let first = first.filter(|_| blocks > 0).unwrap_or(0);
            facts.place = u32::try_from(first).map_err(|_large| ErofsError::Size)?;
        } else {
            facts.layout = COMPRESSED_FULL;
            facts.place = u32::try_from(blocks).map_err(|_large| ErofsError::Size)?;
            rest = index.finish(content.size, tail.len());
        }
        self.place(number, inode, facts, &rest, &tail);
        self.flush_if_full()
    }

    /// The next piece, and the first of its blocks.
    fn piece(&mut self, pieces: &mut Pieces<'_>) -> Result<(Packed, u64), ErofsError> {
        loop {
            if let Some(packed) = pieces.ready.next() {
                let block = pieces.block;
                pieces.block += packed.blocks;
                return Ok((packed, block));
            }
            let batch = pieces.pipeline.next()?;
            pieces.block = self.block;
            self.blocks(&batch.blocks)?;
            pieces.pipeline.give_back(batch.blocks);
            pieces.ready = batch.pieces.into_iter();
        }
    }

    /// Puts an inode, what follows it, and its tail into the stretch.
    fn place(
        &mut self,
        number: usize,
        inode: &Inode,
        facts: Facts,
        rest: &[u8],
        tail: &[u8],
    ) -> usize {
        let xattrs = self.shared.body(&inode.xattrs);
        let mut head = inode::encode(inode, facts, self.tree.epoch(), &xattrs);
        if !rest.is_empty() {
            head.resize(head.len().next_multiple_of(8), 0);
            head.extend_from_slice(rest);
        }
        // Until it is known, any number but 0.
        if let Some(nid) = self.nids.get_mut(number) {
            *nid = u64::MAX;
        }
        self.stretch.place(number, &head, tail)
    }

    fn flush_if_full(&mut self) -> Result<(), ErofsError> {
        if self.stretch.is_full() {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes the stretch: now its inodes have numbers.
    fn flush(&mut self) -> Result<(), ErofsError> {
        let (bytes, members) = self.stretch.take();
        self.number(self.block, &members);
        self.blocks(&bytes)
    }

    fn number(&mut self, block: u64, members: &[(usize, usize)]) {
        for (number, at) in members {
            if let Some(nid) = self.nids.get_mut(*number) {
                *nid = (block * wide(BLOCK) + wide(*at)) / SLOT;
            }
        }
    }

    /// All directories: first their places, then, as all inodes have numbers, their bytes. Gives
    /// the inode of the root with its tail, whose place is known.
    fn directories(&mut self) -> Result<Vec<u8>, ErofsError> {
        let mut plans = Vec::new();
        let mut blocks = 0;
        for directory in self.names.directories() {
            let entries = self.names.entries(directory);
            let size = directory::size(&entries);
            let is_root = directory == self.names.root();
            let room = if is_root { BLOCK - ROOT_OFFSET } else { BLOCK };
            let Some(inode) = self.names.inode(directory) else {
                continue;
            };
            let links = self.names.links(directory);
            let head = inode::length(inode, size, links) + self.shared.body(&inode.xattrs).len();
            let tail = usize::try_from(size % wide(BLOCK)).unwrap_or(0);
            let is_inline = tail > 0 && head + tail <= room;
            let whole = if is_inline {
                size / wide(BLOCK)
            } else {
                size.div_ceil(wide(BLOCK))
            };
            let tail = if is_inline { tail } else { 0 };
            let at = if is_root {
                0
            } else {
                self.stretch
                    .place(directory, &vec![0; head], &vec![0; tail])
            };
            plans.push(Plan {
                directory,
                size,
                at,
                first: blocks,
                is_inline,
            });
            blocks += whole;
        }
        let base = self.block;
        let (mut bytes, members) = self.stretch.take();
        self.number(base + blocks, &members);
        if let Some(nid) = self.nids.get_mut(self.names.root()) {
            *nid = wide(ROOT_OFFSET) / SLOT;
        }
        let mut root = Vec::new();
        for plan in plans {
            let head = self.directory(&plan, base)?;
            if plan.directory == self.names.root() {
                root = head;
            } else if let Some(place) = bytes.get_mut(plan.at..plan.at + head.len()) {
                place.copy_from_slice(&head);
            }
        }
        self.blocks(&bytes)?;
        Ok(root)
    }

    /// Writes the blocks of a directory; gives its inode and tail.
    fn directory(&mut self, plan: &Plan, base: u64) -> Result<Vec<u8>, ErofsError> {
        let entries: Vec<Dirent<'_>> = self.names.entries(plan.directory);
        let Some(inode) = self.names.inode(plan.directory) else {
            return Ok(Vec::new());
        };
        let mut tail = Vec::new();
        let mut left = plan.size;
        for block in directory::blocks(&entries) {
            let nids = &self.nids;
            let bytes = directory::encode(block, |inode| nids.get(inode).copied().unwrap_or(0));
            if left < wide(BLOCK) && plan.is_inline {
                tail = bytes;
                break;
            }
            left = left.saturating_sub(wide(BLOCK));
            self.blocks(&bytes)?;
        }
        let has_blocks = plan.size > wide(tail.len());
        let first = if has_blocks { base + plan.first } else { 0 };
        let facts = Facts {
            layout: if plan.is_inline {
                FLAT_INLINE
            } else {
                FLAT_PLAIN
            },
            size: plan.size,
            place: u32::try_from(first).map_err(|_large| ErofsError::Size)?,
            links: self.names.links(plan.directory),
            number: plan.directory + 1,
        };
        let xattrs = self.shared.body(&inode.xattrs);
        let mut head = inode::encode(inode, facts, self.tree.epoch(), &xattrs);
        head.append(&mut tail);
        Ok(head)
    }
}

/// Where a directory stands.
struct Plan {
    directory: usize,
    size: u64,
    /// Its place in the stretch.
    at: usize,
    /// Its first block, counted from the first of all directories.
    first: u64,
    is_inline: bool,
}

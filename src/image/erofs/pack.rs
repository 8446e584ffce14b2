//! The bytes of a piece of a file, as they will stand in the image: a pure function.

use super::lz4::{self, Cuts, Output, Table};
use super::{BLOCK, Compression};

/// Most bytes of a cluster, compressed. Larger ones compress a little better, but whoever reads
/// one byte reads and unpacks them whole.
const CLUSTER: usize = 64 << 10;
/// Most bytes of a file in a cluster: zeros compress 255 times, and Linux unpacks clusters whole.
const CLUSTER_CONTENT: usize = 512 << 10;
/// Longest last cluster that stands behind its inode: longer ones would leave too many gaps.
const INLINE_MAX: usize = 3 << 10;

/// A run of a file's bytes that stands somewhere in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Where it starts in the piece.
    pub(super) start: usize,
    /// How many blocks of the image it takes; none: it stands behind the inode.
    pub(super) blocks: u16,
    /// Whether it is compressed.
    pub(super) is_compressed: bool,
}

/// What became of a piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    /// Of how many blocks, which follow those of the piece before.
    pub(super) blocks: u64,
    /// What the blocks hold; none: the file's bytes as they are.
    pub(super) extents: Vec<Extent>,
    /// What stands behind the inode.
    pub(super) tail: Vec<u8>,
}

/// A piece of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// How many bytes it has.
    pub(super) length: usize,
    /// Whether the file has others.
    pub(super) is_whole: bool,
    /// Whether it is the last one.
    pub(super) is_last: bool,
    /// How many bytes may stand behind the inode, in the same block.
    pub(super) room: usize,
}

/// What a thread keeps to save setting it up: memory, never meaning.
#[derive(Debug)]
pub(super) struct Packer {
    compression: Compression,
    table: Table,
    cuts: Cuts,
    scratch: Output,
}

impl Packer {
    pub(super) fn new(compression: Compression) -> Self {
        Self {
            compression,
            table: Table::new(),
            cuts: Cuts::new(BLOCK),
            scratch: Output::new(CLUSTER),
        }
    }

    /// Packs `input`, which is `part`; its blocks are added to `output`.
    pub(super) fn pack(&mut self, input: &[u8], part: Part, output: &mut Vec<u8>) -> Packed {
        if self.compression == Compression::None {
            return flat(input, part, output);
        }
        let start = output.len();
        let packed = self.compress(input, part, output);
        let tail = if part.is_last { input.len() % BLOCK } else { 0 };
        let plain = input.len() - tail + if tail <= part.room { tail } else { BLOCK };
        // A file's index takes eight bytes for each of its blocks, and 16 before that.
        let index = input.len().div_ceil(BLOCK) * 8 + 16;
        if part.is_whole && output.len() - start + packed.tail.len() + index >= plain {
            output.truncate(start);
            return flat(input, part, output);
        }
        packed
    }

    /// As extents, whose blocks are added to `output`.
    fn compress(&mut self, input: &[u8], part: Part, output: &mut Vec<u8>) -> Packed {
        let mut packed = Packed::default();
        let start = output.len();
        self.table.clear();
        let mut at = 0;
        while at < input.len() {
            let rest = input.len() - at;
            let may_end = part.is_last && rest <= CLUSTER_CONTENT;
            // A cluster starts in a later block of the file than the one before.
            if rest <= BLOCK && !may_end {
                plain(input, at, &mut packed, output);
                break;
            }
            let window = input.get(at..input.len().min(at + CLUSTER_CONTENT));
            let window = window.unwrap_or_default();
            let (table, cuts) = (&mut self.table, &mut self.cuts);
            let mut next = at + lz4::fill(window, &mut self.scratch, cuts, table);
            if may_end && next == input.len() {
                let length = self.scratch.bytes().len();
                if length <= INLINE_MAX && length < rest {
                    packed.push(at, 0, true);
                    packed.tail = self.scratch.bytes().to_vec();
                    break;
                }
                // To be inline, the end must be a cluster of its own, of less than a block.
                if length % BLOCK <= INLINE_MAX - ENDS_WORSE
                    && let Some(cut) = self.cuts.cut(window, &mut self.scratch)
                {
                    next = at + cut;
                }
            }
            let length = self.scratch.bytes().len();
            let blocks = length.div_ceil(BLOCK);
            if next - at <= blocks * BLOCK || next - at < BLOCK {
                // All of it: to try again from each of its blocks would take sixteen times as long.
                let end = next.max(input.len().min(at + BLOCK));
                while at < end && (at + BLOCK <= end || end == input.len()) {
                    at = plain(input, at, &mut packed, output);
                }
                continue;
            }
            packed.push(at, blocks, true);
            // Zeros first: Linux unpacks in place.
            let padding = blocks * BLOCK - length;
            output.resize(output.len() + padding, 0);
            output.extend_from_slice(self.scratch.bytes());
            at = next;
        }
        packed.blocks = super::wide((output.len() - start) / BLOCK);
        packed
    }
}

/// How much longer an end may become when what it refers to is in another cluster.
const ENDS_WORSE: usize = 512;

impl Packed {
    fn push(&mut self, start: usize, blocks: usize, is_compressed: bool) {
        self.extents.push(Extent {
            start,
            blocks: u16::try_from(blocks).unwrap_or(u16::MAX),
            is_compressed,
        });
    }
}

/// The next block of the file as it is; gives where the one after it starts.
fn plain(input: &[u8], at: usize, packed: &mut Packed, output: &mut Vec<u8>) -> usize {
    let next = input.len().min(at + BLOCK);
    packed.push(at, 1, false);
    output.extend_from_slice(input.get(at..next).unwrap_or_default());
    output.resize(output.len() + BLOCK - (next - at), 0);
    next
}

/// The bytes as they are: whole blocks, and a tail.
fn flat(input: &[u8], part: Part, output: &mut Vec<u8>) -> Packed {
    let tail = if part.is_last { input.len() % BLOCK } else { 0 };
    let tail = if tail <= part.room { tail } else { 0 };
    let (whole, tail) = input.split_at(input.len() - tail);
    output.extend_from_slice(whole);
    let padding = whole.len().next_multiple_of(BLOCK) - whole.len();
    output.resize(output.len() + padding, 0);
    Packed {
        blocks: super::wide(whole.len().div_ceil(BLOCK)),
        extents: Vec::new(),
        tail: tail.to_vec(),
    }
}

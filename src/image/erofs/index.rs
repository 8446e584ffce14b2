//! The index of a compressed file: an entry for each block of the file, whole or not.

use super::pack::Extent;
use super::{BLOCK, ErofsError, wide};
use crate::layout::erofs::format::{
    ADVISE_BIG, ADVISE_INLINE, CLUSTER_BLOCKS, INDEX_ENTRY_LEN, INDEX_HEAD_LEN, TYPE_HEAD,
    TYPE_NEXT, TYPE_PLAIN,
};

/// A file's extents, as its pieces come in.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The entries up to where the last extent starts.
    entries: Vec<u8>,
    /// The last extent: which block of the file it starts in, and how many it takes.
    open: Option<(u64, u16)>,
    has_inline: bool,
}

impl Index {
    /// Adds an extent of a piece that starts at byte `piece` of the file; its bytes stand from
    /// block `block` of the image on.
    pub(super) fn push(
        &mut self,
        piece: u64,
        extent: Extent,
        block: u64,
    ) -> Result<(), ErofsError> {
        let start = piece + wide(extent.start);
        let (entry, offset) = (start / wide(BLOCK), start % wide(BLOCK));
        self.close(entry);
        let kind = if extent.is_compressed {
            TYPE_HEAD
        } else {
            TYPE_PLAIN
        };
        let block = if extent.blocks == 0 { 0 } else { block };
        self.head(
            kind,
            offset,
            u32::try_from(block).map_err(|_large| ErofsError::Size)?,
        );
        self.has_inline |= extent.blocks == 0;
        self.open = Some((entry, extent.blocks.max(1)));
        Ok(())
    }

    /// The whole index of a file of `size` bytes, whose last `inline` bytes of cluster follow.
    pub(super) fn finish(mut self, size: u64, inline: usize) -> Vec<u8> {
        let (whole, rest) = (size / wide(BLOCK), size % wide(BLOCK));
        let starts = self.open.map_or(0, |(entry, _)| entry);
        if rest > 0 && starts < whole {
            // Says where the last cluster ends.
            self.close(whole);
            self.head(TYPE_PLAIN, rest, 0);
        } else {
            self.close(size.div_ceil(wide(BLOCK)));
        }
        let mut bytes = vec![0; INDEX_HEAD_LEN + INDEX_ENTRY_LEN];
        let advise = ADVISE_BIG | if self.has_inline { ADVISE_INLINE } else { 0 };
        let inline = u16::try_from(inline).unwrap_or(0);
        let fields = [0, inline, advise];
        for (place, field) in bytes.as_chunks_mut().0.iter_mut().zip(fields) {
            *place = field.to_le_bytes();
        }
        bytes.append(&mut self.entries);
        bytes
    }

    /// Adds the entries between the start of the last extent and entry `next`.
    fn close(&mut self, next: u64) {
        let Some((start, blocks)) = self.open else {
            return;
        };
        for entry in start + 1..next {
            let back = match entry - start {
                1 => CLUSTER_BLOCKS | blocks,
                back => u16::try_from(back).unwrap_or(CLUSTER_BLOCKS - 1),
            };
            let on = u16::try_from(next - entry).unwrap_or(u16::MAX);
            for field in [TYPE_NEXT, 0, back, on] {
                self.entries.extend_from_slice(&field.to_le_bytes());
            }
        }
    }

    fn head(&mut self, kind: u16, offset: u64, block: u32) {
        let offset = u16::try_from(offset).unwrap_or(0);
        self.entries.extend_from_slice(&kind.to_le_bytes());
        self.entries.extend_from_slice(&offset.to_le_bytes());
        self.entries.extend_from_slice(&block.to_le_bytes());
    }
}

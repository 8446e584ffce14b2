//! The bytes of files, links and directories.

use super::ReadError;
use super::field::{narrow, u16_at, u32_at, wide};
use super::format::{
    CHUNK_BASED, CLUSTER_CONTENT_MAX, COMPRESSED_COMPACT, COMPRESSED_FULL, FLAT_INLINE, FLAT_PLAIN,
};
use super::image::{BLOCK, Reader};
use super::index::Cluster;
use super::inode::Inode;
use super::lz4;

/// How many bytes are read at once of what is not compressed.
const PIECE: u64 = 256 << 10;
/// A chunk that is not there: zeros.
const HOLE: u32 = u32::MAX;

/// Takes bytes, in order.
pub type Take<'a> = &'a mut dyn FnMut(&[u8]);

impl Reader<'_> {
    /// Gives all bytes of an inode, in order.
    ///
    /// An image may say that a file has far more bytes than the image itself, such as zeros that are
    /// not there: look at its size first.
    ///
    /// # Errors
    /// They lie outside of the image, or are stored in a way that breaks a rule; then some were
    /// given already.
    pub fn content(&mut self, inode: &Inode, take: Take<'_>) -> Result<(), ReadError> {
        let blocks = inode.size.div_ceil(wide(BLOCK));
        let start = u64::from(inode.place).saturating_mul(wide(BLOCK));
        match inode.layout {
            _ if inode.size == 0 => Ok(()),
            FLAT_PLAIN => self.raw(start, inode.size, take),
            FLAT_INLINE => {
                let whole = blocks.saturating_sub(1).saturating_mul(wide(BLOCK));
                let tail = inode.size.saturating_sub(whole);
                self.raw(start, whole, take)?;
                self.inline(inode, inode.end(), tail, take)
            }
            COMPRESSED_FULL | COMPRESSED_COMPACT => {
                let mut scratch = std::mem::take(&mut self.buffer);
                let mut output = Vec::new();
                let done = self.clusters(inode, &mut |reader, cluster| {
                    reader.unpack(inode, cluster, &mut scratch, &mut output)?;
                    take(&output);
                    Ok(())
                });
                self.buffer = scratch;
                done
            }
            CHUNK_BASED => self.chunks(inode, take),
            _ => Err(inode.broken("its layout is none that is known")),
        }
    }

    /// Bytes as they are.
    fn raw(&mut self, at: u64, length: u64, take: Take<'_>) -> Result<(), ReadError> {
        if length == 0 {
            return Ok(());
        }
        // Nothing is given of what is not wholly there.
        self.read(at.saturating_add(length), &mut [])?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut done = 0;
        while done < length {
            buffer.resize(narrow(PIECE.min(length.saturating_sub(done))), 0);
            self.read(at.saturating_add(done), &mut buffer)?;
            take(&buffer);
            done = done.saturating_add(wide(buffer.len()));
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Bytes behind an inode: within one block, or Linux refuses them.
    fn inline(
        &mut self,
        inode: &Inode,
        at: u64,
        length: u64,
        take: Take<'_>,
    ) -> Result<(), ReadError> {
        if (at % wide(BLOCK)).saturating_add(length) > wide(BLOCK) {
            return Err(inode.broken("the bytes behind it cross the end of a block"));
        }
        let mut bytes = [0; BLOCK];
        let bytes = bytes.get_mut(..narrow(length)).unwrap_or_default();
        self.metadata(at, bytes)?;
        take(bytes);
        Ok(())
    }

    /// The bytes of a cluster, into `output`.
    fn unpack(
        &mut self,
        inode: &Inode,
        cluster: Cluster,
        scratch: &mut Vec<u8>,
        output: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let Cluster {
            size, at, length, ..
        } = cluster;
        output.clear();
        if cluster.is_plain {
            if size > length {
                return Err(inode.broken("a cluster that is not compressed is too short"));
            }
            output.resize(narrow(size), 0);
            return self.metadata(at, output);
        }
        if size > CLUSTER_CONTENT_MAX {
            return Err(inode.broken("a cluster has more bytes than Linux unpacks"));
        }
        scratch.resize(narrow(length), 0);
        if cluster.is_inline {
            self.metadata(at, scratch)?;
        } else {
            self.read(at, scratch)?;
        }
        let padding = scratch.iter().position(|byte| *byte != 0);
        padding
            .filter(|padding| *padding < BLOCK)
            .and_then(|padding| scratch.get(padding..))
            .and_then(|packed| lz4::decode(packed, narrow(size), output))
            .ok_or_else(|| inode.broken("a cluster does not unpack to its length"))
    }

    /// The bytes of a file of chunks.
    fn chunks(&mut self, inode: &Inode, take: Take<'_>) -> Result<(), ReadError> {
        // Five bits of the length of a chunk, in blocks; one that says which map follows.
        let format = inode.place;
        if format & !0x3f != 0 {
            return Err(inode.broken("its chunks are of a newer format"));
        }
        let bits = (format & 0x1f).saturating_add(12);
        let chunk = 1_u64.checked_shl(bits).unwrap_or(u64::MAX);
        let entry: u64 = if format & 0x20 == 0 { 4 } else { 8 };
        let map = inode.end().next_multiple_of(entry);
        let count = inode.size.div_ceil(chunk);
        let length = count.saturating_mul(entry);
        self.read(map.saturating_add(length), &mut [])?;
        let mut left = inode.size;
        for number in 0..count {
            let mut bytes = [0; 8];
            let (short, long) = bytes.split_at_mut(4);
            let at = map.saturating_add(number.saturating_mul(entry));
            self.metadata(at, short)?;
            if entry == 8 {
                self.metadata(at.saturating_add(4), long)?;
                if u16_at(short, 0) != 0 || u16_at(short, 2) != 0 {
                    return Err(inode.broken("a chunk is on another device"));
                }
            }
            let block = u32_at(if entry == 8 { long } else { short }, 0);
            let size = chunk.min(left);
            left = left.saturating_sub(size);
            if block == HOLE {
                zeros(size, take);
            } else {
                self.raw(u64::from(block).saturating_mul(wide(BLOCK)), size, take)?;
            }
        }
        Ok(())
    }
}

fn zeros(mut left: u64, take: Take<'_>) {
    let zeros = [0; BLOCK];
    while left > 0 {
        let count = left.min(wide(BLOCK));
        take(zeros.get(..narrow(count)).unwrap_or_default());
        left = left.saturating_sub(count);
    }
}

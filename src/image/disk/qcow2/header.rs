//! The header of a qcow2 file.

use super::broken;
use crate::image::disk::field::{be32, be64, put};
use crate::image::disk::{Container, DiskError};
use crate::limits;

/// How a file begins.
pub(crate) const MAGIC: &[u8; 4] = b"QFI\xfb";
/// Length of the header that karat writes, the byte for the compression included.
pub(super) const LENGTH: usize = 112;
/// Length of the header of version 2.
const LENGTH_2: usize = 72;
/// The one incompatible feature that is known: another compression than deflate.
const COMPRESSION_TYPE: u64 = 1 << 3;

/// How clusters are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// Raw deflate (RFC 1951).
    Deflate,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// What a header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Size of the disk, in bytes.
    pub(super) size: u64,
    /// A cluster has two to the power of this bytes.
    pub(super) cluster_bits: u32,
    /// Where the L1 table begins.
    pub(super) l1_offset: u64,
    /// How many entries it has.
    pub(super) l1_entries: u32,
    /// Where the table of reference counts begins.
    pub(super) refcount_offset: u64,
    /// How many clusters that has.
    pub(super) refcount_clusters: u32,
    /// How clusters are compressed, if any is.
    pub(super) codec: Codec,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let (features, kind) = match self.codec {
            Codec::Deflate => (0, 0),
            Codec::Zstd => (COMPRESSION_TYPE, 1),
        };
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 4, &3_u32.to_be_bytes());
        put(&mut bytes, 20, &self.cluster_bits.to_be_bytes());
        put(&mut bytes, 24, &self.size.to_be_bytes());
        put(&mut bytes, 36, &self.l1_entries.to_be_bytes());
        put(&mut bytes, 40, &self.l1_offset.to_be_bytes());
        put(&mut bytes, 48, &self.refcount_offset.to_be_bytes());
        put(&mut bytes, 56, &self.refcount_clusters.to_be_bytes());
        put(&mut bytes, 72, &u64::to_be_bytes(features));
        // Reference counts have two to the power of four bits.
        put(&mut bytes, 96, &4_u32.to_be_bytes());
        put(&mut bytes, 100, &112_u32.to_be_bytes());
        put(&mut bytes, 104, &[kind]);
        bytes
    }

    /// Reads a header out of the first 112 bytes of a file; shorter files are filled up with zeros.
    pub(super) fn parse(bytes: &[u8; LENGTH]) -> Result<Self, DiskError> {
        let short = || broken("its header is cut short");
        let u32_at = |at| be32(bytes, at).ok_or_else(short);
        let u64_at = |at| be64(bytes, at).ok_or_else(short);
        if !bytes.starts_with(MAGIC) {
            return Err(broken("it does not begin with QFI\\xfb"));
        }
        let version = u32_at(4)?;
        if !matches!(version, 2 | 3) {
            return Err(broken("its version is neither 2 nor 3"));
        }
        if u64_at(8)? != 0 || u32_at(16)? != 0 {
            return Err(broken(
                "it has a backing file: its disk is not in it alone; qemu-img convert makes one file",
            ));
        }
        if u32_at(32)? != 0 {
            return Err(broken("it is encrypted"));
        }
        if u32_at(60)? != 0 {
            return Err(broken(
                "it has snapshots: which state counts is not said; qemu-img convert leaves them out",
            ));
        }
        let mut codec = Codec::Deflate;
        if version == 3 {
            let features = u64_at(72)?;
            let length = usize::try_from(u32_at(100)?).unwrap_or(usize::MAX);
            if features & !COMPRESSION_TYPE != 0 {
                return Err(broken(
                    "it has features that are not known, or was not closed; see qemu-img check",
                ));
            }
            if u32_at(96)? > 6 {
                return Err(broken("its reference counts have more than 64 bits"));
            }
            if length < LENGTH_2 + 32 {
                return Err(broken("its header is shorter than version 3 has it"));
            }
            let kind = bytes
                .get(104)
                .filter(|_| length > 104)
                .copied()
                .unwrap_or(0);
            codec = match (features & COMPRESSION_TYPE, kind) {
                (0, 0) => Codec::Deflate,
                (COMPRESSION_TYPE, 1) => Codec::Zstd,
                _ => return Err(broken("its compression is neither deflate nor zstd")),
            };
        }
        let header = Self {
            size: u64_at(24)?,
            cluster_bits: u32_at(20)?,
            l1_offset: u64_at(40)?,
            l1_entries: u32_at(36)?,
            refcount_offset: u64_at(48)?,
            refcount_clusters: u32_at(56)?,
            codec,
        };
        if !(9..=21).contains(&header.cluster_bits) {
            return Err(broken("its clusters have neither 512 bytes to 2 MiB"));
        }
        if header.size > limits::DISK_MAX {
            return Err(DiskError::Size {
                container: Container::Qcow2,
                size: header.size,
                max: limits::DISK_MAX,
            });
        }
        // An L2 table is one cluster of entries of eight bytes.
        let per_table = 1_u64 << (header.cluster_bits.saturating_mul(2).saturating_sub(3));
        if u64::from(header.l1_entries) < header.size.div_ceil(per_table) {
            return Err(broken("its L1 table is too short for its disk"));
        }
        if header.size.div_ceil(per_table) > limits::DISK_TABLE_MAX {
            return Err(broken("its clusters are too small for its disk"));
        }
        Ok(header)
    }
}

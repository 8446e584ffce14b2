//! Headers, markers and the descriptor of a VMDK file.

use std::fmt::Write as _;

use super::broken;
use crate::image::disk::field::{le16, le32, le64, put};
use crate::image::disk::pass::Identity;
use crate::image::disk::{Container, DiskError};
use crate::limits;

/// How a file begins.
pub(crate) const MAGIC: &[u8; 4] = b"KDMV";
/// Length of a sector: what everything is counted in.
pub(super) const SECTOR: usize = 512;
/// The same, where offsets are counted.
pub(super) const SECTOR_BYTES: u64 = 512;
/// Sectors of a grain.
pub(super) const GRAIN: u64 = 128;
/// Entries of a grain table.
pub(super) const TABLE: usize = 512;
/// Where grains begin.
pub(super) const OVERHEAD: u64 = 128;
/// How many sectors the descriptor has.
pub(super) const DESCRIPTOR: u64 = 20;
/// The place of a directory that stands at the end.
pub(super) const AT_END: u64 = u64::MAX;

/// Line ends are looked at, grains are compressed, there are markers.
const FLAGS: u32 = 1 | 1 << 16 | 1 << 17;
/// There is a second directory, as QEMU writes it; nobody needs to look at it.
const SECOND_DIRECTORY: u32 = 1 << 1;
const DEFLATE: u16 = 1;

/// A header or footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Sectors of the disk.
    pub(super) capacity: u64,
    /// Where the grain directory stands, in sectors.
    pub(super) directory: u64,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; SECTOR] {
        let mut bytes = [0; SECTOR];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 4, &3_u32.to_le_bytes());
        put(&mut bytes, 8, &FLAGS.to_le_bytes());
        put(&mut bytes, 12, &self.capacity.to_le_bytes());
        put(&mut bytes, 20, &GRAIN.to_le_bytes());
        put(&mut bytes, 28, &1_u64.to_le_bytes());
        put(&mut bytes, 36, &DESCRIPTOR.to_le_bytes());
        put(&mut bytes, 44, &512_u32.to_le_bytes());
        put(&mut bytes, 56, &self.directory.to_le_bytes());
        put(&mut bytes, 64, &OVERHEAD.to_le_bytes());
        put(&mut bytes, 73, b"\n \r\n");
        put(&mut bytes, 77, &DEFLATE.to_le_bytes());
        bytes
    }

    pub(super) fn parse(bytes: &[u8; SECTOR]) -> Result<Self, DiskError> {
        let short = || broken("its header is cut short");
        if !bytes.starts_with(MAGIC) {
            return Err(broken("its header or footer does not begin with KDMV"));
        }
        let flags = le32(bytes, 8).map(|flags| flags & !SECOND_DIRECTORY);
        if flags != Some(FLAGS) || le16(bytes, 77) != Some(DEFLATE) {
            return Err(broken(
                "it is not stream-optimised; qemu-img convert -o subformat=streamOptimized makes one",
            ));
        }
        if le64(bytes, 20) != Some(GRAIN) || le32(bytes, 44) != Some(512) {
            return Err(broken(
                "its grains have not 64 KiB, or its tables not 512 of them",
            ));
        }
        if bytes.get(73..77) != Some(b"\n \r\n") {
            return Err(broken("it went through something that changes line ends"));
        }
        let header = Self {
            capacity: le64(bytes, 12).ok_or_else(short)?,
            directory: le64(bytes, 56).ok_or_else(short)?,
        };
        let size = header.capacity.saturating_mul(SECTOR_BYTES);
        if size > limits::DISK_MAX {
            return Err(DiskError::Size {
                container: Container::Vmdk,
                size,
                max: limits::DISK_MAX,
            });
        }
        Ok(header)
    }
}

/// What stands at the end, and before each table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// Nothing follows.
    EndOfStream,
    /// A grain table.
    Table,
    /// The grain directory.
    Directory,
    /// The footer.
    Footer,
}

impl Marker {
    /// The marker before so many sectors.
    pub(super) fn encode(self, sectors: u64) -> [u8; SECTOR] {
        let kind: u32 = match self {
            Self::EndOfStream => 0,
            Self::Table => 1,
            Self::Directory => 2,
            Self::Footer => 3,
        };
        let mut bytes = [0; SECTOR];
        put(&mut bytes, 0, &sectors.to_le_bytes());
        put(&mut bytes, 12, &kind.to_le_bytes());
        bytes
    }
}

/// The text that says what the file is.
pub(super) fn descriptor(capacity: u64, identity: Identity) -> String {
    let [a, b, c, d, ..] = identity.uuid;
    let cylinders = capacity.div_ceil(255 * 63);
    let mut text = format!(
        "# Disk DescriptorFile\nversion=1\nCID={:08x}\nparentCID=ffffffff\n\
         createType=\"streamOptimized\"\n\n# Extent description\n\
         RDONLY {capacity} SPARSE \"disk.vmdk\"\n\n# The Disk Data Base\n#DDB\n\n",
        u32::from_be_bytes([a, b, c, d])
    );
    for (name, value) in [
        ("adapterType", "lsilogic"),
        ("geometry.cylinders", &cylinders.to_string()),
        ("geometry.heads", "255"),
        ("geometry.sectors", "63"),
        ("longContentID", &hex(&identity.uuid)),
        ("virtualHWVersion", "10"),
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "ddb.{name} = \"{value}\"");
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

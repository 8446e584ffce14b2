//! The one canonical form of an archive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::num::NonZero;

use super::block::BLOCK;
use super::content::{self, BUFFER, ReadAhead, Take};
use super::header::{
    BLOCK_DEVICE, CHAR_DEVICE, DIRECTORY, FIFO, Fields, HARD_LINK, OCTAL_7_MAX, OCTAL_11_MAX, PAX,
    REGULAR, SYMLINK,
};
use super::{TarError, pax};
use crate::digest::{Digest, HashingWriter};
use crate::image::compress::{Compression, Encoder};
use crate::limits;
use crate::path::ImagePath;
use crate::tree::{Blobs, Content, Device, Inode, InodeId, Kind, Sealed, Tree};

/// The name of every pax header, as Python's tarfile writes it: nobody unpacks it by accident.
const PAX_NAME: &[u8] = b"././@PaxHeader";

/// An archive that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// SHA-256 of the (uncompressed) archive.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// Writes the whole tree: every path in bytewise order, `/` first.
///
/// Gives the sink back, and what passed into it. The bytes are a function of the tree alone.
///
/// # Errors
/// Something that tar cannot hold (a socket, a device number over 2^21, extension headers over
/// 1 MiB), contents that are missing or not those that the tree names, or a sink that takes no
/// bytes.
pub fn write<W: Write>(
    tree: &Tree<Sealed>,
    blobs: &dyn Blobs,
    sink: W,
) -> Result<(W, Written), TarError> {
    let mut writer = Writer::new(sink);
    let linked: BTreeSet<InodeId> = tree.hard_links().into_iter().map(|(id, _)| id).collect();
    let mut first: BTreeMap<InodeId, &ImagePath> = BTreeMap::new();
    // Each inode at its first path: these have contents in the archive, in this order.
    let mut files = Vec::new();
    for entry in tree.iter() {
        let is_first = !linked.contains(&entry.id) || !first.contains_key(&entry.id);
        if is_first {
            first.insert(entry.id, entry.path);
            if let Kind::Regular(content) = &entry.inode.kind {
                files.push((entry.path, *content));
            }
        }
    }
    std::thread::scope(|scope| {
        let ahead = ReadAhead::start(scope, files, blobs)?;
        for entry in tree.iter() {
            match first.get(&entry.id) {
                Some(target) if *target != entry.path => {
                    writer.hard_link(entry.path, entry.inode, target)?;
                }
                _ => writer.entry_from(entry.path, entry.inode, |_, take| ahead.next(take))?,
            }
        }
        Ok::<_, TarError>(())
    })?;
    writer.finish()
}

/// As [`write()`], compressed on `threads` threads on the way, in one pass over the tree.
///
/// Besides the archive's own digest it gives the digest and length of the compressed bytes, which
/// depend on the compressor too.
///
/// # Errors
/// As [`write()`].
pub fn write_compressed<W: Write>(
    tree: &Tree<Sealed>,
    blobs: &dyn Blobs,
    compression: Compression,
    threads: NonZero<usize>,
    sink: W,
) -> Result<(W, Written, Content), TarError> {
    if compression == Compression::None {
        let (sink, written) = write(tree, blobs, sink)?;
        let Written { digest, size } = written;
        return Ok((sink, written, Content { digest, size }));
    }
    let encoder = Encoder::new(compression, threads, HashingWriter::new(sink))?;
    let (encoder, written) = write(tree, blobs, encoder)?;
    let (sink, digest, size) = encoder.finish()?.finish();
    Ok((sink, written, Content { digest, size }))
}

/// Writes an archive entry by entry; [`Writer::finish`] must be called.
///
/// It fixes the form of each entry, not which ones there are: their order and completeness are
/// the caller's.
#[derive(Debug)]
pub struct Writer<W: Write> {
    sink: HashingWriter<W>,
    head: Vec<u8>,
    buffer: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Starts an archive.
    pub fn new(sink: W) -> Self {
        Self {
            sink: HashingWriter::new(sink),
            head: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Writes an inode with its content.
    ///
    /// # Errors
    /// As [`write()`].
    pub fn entry(
        &mut self,
        path: &ImagePath,
        inode: &Inode,
        blobs: &dyn Blobs,
    ) -> Result<(), TarError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(BUFFER, 0);
        let done = self.entry_from(path, inode, |content, take| {
            content::copy(path, content, blobs, &mut buffer, take)
        });
        self.buffer = buffer;
        done
    }

    /// Writes an inode; `contents` gives the checked bytes of a regular file.
    fn entry_from(
        &mut self,
        path: &ImagePath,
        inode: &Inode,
        contents: impl FnOnce(&Content, Take<'_>) -> Result<(), TarError>,
    ) -> Result<(), TarError> {
        let mut body = Body::default();
        match &inode.kind {
            Kind::BlockDevice(device) => (body.kind, body.device) = (BLOCK_DEVICE, Some(*device)),
            Kind::CharDevice(device) => (body.kind, body.device) = (CHAR_DEVICE, Some(*device)),
            Kind::Directory => body.kind = DIRECTORY,
            Kind::Fifo => body.kind = FIFO,
            Kind::Regular(content) => (body.kind, body.size) = (REGULAR, content.size),
            Kind::Socket => return Err(TarError::Socket(path.clone())),
            Kind::Symlink(target) => (body.kind, body.link) = (SYMLINK, target),
        }
        let name = member_name(path, body.kind == DIRECTORY);
        self.header(path, &name, inode, &body)?;
        match &inode.kind {
            Kind::Regular(content) => {
                contents(content, &mut |bytes| Ok(self.sink.write_all(bytes)?))?;
                self.pad(content.size)
            }
            _ => Ok(()),
        }
    }

    /// Writes a further path of an inode whose first one, `target`, was written before.
    ///
    /// # Errors
    /// As [`write()`].
    pub fn hard_link(
        &mut self,
        path: &ImagePath,
        inode: &Inode,
        target: &ImagePath,
    ) -> Result<(), TarError> {
        let link = member_name(target, false);
        let body = Body {
            kind: HARD_LINK,
            link: &link,
            ..Body::default()
        };
        self.header(path, &member_name(path, false), inode, &body)
    }

    /// Writes an empty file with a name that no image may hold; for the whiteouts of OCI layers.
    pub(in crate::image) fn marker(
        &mut self,
        path: &ImagePath,
        name: &[u8],
        inode: &Inode,
    ) -> Result<(), TarError> {
        let body = Body {
            kind: REGULAR,
            ..Body::default()
        };
        self.header(path, name, inode, &body)
    }

    /// Writes the end marker; gives the sink back, and what passed into it.
    ///
    /// # Errors
    /// The sink takes no bytes.
    pub fn finish(mut self) -> Result<(W, Written), TarError> {
        self.sink.write_all(&[0; 2 * BLOCK])?;
        self.sink.flush()?;
        let (sink, digest, size) = self.sink.finish();
        Ok((sink, Written { digest, size }))
    }

    fn header(
        &mut self,
        path: &ImagePath,
        name: &[u8],
        inode: &Inode,
        body: &Body<'_>,
    ) -> Result<(), TarError> {
        let mut records = BTreeMap::new();
        pax::xattr_records(path, &inode.xattrs, &mut records)?;
        let mut fields = Fields {
            kind: body.kind,
            name: short(name, b"path", &mut records),
            link: short(body.link, b"linkpath", &mut records),
            mode: inode.stat.mode.bits(),
            uid: small(u64::from(inode.stat.uid), OCTAL_7_MAX, b"uid", &mut records),
            gid: small(u64::from(inode.stat.gid), OCTAL_7_MAX, b"gid", &mut records),
            size: small(body.size, OCTAL_11_MAX, b"size", &mut records),
            mtime: small(inode.stat.mtime, OCTAL_11_MAX, b"mtime", &mut records),
            ..Fields::default()
        };
        if let Some(device) = body.device {
            (fields.major, fields.minor) = (u64::from(device.major), u64::from(device.minor));
            if fields.major.max(fields.minor) > OCTAL_7_MAX {
                return Err(TarError::Device(path.clone()));
            }
        }
        self.head.clear();
        self.records(path, &records)?;
        self.head.extend_from_slice(&fields.encode());
        self.sink.write_all(&self.head)?;
        Ok(())
    }

    /// Puts the pax header before an entry that needs one.
    fn records(
        &mut self,
        path: &ImagePath,
        records: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), TarError> {
        let mut body = Vec::new();
        let names = [b"path".as_slice(), b"linkpath"];
        let is_text = |key: &[u8]| {
            let value = records.get(key).map(Vec::as_slice);
            std::str::from_utf8(value.unwrap_or_default()).is_ok()
        };
        if !names.into_iter().all(is_text) {
            // POSIX: without it, names are UTF-8. It must stand before the names.
            body.extend(pax::record(b"hdrcharset", b"BINARY"));
        }
        for (key, value) in records {
            body.extend(pax::record(key, value));
        }
        if body.is_empty() {
            return Ok(());
        }
        let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if size > limits::TAR_EXTENSION_MAX {
            return Err(TarError::Extension(path.clone()));
        }
        let header = Fields {
            kind: PAX,
            name: PAX_NAME,
            mode: 0o644,
            size,
            ..Fields::default()
        };
        self.head.extend_from_slice(&header.encode());
        self.head.extend_from_slice(&body);
        self.head.resize(self.head.len().next_multiple_of(BLOCK), 0);
        Ok(())
    }

    fn pad(&mut self, size: u64) -> Result<(), TarError> {
        let rest = size.next_multiple_of(512) - size;
        let padding = [0; BLOCK];
        let padding = padding.get(..usize::try_from(rest).unwrap_or(0));
        self.sink.write_all(padding.unwrap_or_default())?;
        Ok(())
    }
}

/// What the type of an entry brings along.
#[derive(Debug, Default)]
struct Body<'a> {
    kind: u8,
    link: &'a [u8],
    size: u64,
    device: Option<Device>,
}

/// `./`-relative, as GNU tar and mmdebstrap write it; directories end in a slash.
pub(in crate::image) fn member_name(path: &ImagePath, is_directory: bool) -> Vec<u8> {
    let mut name = b"./".to_vec();
    name.extend_from_slice(path.relative());
    if is_directory && !path.is_root() {
        name.push(b'/');
    }
    name
}

/// A name for a header field; one over 100 bytes goes into a record, and its start into the field.
fn short<'a>(name: &'a [u8], key: &[u8], records: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> &'a [u8] {
    match name.get(..100) {
        Some(start) if name.len() > 100 => {
            records.insert(key.to_vec(), name.to_vec());
            start
        }
        _ => name,
    }
}

/// A number for a header field; one that does not fit goes into a record, and 0 into the field.
fn small(value: u64, max: u64, key: &[u8], records: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> u64 {
    if value <= max {
        return value;
    }
    records.insert(key.to_vec(), value.to_string().into_bytes());
    0
}

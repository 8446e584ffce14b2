//! The `tree` file: a sealed tree and the index of its pack, as bytes.
//!
//! ```text
//! "karat tree 1\n"  epoch:u64
//! paths:u32  { path  (0 inode | 1 first:u32) } …      in bytewise order; `first` counts from 0
//! contents:u32  { digest:32  offset:u64  size:u64 } …
//! sha256 of all before
//! ```
//! Numbers are little endian; strings carry their length as u32.

use super::pack::{Index, Slot};
use crate::digest::Digest;
use crate::path::ImagePath;
use crate::tree::{
    Content, Device, Epoch, Inode, InodeId, Kind, Mode, Sealed, Stat, Tree, TreeError, Xattrs,
};

const MAGIC: &[u8] = b"karat tree 1\n";

/// Why bytes are no `tree` file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TreeFileError {
    /// The digest at the end is not that of the bytes before it.
    #[error("damaged: its digest does not match")]
    Digest,
    /// It ends early, holds a value that cannot be, or something follows its end.
    #[error("malformed")]
    Malformed,
    /// The tree in it breaks a rule.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Writes a tree and the index of its pack.
pub(crate) fn encode(tree: &Tree<Sealed>, index: &Index) -> Vec<u8> {
    let mut out = Vec::with_capacity(tree.len().saturating_mul(160));
    out.extend_from_slice(MAGIC);
    put_u64(&mut out, tree.epoch().seconds());
    put_length(&mut out, tree.len());
    let mut first: std::collections::BTreeMap<InodeId, usize> = std::collections::BTreeMap::new();
    for (position, entry) in tree.iter().enumerate() {
        put_bytes(&mut out, entry.path.as_bytes());
        if let Some(first) = first.get(&entry.id) {
            out.push(1);
            put_length(&mut out, *first);
        } else {
            first.insert(entry.id, position);
            out.push(0);
            put_inode(&mut out, entry.inode);
        }
    }
    put_length(&mut out, index.0.len());
    for (digest, slot) in &index.0 {
        out.extend_from_slice(digest.as_bytes());
        put_u64(&mut out, slot.offset);
        put_u64(&mut out, slot.size);
    }
    let digest = Digest::of(&out);
    out.extend_from_slice(digest.as_bytes());
    out
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// The rule that the bytes break.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Tree<Sealed>, Index), TreeFileError> {
    let split = bytes
        .len()
        .checked_sub(Digest::LEN)
        .ok_or(TreeFileError::Malformed)?;
    let (body, digest) = bytes.split_at(split);
    if Digest::of(body).as_bytes() != digest {
        return Err(TreeFileError::Digest);
    }
    let mut input = Input(body.strip_prefix(MAGIC).ok_or(TreeFileError::Malformed)?);
    let epoch = Epoch::new(input.u64()?).map_err(|_error| TreeFileError::Malformed)?;
    let mut tree = Tree::new(epoch);
    let mut ids = Vec::new();
    for _ in 0..input.length()? {
        let path = ImagePath::parse(input.bytes()?).map_err(|_error| TreeFileError::Malformed)?;
        if input.u8()? == 0 {
            let inode = input.inode()?;
            ids.push(tree.replace(path, inode)?);
        } else {
            let id = ids
                .get(input.length()?)
                .copied()
                .ok_or(TreeFileError::Malformed)?;
            tree.link(path, id)?;
            ids.push(id);
        }
    }
    let mut index = Index::default();
    for _ in 0..input.length()? {
        let digest = Digest::from_bytes(input.array()?);
        let (offset, size) = (input.u64()?, input.u64()?);
        index.0.insert(digest, Slot { offset, size });
    }
    if !input.0.is_empty() {
        return Err(TreeFileError::Malformed);
    }
    Ok((tree.seal()?, index))
}

fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// A count or length; every one is capped far below 2^32 by [`crate::limits`].
fn put_length(out: &mut Vec<u8>, length: usize) {
    put_u32(out, u32::try_from(length).unwrap_or(u32::MAX));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_inode(out: &mut Vec<u8>, inode: &Inode) {
    let Inode {
        stat,
        kind,
        xattrs,
        origin,
    } = inode;
    let Stat {
        mode,
        uid,
        gid,
        mtime,
    } = stat;
    put_u32(out, mode.bits());
    put_u32(out, *uid);
    put_u32(out, *gid);
    put_u64(out, *mtime);
    match kind {
        Kind::Directory => out.push(b'd'),
        Kind::Fifo => out.push(b'p'),
        Kind::Socket => out.push(b's'),
        Kind::BlockDevice(device) => put_device(out, b'b', *device),
        Kind::CharDevice(device) => put_device(out, b'c', *device),
        Kind::Symlink(target) => {
            out.push(b'l');
            put_bytes(out, target);
        }
        Kind::Regular(content) => {
            out.push(b'f');
            out.extend_from_slice(content.digest.as_bytes());
            put_u64(out, content.size);
        }
    }
    put_length(out, xattrs.len());
    for (name, value) in xattrs {
        put_bytes(out, name);
        put_bytes(out, value);
    }
    put_bytes(out, origin.to_string().as_bytes());
}

fn put_device(out: &mut Vec<u8>, tag: u8, device: Device) {
    out.push(tag);
    put_u32(out, device.major);
    put_u32(out, device.minor);
}

/// Bytes that are still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], TreeFileError> {
        let (head, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(TreeFileError::Malformed)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TreeFileError> {
        self.take(N)?
            .try_into()
            .map_err(|_error| TreeFileError::Malformed)
    }

    fn u8(&mut self) -> Result<u8, TreeFileError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, TreeFileError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, TreeFileError> {
        self.array().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Result<usize, TreeFileError> {
        usize::try_from(self.u32()?).map_err(|_error| TreeFileError::Malformed)
    }

    fn bytes(&mut self) -> Result<&'a [u8], TreeFileError> {
        let length = self.length()?;
        self.take(length)
    }

    fn device(&mut self) -> Result<Device, TreeFileError> {
        Ok(Device {
            major: self.u32()?,
            minor: self.u32()?,
        })
    }

    fn inode(&mut self) -> Result<Inode, TreeFileError> {
        let stat = Stat {
            mode: Mode::new(self.u32()?).map_err(|_error| TreeFileError::Malformed)?,
            uid: self.u32()?,
            gid: self.u32()?,
            mtime: self.u64()?,
        };
        let kind = match self.u8()? {
            b'd' => Kind::Directory,
            b'p' => Kind::Fifo,
            b's' => Kind::Socket,
            b'b' => Kind::BlockDevice(self.device()?),
            b'c' => Kind::CharDevice(self.device()?),
            b'l' => Kind::Symlink(self.bytes()?.to_vec()),
            b'f' => Kind::Regular(Content {
                digest: Digest::from_bytes(self.array()?),
                size: self.u64()?,
            }),
            _ => return Err(TreeFileError::Malformed),
        };
        let mut xattrs = Xattrs::new();
        for _ in 0..self.length()? {
            let name = self.bytes()?.to_vec();
            xattrs.insert(name, self.bytes()?.to_vec());
        }
        let origin = std::str::from_utf8(self.bytes()?)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(TreeFileError::Malformed)?;
        Ok(Inode {
            stat,
            kind,
            xattrs,
            origin,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Origin;

    fn sample() -> (Tree<Sealed>, Index) {
        let path = |text: &str| ImagePath::parse(text).unwrap();
        let mut tree = Tree::new(Epoch::new(5).unwrap());
        let inode = |kind, mode| Inode {
            stat: Stat {
                mode,
                uid: 1,
                gid: 2,
                mtime: 3,
            },
            kind,
            xattrs: Xattrs::from([(b"user.a".to_vec(), vec![0, 1])]),
            origin: Origin::Package("p".to_owned()),
        };
        let content = Content::of(b"x");
        let device = Device { major: 1, minor: 3 };
        for (name, kind, mode) in [
            ("/d", Kind::Directory, Mode::DIRECTORY),
            ("/f", Kind::Regular(content), Mode::FILE),
            ("/l", Kind::Symlink(b"\xff".to_vec()), Mode::SYMLINK),
            ("/n", Kind::CharDevice(device), Mode::FILE),
            ("/p", Kind::Fifo, Mode::FILE),
        ] {
            tree.insert(path(name), inode(kind, mode)).unwrap();
        }
        let id = tree.id(&path("/f")).unwrap();
        tree.link(path("/d/g"), id).unwrap();
        let slot = Slot { offset: 7, size: 1 };
        (tree.seal().unwrap(), Index([(content.digest, slot)].into()))
    }

    #[test]
    fn a_tree_round_trips() {
        let (tree, index) = sample();
        let bytes = encode(&tree, &index);
        let (read, read_index) = decode(&bytes).unwrap();
        assert_eq!(encode(&read, &read_index), bytes);
        assert_eq!(read_index, index);
        assert_eq!(read.hard_links().len(), 1);
        for (a, b) in tree.iter().zip(read.iter()) {
            assert_eq!((a.path, a.inode), (b.path, b.inode));
        }
    }

    #[test]
    fn damage_is_seen() {
        let (tree, index) = sample();
        let bytes = encode(&tree, &index);
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1;
            assert!(decode(&damaged).is_err(), "{position}");
            assert!(decode(&bytes[..position]).is_err(), "{position}");
        }
    }

    #[test]
    fn lengths_beyond_the_end_are_malformed_not_allocated() {
        for body in [
            MAGIC.to_vec(),
            [MAGIC, &[0; 8], &[0xff; 4]].concat(),
            [MAGIC, &[0; 8], &[1, 0, 0, 0], &[0xff; 4]].concat(),
            [MAGIC, &[0xff; 16]].concat(),
        ] {
            let digest = Digest::of(&body);
            let bytes = [body.as_slice(), digest.as_bytes()].concat();
            assert_eq!(decode(&bytes).err(), Some(TreeFileError::Malformed));
        }
    }
}

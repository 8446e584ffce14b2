//! Inodes.

use super::ReadError;
use super::field::{u16_at, u32_at, u64_at, wide};
use super::format::{
    COMPACT_LEN, EXTENDED_LEN, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK,
    SLOT, XATTR_HEAD_LEN,
};
use super::image::{BLOCK, Reader};
use crate::tree::{Device, Mode, Stat};

/// An inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inode {
    /// Its number: where it stands.
    pub nid: u64,
    /// Mode, owner, group, time.
    pub stat: Stat,
    /// Its type.
    pub kind: Kind,
    /// How many bytes its content, target or entries have.
    pub size: u64,
    /// How many names it says it has.
    pub links: u32,
    /// How its bytes are stored.
    pub(super) layout: u16,
    /// Where they start, or what the layout makes of this number.
    pub(super) place: u32,
    /// Where its attributes start.
    pub(super) xattrs: u64,
    /// How many bytes they have.
    pub(super) xattrs_len: usize,
}

/// The type of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A block device.
    BlockDevice(Device),
    /// A character device.
    CharDevice(Device),
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A regular file.
    Regular,
    /// A Unix socket.
    Socket,
    /// A symbolic link.
    Symlink,
}

impl Inode {
    /// What follows the inode and its attributes.
    pub(super) fn end(&self) -> u64 {
        self.xattrs.saturating_add(wide(self.xattrs_len))
    }

    /// Names a rule that it breaks.
    pub(super) fn broken(&self, rule: &'static str) -> ReadError {
        let nid = self.nid;
        ReadError::Inode { nid, rule }
    }
}

impl Reader<'_> {
    /// Reads an inode.
    ///
    /// # Errors
    /// It lies outside of the image, or breaks a rule.
    pub fn inode(&mut self, nid: u64) -> Result<Inode, ReadError> {
        let broken = |rule| ReadError::Inode { nid, rule };
        let outside = || broken("it lies outside of the image");
        let superblock = *self.superblock();
        let start = u64::from(superblock.inode_block).saturating_mul(wide(BLOCK));
        let at = nid
            .checked_mul(SLOT)
            .and_then(|at| at.checked_add(start))
            .ok_or_else(outside)?;
        let mut bytes = [0; EXTENDED_LEN];
        let (compact, rest) = bytes.split_at_mut(COMPACT_LEN);
        self.metadata(at, compact)?;
        let format = u16_at(compact, 0);
        let is_extended = format & 1 == 1;
        if is_extended {
            self.metadata(at.saturating_add(wide(COMPACT_LEN)), rest)?;
        }
        if format >> 1 > 4 {
            return Err(broken("its layout is none that is known"));
        }
        let count = usize::from(u16_at(&bytes, 2));
        let xattrs_len = match count.checked_sub(1) {
            None => 0,
            Some(more) => more.saturating_mul(4).saturating_add(XATTR_HEAD_LEN),
        };
        let length = if is_extended {
            EXTENDED_LEN
        } else {
            COMPACT_LEN
        };
        let st_mode = u32::from(u16_at(&bytes, 4));
        let place = u32_at(&bytes, 16);
        let ids = |at| u32::from(u16_at(&bytes, at));
        let (size, links, uid, gid, mtime) = if is_extended {
            let links = u32_at(&bytes, 44);
            let (uid, gid) = (u32_at(&bytes, 24), u32_at(&bytes, 28));
            (u64_at(&bytes, 8), links, uid, gid, u64_at(&bytes, 32))
        } else {
            let size = u64::from(u32_at(&bytes, 8));
            (size, ids(6), ids(24), ids(26), superblock.time)
        };
        if i64::try_from(size).is_err() {
            return Err(broken("its size is negative"));
        }
        let mode = Mode::of_st_mode(st_mode);
        Ok(Inode {
            nid,
            stat: Stat {
                mode,
                uid,
                gid,
                mtime,
            },
            kind: kind(st_mode, place).ok_or_else(|| broken("its type is none"))?,
            size,
            links,
            layout: format >> 1,
            place,
            xattrs: at.saturating_add(wide(length)),
            xattrs_len,
        })
    }
}

/// The type in `st_mode`; a device's number is in `place` (`new_encode_dev` of Linux).
fn kind(st_mode: u32, place: u32) -> Option<Kind> {
    let device = Device {
        major: place >> 8 & 0xfff,
        minor: place & 0xff | place >> 12 & 0xf_ff00,
    };
    Some(match st_mode & 0o170_000 {
        S_IFBLK => Kind::BlockDevice(device),
        S_IFCHR => Kind::CharDevice(device),
        S_IFDIR => Kind::Directory,
        S_IFIFO => Kind::Fifo,
        S_IFLNK => Kind::Symlink,
        S_IFREG => Kind::Regular,
        S_IFSOCK => Kind::Socket,
        _ => return None,
    })
}

impl Kind {
    /// The number that entries of directories have for it.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Regular => 1,
            Self::Directory => 2,
            Self::CharDevice(_) => 3,
            Self::BlockDevice(_) => 4,
            Self::Fifo => 5,
            Self::Socket => 6,
            Self::Symlink => 7,
        }
    }
}

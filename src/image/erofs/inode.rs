//! The bytes of an inode.

use super::ErofsError;
use crate::layout::erofs::format::{
    COMPACT_LEN, EXTENDED_LEN, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK,
    XATTR_HEAD_LEN,
};
use crate::path::ImagePath;
use crate::tree::{Device, Epoch, Inode, Kind};

/// What an inode says of itself, besides what the tree does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// How its bytes are stored.
    pub(super) layout: u16,
    /// How many it has.
    pub(super) size: u64,
    /// Where they start, how many blocks they take, or which device it is: by layout and type.
    pub(super) place: u32,
    /// How many names it has.
    pub(super) links: u64,
    /// Its number, for those who want small ones.
    pub(super) number: usize,
}

/// The length of an inode: compact where its numbers are small.
pub(super) fn length(inode: &Inode, size: u64, links: u64) -> usize {
    let stat = &inode.stat;
    let small = u16::try_from(stat.uid).is_ok()
        && u16::try_from(stat.gid).is_ok()
        && u16::try_from(links).is_ok()
        && u32::try_from(size).is_ok();
    if small { COMPACT_LEN } else { EXTENDED_LEN }
}

/// The bytes of an inode, and its attributes' `xattrs`.
pub(super) fn encode(inode: &Inode, facts: Facts, epoch: Epoch, xattrs: &[u8]) -> Vec<u8> {
    let length = length(inode, facts.size, facts.links);
    let is_extended = length == EXTENDED_LEN;
    let mut bytes = Vec::with_capacity(length + xattrs.len());
    let mut short = |value: u64| {
        // What does not fit makes the inode an extended one.
        bytes.extend_from_slice(&u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes());
    };
    short(u64::from(facts.layout << 1 | u16::from(is_extended)));
    short(match xattrs.len() {
        0 => 0,
        length => super::wide((length - XATTR_HEAD_LEN) / 4 + 1),
    });
    short(u64::from(st_mode(inode)));
    short(if is_extended { 0 } else { facts.links });
    let stat = &inode.stat;
    let number = u32::try_from(facts.number).unwrap_or(u32::MAX);
    if is_extended {
        bytes.extend_from_slice(&facts.size.to_le_bytes());
        bytes.extend_from_slice(&facts.place.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&stat.uid.to_le_bytes());
        bytes.extend_from_slice(&stat.gid.to_le_bytes());
        bytes.extend_from_slice(&epoch.seconds().to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        let links = u32::try_from(facts.links).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&links.to_le_bytes());
    } else {
        let size = u32::try_from(facts.size).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        bytes.extend_from_slice(&facts.place.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        for id in [stat.uid, stat.gid] {
            bytes.extend_from_slice(&u16::try_from(id).unwrap_or(u16::MAX).to_le_bytes());
        }
    }
    bytes.resize(length, 0);
    bytes.extend_from_slice(xattrs);
    bytes
}

/// Type and mode bits.
pub(super) fn st_mode(inode: &Inode) -> u32 {
    let kind = match inode.kind {
        Kind::BlockDevice(_) => S_IFBLK,
        Kind::CharDevice(_) => S_IFCHR,
        Kind::Directory => S_IFDIR,
        Kind::Fifo => S_IFIFO,
        Kind::Regular(_) => S_IFREG,
        Kind::Socket => S_IFSOCK,
        Kind::Symlink(_) => S_IFLNK,
    };
    kind | inode.stat.mode.bits()
}

/// A device number as Linux keeps it in 32 bits (`new_encode_dev`).
pub(super) fn device(path: &ImagePath, device: Device) -> Result<u32, ErofsError> {
    let Device { major, minor } = device;
    if major > 0xfff || minor > 0xf_ffff {
        return Err(ErofsError::Device(path.clone()));
    }
    Ok(minor & 0xff | major << 8 | (minor & !0xff) << 12)
}

//! `split`: what a disk is made of, each piece by itself, for systemd-sysupdate(8) to fetch.
//!
//! The names of the root's pieces hold the ids of their partitions, which an update gives to the slot that
//! it fills: kernel and initrd look for nothing else. Envelope and receipt, which no build makes, and the
//! unified kernel image have the same names here as elsewhere.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use super::DiskImageError;
use crate::baseline::{ImageName, ImageVersion};
use crate::digest::Digest;
use crate::image::disk::Piece;
use crate::layout::gpt::Disk;
use crate::layout::verity::Verity;
use crate::ops::build::BuildError;
use crate::ops::build::files::Files;
use crate::sys::fs::{AtomicFile, FileSource, IoContext as _};
use crate::tree::Content;

/// A disk that was written, and what lies on it.
pub(super) struct Whole<'a> {
    pub(super) name: &'a ImageName,
    pub(super) version: &'a ImageVersion,
    pub(super) disk: &'a File,
    pub(super) verity: &'a Verity,
    /// The digests of the root's file system and of its tree of hashes.
    pub(super) digests: [Digest; 2],
}

impl Whole<'_> {
    /// Writes the pieces that are partitions of the disk. What an earlier build made of the same version
    /// goes: whoever publishes a directory has each piece once.
    pub(super) fn write(&self, files: &mut Files<'_>) -> Result<(), BuildError> {
        let shown = files.path("");
        let source = self.disk.try_clone().and_then(FileSource::of);
        let source = source.at("read", &shown)?;
        let disk = Disk::read(&source).map_err(DiskImageError::Table)?;
        let stem = format!("{}_{}", self.name, self.version);
        files.forget_pieces(&[Piece::Root.suffix(), Piece::Verity.suffix()])?;
        let [data, tree] = self.verity.partitions();
        let [root, hashes] = self.digests;
        for (piece, id, digest, size) in [
            (Piece::Root, data, root, self.verity.data_size()),
            (Piece::Verity, tree, hashes, self.verity.tree_size()),
        ] {
            let mut found = disk.partitions.iter().filter(|it| it.id == id);
            let start = found.next().map_or(0, |it| it.start);
            let name = piece.file_name(self.name, self.version, id);
            let suffix = name.strip_prefix(&stem).unwrap_or(&name);
            let path = files.path(suffix);
            let whole = AtomicFile::create(&path, 0o644)?;
            self.copy(start, size, whole.file()).at("write", &path)?;
            whole.commit()?;
            files.made(suffix, Content { digest, size });
        }
        Ok(())
    }

    fn copy(&self, start: u64, size: u64, mut to: &File) -> io::Result<()> {
        let mut from = self.disk;
        from.seek(SeekFrom::Start(start))?;
        match io::copy(&mut from.take(size), &mut to)? {
            written if written == size => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

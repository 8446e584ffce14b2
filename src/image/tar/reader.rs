//! Entry by entry through an archive, with every length checked before it is believed.

use std::io::{self, Read, Write};

use super::TarError;
use super::block::{BLOCK, Block, Format};
use super::header::{
    BLOCK_DEVICE, CHAR_DEVICE, DIRECTORY, FIFO, GNU_LINK, GNU_NAME, GNU_SPARSE, HARD_LINK, PAX,
    PAX_GLOBAL, REGULAR, SYMLINK,
};
use super::pax::Extension;
use crate::digest::Hasher;
use crate::limits;
use crate::path::ImagePath;
use crate::tree::{Content, Device, Mode, Stat, Xattrs};

const BUFFER: usize = 128 << 10;
/// The same as [`BLOCK`], as archives count.
const BLOCK_SIZE: u64 = 512;

/// One entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where it goes.
    pub path: ImagePath,
    /// Mode, owner, group, time.
    pub stat: Stat,
    /// Extended attributes.
    pub xattrs: Xattrs,
    /// What it is.
    pub kind: MemberKind,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A block device.
    BlockDevice(Device),
    /// A character device.
    CharDevice(Device),
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A further path of an earlier entry.
    HardLink(ImagePath),
    /// A regular file of this many bytes; [`Reader::content`] gives them.
    Regular(u64),
    /// A symbolic link, with its target as written.
    Symlink(Vec<u8>),
}

/// Reads an uncompressed archive.
#[derive(Debug)]
pub struct Reader<R: Read> {
    input: R,
    /// How many bytes were read so far.
    at: u64,
    /// Bytes of the current entry's content that were not read yet, and its padding.
    content: u64,
    padding: u64,
    buffer: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Starts at the first byte of an archive.
    pub fn new(input: R) -> Self {
        Self {
            input,
            at: 0,
            content: 0,
            padding: 0,
            buffer: vec![0; BUFFER],
        }
    }

    /// The next entry; `None` at the end, after which the input is read to its end.
    ///
    /// # Errors
    /// Whatever [`TarError`] says about archives that are not read.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend its reader for the content"
    )]
    pub fn next(&mut self) -> Result<Option<Member>, TarError> {
        self.skip_content()?;
        let start = self.at;
        let mut extension = Extension::default();
        loop {
            let at = self.at;
            let bytes = self.block()?;
            if bytes == [0; BLOCK] {
                if at != start {
                    return Err(TarError::Truncated(at));
                }
                self.end()?;
                return Ok(None);
            }
            let block = Block::parse(&bytes).ok_or(TarError::Checksum(at))?;
            if block.format() == Format::Old {
                return Err(TarError::Magic(at));
            }
            let refused = || TarError::Type {
                at,
                kind: block.kind(),
            };
            match block.kind() {
                PAX => extension.pax(&self.extension(&block, start)?, start)?,
                PAX_GLOBAL => Extension::global(&self.extension(&block, start)?, start)?,
                GNU_NAME => extension
                    .gnu_name(&self.extension(&block, start)?)
                    .ok_or_else(refused)?,
                GNU_LINK => extension
                    .gnu_link(&self.extension(&block, start)?)
                    .ok_or_else(refused)?,
                GNU_SPARSE => return Err(TarError::Sparse(at)),
                _ => return self.member(&block, extension, at).map(Some),
            }
        }
    }

    /// Reads the content of the entry that [`Reader::next`] gave last, hashes it, and writes it to
    /// `copy`; of anything but a regular file it is empty.
    ///
    /// # Errors
    /// The archive ends too early, or reading or writing fails.
    pub fn content(&mut self, copy: &mut dyn Write) -> Result<Content, TarError> {
        let size = self.content;
        let mut hasher = Hasher::new();
        while self.content > 0 {
            let bytes = self.some(self.content)?;
            hasher.update(bytes);
            copy.write_all(bytes)?;
            let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            self.content = self.content.saturating_sub(count);
        }
        Ok(Content {
            digest: hasher.finish(),
            size,
        })
    }

    fn member(
        &mut self,
        block: &Block,
        mut extension: Extension,
        at: u64,
    ) -> Result<Member, TarError> {
        let raw = extension.path.take().unwrap_or_else(|| block.name());
        let path = image_path(&raw, at)?;
        let refused = || TarError::Type {
            at,
            kind: block.kind(),
        };
        let size = match extension.size {
            Some(size) => size,
            None => in_field(block.size(), at, "size")?,
        };
        let link = extension
            .link
            .take()
            .unwrap_or_else(|| block.link().to_vec());
        let kind = match block.kind() {
            BLOCK_DEVICE => MemberKind::BlockDevice(device(block, at)?),
            CHAR_DEVICE => MemberKind::CharDevice(device(block, at)?),
            DIRECTORY => MemberKind::Directory,
            FIFO => MemberKind::Fifo,
            HARD_LINK => MemberKind::HardLink(image_path(&link, at)?),
            REGULAR => MemberKind::Regular(size),
            SYMLINK => MemberKind::Symlink(link),
            _ => return Err(refused()),
        };
        let is_regular = matches!(kind, MemberKind::Regular(_));
        let is_directory = kind == MemberKind::Directory;
        // Some programs take a file whose name ends in a slash for a directory, and some skip the
        // data that others read: such entries have more than one meaning.
        if !is_directory && (raw.ends_with(b"/") || path.is_root()) || !is_regular && size != 0 {
            return Err(refused());
        }
        if is_regular {
            self.content = size;
            self.padding = (BLOCK_SIZE - size % BLOCK_SIZE) % BLOCK_SIZE;
        }
        let mode = match kind {
            MemberKind::Symlink(_) => Mode::SYMLINK,
            _ => Mode::of_st_mode(narrow(block.mode(), at, "mode")?),
        };
        let stat = Stat {
            mode,
            uid: narrow(extension.uid.or_else(|| block.uid()), at, "uid")?,
            gid: narrow(extension.gid.or_else(|| block.gid()), at, "gid")?,
            mtime: in_field(extension.mtime.or_else(|| block.mtime()), at, "mtime")?,
        };
        let xattrs = extension.finish(&path)?;
        Ok(Member {
            path,
            stat,
            xattrs,
            kind,
        })
    }

    /// The body of an extension header; all those of one entry share the cap.
    fn extension(&mut self, block: &Block, start: u64) -> Result<Vec<u8>, TarError> {
        let size = in_field(block.size(), start, "size")?;
        let used = self.at.saturating_sub(start);
        if used.saturating_add(size) > limits::TAR_EXTENSION_MAX.saturating_add(4 * BLOCK_SIZE) {
            return Err(TarError::ExtensionSize(start));
        }
        let mut body = Vec::new();
        self.content = size;
        self.padding = (BLOCK_SIZE - size % BLOCK_SIZE) % BLOCK_SIZE;
        self.content(&mut body)?;
        self.skip_content()?;
        Ok(body)
    }

    fn skip_content(&mut self) -> Result<(), TarError> {
        let mut left = self.content.saturating_add(self.padding);
        (self.content, self.padding) = (0, 0);
        while left > 0 {
            let count = u64::try_from(self.some(left)?.len()).unwrap_or(u64::MAX);
            left = left.saturating_sub(count);
        }
        Ok(())
    }

    fn block(&mut self) -> Result<[u8; BLOCK], TarError> {
        let mut block = [0; BLOCK];
        match self.input.read_exact(&mut block) {
            Ok(()) => {
                self.at = self.at.saturating_add(BLOCK_SIZE);
                Ok(block)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(TarError::Truncated(self.at))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One to `left` further bytes.
    fn some(&mut self, left: u64) -> Result<&[u8], TarError> {
        let room = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
        let count = read(
            &mut self.input,
            self.buffer.get_mut(..room).unwrap_or_default(),
        )?;
        if count == 0 {
            return Err(TarError::Truncated(self.at));
        }
        self.at = self
            .at
            .saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(self.buffer.get(..count).unwrap_or_default())
    }

    /// After the first zero block: a second one, then nothing but zeros.
    fn end(&mut self) -> Result<(), TarError> {
        let at = self.at;
        if self.block()? != [0; BLOCK] {
            return Err(TarError::Truncated(at));
        }
        loop {
            let count = read(&mut self.input, &mut self.buffer)?;
            let bytes = self.buffer.get(..count).unwrap_or_default();
            if bytes.iter().any(|byte| *byte != 0) {
                return Err(TarError::Trailing(self.at));
            }
            if count == 0 {
                return Ok(());
            }
            self.at = self
                .at
                .saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }
}

fn read(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

fn image_path(name: &[u8], at: u64) -> Result<ImagePath, TarError> {
    let refused = |rule| TarError::Name {
        at,
        name: name.to_vec(),
        rule,
    };
    if name.is_empty() {
        return Err(refused(crate::path::PathError::NotNormal));
    }
    ImagePath::from_archive(name).map_err(refused)
}

fn device(block: &Block, at: u64) -> Result<Device, TarError> {
    Ok(Device {
        major: narrow(block.major(), at, "devmajor")?,
        minor: narrow(block.minor(), at, "devminor")?,
    })
}

fn in_field(value: Option<u64>, at: u64, field: &'static str) -> Result<u64, TarError> {
    value.ok_or(TarError::Number { at, field })
}

fn narrow(value: Option<u64>, at: u64, field: &'static str) -> Result<u32, TarError> {
    let value = in_field(value, at, field)?;
    u32::try_from(value).map_err(|_range| TarError::Number { at, field })
}

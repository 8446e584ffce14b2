//! The tar of a `.deb`: what dpkg reads, which is ustar and GNU's long names, nothing else.
//!
//! Headers mean what they mean in images' archives; long names are capped, and PAX headers, sparse
//! files and device nodes are refused.

use std::io::{self, Read};

use super::DebError;
use crate::image::tar::{BLOCK, Block};
use crate::limits;
use crate::path::{Escaped, ImagePath};

/// The same as [`BLOCK`], as archives count.
const BLOCK_SIZE: u64 = 512;

/// One entry of a tar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it goes.
    pub path: ImagePath,
    /// Its type.
    pub kind: EntryKind,
    /// The twelve mode bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970; what lies before counts as 1970.
    pub mtime: u64,
}

/// The type of an entry, with what only that type has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A further name of an earlier file.
    HardLink(ImagePath),
    /// A regular file of so many bytes.
    Regular(u64),
    /// A symbolic link, with its target as written.
    Symlink(Vec<u8>),
}

/// The entries of a tar, in its order; the content of each is read before the next is asked for,
/// or skipped.
#[derive(Debug)]
pub struct Entries<R> {
    reader: R,
    member: String,
    /// Content of the current entry that was not read yet, and its padding.
    content: u64,
    padding: u64,
    count: usize,
    ended: bool,
}

impl<R: Read> Entries<R> {
    /// The entries of `reader`, named `member` in errors.
    pub fn new(reader: R, member: &str) -> Self {
        Self {
            reader,
            member: member.to_owned(),
            content: 0,
            padding: 0,
            count: 0,
            ended: false,
        }
    }

    /// The next entry; `None` after the last.
    ///
    /// # Errors
    /// The rule that the tar breaks; then no further entry can be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "the content is read between two calls"
    )]
    pub fn next(&mut self) -> Result<Option<Entry>, DebError> {
        let (mut long_name, mut long_target) = (None, None);
        while !self.ended {
            self.skip_content()?;
            let Some(header) = self.header()? else {
                self.ended = true;
                break;
            };
            self.count = self.count.saturating_add(1);
            if self.count > limits::DEB_ENTRIES_MAX {
                return Err(DebError::TooManyEntries);
            }
            let size = header.size();
            let size = size.ok_or_else(|| self.error("a header's size is no number"))?;
            self.content = size;
            self.padding = size.wrapping_neg() % BLOCK_SIZE;
            match header.kind() {
                b'L' => long_name = Some(self.long(size)?),
                b'K' => long_target = Some(self.long(size)?),
                _ => return self.entry(&header, size, long_name, long_target).map(Some),
            }
        }
        if long_name.is_some() || long_target.is_some() {
            return Err(self.error("it ends after a long name"));
        }
        Ok(None)
    }

    /// The content of the entry that was given last.
    pub fn content(&mut self) -> impl Read {
        Content(self)
    }

    fn entry(
        &self,
        header: &Block,
        size: u64,
        long_name: Option<Vec<u8>>,
        long_target: Option<Vec<u8>>,
    ) -> Result<Entry, DebError> {
        let name = match long_name {
            Some(name) => name,
            None => header.name(),
        };
        let shown = Escaped(&name).to_string();
        let path = ImagePath::from_archive(&name).map_err(|rule| DebError::Path {
            path: shown.clone(),
            rule: rule.to_string(),
        })?;
        let target = long_target.unwrap_or_else(|| header.link().to_vec());
        let kind = match header.kind() {
            b'0' | b'7' => EntryKind::Regular(size),
            b'1' => EntryKind::HardLink(ImagePath::from_archive(&target).map_err(|_error| {
                DebError::HardLink {
                    path: shown.clone(),
                    target: Escaped(&target).to_string(),
                }
            })?),
            b'2' => EntryKind::Symlink(target),
            b'3' | b'4' => return Err(DebError::Device(shown)),
            b'5' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            other => {
                return Err(self.error(format!(
                    "'{shown}' has type '{}', which dpkg does not unpack",
                    Escaped(&[other])
                )));
            }
        };
        if size > 0 && !matches!(kind, EntryKind::Regular(_)) {
            return Err(self.error(format!("'{shown}' has content and is no file")));
        }
        if let EntryKind::Symlink(target) = &kind {
            let fits = (1..=limits::PATH_MAX).contains(&target.len());
            if !fits || target.contains(&0) {
                return Err(DebError::Symlink(shown));
            }
        }
        let number = |value: Option<u64>, what: &str| {
            value
                .and_then(|value| u32::try_from(value).ok())
                .ok_or_else(|| self.error(format!("'{shown}' has no valid {what}")))
        };
        Ok(Entry {
            path,
            kind,
            mode: number(header.mode(), "mode")? & 0o7777,
            uid: number(header.uid(), "owner")?,
            gid: number(header.gid(), "group")?,
            // Times before 1970 are no numbers here: base-256 with a sign.
            mtime: header.mtime().filter(|time| *time < 1 << 40).unwrap_or(0),
        })
    }

    /// The next header block; `None` at the end mark or the end of the bytes.
    fn header(&mut self) -> Result<Option<Block>, DebError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.error("a header ends early")),
                Ok(count) => filled = filled.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.damaged(&error)),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        match Block::parse(&block) {
            Some(header) => Ok(Some(header)),
            None => Err(self.error("a header has a wrong checksum")),
        }
    }

    fn long(&mut self, size: u64) -> Result<Vec<u8>, DebError> {
        if size > limits::TAR_EXTENSION_MAX {
            return Err(DebError::TooLarge {
                what: format!("a long name in {}", self.member),
                max: limits::TAR_EXTENSION_MAX,
            });
        }
        let mut bytes = Vec::new();
        let read = Content(self).read_to_end(&mut bytes);
        read.map_err(|error| self.damaged(&error))?;
        // GNU tar ends the name with a NUL.
        if bytes.last() == Some(&0) {
            bytes.pop();
        }
        Ok(bytes)
    }

    fn skip_content(&mut self) -> Result<(), DebError> {
        let left = self.content.saturating_add(self.padding);
        let skipped = io::copy(&mut (&mut self.reader).take(left), &mut io::sink());
        (self.content, self.padding) = (0, 0);
        match skipped {
            Ok(count) if count == left => Ok(()),
            Ok(_) => Err(self.error("it ends within a file")),
            Err(error) => Err(self.damaged(&error)),
        }
    }

    fn error(&self, message: impl Into<String>) -> DebError {
        DebError::Tar {
            member: self.member.clone(),
            message: message.into(),
        }
    }

    /// What the decompressor, or the cap on what it gives, said.
    fn damaged(&self, error: &io::Error) -> DebError {
        if error.kind() == io::ErrorKind::FileTooLarge {
            return DebError::TooLarge {
                what: self.member.clone(),
                max: if self.member.starts_with("control") {
                    limits::DEB_CONTROL_MAX
                } else {
                    limits::DEB_DATA_MAX
                },
            };
        }
        DebError::Compression {
            member: self.member.clone(),
            message: error.to_string(),
        }
    }
}

/// The content of the current entry.
struct Content<'a, R>(&'a mut Entries<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.0.content)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let count = self.0.reader.read(buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let advance = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.content = self.0.content.saturating_sub(advance);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: u8, name: &[u8], size: u64) -> ::tar::Header {
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(::tar::EntryType::new(kind));
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_size(size);
        header.set_mode(0o100_644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(7);
        header.set_cksum();
        header
    }

    fn first(bytes: &[u8]) -> Result<Option<Entry>, DebError> {
        Entries::new(bytes, "data.tar").next()
    }

    #[test]
    fn a_file_and_its_content() {
        let mut bytes = header(b'0', b"./etc/x", 3).as_bytes().to_vec();
        bytes.extend_from_slice(b"abc");
        bytes.resize(1024, 0);
        bytes.extend_from_slice(&[0; 1024]);
        let mut entries = Entries::new(bytes.as_slice(), "data.tar");
        let entry = entries.next().unwrap().unwrap();
        assert_eq!(entry.path.to_string(), "/etc/x");
        assert_eq!((entry.mode, entry.mtime), (0o644, 7));
        let mut content = Vec::new();
        entries.content().read_to_end(&mut content).unwrap();
        assert_eq!(content, b"abc");
        assert_eq!(entries.next(), Ok(None));
    }

    #[test]
    fn a_long_name_that_is_too_long_is_refused_before_it_is_read() {
        let bytes = header(b'L', b"././@LongLink", u64::from(u32::MAX));
        assert!(matches!(
            first(bytes.as_bytes()),
            Err(DebError::TooLarge { .. })
        ));
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        // With these the crate `tar` reads 644, and a size without its highest bytes.
        for (range, field) in [
            (100..108, b"+000644\0".as_slice()),
            (124..136, b"\x80\x01\x01\0\0\0\0\0\0\0\0\0"),
            (
                124..136,
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            ),
        ] {
            let mut header = header(b'0', b"./a", 0);
            header.as_mut_bytes()[range].copy_from_slice(field);
            header.set_cksum();
            let answer = first(header.as_bytes());
            assert!(matches!(answer, Err(DebError::Tar { .. })), "{answer:?}");
        }
    }

    #[test]
    fn what_dpkg_does_not_unpack_is_refused() {
        for (kind, device) in [(b'3', true), (b'4', true), (b'x', false), (b'S', false)] {
            let answer = first(header(kind, b"./a", 0).as_bytes());
            match answer {
                Err(DebError::Device(_)) => assert!(device),
                Err(DebError::Tar { .. }) => assert!(!device),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn climbing_names_damaged_headers_and_early_ends_are_refused() {
        let climbing = first(header(b'0', b"../etc/x", 0).as_bytes());
        assert!(matches!(climbing, Err(DebError::Path { .. })));
        let mut damaged = header(b'0', b"./a", 0).as_bytes().to_vec();
        damaged[0] = b'b';
        assert!(matches!(first(&damaged), Err(DebError::Tar { .. })));
        let whole = header(b'0', b"./a", 10);
        assert!(matches!(
            first(&whole.as_bytes()[..100]),
            Err(DebError::Tar { .. })
        ));
        let mut entries = Entries::new(whole.as_bytes().as_slice(), "data.tar");
        entries.next().unwrap();
        assert!(entries.next().is_err());
    }
}

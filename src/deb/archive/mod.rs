//! Reading `.deb` files: deb(5), an ar archive of `debian-binary`, `control.tar` and `data.tar`.
//!
//! The bytes come from a mirror or from a third party's build: caps come first, names are checked
//! as they are read, and what dpkg itself would not unpack is refused here as well.

mod ar;
mod compression;
mod control;
mod error;
mod md5;
mod tar;

pub use control::{Control, ControlMember};
pub use error::DebError;
pub use md5::Md5;
pub use tar::{Entries, Entry, EntryKind};

use std::io::{Read, Seek};

use crate::digest::{Digest, HashingReader};
use crate::limits;

/// A `.deb` file whose outer structure was checked.
#[derive(Debug)]
pub struct Archive<R> {
    reader: R,
    control: ar::Member,
    data: ar::Member,
}

impl<R: Read + Seek> Archive<R> {
    /// Takes a `.deb` file: its members must be the three that deb(5) demands, in their order;
    /// further ones must have names that start with `_`.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn open(mut reader: R) -> Result<Self, DebError> {
        let mut members = ar::members(&mut reader)?
            .into_iter()
            .filter(|member| !member.name.starts_with('_'));
        let mut next = |name: &'static str| {
            members
                .next()
                .filter(|member| member.name == name || is_tar(&member.name, name))
                .ok_or_else(|| {
                    DebError::Members(format!("'{name}' is missing or not in its place"))
                })
        };
        let version = next("debian-binary")?;
        let control = next("control.tar")?;
        let data = next("data.tar")?;
        if let Some(extra) = members.next() {
            return Err(DebError::Members(format!(
                "'{}' is not expected",
                extra.name
            )));
        }
        let version = ar::bytes(&mut reader, &version, 16)?;
        if !version.starts_with(b"2.") {
            return Err(DebError::Members(
                "'debian-binary' names no format 2".to_owned(),
            ));
        }
        Ok(Self {
            reader,
            control,
            data,
        })
    }

    /// SHA-256 of the whole file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn digest(&mut self) -> Result<Digest, DebError> {
        let read = |error: std::io::Error| DebError::Read(error.to_string());
        self.reader.rewind().map_err(read)?;
        let mut hashing = HashingReader::new(&mut self.reader);
        std::io::copy(&mut hashing, &mut std::io::sink()).map_err(read)?;
        Ok(hashing.finish().0)
    }

    /// Reads `control.tar`.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn control(&mut self) -> Result<Control, DebError> {
        let member = &self.control;
        let section = ar::section(&mut self.reader, member)?;
        let plain = compression::reader(section, &member.name, limits::DEB_CONTROL_MAX)?;
        Control::read(Entries::new(plain, &member.name))
    }

    /// Reads `data.tar`, entry by entry.
    ///
    /// # Errors
    /// It cannot be opened, or is compressed in a way that is not known.
    pub fn data(&mut self) -> Result<Entries<impl Read + use<'_, R>>, DebError> {
        let member = &self.data;
        let section = ar::section(&mut self.reader, member)?;
        let plain = compression::reader(section, &member.name, limits::DEB_DATA_MAX)?;
        Ok(Entries::new(plain, &member.name))
    }

    /// How many bytes `data.tar` has as it is stored: a guess at the work that unpacking is.
    pub fn data_size(&self) -> u64 {
        self.data.size
    }
}

/// Whether a member's name is that of a tar, with any compression's ending.
fn is_tar(name: &str, tar: &str) -> bool {
    tar.strip_suffix("tar").is_some()
        && name
            .strip_prefix(tar)
            .is_some_and(|end| end.starts_with('.'))
}

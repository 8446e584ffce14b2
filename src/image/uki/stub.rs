//! The distribution's stub: the program that a unified kernel image begins with.

use std::fmt;

use super::UkiError;
use crate::layout::Source;
use crate::layout::pe::{Image, Machine, PeError};

/// A bare stub: `linuxx64.efi.stub` or `linuxaa64.efi.stub` of Debian's package `systemd-boot-efi`.
#[derive(Debug)]
pub struct Stub<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) image: Image,
    version: StubVersion,
}

/// Which release of systemd a stub or boot loader is of: it decides what is measured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StubVersion {
    major: u32,
    text: String,
}

/// The section in which systemd's EFI programs say who they are.
const MAGIC: &str = ".sdmagic";
/// Longest of these: real ones have 52 bytes.
const MAGIC_MAX: u32 = 256;
const BEFORE: &str = "#### LoaderInfo: ";
const STUB: &str = "systemd-stub ";
const LOADER: &str = "systemd-boot ";
const AFTER: &str = " ####";
/// What is only in an image that was assembled already.
const PAYLOAD: [&str; 3] = [".linux", ".initrd", ".cmdline"];

impl<'a> Stub<'a> {
    /// Takes a stub's bytes.
    ///
    /// # Errors
    /// They are no PE32+ image, no stub of systemd's, signed, or have a kernel in them already.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, UkiError> {
        let image = Image::read(bytes).map_err(UkiError::StubFormat)?;
        if !image.certificates().is_empty() {
            return Err(UkiError::Stub("it is signed; take the bare one"));
        }
        for name in PAYLOAD {
            if image.section(name).map_err(UkiError::StubFormat)?.is_some() {
                return Err(UkiError::Stub("it has a kernel in it already"));
            }
        }
        let version = StubVersion::read(&image, bytes)
            .map_err(UkiError::StubFormat)?
            .ok_or(UkiError::Stub(
                "its section .sdmagic does not say \"systemd-stub\" and a version",
            ))?;
        Ok(Self {
            bytes,
            image,
            version,
        })
    }

    /// Which processors it is for.
    pub fn machine(&self) -> Machine {
        self.image.headers().machine
    }

    /// Which version it is.
    pub fn version(&self) -> &StubVersion {
        &self.version
    }
}

impl StubVersion {
    /// What an image says that it was assembled from; `None` where it is no stub of systemd's.
    ///
    /// # Errors
    /// The section that says it cannot be read.
    pub fn read<S: Source + ?Sized>(image: &Image, source: &S) -> Result<Option<Self>, PeError> {
        Self::of(image, source, STUB)
    }

    /// The same of a boot loader; `None` where it is not systemd-boot.
    ///
    /// # Errors
    /// The section that says it cannot be read.
    pub fn of_loader<S: Source + ?Sized>(
        image: &Image,
        source: &S,
    ) -> Result<Option<Self>, PeError> {
        Self::of(image, source, LOADER)
    }

    fn of<S: Source + ?Sized>(
        image: &Image,
        source: &S,
        program: &str,
    ) -> Result<Option<Self>, PeError> {
        let Some(section) = image.section(MAGIC)? else {
            return Ok(None);
        };
        let magic = section.bytes(source, MAGIC_MAX)?;
        Ok(Self::parse(&magic, program))
    }

    /// `#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####`, and perhaps a NUL.
    fn parse(magic: &[u8], program: &str) -> Option<Self> {
        let text = std::str::from_utf8(magic.strip_suffix(b"\0").unwrap_or(magic)).ok()?;
        let text = text.strip_prefix(BEFORE)?.strip_prefix(program)?;
        let text = text.strip_suffix(AFTER)?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self {
            major: digits.parse().ok()?,
            text: text.to_owned(),
        })
    }

    /// The release of systemd: 252 for `252.39-1~deb12u2`.
    pub fn major(&self) -> u32 {
        self.major
    }
}

impl fmt::Display for StubVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let parse = |text: &str| StubVersion::parse(text.as_bytes(), STUB);
        let bookworm = parse("#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####\0").unwrap();
        assert_eq!(bookworm.major(), 252);
        assert_eq!(bookworm.to_string(), "252.39-1~deb12u2");
        assert_eq!(
            parse("#### LoaderInfo: systemd-stub 258~rc1 ####")
                .unwrap()
                .major(),
            258
        );
        for text in [
            "",
            "#### LoaderInfo: systemd-boot 252 ####",
            "#### LoaderInfo: systemd-stub  ####",
            "#### LoaderInfo: systemd-stub v252 ####",
            "#### LoaderInfo: systemd-stub 99999999999 ####",
            "#### LoaderInfo: systemd-stub 252 \u{1b} ####",
            "#### LoaderInfo: systemd-stub 252 ####\0\0",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

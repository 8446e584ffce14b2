//! Puts an initrd together.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::num::NonZero;

use super::{InitrdError, Modules};
use crate::boot::Plan;
use crate::digest::Digest;
use crate::image::compress::{Compression, Encoder};
use crate::image::cpio::{CpioError, Writer};
use crate::path::ImagePath;
use crate::tree::{Device, Mode};

/// Where the agent lies: the program that Linux runs first.
pub const AGENT: &str = "/init";
/// Where it finds what it shall boot.
pub const BOOT: &str = Plan::PATH;
/// Where it finds whose signatures count.
pub const TRUST_ROOT: &str = Plan::TRUST;

/// Directories that the agent mounts something on.
const DIRECTORIES: [&str; 6] = ["/dev", "/proc", "/run", "/sys", "/sysroot", "/tmp"];
/// Devices that a kernel opens, or a program needs, before `/dev` is mounted: name, major, minor,
/// mode (Documentation/admin-guide/devices.rst).
const DEVICES: [(&str, u32, u32, u32); 2] =
    [("/dev/console", 5, 1, 0o600), ("/dev/null", 1, 3, 0o666)];
/// zstd's level: on the initrds of Debian's kernels it gives an eighth less than 3 in a fifth of a
/// second; 19 would give another tenth less, in some five seconds.
const ZSTD_LEVEL: i32 = 9;
/// What another archive behind this one begins at a multiple of; Linux asks for it.
const ALIGNMENT: usize = 4;

/// What an initrd holds.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The agent, a static program: `/init`.
    pub agent: &'a [u8],
    /// `boot.json`, exactly as the agent shall read it.
    pub boot: &'a [u8],
    /// The pinned trust root, exactly as signed.
    pub trust_root: &'a [u8],
    /// The kernel's modules.
    pub modules: &'a Modules,
}

/// An initrd, and what is in it.
#[derive(Clone, Debug)]
pub struct Initrd {
    bytes: Vec<u8>,
    files: Vec<Inside>,
}

/// One file of an initrd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Where it lies.
    pub path: ImagePath,
    /// How many bytes it has.
    pub size: u64,
    /// SHA-256 of them.
    pub digest: Digest,
}

impl Initrd {
    /// Writes an initrd: the same bytes for the same parts and compression.
    ///
    /// # Errors
    /// A part has no place in an archive.
    pub fn assemble(parts: &Parts<'_>, compression: Compression) -> Result<Self, InitrdError> {
        let mut contents = BTreeMap::new();
        let mut add = |path: ImagePath, mode: Mode, bytes| {
            // A module named as one of the others is no module of a kernel's directory.
            match contents.insert(path.clone(), (mode, bytes)) {
                None => Ok(()),
                Some(_) => Err(CpioError::Name(path)),
            }
        };
        add(path(AGENT)?, Mode::DIRECTORY, parts.agent)?;
        add(path(BOOT)?, Mode::FILE, parts.boot)?;
        add(path(TRUST_ROOT)?, Mode::FILE, parts.trust_root)?;
        for module in parts.modules.iter() {
            add(module.path.clone(), Mode::FILE, &module.bytes)?;
        }

        let mut archive = Writer::new(Vec::new());
        for directory in directories(&contents)? {
            archive.directory(&directory, Mode::DIRECTORY)?;
        }
        for (name, major, minor, mode) in DEVICES {
            let device = Device { major, minor };
            archive.character(&path(name)?, Mode::of_st_mode(mode), device)?;
        }
        let mut files = Vec::new();
        for (path, (mode, bytes)) in contents {
            archive.file(&path, mode, bytes)?;
            files.push(Inside {
                size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                digest: Digest::of(bytes),
                path,
            });
        }
        let archive = archive.finish()?;
        let mut bytes = compressed(&archive, compression).map_err(CpioError::Io)?;
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        Ok(Self { bytes, files })
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, kept.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Its files, in bytewise order of their paths.
    pub fn files(&self) -> &[Inside] {
        &self.files
    }
}

/// All directories, those above files included; each before what it holds.
fn directories<V>(contents: &BTreeMap<ImagePath, V>) -> Result<BTreeSet<ImagePath>, InitrdError> {
    let mut all = BTreeSet::new();
    for name in DIRECTORIES {
        all.insert(path(name)?);
    }
    for file in contents.keys() {
        let mut above = file.parent();
        while let Some(directory) = above.filter(|path| !path.is_root()) {
            above = directory.parent();
            all.insert(directory);
        }
    }
    Ok(all)
}

/// Linux unpacks one archive of one frame (`lib/decompress_unzstd.c`): what is cut into several
/// would be an archive that ends too early, and junk.
fn compressed(archive: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    match compression {
        Compression::None => Ok(archive.to_vec()),
        Compression::Gzip => {
            let mut encoder = Encoder::new(compression, NonZero::<usize>::MIN, Vec::new())?;
            encoder.write_all(archive)?;
            encoder.finish()
        }
        Compression::Zstd => {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            encoder.set_pledged_src_size(u64::try_from(archive.len()).ok())?;
            encoder.write_all(archive)?;
            encoder.finish()
        }
    }
}

fn path(text: &str) -> Result<ImagePath, InitrdError> {
    ImagePath::parse(text).map_err(|_error| InitrdError::Version(text.as_bytes().to_vec()))
}

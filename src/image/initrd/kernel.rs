//! A kernel in an image's tree.

use std::io::{self, Read};

use super::InitrdError;
use super::index::{Broken, Index};
use crate::image::compress::{Compression, Decoder};
use crate::limits;
use crate::path::ImagePath;
use crate::tree::{Blobs, Tree};

/// Where kernels have their modules.
const MODULES: &str = "/usr/lib/modules";
/// Where they lie in an initrd, which has no `/usr`.
const INSIDE: &str = "/lib/modules";

/// A kernel of an image: its version, and what is known of its modules.
#[derive(Debug)]
pub struct Kernel {
    version: String,
    directory: ImagePath,
    pub(super) index: Index,
    compression: Compression,
}

impl Kernel {
    /// The one kernel of an image.
    ///
    /// # Errors
    /// There is none, or more than one; or what is there cannot be read.
    pub fn only<S>(tree: &Tree<S>, blobs: &dyn Blobs) -> Result<Self, InitrdError> {
        let mut versions = Self::versions(tree)?;
        match (versions.pop(), versions.is_empty()) {
            (Some(version), true) => Self::of(tree, blobs, &version),
            (None, _) => Err(InitrdError::NoKernel),
            (Some(last), false) => {
                versions.push(last);
                Err(InitrdError::Kernels(versions))
            }
        }
    }

    /// The versions of all kernels of an image that have modules, in bytewise order.
    ///
    /// # Errors
    /// A name there is no version.
    pub fn versions<S>(tree: &Tree<S>) -> Result<Vec<String>, InitrdError> {
        let top = path(MODULES)?;
        let top = tree.resolve(&top).unwrap_or(top);
        let mut versions = Vec::new();
        for name in tree.names(&top) {
            let version = version(name)?;
            let list = below(&directory(&version)?, "modules.dep")?;
            if tree.content(&list).is_some() {
                versions.push(version);
            }
        }
        Ok(versions)
    }

    /// The kernel of this version (`uname -r`).
    ///
    /// # Errors
    /// It has no modules.dep, or one of its lists cannot be read.
    pub fn of<S>(tree: &Tree<S>, blobs: &dyn Blobs, text: &str) -> Result<Self, InitrdError> {
        let version = version(text.as_bytes())?;
        let directory = directory(&version)?;
        let mut index = Index::default();
        let mut list = |name: &str,
                        needed: bool,
                        read: fn(&mut Index, &str) -> Result<(), Broken>| {
            let path = below(&directory, name)?;
            if !needed && tree.content(&path).is_none() {
                return Ok(());
            }
            let text = text_of(tree, blobs, &path)?;
            read(&mut index, &text).map_err(|(line, rule)| InitrdError::Index { path, line, rule })
        };
        list("modules.dep", true, Index::dependencies)?;
        list("modules.builtin", true, Index::built_in)?;
        list("modules.softdep", false, Index::soft_dependencies)?;
        list("modules.alias", false, Index::aliases)?;
        let compression = compression(tree, blobs, &version)?;
        Ok(Self {
            version,
            directory,
            index,
            compression,
        })
    }

    /// Its version (`uname -r`).
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How its initrd is compressed: zstd where its configuration does not say that it cannot.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The kernel itself.
    ///
    /// # Errors
    /// The version makes no path.
    pub fn image(&self) -> Result<ImagePath, InitrdError> {
        path(&format!("/boot/vmlinuz-{}", self.version))
    }

    /// The plain bytes of one of its modules, and the path that they have in an initrd.
    pub(super) fn module<S>(
        &self,
        tree: &Tree<S>,
        blobs: &dyn Blobs,
        relative: &str,
    ) -> Result<(ImagePath, Vec<u8>), InitrdError> {
        let stored = below(&self.directory, relative)?;
        let bytes = plain(&stored, bytes_of(tree, blobs, &stored, limits::MODULE_MAX)?)?;
        if !bytes.starts_with(b"\x7fELF") {
            return Err(InitrdError::NotModule(stored));
        }
        let end = relative
            .find(".ko")
            .map_or(relative.len(), |at| at.saturating_add(3));
        let plain = relative.get(..end).unwrap_or(relative);
        let inside = path(&format!("{INSIDE}/{}", self.version))?;
        Ok((below(&inside, plain)?, bytes))
    }
}

/// Decompresses what `CONFIG_MODULE_COMPRESS` compressed; the signature is part of the plain bytes.
fn plain(path: &ImagePath, stored: Vec<u8>) -> Result<Vec<u8>, InitrdError> {
    let read = |source| InitrdError::Read {
        path: path.clone(),
        source,
    };
    let mut bytes = Vec::new();
    if stored.starts_with(b"\xfd7zXZ\0") {
        let stream = liblzma::stream::Stream::new_stream_decoder(limits::XZ_MEMORY_MAX, 0)
            .map_err(|error| read(error.into()))?;
        let decoder = liblzma::bufread::XzDecoder::new_stream(stored.as_slice(), stream);
        let cap = limits::MODULE_MAX;
        decoder
            .take(cap.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(read)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > cap) {
            return Err(read(io::Error::from(io::ErrorKind::FileTooLarge)));
        }
        return Ok(bytes);
    }
    match Compression::detect(&stored) {
        Compression::None => Ok(stored),
        compression @ (Compression::Gzip | Compression::Zstd) => {
            Decoder::new(compression, stored.as_slice(), limits::MODULE_MAX)
                .and_then(|mut decoder| decoder.read_to_end(&mut bytes))
                .map_err(read)?;
            Ok(bytes)
        }
    }
}

/// What the kernel can unpack, by its configuration; Debian puts that beside each kernel.
fn compression<S>(
    tree: &Tree<S>,
    blobs: &dyn Blobs,
    version: &str,
) -> Result<Compression, InitrdError> {
    let config = path(&format!("/boot/config-{version}"))?;
    if tree.content(&config).is_none() {
        return Ok(Compression::Zstd);
    }
    let text = text_of(tree, blobs, &config)?;
    let can = |line: &str| text.lines().any(|each| each == line);
    Ok(if can("CONFIG_RD_ZSTD=y") {
        Compression::Zstd
    } else if can("CONFIG_RD_GZIP=y") {
        Compression::Gzip
    } else {
        Compression::None
    })
}

fn text_of<S>(tree: &Tree<S>, blobs: &dyn Blobs, path: &ImagePath) -> Result<String, InitrdError> {
    let bytes = bytes_of(tree, blobs, path, limits::MODULES_LIST_MAX)?;
    String::from_utf8(bytes).map_err(|error| InitrdError::Read {
        path: path.clone(),
        source: io::Error::new(io::ErrorKind::InvalidData, error),
    })
}

fn bytes_of<S>(
    tree: &Tree<S>,
    blobs: &dyn Blobs,
    path: &ImagePath,
    max: u64,
) -> Result<Vec<u8>, InitrdError> {
    let content = tree.content(path);
    let content = content.ok_or_else(|| InitrdError::Missing(path.clone()))?;
    if content.size > max {
        return Err(InitrdError::Size {
            path: path.clone(),
            max,
        });
    }
    blobs.read(&content).map_err(|source| InitrdError::Read {
        path: path.clone(),
        source,
    })
}

fn version(name: &[u8]) -> Result<String, InitrdError> {
    let wrong = || InitrdError::Version(name.to_vec());
    let text = std::str::from_utf8(name).map_err(|_error| wrong())?;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b".+-_~".contains(byte);
    let is_name = !text.is_empty() && !text.starts_with('.') && text.len() <= limits::NAME_MAX;
    if is_name && name.iter().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(wrong())
    }
}

fn directory(version: &str) -> Result<ImagePath, InitrdError> {
    path(&format!("{MODULES}/{version}"))
}

fn below(directory: &ImagePath, relative: &str) -> Result<ImagePath, InitrdError> {
    let mut bytes = directory.as_bytes().to_vec();
    bytes.push(b'/');
    bytes.extend_from_slice(relative.as_bytes());
    ImagePath::parse(&bytes).map_err(|_error| InitrdError::Version(bytes))
}

fn path(text: &str) -> Result<ImagePath, InitrdError> {
    ImagePath::parse(text).map_err(|_error| InitrdError::Version(text.as_bytes().to_vec()))
}

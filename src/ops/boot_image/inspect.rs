//! What is in a file that firmware starts.

use std::path::Path;

use super::BootImageError;
use crate::image::measure::{Digests, MeasuredSection, sections};
use crate::image::uki::StubVersion;
use crate::layout::pe::{Certificate, Image, PeError};
use crate::limits;
use crate::path::Escaped;
use crate::sys::fs;

/// A program for firmware, looked at. Nothing of it is trusted, and texts are escaped.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// `x64` or `aa64`.
    pub architecture: &'static str,
    /// Bytes of the file.
    pub size: usize,
    /// The Authenticode digests.
    pub authenticode: Digests,
    /// The stub's version, of an image that was assembled from systemd's.
    pub stub: Option<String>,
    /// The kernel's release (`.uname`).
    pub uname: Option<String>,
    /// The kernel's command line (`.cmdline`).
    pub cmdline: Option<String>,
    /// os-release(5) of the system (`.osrel`).
    pub os_release: Option<String>,
    /// Revocation generations (`.sbat`).
    pub sbat: Option<String>,
    /// The sections, in the order of the file.
    pub sections: Vec<MeasuredSection>,
    /// The signatures; whose they are is not asked.
    pub signatures: Vec<Certificate>,
}

/// Longest section that is shown as text.
const TEXT_MAX: u32 = 64 << 10;

/// Looks at a file.
///
/// # Errors
/// It cannot be read, or is no PE32+ image of the one accepted shape.
pub fn inspect(path: &Path) -> Result<Inspected, BootImageError> {
    let bytes = fs::read(path, limits::PE_MAX)?;
    look(&bytes).map_err(|error| BootImageError::Image {
        path: path.to_owned(),
        error,
    })
}

fn look(bytes: &[u8]) -> Result<Inspected, PeError> {
    let image = Image::read(bytes)?;
    let text = |name: &str| {
        let section = image.section(name)?;
        let content = section.map(|section| section.bytes(bytes, TEXT_MAX));
        let content = content.transpose()?;
        Ok::<_, PeError>(content.map(|content| Escaped(trimmed(&content)).to_string()))
    };
    Ok(Inspected {
        architecture: image.headers().machine.efi_name(),
        size: bytes.len(),
        authenticode: Digests::authenticode(&image, bytes)?,
        stub: StubVersion::read(&image, bytes)?.map(|version| version.to_string()),
        uname: text(".uname")?,
        cmdline: text(".cmdline")?,
        os_release: text(".osrel")?,
        sbat: text(".sbat")?,
        sections: sections(&image, bytes)?,
        signatures: image.certificates().to_vec(),
    })
}

/// Without NUL at the end, which some have.
fn trimmed(content: &[u8]) -> &[u8] {
    let end = content.iter().rposition(|byte| *byte != 0);
    end.and_then(|end| content.get(..=end)).unwrap_or_default()
}

//! What goes into a unified kernel image, and in which order.

use super::kernel::is_release;
use super::sbat::{SBAT_MAX, merge};
use super::write::{Added, Plan, write};
use super::{Stub, UkiError, release};
use crate::image::measure::{Digests, MeasuredSection, sections};
use crate::layout::pe::{Image, PeError};

/// What an image is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The stub, which firmware starts.
    pub stub: &'a Stub<'a>,
    /// The kernel: a program for firmware itself (`CONFIG_EFI_STUB`), signed or not.
    pub kernel: &'a [u8],
    /// The initrd: cpio archives, compressed or not, each padded to four bytes.
    pub initrd: &'a [u8],
    /// The kernel's command line, one line of printable ASCII.
    pub cmdline: &'a str,
    /// os-release(5): what boot menus show and sort by.
    pub os_release: &'a [u8],
    /// The kernel's release; else the one that the kernel image names.
    pub uname: Option<&'a str>,
    /// Further lines of SBAT, such as those of whoever makes the image.
    pub sbat: &'a str,
    /// A bitmap that is shown meanwhile.
    pub splash: Option<&'a [u8]>,
}

/// A unified kernel image.
#[derive(Clone, Debug)]
pub struct Uki {
    /// The file.
    pub bytes: Vec<u8>,
    /// The digests that firmware computes; a signature does not change them.
    pub authenticode: Digests,
    /// All sections, in the order of the file, each with the digests of what it has in memory.
    pub sections: Vec<MeasuredSection>,
}

/// `IMAGE_DLLCHARACTERISTICS_NX_COMPAT`: it never runs what it may write to.
const NX_COMPAT: u16 = 0x0100;
/// Longest command line: x86's `COMMAND_LINE_SIZE`, less its NUL.
const COMMAND_LINE_MAX: usize = 2047;

/// Assembles an image. The same parts give the same bytes.
///
/// # Errors
/// A part is not what it should be, or all together are too large.
pub fn assemble(parts: &Parts<'_>) -> Result<Uki, UkiError> {
    let bytes = bytes_of(parts)?;
    let image = Image::read(&bytes).map_err(UkiError::Made)?;
    Ok(Uki {
        authenticode: Digests::authenticode(&image, &bytes).map_err(UkiError::Made)?,
        sections: sections(&image, &bytes).map_err(UkiError::Made)?,
        bytes,
    })
}

/// The file alone, for whoever hashes it later on.
///
/// # Errors
/// As those of [`assemble`].
pub fn bytes_of(parts: &Parts<'_>) -> Result<Vec<u8>, UkiError> {
    check_cmdline(parts.cmdline)?;
    for (bytes, name) in [
        (parts.initrd, "the initrd"),
        (parts.os_release, "os-release"),
        (parts.splash.unwrap_or(b"-"), "the splash image"),
    ] {
        if bytes.is_empty() {
            return Err(UkiError::Empty(name));
        }
    }
    let kernel = Image::read(parts.kernel).map_err(UkiError::Kernel)?;
    if kernel.headers().machine != parts.stub.machine() {
        return Err(UkiError::Machines);
    }
    let uname = parts.uname.or_else(|| release(parts.kernel));
    let uname = uname.ok_or(UkiError::NoRelease)?;
    if !is_release(uname) {
        return Err(UkiError::Release);
    }
    let stub_sbat = sbat_of(&parts.stub.image, parts.stub.bytes).map_err(UkiError::StubFormat)?;
    let kernel_sbat = sbat_of(&kernel, parts.kernel).map_err(UkiError::Kernel)?;
    let sbat = merge(&[
        ("the stub's SBAT", &stub_sbat),
        ("the kernel's SBAT", &kernel_sbat),
        ("the SBAT that was given", parts.sbat.as_bytes()),
    ])?;

    let data = |name, bytes| Added {
        name,
        bytes,
        code: false,
    };
    let mut added = vec![
        data(".osrel", parts.os_release),
        data(".cmdline", parts.cmdline.as_bytes()),
        data(".uname", uname.as_bytes()),
    ];
    added.extend(parts.splash.map(|bytes| data(".splash", bytes)));
    added.push(Added {
        name: ".linux",
        bytes: parts.kernel,
        code: true,
    });
    added.push(data(".initrd", parts.initrd));

    // A stub that claims it for a kernel that does not would be refused by firmware that enforces it.
    let without = NX_COMPAT & !kernel.headers().dll_characteristics;
    write(&Plan {
        stub: &parts.stub.image,
        bytes: parts.stub.bytes,
        sbat: &sbat,
        added: &added,
        without,
    })
}

/// The section `.sbat` of an image; empty where it has none.
fn sbat_of(image: &Image, bytes: &[u8]) -> Result<Vec<u8>, PeError> {
    match image.section(".sbat")? {
        Some(section) => section.bytes(bytes, SBAT_MAX.into()),
        None => Ok(Vec::new()),
    }
}

/// Whether stub and boot loader pass this on as it is.
pub(in crate::image) fn is_command_line(cmdline: &str) -> bool {
    let printable = |byte| byte == b' ' || u8::is_ascii_graphic(&byte);
    cmdline.bytes().all(printable) && cmdline.trim_ascii() == cmdline
}

fn check_cmdline(cmdline: &str) -> Result<(), UkiError> {
    if cmdline.is_empty() {
        return Err(UkiError::Empty("the kernel's command line"));
    }
    if cmdline.len() > COMMAND_LINE_MAX {
        return Err(UkiError::CommandLine("it has more than 2047 bytes"));
    }
    if !is_command_line(cmdline) {
        return Err(UkiError::CommandLine(
            "it is not one line of printable ASCII without blanks at its ends",
        ));
    }
    Ok(())
}

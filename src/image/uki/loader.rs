//! systemd-boot on an EFI system partition: which files, with which bytes.

use std::borrow::Cow;

use super::UkiError;
pub use crate::disk::LOADER_CONF;
use crate::layout::pe::{Image, Machine};

/// A file of the partition: its path, with `/` between names, and its bytes.
pub type EspFile<'a> = (String, Cow<'a, [u8]>);

impl Machine {
    /// How UEFI and systemd call the processor in names of files: `x64`, `aa64`.
    pub const fn efi_name(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Aa64 => "aa64",
        }
    }

    /// The stub's file in Debian's package `systemd-boot-efi`.
    pub fn stub_path(self) -> String {
        format!(
            "/usr/lib/systemd/boot/efi/linux{}.efi.stub",
            self.efi_name()
        )
    }

    /// The boot loader's file in Debian's package `systemd-boot-efi`.
    pub fn loader_path(self) -> String {
        format!(
            "/usr/lib/systemd/boot/efi/systemd-boot{}.efi",
            self.efi_name()
        )
    }
}

/// The files of the boot loader `bytes` (`systemd-bootx64.efi` of Debian's package
/// `systemd-boot-efi`): where firmware looks for it, where systemd does, and its settings. There is
/// no random seed: it would be a file that each boot changes.
///
/// # Errors
/// The bytes are no PE32+ image.
pub fn loader_files(bytes: &[u8]) -> Result<Vec<EspFile<'_>>, UkiError> {
    let image = Image::read(bytes).map_err(UkiError::Loader)?;
    let name = image.headers().machine.efi_name();
    Ok(vec![
        (
            format!("EFI/BOOT/BOOT{}.EFI", name.to_ascii_uppercase()),
            Cow::Borrowed(bytes),
        ),
        (
            format!("EFI/systemd/systemd-boot{name}.efi"),
            Cow::Borrowed(bytes),
        ),
        (
            "loader/loader.conf".to_owned(),
            Cow::Borrowed(LOADER_CONF.as_bytes()),
        ),
    ])
}

/// Where a unified kernel image goes: `EFI/Linux/NAME_VERSION.efi`. With `tries`, it is on trial:
/// `EFI/Linux/NAME_VERSION+3.efi` is started three times at most, unless a boot takes the counter
/// away (systemd-boot(7), boot counting).
pub fn uki_path(name: &str, version: &str, tries: Option<u8>) -> String {
    let tries = tries.map(|tries| format!("+{tries}")).unwrap_or_default();
    format!("EFI/Linux/{name}_{version}{tries}.efi")
}

//! UEFI firmware, where distributions put it.

use std::path::{Path, PathBuf};

use super::BootError;
use crate::sys::fs::{self, IoError};

/// Code and the template of its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Firmware {
    pub(super) code: PathBuf,
    pub(super) variables: PathBuf,
}

/// Debian and Ubuntu (package ovmf), Fedora (edk2-ovmf), Arch (edk2-ovmf), openSUSE (qemu-ovmf-x86_64);
/// without keys of Secure Boot.
const PLACES: [(&str, &str, &str); 5] = [
    ("/usr/share/OVMF", "OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF", "OVMF_CODE.fd", "OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf", "OVMF_CODE.fd", "OVMF_VARS.fd"),
    ("/usr/share/edk2/x64", "OVMF_CODE.4m.fd", "OVMF_VARS.4m.fd"),
    (
        "/usr/share/qemu",
        "ovmf-x86_64-4m-code.bin",
        "ovmf-x86_64-4m-vars.bin",
    ),
];

impl Firmware {
    /// The first that is there; in `directory` alone, where one is named.
    pub(super) fn find(directory: Option<&Path>) -> Result<Self, BootError> {
        for (place, code, variables) in PLACES {
            let place = directory.unwrap_or_else(|| Path::new(place));
            let found = Self {
                code: place.join(code),
                variables: place.join(variables),
            };
            if found.is_there()? {
                return Ok(found);
            }
        }
        Err(BootError::Firmware)
    }

    fn is_there(&self) -> Result<bool, IoError> {
        Ok(fs::exists(&self.code)? && fs::exists(&self.variables)?)
    }
}

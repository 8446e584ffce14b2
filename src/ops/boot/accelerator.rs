//! Whether the processor runs the machine, or QEMU imitates one.
//!
//! That `/dev/kvm` can be opened says little: in nested and paravirtual machines there may be
//! one behind which a kernel hangs. So a boot sector is run first that does what every kernel does,
//! switches to 64 bits, and says so.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::BootError;
use crate::sys::fs::{self, Scratch};
use crate::sys::machine::{Output, Running};

/// What runs a machine's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// This machine's processor (KVM).
    Kvm,
    /// QEMU (TCG): anywhere, ten times as slow.
    Tcg,
}

/// How long the probe may take: a tenth of it, where KVM works; what takes longer than to imitate
/// it is no help.
const PATIENCE: Duration = Duration::from_secs(2);
/// What QEMU's `isa-debug-exit` makes of 16: twice that, and one.
const SAID: i32 = 33;

/// A boot sector, at 0x7c00: tables at 0x1000 to 0x3fff that map the first 2 MiB as they are, PAE,
/// long mode, a far jump to 64-bit code, which writes 16 to port 0xf4. Before that it sets up the
/// floating-point unit, as firmware does: where KVM imitates the first steps of a machine, it may know
/// all other instructions and not that one. Its descriptors stand at 0x78, what `lgdt` reads at 0x88.
const PROBE: [u8; 142] = [
    0xfa, // cli
    0x31, 0xc0, // xor ax, ax
    0x8e, 0xd8, // mov ds, ax
    0x8e, 0xc0, // mov es, ax
    0xfc, // cld
    0x9b, 0xdb, 0xe3, // finit
    0x66, 0xbf, 0x00, 0x10, 0x00, 0x00, // mov edi, 0x1000
    0x66, 0x31, 0xc0, // xor eax, eax
    0x66, 0xb9, 0x00, 0x0c, 0x00, 0x00, // mov ecx, 0xc00
    0x66, 0xf3, 0xab, // rep stosd
    0x66, 0xc7, 0x06, 0x00, 0x10, 0x03, 0x20, 0x00, 0x00, // mov dword [0x1000], 0x2003
    0x66, 0xc7, 0x06, 0x00, 0x20, 0x03, 0x30, 0x00, 0x00, // mov dword [0x2000], 0x3003
    0x66, 0xc7, 0x06, 0x00, 0x30, 0x83, 0x00, 0x00, 0x00, // mov dword [0x3000], 0x83
    0x0f, 0x20, 0xe0, // mov eax, cr4
    0x66, 0x83, 0xc8, 0x20, // or eax, 0x20
    0x0f, 0x22, 0xe0, // mov cr4, eax
    0x66, 0xb8, 0x00, 0x10, 0x00, 0x00, // mov eax, 0x1000
    0x0f, 0x22, 0xd8, // mov cr3, eax
    0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0, // mov ecx, 0xc0000080
    0x0f, 0x32, // rdmsr
    0x66, 0x0d, 0x00, 0x01, 0x00, 0x00, // or eax, 0x100
    0x0f, 0x30, // wrmsr
    0x0f, 0x01, 0x16, 0x88, 0x7c, // lgdt [0x7c88]
    0x0f, 0x20, 0xc0, // mov eax, cr0
    0x66, 0x0d, 0x01, 0x00, 0x00, 0x80, // or eax, 0x80000001
    0x0f, 0x22, 0xc0, // mov cr0, eax
    0xea, 0x71, 0x7c, 0x08, 0x00, // jmp 8:0x7c71
    0xb0, 0x10, // mov al, 16
    0xe6, 0xf4, // out 0xf4, al
    0xf4, // hlt
    0xeb, 0xfd, // jmp to hlt
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // no descriptor
    0x00, 0x00, 0x00, 0x00, 0x00, 0x9a, 0x20, 0x00, // 64-bit code
    0x0f, 0x00, 0x78, 0x7c, 0x00, 0x00, // 16 bytes at 0x7c78
];

impl Accelerator {
    /// The one to use; KVM where it works, unless another is demanded.
    ///
    /// # Errors
    /// KVM is demanded, and does not work; or QEMU cannot be started.
    pub(super) fn choose(
        qemu: &Path,
        demanded: Option<Self>,
        scratch: &Scratch,
    ) -> Result<Self, BootError> {
        if demanded == Some(Self::Tcg) {
            return Ok(Self::Tcg);
        }
        // What is not there need not be tried.
        let there = fs::exists("/dev/kvm").unwrap_or(false);
        let works = there && Self::Kvm.works(qemu, scratch)?;
        match (works, demanded) {
            (true, _) => Ok(Self::Kvm),
            (false, Some(_)) => Err(BootError::Kvm),
            (false, None) => Ok(Self::Tcg),
        }
    }

    /// Runs the probe.
    fn works(self, qemu: &Path, scratch: &Scratch) -> Result<bool, BootError> {
        let disk = scratch.path().join("probe");
        fs::write_atomic(&disk, &probe(), 0o600)?;
        let drive = format!(
            "file={},format=raw,if=ide,snapshot=on",
            super::arguments::file(&disk)
        );
        let mut arguments = self.arguments();
        arguments.extend(
            [
                "-nodefaults",
                "-display",
                "none",
                "-no-reboot",
                "-device",
                "isa-debug-exit,iobase=0xf4,iosize=0x04",
                "-drive",
                &drive,
            ]
            .map(OsString::from),
        );
        let started = Running::start(qemu, &arguments, scratch.path(), Output::Nobody);
        let ended = started.and_then(|mut qemu| qemu.ended(PATIENCE, &|| false));
        let status = ended.map_err(|source| BootError::Start {
            program: super::machine::QEMU,
            source,
        })?;
        Ok(status.and_then(|status| status.code()) == Some(SAID))
    }

    /// What QEMU is told of it.
    pub(super) fn arguments(self) -> Vec<OsString> {
        let (accelerator, processor) = match self {
            Self::Kvm => ("kvm", "host"),
            // With a thread for each processor, a kernel that patches its own code meets half of it.
            Self::Tcg => ("tcg,thread=single", "max"),
        };
        ["-accel", accelerator, "-cpu", processor]
            .map(OsString::from)
            .to_vec()
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The disk that is booted to try KVM: where it works, `isa-debug-exit` at port 0xf4 makes QEMU end
/// with 33.
pub fn probe() -> Vec<u8> {
    let mut bytes = PROBE.to_vec();
    bytes.resize(510, 0);
    bytes.extend_from_slice(&[0x55, 0xaa]);
    bytes.resize(1024, 0);
    bytes
}

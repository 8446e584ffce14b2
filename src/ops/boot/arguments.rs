//! What QEMU is told.

use std::ffi::OsString;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use super::accelerator::Accelerator;
use super::disk::Disk;
use super::firmware::Firmware;
use crate::image::disk::Container;

/// What a machine shall be like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the image is; `None`: its magic numbers say so.
    pub from: Option<Container>,
    /// How much memory it has, in MiB.
    pub memory: NonZero<u32>,
    /// How many processors.
    pub processors: NonZero<u32>,
    /// What runs it; `None`: KVM where it works.
    pub accelerator: Option<Accelerator>,
    /// Where its firmware is; `None`: where distributions put it.
    pub firmware: Option<PathBuf>,
    /// Whether it gets a TPM: yes, no, or where swtpm is installed.
    pub tpm: Option<bool>,
    /// The port of this machine that leads to its port 22.
    pub ssh: Option<u16>,
}

/// Where the files of one machine are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The firmware's variables, of this machine alone.
    pub(super) variables: PathBuf,
    /// Where QEMU listens for commands.
    pub(super) control: PathBuf,
    /// Where the TPM listens, if there is one.
    pub(super) tpm: Option<PathBuf>,
}

/// Where the machine's console goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serial {
    /// To whoever listens.
    Listener,
    /// To the terminal; `Ctrl-a x` ends the machine.
    Terminal,
}

/// All of it. The disk is opened for reading alone: what the machine writes goes to a temporary file.
pub(super) fn all(
    settings: &Settings,
    accelerator: Accelerator,
    disk: &Disk,
    firmware: &Firmware,
    files: &Files,
    serial: Serial,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["-name", "karat", "-machine", "q35"]
        .map(OsString::from)
        .to_vec();
    arguments.extend(accelerator.arguments());
    let mut add = |option: &str, value: String| {
        arguments.push(option.into());
        arguments.push(value.into());
    };
    add("-smp", settings.processors.to_string());
    add("-m", settings.memory.to_string());
    add(
        "-drive",
        format!(
            "if=pflash,unit=0,format=raw,readonly=on,file={}",
            file(&firmware.code)
        ),
    );
    add(
        "-drive",
        format!(
            "if=pflash,unit=1,format=raw,file={}",
            file(&files.variables)
        ),
    );
    add(
        "-drive",
        format!(
            "if=none,id=disk,snapshot=on,format={},file={}",
            disk.format(),
            file(&disk.path)
        ),
    );
    add(
        "-device",
        "virtio-blk-pci,drive=disk,bootindex=0".to_owned(),
    );
    add(
        "-object",
        "rng-random,id=random,filename=/dev/urandom".to_owned(),
    );
    add("-device", "virtio-rng-pci,rng=random".to_owned());
    // A network with nobody but who gives out addresses: it cannot reach anything.
    let forward = settings.ssh.map_or_else(String::new, |port| {
        format!(",hostfwd=tcp:127.0.0.1:{port}-:22")
    });
    add("-netdev", format!("user,id=net,restrict=on{forward}"));
    add("-device", "virtio-net-pci,netdev=net".to_owned());
    if let Some(socket) = &files.tpm {
        add("-chardev", format!("socket,id=tpm,path={}", file(socket)));
        add("-tpmdev", "emulator,id=tpm,chardev=tpm".to_owned());
        add("-device", "tpm-crb,tpmdev=tpm".to_owned());
    }
    add(
        "-qmp",
        format!("unix:{},server=on,wait=off", file(&files.control)),
    );
    let console = match serial {
        Serial::Listener => "stdio",
        Serial::Terminal => "mon:stdio",
    };
    add("-serial", console.to_owned());
    add("-display", "none".to_owned());
    arguments.extend(["-nodefaults", "-no-reboot"].map(OsString::from));
    arguments
}

/// A path in one of QEMU's lists, where a comma is written twice. A name that is not UTF-8 cannot
/// be said; it will not be found.
pub(super) fn file(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

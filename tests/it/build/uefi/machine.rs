//! A machine with UEFI firmware that starts the disk.

use std::fs;
use std::path::Path;

use super::copy::Copy;
use crate::build::boot::{Machine, run};
use crate::build::disk::Tpm;

/// Longest that one boot may take, in seconds, on a busy machine: it takes some 70.
const PATIENCE: &str = "600";
const OVMF: &str = "/usr/share/OVMF";

/// How the disk is started.
#[derive(Default)]
pub(super) struct Start<'a> {
    /// Whether firmware starts only what the key for tests signed.
    pub(super) secure_boot: bool,
    /// Its TPM, if it has one.
    pub(super) tpm: Option<&'a Tpm>,
    /// The port of this machine that leads to its port 22.
    pub(super) ssh: Option<u16>,
    /// A string of the table that firmware and hypervisors speak to systemd by (SMBIOS, type 11).
    pub(super) smbios: Option<&'a str>,
}

/// Switches it on.
pub(super) fn start(copy: &Copy<'_>, start: &Start<'_>) -> Machine {
    let judges = &copy.built.judges;
    // What hangs is ended, and said to hang.
    let mut command = judges.timeout.command();
    command.args(["-k", "5", PATIENCE]);
    command.arg(judges.qemu.command().get_program());
    let (code, variables) = if start.secure_boot {
        ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.snakeoil.fd")
    } else {
        ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd")
    };
    fs::copy(Path::new(OVMF).join(variables), copy.path("variables")).unwrap();
    if start.secure_boot {
        command.args(["-machine", "q35,smm=on"]);
        command.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
    } else {
        command.args(["-machine", "q35"]);
    }
    command.args(["-accel", "tcg,thread=single", "-cpu", "max", "-smp", "1"]);
    command.args(["-m", "1024", "-nodefaults", "-no-reboot"]);
    command.args(["-display", "none", "-serial", "stdio"]);
    let code = format!("if=pflash,unit=0,format=raw,readonly=on,file={OVMF}/{code}");
    command.args(["-drive", &code]);
    command.args(["-drive", "if=pflash,unit=1,format=raw,file=variables"]);
    let disk = "if=none,id=disk,format=raw,cache=unsafe,file=disk.raw";
    command.args(["-drive", disk]);
    command.args(["-device", "virtio-blk-pci,drive=disk,bootindex=0"]);
    // A network with nobody but who gives out addresses.
    let forward = start.ssh.map_or_else(String::new, |port| {
        format!(",hostfwd=tcp:127.0.0.1:{port}-:22")
    });
    command.args(["-netdev", &format!("user,id=net,restrict=on{forward}")]);
    command.args(["-device", "virtio-net-pci,netdev=net"]);
    if let Some(tpm) = start.tpm {
        command.args(tpm.options());
    }
    if let Some(text) = start.smbios {
        // A comma is written twice.
        let text = text.replace(',', ",,");
        command.args(["-smbios", &format!("type=11,value={text}")]);
    }
    run(command.current_dir(copy.path("")))
}

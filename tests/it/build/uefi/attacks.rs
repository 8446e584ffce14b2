//! What was done to the disk, or to how it is started, and who stops it.

use std::io::Write as _;

use karat::image::measure::predict;

use super::clean::register;
use super::copy::{Copy, run};
use super::fixture::Built;
use super::machine::{Start, start};
use crate::build::boot::{has, has_not};
use crate::build::disk::Tpm;
use crate::support::schema::published;
use crate::support::{Scratch, judge};
use crate::uki::{BOOTED, Material, initrd};

/// What firmware passes on, and what stands on a command line that starts a shell.
const SHELL: &str = "init=/bin/sh";
const ADDED: &str = "karat: untrusted: the kernel's command line is not the image's: \
    \"init=/bin/sh\" is not of the image\n";

/// The root must not have run; the initrd says this, in a few lines.
fn refused(copy: &Copy<'_>, started: &Start<'_>, texts: &[&str]) {
    let mut machine = start(copy, started);
    machine.until("reboot: Power down");
    let console = machine.cut_off();
    has(&console, &["karat: uefi_1 is not started\n"]);
    has(&console, texts);
    has_not(&console, &["systemd[1]", "Kernel panic"]);
    let words = console.lines().filter(|line| line.starts_with("karat: "));
    assert!(words.count() <= 8, "a few lines: {console}");
}

/// The kernel stopped before the root's first program ran.
fn panicked(copy: &Copy<'_>, corrupted: &str) {
    let mut machine = start(copy, &Start::default());
    machine.until("end Kernel panic");
    let console = machine.cut_off();
    has(
        &console,
        &[
            corrupted,
            "Kernel panic - not syncing: dm-verity device corrupted\n",
        ],
    );
    has_not(&console, &["systemd[1]"]);
}

#[test]
fn uki_cmdline_edited() {
    let Some(built) = Built::get() else { return };
    let copy = Copy::new(&built, "uefi-cmdline");
    // The firmware starts it: Secure Boot is off. What the initrd expects stands in itself.
    copy.edit_uki(".cmdline", b"console=ttyS0 init=/bin/sh");
    refused(&copy, &Start::default(), &[ADDED]);
}

#[test]
fn cmdline_passed_by_firmware() {
    let Some(built) = Built::get() else { return };
    let copy = Copy::new(&built, "uefi-firmware");
    let extra = format!("io.systemd.stub.kernel-cmdline-extra={SHELL}");
    let start = Start {
        smbios: Some(&extra),
        ..Start::default()
    };
    refused(&copy, &start, &[ADDED]);
}

#[test]
fn esp_addon_added() {
    let (Some(built), Some(material)) = (Built::get(), Material::get()) else {
        return;
    };
    let Some(python) = judge("python3") else {
        return;
    };
    let scratch = Scratch::new("uefi-addon-made");
    let addon = scratch.join("shell.addon.efi");
    let mut ukify = python.command();
    ukify.arg(material.ukify()).args(["build", "--stub"]);
    ukify.arg(material.addon_stub()).arg("--cmdline").arg(SHELL);
    run(ukify.arg("--output").arg(&addon));

    let copy = Copy::new(&built, "uefi-addon");
    // Boots that are counted do not show in the name of the directory (systemd-stub(7)).
    let directory = "EFI/Linux/uefi_1.efi.extra.d";
    copy.make_directory(directory);
    let addon = std::fs::read(addon).unwrap();
    copy.put(&format!("{directory}/shell.addon.efi"), &addon);
    copy.put(&format!("{directory}/root.cred"), b"a password");
    let credential =
        "karat: untrusted: the boot stub added \"credentials\" to the initrd, which is";
    refused(&copy, &Start::default(), &[ADDED, credential]);
}

#[test]
fn initrd_replaced() {
    let (Some(built), Some(material)) = (Built::get(), Material::get()) else {
        return;
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&initrd(&material.shell())).unwrap();
    let other = gzip.finish().unwrap();

    // Secure Boot is off, and the initrd was what would have said no: a stranger's code runs. Nobody
    // on this machine can tell; who asks its TPM can.
    let copy = Copy::new(&built, "uefi-initrd");
    let loader = copy.get("EFI/BOOT/BOOTX64.EFI");
    let uki = copy.edit_uki(".initrd", &other);
    let tpm = Tpm::new(&built.judges.swtpm, &copy.path(""));
    let tpm_there = Start {
        tpm: Some(&tpm),
        ..Start::default()
    };
    let mut machine = start(&copy, &tpm_there);
    machine.until(BOOTED);
    let console = machine.cut_off();
    let found = predict(&uki, Some(&loader)).unwrap();
    for (pcr, when) in [(4, "no-secure-boot"), (11, "")] {
        let values = found.value(pcr, when).unwrap();
        let values = [values.sha256.to_string(), values.sha384.to_string()];
        assert_eq!(register(&console, pcr), values, "PCR {pcr}: {console}");
        assert_ne!(register(&console, pcr), built.predicted(pcr, when));
    }
    assert_eq!(register(&console, 12), built.predicted(12, ""));

    // Secure Boot is on, and all was signed: the signature is over the initrd, too.
    let copy = Copy::new(&built, "uefi-initrd-signed");
    copy.sign();
    copy.edit_uki(".initrd", &other);
    let secure_boot = Start {
        secure_boot: true,
        ..Start::default()
    };
    let mut machine = start(&copy, &secure_boot);
    machine.until("failed to start Boot0001");
    let console = machine.cut_off();
    has(
        &console,
        &["Error loading \\EFI\\Linux\\uefi_1", "Access denied"],
    );
    has_not(&console, &[BOOTED, "Linux version"]);
}

#[test]
fn verity_tree_cut() {
    let Some(built) = Built::get() else { return };
    let copy = Copy::new(&built, "uefi-tree");
    // What describes the tree stays: all of the tree behind it is gone.
    let tree = copy.tree();
    let gone = vec![0; usize::try_from(tree.size - 4096).unwrap()];
    copy.write(tree, 4096, &gone);
    panicked(&copy, "metadata block 1 is corrupted\n");
    // Nothing of it stays.
    copy.write(tree, 0, &[0; 4096]);
    let none = "karat: untrusted: the hash tree on the disk is not the signed one: ";
    refused(&copy, &Start::default(), &[none]);
}

#[test]
fn root_block_flipped() {
    let Some(built) = Built::get() else { return };
    let copy = Copy::new(&built, "uefi-flipped");
    // The file system's superblock, and by the command: it says who stopped it.
    copy.flip(copy.partition(super::fixture::STEM), 1024);
    let mut karat = std::process::Command::new(env!("CARGO_BIN_EXE_karat"));
    karat.args(["--quiet", "boot", "--check", "--json", "--timeout", "600"]);
    karat.args(["--accelerator", "tcg", "--cpus", "1", "--tpm", "no"]);
    let output = karat.arg(copy.disk()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = published("boot").holds(&text);
    assert_eq!(output.status.code(), Some(11), "{text}");
    assert_eq!(said["verdict"], "untrusted", "{text}");
    assert_eq!(said["up"], false, "{text}");
    let troubles = said["troubles"].as_array().unwrap().iter();
    let kinds: Vec<_> = troubles.map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["verity", "panic"], "{text}");
}

#[test]
fn state_partition_garbage() {
    let Some(built) = Built::get() else { return };
    let copy = Copy::new(&built, "uefi-state");
    copy.write(copy.partition("state"), 0, &[0x5a; 4096]);
    let foreign = "karat: incomplete: what was accepted before is not known: the state partition is \
        neither blank nor an ext4 file system\n";
    refused(&copy, &Start::default(), &[foreign]);
}

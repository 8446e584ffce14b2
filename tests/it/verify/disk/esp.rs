//! Attacks on the files of the EFI system partition.

use karat::appraise::{Verdict, Verification};

use super::fixture::{Disk, ESP, says};
use crate::support::pe::{self, X64};

#[test]
fn addon_credential_entry_and_extension_added() {
    let mut disk = Disk::new("vdisk-addon");
    for path in [
        "EFI/Linux/demo_1+3.efi.extra.d/debug.addon.efi",
        "loader/addons/debug.addon.efi",
        "loader/credentials/passwd.cred",
        "EFI/Linux/demo_1+3.efi.extra.d/tools.raw",
        "loader/entries/other.conf",
        "loader/random-seed",
        "EFI/Linux/x.efi",
        "karat/demo_1.mtree",
        "autorun.inf",
    ] {
        disk.files.insert(path.to_owned(), b"x".to_vec());
        let text = format!("{path} on the EFI system partition is not of the image");
        disk.says(Verdict::Untrusted, &text, |_| {});
        disk.files.remove(path);
    }
    // Sixteen are named, all are counted.
    for number in 0..30 {
        disk.files
            .insert(format!("EFI/Linux/{number:02}.cred"), Vec::new());
    }
    disk.says(Verdict::Untrusted, "14 more files and directories", |_| {});
}

#[test]
fn what_a_power_failure_left_is_untrusted_and_says_how_it_is_mended() {
    let mut disk = Disk::new("vdisk-power");
    let esp = usize::try_from(disk.partitions()[ESP].start).unwrap();
    // An entry of the second table that the first one does not have.
    let number =
        |bytes: &[u8], at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let differing = disk.verified(|bytes| {
        let sectors = number(bytes, esp + 14) + number(bytes, esp + 36);
        bytes[esp + sectors * 512 + 8000] = 1;
    });
    let text = "the EFI system partition: FAT: its two tables differ";
    says(&differing, Verdict::Untrusted, text);
    let hint = |verification: &Verification, text: &str| {
        let mut findings = verification.findings.iter();
        let finding = findings.find(|it| it.message.contains(text)).unwrap();
        finding.hint.clone().unwrap()
    };
    let mends = "if this machine's power failed during an update, its next update mends it; ";
    assert!(hint(&differing, text).starts_with(mends));
    for path in [
        "FSCK0000.REC",
        "karat/.#sysupdatedemo_2.dsse.json0123456789abcdef",
    ] {
        disk.files.insert(path.to_owned(), b"x".to_vec());
        let left = disk.verified(|_| {});
        let text = format!("{path} on the EFI system partition is not of the image");
        says(&left, Verdict::Untrusted, &text);
        assert!(hint(&left, &text).starts_with(mends));
        disk.files.remove(path);
    }
}

#[test]
fn loader_and_its_settings_replaced_or_gone() {
    let mut disk = Disk::new("vdisk-loader");
    let good = disk.files.clone();
    let other = pe::loader(X64, "257.13-1").trailing(b"another").build();
    let boot = "EFI/BOOT/BOOTX64.EFI";
    disk.files.insert(boot.to_owned(), other);
    disk.says(
        Verdict::Drift,
        "EFI/BOOT/BOOTX64.EFI: it is not the boot loader of a root",
        |_| {},
    );
    disk.files.insert(boot.to_owned(), b"no program".to_vec());
    disk.says(Verdict::Drift, "EFI/BOOT/BOOTX64.EFI: ", |_| {});
    disk.files.remove(boot);
    disk.says(Verdict::Drift, "EFI/BOOT/BOOTX64.EFI is not on", |_| {});
    disk.files.remove("EFI/systemd/systemd-bootx64.efi");
    disk.says(Verdict::Drift, "there is no boot loader", |_| {});
    disk.files.clone_from(&good);
    let settings = "loader/loader.conf".to_owned();
    disk.files
        .insert(settings.clone(), b"editor yes\n".to_vec());
    disk.says(
        Verdict::Drift,
        "loader/loader.conf is not what karat writes: line 1 is \"editor yes\", and should be \"timeout 0\"",
        |_| {},
    );
    let more = [karat::disk::LOADER_CONF.as_bytes(), b"console-mode max\n"].concat();
    disk.files.insert(settings.clone(), more);
    disk.says(
        Verdict::Drift,
        "line 6 is \"console-mode max\", and should be \"\"",
        |_| {},
    );
    disk.files.remove(&settings);
    disk.says(Verdict::Drift, "loader/loader.conf is not on", |_| {});
}

#[test]
fn a_loader_signed_for_firmware_is_the_same_loader() {
    let mut disk = Disk::new("vdisk-signed");
    let boot = "EFI/BOOT/BOOTX64.EFI".to_owned();
    let mut signed = disk.files[&boot].clone();
    signed.resize(signed.len().next_multiple_of(8), 0);
    let at = u32::try_from(signed.len()).unwrap();
    // A certificate of one byte: firmware would refuse it, and it changes nothing that is run.
    signed.extend([9, 0, 0, 0, 0, 2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    let directory = pe::START + karat::layout::pe::field_offset::CERTIFICATES;
    signed[directory..directory + 4].copy_from_slice(&at.to_le_bytes());
    signed[directory + 4..directory + 8].copy_from_slice(&16_u32.to_le_bytes());
    disk.files.insert(boot, signed);
    let found = disk.verified(|_| {});
    assert_eq!(found.verdict(), Verdict::Match, "{:#?}", found.findings);
}

#[test]
fn an_envelope_of_an_image_that_is_gone_is_told() {
    let mut disk = Disk::new("vdisk-stale");
    let gone = super::fixture::Made::new("0", &disk.trust).envelope(4, 2);
    disk.envelope("demo_0", gone);
    let found = disk.verified(|_| {});
    says(
        &found,
        Verdict::Match,
        "karat/demo_0.dsse.json is for an image that is not on this disk",
    );
}

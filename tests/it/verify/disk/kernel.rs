//! Attacks on unified kernel images: refused by their digest, and told apart by what is inside.

use karat::appraise::Verdict;
use karat::boot::{Plan, Root};
use karat::digest::Digest;

use super::fixture::{CMDLINE, Disk, initrd, kernel, says, trust, uki};
use crate::support::pe::{self, X64};

const OTHER: &str = "it is not the kernel image that was signed: Authenticode sha256 ";

#[test]
fn uki_cmdline_edited() {
    let mut disk = Disk::new("vdisk-cmdline");
    let initrd = initrd(&disk.made[0].plan, b"agent", &disk.trust);
    let line = format!("{CMDLINE} init=/bin/sh");
    disk.kernel_image(uki(&initrd, &line, &kernel()).bytes);
    let found = disk.verified(|_| {});
    says(&found, Verdict::Untrusted, OTHER);
    says(
        &found,
        Verdict::Untrusted,
        "its command line is \"console=ttyS0 quiet init=/bin/sh\"",
    );
    assert!(found.report.is_some_and(|report| report.drifts.is_empty()));
}

#[test]
fn initrd_replaced() {
    let mut disk = Disk::new("vdisk-initrd");
    let made = disk.made[0].clone();
    let hash = Digest::of(b"another");
    let [data, tree] = karat::layout::Uuid::halves(&hash);
    let plan = Plan {
        root: Root { hash, data, tree },
        ..made.plan.clone()
    };
    let other_trust = trust(9, |_| {});
    for (initrd, text) in [
        (
            initrd(&plan, b"agent", &disk.trust),
            "its initrd boots the root hash ",
        ),
        (
            initrd(&made.plan, b"agent", &other_trust),
            "the trust root in its initrd is another",
        ),
        (
            initrd(&made.plan, b"evil", &disk.trust),
            "the agent in its initrd is another",
        ),
        (b"no archive at all, by far".to_vec(), "its initrd: "),
    ] {
        disk.kernel_image(uki(&initrd, CMDLINE, &kernel()).bytes);
        let found = disk.verified(|_| {});
        says(&found, Verdict::Untrusted, OTHER);
        says(&found, Verdict::Untrusted, text);
    }
}

#[test]
fn kernel_of_another_image() {
    let mut disk = Disk::new("vdisk-kernel");
    let initrd = initrd(&disk.made[0].plan, b"agent", &disk.trust);
    disk.kernel_image(uki(&initrd, CMDLINE, &pe::kernel(X64, "6.6.6")).bytes);
    let found = disk.verified(|_| {});
    says(&found, Verdict::Untrusted, OTHER);
    says(&found, Verdict::Untrusted, "is none of the");
    disk.kernel_image(b"MZ and nothing".to_vec());
    disk.says(Verdict::Untrusted, "EFI/Linux/demo_1+3.efi: ", |_| {});
    let image = disk.made[0].uki(&disk.trust);
    disk.files
        .insert("EFI/Linux/demo_1+1-2.efi".to_owned(), image);
    disk.says(
        Verdict::Untrusted,
        "are both kernel images of demo_1",
        |_| {},
    );
    disk.files.remove("EFI/Linux/demo_1+1-2.efi");
    disk.files.remove("EFI/Linux/demo_1+3.efi");
    disk.says(
        Verdict::Drift,
        "EFI/Linux/demo_1.efi is not on the EFI system partition",
        |_| {},
    );
}

#[test]
fn a_kernel_image_without_an_envelope() {
    let mut disk = Disk::new("vdisk-second");
    let image = disk.made[0].uki(&disk.trust);
    disk.files.insert("EFI/Linux/other_1.efi".to_owned(), image);
    let text = "other_1: karat/other_1.dsse.json is not there";
    disk.says(Verdict::Incomplete, text, |_| {});
}

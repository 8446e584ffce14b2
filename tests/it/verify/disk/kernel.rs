//! Attacks on unified kernel images: refused by their digest, and told apart by what is inside.

use karat::appraise::Verdict;
use karat::boot::{Plan, Root};
use karat::digest::Digest;
use karat::path::ImagePath;

use super::fixture::{CMDLINE, Disk, archive, initrd, kernel, packed, says, trust, uki};
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
fn files_of_the_initrd() {
    let mut disk = Disk::new("vdisk-initrd-files");
    let made = disk.made[0].clone();
    let module = ImagePath::parse("/lib/modules/dm-verity.ko").unwrap();
    let wants_module = Plan {
        modules: vec![module],
        ..made.plan.clone()
    };
    let good = initrd(&made.plan, b"agent", &disk.trust);
    let more: Vec<(String, &[u8])> = (0..12)
        .map(|number| (format!("/x{number:02}"), b"x".as_slice()))
        .collect();
    let more: Vec<(&str, &[u8])> = more.iter().map(|(path, it)| (path.as_str(), *it)).collect();
    // A second archive in the same stream: Linux unpacks it over the first.
    let over = packed(
        &[
            archive(&made.plan, b"agent", &disk.trust, &[]),
            archive(&made.plan, b"evil", &disk.trust, &[]),
        ]
        .concat(),
    );
    for (initrd, texts) in [
        (
            packed(&archive(&made.plan, b"agent", &disk.trust, &more)),
            [
                "its initrd has /x07, which karat never puts there",
                "its initrd has 4 more files of that kind",
            ],
        ),
        (
            initrd_of(&wants_module, &disk.trust),
            ["its initrd has no /lib/modules/dm-verity.ko", OTHER],
        ),
        (over, ["its initrd goes on behind the archive", OTHER]),
    ] {
        disk.kernel_image(uki(&initrd, CMDLINE, &kernel()).bytes);
        let found = disk.verified(|_| {});
        for text in texts {
            says(&found, Verdict::Untrusted, text);
        }
        let odd = "nothing of its kernel, command line, trust root and agent";
        assert!(found.findings.iter().all(|it| !it.message.contains(odd)));
    }
    // Another stub around the same parts: that much can be said.
    let mut image = uki(&good, CMDLINE, &kernel()).bytes;
    let at = image.windows(4).position(|some| some == b"257.").unwrap();
    image[at] = b'3';
    disk.kernel_image(image);
    let found = disk.verified(|_| {});
    let text = "what differs is its boot stub, a module of its initrd, or bytes between them";
    says(&found, Verdict::Untrusted, text);
}

fn initrd_of(plan: &Plan, trust: &[u8]) -> Vec<u8> {
    packed(&archive(plan, b"agent", trust, &[]))
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

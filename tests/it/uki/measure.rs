//! Predictions for images that were made by code: which section counts for which stub.

use karat::image::measure::{Digests, Measurements, predict};
use karat::image::uki::Uki;
use sha2::{Digest as _, Sha256, Sha384};

use super::{CMDLINE, OS_RELEASE, made};
use crate::support::pe::{self, X64};

/// A register, extended by a second implementation.
fn extended(events: &[&[u8]]) -> (String, String) {
    let (mut small, mut large) = (vec![0; 32], vec![0; 48]);
    for event in events {
        small = Sha256::digest([small, Sha256::digest(event).to_vec()].concat()).to_vec();
        large = Sha384::digest([large, Sha384::digest(event).to_vec()].concat()).to_vec();
    }
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    (hex(small), hex(large))
}

fn text(values: &Digests) -> (String, String) {
    (values.sha256.to_string(), values.sha384.to_string())
}

fn predicted(uki: &Uki, loader: Option<&[u8]>) -> Measurements {
    predict(&uki.bytes, loader).unwrap()
}

#[test]
fn each_release_of_the_stub_measures_its_own_sections() {
    let kernel = pe::kernel(X64, "6.1.0-test");
    for (version, more) in [
        ("252.39-1~deb12u2", false),
        ("253", true),
        ("257.13-1", true),
        ("258", true),
    ] {
        let uki = made(X64, version);
        let found = predicted(&uki, None);
        let image = karat::layout::pe::Image::read(&uki.bytes).unwrap();
        let sbat = image.section(".sbat").unwrap().unwrap();
        let sbat = sbat.bytes(&uki.bytes, 4096).unwrap();
        let mut events: Vec<&[u8]> = vec![
            b".linux\0",
            &kernel,
            b".osrel\0",
            OS_RELEASE.as_bytes(),
            b".cmdline\0",
            CMDLINE.as_bytes(),
            b".initrd\0",
            b"an initrd",
        ];
        if more {
            events.extend([&b".uname\0"[..], b"6.1.0-test", b".sbat\0", &sbat]);
        }
        let mut path = String::new();
        assert_eq!(text(found.value(11, &path).unwrap()), extended(&events));
        for phase in ["enter-initrd", "leave-initrd", "sysinit", "ready"] {
            path = format!("{path}:{phase}").trim_start_matches(':').to_owned();
            events.push(phase.as_bytes());
            assert_eq!(text(found.value(11, &path).unwrap()), extended(&events));
        }
        for pcr in [12, 13] {
            assert_eq!(text(found.value(pcr, "").unwrap()), extended(&[]));
        }
        assert!(found.undetermined.iter().any(|one| one.pcr == 7));
        assert!(found.undetermined.iter().any(|one| one.pcr == 8));
        // From 258 on the kernel inside is not measured by firmware, whatever Secure Boot is.
        assert_eq!(found.value(4, "").is_some(), version == "258");
    }
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let future = predicted(&made(X64, "300"), None);
    let reasons = |found: &Measurements| -> Vec<u8> {
        found.undetermined.iter().map(|one| one.pcr).collect()
    };
    assert!(future.value(11, "").is_none());
    assert_eq!(reasons(&future), [7, 8, 11]);

    let uki = made(X64, "252");
    let odd = pe::loader(X64, "254").build();
    assert_eq!(reasons(&predicted(&uki, Some(&odd))), [7, 8, 12]);
    let other = pe::Pe::new(X64).section(".text", "grub").build();
    assert_eq!(reasons(&predicted(&uki, Some(&other))), [7, 8, 12]);
}

#[test]
fn the_command_line_is_measured_on_its_way_through_252() {
    let line: Vec<u8> = CMDLINE
        .encode_utf16()
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect();
    let old = pe::loader(X64, "252.39-1").build();
    let new = pe::loader(X64, "257.13-1").build();
    let found = predicted(&made(X64, "252.39-1"), Some(&old));
    let value = |when| text(found.value(12, when).unwrap());
    assert_eq!(value("no-secure-boot"), extended(&[&line, &line]));
    assert_eq!(value("secure-boot"), extended(&[&line]));
    let found = predicted(&made(X64, "257.13-1"), Some(&new));
    assert_eq!(text(found.value(12, "").unwrap()), extended(&[]));
}

#[test]
fn what_is_no_unified_kernel_image_is_not_measured() {
    let stub = pe::stub(X64, "257").build();
    let profiles = pe::stub(X64, "257")
        .section(".linux", pe::kernel(X64, "6.1"))
        .section(".initrd", "x")
        .section(".osrel", "ID=x\n")
        .section(".profile", "ID=main\n")
        .build();
    let no_kernel = pe::stub(X64, "257")
        .section(".linux", "no kernel")
        .section(".initrd", "x")
        .section(".osrel", "ID=x\n")
        .build();
    let kernel = pe::kernel(X64, "6.1");
    for (bytes, said) in [
        (&stub, "no .linux, .initrd or .osrel"),
        (&kernel, "does not say \"systemd-stub\""),
        (&profiles, "chosen at boot"),
        (&no_kernel, "the kernel inside: "),
    ] {
        let error = predict(bytes, None).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let uki = made(X64, "257");
    let error = predict(&uki.bytes, Some(b"x")).unwrap_err().to_string();
    assert!(error.starts_with("the boot loader: "), "{error}");
}

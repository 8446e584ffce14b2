//! What an assembled image looks like, byte by byte, and what is refused.

use karat::image::uki::{Parts, Stub, assemble, checksum, loader_files, uki_path};
use karat::layout::pe::{Image, Machine};

use super::{made, parts};
use crate::support::pe::{self, AA64, START, X64};

fn names(image: &Image) -> Vec<String> {
    let sections = image.sections().iter();
    sections.map(|section| section.name.to_string()).collect()
}

#[test]
fn sections_stand_in_order_behind_those_of_the_stub() {
    for machine in [X64, AA64] {
        let stub = pe::stub(machine, "257.13-1").build();
        let kernel = pe::kernel(machine, "6.1.0-test");
        let parsed = Stub::parse(&stub).unwrap();
        let parts = Parts {
            splash: Some(b"BM a picture"),
            sbat: "acme,1,Acme,web,1,https://acme.example\n",
            ..parts(&parsed, &kernel)
        };
        let uki = assemble(&parts).unwrap();
        assert_eq!(assemble(&parts).unwrap().bytes, uki.bytes);
        let image = Image::read(&uki.bytes).unwrap();
        let expected = [
            ".text", ".sbat", ".sdmagic", ".osrel", ".cmdline", ".uname", ".splash", ".linux",
            ".initrd",
        ];
        assert_eq!(names(&image), expected);
        let bytes = |name: &str| {
            let section = image.section(name).unwrap().unwrap();
            section.bytes(&uki.bytes, u32::MAX).unwrap()
        };
        assert_eq!(bytes(".text"), b"code of a stub");
        assert_eq!(bytes(".linux"), kernel);
        assert_eq!(bytes(".initrd"), parts.initrd);
        assert_eq!(bytes(".cmdline"), super::CMDLINE.as_bytes());
        assert_eq!(bytes(".osrel"), super::OS_RELEASE.as_bytes());
        assert_eq!(bytes(".uname"), b"6.1.0-test");
        assert_eq!(
            String::from_utf8(bytes(".sbat")).unwrap(),
            "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n\
             systemd-stub,1,The systemd Developers,systemd,257,https://systemd.io/\n\
             acme,1,Acme,web,1,https://acme.example\n\
             uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/\n\
             karat,1,karat,karat,1,docs/formats/uki.md\n"
        );
        for section in image.sections() {
            assert_eq!(section.file_offset % 0x200, 0);
            assert_eq!(section.address % 0x1000, 0);
        }
        // No time, no symbols; the flag that the kernel has, too, stays.
        assert_eq!(uki.bytes[START + 8..START + 20], [0; 12]);
        assert_eq!(image.headers().dll_characteristics, 0x0160);
        let mut unsummed = uki.bytes.clone();
        unsummed[START + 24 + 64..START + 24 + 68].fill(0);
        assert_eq!(checksum(&unsummed), image.headers().checksum);
    }
}

#[test]
fn a_stub_without_room_gets_its_sbat_behind_the_others() {
    // As the stub of 252 has them: a few bytes apart.
    let stub = pe::Pe::new(X64)
        .section(".text", "code")
        .section(".sbat", pe::sbat())
        .section_at(".sdmagic", pe::magic("stub", "252.39"), 16)
        .trailing(b"symbols of odd length")
        .build();
    let uki = super::of(&stub, &pe::kernel(X64, "6.1"));
    let image = Image::read(&uki.bytes).unwrap();
    assert_eq!(names(&image).last().unwrap(), ".sbat");
    assert_eq!(names(&image)[..2], [".text", ".sdmagic"]);
    assert_eq!(uki.bytes.len() % 0x200, 0);
    assert!(!uki.bytes.windows(7).any(|window| window == b"symbols"));
}

#[test]
fn the_stub_claims_no_more_than_the_kernel() {
    let stub = pe::stub(X64, "257").build();
    let kernel = pe::Pe::new(X64)
        .flags(0)
        .section(".text", "Linux version 6.1 (x)")
        .build();
    let uki = super::of(&stub, &kernel);
    let image = Image::read(&uki.bytes).unwrap();
    assert_eq!(image.headers().dll_characteristics, 0x0060);
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let stub = pe::stub(X64, "257").build();
    let stub = Stub::parse(&stub).unwrap();
    let kernel = pe::kernel(X64, "6.1");
    let good = parts(&stub, &kernel);
    let arm = pe::kernel(AA64, "6.1");
    let unnamed = pe::Pe::new(X64).section(".text", "code").build();
    let long = "a".repeat(2048);
    for (parts, said) in [
        (
            Parts {
                kernel: &arm,
                ..good
            },
            "different processors",
        ),
        (
            Parts {
                kernel: b"MZ",
                ..good
            },
            "the kernel: ",
        ),
        (
            Parts {
                kernel: &unnamed,
                ..good
            },
            "names no release",
        ),
        (
            Parts {
                initrd: b"",
                ..good
            },
            "the initrd is empty",
        ),
        (
            Parts {
                os_release: b"",
                ..good
            },
            "os-release is empty",
        ),
        (
            Parts {
                splash: Some(b""),
                ..good
            },
            "the splash image is empty",
        ),
        (
            Parts {
                cmdline: "",
                ..good
            },
            "command line is empty",
        ),
        (
            Parts {
                cmdline: "a\nb",
                ..good
            },
            "not one line",
        ),
        (
            Parts {
                cmdline: "a ",
                ..good
            },
            "blanks at its ends",
        ),
        (
            Parts {
                cmdline: "a\u{e9}",
                ..good
            },
            "printable ASCII",
        ),
        (
            Parts {
                cmdline: &long,
                ..good
            },
            "more than 2047 bytes",
        ),
        (
            Parts {
                uname: Some("6.1 x"),
                ..good
            },
            "one word",
        ),
        (
            Parts {
                sbat: "acme,0,a,b,c,d",
                ..good
            },
            "the SBAT that was given: ",
        ),
    ] {
        let error = assemble(&parts).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!(assemble(&good).is_ok());
}

#[test]
fn stubs_that_are_none_are_refused() {
    let assembled = made(X64, "257").bytes;
    let boot = pe::loader(X64, "257").build();
    let many = (0..11)
        .fold(pe::stub(X64, "257"), |stub, number| {
            stub.section(&format!(".s{number}"), "x")
        })
        .build();
    for (bytes, said) in [
        (&b"#!/bin/sh"[..], "the stub: "),
        (&assembled, "a kernel in it already"),
        (&boot, "does not say \"systemd-stub\""),
    ] {
        let error = Stub::parse(bytes).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    // Headers grow up to the first section: 14 sections and five more need 1088 bytes.
    let stub = Stub::parse(&many).unwrap();
    let kernel = pe::kernel(X64, "6.1");
    let uki = assemble(&parts(&stub, &kernel)).unwrap();
    let image = Image::read(&uki.bytes).unwrap();
    assert_eq!(image.headers().headers_size, 0x600);
    assert_eq!(image.sections().len(), 19);
}

#[test]
fn the_files_of_the_boot_loader() {
    for (machine, architecture, upper, lower) in [
        (X64, Machine::X64, "BOOTX64", "x64"),
        (AA64, Machine::Aa64, "BOOTAA64", "aa64"),
    ] {
        let loader = pe::loader(machine, "257").build();
        let files = loader_files(&loader).unwrap();
        let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                &format!("EFI/BOOT/{upper}.EFI"),
                &format!("EFI/systemd/systemd-boot{lower}.efi"),
                "loader/loader.conf"
            ]
        );
        assert!(*files[0].1 == loader && *files[1].1 == loader);
        let settings = std::str::from_utf8(&files[2].1).unwrap();
        assert!(settings.contains("editor no\n") && settings.contains("timeout 0\n"));
        let stub = format!("/usr/lib/systemd/boot/efi/linux{lower}.efi.stub");
        assert_eq!(architecture.stub_path(), stub);
    }
    assert!(loader_files(b"").is_err());
    assert_eq!(uki_path("web", "1", None), "EFI/Linux/web_1.efi");
    assert_eq!(uki_path("web", "1", Some(3)), "EFI/Linux/web_1+3.efi");
}

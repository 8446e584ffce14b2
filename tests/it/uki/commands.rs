//! `karat image` on the command line.

use std::process::Command;

use serde_json::Value;

use super::made;
use super::sign::Owner;
use crate::support::Scratch;
use crate::support::pe::{self, X64};
use crate::support::schema::published;

fn karat(scratch: &Scratch, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_karat"))
        .current_dir(scratch.path())
        .args(["image"])
        .args(arguments)
        .output()
        .unwrap();
    let text = [&output.stdout[..], &output.stderr].concat();
    let code = output.status.code().unwrap();
    (code, String::from_utf8(text).unwrap())
}

fn document(scratch: &Scratch, schema: &str, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json", "--quiet"]].concat();
    let (code, text) = karat(scratch, &arguments);
    assert_eq!(code, 0, "{text}");
    published(schema).holds(&text)
}

#[test]
fn an_image_is_shown_and_measured() {
    let scratch = Scratch::new("image-commands");
    let uki = made(X64, "252.39-1~deb12u2");
    std::fs::write(scratch.join("web_1.efi"), &uki.bytes).unwrap();
    let loader = pe::loader(X64, "252.39-1~deb12u2").build();
    std::fs::write(scratch.join("boot.efi"), &loader).unwrap();

    let found = document(&scratch, "image-inspect", &["inspect", "web_1.efi"]);
    assert_eq!(found["stub"], "252.39-1~deb12u2");
    assert_eq!(found["uname"], "6.1.0-test");
    assert_eq!(found["cmdline"], super::CMDLINE);
    assert_eq!(
        found["authenticode"]["sha256"],
        uki.authenticode.sha256.to_string()
    );
    assert_eq!(found["signatures"], Value::Array(Vec::new()));
    let found = document(&scratch, "image-inspect", &["inspect", "boot.efi"]);
    assert_eq!(found["stub"], Value::Null);

    let found = document(
        &scratch,
        "measure",
        &["measure", "web_1.efi", "--loader", "boot.efi"],
    );
    let expected = karat::image::measure::predict(&uki.bytes, Some(&loader)).unwrap();
    let expected = String::from_utf8(expected.to_bytes()).unwrap();
    assert_eq!(found, published("measure").holds(&expected));

    let (code, text) = karat(&scratch, &["measure", "web_1.efi"]);
    assert_eq!(code, 0);
    let ready = "enter-initrd:leave-initrd:sysinit:ready\n";
    assert!(text.contains("PCR 11  ") && text.contains(ready), "{text}");
    assert!(
        text.contains("PCR 7   not known: the machine's own"),
        "{text}"
    );
    let (code, text) = karat(&scratch, &["inspect", "web_1.efi"]);
    assert!(
        code == 0 && text.contains("command line  console="),
        "{text}"
    );
}

#[test]
fn what_is_no_image_is_named() {
    let scratch = Scratch::new("image-refused");
    std::fs::write(scratch.join("x.efi"), "#!/bin/sh\n").unwrap();
    std::fs::write(scratch.join("kernel"), pe::kernel(X64, "6.1")).unwrap();
    let hostile = pe::Pe::new(X64)
        .section(".cmdline", "a\x1b[2Jb\n")
        .section(".\x1b[1m", "x")
        .build();
    std::fs::write(scratch.join("hostile.efi"), hostile).unwrap();
    for (arguments, said) in [
        (["inspect", "x.efi"], "x.efi: "),
        (["inspect", "absent.efi"], "absent.efi"),
        (
            ["measure", "kernel"],
            "kernel: it is no unified kernel image",
        ),
    ] {
        let (code, text) = karat(&scratch, &arguments);
        assert!(code == 1 && text.contains(said), "{code}: {text}");
    }
    let (code, text) = karat(&scratch, &["inspect", "hostile.efi"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        !text.contains('\x1b') && text.contains("a\\x1b[2Jb\\n"),
        "{text}"
    );
}

#[test]
fn an_image_is_signed_by_a_file_and_by_a_program() {
    let Some(owner) = Owner::new("rsa:2048") else {
        return;
    };
    let scratch = &owner.scratch;
    let uki = made(X64, "257");
    std::fs::write(scratch.join("web.efi"), &uki.bytes).unwrap();
    let with = |key: &str, output: &str| {
        let arguments = [
            "sign",
            "web.efi",
            "--certificate",
            "db.pem",
            "--key",
            key,
            "-o",
            output,
        ];
        document(scratch, "image-sign", &arguments)
    };
    let found = with("db.key", "file.efi");
    assert_eq!(found["written"], "file.efi");
    assert_eq!(
        found["authenticode"]["sha256"],
        uki.authenticode.sha256.to_string()
    );
    with("command:openssl dgst -sha256 -sign db.key", "program.efi");
    assert!(owner.read("file.efi") == owner.read("program.efi"));

    for (key, said) in [
        ("command:false", "it failed"),
        ("command:true", "does not verify under the certificate"),
        ("command:", "command:PROGRAM"),
        ("db.pem", "no PEM file with a private key"),
        ("absent", "absent"),
    ] {
        let arguments = [
            "sign",
            "web.efi",
            "--certificate",
            "db.pem",
            "--key",
            key,
            "-o",
            "never.efi",
        ];
        let (code, text) = karat(scratch, &arguments);
        assert!(code != 0 && text.contains(said), "{text}");
        assert!(!scratch.join("never.efi").exists());
    }
}

//! What binutils, ukify, sbverify, pesign, osslsigncode and systemd-measure say about our images.

use std::path::Path;

use karat::image::measure::{Digests, predict};
use karat::layout::pe::Image;

use super::material::{Material, Release};
use super::sign::Owner;
use super::{CMDLINE, OS_RELEASE, of};
use crate::support::{Judge, Scratch, judge};

const RELEASES: [Release; 2] = [Release::Bookworm, Release::Trixie];

/// What a judge says about files in a directory; it must be content.
fn said(judge: &Judge, directory: &Path, arguments: &[&str]) -> String {
    let output = judge
        .command()
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap();
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}");
    text
}

/// Assembled images of both releases, with the real kernel.
fn assembled(name: &str) -> Option<(Material, Scratch)> {
    let material = Material::get()?;
    let scratch = Scratch::new(name);
    for release in RELEASES {
        let uki = of(&material.stub(release), &material.kernel());
        std::fs::write(scratch.join(format!("{release:?}.efi")), uki.bytes).unwrap();
    }
    Some((material, scratch))
}

fn bytes(scratch: &Scratch, release: Release) -> Vec<u8> {
    std::fs::read(scratch.join(format!("{release:?}.efi"))).unwrap()
}

#[test]
fn binutils_sees_the_same_sections() {
    let (Some(objdump), Some((_, scratch))) = (judge("objdump"), assembled("objdump")) else {
        return;
    };
    for release in RELEASES {
        let text = said(
            &objdump,
            scratch.path(),
            &["-h", &format!("{release:?}.efi")],
        );
        let theirs: Vec<(String, u32)> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|words| words.len() == 7 && words[0].parse::<u32>().is_ok())
            .map(|words| {
                (
                    words[1].to_owned(),
                    u32::from_str_radix(words[2], 16).unwrap(),
                )
            })
            .collect();
        let image = Image::read(&bytes(&scratch, release)).unwrap();
        let ours: Vec<(String, u32)> = image
            .sections()
            .iter()
            .map(|section| (section.name.to_string(), section.memory_size))
            .collect();
        assert_eq!(ours, theirs, "{text}");
        let text = said(
            &objdump,
            scratch.path(),
            &["-p", &format!("{release:?}.efi")],
        );
        assert!(text.contains("1970"), "{text}");
    }
}

#[test]
fn pesign_computes_the_same_digests() {
    let (Some(pesign), Some((material, scratch))) = (judge("pesign"), assembled("pesign")) else {
        return;
    };
    std::fs::write(scratch.join("linux"), material.kernel()).unwrap();
    std::fs::write(scratch.join("boot"), material.loader(Release::Trixie)).unwrap();
    for name in ["Bookworm.efi", "Trixie.efi", "linux", "boot"] {
        let bytes = std::fs::read(scratch.join(name)).unwrap();
        let digests = Digests::authenticode(&Image::read(&bytes).unwrap(), &bytes).unwrap();
        // It knows no SHA-384; firmware does: see `boot`.
        let text = said(&pesign, scratch.path(), &["-h", "-i", name, "-d", "sha256"]);
        let ours = digests.sha256.to_string();
        assert!(text.contains(&ours), "{name}: {text}");
    }
}

#[test]
fn signatures_verify_for_sbverify_and_osslsigncode() {
    let (Some(sbverify), Some(osslsigncode), Some(openssl)) =
        (judge("sbverify"), judge("osslsigncode"), judge("openssl"))
    else {
        return;
    };
    let (Some((material, _scratch)), Some(owner)) = (assembled("sbverify"), Owner::new("rsa:2048"))
    else {
        return;
    };
    let here = owner.scratch.path();
    for (name, bytes) in [
        (
            "uki",
            of(&material.stub(Release::Trixie), &material.kernel()).bytes,
        ),
        ("boot", material.loader(Release::Bookworm)),
    ] {
        std::fs::write(here.join(name), owner.sign(&bytes)).unwrap();
        let text = said(&sbverify, here, &["--cert", "db.pem", name]);
        assert!(text.contains("Signature verification OK"), "{text}");
        let text = said(
            &osslsigncode,
            here,
            &["verify", "-CAfile", "db.pem", "-in", name],
        );
        assert!(text.contains("Succeeded"), "{text}");
        // The signature is DER that openssl takes apart.
        let signed = std::fs::read(here.join(name)).unwrap();
        let image = Image::read(&signed).unwrap();
        let range = image.certificates()[0].bytes.clone();
        let data = &signed[at(range.start)..at(range.end)];
        std::fs::write(here.join("signature"), data).unwrap();
        let arguments = [
            "pkcs7",
            "-inform",
            "DER",
            "-in",
            "signature",
            "-print_certs",
        ];
        let text = said(&openssl, here, &arguments);
        assert!(text.contains("db"), "{text}");
        // One byte of it changed, and nobody believes it any more.
        let mut broken = signed.clone();
        broken[0x700] ^= 1;
        std::fs::write(here.join(name), broken).unwrap();
        let output = sbverify
            .command()
            .current_dir(here)
            .args(["--cert", "db.pem", name])
            .output()
            .unwrap();
        assert!(!output.status.success(), "{output:?}");
    }
}

#[test]
fn systemd_measure_predicts_the_same() {
    let Some((material, scratch)) = assembled("measure") else {
        return;
    };
    let Some(measure) = judge_at("/lib/systemd/systemd-measure") else {
        return;
    };
    for (name, bytes) in [
        ("osrel", OS_RELEASE.as_bytes()),
        ("cmdline", CMDLINE.as_bytes()),
        ("initrd", b"an initrd"),
    ] {
        std::fs::write(scratch.join(name), bytes).unwrap();
    }
    let found = predict(&bytes(&scratch, Release::Bookworm), None).unwrap();
    let linux = format!("--linux={}", material.kernel_path().display());
    let text = said(
        &measure,
        scratch.path(),
        &[
            "calculate",
            &linux,
            "--osrel=osrel",
            "--cmdline=cmdline",
            "--initrd=initrd",
            "--bank=sha256",
            "--bank=sha384",
            "--json=short",
        ],
    );
    let theirs: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    for bank in ["sha256", "sha384"] {
        let values = theirs[bank].as_array().unwrap();
        assert_eq!(values.len(), 4, "{text}");
        for value in values {
            let phase = value["phase"].as_str().unwrap();
            let ours = found.value(11, phase).unwrap();
            let ours = if bank == "sha256" {
                ours.sha256.to_string()
            } else {
                ours.sha384.to_string()
            };
            assert_eq!(value["hash"], ours, "{bank} {phase}");
        }
    }
}

#[test]
fn ukify_reads_our_images_and_makes_alike() {
    let (Some((material, scratch)), Some(python)) = (assembled("ukify"), judge("python3")) else {
        return;
    };
    let check = python.command().args(["-c", "import pefile"]).output();
    if !check.unwrap().status.success() {
        return crate::support::skip("python3 has no pefile: see .ci/run");
    }
    let ukify = material.ukify();
    let ukify = ukify.to_str().unwrap();
    let arguments = [ukify, "inspect", "Trixie.efi", "--json=short"];
    let text = said(&python, scratch.path(), &arguments);
    let theirs: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    let ours = Image::read(&bytes(&scratch, Release::Trixie)).unwrap();
    for section in ours.sections() {
        let name = section.name.to_string();
        if let Some(their) = theirs.get(&name) {
            let digest = section.sha256(&bytes(&scratch, Release::Trixie)).unwrap();
            assert_eq!(their["size"], section.memory_size, "{name}");
            assert_eq!(their["sha256"], digest.to_string(), "{name}");
        }
    }
    assert_eq!(theirs[".cmdline"]["text"], CMDLINE);

    // The same parts, put together by ukify: the same sections in the same order.
    std::fs::write(scratch.join("initrd"), "an initrd").unwrap();
    std::fs::write(scratch.join("osrel"), OS_RELEASE).unwrap();
    let (stub, kernel) = (material.stub_path(Release::Trixie), material.kernel_path());
    let arguments = [
        ukify,
        "build",
        "--stub",
        stub.to_str().unwrap(),
        "--linux",
        kernel.to_str().unwrap(),
        "--initrd=initrd",
        "--os-release=@osrel",
        &format!("--cmdline={CMDLINE}"),
        "--output=theirs.efi",
    ];
    said(&python, scratch.path(), &arguments);
    let bytes = std::fs::read(scratch.join("theirs.efi")).unwrap();
    let theirs = Image::read(&bytes).unwrap();
    let place = |image: &Image| -> Vec<(String, u32)> {
        let sections = image.sections().iter();
        sections
            .map(|section| (section.name.to_string(), section.address))
            .collect()
    };
    assert_eq!(place(&ours), place(&theirs));
    assert!(predict(&bytes, None).is_ok());
}

fn at(offset: u64) -> usize {
    offset.try_into().unwrap()
}

/// A judge that no PATH names.
fn judge_at(path: &str) -> Option<Judge> {
    if Path::new(path).is_file() {
        return judge(path);
    }
    crate::support::skip(&format!("{path} is missing"));
    None
}

//! Programs for firmware.

use karat::image::measure::predict;
use karat::image::uki::{Parts, Stub, assemble};
use karat::layout::pe::Image;

use crate::support::pe::{self, AA64, X64};

/// Sections lie in the file without a gap, the digest covers all but the signatures, and what passes
/// for a stub takes a kernel.
pub fn pe(bytes: &[u8]) {
    let Ok(image) = Image::read(bytes) else {
        return;
    };
    let mut end = u64::from(image.headers().headers_size);
    let mut memory = end;
    for section in image.sections() {
        if section.file_size > 0 {
            assert_eq!(u64::from(section.file_offset), end);
            end += u64::from(section.file_size);
        }
        assert!(u64::from(section.address) >= memory);
        memory = u64::from(section.address) + u64::from(section.memory_size);
        let mut size = 0;
        let whole = section.each(bytes, &mut |some| size += some.len() as u64);
        if whole.is_ok() {
            assert_eq!(size, u64::from(section.memory_size));
        }
    }
    assert!(end <= image.signed_end() && image.signed_end() <= bytes.len() as u64);
    for certificate in image.certificates() {
        assert!(certificate.bytes.start >= image.signed_end());
        assert!(certificate.bytes.end <= bytes.len() as u64);
    }
    let mut covered = 0;
    let counted = image.authenticode(bytes, &mut |some| covered += some.len() as u64);
    counted.unwrap();
    let left_out = if image.headers().names_certificates() {
        12
    } else {
        4
    };
    assert_eq!(covered + left_out, image.signed_end());
    drop(predict(bytes, None));
    drop(predict(&pe::stub(X64, "257").build(), Some(bytes)));
    if let Ok(stub) = Stub::parse(bytes) {
        assembled(&stub);
    }
}

fn assembled(stub: &Stub<'_>) {
    for machine in [X64, AA64] {
        let kernel = pe::kernel(machine, "6.1");
        if let Ok(uki) = assemble(&parts(stub, &kernel)) {
            let image = Image::read(&uki.bytes).unwrap();
            let linux = image.section(".linux").unwrap().unwrap();
            assert_eq!(linux.bytes(&uki.bytes, u32::MAX).unwrap(), kernel);
        }
    }
}

fn parts<'a>(stub: &'a Stub<'a>, kernel: &'a [u8]) -> Parts<'a> {
    Parts {
        stub,
        kernel,
        initrd: b"initrd",
        cmdline: "quiet",
        os_release: b"ID=x\nIMAGE_ID=x\nIMAGE_VERSION=1\n",
        uname: None,
        sbat: "",
        splash: None,
    }
}

pub fn pe_seeds() -> Vec<Vec<u8>> {
    let stub = pe::stub(X64, "257").build();
    let arm = pe::stub(AA64, "252").build();
    let kernel = pe::kernel(AA64, "6.1");
    let uki = assemble(&parts(&Stub::parse(&arm).unwrap(), &kernel));
    let uki = uki.unwrap().bytes;
    let mut signed = pe::loader(X64, "252").trailing(b"8 bytes.").build();
    let start = pe::word(signed.len());
    let entry = pe::START + 24 + 112 + 32;
    signed[entry..entry + 4].copy_from_slice(&start);
    signed[entry + 4..entry + 8].copy_from_slice(&16_u32.to_le_bytes());
    signed.extend_from_slice(b"\x10\0\0\0\0\x02\x02\0signed..");
    vec![stub, uki, signed, pe::kernel(X64, "6.1")]
}

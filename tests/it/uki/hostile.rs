//! Images of whoever attacks: headers that lie, and bytes that change.

use karat::layout::pe::Image;
use karat::limits;

use super::made;
use crate::support::pe::{self, START, TABLE, X64};

/// Offsets in the fixture: the optional header, its certificate table, and the second section.
const OPTIONAL: usize = START + 24;
const CHECKSUM: std::ops::Range<usize> = OPTIONAL + 64..OPTIONAL + 68;
const CERTIFICATES: usize = OPTIONAL + 112 + 32;
const SECOND: usize = TABLE + 40;

fn edited(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut image = pe::stub(X64, "257").build();
    image[at..at + bytes.len()].copy_from_slice(bytes);
    image
}

fn refused(image: &[u8]) -> String {
    Image::read(image).unwrap_err().to_string()
}

#[test]
fn headers_that_lie_are_refused() {
    let word = |value: u32| value.to_le_bytes();
    for (at, bytes, said) in [
        (0, word(0), "\"MZ\""),
        (60, word(u32::MAX), "outside"),
        (60, word(0x44), "\"PE\""),
        (
            START + 4,
            [0x4c, 1, 3, 0],
            "neither for x86-64 nor for arm64",
        ),
        (START + 6, [0xff, 0xff, 0, 0], "more than 96 sections"),
        (START + 6, [60, 0, 0, 0], "section table leaves its headers"),
        (START + 20, [0, 0, 6, 2], "PE32+"),
        (START + 20, [232, 0, 6, 2], "does not fit"),
        (START + 20, [0xff, 0xff, 6, 2], "too long"),
        (OPTIONAL, [0x0b, 1, 0, 0], "PE32+"),
        (OPTIONAL + 32, word(0), "powers of two"),
        (OPTIONAL + 36, word(0x201), "powers of two"),
        (OPTIONAL + 36, word(0x2000), "the larger"),
        (OPTIONAL + 56, word(0x1000), "leave the image in memory"),
        (OPTIONAL + 60, word(u32::MAX), "headers end behind its end"),
        (OPTIONAL + 60, word(0x200), "do not follow"),
        (OPTIONAL + 108, word(17), "does not fit"),
        (OPTIONAL + 108, word(15), "does not fit"),
        (SECOND + 12, word(0x1004), "overlaps"),
        (SECOND + 16, word(0x400), "do not follow"),
        (SECOND + 16, word(u32::MAX), "end behind the file's end"),
        (
            SECOND + 20,
            word(0x400),
            "section .sbat: its bytes do not follow",
        ),
        (CERTIFICATES, word(8), "begin behind the sections"),
        (CERTIFICATES + 4, word(u32::MAX), "1 MiB"),
    ] {
        let error = refused(&edited(at, &bytes));
        assert!(error.contains(said), "{at:#x}: {error}");
    }
    // The same section table twice; which is meant?
    let twice = pe::stub(X64, "257").section(".sdmagic", "x").build();
    let error = Image::read(&twice)
        .unwrap()
        .section(".sdmagic")
        .unwrap_err();
    assert!(error.to_string().contains("two of this name"));
}

#[test]
fn certificate_tables_that_lie_are_refused() {
    let image = pe::stub(X64, "257").build();
    let table = |head: &[u8], length: u32| {
        let mut image = image.clone();
        let start = pe::word(image.len());
        image.extend_from_slice(head);
        image[CERTIFICATES..CERTIFICATES + 4].copy_from_slice(&start);
        image[CERTIFICATES + 4..CERTIFICATES + 8].copy_from_slice(&length.to_le_bytes());
        image
    };
    let entry = b"\x10\0\0\0\0\x02\x02\0signed..";
    let good = Image::read(&table(entry, 16)).unwrap();
    let [certificate] = good.certificates() else {
        panic!("one certificate");
    };
    assert_eq!((certificate.revision, certificate.kind), (0x0200, 2));
    assert_eq!(certificate.bytes.end - certificate.bytes.start, 8);
    for (image, said) in [
        (table(entry, 8), "where the file ends"),
        (table(entry, 24), "where the file ends"),
        (
            table(b"\x08\0\0\0\0\x02\x02\0", 8),
            "leaves it, or is empty",
        ),
        (table(b"\x11\0\0\0\0\x02\x02\0signed..", 16), "leaves it"),
        (
            table(b"\xff\xff\xff\xff\0\x02\x02\0signed..", 16),
            "leaves it",
        ),
        (table(&entry.repeat(17), 272), "more than 16"),
        (table(&[0; 16], 16), "is empty"),
    ] {
        let error = refused(&image);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn what_is_larger_than_an_image_may_be_is_refused_unread() {
    struct Huge(Vec<u8>);
    impl karat::layout::Source for Huge {
        fn size(&self) -> u64 {
            limits::PE_MAX + 1
        }
        fn read_at(
            &self,
            offset: u64,
            buffer: &mut [u8],
        ) -> Result<(), karat::layout::SourceError> {
            self.0.read_at(offset, buffer)
        }
    }
    let error = Image::read(&Huge(pe::stub(X64, "257").build())).unwrap_err();
    assert!(error.to_string().contains("1 GiB"));
}

#[test]
fn a_section_larger_in_memory_than_in_the_file_has_no_digest() {
    let image = edited(TABLE + 8, &0x800_u32.to_le_bytes());
    let read = Image::read(&image).unwrap();
    let error = read.sections()[0].sha256(&image).unwrap_err().to_string();
    assert_eq!(
        error,
        "section .text: it has more bytes in memory than in the file"
    );
}

/// Each byte counts: whichever is changed, the image is refused, or it has another digest.
#[test]
fn the_digest_covers_each_byte_but_the_checksum() {
    let bytes = made(X64, "257").bytes;
    let digest = |bytes: &Vec<u8>| {
        let image = Image::read(bytes).ok()?;
        image.authenticode_sha256(bytes).ok()
    };
    let expected = digest(&bytes).unwrap();
    for at in 0..bytes.len() {
        for change in [0x01, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            if CHECKSUM.contains(&at) {
                assert_eq!(digest(&changed), Some(expected), "{at:#x}");
            } else {
                assert_ne!(digest(&changed), Some(expected), "{at:#x}");
            }
        }
    }
    let longer = [bytes, vec![0]].concat();
    assert_ne!(digest(&longer), Some(expected));
}

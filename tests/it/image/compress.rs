//! Compression: the same bytes on any number of threads, and caps on what comes back.

use std::io::{self, Read, Write};
use std::num::NonZero;

use karat::image::compress::{Compression, Decoder, Encoder};

const ALL: [Compression; 3] = [Compression::Gzip, Compression::None, Compression::Zstd];

/// About 10 MB, part text and part noise: several blocks of both codecs, the last one partial.
fn sample() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut state = 1_u32;
    while bytes.len() < 10_000_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 24 < 32 {
            bytes.extend((0..50).map(|shift| (state.rotate_left(shift) >> 9).to_le_bytes()[0]));
        }
        bytes.extend_from_slice(format!("/usr/lib/file{} ", state >> 18).as_bytes());
    }
    bytes
}

fn encode(compression: Compression, threads: usize, writes: usize, bytes: &[u8]) -> Vec<u8> {
    let threads = NonZero::new(threads).unwrap();
    let mut encoder = Encoder::new(compression, threads, Vec::new()).unwrap();
    for part in bytes.chunks(writes) {
        encoder.write_all(part).unwrap();
        encoder.flush().unwrap();
    }
    encoder.finish().unwrap()
}

fn decode(bytes: &[u8], cap: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    Decoder::detect(bytes, cap)?.read_to_end(&mut out)?;
    Ok(out)
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let bytes = sample();
    for compression in ALL {
        let one = encode(compression, 1, bytes.len(), &bytes);
        for (threads, writes) in [(2, 100_000), (3, 4 << 20), (8, 7777)] {
            let other = encode(compression, threads, writes, &bytes);
            assert!(one == other, "{compression}, {threads} threads");
        }
        assert!(decode(&one, u64::MAX).unwrap() == bytes, "{compression}");
    }
}

#[test]
fn lengths_around_the_blocks_come_back() {
    for compression in ALL {
        for length in [
            0,
            1,
            (512 << 10) - 1,
            512 << 10,
            (512 << 10) + 1,
            4 << 20,
            (4 << 20) + 1,
        ] {
            let bytes = vec![b'a'; length];
            let packed = encode(compression, 2, 1 << 20, &bytes);
            assert!(
                decode(&packed, u64::MAX).unwrap() == bytes,
                "{compression}, {length}"
            );
        }
    }
}

#[test]
fn headers_hold_neither_time_nor_name() {
    let gzip = encode(Compression::Gzip, 1, 10, b"x");
    assert_eq!(gzip[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    assert_eq!(Compression::detect(&gzip), Compression::Gzip);
    let zstd = encode(Compression::Zstd, 1, 10, b"x");
    assert_eq!(Compression::detect(&zstd), Compression::Zstd);
    assert_eq!(Compression::detect(b"ustar"), Compression::None);
}

#[test]
fn what_other_encoders_write_is_read() {
    let bytes = sample();
    let mut gzip = flate2::GzBuilder::new()
        .filename("name")
        .mtime(1)
        .write(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    let gzip = gzip.finish().unwrap();
    let twice = [gzip.as_slice(), &gzip].concat();
    assert!(decode(&twice, u64::MAX).unwrap() == [bytes.as_slice(), &bytes].concat());
    let zstd = zstd::encode_all(bytes.as_slice(), 19).unwrap();
    assert!(decode(&zstd, u64::MAX).unwrap() == bytes);
}

#[test]
fn a_bomb_ends_at_the_cap() {
    let bytes = vec![0; 8 << 20];
    for compression in ALL {
        let packed = encode(compression, 1, bytes.len(), &bytes);
        assert_eq!(decode(&packed, 8 << 20).unwrap().len(), 8 << 20);
        let error = decode(&packed, (8 << 20) - 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{compression}");
    }
}

#[test]
fn cut_changed_or_padded_files_are_refused() {
    let bytes = sample();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let packed = encode(compression, 2, bytes.len(), &bytes);
        let cut = &packed[..packed.len() - 1];
        assert!(decode(cut, u64::MAX).is_err(), "{compression}, cut");
        let mut changed = packed.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        assert!(
            decode(&changed, u64::MAX).is_err(),
            "{compression}, changed"
        );
        let padded = [packed.as_slice(), b"garbage"].concat();
        assert!(decode(&padded, u64::MAX).is_err(), "{compression}, padded");
    }
}

/// A sink that is full after some bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_reported_and_no_thread_hangs() {
    let bytes = sample();
    for (compression, threads) in [(Compression::Gzip, 1), (Compression::Zstd, 3)] {
        let threads = NonZero::new(threads).unwrap();
        let mut encoder = Encoder::new(compression, threads, Full(1000)).unwrap();
        let written = encoder.write_all(&bytes);
        let result = written.and_then(|()| encoder.finish().map(drop));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}

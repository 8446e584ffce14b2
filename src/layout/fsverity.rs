//! fs-verity: the digest by which a kernel knows a single file's contents.
//!
//! It is what `fsverity digest` prints and what `FS_IOC_MEASURE_VERITY` gives
//! (<https://docs.kernel.org/filesystems/fsverity.html>), for SHA-256, blocks of 4096 bytes and no
//! salt: SHA-256 of a descriptor of 256 bytes, which holds the file's size and the root of a tree
//! of hashes. Names, owners and modes have no part in it.

use std::io::{self, Read};

use super::verity::Salted;
use crate::digest::Digest;

/// Bytes of a block.
const BLOCK: usize = 4096;
/// How much is read at a time: what one block of hashes stands for.
const CHUNK: usize = 128 * BLOCK;
/// The descriptor: version 1, algorithm 1 (SHA-256), a block size of 2^12, no salt.
const HEAD: [u8; 4] = [1, 1, 12, 0];

/// The digest of what `reader` gives, and how many bytes that was.
///
/// # Errors
/// What the reader gives.
pub fn digest(mut reader: impl Read) -> io::Result<(Digest, u64)> {
    let salted = Salted::new(&[]);
    let mut size: u64 = 0;
    // The hashes of each level that are not hashed themselves yet: less than a block of them.
    let mut levels: Vec<Vec<u8>> = Vec::new();
    let mut chunk = vec![0; CHUNK];
    let mut hashes = Vec::new();
    loop {
        let count = fill(&mut reader, &mut chunk)?;
        size = size.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        let end = count.next_multiple_of(BLOCK);
        if let Some(padding) = chunk.get_mut(count..end) {
            padding.fill(0);
        }
        hashes.clear();
        salted.each(chunk.get(..end).unwrap_or_default(), &mut hashes);
        for hash in hashes.as_chunks::<{ Digest::LEN }>().0 {
            add(&salted, &mut levels, hash);
        }
        if count < CHUNK {
            break;
        }
    }
    let mut descriptor = [0; 256];
    let root = root(&salted, levels);
    let parts = [
        HEAD.as_slice(),
        &[0; 4],
        &size.to_le_bytes(),
        root.as_bytes(),
    ];
    for (place, byte) in descriptor.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
    if size == 0 {
        // An empty file has no tree; its root is zero.
        descriptor.iter_mut().skip(16).for_each(|byte| *byte = 0);
    }
    Ok((Digest::of(&descriptor), size))
}

/// Adds a hash to the lowest level, and the hashes of blocks that become full to those above.
fn add(salted: &Salted, levels: &mut Vec<Vec<u8>>, hash: &[u8; Digest::LEN]) {
    let mut hash = *hash;
    let mut at = 0;
    loop {
        if at == levels.len() {
            levels.push(Vec::new());
        }
        let Some(level) = levels.get_mut(at) else {
            return;
        };
        level.extend_from_slice(&hash);
        if level.len() < BLOCK {
            return;
        }
        hash = *salted.one(level).as_bytes();
        level.clear();
        at += 1;
    }
}

/// Closes the blocks that are not full, from below; the one hash that is left.
fn root(salted: &Salted, levels: Vec<Vec<u8>>) -> Digest {
    let top = levels.len().saturating_sub(1);
    let mut carried: Option<Digest> = None;
    for (at, mut level) in levels.into_iter().enumerate() {
        level.extend(carried.iter().flat_map(Digest::as_bytes));
        match level.first_chunk() {
            Some(hash) if at == top && level.len() == Digest::LEN => {
                return Digest::from_bytes(*hash);
            }
            Some(_) => {
                level.resize(BLOCK, 0);
                carried = Some(salted.one(&level));
            }
            None => {}
        }
    }
    carried.unwrap_or(Digest::from_bytes([0; Digest::LEN]))
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(more) => count = count.saturating_add(more),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `fsverity digest` of fsverity-utils 1.5 prints for as many letters `a`.
    const KNOWN: [(usize, &str); 7] = [
        (
            0,
            "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95",
        ),
        (
            1,
            "bce75948b9e7510293f8f2720412af9697c1479281323f3f220623fb8e94b557",
        ),
        (
            4096,
            "a2a808ddaced77f0b6b3068f47b14b5a1fb3fc43674993ab11b8e7e6f2d089e2",
        ),
        (
            4097,
            "18b155c0b6e054f3f7d22488ed15340e74dc161ce2d123e13eb685c3ce565f70",
        ),
        (
            524_288,
            "35ce0df2a57eb54aeba7969570bac9dfadfac295ec181a03f13ac7a7da54909e",
        ),
        (
            524_289,
            "cc4f297494cf9e0b6f159db6d30a62d3fcc219fc9c0cbc2d8792bd264da4d9cb",
        ),
        (
            1_000_000,
            "50049eeefec9385017816e55c0783638f225a3938338cbd673ce9ee8bc977100",
        ),
    ];

    #[test]
    fn known_answers() {
        for (length, wanted) in KNOWN {
            let bytes = vec![b'a'; length];
            let (digest, size) = digest(bytes.as_slice()).unwrap();
            assert_eq!(size, u64::try_from(length).unwrap());
            assert_eq!(digest.to_string(), wanted, "{length}");
        }
    }
}

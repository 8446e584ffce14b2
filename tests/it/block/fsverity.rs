//! fs-verity digests.

use karat::layout::fsverity;

use super::fixture::{agrees, noise, write};
use crate::support::{Scratch, judge};

/// `fsverity digest` prints the same.
#[test]
fn fsverity_agrees() {
    let Some(program) = judge("fsverity") else {
        return;
    };
    let scratch = Scratch::new("fsverity");
    let file = scratch.join("file");
    let block = 4096;
    for length in [
        0,
        1,
        block - 1,
        block,
        block + 1,
        128 * block,
        128 * block + 1,
        129 * block,
        128 * 128 * block,
        128 * 128 * block + 1,
        10_000_000,
    ] {
        let bytes = noise(1, length);
        write(&file, &bytes);
        let said = agrees(program.command().args(["digest", "--compact"]).arg(&file));
        let (digest, size) = fsverity::digest(bytes.as_slice()).unwrap();
        assert_eq!(size, length as u64);
        assert_eq!(said.trim(), digest.to_string(), "{length}");
    }
}

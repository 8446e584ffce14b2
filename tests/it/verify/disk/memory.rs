//! How much memory verifying a disk takes: the same however large its files are.

use karat::image::erofs::Compression;

use super::fixture::{Disk, Made};
use crate::support::judge;
use crate::verify::scale::measured;

/// Bytes of the large file.
const SIZE: usize = 160 << 20;
/// Most memory that either program may take, in KiB.
const MEMORY_MAX: u64 = 48 << 10;

#[test]
fn a_disk_with_a_large_file_takes_little_memory() {
    let Some(python) = judge("python3") else {
        return;
    };
    for (compression, name) in [(Compression::Lz4, "lz4"), (Compression::None, "plain")] {
        let disk = Disk::of(&format!("vdisk-memory-{name}"), |trust| {
            Made::of("1", trust, compression, |sample| {
                sample.file("/usr/lib/large", 0o644, &vec![b'k'; SIZE], "package:large");
            })
        });
        let path = disk.write(|_| {});
        for program in [
            env!("CARGO_BIN_EXE_karat"),
            env!("CARGO_BIN_EXE_karat-agent"),
        ] {
            let path = path.to_str().unwrap();
            let arguments = ["verify", "--trust", "trust.json", "--disk", path];
            let (memory, code) = measured(&python, disk.scratch.path(), program, &arguments);
            println!("{name}: {memory} KiB at most");
            assert_eq!(code, 0);
            assert!(memory <= MEMORY_MAX, "{program}, {name}: {memory} KiB");
        }
    }
}

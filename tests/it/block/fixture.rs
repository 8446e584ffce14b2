//! Bytes, file systems and disks to look at.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use karat::digest::Digest;
use karat::image::fat::{self, Settings};
use karat::image::gpt::{Layout, Plan, Slots};
use karat::image::pieces::Pieces;
use karat::layout::Source;
use karat::layout::gpt::Machine;
use karat::layout::verity::Verity;
use karat::tree::Epoch;

/// Bytes without a pattern, the same in each run (Knuth's 64-bit linear congruence).
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let step = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(step).collect()
}

/// All bytes of a source.
pub fn bytes(source: &dyn Source) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(source.size()).unwrap()];
    source.read_at(0, &mut bytes).unwrap();
    bytes
}

pub fn epoch() -> Epoch {
    Epoch::new(1_700_000_000).unwrap()
}

pub const ESP_SIZE: u64 = 34 << 20;

pub fn settings() -> Settings {
    Settings {
        id: 0x1234_abcd,
        label: "ESP".to_owned(),
        epoch: epoch(),
        size: ESP_SIZE,
    }
}

/// What an EFI system partition holds, and more: long and short names, empty files, files of
/// whole clusters, directories of more than a cluster.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::from(
        [
            ("EFI/BOOT/BOOTX64.EFI", 100_000),
            ("EFI/Linux/web_1.0+3.efi", 300_001),
            ("EFI/systemd/systemd-bootx64.efi", 512),
            ("loader/loader.conf", 20),
            ("loader/entries.srel", 0),
            ("karat/web_1.0.dsse.json", 2000),
            ("karat/web_1.0.tlog-proof", 511),
            ("karat/a name of more than thirteen letters, twice.txt", 513),
            ("readme.txt", 3),
        ]
        .map(|(path, length)| (path.to_owned(), noise(7, length))),
    );
    for number in 0..40 {
        files.insert(format!("many/file number {number}"), vec![number; 10]);
    }
    files
}

pub fn boxed(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Box<dyn Source + '_>> {
    files
        .iter()
        .map(|(path, bytes)| {
            let source: Box<dyn Source + '_> = Box::new(bytes);
            (path.clone(), source)
        })
        .collect()
}

pub fn esp(files: &BTreeMap<String, Vec<u8>>) -> Pieces<'_> {
    fat::image(&settings(), boxed(files)).unwrap()
}

/// A layout with two slots and a state partition, over so many blocks of data.
pub fn layout(blocks: u64) -> Layout {
    let seed = Digest::of(b"inputs");
    let root = Digest::of(b"root hash");
    Layout {
        seed,
        lineage: Digest::of(b"lineage"),
        machine: Machine::X86_64,
        label: "web_1.0".to_owned(),
        verity: Verity::new(root, Verity::salt_of(&seed), blocks).unwrap(),
        esp: ESP_SIZE,
        root: 3 << 20,
        tree: 1 << 20,
        slots: Slots::Two,
        state: Some(2 << 20),
        size: None,
    }
}

pub fn plan() -> Plan {
    layout(100).plan().unwrap()
}

/// Runs a judge that must agree.
pub fn agrees(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned();
    let and = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}\n{said}{and}");
    said
}

pub fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}

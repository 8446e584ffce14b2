//! A disk that became larger: its state partition takes that, and keeps what it has.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use karat::layout::Source;
use karat::layout::gpt;

use super::fixture::Disk;
use super::machine::{Start, boot};
use crate::build::boot::{has, has_not};
use crate::build::workshop::said;
use crate::support::judge;
use crate::support::schema::published;

const MIB: u64 = 1 << 20;

/// Sectors of the state partition, and bytes of its file system, as the running system has them.
fn sizes(console: &str) -> (u64, u64) {
    let line = console.lines().find_map(|line| line.strip_prefix("SIZES "));
    let numbers = line
        .unwrap()
        .split(' ')
        .map(|it| it.parse::<u64>().unwrap());
    let [sectors, blocks, block] = numbers.collect::<Vec<_>>().try_into().unwrap();
    (sectors, blocks * block)
}

/// What the report warns of.
fn warnings(console: &str) -> Vec<String> {
    let line = console
        .lines()
        .find_map(|line| line.strip_prefix("REPORT "));
    let report = published("boot-report").holds(line.unwrap());
    let findings = report["findings"].as_array().unwrap().iter();
    let text = |finding: &serde_json::Value| finding["message"].as_str().unwrap().to_owned();
    findings.map(text).collect()
}

#[test]
fn state_grows_with_the_disk() {
    let (Some(disk), Some(sgdisk), Some(sfdisk)) =
        (Disk::new("disk-grown"), judge("sgdisk"), judge("sfdisk"))
    else {
        return;
    };
    let path = disk.path("disk.raw");
    let clean = || {
        let (code, text) = said(&sgdisk.command().arg("-v").arg(&path).output().unwrap());
        assert!(code == 0 && text.contains("No problems found"), "{text}");
        let (code, text) = said(
            &sfdisk
                .command()
                .arg("--verify")
                .arg(&path)
                .output()
                .unwrap(),
        );
        assert!(code == 0 && text.contains("No errors detected"), "{text}");
    };
    // Where the disk ends now, sgdisk misses the second copy of the tables.
    disk.enlarge(64);
    let console = boot(&disk, &Start::default());
    has(
        &console,
        &["ROOT RUNS\n", "\"state\":\"blank\"", "WROTE /var/x\n"],
    );
    has_not(&console, &["karat: "]);
    let (sectors, bytes) = sizes(&console);
    // From 75 MiB to the last whole one of 156 that leaves room for the tables.
    assert_eq!(sectors, 80 * 2048);
    assert!(bytes > 64 * MIB, "{bytes}");
    assert_eq!(warnings(&console).len(), 1, "a first boot");
    clean();

    // Nothing to do, nothing said, no byte of a table written.
    let tables = || {
        let disk = Bytes(File::open(&path).unwrap());
        gpt::Disk::read(&disk).unwrap()
    };
    let before = tables();
    let console = boot(&disk, &Start::default());
    has(&console, &["ROOT RUNS\n", "FOUND /var/x\n"]);
    has_not(&console, &["karat: "]);
    assert_eq!(sizes(&console), (sectors, bytes));
    assert_eq!(tables(), before);

    // Larger once more; and this time the power failed when the second copy and one sector of the
    // first were written.
    disk.enlarge(32);
    let larger = tables();
    let grown = larger.grown(disk.plan.state.unwrap()).unwrap().unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    let tail = grown.tail();
    let end = grown.known - Source::size(&tail);
    file.write_all_at(&tail, end).unwrap();
    file.write_all_at(&grown.head()[1024..1536], 1024).unwrap();
    assert!(gpt::Disk::read(&Bytes(File::open(&path).unwrap())).is_err());
    let console = boot(&disk, &Start::default());
    has(
        &console,
        &["ROOT RUNS\n", "\"state\":\"kept\"", "FOUND /var/x\n"],
    );
    has_not(&console, &["karat: "]);
    let (sectors, bytes) = sizes(&console);
    assert_eq!(sectors, 112 * 2048);
    assert!(bytes > 96 * MIB, "the file system grew, too: {bytes}");
    assert_eq!(tables(), grown);
    clean();
}

/// A file as it lies.
struct Bytes(File);

impl Source for Bytes {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), karat::layout::SourceError> {
        let read = self.0.read_exact_at(buffer, offset);
        read.map_err(|error| karat::layout::SourceError::Io { offset, error })
    }
}

//! Attacks on partitions, and on what lies in none.

use karat::appraise::{Change, Verdict};
use karat::image::gpt::Wanted;
use karat::layout::Uuid;
use karat::layout::gpt::{Attributes, Kind};

use super::fixture::{Disk, ESP, MIB, NEEDLE, ROOT, SPARE, STATE, TREE, find, says};

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

#[test]
fn root_byte_flipped() {
    let disk = Disk::new("vdisk-root");
    let start = at(disk.partitions()[ROOT].start);
    let found = disk.verified(|bytes| {
        let within = find(&disk.made[0].root, NEEDLE);
        bytes[start + within] ^= 1;
    });
    says(&found, Verdict::Drift, "partition 2: verity: block ");
    assert_eq!(found.verdicts(), [Verdict::Drift]);
    assert!(!found.artefact.unwrap().is_as_signed());
    let drifts = found.report.unwrap().drifts;
    assert_eq!(drifts.len(), 1, "{drifts:#?}");
    assert_eq!(drifts[0].path.to_string(), "/usr/bin/large");
    assert!(matches!(drifts[0].change, Change::Content { .. }));
    // The superblock: no tree can be made of it, and manifest and expectations cannot be found.
    let damaged = disk.verified(|bytes| bytes[start + 1024] ^= 1);
    says(
        &damaged,
        Verdict::Drift,
        "partition 2: verity: block 0 of the data",
    );
    assert!(damaged.verdicts().contains(&Verdict::Incomplete));
    // Where they lie beside it, the root is looked at, and is none.
    let made = &disk.made[0];
    let beside = |suffix: &str, bytes: &[u8]| {
        let path = disk.scratch.join(format!("beside{suffix}"));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    beside(".mtree", &made.manifest);
    beside(".expect.json", &made.expectations);
    let mut request = disk.request(disk.write(|bytes| bytes[start + 1024] ^= 1));
    request.baseline = Some(beside(".dsse.json", &made.envelope(5, 2)));
    let found = karat::ops::verify::verify(&request).unwrap();
    says(
        &found,
        Verdict::Drift,
        "partition 2 is no root that a build writes",
    );
}

#[test]
fn tree_byte_flipped() {
    let disk = Disk::new("vdisk-tree");
    let start = at(disk.partitions()[TREE].start);
    // Superblock, topmost block, a block over the data.
    let superblock = disk.verified(|bytes| bytes[start + 72] ^= 1);
    says(
        &superblock,
        Verdict::Untrusted,
        "another salt or number of blocks",
    );
    let top = disk.verified(|bytes| bytes[start + 4096] ^= 1);
    says(
        &top,
        Verdict::Untrusted,
        "partition 3: verity: block 0 of level 1",
    );
    let leaf = disk.verified(|bytes| bytes[start + 2 * 4096] ^= 1);
    says(
        &leaf,
        Verdict::Drift,
        "partition 3: verity: block 0 of level 0",
    );
    says(
        &leaf,
        Verdict::Drift,
        "partition 3 is not demo_1.verity as signed",
    );
    // The id in the superblock is vouched for by the digest alone.
    let id = disk.verified(|bytes| bytes[start + 16] ^= 1);
    says(
        &id,
        Verdict::Drift,
        "partition 3 is not demo_1.verity as signed",
    );
}

#[test]
fn root_hash_swapped() {
    let mut disk = Disk::new("vdisk-swapped");
    disk.wanted[ROOT].id = Uuid::from_bytes([0x5a; 16]);
    let found = disk.verified(|_| {});
    says(
        &found,
        Verdict::Untrusted,
        "there is no root of demo_1 with the signed root hash",
    );
    says(
        &found,
        Verdict::Untrusted,
        "partition 2 should be empty, and has bytes",
    );
    assert!(
        found.report.is_none(),
        "what is untrusted is not compared with"
    );
}

#[test]
fn unexpected_partition() {
    let mut disk = Disk::new("vdisk-partition");
    disk.wanted.push(Wanted {
        kind: Kind::Linux,
        id: Uuid::from_bytes([0x66; 16]),
        name: "evil".to_owned(),
        size: MIB,
        attributes: Attributes::default(),
    });
    let text = "partition 7 is none of the image's: label \"evil\"";
    disk.says(Verdict::Untrusted, text, |_| {});
    disk.wanted.pop();
    disk.wanted[STATE].id = Uuid::from_bytes([0x66; 16]);
    disk.says(
        Verdict::Untrusted,
        "partition 6 is none of the image's",
        |_| {},
    );
}

#[test]
fn labels_and_attributes_that_mislead() {
    let mut disk = Disk::new("vdisk-labels");
    disk.wanted[ROOT].name = "demo_9".to_owned();
    disk.says(Verdict::Untrusted, "its label says \"demo_9\"", |_| {});
    disk.wanted[ROOT].name = "demo_1".to_owned();
    disk.wanted[STATE].attributes = Attributes(4);
    disk.says(
        Verdict::Untrusted,
        "partition 6 has attributes that karat never writes: 0x4",
        |_| {},
    );
    disk.wanted[STATE].attributes = Attributes::GROW;
    disk.wanted[SPARE].kind = Kind::Esp;
    disk.says(
        Verdict::Untrusted,
        "partitions 1 and 4 are both EFI system partitions",
        |_| {},
    );
}

#[test]
fn bytes_in_gaps_empty_slots_and_behind_what_was_signed() {
    let disk = Disk::new("vdisk-gaps");
    let partitions = disk.partitions();
    let nowhere = "there are bytes in no partition, the first at offset 1048575";
    disk.says(Verdict::Untrusted, nowhere, |bytes| bytes[at(MIB) - 1] = 1);
    let last = at(partitions[STATE].end());
    let behind = format!("the first at offset {last}");
    disk.says(Verdict::Untrusted, &behind, |bytes| bytes[last] = 1);
    // A larger volume: its tail belongs to nobody.
    let size = disk.bytes().len();
    let tail = format!("the first at offset {}", size + 512);
    disk.says(Verdict::Untrusted, &tail, |bytes| {
        bytes.resize(size + 4096, 0);
        bytes[size + 512] = 1;
    });
    let volume = disk.verified(|bytes| bytes.resize(size + 4096, 0));
    assert_eq!(volume.verdict(), Verdict::Match, "{:#?}", volume.findings);
    let spare = at(partitions[SPARE].end()) - 1;
    let text = "partition 4 should be empty, and has bytes";
    disk.says(Verdict::Untrusted, text, |bytes| bytes[spare] = 1);
    let root = at(partitions[ROOT].end()) - 1;
    let text = "partition 2 has bytes that belong to nothing";
    disk.says(Verdict::Untrusted, text, |bytes| bytes[root] = 1);
    let tree = at(partitions[TREE].end()) - 1;
    let text = "partition 3 has bytes that belong to nothing";
    disk.says(Verdict::Untrusted, text, |bytes| bytes[tree] = 1);
    let esp = at(partitions[ESP].end()) - 1;
    let text = "partition 1 has bytes that belong to nothing";
    disk.says(Verdict::Untrusted, text, |bytes| bytes[esp] = 1);
    // The code of a boot sector, and its copy.
    let boot = at(partitions[ESP].start);
    disk.says(Verdict::Untrusted, text, |bytes| {
        bytes[boot + 100] = 1;
        bytes[boot + 6 * 512 + 100] = 1;
    });
    // What a machine keeps is its own.
    let state = at(partitions[STATE].start);
    let kept = disk.verified(|bytes| bytes[state] = 1);
    assert_eq!(kept.verdict(), Verdict::Match, "{:#?}", kept.findings);
}

#[test]
fn tables_that_are_cut_damaged_or_something_else() {
    let disk = Disk::new("vdisk-cut");
    let size = disk.bytes().len();
    let text = "the second header is missing";
    for (length, text) in [
        (
            size - 512,
            "the first header says that the second lies where it cannot",
        ),
        (
            size / 2,
            "the first header says that the second lies where it cannot",
        ),
        (1000, "are no disk with a GPT"),
        (0, "are no disk with a GPT"),
    ] {
        disk.says(Verdict::Untrusted, text, |bytes| bytes.truncate(length));
    }
    disk.says(Verdict::Untrusted, text, |bytes| {
        bytes[size - 512..].fill(0);
    });
    disk.says(Verdict::Untrusted, "it has code", |bytes| bytes[0] = 0xeb);
    let found = disk.verified(|bytes| bytes[..5].copy_from_slice(b"QFI\xfb\0"));
    says(&found, Verdict::Drift, "has no disk that can be read");
    let found = disk.verified(|bytes| bytes[..4].copy_from_slice(b"KDMV"));
    says(&found, Verdict::Drift, "has no disk that can be read");
    let found = disk.verified(|bytes| bytes[..2].copy_from_slice(&[0x1f, 0x8b]));
    says(&found, Verdict::Drift, "has no disk that can be read");
}

/// One byte changed anywhere but where a machine writes is never a match.
#[test]
fn each_byte_counts() {
    let disk = Disk::new("vdisk-bytes");
    let partitions = disk.partitions();
    let (esp, root, tree) = (&partitions[ESP], &partitions[ROOT], &partitions[TREE]);
    let size = disk.bytes().len() as u64;
    let mut state = 11_u64;
    let mut random = |from: u64, to: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        from + (state >> 33) % (to - from)
    };
    let mut places = vec![(size - 1, "header"), (512 + 30, "header")];
    for _ in 0..4 {
        places.push((random(0, 446), "boot record"));
        places.push((random(1024, 34 * 512), "table"));
        places.push((random(34 * 512, MIB), "gap"));
        places.push((
            random(root.start, root.start + disk.made[0].verity.data_size()),
            "root",
        ));
        places.push((
            random(tree.start, tree.start + disk.made[0].verity.tree_size()),
            "tree",
        ));
        places.push((random(tree.end(), partitions[STATE].start), "empty slot"));
        places.push((random(esp.start + 16 * MIB, esp.end()), "free clusters"));
    }
    for (offset, what) in places {
        let found = disk.verified(|bytes| bytes[at(offset)] ^= 0x40);
        assert_ne!(found.verdict(), Verdict::Match, "{what} at {offset}");
        assert_ne!(found.verdict(), Verdict::Incomplete, "{what} at {offset}");
    }
}

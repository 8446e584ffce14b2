//! Partition tables: what karat writes, and what others make of it.

use std::io::Write as _;
use std::process::Stdio;

use karat::digest::Digest;
use karat::image::gpt::{Layout, Plan, PlanError, Slots, Wanted, fill, with_partition};
use karat::layout::gpt::{Attributes, Disk, Kind, Machine};
use karat::layout::{Source, Uuid, first_used};

use super::fixture::{agrees, bytes, layout, noise, plan, write};
use crate::support::{Scratch, judge};

const MIB: u64 = 1 << 20;

#[test]
fn what_was_planned_is_read_again() {
    let plan = plan();
    let contents = [noise(1, 5000), noise(2, 100_000), noise(3, 4096)];
    let [esp, root, tree] = contents
        .each_ref()
        .map(|content| -> &dyn Source { content });
    let disk = fill(&plan, [(1, esp), (2, root), (3, tree)]).unwrap();
    let read = Disk::read(&disk).unwrap();
    assert_eq!(read.id, plan.id());
    assert_eq!(read.partitions, plan.partitions());
    assert_eq!((read.size, read.known), (plan.size(), plan.size()));
    for (partition, content) in read.partitions.iter().zip(&contents) {
        let mut start = vec![0; content.len()];
        partition.of(&disk).unwrap().read_at(0, &mut start).unwrap();
        assert!(start == *content);
    }
    // The MiB before the first partition, and the one that ends in the second table.
    let gaps = read.gaps();
    assert_eq!(
        gaps,
        [34 * 512..MIB, plan.size() - MIB..plan.size() - 33 * 512]
    );
    for gap in gaps {
        assert_eq!(first_used(&disk, gap).unwrap(), None);
    }
    let mut whole = Vec::new();
    disk.write(&mut whole).unwrap();
    assert!(whole == bytes(&disk));
    let mut sparse = vec![0; whole.len()];
    disk.each_used(|offset, bytes| {
        let at = usize::try_from(offset).unwrap();
        sparse[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    })
    .unwrap();
    assert!(whole == sparse);
}

#[test]
fn names_follow_the_specification_of_discoverable_partitions() {
    let layout = layout(100);
    let plan = layout.plan().unwrap();
    let [root, tree] = Uuid::halves(&layout.verity.root());
    let said: Vec<_> = plan
        .partitions()
        .iter()
        .map(|it| {
            (
                it.number,
                it.kind,
                it.name.as_str(),
                it.start / MIB,
                it.size / MIB,
            )
        })
        .collect();
    let (data, hashes) = (
        Kind::Root(Machine::X86_64),
        Kind::RootVerity(Machine::X86_64),
    );
    assert_eq!(
        said,
        [
            (1, Kind::Esp, "esp", 1, 34),
            (2, data, "web_1.0", 35, 3),
            (3, hashes, "web_1.0", 38, 1),
            (4, data, "_empty", 39, 3),
            (5, hashes, "_empty", 42, 1),
            (6, Kind::Linux, "state", 43, 2),
        ]
    );
    let [esp, one, two, three, four, state] = plan.partitions() else {
        panic!()
    };
    assert_eq!([one.id, two.id], [root, tree]);
    assert_eq!([esp.attributes.0, state.attributes.0], [0, 1 << 59]);
    assert_eq!([one.attributes.0, two.attributes.0], [1 << 60; 2]);
    assert_eq!(
        [three.attributes.0, four.attributes.0],
        [1 << 60 | 1 << 63; 2]
    );
    assert!(one.attributes.has(Attributes::READ_ONLY));
    // Another build has other names, the same one has the same.
    let mut other = layout.clone();
    other.seed = Digest::of(b"other inputs");
    assert_ne!(other.plan().unwrap().id(), plan.id());
    assert_eq!(layout.plan().unwrap(), plan);
}

#[test]
fn the_state_takes_what_is_left() {
    let mut large = layout(100);
    large.size = Some(100 * MIB);
    let plan = large.plan().unwrap();
    assert_eq!(plan.size(), 100 * MIB);
    let state = plan.partitions().last().unwrap();
    assert_eq!((state.start, state.end()), (43 * MIB, 99 * MIB));
    large.state = None;
    large.slots = Slots::One;
    let plan = large.plan().unwrap();
    assert_eq!(plan.partitions().last().unwrap().end(), 39 * MIB);
    assert_eq!(plan.size(), 100 * MIB);
}

#[test]
fn what_cannot_be_is_said_before_anything_is_written() {
    let refused = |change: &dyn Fn(&mut Layout)| {
        let mut layout = layout(100);
        change(&mut layout);
        layout.plan().unwrap_err()
    };
    let needed = 46 * MIB;
    let size = 45 * MIB;
    assert_eq!(
        refused(&|it| it.size = Some(size)),
        PlanError::Size { size, needed }
    );
    assert_eq!(
        refused(&|it| it.size = Some(needed + 512)),
        PlanError::Unaligned(needed + 512)
    );
    assert_eq!(
        refused(&|it| it.esp = u64::MAX),
        PlanError::Unaligned(u64::MAX)
    );
    let (what, size, needed) = ("root partition", 409_599, 409_600);
    assert_eq!(
        refused(&|it| it.root = size),
        PlanError::Slot { what, size, needed }
    );
    let (what, size, needed) = ("verity partition", 8191, 8192);
    assert_eq!(
        refused(&|it| it.tree = size),
        PlanError::Slot { what, size, needed }
    );
    for name in ["", "name with spaces", "caf\u{e9}", &"n".repeat(37)] {
        let error = refused(&|it| it.label = name.to_owned());
        assert_eq!(error, PlanError::Name(name.to_owned()));
    }
    let wanted = |number: u8| Wanted {
        kind: Kind::Linux,
        id: Uuid::from_bytes([number; 16]),
        name: "data".to_owned(),
        size: 1,
        attributes: Attributes::default(),
    };
    let plan = |list: Vec<Wanted>| Plan::new(Uuid::from_bytes([9; 16]), list, None, false);
    let twice = PlanError::Twice(Uuid::from_bytes([1; 16]));
    assert_eq!(plan(vec![wanted(1), wanted(1)]), Err(twice));
    assert_eq!(plan(vec![wanted(0)]), Err(PlanError::Twice(Uuid::NIL)));
    assert!(plan((1..=128).map(wanted).collect()).is_ok());
    assert_eq!(
        plan((1..=129).map(wanted).collect()),
        Err(PlanError::Many(129))
    );
    let (plan, large) = (super::fixture::plan(), vec![0_u8; (1 << 20) + 1]);
    assert!(fill(&plan, [(3, &large as &dyn Source)]).is_err());
    assert!(fill(&plan, [(7, &large as &dyn Source)]).is_err());
}

#[test]
fn one_partition_is_replaced_and_nothing_else() {
    let plan = plan();
    let (old, new) = (noise(1, 9000), noise(2, 1 << 20));
    let disk = fill(&plan, [(3, &old as &dyn Source)]).unwrap();
    let tree = &plan.partitions()[2];
    let replaced = with_partition(&disk, tree, &new).unwrap();
    let wanted = fill(&plan, [(3, &new as &dyn Source)]).unwrap();
    assert!(bytes(&replaced) == bytes(&wanted));
    assert!(with_partition(&disk, tree, &old).is_err());
}

/// sgdisk and sfdisk find nothing to complain about, and read what was meant.
#[test]
fn sgdisk_and_sfdisk_agree() {
    let scratch = Scratch::new("gpt-judges");
    let file = scratch.join("disk.raw");
    let plan = plan();
    let nothing: [(usize, &dyn Source); 0] = [];
    write(&file, bytes(&fill(&plan, nothing).unwrap()));
    if let Some(sgdisk) = judge("sgdisk") {
        let said = agrees(sgdisk.command().arg("-v").arg(&file));
        assert!(said.contains("No problems found."), "{said}");
        let said = agrees(sgdisk.command().arg("-i").arg("2").arg(&file));
        assert!(said.contains("'web_1.0'"), "{said}");
        let id = plan.partitions()[1].id.to_string().to_uppercase();
        assert!(said.contains(&id), "{said}");
    }
    if let Some(sfdisk) = judge("sfdisk") {
        let said = agrees(sfdisk.command().arg("--verify").arg(&file));
        assert!(said.contains("No errors detected."), "{said}");
        let said = agrees(sfdisk.command().arg("--dump").arg(&file));
        for partition in plan.partitions() {
            for word in [
                format!("type={}", partition.kind.uuid()).to_uppercase(),
                format!("uuid={}", partition.id).to_uppercase(),
                format!("name=\"{}\"", partition.name).to_uppercase(),
                format!("start={:12}", partition.start / 512).to_uppercase(),
                format!("size={:12}", partition.size / 512).to_uppercase(),
            ] {
                assert!(said.to_uppercase().contains(&word), "{word} in {said}");
            }
        }
        for flag in ["\"GUID:59\"", "\"GUID:60\"", "\"GUID:60,63\""] {
            assert!(said.contains(flag), "{flag} in {said}");
        }
    }
}

/// Tables of other programs are read, also on a disk that was grown afterwards.
#[test]
fn disks_of_others_are_read() {
    let scratch = Scratch::new("gpt-others");
    let file = scratch.join("disk.raw");
    if let Some(sfdisk) = judge("sfdisk") {
        write(&file, vec![0; 64 << 20]);
        let mut child = sfdisk
            .command()
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let script = "label: gpt\nsize=16M,name=one\nsize=8M,name=two,attrs=\"GUID:63\"\n";
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success());
        let mut disk = std::fs::read(&file).unwrap();
        disk.resize(80 << 20, 0);
        let read = Disk::read(&disk).unwrap();
        assert_eq!((read.known, read.size), (64 * MIB, 80 * MIB));
        let [one, two] = read.partitions.as_slice() else {
            panic!()
        };
        assert_eq!(
            (one.name.as_str(), one.start, one.size),
            ("one", MIB, 16 * MIB)
        );
        assert_eq!(
            (two.name.as_str(), two.attributes),
            ("two", Attributes::NO_AUTO)
        );
        assert_eq!(one.kind, Kind::Linux);
        assert_eq!(*read.gaps().last().unwrap(), 64 * MIB..80 * MIB);
    }
    if let Some(sgdisk) = judge("sgdisk") {
        write(&file, vec![0; 64 << 20]);
        agrees(
            sgdisk
                .command()
                .args(["-n", "1:0:+16M", "-t", "1:ef00", "-n", "3:0:0"])
                .arg(&file),
        );
        let disk = std::fs::read(&file).unwrap();
        let read = Disk::read(&disk).unwrap();
        let numbers: Vec<usize> = read.partitions.iter().map(|it| it.number).collect();
        assert_eq!(numbers, [1, 3]);
        assert_eq!(read.partitions[0].kind, Kind::Esp);
    }
}

//! FAT32: what karat writes, and what others make of it.

use std::collections::BTreeMap;

use karat::image::fat::{self, FatWriteError, Settings};
use karat::layout::Source;
use karat::layout::fat::{FatError, Volume};
use karat::tree::Epoch;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::fixture::{ESP_SIZE, agrees, boxed, bytes, epoch, esp, files, noise, settings, write};
use crate::support::{Scratch, judge};

#[test]
fn what_was_written_is_read_again() {
    let files = files();
    let esp = esp(&files);
    let volume = Volume::read(&esp).unwrap();
    assert_eq!((volume.id, volume.size), (0x1234_abcd, ESP_SIZE));
    assert_eq!(volume.label.as_deref(), Some("ESP"));
    let paths: Vec<&String> = volume.files.iter().map(|file| &file.path).collect();
    assert_eq!(paths, files.keys().collect::<Vec<_>>());
    assert_eq!(
        volume.directories,
        [
            "EFI",
            "EFI/BOOT",
            "EFI/Linux",
            "EFI/systemd",
            "karat",
            "loader",
            "many"
        ]
    );
    for (file, content) in volume.files.iter().zip(files.values()) {
        assert!(
            file.read(&esp, 1 << 20).unwrap() == *content,
            "{}",
            file.path
        );
        let mut end = vec![0; content.len() / 2];
        let from = content.len() - end.len();
        file.of(&esp).read_at(from as u64, &mut end).unwrap();
        assert!(end == content[from..]);
        assert!(
            file.of(&esp)
                .read_at(from as u64 + 1, &mut vec![0; end.len()])
                .is_err()
                || end.is_empty()
        );
    }
    let found = volume.file("efi/boot/bootX64.efi").unwrap();
    assert_eq!(found.path, "EFI/BOOT/BOOTX64.EFI");
    assert!(matches!(
        found.read(&esp, 99_999),
        Err(FatError::Large {
            size: 100_000,
            max: 99_999,
            ..
        })
    ));
    assert!(volume.file("EFI/BOOT").is_none());
    fat::compare(&volume, &esp, epoch()).unwrap();
    // Nothing that was not put there.
    let whole = bytes(&esp);
    let mut written = Vec::new();
    esp.write(&mut written).unwrap();
    assert!(whole == written);
}

#[test]
fn sizes_with_small_and_large_clusters() {
    let files = files();
    for (mebibytes, cluster) in [
        (33, 512),
        (260, 512),
        (261, 4096),
        (1024, 4096),
        (8192, 4096),
    ] {
        let settings = Settings {
            size: mebibytes << 20,
            ..settings()
        };
        let esp = fat::image(&settings, boxed(&files)).unwrap();
        let volume = Volume::read(&esp).unwrap();
        assert_eq!((volume.cluster, volume.size), (cluster, mebibytes << 20));
        assert_eq!(volume.files.len(), files.len());
    }
    let none = Settings {
        size: 32 << 20,
        ..settings()
    };
    assert!(matches!(
        fat::image(&none, boxed(&files)),
        Err(FatWriteError::Size(_))
    ));
}

#[test]
fn an_added_file_lies_as_if_it_had_been_there_from_the_beginning() {
    let all = files();
    let whole = bytes(&esp(&all));
    for late in [
        vec!["karat/web_1.0.dsse.json", "karat/web_1.0.tlog-proof"],
        vec!["EFI/BOOT/BOOTX64.EFI"],
        vec!["readme.txt", "loader/entries.srel", "loader/loader.conf"],
        all.keys().map(String::as_str).collect(),
    ] {
        let mut early = all.clone();
        early.retain(|path, _| !late.contains(&path.as_str()));
        let early = esp(&early);
        let volume = Volume::read(&early).unwrap();
        let mut added = boxed(&all);
        added.retain(|path, _| late.contains(&path.as_str()));
        let grown = fat::with_files(&volume, &early, epoch(), added).unwrap();
        assert!(bytes(&grown) == whole, "{late:?}");
    }
    // One that is there already is replaced.
    let mut old = all.clone();
    old.insert("readme.txt".to_owned(), vec![1; 10_000]);
    let old = esp(&old);
    let volume = Volume::read(&old).unwrap();
    let mut added = boxed(&all);
    added.retain(|path, _| path == "readme.txt");
    let grown = fat::with_files(&volume, &old, epoch(), added).unwrap();
    assert!(bytes(&grown) == whole);
}

#[test]
fn no_byte_is_left_that_could_be_another() {
    let files = files();
    let esp = esp(&files);
    let good = bytes(&esp);
    let mut changed = good.clone();
    // The reserved sectors, the first table, the first clusters; then all over it.
    let table = 32 * 512;
    let data = table + 2 * (good.len() / 512 * 4).next_multiple_of(512);
    let places = (0..4096)
        .step_by(151)
        .chain((table..table + 8192).step_by(801))
        .chain((data - 8192..data + 16_384).step_by(801))
        .chain((0..good.len()).step_by(1_739_131));
    for at in places {
        changed[at] ^= 0x41;
        // The contents of files are not the file system's to vouch for.
        let differs = match Volume::read(&changed) {
            Err(_) => true,
            Ok(volume) => {
                let same = volume.files.iter().all(|file| {
                    let content = file.read(&changed, 1 << 20).unwrap();
                    files.get(&file.path) == Some(&content)
                });
                !same || fat::compare(&volume, &changed, epoch()).is_err()
            }
        };
        assert!(differs, "byte {at}");
        changed[at] ^= 0x41;
    }
}

#[test]
fn what_cannot_be_is_said() {
    let with = |path: &str, other: &str| {
        let content = vec![1];
        let files = BTreeMap::from([path, other].map(|path| (path.to_owned(), content.clone())));
        fat::image(&settings(), boxed(&files)).map(drop)
    };
    let long = "n".repeat(256);
    let deep = "d/".repeat(9) + "f";
    for path in [
        "",
        "/a",
        "a/",
        "a//b",
        "a/../b",
        "a/./b",
        "a:b",
        "a\\b",
        "caf\u{e9}",
        "a.",
        &long,
        &deep,
    ] {
        assert!(
            matches!(with(path, "x"), Err(FatWriteError::Path(_))),
            "{path}"
        );
    }
    for (path, other) in [("a/readme", "a/README"), ("a", "a/b"), ("A/x", "a/y")] {
        assert!(
            matches!(with(path, other), Err(FatWriteError::Twice(_))),
            "{path}"
        );
    }
    assert!(with(&("d/".repeat(8) + "f"), &"n".repeat(255)).is_ok());
    let label = |label: &str| {
        let settings = Settings {
            label: label.to_owned(),
            ..settings()
        };
        fat::image(&settings, BTreeMap::new()).map(drop)
    };
    for wrong in ["", "esp", "TWELVELETTER", "A B"] {
        assert!(
            matches!(label(wrong), Err(FatWriteError::Label(_))),
            "{wrong}"
        );
    }
    assert!(label("KARAT-ESP_1").is_ok());
    let large = vec![0; 35 << 20];
    let files = BTreeMap::from([("large".to_owned(), large)]);
    assert!(matches!(
        fat::image(&settings(), boxed(&files)).map(drop),
        Err(FatWriteError::Full { .. })
    ));
    let many: BTreeMap<String, Vec<u8>> = (0..5000)
        .map(|number| (format!("file {number}"), Vec::new()))
        .collect();
    assert!(matches!(
        fat::image(&settings(), boxed(&many)).map(drop),
        Err(FatWriteError::Many)
    ));
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_~+-]{1,9}(\\.[A-Za-z0-9]{1,4})?|[a-z][a-z .]{0,40}[a-z]"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_files_round_trip_or_are_refused(
        names in btree_map((prop::option::of(name()), name()), vec(any::<u8>(), 0..3000), 0..30),
        id: u32,
        seconds in 0_u64..5_000_000_000,
    ) {
        let files: BTreeMap<String, Vec<u8>> = names
            .into_iter()
            .map(|((directory, name), content)| match directory {
                Some(directory) => (format!("{directory}/{name}"), content),
                None => (name, content),
            })
            .collect();
        let epoch = Epoch::new(seconds).unwrap();
        let settings = Settings { id, epoch, ..settings() };
        match fat::image(&settings, boxed(&files)) {
            Ok(esp) => {
                let volume = Volume::read(&esp).unwrap();
                let read: BTreeMap<String, Vec<u8>> = volume
                    .files
                    .iter()
                    .map(|file| (file.path.clone(), file.read(&esp, 4000).unwrap()))
                    .collect();
                prop_assert_eq!(&read, &files);
                fat::compare(&volume, &esp, epoch).unwrap();
            }
            Err(error) => prop_assert!(matches!(error, FatWriteError::Twice(_)), "{}", error),
        }
    }
}

/// fsck.fat finds it clean, mtools list and read what was written.
#[test]
fn fsck_and_mtools_agree() {
    let scratch = Scratch::new("fat-judges");
    let file = scratch.join("esp.img");
    let files = files();
    for size in [ESP_SIZE, 300 << 20] {
        let settings = Settings { size, ..settings() };
        let esp = fat::image(&settings, boxed(&files)).unwrap();
        write(&file, bytes(&esp));
        if let Some(fsck) = judge("fsck.fat") {
            let said = agrees(fsck.command().args(["-n", "-v"]).arg(&file));
            let volume = Volume::read(&esp).unwrap();
            // The root is a directory, too.
            let count = files.len() + volume.directories.len() + 1;
            assert!(
                said.contains(&format!("{count} files, ")),
                "{count} in {said}"
            );
        }
        if let Some(mdir) = judge("mdir") {
            let said = agrees(mdir.command().args(["-/", "-b", "-i"]).arg(&file).arg("::"));
            let mut listed: Vec<&str> = said
                .lines()
                .filter(|line| !line.ends_with('/'))
                .map(|line| line.trim_start_matches("::/"))
                .collect();
            listed.sort_unstable();
            assert_eq!(listed, files.keys().map(String::as_str).collect::<Vec<_>>());
            let said = agrees(mdir.command().arg("-i").arg(&file).arg("::"));
            assert!(said.contains("Volume in drive : is ESP"), "{said}");
            assert!(said.contains("Volume Serial Number is 1234-ABCD"), "{said}");
            // The epoch, in UTC.
            assert!(said.contains("2023-11-14  22:13"), "{said}");
        }
        if let Some(mtype) = judge("mtype") {
            for (path, content) in &files {
                let output = mtype
                    .command()
                    .arg("-i")
                    .arg(&file)
                    .arg(format!("::{path}"))
                    .output();
                assert!(output.unwrap().stdout == *content, "{path}");
            }
        }
    }
}

/// What mkfs.fat and mtools write is read, and what mtools change, too.
#[test]
fn volumes_of_others_are_read() {
    let (Some(mkfs), Some(mcopy), Some(mmd)) = (judge("mkfs.fat"), judge("mcopy"), judge("mmd"))
    else {
        return;
    };
    let scratch = Scratch::new("fat-others");
    let (image, file) = (scratch.join("esp.img"), scratch.join("content"));
    let content = noise(4, 70_000);
    write(&file, &content);
    write(&image, vec![0; 40 << 20]);
    agrees(
        mkfs.command()
            .args(["-F", "32", "-n", "OTHER", "-i", "00c0ffee"])
            .arg(&image),
    );
    agrees(
        mmd.command()
            .arg("-i")
            .arg(&image)
            .args(["::EFI", "::EFI/BOOT", "::lower"]),
    );
    for path in [
        "::EFI/BOOT/BOOTX64.EFI",
        "::lower/lower.txt",
        "::lower/a longer name.conf",
    ] {
        agrees(mcopy.command().arg("-i").arg(&image).arg(&file).arg(path));
    }
    if let Some(mdel) = judge("mdel") {
        agrees(
            mcopy
                .command()
                .arg("-i")
                .arg(&image)
                .arg(&file)
                .arg("::gone again.txt"),
        );
        agrees(mdel.command().arg("-i").arg(&image).arg("::gone again.txt"));
    }
    let bytes = std::fs::read(&image).unwrap();
    let volume = Volume::read(&bytes).unwrap();
    assert_eq!(
        (volume.id, volume.label.as_deref()),
        (0x00c0_ffee, Some("OTHER"))
    );
    let paths: Vec<&str> = volume.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "EFI/BOOT/BOOTX64.EFI",
            "lower/a longer name.conf",
            "lower/lower.txt"
        ]
    );
    for file in &volume.files {
        assert!(file.read(&bytes, 1 << 20).unwrap() == content);
    }
    // It is somebody else's, and does not pass for ours.
    assert!(fat::compare(&volume, &bytes, epoch()).is_err());
}

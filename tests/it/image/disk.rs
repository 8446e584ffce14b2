//! Disks in containers: the same bytes come out again, QEMU agrees, and hostile files are refused.

use std::fs;
use std::io::Cursor;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;

use karat::digest::Digest;
use karat::image::disk::{Container, DiskError, Identity, Job};
use karat::layout::SourceError;
use karat::progress::Silent;

use super::fixture::is_root;
use crate::support::schema::published;
use crate::support::{Scratch, judge};

const MIB: usize = 1 << 20;

/// A disk of `size` bytes with content at its ends, in lone clusters, and in long rows; the same
/// each time.
fn disk(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut fill = |from: usize, length: usize, noise: bool| {
        let end = (from + length).min(size);
        for byte in bytes.get_mut(from..end).unwrap_or_default() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = if noise { state.to_le_bytes()[0] } else { b'a' };
        }
    };
    fill(0, 700, true);
    fill(MIB - 1, 2, true);
    fill(2 * MIB, 300_000, true);
    fill(3 * MIB, 900_000, false);
    fill(size - 513, 513, true);
    bytes
}

fn written(container: Container, disk: &Vec<u8>, compress: bool, threads: usize) -> Vec<u8> {
    let job = Job {
        disk,
        identity: Identity::of(disk, 1_760_000_000).unwrap(),
        progress: &Silent,
    };
    let threads = NonZero::new(threads).unwrap();
    let mut out = Cursor::new(Vec::new());
    container.write(&job, compress, threads, &mut out).unwrap();
    out.into_inner()
}

/// The disk in a file.
fn read(container: Container, file: &Vec<u8>) -> Result<Vec<u8>, DiskError> {
    if container == Container::Gcp {
        let mut bytes = Vec::new();
        let mut take = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok(())
        };
        Container::unpack(file.as_slice(), &mut take)?;
        return Ok(bytes);
    }
    let opened = container.open(file)?;
    let disk = opened.disk();
    let mut bytes = vec![0; usize::try_from(disk.size()).unwrap()];
    // In pieces that fit no cluster.
    for (number, piece) in bytes.chunks_mut(100_000).enumerate() {
        disk.read_at((number * 100_000) as u64, piece)?;
    }
    Ok(bytes)
}

#[test]
fn what_goes_in_comes_out_and_is_the_same_each_time() {
    for size in [4 * MIB, 5 * MIB + 512, 7 * MIB + 100 * 512] {
        let disk = disk(size);
        for (container, compress) in [
            (Container::Qcow2, false),
            (Container::Qcow2, true),
            (Container::Raw, false),
            (Container::Vhd, false),
            (Container::Vmdk, false),
        ] {
            let file = written(container, &disk, compress, 1);
            assert_eq!(file, written(container, &disk, compress, 3), "{container}");
            assert_eq!(Container::detect(&file).unwrap(), container);
            let again = read(container, &file).unwrap();
            let whole = match container {
                Container::Vhd => size.next_multiple_of(MIB),
                _ => size,
            };
            assert_eq!(again.len(), whole, "{container}");
            assert!(again[..size] == disk[..], "{container} {size}");
            assert!(again[size..].iter().all(|byte| *byte == 0));
            if container == Container::Qcow2 {
                // Holes are not stored.
                assert!(file.len() < size, "{} of {size}", file.len());
            }
        }
    }
}

#[test]
fn googles_archive_is_whole_gib_and_tar_agrees() {
    let disk = disk(5 * MIB + 512);
    let file = written(Container::Gcp, &disk, false, 2);
    assert_eq!(Container::detect(&file).unwrap(), Container::Gcp);
    let mut again = Vec::new();
    let mut length = 0;
    let mut take = |piece: &[u8]| {
        if length < 6 * MIB {
            again.extend_from_slice(piece);
        }
        length += piece.len();
        Ok(())
    };
    let size = Container::unpack(file.as_slice(), &mut take).unwrap();
    assert_eq!((size, length), (1 << 30, 1 << 30));
    assert!(again[..disk.len()] == disk[..]);
    assert!(again[disk.len()..].iter().all(|byte| *byte == 0));
    let refused = Container::Gcp.open(&file).unwrap_err().to_string();
    assert!(refused.contains("must be unpacked first"), "{refused}");
    let Some(tar) = judge("tar") else { return };
    let scratch = Scratch::new("gcp");
    let path = scratch.join("disk.tar.gz");
    fs::write(&path, &file).unwrap();
    let mut command = tar.command();
    command
        .args(["--utc", "--numeric-owner", "-tvf"])
        .arg(&path);
    let listed = said(&mut command);
    assert_eq!(
        listed,
        "-rw-r--r-- 0/0      1073741824 2025-10-09 08:53 disk.raw\n"
    );
    let head = flate2::read::GzDecoder::new(file.as_slice());
    let mut block = [0; 512];
    std::io::Read::read_exact(&mut { head }, &mut block).unwrap();
    assert_eq!(&block[257..265], b"ustar  \0", "the old GNU format");
}

fn said(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{text}{error}");
    text
}

#[test]
fn qemu_reads_what_was_written() {
    let Some(qemu) = judge("qemu-img") else {
        return;
    };
    let scratch = Scratch::new("containers");
    let raw = scratch.join("disk.raw");
    // More than one L2 table, and grain tables of zeros alone.
    let size = 514 * MIB;
    let mut bytes = disk(8 * MIB);
    bytes.resize(size, 0);
    bytes[513 * MIB] = 1;
    fs::write(&raw, &bytes).unwrap();
    for (container, compress, theirs) in [
        (Container::Qcow2, false, "qcow2"),
        (Container::Qcow2, true, "qcow2"),
        (Container::Vhd, false, "vpc"),
        (Container::Vmdk, false, "vmdk"),
    ] {
        let path = scratch.join(format!("disk{}", container.suffix()));
        fs::write(&path, written(container, &bytes, compress, 2)).unwrap();
        let mut compare = qemu.command();
        compare.args(["compare", "-f", "raw", "-F", theirs]);
        let text = said(compare.arg(&raw).arg(&path));
        assert_eq!(text, "Images are identical.\n", "{container}");
        if container != Container::Vhd {
            let mut check = qemu.command();
            let text = said(check.args(["check", "-f", theirs]).arg(&path));
            assert!(text.contains("No errors were found"), "{text}");
        }
        let mut info = qemu.command();
        info.args(["info", "--output", "json", "-f", theirs]);
        let info: serde_json::Value = serde_json::from_str(&said(info.arg(&path))).unwrap();
        assert_eq!(info["virtual-size"], size, "{container}");
        if container == Container::Vmdk {
            let data = &info["format-specific"]["data"];
            assert_eq!(data["create-type"], "streamOptimized");
        }
    }
}

#[test]
fn what_qemu_wrote_is_read() {
    let Some(qemu) = judge("qemu-img") else {
        return;
    };
    let scratch = Scratch::new("containers");
    let raw = scratch.join("disk.raw");
    let bytes = disk(9 * MIB);
    fs::write(&raw, &bytes).unwrap();
    for (container, options) in [
        (Container::Qcow2, "-O qcow2"),
        (Container::Qcow2, "-O qcow2 -o compat=0.10"),
        (Container::Qcow2, "-O qcow2 -o cluster_size=4k"),
        (Container::Qcow2, "-c -O qcow2"),
        (Container::Qcow2, "-c -O qcow2 -o compression_type=zstd"),
        (Container::Vhd, "-O vpc -o subformat=fixed,force_size"),
        (Container::Vmdk, "-O vmdk -o subformat=streamOptimized"),
    ] {
        let path = scratch.join("theirs");
        let mut convert = qemu.command();
        convert.args(["convert", "-f", "raw"]);
        convert.args(options.split_whitespace());
        said(convert.arg(&raw).arg(&path));
        let file = fs::read(&path).unwrap();
        assert_eq!(Container::detect(&file).unwrap(), container, "{options}");
        let again = read(container, &file).unwrap();
        assert!(again[..bytes.len()] == bytes[..], "{options}");
    }
    // What needs more than the one file, or can be understood in two ways, is refused.
    for (options, rule) in [
        ("create -f qcow2 -b disk.raw -F raw", "backing file"),
        (
            "create -f qcow2 -o extended_l2=on",
            "features that are not known",
        ),
        (
            "create -f vpc -o subformat=dynamic",
            "not of the type fixed",
        ),
        (
            "create -f vmdk -o subformat=monolithicSparse",
            "not stream-optimised",
        ),
    ] {
        let mut create = qemu.command();
        create.current_dir(scratch.path());
        create.args(options.split_whitespace());
        said(create.args(["other", "9M"]));
        let refused = refused_by_name(&scratch.join("other"));
        assert!(refused.contains(rule), "{options}: {refused}");
    }
    let mut create = qemu.command();
    create.current_dir(scratch.path());
    said(create.args(["create", "-f", "qcow2", "other", "9M"]));
    let mut snapshot = qemu.command();
    snapshot.current_dir(scratch.path());
    said(snapshot.args(["snapshot", "-c", "before", "other"]));
    let refused = refused_by_name(&scratch.join("other"));
    assert!(refused.contains("snapshots"), "{refused}");
}

fn refused_by_name(path: &Path) -> String {
    let file = fs::read(path).unwrap();
    let container = Container::detect(&file).unwrap();
    container.open(&file).unwrap_err().to_string()
}

#[test]
fn tables_that_lie_are_refused() {
    let disk = disk(4 * MIB);
    let good = written(Container::Qcow2, &disk, false, 1);
    let be64 = |bytes: &[u8], at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    let l1 = usize::try_from(be64(&good, 40)).unwrap();
    let l2 = usize::try_from(be64(&good, l1) & 0x00ff_ffff_ffff_fe00).unwrap();
    let changed = |at: usize, value: u64| {
        let mut file = good.clone();
        file[at..at + 8].copy_from_slice(&value.to_be_bytes());
        let error = Container::Qcow2.open(&file).map(|_| ()).unwrap_err();
        error.to_string()
    };
    let first = be64(&good, l2);
    let shared = "two places of its disk share bytes of the file";
    let outside = "behind its end";
    for (at, value, rule) in [
        // The second cluster is where the first is.
        (l2 + 8, first, shared),
        // A cluster is a table, or the header.
        (l2, l2 as u64, shared),
        (l2 + 8, l1 as u64, shared),
        (l1, 0x8000_0000_0000_0000 | l1 as u64, shared),
        (l2, 1 << 40, outside),
        (l1, 1 << 40, outside),
        (l2, first | 4, "bits that are not known"),
        (l1, first | 4, "bits that are not known"),
        (l2, 0x200, "does not begin with"),
        (l1, 0x200, "does not begin with"),
        (l2, 1 << 62 | l2 as u64, shared),
        (l2, 1 << 62 | 1 << 40, outside),
        (8, 1, "backing file"),
        (24, 1 << 50, "does not fit"),
        (24, 1 << 40, "too short"),
        (40, 1, "does not begin with a cluster"),
        (40, 1 << 40, "lie outside of"),
        (48, 0, shared),
        (72, 1, "features that are not known"),
    ] {
        let said = changed(at, value);
        assert!(said.contains(rule), "{at} {value:x}: {said}");
    }

    let good = written(Container::Vmdk, &disk, false, 1);
    let end = good.len();
    let grains = good
        .windows(4)
        .position(|four| four == [0x78, 0x9c, 0x63, 0x60]);
    assert!(grains.is_none() || grains > Some(65_536));
    let mut file = good.clone();
    file[end - 512] = 1;
    let torn = Container::Vmdk.open(&file).unwrap_err().to_string();
    assert!(torn.contains("no footer"), "{torn}");
    let mut file = good.clone();
    file[65_536] ^= 1;
    let opened = Container::Vmdk.open(&file).unwrap();
    let error = opened.disk().read_at(0, &mut [0; 512]).unwrap_err();
    assert!(matches!(&error, SourceError::Io { .. }), "{error}");
    assert!(error.to_string().contains("another place"), "{error}");

    let good = written(Container::Vhd, &disk, false, 1);
    let short = good[512..].to_vec();
    let cut = Container::Vhd.open(&short).unwrap_err().to_string();
    assert!(cut.contains("another size"), "{cut}");
}

#[test]
fn the_commands_convert_and_describe() {
    let scratch = Scratch::new("convert");
    let bytes = disk(5 * MIB);
    fs::write(scratch.join("disk.raw"), &bytes).unwrap();
    let karat = |arguments: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karat"));
        command
            .current_dir(scratch.path())
            .args(arguments.split(' '));
        command
    };
    let digest = Digest::of(&bytes).to_string();
    for (to, more) in [
        ("qcow2", ""),
        ("qcow2", " --compress"),
        ("vmdk", ""),
        ("vhd", ""),
    ] {
        let convert = format!("-q image convert disk.raw --to {to} -o disk.{to}{more}");
        let text = said(&mut karat(&convert));
        assert!(
            text.contains(&format!("disk.{to}: {to}, a disk of 5242880 bytes")),
            "{text}"
        );
        let text = said(&mut karat(&format!(
            "-q image info disk.{to} --digest --json"
        )));
        let known: serde_json::Value = serde_json::from_str(&text).unwrap();
        published("image-info").check(&known).unwrap();
        assert_eq!(known["container"], to);
        assert_eq!(known["disk_sha256"], digest.as_str(), "{to}");
        let back = format!("-q image convert disk.{to} --to raw -o back --json");
        let text = said(&mut karat(&back));
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        published("image-convert").check(&document).unwrap();
        assert_eq!(
            (&document["from"], &document["to"]),
            (&to.into(), &"raw".into())
        );
        assert!(fs::read(scratch.join("back")).unwrap() == bytes, "{to}");
    }
    let refused = karat("image convert disk.raw --to vhd -o x --compress")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    // A directory, and a name that nobody may write, are refused and leave nothing.
    let refused = karat("image convert . --to vhd -o x").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    if !is_root() {
        let refused = karat("image convert disk.raw --to vhd -o /x")
            .output()
            .unwrap();
        assert_eq!(refused.status.code(), Some(1));
    }
    assert!(!scratch.join("x").exists());
    let left: Vec<_> = fs::read_dir(scratch.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().ends_with(".tmp")),
        "{left:?}"
    );
}

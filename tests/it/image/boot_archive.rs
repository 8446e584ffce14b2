//! Archives that a kernel unpacks: what cpio and bsdtar make of them, and what goes into an initrd.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;

use karat::digest::Digest;
use karat::image::compress::Compression;
use karat::image::cpio::Writer;
use karat::image::initrd::{Cause, Initrd, InitrdError, Kernel, Modules, Parts};
use karat::tree::{Device, Mode};

use super::fixture::{Fixture, path};
use crate::support::{Judge, Scratch, judge};

/// A kernel's modules that are no modules but for their first bytes.
fn kernel(version: &str) -> Fixture {
    let mut fixture = Fixture::new(true);
    let top = format!("/usr/lib/modules/{version}");
    for directory in ["/boot", "/usr", "/usr/lib", "/usr/lib/modules", &top] {
        fixture.directory(directory);
    }
    fixture.directory(format!("{top}/kernel"));
    fixture.symlink("/lib", "usr/lib");
    let module = |name: &str| {
        let mut bytes = b"\x7fELF".to_vec();
        bytes.extend(name.bytes().cycle().take(3000));
        bytes.extend_from_slice(b"~Module signature appended~\n");
        bytes
    };
    for name in ["virtio", "dm-mod", "dm-verity", "crc32c_generic"] {
        fixture.file(format!("{top}/kernel/{name}.ko"), module(name));
    }
    for (name, compression) in [
        ("virtio_blk.ko.xz", "xz"),
        ("erofs.ko.zst", "zstd"),
        ("libcrc32c.ko.gz", "gzip"),
    ] {
        let plain = module(name.split('.').next().unwrap());
        fixture.file(format!("{top}/kernel/{name}"), packed(compression, &plain));
    }
    fixture.file(
        format!("{top}/modules.dep"),
        "kernel/virtio.ko:\n\
         kernel/virtio_blk.ko.xz: kernel/virtio.ko\n\
         kernel/dm-mod.ko:\n\
         kernel/dm-verity.ko: kernel/dm-mod.ko\n\
         kernel/crc32c_generic.ko:\n\
         kernel/libcrc32c.ko.gz:\n\
         kernel/erofs.ko.zst: kernel/libcrc32c.ko.gz\n",
    );
    fixture.file(
        format!("{top}/modules.softdep"),
        "# Soft dependencies\nsoftdep libcrc32c pre: crc32c\n",
    );
    fixture.file(
        format!("{top}/modules.alias"),
        "alias crc32c crc32c_generic\nalias virtio:d00000002v* virtio_blk\n",
    );
    fixture.file(
        format!("{top}/modules.builtin"),
        "kernel/drivers/nvme/host/nvme.ko\nkernel/fs/ext4/ext4.ko\n",
    );
    fixture.file(
        format!("/boot/config-{version}"),
        "CONFIG_RD_GZIP=y\nCONFIG_RD_ZSTD=y\n",
    );
    fixture
}

fn packed(compression: &str, bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    match compression {
        "xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(&mut packed, 6);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap();
        }
        "zstd" => packed = zstd::bulk::compress(bytes, 3).unwrap(),
        _ => {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::GzEncoder::new(&mut packed, level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap();
        }
    }
    packed
}

/// What a program says of an archive on its standard input.
fn lists(judge: &Judge, arguments: &[&str], archive: &[u8]) -> String {
    let mut child = judge
        .command()
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(archive).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn cpio_and_bsdtar_read_what_was_written() {
    let mut writer = Writer::new(Vec::new());
    writer.directory(&path("/dev"), Mode::DIRECTORY).unwrap();
    let console = Device { major: 5, minor: 1 };
    let private = Mode::new(0o600).unwrap();
    writer
        .character(&path("/dev/console"), private, console)
        .unwrap();
    for length in 0..9 {
        let bytes = vec![b'x'; length];
        let name = path(format!("/{}", "f".repeat(length + 1)));
        writer.file(&name, Mode::FILE, &bytes).unwrap();
    }
    writer.symlink(&path("/link"), b"dev/console").unwrap();
    let archive = writer.finish().unwrap();
    assert_eq!(archive.len() % 512, 0);
    if let Some(cpio) = judge("cpio") {
        let listed = lists(&cpio, &["-t", "-v", "-n", "--quiet"], &archive);
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines.len(), 12, "{listed}");
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(lines[0]), "drwxr-xr-x 2 0 0 0 Jan 1 1970 dev");
        assert_eq!(
            words(lines[1]),
            "crw------- 1 0 0 5, 1 Jan 1 1970 dev/console"
        );
        assert_eq!(words(lines[6]), "-rw-r--r-- 1 0 0 4 Jan 1 1970 fffff");
        assert_eq!(
            words(lines[11]),
            "lrwxrwxrwx 1 0 0 11 Jan 1 1970 link -> dev/console"
        );
        // Two of them, one behind the other, are read as one by Linux; cpio stops after the first.
        let scratch = Scratch::new("cpio");
        let status = {
            let mut child = cpio
                .command()
                .args(["-i", "-d", "--quiet", "f*", "link"])
                .current_dir(scratch.path())
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(&archive).unwrap();
            child.wait().unwrap()
        };
        assert!(status.success());
        assert_eq!(std::fs::read(scratch.join("fffff")).unwrap(), b"xxxx");
    }
    if let Some(bsdtar) = judge("bsdtar") {
        let listed = lists(&bsdtar, &["-tf", "-"], &archive);
        assert_eq!(listed.lines().count(), 12, "{listed}");
        assert!(listed.ends_with("link\n"), "{listed}");
    }
}

#[test]
fn an_initrd_holds_what_its_causes_need_in_the_order_of_loading() {
    let (tree, blobs) = kernel("6.1.0-1-test").seal();
    let found = Kernel::only(&tree, &blobs).unwrap();
    assert_eq!(found.version(), "6.1.0-1-test");
    assert_eq!(found.compression(), Compression::Zstd);
    let without: BTreeSet<Cause> = Cause::ALL
        .into_iter()
        .filter(|cause| *cause != Cause::Overlay)
        .collect();
    let modules = Modules::choose(&found, &tree, &blobs, &without).unwrap();
    let order: Vec<String> = modules.load_order().map(ToString::to_string).collect();
    let top = "/lib/modules/6.1.0-1-test/kernel";
    let expected = [
        "virtio",
        "virtio_blk",
        "dm-mod",
        "dm-verity",
        "crc32c_generic",
        "libcrc32c",
        "erofs",
    ];
    assert_eq!(order, expected.map(|name| format!("{top}/{name}.ko")));
    for module in modules.iter() {
        assert!(module.bytes.starts_with(b"\x7fELF"), "{}", module.path);
        assert!(module.bytes.ends_with(b"~Module signature appended~\n"));
        assert_eq!(module.digest, Digest::of(&module.bytes));
    }
    assert_eq!(
        modules.built_in(),
        [(Cause::Nvme, "nvme"), (Cause::Ext4, "ext4")]
    );
    assert!(modules.missing().contains(&(Cause::Virtio, "virtio_scsi")));

    let parts = Parts {
        agent: b"\x7fELF the agent",
        boot: b"{\"boot\":1}",
        trust_root: b"{\"trust\":1}",
        modules: &modules,
    };
    let initrd = Initrd::assemble(&parts, Compression::Zstd).unwrap();
    let again = Initrd::assemble(&parts, Compression::Zstd).unwrap();
    assert_eq!(initrd.bytes(), again.bytes());
    assert_eq!(initrd.bytes().len() % 4, 0);
    let mut names: Vec<String> = initrd
        .files()
        .iter()
        .map(|file| file.path.to_string())
        .collect();
    assert_eq!(names.len(), 10);
    let init = &initrd.files()[1];
    assert_eq!(init.path.to_string(), "/init");
    assert_eq!((init.size, init.digest), (14, Digest::of(parts.agent)));

    // One frame, one archive, nothing else: what Linux unpacks.
    let plain = Initrd::assemble(&parts, Compression::None).unwrap();
    let length = zstd::zstd_safe::find_frame_compressed_size(initrd.bytes()).unwrap();
    assert!(initrd.bytes()[length..].iter().all(|byte| *byte == 0));
    let unpacked = zstd::bulk::decompress(&initrd.bytes()[..length], 1 << 20).unwrap();
    assert_eq!(unpacked, plain.bytes());
    if let Some(cpio) = judge("cpio") {
        let listed = lists(&cpio, &["-t", "--quiet"], plain.bytes());
        let mut theirs: BTreeSet<String> = listed.lines().map(|line| format!("/{line}")).collect();
        assert_eq!(theirs.len(), listed.lines().count(), "no name twice");
        for file in names.drain(..) {
            assert!(theirs.remove(&file), "{file}");
        }
        let rest: Vec<String> = theirs.into_iter().collect();
        let modules = "/lib/modules/6.1.0-1-test";
        let directories = ["/dev", "/dev/console", "/dev/null", "/lib", "/lib/modules"];
        let mut expected: Vec<String> = directories.map(str::to_owned).to_vec();
        expected.extend([modules.to_owned(), format!("{modules}/kernel")]);
        expected.extend(["/proc", "/run", "/sys", "/sysroot", "/tmp"].map(str::to_owned));
        assert_eq!(rest, expected);
    }
}

#[test]
fn a_kernel_that_cannot_boot_it_is_refused() {
    let (tree, blobs) = kernel("6.1.0-1-test").seal();
    let found = Kernel::only(&tree, &blobs).unwrap();
    let overlay = BTreeSet::from([Cause::Overlay]);
    let refused = Modules::choose(&found, &tree, &blobs, &overlay).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "kernel 6.1.0-1-test has no overlay, neither as a module nor built in: it is needed for overlay; choose another kernel package"
    );

    let (tree, blobs) = Fixture::new(true).seal();
    let none = Kernel::only(&tree, &blobs).unwrap_err();
    assert!(matches!(none, InitrdError::NoKernel));

    let mut fixture = kernel("6.1.0-1-test");
    let second = "/usr/lib/modules/6.1.0-2-test";
    fixture.directory(second);
    fixture.file(format!("{second}/modules.dep"), "");
    fixture.file(format!("{second}/modules.builtin"), "");
    let (tree, blobs) = fixture.seal();
    let two = Kernel::only(&tree, &blobs).unwrap_err();
    assert!(matches!(&two, InitrdError::Kernels(names) if names.len() == 2));
    assert!(Kernel::of(&tree, &blobs, "6.1.0-2-test").is_ok());
}

#[test]
fn modules_that_are_none_are_not_taken_along() {
    let hostile = |change: &dyn Fn(&mut Fixture, &str)| {
        let mut fixture = kernel("1");
        change(&mut fixture, "/usr/lib/modules/1");
        let (tree, blobs) = fixture.seal();
        let causes = BTreeSet::from([Cause::Virtio, Cause::Verity, Cause::Erofs]);
        Kernel::only(&tree, &blobs)
            .and_then(|kernel| Modules::choose(&kernel, &tree, &blobs, &causes))
            .unwrap_err()
            .to_string()
    };
    let replace = |name: &'static str, bytes: Vec<u8>| {
        move |fixture: &mut Fixture, top: &str| {
            let at = path(format!("{top}/{name}"));
            fixture.tree.remove(&at).unwrap();
            fixture.file(format!("{top}/{name}"), bytes.clone());
        }
    };
    for (change, expected) in [
        (
            replace("kernel/dm-mod.ko", b"#!/bin/sh\n".to_vec()),
            "/usr/lib/modules/1/kernel/dm-mod.ko: not a kernel module: it is no ELF file",
        ),
        (
            replace("kernel/virtio_blk.ko.xz", b"\xfd7zXZ\0 torn".to_vec()),
            "/usr/lib/modules/1/kernel/virtio_blk.ko.xz: cannot read it",
        ),
        (
            replace(
                "modules.dep",
                b"kernel/virtio_blk.ko: kernel/virtio_blk.ko\n".to_vec(),
            ),
            "/usr/lib/modules/1/modules.dep, line 1: a module cannot need itself",
        ),
        (
            replace(
                "modules.dep",
                b"\nkernel/../../../etc/virtio_blk.ko:\n".to_vec(),
            ),
            "a kernel's version is text",
        ),
        (
            replace("modules.dep", b"kernel/virtio_blk.ko:\xff\n".to_vec()),
            "/usr/lib/modules/1/modules.dep: cannot read it",
        ),
        (
            replace("modules.dep", b"kernel/virtio_blk.ko:\n".to_vec()),
            "/usr/lib/modules/1/kernel/virtio_blk.ko: the image has no such file",
        ),
    ] {
        let said = hostile(&change);
        assert!(said.contains(expected), "{said}");
    }
}

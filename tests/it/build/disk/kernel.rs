//! A kernel with its modules, and programs for a root, of the archive's packages.

use std::fs;
use std::path::{Path, PathBuf};

use crate::build::workshop::{Workshop, said};
use crate::support::judge;

/// What the initrd loads: by their causes, the machine's disks, dm-verity, and file systems.
const WANTED: [&str; 6] = [
    "virtio_pci",
    "virtio_blk",
    "dm-verity",
    "erofs",
    "overlay",
    "ext4",
];
const PACKAGES: &str = "\"linux-image-cloud-amd64\", \"busybox-static\", \"e2fsprogs\"";

/// Packages, unpacked once for all tests.
pub(super) struct Unpacked(PathBuf);

impl Unpacked {
    pub(super) fn new() -> Option<Self> {
        let (dpkg, depmod, xz) = (judge("dpkg-deb")?, judge("depmod")?, judge("xz")?);
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("disk-packages");
        if place.exists() {
            return Some(Self(place));
        }
        let shop = Workshop::new("disk-packages")?;
        let template = format!(
            "packages = [{PACKAGES}]\n[image]\nname = \"disk\"\nversion = \"1\"\n\
             [source]\nsuite = \"trixie\"\n[kernel]\ninitrd = \"karat\"\n"
        );
        fs::write(shop.path("workspace/templates/disk.toml"), template).unwrap();
        shop.succeed(["lock", "workspace/templates/disk.toml", "--vendor", "debs"]);
        let made = shop.path("made");
        for deb in files(&shop.path("debs"), "deb") {
            let name = deb.file_name().unwrap().to_str().unwrap();
            let wanted = ["linux-image-6", "busybox", "e2fsprogs", "lib"];
            if !wanted.iter().any(|start| name.starts_with(start)) {
                continue;
            }
            let (code, text) = said(
                &dpkg
                    .command()
                    .arg("-x")
                    .arg(&deb)
                    .arg(&made)
                    .output()
                    .unwrap(),
            );
            assert_eq!(code, 0, "{text}");
        }
        // What a kernel's package does where it is installed: its modules know what they need.
        let modules = fs::read_dir(made.join("usr/lib/modules")).unwrap();
        let version = modules.map(|entry| entry.unwrap().file_name()).next();
        let mut depmod = depmod.command();
        depmod.arg("-b").arg(made.join("usr")).arg(version.unwrap());
        let (code, text) = said(&depmod.output().unwrap());
        assert_eq!(code, 0, "{text}");
        for module in load_order(&made) {
            let (code, text) = said(&xz.command().arg("-d").arg(&module).output().unwrap());
            assert_eq!(code, 0, "{text}");
        }
        // Whole or not at all, also where two tests do this at once.
        if fs::rename(&made, &place).is_err() {
            assert!(place.exists());
        }
        Some(Self(place))
    }

    /// The kernel.
    pub(super) fn kernel(&self) -> PathBuf {
        let boot = fs::read_dir(self.0.join("boot")).unwrap();
        let mut files = boot.map(|entry| entry.unwrap().path());
        let is_kernel = |path: &PathBuf| path.to_str().unwrap().contains("/vmlinuz-");
        files.find(is_kernel).unwrap()
    }

    /// The modules to load, in order.
    pub(super) fn load_order(&self) -> Vec<PathBuf> {
        let plain = |path: PathBuf| path.with_extension("");
        load_order(&self.0).into_iter().map(plain).collect()
    }

    /// Copies the programs that a small root has.
    pub(super) fn root(&self, root: &Path) {
        for name in [
            "bin", "dev", "etc", "proc", "run", "sys", "tmp", "var", "usr",
        ] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for (from, to) in [
            ("usr/bin/busybox", "bin/busybox"),
            ("usr/sbin/mkfs.ext4", "usr/sbin/mkfs.ext4"),
            ("usr/sbin/e2fsck", "usr/sbin/e2fsck"),
        ] {
            let to = root.join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            let from = fs::canonicalize(self.0.join(from)).unwrap();
            fs::copy(from, to).unwrap();
        }
        let libraries = self.0.join("usr/lib/x86_64-linux-gnu");
        let there = root.join("usr/lib/x86_64-linux-gnu");
        fs::create_dir_all(&there).unwrap();
        for name in [
            "libblkid.so.1",
            "libc.so.6",
            "libcom_err.so.2",
            "libe2p.so.2",
            "libext2fs.so.2",
            "libuuid.so.1",
        ] {
            fs::copy(
                fs::canonicalize(libraries.join(name)).unwrap(),
                there.join(name),
            )
            .unwrap();
        }
        let loader = "ld-linux-x86-64.so.2";
        fs::create_dir_all(root.join("lib64")).unwrap();
        let from = fs::canonicalize(libraries.join(loader)).unwrap();
        fs::copy(from, root.join("lib64").join(loader)).unwrap();
    }
}

/// The modules that are wanted below `root`, as packed, each after those that it needs; those that are
/// built into the kernel are none.
fn load_order(root: &Path) -> Vec<PathBuf> {
    let modules = fs::read_dir(root.join("usr/lib/modules")).unwrap();
    let directory = modules.map(|entry| entry.unwrap().path()).next().unwrap();
    let text = fs::read_to_string(directory.join("modules.dep")).unwrap();
    let mut order = Vec::new();
    for wanted in WANTED {
        let line = text.lines().find(|line| {
            let path = line.split(".ko").next().unwrap();
            let name = Path::new(path).file_name().unwrap().to_str().unwrap();
            name.replace('-', "_") == wanted.replace('-', "_")
        });
        let Some((path, needs)) = line.and_then(|line| line.split_once(':')) else {
            continue;
        };
        for path in needs.split_whitespace().rev().chain([path]) {
            let path = directory.join(path);
            if !order.contains(&path) {
                order.push(path);
            }
        }
    }
    order
}

/// All files below `directory` with this extension, in order.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(at) = pending.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                pending.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

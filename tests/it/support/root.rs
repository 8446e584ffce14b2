//! Trees as directories on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use karat::path::ImagePath;
use karat::tree::{
    Blobs, Content, Device, Epoch, Inode, Kind, MemoryBlobs, Mode, Open, Origin, Sealed, Stat,
    Tree, Xattrs,
};
use rustix::fs::{CWD, FileType, XattrFlags};

/// An image in memory, whose files belong to whoever runs the test.
pub struct Sample {
    pub tree: Tree<Open>,
    pub blobs: MemoryBlobs,
    uid: u32,
    gid: u32,
}

impl Sample {
    /// `/` alone.
    pub fn empty() -> Self {
        let mut sample = Self {
            tree: Tree::new(Epoch::new(1_760_000_000).unwrap()),
            blobs: MemoryBlobs::new(),
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        };
        let (uid, gid) = (sample.uid, sample.gid);
        let root = sample.tree.get_mut(&ImagePath::root()).unwrap();
        (root.stat.uid, root.stat.gid) = (uid, gid);
        sample
    }

    /// A little of everything.
    pub fn new() -> Self {
        let mut sample = Self::empty();
        for (path, origin) in [
            ("/etc", "package:base-files"),
            ("/usr", "package:base-files"),
            ("/usr/bin", "package:base-files"),
            ("/usr/lib", "package:base-files"),
            ("/usr/lib/karat", "template:verify"),
            ("/usr/lib/karat/baseline", "template:verify"),
            ("/var", "package:base-files"),
            ("/var/lib", "package:base-files"),
            ("/var/lib/app", "package:app"),
            ("/var/log", "package:base-files"),
        ] {
            sample.add(path, 0o755, Kind::Directory, origin);
        }
        sample.file(
            "/etc/passwd",
            0o644,
            b"root:x:0:0::/root:/bin/sh\n",
            "script:base-passwd",
        );
        sample.file("/etc/motd", 0o644, b"welcome\n", "template:files");
        sample.file("/etc/machine-id", 0o444, b"", "template:karat");
        sample.file("/usr/bin/ping", 0o755, b"#!ping", "package:iputils-ping");
        sample.file("/usr/bin/su", 0o4755, b"#!su", "package:util-linux");
        sample.file("/usr/bin/perl", 0o755, b"#!perl", "package:perl-base");
        sample.link("/usr/bin/perl5", "/usr/bin/perl");
        sample.file("/var/log/app.log", 0o640, b"started\n", "package:app");
        sample.file("/var/lib/app/db", 0o600, b"rows", "package:app");
        sample.add(
            "/usr/bin/vi",
            0o777,
            Kind::Symlink(b"/etc/alternatives/vi".to_vec()),
            "script:update-alternatives",
        );
        sample.add("/var/lib/app/pipe", 0o600, Kind::Fifo, "package:app");
        sample
    }

    /// [`Sample::new`], and one of everything else that somebody may tamper with; what only root can
    /// make is there where root runs the test.
    pub fn rich() -> Self {
        let mut sample = Self::new();
        for (path, mode) in [
            ("/boot", 0o755),
            ("/etc/alternatives", 0o755),
            ("/etc/cron.d", 0o755),
            ("/etc/modprobe.d", 0o755),
            ("/etc/ssh", 0o755),
            ("/etc/sudoers.d", 0o750),
            ("/etc/systemd", 0o755),
            ("/etc/systemd/system", 0o755),
            ("/root", 0o700),
            ("/root/.ssh", 0o700),
            ("/srv", 0o755),
            ("/srv/a", 0o755),
            ("/srv/a/b", 0o755),
            ("/srv/a/b/c", 0o755),
            ("/tmp", 0o1777),
            ("/usr/lib/x86_64-linux-gnu", 0o755),
            ("/usr/share", 0o755),
            ("/usr/share/doc", 0o755),
            ("/usr/share/zone", 0o755),
        ] {
            sample.add(path, mode, Kind::Directory, "package:base-files");
        }
        for (path, mode, bytes) in [
            (b"/boot/vmlinuz-6".as_slice(), 0o644, b"kernel".as_slice()),
            (b"/etc/-dash", 0o644, b"dash"),
            (b"/etc/a name", 0o644, b"blank"),
            (b"/etc/caf\xe9", 0o644, b"latin"),
            (b"/etc/empty", 0o644, b""),
            (b"/etc/same-a", 0o644, b"same"),
            (b"/etc/same-b", 0o644, b"same"),
            (b"/etc/shadow", 0o640, b"root:*:::::::\n"),
            (b"/srv/a/b/c/deep", 0o644, b"deep"),
            (b"/usr/bin/wall", 0o2755, b"#!wall"),
            (b"/usr/lib/karat/trust.json", 0o644, b"{}\n"),
            (b"/usr/lib/x86_64-linux-gnu/libc.so.6", 0o755, b"libc"),
            (b"/usr/share/doc/README", 0o644, b"read me\n"),
            (b"/usr/share/zone/UTC", 0o644, b"TZif"),
        ] {
            sample.file(path, mode, bytes, "package:app");
        }
        sample.file("/srv/zeros", 0o644, &[0; 1 << 20], "package:app");
        sample.link("/usr/share/zone/Universal", "/usr/share/zone/UTC");
        sample.link("/usr/share/zone/Zulu", "/usr/share/zone/UTC");
        if is_root() {
            sample.privileged();
        }
        sample
    }

    fn privileged(&mut self) {
        let device = |major, minor| Device { major, minor };
        self.add(
            "/srv/null",
            0o666,
            Kind::CharDevice(device(1, 3)),
            "package:app",
        );
        self.add(
            "/srv/disk",
            0o660,
            Kind::BlockDevice(device(7, 0)),
            "package:app",
        );
        self.xattr("/usr/bin/ping", "security.capability", &CAP_NET_RAW);
        self.xattr("/etc/-dash", "trusted.karat", b"1");
        self.xattr("/etc/-dash", "user.note", b"1");
        self.xattr("/etc/a name", "system.posix_acl_access", &ACL);
        self.xattr("/srv/a", "system.posix_acl_default", &ACL);
    }

    pub fn add(&mut self, path: impl AsRef<[u8]>, mode: u32, kind: Kind, origin: &str) {
        let inode = Inode {
            stat: Stat {
                uid: self.uid,
                gid: self.gid,
                ..Stat::root(Mode::new(mode).unwrap())
            },
            kind,
            xattrs: Xattrs::new(),
            origin: origin.parse::<Origin>().unwrap(),
        };
        self.tree.replace(image(path), inode).unwrap();
    }

    pub fn file(&mut self, path: impl AsRef<[u8]>, mode: u32, bytes: &[u8], origin: &str) {
        let content = self.blobs.add(bytes.to_vec());
        self.add(path, mode, Kind::Regular(content), origin);
    }

    pub fn link(&mut self, path: impl AsRef<[u8]>, to: &str) {
        let id = self.tree.id(&image(to)).unwrap();
        self.tree.link(image(path), id).unwrap();
    }

    pub fn xattr(&mut self, path: impl AsRef<[u8]>, name: &str, value: &[u8]) {
        let inode = self.tree.get_mut(&image(path)).unwrap();
        inode.xattrs.insert(name.into(), value.into());
    }

    pub fn sealed(&self) -> Tree<Sealed> {
        self.tree.clone().seal().unwrap()
    }

    /// Writes the tree to a directory.
    pub fn write(&self, root: &Path) {
        write(&self.tree, &self.blobs, root);
    }
}

/// Writes a tree to an existing directory, as the test's own user where it is not root.
pub fn write<State>(tree: &Tree<State>, blobs: &dyn Blobs, root: &Path) {
    let mut first: BTreeMap<_, PathBuf> = BTreeMap::new();
    for entry in tree.iter() {
        let at = on(root, entry.path.as_bytes());
        if let Some(first) = first.get(&entry.id) {
            fs::hard_link(first, &at).unwrap();
            continue;
        }
        first.insert(entry.id, at.clone());
        match &entry.inode.kind {
            Kind::Directory if entry.path.is_root() => {}
            Kind::Directory => fs::create_dir(&at).unwrap(),
            Kind::Regular(content) => fs::write(&at, blobs.read(content).unwrap()).unwrap(),
            Kind::Symlink(target) => symlink(as_path(target), &at).unwrap(),
            Kind::Fifo => node(&at, FileType::Fifo, 0, 0),
            Kind::Socket => node(&at, FileType::Socket, 0, 0),
            Kind::CharDevice(device) => {
                node(&at, FileType::CharacterDevice, device.major, device.minor);
            }
            Kind::BlockDevice(device) => {
                node(&at, FileType::BlockDevice, device.major, device.minor);
            }
        }
        if is_root() {
            lchown(&at, Some(entry.inode.stat.uid), Some(entry.inode.stat.gid)).unwrap();
        }
    }
    // Modes and attributes last: what is not writable can no longer be filled.
    for entry in tree.iter() {
        let at = on(root, entry.path.as_bytes());
        for (name, value) in &entry.inode.xattrs {
            let name = name.as_slice();
            rustix::fs::lsetxattr(&at, name, value, XattrFlags::empty()).unwrap();
        }
        if !matches!(entry.inode.kind, Kind::Symlink(_)) {
            chmod(&at, entry.inode.stat.mode.bits());
        }
    }
}

pub fn node(at: &Path, kind: FileType, major: u32, minor: u32) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(CWD, at, kind, mode, rustix::fs::makedev(major, minor)).unwrap();
}

pub fn chmod(at: &Path, mode: u32) {
    fs::set_permissions(at, fs::Permissions::from_mode(mode)).unwrap();
}

/// Where an image path lies below `root`.
pub fn on(root: &Path, path: impl AsRef<[u8]>) -> PathBuf {
    let path = path.as_ref();
    root.join(as_path(path.strip_prefix(b"/").unwrap_or(path)))
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub fn image(path: impl AsRef<[u8]>) -> ImagePath {
    ImagePath::parse(path).unwrap()
}

fn as_path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// A capability as `setcap cap_net_raw+ep` writes it.
pub const CAP_NET_RAW: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// `user::rw-, user:1000:r--, group::r--, mask::r--, other::r--` as `setfacl` writes it.
pub const ACL: [u8; 44] = [
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 4, 0, 255, 255,
    255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
];

/// The content of `bytes`.
pub fn content(bytes: &[u8]) -> Content {
    Content::of(bytes)
}

/// Fails unless the unpacked image at `root` has a kernel and no initrd.
pub fn has_a_kernel_and_no_initrd(root: &Path) {
    let boot: Vec<String> = fs::read_dir(root.join("boot"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let has = |start: &str| boot.iter().any(|name| name.starts_with(start));
    assert!(has("vmlinuz-") && !has("initrd"), "{boot:?}");
}

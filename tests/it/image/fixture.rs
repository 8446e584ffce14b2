//! A tree with everything that a format may stumble over, and trees read back from a disk.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use karat::path::ImagePath;
use karat::tree::{
    Device, Epoch, Inode, Kind, MemoryBlobs, Mode, Open, Origin, Sealed, Stat, Tree, Xattrs,
};

pub fn epoch() -> Epoch {
    Epoch::new(1_760_000_000).unwrap()
}

pub fn origin() -> Origin {
    Origin::Script("test".to_owned())
}

pub fn path(bytes: impl AsRef<[u8]>) -> ImagePath {
    ImagePath::parse(bytes).unwrap()
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A tree under construction, with its contents.
pub struct Fixture {
    pub tree: Tree<Open>,
    pub blobs: MemoryBlobs,
    owner: (u32, u32),
}

impl Fixture {
    /// An empty tree; inodes belong to root, or to whoever runs the test if root may not be used.
    pub fn new(as_root: bool) -> Self {
        let owner = if as_root {
            (0, 0)
        } else {
            let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
            (uid.as_raw(), gid.as_raw())
        };
        let mut fixture = Self {
            tree: Tree::new(epoch()),
            blobs: MemoryBlobs::new(),
            owner,
        };
        fixture.change("/", |inode| (inode.stat.uid, inode.stat.gid) = owner);
        fixture
    }

    pub fn add(&mut self, at: impl AsRef<[u8]>, kind: Kind, mode: u32) -> &mut Self {
        let inode = Inode {
            stat: Stat {
                mode: Mode::new(mode).unwrap(),
                uid: self.owner.0,
                gid: self.owner.1,
                mtime: epoch().seconds() - 1000,
            },
            kind,
            xattrs: Xattrs::new(),
            origin: origin(),
        };
        self.tree.insert(path(at), inode).unwrap();
        self
    }

    pub fn directory(&mut self, at: impl AsRef<[u8]>) -> &mut Self {
        self.add(at, Kind::Directory, 0o755)
    }

    pub fn file(&mut self, at: impl AsRef<[u8]>, bytes: impl Into<Vec<u8>>) -> &mut Self {
        let content = self.blobs.add(bytes.into());
        self.add(at, Kind::Regular(content), 0o644)
    }

    pub fn symlink(&mut self, at: impl AsRef<[u8]>, target: impl Into<Vec<u8>>) -> &mut Self {
        self.add(at, Kind::Symlink(target.into()), 0o777)
    }

    pub fn link(&mut self, at: impl AsRef<[u8]>, target: &str) -> &mut Self {
        let id = self.tree.id(&path(target)).unwrap();
        self.tree.link(path(at), id).unwrap();
        self
    }

    pub fn change(&mut self, at: impl AsRef<[u8]>, change: impl FnOnce(&mut Inode)) -> &mut Self {
        change(self.tree.get_mut(&path(at)).unwrap());
        self
    }

    pub fn xattr(&mut self, at: &str, name: &str, value: &[u8]) -> &mut Self {
        self.change(at, |inode| {
            inode.xattrs.insert(name.into(), value.to_vec());
        })
    }

    pub fn seal(self) -> (Tree<Sealed>, MemoryBlobs) {
        (self.tree.seal().unwrap(), self.blobs)
    }
}

/// `cap_net_raw+ep`, revision 2.
pub const CAPABILITY: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// `user::rw-,user:1000:r--,group::r--,mask::r--,other::r--`.
pub fn acl() -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in [
        (1_u16, 6_u16, u32::MAX),
        (2, 4, 1000),
        (4, 4, u32::MAX),
        (0x10, 4, u32::MAX),
        (0x20, 4, u32::MAX),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// Names, sizes, links, owners, attributes and devices of every odd sort. Without `as_root`, only
/// what an ordinary user may unpack.
pub fn odd_tree(as_root: bool) -> Fixture {
    let mut tree = Fixture::new(as_root);
    let long = "d".repeat(200);
    let name_255 = "n".repeat(255);
    tree.directory("/etc")
        .file("/etc/hosts", "127.0.0.1 localhost\n")
        .file("/etc/empty", "")
        .file("/etc/block", vec![b'x'; 512])
        .file("/etc/large", vec![b'y'; 1_000_003])
        .directory("/odd")
        .file("/odd/two  blanks and a tab\t", "1")
        .file("/odd/new\nline", "2")
        .file("/odd/back\\slash", "3")
        .file("/odd/umlaut-\u{fc}-\u{1f511}", "4")
        .file("/odd/-dash", "5")
        .file("/odd/#hash", "6")
        .file("/odd/*glob[a]?", "7")
        .directory(format!("/{long}"))
        .file(format!("/{long}/{name_255}"), "long")
        .file(format!("/{}", "e".repeat(98)), "100 bytes with its ./")
        .file(format!("/{}", "f".repeat(99)), "101 bytes with its ./")
        .symlink("/etc/link", "hosts")
        .symlink("/etc/dangling", "/no/such/file")
        .symlink("/etc/far", format!("/{long}/{name_255}"))
        .directory("/bin")
        .file("/bin/tool", "#!/bin/sh\n")
        .link("/bin/a-tool", "/bin/tool")
        .link(format!("/{long}/tool"), "/bin/tool")
        .link("/zz", &format!("/{long}/{name_255}"))
        .file("/bin/setuid", "s")
        .change("/bin/setuid", |inode| {
            inode.stat.mode = Mode::new(0o4755).unwrap();
        })
        .change("/bin/tool", |inode| {
            inode.stat.mode = Mode::new(0o755).unwrap();
        })
        .directory("/tmp")
        .change("/tmp", |inode| {
            inode.stat.mode = Mode::new(0o1777).unwrap();
        })
        .add("/etc/fifo", Kind::Fifo, 0o600)
        .xattr("/etc/hosts", "user.comment", b"raw \0 bytes \xff \n end")
        .xattr("/bin/tool", "user.linked", b"three names");
    if as_root {
        tree.add(
            "/etc/null",
            Kind::CharDevice(Device { major: 1, minor: 3 }),
            0o666,
        )
        .add(
            "/etc/loop",
            Kind::BlockDevice(Device {
                major: 7,
                minor: 300,
            }),
            0o660,
        )
        .change("/etc/block", |inode| {
            (inode.stat.uid, inode.stat.gid) = (3_000_000, 4_000_000);
        })
        .change("/etc/hosts", |inode| {
            (inode.stat.uid, inode.stat.gid) = (33, 8);
        })
        .xattr("/etc/hosts", "system.posix_acl_access", &acl())
        .xattr("/odd", "system.posix_acl_default", &acl())
        .xattr("/bin/tool", "security.capability", &CAPABILITY)
        .xattr("/etc/large", "trusted.note", b"for root's eyes");
    }
    tree
}

/// One line per path: what two trees must have in common to be the same image.
pub fn facts<State>(tree: &Tree<State>) -> Vec<String> {
    let mut first = BTreeMap::new();
    for entry in tree.iter() {
        first.entry(entry.id).or_insert_with(|| entry.path.clone());
    }
    tree.iter()
        .map(|entry| {
            let Inode {
                stat, kind, xattrs, ..
            } = entry.inode;
            let mut line = format!(
                "{} {} {}:{} {}",
                entry.path, stat.mode, stat.uid, stat.gid, stat.mtime
            );
            write!(line, " {kind:?} as {}", first[&entry.id]).unwrap();
            for (name, value) in xattrs {
                write!(line, " {}={value:?}", String::from_utf8_lossy(name)).unwrap();
            }
            line
        })
        .collect()
}

/// Fails with the first lines that only one of the two trees has.
#[track_caller]
pub fn assert_same<A, B>(left: &Tree<A>, right: &Tree<B>) {
    let (left, right) = (facts(left), facts(right));
    let only = |a: &[String], b: &[String]| {
        let lines: Vec<_> = a.iter().filter(|line| !b.contains(line)).cloned().collect();
        lines.into_iter().take(5).collect::<Vec<_>>().join("\n  ")
    };
    assert!(
        left == right,
        "only left:\n  {}\nonly right:\n  {}",
        only(&left, &right),
        only(&right, &left)
    );
}

/// Reads a directory of the disk as a tree.
pub fn scan(root: &Path) -> io::Result<Tree<Open>> {
    let mut tree = Tree::new(epoch());
    let mut seen = BTreeMap::new();
    let mut pending = vec![(root.to_owned(), ImagePath::root())];
    while let Some((place, at)) = pending.pop() {
        let stat = std::fs::symlink_metadata(&place)?;
        let kind = stat.file_type();
        let device = Device {
            major: rustix::fs::major(stat.rdev()),
            minor: rustix::fs::minor(stat.rdev()),
        };
        let kind = if kind.is_dir() {
            Kind::Directory
        } else if kind.is_symlink() {
            Kind::Symlink(std::fs::read_link(&place)?.as_os_str().as_bytes().to_vec())
        } else if kind.is_fifo() {
            Kind::Fifo
        } else if kind.is_char_device() {
            Kind::CharDevice(device)
        } else if kind.is_block_device() {
            Kind::BlockDevice(device)
        } else {
            Kind::Regular(karat::tree::Content::of(&std::fs::read(&place)?))
        };
        if kind == Kind::Directory {
            for entry in std::fs::read_dir(&place)? {
                let name = entry?.file_name();
                pending.push((place.join(&name), at.join(name.as_bytes()).unwrap()));
            }
        }
        let inode = Inode {
            stat: Stat {
                mode: Mode::of_st_mode(stat.mode()),
                uid: stat.uid(),
                gid: stat.gid(),
                mtime: u64::try_from(stat.mtime()).unwrap(),
            },
            kind,
            xattrs: xattrs(&place)?,
            origin: origin(),
        };
        match seen.get(&stat.ino()) {
            Some(id) if !stat.is_dir() => tree.link(at, *id).unwrap(),
            _ => {
                let id = tree.replace(at, inode).unwrap();
                seen.insert(stat.ino(), id);
            }
        }
    }
    Ok(tree)
}

fn xattrs(place: &Path) -> io::Result<Xattrs> {
    let mut names = vec![0; 65_536];
    let length = rustix::fs::llistxattr(place, &mut names)?;
    let mut xattrs = Xattrs::new();
    for name in names[..length].split(|byte| *byte == 0) {
        // The security module's label is the machine's, not the image's.
        if name.is_empty() || name == b"security.selinux" {
            continue;
        }
        let mut value = vec![0; 65_536];
        let length = rustix::fs::lgetxattr(place, name, &mut value)?;
        xattrs.insert(name.to_vec(), value[..length].to_vec());
    }
    Ok(xattrs)
}

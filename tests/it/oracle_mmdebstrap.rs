//! mmdebstrap as the judge: the same packages must give the same tree, path by path, but for what
//! `docs/design/tree-differences.md` lists.
//!
//! Packages come from the mirror that this machine's own apt names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use karat::digest::{Digest, Hasher};
use karat::path::{Glob, ImagePath};
use karat::progress::Silent;
use karat::stage::{Initrd, Inputs, Package, Reuse, configured};
use karat::tree::{Epoch, Kind, Tree};

use crate::support::deb::Deb;
use crate::support::pgp::Key;
use crate::support::repository::Repository;
use crate::support::{Judge, Scratch, judge, root, skip};

const EPOCH: u64 = 1_760_000_000;
const SUITE: &str = "trixie";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Paths that may differ: the table of `docs/design/tree-differences.md`.
const DIFFERENCES: [&str; 37] = [
    "/dev/**",
    "/etc/.pwd.lock",
    "/etc/apt/apt.conf.d/02autoremove-postgresql",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/*",
    "/etc/fstab",
    "/etc/group-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/hostname",
    "/etc/machine-id",
    "/etc/passwd-",
    "/etc/postgresql/**",
    "/etc/resolv.conf",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/ssh/ssh_host_*",
    "/etc/ssl/certs/*.0",
    "/etc/ssl/certs/ssl-cert-snakeoil.pem",
    "/etc/ssl/private/ssl-cert-snakeoil.key",
    "/etc/subgid-",
    "/etc/subuid-",
    "/run/lock/**",
    "/usr/share/python3/debpython/__pycache__/*.pyc",
    "/var/cache/apt/archives/*",
    "/var/cache/debconf/*-old",
    "/var/lib/apt/extended_states",
    "/var/lib/apt/lists/*",
    "/var/lib/dpkg/*-old",
    "/var/lib/dpkg/arch",
    "/var/lib/dpkg/lock*",
    "/var/lib/dpkg/triggers/File",
    "/var/lib/dpkg/triggers/Lock",
    "/var/lib/mysql/**",
    "/var/lib/postgresql/*/**",
    "/var/lib/ucf/*.?",
    "/var/log/postgresql/**",
];

/// The programs and the mirror that a comparison needs.
struct Bench {
    scratch: Scratch,
    apt: Judge,
    mmdebstrap: Judge,
    mirror: String,
    /// A repository with a package that only provides `linux-initramfs-tool`, for comparisons with
    /// karat's own initrd.
    dummy: Option<PathBuf>,
}

impl Bench {
    fn new(initrd: Initrd) -> Option<Self> {
        if !root::is_root() {
            skip("mmdebstrap compares in root mode");
            return None;
        }
        if !Path::new(KEYRING).exists() {
            skip("debian-archive-keyring is not installed");
            return None;
        }
        let Some(mirror) = mirror() else {
            skip("this machine's apt names no Debian mirror");
            return None;
        };
        let scratch = Scratch::new("mmdebstrap");
        let dummy = (initrd == Initrd::Karat).then(|| {
            let root = scratch.join("dummy");
            let repository = Repository::new("dummy").package(dummy());
            repository.write(&root, &Key::new(9));
            root
        });
        Some(Self {
            scratch,
            apt: judge("apt-get")?,
            mmdebstrap: judge("mmdebstrap")?,
            mirror,
            dummy,
        })
    }

    fn sources(&self) -> PathBuf {
        let path = self.scratch.join("sources.list");
        let mut lines = format!("deb [signed-by={KEYRING}] {} {SUITE} main\n", self.mirror);
        if let Some(dummy) = &self.dummy {
            // As `file:`, but apt puts the packages where mmdebstrap looks for them.
            lines.push_str(&format!(
                "deb [trusted=yes] copy:{} dummy main\n",
                dummy.display()
            ));
        }
        fs::write(&path, lines).unwrap();
        path
    }

    /// What apt would install, downloaded.
    fn packages(&self, wanted: &[&str]) -> Vec<Package> {
        let apt = self.scratch.join("apt");
        for directory in [
            "etc/apt.conf.d",
            "etc/preferences.d",
            "lists/partial",
            "cache/archives/partial",
        ] {
            fs::create_dir_all(apt.join(directory)).unwrap();
        }
        fs::write(apt.join("status"), "").unwrap();
        let sources = self.sources();
        let run = |arguments: &[&str]| {
            let mut command = self.apt.command();
            for (name, value) in [
                ("Dir::Etc", apt.join("etc")),
                ("Dir::Etc::SourceList", sources.clone()),
                ("Dir::Etc::SourceParts", PathBuf::from("/dev/null")),
                ("Dir::State::Lists", apt.join("lists")),
                ("Dir::State::Status", apt.join("status")),
                ("Dir::Cache", apt.join("cache")),
            ] {
                command.arg("-o").arg(format!("{name}={}", value.display()));
            }
            for option in ["APT::Install-Recommends=0", "APT::Sandbox::User=root"] {
                command.args(["-o", option]);
            }
            let output = command.arg("-qq").args(arguments).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        };
        run(&["update"]);
        let mut install = vec![
            "--yes",
            "--download-only",
            "install",
            "?essential",
            "?priority(required)",
        ];
        install.extend(wanted);
        run(&install);
        let mut packages: Vec<Package> = fs::read_dir(apt.join("cache/archives"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "deb"))
            .map(package)
            .collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        packages
    }

    /// The judge's tree of the same packages.
    fn judged(&self, packages: &[Package]) -> BTreeMap<ImagePath, String> {
        let names: Vec<&str> = packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        let tar = self.scratch.join("judged.tar");
        let status = self
            .mmdebstrap
            .command()
            .args(["--quiet", "--mode=root", "--variant=required"])
            .arg(format!("--include={}", names.join(",")))
            .arg(SUITE)
            .arg(&tar)
            .arg(self.sources())
            .env("SOURCE_DATE_EPOCH", EPOCH.to_string())
            .env("TMPDIR", self.scratch.path())
            .status()
            .unwrap();
        assert!(status.success());
        facts_of_tar(&tar)
    }
}

/// The address of the first Debian archive in this machine's own apt sources.
fn mirror() -> Option<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    for entry in fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
    {
        files.push(entry.unwrap().path());
    }
    files.sort();
    let is_debian =
        |word: &&str| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian");
    files.iter().find_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        let mut words = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(str::split_whitespace);
        words.find(is_debian).map(str::to_owned)
    })
}

/// A package as apt downloaded it: `NAME_VERSION_ARCH.deb`.
fn package(path: PathBuf) -> Package {
    let stem = path
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .replace("%3a", ":");
    let [name, version, architecture] = stem.split('_').collect::<Vec<_>>()[..] else {
        panic!("{stem}");
    };
    Package {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: architecture.to_owned(),
        sha256: Digest::of(&fs::read(&path).unwrap()),
        path,
    }
}

/// Type, mode, owner and content of each path, as text.
fn facts_of_tar(path: &Path) -> BTreeMap<ImagePath, String> {
    let mut facts: BTreeMap<ImagePath, String> = BTreeMap::new();
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let at = ImagePath::from_archive(entry.path_bytes()).unwrap();
        let header = entry.header().clone();
        let kind = header.entry_type();
        let target = entry
            .link_name_bytes()
            .map(std::borrow::Cow::into_owned)
            .unwrap_or_default();
        if kind == tar::EntryType::Link {
            let same = facts[&ImagePath::from_archive(&target).unwrap()].clone();
            facts.insert(at, same);
            continue;
        }
        let what = match kind {
            tar::EntryType::Directory => "directory".to_owned(),
            tar::EntryType::Symlink => format!("link {}", String::from_utf8_lossy(&target)),
            tar::EntryType::Regular => {
                let mut hasher = Hasher::new();
                let mut buffer = vec![0; 1 << 16];
                loop {
                    let count = entry.read(&mut buffer).unwrap();
                    if count == 0 {
                        break;
                    }
                    hasher.update(&buffer[..count]);
                }
                format!("file {}", hasher.finish())
            }
            other => format!("{other:?}"),
        };
        let mode = header.mode().unwrap() & 0o7777;
        let (uid, gid) = (header.uid().unwrap(), header.gid().unwrap());
        facts.insert(at, format!("{mode:04o} {uid} {gid} {what}"));
    }
    facts
}

fn facts_of_tree<State>(tree: &Tree<State>) -> BTreeMap<ImagePath, String> {
    tree.iter()
        .map(|entry| {
            let what = match &entry.inode.kind {
                Kind::Directory => "directory".to_owned(),
                Kind::Symlink(target) => format!("link {}", String::from_utf8_lossy(target)),
                Kind::Regular(content) => format!("file {}", content.digest),
                other => format!("{other:?}"),
            };
            let stat = entry.inode.stat;
            let fact = format!("{} {} {} {what}", stat.mode, stat.uid, stat.gid);
            (entry.path.clone(), fact)
        })
        .collect()
}

fn compare(wanted: &[&str]) {
    drop(compare_with(wanted, Initrd::Package));
}

/// The unpacked tree, for further questions; gone with the first of the two.
fn compare_with(wanted: &[&str], initrd: Initrd) -> Option<(Bench, PathBuf)> {
    let bench = Bench::new(initrd)?;
    let mut packages = bench.packages(wanted);
    let theirs = bench.judged(&packages);
    // What stands for karat's own initrd is no package to karat.
    packages.retain(|package| package.name != DUMMY);
    let mut inputs = Inputs::new(packages, "amd64", Epoch::new(EPOCH).unwrap());
    inputs.worker = Some(PathBuf::from(env!("CARGO_BIN_EXE_karat")));
    inputs.initrd = initrd;
    let made = configured(&inputs, &bench.scratch.join("trees"), Reuse::No, &Silent).unwrap();
    let ours = facts_of_tree(&made.tree);

    let known: Vec<Glob> = DIFFERENCES
        .iter()
        .map(|glob| Glob::parse(glob).unwrap())
        .collect();
    let mut differences = Vec::new();
    for path in ours
        .keys()
        .chain(theirs.keys().filter(|path| !ours.contains_key(*path)))
    {
        let (our, their) = (ours.get(path), theirs.get(path));
        if our != their && !known.iter().any(|glob| glob.matches(path)) {
            differences.push(format!(
                "{path}\n  karat      {our:?}\n  mmdebstrap {their:?}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));

    // dpkg and apt of the image itself have nothing to complain about.
    let unpacked = bench.scratch.join("root");
    fs::create_dir(&unpacked).unwrap();
    root::write(&made.tree, &made.blobs, &unpacked);
    let chroot = judge("chroot")?;
    for command in [
        &["dpkg", "--audit"][..],
        &["dpkg", "--verify"],
        &["dpkg-query", "--status", "dpkg"],
    ] {
        let output = chroot
            .command()
            .arg(&unpacked)
            .args(command)
            .output()
            .unwrap();
        assert!(output.status.success(), "{command:?} {output:?}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.is_empty() || command[0] == "dpkg-query",
            "{command:?}: {said}"
        );
    }
    if unpacked.join("usr/bin/apt-get").exists() {
        let output = chroot
            .command()
            .arg(&unpacked)
            .args(["apt-get", "check"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    Some((bench, unpacked))
}

/// The name under which dpkg in an image knows karat's initrd.
const DUMMY: &str = "karat-initramfs";

/// A package like the one that karat enters into dpkg's database.
fn dummy() -> Deb {
    Deb::new(DUMMY, "1")
        .field("Architecture", "all")
        .field("Maintainer", "karat")
        .field("Section", "kernel")
        .field("Priority", "optional")
        .field("Provides", "linux-initramfs-tool")
        .field(
            "Description",
            "initrd made by karat\n The image's initrd is written by karat when the image is built.\n \
             This package has no files; it keeps others from making a second one.",
        )
}

#[test]
fn a_server_with_systemd_ssh_and_a_firewall() {
    compare(&[
        "systemd",
        "systemd-sysv",
        "openssh-server",
        "nftables",
        "apt",
    ]);
}

#[test]
fn nginx() {
    compare(&["nginx"]);
}

#[test]
fn postgresql() {
    compare(&["postgresql"]);
}

#[test]
fn python() {
    compare(&["python3"]);
}

#[test]
fn docker() {
    compare(&["docker.io"]);
}

#[test]
fn a_kernel_with_its_initrd() {
    compare(&["linux-image-amd64", "initramfs-tools"]);
}

#[test]
fn a_kernel_whose_initrd_is_karats() {
    let wanted = ["linux-image-cloud-amd64", "systemd-sysv", "apt", DUMMY];
    let Some((_bench, root)) = compare_with(&wanted, Initrd::Karat) else {
        return;
    };
    root::has_a_kernel_and_no_initrd(&root);
    let status = fs::read_to_string(root.join("var/lib/dpkg/status")).unwrap();
    for generator in ["initramfs-tools", "dracut", "tiny-initramfs"] {
        let line = format!("Package: {generator}");
        assert!(!status.contains(&line), "{generator}");
    }
}

#[test]
fn redis() {
    compare(&["redis-server"]);
}

#[test]
fn apache() {
    compare(&["apache2"]);
}

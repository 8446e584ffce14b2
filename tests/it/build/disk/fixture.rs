//! A small disk, made by other programs than karat, with what karat signs for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use karat::baseline::{
    Baseline, Draft, ImageName, ImageVersion, Inputs, Placement, Serial, Subject, Subjects,
};
use karat::boot::{Etc, OnCorruption, OnFailure, Place, PlaceKind, Places, Plan, Root};
use karat::digest::Digest;
use karat::envelope::Envelope;
use karat::instance::State;
use karat::key::{SigningKey, TrustDocument};
use karat::layout::Uuid;
use karat::layout::verity::Verity;
use karat::path::ImagePath;
use karat::tree::Epoch;

use super::kernel::Unpacked;
use crate::build::workshop::said;
use crate::support::toolbox::libraries;
use crate::support::trust::trust_root;
use crate::support::{Judge, Scratch, judge, skip};

/// What the root's first process does: it says what it sees, tries to write, and switches off.
const INIT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
echo "ROOT RUNS"
echo "REPORT $($b cat /run/karat/boot-report.json)"
echo "TIMES $($b cat /run/karat/boot-timings.json)"
echo "FILES $($b ls /run/karat/baseline / | $b tr "\n" " ")"
for bank in /sys/class/tpm/tpm0/pcr-*; do
  for pcr in 8 11; do echo "PCR ${bank##*-} $pcr $($b cat $bank/$pcr)"; done
done
for path in /usr/x /etc/x /var/x /var/kept/x /tmp/x; do
  if $b test -e $path; then echo "FOUND $path"; fi
  if (echo x > $path) 2>/dev/null; then echo "WROTE $path"; else echo "REFUSED $path"; fi
done
echo "STATE $($b stat -c '%a %u:%g' /run/karat/state)"
echo "SIZES $($b cat /sys/class/block/vda4/size) $($b stat -f -c '%b %S' /run/karat/state)"
if $b test -e /var/command; then
  exec 3<>/dev/tpm0
  $b cat /var/command >&3
  echo "ANSWER $($b dd bs=4096 count=1 <&3 2>/dev/null | $b od -An -v -tx1 | $b tr -d ' \n')"
fi
$b cat /proc/mounts
$b sync
$b umount /var /etc /run/karat/state 2>/dev/null
$b poweroff -f
"#;

/// Where the partitions begin, in MiB, and where the last one ends.
const ESP: u64 = 1;
const DATA: u64 = 41;
const TREE: u64 = 73;
const STATE: u64 = 75;
const END: u64 = 91;
const MIB: u64 = 1 << 20;
const STATE_ID: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";

/// The outside programs.
pub(super) struct Judges {
    pub(super) qemu: Judge,
    pub(super) timeout: Judge,
    pub(super) mkfs_ext4: Judge,
    mkfs_erofs: Judge,
    mkfs_vfat: Judge,
    veritysetup: Judge,
    sfdisk: Judge,
    mcopy: Judge,
    mmd: Judge,
    cpio: Judge,
}

/// The disk, and what it is booted with.
pub(super) struct Disk {
    pub(super) judges: Judges,
    pub(super) kernel: PathBuf,
    pub(super) plan: Plan,
    pub(super) verity: Verity,
    scratch: Scratch,
    modules: Vec<PathBuf>,
}

impl Judges {
    fn all() -> Option<Self> {
        Some(Self {
            qemu: judge("qemu-system-x86_64")?,
            timeout: judge("timeout")?,
            mkfs_ext4: judge("mkfs.ext4")?,
            mkfs_erofs: judge("mkfs.erofs")?,
            mkfs_vfat: judge("mkfs.vfat")?,
            veritysetup: judge("veritysetup")?,
            sfdisk: judge("sfdisk")?,
            mcopy: judge("mcopy")?,
            mmd: judge("mmd")?,
            cpio: judge("cpio")?,
        })
    }
}

impl Disk {
    /// A disk on which everything is as it was signed; `None`, said so, where something is missing.
    pub(super) fn new(name: &str) -> Option<Self> {
        if std::env::consts::ARCH != "x86_64" {
            skip("the machine that is emulated is an x86-64");
            return None;
        }
        let judges = Judges::all()?;
        let unpacked = Unpacked::new()?;
        let scratch = Scratch::new(name);
        let verity = root(&judges, &unpacked, &scratch);
        let modules = unpacked.load_order();
        let [data, tree] = verity.partitions();
        let place = |path: &str, kind| Place {
            path: ImagePath::parse(path).unwrap(),
            kind,
        };
        let plan = Plan {
            name: ImageName::parse("small").unwrap(),
            version: ImageVersion::parse("1").unwrap(),
            root: Root {
                hash: verity.root(),
                data,
                tree,
            },
            cmdline: "console=ttyS0 quiet panic=-1 no_timer_check".to_owned(),
            modules: modules.iter().map(|path| in_initrd(path)).collect(),
            writable: Places::new(vec![
                place("/tmp", PlaceKind::Tmpfs { size: Some(MIB) }),
                place("/var", PlaceKind::State),
            ])
            .unwrap(),
            etc: Etc::OverlayTmpfs,
            state: Some(uuid(STATE_ID)),
            on_failure: OnFailure::Poweroff,
            on_corruption: OnCorruption::Panic,
        };
        let disk = Self {
            kernel: unpacked.kernel(),
            judges,
            plan,
            verity,
            scratch,
            modules,
        };
        disk.partition();
        disk.initrd(&disk.plan, &trust(1, |_| {}));
        disk.esp(&[("small_1.dsse.json", &disk.envelope("small", 5, 2))]);
        Some(disk)
    }

    /// A file of the test.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// The envelope of an image of this name and serial over this disk's root, by this key.
    pub(super) fn envelope(&self, name: &str, serial: u64, key: u8) -> Vec<u8> {
        let digest = Digest::of(b"anything");
        let subjects = [Subject::Manifest, Subject::Expectations, Subject::Tar];
        let baseline = Baseline {
            name: ImageName::parse(name).unwrap(),
            version: ImageVersion::parse("1").unwrap(),
            epoch: Epoch::new(1_700_000_000).unwrap(),
            builder: "karat test".to_owned(),
            inputs: Inputs {
                template: digest,
                lock: digest,
                trust: None,
                agent: None,
            },
            segment: Placement::default(),
            verity: Some(self.verity),
            subjects: Subjects::from(subjects.map(|subject| (subject, digest))),
        };
        let statement = Draft::new(baseline).unwrap();
        let statement = statement.complete(Serial::new(serial).unwrap(), None);
        let mut envelope = Envelope::new(statement.to_signed().unwrap());
        envelope.sign(&SigningKey::from_seed([key; 32])).unwrap();
        envelope.to_bytes()
    }

    /// Makes the initrd anew, by cpio(1).
    pub(super) fn initrd(&self, plan: &Plan, trust: &[u8]) {
        let tree = self.path("initrd.d");
        drop(fs::remove_dir_all(&tree));
        let put = |path: &str, from: &Path| {
            let to = tree.join(path.trim_start_matches('/'));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        };
        let agent = Path::new(env!("CARGO_BIN_EXE_karat-agent"));
        put("init", agent);
        for library in libraries(agent) {
            put(
                library.to_str().unwrap(),
                &fs::canonicalize(&library).unwrap(),
            );
        }
        for module in &self.modules {
            put(&in_initrd(module).display().to_string(), module);
        }
        fs::write(tree.join("boot.json"), plan.to_bytes().unwrap()).unwrap();
        fs::write(tree.join("trust.json"), trust).unwrap();
        let list = self.path("initrd.list");
        let mut names = vec![PathBuf::from(".")];
        let mut at = 0;
        while let Some(name) = names.get(at).cloned() {
            at += 1;
            if tree.join(&name).is_dir() {
                let entries = fs::read_dir(tree.join(&name)).unwrap();
                names.extend(entries.map(|entry| name.join(entry.unwrap().file_name())));
            }
        }
        let names: Vec<&str> = names.iter().map(|name| name.to_str().unwrap()).collect();
        fs::write(&list, names.join("\n")).unwrap();
        let mut cpio = self.judges.cpio.command();
        cpio.args(["--quiet", "-o", "-H", "newc", "-R", "0:0"])
            .current_dir(&tree);
        cpio.stdin(fs::File::open(list).unwrap());
        cpio.stdout(fs::File::create(self.path("initrd")).unwrap());
        run(&mut cpio);
    }

    /// Makes the EFI system partition anew, with these files in `karat/`.
    pub(super) fn esp(&self, files: &[(&str, &[u8])]) {
        let esp = self.path("esp");
        drop(fs::remove_file(&esp));
        let size = (DATA - ESP) * MIB;
        fs::File::create(&esp).unwrap().set_len(size).unwrap();
        let mut mkfs = self.judges.mkfs_vfat.command();
        run(mkfs
            .args(["-F", "32", "-i", "12345678", "--invariant"])
            .arg(&esp));
        run(self.judges.mmd.command().arg("-i").arg(&esp).arg("::karat"));
        for (name, bytes) in files {
            let file = self.path("delivered");
            fs::write(&file, bytes).unwrap();
            let mut mcopy = self.judges.mcopy.command();
            mcopy
                .arg("-i")
                .arg(&esp)
                .arg(file)
                .arg(format!("::karat/{name}"));
            run(&mut mcopy);
        }
        self.write(ESP, &fs::read(esp).unwrap());
    }

    /// Leaves the EFI system partition as a power failure may: a cluster in use, in the first table alone, that
    /// no file has.
    pub(super) fn untidy(&self) {
        let esp = usize::try_from(ESP * MIB).unwrap();
        let mut bytes = fs::read(self.path("disk.raw")).unwrap();
        let reserved = u16::from_le_bytes([bytes[esp + 14], bytes[esp + 15]]);
        let entry = esp + usize::from(reserved) * 512 + 4 * 3000;
        assert_eq!(bytes[entry..entry + 4], [0; 4]);
        bytes[entry..entry + 4].copy_from_slice(&0x0fff_ffff_u32.to_le_bytes());
        fs::write(self.path("disk.raw"), bytes).unwrap();
    }

    /// Puts bytes into the state partition.
    pub(super) fn state(&self, bytes: &[u8]) {
        self.write(STATE, bytes);
    }

    /// A state partition with these files.
    pub(super) fn state_with(&self, files: &[(&str, Vec<u8>)]) {
        let tree = self.path("state.d");
        drop(fs::remove_dir_all(&tree));
        for (path, bytes) in files {
            let path = tree.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        self.state_of(&tree);
    }

    /// A state partition with what lies in this directory.
    pub(super) fn state_of(&self, tree: &Path) {
        let file = self.path("state");
        let size = (END - STATE) * MIB;
        fs::File::create(&file).unwrap().set_len(size).unwrap();
        let mut mkfs = self.judges.mkfs_ext4.command();
        mkfs.args(["-q", "-E", "root_owner=0:0", "-d"]).arg(tree);
        run(mkfs.arg(&file));
        self.state(&fs::read(file).unwrap());
    }

    /// A state partition on which this serial of the image was blessed, with further files.
    pub(super) fn remembering(&self, serial: u64, more: &[(&str, Vec<u8>)]) {
        let serial = Serial::new(serial).unwrap();
        let state = State::default().raised(&self.plan.name, serial, 1, None);
        let writings = state.unwrap().writings();
        let files: Vec<(String, Vec<u8>)> = writings
            .into_iter()
            .map(|state| {
                let path = format!("upper/var/lib/karat/state/{}", state.file());
                (path, state.to_bytes())
            })
            .collect();
        let files = files
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.clone()));
        let files: Vec<_> = files.chain(more.iter().cloned()).collect();
        self.state_with(&files);
    }

    /// Makes the disk larger by so many MiB, as a platform does before it starts a machine.
    pub(super) fn enlarge(&self, mib: u64) {
        let disk = fs::File::options().write(true).open(self.path("disk.raw"));
        let disk = disk.unwrap();
        let size = disk.metadata().unwrap().len();
        disk.set_len(size + mib * MIB).unwrap();
    }

    /// Changes a byte of the root where it has `text`.
    pub(super) fn flip(&self, text: &[u8]) {
        let start = usize::try_from(DATA * MIB).unwrap();
        let mut bytes = fs::read(self.path("disk.raw")).unwrap();
        let found = bytes[start..].windows(text.len()).position(|it| it == text);
        bytes[start + found.unwrap()] ^= 1;
        fs::write(self.path("disk.raw"), bytes).unwrap();
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        use std::os::unix::fs::FileExt as _;
        let disk = fs::File::options().write(true).open(self.path("disk.raw"));
        disk.unwrap().write_all_at(bytes, at * MIB).unwrap();
    }

    fn partition(&self) {
        let disk = self.path("disk.raw");
        fs::File::create(&disk)
            .unwrap()
            .set_len((END + 1) * MIB)
            .unwrap();
        let [data, tree] = [self.plan.root.data, self.plan.root.tree];
        let line = |start: u64, end: u64, kind: &str, id: &str| {
            let (start, size) = (start * 2048, (end - start) * 2048);
            format!("start={start}, size={size}, type={kind}, uuid={id}\n")
        };
        let text = "label: gpt\nlabel-id: 11111111-2222-3333-4444-555555555555\nunit: sectors\n"
            .to_owned()
            + &line(
                ESP,
                DATA,
                "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
                "11111111-2222-3333-4444-000000000001",
            )
            + &line(
                DATA,
                TREE,
                "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
                &data.to_string(),
            )
            + &line(
                TREE,
                STATE,
                "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5",
                &tree.to_string(),
            )
            + line(STATE, END, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", STATE_ID).trim_end()
            + ", attrs=\"GUID:59\"\n";
        fs::write(self.path("table"), text).unwrap();
        let mut sfdisk = self.judges.sfdisk.command();
        sfdisk
            .arg("-q")
            .arg(&disk)
            .stdin(fs::File::open(self.path("table")).unwrap());
        run(&mut sfdisk);
        self.write(DATA, &fs::read(self.path("root.erofs")).unwrap());
        self.write(TREE, &fs::read(self.path("root.verity")).unwrap());
    }
}

/// A trust root of version 1 by the key `who`, which lets the key after it sign.
pub(super) fn trust(who: u8, change: impl FnOnce(&mut TrustDocument)) -> Vec<u8> {
    trust_root([who, who + 1], 1, change)
}

pub(super) fn uuid(text: &str) -> Uuid {
    let number = u128::from_str_radix(&text.replace('-', ""), 16).unwrap();
    Uuid::from_bytes(number.to_be_bytes())
}

/// The root and its hash tree.
fn root(judges: &Judges, unpacked: &Unpacked, scratch: &Scratch) -> Verity {
    let tree = scratch.join("root.d");
    unpacked.root(&tree);
    for (path, bytes) in [
        ("sbin/init", INIT),
        ("etc/hostname", "small\n"),
        ("var/lib/x", "x"),
    ] {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    let mut chmod = Command::new("chmod");
    run(chmod.arg("755").arg(tree.join("sbin/init")));
    let [image, hashes] = ["root.erofs", "root.verity"].map(|name| scratch.join(name));
    let mut mkfs = judges.mkfs_erofs.command();
    run(mkfs
        .args(["--quiet", "--all-root", "-T1700000000"])
        .arg(&image)
        .arg(&tree));
    let mut format = judges.veritysetup.command();
    let salt = Digest::of(b"salt");
    format
        .arg("format")
        .arg(&image)
        .arg(&hashes)
        .arg(format!("--salt={salt}"));
    let text = run(&mut format);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Root hash:"));
    let hash = line.unwrap().trim().parse().unwrap();
    let blocks = fs::metadata(&image).unwrap().len() / Verity::BLOCK;
    Verity::new(hash, salt, blocks).unwrap()
}

fn in_initrd(module: &Path) -> ImagePath {
    let name = module.file_name().unwrap().to_str().unwrap();
    ImagePath::parse(format!("/lib/modules/{name}")).unwrap()
}

fn run(command: &mut Command) -> String {
    let (code, text) = said(&command.output().unwrap());
    assert_eq!(code, 0, "{command:?}: {text}");
    text
}

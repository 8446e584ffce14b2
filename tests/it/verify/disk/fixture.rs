//! A small disk made by karat's own writers, of a tree, a kernel and programs that run nowhere.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::num::NonZero;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use karat::appraise::{Expiry, Verdict, Verification};
use karat::baseline::{
    Baseline, Draft, ImageName, ImageVersion, Inputs, Placement, Serial, Subject, Subjects,
};
use karat::boot::{Etc, OnCorruption, OnFailure, Places, Plan, Root};
use karat::digest::Digest;
use karat::disk::LOADER_CONF;
use karat::envelope::Envelope;
use karat::expect::Expectations;
use karat::image::compress::{Compression, Encoder};
use karat::image::cpio::Writer;
use karat::image::erofs;
use karat::image::fat::{self, Settings};
use karat::image::gpt::{self, Wanted};
use karat::image::pieces::Pieces;
use karat::image::uki::{self, Stub};
use karat::image::verity::Tree;
use karat::key::{SigningKey, TrustDocument, TrustRoot};
use karat::layout::gpt::{Attributes, Kind, Machine, Partition};
use karat::layout::verity::Verity;
use karat::layout::{Source as _, Uuid};
use karat::manifest::{Manifest, RESERVED};
use karat::ops::verify::{Checked, Request, verify};
use karat::tree::Mode;

use crate::support::Scratch;
use crate::support::pe::{self, X64};
use crate::support::root::{Sample, image};
use crate::support::trust::trust_root;

pub const MIB: u64 = 1 << 20;
pub const CMDLINE: &str = "console=ttyS0 quiet";
/// What the file that attacks look for holds.
pub const NEEDLE: &[u8] = b"this line is somewhere in the root, once";
/// Settings of the package `app`.
pub const SETTINGS: &[u8] = b"# who may come in\nlisten 443\nallow nobody\nverbose no\n";
/// What dpkg says of its version.
pub const STATUS: &[u8] = b"Package: app\nStatus: install ok installed\nVersion: 7.1-3\n";
/// Where partitions stand in the table.
pub const ESP: usize = 0;
pub const ROOT: usize = 1;
pub const TREE: usize = 2;
pub const SPARE: usize = 3;
pub const STATE: usize = 5;

/// One image: what a build makes of it.
#[derive(Clone)]
pub struct Made {
    pub baseline: Baseline,
    pub root: Vec<u8>,
    pub tree: Vec<u8>,
    pub verity: Verity,
    pub plan: Plan,
    pub manifest: Vec<u8>,
    pub expectations: Vec<u8>,
}

/// A disk in the making: every test changes something before it is written.
pub struct Disk {
    pub scratch: Scratch,
    pub made: Vec<Made>,
    /// The files of the EFI system partition.
    pub files: BTreeMap<String, Vec<u8>>,
    pub wanted: Vec<Wanted>,
    pub trust: Vec<u8>,
}

fn two() -> NonZero<usize> {
    NonZero::new(2).unwrap()
}

fn loader() -> Vec<u8> {
    pe::loader(X64, "257.13-1").build()
}

pub fn kernel() -> Vec<u8> {
    pe::kernel(X64, "6.1.0-test")
}

/// An initrd as karat's: three files, compressed.
pub fn initrd(plan: &Plan, agent: &[u8], trust: &[u8]) -> Vec<u8> {
    packed(&archive(plan, agent, trust, &[]))
}

/// Its archive, with further files.
pub fn archive(plan: &Plan, agent: &[u8], trust: &[u8], more: &[(&str, &[u8])]) -> Vec<u8> {
    let plan = plan.to_bytes().unwrap();
    let mut files = vec![
        ("/boot.json", Mode::FILE, plan.as_slice()),
        ("/init", Mode::DIRECTORY, agent),
        ("/trust.json", Mode::FILE, trust),
    ];
    files.extend(more.iter().map(|(name, bytes)| (*name, Mode::FILE, *bytes)));
    files.sort_by_key(|(name, ..)| *name);
    let mut archive = Writer::new(Vec::new());
    for (name, mode, bytes) in files {
        archive.file(&image(name), mode, bytes).unwrap();
    }
    archive.finish().unwrap()
}

pub fn packed(archive: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(Compression::Gzip, two(), Vec::new()).unwrap();
    std::io::Write::write_all(&mut encoder, archive).unwrap();
    let mut bytes = encoder.finish().unwrap();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

pub fn uki(initrd: &[u8], cmdline: &str, kernel: &[u8]) -> uki::Uki {
    let stub = pe::stub(X64, "257.13-1").build();
    uki::assemble(&uki::Parts {
        stub: &Stub::parse(&stub).unwrap(),
        kernel,
        initrd,
        cmdline,
        os_release: b"ID=debian\n",
        uname: None,
        sbat: "",
        splash: None,
    })
    .unwrap()
}

impl Made {
    pub fn new(version: &str, trust: &[u8]) -> Self {
        Self::of(version, trust, erofs::Compression::None, |_| {})
    }

    /// With further files.
    pub fn of(
        version: &str,
        trust: &[u8],
        compression: erofs::Compression,
        more: impl FnOnce(&mut Sample),
    ) -> Self {
        let mut sample = Sample::new();
        for path in [
            "/boot",
            "/usr/lib/systemd",
            "/usr/lib/systemd/boot",
            "/usr/lib/systemd/boot/efi",
        ] {
            sample.add(path, 0o755, karat::tree::Kind::Directory, "package:systemd");
        }
        let boot = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi";
        sample.file(boot, 0o644, &loader(), "package:systemd-boot-efi");
        sample.file(
            "/boot/vmlinuz-6.1.0-test",
            0o644,
            &kernel(),
            "package:linux",
        );
        sample.file("/etc/version", 0o644, version.as_bytes(), "template:files");
        // More than one block of hashes.
        let large: Vec<u8> = NEEDLE
            .iter()
            .copied()
            .chain((0..600_000).map(|at: u32| (at >> 9).to_le_bytes()[0]))
            .collect();
        sample.file("/usr/bin/large", 0o755, &large, "package:large");
        sample.file("/etc/app.conf", 0o644, SETTINGS, "package:app");
        let directory = karat::tree::Kind::Directory;
        sample.add("/var/lib/dpkg", 0o755, directory, "package:dpkg");
        sample.file("/var/lib/dpkg/status", 0o644, STATUS, "script:dpkg");
        more(&mut sample);
        let expectations = Expectations::default();
        let manifest = Manifest::of(&sample.sealed());
        for (path, bytes) in RESERVED
            .iter()
            .zip([manifest.to_bytes(), expectations.to_bytes()])
        {
            sample.file(path, 0o644, &bytes, "template:karat");
        }
        let options = erofs::Options {
            uuid: [8; 16],
            label: erofs::label("demo"),
            compression,
            threads: two(),
        };
        let sink = Cursor::new(Vec::new());
        let (sink, _) = erofs::write(&sample.sealed(), &sample.blobs, &options, sink).unwrap();
        let root = sink.into_inner();
        let hashes = Tree::of(&root, Verity::salt_of(&manifest.digest()), two()).unwrap();
        let mut tree = Vec::new();
        hashes
            .write(Uuid::derived(&manifest.digest(), "verity"), &mut tree)
            .unwrap();
        let verity = hashes.verity();
        let [data, hash] = verity.partitions();
        let plan = Plan {
            name: ImageName::parse("demo").unwrap(),
            version: ImageVersion::parse(version).unwrap(),
            root: Root {
                hash: verity.root(),
                data,
                tree: hash,
            },
            cmdline: CMDLINE.to_owned(),
            modules: Vec::new(),
            writable: Places::new(Vec::new()).unwrap(),
            etc: Etc::ReadOnly,
            state: None,
            on_failure: OnFailure::Poweroff,
            on_corruption: OnCorruption::Panic,
        };
        let uki = uki(&initrd(&plan, b"agent", trust), CMDLINE, &kernel());
        let baseline = Baseline {
            name: plan.name.clone(),
            version: plan.version.clone(),
            epoch: sample.tree.epoch(),
            builder: "karat test".to_owned(),
            inputs: Inputs {
                template: Digest::of(b"template"),
                lock: Digest::of(b"lock"),
                trust: Some(TrustRoot::parse(trust).unwrap().digest()),
                agent: Some(Digest::of(b"agent")),
            },
            segment: Placement::default(),
            verity: Some(verity),
            subjects: Subjects::from([
                (Subject::Manifest, manifest.digest()),
                (Subject::Expectations, expectations.digest()),
                (Subject::Erofs, Digest::of(&root)),
                (Subject::Verity, Digest::of(&tree)),
                (Subject::Uki, uki.authenticode.sha256),
            ]),
        };
        Self {
            baseline,
            root,
            tree,
            verity,
            plan,
            manifest: manifest.to_bytes(),
            expectations: expectations.to_bytes(),
        }
    }

    pub fn stem(&self) -> String {
        self.baseline.stem()
    }

    /// The kernel image as it was built.
    pub fn uki(&self, trust: &[u8]) -> Vec<u8> {
        uki(&initrd(&self.plan, b"agent", trust), CMDLINE, &kernel()).bytes
    }

    pub fn envelope(&self, serial: u64, seed: u8) -> Vec<u8> {
        let draft = Draft::new(self.baseline.clone()).unwrap();
        let statement = draft.complete(Serial::new(serial).unwrap(), None);
        let mut envelope = Envelope::new(statement.to_signed().unwrap());
        envelope.sign(&SigningKey::from_seed([seed; 32])).unwrap();
        envelope.to_bytes()
    }
}

/// A trust root under which key 2 signs baselines, signed by key 1.
pub fn trust(version: u64, change: impl FnOnce(&mut TrustDocument)) -> Vec<u8> {
    trust_root([1, 2], version, change)
}

impl Disk {
    /// A disk with one slot filled, as a build writes it and an update has not touched it.
    pub fn new(name: &str) -> Self {
        Self::of(name, |trust| Made::new("1", trust))
    }

    /// The same, of an image that is made under a trust root.
    pub fn of(name: &str, made: impl FnOnce(&[u8]) -> Made) -> Self {
        let trust = trust(1, |_| {});
        let scratch = Scratch::new(name);
        fs::write(scratch.join("trust.json"), &trust).unwrap();
        let made = made(&trust);
        let mib = |bytes: &[u8]| (bytes.len() as u64).div_ceil(MIB);
        let (of_root, of_tree) = (mib(&made.root).max(2), mib(&made.tree));
        let lineage = Digest::of(b"demo");
        let partition = |kind, id, name: &str, mib, attributes| Wanted {
            kind,
            id,
            name: name.to_owned(),
            size: mib * MIB,
            attributes,
        };
        let read_only = Attributes::READ_ONLY;
        let spare = read_only.and(Attributes::NO_AUTO);
        let root = Kind::Root(Machine::X86_64);
        let tree = Kind::RootVerity(Machine::X86_64);
        let [one, two] = made.verity.partitions();
        let [three, four] = [3, 4].map(|byte| Uuid::from_bytes([byte; 16]));
        let esp = Uuid::from_bytes([9; 16]);
        let state = Uuid::derived(&lineage, "state");
        let mut disk = Self {
            scratch,
            files: BTreeMap::from([
                ("EFI/BOOT/BOOTX64.EFI".to_owned(), loader()),
                ("EFI/systemd/systemd-bootx64.efi".to_owned(), loader()),
                (
                    "loader/loader.conf".to_owned(),
                    LOADER_CONF.as_bytes().to_vec(),
                ),
            ]),
            wanted: vec![
                partition(Kind::Esp, esp, "esp", 34, Attributes::default()),
                partition(root, one, "demo_1", of_root, read_only),
                partition(tree, two, "demo_1", of_tree, read_only),
                partition(root, three, "_empty", of_root, spare),
                partition(tree, four, "_empty", of_tree, spare),
                partition(Kind::Linux, state, "state", 1, Attributes::GROW),
            ],
            made: Vec::new(),
            trust,
        };
        disk.add(made, "+3", 5);
        disk
    }

    /// Puts an image's kernel image and Envelope onto the EFI system partition.
    pub fn add(&mut self, made: Made, counter: &str, serial: u64) {
        let stem = made.stem();
        let uki = made.uki(&self.trust);
        self.files
            .insert(format!("EFI/Linux/{stem}{counter}.efi"), uki);
        self.envelope(&stem, made.envelope(serial, 2));
        self.made.push(made);
    }

    /// Fills the second slot, as an update does.
    pub fn update(&mut self) {
        let made = Made::new("2", &self.trust);
        let ids = made.verity.partitions();
        for (wanted, id) in self.wanted[SPARE..].iter_mut().zip(ids) {
            wanted.id = id;
            "demo_2".clone_into(&mut wanted.name);
            wanted.attributes = Attributes::READ_ONLY;
        }
        self.add(made, "+2-1", 6);
    }

    pub fn envelope(&mut self, stem: &str, bytes: Vec<u8>) {
        self.files.insert(format!("karat/{stem}.dsse.json"), bytes);
    }

    /// Replaces the kernel image of `demo_1`.
    pub fn kernel_image(&mut self, bytes: Vec<u8>) {
        self.files
            .insert("EFI/Linux/demo_1+3.efi".to_owned(), bytes);
    }

    pub fn new_trust(&self, bytes: &[u8]) {
        fs::write(self.scratch.join("trust.json"), bytes).unwrap();
    }

    pub fn partitions(&self) -> Vec<Partition> {
        self.plan().partitions().to_vec()
    }

    fn plan(&self) -> gpt::Plan {
        let id = Uuid::from_bytes([7; 16]);
        gpt::Plan::new(id, self.wanted.clone(), None, false).unwrap()
    }

    /// All bytes of it.
    pub fn bytes(&self) -> Vec<u8> {
        let settings = Settings {
            id: 1,
            label: "ESP".to_owned(),
            epoch: self.made[0].baseline.epoch,
            size: 34 * MIB,
        };
        let boxed = self.files.iter().map(|(path, bytes)| {
            let source: Box<dyn karat::layout::Source + '_> = Box::new(bytes);
            (path.clone(), source)
        });
        let esp = fat::image(&settings, boxed.collect()).unwrap();
        let mut contents: Vec<(usize, &dyn karat::layout::Source)> = vec![(1, &esp)];
        for (made, number) in self.made.iter().zip([2, 4]) {
            contents.push((number, &made.root));
            contents.push((number + 1, &made.tree));
        }
        let plan = self.plan();
        let whole: Pieces<'_> = gpt::fill(&plan, contents).unwrap();
        let mut bytes = vec![0; usize::try_from(whole.size()).unwrap()];
        whole.read_at(0, &mut bytes).unwrap();
        bytes
    }

    /// Writes it, with the bytes changed.
    pub fn write(&self, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let mut bytes = self.bytes();
        change(&mut bytes);
        let path = self.scratch.join("demo_1.raw");
        let file = fs::File::create(&path).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        for (at, chunk) in (0..).zip(bytes.chunks(64 << 10)) {
            if chunk.iter().any(|byte| *byte != 0) {
                file.write_all_at(chunk, at * (64 << 10)).unwrap();
            }
        }
        path
    }

    /// Puts bytes in the place of others in the root of a slot, [`ROOT`] or [`SPARE`].
    pub fn replace(&self, bytes: &mut [u8], slot: usize, [old, new]: [&[u8]; 2]) {
        assert_eq!(old.len(), new.len());
        let made = &self.made[usize::from(slot == SPARE)];
        let start = usize::try_from(self.partitions()[slot].start).unwrap();
        let at = start + find(&made.root, old);
        bytes[at..at + new.len()].copy_from_slice(new);
    }

    pub fn request(&self, disk: PathBuf) -> Request {
        Request {
            subject: Checked::Disk(disk),
            baseline: None,
            trust: Some(self.scratch.join("trust.json")),
            image: None,
            expiry: Expiry::Warn,
            explain: None,
            against: None,
            nonce: None,
            max_bytes: None,
            max_time: None,
            threads: two(),
        }
    }

    /// What verifying says, of a disk whose bytes were changed.
    pub fn verified(&self, change: impl FnOnce(&mut Vec<u8>)) -> Verification {
        verify(&self.request(self.write(change))).unwrap()
    }

    /// The worst verdict is that, and a finding with such a verdict says so.
    #[track_caller]
    pub fn says(&self, verdict: Verdict, text: &str, change: impl FnOnce(&mut Vec<u8>)) {
        says(&self.verified(change), verdict, text);
    }
}

#[track_caller]
pub fn says(verification: &Verification, verdict: Verdict, text: &str) {
    let messages: Vec<String> = verification
        .findings
        .iter()
        .map(|finding| format!("{}: {}", finding.verdict, finding.message))
        .collect();
    assert_eq!(verification.verdict(), verdict, "{messages:#?}");
    let start = format!("{verdict}: ");
    let is_it = |message: &String| message.starts_with(&start) && message.contains(text);
    assert!(messages.iter().any(is_it), "{text}: {messages:#?}");
}

/// Where `needle` stands, once.
pub fn find(bytes: &[u8], needle: &[u8]) -> usize {
    let mut found = bytes
        .windows(needle.len())
        .enumerate()
        .filter(|(_, some)| *some == needle);
    let (at, _) = found.next().unwrap();
    assert!(found.next().is_none(), "more than once");
    at
}

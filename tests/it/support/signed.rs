//! A signed build, as `karat build` leaves it, made by code.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use karat::baseline::{
    Baseline, Draft, ImageName, ImageVersion, Inputs, Placement, Serial, Subject, Subjects,
};
use karat::digest::Digest;
use karat::envelope::Envelope;
use karat::expect::Expectations;
use karat::image::compress::{Compression, Encoder};
use karat::image::{oci, tar};
use karat::key::{Signer, SigningKey, TrustDocument};
use karat::manifest::{Manifest, RESERVED, RESERVED_DIRECTORY};
use karat::tree::{Epoch, Sealed, Tree};

use super::Scratch;
use super::root::{Sample, image};
use super::trust::trust_root;

const ONE: NonZero<usize> = NonZero::<usize>::MIN;

/// A signed build in a directory of its own: `demo_1.*`, and `trust.json` elsewhere.
pub struct Release {
    pub scratch: Scratch,
    pub manifest: Manifest,
    pub expectations: Expectations,
    /// The whole tree, the two files that no manifest lists included.
    pub tree: Tree<Sealed>,
    pub baseline: Baseline,
    pub sample: Sample,
}

/// The key that may sign baselines.
pub fn signer() -> SigningKey {
    SigningKey::from_seed([2; 32])
}

impl Release {
    pub fn new(name: &str) -> Self {
        Self::of(name, Sample::new(), Expectations::default())
    }

    pub fn of(name: &str, mut sample: Sample, expectations: Expectations) -> Self {
        let scratch = Scratch::new(name);
        fs::create_dir(scratch.join("out")).unwrap();
        let manifest = Manifest::of(&sample.sealed());
        let has_copies = sample.tree.get(&image(RESERVED_DIRECTORY)).is_some();
        let copies = [manifest.to_bytes(), expectations.to_bytes()];
        for (path, bytes) in RESERVED.iter().zip(copies).filter(|_| has_copies) {
            sample.file(path, 0o644, &bytes, "template:karat");
        }
        let tree = sample.sealed();
        let mut release = Self {
            scratch,
            baseline: Baseline {
                name: ImageName::parse("demo").unwrap(),
                version: ImageVersion::parse("1").unwrap(),
                epoch: sample.tree.epoch(),
                builder: "karat test".to_owned(),
                inputs: Inputs {
                    template: Digest::of(b"template"),
                    lock: Digest::of(b"lock"),
                    trust: None,
                    agent: None,
                },
                segment: Placement::default(),
                verity: None,
                subjects: Subjects::new(),
            },
            manifest,
            expectations,
            tree,
            sample,
        };
        let tar = release.write_tar("demo_1.tar.zst", Compression::Zstd);
        let oci = release.write_oci("demo_1.oci");
        fs::write(release.out("demo_1.mtree"), release.manifest.to_bytes()).unwrap();
        let expectations = release.expectations.to_bytes();
        fs::write(release.out("demo_1.expect.json"), expectations).unwrap();
        release.baseline.subjects = Subjects::from([
            (Subject::Manifest, release.manifest.digest()),
            (Subject::Expectations, release.expectations.digest()),
            (Subject::Tar, tar),
            (Subject::Oci, oci),
        ]);
        release.sign(&[&signer()], 5, None);
        release.trust(1, |_| {});
        release
    }

    pub fn out(&self, name: &str) -> PathBuf {
        self.scratch.join("out").join(name)
    }

    pub fn trust_file(&self) -> PathBuf {
        self.scratch.join("trust.json")
    }

    /// Writes the envelope anew.
    pub fn sign(&self, signers: &[&dyn Signer], serial: u64, expires: Option<u64>) {
        let draft = Draft::new(self.baseline.clone()).unwrap();
        let expires = expires.map(|seconds| Epoch::new(seconds).unwrap());
        let statement = draft.complete(Serial::new(serial).unwrap(), expires);
        let mut envelope = Envelope::new(statement.to_signed().unwrap());
        for signer in signers {
            envelope.sign(*signer).unwrap();
        }
        fs::write(self.out("demo_1.dsse.json"), envelope.to_bytes()).unwrap();
    }

    /// Writes the trust root anew, with changes.
    pub fn trust(&self, version: u64, change: impl FnOnce(&mut TrustDocument)) {
        let bytes = trust_root([1, 2], version, change);
        fs::write(self.trust_file(), bytes).unwrap();
    }

    /// Writes the tree as a tar file; gives the digest of the uncompressed bytes.
    pub fn write_tar(&self, name: &str, compression: Compression) -> Digest {
        let file = fs::File::create(self.out(name)).unwrap();
        let encoder = Encoder::new(compression, ONE, file).unwrap();
        let (encoder, written) = tar::write(&self.tree, &self.sample.blobs, encoder).unwrap();
        encoder.finish().unwrap();
        written.digest
    }

    /// Writes the tree as an OCI layout; gives the digest of its manifest.
    pub fn write_oci(&self, name: &str) -> Digest {
        let directory = self.out(name);
        fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
        let (bytes, layer) =
            oci::layer(&self.tree, &self.sample.blobs, ONE, "test", Vec::new()).unwrap();
        fs::write(directory.join(oci::blob_path(&layer.digest)), bytes).unwrap();
        let description = oci::Description {
            name: "demo".to_owned(),
            version: "1".to_owned(),
            description: String::new(),
            architecture: "amd64".to_owned(),
            epoch: self.tree.epoch(),
            command: Vec::new(),
        };
        let layout = oci::layout(&description, &[layer]);
        for document in layout.documents {
            write(&directory.join(document.path), &document.bytes);
        }
        layout.manifest
    }

    /// Writes the tree to a directory.
    pub fn unpack(&self) -> PathBuf {
        let root = self.scratch.join("root");
        fs::create_dir(&root).unwrap();
        super::root::write(&self.tree, &self.sample.blobs, &root);
        root
    }

    /// The build again, with the tree changed by `tamper`: whoever does that cannot sign.
    pub fn tampered(&mut self, tamper: impl FnOnce(&mut Sample)) {
        tamper(&mut self.sample);
        self.tree = self.sample.sealed();
        fs::remove_dir_all(self.out("demo_1.oci")).unwrap();
        self.write_tar("demo_1.tar.zst", Compression::Zstd);
        self.write_oci("demo_1.oci");
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

//! Making what is not there yet: configured tree, overlay, manifest, outputs, statement.

use std::num::NonZero;
use std::path::PathBuf;

use super::agent::Agent;
use super::disk::{self, DiskImage};
use super::files::{Alone, Files, Image};
use super::{BuildError, Built, LIBRARY, Plan, Request, Trust, sbom};
use crate::baseline::{Baseline, Draft, Placement, Subject, Subjects};
use crate::deb::archive::DebError;
use crate::digest::Digest;
use crate::expect::Expectations;
use crate::harden::{self, Hardened, Outcome, Root, Selection, TreeView, exposure};
use crate::image::compress::Compression;
use crate::image::erofs;
use crate::image::oci;
use crate::layout::verity::Verity;
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::ops::lock;
use crate::path::ImagePath;
use crate::progress::{Progress, Unit};
use crate::stage::{self, Configured, Reuse, StageError, overlay};
use crate::sys;
use crate::sys::clock::Stopwatch;
use crate::template::{self, Choice as _, Format, Template};
use crate::tree::{
    Blobs, Inode, Kind, Layered, MemoryBlobs, Mode, Open, Origin, Sealed, Stat, Tree, Xattrs,
};

/// All that a build needs to know to make its outputs.
pub(super) struct Making<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) plan: &'a Plan,
    pub(super) template: &'a Template,
    pub(super) lock: &'a Lockfile,
    pub(super) agent: Option<&'a Agent>,
    pub(super) trust: Option<&'a Trust>,
    pub(super) progress: &'a dyn Progress,
}

impl Making<'_> {
    /// Makes all outputs; gives the right to add to them as well.
    pub(super) fn make(&self) -> Result<(Built, Alone), BuildError> {
        let configured = self.configure()?;
        match self.assemble(&configured) {
            // After a crash of the machine a kept tree may lack what was not flushed in time. That
            // is looked into where something failed, not in every build.
            Err(_) if configured.reused && !configured.blobs.are_whole() => {
                self.progress.warning(
                    "the configured tree in the cache is damaged, and is made anew".to_owned(),
                );
                let key = configured.key;
                drop(configured);
                stage::forget(&self.request.cache.trees(), key)?;
                self.assemble(&self.configure()?)
            }
            made => made,
        }
    }

    /// The configured tree: from the cache, where no package is needed for it, or made anew.
    fn configure(&self) -> Result<Configured, BuildError> {
        let (lock, cache) = (self.lock, self.request.cache);
        if self.request.reuse {
            let nowhere = lock.packages.iter();
            let nowhere = nowhere.map(|package| lock::staged(package, PathBuf::new()));
            let inputs = self.inputs(nowhere.collect());
            if let Some(stored) = stage::stored(&inputs, &cache.trees())? {
                return Ok(stored);
            }
        }
        if let Some(unread) = lock::packages_unread(lock, cache)? {
            match self.stage(unread) {
                // The cache has other bytes than it says: they are fetched again, below.
                Err(StageError::Deb {
                    error: DebError::Digest { .. },
                    ..
                }) => {}
                configured => return Ok(configured?),
            }
        }
        let (sources, template) = (&self.request.sources, self.template);
        let packages = lock::packages(lock, template, sources, cache, self.progress)?;
        Ok(self.stage(packages)?)
    }

    fn stage(&self, packages: Vec<stage::Package>) -> Result<Configured, StageError> {
        let reuse = if self.request.reuse {
            Reuse::Yes
        } else {
            Reuse::No
        };
        let trees = self.request.cache.trees();
        stage::configured(&self.inputs(packages), &trees, reuse, self.progress)
    }

    fn inputs(&self, packages: Vec<stage::Package>) -> stage::Inputs {
        let lock = self.lock;
        let mut inputs = stage::Inputs::new(packages, lock.architecture.to_string(), lock.epoch);
        inputs.initrd = match self.template.kernel.initrd {
            template::Initrd::Karat => stage::Initrd::Karat,
            template::Initrd::Distribution => stage::Initrd::Package,
        };
        if !self.request.stand_ins {
            inputs.stand_ins = stage::StandIns::Unused;
        }
        inputs
    }

    fn assemble(&self, configured: &Configured) -> Result<(Built, Alone), BuildError> {
        let (template, lock, plan) = (self.template, self.lock, self.plan);
        let mut added = MemoryBlobs::new();
        let mut tree = configured.tree.clone().reopen();
        // Before the template's own changes: it may mask the units.
        if let Some(agent) = self.agent {
            let trust = self.trust.map(|trust| trust.file.as_slice());
            agent.install(&mut tree, template, trust, &mut added)?;
        }
        tree = overlay::apply(tree, template, &mut added, &configured.blobs)?;
        let boots = plan.formats.iter().any(|format| format.boots());
        let disk = boots.then(|| template.disk.clone().unwrap_or_default());
        if let Some(disk) = &disk {
            let (template, trust) = (self.template, self.trust);
            let prepare = disk::Prepare {
                template,
                disk,
                trust,
            };
            prepare.tree(&mut tree, &mut added, &configured.blobs)?;
        }
        let mut facts = template.facts();
        let mut rules = None;
        // Last: rules edit what stands there by now, and leave alone what `[[files]]` wrote.
        if let Some(selection) = template.selection() {
            let hardened = self.harden(tree, &selection, &mut added, configured)?;
            tree = hardened.tree;
            facts = harden::united(facts, hardened.facts);
            rules = Some(hardened.results.to_bytes()?);
        }
        let blobs = Layered(&added, &configured.blobs);
        self.keep_ceilings(&tree, &blobs)?;
        if let Some(disk) = &disk {
            disk::have_room(disk, &tree, &blobs)?;
        }
        let tree = tree.seal()?;
        let manifest = Manifest::of(&tree).to_bytes();
        let places = disk.as_ref().map(disk::places).transpose()?;
        let mutable = match &disk {
            Some(_) => disk::expectations(template.expectations()),
            None => template.expectations(),
        };
        let expectations = Expectations::new(mutable)?
            .with_facts(facts)?
            .with_places(places.unwrap_or_default())?
            .to_bytes();

        let alone = Alone::in_directory(&self.request.out)?;
        let mut files = Files::start(&alone, &plan.stem)?;
        files.file(Subject::Manifest.suffix(), &manifest)?;
        files.file(Subject::Expectations.suffix(), &expectations)?;
        let mut subjects = Subjects::from([
            (Subject::Manifest, Digest::of(&manifest)),
            (Subject::Expectations, Digest::of(&expectations)),
        ]);
        if let Some(rules) = rules {
            files.file(Subject::Rules.suffix(), &rules)?;
            subjects.insert(Subject::Rules, Digest::of(&rules));
        }
        let tree = with_baseline(tree, manifest, expectations, &mut added)?;
        let blobs = Layered(&added, &configured.blobs);
        let verity = self.write(configured, &tree, &blobs, &mut files, &mut subjects)?;
        files.further(sbom::SUFFIX, &sbom::sbom(template, lock, &tree, &blobs)?)?;
        subjects.insert(Subject::Outputs, files.list_further()?);
        let draft = Draft::new(Baseline {
            name: template.image.name.clone(),
            version: template.image.version.clone(),
            epoch: lock.epoch,
            builder: format!("karat {}", env!("CARGO_PKG_VERSION")),
            inputs: plan.inputs,
            segment: placement(template),
            verity,
            subjects,
        })?;
        // Not a subject itself: the statement names its digest. It tells `karat diff` the versions.
        files.file(".lock", lock.encode().as_bytes())?;
        files.file(".statement.json", &draft.to_bytes()?)?;
        files.forget_other(&draft)?;
        let built = Built {
            stem: plan.stem.clone(),
            out: self.request.out.clone(),
            draft,
            lock: lock.clone(),
            paths: tree.len(),
            bytes: tree.iter().map(|entry| size(entry.inode)).sum(),
            files: files.finish()?,
            disk: plan.formats.contains(&Format::Disk),
            fresh: false,
            configured_before: configured.reused,
            signed: None,
            logged: None,
            seconds: 0.0,
        };
        Ok((built, alone))
    }

    /// Applies the rules of the template's profile; all of them must then hold.
    fn harden(
        &self,
        tree: Tree<Open>,
        selection: &Selection,
        added: &mut MemoryBlobs,
        configured: &Configured,
    ) -> Result<Hardened, BuildError> {
        let watch = Stopwatch::start();
        self.progress.started("harden", None, Unit::Items);
        let hardened = harden::apply(tree, selection, added, &configured.blobs)?;
        let results = &hardened.results;
        let bad = [Outcome::Fail, Outcome::Unknown];
        if bad.iter().any(|outcome| results.count(*outcome) > 0) {
            return Err(BuildError::Rules(Box::new(hardened.results)));
        }
        let (holds, excepted) = (
            results.count(Outcome::Pass),
            results.count(Outcome::Excepted),
        );
        let text = format!(
            "{holds} rules of {} hold, {excepted} excepted",
            results.profile
        );
        self.progress.finished("harden", text, watch.seconds());
        Ok(hardened)
    }

    /// Holds each unit to the ceiling that `[segment] exposure` states for it, profile or not.
    fn keep_ceilings(&self, tree: &Tree<Open>, blobs: &dyn Blobs) -> Result<(), BuildError> {
        let view = TreeView::new(tree, blobs);
        let root = Root::new(&view, None).with_ceilings(&self.template.segment.exposure);
        let faults = exposure::faults(&root)?;
        if faults.is_empty() {
            return Ok(());
        }
        Err(BuildError::Exposed(faults))
    }

    /// Writes the outputs that the plan names, and their digests into `subjects`. Gives what the kernel
    /// checks the file system image against, if there is one.
    fn write(
        &self,
        configured: &Configured,
        tree: &Tree<Sealed>,
        blobs: &dyn Blobs,
        files: &mut Files<'_>,
        subjects: &mut Subjects,
    ) -> Result<Option<Verity>, BuildError> {
        let (plan, request) = (self.plan, self.request);
        let mut verity = None;
        let watch = Stopwatch::start();
        let threads = sys::cpu::count();
        self.progress.started("outputs", None, Unit::Items);
        let has = |format| plan.formats.contains(&format);
        for format in &plan.formats {
            match format {
                // The pieces of a disk are of the same making.
                Format::Split if has(Format::Disk) => {}
                Format::Disk | Format::Split => {
                    let image = DiskImage {
                        tree,
                        blobs,
                        template: self.template,
                        architecture: self.lock.architecture.as_str(),
                        epoch: self.lock.epoch,
                        agent: self.agent.map(Agent::bytes),
                        trust: self.trust.map(|trust| trust.file.as_slice()),
                        seed: seed(subjects),
                        root: self.erofs(subjects, threads),
                        whole: has(Format::Disk),
                        pieces: has(Format::Split),
                    };
                    verity = Some(image.write(files, subjects)?);
                }
                Format::Erofs => {
                    let options = self.erofs(subjects, threads);
                    let digest = files.erofs(tree, blobs, &options)?;
                    subjects.insert(Subject::Erofs, digest);
                    let (digest, vouched) = files.verity(&seed(subjects), threads)?;
                    subjects.insert(Subject::Verity, digest);
                    verity = Some(vouched);
                }
                // The disk is there by now: it comes first.
                Format::Gcp | Format::Qcow2 | Format::Vhd | Format::Vmdk => {
                    if let Some(container) = format.container() {
                        files.container(container, self.lock.epoch, self.progress)?;
                    }
                }
                Format::Tar => {
                    let digest = files.tar(tree, blobs, plan.compression, threads)?;
                    subjects.insert(Subject::Tar, digest);
                }
                Format::Oci => {
                    let image = Image {
                        tree,
                        base: &configured.tree,
                        blobs,
                        base_key: configured.key,
                        cache: request.reuse.then_some(request.cache),
                    };
                    let description = description(self.template, self.lock);
                    subjects.insert(Subject::Oci, files.oci(&image, &description, threads)?);
                }
            }
        }
        let names: Vec<&str> = plan.formats.iter().map(|format| format.word()).collect();
        self.progress
            .finished("outputs", names.join(", "), watch.seconds());
        Ok(verity)
    }

    /// How an EROFS image is written: its UUID comes from what is in it, since nothing is random.
    fn erofs(&self, subjects: &Subjects, threads: NonZero<usize>) -> erofs::Options {
        erofs::Options {
            uuid: erofs::uuid(&seed(subjects)),
            label: erofs::label(&self.template.image.name.to_string()),
            compression: match self.plan.compression {
                Compression::None => erofs::Compression::None,
                Compression::Gzip | Compression::Zstd => erofs::Compression::Lz4,
            },
            threads,
        }
    }
}

/// The tree with its own manifest and expectations in it: the only files that the manifest leaves
/// out, because it cannot hold its own digest.
fn with_baseline(
    tree: Tree<Sealed>,
    manifest: Vec<u8>,
    expectations: Vec<u8>,
    blobs: &mut MemoryBlobs,
) -> Result<Tree<Sealed>, BuildError> {
    let directory = ImagePath::parse(format!("{LIBRARY}/baseline"))?;
    if tree.get(&directory).is_none() {
        return Ok(tree);
    }
    let mut tree = tree.reopen();
    for (name, bytes) in [("manifest.mtree", manifest), ("expect.json", expectations)] {
        let inode = Inode {
            stat: Stat {
                mtime: tree.epoch().seconds(),
                ..Stat::root(Mode::FILE)
            },
            kind: Kind::Regular(blobs.add(bytes)),
            xattrs: Xattrs::new(),
            origin: Origin::Template("verify".to_owned()),
        };
        tree.replace(directory.join(name)?, inode)?;
    }
    Ok(tree.seal()?)
}

/// What ids and salts come from that nothing else gives: what the image holds.
fn seed(subjects: &Subjects) -> Digest {
    let manifest = subjects.get(&Subject::Manifest).copied();
    manifest.unwrap_or_else(|| Digest::of(&[]))
}

fn description(template: &Template, lock: &Lockfile) -> oci::Description {
    oci::Description {
        name: template.image.name.to_string(),
        version: template.image.version.to_string(),
        description: template.image.description.clone().unwrap_or_default(),
        architecture: lock.architecture.to_string(),
        epoch: lock.epoch,
        command: Vec::new(),
    }
}

fn placement(template: &Template) -> Placement {
    let segment = &template.segment;
    Placement {
        category: segment.category.map(|category| category.word().to_owned()),
        segment: segment.name.as_ref().map(ToString::to_string),
        lifecycle: segment
            .lifecycle
            .map(|lifecycle| lifecycle.word().to_owned()),
    }
}

fn size(inode: &Inode) -> u64 {
    match inode.kind {
        Kind::Regular(content) => content.size,
        _ => 0,
    }
}

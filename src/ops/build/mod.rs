//! `karat build`, without printing: a template and its lock become a signed image.
//!
//! ```text
//! Template + Lockfile ─▶ packages ─▶ configured tree (cached) ─overlay, agent, seal▶ Tree<Sealed>
//!   ─▶ Manifest, Expectations ─▶ outputs ─▶ Draft ─sign▶ Envelope
//! ```

mod agent;
mod error;
mod files;
mod fresh;
mod layers;
mod release;

use std::path::PathBuf;

pub use error::BuildError;

use self::agent::Agent;
use self::files::{Alone, Files, Image};
use super::lock::{self, Sources};
use super::workspace::Workspace;
use crate::archive::Cache;
use crate::baseline::{Baseline, Draft, Inputs, Placement, Serial, Subject, Subjects};
use crate::digest::Digest;
use crate::expect::Expectations;
use crate::image::compress::Compression;
use crate::image::oci;
use crate::key::{SigningKey, TrustRoot};
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::path::ImagePath;
use crate::progress::{Progress, Unit};
use crate::stage::{self, Configured, Reuse, overlay};
use crate::sys;
use crate::sys::clock::Stopwatch;
use crate::template::{self, Choice as _, Format, Template};
use crate::tree::{
    Blobs, Inode, Kind, Layered, MemoryBlobs, Mode, Origin, Sealed, Stat, Tree, Xattrs,
};

/// What to build, and how.
#[derive(Debug)]
pub struct Request<'a> {
    /// The template file.
    pub template: PathBuf,
    /// Where the outputs go.
    pub out: PathBuf,
    /// How the lock and the packages are come by.
    pub sources: Sources,
    /// Whether a missing or stale lock is an error; otherwise it is made.
    pub locked: bool,
    /// The cache.
    pub cache: &'a Cache,
    /// Whether configured trees are taken from the cache and kept there.
    pub reuse: bool,
    /// Formats, in the place of the template's.
    pub formats: Option<Vec<Format>>,
    /// Compression of the tar file, in the place of the template's.
    pub compression: Option<Compression>,
    /// The agent to install, in the place of the one beside this program.
    pub agent: Option<PathBuf>,
    /// The workspace whose trust root goes into the image and whose key signs it.
    pub workspace: Option<Workspace>,
    /// How to sign; `None`: not at all. Signing needs a workspace, whose log gives out serials.
    pub signing: Option<Signing<'a>>,
}

/// How a build signs what it made.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// The keys.
    pub signers: &'a [SigningKey],
    /// The serial; `None`: the draft's own, or the next one.
    pub serial: Option<Serial>,
}

/// What a build made.
#[derive(Debug)]
pub struct Built {
    /// `NAME_VERSION`, what all file names start with.
    pub stem: String,
    /// Where they are.
    pub out: PathBuf,
    /// What was said about the image.
    pub draft: Draft,
    /// The lock that it was built from.
    pub lock: Lockfile,
    /// How many paths the image has.
    pub paths: usize,
    /// The bytes of its files.
    pub bytes: u64,
    /// The files written, with their sizes; empty where they were there already.
    pub files: Vec<(String, u64)>,
    /// Whether everything was there already and nothing was built.
    pub fresh: bool,
    /// Whether the configured tree came from the cache.
    pub configured_before: bool,
    /// What came of signing.
    pub signed: Option<super::sign::Signed>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Where an instance finds the program that verifies it, and what it verifies with.
const LIBRARY: &str = "/usr/lib/karat";

/// Builds an image.
///
/// # Errors
/// The rule broken, and where. Nothing half-written stays behind: outputs appear together once all
/// of them are whole.
pub fn build(request: &Request<'_>, progress: &dyn Progress) -> Result<Built, BuildError> {
    let watch = Stopwatch::start();
    let template = template::load(&request.template, &super::template::Disk)?;
    let agent = Agent::obtain(&template, request.agent.as_deref())?;
    let trust = trust_root(request)?;
    let wanted = lock::Wanted {
        template: &template,
        agent: agent.as_ref().map(Agent::digest),
    };
    let lock = lock::current(
        &request.template,
        &wanted,
        request.locked,
        &request.sources,
        request.cache,
        progress,
    )?;
    lock.check_epoch(sys::env::epoch()?)?;
    let plan = Plan {
        formats: request
            .formats
            .clone()
            .unwrap_or_else(|| template.outputs.formats.clone()),
        compression: request
            .compression
            .unwrap_or(match template.outputs.compression {
                template::Compression::Gzip => Compression::Gzip,
                template::Compression::None => Compression::None,
                template::Compression::Zstd => Compression::Zstd,
            }),
        inputs: Inputs {
            template: template.digest(),
            lock: lock.digest(),
            trust: trust.as_ref().map(|trust| trust.root.digest()),
            agent: agent.as_ref().map(Agent::digest),
        },
        stem: format!("{}_{}", template.image.name, template.image.version),
    };
    // Held until the last file is signed: all files of one name are of one build.
    let (mut built, _alone) = match fresh::find(request, &plan)? {
        Some((draft, alone)) => (fresh::built(draft, request, &plan, lock), alone),
        None => make(
            request,
            &plan,
            &template,
            lock,
            agent.as_ref(),
            trust.as_ref(),
            progress,
        )?,
    };
    if let (Some(signing), Some(workspace)) = (&request.signing, &request.workspace) {
        let trust = trust.as_ref().map(|trust| &trust.root);
        built.signed = release::sign(&built, signing, workspace, trust)?;
    }
    built.seconds = watch.seconds();
    Ok(built)
}

/// What decides every byte of the outputs, besides the template and the lock themselves.
#[derive(Debug)]
struct Plan {
    formats: Vec<Format>,
    compression: Compression,
    inputs: Inputs,
    stem: String,
}

/// A trust root and the file that holds it.
#[derive(Debug)]
struct Trust {
    file: Vec<u8>,
    root: TrustRoot,
}

fn trust_root(request: &Request<'_>) -> Result<Option<Trust>, BuildError> {
    let Some(workspace) = &request.workspace else {
        return Ok(None);
    };
    let path = workspace.trust_root();
    let file = sys::fs::read(&path, crate::limits::TRUST_ROOT_MAX)?;
    let root = super::trust::read(&path)?;
    Ok(Some(Trust { file, root }))
}

fn make(
    request: &Request<'_>,
    plan: &Plan,
    template: &Template,
    lock: Lockfile,
    agent: Option<&Agent>,
    trust: Option<&Trust>,
    progress: &dyn Progress,
) -> Result<(Built, Alone), BuildError> {
    let configured = configure(request, template, &lock, progress)?;
    let base = &configured.tree;
    let mut added = MemoryBlobs::new();
    let mut tree = base.clone().reopen();
    tree = overlay::apply(tree, template, &mut added, &configured.blobs)?;
    if let Some(agent) = agent {
        agent.install(
            &mut tree,
            trust.map(|trust| trust.file.as_slice()),
            &mut added,
        )?;
    }
    let tree = tree.seal()?;
    let manifest = Manifest::of(&tree);
    let expectations = Expectations::new(template.expectations())?;
    let alone = Alone::in_directory(&request.out)?;
    let mut files = Files::start(&alone, &plan.stem)?;
    let (manifest_bytes, expectation_bytes) = (manifest.to_bytes(), expectations.to_bytes());
    files.file(Subject::Manifest.suffix(), &manifest_bytes)?;
    files.file(Subject::Expectations.suffix(), &expectation_bytes)?;
    let mut subjects = Subjects::from([
        (Subject::Manifest, Digest::of(&manifest_bytes)),
        (Subject::Expectations, Digest::of(&expectation_bytes)),
    ]);
    let tree = with_baseline(tree, manifest_bytes, expectation_bytes, &mut added)?;
    let blobs = Layered(&added, &configured.blobs);
    write(
        request,
        plan,
        template,
        &lock,
        &configured,
        &tree,
        &blobs,
        &mut files,
        &mut subjects,
        progress,
    )?;
    let draft = Draft::new(Baseline {
        name: template.image.name.clone(),
        version: template.image.version.clone(),
        epoch: lock.epoch,
        builder: format!("karat {}", env!("CARGO_PKG_VERSION")),
        inputs: plan.inputs,
        segment: placement(template),
        subjects,
    })?;
    // Not a subject itself: the statement names its digest. It tells `karat diff` the versions.
    files.file(".lock", lock.encode().as_bytes())?;
    files.file(".statement.json", &draft.to_bytes()?)?;
    files.forget_other(&draft)?;
    let files = files.finish()?;
    let built = Built {
        stem: plan.stem.clone(),
        out: request.out.clone(),
        draft,
        lock,
        paths: tree.len(),
        bytes: tree.iter().map(|entry| size(entry.inode)).sum(),
        files,
        fresh: false,
        configured_before: configured.reused,
        signed: None,
        seconds: 0.0,
    };
    Ok((built, alone))
}

fn configure(
    request: &Request<'_>,
    template: &Template,
    lock: &Lockfile,
    progress: &dyn Progress,
) -> Result<Configured, BuildError> {
    let initrd = match template.kernel.initrd {
        template::Initrd::Karat => stage::Initrd::Karat,
        template::Initrd::Distribution => stage::Initrd::Package,
    };
    let reuse = if request.reuse { Reuse::Yes } else { Reuse::No };
    let obtained = lock::packages(lock, template, &request.sources, request.cache, progress)?;
    let mut inputs = stage::Inputs::new(obtained, lock.architecture.to_string(), lock.epoch);
    inputs.initrd = initrd;
    Ok(stage::configured(
        &inputs,
        &request.cache.trees(),
        reuse,
        progress,
    )?)
}

#[expect(clippy::too_many_arguments, reason = "one call, all of it needed")]
fn write(
    request: &Request<'_>,
    plan: &Plan,
    template: &Template,
    lock: &Lockfile,
    configured: &Configured,
    tree: &Tree<Sealed>,
    blobs: &dyn Blobs,
    files: &mut Files<'_>,
    subjects: &mut Subjects,
    progress: &dyn Progress,
) -> Result<(), BuildError> {
    let watch = Stopwatch::start();
    let threads = sys::cpu::count();
    progress.started("outputs", None, Unit::Items);
    for format in &plan.formats {
        match format {
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
                let description = description(template, lock);
                subjects.insert(Subject::Oci, files.oci(&image, &description, threads)?);
            }
        }
    }
    let names: Vec<&str> = plan.formats.iter().map(|format| format.word()).collect();
    progress.finished("outputs", names.join(", "), watch.seconds());
    Ok(())
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
        segment: segment.segment.as_ref().map(ToString::to_string),
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

//! `karat build`, without printing: a template and its lock become a signed image.
//!
//! ```text
//! Template + Lockfile ─▶ packages ─▶ configured tree (cached) ─overlay, agent, seal▶ Tree<Sealed>
//!   ─▶ Manifest, Expectations, SBOM ─▶ outputs ─▶ Draft ─sign▶ Envelope
//! ```

mod agent;
mod disk;
mod error;
mod files;
mod fresh;
mod layers;
mod make;
mod release;
mod sbom;
mod units;

use std::collections::BTreeSet;
use std::path::PathBuf;

pub use agent::AgentError;
pub use disk::{Assembled, DiskImage, DiskImageError, Sums};
pub use error::BuildError;

use self::agent::Agent;
use self::make::Making;
use super::lock::{self, Sources};
use super::workspace::Workspace;
use crate::archive::Cache;
use crate::baseline::{Draft, Inputs, Serial};
use crate::image::compress::Compression;
use crate::key::{Signer, TrustRoot};
use crate::lock::Lockfile;
use crate::progress::Progress;
use crate::segment::refused_package;
use crate::sys;
use crate::sys::clock::Stopwatch;
use crate::template::{self, Format, Template};

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
    /// Whether karat stands in for programs that scripts start often.
    pub stand_ins: bool,
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
    pub signers: &'a [Box<dyn Signer>],
    /// The serial; `None`: the draft's own, or the next one.
    pub serial: Option<Serial>,
    /// The key of the workspace's log; `None`: the Envelope is not logged.
    pub log_key: Option<&'a dyn Signer>,
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
    /// Whether a disk is among them.
    pub disk: bool,
    /// Whether everything was there already and nothing was built.
    pub fresh: bool,
    /// Whether the configured tree came from the cache.
    pub configured_before: bool,
    /// What came of signing.
    pub signed: Option<super::sign::Signed>,
    /// Where it stands in the log.
    pub logged: Option<super::log::Added>,
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
    if let (Some(signing), Some(trust)) = (&request.signing, &trust) {
        // Before anything is built: nobody waits for an image that then cannot be signed.
        release::check_keys(request, signing, &trust.root, &template.image.name)?;
    }
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
    let formats = request.formats.as_ref();
    let formats = with_disk(formats.unwrap_or(&template.outputs.formats));
    let boots = formats.iter().any(|format| format.boots());
    let lock = lock.for_image(boots);
    if let Some(agent) = &agent {
        agent.check(lock.architecture.as_str(), boots)?;
    }
    refuse_packages(&template, &lock)?;
    let plan = Plan {
        formats,
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
    let (mut built, _alone) = match fresh::find(request, &plan, &template, trust.as_ref())? {
        Some((draft, alone)) => (fresh::built(draft, request, &plan, lock), alone),
        None => Making {
            request,
            plan: &plan,
            template: &template,
            lock: &lock,
            agent: agent.as_ref(),
            trust: trust.as_ref(),
            progress,
        }
        .make()?,
    };
    if let (Some(signing), Some(workspace)) = (&request.signing, &request.workspace) {
        let trust = trust.as_ref().map(|trust| &trust.root);
        (built.signed, built.logged) = release::sign(&built, signing, workspace, trust, progress)?;
    }
    built.seconds = watch.seconds();
    Ok(built)
}

/// Each format once, and the disk itself where a container of it is wanted, before that.
fn with_disk(formats: &[Format]) -> Vec<Format> {
    let mut all: BTreeSet<Format> = formats.iter().copied().collect();
    if all.iter().any(|format| format.container().is_some()) {
        all.insert(Format::Disk);
    }
    all.into_iter().collect()
}

/// Refuses what the image's segment forbids: what the template names, and what came with it.
fn refuse_packages(template: &Template, lock: &Lockfile) -> Result<(), BuildError> {
    let names = lock.packages.iter().map(|package| package.name.as_str());
    match names
        .into_iter()
        .find_map(|name| refused_package(&template.segment, name))
    {
        Some(reason) => Err(BuildError::Package { reason }),
        None => Ok(()),
    }
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
    let (root, file) = super::trust::read_with_bytes(&workspace.trust_root())?;
    Ok(Some(Trust { file, root }))
}

//! `karat verify`, without printing.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::diff::DiffError;
use super::diff::image::Image;
use super::disk;
use super::explain::{Question, explain};
use super::further::neighbours;
use super::outputs::LayoutDirectory;
use super::verity;
use super::workspace::Workspace;
use crate::appraise::{
    Artefact, Assurance, Circumstances, Evidence, Expiry, Explanation, Finding, Nonce, Opening,
    Target, Verdict, Verification, Within, appraise, fact,
};
use crate::baseline::{ImageName, Statement, Subject};
use crate::digest::{Digest, HashingReader};
use crate::image::compress::Decoder;
use crate::image::erofs::{self, ErofsError};
use crate::image::oci::{self, OciError};
use crate::image::tar::{self, TarError};
use crate::layout::SourceError;
use crate::layout::erofs::ReadError;
use crate::limits;
use crate::path::{Escaped, ImagePath};
use crate::progress::{Progress, Silent};
use crate::sys::clock::Deadline;
use crate::sys::facts;
use crate::sys::fs::{self, IoContext as _, IoError};
use crate::sys::material::{self, ENVELOPE_SUFFIX};
use crate::sys::scan::{Bounds, Wanted, scan_while_opening};
use crate::tree::{Epoch, Origin};

/// What to verify, against what.
#[derive(Clone, Debug)]
pub struct Request {
    /// What.
    pub subject: Checked,
    /// The Envelope `X.dsse.json`; `None`: the neighbour of a tar or an OCI layout.
    pub baseline: Option<PathBuf>,
    /// The trust root; `None`: that of the workspace at or above the working directory.
    pub trust: Option<PathBuf>,
    /// The image that is expected; `None`: any that the trust root lets sign.
    pub image: Option<ImageName>,
    /// What happens once something has expired.
    pub expiry: Expiry,
    /// The path to tell all about.
    pub explain: Option<ImagePath>,
    /// An image whose files are the signed ones: for showing which lines of texts differ. `None`:
    /// for the path to tell all about, one beside the Envelope.
    pub against: Option<PathBuf>,
    /// The challenge that the report answers.
    pub nonce: Option<Nonce>,
    /// Most bytes of files to read of a directory tree; `None`: all.
    pub max_bytes: Option<u64>,
    /// Most seconds to look at a directory tree; `None`: as long as it takes.
    pub max_time: Option<u64>,
    /// How many threads to scan with.
    pub threads: NonZero<usize>,
}

/// What is to be verified.
#[derive(Clone, Debug)]
pub enum Checked {
    /// A disk, in a file of any container or a block device.
    Disk(PathBuf),
    /// An EROFS image, a file.
    Erofs(PathBuf),
    /// An OCI image layout, a directory.
    Oci(PathBuf),
    /// A directory tree: an instance's root, a snapshot, an unpacked image.
    Root(PathBuf),
    /// A tar file, compressed or not.
    Tar(PathBuf),
}

/// Why nothing could be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// An Envelope whose neighbours' names cannot be told.
    #[error("{}: an envelope's name ends with {ENVELOPE_SUFFIX}; its neighbours are found by what is before it", Escaped(.0.as_os_str().as_bytes()))]
    BaselineName(PathBuf),
    /// Neither a baseline was named, nor does the name of what is checked say which.
    #[error("{}: which baseline? its name does not tell", Escaped(.0.as_os_str().as_bytes()))]
    NoBaseline(PathBuf),
    /// The trust root would come out of what is being checked.
    #[error("{}: the trust root lies inside of the tree that is being checked, where whoever tampered with that could replace it", Escaped(.0.as_os_str().as_bytes()))]
    TrustInside(PathBuf),
    /// The image to take signed files from cannot be read.
    #[error(transparent)]
    Against(DiffError),
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The directory is no OCI layout.
    #[error("{}: {source}", Escaped(path.as_os_str().as_bytes()))]
    Oci {
        /// Which directory.
        path: PathBuf,
        /// What is wrong with it.
        source: OciError,
    },
}

/// Checks trust first, then compares.
///
/// # Errors
/// What is to be checked cannot be opened, or the request makes no sense. Whatever is wrong with
/// signatures, neighbours, or what was found is in the [`Verification`].
pub fn verify(request: &Request) -> Result<Verification, VerifyError> {
    verify_and_tell(request, &Silent)
}

/// The same, and tells `progress` how far it is with what takes long.
///
/// # Errors
/// As [`verify`].
pub fn verify_and_tell(
    request: &Request,
    progress: &dyn Progress,
) -> Result<Verification, VerifyError> {
    let threads = request.threads;
    let (kind, path, image) = match &request.subject {
        Checked::Disk(path) => return verify_disk(request, path, progress),
        Checked::Erofs(path) => ("erofs", path, Image::Erofs(path.clone(), threads)),
        Checked::Oci(path) => ("oci", path, Image::Oci(path.clone())),
        Checked::Root(path) => ("root", path, Image::Directory(path.clone(), threads)),
        Checked::Tar(path) => ("tar", path, Image::Tar(path.clone())),
    };
    let stem = stem(request, path)?;
    let (trust, assurance) = trust(request)?;
    let mut material = material::read(&stem, &trust)?;
    material.terms.image.clone_from(&request.image);
    material.terms.expiry = request.expiry;
    let clock = material.terms.now;
    let inputs = material.inputs();
    let opening = Opening::new(material);
    // Looked at even where nothing can be compared: a path that is wrong shall be an error.
    let looked = look(request, &stem, &opening)?;
    let opened = opening.into_opened();
    let mut verification = Verification {
        target: Target {
            kind,
            path: Escaped(path.as_os_str().as_bytes()).to_string(),
        },
        circumstances: Circumstances {
            assurance,
            clock,
            expiry: request.expiry,
            boot: None,
            booted: None,
            remembered: None,
        },
        baseline: opened.facts.clone(),
        findings: opened.findings.clone(),
        artefact: None,
        report: None,
        disk: None,
        explanation: None,
        inputs,
        nonce: request.nonce.clone(),
        groups: Vec::new(),
        lines: std::collections::BTreeMap::new(),
    };
    verification.artefact = looked.artefact;
    verification.findings.extend(looked.findings);
    verification
        .findings
        .extend(neighbours(&stem, opened.statement.as_deref())?);
    if let (Some((manifest, expectations)), Some(evidence)) = (&opened.expected, looked.evidence) {
        let scene = match &request.subject {
            Checked::Root(root) => facts::scene(root, expectations.facts(), manifest)?,
            Checked::Disk(_) | Checked::Erofs(_) | Checked::Oci(_) | Checked::Tar(_) => {
                fact::Scene::Snapshot
            }
        };
        let report = appraise(manifest, expectations, &evidence);
        let within = Within::new(manifest, request.max_bytes);
        let report = within.note(report, expectations, &evidence);
        let report = fact::judge(report, expectations, manifest, &scene);
        verification.explanation = request
            .explain
            .clone()
            .map(|path| Explanation::of(path, manifest, expectations, &evidence, &report));
        if let Some(statement) = opened.statement.as_deref() {
            let known = explain(&Question {
                files: &image,
                place: path,
                stem: &stem,
                statement,
                manifest,
                drifts: &report.drifts,
                against: request.against.as_deref(),
                path: request.explain.as_ref(),
                threads,
            })
            .map_err(VerifyError::Against)?;
            verification.groups = known.groups;
            verification.lines = known.lines;
            verification.findings.extend(known.findings);
        }
        verification.report = Some(report);
    }
    Ok(verification)
}

/// A disk has all inside; an Envelope that is named lies outside, with its neighbours.
fn verify_disk(
    request: &Request,
    path: &Path,
    progress: &dyn Progress,
) -> Result<Verification, VerifyError> {
    let (trust, assurance) = trust(request)?;
    let stem = stem(request, path)?;
    let stem = request.baseline.is_some().then_some(stem.as_path());
    let verification = disk::verify(path, request, (&trust, stem), progress)?;
    let circumstances = Circumstances {
        assurance,
        ..verification.circumstances
    };
    Ok(Verification {
        circumstances,
        ..verification
    })
}

/// The Envelope that `request` verifies against.
///
/// # Errors
/// Neither it nor what is to be checked says which one.
pub fn envelope(request: &Request) -> Result<PathBuf, VerifyError> {
    let (Checked::Disk(path)
    | Checked::Erofs(path)
    | Checked::Oci(path)
    | Checked::Root(path)
    | Checked::Tar(path)) = &request.subject;
    Ok(material::with_suffix(
        &stem(request, path)?,
        ENVELOPE_SUFFIX,
    ))
}

/// `X` of `X.dsse.json`.
fn stem(request: &Request, path: &Path) -> Result<PathBuf, VerifyError> {
    if let Some(baseline) = &request.baseline {
        return material::without_suffix(baseline, ENVELOPE_SUFFIX)
            .ok_or_else(|| VerifyError::BaselineName(baseline.clone()));
    }
    let suffixes: &[&str] = match &request.subject {
        Checked::Disk(_) => return Ok(disk::stem(path)),
        Checked::Erofs(_) => &[".erofs"],
        Checked::Oci(_) => &[".oci", ".oci/"],
        Checked::Root(_) => &[],
        Checked::Tar(_) => &[".tar.zst", ".tar.gz", ".tar"],
    };
    suffixes
        .iter()
        .find_map(|suffix| material::without_suffix(path, suffix))
        .ok_or_else(|| VerifyError::NoBaseline(path.to_owned()))
}

/// Where the trust root is: named, or the workspace's; never out of what is checked. And what the
/// answer is worth, with a trust root from there.
fn trust(request: &Request) -> Result<(PathBuf, Assurance), VerifyError> {
    let trust = match &request.trust {
        Some(trust) => trust.clone(),
        None => match Workspace::find(".")? {
            Some(workspace) => workspace.trust_root(),
            None => PathBuf::from("keys/trust.json"),
        },
    };
    let Checked::Root(root) = &request.subject else {
        return Ok((trust, Assurance::Archive));
    };
    if fs::same(root, "/")? {
        return Ok((trust, Assurance::Machine));
    }
    if fs::absolute(&trust)?.starts_with(fs::absolute(root)?) {
        return Err(VerifyError::TrustInside(trust));
    }
    Ok((trust, Assurance::Snapshot))
}

/// What looking gave.
struct Looked {
    evidence: Option<Evidence>,
    artefact: Option<Artefact>,
    findings: Vec<Finding>,
}

fn look(request: &Request, stem: &Path, opening: &Opening) -> Result<Looked, VerifyError> {
    let statement = || opening.opened().statement.as_deref();
    match &request.subject {
        // It has a door of its own.
        Checked::Disk(_) => Ok(Looked {
            evidence: None,
            artefact: None,
            findings: Vec::new(),
        }),
        Checked::Root(root) => {
            let bounds = Bounds {
                threads: request.threads,
                max_bytes: request.max_bytes,
                until: Deadline::after(request.max_time),
            };
            let evidence = scan_while_opening(root, opening, bounds, |_| Wanted::Yes)?;
            Ok(Looked {
                evidence: Some(evidence),
                artefact: None,
                findings: Vec::new(),
            })
        }
        Checked::Erofs(file) => {
            let tree = material::with_suffix(stem, Subject::Verity.suffix());
            look_at_erofs(file, &tree, statement(), request.threads)
        }
        Checked::Tar(file) => Ok(look_at_tar(fs::open(file)?, file, statement()).at("read", file)?),
        Checked::Oci(directory) => look_at_oci(directory, statement()),
    }
}

/// Nobody knows from an archive who put a path there; the manifest does.
fn origin() -> Origin {
    Origin::Template("image".to_owned())
}

fn look_at_tar(
    file: File,
    path: &Path,
    statement: Option<&Statement>,
) -> Result<Looked, io::Error> {
    let name = Escaped(path.as_os_str().as_bytes()).to_string();
    let epoch = epoch(statement);
    let decoder = Decoder::detect(file, limits::IMAGE_TAR_MAX)?;
    let mut input = HashingReader::new(decoder);
    let tree = tar::read(&mut input, epoch, &origin(), &mut tar::keep_nothing);
    let (evidence, findings) = match tree {
        Ok((tree, _)) => (Some(Evidence::of_tree(&tree)), Vec::new()),
        Err(TarError::Io(error)) if is_of_this_machine(&error) => return Err(error),
        Err(error) => (None, damaged(&name, &error)),
    };
    // The rest of an archive that was refused counts for its digest, if it can be had.
    let is_whole = io::copy(
        &mut input.by_ref().take(limits::IMAGE_TAR_MAX),
        &mut io::sink(),
    )
    .is_ok();
    let (observed, _) = input.finish();
    let artefact = is_whole
        .then(|| artefact(statement, Subject::Tar, observed))
        .flatten();
    Ok(with_silence(
        statement,
        Subject::Tar,
        Looked {
            evidence,
            artefact,
            findings,
        },
    ))
}

fn look_at_erofs(
    file: &Path,
    hashes: &Path,
    statement: Option<&Statement>,
    threads: NonZero<usize>,
) -> Result<Looked, VerifyError> {
    let source = fs::FileSource::open(file)?;
    let name = Escaped(file.as_os_str().as_bytes()).to_string();
    let origin = origin();
    let (tree, observed) = std::thread::scope(|scope| {
        // Both read all of it: what one has read, the other finds in memory.
        let digest = scope.spawn(|| digest(file));
        let epoch = epoch(statement);
        let tree = erofs::read(&source, epoch, &origin, &mut tar::keep_nothing, threads);
        let digest = digest.join();
        (
            tree,
            digest.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    });
    let (evidence, mut findings) = match tree {
        Ok((tree, _)) => (Some(Evidence::of_tree(&tree)), Vec::new()),
        Err(ErofsError::Read(ReadError::Source(SourceError::Io { error, .. })))
            if is_of_this_machine(&error) =>
        {
            return Err(IoError::new("read", file, error).into());
        }
        Err(error) => (None, damaged(&name, &error)),
    };
    findings.extend(verity::findings(
        (file, &source),
        hashes,
        statement,
        threads,
    )?);
    Ok(with_silence(
        statement,
        Subject::Erofs,
        Looked {
            evidence,
            artefact: artefact(statement, Subject::Erofs, observed?),
            findings,
        },
    ))
}

fn digest(file: &Path) -> Result<Digest, IoError> {
    let mut reader = HashingReader::new(fs::open(file)?);
    io::copy(&mut reader, &mut io::sink()).at("read", file)?;
    Ok(reader.finish().0)
}

fn look_at_oci(directory: &Path, statement: Option<&Statement>) -> Result<Looked, VerifyError> {
    let files = LayoutDirectory::new(directory);
    let name = Escaped(directory.as_os_str().as_bytes()).to_string();
    let no_layout = |source| VerifyError::Oci {
        path: directory.to_owned(),
        source,
    };
    let image = match oci::Image::open(&files, None) {
        Ok(image) => image,
        Err(error @ (OciError::Read { .. } | OciError::NotFound(_) | OciError::Ambiguous(_))) => {
            return Err(no_layout(error));
        }
        Err(error) => {
            return Ok(Looked {
                evidence: None,
                artefact: None,
                findings: damaged(&name, &error),
            });
        }
    };
    let read = image.read(&files, epoch(statement), &origin(), &mut tar::keep_nothing);
    let (evidence, findings) = match read {
        Ok((tree, _)) => (Some(Evidence::of_tree(&tree)), Vec::new()),
        Err(error) => (None, damaged(&name, &error)),
    };
    Ok(with_silence(
        statement,
        Subject::Oci,
        Looked {
            evidence,
            artefact: artefact(statement, Subject::Oci, image.digest()),
            findings,
        },
    ))
}

fn epoch(statement: Option<&Statement>) -> Epoch {
    // Times are not compared, so that any epoch will do where nothing was signed.
    statement.map_or(Epoch::saturating(0), |statement| statement.baseline().epoch)
}

/// What is damaged is not as signed, and nothing in it can be compared.
fn damaged(name: &str, error: &dyn std::error::Error) -> Vec<Finding> {
    vec![
        Finding {
            verdict: Verdict::Drift,
            message: format!("{name} is damaged or not what a build writes: {error}"),
            hint: Some("fetch it again from where it was published".to_owned()),
        },
        Finding {
            verdict: Verdict::Incomplete,
            message: format!("the paths in {name} could not be compared"),
            hint: None,
        },
    ]
}

/// Whether an error is about this machine rather than about the bytes.
fn is_of_this_machine(error: &io::Error) -> bool {
    error.raw_os_error().is_some()
}

fn artefact(statement: Option<&Statement>, subject: Subject, observed: Digest) -> Option<Artefact> {
    let baseline = statement?.baseline();
    Some(Artefact {
        name: baseline.subject_name(subject),
        expected: baseline.digest(subject)?,
        observed,
    })
}

/// Says so where the statement does not speak about what was looked at.
fn with_silence(statement: Option<&Statement>, subject: Subject, mut looked: Looked) -> Looked {
    if let Some(statement) = statement
        && statement.baseline().digest(subject).is_none()
    {
        looked.findings.push(Finding {
            verdict: Verdict::Match,
            message: format!(
                "the statement names no {}; its paths were compared with the manifest",
                statement.baseline().subject_name(subject)
            ),
            hint: None,
        });
    }
    looked
}

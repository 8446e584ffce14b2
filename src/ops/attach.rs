//! `karat attach`, without printing: Envelope, Receipt and newer trust roots beside finished
//! outputs.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::disk::{self, DiskFileError};
use super::further::{Compared, compare};
use super::outputs::{self, LayoutDirectory, OutputError};
use super::trust::{self, TrustFileError};
use crate::baseline::{Baseline, OpenError, Statement, StatementError, Subject};
use crate::digest::{Digest, HashingReader};
use crate::envelope::{Envelope, EnvelopeError};
use crate::image::compress::Decoder;
use crate::image::further::{Further, FurtherError};
use crate::image::oci::{self, OciError};
use crate::key::TrustRoot;
use crate::limits;
use crate::progress::Progress;
use crate::sys::fs::{self, IoContext as _, IoError};
use crate::sys::material::RECEIPT_SUFFIX;
use crate::tlog::{Receipt, ReceiptError};

/// What to attach to what.
#[derive(Debug)]
pub struct Request<'a> {
    /// The directory of the outputs, or `DIR/NAME_VERSION`.
    pub target: &'a Path,
    /// The Envelope's file.
    pub envelope: &'a Path,
    /// The Receipt's file (C2SP tlog-proof).
    pub proof: Option<&'a Path>,
    /// Files of newer trust roots, in ascending order.
    pub roots: &'a [PathBuf],
    /// The trust root that the Envelope must open under, and that the newer ones must follow.
    pub trust: Option<&'a TrustRoot>,
}

/// What was attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// New or changed files.
    pub written: Vec<PathBuf>,
    /// Subjects whose files were there and have the digests of the statement.
    pub matched: Vec<Subject>,
    /// Subjects whose files are not there.
    pub absent: Vec<Subject>,
    /// Subjects that are there, but that this karat cannot compare.
    pub unchecked: Vec<Subject>,
    /// Further outputs that are there, and are those that `.outputs.json` lists.
    pub further: Vec<String>,
    /// Further outputs that are not there.
    pub further_absent: Vec<String>,
}

/// Why nothing was attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The Envelope's file is none.
    #[error("{}: {source}", path.display())]
    Envelope {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: EnvelopeError,
    },
    /// The Envelope holds no statement.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The Envelope does not open under the trust root.
    #[error("{}: {source}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// A trust root is not accepted.
    #[error(transparent)]
    Trust(#[from] TrustFileError),
    /// The Envelope could not be put into the OCI layout.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The OCI layout cannot be read.
    #[error("{}: {source}", path.display())]
    Oci {
        /// Which layout.
        path: PathBuf,
        /// Why.
        source: OciError,
    },
    /// The target has another name than the statement.
    #[error("the statement is about {statement}, not about {target}")]
    OtherImage {
        /// `NAME_VERSION` of the statement.
        statement: String,
        /// The target's name.
        target: String,
    },
    /// A file has another digest than the statement says.
    #[error("{}: it has the digest {found}, the statement says {stated}", path.display())]
    Digest {
        /// Which file.
        path: PathBuf,
        /// The digest of what is there.
        found: Digest,
        /// The digest in the statement.
        stated: Digest,
    },
    /// A further output is not the one that the signed list names.
    #[error("{}: it is not what {list} lists", path.display())]
    Further {
        /// Which file.
        path: PathBuf,
        /// The list.
        list: String,
    },
    /// The list of further outputs is none.
    #[error("{}: {source}", path.display())]
    FurtherList {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: FurtherError,
    },
    /// Without its manifest and expectations nothing can be verified later.
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    /// Another Envelope is there, of a later or the same serial.
    #[error("{}: there is an envelope with serial {there} already; this one has {new}", path.display())]
    Superseded {
        /// Which file.
        path: PathBuf,
        /// The serial that is there.
        there: crate::baseline::Serial,
        /// The serial to attach.
        new: crate::baseline::Serial,
    },
    /// They could not be put on the disk.
    #[error(transparent)]
    Disk(#[from] Box<DiskFileError>),
    /// The Receipt's file is none.
    #[error("{}: {source}", path.display())]
    Proof {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: ReceiptError,
    },
}

/// The suffix of a disk.
const DISK: &str = ".raw";

/// The media type of an Envelope in a registry
/// (<https://github.com/secure-systems-lab/dsse/blob/v1.0.0/envelope.md>).
pub const ENVELOPE_MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";

/// Attaches: checks everything first, then writes.
///
/// No subject is touched. An OCI layout gets the Envelope as a referrer of its image too, and a disk
/// gets all of it on its EFI system partition, where its initrd looks for it.
///
/// # Errors
/// Something does not fit; then nothing was written, but for errors of the file system.
pub fn attach(request: &Request<'_>, progress: &dyn Progress) -> Result<Attached, AttachError> {
    let path = request.envelope;
    let bytes = fs::read(path, limits::ENVELOPE_MAX)?;
    let mut envelope = parse(path, &bytes)?;
    let proof = request.proof.map(read_proof).transpose()?;
    let statement = match request.trust {
        Some(root) => open(path, &envelope, root, proof.as_deref())?,
        None => Statement::parse(&envelope.signed().payload)?,
    };
    let baseline = statement.baseline();
    let place = Place::of(request.target, baseline)?;
    // No build may write here between the check of the outputs and the last file.
    let _alone = fs::Lock::directory(&place.directory)?;

    let mut attached = Attached {
        written: Vec::new(),
        matched: Vec::new(),
        absent: Vec::new(),
        unchecked: Vec::new(),
        further: Vec::new(),
        further_absent: Vec::new(),
    };
    for (subject, stated) in &baseline.subjects {
        check_subject(&place, *subject, *stated, &mut attached)?;
    }
    if attached.matched.contains(&Subject::Outputs) {
        check_further(&place, &mut attached)?;
    }
    let mut files = Vec::new();
    let is_other = place.merge(&mut envelope, &statement, proof.is_some())?;
    files.push((place.file(".dsse.json"), envelope.to_bytes()));
    match proof {
        Some(proof) => files.push((place.file(RECEIPT_SUFFIX), proof)),
        // The Receipt of the release that is replaced says nothing about this one.
        None if is_other => fs::remove_tree(place.file(RECEIPT_SUFFIX))?,
        None => {}
    }
    let mut root = request.trust.cloned();
    for path in request.roots {
        let next = match &root {
            Some(root) if trust::read(path)?.digest() == root.digest() => root.clone(),
            Some(root) => trust::update(root, path)?,
            None => trust::read(path)?,
        };
        let name = format!("{}.json", next.version());
        let bytes = fs::read(path, limits::TRUST_ROOT_MAX)?;
        files.push((place.directory.join("trust").join(name), bytes));
        root = Some(next);
    }
    let disk = place.file(DISK);
    if fs::exists(&disk)? {
        let delivered = files.iter().filter_map(|(path, bytes)| {
            let below = path.strip_prefix(&place.directory).ok()?.to_str()?;
            Some((below.to_owned(), bytes.clone()))
        });
        let delivered = delivered.collect();
        let written = disk::deliver(&disk, baseline.epoch, delivered, progress);
        attached.written.extend(written.map_err(Box::new)?);
    }
    for (path, bytes) in files {
        write(&path, &bytes, &mut attached)?;
    }
    if attached.matched.contains(&Subject::Oci) && place.refer(baseline, &envelope)? {
        attached.written.push(place.file(Subject::Oci.suffix()));
    }
    Ok(attached)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Envelope, AttachError> {
    Envelope::parse(bytes).map_err(|source| AttachError::Envelope {
        path: path.to_owned(),
        source,
    })
}

fn read_proof(path: &Path) -> Result<Vec<u8>, AttachError> {
    let bytes = fs::read(path, limits::RECEIPT_MAX)?;
    match Receipt::parse(&bytes) {
        Ok(_) => Ok(bytes),
        Err(source) => Err(AttachError::Proof {
            path: path.to_owned(),
            source,
        }),
    }
}

/// A root that demands Receipts cannot be asked for more than its signatures here, where there is
/// none: the Receipt may come later.
fn open(
    path: &Path,
    envelope: &Envelope,
    root: &TrustRoot,
    proof: Option<&[u8]>,
) -> Result<Statement, AttachError> {
    let opened = match proof {
        Some(proof) if root.log().is_some() => envelope.open_logged(root, proof),
        _ => envelope.open(root),
    };
    match opened {
        Err(OpenError::ReceiptRequired) => Ok(Statement::parse(&envelope.signed().payload)?),
        Ok(verified) => Ok(verified.into_inner()),
        Err(source) => Err(AttachError::Open {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Where the outputs of one build are.
struct Place {
    directory: PathBuf,
    stem: String,
}

impl Place {
    fn of(target: &Path, baseline: &Baseline) -> Result<Self, AttachError> {
        let stem = baseline.stem();
        if fs::is_dir(target)? {
            let directory = target.to_owned();
            return Ok(Self { directory, stem });
        }
        let name = target.file_name().map(|name| name.to_string_lossy());
        if name.as_deref() != Some(stem.as_str()) {
            return Err(AttachError::OtherImage {
                statement: stem,
                target: name.unwrap_or_default().into_owned(),
            });
        }
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { directory, stem })
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.directory.join(format!("{}{suffix}", self.stem))
    }

    /// Takes over the signatures of an Envelope that is there already; gives whether there is one of
    /// another release.
    ///
    /// A Receipt is for the signatures that come first: those of the Envelope that has one stay so.
    fn merge(
        &self,
        envelope: &mut Envelope,
        statement: &Statement,
        has_proof: bool,
    ) -> Result<bool, AttachError> {
        let path = self.file(".dsse.json");
        if !fs::exists(&path)? {
            return Ok(false);
        }
        let mut there = parse(&path, &fs::read(&path, limits::ENVELOPE_MAX)?)?;
        let is_first = has_proof || !fs::exists(self.file(RECEIPT_SUFFIX))?;
        if is_first && envelope.merge(&there) {
            return Ok(false);
        }
        if !is_first && there.merge(envelope) {
            *envelope = there;
            return Ok(false);
        }
        // Another release of the same outputs: only a later one may take the place.
        let serial = Statement::parse(&there.signed().payload)?.serial();
        if serial >= statement.serial() {
            return Err(AttachError::Superseded {
                path,
                there: serial,
                new: statement.serial(),
            });
        }
        Ok(true)
    }

    /// Makes the Envelope a referrer of the image in the OCI layout, unless it is one already.
    fn refer(&self, baseline: &Baseline, envelope: &Envelope) -> Result<bool, AttachError> {
        let Some(digest) = baseline.digest(Subject::Oci) else {
            return Ok(false);
        };
        let path = self.file(Subject::Oci.suffix());
        let bytes = envelope.to_bytes();
        let layout = LayoutDirectory::new(&path);
        let there = oci::attachments(&layout, &digest, ENVELOPE_MEDIA_TYPE).map_err(|source| {
            AttachError::Oci {
                path: path.clone(),
                source,
            }
        })?;
        if there.contains(&bytes) {
            return Ok(false);
        }
        outputs::attach_oci(&path, &digest, ENVELOPE_MEDIA_TYPE, &bytes)?;
        Ok(true)
    }
}

fn write(path: &Path, bytes: &[u8], attached: &mut Attached) -> Result<(), AttachError> {
    let cap = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if fs::exists(path)? && fs::read(path, cap).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::make_dirs(parent, 0o777)?;
    }
    fs::write_atomic(path, bytes, 0o644)?;
    attached.written.push(path.to_owned());
    Ok(())
}

fn check_subject(
    place: &Place,
    subject: Subject,
    stated: Digest,
    attached: &mut Attached,
) -> Result<(), AttachError> {
    let Some(path) = find(place, subject)? else {
        if matches!(subject, Subject::Manifest | Subject::Expectations) {
            return Err(AttachError::Missing(place.file(subject.suffix())));
        }
        attached.absent.push(subject);
        return Ok(());
    };
    let found = match subject {
        Subject::Uki => {
            attached.unchecked.push(subject);
            return Ok(());
        }
        Subject::Oci => layout_digest(&path)?,
        Subject::Tar => {
            let reader =
                Decoder::detect(fs::open(&path)?, limits::DEB_DATA_MAX).at("read", &path)?;
            digest(reader).at("read", &path)?
        }
        _ => digest(fs::open(&path)?).at("read", &path)?,
    };
    if found != stated {
        return Err(AttachError::Digest {
            path,
            found,
            stated,
        });
    }
    attached.matched.push(subject);
    Ok(())
}

/// Compares what the list of further outputs names; the list is the one that was signed.
fn check_further(place: &Place, attached: &mut Attached) -> Result<(), AttachError> {
    let path = place.file(Subject::Outputs.suffix());
    let list = Further::parse(&fs::read(&path, limits::FURTHER_MAX)?);
    let list = list.map_err(|source| AttachError::FurtherList { path, source })?;
    for (name, listed) in list.iter() {
        let path = place.directory.join(name);
        match compare(&path, listed, u64::MAX)? {
            Compared::Absent => attached.further_absent.push(name.to_owned()),
            Compared::Same | Compared::NotHashed => attached.further.push(name.to_owned()),
            Compared::Other => {
                let list = format!("{}{}", place.stem, Subject::Outputs.suffix());
                return Err(AttachError::Further { path, list });
            }
        }
    }
    Ok(())
}

/// The file of a subject; a tar may be compressed.
fn find(place: &Place, subject: Subject) -> Result<Option<PathBuf>, AttachError> {
    let compressed: &[&str] = match subject {
        Subject::Tar => &["", ".zst", ".gz"],
        _ => &[""],
    };
    for further in compressed {
        let path = place.file(&format!("{}{further}", subject.suffix()));
        if fs::exists(&path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn digest(reader: impl Read) -> io::Result<Digest> {
    let mut reader = HashingReader::new(reader);
    io::copy(&mut reader, &mut io::sink())?;
    Ok(reader.finish().0)
}

fn layout_digest(path: &Path) -> Result<Digest, AttachError> {
    let layout = LayoutDirectory::new(path);
    let image = oci::Image::open(&layout, None).map_err(|source| AttachError::Oci {
        path: path.to_owned(),
        source,
    })?;
    Ok(image.digest())
}

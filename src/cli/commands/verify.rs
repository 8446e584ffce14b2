//! `karat verify`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::appraise::{Expiry, Nonce, Verification};
use crate::baseline::ImageName;
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::Source;
use crate::cli::progress::ProgressArgs;
use crate::cli::report::{self, Detail, Format, Output, Outputs, Style};
use crate::key::Signer;
use crate::ops::signer::KeySpec;
use crate::ops::summary::{SummaryError, summarise};
use crate::ops::verify::{self, Checked, Request, VerifyError};
use crate::path::{Escaped, ImagePath};
use crate::sys::{clock, fs};
use crate::tree::Epoch;

/// Arguments of `karat verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat verify --tar out/web_1.tar.zst
  karat verify --disk out/web_1.qcow2 --json
  karat verify --oci out/web_1.oci --explain /etc/ssh/sshd_config
  karat verify --root /mnt --baseline web_1.dsse.json --trust trust.json
  karat verify --tar out/web_1.tar.zst --report junit=verify.xml --report sarif=verify.sarif

The baseline is the signed envelope X.dsse.json; X.mtree, X.expect.json and X.tlog-proof are found
beside it. For --tar X.tar.zst, --erofs X.erofs and --oci X.oci it is found by name. A disk has all
of that inside; --baseline names an envelope that is not on it yet. The trust root is --trust, else
keys/trust.json of the workspace at or above the working directory; never one from the image.

Reports: canonical=FILE, json=FILE, junit=FILE, prometheus=FILE, sarif=FILE (- is standard output);
journal or journal=SOCKET (systemd's journal).

Exit codes: 0 match · 10 drift · 11 untrusted · 12 rollback · 13 incomplete · 1 failed · 2 usage")]
pub struct Args {
    #[command(flatten)]
    subject: SubjectArgs,

    /// The signed baseline to verify against.
    #[arg(long, value_name = "X.dsse.json")]
    baseline: Option<PathBuf>,

    /// The trust root: whose signatures count.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// The image that is expected: a baseline of another one is untrusted.
    #[arg(long, value_name = "NAME")]
    image: Option<String>,

    /// What to do about an expired trust root or baseline: enforce, warn or ignore.
    #[arg(long, value_name = "WORD", default_value = "warn")]
    expiry: Expiry,

    /// Tell all about one path of the image.
    #[arg(long, value_name = "PATH")]
    explain: Option<PathBuf>,

    /// Read no more bytes of files, the smallest first; others are not checked.
    #[arg(long, value_name = "N", conflicts_with_all = ["tar", "erofs", "oci", "disk"])]
    max_bytes: Option<u64>,

    /// Look at the tree no longer; what is left is not checked.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["tar", "erofs", "oci", "disk"])]
    max_time: Option<u64>,

    /// Show every path, those of upgraded packages too.
    #[arg(long)]
    verbose: bool,

    /// An image whose files are the signed ones: shows which lines of text files differ. For
    /// --explain, one beside the baseline is found by name.
    #[arg(long, value_name = "IMAGE")]
    against: Option<PathBuf>,

    /// 16 to 64 bytes that the report answers: its digest then stands for them too.
    #[arg(long, value_name = "HEX")]
    nonce: Option<Nonce>,

    /// Write a further report, see below; may be repeated.
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<OsString>,

    /// Write a signed summary (SLSA VSA) for those who trust the key.
    #[arg(long, value_name = "FILE", requires = "summary_key")]
    summary: Option<PathBuf>,

    /// The private key that signs the summary.
    #[arg(long, value_name = "KEY", value_parser = keys::parser(), requires = "summary")]
    summary_key: Option<KeySpec>,

    #[command(flatten)]
    passphrase: Source,

    #[command(flatten)]
    progress: ProgressArgs,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct SubjectArgs {
    /// A directory tree: an instance's root, a mounted snapshot, an unpacked image.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// A tar file: plain, gzip or zstd.
    #[arg(long, value_name = "FILE")]
    tar: Option<PathBuf>,

    /// An EROFS image: the file system alone, a file.
    #[arg(long, value_name = "FILE")]
    erofs: Option<PathBuf>,

    /// An OCI image layout.
    #[arg(long, value_name = "DIR")]
    oci: Option<PathBuf>,

    /// A disk: raw, qcow2, VHD, VMDK or the tar.gz of Google's, or a block device.
    #[arg(long, value_name = "FILE")]
    disk: Option<PathBuf>,
}

impl SubjectArgs {
    fn checked(&self) -> Option<Checked> {
        let root = self.root.clone().map(Checked::Root);
        let tar = self.tar.clone().map(Checked::Tar);
        let oci = self.oci.clone().map(Checked::Oci);
        let erofs = self.erofs.clone().map(Checked::Erofs);
        let disk = self.disk.clone().map(Checked::Disk);
        root.or(tar).or(erofs).or(oci).or(disk)
    }
}

/// Runs `karat verify`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let Some(subject) = args.subject.checked() else {
        return Err(Failure::usage(
            "one of --root, --tar, --erofs, --oci and --disk is needed",
        ));
    };
    let explain = match &args.explain {
        Some(path) => Some(
            ImagePath::parse(path.as_os_str().as_bytes()).map_err(|error| {
                Failure::usage(format!("--explain: not an image path: {error}"))
            })?,
        ),
        None => None,
    };
    let image = args.image.as_deref().map(ImageName::parse).transpose();
    let image = image.map_err(|error| Failure::usage(format!("--image: {error}")))?;
    let outputs = args
        .report
        .iter()
        .map(|text| Output::parse(text, Format::ALL));
    let outputs = outputs
        .collect::<Result<_, _>>()
        .and_then(|outputs| Outputs::new(outputs, console.is_json()))
        .map_err(|error| Failure::usage(format!("--report: {error}")))?;
    let now =
        clock::reported().map_err(|error| Failure::usage(format!("SOURCE_DATE_EPOCH: {error}")))?;
    let signer = keys::open(args.summary_key.as_slice(), args.passphrase, console)?.pop();
    let request = Request {
        subject,
        baseline: args.baseline.clone(),
        trust: args.trust.clone(),
        image,
        expiry: args.expiry,
        explain,
        against: args.against.clone(),
        nonce: args.nonce.clone(),
        max_bytes: args.max_bytes,
        max_time: args.max_time,
        threads: crate::sys::cpu::count(),
    };
    let progress = args.progress.listener(console.is_quiet())?;
    let verification = verify::verify_and_tell(&request, &progress)?;
    let written = deliver(
        args,
        &request,
        &verification,
        (&outputs, signer.as_deref(), now),
    );
    if !outputs.take_stdout() {
        let detail = if args.verbose {
            Detail::Full
        } else {
            Detail::Short
        };
        console.line(report::text(&verification, Style::Colour, detail).trim_end());
    }
    // One document on standard output: that of the failure, if there is one.
    written?;
    if !outputs.take_stdout() {
        console.json(&report::document(&verification));
    }
    Ok(verification.verdict().into())
}

/// Writes the further reports and the summary.
fn deliver(
    args: &Args,
    request: &Request,
    verification: &Verification,
    (outputs, signer, now): (&Outputs, Option<&dyn Signer>, Epoch),
) -> Result<(), Failure> {
    let delivered = outputs.deliver(verification, now);
    if let (Some(file), Some(signer)) = (&args.summary, signer) {
        let envelope = verify::envelope(request)?;
        let name = envelope.file_name().unwrap_or_default();
        let name = Escaped(name.as_bytes()).to_string();
        let envelope = summarise(verification, &name, now, signer)?;
        fs::refuse_special(file)?;
        fs::write_atomic(file, &envelope.to_bytes(), 0o644)?;
    }
    delivered.map_err(|error| {
        let is_socket = error.op == "connect to";
        let failure = Failure::from(error);
        if is_socket {
            failure
                .hint("is systemd-journald running? --report journal=SOCKET names another socket")
        } else {
            failure
        }
    })
}

impl From<SummaryError> for Failure {
    fn from(error: SummaryError) -> Self {
        Self::failed(&error)
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        let error = match error {
            VerifyError::Against(error) => return Self::from(error),
            error => error,
        };
        match &error {
            VerifyError::BaselineName(_) => Self::failed(&error).exit(Exit::Usage),
            VerifyError::NoBaseline(_) => Self::failed(&error)
                .exit(Exit::Usage)
                .hint("name the signed baseline: --baseline out/NAME_VERSION.dsse.json"),
            VerifyError::TrustInside(_) => Self::failed(&error)
                .exit(Exit::Usage)
                .hint("name a trust root from elsewhere with --trust"),
            VerifyError::Against(_) | VerifyError::Io(_) | VerifyError::Oci { .. } => {
                Self::failed(&error)
            }
        }
    }
}

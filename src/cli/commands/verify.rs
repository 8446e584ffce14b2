//! `karat verify`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::report::{self, Format, Output, Outputs, Style};
use crate::ops::verify::{Checked, Request, VerifyError, verify};
use crate::path::ImagePath;
use crate::sys::clock;

/// Arguments of `karat verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The baseline is the signed envelope X.dsse.json; X.mtree, X.expect.json and X.tlog-proof are found
beside it. For --tar X.tar.zst and --oci X.oci it is found by name. The trust root is --trust, else
keys/trust.json of the workspace at or above the working directory; never one from the image.

Reports: json=FILE, junit=FILE, prometheus=FILE, sarif=FILE (- is standard output), journal or
journal=SOCKET (systemd's journal).

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

    /// Tell all about one path of the image.
    #[arg(long, value_name = "PATH")]
    explain: Option<PathBuf>,

    /// Write a further report, see below; may be repeated.
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<OsString>,
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

    /// An OCI image layout.
    #[arg(long, value_name = "DIR")]
    oci: Option<PathBuf>,
}

impl SubjectArgs {
    fn checked(&self) -> Option<Checked> {
        let root = self.root.clone().map(Checked::Root);
        let tar = self.tar.clone().map(Checked::Tar);
        let oci = self.oci.clone().map(Checked::Oci);
        root.or(tar).or(oci)
    }
}

/// Runs `karat verify`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let Some(subject) = args.subject.checked() else {
        return Err(Failure::usage("one of --root, --tar and --oci is needed"));
    };
    let explain = match &args.explain {
        Some(path) => Some(
            ImagePath::parse(path.as_os_str().as_bytes()).map_err(|error| {
                Failure::usage(format!("--explain: not an image path: {error}"))
            })?,
        ),
        None => None,
    };
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
    let verification = verify(&Request {
        subject,
        baseline: args.baseline.clone(),
        trust: args.trust.clone(),
        explain,
        threads: crate::sys::cpu::count(),
    })?;
    if !outputs.take_stdout() {
        console.line(report::text(&verification, Style::Colour).trim_end());
        console.json(&report::document(&verification));
    }
    outputs.deliver(&verification, now)?;
    Ok(verification.verdict().into())
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match &error {
            VerifyError::BaselineName(_) => Self::failed(&error).exit(Exit::Usage),
            VerifyError::NoBaseline(_) => Self::failed(&error)
                .exit(Exit::Usage)
                .hint("name the signed baseline: --baseline out/NAME_VERSION.dsse.json"),
            VerifyError::TrustInside(_) => Self::failed(&error)
                .exit(Exit::Usage)
                .hint("name a trust root from elsewhere with --trust"),
            VerifyError::Io(_) | VerifyError::Oci { .. } => Self::failed(&error),
        }
    }
}

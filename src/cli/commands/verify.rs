//! `karat verify`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::appraise::Expiry;
use crate::baseline::ImageName;
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::report::{self, Style};
use crate::ops::verify::{Checked, Request, VerifyError, verify};
use crate::path::ImagePath;

/// Arguments of `karat verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The baseline is the signed envelope X.dsse.json; X.mtree, X.expect.json and X.tlog-proof are found
beside it. For --tar X.tar.zst and --oci X.oci it is found by name. The trust root is --trust, else
keys/trust.json of the workspace at or above the working directory; never one from the image.

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
    let image = args.image.as_deref().map(ImageName::parse).transpose();
    let image = image.map_err(|error| Failure::usage(format!("--image: {error}")))?;
    let verification = verify(&Request {
        subject,
        baseline: args.baseline.clone(),
        trust: args.trust.clone(),
        image,
        expiry: args.expiry,
        explain,
        threads: crate::sys::cpu::count(),
    })?;
    console.line(report::text(&verification, Style::Colour).trim_end());
    console.json(&report::document(&verification));
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

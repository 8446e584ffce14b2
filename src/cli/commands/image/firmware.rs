//! `karat image inspect`, `measure` and `sign`: programs for firmware.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{BOLD, Console, DIM, shown};
use crate::cli::failure::Failure;
use crate::image::measure::{Digests, MeasuredSection};
use crate::ops::boot_image::{self, KeySource};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat image inspect web_1.efi
  karat image inspect --json /boot/efi/EFI/BOOT/BOOTX64.EFI")]
pub(super) struct Inspect {
    /// The file: a unified kernel image, a kernel, a boot loader.
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat image measure web_1.efi
  karat image measure --json web_1.efi --loader systemd-bootx64.efi > web_1.measure.json")]
pub(super) struct Measure {
    /// The unified kernel image.
    file: PathBuf,

    /// The boot loader that starts it; else firmware does so itself.
    #[arg(long, value_name = "FILE")]
    loader: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat image sign web_1.efi --certificate db.pem --key db.key
  karat image sign web_1.efi --certificate db.pem \\
    --key 'command:openssl dgst -sha256 -sign db.key' -o signed/web_1.efi")]
pub(super) struct Sign {
    /// The file to sign.
    file: PathBuf,

    /// The certificate that firmware has in its db, in PEM or DER.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,

    /// Its RSA key: a PEM file, or command:PROGRAM ARGUMENT... which signs what it reads (RSASSA-PKCS1-v1_5
    /// with SHA-256) and writes the raw signature
    #[arg(long, value_name = "KEY", value_parser = KeySource::parse)]
    key: KeySource,

    /// Where the signed file goes; else in the place of the other.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `docs/schemas/image-inspect.schema.json`.
#[derive(Serialize)]
struct InspectDocument<'a> {
    architecture: &'static str,
    size: usize,
    authenticode: Digests,
    stub: Option<&'a str>,
    uname: Option<&'a str>,
    cmdline: Option<&'a str>,
    os_release: Option<&'a str>,
    sbat: Option<&'a str>,
    sections: &'a [MeasuredSection],
    signatures: Vec<SignatureDocument>,
}

#[derive(Serialize)]
struct SignatureDocument {
    revision: u16,
    kind: u16,
    size: u64,
}

/// `docs/schemas/image-sign.schema.json`.
#[derive(Serialize)]
struct SignDocument {
    written: String,
    authenticode: Digests,
}

/// Runs `karat image inspect`.
pub(super) fn inspect(args: &Inspect, console: &Console) -> Result<Exit, Failure> {
    let found = boot_image::inspect(&args.file)?;
    let signatures = found.signatures.iter().map(|one| SignatureDocument {
        revision: one.revision,
        kind: one.kind,
        size: one.bytes.end.saturating_sub(one.bytes.start),
    });
    console.json(&InspectDocument {
        architecture: found.architecture,
        size: found.size,
        authenticode: found.authenticode,
        stub: found.stub.as_deref(),
        uname: found.uname.as_deref(),
        cmdline: found.cmdline.as_deref(),
        os_release: found.os_release.as_deref(),
        sbat: found.sbat.as_deref(),
        sections: &found.sections,
        signatures: signatures.collect(),
    });
    console.line(format_args!("{BOLD}{}{BOLD:#}", shown(&args.file)));
    for (name, text) in [
        ("for", Some(found.architecture)),
        ("stub", found.stub.as_deref()),
        ("kernel", found.uname.as_deref()),
        ("command line", found.cmdline.as_deref()),
    ] {
        if let Some(text) = text {
            console.line(format_args!("{name:<12}  {text}"));
        }
    }
    let count = found.signatures.len();
    console.line(format_args!("{:<12}  {count}", "signatures"));
    console.line(format_args!(
        "{:<12}  {}",
        "Authenticode", found.authenticode.sha256
    ));
    list(&found.sections, console);
    Ok(Exit::Ok)
}

/// Runs `karat image measure`.
pub(super) fn measure(args: &Measure, console: &Console) -> Result<Exit, Failure> {
    let found = boot_image::measure(&args.file, args.loader.as_deref())?;
    console.json(&found);
    console.line(format_args!(
        "{BOLD}{}{BOLD:#}  systemd-stub {}",
        shown(&args.file),
        found.stub
    ));
    for one in &found.pcrs {
        console.line(format_args!(
            "PCR {:<2}  {}  {}",
            one.pcr, one.values.sha256, one.when
        ));
    }
    for one in &found.undetermined {
        console.line(format_args!(
            "PCR {:<2}  {DIM}not known: {}{DIM:#}",
            one.pcr, one.reason
        ));
    }
    console.note("SHA-256; those of SHA-384 are in --json");
    Ok(Exit::Ok)
}

/// Runs `karat image sign`.
pub(super) fn sign(args: &Sign, console: &Console) -> Result<Exit, Failure> {
    let output = args.output.as_ref().unwrap_or(&args.file);
    let digests = boot_image::sign(&args.file, &args.certificate, &args.key, output)?;
    console.json(&SignDocument {
        written: shown(output),
        authenticode: digests,
    });
    console.line(format_args!("wrote    {}", shown(output)));
    Ok(Exit::Ok)
}

fn list(sections: &[MeasuredSection], console: &Console) {
    for section in sections {
        let digest = section.digests.map_or_else(
            || "not all in the file".to_owned(),
            |digests| digests.sha256.to_string(),
        );
        let (name, size) = (&section.name, section.size);
        console.line(format_args!("{name:<12}  {digest}  {size:>10} bytes"));
    }
}

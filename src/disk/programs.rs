//! What firmware starts: the boot loader, its settings, and unified kernel images.

use super::pair::digest;
use super::slot::{Judged, KernelImage};
use super::trouble::{Trouble as _, WRITE_AGAIN, finding};
use super::{BootName, LOADER_CONF, Survey, root};
use crate::appraise::{Finding, Verdict};
use crate::baseline::{Statement, Subject};
use crate::digest::Digest;
use crate::layout::fat::File;
use crate::layout::pe::{Image, PeError};
use crate::layout::{Source, SourceError};
use crate::manifest::Manifest;
use crate::path::{Escaped, ImagePath};
use crate::tree::Kind;

/// Says what is odd inside of a unified kernel image, each in one sentence without a full stop.
pub type Inside<'a> = &'a dyn Fn(&KernelImage<'_>) -> Result<Vec<String>, SourceError>;

/// The processors that boot loaders are there for.
const MACHINES: [&str; 2] = ["x64", "aa64"];
/// Largest boot loader; those of systemd have some 150 kB.
const LOADER_MAX: u64 = 16 << 20;
/// Where a digest is another, and all that can be told apart is not.
const NOTHING_INSIDE: &str = "nothing of its kernel, command line, trust root and agent is found to be another: what \
     differs is its boot stub, a module of its initrd, or bytes between them";
/// What a signer of a PE image fills it up to.
const ALIGNMENT: usize = 8;

/// The one kernel image of `stem` against the signed Authenticode digest, and what is inside of it.
///
/// # Errors
/// This machine cannot read the disk.
pub(super) fn kernel(
    survey: &Survey<'_>,
    statement: &Statement,
    manifest: Option<&Manifest>,
    inside: Option<Inside<'_>>,
) -> Result<Vec<Finding>, SourceError> {
    let baseline = statement.baseline();
    let stem = baseline.stem();
    let kernels = survey.kernels(&stem);
    let file = match kernels.as_slice() {
        [file] => *file,
        [] => {
            let path = BootName::kernel_path(&stem);
            let message = format!("{path} is not on the EFI system partition: {stem} cannot boot");
            return Ok(vec![finding(Verdict::Drift, message, WRITE_AGAIN)]);
        }
        [one, other, ..] => {
            let message = format!(
                "{} and {} are both kernel images of {stem}",
                shown(one),
                shown(other)
            );
            return Ok(vec![finding(Verdict::Untrusted, message, WRITE_AGAIN)]);
        }
    };
    let path = shown(file);
    let content = file.of(&survey.part);
    let looked = look(&content, baseline.digest(Subject::Uki));
    let mut findings = Vec::new();
    let mut refuse = |words: String| {
        let message = format!("{path}: {words}");
        findings.push(finding(Verdict::Untrusted, message, WRITE_AGAIN));
    };
    match looked {
        Err(error) => refuse(error.about_the_disk()?),
        Ok((image, wrong)) => {
            let is_other = wrong.is_some();
            wrong.into_iter().for_each(&mut refuse);
            if let Some(inside) = inside {
                let image = KernelImage {
                    image: &image,
                    bytes: &content,
                    statement,
                    manifest,
                };
                let odd = inside(&image)?;
                if odd.is_empty() && is_other {
                    refuse(NOTHING_INSIDE.to_owned());
                }
                odd.into_iter().for_each(&mut refuse);
            }
        }
    }
    Ok(findings)
}

/// Its headers, and what is wrong with its digest.
fn look(content: &dyn Source, signed: Option<Digest>) -> Result<(Image, Option<String>), PeError> {
    let image = Image::read(content)?;
    let found = image.authenticode_sha256(content)?;
    let wrong = match signed {
        Some(signed) if signed == found => None,
        Some(signed) => Some(format!(
            "it is not the kernel image that was signed: Authenticode sha256 {found}, signed {signed}"
        )),
        None => {
            Some("the statement names no kernel image, so that nobody vouches for it".to_owned())
        }
    };
    Ok((image, wrong))
}

/// The boot loader's files against those in the roots of `slots`, and its settings.
///
/// # Errors
/// This machine cannot read the disk.
pub(super) fn loader(survey: &Survey<'_>, slots: &[Judged]) -> Result<Vec<Finding>, SourceError> {
    let mut findings = Vec::new();
    let mut drift = |message| findings.push(finding(Verdict::Drift, message, WRITE_AGAIN));
    if slots.iter().all(|slot| slot.loaders.is_none()) {
        // Without a root that was signed there is nothing to compare with; that is said already.
        return Ok(findings);
    }
    match survey.volume.file("loader/loader.conf") {
        None => drift("loader/loader.conf is not on the EFI system partition".to_owned()),
        Some(file) => match file.read(&survey.part, 1 << 16) {
            Ok(bytes) if bytes == LOADER_CONF.as_bytes() => {}
            Ok(bytes) => drift(format!(
                "{} is not what karat writes: {}",
                shown(file),
                other_line(&bytes)
            )),
            Err(error) => drift(error.about_the_disk()?),
        },
    }
    let places = |machine: &str| {
        [
            format!("EFI/BOOT/BOOT{}.EFI", machine.to_ascii_uppercase()),
            format!("EFI/systemd/systemd-boot{machine}.efi"),
        ]
    };
    let is_there = |machine: &&&str| {
        places(machine)
            .iter()
            .any(|it| survey.volume.file(it).is_some())
    };
    let there: Vec<&&str> = MACHINES.iter().filter(is_there).collect();
    if there.is_empty() {
        drift("there is no boot loader on the EFI system partition".to_owned());
    }
    for machine in there {
        for path in places(machine) {
            let Some(file) = survey.volume.file(&path) else {
                drift(format!("{path} is not on the EFI system partition"));
                continue;
            };
            if let Some(words) = other_loader(survey, slots, machine, file)? {
                drift(format!("{}: {words}", shown(file)));
            }
        }
    }
    Ok(findings)
}

/// The first line of settings that is another than karat's.
fn other_line(found: &[u8]) -> String {
    let is_end = |byte: &u8| *byte == b'\n';
    let ours: Vec<&[u8]> = LOADER_CONF.as_bytes().split(is_end).collect();
    let theirs: Vec<&[u8]> = found.split(is_end).collect();
    let pairs = ours.iter().zip(&theirs);
    let at = pairs.take_while(|(one, other)| one == other).count();
    let line = |of: &[&[u8]]| format!("\"{}\"", Escaped(of.get(at).copied().unwrap_or_default()));
    let (number, is, was) = (at.saturating_add(1), line(&theirs), line(&ours));
    format!("line {number} is {is}, and should be {was}")
}

/// Where Debian's package `systemd-boot-efi` has the boot loader.
pub(super) fn loader_path(machine: &str) -> Option<ImagePath> {
    ImagePath::parse(format!(
        "/usr/lib/systemd/boot/efi/systemd-boot{machine}.efi"
    ))
    .ok()
}

/// The digests of the boot loaders that a manifest lists, by processor.
pub(super) fn listed(manifest: &Manifest) -> Vec<(&'static str, Digest)> {
    let digest = |machine: &'static str| match manifest.get(&loader_path(machine)?)?.kind {
        Kind::Regular(content) => Some((machine, content.digest)),
        _ => None,
    };
    MACHINES.into_iter().filter_map(digest).collect()
}

/// Why `file` is the boot loader of no root; `None` where it is, signed for firmware or not.
fn other_loader(
    survey: &Survey<'_>,
    slots: &[Judged],
    machine: &str,
    file: &File,
) -> Result<Option<String>, SourceError> {
    let content = file.of(&survey.part);
    let found = digest(&content)?;
    let mut authenticode = None;
    for slot in slots {
        let signed = slot.loaders.iter().flatten().find(|(it, _)| *it == machine);
        let Some((_, signed)) = signed else {
            continue;
        };
        if *signed == found {
            return Ok(None);
        }
        // A signature for firmware changes the file, and not what it runs.
        let (Some(pair), Some(path)) = (&slot.pair, loader_path(machine)) else {
            continue;
        };
        let bytes = match root::file(&pair.root(survey)?, &path, LOADER_MAX) {
            Ok(bytes) => bytes.filter(|bytes| Digest::of(bytes) == *signed),
            Err(error) => {
                error.about_the_disk()?;
                None
            }
        };
        let Some(mut bytes) = bytes else {
            continue;
        };
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        let own = match &authenticode {
            Some(own) => *own,
            None => match look(&content, None) {
                Ok((image, _)) => match image.authenticode_sha256(&content) {
                    Ok(own) => *authenticode.insert(own),
                    Err(error) => return Ok(Some(error.about_the_disk()?)),
                },
                Err(error) => return Ok(Some(error.about_the_disk()?)),
            },
        };
        let listed = Image::read(&bytes).and_then(|image| image.authenticode_sha256(&bytes));
        if listed.is_ok_and(|listed| listed == own) {
            return Ok(None);
        }
    }
    Ok(Some(format!(
        "it is not the boot loader of a root on this disk: sha256 {found}"
    )))
}

/// A file's path, in letters that steer no terminal.
fn shown(file: &File) -> Escaped<'_> {
    Escaped(file.path.as_bytes())
}

//! Telling that there is nothing to do.

use std::io;

use super::disk::{Prepare, RAW};
use super::files::Alone;
use super::{BuildError, Built, Plan, Request, Trust, units};
use crate::baseline::{Draft, Subject};
use crate::image::compress::Compression;
use crate::image::disk::Piece;
use crate::image::sums::Sums;
use crate::layout::erofs;
use crate::limits;
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::ops::disk::ATTACHED_SUMS;
use crate::sys::fs::{self, FileSource};
use crate::template::{Choice as _, Format, Template};

/// The draft of outputs that are there already, made from the very inputs of `plan` and whole to
/// the last byte, and the right to add to them. `None` where anything is missing, other, or damaged:
/// then it is built again. That holds for the units of an image that verifies itself, too: they are
/// of the karat that built it, and no input names them.
///
/// # Errors
/// The directory is there and cannot be opened.
pub(super) fn find(
    request: &Request<'_>,
    plan: &Plan,
    template: &Template,
    trust: Option<&Trust>,
) -> Result<Option<(Draft, Alone)>, BuildError> {
    if !fs::exists(&request.out)? {
        return Ok(None);
    }
    let alone = Alone::in_directory(&request.out)?;
    Ok(whole(request, plan, template, trust).map(|draft| (draft, alone)))
}

fn whole(
    request: &Request<'_>,
    plan: &Plan,
    template: &Template,
    trust: Option<&Trust>,
) -> Option<Draft> {
    let file = |suffix: &str| request.out.join(format!("{}{suffix}", plan.stem));
    let statement = fs::read(file(".statement.json"), limits::ENVELOPE_MAX).ok()?;
    let list = fs::read_text(file(".SHA256SUMS"), limits::LOCKFILE_MAX).ok()?;
    let draft = Draft::parse(&statement).ok()?;
    let sums: Sums = list.parse().ok()?;
    let builder = format!("karat {}", env!("CARGO_PKG_VERSION"));
    let baseline = draft.baseline();
    if baseline.inputs != plan.inputs
        || baseline.builder != builder
        || !has_all(request, plan, &draft, &sums)
    {
        return None;
    }
    if plan.inputs.agent.is_some() {
        let manifest = fs::read(file(Subject::Manifest.suffix()), limits::MANIFEST_MAX).ok()?;
        let manifest = Manifest::parse(&manifest).ok()?;
        let has_units = units::are_in(&manifest, template.verify.on_failure);
        has_units.ok().filter(|has| *has)?;
        if plan.formats.iter().any(|format| format.boots()) {
            let disk = &template.disk.clone().unwrap_or_default();
            let prepare = Prepare {
                template,
                disk,
                trust,
            };
            prepare.is_in(&manifest).ok().filter(|is| *is)?;
        }
    }
    // A disk that Envelope and Receipt were delivered on has another digest than as it was built.
    let later = fs::read_text(file(ATTACHED_SUMS), limits::LOCKFILE_MAX).ok();
    let later: Sums = later.and_then(|list| list.parse().ok()).unwrap_or_default();
    let whole = sums.updated(&later).check(|name| {
        fs::open(request.out.join(name)).map_err(|error| io::Error::other(error.to_string()))
    });
    whole.is_ok().then_some(draft)
}

/// Whether the list names each output that the plan asks for, and no other kind.
fn has_all(request: &Request<'_>, plan: &Plan, draft: &Draft, sums: &Sums) -> bool {
    let subjects = &draft.baseline().subjects;
    let has = |format| plan.formats.contains(&format);
    let boots = plan.formats.iter().any(|format| format.boots());
    let tar = Compression::suffix(plan.compression);
    has(Format::Tar) == subjects.contains_key(&Subject::Tar)
        && (has(Format::Erofs) || boots) == subjects.contains_key(&Subject::Erofs)
        && (has(Format::Erofs) || boots) == subjects.contains_key(&Subject::Verity)
        && has(Format::Oci) == subjects.contains_key(&Subject::Oci)
        && boots == subjects.contains_key(&Subject::Uki)
        && has(Format::Disk) == sums.get(&format!("{}{RAW}", plan.stem)).is_some()
        && has(Format::Split)
            == sums
                .iter()
                .any(|(name, _)| name.ends_with(Piece::Root.suffix()))
        && (!has(Format::Erofs) || erofs_is(request, plan))
        && Format::WORDS
            .iter()
            .all(|(_, format)| match format.container() {
                Some(container) => {
                    let name = format!("{}{}", plan.stem, container.suffix());
                    has(*format) == sums.get(&name).is_some()
                }
                None => true,
            })
        && subjects.contains_key(&Subject::Outputs)
        && (!has(Format::Tar) || sums.get(&format!("{}.tar{tar}", plan.stem)).is_some())
}

/// Whether the EROFS image that is there is compressed as the plan says; its name does not tell.
fn erofs_is(request: &Request<'_>, plan: &Plan) -> bool {
    let path = request
        .out
        .join(format!("{}{}", plan.stem, Subject::Erofs.suffix()));
    let wants = plan.compression != Compression::None;
    FileSource::open(path).is_ok_and(|source| {
        erofs::Image::open(&source).is_ok_and(|image| image.superblock().is_compressed() == wants)
    })
}

/// The result of a build that had nothing to do.
pub(super) fn built(draft: Draft, request: &Request<'_>, plan: &Plan, lock: Lockfile) -> Built {
    Built {
        stem: plan.stem.clone(),
        out: request.out.clone(),
        draft,
        lock,
        paths: 0,
        bytes: 0,
        files: Vec::new(),
        disk: plan.formats.contains(&Format::Disk),
        fresh: true,
        configured_before: true,
        signed: None,
        logged: None,
        seconds: 0.0,
    }
}

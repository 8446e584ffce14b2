//! What belongs to nothing: partitions, files, gaps, bytes behind the end of what was signed.

use super::slot::Judged;
use super::trouble::{MEND, Trouble as _, finding};
use super::{BootName, Survey};
use crate::appraise::{Finding, PartitionRole, Verdict};
use crate::digest::Digest;
use crate::layout::gpt::{Attributes, Kind, Partition};
use crate::layout::{SourceError, Uuid, first_used};
use crate::path::Escaped;

/// Most files and directories that are named one by one; all are counted.
const NAMED_MAX: usize = 16;
const TAKE_OFF: &str =
    "find out who put it there; take it off, or write the image to the disk again";

/// What each partition is, in the order of the table, and what belongs to nothing.
///
/// # Errors
/// This machine cannot read the disk.
pub(super) fn leftovers(
    survey: &Survey<'_>,
    slots: &[Judged],
) -> Result<(Vec<PartitionRole>, Vec<Finding>), SourceError> {
    let mut findings = files(survey);
    let mut roles = Vec::new();
    for partition in &survey.disk.partitions {
        let (role, odd) = role(survey, slots, partition)?;
        roles.push(role);
        findings.extend(odd);
        findings.extend(described(slots, partition, role));
    }
    for gap in survey.disk.gaps() {
        if let Some(at) = first_used(survey.source, gap)? {
            let message = format!("there are bytes in no partition, the first at offset {at}");
            findings.push(finding(Verdict::Untrusted, message, TAKE_OFF));
        }
    }
    // What an update writes over was larger, or lay elsewhere: only before the first one is all zero.
    let filled = slots.iter().filter(|slot| slot.pair.is_some()).count();
    let verdict = if filled > 1 {
        Verdict::Match
    } else {
        Verdict::Untrusted
    };
    for (number, offset) in behind(survey, slots)? {
        let message = format!(
            "partition {number} has bytes that belong to nothing, the first at its offset {offset}"
        );
        findings.push(finding(verdict, message, TAKE_OFF));
    }
    Ok((roles, findings))
}

/// Files and directories of the EFI system partition that have no meaning.
fn files(survey: &Survey<'_>) -> Vec<Finding> {
    let files = survey.volume.files.iter().map(|file| &file.path);
    let files = files.filter(|path| BootName::of(path) == BootName::Unknown);
    let directories = survey.volume.directories.iter();
    let directories = directories.filter(|path| !BootName::is_directory(path));
    let odd: Vec<&String> = files.chain(directories).collect();
    let mut findings = Vec::new();
    for path in odd.iter().take(NAMED_MAX) {
        let message = format!(
            "{} on the EFI system partition is not of the image",
            Escaped(path.as_bytes())
        );
        let hint = if BootName::is_left_over(path) {
            MEND
        } else {
            TAKE_OFF
        };
        findings.push(finding(Verdict::Untrusted, message, hint));
    }
    if let Some(more) = odd.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        let message = format!("{more} more files and directories there are not of the image");
        findings.push(finding(Verdict::Untrusted, message, TAKE_OFF));
    }
    findings
}

/// What a partition is, and why it should not be there.
fn role(
    survey: &Survey<'_>,
    slots: &[Judged],
    partition: &Partition,
) -> Result<(PartitionRole, Option<Finding>), SourceError> {
    let number = partition.number;
    let mut pairs = slots.iter().filter_map(|slot| slot.pair.as_ref());
    if number == survey.esp.number {
        return Ok((PartitionRole::Esp, None));
    }
    if let Some(pair) = pairs.find(|it| [it.root.number, it.tree.number].contains(&number)) {
        let is_root = pair.root.number == number;
        let role = if is_root {
            PartitionRole::Root
        } else {
            PartitionRole::Tree
        };
        return Ok((role, None));
    }
    match partition.kind {
        Kind::Root(_) | Kind::RootVerity(_) => {
            let part = partition.of(survey.source)?;
            let Some(at) = first_used(&part, 0..partition.size)? else {
                return Ok((PartitionRole::Empty, None));
            };
            // Where a statement is missing or not trusted, it may be that one's.
            let all_are_known = slots.iter().all(|slot| slot.facts.serial.is_some());
            let message = format!(
                "partition {number} should be empty, and has bytes, the first at its offset {at}: no envelope on this \
                 disk names its id {}",
                partition.id
            );
            let odd = finding(Verdict::Untrusted, message, TAKE_OFF);
            Ok((PartitionRole::Unknown, all_are_known.then_some(odd)))
        }
        Kind::Linux if slots.iter().any(|slot| state(&slot.stem) == partition.id) => {
            Ok((PartitionRole::State, None))
        }
        kind => {
            let message = format!(
                "partition {number} is none of the image's: label \"{}\", type {}, id {}",
                Escaped(partition.name.as_bytes()),
                kind.uuid(),
                partition.id
            );
            let odd = finding(Verdict::Untrusted, message, TAKE_OFF);
            Ok((PartitionRole::Unknown, Some(odd)))
        }
    }
}

/// The id of the partition that all versions of an image keep what they write on
/// (`docs/formats/disk.md`).
fn state(stem: &str) -> Uuid {
    let name = stem.split('_').next().unwrap_or_default();
    Uuid::derived(&Digest::of(name.as_bytes()), "state")
}

/// What the table says of a partition that nobody writes: another slot's label, odd attributes.
fn described(slots: &[Judged], partition: &Partition, role: PartitionRole) -> Option<Finding> {
    let number = partition.number;
    let known = Attributes::READ_ONLY
        .and(Attributes::GROW)
        .and(Attributes::NO_AUTO);
    if !known.has(partition.attributes) {
        let bits = partition.attributes.0 & !known.0;
        let message =
            format!("partition {number} has attributes that karat never writes: {bits:#x}");
        return Some(finding(Verdict::Untrusted, message, TAKE_OFF));
    }
    if !matches!(role, PartitionRole::Root | PartitionRole::Tree) {
        return None;
    }
    let of_pair = |slot: &&Judged| {
        let pair = slot.pair.as_ref();
        pair.is_some_and(|it| [it.root.number, it.tree.number].contains(&number))
    };
    let slot = slots.iter().find(of_pair)?;
    (slot.stem != partition.name).then(|| {
        let message = format!(
            "partition {number} is {}, and its label says \"{}\": an update would take it for that",
            slot.stem,
            Escaped(partition.name.as_bytes())
        );
        finding(Verdict::Untrusted, message, TAKE_OFF)
    })
}

/// The first byte behind or between what was signed, of each partition that has one: its number and
/// the offset in it.
fn behind(survey: &Survey<'_>, slots: &[Judged]) -> Result<Vec<(usize, u64)>, SourceError> {
    let mut found = Vec::new();
    match survey.volume.stray(&survey.part) {
        Ok(at) => found.extend(at.map(|at| (survey.esp.number, at))),
        Err(error) => drop(error.about_the_disk()?),
    }
    for pair in slots.iter().filter_map(|slot| slot.pair.as_ref()) {
        for (partition, size) in [
            (&pair.root, pair.verity.data_size()),
            (&pair.tree, pair.verity.tree_size()),
        ] {
            let part = partition.of(survey.source)?;
            let at = first_used(&part, size..partition.size)?;
            found.extend(at.map(|at| (partition.number, at)));
        }
    }
    Ok(found)
}

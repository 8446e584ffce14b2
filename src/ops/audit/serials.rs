//! Each image's releases: what is missing, late, double or retired.

use super::collect::Findings;
use super::entries::Row;
use super::lineage::Lineage;
use super::notices::{Notices, serials};
use super::{Code, Entries, EntryKind, EntryVerdict, ImageFacts};

/// One release: the entries about one image and serial that counted, by index.
struct Release<'a> {
    serial: u64,
    entries: &'a [u32],
}

/// Looks at the releases of every image. `counted` says which entries counted when they were logged;
/// whatever else stands in the log, anybody may have written.
pub(super) fn images(
    entries: &Entries,
    counted: &[bool],
    lineage: &Lineage,
    notices: &Notices,
    findings: &mut Findings,
) -> Vec<ImageFacts> {
    let rows = entries.rows();
    let row = |place: u32| rows.get(usize::try_from(place).unwrap_or(usize::MAX));
    let mut places: Vec<u32> = Vec::new();
    for (place, (row, counted)) in (0_u32..).zip(rows.iter().zip(counted)) {
        let counts = *counted || row.verdict == EntryVerdict::Counts;
        if row.kind == EntryKind::Signed && counts {
            places.push(place);
        }
    }
    let key = |place: &u32| row(*place).map(|row| (row.name, row.number));
    places.sort_by_key(|place| (key(place), *place));
    let mut images = Vec::new();
    for places in
        places.chunk_by(|one, next| row(*one).map(|row| row.name) == row(*next).map(|row| row.name))
    {
        let Some(name) = places
            .first()
            .and_then(|place| row(*place))
            .map(|row| row.name)
        else {
            continue;
        };
        let releases: Vec<Release<'_>> = places
            .chunk_by(|one, next| key(one) == key(next))
            .filter_map(|entries| {
                let serial = row(*entries.first()?)?.number;
                Some(Release { serial, entries })
            })
            .collect();
        let name = entries.name(name);
        order(name, &releases, findings);
        for release in &releases {
            conflicts(name, release, &row, findings);
            retired(name, release, notices, findings);
        }
        images.extend(facts(name, &releases, entries, lineage, notices, &row));
    }
    images.sort_by(|one, next| one.name.cmp(&next.name));
    images
}

/// Gaps, and serials that came after higher ones.
fn order(name: &str, releases: &[Release<'_>], findings: &mut Findings) {
    for pair in releases.windows(2) {
        let [one, next] = pair else { continue };
        let (first, last) = (one.serial.saturating_add(1), next.serial.saturating_sub(1));
        if first <= last {
            findings.add(
                Code::SerialGap,
                next.entries.first().copied().map(u64::from),
                || {
                    let text = format!(
                        "serial {} follows {}, and nothing in between is in the log",
                        next.serial, one.serial
                    );
                    (serials(name, first, last), text)
                },
            );
        }
    }
    // The first entry of all higher serials.
    let mut higher: Option<(u32, u64)> = None;
    for release in releases.iter().rev() {
        let Some(first) = release.entries.first().copied() else {
            continue;
        };
        if let Some((before, serial)) = higher.filter(|(before, _)| *before < first) {
            findings.add(Code::LateSerial, Some(u64::from(first)), || {
                let text = format!("serial {serial} was logged before it, as entry {before}");
                (serials(name, release.serial, release.serial), text)
            });
        }
        if higher.is_none_or(|(before, _)| first < before) {
            higher = Some((first, release.serial));
        }
    }
}

/// One serial for several statements, and the same envelope twice.
fn conflicts<'a>(
    name: &str,
    release: &Release<'_>,
    row: &impl Fn(u32) -> Option<&'a Row>,
    findings: &mut Findings,
) {
    let subject = || serials(name, release.serial, release.serial);
    let Some(first) = release.entries.first().copied() else {
        return;
    };
    let mut seen: std::collections::BTreeMap<([u8; 32], u32), u32> =
        std::collections::BTreeMap::new();
    let Some(original) = row(first).map(|row| row.payload) else {
        return;
    };
    for place in release.entries.iter().copied() {
        let Some(row) = row(place) else { continue };
        if row.payload != original {
            findings.add(Code::SerialConflict, Some(u64::from(place)), || {
                let text = format!("entry {first} has another statement under this serial");
                (subject(), text)
            });
        }
        let known = seen.get(&(*row.payload.as_bytes(), row.list)).copied();
        if let Some(before) = known {
            findings.add(Code::Duplicate, Some(u64::from(place)), || {
                (
                    subject(),
                    format!("entry {before} is the same, with the same signers"),
                )
            });
        } else {
            seen.insert((*row.payload.as_bytes(), row.list), place);
        }
    }
}

/// Retired releases that were logged again.
fn retired(name: &str, release: &Release<'_>, notices: &Notices, findings: &mut Findings) {
    for retired in notices.retired(name) {
        if !(retired.first_serial..=retired.last_serial).contains(&release.serial) {
            continue;
        }
        let later = release.entries.iter().map(|place| u64::from(*place));
        for place in later.filter(|place| *place > retired.index) {
            findings.add(Code::RetiredSigned, Some(place), || {
                let text = format!("entry {} retired it: {}", retired.index, retired.reason);
                (serials(name, release.serial, release.serial), text)
            });
        }
    }
}

fn facts<'a>(
    name: &str,
    releases: &[Release<'_>],
    entries: &Entries,
    lineage: &Lineage,
    notices: &Notices,
    row: &impl Fn(u32) -> Option<&'a Row>,
) -> Option<ImageFacts> {
    let (lowest, highest) = (releases.first()?, releases.last()?);
    let newest = highest.entries.last().copied()?;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let all = releases.iter().flat_map(|release| release.entries);
    let serials = count(releases.len());
    let span = highest
        .serial
        .saturating_sub(lowest.serial)
        .saturating_add(1);
    Some(ImageFacts {
        name: name.to_owned(),
        entries: count(all.clone().count()),
        serials,
        lowest_serial: lowest.serial,
        highest_serial: highest.serial,
        newest_version: entries.version(row(newest)?).to_owned(),
        newest_index: u64::from(newest),
        first_index: u64::from(all.min().copied()?),
        missing: span.saturating_sub(serials),
        min_serial: lineage.newest().min_serial(name),
        retired: notices.retired(name).to_vec(),
    })
}

//! An audit, for people: what was found, who holds which key, and the story of the log in its order.
//!
//! However long the log is, this stays short: the newest part of the story, and the first findings of
//! each code. JSON and CSV have all of it.

use crate::cli::console::{BAD, BOLD, Console, Count, DIM, GOOD, WARN};
use crate::ops::audit::{
    Change, EntryFacts, EntryKind, EntryVerdict, Finding, Independence, KeyFacts, KeyState,
    NoticeKind, Report, Severity, SignatureVerdict, Verdict,
};

/// Entries of the story that are shown.
const STORY_SHOWN: usize = 40;
/// Findings shown of each code.
const FINDINGS_SHOWN: usize = 5;
/// Rows shown of each table.
const ROWS_SHOWN: usize = 20;

/// Shows a report.
pub(super) fn show(report: &Report, console: &Console) {
    head(report, console);
    findings(report, console);
    keys(report, console);
    roots(report, console);
    images(report, console);
    changes(&report.changes, console);
    story(report, console);
    let verdict = match report.verdict {
        Verdict::Clean => format!("{GOOD}clean{GOOD:#}"),
        Verdict::Findings => format!("{WARN}rules were broken{WARN:#}"),
        Verdict::Untrusted => format!("{BAD}not to be trusted{BAD:#}"),
        Verdict::Incomplete => format!("{WARN}not all could be checked{WARN:#}"),
    };
    console.line(format_args!("\n{verdict}"));
}

fn title(console: &Console, text: &str) {
    console.line(format_args!("\n{BOLD}{text}{BOLD:#}"));
}

/// Says that a table has more rows.
fn more(console: &Console, all: usize, shown: usize, what: &str) {
    if all > shown {
        let left = all.saturating_sub(shown);
        console.line(format_args!("  {DIM}and {left} more {what}{DIM:#}"));
    }
}

fn head(report: &Report, console: &Console) {
    let (log, counts) = (&report.log, &report.counts);
    console.line(format_args!(
        "{BOLD}{}{BOLD:#}  {}  {DIM}{}{DIM:#}",
        log.origin,
        Count(log.tree_size, "entry", "entries"),
        log.root_sha256
    ));
    let since = match log.since {
        0 => String::new(),
        since => format!("  shown from entry {since} on"),
    };
    console.line(format_args!(
        "  checked     {}, {}{since}",
        Count(log.checked, "entry", "entries"),
        Count(log.checkpoints, "checkpoint", "checkpoints")
    ));
    console.line(format_args!(
        "  entries     {} of {}, {}, {}, {}, {}",
        Count(counts.signed, "release", "releases"),
        Count(counts.images, "image", "images"),
        Count(counts.trust, "trust root", "trust roots"),
        Count(counts.revoke, "revocation", "revocations"),
        Count(counts.retire, "retirement", "retirements"),
        Count(counts.other, "other", "others")
    ));
    console.line(format_args!(
        "  signatures  {}, of which {} count",
        counts.signatures, counts.signatures_counting
    ));
    let independence = match log.independence {
        Independence::Witnessed => format!("{GOOD}cosigned by a quorum of witnesses{GOOD:#}"),
        Independence::None => format!("{WARN}not independent{WARN:#}"),
    };
    console.line(format_args!("  history     {independence}"));
    for witness in report.witnesses.iter().take(ROWS_SHOWN) {
        console.line(format_args!(
            "  witness     {} {}  {} checkpoints, the last of {} entries",
            witness.name,
            witness.key.short(),
            witness.checkpoints,
            witness.last_size
        ));
    }
}

fn findings(report: &Report, console: &Console) {
    if report.codes.is_empty() {
        return;
    }
    title(console, "Findings");
    let mut codes: Vec<_> = report.codes.iter().collect();
    codes.sort_by_key(|count| (count.severity, count.code));
    for count in codes {
        let style = match count.severity {
            Severity::Fault => BAD,
            Severity::Policy | Severity::Incomplete => WARN,
            Severity::Note => DIM,
        };
        let acknowledged = match count.acknowledged {
            0 => String::new(),
            number => format!(", {number} acknowledged"),
        };
        console.line(format_args!(
            "  {style}{} {}{style:#}  {}  {DIM}{}{acknowledged}{DIM:#}",
            count.code,
            count.severity.as_str(),
            count.title,
            count.found
        ));
        let listed = report.findings.iter().filter(|it| it.code == count.code);
        let mut next = None;
        for finding in listed.take(FINDINGS_SHOWN) {
            console.line(format_args!("    {}", one(finding)));
            next = Some(finding.next);
        }
        let shown = u64::try_from(FINDINGS_SHOWN).unwrap_or(u64::MAX);
        if count.found > shown {
            let left = count.found.saturating_sub(shown);
            console.line(format_args!("    {DIM}and {left} more{DIM:#}"));
        }
        if let Some(next) = next {
            console.line(format_args!("    {DIM}next: {next}{DIM:#}"));
        }
    }
}

fn one(finding: &Finding) -> String {
    let place = match finding.index {
        Some(index) => format!("entry {index}: "),
        None => String::new(),
    };
    let acknowledged = match &finding.acknowledged {
        Some(by) => format!("  (acknowledged by {}: {})", by.who, by.reason),
        None => String::new(),
    };
    format!("{place}{}: {}{acknowledged}", finding.subject, finding.text)
}

fn keys(report: &Report, console: &Console) {
    title(console, "Keys");
    for key in report.keys.iter().take(ROWS_SHOWN) {
        console.line(format_args!("  {}", key_line(key)));
    }
    more(console, report.keys.len(), ROWS_SHOWN, "keys");
}

fn key_line(key: &KeyFacts) -> String {
    let id = key.key.map_or_else(|| "?".to_owned(), |id| id.short());
    let role = key.role.map_or("unknown", |role| role.as_str());
    let name = key.name.as_deref().unwrap_or_default();
    let (style, state) = match key.state {
        KeyState::Valid => (GOOD, "valid".to_owned()),
        KeyState::Future => (DIM, "begins later".to_owned()),
        KeyState::Ended => {
            let reason = key.reason.as_deref().map(|reason| format!(": {reason}"));
            (WARN, format!("ended{}", reason.unwrap_or_default()))
        }
        KeyState::Revoked => {
            let revoked = key.revoked.as_ref().map(|revoked| {
                let (index, from, reason) = (revoked.index, revoked.from, &revoked.reason);
                format!(" by entry {index} from {from} on: {reason}")
            });
            (BAD, format!("revoked{}", revoked.unwrap_or_default()))
        }
        KeyState::Unknown => (BAD, "named by no trust root".to_owned()),
    };
    let life = match key.until {
        None => format!("[{}, …)", key.from),
        Some(until) => format!("[{}, {until})", key.from),
    };
    let life = if key.role.is_some() {
        life
    } else {
        String::new()
    };
    let images = key.images.join(" ");
    let used = match (key.first_index, key.last_index) {
        (Some(first), Some(last)) => {
            let count = Count(key.signatures, "signature", "signatures");
            format!("{count} on entries {first} to {last}")
        }
        _ => String::new(),
    };
    let words = [name, &images, &used];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!(
        "{role:<9}{BOLD}{id}{BOLD:#}  {life:<12} {style}{state}{style:#}  {}",
        words.join("  ")
    )
}

fn roots(report: &Report, console: &Console) {
    title(console, "Trust roots");
    let skipped = report.roots.len().saturating_sub(ROWS_SHOWN);
    for root in report.roots.iter().skip(skipped) {
        let place = match root.index {
            Some(index) => format!("entry {index}"),
            None => "not in the log".to_owned(),
        };
        let signers: Vec<String> = root.signed_by.iter().map(who).collect();
        console.line(format_args!(
            "  {BOLD}{}{BOLD:#}  {place}  signed by {}  {DIM}{}{DIM:#}",
            root.version,
            signers.join(", "),
            root.sha256.short()
        ));
        for change in root.changes.iter().take(ROWS_SHOWN) {
            console.line(format_args!("      {}", change.text));
        }
        more(console, root.changes.len(), ROWS_SHOWN, "changes");
    }
    more(console, report.roots.len(), ROWS_SHOWN, "before them");
}

fn who(who: &crate::ops::audit::Who) -> String {
    let id = who.key.map_or_else(|| "?".to_owned(), |key| key.short());
    match &who.name {
        Some(name) => format!("{name} {id}"),
        None => id,
    }
}

fn images(report: &Report, console: &Console) {
    if report.images.is_empty() {
        return;
    }
    title(console, "Images");
    for image in report.images.iter().take(ROWS_SHOWN) {
        let serials = if image.lowest_serial == image.highest_serial {
            format!("serial {}", image.lowest_serial)
        } else {
            format!(
                "serials {} to {}",
                image.lowest_serial, image.highest_serial
            )
        };
        let missing = match image.missing {
            0 => String::new(),
            missing => format!("  {WARN}{missing} missing{WARN:#}"),
        };
        console.line(format_args!(
            "  {BOLD}{}{BOLD:#}  {serials}, newest {} at entry {}{missing}",
            image.name, image.newest_version, image.newest_index
        ));
        for retired in image.retired.iter().take(ROWS_SHOWN) {
            console.line(format_args!(
                "      retired {} to {}: {}",
                retired.first_serial, retired.last_serial, retired.reason
            ));
        }
    }
    more(console, report.images.len(), ROWS_SHOWN, "images");
}

fn changes(changes: &[Change], console: &Console) {
    if changes.is_empty() {
        return;
    }
    title(console, "Changes");
    let skipped = changes.len().saturating_sub(ROWS_SHOWN);
    for change in changes.iter().skip(skipped) {
        console.line(format_args!(
            "  {BOLD}{}{BOLD:#}  {} (serial {}) -> {} (serial {}): {} packages, paths +{} -{} ~{}, {} expectations",
            change.image,
            change.from.version,
            change.from.serial,
            change.to.version,
            change.to.serial,
            change.packages_changed,
            change.paths_added,
            change.paths_removed,
            change.paths_changed,
            change.expectations_changed
        ));
        for package in change.packages.iter().take(ROWS_SHOWN) {
            let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
            let (from, to) = (side(&package.from), side(&package.to));
            console.line(format_args!("      {}  {from} -> {to}", package.name));
        }
        let all = usize::try_from(change.packages_changed).unwrap_or(usize::MAX);
        more(
            console,
            all,
            ROWS_SHOWN.min(change.packages.len()),
            "packages",
        );
    }
    more(console, changes.len(), ROWS_SHOWN, "before them");
}

fn story(report: &Report, console: &Console) {
    if report.entries.is_empty() {
        return;
    }
    title(console, "Story");
    let skipped = report.entries.len().saturating_sub(STORY_SHOWN);
    if skipped > 0 {
        console.line(format_args!(
            "  {DIM}{skipped} entries before these: --json and --csv have them{DIM:#}"
        ));
    }
    for entry in report.entries.iter().skip(skipped) {
        console.line(format_args!("  {}", entry_line(report, &entry)));
    }
}

fn entry_line(report: &Report, entry: &EntryFacts<'_>) -> String {
    let (style, verdict) = match entry.verdict {
        EntryVerdict::Counts => (GOOD, "counts"),
        EntryVerdict::Superseded => (DIM, "superseded"),
        EntryVerdict::Refused => (BAD, "refused"),
        EntryVerdict::Malformed => (BAD, "malformed"),
        EntryVerdict::Carried => (DIM, "carried"),
    };
    let what = match (entry.kind, entry.image) {
        (EntryKind::Signed, Some(image)) => format!(
            "{image} {} serial {}",
            entry.version.unwrap_or_default(),
            entry.serial.unwrap_or_default()
        ),
        (EntryKind::Trust, _) => {
            format!(
                "trust root {}",
                entry.trust_root_version.unwrap_or_default()
            )
        }
        (EntryKind::Revoke | EntryKind::Retire, _) => notice(report, entry.index),
        (EntryKind::Other, _) => format!("kind \"{}\"", entry.word.unwrap_or_default()),
        (EntryKind::Signed, None) => "release".to_owned(),
        (EntryKind::Foreign, _) => "none of karat's".to_owned(),
    };
    let people: Vec<String> = entry
        .signatures
        .iter()
        .map(|signature| {
            let id = signature
                .key
                .map_or_else(|| "?".to_owned(), |key| key.short());
            let name = signature.name.map(|name| format!("{name} "));
            let name = name.unwrap_or_default();
            match signature.verdict {
                SignatureVerdict::Counts => format!("{name}{id}"),
                verdict => format!("{BAD}{name}{id} {}{BAD:#}", verdict.as_str()),
            }
        })
        .collect();
    format!(
        "{:>7}  {style}{verdict:<10}{style:#}  {what}  {}",
        entry.index,
        people.join(", ")
    )
}

fn notice(report: &Report, index: u64) -> String {
    let notice = report.notices.iter().find(|notice| notice.index == index);
    let Some(notice) = notice else {
        return "a notice".to_owned();
    };
    let reason = notice.reason.as_deref().unwrap_or_default();
    match notice.kind {
        NoticeKind::Revoke => {
            let key = notice.key.map_or_else(|| "?".to_owned(), |key| key.short());
            let from = notice.from.unwrap_or_default();
            format!("revokes key {key} from entry {from} on: {reason}")
        }
        NoticeKind::Retire => {
            let image = notice.image.as_deref().unwrap_or_default();
            let first = notice.first_serial.unwrap_or_default();
            let last = notice.last_serial.unwrap_or_default();
            format!("retires {image} {first} to {last}: {reason}")
        }
    }
}

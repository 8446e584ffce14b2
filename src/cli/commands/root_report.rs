//! A next trust root, shown: what changes, whose signatures are there, what comes next.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::notice::Said;
use crate::baseline::{ImageName, Serial};
use crate::cli::confirm::confirm;
use crate::cli::console::{BAD, BOLD, Console, DIM, GOOD, shown};
use crate::cli::failure::Failure;
use crate::digest::Digest;
use crate::key::TrustRoot;
use crate::ops::trust::{Change, Draft, Holder, Outcome, Standing, What};

/// What `--json` prints: `docs/schemas/trust-update.schema.json`.
#[derive(Serialize)]
struct Document<'a> {
    changes: Vec<Shown<'a>>,
    digest: Digest,
    file: Option<String>,
    log_index: Option<u64>,
    notice: Option<&'a Said>,
    signatures: &'a [Standing],
    state: &'a str,
    stops: Option<Vec<Release<'a>>>,
    version: u64,
    written: Vec<String>,
}

/// A change with its words.
#[derive(Debug, Serialize)]
pub struct Shown<'a> {
    #[serde(flatten)]
    change: &'a Change,
    #[serde(rename = "final")]
    is_final: bool,
    text: String,
}

#[derive(Serialize)]
struct Release<'a> {
    name: &'a ImageName,
    serial: u64,
}

/// Releases that stop counting, where that is known.
pub type Stops<'a> = Option<&'a [(ImageName, Serial)]>;

/// The changes for JSON.
pub fn shown_changes(changes: &[Change]) -> Vec<Shown<'_>> {
    changes
        .iter()
        .map(|change| Shown {
            change,
            is_final: change.is_final(),
            text: change.to_string(),
        })
        .collect()
}

/// Shows what a next version changes, before anybody signs it. It goes to standard error, so that
/// somebody who is asked for a passphrase sees what for.
pub fn preview(console: &Console, present: &TrustRoot, draft: &Draft, stops: Stops<'_>) {
    let next = draft.document().version;
    console.note(format_args!(
        "{BOLD}trust root {next}{BOLD:#}, after {}  {DIM}{}{DIM:#}",
        present.version(),
        draft.digest()
    ));
    for change in draft.changes(present) {
        console.note(format_args!("  {change}"));
    }
    for (role, keys) in &draft.document().roles {
        let live = keys.keys.iter().filter(|key| key.until.is_none()).count();
        if live < keys.threshold {
            console.note(format_args!(
                "  {BAD}!{BAD:#} {role}: {} must sign, {live} can; add a key before it is needed",
                keys.threshold
            ));
        }
    }
    let Some(stops) = stops else { return };
    for (name, serial) in stops {
        console.note(format_args!(
            "  {BAD}!{BAD:#} {name} serial {serial} stops counting; sign it again with a key that counts"
        ));
    }
}

/// Asks where a change can never be taken back.
pub fn ask(console: &Console, changes: &[Change], yes: bool) -> Result<(), Failure> {
    let count = |what| changes.iter().filter(|change| change.what == what).count();
    match (count(What::KeyEnded), count(What::MinSerial)) {
        (0, 0) => Ok(()),
        (0, _) => confirm(console, yes, "Raising a lowest serial", "retire"),
        (1, _) => confirm(console, yes, "Ending a key", "end"),
        (keys, _) => confirm(console, yes, &format!("Ending {keys} keys"), "end"),
    }
}

/// Shows a plan that was not carried out.
pub fn planned(console: &Console, present: &TrustRoot, draft: &Draft, stops: Stops<'_>) {
    console.line(format_args!(
        "trust root {} is not written (--dry-run)",
        draft.document().version
    ));
    let more = More {
        stops,
        ..More::default()
    };
    print(console, "plan", None, present, draft, &more, &[]);
}

/// What else is told about a next version.
#[derive(Debug, Default)]
pub struct More<'a> {
    /// Releases that stop counting.
    pub stops: Stops<'a>,
    /// Files that were written before.
    pub made: &'a [PathBuf],
    /// Where the log has the trust root.
    pub log_index: Option<u64>,
    /// A notice that was made before.
    pub notice: Option<&'a Said>,
}

/// Shows what became of a draft.
pub fn concluded(console: &Console, outcome: &Outcome, more: &More<'_>) {
    let version = outcome.draft.document().version;
    let path = outcome.path.display();
    let (state, written) = if let Some(accepted) = &outcome.accepted {
        console.line(format_args!(
            "{GOOD}trust root {version}{GOOD:#} counts from now on: {path}"
        ));
        ("accepted", accepted.written.clone())
    } else {
        console.line(format_args!("draft of trust root {version}: {path}"));
        ("draft", more.made.to_vec())
    };
    for path in &written {
        console.line(format_args!("  written  {}", path.display()));
    }
    for standing in outcome.draft.standings(&outcome.present) {
        console.line(line(&standing));
    }
    if let Some(index) = more.log_index {
        console.line(format_args!("  logged as entry {index}"));
    }
    match &outcome.accepted {
        Some(_) => console.note(format_args!(
            "{BOLD}next:{BOLD:#}  commit keys/trust.json, keys/trust/ and log/; deliver keys/trust/{version}.json to instances"
        )),
        None => console.note(format_args!(
            "{BOLD}next:{BOLD:#}  where a missing key is: karat trust sign {}; \
             then bring the file back: karat trust accept FILE",
            outcome.path.display()
        )),
    }
    let path = Some(outcome.path.as_path());
    let (present, draft) = (&outcome.present, &outcome.draft);
    print(console, state, path, present, draft, more, &written);
}

/// `root keys of version 1: 1 of 2 signed; 1 missing of: alice 0123…, 4567…`.
fn line(standing: &Standing) -> String {
    let name = |holder: &Holder| match &holder.name {
        Some(name) => format!(
            "{} {}",
            crate::path::Escaped(name.as_bytes()),
            holder.id.short()
        ),
        None => holder.id.short(),
    };
    let names = |holders: &[Holder]| holders.iter().map(name).collect::<Vec<_>>().join(", ");
    let (version, required) = (standing.version, standing.required);
    let (count, missing) = (standing.signed.len(), standing.missing());
    let who = match standing.signed.as_slice() {
        [] => String::new(),
        signed => format!(" ({})", names(signed)),
    };
    let open = match missing {
        0 => String::new(),
        missing => format!("; {missing} missing, of: {}", names(&standing.open)),
    };
    format!("  root keys of version {version}: {count} of {required} signed{who}{open}")
}

fn print(
    console: &Console,
    state: &str,
    file: Option<&Path>,
    present: &TrustRoot,
    draft: &Draft,
    more: &More<'_>,
    written: &[PathBuf],
) {
    let changes = draft.changes(present);
    console.json(&Document {
        changes: shown_changes(&changes),
        digest: draft.digest(),
        file: file.map(shown),
        log_index: more.log_index,
        notice: more.notice,
        signatures: &draft.standings(present),
        state,
        stops: more.stops.map(|stops| {
            stops
                .iter()
                .map(|(name, serial)| Release {
                    name,
                    serial: serial.get(),
                })
                .collect()
        }),
        version: draft.document().version,
        written: written.iter().map(shown).collect(),
    });
}

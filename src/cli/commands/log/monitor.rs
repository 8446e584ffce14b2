//! `karat log monitor`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::fork::{ForkJson, sentence};
use super::show::{EntryJson, line};
use super::{place, way};
use crate::cli::Exit;
use crate::cli::console::{BAD, BOLD, Console, Count, GOOD, WARN, shown};
use crate::cli::failure::Failure;
use crate::digest::Digest;
use crate::ops::log::{self, LogPlace, MonitorSettings, Monitored, Row, Seen};
use crate::ops::trust;
use crate::ops::workspace::Workspace;
use crate::path::Escaped;
use crate::sys::fs;
use crate::tlog::NoteKey;

/// Arguments of `karat log monitor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log monitor log --since log.seen
  karat log monitor mirror --trust trust.json --since seen --against https://log.example.org \\
      --witnesses witnesses.policy

One look; run it from cron. What is new since the last look is listed, and proven to extend what was
seen then. Names and key ids are what entries say; whether signatures are good, `karat audit` and
`karat verify` tell.

Exit codes: 0 nothing to look at · 10 an image or a signer is new, or an entry is no statement ·
11 the log was forked (evidence is written), or is not believed · 12 it shows fewer entries than
before · 13 another place could not be compared")]
pub(super) struct Args {
    /// The log: a directory, or an address (http, https, file, s3).
    #[arg(value_parser = place())]
    log: LogPlace,

    /// What was seen last, and is remembered: a file, made if it is missing.
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,

    /// Another place that shows the log, or its checkpoint alone: a file, or URL/checkpoint. May be
    /// repeated.
    #[arg(long, value_name = "PLACE")]
    against: Vec<String>,

    /// A tlog-policy: what its witnesses saw is compared, too; else keys/witnesses.policy of the nearest
    /// workspace above the log, or above here.
    #[arg(long, value_name = "FILE")]
    witnesses: Option<PathBuf>,

    /// The trust root that must believe the log; else that of the nearest workspace above the log.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,

    /// A tlog-policy that must believe the log, instead of a trust root.
    #[arg(long, value_name = "FILE")]
    by_policy: Option<PathBuf>,

    /// A key of the log, NAME+ID+BASE64, where there is neither. May be repeated.
    #[arg(long, value_name = "VKEY")]
    key: Vec<NoteKey>,

    /// Where evidence of forks goes.
    #[arg(long, value_name = "DIR", default_value = ".")]
    evidence: PathBuf,
}

#[derive(Serialize)]
struct Report {
    origin: String,
    tree_size: u64,
    root_sha256: Digest,
    seen_before: Option<u64>,
    entries: Vec<EntryJson>,
    new_images: Vec<String>,
    new_key_ids: Vec<String>,
    views: Vec<ViewJson>,
    forks: Vec<EvidenceJson>,
    set_back_from: Option<u64>,
    exit_code: u8,
}

#[derive(Serialize)]
struct ViewJson {
    place: String,
    seen: &'static str,
    tree_size: Option<u64>,
    first_difference: Option<u64>,
    message: Option<String>,
}

#[derive(Serialize)]
struct EvidenceJson {
    fork: ForkJson,
    evidence: String,
}

/// Runs `karat log monitor`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let near = args.log.directory().unwrap_or_else(|| Path::new("."));
    let workspace = Workspace::find(near)?;
    let told = args.by_policy.is_some() || !args.key.is_empty();
    let trust = match (&args.trust, &workspace) {
        (Some(file), _) => Some(trust::read(file)?),
        (None, Some(workspace)) if !told => Some(trust::read(&workspace.trust_root())?),
        (None, _) if told => None,
        (None, _) => {
            return Err(Failure::usage("nothing says whose log it must be")
                .hint("give --trust FILE, --by-policy FILE or --key NAME+ID+BASE64"));
        }
    };
    let by_policy = args.by_policy.as_ref().map(|file| log::read_policy(file));
    let by_policy = by_policy.transpose()?;
    let own = workspace.as_ref().map(Workspace::witnesses);
    let witnesses = match (&args.witnesses, own) {
        (Some(file), _) => Some(log::read_policy(file)?),
        (None, Some(file)) if fs::exists(&file)? => Some(log::read_policy(&file)?),
        (None, _) => None,
    };
    let found = log::monitor(&MonitorSettings {
        log: &args.log,
        way: &way(),
        trust: trust.as_ref(),
        policy: by_policy.as_ref(),
        keys: &args.key,
        since: args.since.as_deref(),
        against: &args.against,
        witnesses: witnesses.as_ref(),
        evidence: &args.evidence,
    })?;
    let exit = judge(&found);
    tell(&found, exit, console);
    console.json(&report(found, exit));
    Ok(exit)
}

/// What it comes to.
fn judge(found: &Monitored) -> Exit {
    let mut exit = Exit::Ok;
    if !found.forks.is_empty() {
        exit = exit.and(Exit::Untrusted);
    }
    if found.set_back_from.is_some() {
        exit = exit.and(Exit::Rollback);
    }
    // Everything is new at the first look.
    let is_odd = |row: &Row| row.kind.as_deref() != Some("signed");
    let is_news = !found.new_images.is_empty() || !found.new_keys.is_empty();
    if found.before.is_some() && (is_news || found.entries.iter().any(is_odd)) {
        exit = exit.and(Exit::Drift);
    }
    let is_open = |(_, seen): &(String, Seen)| matches!(seen, Seen::Later(_) | Seen::Nothing(_));
    if found.views.iter().any(is_open) {
        exit = exit.and(Exit::Incomplete);
    }
    exit
}

fn tell(found: &Monitored, exit: Exit, console: &Console) {
    let checkpoint = &found.checkpoint;
    let since = match found.before {
        Some(head) => format!("{} at the last look", head.size),
        None => "first look".to_owned(),
    };
    console.line(format_args!(
        "{BOLD}{}{BOLD:#}  {}, {since}",
        Escaped(checkpoint.origin.as_bytes()),
        Count(checkpoint.head.size, "entry", "entries")
    ));
    for row in &found.entries {
        console.line(line(row));
    }
    for (what, names) in [("image", &found.new_images), ("key", &found.new_keys)] {
        for name in names {
            let name = Escaped(name.as_bytes());
            console.line(format_args!("{WARN}new {what}{WARN:#}  {name}"));
        }
    }
    for (place, seen) in &found.views {
        let place = Escaped(place.as_bytes());
        match seen {
            Seen::Same => console.line(format_args!("{GOOD}same{GOOD:#}  {place}")),
            Seen::Earlier(size) => {
                console.line(format_args!(
                    "{GOOD}same{GOOD:#}  {place}, as far as {size} entries"
                ));
            }
            Seen::Later(size) => console.warn(format_args!(
                "{place} shows {size} entries, and the log not yet: look again"
            )),
            Seen::Forked(first) => {
                let from = first.map_or_else(String::new, |it| format!(", from entry {it} on"));
                console.line(format_args!("{BAD}another history{BAD:#}{from}  {place}"));
            }
            Seen::Nothing(why) => console.warn(format_args!("{place}: {why}")),
        }
    }
    for (fork, file) in &found.forks {
        let file = file.display();
        console.line(format_args!(
            "{BAD}forked{BAD:#}: {}; {file}",
            sentence(fork)
        ));
    }
    if let Some(size) = found.set_back_from {
        console.line(format_args!(
            "{BAD}set back{BAD:#}: {size} entries were there at the last look"
        ));
    }
    if exit == Exit::Ok {
        console.line(format_args!("{GOOD}nothing to look at{GOOD:#}"));
    }
}

fn report(found: Monitored, exit: Exit) -> Report {
    let head = found.checkpoint.head;
    let views = found.views.into_iter().map(|(place, seen)| {
        let first_difference = match seen {
            Seen::Forked(first) => first,
            _ => None,
        };
        let (seen, tree_size, message) = match seen {
            Seen::Same => ("same", Some(head.size), None),
            Seen::Earlier(size) => ("earlier", Some(size), None),
            Seen::Later(size) => ("later", Some(size), None),
            Seen::Forked(_) => ("forked", None, None),
            Seen::Nothing(why) => ("nothing", None, Some(why)),
        };
        ViewJson {
            place: Escaped(place.as_bytes()).to_string(),
            seen,
            tree_size,
            first_difference,
            message,
        }
    });
    Report {
        origin: Escaped(found.checkpoint.origin.as_bytes()).to_string(),
        tree_size: head.size,
        root_sha256: head.root,
        seen_before: found.before.map(|head| head.size),
        views: views.collect(),
        entries: found.entries.into_iter().map(EntryJson::from).collect(),
        new_images: found.new_images.into_iter().collect(),
        new_key_ids: found.new_keys.into_iter().collect(),
        forks: found
            .forks
            .iter()
            .map(|(fork, file)| EvidenceJson {
                fork: ForkJson::from(fork),
                evidence: shown(file),
            })
            .collect(),
        set_back_from: found.set_back_from,
        exit_code: exit.code(),
    }
}

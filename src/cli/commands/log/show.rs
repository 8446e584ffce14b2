//! `karat log show`, and how other commands show an entry.

use serde::Serialize;

use super::{place, way};
use crate::cli::Exit;
use crate::cli::console::{BOLD, Console, Count, DIM};
use crate::cli::failure::Failure;
use crate::digest::Digest;
use crate::key::KeyId;
use crate::log::Notice;
use crate::ops::log::{self, LogPlace, Row};
use crate::path::Escaped;

/// Arguments of `karat log show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat log show log
  karat log show log --from 1000 --json
  karat log show https://example.com/log

Key ids and names are what the entries say; whether the signatures are good, `karat audit` and
`karat verify` tell.")]
pub(super) struct Args {
    /// The log: a directory, or an address (http, https, file, s3).
    #[arg(value_parser = place())]
    log: LogPlace,

    /// The first entry to show.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
}

/// Runs `karat log show`.
pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let (log, rows) = log::rows(&args.log, &way(), args.from)?;
    let checkpoint = log.checkpoint();
    console.line(format_args!(
        "{BOLD}{}{BOLD:#}  {}",
        Escaped(checkpoint.origin.as_bytes()),
        Count(checkpoint.head.size, "entry", "entries")
    ));
    for row in &rows {
        console.line(line(row));
    }
    console.json(&ShowReport {
        origin: checkpoint.origin.clone(),
        tree_size: checkpoint.head.size,
        root_sha256: checkpoint.head.root,
        entries: rows.into_iter().map(EntryJson::from).collect(),
    });
    Ok(Exit::Ok)
}

impl From<Row> for EntryJson {
    fn from(row: Row) -> Self {
        let (name, version, serial) = match row.image {
            Some((name, version, serial)) => (Some(name), Some(version), Some(serial)),
            None => (None, None, None),
        };
        let (mut revoked, mut retired) = (None, None);
        match row.notice {
            Some(Notice::Revoke(revocation)) => {
                revoked = Some(RevokedJson {
                    key: revocation.key.id(),
                    from: revocation.counts_from(row.index),
                    reason: revocation.reason,
                });
            }
            Some(Notice::Retire(retirement)) => {
                retired = Some(RetiredJson {
                    image: retirement.image.to_string(),
                    from: retirement.from.get(),
                    through: retirement.through.get(),
                    reason: retirement.reason,
                });
            }
            None => {}
        }
        Self {
            index: row.index,
            kind: row.kind,
            name,
            version,
            serial,
            trust_root_version: row.trust_root,
            revoked,
            retired,
            key_ids: row.key_ids,
            sha256: row.digest,
            bytes: row.length,
        }
    }
}

/// An entry of a log, as a line.
pub(super) fn line(row: &Row) -> String {
    let kind = row.kind.as_deref().unwrap_or("foreign");
    let what = match (&row.image, row.trust_root, &row.notice) {
        (Some((name, version, serial)), ..) => format!("{name} {version} serial {serial}"),
        (None, Some(version), _) => format!("trust root, version {version}"),
        (None, None, Some(notice)) => words(notice, row.index),
        (None, None, None) => format!("{} bytes", row.length),
    };
    let keys: Vec<&str> = row
        .key_ids
        .iter()
        .map(|id| id.get(..12).unwrap_or(id))
        .collect();
    format!(
        "{:>6}  {kind:<8}{what}  {DIM}{}{DIM:#}",
        row.index,
        keys.join(" ")
    )
}

fn words(notice: &Notice, index: u64) -> String {
    let what = match notice {
        Notice::Revoke(revocation) => format!(
            "key {} from entry {} on",
            revocation.key.id().short(),
            revocation.counts_from(index)
        ),
        Notice::Retire(retirement) if retirement.from == retirement.through => {
            format!("{} serial {}", retirement.image, retirement.from)
        }
        Notice::Retire(retirement) => format!(
            "{} serials {} to {}",
            retirement.image, retirement.from, retirement.through
        ),
    };
    format!("{what} ({})", Escaped(notice.reason().as_bytes()))
}

#[derive(Serialize)]
struct ShowReport {
    origin: String,
    tree_size: u64,
    root_sha256: Digest,
    entries: Vec<EntryJson>,
}

/// An entry of a log, in documents.
#[derive(Serialize)]
pub(super) struct EntryJson {
    index: u64,
    kind: Option<String>,
    name: Option<String>,
    version: Option<String>,
    serial: Option<u64>,
    trust_root_version: Option<u64>,
    revoked: Option<RevokedJson>,
    retired: Option<RetiredJson>,
    key_ids: Vec<String>,
    sha256: Digest,
    bytes: usize,
}

#[derive(Serialize)]
struct RevokedJson {
    key: KeyId,
    from: u64,
    reason: String,
}

#[derive(Serialize)]
struct RetiredJson {
    image: String,
    from: u64,
    through: u64,
    reason: String,
}

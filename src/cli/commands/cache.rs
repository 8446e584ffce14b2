//! `karat cache`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::archive::cache::{DEFAULT_MAX_SIZE, Keep};
use crate::cli::Exit;
use crate::cli::console::{BOLD, Console, DIM};
use crate::cli::failure::Failure;
use crate::ops::cache;
use crate::sys;

/// Arguments of `karat cache`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat cache show
  karat cache gc --max-size 5G       keep what was used last
  karat cache gc --all               keep nothing

It lies in XDG_CACHE_HOME/karat, else in ~/.cache/karat. Nothing of it is believed: packages and
trees are compared with the lock each time.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show where the cache is and what it holds.
    #[command(after_help = "\
Examples:
  karat cache show
  karat cache show --json | jq .bytes")]
    Show,
    /// Remove what was used least recently, and what broken-off runs left behind.
    #[command(after_help = "\
Examples:
  karat cache gc                     down to 10 GB
  karat cache gc --max-size 500M
  karat cache gc --all               everything that no other karat is using")]
    Gc {
        /// Remove everything that is not in use.
        #[arg(long, conflicts_with = "max_size")]
        all: bool,
        /// Keep at most this much: a number of bytes, or one with k, M, G [default: 10G]
        #[arg(long, value_name = "SIZE", value_parser = parse_size)]
        max_size: Option<u64>,
    },
}

/// Runs `karat cache`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let root = root()?;
    match &args.action {
        Action::Show => {
            let inventory = cache::show(&root)?;
            console.json(&inventory);
            console.line(format_args!("{BOLD}{}{BOLD:#}", inventory.root.display()));
            for total in &inventory.totals {
                let (kind, count) = (total.kind.name(), total.count);
                console.line(format_args!("{kind:<9} {count:>7}  {}", Size(total.bytes)));
            }
            console.line(format_args!(
                "{:<9} {:>7}  {}",
                "total",
                "",
                Size(inventory.bytes)
            ));
        }
        Action::Gc { all, max_size } => {
            let keep = match (all, max_size) {
                (true, _) => Keep::Nothing,
                (false, Some(bytes)) => Keep::AtMost(*bytes),
                (false, None) => Keep::AtMost(DEFAULT_MAX_SIZE),
            };
            let collected = cache::gc(&root, keep)?;
            console.json(&collected);
            console.line(format_args!(
                "{} entries removed, {}; {} left",
                collected.removed,
                Size(collected.removed_bytes),
                Size(collected.left_bytes)
            ));
            if collected.in_use > 0 {
                console.line(format_args!(
                    "{DIM}{} entries stay: another karat is using the cache{DIM:#}",
                    collected.in_use
                ));
            }
        }
    }
    Ok(Exit::Ok)
}

fn root() -> Result<PathBuf, Failure> {
    sys::env::cache_dir().ok_or_else(|| {
        Failure::usage("there is no cache: neither XDG_CACHE_HOME nor HOME is set")
            .hint("set XDG_CACHE_HOME to an absolute path")
    })
}

/// `500M`: powers of 1000, as disks are sold.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.trim_end_matches('B') {
        text if text.ends_with(['k', 'K']) => (text.get(..text.len() - 1), 1_000),
        text if text.ends_with('M') => (text.get(..text.len() - 1), 1_000_000),
        text if text.ends_with('G') => (text.get(..text.len() - 1), 1_000_000_000),
        text => (Some(text), 1),
    };
    digits
        .and_then(|digits| digits.parse::<u64>().ok())
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "a size is a whole number, with k, M or G behind it if you like".to_owned())
}

/// A size for people.
struct Size(u64);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            bytes if bytes < 1_000_000 => write!(f, "{} kB", bytes.div_ceil(1000)),
            bytes if bytes < 10_000_000_000 => write!(f, "{} MB", bytes.div_ceil(1_000_000)),
            bytes => write!(f, "{} GB", bytes.div_ceil(1_000_000_000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("12", 12),
            ("3k", 3000),
            ("5MB", 5_000_000),
            ("1G", 1_000_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(bytes));
        }
        for text in ["", "G", "-1", "1.5G", "99999999999999999G", "1T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}

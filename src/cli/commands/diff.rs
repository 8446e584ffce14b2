//! `karat diff`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::Exit;
use crate::cli::console::{BAD, BOLD, Console, DIM, GOOD, WARN};
use crate::cli::failure::Failure;
use crate::ops::diff::{DiffError, Difference, PackageEvent, PathChange, Side, diff};

/// Arguments of `karat diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A and B are X.mtree, X.dsse.json or X.statement.json; X.mtree and X.expect.json are found beside
them. Signatures are not checked here: 'karat verify' does that.")]
pub struct Args {
    /// The older baseline.
    #[arg(value_name = "A")]
    from: PathBuf,

    /// The newer baseline.
    #[arg(value_name = "B")]
    to: PathBuf,

    /// Exit with 10 where something differs.
    #[arg(long)]
    exit_code: bool,
}

/// Paths shown of one owner; the JSON document has all.
const PATHS_SHOWN: usize = 20;

/// Runs `karat diff`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let difference = diff(&args.from, &args.to)?;
    show(&difference, console);
    console.json(&difference);
    Ok(if args.exit_code && !difference.is_empty() {
        Exit::Drift
    } else {
        Exit::Ok
    })
}

fn show(difference: &Difference, console: &Console) {
    let (from, to) = (&difference.from, &difference.to);
    console.line(format_args!(
        "{BOLD}{}{BOLD:#} -> {BOLD}{}{BOLD:#}",
        title(from),
        title(to)
    ));
    console.line(format_args!(
        "  paths  {} -> {}    bytes  {} -> {}",
        from.paths, to.paths, from.bytes, to.bytes
    ));
    if difference.is_empty() {
        console.line(format_args!("{GOOD}nothing differs{GOOD:#}"));
        return;
    }
    for package in &difference.packages {
        let (sign, style) = match package.change {
            PackageEvent::Added => ('+', GOOD),
            PackageEvent::Changed => ('~', WARN),
            PackageEvent::Removed => ('-', BAD),
        };
        let versions = match (&package.from, &package.to) {
            (Some(from), Some(to)) if from == to => format!(" {to}"),
            (Some(from), Some(to)) => format!(" {from} -> {to}"),
            (Some(version), None) | (None, Some(version)) => format!(" {version}"),
            (None, None) => String::new(),
        };
        console.line(format_args!(
            "{style}{sign} {}{style:#}{versions}  {DIM}{} changes, {:+} bytes{DIM:#}",
            package.name, package.paths, package.bytes
        ));
    }
    for (sign, list) in [
        ('+', &difference.mutable_added),
        ('-', &difference.mutable_removed),
    ] {
        for (pattern, class) in list {
            console.line(format_args!(
                "{WARN}{sign} mutable{WARN:#} {pattern} ({class})"
            ));
        }
    }
    let mut groups: BTreeMap<&str, Vec<&PathChange>> = BTreeMap::new();
    for path in &difference.paths {
        groups.entry(&path.origin).or_default().push(path);
    }
    for (origin, paths) in groups {
        console.line(format_args!(
            "\n{BOLD}{origin}{BOLD:#}: {} changes",
            paths.len()
        ));
        for path in paths.iter().take(PATHS_SHOWN) {
            show_path(path, console);
        }
        if paths.len() > PATHS_SHOWN {
            let more = paths.len() - PATHS_SHOWN;
            console.line(format_args!("  and {more} more; --json lists all"));
        }
    }
}

fn show_path(path: &PathChange, console: &Console) {
    let values = match (&path.from, &path.to) {
        (None, None) => String::new(),
        (None, Some(to)) => format!(": {to}"),
        (Some(from), None) => format!(": {from} -> none"),
        (Some(from), Some(to)) => format!(": {from} -> {to}"),
    };
    let style = match path.severity {
        "critical" => BAD,
        "high" => WARN,
        _ => DIM,
    };
    let effects = match path.effects.as_slice() {
        [] => String::new(),
        effects => format!(" [{}]", effects.join(", ")),
    };
    console.line(format_args!(
        "  {style}{:<8}{style:#} {}{values}{effects}",
        path.change, path.path
    ));
}

fn title(side: &Side) -> String {
    match (&side.name, &side.version, side.serial) {
        (Some(name), Some(version), Some(serial)) => format!("{name} {version} (serial {serial})"),
        (Some(name), Some(version), None) => format!("{name} {version}"),
        _ => side.file.clone(),
    }
}

impl From<DiffError> for Failure {
    fn from(error: DiffError) -> Self {
        match &error {
            DiffError::Name(_) => Self::failed(&error).exit(Exit::Usage),
            DiffError::Neighbour(_) => Self::failed(&error)
                .exit(Exit::Untrusted)
                .hint("fetch the files of that build again; they belong together"),
            DiffError::Io(_)
            | DiffError::Envelope(_)
            | DiffError::Statement(_)
            | DiffError::Manifest(_)
            | DiffError::Expectations(_) => Self::failed(&error),
        }
    }
}

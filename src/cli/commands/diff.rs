//! `karat diff`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::Exit;
use crate::cli::console::{BAD, BOLD, Console, Count, DIM, GOOD, WARN};
use crate::cli::failure::Failure;
use crate::cli::markdown;
use crate::harden::Outcome;
use crate::ops::diff::{
    DiffError, Difference, Event, FactChange, Lines, NotCompared, PackageChange, PathChange, Side,
    Strictness, diff,
};
use crate::path::Escaped;

/// Arguments of `karat diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat diff old/web_1.tar.zst out/web_2.tar.zst
  karat diff old/web_1.dsse.json out/web_2.dsse.json --format markdown
  karat diff out/web_1.oci /mnt --exit-code

A and B are each one of:
  X.mtree, X.dsse.json, X.statement.json   a baseline; its neighbours are found beside it
  X.tar, X.tar.gz, X.tar.zst               an image as a tar archive
  X.erofs                                  an image as an EROFS file system
  DIR                                      an image as an OCI layout, or unpacked
Of two images, the lines that differ in text files are shown too; where both have expectations, the
runtime facts that are expected otherwise. Nothing is trusted and no signature is checked here:
'karat verify' does that.")]
pub struct Args {
    /// The older baseline or image.
    #[arg(value_name = "A")]
    from: PathBuf,

    /// The newer baseline or image.
    #[arg(value_name = "B")]
    to: PathBuf,

    /// Exit with 10 where something differs, with 13 where something could not be compared.
    #[arg(long)]
    exit_code: bool,

    /// How to print it: text, or markdown for a pull request.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    format: Format,
}

/// How differences are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Markdown,
}

/// Paths shown of one owner; the JSON document has all.
const PATHS_SHOWN: usize = 20;
/// Lines shown of one file's difference, and of all of them.
const LINES_SHOWN: usize = 40;
const ALL_LINES_SHOWN: usize = 400;
/// Characters shown of one line.
const WIDTH: usize = 200;
/// Places shown that could not be compared.
const UNSEEN_SHOWN: usize = 20;

/// Runs `karat diff`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let difference = diff(&args.from, &args.to, crate::sys::cpu::count())?;
    match args.format {
        Format::Text => show(&difference, console),
        Format::Markdown => console.line(markdown::page(&difference).trim_end()),
    }
    console.json(&difference);
    Ok(match args.exit_code {
        true if !difference.is_empty() => Exit::Drift,
        true if !difference.not_compared.is_empty() => Exit::Incomplete,
        _ => Exit::Ok,
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
        "  paths  {} -> {}    bytes  {} -> {} ({:+})",
        from.paths,
        to.paths,
        from.bytes,
        to.bytes,
        i128::from(to.bytes) - i128::from(from.bytes)
    ));
    for side in [from, to] {
        for note in &side.notes {
            console.line(format_args!("  {WARN}note{WARN:#} {}: {note}", side.file));
        }
    }
    show_not_compared(&difference.not_compared, console);
    if difference.is_empty() {
        console.line(if difference.not_compared.is_empty() {
            format!("{GOOD}nothing differs{GOOD:#}")
        } else {
            "nothing differs among what was compared".to_owned()
        });
        return;
    }
    for package in &difference.packages {
        show_package(package, console);
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
    show_facts(&difference.facts, console);
    for rule in &difference.rules {
        let word = |outcome: Option<Outcome>| outcome.map_or("none", Outcome::word);
        let (from, to) = (word(rule.from), word(rule.to));
        console.line(format_args!(
            "{WARN}rule{WARN:#} {BOLD}{}{BOLD:#}  {from} -> {to}  {}",
            Escaped(rule.id.as_bytes()),
            Escaped(rule.reasons.join("; ").as_bytes())
        ));
    }
    let mut groups: BTreeMap<&str, Vec<&PathChange>> = BTreeMap::new();
    for path in &difference.paths {
        let origin = path.origin.as_deref().unwrap_or("unknown owner");
        groups.entry(origin).or_default().push(path);
    }
    let mut room = ALL_LINES_SHOWN;
    for (origin, paths) in groups {
        console.line(format_args!(
            "\n{BOLD}{origin}{BOLD:#}: {}",
            Count(paths.len(), "change", "changes")
        ));
        for path in paths.iter().take(PATHS_SHOWN) {
            show_path(path, console);
            if let Some(lines) = &path.lines {
                show_lines(lines, &mut room, console);
            }
        }
        if paths.len() > PATHS_SHOWN {
            let more = paths.len() - PATHS_SHOWN;
            console.line(format_args!("  and {more} more; --json lists all"));
        }
    }
}

fn show_not_compared(places: &[NotCompared], console: &Console) {
    for place in places.iter().take(UNSEEN_SHOWN) {
        console.line(format_args!(
            "  {WARN}not compared{WARN:#} {} ({}): {}",
            place.path, place.side, place.detail
        ));
    }
    if places.len() > UNSEEN_SHOWN {
        let more = places.len() - UNSEEN_SHOWN;
        console.line(format_args!("  and {more} more; --json lists all"));
    }
}

fn show_facts(facts: &[FactChange], console: &Console) {
    for facts in facts.chunk_by(|a, b| a.kind == b.kind) {
        let kind = facts.first().map_or("", |fact| fact.kind);
        let count = facts.len();
        console.line(format_args!(
            "\n{BOLD}fact {kind}{BOLD:#}: {}",
            Count(count, "change", "changes")
        ));
        for fact in facts.iter().take(PATHS_SHOWN) {
            show_fact(fact, console);
        }
        if count > PATHS_SHOWN {
            let more = count - PATHS_SHOWN;
            console.line(format_args!("  and {more} more; --json lists all"));
        }
    }
}

fn show_fact(fact: &FactChange, console: &Console) {
    let (sign, style) = match fact.change {
        Event::Added => ('+', GOOD),
        Event::Changed => ('~', WARN),
        Event::Removed => ('-', BAD),
    };
    let cut = |text: &str| -> String { text.chars().take(WIDTH).collect() };
    let name = fact.name.as_deref().unwrap_or("as a whole");
    let values: Vec<String> = [&fact.from, &fact.to]
        .into_iter()
        .flatten()
        .map(|it| cut(it))
        .collect();
    let (mark, strictness) = match fact.strictness {
        Some(Strictness::Looser) => (WARN, " [looser]"),
        Some(Strictness::Stricter) => (DIM, " [stricter]"),
        None => (DIM, ""),
    };
    console.line(format_args!(
        "  {style}{sign}{style:#} {}: {}{mark}{strictness}{mark:#}",
        cut(name),
        values.join(" -> ")
    ));
}

fn show_package(package: &PackageChange, console: &Console) {
    let (sign, style) = match package.change {
        Event::Added => ('+', GOOD),
        Event::Changed => ('~', WARN),
        Event::Removed => ('-', BAD),
    };
    let versions = match (&package.from, &package.to) {
        (Some(from), Some(to)) if from == to => format!(" {to}"),
        (Some(from), Some(to)) => format!(" {from} -> {to}"),
        (Some(version), None) | (None, Some(version)) => format!(" {version}"),
        (None, None) => String::new(),
    };
    console.line(format_args!(
        "{style}{sign} {}{style:#}{versions}  {DIM}{}, {:+} bytes{DIM:#}",
        package.name,
        Count(package.paths, "change", "changes"),
        package.bytes
    ));
}

fn show_lines(lines: &Lines, room: &mut usize, console: &Console) {
    let unified = match lines {
        Lines::Unified(unified) => unified,
        Lines::Binary => return,
        Lines::TooLarge => return remark("too large to show its lines", console),
        Lines::TooMany => return remark("too many lines differ to show them", console),
        Lines::Stale => return remark("changed while it was compared", console),
    };
    let shown = unified.unified.len().min(LINES_SHOWN).min(*room);
    *room -= shown;
    for line in unified.unified.iter().take(shown) {
        let cut: String = line.chars().take(WIDTH).collect();
        let more = if cut.len() < line.len() { "…" } else { "" };
        let style = match line.as_bytes().first() {
            Some(b'+') => GOOD,
            Some(b'-') => BAD,
            Some(b'@') => BOLD,
            _ => DIM,
        };
        console.line(format_args!("    {style}{cut}{more}{style:#}"));
    }
    if shown < unified.unified.len() {
        let more = unified.unified.len() - shown;
        remark(&format!("and {more} more lines; --json has them"), console);
    }
}

fn remark(text: &str, console: &Console) {
    console.line(format_args!("    {DIM}({text}){DIM:#}"));
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
            DiffError::Disk { .. }
            | DiffError::Table { .. }
            | DiffError::Erofs { .. }
            | DiffError::Tar { .. }
            | DiffError::Oci { .. }
            | DiffError::Tree { .. } => Self::failed(&error).hint(
                "it is damaged, or means different things to different programs: fetch it \
                     again from where it was published",
            ),
            DiffError::Io(_)
            | DiffError::Envelope(_)
            | DiffError::Statement(_)
            | DiffError::Manifest(_)
            | DiffError::Expectations(_)
            | DiffError::Rules(_) => Self::failed(&error),
        }
    }
}

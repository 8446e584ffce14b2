//! `karat segment diff`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::read;
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::ops::segment::DifferenceDocument;
use crate::segment::{Difference, Link, Reach};

/// Arguments of `karat segment diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  git worktree add ../before main
  karat segment diff ../before/templates templates
  karat segment diff ../before/templates templates --format markdown --exit-code

Each side takes the fleet.toml of its own directory.

Exit codes: 0 · with --exit-code 10 where a flow, or what can be reached, changed · 1 a template has
faults of its own")]
pub(super) struct Args {
    /// The older templates: a file, or a directory.
    #[arg(value_name = "A")]
    from: PathBuf,

    /// The newer ones.
    #[arg(value_name = "B")]
    to: PathBuf,

    /// How to print it: text, or markdown for a pull request.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    format: Format,

    /// Exit with 10 where something changed.
    #[arg(long)]
    exit_code: bool,
}

/// How changes are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Markdown,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let side = |path: &Path| read(&[path.to_owned()], None, console);
    let (before, after) = (side(&args.from)?, side(&args.to)?);
    let difference = Difference::between(&before.fleet.graph, &after.fleet.graph);
    console.json(&DifferenceDocument::new(&difference));
    let text = match args.format {
        Format::Text => text(&difference),
        Format::Markdown => markdown(&difference),
    };
    console.line(text.trim_end());
    Ok(if args.exit_code && !difference.is_empty() {
        Exit::Drift
    } else {
        Exit::Ok
    })
}

const NOTHING: &str = "No flow changed, and nothing else can be reached.\n";

fn text(difference: &Difference) -> String {
    if difference.is_empty() {
        return NOTHING.to_owned();
    }
    let mut out = String::new();
    for name in &difference.segments_added {
        put(&mut out, format_args!("+ segment {name}\n"));
    }
    for name in &difference.segments_removed {
        put(&mut out, format_args!("- segment {name}\n"));
    }
    for link in &difference.added {
        put(&mut out, format_args!("+ {}\n", flow(link)));
    }
    for link in &difference.removed {
        put(&mut out, format_args!("- {}\n", flow(link)));
    }
    for reach in &difference.reach {
        for (name, way) in &reach.gained {
            put(
                &mut out,
                format_args!("+ {} now reaches {name}{}\n", reach.from, by(way)),
            );
        }
        for name in &reach.lost {
            put(
                &mut out,
                format_args!("- {} reaches {name} no more\n", reach.from),
            );
        }
    }
    out
}

fn markdown(difference: &Difference) -> String {
    if difference.is_empty() {
        return NOTHING.to_owned();
    }
    let mut out = "## What may reach what\n".to_owned();
    let segments = [
        ("New segments", &difference.segments_added),
        ("Segments that are gone", &difference.segments_removed),
    ];
    for (title, names) in segments {
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            put(&mut out, format_args!("\n{title}: {}\n", names.join(", ")));
        }
    }
    let flows = [("+", &difference.added), ("-", &difference.removed)];
    if flows.iter().any(|(_, links)| !links.is_empty()) {
        out.push_str("\n| | from | to | open | service | kind |\n|---|---|---|---|---|---|\n");
    }
    for (sign, links) in flows {
        for link in links {
            put(
                &mut out,
                format_args!(
                    "| {sign} | `{}` | `{}` | `{}` | `{}` | {} |\n",
                    link.from,
                    link.to,
                    link.opening(),
                    link.service,
                    link.kind.word()
                ),
            );
        }
    }
    if !difference.reach.is_empty() {
        out.push_str("\n### Reach, by way of others too\n\n");
    }
    for reach in &difference.reach {
        reached(&mut out, reach);
    }
    out
}

fn reached(out: &mut String, reach: &Reach) {
    for (name, way) in &reach.gained {
        put(
            out,
            format_args!("- `{}` **now reaches** `{name}`{}\n", reach.from, by(way)),
        );
    }
    for name in &reach.lost {
        put(
            out,
            format_args!("- `{}` reaches `{name}` no more\n", reach.from),
        );
    }
}

/// Where a way goes through others, their names.
fn by(way: &[Link]) -> String {
    let between: Vec<String> = way
        .iter()
        .take(way.len().saturating_sub(1))
        .map(|link| link.to.to_string())
        .collect();
    if between.is_empty() {
        String::new()
    } else {
        format!(" by way of {}", between.join(", "))
    }
}

fn flow(link: &Link) -> String {
    format!(
        "{} -> {}  {} ({})",
        link.from,
        link.to,
        link.opening(),
        link.service
    )
}

fn put(out: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _: std::fmt::Result = out.write_fmt(piece);
}

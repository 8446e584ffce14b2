//! `karat segment graph`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::{Templates, check, write};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::segment_page;
use crate::ops::segment::GraphDocument;
use crate::segment::{Category, Graph, Link, LinkKind, Node, export};

/// Arguments of `karat segment graph`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Formats:
  text      each segment: who reaches it, whom it reaches, what falls with it
  json      the same, for programs
  csv       a matrix: who reaches whom, and at which ports
  dot       for Graphviz: dot -Tsvg
  mermaid   for Markdown pages
  svg       a drawing
  html      a page that needs nothing else: drawing, matrix, faults, every flow

Examples:
  karat segment graph templates/
  karat segment graph templates/ --format html -o fleet.html
  karat segment graph templates/ --format dot | dot -Tsvg > fleet.svg

A flow is there where both ends state it. Rules are for 'karat segment check'; the page shows its
faults too.")]
pub(super) struct Args {
    #[command(flatten)]
    templates: Templates,

    /// In which form.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    format: Format,

    /// Write to this file.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Today, for the faults on the page; else the day of `SOURCE_DATE_EPOCH`, else that of the clock.
    #[arg(long, value_name = "YYYY-MM-DD")]
    at: Option<String>,
}

/// Forms of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Csv,
    Dot,
    Html,
    Json,
    Mermaid,
    Svg,
    Text,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let loaded = args.templates.load(console)?;
    let fleet = &loaded.fleet;
    let graph = &fleet.graph;
    let document = GraphDocument::new(graph);
    let format = match (console.is_json(), &args.output) {
        (false, _) => args.format,
        (true, None) => Format::Json,
        (true, Some(_)) => {
            return Err(Failure::usage("--json prints a document")
                .hint("to write one to a file: --format json -o FILE"));
        }
    };
    let text = match format {
        Format::Csv => export::matrix(graph),
        Format::Dot => export::dot(graph),
        Format::Mermaid => export::mermaid(graph),
        Format::Svg => segment_page::svg(graph),
        Format::Html => {
            let day = check::day(args.at.as_deref())?;
            segment_page::page(fleet, &loaded.check(&day), &day)
        }
        Format::Json => {
            let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
            text.push('\n');
            text
        }
        Format::Text => text(graph),
    };
    write(&text, args.output.as_deref(), console)?;
    Ok(Exit::Ok)
}

fn text(graph: &Graph) -> String {
    let mut out = String::new();
    for (name, group) in &graph.segments {
        let node = Node::Segment(name.clone());
        let images: Vec<&str> = group.images.iter().map(String::as_str).collect();
        put(
            &mut out,
            format_args!(
                "{name}  ({}: {})\n",
                group.category.map_or("no category", Category::word),
                images.join(", ")
            ),
        );
        for (arrow, links) in [
            ("<-", ends(graph, |link| (&link.to, &link.from), &node)),
            ("->", ends(graph, |link| (&link.from, &link.to), &node)),
        ] {
            for (other, what) in links {
                put(&mut out, format_args!("  {arrow} {other:<16} {what}\n"));
            }
        }
        let blast = graph.blast(&node);
        let names: Vec<String> = blast.keys().map(ToString::to_string).collect();
        let falls = if names.is_empty() {
            "nothing else".to_owned()
        } else {
            names.join(", ")
        };
        put(&mut out, format_args!("  falls with it: {falls}\n\n"));
    }
    out
}

/// The other ends of a node's flows, in order, each with what is open.
fn ends(
    graph: &Graph,
    sides: fn(&Link) -> (&Node, &Node),
    node: &Node,
) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for link in graph.links.keys() {
        let (own, other) = sides(link);
        if own == node {
            let what = match link.kind {
                LinkKind::Egress => link.opening(),
                LinkKind::Admin | LinkKind::Service => {
                    format!("{} {}", link.service, link.opening())
                }
            };
            all.insert((other.to_string(), what));
        }
    }
    all
}

fn put(out: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _: std::fmt::Result = out.write_fmt(piece);
}

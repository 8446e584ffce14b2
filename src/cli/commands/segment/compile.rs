//! `karat segment compile`.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::ops::template::Disk;
use crate::segment::Ruleset;
use crate::template;

/// Arguments of `karat segment compile`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat segment compile templates/web-frontend.toml              the text that the image gets
  karat segment compile templates/web-frontend.toml | nft -c -f -

The text, and what an instance lists then: docs/formats/ruleset.md.")]
pub(super) struct Args {
    /// The template.
    template: PathBuf,
}

#[derive(Serialize)]
struct Document {
    listing: Vec<String>,
    path: &'static str,
    peers: Vec<String>,
    text: String,
    version: u32,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let template = template::load(&args.template, &Disk)?;
    let ruleset = Ruleset::of(&template.segment).ok_or_else(|| {
        Failure::usage("the template states nothing in [segment], so that no rules follow")
            .hint("state category and segment; docs/formats/segment.md has the keys")
    })?;
    let listing = ruleset.listing().map_err(|error| Failure::failed(&error))?;
    let text = ruleset.to_text();
    if console.is_json() {
        console.json(&Document {
            listing,
            path: Ruleset::PATH,
            peers: ruleset.peers().map(ToString::to_string).collect(),
            text,
            version: 1,
        });
    } else {
        console.raw(text.as_bytes());
    }
    Ok(Exit::Ok)
}

//! `karat segment compile`.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::ops::template::Disk;
use crate::segment::Ruleset;
use crate::template::{self, LOGINS, Template};

/// Arguments of `karat segment compile`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat segment compile templates/web-frontend.toml              the text that the image gets
  karat segment compile templates/web-frontend.toml | nft -c -f -
  karat segment compile templates/web-frontend.toml --json       also limits of services, logins

The text, and what an instance lists then: docs/formats/ruleset.md.")]
pub(super) struct Args {
    /// The template.
    template: PathBuf,
}

#[derive(Serialize)]
struct Document {
    files: Vec<File>,
    listing: Vec<String>,
    path: &'static str,
    peers: Vec<String>,
    text: String,
    version: u32,
}

/// What an image gets beside the packet filter.
#[derive(Serialize)]
struct File {
    path: String,
    text: String,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let template = template::load(&args.template, &Disk)?;
    let ruleset = template.ruleset().ok_or_else(|| {
        Failure::usage("the template states nothing in [segment], so that no rules follow")
            .hint("state category and segment; docs/formats/segment.md has the keys")
    })?;
    let listing = ruleset.listing().map_err(|error| Failure::failed(&error))?;
    let text = ruleset.to_text();
    if console.is_json() {
        console.json(&Document {
            files: files(&template),
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

/// The limits of services, and the list of who may log in, by path.
fn files(template: &Template) -> Vec<File> {
    // Which units come with packages is known once there is a lock; a template overrides few of them.
    let confined = template.confined(|_| false).into_iter();
    let mut files: Vec<File> = confined
        .map(|(unit, confined)| File {
            path: format!("/etc/systemd/system/{unit}.d/40-karat-segment.conf"),
            text: confined.to_string(),
        })
        .collect();
    files.extend(template.logins().map(|text| File {
        path: LOGINS.to_owned(),
        text,
    }));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

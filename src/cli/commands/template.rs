//! `karat template`.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use crate::cli::Exit;
use crate::cli::console::{Console, GOOD};
use crate::cli::failure::Failure;
use crate::ops::template;
use crate::template::{Diagnostics, schema};

/// Arguments of `karat template`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat template check templates/web-frontend.toml
  karat template show templates/web-frontend.toml
  karat template schema > karat.schema.json

What a template may say: docs/formats/template.md.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check templates; say everything that is wrong with them.
    #[command(after_help = "\
Examples:
  karat template check templates/web-frontend.toml
  karat template check templates/*.toml --json

Exit codes: 0 all are valid · 1 one is not")]
    Check {
        /// Templates, as TOML files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print a template with all that it extends, defaults included.
    #[command(after_help = "\
Examples:
  karat template show templates/web-frontend.toml
  karat template show templates/web-frontend.toml --json | jq .packages")]
    Show {
        /// A template, as a TOML file.
        file: PathBuf,
    },
    /// Print the JSON schema of templates, for editors.
    #[command(after_help = "\
Example:
  karat template schema > karat.schema.json")]
    Schema,
}

/// What was found about one template.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    valid: bool,
    /// SHA-256 of the resolved template.
    digest: Option<String>,
    diagnostics: Diagnostics,
}

/// Runs `karat template`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        Action::Check { files } => Ok(check(files, console)),
        Action::Show { file } => {
            let template = template::load(file)?;
            console.json(&template.to_json());
            console.line(template.to_toml().trim_end());
            Ok(Exit::Ok)
        }
        Action::Schema => {
            console.raw(schema().as_bytes());
            Ok(Exit::Ok)
        }
    }
}

fn check(files: &[PathBuf], console: &Console) -> Exit {
    let mut checked = Vec::new();
    let mut exit = Exit::Ok;
    for file in files {
        let shown = file.display().to_string();
        let (digest, diagnostics) = match template::load(file) {
            Ok(template) => {
                let image = &template.image;
                console.line(format_args!(
                    "{GOOD}valid{GOOD:#} {shown}: {} {}, {} packages, {} files",
                    image.name,
                    image.version,
                    template.packages.len(),
                    template.files.len()
                ));
                (Some(template.digest().to_string()), Diagnostics(Vec::new()))
            }
            Err(found) => {
                exit = Exit::Failed;
                for diagnostic in &found.0 {
                    console.diagnostic(diagnostic);
                }
                (None, found)
            }
        };
        checked.push(Checked {
            file: shown,
            valid: digest.is_some(),
            digest,
            diagnostics,
        });
    }
    console.json(&checked);
    exit
}

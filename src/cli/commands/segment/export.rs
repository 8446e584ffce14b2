//! `karat segment export`.

use std::path::PathBuf;

use serde_json::Value;

use super::{Templates, write};
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::segment::export::{self, ExportError, Policies};
use crate::sys::fs;

/// Arguments of `karat segment export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Formats:
  terraform-aws   AWS security groups, a resource for each rule (*.tf.json); variable vpc_id
  networkpolicy   Kubernetes: deny everything, then a policy for each segment; lets names be asked
  cilium          CiliumNetworkPolicy, one for each segment
  csv             one line for each flow

Examples:
  karat segment export templates/ --format terraform-aws -o fleet.tf.json
  karat segment export templates/ --format networkpolicy | kubectl apply -n shop -f -
  karat segment export templates/ --format cilium -o policies/     a file for each segment

Only what both ends state is let through. Addresses come from [addresses] of fleet.toml: networks
outside must be there; of dns, log, ntp and updates those that are.")]
pub(super) struct Args {
    #[command(flatten)]
    templates: Templates,

    /// For whom.
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    format: Format,

    /// Write to this file; policies also to a directory (DIR/), a file for each segment.
    #[arg(long, short, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
}

/// The languages of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Cilium,
    Csv,
    Networkpolicy,
    TerraformAws,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    if console.is_json() {
        return Err(
            Failure::usage("what others read is chosen by --format, not by --json")
                .hint("`karat segment graph --json` has the flows"),
        );
    }
    let loaded = args.templates.load(console)?;
    let fleet = &loaded.fleet;
    match args.format {
        Format::Csv => {
            write(
                &export::flows(&fleet.graph),
                args.output.as_deref(),
                console,
            )?;
        }
        Format::TerraformAws => {
            let document = export::terraform_aws(fleet).map_err(failure)?;
            write(&pretty(&document), args.output.as_deref(), console)?;
        }
        Format::Networkpolicy => {
            policies(
                &export::network_policies(fleet).map_err(failure)?,
                args,
                console,
            )?;
        }
        Format::Cilium => {
            policies(&export::cilium(fleet).map_err(failure)?, args, console)?;
        }
    }
    Ok(Exit::Ok)
}

fn policies(policies: &Policies, args: &Args, console: &Console) -> Result<(), Failure> {
    let Some(output) = &args.output else {
        return write(&pretty(&policies.all), None, console);
    };
    // A name that ends in a slash is that of a directory.
    if output.as_os_str().as_encoded_bytes().ends_with(b"/") {
        fs::make_dirs(output, 0o755).map_err(|error| Failure::failed(&error))?;
    }
    if !fs::is_dir(output).map_err(|error| Failure::failed(&error))? {
        return write(&pretty(&policies.all), Some(output), console);
    }
    for (name, policy) in &policies.each {
        let file = output.join(format!("{name}.json"));
        write(&pretty(policy), Some(&file), console)?;
    }
    Ok(())
}

fn pretty(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "map_err hands errors over by value"
)]
fn failure(error: ExportError) -> Failure {
    let hint = match &error {
        ExportError::NoAddresses(name) => {
            format!("state {name} = [\"ADDRESS/LENGTH\"] in [addresses] of fleet.toml")
        }
        ExportError::Label(_) => "give the segment another name".to_owned(),
    };
    Failure::failed(&error).hint(hint)
}

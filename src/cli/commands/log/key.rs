//! The key that signs a log's checkpoints, and logging what a command just made.

use std::path::PathBuf;

use super::cosign;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::Source;
use crate::key::{Role, Signer};
use crate::ops::log;
use crate::ops::signer::KeySpec;
use crate::ops::trust::Outcome;
use crate::ops::workspace::Workspace;

/// Options of commands that write to a log.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    /// The log's private key; else that of the nearest workspace above the log.
    #[arg(long, value_name = "KEY", value_parser = keys::parser())]
    key: Option<KeySpec>,

    /// Where its passphrase comes from.
    #[command(flatten)]
    passphrase: Source,
}

impl KeyArgs {
    /// Opens the key that was named, else that of `workspace`.
    pub fn open(
        &self,
        workspace: Option<&Workspace>,
        console: &Console,
    ) -> Result<Box<dyn Signer>, Failure> {
        let own = || {
            let workspace = workspace.ok_or_else(|| {
                Failure::usage("there is no key to sign checkpoints with").hint("give --key KEY")
            })?;
            let configured = configured(workspace)?;
            let file = || KeySpec::File(workspace.private_key(Role::Log.as_str()));
            Ok::<_, Failure>(configured.unwrap_or_else(file))
        };
        let spec = self.key.clone().map_or_else(own, Ok)?;
        open(&spec, self.passphrase, console)
    }
}

/// The key of the workspace's log, where there are both: what signs there logs, too.
pub fn of_workspace(
    workspace: Option<&Workspace>,
    passphrase: Source,
    console: &Console,
) -> Result<Option<Box<dyn Signer>>, Failure> {
    let Some(workspace) = workspace else {
        return Ok(None);
    };
    if !log::exists(&workspace.log())? {
        return Ok(None);
    }
    let Some(spec) = configured(workspace)? else {
        let path = workspace.private_key(Role::Log.as_str());
        console.note(format_args!(
            "not logged: {} is not here; `karat log append` does it where it is",
            path.display()
        ));
        return Ok(None);
    };
    open(&spec, passphrase, console).map(Some)
}

/// Logs the trust root that a draft became, where log and key are at hand; gives its place. The trust
/// root counts in any case, so that a failure is told and no error.
pub fn log_root(
    outcome: &Outcome,
    workspace: &Workspace,
    passphrase: Source,
    console: &Console,
) -> Option<u64> {
    let accepted = outcome.accepted.as_ref()?;
    // A trust root without a log has nothing to do with what lies in log/.
    accepted.root.log()?;
    let log = || {
        let Some(key) = of_workspace(Some(workspace), passphrase, console)? else {
            return Ok(None);
        };
        let ledger = log::ledger(&workspace.log())?;
        let placed = log::append_roots(workspace, key.as_ref(), &ledger)?;
        // The trust root counts whatever witnesses say: what follows in the log says it again.
        _ = cosign::tell(&placed.cosigning, console);
        Ok::<_, Failure>(Some(placed.index))
    };
    log().unwrap_or_else(|failure: Failure| {
        console.warn(format_args!(
            "not logged: {}; `karat log append {} {}` logs it",
            failure.message,
            workspace.log().display(),
            workspace.trust_root().display()
        ));
        None
    })
}

/// The key that the workspace names for its log, or the file that is there.
fn configured(workspace: &Workspace) -> Result<Option<KeySpec>, Failure> {
    let mut specs = keys::named_or_own(&[], Some(workspace), Role::Log)?;
    if specs.len() > 1 {
        return Err(
            Failure::usage("a log is signed by one key, and several are named")
                .hint("leave one under `log` in keys/private/signers.toml"),
        );
    }
    Ok(specs.pop())
}

fn open(spec: &KeySpec, passphrase: Source, console: &Console) -> Result<Box<dyn Signer>, Failure> {
    let name = PathBuf::from(spec.to_string());
    Ok(spec.open(|| passphrase.existing(console, &name))?)
}

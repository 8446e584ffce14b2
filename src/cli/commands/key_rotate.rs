//! `karat key rotate` and `karat key revoke`.

use std::path::PathBuf;

use super::log::key::log_root;
use super::notice::{Said, declare, in_charge};
use super::root_report::{self as report, More};
use super::trust_update::{How, agree, carry_out, position};
use crate::cli::Exit;
use crate::cli::confirm::confirm;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::cli::keys;
use crate::cli::passphrase::{KEY_VARIABLE, ROOT_VARIABLE};
use crate::key::{KeyId, Passphrase, Role, Signer as _, SigningKey, TrustRoot};
use crate::log::{Notice, Revocation};
use crate::ops::log::{self, LogFailure, Notices};
use crate::ops::signer::KeySpec;
use crate::ops::trust::{self, Edit, EditError, NewKey, Rotation};
use crate::ops::workspace::Workspace;

/// Arguments of `karat key rotate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat key rotate baseline
  karat key rotate root                     the old root key and the new one both sign
  karat key rotate log --public new.pub.pem     the new key was made elsewhere
  karat key rotate baseline --from 120 --reason 'laptop stolen'
                                            from log entry 120 on the old key counts for nothing

The new private key becomes keys/private/ROLE.pem once the trust root counts it; the old file
stays as keys/private/ROLE.before-N.pem.")]
pub struct RotateArgs {
    /// Whose key: root, baseline, log, witness, revoke or fleet
    #[arg(value_parser = keys::role)]
    role: Role,

    /// The key that goes, where the role has several: an id, its first digits, or a public key file
    #[arg(long, value_name = "KEY")]
    old: Option<String>,

    /// The public half of a new key that was made elsewhere; else one is made here
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,

    /// The first log entry for which the old key counts no more; else --at, else that from which on
    /// the log revoked it, else the number of its entries
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,

    /// Why the old key ends; part of the trust root
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Write the new key without encryption, also a root key
    #[arg(long, conflicts_with = "encrypt")]
    no_encrypt: bool,

    /// Encrypt the new key, also one that is no root key
    #[arg(long)]
    encrypt: bool,

    #[command(flatten)]
    how: How,
}

/// Arguments of `karat key revoke`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat key revoke 3f2a10b4 --reason 'laptop stolen'
  karat key revoke 3f2a10b4 --from 120        from log entry 120 on it counts for nothing

With a key of the role revoke at hand the log is told at once, and nothing is signed or logged with
the revoked key here any more. The next trust root, which instances obey, needs the root keys.

Without --from the key ends at the log's present end. Envelopes without a receipt, signed by
this key alone, stop counting in any case.")]
pub struct RevokeArgs {
    /// An id, its first digits, or a public key file
    #[arg(value_name = "KEY")]
    which: String,

    /// The first log entry for which it counts no more; may lie in the past
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,

    /// Why; part of the trust root, and of the log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// The private key of the role revoke; else keys/private/revoke.pem of the workspace, if it is
    /// there. May be repeated
    #[arg(long, value_name = "KEY", value_parser = keys::parser())]
    revoke_key: Vec<KeySpec>,

    #[command(flatten)]
    how: How,
}

/// Runs `karat key rotate`.
pub fn rotate(args: &RotateArgs, console: &Console) -> Result<Exit, Failure> {
    let (how, role) = (&args.how, args.role);
    let workspace = super::workspace(how.workspace.as_deref())?;
    let root = trust::read(&workspace.trust_root())?;
    let at = position(how, &workspace, &root)?;
    let old = args.old.as_deref();
    let old = old
        .map(|text| keys::find(root.document(), text))
        .transpose()?;
    if let Some(file) = &args.public {
        let new = keys::read_public(file)?;
        let rotation = Rotation::of(&root, role, old, new, at)?;
        let rotation = ending(rotation, args, &workspace, &root)?;
        return carry_out(&workspace, &rotation.edits, how, None, console);
    }

    let key = SigningKey::generate().map_err(|error| Failure::failed(&error))?;
    let rotation = Rotation::of(&root, role, old, key.public_key(), at)?;
    let rotation = ending(rotation, args, &workspace, &root)?;
    let plan = trust::plan(&workspace, &rotation.edits)?;
    let Some(mut signers) = agree(&workspace, &plan, how, console)? else {
        return Ok(Exit::Ok);
    };
    let stops = plan.stops.clone();
    let passphrase = new_passphrase(args, console)?;
    let new = NewKey {
        role,
        key,
        passphrase: passphrase.as_ref(),
    };
    let path = trust::keep(&workspace, &new)?;
    if role == Role::Root {
        signers.push(Box::new(new.key));
    }
    let outcome = trust::start(&workspace, plan, &signers)?;
    let more = More {
        stops: stops.as_deref(),
        made: &[path],
        log_index: log_root(&outcome, &workspace, how.passphrase, console),
        notice: None,
    };
    report::concluded(console, &outcome, &more);
    Ok(Exit::Ok)
}

/// A rotation with what was said of the old key: on the command line, else by the log.
fn ending(
    rotation: Rotation,
    args: &RotateArgs,
    workspace: &Workspace,
    root: &TrustRoot,
) -> Result<Rotation, Failure> {
    let from = match (args.from, args.how.at) {
        (Some(from), _) => Some(from),
        (None, Some(_)) => None,
        (None, None) => {
            let ledger = log::ledger(&workspace.log())?;
            let notices = Notices::of(&ledger, root).map_err(LogFailure::from)?;
            notices.revoked_from(rotation.ended)
        }
    };
    Ok(rotation.ending(from, args.reason.as_deref()))
}

/// Runs `karat key revoke`.
pub fn revoke(args: &RevokeArgs, console: &Console) -> Result<Exit, Failure> {
    let workspace = super::workspace(args.how.workspace.as_deref())?;
    let root = trust::read(&workspace.trust_root())?;
    let key = keys::find(root.document(), &args.which)?;
    // The emergency word first: it needs no root key, and no draft that waits may hold it up.
    let notice = emergency(args, &workspace, &root, key, console)?;
    let logged = notice.as_ref().and_then(|said| said.index);
    let until = match args.from.or(logged) {
        Some(from) => from,
        None => position(&args.how, &workspace, &root)?,
    };
    let edit = Edit::End {
        key,
        until,
        reason: args.reason.clone(),
    };
    let how = How {
        // Who confirmed the one has confirmed the other.
        yes: args.how.yes || notice.is_some(),
        ..args.how.clone()
    };
    let exit = carry_out(&workspace, &[edit], &how, notice.as_ref(), console)?;
    Ok(notice.map_or(exit, |said| exit.and(said.exit)))
}

/// Logs a revocation, where a key of the role `revoke` is at hand; root keys alone make the next trust
/// root, which says the same.
fn emergency(
    args: &RevokeArgs,
    workspace: &Workspace,
    root: &TrustRoot,
    key: KeyId,
    console: &Console,
) -> Result<Option<Said>, Failure> {
    if root.log().is_none() || in_charge(workspace, root)? != Role::Revoke {
        return if args.revoke_key.is_empty() {
            Ok(None)
        } else {
            Err(EditError::NoRole(Role::Revoke).into())
        };
    }
    let specs = keys::named_or_own(&args.revoke_key, Some(workspace), Role::Revoke)?;
    if specs.is_empty() || args.how.dry_run {
        return Ok(None);
    }
    let all = root.document().roles.values().flat_map(|role| &role.keys);
    let key = all.map(|key| key.key).find(|it| it.id() == key);
    let key = key.ok_or_else(|| EditError::UnknownKey(args.which.clone()))?;
    let reason = args.reason.as_deref().unwrap_or("no reason was given");
    let notice = Notice::Revoke(Revocation {
        key,
        from: args.from,
        reason: reason.to_owned(),
    });
    confirm(console, args.how.yes, "Revoking a key", "revoke")?;
    let passphrase = args.how.passphrase;
    let signers = keys::open(&specs, passphrase, console)?;
    let file = format!("revoke.{}.dsse.json", key.id().short());
    declare(
        workspace, root, &notice, &signers, &file, passphrase, console,
    )
    .map(Some)
}

/// Root keys are encrypted where that is possible; others where it was asked for.
fn new_passphrase(args: &RotateArgs, console: &Console) -> Result<Option<Passphrase>, Failure> {
    let root = args.role == Role::Root;
    if args.no_encrypt || !(root || args.encrypt) {
        return Ok(None);
    }
    let variable = if root { ROOT_VARIABLE } else { KEY_VARIABLE };
    let what = format!("the new {} key", args.role);
    // The descriptor of --passphrase-fd may have been read already, for the old key.
    let source = crate::cli::passphrase::Source {
        passphrase_fd: None,
    };
    let found = source.new_key(variable, &what)?;
    if found.is_none() && args.encrypt {
        return Err(Failure::usage("there is no passphrase to encrypt with")
            .hint(format!("give it by {variable}, or on a terminal")));
    }
    if found.is_none() {
        console.warn(format_args!(
            "{what} is not encrypted: whoever reads it can replace every other key"
        ));
    }
    Ok(found)
}

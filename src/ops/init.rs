//! `karat init`, without printing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::key::{self, pem};
use super::ledger::{DirectoryLedger, LedgerError};
use super::log::{self, LogFailure};
use super::shipped::SHIPPED;
use super::workspace::Workspace;
use crate::envelope::Envelope;
use crate::key::{
    ImageGlob, LogPolicy, Passphrase, PrivateKeyError, PublicKey, Receipts, Role, RoleKey,
    RoleKeys, Signer as _, SignerError, SigningKey, TrustDocument, TrustError, TrustRoot,
};
use crate::limits;
use crate::sys::fs::{self, AtomicDir, IoError};

/// What to make.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where.
    pub workspace: &'a Workspace,
    /// The log's origin: a name that no other log has, such as `example.com/images`; `None` names
    /// it after its key.
    pub origin: Option<&'a str>,
    /// What the root key is encrypted with; `None` writes it plain.
    pub passphrase: Option<&'a Passphrase>,
    /// Whether there shall be a key of the role `revoke`.
    pub revoke_key: bool,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initialised {
    /// New files, in the order in which they were made.
    pub created: Vec<PathBuf>,
    /// Files that were there and are as before.
    pub kept: Vec<PathBuf>,
    /// The new keys; none where the workspace had its trust root already.
    pub keys: BTreeMap<Role, PublicKey>,
}

/// Why there is no workspace.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The record of signatures could not be made.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The log could not be made.
    #[error(transparent)]
    Log(#[from] LogFailure),
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] PrivateKeyError),
    /// The trust root breaks a rule: the origin, most likely.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The trust root could not be signed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// Private keys without a trust root: an earlier run was cut off, or the trust root was moved.
    #[error("{} exists, but there is no trust root beside it", .0.display())]
    Orphaned(PathBuf),
}

/// The roles that get a key of their own in any case.
const ROLES: [Role; 3] = [Role::Root, Role::Baseline, Role::Log];
/// Keeps private keys out of any repository, whatever its own rules.
const IGNORE_ALL: &str = "*\n";
const GITIGNORE: &str =
    "/keys/private/\n/log/.state/lock\n/log/.state/next\n/log/signed/.lock\n/out/\n";

/// Makes a workspace. What is there already is never overwritten; a second run makes only what is
/// missing.
///
/// # Errors
/// Something cannot be made; what was made before that stands.
pub fn init(request: &Request<'_>) -> Result<Initialised, InitError> {
    let workspace = request.workspace;
    let mut done = Initialised {
        created: Vec::new(),
        kept: Vec::new(),
        keys: BTreeMap::new(),
    };
    // The record's lock keeps two runs at the same moment from replacing each other's keys.
    let record = DirectoryLedger::open(workspace.log())?;
    if fs::exists(workspace.trust_root())? {
        done.kept.push(workspace.trust_root());
    } else {
        make_keys(request, &mut done)?;
    }
    make_log(workspace, &record, &mut done)?;
    for (name, bytes) in SHIPPED {
        put(&mut done, &workspace.templates().join(name), bytes)?;
    }
    put(
        &mut done,
        &workspace.root().join(".gitignore"),
        GITIGNORE.as_bytes(),
    )?;
    drop(record);
    Ok(done)
}

fn put(done: &mut Initialised, path: &Path, bytes: &[u8]) -> Result<(), InitError> {
    if fs::exists(path)? {
        done.kept.push(path.to_owned());
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::make_dirs(parent, 0o777)?;
    }
    fs::write_atomic(path, bytes, 0o644)?;
    done.created.push(path.to_owned());
    Ok(())
}

/// The log that the trust root names, where its key is here and there is none yet. Its first entry is
/// the trust root.
fn make_log(
    workspace: &Workspace,
    record: &DirectoryLedger,
    done: &mut Initialised,
) -> Result<(), InitError> {
    let path = workspace.private_key(Role::Log.as_str());
    let directory = workspace.log();
    if !fs::exists(&path)? {
        return Ok(());
    }
    let trust = fs::read(workspace.trust_root(), limits::TRUST_ROOT_MAX)?;
    let trust = TrustRoot::parse(&trust)?;
    let Some(policy) = trust.log() else {
        return Ok(());
    };
    if log::exists(&directory)? {
        // A run that was cut off may have left one without entries.
        let log = log::open(&directory)?;
        if log.size() > 0 || log.checkpoint().origin != policy.origin {
            return Ok(());
        }
    }
    // One that is encrypted is for `karat log init`, which asks.
    let Ok(signer) = key::read_private(&path, || None) else {
        return Ok(());
    };
    if !log::exists(&directory)? {
        log::init(&directory, &policy.origin, &signer)?;
        done.created.push(directory.join("checkpoint"));
    }
    log::append_roots(workspace, &signer, record)?;
    Ok(())
}

/// Private keys first, all at once; the trust root, which makes it a workspace, last.
fn make_keys(request: &Request<'_>, done: &mut Initialised) -> Result<(), InitError> {
    let workspace = request.workspace;
    let private = workspace.private_keys();
    if fs::exists(&private)? {
        return Err(InitError::Orphaned(private));
    }
    let more = Some(Role::Revoke).filter(|_| request.revoke_key);
    let keys: BTreeMap<Role, SigningKey> = ROLES
        .into_iter()
        .chain(more)
        .map(|role| Ok((role, SigningKey::generate()?)))
        .collect::<Result<_, PrivateKeyError>>()?;
    done.keys = keys
        .iter()
        .map(|(role, key)| (*role, key.public_key()))
        .collect();
    let own_name = || {
        let key = done.keys.get(&Role::Log);
        format!(
            "karat.example/{}",
            key.map_or_else(String::new, |key| key.id().short())
        )
    };
    let origin = request.origin.map_or_else(own_name, ToOwned::to_owned);
    let mut signed = first_trust_root(&origin, &done.keys).to_signed()?;
    if let Some(root) = keys.get(&Role::Root) {
        signed.sign(root)?;
    }

    fs::make_dirs(workspace.keys(), 0o777)?;
    let directory = AtomicDir::create(&private)?;
    fs::set_mode(directory.path(), 0o700)?;
    fs::write_atomic(
        directory.path().join(".gitignore"),
        IGNORE_ALL.as_bytes(),
        0o600,
    )?;
    for (role, key) in &keys {
        let passphrase = request.passphrase.filter(|_| *role == Role::Root);
        let file = directory.path().join(format!("{role}.pem"));
        fs::write_atomic(file, pem(key, passphrase)?.as_bytes(), 0o600)?;
        done.created.push(workspace.private_key(role.as_str()));
    }
    directory.commit()?;
    let trust = Envelope::new(signed).to_bytes();
    fs::write_atomic(workspace.trust_root(), &trust, 0o644)?;
    done.created.push(workspace.trust_root());
    Ok(())
}

/// One key for each role, thresholds of one, every image: a start that the guide on keys tells how
/// to leave.
fn first_trust_root(origin: &str, keys: &BTreeMap<Role, PublicKey>) -> TrustDocument {
    let role_keys = |(role, key): (&Role, &PublicKey)| {
        let images = match role {
            Role::Baseline => ImageGlob::parse("*").into_iter().collect(),
            _ => Vec::new(),
        };
        let key = RoleKey {
            from: 0,
            images,
            key: *key,
            name: (*role == Role::Log).then(|| origin.to_owned()),
            reason: None,
            until: None,
        };
        let keys = RoleKeys {
            keys: vec![key],
            threshold: 1,
        };
        (*role, keys)
    };
    TrustDocument {
        expires: None,
        log: Some(LogPolicy {
            origin: origin.to_owned(),
            receipt: Receipts::Optional,
        }),
        min_serial: BTreeMap::new(),
        roles: keys.iter().map(role_keys).collect(),
        spec: TrustDocument::SPEC.to_owned(),
        version: 1,
    }
}

//! Making and opening a log.

use std::collections::BTreeMap;
use std::path::Path;

use super::failure::{LogFailure, at};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::key::{Role, Signer, TrustRoot};
use crate::log::{Log, Source, Store};
use crate::sys::fs::{self, Beneath, IoError, Lock};
use crate::tlog::{Kind, NoteKey, NoteName, leaf_hash};

/// Whether there is a log in `directory`.
///
/// # Errors
/// It cannot be examined.
pub fn exists(directory: &Path) -> Result<bool, IoError> {
    fs::exists(directory.join("checkpoint"))
}

/// Makes a log called `origin`, without entries, and gives it back.
///
/// # Errors
/// There is one already, or it cannot be made.
pub fn init(
    directory: &Path,
    origin: &str,
    signer: &dyn Signer,
) -> Result<Log<Beneath>, LogFailure> {
    let name = NoteName::parse(origin)?;
    fs::make_dirs(directory, 0o777)?;
    let disk = Beneath::open(directory)?;
    disk.make_directory(".state")?;
    let _alone = Lock::exclusive(directory.join(".state/lock"))?;
    Log::create(disk, &name, signer).map_err(at(directory))
}

/// Opens a log to read it.
///
/// # Errors
/// There is none.
pub fn open(directory: &Path) -> Result<Log<Beneath>, LogFailure> {
    Log::open(Beneath::open(directory)?).map_err(at(directory))
}

/// Lets `log` be signed by the key that `root` names for it from now on. Where the root lets several
/// keys sign, nothing is done. Whoever calls this holds the log's lock.
///
/// # Errors
/// The log's directory is not as an operator left it, or the key was the log's before.
pub(super) fn take_up<S: Store>(
    log: &mut Log<S>,
    directory: &Path,
    root: &TrustRoot,
) -> Result<(), LogFailure> {
    let role = root.role(Role::Log);
    let live = role
        .into_iter()
        .flat_map(|role| &role.keys)
        .filter(|key| key.until.is_none());
    let (Some(key), None) = (live.clone().next(), live.clone().nth(1)) else {
        return Ok(());
    };
    let name = NoteName::parse(key.name.as_deref().unwrap_or_default())?;
    let key = NoteKey::ed25519(name, key.key);
    log.rekey(&key).map(drop).map_err(at(directory))
}

/// For each Envelope, where the log in `directory` has it with the most of its signatures; none
/// where it does not.
///
/// # Errors
/// The log cannot be read.
pub fn places(directory: &Path, envelopes: &[Envelope]) -> Result<Vec<Option<u64>>, LogFailure> {
    let mut known: BTreeMap<Digest, u64> = BTreeMap::new();
    if exists(directory)? {
        let keep = |index, leaf| {
            known.entry(leaf).or_insert(index);
        };
        open(directory)?.leaves(keep).map_err(at(directory))?;
    }
    let place = |envelope: &Envelope| {
        let count = envelope.signed().claims.len();
        (1..=count).rev().find_map(|count| {
            let logged = envelope.with_first(count);
            let entry = Kind::Signed.entry(&logged).ok()?;
            known.get(&leaf_hash(&entry)).copied()
        })
    };
    Ok(envelopes.iter().map(place).collect())
}

/// How many entries are read ahead: 32 bundles.
const AHEAD: u64 = 32 * 256;

/// Tells `each` of the entries from `first` on, each as its leaf says.
pub(super) fn each_entry<S: Source>(
    directory: &Path,
    log: &Log<S>,
    first: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), LogFailure>,
) -> Result<(), LogFailure> {
    let mut index = first;
    while index < log.size() {
        if index == first || index.is_multiple_of(AHEAD) {
            log.ahead(index..index.saturating_add(AHEAD));
        }
        let skipped = usize::try_from(index % 256).unwrap_or(0);
        let bundle = log.bundle(index).map_err(at(directory))?;
        for entry in bundle.iter().skip(skipped) {
            each(index, entry)?;
            index = index.saturating_add(1);
        }
    }
    Ok(())
}

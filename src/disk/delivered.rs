//! What was delivered on an EFI system partition, for a boot: file by file.
//!
//! Whether a file counts is decided by the signature over its bytes. So a file system that is not in order is
//! no reason to refuse what can be read of it, and one whose owner lost power while it was written still
//! starts what it held before.

use serde::de::IgnoredAny;

use super::trouble::finding;
use super::{BootName, version_of};
use crate::appraise::{Finding, Neighbour, NewerRoot, Verdict};
use crate::json::{self, JsonError};
use crate::key::TrustRoot;
use crate::layout::Source;
use crate::layout::fat::{FatError, Lookup, Volume};
use crate::limits;
use crate::path::Escaped;

/// What one image's initrd is to judge by: hostile, none of it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The Envelope.
    pub envelope: Neighbour,
    /// Its Receipt.
    pub receipt: Neighbour,
    /// Newer trust roots, by version: those up to the first one that is needed and is not whole.
    pub newer_roots: Vec<NewerRoot>,
    /// What is odd there; nothing depends on it.
    pub warnings: Vec<Finding>,
}

/// Where newer trust roots lie, and how their names end.
const ROOTS: (&str, &str) = ("karat/trust", ".json");
/// What to do about a file system that is not in order.
const MEND: &str = "the power may have failed while something was written there: the next update mends it, \
                    or 'fsck.fat -a /run/karat/esp' while nothing is mounted at /efi";
/// What to do about a trust root that is not whole.
const AGAIN: &str = "deliver that version of the trust root again";

impl Delivered {
    /// Reads what is there of the image called `NAME_VERSION`, for who judges by `trust`; what cannot be read is
    /// said in its place.
    ///
    /// Newer trust roots that are not whole are passed over, as if they had not come yet: whoever could damage
    /// them could take them away, and what a blessed boot was judged by is remembered elsewhere.
    pub fn read(part: &dyn Source, stem: &str, trust: &Neighbour) -> Self {
        let lookup = match Lookup::open(part) {
            Ok(lookup) => lookup,
            Err(error) => return Self::unread(stem, &escaped(&error)),
        };
        let read = |path: &str, cap: u64| {
            let (bytes, unread) = match lookup.read(path, cap) {
                Ok(bytes) => (bytes, None),
                Err(error) => (None, Some(escaped(&error))),
            };
            neighbour(path, bytes, unread)
        };
        let mut warnings = Vec::new();
        let mut warn = |message: String, hint: &str| {
            warnings.push(finding(Verdict::Match, message, hint));
        };
        if let Err(error) = Volume::read(part) {
            let message = format!(
                "the EFI system partition is not in order, and was read as far as this boot needs it: {}",
                escaped(&error)
            );
            warn(message, MEND);
        }
        let names = lookup.names(ROOTS.0).unwrap_or_else(|error| {
            let rule = escaped(&error);
            warn(format!("newer trust roots are not read: {rule}"), MEND);
            Vec::new()
        });
        let trust = trust.bytes.as_deref().map(TrustRoot::parse);
        let pinned = trust.and_then(Result::ok).map_or(0, |it| it.version());
        let mut newer_roots: Vec<NewerRoot> = Vec::new();
        for version in versions(&names) {
            let path = format!("{}/{version}{}", ROOTS.0, ROOTS.1);
            let file = read(&path, limits::TRUST_ROOT_MAX);
            let torn = match (&file.bytes, &file.unread) {
                (Some(bytes), _) => torn(bytes).map(|error| error.to_string()),
                (None, reason) => reason.clone(),
            };
            let Some(rule) = torn else {
                newer_roots.push(NewerRoot { version, file });
                continue;
            };
            warn(format!("{path} is passed over: {rule}"), AGAIN);
            // Without it nothing leads to those that follow.
            if version > pinned {
                break;
            }
        }
        Self {
            envelope: read(&BootName::envelope_path(stem), limits::ENVELOPE_MAX),
            receipt: read(&BootName::receipt_path(stem), limits::RECEIPT_MAX),
            newer_roots,
            warnings,
        }
    }

    /// What is known where the partition cannot be read at all.
    pub fn unread(stem: &str, reason: &str) -> Self {
        let none = |path: String| {
            let unread = format!("the EFI system partition cannot be read: {reason}");
            neighbour(&path, None, Some(unread))
        };
        Self {
            envelope: none(BootName::envelope_path(stem)),
            receipt: none(BootName::receipt_path(stem)),
            newer_roots: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// The versions of trust roots among the names of files, in order, each once.
fn versions(names: &[String]) -> Vec<u64> {
    let suffix = |name: &str| {
        let (stem, end) = name.split_at_checked(name.len().checked_sub(ROOTS.1.len())?)?;
        end.eq_ignore_ascii_case(ROOTS.1)
            .then(|| version_of(stem))?
    };
    let mut versions: Vec<u64> = names.iter().filter_map(|name| suffix(name)).collect();
    versions.sort_unstable();
    versions.dedup();
    versions.truncate(limits::NEWER_ROOTS_MAX);
    versions
}

/// Why bytes are not even JSON: so are those that were never written, or in part.
fn torn(bytes: &[u8]) -> Option<JsonError> {
    json::read::<IgnoredAny>(bytes, limits::TRUST_ROOT_MAX).err()
}

fn neighbour(path: &str, bytes: Option<Vec<u8>>, unread: Option<String>) -> Neighbour {
    Neighbour {
        path: Escaped(path.as_bytes()).to_string(),
        bytes,
        unread,
    }
}

/// An error may name files as they are.
fn escaped(error: &FatError) -> String {
    Escaped(error.to_string().as_bytes()).to_string()
}

//! What must hold of accounts, mounts and preloading.

use serde::Serialize;

use super::wire::{self, checked_text, one_string};
use crate::path::ImagePath;
use crate::tree::Origin;

/// Who may become root or has a password; records of users that systemd reads from outside of the
/// image (`userdb`) are drift, whatever they say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accounts {
    /// Who asked for it.
    #[serde(serialize_with = "wire::write")]
    pub origin: Origin,
    /// Accounts that may have a password, an empty one too; `None`: not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Vec<Account>>,
    /// Accounts that may have the number 0; `None`: not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Vec<Account>>,
}

/// A file system that must be mounted, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mount {
    /// Its type, as in `/proc/filesystems`; `None`: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fstype: Option<Name>,
    /// Options that it must have, of the mount or of the file system: `nodev`, `ro`.
    pub options: Vec<Name>,
    /// Who asked for it.
    #[serde(serialize_with = "wire::write")]
    pub origin: Origin,
    /// Where.
    #[serde(serialize_with = "wire::write")]
    pub point: ImagePath,
}

/// Nothing is loaded into programs but what the image says: no `/etc/ld.so.preload` that the
/// manifest does not list, no `LD_…` variable with which the first process was started (ld.so(8)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preload {
    /// Who asked for it.
    #[serde(serialize_with = "wire::write")]
    pub origin: Origin,
}

checked_text! {
    /// The name of an account.
    Account: |text| !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'),
        "an account's name is printable ASCII without colons";
    /// The name of a credential.
    CredentialName: |text| !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'),
        "a credential's name is up to 255 printable ASCII characters without a slash";
    /// A file system type, or an option of a mount.
    Name: |text| !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','),
        "a file system type or mount option is printable ASCII without commas";
}

//! Debian's own archive keys, as its packages `debian-archive-keyring` ship them; see `keys/`.

use crate::deb::openpgp::{Keyring, OpenPgpError};

/// Which of Debian's archives a key signs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DebianArchive {
    /// The archive: releases, updates, backports.
    Main,
    /// Security updates.
    Security,
}

/// The keys of a Debian release; `None` where this karat does not know the release.
///
/// # Errors
/// A shipped keyring is damaged.
pub fn debian(release: &str, archive: DebianArchive) -> Result<Option<Keyring>, OpenPgpError> {
    let files: &[&[u8]] = match (release, archive) {
        ("bookworm", DebianArchive::Main) => &[BOOKWORM_AUTOMATIC, BOOKWORM_STABLE],
        ("bookworm", DebianArchive::Security) => &[BOOKWORM_SECURITY],
        ("trixie", DebianArchive::Main) => &[TRIXIE_AUTOMATIC, TRIXIE_STABLE],
        ("trixie", DebianArchive::Security) => &[TRIXIE_SECURITY],
        _ => return Ok(None),
    };
    let mut keyring = Keyring::default();
    for file in files {
        keyring = keyring.and(Keyring::parse(file)?);
    }
    Ok(Some(keyring))
}

const BOOKWORM_AUTOMATIC: &[u8] =
    include_bytes!("../../keys/debian-archive-bookworm-automatic.gpg");
const BOOKWORM_SECURITY: &[u8] =
    include_bytes!("../../keys/debian-archive-bookworm-security-automatic.gpg");
const BOOKWORM_STABLE: &[u8] = include_bytes!("../../keys/debian-archive-bookworm-stable.gpg");
const TRIXIE_AUTOMATIC: &[u8] = include_bytes!("../../keys/debian-archive-trixie-automatic.gpg");
const TRIXIE_SECURITY: &[u8] =
    include_bytes!("../../keys/debian-archive-trixie-security-automatic.gpg");
const TRIXIE_STABLE: &[u8] = include_bytes!("../../keys/debian-archive-trixie-stable.gpg");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_keys_can_be_read() {
        for (release, archive, keys) in [
            ("bookworm", DebianArchive::Main, 2),
            ("bookworm", DebianArchive::Security, 1),
            ("trixie", DebianArchive::Main, 2),
            ("trixie", DebianArchive::Security, 1),
        ] {
            let keyring = debian(release, archive).unwrap().unwrap();
            assert_eq!(keyring.fingerprints().len(), keys, "{release}");
        }
        assert!(debian("noble", DebianArchive::Main).unwrap().is_none());
    }
}

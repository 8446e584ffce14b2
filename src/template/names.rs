//! Names that a template states, each valid by construction.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::segment::is_day;
pub use crate::segment::{Date, SegmentName, UnitName};
use crate::written::names::{is_lower_or_digit, is_word, names};

/// The name of Debian's archive in a lock.
pub const DEBIAN: &str = "debian";
/// The name of Debian's security archive in a lock.
pub const DEBIAN_SECURITY: &str = "debian-security";

names! {
    /// A user or group: what adduser and systemd both take.
    AccountName: |text| is_word(text, 32, |first| first.is_ascii_lowercase() || first == b'_', |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)),
        "a user or group name is up to 32 of a-z 0-9 _ - and starts with a letter or _";
    /// A component of an archive: `main`, `updates/main`.
    ComponentName: |text| is_archive_path(text) && !text.ends_with('/'),
        "a component is a name such as main, of A-Z a-z 0-9 . _ ~ / -";
    /// A binary package's name (Debian Policy 5.6.1).
    PackageName: |text| text.len() >= 2 && is_word(text, 128, is_lower_or_digit, |byte| is_lower_or_digit(byte) || b"+.-".contains(&byte)),
        "a package name is two or more of a-z 0-9 + . - and starts with a letter or digit (Debian Policy 5.6.1)";
    /// What a template calls a further repository: an archive's name in the lock.
    RepositoryName: |text| ![DEBIAN, DEBIAN_SECURITY].contains(&text) && Word::new(text).is_some(),
        "a repository's name is up to 64 of A-Z a-z 0-9 _ . -, starts with a letter or digit, and is neither debian nor debian-security, as locks call Debian's own archives";
    /// A moment of the archive.
    Snapshot: is_snapshot,
        "a snapshot is a moment in UTC as in 20260131T235959Z";
    /// A line of `authorized_keys` (sshd(8)) that holds a public key.
    SshKey: is_ssh_key,
        "an SSH key is one line of authorized_keys with a public key, as in 'ssh-ed25519 AAAA... name'";
    /// A suite: `trixie`, `trixie-updates`, or a flat repository's directory with a `/` at its end.
    SuiteName: is_archive_path,
        "a suite is a name such as trixie, of A-Z a-z 0-9 . _ ~ / -";
    /// A kernel parameter, as in sysctl.d(5).
    SysctlKey: |text| text.contains(['.', '/']) && !text.contains("..") && is_word(text, 255, |first| first.is_ascii_alphanumeric(), |byte| byte.is_ascii_alphanumeric() || b"._-*/:@".contains(&byte)),
        "a sysctl is a name such as net.ipv4.ip_forward";
    /// A repository's base.
    Uri: is_uri,
        "a repository is an http:, https: or file: URI without blanks and without user or password";
    /// A package's version (Debian Policy 5.6.12).
    VersionText: |text| is_word(text, 256, |first| first.is_ascii_digit(), |byte| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte)),
        "a version starts with a digit and holds A-Z a-z 0-9 . + - ~ : (Debian Policy 5.6.12)";
    /// A plain name: an architecture, a module.
    Word: |text| is_word(text, 64, |first| first.is_ascii_alphanumeric(), |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)),
        "a name is up to 64 of A-Z a-z 0-9 _ . - and starts with a letter or digit";
}

/// One or more plain components below `dists/`; what leaves it is refused.
fn is_archive_path(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    let flat_root = text == "./" || text == "/";
    flat_root
        || (text.len() <= 255
            && text
                .strip_suffix('/')
                .unwrap_or(text)
                .split('/')
                .all(|part| {
                    !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
                }))
}

fn is_snapshot(text: &str) -> bool {
    let shape = text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    let number = |range| {
        text.get(range)
            .and_then(|part: &str| part.parse::<u32>().ok())
            .unwrap_or(99)
    };
    shape
        && is_day(number(0..4), number(4..6), number(6..8))
        && number(9..11) < 24
        && number(11..13) < 60
        && number(13..15) < 60
}

fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    let placed = match scheme {
        "http" | "https" => rest.strip_prefix("//").is_some_and(|rest| {
            let authority = rest.split('/').next().unwrap_or_default();
            !authority.is_empty() && !authority.contains('@')
        }),
        "file" => rest.starts_with('/'),
        _ => false,
    };
    text.len() <= 2000 && printable && placed && !text.contains(['?', '#', '\\', '"'])
}

/// Key types of OpenSSH that are safe today; DSA is not.
const SSH_KEY_TYPES: &[&str] = &[
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// The blob must say itself that it is of the stated type (RFC 4253, 6.6).
fn is_ssh_key(text: &str) -> bool {
    if text.len() > 16_384 || text.chars().any(char::is_control) {
        return false;
    }
    let words: Vec<&str> = text.split(' ').collect();
    words.windows(2).any(|pair| match pair {
        [kind, blob] if SSH_KEY_TYPES.contains(kind) => {
            let Ok(blob) = STANDARD.decode(blob) else {
                return false;
            };
            let length = u32::try_from(kind.len()).unwrap_or(0).to_be_bytes();
            blob.strip_prefix(&length)
                .and_then(|rest| rest.strip_prefix(kind.as_bytes()))
                .is_some_and(|rest| rest.len() > 4)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_and_what_is_not() {
        type Case = (
            &'static str,
            fn(&str) -> bool,
            &'static [&'static str],
            &'static [&'static str],
        );
        let table: &[Case] = &[
            (
                "package",
                |text| PackageName::new(text).is_some(),
                &["libstdc++6", "0ad", "a2"],
                &["a", "Nginx", "-a", "a_b", "a:amd64", "a=1", "../a"],
            ),
            (
                "repository",
                |text| RepositoryName::new(text).is_some(),
                &["tools", "debian-tools", "0_a.b"],
                &["", "..", "a/b", "debian", "debian-security"],
            ),
            (
                "suite",
                |text| SuiteName::new(text).is_some(),
                &[
                    "trixie",
                    "trixie-updates",
                    "bookworm/updates",
                    "./",
                    "flat/",
                ],
                &["", "..", "../x", "a//b", "a/../b", "a b", "/etc", "a\"b"],
            ),
            (
                "uri",
                |text| Uri::new(text).is_some(),
                &[
                    "https://a/debian",
                    "http://a:3142/debian",
                    "file:/srv",
                    "file:///srv",
                ],
                &[
                    "ftp://a/",
                    "https:///x",
                    "https://u:p@a/",
                    "a",
                    "https://a/ b",
                    "file:x",
                    "http://a/?x",
                ],
            ),
            (
                "snapshot",
                |text| Snapshot::new(text).is_some(),
                &["20260131T235959Z"],
                &["20260132T000000Z", "20260131T240000Z", "20260131", "latest"],
            ),
            (
                "sysctl",
                |text| SysctlKey::new(text).is_some(),
                &[
                    "net.ipv4.ip_forward",
                    "net.ipv4.conf.*.rp_filter",
                    "net/ipv4/x",
                ],
                &["x", "", "../x", "a.b = 1\nc.d", "-a.b", "a .b"],
            ),
        ];
        for (what, check, good, bad) in table {
            for text in *good {
                assert!(check(text), "{what} {text:?}");
            }
            for text in *bad {
                assert!(!check(text), "{what} {text:?}");
            }
        }
    }

    #[test]
    fn ssh_keys_name_their_own_type() {
        let blob = |kind: &str| {
            let mut blob = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
            blob.extend(kind.as_bytes());
            blob.extend([0, 0, 0, 32]);
            blob.extend([7; 32]);
            STANDARD.encode(blob)
        };
        let good = format!("ssh-ed25519 {} admin@example", blob("ssh-ed25519"));
        assert!(SshKey::new(&good).is_some());
        assert!(SshKey::new(&format!("restrict,from=\"10.0.0.1\" {good}")).is_some());
        for bad in [
            String::new(),
            "ssh-ed25519 AAAA".to_owned(),
            format!("ssh-ed25519 {} x", blob("ssh-rsa")),
            format!("ssh-dss {}", blob("ssh-dss")),
            format!("{good}\ncommand"),
            "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
        ] {
            assert!(SshKey::new(&bad).is_none(), "{bad:?}");
        }
    }
}

//! Credentials that firmware, hypervisor or boot loader passed to systemd: names, never values.

use std::path::Path;

use super::read::{FileSystem, kernel, names};
use crate::appraise::fact::{Entry, Seen, source};
use crate::limits;
use crate::path::ImagePath;

pub(super) fn observe() -> Seen<Vec<Entry>> {
    let mut found = Vec::new();
    for directory in source::CREDENTIALS {
        match names(Path::new(directory)) {
            Seen::Value(names) => {
                for name in names {
                    found.extend(entry(directory, &name, name.clone()));
                }
            }
            Seen::Absent => {}
            Seen::Unreadable(why) => return Seen::Unreadable(format!("{directory}: {why}")),
        }
    }
    match smbios() {
        Seen::Value(strings) => found.extend(strings),
        Seen::Absent => {}
        Seen::Unreadable(why) => return Seen::Unreadable(format!("{}: {why}", source::SMBIOS)),
    }
    crate::order::sort(&mut found);
    found.dedup();
    Seen::Value(found)
}

fn entry(directory: &str, below: &[u8], name: Vec<u8>) -> Option<Entry> {
    let path = ImagePath::parse(directory).ok()?.join(below).ok()?;
    Some(Entry { path, name })
}

fn smbios() -> Seen<Vec<Entry>> {
    names(Path::new(source::SMBIOS)).parse(|entries| {
        let mut found = Vec::new();
        for name in entries {
            // TYPE-INSTANCE; other types hold no strings for the system.
            let Some(text) = std::str::from_utf8(&name).ok() else {
                continue;
            };
            if !text.starts_with("11-") {
                continue;
            }
            let path = format!("{}/{text}/raw", source::SMBIOS);
            match kernel(&path, FileSystem::Sys, limits::FACT_VALUE_MAX) {
                Seen::Value(bytes) => {
                    for credential in oem_credentials(&bytes)? {
                        found.extend(entry(source::SMBIOS, &name, credential));
                    }
                }
                Seen::Absent => {}
                Seen::Unreadable(why) => return Err(why),
            }
        }
        Ok(found)
    })
}

/// Names of the credentials in one OEM Strings structure (SMBIOS type 11): its length is its second
/// byte, its strings follow, each ended by a NUL, an empty one at the end.
pub(super) fn oem_credentials(structure: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let length = structure.get(1).copied().map_or(0, usize::from);
    let Some(strings) = structure.get(length..).filter(|_| length >= 5) else {
        return Err("its firmware structure is malformed".to_owned());
    };
    let mut names = Vec::new();
    for string in strings.split(|byte| *byte == 0) {
        let text = [
            b"io.systemd.credential:".as_slice(),
            b"io.systemd.credential.binary:",
        ]
        .iter()
        .find_map(|prefix| string.strip_prefix(*prefix));
        if let Some(text) = text {
            let name = text.split(|byte| *byte == b'=').next().unwrap_or_default();
            names.push(name.to_vec());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_in_firmware() {
        let mut bytes = vec![11, 5, 0, 0, 2];
        bytes.extend(b"io.systemd.credential:passwd.plaintext-password.root=x\0vendor string\0");
        bytes.extend(b"io.systemd.credential.binary:ssh.authorized_keys.root=eA==\0\0");
        assert_eq!(
            oem_credentials(&bytes),
            Ok(vec![
                b"passwd.plaintext-password.root".to_vec(),
                b"ssh.authorized_keys.root".to_vec(),
            ])
        );
        assert_eq!(oem_credentials(&[11, 5, 0, 0, 0]), Ok(Vec::new()));
        for bad in [&b""[..], b"\x0b", b"\x0b\x00\0\0\0", b"\x0b\x09\0\0\0\0"] {
            assert!(oem_credentials(bad).is_err(), "{bad:?}");
        }
    }
}

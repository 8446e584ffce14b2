//! Accounts: `/etc/passwd`, `/etc/shadow`, and records of users that systemd reads.

use super::read::{names, seen};
use crate::appraise::fact::{Entry, PasswordOf, Seen, source};
use crate::limits;
use crate::path::ImagePath;
use crate::sys::fs;

/// Where systemd looks for records of users and groups (nss-systemd(8)).
const USERDB: [&str; 5] = [
    "/etc/userdb",
    source::USERDB,
    "/run/host/userdb",
    "/usr/lib/userdb",
    "/usr/local/lib/userdb",
];

/// Accounts with the number 0, as they stand there.
pub(super) fn root() -> Seen<Vec<Vec<u8>>> {
    file(source::PASSWD).parse(|bytes| {
        let roots = passwd(&bytes)?
            .into_iter()
            .filter(|account| account.uid == 0);
        Ok(roots.map(|account| account.name.to_vec()).collect())
    })
}

/// Names of accounts by their number, as they stand there.
pub(super) fn by_number() -> Seen<Vec<(u32, Vec<u8>)>> {
    each(|account| (account.uid, account.name.to_vec()))
}

/// The homes of all accounts, in order, each once.
pub(super) fn homes() -> Seen<Vec<Vec<u8>>> {
    each(|account| account.home.to_vec()).parse(|mut homes| {
        crate::order::sort(&mut homes);
        homes.dedup();
        Ok(homes)
    })
}

fn each<T>(of: impl Fn(&Account<'_>) -> T) -> Seen<Vec<T>> {
    file(source::PASSWD).parse(|bytes| Ok(passwd(&bytes)?.iter().map(of).collect()))
}

/// Accounts that a password opens, by either of the two files.
pub(super) fn passwords() -> Seen<Vec<PasswordOf>> {
    let shadow = match file(source::SHADOW) {
        Seen::Absent => Vec::new(),
        Seen::Value(bytes) => bytes,
        Seen::Unreadable(why) => return Seen::Unreadable(why),
    };
    file(source::PASSWD).parse(|bytes| {
        let mut found = shadow_passwords(&shadow)?;
        // `x`: it stands in the other file.
        let own = passwd(&bytes)?.into_iter().filter(|it| it.password != b"x");
        found.extend(own.filter_map(|it| password(it.name, it.password)));
        Ok(found)
    })
}

/// Records of users and groups, in order.
pub(super) fn userdb() -> Seen<Vec<Entry>> {
    let mut found = Vec::new();
    for directory in USERDB {
        match names(std::path::Path::new(directory)) {
            Seen::Value(names) => {
                for name in names {
                    match ImagePath::parse(directory).and_then(|path| path.join(&name)) {
                        Ok(path) => found.push(Entry { path, name }),
                        Err(error) => return Seen::Unreadable(format!("{directory}: {error}")),
                    }
                }
            }
            Seen::Absent => {}
            Seen::Unreadable(why) => return Seen::Unreadable(format!("{directory}: {why}")),
        }
    }
    crate::order::sort(&mut found);
    Seen::Value(found)
}

fn file(path: &str) -> Seen<Vec<u8>> {
    seen(fs::read(path, limits::ACCOUNTS_FILE_MAX))
}

/// A line of passwd(5).
pub(super) struct Account<'b> {
    name: &'b [u8],
    password: &'b [u8],
    uid: u32,
    home: &'b [u8],
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

pub(super) fn passwd(bytes: &[u8]) -> Result<Vec<Account<'_>>, String> {
    lines(bytes)
        .map(|line| account(line).ok_or_else(|| "a line is malformed".to_owned()))
        .collect()
}

/// One line; those that read the accounts of others (`+`, compat mode) are refused.
fn account(line: &[u8]) -> Option<Account<'_>> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
    let [name, password, uid, _gid, _comment, home, _shell] = fields.as_slice() else {
        return None;
    };
    let is_number = uid.iter().all(u8::is_ascii_digit);
    let uid = std::str::from_utf8(uid).ok().filter(|_| is_number)?;
    (!name.is_empty() && !name.starts_with(b"+")).then_some(Account {
        name,
        password,
        uid: uid.parse().ok()?,
        home,
    })
}

/// Accounts of shadow(5) that a password opens.
pub(super) fn shadow_passwords(bytes: &[u8]) -> Result<Vec<PasswordOf>, String> {
    let mut found = Vec::new();
    for line in lines(bytes) {
        let mut fields = line.split(|byte| *byte == b':');
        let (Some(name), Some(hash), Some(_)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err("a line is malformed".to_owned());
        };
        found.extend(password(name, hash));
    }
    Ok(found)
}

/// `!` and `*` are no beginning of a hash: no password opens such an account.
fn password(name: &[u8], hash: &[u8]) -> Option<PasswordOf> {
    let is_open = !matches!(hash.first(), Some(b'!' | b'*'));
    is_open.then(|| PasswordOf {
        name: name.to_vec(),
        is_empty: hash.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_passwd() {
        let text = b"root:x:0:0:root:/root:/bin/sh\ntoor:x:00:0::/:\na\xff::1:1:::\n";
        let accounts = passwd(text).unwrap();
        let seen: Vec<(&[u8], u32)> = accounts.iter().map(|it| (it.name, it.uid)).collect();
        assert_eq!(seen, [(&b"root"[..], 0), (b"toor", 0), (b"a\xff", 1)]);
        for bad in [
            &b"root:x:0:0:root:/root\n"[..],
            b"root:x:0:0:root:/root:/bin/sh:more\n",
            b":x:0:0:::\n",
            b"a:x::0:::\n",
            b"a:x:+0:0:::\n",
            b"a:x:-1:0:::\n",
            b"a:x:4294967296:0:::\n",
            b"+::::::\n",
            b"+a:x:0:0:::\n",
        ] {
            assert!(passwd(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(passwd(b"").is_ok_and(|accounts| accounts.is_empty()));
    }

    #[test]
    fn what_a_password_opens() {
        let shadow = b"root:*:1:::::\nlocked:!$y$x:1::::::\nuser:$y$x:1::::::\nopen::1::::::\n";
        let of = |name: &[u8], is_empty| PasswordOf {
            name: name.to_vec(),
            is_empty,
        };
        assert_eq!(
            shadow_passwords(shadow),
            Ok(vec![of(b"user", false), of(b"open", true)])
        );
        for bad in [&b"root\n"[..], b"root:*\n"] {
            assert!(shadow_passwords(bad).is_err());
        }
    }
}

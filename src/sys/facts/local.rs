//! Packet sockets, and Unix sockets that listen, of this network namespace.

use super::accounts;
use super::read::{FileSystem, kernel, text};
use crate::appraise::fact::{PacketSocket, Seen, source};
use crate::limits;
use crate::order;

/// `__SO_ACCEPTCON` of `linux/net.h`: the socket takes connections.
const LISTENS: u32 = 1 << 16;

pub(super) fn packet() -> Seen<Vec<PacketSocket>> {
    let table = kernel(source::PACKET, FileSystem::Proc, limits::FACT_TABLE_MAX);
    table.parse(|bytes| {
        let sockets = packet_sockets(bytes)?;
        let names = match accounts::by_number() {
            Seen::Value(names) => names,
            // A number then stands for each name, and is the name of nobody who may.
            Seen::Absent | Seen::Unreadable(_) => Vec::new(),
        };
        Ok(named(sockets, &names))
    })
}

/// Protocols and owners, in order, each once.
///
/// ```text
/// sk               RefCnt Type Proto  Iface R Rmem   User   Inode
/// 0000000000000000 3      3    88cc   2     1 0      998    17034
/// ```
pub(super) fn packet_sockets(bytes: Vec<u8>) -> Result<Vec<(u16, u32)>, String> {
    let text = text(bytes)?;
    let mut sockets = Vec::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split_ascii_whitespace().skip(3);
        let protocol = fields
            .next()
            .and_then(|it| u16::from_str_radix(it, 16).ok());
        let user = fields.nth(3).and_then(|it| it.parse().ok());
        let (Some(protocol), Some(user)) = (protocol, user) else {
            return Err("a line is malformed".to_owned());
        };
        sockets.push((protocol, user));
    }
    order::sort(&mut sockets);
    sockets.dedup();
    Ok(sockets)
}

fn named(sockets: Vec<(u16, u32)>, names: &[(u32, Vec<u8>)]) -> Vec<PacketSocket> {
    let user = |uid: u32| match names.iter().find(|(number, _)| *number == uid) {
        Some((_, name)) => name.clone(),
        None => uid.to_string().into_bytes(),
    };
    let sockets = sockets.into_iter();
    sockets
        .map(|(protocol, uid)| PacketSocket {
            protocol,
            user: user(uid),
        })
        .collect()
}

pub(super) fn unix() -> Seen<Vec<Vec<u8>>> {
    kernel(source::UNIX, FileSystem::Proc, limits::FACT_TABLE_MAX).parse(|bytes| listening(&bytes))
}

/// Names of stream and seqpacket sockets that listen, in order, each once: of a path as it was
/// bound, of an abstract one with `@` for each NUL.
///
/// ```text
/// Num       RefCount Protocol Flags    Type St Inode Path
/// 0000000000000000: 00000002 00000000 00010000 0001 01 1234 /run/dbus/system_bus_socket
/// ```
pub(super) fn listening(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    // Whether the socket before was taken; `None` where there is none.
    let mut last = None;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    for line in bytes.split(|byte| *byte == b'\n').skip(1) {
        match (unix_line(line), last) {
            (Some((flags, name)), _) => {
                let is_listening = flags & LISTENS != 0;
                found.extend(is_listening.then(|| name.to_vec()));
                last = Some(is_listening);
            }
            // A line feed in a name makes another line: what is no socket belongs to the one before,
            // what looks like one is one more. So nobody hides anything.
            (None, Some(true)) => {
                if let Some(name) = found.last_mut() {
                    name.extend([b"\n", line].concat());
                }
            }
            (None, Some(false)) => {}
            (None, None) => return Err("a line is malformed".to_owned()),
        }
    }
    order::sort(&mut found);
    found.dedup();
    Ok(found)
}

/// Flags and name; what is behind the number of the inode is the name, blanks and all.
fn unix_line(line: &[u8]) -> Option<(u32, &[u8])> {
    let mut rest = line;
    let mut flags = None;
    for field in 0..7 {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(|byte| *byte == b' ');
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        if word.is_empty() || !word.iter().all(|it| it.is_ascii_hexdigit() || *it == b':') {
            return None;
        }
        if field == 3 {
            flags = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok();
        }
        rest = after;
    }
    Some((flags?, rest.strip_prefix(b" ").unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_sockets_are_protocol_and_owner() {
        let head = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n";
        let table = format!(
            "{head}0000000000000000 3      3    88cc   2     1 0      998    17034\n\
             0000000000000000 3      2    0003   0     1 0      0      17035\n\
             0000000000000000 3      2    0003   1     1 0      0      17036\n"
        );
        let sockets = packet_sockets(table.into()).unwrap();
        assert_eq!(sockets, [(3, 0), (0x88cc, 998)]);
        let names = [(0, b"root".to_vec()), (0, b"toor".to_vec())];
        let named = named(sockets, &names);
        let users: Vec<&[u8]> = named.iter().map(|it| it.user.as_slice()).collect();
        assert_eq!(users, [b"root".as_slice(), b"998"]);
        assert_eq!(packet_sockets(head.into()), Ok(Vec::new()));
        for bad in [
            "x\n",
            "0 3 3 88cc 2 1 0\n",
            "0 3 3 88cg 2 1 0 0 1\n",
            "0 3 3 1 2 1 0 -1 1\n",
        ] {
            assert!(
                packet_sockets(format!("{head}{bad}").into()).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn only_sockets_that_listen() {
        let head = b"Num       RefCount Protocol Flags    Type St Inode Path\n".as_slice();
        let read = |lines: &[u8]| listening(&[head, lines].concat());
        let line = |flags: &str, rest: &str| {
            format!("0000000000000000: 00000002 00000000 {flags} 0001 01 {rest}\n")
        };
        let lines = [
            line("00010000", " 1234 /run/b s"),
            line("00010000", "   22 @a"),
            line("00010000", "   23 @a"),
            line("00000000", "12345 @connected"),
            line("00000000", "12346"),
            line("00010000", "12347"),
        ];
        let found = read(lines.concat().as_bytes()).unwrap();
        assert_eq!(found, [b"".as_slice(), b"/run/b s", b"@a"]);
        assert_eq!(read(b""), Ok(Vec::new()));
        // A line feed in a name hides nothing.
        let forged = line("00010000", "1 @") + &line("00000000", "2 @x") + "y\n\n";
        assert_eq!(read(forged.as_bytes()).unwrap(), [b"@"]);
        let forged = line("00010000", "1 @a\n\nb c") + &line("00010000", "2 @x");
        assert_eq!(
            read(forged.as_bytes()).unwrap(),
            [b"@a\n\nb c".as_slice(), b"@x"]
        );
        for bad in [
            "x\n",
            "0: 1 2 10000 1 1\n",
            "0: 1 2 1000g 1 1 5 @x\n",
            "0: 1 2 100000000 1 1 5\n",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

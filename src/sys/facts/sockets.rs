//! Listening sockets of this network namespace.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::read::{FileSystem, kernel, text};
use crate::appraise::fact::{Listening, Seen};
use crate::expect::fact::Protocol;
use crate::limits;

/// Tables with their protocol and the state that means "takes what comes" (the kernel's
/// `tcp_states.h`): `0A` is listening, `07` of a datagram socket is bound and not connected.
const TABLES: [(&str, Protocol, &str); 8] = [
    ("/proc/net/raw", Protocol::Raw, "07"),
    ("/proc/net/raw6", Protocol::Raw, "07"),
    ("/proc/net/tcp", Protocol::Tcp, "0A"),
    ("/proc/net/tcp6", Protocol::Tcp, "0A"),
    ("/proc/net/udp", Protocol::Udp, "07"),
    ("/proc/net/udp6", Protocol::Udp, "07"),
    ("/proc/net/udplite", Protocol::UdpLite, "07"),
    ("/proc/net/udplite6", Protocol::UdpLite, "07"),
];

pub(super) fn observe() -> BTreeMap<&'static str, Seen<Vec<Listening>>> {
    let mut sockets = BTreeMap::new();
    for (path, protocol, state) in TABLES {
        let table = kernel(path, FileSystem::Proc, limits::FACT_TABLE_MAX);
        sockets.insert(path, table.parse(|bytes| parse(bytes, protocol, state)));
    }
    sockets
}

/// Sockets in `state`, in order, each once.
///
/// ```text
///   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
///    0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 637 …
/// ```
pub(super) fn parse(
    bytes: Vec<u8>,
    protocol: Protocol,
    state: &str,
) -> Result<Vec<Listening>, String> {
    let text = text(bytes)?;
    let mut sockets = Vec::new();
    for line in text.lines().skip(1) {
        let (found, socket) =
            parse_line(line, protocol).ok_or_else(|| "a line is malformed".to_owned())?;
        if found == state {
            sockets.push(socket);
        }
    }
    crate::order::sort(&mut sockets);
    sockets.dedup();
    Ok(sockets)
}

fn parse_line(line: &str, protocol: Protocol) -> Option<(&str, Listening)> {
    let mut fields = line.split_ascii_whitespace();
    let _slot = fields.next()?.strip_suffix(':')?;
    let (address, port) = fields.next()?.split_once(':')?;
    let _remote = fields.next()?;
    let state = fields.next()?;
    let uid = fields.nth(3)?.parse().ok()?;
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex(address) || !is_hex(port) || port.len() != 4 {
        return None;
    }
    let address = match address.len() {
        8 => IpAddr::from(word(address)?),
        32 => {
            let mut all = [0; 16];
            for (index, four) in all.chunks_exact_mut(4).enumerate() {
                let start = index.checked_mul(8)?;
                let part = address.get(start..start.checked_add(8)?)?;
                four.copy_from_slice(&word(part)?);
            }
            IpAddr::from(all)
        }
        _ => return None,
    };
    Some((
        state,
        Listening {
            protocol,
            address,
            port: u16::from_str_radix(port, 16).ok()?,
            uid,
        },
    ))
}

/// The kernel prints each four bytes of an address as one number of its own byte order.
fn word(hex: &str) -> Option<[u8; 4]> {
    Some(u32::from_str_radix(hex, 16).ok()?.to_ne_bytes())
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";

    fn tcp(line: &str) -> Result<Vec<Listening>, String> {
        parse(format!("{HEAD}{line}\n").into(), Protocol::Tcp, "0A")
    }

    #[test]
    fn addresses_are_read_as_the_kernel_prints_them() {
        let rest = "00000000:00000000 00:00000000 00000000   998        0 637 1 0 100 0 0 10 0";
        let lines = [
            format!("   0: 0100007F:0016 00000000:0000 0A {rest}"),
            format!("   1: 020200C0:D7F6 507100CB:0050 01 {rest}"),
            format!("   2: 0100007F:0016 00000000:0000 0A {rest}"),
        ];
        let socket = |address: &str, port| Listening {
            protocol: Protocol::Tcp,
            address: address.parse().unwrap(),
            port,
            uid: 998,
        };
        // Connected ones do not listen; two of a port are one.
        assert_eq!(tcp(&lines.join("\n")), Ok(vec![socket("127.0.0.1", 22)]));
        let zero = "00000000000000000000000000000000";
        let lines = [
            format!("   0: {zero}:0050 {zero}:0000 0A {rest}"),
            format!("   1: 00000000000000000000000001000000:01BB {zero}:0000 0A {rest}"),
            format!("   2: B80D0120000000000000000001000000:1F90 {zero}:0000 0A {rest}"),
        ];
        assert_eq!(
            tcp(&lines.join("\n")),
            Ok(vec![
                socket("::", 80),
                socket("::1", 443),
                socket("2001:db8::1", 8080)
            ])
        );
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert_eq!(
            tcp("").map(|sockets| sockets.len()),
            Err("a line is malformed".into())
        );
        assert_eq!(parse(Vec::new(), Protocol::Tcp, "0A"), Ok(Vec::new()));
        let rest = "00000000:0000 0A 0:0 00:0 0 0 0 1";
        for bad in [
            format!("0 0100007F:0016 {rest}"),
            format!("0: 0100007F {rest}"),
            format!("0: 0100007:0016 {rest}"),
            format!("0: +100007F:0016 {rest}"),
            format!("0: 0100007F:+016 {rest}"),
            format!("0: 0100007F:00016 {rest}"),
            "0: 0100007F:0016 00000000:0000 0A 0:0 00:0 0 -1 0".to_owned(),
            "0: 0100007F:0016 00000000:0000 0A".to_owned(),
            "0: \u{e4}\u{e4}\u{e4}\u{e4}:0016 x 0A 0:0 00:0 0 0".to_owned(),
        ] {
            assert!(tcp(&bad).is_err(), "{bad}");
        }
        assert!(parse(b"\n\xff".to_vec(), Protocol::Tcp, "0A").is_err());
    }
}

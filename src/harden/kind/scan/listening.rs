//! What listens.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::is_excepted;
use crate::expect::fact::{Listener, Protocol};
use crate::harden::kind::Answer;
use crate::harden::systemd::{Found, find, started};
use crate::harden::{Root, ViewError};
use crate::path::{Escaped, Glob};

/// What a value of `ListenStream=` or `ListenDatagram=` is bound to (systemd.socket(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    /// A socket of this machine alone, or of its hypervisor: a path, an abstract name, vsock.
    Local,
    /// An address and a port.
    Port(IpAddr, u16),
    /// Something else.
    Unclear,
}

/// The sockets that systemd opens at boot are among those that the template states. What services open
/// themselves is not seen in files: the agent compares it on instances.
pub(super) fn listening(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    let Some(stated) = root.stated() else {
        answer.not_applicable("what may listen, the template says: name it by --template");
        return Ok(());
    };
    let Some(allowed) = &stated.listen else {
        answer.fail(
            "the template states no `listen` in [verify.facts]: nobody would see what else listens; \
             state it, as in listen = [\"tcp *:22\"]",
        );
        return Ok(());
    };
    for (name, link) in started(root)? {
        if !name.as_str().ends_with(".socket") || is_excepted(except, &link) {
            continue;
        }
        let Found::Unit(place, unit) = find(root, &name, None)? else {
            continue;
        };
        for (key, protocol) in [
            ("ListenDatagram", Protocol::Udp),
            ("ListenStream", Protocol::Tcp),
        ] {
            for value in unit.values("Socket", key) {
                if !is_stated(allowed, protocol, value) {
                    let (place, value) = (place.display(), Escaped(value.as_bytes()));
                    answer.fail(format!(
                        "{place}: {key}={value} is opened at boot, and is not in `listen` of \
                         [verify.facts]; state it there, or disable {}",
                        name.as_str()
                    ));
                }
            }
        }
    }
    Ok(())
}

fn is_stated(allowed: &[Listener], protocol: Protocol, value: &str) -> bool {
    match bound(value) {
        Bound::Local => true,
        Bound::Port(address, port) => allowed
            .iter()
            .any(|listener| listener.covers(protocol, address, port)),
        Bound::Unclear => false,
    }
}

fn bound(value: &str) -> Bound {
    let value = value.trim();
    if value.starts_with(['/', '@']) || value.starts_with("vsock:") {
        return Bound::Local;
    }
    // A port alone is bound on all addresses.
    if let Ok(port) = value.parse() {
        return Bound::Port(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    }
    match value.parse::<SocketAddr>() {
        Ok(socket) => Bound::Port(socket.ip(), socket.port()),
        Err(_) => Bound::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_systemd_reads_them() {
        for (value, wanted) in [
            ("/run/dbus/system_bus_socket", true),
            ("@abstract", true),
            ("vsock::22", true),
            ("22", true),
            ("[::]:22", true),
            ("127.0.0.1:53", true),
            ("10.0.0.1:53", false),
            ("23", false),
            ("%i:22", false),
            ("", false),
        ] {
            let allowed = ["tcp *:22", "tcp loopback:53"].map(|it| it.parse().unwrap());
            assert_eq!(is_stated(&allowed, Protocol::Tcp, value), wanted, "{value}");
            assert!(!is_stated(&allowed, Protocol::Udp, "22"));
        }
    }
}

//! Which sockets may listen.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::wire::{RuleError, one_string};

/// Sockets that may listen: `tcp *:22`, `udp loopback:53`, `tcp [::1]:5432`, `udp *:60000-60010`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Which protocol.
    pub protocol: Protocol,
    /// On which of the machine's addresses.
    pub address: Address,
    /// On which ports.
    pub ports: Ports,
}

/// A protocol of `/proc/net`; each stands for IPv4 and IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// raw(7); the port is the number of the IP protocol.
    Raw,
    /// tcp(7).
    Tcp,
    /// udp(7).
    Udp,
    /// udplite(7).
    UdpLite,
}

/// Addresses of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// Any, the unspecified one too.
    Any,
    /// `127.0.0.0/8` and `::1`: reached from the machine itself only.
    Loopback,
    /// This one, as the socket is bound to it; `0.0.0.0` and `::` are those bound to all.
    Only(IpAddr),
}

/// Ports, both ends among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Listener {
    /// The rule, for people.
    pub const RULE: &'static str = "a listener is PROTOCOL ADDRESS:PORT, as in 'tcp *:22', \
                                    'udp loopback:53' or 'tcp [::1]:6000-6010'; the protocol is \
                                    tcp, udp, udplite or raw";

    /// Whether a socket of `protocol` that is bound to `address` and `port` is one of these.
    pub fn covers(&self, protocol: Protocol, address: IpAddr, port: u16) -> bool {
        self.protocol == protocol
            && (self.ports.first..=self.ports.last).contains(&port)
            && match self.address {
                Address::Any => true,
                Address::Loopback => address.to_canonical().is_loopback(),
                Address::Only(only) => only.to_canonical() == address.to_canonical(),
            }
    }
}

impl Ports {
    /// Ports from `first` to `last`; `None` where there are none.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The first.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The last.
    pub const fn last(self) -> u16 {
        self.last
    }
}

impl Protocol {
    const WORDS: [(&'static str, Self); 4] = [
        ("raw", Self::Raw),
        ("tcp", Self::Tcp),
        ("udp", Self::Udp),
        ("udplite", Self::UdpLite),
    ];
}

impl FromStr for Listener {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        listener(text).ok_or(RuleError(Self::RULE))
    }
}

fn listener(text: &str) -> Option<Listener> {
    let (protocol, rest) = text.split_once(' ')?;
    let (address, ports) = rest.rsplit_once(':')?;
    let (_, protocol) = Protocol::WORDS
        .into_iter()
        .find(|(word, _)| *word == protocol)?;
    let address = match address {
        "*" => Address::Any,
        "loopback" => Address::Loopback,
        other => {
            let inner = other.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            Address::Only(match inner {
                Some(inner) => IpAddr::V6(inner.parse().ok()?),
                None => IpAddr::V4(other.parse().ok()?),
            })
        }
    };
    let ports = match ports.split_once('-') {
        None => port(ports).and_then(|port| Ports::new(port, port))?,
        Some((first, last)) => Ports::new(port(first)?, port(last)?)?,
    };
    Some(Listener {
        protocol,
        address,
        ports,
    })
}

/// Decimal digits alone: `parse` would take a sign.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UdpLite => "udplite",
        })
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.protocol)?;
        match self.address {
            Address::Any => f.write_str("*")?,
            Address::Loopback => f.write_str("loopback")?,
            Address::Only(IpAddr::V4(address)) => write!(f, "{address}")?,
            Address::Only(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        write!(f, ":{}", self.ports)
    }
}

one_string!(Listener);

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(listener: &str, protocol: Protocol, address: &str, port: u16) -> bool {
        let listener: Listener = listener.parse().unwrap();
        listener.covers(protocol, address.parse().unwrap(), port)
    }

    #[test]
    fn one_listener_has_one_spelling() {
        for text in [
            "tcp *:22",
            "udp loopback:53",
            "tcp 10.0.0.1:6000-6010",
            "udplite [::1]:7",
            "raw *:58",
        ] {
            assert_eq!(text.parse::<Listener>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "tcp",
            "tcp 22",
            "tcp :22",
            "tcp ::1:22",
            "TCP *:22",
            "tcp *:+22",
            "tcp *:65536",
            "tcp *:9-8",
            "tcp *:",
            "tcp  *:22",
            "icmp *:1",
        ] {
            assert!(bad.parse::<Listener>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_and_ports_are_compared() {
        use Protocol::{Tcp, Udp};
        assert!(covers("tcp *:22", Tcp, "0.0.0.0", 22));
        assert!(covers("tcp *:22", Tcp, "::", 22));
        assert!(!covers("tcp *:22", Udp, "0.0.0.0", 22));
        assert!(!covers("tcp *:22", Tcp, "0.0.0.0", 23));
        assert!(covers("tcp *:20-22", Tcp, "0.0.0.0", 20));
        assert!(covers("udp loopback:53", Udp, "127.0.0.53", 53));
        assert!(covers("udp loopback:53", Udp, "::1", 53));
        assert!(covers("udp loopback:53", Udp, "::ffff:127.0.0.1", 53));
        assert!(!covers("udp loopback:53", Udp, "0.0.0.0", 53));
        assert!(!covers("udp loopback:53", Udp, "10.0.0.1", 53));
        assert!(covers("tcp 10.0.0.1:1", Tcp, "::ffff:10.0.0.1", 1));
        assert!(!covers("tcp 10.0.0.1:1", Tcp, "0.0.0.0", 1));
    }
}

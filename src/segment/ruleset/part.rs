//! One condition or action of a rule: as nft(8) is told it, and as libnftables-json(5) lists it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use crate::peers::{Cidr, Family, set_name};
use crate::segment::{Port, Proto, SegmentName};

/// A condition or an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    pub(super) listed: Value,
}

/// Which end of a packet an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Destination,
}

impl End {
    fn address(self) -> &'static str {
        match self {
            Self::Source => "saddr",
            Self::Destination => "daddr",
        }
    }

    fn port(self) -> &'static str {
        match self {
            Self::Source => "sport",
            Self::Destination => "dport",
        }
    }
}

/// A type of ICMP messages, by nft's name and by its number.
pub(super) type Icmp = (&'static str, u8);

impl Part {
    fn new(text: impl Into<String>, listed: Value) -> Self {
        let text = text.into();
        Self { text, listed }
    }

    pub(super) fn accept() -> Self {
        Self::new("accept", json!({"accept": null}))
    }

    pub(super) fn drop() -> Self {
        Self::new("drop", json!({"drop": null}))
    }

    /// What belongs to a connection that was let through, is let through; the numbers are those of
    /// the kernel's `IP_CT_…` bits.
    pub(super) fn tracked() -> Self {
        Self::new(
            "ct state vmap { established : accept, related : accept, invalid : drop }",
            json!({"vmap": {"data": {"set": [[1, {"drop": null}], [2, {"accept": null}], [4, {"accept": null}]]}, "key": {"ct": {"key": "state"}}}}),
        )
    }

    /// Over the loopback interface; `key` is `iif` or `oif`.
    pub(super) fn loopback(key: &'static str) -> Self {
        let listed = equal(&json!({"meta": {"key": key}}), &json!("lo"));
        Self::new(format!("{key} \"lo\""), listed)
    }

    /// From or to a network.
    pub(super) fn network(end: End, network: &Cidr) -> Self {
        let (address, length) = (Shown(network.address()), network.length());
        let address = address.to_string();
        let (text, listed) = if network.is_one() {
            (address.clone(), json!(address))
        } else {
            let prefix = json!({"prefix": {"addr": address, "len": length}});
            (format!("{address}/{length}"), prefix)
        };
        let family = if network.is_v4() {
            Family::V4
        } else {
            Family::V6
        };
        Self::address(end, family, &text, &listed)
    }

    /// From or to an instance of a segment.
    pub(super) fn segment(end: End, family: Family, name: &SegmentName) -> Self {
        let set = format!("@{}", set_name(name.as_str(), family));
        Self::address(end, family, &set, &json!(set))
    }

    fn address(end: End, family: Family, text: &str, listed: &Value) -> Self {
        let (protocol, field) = (family.protocol(), end.address());
        let listed = equal(&payload(protocol, field), listed);
        Self::new(format!("{protocol} {field} {text}"), listed)
    }

    /// From or to ports of a transport; without ports all of it.
    pub(super) fn transport(end: End, proto: Proto, port: Option<Port>) -> Self {
        let word = proto.word();
        let Some(port) = port else {
            // By its number (RFC 9293, RFC 768), as `nft -n` lists it.
            let number = match proto {
                Proto::Tcp => 6,
                Proto::Udp => 17,
            };
            let listed = equal(&json!({"meta": {"key": "l4proto"}}), &json!(number));
            return Self::new(format!("meta l4proto {word}"), listed);
        };
        let listed = if port.first() == port.last() {
            json!(port.first())
        } else {
            json!({"range": [port.first(), port.last()]})
        };
        let listed = equal(&payload(word, end.port()), &listed);
        Self::new(format!("{word} {} {port}", end.port()), listed)
    }

    /// To any port of TCP but this one.
    pub(super) fn other_tcp_port(port: u16) -> Self {
        let listed = matching("!=", &payload("tcp", "dport"), &json!(port));
        Self::new(format!("tcp dport != {port}"), listed)
    }

    /// Sent by a program of root's.
    pub(super) fn of_root() -> Self {
        let listed = equal(&json!({"meta": {"key": "skuid"}}), &json!(0));
        Self::new("meta skuid 0", listed)
    }

    /// ICMP or `ICMPv6` messages of these types, which are ordered by number.
    pub(super) fn icmp(protocol: &'static str, types: &[Icmp]) -> Self {
        let (text, listed) = if let [(name, number)] = types {
            ((*name).to_owned(), json!(number))
        } else {
            let names: Vec<&str> = types.iter().map(|(name, _)| *name).collect();
            let numbers: Vec<u8> = types.iter().map(|(_, number)| *number).collect();
            (
                format!("{{ {} }}", names.join(", ")),
                json!({"set": numbers}),
            )
        };
        let listed = equal(&payload(protocol, "type"), &listed);
        Self::new(format!("{protocol} type {text}"), listed)
    }

    /// From this link alone: a router would have lowered it (RFC 4861, 11.2).
    pub(super) fn from_link() -> Self {
        let listed = equal(&payload("ip6", "hoplimit"), &json!(255));
        Self::new("ip6 hoplimit 255", listed)
    }

    /// At most so many in that time, and five more at once: nft's own default.
    pub(super) fn limit(rate: u32, per: &'static str) -> Self {
        let listed = json!({"limit": {"burst": 5, "per": per, "rate": rate}});
        Self::new(format!("limit rate {rate}/{per}"), listed)
    }

    /// A line in the kernel's log.
    pub(super) fn log() -> Self {
        Self::new(
            "log prefix \"karat drop: \" flags ip options",
            json!({"log": {"flags": "ip options", "prefix": "karat drop: "}}),
        )
    }
}

fn payload(protocol: &str, field: &str) -> Value {
    json!({"payload": {"field": field, "protocol": protocol}})
}

fn equal(left: &Value, right: &Value) -> Value {
    matching("==", left, right)
}

fn matching(op: &str, left: &Value, right: &Value) -> Value {
    json!({"match": {"left": left, "op": op, "right": right}})
}

/// An address as `inet_ntop(3)` writes it, which nft uses: `::/96` holds IPv4 addresses.
struct Shown(IpAddr);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(v6) if is_old(v6) => {
                let [.., high, low] = v6.segments();
                let v4 = Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
                write!(f, "::{v4}")
            }
            other => write!(f, "{other}"),
        }
    }
}

/// Whether there are six words of zeros before others.
fn is_old(v6: Ipv6Addr) -> bool {
    matches!(v6.segments(), [0, 0, 0, 0, 0, 0, high, _] if high != 0)
}

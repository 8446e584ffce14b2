//! Whom an image talks to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::SegmentName;
use super::port::{Port, Proto};

/// A network of IPv4 or IPv6 addresses (RFC 4632, RFC 4291); its host bits are zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

impl Cidr {
    /// The rule, for people.
    pub const RULE: &'static str = "a network is ADDRESS/LENGTH, as in 10.1.0.0/16 or \
                                    2001:db8::/32, with no bit set behind its length";

    /// Takes `10.1.0.0/16`; a lone address is a network of one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let (address, length) = match text.split_once('/') {
            None => (text, None),
            Some((address, length)) => (address, Some(length)),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => longest,
            Some(text) => {
                let length: u8 = text.parse().ok()?;
                (length <= longest && length.to_string() == text).then_some(length)?
            }
        };
        let masked = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length.into()));
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask.unwrap_or(0)))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length.into()));
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask.unwrap_or(0)))
            }
        };
        (masked == address).then_some(Self { address, length })
    }

    /// The first address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits are fixed.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Whether it is of IPv4.
    pub const fn is_v4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether an address is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let length = u32::from(self.length.min(other.length));
        match (self.address, other.address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let differ = a.to_bits() ^ b.to_bits();
                length == 0 || differ.leading_zeros() >= length
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let differ = a.to_bits() ^ b.to_bits();
                length == 0 || differ.leading_zeros() >= length
            }
            _ => false,
        }
    }

    /// Whether it is all addresses of its family.
    pub const fn is_all(&self) -> bool {
        self.length == 0
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cidr({self})")
    }
}

/// What every fleet has somewhere, and no template provides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Infrastructure {
    /// Name servers.
    Dns,
    /// Where logs go.
    Log,
    /// Time servers.
    Ntp,
    /// Mirrors of the archive.
    Updates,
}

impl Infrastructure {
    /// The words of templates.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("dns", Self::Dns),
        ("log", Self::Log),
        ("ntp", Self::Ntp),
        ("updates", Self::Updates),
    ];

    /// The word of this one.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Log => "log",
            Self::Ntp => "ntp",
            Self::Updates => "updates",
        }
    }

    /// Protocols and ports that it has where a template states none: 53 both ways (RFC 7766), 123
    /// (RFC 5905), HTTP and HTTPS, syslog over TLS (RFC 5425).
    pub const fn openings(self) -> &'static [(Proto, u16)] {
        match self {
            Self::Dns => &[(Proto::Tcp, 53), (Proto::Udp, 53)],
            Self::Log => &[(Proto::Tcp, 6514)],
            Self::Ntp => &[(Proto::Udp, 123)],
            Self::Updates => &[(Proto::Tcp, 80), (Proto::Tcp, 443)],
        }
    }

    /// As [`Infrastructure::openings`], as ports.
    pub(super) fn ports(self) -> Vec<(Proto, Option<Port>)> {
        let openings = self.openings().iter();
        openings
            .map(|(proto, port)| (*proto, Port::one(*port)))
            .collect()
    }
}

/// The other end of a flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Anything, inside or outside.
    Any,
    /// One of the fleet's common services.
    Infrastructure(Infrastructure),
    /// These addresses.
    Net(Cidr),
    /// Instances of this segment.
    Segment(SegmentName),
}

impl Peer {
    /// The rule, for people.
    pub const RULE: &'static str = "it is dns, ntp, updates, log, any, a network such as \
                                    10.1.0.0/16, or the name of a segment";

    /// Takes what `to` of `[[segment.egress]]` takes; a network of all addresses is [`Peer::Any`].
    pub fn parse(text: &str) -> Option<Self> {
        if text == "any" {
            return Some(Self::Any);
        }
        let words = Infrastructure::WORDS.iter();
        if let Some((_, value)) = words.into_iter().find(|(word, _)| *word == text) {
            return Some(Self::Infrastructure(*value));
        }
        // An address is no name that one would give a segment, though 10.0.0.1 could be one.
        if let Some(net) = Cidr::parse(text) {
            return Some(if net.is_all() {
                Self::Any
            } else {
                Self::Net(net)
            });
        }
        SegmentName::new(text).map(Self::Segment)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Infrastructure(it) => f.write_str(it.word()),
            Self::Net(net) => write!(f, "{net}"),
            Self::Segment(name) => write!(f, "{name}"),
        }
    }
}

/// Who may use a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Anybody.
    Public,
    /// Instances of the service's own segment.
    Own,
    /// Instances of these segments, sorted; never empty.
    Segments(Vec<SegmentName>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_one_spelling() {
        for text in [
            "10.1.0.0/16",
            "0.0.0.0/0",
            "2001:db8::/32",
            "::/0",
            "10.0.0.1/32",
        ] {
            assert_eq!(Cidr::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Cidr::parse("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        for bad in [
            "",
            "10.1.0.1/16",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0/8",
            "::1/129",
            "2001:db8::1/32",
            "a/8",
            "10.0.0.0/",
        ] {
            assert_eq!(Cidr::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn peers() {
        assert_eq!(Peer::parse("any"), Some(Peer::Any));
        assert_eq!(Peer::parse("::/0"), Some(Peer::Any));
        assert_eq!(
            Peer::parse("dns"),
            Some(Peer::Infrastructure(Infrastructure::Dns))
        );
        assert!(matches!(Peer::parse("10.0.0.0/8"), Some(Peer::Net(_))));
        assert!(matches!(Peer::parse("web"), Some(Peer::Segment(_))));
        assert_eq!(Peer::parse("public"), None);
        assert_eq!(Peer::parse("10.0.0.1/8"), None);
    }
}

//! Whom an image talks to.

use std::fmt;

use super::name::SegmentName;
use super::port::{Port, Proto};
pub use crate::peers::Cidr;

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

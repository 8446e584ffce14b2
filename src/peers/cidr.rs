//! Networks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
                // One spelling: neither a sign nor zeros before it.
                let is_plain = text == "0" || !text.starts_with(['+', '0']);
                (length <= longest && is_plain).then_some(length)?
            }
        };
        (masked(address, length) == address).then_some(Self { address, length })
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
        let length = self.length.min(other.length);
        masked(self.address, length) == masked(other.address, length)
    }

    /// Whether it is one address.
    pub const fn is_one(&self) -> bool {
        self.length == if self.is_v4() { 32 } else { 128 }
    }

    /// Whether all addresses of `other`, which comes later in order, are among these.
    pub fn contains(&self, other: &Self) -> bool {
        // With as few bits fixed as here, it is the same network or another.
        self.length <= other.length && masked(other.address, self.length) == self.address
    }

    /// Whether it may stand in a set of peers: not all addresses, and none of those that held IPv4
    /// addresses once (RFC 4291, 2.5.5.1), which programs write in different ways.
    pub fn may_be_peer(&self) -> bool {
        let is_old = match self.address {
            IpAddr::V4(_) => false,
            IpAddr::V6(v6) => v6.to_bits() >> 32 == 0,
        };
        !self.is_all() && !is_old
    }

    /// Whether it is all addresses of its family.
    pub const fn is_all(&self) -> bool {
        self.length == 0
    }
}

/// The first `length` bits.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length.into()));
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask.unwrap_or(0)))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length.into()));
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask.unwrap_or(0)))
        }
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
}

//! Which packet and Unix sockets there may be.

use std::fmt;
use std::str::FromStr;

use super::Account;
use super::wire::{RuleError, checked_text, one_string};
use crate::path::name_matches;

/// Packet sockets that there may be: `88cc systemd-network`, `* dhcp`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packet {
    /// The protocol of the link (`linux/if_ether.h`); `None`: any.
    pub protocol: Option<u16>,
    /// Whose they are.
    pub user: Account,
}

impl Packet {
    /// The rule, for people.
    pub const RULE: &'static str = "a packet socket is PROTOCOL ACCOUNT, as in \
                                    '88cc systemd-network' or '* dhcp'; the protocol is four hex \
                                    digits as in /proc/net/packet, or *";

    /// Whether a socket of `protocol` that the account `user` opened is one of these.
    pub fn covers(&self, protocol: u16, user: &[u8]) -> bool {
        self.protocol.is_none_or(|it| it == protocol) && self.user.as_str().as_bytes() == user
    }
}

impl FromStr for Packet {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        packet(text).ok_or(RuleError(Self::RULE))
    }
}

fn packet(text: &str) -> Option<Packet> {
    let (protocol, user) = text.split_once(' ')?;
    let protocol = match protocol {
        "*" => None,
        hex => {
            let number = u16::from_str_radix(hex, 16).ok()?;
            // One spelling: no sign, no capitals, four digits.
            (format!("{number:04x}") == hex).then_some(Some(number))?
        }
    };
    let user = user.parse().ok()?;
    Some(Packet { protocol, user })
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Some(protocol) => write!(f, "{protocol:04x} {}", self.user),
            None => write!(f, "* {}", self.user),
        }
    }
}

one_string!(Packet);

checked_text! {
    /// Names of Unix sockets: `@name` in the abstract namespace, `/path`, or as a program that does
    /// not name the whole path bound it; `*` is any run of bytes, slashes too, `?` any byte.
    SocketName: |text| !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '),
        "a Unix socket's name is up to 255 printable ASCII characters, as in '@name' or '/path'; * is any run of them";
}

impl SocketName {
    /// Whether `name`, as `/proc/net/unix` has it, is one of these.
    pub fn covers(&self, name: &[u8]) -> bool {
        name_matches(self.as_str().as_bytes(), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_packet_socket_has_one_spelling() {
        for text in ["88cc systemd-network", "0003 root", "* dhcp"] {
            assert_eq!(text.parse::<Packet>().unwrap().to_string(), text);
        }
        for bad in [
            "", "88cc", "88CC x", "8c x", "+88c x", "00800 x", "10000 x", "*", "* ", "** x",
            "0800 a:b", "0800  x",
        ] {
            assert!(bad.parse::<Packet>().is_err(), "{bad:?}");
        }
        let lldp: Packet = "88cc systemd-network".parse().unwrap();
        assert!(lldp.covers(0x88cc, b"systemd-network"));
        assert!(!lldp.covers(0x0800, b"systemd-network"));
        assert!(!lldp.covers(0x88cc, b"root"));
        assert!("* dhcp".parse::<Packet>().unwrap().covers(3, b"dhcp"));
    }

    #[test]
    fn names_of_unix_sockets() {
        let covers = |pattern: &str, name: &[u8]| {
            let pattern: SocketName = pattern.parse().unwrap();
            pattern.covers(name)
        };
        assert!(covers("@x", b"@x") && !covers("@x", b"@xy") && !covers("@x", b"x"));
        assert!(covers("/var/run/*", b"/var/run/a/b\xff") && !covers("/var/run/*", b"/var/ru"));
        assert!("".parse::<SocketName>().is_err());
        assert!("@a\n".parse::<SocketName>().is_err());
    }
}

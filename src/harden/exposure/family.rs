//! Address families: `RestrictAddressFamilies=`.

use std::collections::BTreeSet;

use super::words::{denial, unquoted};

/// Families of which each is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// Sockets of the machine itself.
    Unix,
    /// The kernel's own messages.
    Netlink,
    /// Raw frames.
    Packet,
    /// All others together.
    Other,
}

/// The names of `<sys/socket.h>` whose families are weighed together.
const OTHERS: [&str; 40] = [
    "AF_ALG",
    "AF_APPLETALK",
    "AF_ASH",
    "AF_ATMPVC",
    "AF_ATMSVC",
    "AF_AX25",
    "AF_BLUETOOTH",
    "AF_BRIDGE",
    "AF_CAIF",
    "AF_CAN",
    "AF_DECnet",
    "AF_ECONET",
    "AF_IB",
    "AF_IEEE802154",
    "AF_IPX",
    "AF_IRDA",
    "AF_ISDN",
    "AF_IUCV",
    "AF_KCM",
    "AF_KEY",
    "AF_LLC",
    "AF_MCTP",
    "AF_MPLS",
    "AF_NETBEUI",
    "AF_NETROM",
    "AF_NFC",
    "AF_PHONET",
    "AF_PPPOX",
    "AF_QIPCRTR",
    "AF_RDS",
    "AF_ROSE",
    "AF_RXRPC",
    "AF_SECURITY",
    "AF_SMC",
    "AF_SNA",
    "AF_TIPC",
    "AF_VSOCK",
    "AF_WANPIPE",
    "AF_X25",
    "AF_XDP",
];

impl Family {
    fn of(name: &str) -> Option<Self> {
        match name {
            "AF_INET" | "AF_INET6" => Some(Self::Inet),
            "AF_UNIX" | "AF_LOCAL" | "AF_FILE" => Some(Self::Unix),
            "AF_NETLINK" | "AF_ROUTE" => Some(Self::Netlink),
            "AF_PACKET" => Some(Self::Packet),
            _ => OTHERS.contains(&name).then_some(Self::Other),
        }
    }
}

/// What assignments come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Families {
    /// Whether the names are those that are allowed, not those that are denied.
    allows: bool,
    /// The names; `None` where nothing was named since the list was emptied.
    names: Option<BTreeSet<String>>,
}

impl Families {
    pub(super) fn of(values: &[&str]) -> Self {
        let mut families = Self::default();
        for value in values {
            match *value {
                "" => families = Self::default(),
                "none" => {
                    families = Self {
                        allows: true,
                        names: None,
                    }
                }
                value => families.add(value),
            }
        }
        families
    }

    /// The first list says whether lists allow or deny; a later one of the other kind takes away.
    fn add(&mut self, value: &str) {
        let (is_denial, list) = denial(value);
        if self.names.is_none() {
            self.allows = !is_denial;
        }
        let allows = self.allows;
        let names = self.names.get_or_insert_default();
        for name in unquoted(list) {
            if Family::of(&name).is_none() {
                continue;
            }
            if allows == is_denial {
                names.remove(&name);
            } else {
                names.insert(name);
            }
        }
    }

    /// Whether a service is kept from all that is weighed as this family. One name is enough to open,
    /// or to close, all that are weighed together.
    pub(super) fn restricts(&self, family: Family) -> bool {
        let mut names = self.names.iter().flatten();
        let is_named = names.any(|name| Family::of(name) == Some(family));
        self.allows != is_named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_allow_or_deny() {
        let restricts = |values: &[&str]| {
            let families = Families::of(values);
            [
                Family::Inet,
                Family::Unix,
                Family::Netlink,
                Family::Packet,
                Family::Other,
            ]
            .map(|family| families.restricts(family))
        };
        assert_eq!(restricts(&[]), [false; 5]);
        assert_eq!(restricts(&["none"]), [true; 5]);
        assert_eq!(restricts(&["none", ""]), [false; 5]);
        assert_eq!(
            restricts(&["AF_UNIX", "AF_INET6"]),
            [false, false, true, true, true]
        );
        assert_eq!(
            restricts(&["AF_UNIX AF_INET", "~AF_INET"]),
            [true, false, true, true, true]
        );
        assert_eq!(
            restricts(&["~AF_PACKET AF_VSOCK"]),
            [false, false, false, true, true]
        );
        assert_eq!(restricts(&["AF_NOBODY"]), [true; 5]);
    }
}

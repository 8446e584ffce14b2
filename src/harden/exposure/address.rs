//! Addresses: `IPAddressAllow=` and `IPAddressDeny=` of systemd.resource-control(5).

use std::net::IpAddr;

/// What lists of addresses come to.
#[expect(clippy::struct_excessive_bools, reason = "each is true by itself")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    /// All addresses of IPv4.
    pub(super) all_v4: bool,
    /// All addresses of IPv6.
    pub(super) all_v6: bool,
    /// Addresses of the machine itself.
    pub(super) own: bool,
    /// Any other addresses.
    pub(super) other: bool,
}

impl Addresses {
    pub(super) fn of(values: &[&str]) -> Self {
        let mut found = Self::default();
        for value in values {
            if value.is_empty() {
                found = Self::default();
            }
            for word in value.split_ascii_whitespace() {
                found.add(word);
            }
        }
        found
    }

    fn add(&mut self, word: &str) {
        match word {
            "any" => (self.all_v4, self.all_v6, self.other) = (true, true, true),
            "link-local" | "multicast" => self.other = true,
            word if is_localhost(word) => self.own = true,
            word => {
                let Some((address, length)) = network(word) else {
                    return;
                };
                match (address, length) {
                    (IpAddr::V4(_), 0) => (self.all_v4, self.other) = (true, true),
                    (IpAddr::V6(_), 0) => (self.all_v6, self.other) = (true, true),
                    (IpAddr::V4(address), 8..) if address.is_loopback() => self.own = true,
                    (IpAddr::V6(address), 128) if address.is_loopback() => self.own = true,
                    _ => self.other = true,
                }
            }
        }
    }
}

fn is_localhost(word: &str) -> bool {
    const NAMES: [&str; 2] = ["localhost", "localhost.localdomain"];
    let word = word.to_ascii_lowercase();
    let word = word.strip_suffix('.').unwrap_or(&word);
    let below = NAMES.iter().any(|name| {
        let before = word.strip_suffix(name);
        before.is_some_and(|before| before.ends_with('.'))
    });
    NAMES.contains(&word) || below
}

/// An address and how many of its bits count; all of them where nothing is said.
fn network(word: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (word, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(text) => text.parse().ok().filter(|length| *length <= most)?,
        None => most,
    };
    Some((address, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_addresses() {
        let any = Addresses::of(&["any"]);
        assert!(any.all_v4 && any.all_v6 && any.other);
        assert_eq!(any, Addresses::of(&["0.0.0.0/0", "::/0"]));
        assert!(!Addresses::of(&["0.0.0.0/0"]).all_v6);
        assert_eq!(Addresses::of(&["any", ""]), Addresses::default());
        for own in [
            "localhost",
            "127.0.0.1",
            "127.0.0.0/8",
            "::1",
            "a.LOCALHOST.",
        ] {
            let found = Addresses::of(&[own]);
            assert!(found.own && !found.other, "{own}");
        }
        for other in [
            "10.0.0.0/8",
            "link-local",
            "multicast",
            "::1/64",
            "127.0.0.1/4",
        ] {
            let found = Addresses::of(&[other]);
            assert!(!found.own && found.other, "{other}");
        }
        for bad in ["10.0.0.0/33", "x", "1.2.3", "/8"] {
            assert_eq!(Addresses::of(&[bad]), Addresses::default(), "{bad}");
        }
    }
}

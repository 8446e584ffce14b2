//! Ports, protocols, and how exposed a unit may be.

use std::fmt;

/// Ports of one protocol, both ends among them: `443`, `8000-8010`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    first: u16,
    last: u16,
}

impl Port {
    /// The rule, for people.
    pub const RULE: &'static str =
        "a port lies between 1 and 65535; a range is written as in \"8000-8010\"";

    /// One port; `None` for 0.
    pub const fn one(port: u16) -> Option<Self> {
        Self::new(port, port)
    }

    /// Ports from `first` to `last`; `None` where there are none, or 0 is among them.
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        if first == 0 || first > last {
            None
        } else {
            Some(Self { first, last })
        }
    }

    /// Takes `443` or `8000-8010`, each in its one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('-') {
            None => Self::one(number(text)?),
            // A range of one port is written as that port.
            Some((first, last)) => {
                Self::new(number(first)?, number(last)?).filter(|port| port.first != port.last)
            }
        }
    }

    /// The first port.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The last port.
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Whether all ports of `other` are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// The ports that both have.
    pub const fn common(self, other: Self) -> Option<Self> {
        let first = if self.first > other.first {
            self.first
        } else {
            other.first
        };
        let last = if self.last < other.last {
            self.last
        } else {
            other.last
        };
        Self::new(first, last)
    }
}

/// Decimal digits alone, without leading zeros.
fn number(text: &str) -> Option<u16> {
    let number: u16 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// A transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proto {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

impl Proto {
    /// The words of templates.
    pub const WORDS: &'static [(&'static str, Self)] = &[("tcp", Self::Tcp), ("udp", Self::Udp)];

    /// The word of this protocol.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How exposed a unit is, as `systemd-analyze security` measures it: 0.0 to 10.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exposure(u8);

impl Exposure {
    /// The rule, for people.
    pub const RULE: &'static str =
        "an exposure lies between 0.0 and 10.0, with at most one digit after the point";

    /// The most that there is.
    pub const MOST: Self = Self(100);

    /// So many tenths; `None` beyond 100.
    pub const fn from_tenths(tenths: u8) -> Option<Self> {
        if tenths <= 100 {
            Some(Self(tenths))
        } else {
            None
        }
    }

    /// Takes `3`, `3.0` or `9.6`.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str, max: usize| {
            (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 2) || !digits(tenth, 1) {
            return None;
        }
        let tenths = whole.parse::<u8>().ok()?.checked_mul(10)?;
        Self::from_tenths(tenths.checked_add(tenth.parse().ok()?)?)
    }

    /// Tenths.
    pub const fn tenths(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_one_spelling() {
        for text in ["1", "443", "65535", "8000-8010"] {
            assert_eq!(Port::parse(text).unwrap().to_string(), text);
        }
        for bad in [
            "",
            "0",
            "65536",
            "+1",
            "01",
            "8010-8000",
            "80-80",
            "1-",
            "-1",
            "1-2-3",
            " 1",
            "http",
        ] {
            assert_eq!(Port::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn ranges_meet() {
        let port = |text| Port::parse(text).unwrap();
        assert!(port("8000-8010").contains(port("8005")));
        assert!(!port("8005").contains(port("8000-8010")));
        assert_eq!(port("1-10").common(port("5-20")), Some(port("5-10")));
        assert_eq!(port("1-10").common(port("11")), None);
    }

    #[test]
    fn exposures() {
        for (text, shown) in [("3", "3.0"), ("9.6", "9.6"), ("10.0", "10.0"), ("0", "0.0")] {
            assert_eq!(Exposure::parse(text).unwrap().to_string(), shown);
        }
        for bad in ["", "10.1", "-1", "3.05", "1e1", "nan", "100", ".5", "5."] {
            assert_eq!(Exposure::parse(bad), None, "{bad:?}");
        }
    }
}

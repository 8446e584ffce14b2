//! What a template states about its place: `[segment]`.

use std::collections::BTreeMap;
use std::fmt;

use super::name::{Date, PackageGlob, SegmentName, ServiceName, UnitName};
use super::peer::{Audience, Peer};
use super::port::{Exposure, Port, Proto};

/// `[segment]`: where the image belongs, and what may reach it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// What kind of service it runs.
    pub category: Option<Category>,
    /// The name of its segment; always there where a service or a consumption is stated.
    pub name: Option<SegmentName>,
    /// Whether it is kept up to date.
    pub lifecycle: Option<Lifecycle>,
    /// When its support ends.
    pub eol: Option<Date>,
    /// How secret what it keeps is.
    pub data_class: Option<DataClass>,
    /// Segments that may reach its SSH, sorted; `None`: anybody may.
    pub admin_from: Option<Vec<SegmentName>>,
    /// The one segment that reaches a legacy image.
    pub gateway: Option<SegmentName>,
    /// Packages that must not be in it, beside those that its category forbids; sorted.
    pub forbid_packages: Vec<PackageGlob>,
    /// How exposed each of these units may be at most.
    pub exposure: BTreeMap<UnitName, Exposure>,
    /// Services that it offers, sorted by name.
    pub provides: Vec<Provides>,
    /// Services of others that it uses, sorted by segment and name.
    pub consumes: Vec<Consumes>,
    /// Where else it connects to, sorted.
    pub egress: Vec<Egress>,
}

/// `[[segment.provides]]`: a service that the image offers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Provides {
    /// Its name.
    pub name: ServiceName,
    /// Where it listens.
    pub port: Port,
    /// By which transport.
    pub proto: Proto,
    /// Who may use it.
    pub audience: Audience,
    /// Which unit it is.
    pub unit: Option<UnitName>,
}

/// `[[segment.consumes]]`: a service of another segment that the image uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Consumes {
    /// Whose service.
    pub segment: SegmentName,
    /// Its name there; `ssh` is what `admin_from` offers.
    pub service: ServiceName,
    /// Where it listens.
    pub port: Port,
    /// By which transport.
    pub proto: Proto,
    /// Which unit uses it.
    pub unit: Option<UnitName>,
}

/// `[[segment.egress]]`: where else the image connects to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Egress {
    /// Where.
    pub to: Peer,
    /// To which ports; `None`: those of [`super::Infrastructure::openings`], else all.
    pub port: Option<Port>,
    /// By which transport; `None`: that of the openings, else TCP with a port, else both.
    pub proto: Option<Proto>,
    /// Why; the fleet's checks want one for [`Peer::Any`].
    pub reason: Option<String>,
    /// Which unit alone it is for.
    pub unit: Option<UnitName>,
}

impl Egress {
    /// What is open: each transport with its ports; `None` stands for all ports.
    pub fn openings(&self) -> Vec<(Proto, Option<Port>)> {
        let fits = |proto: Proto| self.proto.is_none_or(|it| it == proto);
        match (&self.to, self.port) {
            (Peer::Infrastructure(it), None) => {
                let known: Vec<_> = it
                    .ports()
                    .into_iter()
                    .filter(|(proto, _)| fits(*proto))
                    .collect();
                match self.proto {
                    // As with NTS over TCP: another transport, the same ports.
                    Some(proto) if known.is_empty() => it
                        .ports()
                        .into_iter()
                        .map(|(_, port)| (proto, port))
                        .collect(),
                    _ => known,
                }
            }
            (Peer::Infrastructure(it), Some(port)) => {
                let mut protos: Vec<Proto> = match self.proto {
                    Some(proto) => vec![proto],
                    None => it.ports().into_iter().map(|(proto, _)| proto).collect(),
                };
                protos.dedup();
                protos
                    .into_iter()
                    .map(|proto| (proto, Some(port)))
                    .collect()
            }
            (_, Some(port)) => vec![(self.proto.unwrap_or(Proto::Tcp), Some(port))],
            (_, None) => [Proto::Tcp, Proto::Udp]
                .into_iter()
                .filter(|proto| fits(*proto))
                .map(|proto| (proto, None))
                .collect(),
        }
    }
}

/// A place among what a template states, by which a fault finds its line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statement {
    /// `[segment]` itself, or the template where it has none.
    Table,
    /// A plain key of `[segment]`.
    Key(&'static str),
    /// The number of a service in [`Segment::provides`].
    Provides(usize),
    /// The number of a consumption in [`Segment::consumes`].
    Consumes(usize),
    /// The number of a destination in [`Segment::egress`].
    Egress(usize),
    /// A unit of `exposure`.
    Exposure(UnitName),
    /// An item of `packages`.
    Package(String),
    /// A unit of `[services] enable`.
    Unit(String),
}

/// Gives a closed set of values the words by which templates write them.
macro_rules! words {
    ($($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident $word:literal,)* })*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $type {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $type {
            /// The words of templates.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),*];

            /// The word of this value.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        })*
    };
}

words! {
    /// What kind of service an image runs.
    Category {
        /// Reached from outside.
        Frontend "frontend",
        /// Reached from inside only.
        Internal "internal",
        /// Databases and what else keeps data.
        Data "data",
        /// Bastions, monitoring, builders.
        Management "management",
        /// Out of date, kept apart.
        Legacy "legacy",
    }
    /// Whether an image is kept up to date.
    Lifecycle {
        /// It is.
        Current "current",
        /// It is not.
        Legacy "legacy",
    }
    /// How secret data is.
    DataClass {
        /// Anybody may read it.
        Public "public",
        /// Everybody inside may.
        Internal "internal",
        /// Those who need it may.
        Confidential "confidential",
        /// Named people may.
        Restricted "restricted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_of_egress() {
        let open = |to: &str, port: Option<&str>, proto| {
            let egress = Egress {
                to: Peer::parse(to).unwrap(),
                port: port.map(|text| Port::parse(text).unwrap()),
                proto,
                reason: None,
                unit: None,
            };
            let openings = egress.openings().into_iter();
            openings
                .map(|(proto, port)| {
                    let port = port.map_or_else(|| "*".to_owned(), |port| port.to_string());
                    format!("{proto}/{port}")
                })
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(open("dns", None, None), "tcp/53 udp/53");
        assert_eq!(open("dns", None, Some(Proto::Udp)), "udp/53");
        assert_eq!(open("dns", Some("5353"), None), "tcp/5353 udp/5353");
        assert_eq!(open("updates", None, None), "tcp/80 tcp/443");
        assert_eq!(open("updates", Some("3142"), None), "tcp/3142");
        assert_eq!(open("ntp", None, Some(Proto::Tcp)), "tcp/123");
        assert_eq!(open("log", Some("514"), Some(Proto::Udp)), "udp/514");
        assert_eq!(open("any", None, None), "tcp/* udp/*");
        assert_eq!(open("any", Some("443"), None), "tcp/443");
        assert_eq!(open("10.0.0.0/8", None, Some(Proto::Udp)), "udp/*");
    }
}

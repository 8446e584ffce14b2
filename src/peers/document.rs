//! What a document of peers says, before anyone has signed it.

use serde_json::{Map, Value};

use super::Cidr;
use crate::baseline::{Serial, SerialError};
use crate::json::{self, JsonError};
use crate::key::{Signed, ThresholdError};
use crate::limits;
use crate::path::Escaped;

/// Who the peers of a segment are. Anybody can write one: it means nothing until [`Peers::open`] has
/// checked who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    /// After this many seconds since 1970 it should have been replaced.
    pub expires: Option<u64>,
    /// The segment whose instances it is for.
    pub segment: String,
    /// Higher than that of the document before.
    pub serial: Serial,
    /// Where the instances of other segments are, by their names, which are in order: networks in
    /// order, none twice. No map: it would make the agent larger.
    pub sets: Vec<(String, Vec<Cidr>)>,
}

/// Why there are no peers to let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeersError {
    /// The file is no DSSE envelope; says why.
    #[error("peers: {0}")]
    Envelope(String),
    /// Not the JSON that a document of peers is.
    #[error("peers: {0}")]
    Json(#[from] JsonError),
    /// The payload is something else.
    #[error("the payload type is \"{}\", not that of peers", Escaped(.0.as_bytes()))]
    PayloadType(String),
    /// A key that is missing, or holds something else.
    #[error("peers: {0} is missing, or is something else than it should be")]
    Key(&'static str),
    /// A later format, or none.
    #[error("\"{}\" is no format of peers that this karat knows", Escaped(.0.as_bytes()))]
    Spec(String),
    /// The payload is not in its one spelling, or has keys that this format does not.
    #[error("peers: they are not in their one spelling, or have keys that their format does not")]
    NotCanonical,
    /// No name of a segment.
    #[error("peers: \"{}\" is no name of a segment: 1 to 64 of a-z 0-9 . -", Escaped(.0.as_bytes()))]
    Segment(String),
    /// Serials count from 1.
    #[error("peers: {0}")]
    Serial(#[from] SerialError),
    /// Not a network that can be let in.
    #[error(
        "peers: \"{}\" is none: {}; nor all addresses, nor any of ::/96",
        Escaped(.0.as_bytes()),
        Cidr::RULE
    )]
    Network(String),
    /// Two networks that share addresses, or something that is out of order.
    #[error("peers: {0} is out of order, or lies in what comes before it")]
    Order(String),
    /// More than an instance takes.
    #[error(
        "peers: there are more than {} segments or {} networks",
        limits::PEERS_SETS_MAX,
        limits::PEERS_NETWORKS_MAX
    )]
    TooMany,
    /// Too few keys of the role `fleet` signed.
    #[error("peers, signed by the keys of the role fleet: {0}")]
    Threshold(ThresholdError),
    /// For another segment.
    #[error("the peers are those of the segment {found}, and this is one of {expected}")]
    OtherSegment {
        /// Whose instance this is.
        expected: String,
        /// What the document says.
        found: String,
    },
}

impl Peers {
    /// The media type of the payload.
    pub const PAYLOAD_TYPE: &str = "application/vnd.karat.peers+json";
    /// The name of this format.
    pub const SPEC: &str = "karat-peers/1";

    /// The document as a payload to sign.
    ///
    /// # Errors
    /// It breaks a rule of its format.
    #[cfg(feature = "build")]
    pub fn to_signed(&self) -> Result<Signed, PeersError> {
        self.check()?;
        let payload = json::canonical(&Value::Object(self.members()))?;
        Ok(Signed::new(Self::PAYLOAD_TYPE, payload))
    }

    /// Reads a payload, whoever signed it: for showing it. Nothing may be let in by it.
    ///
    /// # Errors
    /// The payload breaks a rule of its format.
    #[cfg(feature = "build")]
    pub fn unverified(signed: &Signed) -> Result<Self, PeersError> {
        Self::read(signed)
    }

    /// Reads a payload, whoever signed it.
    pub(super) fn read(signed: &Signed) -> Result<Self, PeersError> {
        let all: Map<String, Value> = json::read(&signed.payload, limits::PEERS_MAX)?;
        let spec = text(&all, "spec")?;
        if spec != Self::SPEC {
            return Err(PeersError::Spec(spec));
        }
        let peers = Self {
            expires: all.get("expires").and_then(Value::as_u64),
            segment: text(&all, "segment")?,
            serial: Serial::new(all.get("serial").and_then(Value::as_u64).unwrap_or(0))?,
            sets: sets(&all)?,
        };
        peers.check()?;
        let known = if peers.expires.is_some() { 5 } else { 4 };
        if all.len() != known || json::canonical(&Value::Object(all))? != signed.payload {
            return Err(PeersError::NotCanonical);
        }
        Ok(peers)
    }

    fn check(&self) -> Result<(), PeersError> {
        let mut left = limits::PEERS_NETWORKS_MAX;
        if self.sets.len() > limits::PEERS_SETS_MAX {
            return Err(PeersError::TooMany);
        }
        let mut segment: Option<&String> = None;
        let names = self.sets.iter().map(|(name, _)| name);
        for name in names.chain([&self.segment]) {
            if !is_segment(name) {
                return Err(PeersError::Segment(name.clone()));
            }
        }
        for (name, networks) in &self.sets {
            if segment.is_some_and(|it| it >= name) {
                return Err(PeersError::Order(name.clone()));
            }
            segment = Some(name);
            left = left
                .checked_sub(networks.len())
                .ok_or(PeersError::TooMany)?;
            let mut before: Option<&Cidr> = None;
            for network in networks {
                if !network.may_be_peer() {
                    return Err(PeersError::Network(network.to_string()));
                }
                if before.is_some_and(|it| it >= network || it.contains(network)) {
                    return Err(PeersError::Order(network.to_string()));
                }
                before = Some(network);
            }
        }
        Ok(())
    }

    /// As JSON.
    #[cfg(feature = "build")]
    fn members(&self) -> Map<String, Value> {
        let mut sets = Map::new();
        for (name, networks) in &self.sets {
            let networks = networks.iter().map(|it| Value::from(it.to_string()));
            sets.insert(name.clone(), networks.collect());
        }
        let mut all = Map::new();
        if let Some(expires) = self.expires {
            all.insert("expires".to_owned(), expires.into());
        }
        all.insert("segment".to_owned(), self.segment.clone().into());
        all.insert("serial".to_owned(), self.serial.get().into());
        all.insert("sets".to_owned(), sets.into());
        all.insert("spec".to_owned(), Self::SPEC.into());
        all
    }
}

fn text(all: &Map<String, Value>, key: &'static str) -> Result<String, PeersError> {
    match all.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(PeersError::Key(key)),
    }
}

fn sets(all: &Map<String, Value>) -> Result<Vec<(String, Vec<Cidr>)>, PeersError> {
    let wrong = PeersError::Key("sets");
    let Some(members) = all.get("sets").and_then(Value::as_object) else {
        return Err(wrong);
    };
    let mut sets = Vec::new();
    for (name, networks) in members {
        let Some(items) = networks.as_array() else {
            return Err(wrong);
        };
        let mut networks = Vec::new();
        for item in items {
            let Some(text) = item.as_str() else {
                return Err(wrong);
            };
            match Cidr::parse(text) {
                Some(network) if network.to_string() == text => networks.push(network),
                Some(_) => return Err(PeersError::NotCanonical),
                None => return Err(PeersError::Network(text.to_owned())),
            }
        }
        sets.push((name.clone(), networks));
    }
    Ok(sets)
}

/// What the file of a segment's peers is called; `None` where no segment has that name.
pub fn file_name(segment: &str) -> Option<String> {
    is_segment(segment).then(|| format!("{segment}.dsse.json"))
}

/// As a template names segments.
fn is_segment(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let first = name.as_bytes().first().copied();
    name.len() <= 64
        && first.is_some_and(plain)
        && name
            .bytes()
            .all(|byte| plain(byte) || b".-".contains(&byte))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::peers) fn peers(sets: &[(&str, &[&str])]) -> Peers {
        let sets = sets.iter().map(|(name, networks)| {
            let networks = networks.iter().map(|text| Cidr::parse(text).unwrap());
            ((*name).to_owned(), networks.collect())
        });
        Peers {
            expires: None,
            segment: "data".to_owned(),
            serial: Serial::new(3).unwrap(),
            sets: sets.collect(),
        }
    }

    fn read(payload: &str) -> Result<Peers, PeersError> {
        Peers::read(&Signed::new(Peers::PAYLOAD_TYPE, payload.into()))
    }

    #[test]
    fn the_example_of_the_format_is_one() {
        let page = include_str!("../../docs/formats/peers.md");
        let mut peers = peers(&[
            ("api", &["10.1.2.0/24", "2001:db8:1::/64"]),
            ("bastion", &[]),
        ]);
        peers.expires = Some(1_893_456_000);
        let signed = peers.to_signed().unwrap();
        let text = String::from_utf8(signed.payload.clone()).unwrap();
        assert!(page.contains(&format!("```json\n{text}\n```")), "{text}");
        assert_eq!(Peers::read(&signed), Ok(peers));
    }

    #[test]
    fn one_spelling_and_nothing_else() {
        let good = r#"{"segment":"data","serial":3,"sets":{"api":["10.1.0.0/16","10.2.0.0/16"]},"spec":"karat-peers/1"}"#;
        assert!(read(good).is_ok());
        for (from, to, rule) in [
            ("{\"seg", "{ \"seg", "one spelling"),
            ("{\"seg", "{\"extra\":1,\"seg", "one spelling"),
            ("{\"seg", "{\"expires\":null,\"seg", "one spelling"),
            ("{\"seg", "{\"expires\":-1,\"seg", "one spelling"),
            ("peers/1", "peers/2", "no format"),
            (":\"data\"", ":1", "segment is missing"),
            (":\"data\"", ":\"Data\"", "no name of a segment"),
            (":\"data\"", ":\"\"", "no name of a segment"),
            ("\"api\"", "\"a;b\"", "no name of a segment"),
            (":3", ":0", "serial"),
            (":3", ":\"3\"", "serial"),
            ("[\"10.1", "[7,\"10.1", "sets is missing"),
            ("{\"api\"", "{\"api\":[],\"api\"", "twice"),
            ("10.1.0.0/16", "10.1.0.1/16", "\"10.1.0.1/16\" is none"),
            ("10.1.0.0/16", "0.0.0.0/0", "nor all addresses"),
            ("10.1.0.0/16", "::102:304/128", "::/96"),
            ("10.1.0.0/16", "10.0.0.0/8", "10.2.0.0/16 is out of order"),
            ("10.1.0.0/16", "10.2.0.0/16", "10.2.0.0/16 is out of order"),
            ("10.1.0.0/16", "10.3.0.0/16", "10.2.0.0/16 is out of order"),
            ("10.1.0.0/16\"", "10.1.0.9\"", "one spelling"),
            ("\"serial\"", "\"\\u0073erial\"", "one spelling"),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good);
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(rule), "{to}: {error}");
        }
        let many: Vec<String> = (0..=limits::PEERS_NETWORKS_MAX)
            .map(|n| format!("\"10.{}.{}.0/24\"", n >> 8, n & 255))
            .collect();
        let text = good.replace("\"10.1.0.0/16\",\"10.2.0.0/16\"", &many.join(","));
        assert_eq!(read(&text), Err(PeersError::TooMany));
        let most = good.replace("\"10.1.0.0/16\",\"10.2.0.0/16\"", &many[1..].join(","));
        assert!(read(&most).is_ok());
        assert!(matches!(
            read(&"x".repeat(70_000)),
            Err(PeersError::Json(_))
        ));
    }
}

//! The named sets of the packet filter that hold peers.

use super::{Cidr, Peers};

/// The table of the image's packet filter, of the family `inet`.
pub const TABLE: &str = "karat";

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// How the name of a set ends.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
        }
    }

    /// The protocol, by nft's name.
    pub const fn protocol(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ip6",
        }
    }

    /// The type of a set's elements.
    pub const fn set_type(self) -> &'static str {
        match self {
            Self::V4 => "ipv4_addr",
            Self::V6 => "ipv6_addr",
        }
    }
}

/// What the set of a segment's addresses is called: `peer_web_v4`.
pub fn set_name(segment: &str, family: Family) -> String {
    let mut name = String::from("peer_");
    for letter in segment.chars() {
        // No name of nft(8) has a hyphen in it; no name of a segment has what stands for it here.
        name.push(if letter == '-' { '_' } else { letter });
    }
    name + "_" + family.suffix()
}

/// Such a set as a normalised ruleset lists it while it is empty.
pub fn bare_set(segment: &str, family: Family) -> String {
    START.to_owned() + &set_name(segment, family) + MIDDLE + family.set_type() + "\"}}"
}

/// Before the name of an empty set, and between its name and its type.
const START: &str = "{\"set\":{\"family\":\"inet\",\"flags\":[\"interval\"],\"name\":\"";
const MIDDLE: &str = "\",\"table\":\"karat\",\"type\":\"";

impl Peers {
    /// How a normalised ruleset lists the sets that these peers fill, each by how it lists the set
    /// while it is empty.
    pub fn filled_sets(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (segment, networks) in &self.sets {
            for family in Family::ALL {
                let mut elements = each(networks, family, element);
                if elements.is_empty() {
                    continue;
                }
                // As they are normalised: by their text.
                crate::order::sort(&mut elements);
                let bare = bare_set(segment, family);
                let rest = bare.trim_start_matches("{\"set\":");
                let rest = rest.trim_start_matches('{');
                let filled = "{\"set\":{\"elem\":[".to_owned() + &elements.join(",") + "]," + rest;
                all.push((bare, filled));
            }
        }
        all
    }

    /// What nft(8) is told so that those sets of `rules`, a normalised ruleset, that hold peers hold
    /// these and no others, all at once; without peers they become empty. Empty where there are no
    /// such sets.
    pub fn commands(peers: Option<&Self>, rules: &[String]) -> Vec<String> {
        let mut commands = Vec::new();
        for rule in rules {
            let name = rule
                .strip_prefix(START)
                .and_then(|it| it.split_once(MIDDLE));
            if let Some((name, _)) = name
                && is_name(name)
            {
                commands.push(format!("flush set inet {TABLE} {name};"));
            }
        }
        for (segment, networks) in peers.map(|peers| peers.sets.as_slice()).unwrap_or_default() {
            for family in Family::ALL {
                let texts = each(networks, family, ToString::to_string);
                // A ruleset that does not know the segment lets it in nowhere.
                if !texts.is_empty() && rules.contains(&bare_set(segment, family)) {
                    let (name, all) = (set_name(segment, family), texts.join(","));
                    commands.push(format!("add element inet {TABLE} {name} {{{all}}};"));
                }
            }
        }
        commands
    }
}

/// Nothing that would mean more to nft(8) than a name does.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.".contains(&byte);
    name.starts_with("peer_") && name.bytes().all(plain)
}

fn each(networks: &[Cidr], family: Family, shown: fn(&Cidr) -> String) -> Vec<String> {
    let mut texts = Vec::new();
    for network in networks {
        if network.is_v4() == (family == Family::V4) {
            texts.push(shown(network));
        }
    }
    texts
}

/// An element as libnftables-json(5) has it.
fn element(network: &Cidr) -> String {
    let (address, length) = (network.address(), network.length());
    if network.is_one() {
        format!("\"{address}\"")
    } else {
        format!("{{\"prefix\":{{\"addr\":\"{address}\",\"len\":{length}}}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::document::tests::peers;

    #[test]
    fn sets_empty_and_filled() {
        let bare = r#"{"set":{"family":"inet","flags":["interval"],"name":"peer_api_1_v4","table":"karat","type":"ipv4_addr"}}"#;
        assert_eq!(bare_set("api-1", Family::V4), bare);
        let peers = peers(&[("api-1", &["10.0.0.0/24", "10.1.0.9/32", "2001:db8::/32"])]);
        let filled = peers.filled_sets();
        let elements = r#""elem":["10.1.0.9",{"prefix":{"addr":"10.0.0.0","len":24}}],"#;
        assert_eq!(filled.len(), 2);
        assert_eq!(filled[0].0, bare);
        assert_eq!(
            filled[0].1,
            bare.replace("\"family\"", &format!("{elements}\"family\""))
        );
        assert!(filled[1].1.contains(r#"{"addr":"2001:db8::","len":32}"#));
    }

    #[test]
    fn one_transaction_for_the_sets_that_there_are() {
        let rules: Vec<String> = [
            ("api", Family::V4),
            ("api", Family::V6),
            ("x-y", Family::V4),
        ]
        .iter()
        .map(|(segment, family)| bare_set(segment, *family))
        .collect();
        let peers = peers(&[
            ("api", &["10.0.0.0/24", "10.1.0.9/32"]),
            ("elsewhere", &["10.2.0.0/16"]),
        ]);
        let flushed = [
            "flush set inet karat peer_api_v4;",
            "flush set inet karat peer_api_v6;",
            "flush set inet karat peer_x_y_v4;",
        ];
        assert_eq!(Peers::commands(None, &rules), flushed);
        let filled = Peers::commands(Some(&peers), &rules);
        assert_eq!(filled[..3], flushed);
        assert_eq!(
            filled[3..],
            ["add element inet karat peer_api_v4 {10.0.0.0/24,10.1.0.9/32};"]
        );
        // Another table's set, and a name that would be more than one.
        let odd = [
            rules[0].replace("karat", "other"),
            rules[0].replace("peer_api_v4", "peer_a;flush ruleset"),
            rules[0].replace("peer_api_v4", "other"),
        ];
        assert_eq!(Peers::commands(None, &odd), Vec::<String>::new());
    }
}

//! The rules of the packet filter.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::wire;
use crate::json;
use crate::limits;
use crate::tree::Origin;

/// The whole ruleset of nftables, normalised; anything else is drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Firewall {
    /// Who asked for it.
    #[serde(serialize_with = "wire::write")]
    pub origin: Origin,
    /// The segment whose signed document of peers fills sets that are empty in `rules`; `None`: no
    /// document does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers: Option<String>,
    /// One object of libnftables-json(5) each: see [`ruleset`].
    pub rules: Vec<String>,
}

/// Why something is no ruleset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesetError {
    /// Not JSON, or too much of it.
    #[error(transparent)]
    Json(#[from] json::JsonError),
    /// JSON of another shape.
    #[error("it is not what 'nft -j -n list ruleset' prints")]
    Shape,
}

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Map<String, Value>>,
}

/// What `nft -j -n list ruleset` prints (libnftables-json(5)), as one canonical JSON object for each
/// table, chain, set, rule and so on, without what differs from one machine or moment to the next:
/// the version line, handles, counters, and elements of sets that the kernel fills by itself.
///
/// Objects stand in the order of family, table, kind and chain; rules of one chain keep their order,
/// for it decides. Elements of sets are sorted.
///
/// # Errors
/// It is no such listing.
pub fn ruleset(bytes: &[u8]) -> Result<Vec<String>, RulesetError> {
    let listing: Listing = json::read(bytes, limits::RULESET_MAX)?;
    let mut objects = Vec::new();
    for object in listing.nftables {
        let mut members = object.into_iter();
        let (Some((kind, Value::Object(body))), None) = (members.next(), members.next()) else {
            return Err(RulesetError::Shape);
        };
        if kind == "metainfo" {
            continue;
        }
        let body = without_state(&kind, body);
        let place = place(&kind, &body);
        let mut whole = Map::new();
        whole.insert(kind, Value::Object(body));
        let text = json::canonical(&Value::Object(whole))?;
        let text = String::from_utf8(text).map_err(|_error| RulesetError::Shape)?;
        objects.push((place, text));
    }
    // Stable: rules of one chain stay in order.
    crate::order::sort_by(&mut objects, |a, b| a.0.cmp(&b.0));
    Ok(objects.into_iter().map(|(_, text)| text).collect())
}

/// Family, table, whether it is a rule, and for a rule its chain, else kind and name.
type Place = (String, String, bool, String, String);

fn place(kind: &str, body: &Map<String, Value>) -> Place {
    let text = |key: &str| {
        let value = body.get(key).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let table = if kind == "table" { "name" } else { "table" };
    if kind == "rule" {
        (
            text("family"),
            text(table),
            true,
            text("chain"),
            String::new(),
        )
    } else {
        // The table itself comes before what is in it.
        let kind = if kind == "table" { "" } else { kind };
        (
            text("family"),
            text(table),
            false,
            kind.to_owned(),
            text("name"),
        )
    }
}

fn without_state(kind: &str, mut body: Map<String, Value>) -> Map<String, Value> {
    body.remove("handle");
    match kind {
        "counter" => {
            body.remove("packets");
            body.remove("bytes");
        }
        "quota" => {
            body.remove("used");
            body.remove("used_unit");
        }
        "set" | "map" => {
            let fills_itself = |flags: &Value| {
                let is_state = |flag: &Value| flag == "dynamic" || flag == "timeout";
                is_state(flags) || flags.as_array().is_some_and(|all| all.iter().any(is_state))
            };
            if body.get("flags").is_some_and(fills_itself) {
                body.remove("elem");
            }
        }
        _ => {}
    }
    for value in body.values_mut() {
        settle(value);
    }
    if let Some(Value::Array(elements)) = body.get_mut("elem") {
        sort(elements);
    }
    body
}

/// Takes counters out of statements and sorts anonymous sets. The reader has bounded the depth.
fn settle(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                settle(member);
                match (key.as_str(), member) {
                    ("counter", Value::Object(counter)) => {
                        counter.remove("packets");
                        counter.remove("bytes");
                    }
                    ("quota", Value::Object(quota)) => {
                        quota.remove("used");
                        quota.remove("used_unit");
                    }
                    ("set", Value::Array(elements)) => sort(elements),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn sort(elements: &mut Vec<Value>) {
    let mut keyed: Vec<(String, Value)> = std::mem::take(elements)
        .into_iter()
        .map(|element| (element.to_string(), element))
        .collect();
    crate::order::sort_by(&mut keyed, |a, b| a.0.cmp(&b.0));
    elements.extend(keyed.into_iter().map(|(_, element)| element));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = r#"{"nftables": [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": {"family": "inet", "name": "karat", "handle": 7}},
        {"chain": {"family": "inet", "table": "karat", "name": "input", "handle": 1, "policy": "drop"}},
        {"rule": {"family": "inet", "table": "karat", "chain": "input", "handle": 5, "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}},
             "right": {"set": [443, 80]}}}, {"counter": {"packets": 3, "bytes": 9}}, {"accept": null}]}},
        {"rule": {"family": "inet", "table": "karat", "chain": "input", "handle": 2, "expr": [{"drop": null}]}},
        {"set": {"family": "inet", "table": "karat", "name": "b", "handle": 3, "type": "ipv4_addr",
         "elem": ["10.0.0.2", "10.0.0.1"]}},
        {"set": {"family": "inet", "table": "karat", "name": "a", "handle": 4, "type": "ipv4_addr",
         "flags": ["dynamic"], "elem": ["10.0.0.9"]}},
        {"counter": {"family": "inet", "table": "karat", "name": "c", "handle": 9, "packets": 1, "bytes": 2}},
        {"table": {"family": "arp", "name": "z", "handle": 1}}]}"#;

    #[test]
    fn what_changes_by_itself_is_left_out() {
        assert_eq!(
            ruleset(LISTING.as_bytes()).unwrap(),
            [
                r#"{"table":{"family":"arp","name":"z"}}"#,
                r#"{"table":{"family":"inet","name":"karat"}}"#,
                r#"{"chain":{"family":"inet","name":"input","policy":"drop","table":"karat"}}"#,
                r#"{"counter":{"family":"inet","name":"c","table":"karat"}}"#,
                r#"{"set":{"family":"inet","flags":["dynamic"],"name":"a","table":"karat","type":"ipv4_addr"}}"#,
                r#"{"set":{"elem":["10.0.0.1","10.0.0.2"],"family":"inet","name":"b","table":"karat","type":"ipv4_addr"}}"#,
                r#"{"rule":{"chain":"input","expr":[{"match":{"left":{"payload":{"field":"dport","protocol":"tcp"}},"op":"==","right":{"set":[443,80]}}},{"counter":{}},{"accept":null}],"family":"inet","table":"karat"}}"#,
                r#"{"rule":{"chain":"input","expr":[{"drop":null}],"family":"inet","table":"karat"}}"#,
            ]
        );
        let other = LISTING
            .replace("\"packets\": 3", "\"packets\": 4")
            .replace("\"handle\": 5", "\"handle\": 6")
            .replace("[443, 80]", "[80, 443]")
            .replace("10.0.0.9", "10.0.0.8");
        assert_eq!(ruleset(other.as_bytes()), ruleset(LISTING.as_bytes()));
        for (from, to) in [("drop\": null", "accept\": null"), ("10.0.0.2", "10.0.0.3")] {
            let other = LISTING.replace(from, to);
            assert_ne!(ruleset(other.as_bytes()), ruleset(LISTING.as_bytes()));
        }
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        for bad in [
            "",
            "[]",
            "{}",
            "{\"nftables\":[1]}",
            "{\"nftables\":[{}]}",
            "{\"nftables\":[{\"table\":1}]}",
            "{\"nftables\":[{\"table\":{},\"rule\":{}}]}",
            "{\"nftables\":[{\"table\":{\"name\":1,\"name\":2}}]}",
        ] {
            assert!(ruleset(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(ruleset(b"{\"nftables\":[]}"), Ok(Vec::new()));
        let deep = format!("{{\"nftables\":{}{}}}", "[".repeat(99), "]".repeat(99));
        assert_eq!(
            ruleset(deep.as_bytes()),
            Err(RulesetError::Json(json::JsonError::TooDeep))
        );
    }
}

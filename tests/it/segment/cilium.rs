//! `CiliumNetworkPolicy` as its custom resource definition (`cilium.io/v2`, `ciliumnetworkpolicies`, of
//! Cilium 1.16 and later) describes it, told in own words and only for the members that karat writes:
//! nobody packages that schema. Closed: what is not named here is refused.

use karat::segment::export;
use serde_json::{Map, Value};

use super::{changed, loaded, sound};

/// Most entries of `toPorts[].ports`.
const PORTS_MAX: usize = 40;
/// The entities that peers may be.
const ENTITIES: [&str; 11] = [
    "all",
    "world",
    "cluster",
    "host",
    "init",
    "ingress",
    "unmanaged",
    "remote-node",
    "health",
    "none",
    "kube-apiserver",
];
const PROTOCOLS: [&str; 6] = ["ANY", "IGMP", "SCTP", "TCP", "UDP", "VRRP"];

fn policy(value: &Value) -> Result<(), String> {
    let all = object(value, "policy", &["apiVersion", "kind", "metadata", "spec"])?;
    is(&all["apiVersion"], "cilium.io/v2")?;
    is(&all["kind"], "CiliumNetworkPolicy")?;
    let metadata = object(&all["metadata"], "metadata", &["name"])?;
    let name = text(&metadata["name"])?;
    // RFC 1123, a subdomain.
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        edge(bytes.first())
            && edge(bytes.last())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    };
    if name.len() > 253 || !name.split('.').all(part) {
        return Err(format!("{name} is no name"));
    }
    let keys = [
        "description",
        "egress",
        "enableDefaultDeny",
        "endpointSelector",
        "ingress",
    ];
    let spec = object(&all["spec"], "spec", &keys)?;
    text(&spec["description"])?;
    selector(&spec["endpointSelector"])?;
    let deny = object(
        &spec["enableDefaultDeny"],
        "enableDefaultDeny",
        &["egress", "ingress"],
    )?;
    for side in ["egress", "ingress"] {
        if !deny[side].is_boolean() {
            return Err(format!("enableDefaultDeny.{side}"));
        }
        for one in list(&spec[side])? {
            rule(one, if side == "egress" { "to" } else { "from" })?;
        }
    }
    Ok(())
}

/// A rule: peers of one kind, and ports.
fn rule(value: &Value, side: &str) -> Result<(), String> {
    let members = value.as_object().ok_or("a rule is no object")?;
    for (key, value) in members {
        match key.strip_prefix(side) {
            Some("Endpoints") => list(value)?.iter().try_for_each(selector)?,
            Some("Entities") => {
                for entity in list(value)? {
                    one_of(entity, &ENTITIES)?;
                }
            }
            Some("CIDR") => {
                for network in list(value)? {
                    cidr(text(network)?)?;
                }
            }
            _ if key == "toPorts" => list(value)?.iter().try_for_each(ports)?,
            _ => return Err(format!("a rule has no {key}")),
        }
    }
    // Peers of several kinds in one rule would be either of them.
    let kinds = members.keys().filter(|key| *key != "toPorts").count();
    if kinds > 1 {
        return Err("several kinds of peers in one rule".to_owned());
    }
    Ok(())
}

fn ports(value: &Value) -> Result<(), String> {
    let all = object(value, "toPorts", &["ports"])?;
    let ports = list(&all["ports"])?;
    if ports.len() > PORTS_MAX {
        return Err(format!(
            "{} ports, and {PORTS_MAX} are allowed",
            ports.len()
        ));
    }
    for port in ports {
        let members = port.as_object().ok_or("a port is no object")?;
        let known = ["endPort", "port", "protocol"];
        if let Some(other) = members.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("a port has no {other}"));
        }
        one_of(&members["protocol"], &PROTOCOLS)?;
        let first: u64 = text(&members["port"])?.parse().map_err(|_error| "port")?;
        let last = match members.get("endPort") {
            None => first,
            Some(last) => last.as_u64().ok_or("endPort")?,
        };
        if first > last || last > 65_535 {
            return Err(format!("ports {first} to {last}"));
        }
    }
    Ok(())
}

fn selector(value: &Value) -> Result<(), String> {
    let all = object(value, "a selector", &["matchLabels"])?;
    let labels = all["matchLabels"].as_object().ok_or("matchLabels")?;
    for value in labels.values() {
        let text = text(value)?;
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let ends = [text.bytes().next(), text.bytes().next_back()];
        let edges = ends
            .into_iter()
            .flatten()
            .all(|it| it.is_ascii_alphanumeric());
        if text.len() > 63 || !edges || !text.bytes().all(inner) {
            return Err(format!("{text} is no value of a label"));
        }
    }
    Ok(())
}

fn cidr(text: &str) -> Result<(), String> {
    let (address, length) = text.split_once('/').ok_or("no prefix")?;
    let address: std::net::IpAddr = address.parse().map_err(|_error| text.to_owned())?;
    let length: u8 = length.parse().map_err(|_error| text.to_owned())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    if length > most {
        return Err(text.to_owned());
    }
    Ok(())
}

/// An object with just these members.
fn object<'v>(value: &'v Value, at: &str, keys: &[&str]) -> Result<&'v Map<String, Value>, String> {
    let members = value
        .as_object()
        .ok_or_else(|| format!("{at} is no object"))?;
    let found: Vec<&str> = members.keys().map(String::as_str).collect();
    if found != keys {
        return Err(format!("{at} has {found:?}, not {keys:?}"));
    }
    Ok(members)
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value
        .as_array()
        .ok_or_else(|| format!("{value} is no list"))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is no text"))
}

fn is(value: &Value, expected: &str) -> Result<(), String> {
    one_of(value, &[expected])
}

fn one_of(value: &Value, words: &[&str]) -> Result<(), String> {
    let text = text(value)?;
    if words.contains(&text) {
        Ok(())
    } else {
        Err(format!("{text} is none of {words:?}"))
    }
}

#[test]
fn policies_are_what_the_definition_describes() {
    let fleets = [
        sound(),
        changed(&[("api.toml", "port = 8000", "port = \"8000-8010\"")]),
        changed(&[(
            "api.toml",
            "[[segment.consumes]]",
            "[[segment.egress]]\nto = \"any\"\nreason = \"x\"\n[[segment.egress]]\nto = \"2001:db8::/32\"\nport = 443\n[[segment.consumes]]",
        )]),
    ];
    for files in fleets {
        let loaded = loaded(&files).unwrap();
        let each = export::cilium(&loaded.fleet).unwrap().each;
        for (name, one) in &each {
            policy(one).unwrap_or_else(|error| panic!("{name}: {error}: {one:#}"));
        }
        // It would have said so.
        let web = &each["web"];
        for (pointer, other) in [
            ("/kind", "NetworkPolicy"),
            ("/spec/ingress/0/fromEntities/0", "everybody"),
            ("/spec/ingress/0/toPorts/0/ports/0/protocol", "tcp"),
            ("/spec/ingress/0/toPorts/0/ports/0/port", "70000"),
            ("/spec/endpointSelector/matchLabels/karat-segment", "-web"),
        ] {
            let mut bad = web.clone();
            *bad.pointer_mut(pointer).expect(pointer) = other.into();
            assert!(policy(&bad).is_err(), "{pointer}");
        }
        let mut more = web.clone();
        more["spec"]["ingress"][0]["toPort"] = Value::Null;
        assert!(policy(&more).is_err());
    }
}

#[test]
fn many_ports_are_several_lists() {
    let ports: String = (0..95)
        .map(|number| {
            let port = 9000 + 2 * number;
            format!("[[segment.egress]]\nto = \"2001:db8::/32\"\nport = {port}\nreason = \"x\"\n")
        })
        .collect();
    let files = changed(&[(
        "api.toml",
        "[[segment.consumes]]",
        &(ports + "[[segment.consumes]]"),
    )]);
    let loaded = loaded(&files).unwrap();
    let api = export::cilium(&loaded.fleet).unwrap().each["api"].clone();
    policy(&api).unwrap();
    let egress = api["spec"]["egress"].as_array().unwrap();
    let wide = egress
        .iter()
        .find(|rule| rule["toCIDR"][0] == "2001:db8::/32");
    let lists = wide.unwrap()["toPorts"].as_array().unwrap();
    let lengths: Vec<usize> = lists
        .iter()
        .map(|it| it["ports"].as_array().unwrap().len())
        .collect();
    assert_eq!(lengths, [40, 40, 15]);
}

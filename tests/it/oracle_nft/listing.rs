//! What nft(8) of this machine lists; that of each release lists the same (`build::shipped`).

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use karat::expect::fact::ruleset;
use karat::ops::template::load;
use karat::peers::{Cidr, Family, Peers, bare_set};
use karat::segment::{Peer, Port, Proto, Ruleset, Segment};

use super::{legacy, shipped};
use crate::support::{judge, skip};

/// Loads `text` twice, gives `commands`, lists what is in force; `None` where nobody may.
fn listed(text: &str, commands: &[String]) -> Option<Vec<String>> {
    let (nft, unshare) = (judge("nft")?, judge("unshare")?);
    let script =
        "text=$(cat); for twice in 1 2; do printf '%s\\n' \"$text\" | \"$0\" -f - || exit 1; done
        if [ $# -gt 0 ]; then \"$0\" \"$@\" || exit 1; fi
        \"$0\" -j -n list ruleset";
    let mut child = unshare
        .command()
        .args(["--map-root-user", "--net", "sh", "-c", script])
        .arg(nft.command().get_program())
        .args(commands)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("unshare failed") {
        skip("no user namespaces here");
        return None;
    }
    assert!(output.status.success(), "{said}\n{text}");
    Some(ruleset(&output.stdout).unwrap())
}

fn compare(listed: &[String], foretold: &[String]) {
    for (at, (listed, foretold)) in listed.iter().zip(foretold).enumerate() {
        assert_eq!(listed, foretold, "object {at}");
    }
    assert_eq!(listed.len(), foretold.len());
}

/// A segment with a flow of every form.
fn every_form() -> Segment {
    let [_, mut gate] = legacy();
    let peers = [
        ("any", Some((443, 443)), Some(Proto::Tcp)),
        ("any", None, Some(Proto::Udp)),
        ("dns", None, None),
        ("10.0.0.0/8", None, None),
        ("10.1.2.3", Some((1024, 2047)), None),
        ("192.0.2.0/31", Some((1, 65535)), Some(Proto::Udp)),
        ("2001:db8::/32", Some((853, 853)), None),
        ("2001:db8::1", Some((853, 853)), None),
        ("::ffff:192.0.2.0/120", Some((53, 54)), None),
        ("::192.0.2.1", Some((53, 53)), None),
        ("::7", Some((53, 53)), None),
        ("64:ff9b::/96", Some((53, 53)), None),
        ("web-1.a", Some((8000, 8007)), None),
    ];
    for (to, port, proto) in peers {
        gate.egress.push(karat::segment::Egress {
            to: Peer::parse(to).unwrap(),
            port: port.map(|(first, last)| Port::new(first, last).unwrap()),
            proto,
            reason: None,
            unit: None,
        });
    }
    gate.egress.sort();
    gate
}

#[test]
fn what_is_in_force_is_what_was_foretold() {
    let [old, gate] = legacy();
    let open = Segment {
        eol: karat::segment::Date::new("2030-01-01"),
        ..Segment::default()
    };
    let all = shipped()
        .into_values()
        .chain([old, gate, open, every_form()]);
    for segment in all {
        let ruleset = Ruleset::of(&segment).unwrap();
        let Some(found) = listed(&ruleset.to_text(), &[]) else {
            return;
        };
        compare(&found, &ruleset.listing().unwrap());
    }
    assert_eq!(Ruleset::of(&Segment::default()), None);

    // Without a category, where a rule of the image lets nothing unnamed out.
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/base.toml");
    let segment = load(&base).unwrap().segment;
    let ruleset = Ruleset::closed(&segment).unwrap();
    assert_ne!(Some(&ruleset), Ruleset::of(&segment).as_ref());
    if let Some(found) = listed(&ruleset.to_text(), &[]) {
        compare(&found, &ruleset.listing().unwrap());
    }
}

#[test]
fn filled_sets_are_listed_as_was_foretold() {
    let ruleset = Ruleset::of(&shipped().into_values().next().unwrap()).unwrap();
    let rules = ruleset.listing().unwrap();
    let name = ruleset.peers().next().unwrap().to_string();
    let networks = [
        "10.0.0.0/24",
        "10.0.1.0/25",
        "10.0.1.128/26",
        "10.9.9.9/32",
        "192.0.2.0/31",
        "203.0.113.7/32",
        "203.0.113.8/32",
        "::1:0:0/96",
        "64:ff9b::/96",
        "2001:db8::/32",
        "2001:db9::1/128",
        "2001:db9::2/127",
    ];
    let peers = Peers {
        expires: None,
        segment: "x".to_owned(),
        serial: karat::baseline::Serial::new(1).unwrap(),
        sets: vec![(
            name.clone(),
            networks
                .iter()
                .map(|text| Cidr::parse(text).unwrap())
                .collect(),
        )],
    };
    peers.to_signed().unwrap();
    let commands = Peers::commands(Some(&peers), &rules);
    let Some(found) = listed(&ruleset.to_text(), &commands) else {
        return;
    };
    let filled = peers.filled_sets();
    assert_eq!(filled[0].0, bare_set(&name, Family::V4));
    let foretold: Vec<String> = rules
        .iter()
        .map(|rule| {
            let found = filled.iter().find(|(bare, _)| bare == rule);
            found.map_or(rule, |(_, filled)| filled).clone()
        })
        .collect();
    assert_ne!(foretold, rules);
    compare(&found, &foretold);
    // Without a document they are empty again.
    let emptied = [commands, Peers::commands(None, &rules)].concat();
    compare(&listed(&ruleset.to_text(), &emptied).unwrap(), &rules);
}

//! What others make of the exports: Kubernetes' own schemas, a parser of Terraform, Graphviz, tidy; and
//! a second reading of the policies, by the rules that Kubernetes states for them.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use karat::segment::{Link, export};
use serde_json::Value;

use super::{changed, karat, loaded, sound, text, written};
use crate::support::{judge, skip};

#[test]
fn policies_are_what_kubernetes_takes() {
    let scratch = written(&changed(&[
        ("api.toml", "port = 8000", "port = \"8000-8010\""),
        (
            "api.toml",
            "[[segment.consumes]]",
            "[[segment.egress]]\nto = \"any\"\nreason = \"x\"\n[[segment.egress]]\nto = \"2001:db8::/32\"\nport = 443\n[[segment.consumes]]",
        ),
    ]));
    let made = karat(
        &scratch,
        &["export", ".", "--format", "networkpolicy", "-o", "out/"],
    );
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let mut files: Vec<_> = fs::read_dir(scratch.join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 6, "{files:?}");
    let Some(validate) = judge("kubernetes-validate") else {
        return;
    };
    let output = validate
        .command()
        .arg("--strict")
        .args(&files)
        .output()
        .unwrap();
    let said = format!("{}{}", text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("passed for resource").count(), 6, "{said}");
    // It would have said so.
    let bad = fs::read_to_string(&files[1])
        .unwrap()
        .replace("matchLabels", "matchLabel");
    fs::write(scratch.join("bad.json"), bad).unwrap();
    let refused = validate
        .command()
        .arg("--strict")
        .arg(scratch.join("bad.json"))
        .output()
        .unwrap();
    assert!(!refused.status.success());
}

/// What a policy lets: whether a rule of one side names the segment and the port.
fn lets(policy: &Value, side: (&str, &str), other: &str, proto: &str, port: u16) -> bool {
    let rules = policy["spec"][side.0].as_array().unwrap();
    rules.iter().any(|rule| {
        let peer = match rule.get(side.1) {
            None => true,
            Some(peers) => peers.as_array().unwrap().iter().any(|peer| {
                peer.get("namespaceSelector").is_none()
                    && peer["podSelector"]["matchLabels"]["karat-segment"] == other
            }),
        };
        let ports = rule["ports"].as_array().unwrap().iter().any(|entry| {
            let first = entry["port"].as_u64();
            let last = entry["endPort"].as_u64().or(first);
            entry["protocol"] == proto
                && first.is_none_or(|first| (first..=last.unwrap()).contains(&u64::from(port)))
        });
        peer && ports
    })
}

#[test]
fn a_second_reading_of_the_policies_gives_the_same_flows() {
    for files in [
        sound(),
        changed(&[("api.toml", "port = 8000", "port = \"8000-8010\"")]),
        changed(&[("api.toml", "[\"web\"]\nunit", "\"public\"\nunit")]),
        changed(&[(
            "db.toml",
            "[[segment.provides]]",
            "[[segment.egress]]\nto = \"any\"\nreason = \"x\"\n[[segment.provides]]",
        )]),
        changed(&[("db.toml", "[\"api\"]", "[\"web\"]")]),
    ] {
        let loaded = loaded(&files).unwrap();
        let fleet = &loaded.fleet;
        let policies = export::network_policies(fleet).unwrap();
        let names: Vec<String> = fleet.segments.keys().map(ToString::to_string).collect();
        for from in &names {
            for to in names.iter().filter(|to| *to != from) {
                for port in [22, 53, 80, 443, 5432, 8000, 8005, 8010, 8011, 8080] {
                    for proto in ["TCP", "UDP"] {
                        let read = lets(&policies.each[from], ("egress", "to"), to, proto, port)
                            && lets(&policies.each[to], ("ingress", "from"), from, proto, port);
                        let stated = |link: &Link| {
                            link.from.to_string() == *from
                                && link.to.to_string() == *to
                                && link.proto.word() == proto.to_lowercase()
                                && link
                                    .port
                                    .is_none_or(|it| (it.first()..=it.last()).contains(&port))
                        };
                        let stated = fleet.graph.links.keys().any(stated);
                        assert_eq!(read, stated, "{from} -> {to} {proto} {port}");
                    }
                }
            }
        }
    }
}

#[test]
fn cilium_gets_the_same_rules() {
    let loaded = loaded(&sound()).unwrap();
    let each = export::cilium(&loaded.fleet).unwrap().each;
    let names: Vec<&str> = each.keys().map(String::as_str).collect();
    assert_eq!(names, ["api", "bastion", "db", "erp", "web"]);
    let web = &each["web"]["spec"];
    assert_eq!(
        web["endpointSelector"]["matchLabels"]["karat-segment"],
        "web"
    );
    let public = web["ingress"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule.get("fromEntities").is_some());
    assert_eq!(public.unwrap()["toPorts"][0]["ports"][0]["port"], "443");
    let office = each["bastion"]["spec"]["ingress"].as_array().unwrap();
    assert_eq!(office[0]["fromCIDR"][0], "192.0.2.0/24");
    for policy in each.values() {
        for side in ["ingress", "egress"] {
            assert_eq!(policy["spec"]["enableDefaultDeny"][side], true);
            assert!(!policy["spec"][side].as_array().unwrap().is_empty());
        }
    }
}

/// Each rule of each group, as a parser of Terraform understands it.
const READ: &str = r#"
import sys, tfparse
found = tfparse.load_from_path(sys.argv[1])
groups = {it["id"]: it["tags"]["karat-segment"] for it in found["aws_security_group"]}
for side in ("ingress", "egress"):
    for rule in found["aws_vpc_security_group_%s_rule" % side]:
        other = rule.get("referenced_security_group_id")
        other = groups[other] if other else rule.get("cidr_ipv4") or rule["cidr_ipv6"]
        print(side, groups[rule["security_group_id"]], other, rule["ip_protocol"], rule["from_port"], rule["to_port"])
"#;

#[test]
fn terraform_reads_groups_and_rules_as_meant() {
    let scratch = written(&sound());
    fs::create_dir(scratch.join("tf")).unwrap();
    let made = karat(
        &scratch,
        &[
            "export",
            ".",
            "--format",
            "terraform-aws",
            "-o",
            "tf/fleet.tf.json",
        ],
    );
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let Some(python) = judge("python3") else {
        return;
    };
    let has = python
        .command()
        .args(["-c", "import tfparse"])
        .stderr(Stdio::null())
        .status();
    if !has.unwrap().success() {
        skip("tfparse (PyPI) not installed");
        return;
    }
    let output = python
        .command()
        .args(["-c", READ])
        .arg(scratch.join("tf"))
        .output()
        .unwrap();
    let said = text(output.stderr);
    assert!(output.status.success(), "{said}");
    let read: BTreeSet<String> = text(output.stdout).lines().map(str::to_owned).collect();
    let mut expected = BTreeSet::new();
    let loaded = loaded(&sound()).unwrap();
    for link in loaded.fleet.graph.links.keys() {
        let nets = |node: &karat::segment::Node| match node.to_string().as_str() {
            "public" | "dns" => vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
            "office" => vec!["192.0.2.0/24".to_owned()],
            name => vec![name.to_owned()],
        };
        let port = link.port.unwrap();
        let tail = format!("{} {} {}", link.proto, port.first(), port.last());
        if let Some(own) = link.to.segment() {
            expected.extend(
                nets(&link.from)
                    .iter()
                    .map(|it| format!("ingress {own} {it} {tail}")),
            );
        }
        if let Some(own) = link.from.segment() {
            expected.extend(
                nets(&link.to)
                    .iter()
                    .map(|it| format!("egress {own} {it} {tail}")),
            );
        }
    }
    assert_eq!(read, expected);
}

#[test]
fn an_export_wants_addresses_of_networks_outside() {
    let scratch = written(&changed(&[(
        "fleet.toml",
        "office = [\"192.0.2.0/24\"]\n",
        "",
    )]));
    for format in ["terraform-aws", "networkpolicy", "cilium"] {
        let failed = karat(&scratch, &["export", ".", "--format", format]);
        assert_eq!(failed.status.code(), Some(1));
        assert!(text(failed.stderr).contains("office"), "{format}");
        assert!(failed.stdout.is_empty());
    }
    let long = "a".repeat(64);
    let named = format!("segment = \"{long}\"\nlifecycle = \"legacy\"");
    let scratch = written(&changed(&[(
        "erp.toml",
        "segment = \"erp\"\nlifecycle = \"legacy\"",
        &named,
    )]));
    let failed = karat(&scratch, &["export", ".", "--format", "networkpolicy"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(failed.stderr).contains("63 characters"));
}

#[test]
fn graphviz_draws_and_tidy_reads() {
    let scratch = written(&sound());
    let (dot, page) = (judge("dot"), judge("tidy"));
    if let Some(dot) = dot {
        let graph = karat(
            &scratch,
            &["graph", ".", "--format", "dot", "-o", "fleet.dot"],
        );
        assert_eq!(graph.status.code(), Some(0));
        let drawn = dot
            .command()
            .arg("-Tsvg")
            .arg(scratch.join("fleet.dot"))
            .output()
            .unwrap();
        assert!(drawn.status.success(), "{}", text(drawn.stderr));
        assert_eq!(text(drawn.stderr), "");
        let svg = text(drawn.stdout);
        for word in ["frontend", "postgres tcp/5432", "office"] {
            assert!(svg.contains(word), "{word}");
        }
    }
    if let Some(tidy) = page {
        let graph = karat(
            &scratch,
            &["graph", ".", "--format", "html", "-o", "fleet.html"],
        );
        assert_eq!(graph.status.code(), Some(0));
        let mut command: Command = tidy.command();
        let output = command
            .args(["-q", "-e", "--drop-empty-elements", "no"])
            .arg(scratch.join("fleet.html"))
            .output()
            .unwrap();
        let said = text(output.stderr);
        // tidy knows links of HTML alone, not those of SVG 2.
        let others: Vec<&str> = said
            .lines()
            .filter(|line| !line.ends_with("<a> proprietary attribute \"href\""))
            .collect();
        assert!(others.is_empty(), "{others:?}");
    }
}

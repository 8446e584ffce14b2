//! What reports say.

use std::fs;

use serde_json::{Value, json};

use super::desk::{BUILT, Desk, HOLD, Image, NOW, control, state};

#[test]
fn verified_evidence_is_linked_by_digest_and_what_is_open_comes_first() {
    let desk = Desk::with_web("duty-whole");
    let report = desk.report(0, "out --log log");
    assert_eq!(report["verdict"], "open");
    assert_eq!(report["images"][0]["standing"], "signed");
    assert_eq!(report["images"][0]["name"], "web 1");
    assert_eq!(report["log"]["verdict"], "clean");
    assert_eq!(state(&report, "ccc.baseline"), "evidenced");
    assert_eq!(state(&report, "iam.remote"), "in-part");
    assert_eq!(state(&report, "hrs.training"), "uncovered");
    assert_eq!(state(&report, "dcs.areas"), "provider");
    let found = control(&report, "dcs.areas")["provider_report"]
        .as_str()
        .unwrap();
    assert!(found.starts_with("AWS Artifact: "), "{found}");
    // Nobody besides the log vouches for it.
    let history = &control(&report, "log.releases")["evidence"][0];
    assert_eq!(history["holds"], "in-part");
    assert_eq!(history["sha256"], report["log"]["root_sha256"]);
    let lock = &control(&report, "sta.inventory")["evidence"][0];
    assert_eq!(lock["kind"], "lock");
    assert_eq!(lock["date"], BUILT);
    let sbom = &control(&report, "sta.inventory")["evidence"][2];
    assert_eq!(
        (&sbom["kind"], &sbom["holds"]),
        (&"sbom".into(), &"yes".into())
    );
    assert_eq!(sbom["subject"], "web_1.spdx.json");
    let bytes = fs::read(desk.path("out/web_1.spdx.json")).unwrap();
    assert_eq!(
        sbom["sha256"],
        karat::digest::Digest::of(&bytes).to_string()
    );
    assert!(
        sbom["text"]
            .as_str()
            .unwrap()
            .ends_with(", those of the lock"),
        "{sbom}"
    );
    let order: Vec<&str> = report["controls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|control| control["state"].as_str().unwrap())
        .collect();
    let first = |state: &str| order.iter().position(|it| *it == state).unwrap();
    assert!(first("unproven") < first("uncovered"));
    assert!(first("uncovered") < first("in-part"));
    assert!(first("in-part") < first("provider"));
    // A provider that runs the guest answers for it.
    let (code, out, _) =
        desk.run("--json responsibility report out --provider gcp --model paas --at 1760090000");
    assert_eq!(code, 0);
    let paas: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(state(&paas, "tvm.patching"), "provider");
}

#[test]
fn text_is_short_and_begins_with_what_is_open() {
    let desk = Desk::with_web("duty-text");
    let (code, out, err) = desk.run(&format!(
        "responsibility report out --provider azure --model iaas --at {NOW}"
    ));
    assert_eq!(code, 0, "{err}");
    let at = |text: &str| out.find(text).unwrap_or_else(|| panic!("no {text}: {out}"));
    assert!(at("  open        ") < at("\nEvidence not given"));
    assert!(at("\nEvidence not given") < at("\nNot covered"));
    assert!(at("\nNot covered") < at("\nEvidence in part"));
    assert!(out.contains("reports in Service Trust Portal"));
    assert!(
        out.ends_with("whether it is enough is for a person to say\n"),
        "{out}"
    );
    assert!(out.lines().count() < 150, "{}", out.lines().count());
}

#[test]
fn a_rule_that_fails_makes_controls_not_met() {
    let desk = Desk::new("duty-fails");
    let mut rules = HOLD.to_vec();
    rules[5] = ("sh.root", "fail");
    rules[0] = ("ac.hash", "excepted");
    desk.signed(&Image {
        name: "web",
        rules: &rules,
    });
    let report = desk.report(10, "out/web_1.dsse.json");
    assert_eq!(report["verdict"], "not-met");
    assert_eq!(state(&report, "iam.remote"), "not-met");
    let evidence = &control(&report, "iam.remote")["evidence"][0];
    assert_eq!(evidence["rules"][0]["id"], "sh.root");
    assert_eq!(state(&report, "iam.passwords"), "in-part");
    let excepted = &control(&report, "iam.passwords")["evidence"][0]["rules"][0];
    assert_eq!(excepted["outcome"], "excepted");
    assert_eq!(report["controls"][0]["state"], "not-met");
    // As long as nobody is to see to it, nothing fails.
    let (code, out, _) = desk.run(&format!(
        "--json responsibility report out --provider aws --model saas --at {NOW}"
    ));
    assert_eq!(code, 0, "{out}");
}

#[test]
fn a_draft_is_evidence_of_the_builder_only() {
    let desk = Desk::new("duty-draft");
    desk.draft(&Image {
        name: "web",
        rules: HOLD,
    });
    let report = desk.report(0, "out");
    assert_eq!(report["images"][0]["standing"], "unsigned");
    assert_eq!(report["counts"]["evidenced"], 0);
    assert_eq!(report["counts"]["in_part"], 0);
    let evidence = &control(&report, "ccc.baseline")["evidence"][0];
    assert_eq!(evidence["holds"], "unsigned");
    assert!(
        evidence["text"]
            .as_str()
            .unwrap()
            .contains("evidence of the builder only")
    );
}

#[test]
fn evidence_grows_old() {
    let desk = Desk::with_web("duty-old");
    let later = BUILT + 31 * 86_400;
    let (code, out, _) = desk.run(&format!(
        "--json responsibility report out --provider aws --model iaas --at {later}"
    ));
    assert_eq!(code, 13, "{out}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["verdict"], "incomplete");
    assert_eq!(state(&report, "tvm.patching"), "stale");
    assert_eq!(state(&report, "sta.inventory"), "in-part");
}

#[test]
fn reports_of_verifications_speak_for_the_image_that_they_name() {
    let desk = Desk::with_web("duty-attest");
    let manifest = karat::digest::Digest::of(b"manifest").to_string();
    let attest = |name: &str, verdict: &str, image: &str, at: u64| {
        let document = json!({
            "assurance": "snapshot", "clock": {"expiry": "warn", "seconds": at}, "verdict": verdict,
            "inputs": {"envelope_sha256": null, "trust_root_sha256": null},
            "baseline": {"name": image, "version": "1", "serial": 1, "manifest_sha256": manifest},
        });
        fs::write(desk.path(name), document.to_string()).unwrap();
    };
    attest("good.json", "match", "web", NOW - 60);
    attest("bad.json", "drift", "web", NOW - 60);
    attest("old.json", "match", "web", NOW - 8 * 86_400);
    attest("other.json", "match", "db", NOW - 60);
    let of = |exit, files: &str| {
        let report = desk.report(exit, &format!("out --verdict {files}"));
        state(&report, "tvm.malware").to_owned()
    };
    assert_eq!(of(0, "good.json"), "in-part");
    assert_eq!(of(10, "good.json bad.json"), "not-met");
    assert_eq!(of(13, "good.json old.json"), "stale");
    // One about another image speaks for nothing, and is said.
    assert_eq!(of(13, "other.json"), "unproven");
}

#[test]
fn the_fleet_that_the_templates_make_is_checked() {
    let desk = Desk::with_web("duty-fleet");
    let report = desk.report(0, "out --segments templates");
    assert!(report["fleet"]["templates"].as_u64().unwrap() > 1);
    // The image is of no template there.
    assert_eq!(state(&report, "ivs.segmentation"), "unproven");
    let front = Desk::new("duty-fleet-front");
    front.signed(&Image {
        name: "web-frontend",
        rules: HOLD,
    });
    let report = front.report(0, "out --segments templates");
    assert_eq!(report["fleet"]["problems"], json!([]));
    assert_eq!(state(&report, "ivs.segmentation"), "in-part");
    // Demands of the fleet that do not hold.
    let charter = front.path("templates/fleet.toml");
    let text = fs::read_to_string(&charter).unwrap();
    let demand =
        "\n[[must_permit]]\nfrom = \"data\"\nto = \"web\"\nport = 9\nreason = \"a test\"\n";
    fs::write(&charter, text + demand).unwrap();
    let report = front.report(10, "out --segments templates");
    assert_eq!(state(&report, "ivs.segmentation"), "not-met");
}

//! Evidence that is not what was signed, and hostile files.

use std::fs;

use serde_json::Value;

use super::desk::{Desk, HOLD, Image, NOW, control, state};

#[test]
fn what_is_not_signed_by_the_keys_in_charge_counts_for_nothing() {
    let desk = Desk::with_web("duty-untrusted");
    let other = Desk::new("duty-untrusted-other");
    let trust = other.path("keys/trust.json");
    let report = desk.report(11, &format!("out --trust {}", trust.display()));
    assert_eq!(report["verdict"], "untrusted");
    assert_eq!(report["images"][0]["standing"], "untrusted");
    assert_eq!(report["images"][0]["name"], Value::Null);
    assert_eq!(report["counts"]["evidenced"], 0);
    assert_eq!(report["counts"]["in_part"], 0);
    // A trust root that lies beside the envelopes decides nothing.
    fs::create_dir_all(other.path("given/keys")).unwrap();
    fs::copy(
        desk.path("keys/trust.json"),
        other.path("given/keys/trust.json"),
    )
    .unwrap();
    fs::copy(
        desk.path("out/web_1.dsse.json"),
        other.path("given/web_1.dsse.json"),
    )
    .unwrap();
    let report = other.report(11, "given");
    assert_eq!(report["verdict"], "untrusted");
}

#[test]
fn neighbours_that_were_changed_are_told() {
    for (name, exit) in [
        ("web_1.rules.json", 11),
        ("web_1.lock", 11),
        ("web_1.mtree", 11),
        ("web_1.outputs.json", 11),
        ("web_1.spdx.json", 11),
    ] {
        let desk = Desk::with_web("duty-neighbour");
        fs::write(desk.path(&format!("out/{name}")), b"changed").unwrap();
        let report = desk.report(exit, "out");
        let finding = &report["findings"][0];
        assert_eq!(finding["weight"], "untrusted", "{name}");
        assert!(finding["subject"].as_str().unwrap().ends_with(name));
    }
    let desk = Desk::with_web("duty-neighbour-gone");
    fs::remove_file(desk.path("out/web_1.rules.json")).unwrap();
    let report = desk.report(0, "out");
    assert_eq!(state(&report, "iam.remote"), "unproven");
    for name in ["web_1.outputs.json", "web_1.spdx.json"] {
        let desk = Desk::with_web("duty-inventory-gone");
        fs::remove_file(desk.path(&format!("out/{name}"))).unwrap();
        let report = desk.report(0, "out");
        assert_eq!(state(&report, "sta.inventory"), "unproven", "{name}");
    }
}

#[test]
fn a_log_that_does_not_have_a_release_speaks_against_it() {
    let desk = Desk::new("duty-unlogged");
    let draft = desk.draft(&Image {
        name: "web",
        rules: HOLD,
    });
    // Where the log's key is not, nothing is logged.
    fs::remove_file(desk.path("keys/private/log.pem")).unwrap();
    desk.ok(&format!("sign {draft} --serial 1"));
    let report = desk.report(10, "out --log log");
    assert_eq!(state(&report, "log.releases"), "not-met");
    let text = control(&report, "log.releases")["evidence"][0]["text"]
        .as_str()
        .unwrap();
    assert!(text.contains("does not have this statement"), "{text}");
}

#[test]
fn hostile_inputs_are_refused_or_shown_harmless() {
    let desk = Desk::with_web("duty-hostile");
    let run = |arguments: &str| {
        let command =
            format!("responsibility report out --provider aws --model iaas --at {NOW} {arguments}");
        desk.run(&command)
    };
    fs::write(desk.path("junk.json"), "[[[").unwrap();
    let (code, _, err) = run("--verdict junk.json");
    assert_eq!(code, 1);
    assert!(
        err.contains("it is no report of `karat verify --json`"),
        "{err}"
    );
    fs::write(desk.path("many.toml"), vec![b'#'; 3 << 20]).unwrap();
    let (code, _, err) = run("--controls many.toml");
    assert_eq!(code, 1, "{err}");
    fs::write(desk.path("odd.toml"), "[[control]]\nid = \"A\\u001b[2J\"\n").unwrap();
    let (code, _, err) = run("--controls odd.toml");
    assert_eq!(code, 1);
    assert!(!err.contains('\u{1b}'), "{err:?}");
    // An envelope of something else is left out, and said; rubbish in an envelope's place is not.
    fs::write(desk.path("out/other.dsse.json"), "{}").unwrap();
    let report = desk.report(11, "out");
    assert_eq!(report["images"].as_array().unwrap().len(), 2);
    // Nothing that speaks for an image, and no trust root.
    let (code, _, err) = desk.run("responsibility report templates --provider aws --model iaas");
    assert_eq!(code, 1);
    assert!(err.contains("there is no envelope"), "{err}");
    let (code, _, err) = desk.run("responsibility report out --provider oracle --model iaas");
    assert_eq!(code, 2);
    assert!(err.contains("aws, azure, gcp"), "{err}");
}

//! Drafts, serials, signers: what happens when a build is repeated, changed, or signed elsewhere.

use std::fs;

use super::workshop::Workshop;
use crate::support::schema;

fn serial(shop: &Workshop, out: &str) -> u64 {
    let text = shop.succeed([
        "--json",
        "verify",
        "--oci",
        &format!("{out}/small_1.oci"),
        "--trust",
        "workspace/keys/trust.json",
    ]);
    let start = text.find('{').unwrap();
    let report: serde_json::Value = serde_json::Deserializer::from_str(&text[start..])
        .into_iter()
        .next()
        .unwrap()
        .unwrap();
    report["baseline"]["serial"]
        .as_u64()
        .unwrap_or_else(|| panic!("no serial in {report:#}"))
}

const OCI: &[&str] = &["--format", "oci"];

#[test]
fn a_repeated_build_does_nothing_and_keeps_its_envelope() {
    let Some(shop) = Workshop::locked("build-again") else {
        return;
    };
    shop.build("out", OCI);
    let envelope = shop.read("out/small_1.dsse.json");
    let text = shop.build("out", OCI);
    assert!(text.contains("up to date"), "{text}");
    assert_eq!(shop.read("out/small_1.dsse.json"), envelope);

    // Elsewhere there is something to do, but nothing new to say.
    shop.build("elsewhere", OCI);
    assert_eq!(shop.read("elsewhere/small_1.dsse.json"), envelope);
    assert_eq!(serial(&shop, "out"), 1);

    // A damaged output is not up to date.
    fs::write(shop.path("out/small_1.mtree"), "#mtree\n").unwrap();
    let text = shop.build("out", OCI);
    assert!(!text.contains("up to date"), "{text}");
    assert_eq!(
        shop.read("out/small_1.mtree"),
        shop.read("elsewhere/small_1.mtree")
    );
}

#[test]
fn a_changed_draft_gets_the_next_serial_and_keeps_the_base_layer() {
    let Some(shop) = Workshop::locked("build-changed") else {
        return;
    };
    shop.build("out", OCI);
    let template = "workspace/templates/small.toml";
    let text = String::from_utf8(shop.read(template)).unwrap();
    fs::write(
        shop.path(template),
        text.replace("a small server", "another server"),
    )
    .unwrap();
    let text = shop.build("changed", OCI);
    assert!(!text.contains("configure  "), "configured again: {text}");
    assert_eq!((serial(&shop, "out"), serial(&shop, "changed")), (1, 2));

    let layers = |out: &str| -> Vec<String> {
        let mut names: Vec<(u64, String)> =
            fs::read_dir(shop.path(format!("{out}/small_1.oci/blobs/sha256")))
                .unwrap()
                .map(|entry| entry.unwrap())
                .map(|entry| {
                    (
                        entry.metadata().unwrap().len(),
                        entry.file_name().into_string().unwrap(),
                    )
                })
                .collect();
        names.sort();
        names.into_iter().map(|(_, name)| name).collect()
    };
    let (before, after) = (layers("out"), layers("changed"));
    assert_eq!(
        before.last(),
        after.last(),
        "the largest blob is the base layer"
    );
    assert_ne!(before, after);

    // An equal serial with another payload is refused.
    let (code, text) = shop.run([
        "sign",
        "out/small_1.statement.json",
        "--serial",
        "2",
        "--workspace",
        "workspace",
    ]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("serial 2"), "{text}");

    // An Envelope does not stay beside outputs of which it does not speak.
    shop.build("out", &[OCI, &["--no-sign"]].concat());
    assert!(!shop.path("out/small_1.dsse.json").exists());
    let text = shop.build("changed", &[OCI, &["--no-sign", "--no-cache"]].concat());
    assert!(text.contains("up to date"), "{text}");
    assert!(shop.path("changed/small_1.dsse.json").exists());
}

#[test]
fn built_here_signed_there_attached_back() {
    let Some(shop) = Workshop::locked("build-offline-signer") else {
        return;
    };
    shop.build("out", &["--format", "oci", "--no-sign"]);
    assert!(!shop.path("out/small_1.dsse.json").exists());
    // All that the signer gets is the draft.
    fs::create_dir(shop.path("vault")).unwrap();
    fs::copy(
        shop.path("out/small_1.statement.json"),
        shop.path("vault/small_1.statement.json"),
    )
    .unwrap();
    shop.succeed([
        "sign",
        "vault/small_1.statement.json",
        "--workspace",
        "workspace",
    ]);
    shop.succeed(["key", "new", "--out", "second.pem"]);
    shop.succeed([
        "sign",
        "vault/small_1.dsse.json",
        "--key",
        "second.pem",
        "--no-trust",
        "--workspace",
        "workspace",
    ]);
    let (code, text) = shop.run([
        "verify",
        "--oci",
        "out/small_1.oci",
        "--trust",
        "workspace/keys/trust.json",
    ]);
    assert_eq!(code, 13, "nothing is attached yet: {text}");
    shop.succeed([
        "attach",
        "out",
        "--envelope",
        "vault/small_1.dsse.json",
        "--trust",
        "workspace/keys/trust.json",
    ]);
    assert_eq!(serial(&shop, "out"), 1);
}

#[test]
fn what_ci_does_fails_closed() {
    let Some(shop) = Workshop::new("build-ci") else {
        return;
    };
    let build = [
        "build",
        "workspace/templates/small.toml",
        "-o",
        "out",
        "--format",
        "oci",
    ];
    let ci = |more: &[&str]| {
        let mut command = shop.karat();
        command.env("CI", "true").args(build).args(more);
        super::workshop::said(&command.output().unwrap())
    };
    let (code, text) = ci(&[]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("no lock file") && text.contains("karat lock"),
        "{text}"
    );
    shop.succeed(["lock", "workspace/templates/small.toml"]);
    let template = "workspace/templates/small.toml";
    let old = String::from_utf8(shop.read(template)).unwrap();
    fs::write(
        shop.path(template),
        old.replace("\"apt\"]", "\"apt\", \"curl\"]"),
    )
    .unwrap();
    let (code, text) = ci(&[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("stale") && text.contains("curl"), "{text}");
    fs::write(shop.path(template), old).unwrap();
    let mut command = shop.karat();
    command.env("SOURCE_DATE_EPOCH", "1").args(build);
    let (code, text) = super::workshop::said(&command.output().unwrap());
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("SOURCE_DATE_EPOCH"), "{text}");
    assert!(!shop.path("out").exists());
}

#[test]
fn json_reports_keep_to_the_published_schema() {
    let Some(shop) = Workshop::locked("build-json") else {
        return;
    };
    let schema = schema::published("build-report");
    for fresh in [false, true] {
        let mut command = shop.karat();
        command.args([
            "--json",
            "build",
            "workspace/templates/small.toml",
            "-o",
            "out",
        ]);
        let output = command.args(OCI).output().unwrap();
        let report = schema.holds(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(report["fresh"], fresh);
    }
}

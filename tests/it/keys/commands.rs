//! init, key, trust, sign, attach: as people run them.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use karat::baseline::{Baseline, Subject};
use karat::digest::Digest;
use karat::envelope::Envelope;
use karat::image::compress::{Compression, Encoder};
use karat::image::oci;
use karat::key::PublicKey;
use karat::tree::Epoch;
use serde_json::Value;

use super::bench::Bench;
use super::fixture::baseline;
use crate::support::Scratch;

fn with_manifest(name: &str, manifest: &[u8]) -> Baseline {
    let mut baseline = baseline(name, "1.0");
    baseline
        .subjects
        .insert(Subject::Manifest, Digest::of(manifest));
    baseline
}

#[test]
fn init_makes_three_keys_that_only_their_owner_reads() {
    let bench = Bench::new();
    assert_eq!(bench.mode("keys/private"), 0o700);
    let mut ids = BTreeSet::new();
    for role in ["root", "baseline", "log"] {
        let file = format!("keys/private/{role}.pem");
        assert_eq!(bench.mode(&file), 0o600, "{role}");
        ids.insert(bench.json(&format!("key show {file}"))["id"].to_string());
    }
    assert_eq!(ids.len(), 3, "distinct keys");
    let shown = bench.ok("trust show");
    for id in &ids {
        assert!(shown.contains(id.trim_matches('"')), "{shown}");
    }
    let ignored = String::from_utf8(bench.read(".gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "/keys/private/"));
    assert_eq!(bench.read("keys/private/.gitignore"), b"*\n");
    assert!(bench.scratch.join("log").is_dir());
}

#[test]
fn init_again_changes_nothing() {
    let bench = Bench::new();
    let files = ["keys/trust.json", "keys/private/root.pem", ".gitignore"];
    bench.write(".gitignore", b"/mine/\n");
    let before = files.map(|file| bench.read(file));
    let said = bench.ok("init --name example.com/other");
    assert!(said.contains("kept"), "{said}");
    assert_eq!(files.map(|file| bench.read(file)), before);
}

#[test]
fn init_twice_at_the_same_moment_makes_one_workspace() {
    let bench = Bench {
        scratch: Scratch::new("init-race"),
    };
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut command = bench.command("init --no-passphrase --quiet");
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    // The keys that are there are those that the trust root names.
    let shown = bench.ok("trust show");
    for role in ["root", "baseline", "log"] {
        let key = bench.json(&format!("key show keys/private/{role}.pem"));
        assert!(shown.contains(key["id"].as_str().unwrap()), "{role}");
    }
}

#[test]
fn init_never_overwrites_private_keys_without_their_trust_root() {
    let bench = Bench::new();
    std::fs::remove_file(bench.scratch.join("keys/trust.json")).unwrap();
    let key = bench.read("keys/private/root.pem");
    let (code, said) = bench.fails("init --no-passphrase");
    assert_eq!(code, 1);
    assert!(said.contains("no trust root beside it"), "{said}");
    assert_eq!(bench.read("keys/private/root.pem"), key);
}

#[test]
fn init_encrypts_the_root_key_and_warns_where_it_cannot() {
    let scratch = Scratch::new("init-passphrase");
    let bench = Bench { scratch };
    let output = bench
        .command("init")
        .env("KARAT_ROOT_PASSPHRASE", "secret words")
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !said.contains("not encrypted") && said.contains("root.pem to a place"),
        "{said}"
    );
    let text = |file: &str| String::from_utf8(bench.read(file)).unwrap();
    assert!(text("keys/private/root.pem").contains("ENCRYPTED"));
    assert!(!text("keys/private/baseline.pem").contains("ENCRYPTED"));
    let (code, said) = bench.fails("key show keys/private/root.pem");
    assert_eq!(code, 1);
    assert!(
        said.contains("a passphrase is needed") && said.contains("next:"),
        "{said}"
    );
    for (passphrase, works) in [("secret words", true), ("other words", false)] {
        let output = bench
            .command("key show keys/private/root.pem")
            .env("KARAT_KEY_PASSPHRASE", passphrase)
            .output()
            .unwrap();
        assert_eq!(output.status.success(), works);
    }
    bench.write("passphrase", b"secret words\n");
    let output = bench
        .command("key show keys/private/root.pem --passphrase-fd 0")
        .stdin(std::fs::File::open(bench.scratch.join("passphrase")).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success());

    let plain = Bench {
        scratch: Scratch::new("init-plain"),
    };
    let output = plain.run("init");
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("root.pem is not encrypted"), "{said}");
}

#[test]
fn an_origin_that_no_checkpoint_can_hold_is_refused() {
    let bench = Bench {
        scratch: Scratch::new("init-origin"),
    };
    let output = bench
        .command("init --no-passphrase --name")
        .arg("two words")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!bench.scratch.join("keys/private").exists());
}

#[test]
fn keys_are_made_shown_and_imported() {
    let bench = Bench::new();
    let made = bench.json("key new --out ci.pem");
    assert_eq!(bench.mode("ci.pem"), 0o600);
    assert_eq!(made["id"], bench.json("key show ci.pem")["id"]);
    let (code, said) = bench.fails("key new --out ci.pem");
    assert_eq!(code, 1);
    assert!(said.contains("never overwritten"), "{said}");
    // Of a private key only the public half is kept.
    bench.ok("key import ci.pem --name ci");
    let text = String::from_utf8(bench.read("keys/ci.pub.pem")).unwrap();
    assert!(text.starts_with("-----BEGIN PUBLIC KEY-----"), "{text}");
    assert_eq!(bench.json("key show keys/ci.pub.pem")["id"], made["id"]);
    bench.ok("key import ci.pem --name ci");
    bench.ok("key new --out other.pem");
    assert_eq!(bench.fails("key import other.pem --name ci").0, 1);
    assert_eq!(bench.fails("key import ci.pem --name ../ci").0, 1);
    assert_eq!(
        bench.fails("key new --out x.pem --encrypt").0,
        2,
        "no way to a passphrase"
    );
    assert!(!bench.scratch.join("x.pem").exists());
}

#[test]
fn a_weak_key_is_not_imported() {
    let bench = Bench::new();
    let identity = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
        -----END PUBLIC KEY-----\n";
    bench.write("weak.pem", identity.as_bytes());
    let (code, said) = bench.fails("key import weak.pem");
    assert_eq!(code, 11);
    assert!(said.contains("weak"), "{said}");
}

#[test]
fn a_private_key_that_others_can_write_is_not_used() {
    let bench = Bench::new();
    bench.draft("web_1.0.statement.json", baseline("web", "1.0"));
    let key = bench.scratch.join("keys/private/baseline.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o666)).unwrap();
    let (code, said) = bench.fails("sign web_1.0.statement.json");
    assert_eq!(code, 1);
    assert!(
        said.contains("others may write") && said.contains("chmod 600"),
        "{said}"
    );
}

#[test]
fn the_same_draft_keeps_its_serial_and_its_envelope() {
    let bench = Bench::new();
    bench.draft("a.statement.json", with_manifest("web", b"a"));
    bench.draft("b.statement.json", with_manifest("web", b"b"));
    bench.draft("other.statement.json", with_manifest("base", b"b"));
    let first = bench.json("sign a.statement.json -o a.dsse.json");
    assert_eq!(
        (first["serial"].as_u64(), first["reused"].as_bool()),
        (Some(1), Some(false))
    );
    let bytes = bench.read("a.dsse.json");
    let again = bench.json("sign a.statement.json -o again.dsse.json");
    assert_eq!(
        (again["serial"].as_u64(), again["reused"].as_bool()),
        (Some(1), Some(true))
    );
    assert_eq!(bench.read("again.dsse.json"), bytes);
    assert_eq!(bench.read("log/signed/web/1.dsse.json"), bytes);

    assert_eq!(bench.json("sign b.statement.json")["serial"], 2);
    assert_eq!(
        bench.json("sign other.statement.json")["serial"],
        1,
        "a row for each image"
    );
    let old = bench.json("sign a.statement.json");
    assert_eq!(
        (old["serial"].as_u64(), old["newer_serial"].as_u64()),
        (Some(1), Some(2))
    );
    assert_eq!(
        bench.json("sign a.statement.json --serial 3")["serial"],
        3,
        "released again"
    );
    assert_eq!(bench.statement("a.dsse.json").serial().get(), 1);
}

#[test]
fn a_serial_is_given_to_one_statement_only() {
    let bench = Bench::new();
    bench.draft("a.statement.json", with_manifest("web", b"a"));
    bench.draft("b.statement.json", with_manifest("web", b"b"));
    bench.ok("sign a.statement.json --serial 7");
    let (code, said) = bench.fails("sign b.statement.json --serial 7 -o b.dsse.json");
    assert_eq!(code, 1);
    assert!(said.contains("given to another statement"), "{said}");
    assert!(!bench.scratch.join("b.dsse.json").exists());
    // Another expiry is another payload.
    assert_eq!(
        bench
            .fails("sign a.statement.json --serial 7 --expires 2027-01-31")
            .0,
        1
    );
    bench.ok("sign b.statement.json --expires 2027-01-31 -o b.dsse.json");
    let statement = bench.statement("b.dsse.json");
    assert_eq!(statement.serial().get(), 8);
    assert_eq!(
        statement.expires().map(Epoch::rfc3339).as_deref(),
        Some("2027-01-31T00:00:00Z")
    );
    for serial in ["0", "9007199254740992", "x"] {
        assert_eq!(
            bench
                .fails(&format!("sign a.statement.json --serial {serial}"))
                .0,
            2
        );
    }
}

#[test]
fn signers_at_the_same_moment_get_serials_of_their_own() {
    let bench = Bench::new();
    for number in 0..8_u8 {
        bench.draft(
            &format!("{number}.statement.json"),
            with_manifest("web", &[number]),
        );
    }
    let children: Vec<_> = (0..8)
        .map(|number| {
            bench
                .command(&format!(
                    "sign {number}.statement.json -o {number}.dsse.json --quiet"
                ))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let serials: BTreeSet<u64> = (0..8)
        .map(|number| {
            bench
                .statement(&format!("{number}.dsse.json"))
                .serial()
                .get()
        })
        .collect();
    assert_eq!(serials, (1..=8).collect());
}

#[test]
fn a_further_signer_adds_to_the_envelope_wherever_he_is() {
    let bench = Bench::new();
    bench.draft("web.statement.json", baseline("web", "1.0"));
    bench.ok("sign web.statement.json -o web.dsse.json");
    bench.ok("key new --out second.pem");
    let (code, said) = bench.fails("sign web.dsse.json --key second.pem");
    assert_eq!(code, 1);
    assert!(said.contains("does not let key"), "{said}");

    // Elsewhere, without workspace: no record, no trust root.
    let elsewhere = Bench {
        scratch: Scratch::new("elsewhere"),
    };
    elsewhere.write("web.dsse.json", &bench.read("web.dsse.json"));
    elsewhere.write("web.statement.json", &bench.read("web.statement.json"));
    let second = bench.scratch.join("second.pem");
    let key = format!("--key {}", second.display());
    elsewhere.ok(&format!("sign web.dsse.json {key} -o both.dsse.json"));
    let both = Envelope::parse(&elsewhere.read("both.dsse.json")).unwrap();
    assert_eq!(both.signed().claims.len(), 2);
    let (code, said) = elsewhere.fails(&format!("sign web.statement.json {key}"));
    assert_eq!(code, 1);
    assert!(said.contains("a serial must be given"), "{said}");
    elsewhere.ok(&format!("sign web.statement.json {key} --serial 1"));
    assert_eq!(
        elsewhere
            .fails(&format!("sign web.dsse.json {key} --serial 2"))
            .0,
        1
    );
    assert_eq!(
        elsewhere.fails("sign web.statement.json --serial 1").0,
        2,
        "no key"
    );
}

#[test]
fn a_changed_record_is_noticed() {
    let bench = Bench::new();
    bench.draft("web.statement.json", baseline("web", "1.0"));
    bench.ok("sign web.statement.json");
    let record = bench.read("log/signed/web/1.dsse.json");
    bench.write("log/signed/web/2.dsse.json", &record);
    let (code, said) = bench.fails("sign web.statement.json");
    assert_eq!(code, 1);
    assert!(said.contains("it holds web 1"), "{said}");
}

#[test]
fn what_is_no_statement_is_not_signed() {
    let bench = Bench::new();
    for (name, bytes) in [
        ("empty", String::new()),
        ("object", "{}".to_owned()),
        ("foreign", r#"{"_type":"https://in-toto.io/Statement/v1","predicate":{},"predicateType":"https://slsa.dev/provenance/v1","subject":[]}"#.to_owned()),
        ("large", " ".repeat(70_000)),
    ] {
        bench.write(name, bytes.as_bytes());
        let (code, said) = bench.fails(&format!("sign {name}"));
        assert_eq!(code, 1, "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    // An envelope around the right payload, but of another type.
    let payload = super::fixture::payload("web", 1);
    let foreign = Envelope::new(super::fixture::signed("text/plain", payload, &[1]));
    bench.write("foreign.dsse.json", &foreign.to_bytes());
    assert_eq!(bench.fails("sign foreign.dsse.json").0, 1);
}

/// Outputs of a build, as far as `attach` looks at them.
fn outputs(bench: &Bench) {
    outputs_with(bench, &[]);
}

/// The same with further subjects, which are small files.
fn outputs_with(bench: &Bench, more: &[(Subject, &[u8])]) {
    let tar = b"a tar file, as far as anybody can tell".repeat(100);
    let (mut described, mut wanted) = (baseline("web", "1.0"), Vec::new());
    let layout = oci::layout(
        &oci::Description {
            name: "web".to_owned(),
            version: "1.0".to_owned(),
            description: String::new(),
            architecture: "amd64".to_owned(),
            epoch: Epoch::new(0).unwrap(),
            command: Vec::new(),
        },
        &[],
    );
    for (subject, digest) in [
        (Subject::Manifest, Digest::of(b"manifest")),
        (Subject::Expectations, Digest::of(b"expectations")),
        (Subject::Tar, Digest::of(&tar)),
        (Subject::Oci, layout.manifest),
    ] {
        described.subjects.insert(subject, digest);
        wanted.push(subject);
    }
    for (subject, bytes) in more {
        described.subjects.insert(*subject, Digest::of(bytes));
        bench.write(&format!("out/{}", described.subject_name(*subject)), bytes);
    }
    bench.draft("out/web_1.0.statement.json", described);
    bench.write("out/web_1.0.mtree", b"manifest");
    bench.write("out/web_1.0.expect.json", b"expectations");
    let mut encoder = Encoder::new(
        Compression::Zstd,
        std::num::NonZero::<usize>::MIN,
        Vec::new(),
    )
    .unwrap();
    std::io::Write::write_all(&mut encoder, &tar).unwrap();
    bench.write("out/web_1.0.tar.zst", &encoder.finish().unwrap());
    for document in layout.documents {
        bench.write(
            &format!("out/web_1.0.oci/{}", document.path),
            &document.bytes,
        );
    }
    bench.ok("sign out/web_1.0.statement.json -o signed.dsse.json");
}

#[test]
fn attach_puts_an_envelope_beside_outputs_and_into_the_oci_layout() {
    let bench = Bench::new();
    outputs(&bench);
    let report = bench.json("attach out --envelope signed.dsse.json");
    assert_eq!(
        report["matched"],
        serde_json::json!([".mtree", ".expect.json", ".tar", ".oci"])
    );
    let envelope = bench.read("signed.dsse.json");
    assert_eq!(bench.read("out/web_1.0.dsse.json"), envelope);
    let layout = bench.scratch.join("out/web_1.0.oci");
    let digest = bench
        .statement("signed.dsse.json")
        .baseline()
        .digest(Subject::Oci);
    let found = oci::attachments(
        &Layout(&layout),
        &digest.unwrap(),
        "application/vnd.dsse.envelope.v1+json",
    );
    assert_eq!(found.unwrap(), std::slice::from_ref(&envelope));
    let again = bench.json("attach out/web_1.0 --envelope signed.dsse.json");
    assert_eq!(again["written"], serde_json::json!([]));
    // The receipt beside the envelope came along.
    let logged = bench.read("out/web_1.0.tlog-proof");
    assert_eq!(logged, bench.read("signed.tlog-proof"));
    std::fs::remove_file(bench.scratch.join("out/web_1.0.tlog-proof")).unwrap();
    std::fs::remove_file(bench.scratch.join("signed.tlog-proof")).unwrap();
    // A newer trust root and a receipt travel with it.
    let parsed = Envelope::parse(&envelope).unwrap();
    let entry = karat::tlog::Kind::Signed.entry(&parsed).unwrap();
    let log = bench.read("keys/private/log.pem");
    let log = karat::key::SigningKey::read(&log, || None).unwrap();
    let origin = bench.json("trust show")["document"]["log"]["origin"].clone();
    let proof = crate::support::log::receipt(origin.as_str().unwrap(), &log, &[entry], 0);
    bench.write("proof", &proof.to_bytes());
    let report =
        bench.json("attach out --envelope signed.dsse.json --proof proof --root keys/trust.json");
    assert_eq!(
        report["written"],
        serde_json::json!(["out/web_1.0.tlog-proof", "out/trust/1.json"])
    );
    assert_eq!(
        bench.read("out/trust/1.json"),
        bench.read("keys/trust.json")
    );
}

#[test]
fn attach_compares_rules_and_further_outputs() {
    let bench = Bench::new();
    let sbom = b"{\"packages\":[]}\n";
    let mut further = karat::image::further::Further::new();
    for (name, bytes) in [("web_1.0.spdx.json", &sbom[..]), ("web_1.0.vhd", b"a disk")] {
        further.add(name, karat::tree::Content::of(bytes)).unwrap();
    }
    let further = further.to_bytes().unwrap();
    let rules = crate::responsibility::desk::results(&[("sh.root", "pass")]);
    let more = [
        (Subject::Rules, &rules[..]),
        (Subject::Outputs, &further[..]),
    ];
    outputs_with(&bench, &more);
    bench.write("out/web_1.0.spdx.json", sbom);
    let attach = "attach out --envelope signed.dsse.json";
    // Each is compared before anything is written.
    for (file, why) in [
        ("web_1.0.rules.json", "the statement says"),
        ("web_1.0.outputs.json", "the statement says"),
        ("web_1.0.spdx.json", "web_1.0.outputs.json lists"),
    ] {
        let file = format!("out/{file}");
        let before = bench.read(&file);
        let mut other = before.clone();
        other[0] ^= 1;
        bench.write(&file, &other);
        let (code, said) = bench.fails(attach);
        assert_eq!(code, 11, "{said}");
        assert!(said.contains(&file) && said.contains(why), "{said}");
        assert!(!bench.scratch.join("out/web_1.0.dsse.json").exists());
        bench.write(&file, &before);
    }
    let report = bench.json(attach);
    assert_eq!(
        report["matched"],
        serde_json::json!([
            ".mtree",
            ".expect.json",
            ".rules.json",
            ".outputs.json",
            ".tar",
            ".oci"
        ])
    );
    assert_eq!(report["further"], serde_json::json!(["web_1.0.spdx.json"]));
    assert_eq!(report["further_absent"], serde_json::json!(["web_1.0.vhd"]));
    // Without their list nobody can tell what they should be.
    std::fs::remove_file(bench.scratch.join("out/web_1.0.outputs.json")).unwrap();
    let report = bench.json(attach);
    assert_eq!(report["absent"], serde_json::json!([".outputs.json"]));
    assert_eq!(report["further"], serde_json::json!([]));
}

struct Layout<'a>(&'a Path);

impl oci::Files for Layout<'_> {
    fn open(&self, path: &str) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
        Ok(Box::new(std::fs::File::open(self.0.join(path))?))
    }
}

#[test]
fn attach_refuses_what_does_not_belong_together() {
    let bench = Bench::new();
    outputs(&bench);
    let refused = |arguments: &str| {
        let (code, said) = bench.fails(arguments);
        assert!(!bench.scratch.join("out/web_1.0.dsse.json").exists());
        (code, said)
    };
    let attach = "attach out --envelope signed.dsse.json";

    for (file, other) in [
        ("out/web_1.0.mtree", b"Manifest".as_slice()),
        ("out/web_1.0.expect.json", b"{}"),
        ("out/web_1.0.tar.zst", b"another tar"),
    ] {
        let before = bench.read(file);
        bench.write(file, other);
        let (code, said) = refused(attach);
        assert_eq!(code, 11, "{said}");
        assert!(
            said.contains(file) && said.contains("the statement says"),
            "{said}"
        );
        bench.write(file, &before);
    }
    let manifest = bench.read("out/web_1.0.mtree");
    std::fs::remove_file(bench.scratch.join("out/web_1.0.mtree")).unwrap();
    assert_eq!(refused(attach).0, 13);
    bench.write("out/web_1.0.mtree", &manifest);

    bench.write("proof", b"not a proof");
    assert_eq!(refused(&format!("{attach} --proof proof")).0, 11);
    assert_eq!(
        refused("attach out/base_1.0 --envelope signed.dsse.json").0,
        1
    );

    // Signed by a key that the trust root does not know.
    bench.ok("key new --out stranger.pem");
    bench.ok("sign out/web_1.0.statement.json --key stranger.pem --no-trust --serial 9 -o stranger.dsse.json");
    let (code, said) = refused("attach out --envelope stranger.dsse.json");
    assert_eq!(code, 11, "{said}");
    assert!(said.contains("not trusted"), "{said}");

    // An older release does not take the place of a newer one.
    bench.ok("sign out/web_1.0.statement.json --serial 12 -o newer.dsse.json");
    bench.ok("attach out --envelope newer.dsse.json");
    let (code, said) = bench.fails(attach);
    assert_eq!(code, 12, "{said}");
}

#[test]
fn trust_show_refuses_a_changed_trust_root() {
    let bench = Bench::new();
    let file = String::from_utf8(bench.read("keys/trust.json")).unwrap();
    bench.write(
        "changed.json",
        file.replacen("\"sig\":\"", "\"sig\":\"A", 1).as_bytes(),
    );
    assert_eq!(bench.fails("trust show changed.json").0, 11);
    let mut value: Value = serde_json::from_str(&file).unwrap();
    value["signatures"][0]["sig"] = value["signatures"][0]["sig"]
        .as_str()
        .map(|sig| {
            let first = if sig.starts_with('A') { "B" } else { "A" };
            format!("{first}{}", &sig[1..])
        })
        .into();
    bench.write("changed.json", value.to_string().as_bytes());
    let (code, said) = bench.fails("trust show changed.json");
    assert_eq!(code, 11);
    assert!(said.contains("0 of the 1 signatures required"), "{said}");
    assert_eq!(bench.fails("trust show nothing.json").0, 1);
}

#[test]
fn every_shipped_template_is_embedded() {
    fn walk(directory: &Path, below: &str, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push((name, std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"),
        "",
        &mut found,
    );
    found.sort();
    let embedded: Vec<(String, Vec<u8>)> = karat::ops::shipped::SHIPPED
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
        .collect();
    assert_eq!(embedded, found, "src/ops/shipped.rs and templates/");
}

#[test]
fn public_keys_of_a_workspace_are_public() {
    let bench = Bench::new();
    for entry in std::fs::read_dir(bench.scratch.join("keys")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("PRIVATE"), "{}", path.display());
        }
    }
    let log = PublicKey::from_der(
        &bench.root().document().roles[&karat::key::Role::Log].keys[0]
            .key
            .to_der(),
    );
    assert!(log.is_ok());
}

//! `karat trust update`, `sign`, `accept`, `discard`, `karat key rotate`, `revoke`: what they refuse.

use serde_json::{Value, json};

use karat::envelope::Envelope;
use karat::key::{Role, Signer, SigningKey, TrustRoot};
use karat::ops::trust::{self, Draft};
use karat::ops::workspace::Workspace;

use super::bench::Bench;
use super::fixture::{baseline, key};
use crate::support::schema::published;

fn document(bench: &Bench, arguments: &str) -> Value {
    published("trust-update").holds(&bench.ok(&format!("{arguments} --json")))
}

fn id(bench: &Bench, file: &str) -> String {
    let shown = bench.json(&format!("key show {file}"));
    shown["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_dry_run_writes_nothing_and_says_all() {
    let bench = Bench::new();
    bench.draft("web.statement.json", baseline("web", "1.0"));
    bench.ok("sign web.statement.json");
    // What the log has counts by its place there; what it has not counts by today's keys.
    let log_key = bench.scratch.join("keys/private/log.pem");
    let aside = bench.scratch.join("log.pem");
    std::fs::rename(&log_key, &aside).unwrap();
    bench.draft("api.statement.json", baseline("api", "1.0"));
    bench.ok("sign api.statement.json");
    std::fs::rename(&aside, &log_key).unwrap();
    let before = bench.read("keys/trust.json");
    let plan = document(&bench, "key rotate baseline --dry-run");
    assert_eq!(
        (&plan["state"], &plan["version"]),
        (&json!("plan"), &json!(2))
    );
    assert_eq!(plan["stops"], json!([{"name": "api", "serial": 1}]));
    let what: Vec<&Value> = plan["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["what"])
        .collect();
    assert!(
        what.contains(&&json!("key-added")) && what.contains(&&json!("key-ended")),
        "{plan}"
    );
    assert_eq!(bench.read("keys/trust.json"), before);
    for absent in ["keys/trust.draft.json", "keys/trust"] {
        assert!(!bench.scratch.join(absent).exists(), "{absent}");
    }
    assert_eq!(
        std::fs::read_dir(bench.scratch.join("keys/private"))
            .unwrap()
            .count(),
        4
    );
}

#[test]
fn what_cannot_be_taken_back_is_asked() {
    let bench = Bench::new();
    let before = bench.read("keys/trust.json");
    for arguments in ["key rotate baseline", "trust update --min-serial web=2"] {
        let (code, said) = bench.fails(arguments);
        assert_eq!(code, 2, "{said}");
        assert!(
            said.contains("cannot be taken back") && said.contains("--yes"),
            "{said}"
        );
    }
    assert_eq!(bench.read("keys/trust.json"), before);
    // What can be taken back is not.
    bench.ok("trust update --expires 2030-01-01");
    bench.ok("trust update --expires never --receipts required");
    let root = bench.root();
    assert_eq!((root.version(), root.expires()), (3, None));
}

#[test]
fn every_role_is_rotated_and_the_files_follow() {
    let bench = Bench::new();
    for (version, role) in ["baseline", "log", "root"].into_iter().enumerate() {
        let version = version + 2;
        let file = format!("keys/private/{role}.pem");
        let before = id(&bench, &file);
        let done = document(&bench, &format!("key rotate {role} --yes"));
        assert_eq!(
            (&done["state"], &done["version"]),
            (&json!("accepted"), &json!(version))
        );
        assert_ne!(id(&bench, &file), before, "{role}");
        assert_eq!(bench.mode(&file), 0o600);
        assert_eq!(
            id(&bench, &format!("keys/private/{role}.before-{version}.pem")),
            before
        );
        let shown = published("trust").holds(&bench.ok("trust show --json"));
        assert_eq!(shown["changes"], done["changes"]);
    }
    // The name of the log's key and the images of the baseline key went over.
    let root = bench.root();
    assert!(
        root.role(Role::Log)
            .unwrap()
            .keys
            .iter()
            .all(|key| key.name.is_some())
    );
    // The log goes on under its new key.
    bench.draft("web.statement.json", baseline("web", "1.0"));
    bench.ok("sign web.statement.json");
    bench.ok("log check log --trust keys/trust.json");
    // Not under the old one again, also where the workspace was set back.
    let present = bench.read("keys/trust.json");
    bench.write("keys/trust.json", &bench.read("keys/trust/1.json"));
    bench.draft("back.statement.json", baseline("back", "1.0"));
    let (_, said) =
        bench.fails("sign back.statement.json --key keys/private/baseline.before-2.pem");
    assert!(said.contains("is not the log's"), "{said}");
    bench.write("keys/trust.json", &present);
    // The present root key changes the trust root, the one before it does not.
    let (code, said) =
        bench.fails("trust update --expires 2030-01-01 --key keys/private/root.before-4.pem");
    assert_eq!(code, 1);
    assert!(
        said.contains("is a root key neither of trust root 4 nor of 5"),
        "{said}"
    );
    bench.ok("trust update --expires 2030-01-01");
    // All of it can be followed from the first.
    let mut root = TrustRoot::parse(&bench.read("keys/trust/1.json")).unwrap();
    for version in 2..=5 {
        root = root
            .update(&bench.read(&format!("keys/trust/{version}.json")))
            .unwrap();
    }
    assert_eq!(root, bench.root());
}

#[test]
fn a_rotation_that_waits_keeps_the_old_key_in_use() {
    let bench = Bench::new();
    std::fs::rename(
        bench.scratch.join("keys/private/root.pem"),
        bench.scratch.join("root.pem"),
    )
    .unwrap();
    let before = id(&bench, "keys/private/baseline.pem");
    let waits = document(&bench, "key rotate baseline --yes");
    assert_eq!(waits["state"], "draft");
    assert_eq!(
        waits["signatures"][0]["open"][0]["id"],
        id(&bench, "root.pem")
    );
    assert_eq!(id(&bench, "keys/private/baseline.pem"), before);
    bench.draft("web.statement.json", baseline("web", "1.0"));
    bench.ok("sign web.statement.json");

    // A second change waits for the first.
    let (code, said) = bench.fails("trust update --expires 2030-01-01");
    assert_eq!(code, 1);
    assert!(
        said.contains("not finished") && said.contains("karat trust discard"),
        "{said}"
    );
    let done = document(&bench, "trust sign --key root.pem --yes");
    assert_eq!(done["state"], "accepted");
    assert_ne!(id(&bench, "keys/private/baseline.pem"), before);

    // Thrown away, nothing changed.
    document(&bench, "trust update --expires 2030-01-01");
    let removed = bench.ok("trust discard --json");
    published("trust-discard").holds(&removed);
    assert_eq!(bench.fails("trust discard").0, 1);
    assert_eq!(bench.fails("trust accept").0, 1);
    assert_eq!(bench.root().version(), 2);
}

#[test]
fn signatures_come_together_from_copies() {
    let bench = Bench::new();
    for name in ["alice", "bob"] {
        bench.ok(&format!("key new --out {name}.pem --public {name}.pub.pem"));
    }
    bench.ok(
        "trust update --add-key root=alice.pub.pem,name=alice --add-key root=bob.pub.pem,name=bob",
    );
    std::fs::remove_file(bench.scratch.join("keys/private/root.pem")).unwrap();
    bench.ok("trust update --threshold root=2");
    for name in ["alice", "bob"] {
        std::fs::copy(
            bench.scratch.join("keys/trust.draft.json"),
            bench.scratch.join(format!("{name}.json")),
        )
        .unwrap();
        let signed = document(&bench, &format!("trust sign {name}.json --key {name}.pem"));
        assert_eq!(signed["state"], "draft");
    }
    assert_eq!(bench.root().version(), 2, "one signature each");
    // Foreign signatures and repetitions take no room and count for nothing.
    let mut draft = Envelope::parse(&bench.read("alice.json")).unwrap();
    for seed in 1..=63 {
        draft.sign(&key(seed)).unwrap();
    }
    bench.write("alice.json", &draft.to_bytes());
    let one = document(&bench, "trust accept alice.json alice.json");
    assert_eq!(one["state"], "draft");
    assert_eq!(one["signatures"][0]["signed"][0]["name"], "alice");
    assert_eq!(one["signatures"][0]["open"].as_array().unwrap().len(), 2);
    let both = document(&bench, "trust accept bob.json");
    assert_eq!(both["state"], "accepted");
    let file = Envelope::parse(&bench.read("keys/trust.json")).unwrap();
    assert_eq!(file.signed().claims.len(), 2);
    assert_eq!(bench.root().version(), 3);
}

#[test]
fn drafts_that_do_not_belong_here() {
    let bench = Bench::new();
    std::fs::rename(
        bench.scratch.join("keys/private/root.pem"),
        bench.scratch.join("root.pem"),
    )
    .unwrap();
    bench.ok("trust update --expires 2030-01-01");
    let one = bench.read("keys/trust.draft.json");
    bench.write("one.json", &one);
    bench.ok("trust discard");
    bench.ok("trust update --expires 2031-01-01");
    let (code, said) = bench.fails("trust accept one.json");
    assert_eq!(code, 11);
    assert!(said.contains("it is another draft"), "{said}");
    // Accepted, the other draft of the same version is one of the past.
    bench.ok("trust sign --key root.pem");
    let (code, said) = bench.fails("trust accept one.json");
    assert_eq!(code, 11);
    assert!(said.contains("trust root 2 cannot follow 2"), "{said}");
    for (bytes, code) in [(b"{}".as_slice(), 11), (b"", 11), (&[0xff; 40], 11)] {
        bench.write("broken.json", bytes);
        assert_eq!(bench.fails("trust accept broken.json").0, code);
        assert_eq!(bench.fails("trust sign broken.json --key root.pem").0, code);
    }
    // A version of the chain that is another trust root is not overwritten.
    bench.ok("trust update --expires 2032-01-01");
    bench.write("keys/trust/3.json", &bench.read("keys/trust/1.json"));
    let (code, said) = bench.fails("trust sign --key root.pem");
    assert_eq!(code, 11);
    assert!(
        said.contains("another trust root than the one of that version"),
        "{said}"
    );
    assert_eq!(bench.root().version(), 2);
}

/// Between showing and signing somebody exchanges the draft: what was shown is what is signed.
#[test]
fn a_draft_that_is_exchanged_after_it_was_shown() {
    let bench = Bench::new();
    let aside = bench.scratch.join("root.pem");
    std::fs::rename(bench.scratch.join("keys/private/root.pem"), &aside).unwrap();
    bench.ok("trust update --expires 2030-01-01");
    let draft = bench.scratch.join("keys/trust.draft.json");
    let shown = Draft::read(&draft, &bench.root()).unwrap();
    bench.ok("trust discard");
    bench.ok("trust update --expires 2039-01-01");
    let exchanged = bench.read("keys/trust.draft.json");

    let signer = SigningKey::read(&std::fs::read(aside).unwrap(), || None).unwrap();
    let workspace = Workspace::at(bench.scratch.path());
    let signers: [Box<dyn Signer>; 1] = [Box::new(signer)];
    let refused = trust::sign(&draft, shown, bench.root(), Some(&workspace), &signers);
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("it is another draft"), "{said}");
    let there = bench.read("keys/trust.draft.json");
    assert_eq!(there, exchanged, "not signed");
    assert_eq!(bench.root().version(), 1);
}

#[test]
fn changes_that_break_a_rule() {
    let bench = Bench::new();
    bench.ok("key new --out a.pem --public a.pub.pem");
    let baseline = id(&bench, "keys/private/baseline.pem");
    let other = id(&bench, "keys/private/log.pem");
    for (arguments, code, rule) in [
        ("trust update", 1, "nothing would change"),
        ("trust update --expires never", 1, "nothing would change"),
        (
            "trust update --threshold root=2",
            1,
            "the role root wants 2 of 1 keys",
        ),
        (
            "trust update --threshold baseline=0",
            1,
            "the role baseline wants 0 of 1 keys",
        ),
        (
            "trust update --threshold fleet=1",
            1,
            "nobody has the role fleet",
        ),
        (
            "trust update --add-key baseline=a.pub.pem",
            1,
            "needs the images",
        ),
        (
            "trust update --add-key root=a.pub.pem,images=*",
            1,
            "of the role root names images",
        ),
        (
            "trust update --add-key witness=a.pub.pem",
            1,
            "of the role witness has no name",
        ),
        (
            "trust update --add-key wizard=a.pub.pem",
            2,
            "the roles are",
        ),
        (
            "trust update --add-key root=a.pub.pem,nme=x",
            2,
            "images=GLOB or name=NAME",
        ),
        (
            "trust update --end-key abcdef012345 --yes",
            1,
            "names no key abcdef012345",
        ),
        (
            "trust update --end-key keys/private/root.pem --yes",
            1,
            "no Ed25519 public key",
        ),
        ("trust update --min-serial Web=2", 2, "name"),
        ("trust update --min-serial web=0", 2, "serial"),
        ("key rotate witness --yes", 1, "nobody has the role witness"),
        (
            &format!("key rotate baseline --old {other} --yes"),
            1,
            "names no key",
        ),
        (
            &format!("trust update --images {other}=*"),
            1,
            "of the role log names images",
        ),
        (
            &format!("trust update --images {baseline}=Web"),
            2,
            "pattern over image names",
        ),
    ] {
        let (found, said) = bench.fails(arguments);
        assert_eq!(found, code, "{arguments}: {said}");
        assert!(said.contains(rule), "{arguments}: {said}");
    }
    assert_eq!(bench.root().version(), 1);

    // The only root key cannot end; an ended key never returns, nor ends later than it did.
    let (code, said) = bench.fails(&format!(
        "key revoke {} --yes",
        id(&bench, "keys/private/root.pem")
    ));
    assert_eq!(code, 1);
    assert!(said.contains("the role root wants 1 of 0 keys"), "{said}");
    bench.ok("key show keys/private/baseline.pem --public b.pub.pem");
    bench.ok(&format!("key revoke {} --from 9 --yes", &baseline[..12]));
    let (_, said) = bench.fails("key revoke b.pub.pem --from 9 --yes");
    assert!(
        said.contains("was ended from log entry 9 on already"),
        "{said}"
    );
    bench.ok("key revoke b.pub.pem --from 7 --yes");
    let (_, said) = bench.fails("trust update --add-key baseline=b.pub.pem,images=*");
    assert!(said.contains("an ended key never counts again"), "{said}");
    bench.ok("trust update --min-serial web=5 --yes");
    let (_, said) = bench.fails("trust update --min-serial web=5 --yes");
    assert!(
        said.contains("the lowest serial of web is 5 already"),
        "{said}"
    );
}

#[test]
fn the_log_says_where_keys_begin_and_end() {
    let bench = Bench::new();
    for version in ["1.0", "1.1", "1.2"] {
        bench.draft("web.statement.json", baseline("web", version));
        bench.ok("sign web.statement.json");
    }
    document(&bench, "key rotate baseline --yes");
    let root = bench.root();
    let keys = &root.role(Role::Baseline).unwrap().keys;
    let lives: Vec<_> = keys.iter().map(|key| (key.from, key.until)).collect();
    assert!(
        lives.contains(&(0, Some(4))) && lives.contains(&(4, None)),
        "{lives:?}"
    );
    for text in [
        "other\n42\n\n",
        "example.com/log\n042\n",
        "example.com/log\n",
        "example.com/log\n+1\n",
    ] {
        bench.write("log/checkpoint", text.as_bytes());
        assert_eq!(bench.fails("key rotate baseline --yes").0, 1, "{text:?}");
    }
    document(&bench, "key rotate log --at 50 --yes");
}

#[test]
fn a_reason_is_shown_and_has_its_limits() {
    let bench = Bench::new();
    bench.ok("key new --out a.pem --public a.pub.pem");
    bench.ok("trust update --add-key revoke=a.pub.pem");
    let revoke = |reason: &str| {
        let mut command = bench.command("key revoke a.pub.pem --yes --reason");
        command.arg(reason).output().unwrap()
    };
    for reason in ["a\u{1b}[31m", &"x".repeat(257)] {
        let output = revoke(reason);
        assert_eq!(output.status.code(), Some(1));
    }
    assert!(revoke("it\u{202e} was mine").status.success());
    let shown = bench.ok("trust show");
    assert!(shown.contains("it\\xe2\\x80\\xae was mine"), "{shown}");
}

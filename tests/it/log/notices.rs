//! Trust roots, revocations and retirements: as commands log them, and what they forbid.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use karat::envelope::Envelope;
use karat::key::{Position, Role, TrustRoot};
use karat::log::{Log, Notice};
use karat::sys::fs::Beneath;
use karat::tlog::{Entry, Kind, TrustedCheckpoint};
use serde_json::{Value, json};

use crate::keys::fixture::{envelope, key, payload};
use crate::support::history::{History, KINDS};

#[test]
fn the_story_of_a_stolen_key() {
    let told = History::told("notices-story");
    assert_eq!(told.kinds(), KINDS);
    let entries = told.entries();
    let versions: Vec<&Value> = [0, 2, 5]
        .iter()
        .map(|index| &entries[*index]["trust_root_version"])
        .collect();
    assert_eq!(versions, [&json!(1), &json!(2), &json!(3)]);
    let stolen = told.id("keys/private/baseline.before-3.pem");
    assert_eq!(
        entries[4]["revoked"],
        json!({"key": stolen, "from": 4, "reason": "stolen"})
    );
    assert_eq!(
        entries[7]["retired"],
        json!({"image": "web", "from": 2, "through": 2, "reason": "stolen"})
    );
    let text = told.ok("log show log");
    assert!(text.contains("from entry 4 on (stolen)"), "{text}");
    assert!(text.contains("web serial 2 (stolen)"), "{text}");

    // The key's life ends where the log says; each release counts by its place.
    let root = told.root();
    let role = root.role(Role::Baseline).unwrap();
    let lives: Vec<_> = role.keys.iter().map(|key| (key.from, key.until)).collect();
    for life in [(0, Some(2)), (2, Some(4)), (5, None)] {
        assert!(lives.contains(&life), "{lives:?}");
    }
    for version in ["1.0", "2.0", "3.0"] {
        let read = |suffix| fs::read(told.path(&format!("web_{version}{suffix}"))).unwrap();
        let envelope = Envelope::parse(&read(".dsse.json")).unwrap();
        assert!(envelope.open_logged(&root, &read(".tlog-proof")).is_ok());
    }
    // Every entry is what its kind says, under the newest trust root.
    let log = Log::open(Beneath::open(told.path("log")).unwrap()).unwrap();
    let mut chain: Option<TrustRoot> = None;
    for index in 0..log.size() {
        let bytes = log.entry(index).unwrap();
        let entry = Entry::parse(&bytes).unwrap();
        let envelope = Envelope::parse(entry.envelope).unwrap();
        match entry.kind {
            Kind::Trust => {
                chain = Some(match &chain {
                    None => TrustRoot::parse(entry.envelope).unwrap(),
                    Some(root) => root.update(entry.envelope).unwrap(),
                });
            }
            Kind::Revoke | Kind::Retire => {
                let opened = Notice::open(&root, &envelope, Position::Logged(index)).unwrap();
                assert_eq!((opened.role(), opened.kind()), (Role::Revoke, entry.kind));
            }
            _ => {}
        }
    }
    assert_eq!(chain.as_ref(), Some(&root), "the log alone leads to it");
    told.ok("log check log --trust keys/trust.json");
}

#[test]
fn a_revoked_key_signs_and_logs_nothing_more() {
    let desk = History::new("notices-revoked");
    desk.release("web", "1.0");
    desk.aside("root", "away.pem");
    let stolen = desk.id("keys/private/baseline.pem");
    let revoke = format!("key revoke {stolen} --reason");
    let first = desk
        .command(&revoke)
        .args(["laptop stolen", "--yes", "--json"])
        .output()
        .unwrap();
    assert!(first.status.success());
    let said = crate::support::schema::published("trust-update")
        .holds(&String::from_utf8(first.stdout).unwrap());
    assert_eq!(
        (&said["state"], &said["notice"]["index"], &said["log_index"]),
        (&json!("draft"), &json!(2), &Value::Null)
    );
    // The draft ends the key where the log says it.
    let ended = said["changes"].as_array().unwrap().iter();
    let ended = ended.filter(|it| it["what"] == "key-ended");
    assert!(ended.clone().count() == 1 && ended.clone().all(|it| it["after"] == "from entry 2 on"));

    desk.draft("web", "2.0");
    for arguments in [
        "sign web_2.0.statement.json",
        "sign web_1.0.statement.json",
        "sign web_1.0.dsse.json",
    ] {
        let (code, said) = desk.fails(arguments);
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains(
                "signs nothing more: log entry 2 revoked it from entry 2 on (laptop stolen)"
            ),
            "{said}"
        );
        assert!(said.contains("karat key rotate"), "{said}");
    }
    fs::write(
        desk.path("bare.toml"),
        "packages = [\"base-files\"]\n[image]\nname = \"web\"\nversion = \"1\"\n\
         [source]\nsuite = \"trixie\"\n[verify]\nagent = false\n",
    )
    .unwrap();
    let (_, said) = desk.fails("build bare.toml --offline");
    assert!(said.contains("signs nothing more"), "{said}");
    assert!(!desk.path("bare.lock").exists(), "nothing was begun");
    // What it signed elsewhere is not logged either; nor recorded, so that its serial stays free.
    desk.ok(
        "sign web_2.0.statement.json --no-trust --serial 2 --workspace nowhere -o loot.dsse.json \
         --key keys/private/baseline.pem",
    );
    let (code, said) = desk.fails("log append log loot.dsse.json");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("signs nothing more"), "{said}");
    assert!(!desk.path("log/signed/web/2.dsse.json").exists());
    // What is logged can be added again, for its receipt.
    fs::remove_file(desk.path("web_1.0.tlog-proof")).unwrap();
    let again = desk.json("log-append", "log append log web_1.0.dsse.json");
    assert_eq!(again["added"][0]["was_there"], true);
    // The record is made anew from the log, the notice too.
    fs::remove_dir_all(desk.path("log/signed")).unwrap();
    desk.fails("sign web_2.0.statement.json");

    // With the new key it goes on; the old signature beside a new one is no hindrance.
    desk.ok("trust sign --key away.pem --yes");
    assert_eq!(desk.kinds(), ["trust", "signed", "revoke", "trust"]);
    desk.ok("key new --out next.pem --public next.pub.pem");
    desk.ok("trust update --add-key baseline=next.pub.pem,images=* --key away.pem");
    let more = desk.json("sign", "sign web_1.0.dsse.json --key next.pem");
    assert_eq!(
        (&more["log_index"], &more["missing"]),
        (&json!(5), &Value::Null)
    );
    // The ended key is refused by the trust root from now on.
    let (_, said) = desk.fails("sign web_2.0.statement.json");
    assert!(said.contains("ended it from log entry 2 on"), "{said}");
}

#[test]
fn the_same_revocation_twice_is_one_entry() {
    let desk = History::new("notices-twice");
    desk.aside("root", "away.pem");
    let key = desk.id("keys/private/baseline.pem");
    desk.ok(&format!("key revoke {key} --yes"));
    let (_, said) = desk.fails(&format!("key revoke {key} --yes"));
    assert!(said.contains("not finished"), "{said}");
    assert_eq!(desk.kinds(), ["trust", "revoke"]);
}

#[test]
fn a_stolen_revoke_key_is_taken_back_by_the_next_trust_root() {
    let desk = History::new("notices-taken-back");
    desk.release("web", "1.0");
    // The thief revokes the good key.
    let good = desk.id("keys/private/baseline.pem");
    let thief = desk.id("keys/private/revoke.pem");
    desk.aside("root", "away.pem");
    desk.ok(&format!("key revoke {good} --yes"));
    desk.ok("trust discard");
    desk.draft("web", "2.0");
    desk.fails("sign web_2.0.statement.json");
    desk.back("away.pem", "root");
    // Its end lies before what it said. It cannot speak about itself any more, so nothing is logged
    // but the trust root.
    desk.aside("revoke", "revoke.pem");
    desk.ok(&format!("key revoke {thief} --from 2 --yes"));
    assert_eq!(desk.kinds(), ["trust", "signed", "revoke", "trust"]);
    assert_eq!(desk.release("web", "2.0"), 4);
    // Now the root keys speak.
    let retired = desk.json(
        "log-retire",
        "log retire web --through 2 --reason old --yes",
    );
    assert_eq!(
        (&retired["notice"]["index"], &retired["from"]),
        (&json!(5), &json!(1))
    );
    assert_eq!(
        retired["signed_by"],
        json!([desk.id("keys/private/root.pem")])
    );
}

#[test]
fn who_may_not_speak() {
    let desk = History::new("notices-foreign");
    desk.ok("key new --out foreign.pem");
    for (arguments, code, what) in [
        (
            "log retire web --serial 1 --reason x --yes --key foreign.pem",
            11,
            "signed by the keys of the role revoke: 0 of the 1 signatures required",
        ),
        (
            "log retire web --serial 1 --reason x --yes --key keys/private/root.pem",
            11,
            "0 of the 1 signatures required",
        ),
        (
            "log retire web --serial 1 --reason x",
            2,
            "cannot be taken back",
        ),
        ("log retire web --reason x --yes", 2, "--serial"),
        (
            "log retire web --from 3 --through 2 --reason x --yes",
            1,
            "3 to 2 are no serials",
        ),
        (
            "log retire Web --serial 1 --reason x --yes",
            2,
            "image name",
        ),
    ] {
        let (found, said) = desk.fails(arguments);
        assert_eq!(found, code, "{arguments}: {said}");
        assert!(said.contains(what), "{arguments}: {said}");
    }
    let baseline = desk.id("keys/private/baseline.pem");
    let (code, said) = desk.fails(&format!("key revoke {baseline} --from 9 --yes"));
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("cannot revoke a key from entry 9 on"),
        "{said}"
    );
    let (_, said) = desk.fails(&format!(
        "key revoke {baseline} --yes --revoke-key foreign.pem"
    ));
    assert!(said.contains("role revoke"), "{said}");
    assert_eq!(desk.kinds(), ["trust"]);
    assert_eq!(desk.root().version(), 1, "and no draft");
    assert!(!desk.path("keys/trust.draft.json").exists());
    // A file of one is not logged either, whoever brings it.
    let notice = Notice::Retire(karat::log::Retirement {
        image: karat::baseline::ImageName::parse("web").unwrap(),
        from: karat::baseline::Serial::FIRST,
        through: karat::baseline::Serial::FIRST,
        reason: "x".to_owned(),
    });
    let mut signed = notice.to_signed("example.com/log").unwrap();
    signed.sign(&key(7)).unwrap();
    fs::write(desk.path("n.dsse.json"), Envelope::new(signed).to_bytes()).unwrap();
    let (code, said) = desk.fails("log append log n.dsse.json");
    assert_eq!(code, 11, "{said}");
    assert_eq!(desk.kinds(), ["trust"]);
}

#[test]
fn the_log_key_is_elsewhere() {
    let desk = History::new("notices-elsewhere");
    desk.aside("log", "log.pem");
    desk.release_unlogged("web", "1.0");
    let changed = desk.json("trust-update", "trust update --expires 2031-01-31");
    assert_eq!(changed["log_index"], Value::Null);
    desk.ok("trust update --expires 2032-01-31");
    desk.aside("root", "root.pem");
    let key = desk.id("keys/private/baseline.pem");
    let said = desk.json("trust-update", &format!("key revoke {key} --yes"));
    let file = said["notice"]["file"].as_str().unwrap().to_owned();
    assert!(file.contains("keys/revoke."), "{file}");
    assert_eq!(desk.kinds(), ["trust"]);
    // Where the key is: what the keys were goes first, in its order.
    let added = desk.json(
        "log-append",
        &format!("log append log web_1.0.dsse.json keys/trust.json {file} --key log.pem"),
    );
    let added: Vec<(&str, u64, bool)> = added["added"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["kind"].as_str().unwrap(),
                it["index"].as_u64().unwrap(),
                it["was_there"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        added,
        [
            ("signed", 3, false),
            ("trust", 2, false),
            ("revoke", 4, false)
        ]
    );
    assert_eq!(
        desk.kinds(),
        ["trust", "trust", "trust", "signed", "revoke"]
    );
    desk.fails("sign web_1.0.statement.json");
}

#[test]
fn signing_logs_a_trust_root_first() {
    let desk = History::new("notices-first");
    desk.aside("log", "log.pem");
    desk.ok("key rotate baseline --yes");
    assert_eq!(desk.kinds(), ["trust"]);
    desk.back("log.pem", "log");
    assert_eq!(desk.release("web", "1.0"), 2);
    assert_eq!(desk.kinds(), ["trust", "trust", "signed"]);
    // Once.
    assert_eq!(desk.release("web", "2.0"), 3);
}

/// The entry that ends the log's key is signed by the key that follows it: it counts from there on.
#[test]
fn the_log_key_is_rotated() {
    let desk = History::new("notices-log-key");
    desk.release("web", "1.0");
    let before = desk.root();
    let done = desk.json("trust-update", "key rotate log --yes");
    assert_eq!(done["log_index"], 2);
    let root = desk.root();
    let keys = &root.role(Role::Log).unwrap().keys;
    let lives: Vec<_> = keys.iter().map(|key| (key.from, key.until)).collect();
    assert!(
        lives.contains(&(0, Some(2))) && lives.contains(&(2, None)),
        "{lives:?}"
    );
    let log = Log::open(Beneath::open(desk.path("log")).unwrap()).unwrap();
    let trusted = TrustedCheckpoint::open(&root, log.note()).unwrap();
    let signers: Vec<_> = trusted.signed_by().keys().copied().collect();
    assert_eq!(signers, [desk.public("keys/private/log.pem")]);
    // Whoever has the old trust root only must get the new one first.
    assert!(TrustedCheckpoint::open(&before, log.note()).is_err());
    // What the old key signed before stays good under both.
    let kept = log.kept(2).unwrap().unwrap();
    for root in [&before, &root] {
        TrustedCheckpoint::open(root, &kept).unwrap();
    }
    desk.ok("log check log --trust keys/trust.json");
}

#[test]
fn a_revoked_log_key_adds_nothing_more() {
    let desk = History::new("notices-log-revoked");
    desk.aside("root", "away.pem");
    let key = desk.id("keys/private/log.pem");
    desk.ok(&format!("key revoke {key} --reason leaked --yes"));
    desk.ok("trust discard");
    desk.draft("web", "1.0");
    let (_, said) = desk.fails("sign web_1.0.statement.json");
    assert!(said.contains("log entry 1 revoked it"), "{said}");
    desk.back("away.pem", "root");
    desk.ok("key rotate log --reason leaked --yes");
    assert_eq!(desk.kinds(), ["trust", "revoke", "trust"]);
    desk.ok("sign web_1.0.statement.json");
    desk.ok("log check log --trust keys/trust.json");
}

#[test]
fn a_retired_release_gets_no_further_signature() {
    let desk = History::new("notices-retired");
    desk.release("web", "1.0");
    desk.ok("log retire web --serial 1 --reason CVE-2027-1 --yes");
    let (code, said) = desk.fails("sign web_1.0.statement.json");
    assert_eq!(code, 1);
    assert!(
        said.contains("serial 1 of web was retired by log entry 2 (CVE-2027-1)"),
        "{said}"
    );
    // Nor is it logged, where the signature was made elsewhere.
    fs::write(desk.path("x.dsse.json"), envelope(payload("web", 1), &[1])).unwrap();
    let (_, said) = desk.fails("log append log x.dsse.json");
    assert!(said.contains("was retired"), "{said}");
    desk.release("web", "2.0");
    // Other images are not meant.
    desk.release("db", "1.0");
}

#[test]
fn the_log_key_may_be_a_program() {
    let desk = History::new("notices-program");
    let program = desk.path("sign.sh");
    fs::write(
        &program,
        "#!/bin/sh\ncat > message\nopenssl pkeyutl -sign -inkey log.pem -rawin -in message\n",
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    if crate::support::judge("openssl").is_none() {
        return;
    }
    desk.ok("key show keys/private/log.pem --public log.pub.pem");
    desk.aside("log", "log.pem");
    fs::write(desk.path("a.dsse.json"), envelope(payload("a", 1), &[1])).unwrap();
    let spec = format!("command:log.pub.pem:{}", program.display());
    let added = desk.json(
        "log-append",
        &format!("log append log a.dsse.json --key {spec}"),
    );
    assert_eq!(added["added"][0]["index"], 1);
    // The workspace may name it once for all.
    fs::write(
        desk.path("keys/private/signers.toml"),
        format!("log = \"{spec}\"\n"),
    )
    .unwrap();
    assert_eq!(desk.release("web", "1.0"), 2);
    desk.ok("log check log --trust keys/trust.json");
}

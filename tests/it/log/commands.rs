//! `karat log`, and signing where there is a log: as people run them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use karat::baseline::Draft;
use karat::envelope::Envelope;
use karat::key::TrustRoot;
use serde_json::{Value, json};

use crate::keys::fixture::{baseline, envelope, payload};
use crate::support::Scratch;
use crate::support::schema::published;

struct Desk(Scratch);

impl Desk {
    /// A workspace with plain keys and a log.
    fn new(name: &str) -> Self {
        let desk = Self(Scratch::new(name));
        desk.ok("init --no-passphrase --name example.com/log");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karat"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .env_remove("KARAT_KEY_PASSPHRASE")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &str) -> (i32, String, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn ok(&self, arguments: &str) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "karat {arguments}: {out}{err}");
        out
    }

    fn json(&self, schema: &str, arguments: &str) -> Value {
        published(schema).holds(&self.ok(&format!("{arguments} --json")))
    }

    fn fails(&self, arguments: &str) -> (i32, String) {
        let (code, out, err) = self.run(arguments);
        assert_ne!(code, 0, "karat {arguments} passed: {out}");
        (code, err)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn draft(&self, name: &str, version: &str) {
        let draft = Draft::new(baseline(name, version)).unwrap();
        self.write(
            &format!("{name}_{version}.statement.json"),
            draft.to_bytes().unwrap(),
        );
    }

    fn envelope(&self, file: &str) -> Envelope {
        Envelope::parse(&fs::read(self.path(file)).unwrap()).unwrap()
    }

    fn trust(&self) -> TrustRoot {
        TrustRoot::parse(&fs::read(self.path("keys/trust.json")).unwrap()).unwrap()
    }

    /// Where the log has the envelope, by the receipt beside it.
    fn place(&self, stem: &str) -> u64 {
        let envelope = self.envelope(&format!("{stem}.dsse.json"));
        let receipt = fs::read(self.path(&format!("{stem}.tlog-proof"))).unwrap();
        let verified = envelope.open_logged(&self.trust(), &receipt).unwrap();
        verified.logged().unwrap().index()
    }
}

#[test]
fn a_workspace_has_a_log_and_what_is_signed_there_is_logged() {
    let desk = Desk::new("log-sign");
    let empty = desk.json("log-show", "log show log");
    assert_eq!(
        (&empty["origin"], &empty["tree_size"]),
        (&json!("example.com/log"), &json!(1))
    );
    // The trust root is the first entry.
    assert_eq!(
        (
            &empty["entries"][0]["kind"],
            &empty["entries"][0]["trust_root_version"]
        ),
        (&json!("trust"), &json!(1))
    );
    desk.draft("web", "1.0");
    let signed = desk.json("sign", "sign web_1.0.statement.json");
    assert_eq!(
        (&signed["log_index"], &signed["receipt"], &signed["missing"]),
        (&json!(1), &json!("web_1.0.tlog-proof"), &Value::Null)
    );
    assert_eq!(desk.place("web_1.0"), 1);
    // The same draft again keeps envelope and receipt, byte for byte, also when the log has grown.
    let receipt = fs::read(desk.path("web_1.0.tlog-proof")).unwrap();
    desk.draft("web", "2.0");
    assert_eq!(
        desk.json("sign", "sign web_2.0.statement.json")["log_index"],
        2
    );
    let again = desk.json("sign", "sign web_1.0.statement.json");
    assert_eq!(
        (&again["reused"], &again["log_index"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(fs::read(desk.path("web_1.0.tlog-proof")).unwrap(), receipt);
    // One that is gone or rubbish is made anew.
    desk.write("web_1.0.tlog-proof", "rubbish");
    desk.ok("sign web_1.0.statement.json");
    assert_eq!(desk.place("web_1.0"), 1);
    // A further signer makes a further entry, and the receipt is that of the whole envelope.
    desk.ok("key new --out second.pem");
    let more = desk.json("sign", "sign web_1.0.dsse.json --key second.pem --no-trust");
    assert_eq!(more["log_index"], 3);
    let receipt = fs::read(desk.path("web_1.0.tlog-proof")).unwrap();
    let located = karat::tlog::locate(&desk.trust(), &receipt, &desk.envelope("web_1.0.dsse.json"));
    let located = located.unwrap();
    assert_eq!(
        (
            located.logged.index(),
            located.envelope.signed().claims.len()
        ),
        (3, 2)
    );

    let shown = desk.json("log-show", "log show log");
    let entries = shown["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    assert_eq!(
        (
            &entries[2]["kind"],
            &entries[2]["name"],
            &entries[2]["version"],
            &entries[2]["serial"]
        ),
        (&json!("signed"), &json!("web"), &json!("2.0"), &json!(2))
    );
    assert_eq!(entries[3]["key_ids"].as_array().unwrap().len(), 2);
    assert!(
        desk.ok("log show log --from 3")
            .contains("web 1.0 serial 1")
    );
    let checked = desk.json("log-check", "log check log --trust keys/trust.json");
    assert_eq!(
        (&checked["checkpoints"], &checked["faults"]),
        (&json!(5), &json!([]))
    );
}

#[test]
fn the_highest_serial_comes_from_the_log() {
    let desk = Desk::new("log-serial");
    desk.draft("web", "1.0");
    desk.ok("sign web_1.0.statement.json --serial 41");
    fs::remove_dir_all(desk.path("log/signed")).unwrap();
    desk.draft("web", "2.0");
    assert_eq!(
        desk.json("sign", "sign web_2.0.statement.json")["serial"],
        42
    );
    // An equal serial with another payload is refused, also where only the log knows it.
    fs::remove_dir_all(desk.path("log/signed")).unwrap();
    desk.draft("web", "3.0");
    let (code, said) = desk.fails("sign web_3.0.statement.json --serial 41");
    assert_eq!(code, 1);
    assert!(said.contains("was given to another statement"), "{said}");
    let other = Draft::new(baseline("web", "9.9")).unwrap();
    let other = other.complete(karat::baseline::Serial::new(41).unwrap(), None);
    let other = other.to_signed().unwrap().payload;
    desk.write("other.dsse.json", envelope(other, &[1]));
    let (_, said) = desk.fails("log append log other.dsse.json");
    assert!(said.contains("was given to another statement"), "{said}");
    assert_eq!(desk.json("log-show", "log show log")["tree_size"], 3);
}

#[test]
fn receipts_that_the_trust_root_demands_are_there_after_signing() {
    let desk = Desk::new("log-required");
    desk.draft("web", "1.0");
    desk.ok("sign web_1.0.statement.json");
    let envelope = desk.envelope("web_1.0.dsse.json");
    let mut document = desk.trust().document().clone();
    document.log.as_mut().unwrap().receipt = karat::key::Receipts::Required;
    let mut signed = document.to_signed().unwrap();
    let root = fs::read(desk.path("keys/private/root.pem")).unwrap();
    signed
        .sign(&karat::key::SigningKey::read(&root, || None).unwrap())
        .unwrap();
    desk.write("keys/trust.json", Envelope::new(signed).to_bytes());
    assert!(envelope.open(&desk.trust()).is_err());
    assert_eq!(
        desk.json("sign", "sign web_1.0.statement.json")["missing"],
        Value::Null
    );
    // Elsewhere, without the log's key, it is still to come.
    fs::remove_file(desk.path("keys/private/log.pem")).unwrap();
    desk.draft("web", "2.0");
    let elsewhere = desk.json("sign", "sign web_2.0.statement.json");
    assert_eq!(
        (&elsewhere["log_index"], &elsewhere["receipt"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        elsewhere["missing"]
            .as_str()
            .unwrap()
            .contains("demands a receipt")
    );
}

#[test]
fn a_log_of_its_own_takes_envelopes_and_trust_roots_from_elsewhere() {
    let desk = Desk::new("log-own");
    desk.ok("key new --out log.pem");
    let made = desk.json(
        "log-init",
        "log init elsewhere --origin example.org/second --key log.pem",
    );
    assert!(
        made["vkey"]
            .as_str()
            .unwrap()
            .starts_with("example.org/second+")
    );
    desk.write("a.dsse.json", envelope(payload("a", 1), &[1]));
    desk.write("b.dsse.json", envelope(payload("b", 1), &[1, 2]));
    let added = desk.json(
        "log-append",
        "log append elsewhere a.dsse.json keys/trust.json b.dsse.json a.dsse.json --key log.pem",
    );
    let places: Vec<(u64, bool)> = added["added"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["index"].as_u64().unwrap(),
                it["was_there"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(places, [(0, false), (1, false), (2, false), (0, true)]);
    assert_eq!(added["added"][1]["kind"], "trust");
    assert_eq!(added["added"][1]["receipt"], Value::Null);
    let shown = desk.json("log-show", "log show elsewhere");
    assert_eq!(shown["entries"][1]["trust_root_version"], 1);
    // The same receipt, by index and by file.
    let by_index = desk.ok("log proof elsewhere 2");
    let by_file = desk.ok("log proof elsewhere b.dsse.json");
    assert_eq!(by_index, by_file);
    assert_eq!(
        by_file.as_bytes(),
        fs::read(desk.path("b.tlog-proof")).unwrap()
    );
    let proof = desk.json(
        "log-proof",
        "log proof elsewhere keys/trust.json -o trust.tlog-proof",
    );
    assert_eq!(
        (&proof["index"], &proof["tree_size"]),
        (&json!(1), &json!(3))
    );
    assert!(desk.path("trust.tlog-proof").exists());
    desk.ok("log check elsewhere");
    // A copy of the public files can be read and, by who knows the key, checked; not added to.
    let copied = Command::new("cp")
        .args(["-r", "log", "mirror"])
        .current_dir(desk.0.path())
        .status()
        .unwrap();
    assert!(copied.success());
    for private in ["mirror/.state", "mirror/signed"] {
        fs::remove_dir_all(desk.path(private)).unwrap();
    }
    desk.ok("log check mirror --trust keys/trust.json");
    let (_, said) = desk.fails("log check mirror");
    assert!(said.contains("copy of a log"), "{said}");
    let (_, said) = desk.fails("log append mirror a.dsse.json --key keys/private/log.pem");
    assert!(said.contains(".state"), "{said}");

    for (arguments, code, what) in [
        (
            "log append elsewhere keys/private/root.pem --key log.pem",
            11,
            "envelope",
        ),
        (
            "log append elsewhere a.tlog-proof --key log.pem",
            11,
            "envelope",
        ),
        ("log append elsewhere a.dsse.json", 1, "is not the log's"),
        ("log append nowhere a.dsse.json --key log.pem", 1, "nowhere"),
        ("log proof elsewhere 3", 1, "no entry 3"),
        (
            "log init elsewhere --origin example.org/second --key log.pem",
            1,
            "a log already",
        ),
        ("log init another --origin a+b --key log.pem", 1, "no plus"),
        (
            "log check elsewhere --trust keys/trust.json",
            11,
            "signed by the log",
        ),
    ] {
        let (exit, said) = desk.fails(arguments);
        assert_eq!(exit, code, "{arguments}: {said}");
        assert!(said.contains(what), "{arguments}: {said}");
    }
    // Nothing of a list is added where one of it cannot be.
    desk.write("c.dsse.json", envelope(payload("c", 1), &[1]));
    desk.fails("log append elsewhere c.dsse.json log.pem --key log.pem");
    assert_eq!(desk.json("log-show", "log show elsewhere")["tree_size"], 3);
    desk.write("other.dsse.json", envelope(b"{}".to_vec(), &[1]));
    let (_, said) = desk.fails("log proof elsewhere other.dsse.json");
    assert!(said.contains("statement"), "{said}");
}

#[test]
fn damage_is_found_and_named() {
    let desk = Desk::new("log-damage");
    desk.draft("web", "1.0");
    desk.ok("sign web_1.0.statement.json");
    let tile = desk.path("log/tile/0/000.p/2");
    let good = fs::read(&tile).unwrap();
    fs::write(&tile, [7; 64]).unwrap();
    let (code, out, _) = desk.run("log check log --json");
    assert_eq!(code, 11);
    let report = published("log-check").holds(&out);
    assert!(!report["faults"].as_array().unwrap().is_empty());
    desk.draft("web", "2.0");
    let (code, said) = desk.fails("sign web_2.0.statement.json");
    assert_eq!(code, 11, "{said}");
    fs::write(&tile, good).unwrap();
    desk.ok("sign web_2.0.statement.json");
    // An older checkpoint and older tiles, as from a backup.
    let state = desk.path("log/.state/signed");
    let newest = fs::read(&state).unwrap();
    for gone in [
        "log/tile/0/000.p/3",
        "log/tile/entries/000.p/3",
        "log/checkpoints/3",
    ] {
        fs::remove_file(desk.path(gone)).unwrap();
    }
    fs::copy(desk.path("log/checkpoints/2"), desk.path("log/checkpoint")).unwrap();
    desk.draft("web", "3.0");
    let (code, said) = desk.fails("sign web_3.0.statement.json");
    assert_eq!(code, 12, "{said}");
    assert!(said.contains("restored from a backup"), "{said}");
    assert_eq!(fs::read(state).unwrap(), newest);
}

#[test]
fn links_and_odd_files_in_a_log_are_refused() {
    let desk = Desk::new("log-links");
    desk.draft("web", "1.0");
    let outside = desk.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::rename(desk.path("log/tile"), desk.path("tile-before")).unwrap();
    symlink(&outside, desk.path("log/tile")).unwrap();
    let (_, said) = desk.fails("sign web_1.0.statement.json");
    assert!(said.contains("does not belong"), "{said}");
    fs::remove_file(desk.path("log/tile")).unwrap();
    fs::rename(desk.path("tile-before"), desk.path("log/tile")).unwrap();
    fs::rename(desk.path("log/tile/0/000.p"), desk.path("tile-before")).unwrap();
    symlink(&outside, desk.path("log/tile/0/000.p")).unwrap();
    desk.fails("sign web_1.0.statement.json");
    assert_eq!(
        fs::read_dir(&outside).unwrap().count(),
        0,
        "nothing was written through a link"
    );
    fs::remove_file(desk.path("log/tile/0/000.p")).unwrap();
    fs::rename(desk.path("tile-before"), desk.path("log/tile/0/000.p")).unwrap();
    desk.write("log/notes.txt", "mine");
    let (_, said) = desk.fails("sign web_1.0.statement.json");
    assert!(said.contains("notes.txt"), "{said}");
    fs::remove_file(desk.path("log/notes.txt")).unwrap();
    desk.ok("sign web_1.0.statement.json");
    // A checkpoint that is a link, a FIFO in place of a tile.
    fs::rename(desk.path("log/checkpoint"), desk.path("kept")).unwrap();
    symlink(desk.path("kept"), desk.path("log/checkpoint")).unwrap();
    desk.fails("log check log");
    fs::remove_file(desk.path("log/checkpoint")).unwrap();
    fs::rename(desk.path("kept"), desk.path("log/checkpoint")).unwrap();
    let tile = desk.path("log/tile/0/000.p/2");
    fs::remove_file(&tile).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &tile,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let (code, said) = desk.fails("log check log");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("not a regular file"), "{said}");
}

#[test]
fn writers_wait_for_each_other() {
    let desk = Desk::new("log-writers");
    let mut writers = Vec::new();
    for number in 0..8 {
        let name = format!("w{number}");
        desk.write(
            &format!("{name}.dsse.json"),
            envelope(payload(&name, 1), &[1]),
        );
        let arguments = format!("log append log {name}.dsse.json --json");
        let mut command = desk.command(&arguments);
        writers.push(command.stdout(Stdio::piped()).spawn().unwrap());
    }
    let mut places = Vec::new();
    for writer in writers {
        let output = writer.wait_with_output().unwrap();
        assert!(output.status.success());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        places.push(report["added"][0]["index"].as_u64().unwrap());
    }
    places.sort_unstable();
    assert_eq!(places, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(desk.json("log-check", "log check log")["checkpoints"], 10);
}

#[test]
fn a_writer_that_is_killed_leaves_a_log_that_goes_on() {
    let desk = Desk::new("log-killed");
    let files: Vec<String> = (0..40)
        .map(|number| {
            let name = format!("k{number}");
            desk.write(
                &format!("{name}.dsse.json"),
                envelope(payload(&name, 1), &[1]),
            );
            format!("{name}.dsse.json")
        })
        .collect();
    let mut acknowledged = 0;
    // Killed as soon as something is to be seen, a little later each time.
    let signs = [
        "log/.state/lock",
        "log/.state/next",
        "log/tile/entries/000.p/16",
        "log/tile/0/000.p/21",
        "log/tile/entries/000.p/26",
        "log/.state/pending",
        "log/checkpoints/31",
        "k39.tlog-proof",
    ];
    for (round, sign) in signs.into_iter().enumerate() {
        let some = files[..(round + 1) * 5].join(" ");
        let mut child = desk
            .command(&format!("log append log {some}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !desk.path(sign).exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        drop(child.kill());
        if child.wait().unwrap().success() {
            acknowledged = (round + 1) * 5;
        }
        let checked = desk.json("log-check", "log check log");
        assert_eq!(checked["faults"], json!([]), "killed at {sign}");
        assert!(checked["tree_size"].as_u64().unwrap() >= acknowledged as u64);
    }
    let all = files.join(" ");
    let added = desk.json("log-append", &format!("log append log {all}"));
    let places: Vec<u64> = added["added"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["index"].as_u64().unwrap())
        .collect();
    assert_eq!(places, (1..=40).collect::<Vec<u64>>());
    let receipt = fs::read(desk.path("k7.tlog-proof")).unwrap();
    let located = karat::tlog::locate(&desk.trust(), &receipt, &desk.envelope("k7.dsse.json"));
    assert_eq!(located.unwrap().logged.index(), 8);
}

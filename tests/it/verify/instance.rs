//! `karat-agent verify` where nothing but the root is named: which envelope, which trust root.

use std::path::PathBuf;
use std::process::Command;

use karat::baseline::{Draft, ImageName, Serial};
use karat::envelope::Envelope;
use karat::instance::State;
use karat::key::{ImageGlob, Role, RoleKey, Signer as _, SigningKey, TrustDocument, TrustRoot};
use serde_json::Value;

use super::*;
use crate::support::schema;
use crate::support::signed::{Release, signer};

/// A release whose tree is an instance: unpacked, with what is delivered to it.
struct Instance {
    release: Release,
    root: PathBuf,
}

impl Instance {
    fn new(name: &str) -> Self {
        let expectations = Expectations::new(vec![mutable("/var/lib/karat/**", Class::State)]);
        let release = Release::of(name, Sample::new(), expectations.unwrap());
        let root = release.unpack();
        fs::create_dir_all(root.join("var/lib/karat/baseline/trust")).unwrap();
        let instance = Self { release, root };
        instance.deliver("demo_1", 5, |_| {});
        instance
    }

    fn delivered(&self, name: &str) -> PathBuf {
        self.root.join("var/lib/karat/baseline").join(name)
    }

    /// Delivers an envelope for the baseline, changed by `change`.
    fn deliver(
        &self,
        stem: &str,
        serial: u64,
        change: impl FnOnce(&mut karat::baseline::Baseline),
    ) {
        self.deliver_by(&signer(), stem, serial, change);
    }

    fn deliver_by(
        &self,
        by: &SigningKey,
        stem: &str,
        serial: u64,
        change: impl FnOnce(&mut karat::baseline::Baseline),
    ) {
        let mut baseline = self.release.baseline.clone();
        change(&mut baseline);
        let draft = Draft::new(baseline).unwrap();
        let statement = draft.complete(Serial::new(serial).unwrap(), None);
        let mut envelope = Envelope::new(statement.to_signed().unwrap());
        envelope.sign(by).unwrap();
        fs::write(
            self.delivered(&format!("{stem}.dsse.json")),
            envelope.to_bytes(),
        )
        .unwrap();
    }

    /// The pinned trust root.
    fn pinned(&self) -> TrustRoot {
        TrustRoot::parse(&fs::read(self.release.trust_file()).unwrap()).unwrap()
    }

    /// Delivers the trust root that follows `root`, changed by `change` and signed by `by`.
    fn follow(
        &self,
        root: &TrustRoot,
        by: &SigningKey,
        change: impl FnOnce(&mut TrustDocument),
    ) -> Option<TrustRoot> {
        let mut document = root.document().clone();
        document.version += 1;
        let file = self.delivered(&format!("trust/{}.json", document.version));
        change(&mut document);
        let mut envelope = Envelope::new(document.to_signed().unwrap());
        envelope.sign(by).unwrap();
        fs::write(file, envelope.to_bytes()).unwrap();
        root.update(&envelope.to_bytes()).ok()
    }

    fn verify(&self, more: &[&str]) -> (i32, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_karat-agent"))
            .args(["verify", "--root", "root", "--json"])
            .arg("--trust")
            .arg(self.release.trust_file())
            .args(more)
            .current_dir(self.release.scratch.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!text.is_empty(), "{told}");
        let report = schema::published("verify-report").holds(&text);
        (output.status.code().unwrap(), report)
    }

    /// The exit code, the serial judged by, and all messages.
    fn judged(&self, more: &[&str]) -> (i32, Option<u64>, String) {
        let more = [&["--image", "demo"], more].concat();
        let (code, report) = self.verify(&more);
        let serial = report["baseline"]["serial"].as_u64();
        let messages: Vec<&str> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["message"].as_str().unwrap())
            .collect();
        (code, serial, messages.join("\n"))
    }
}

/// The key that signs trust roots.
fn root_key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

fn baseline_key(key: &SigningKey) -> RoleKey {
    RoleKey {
        from: 0,
        images: vec![ImageGlob::parse("*").unwrap()],
        key: key.public_key(),
        name: None,
        reason: None,
        until: None,
    }
}

/// Ends the present baseline key and gives the role to `next`.
fn change_keys(document: &mut TrustDocument, next: &SigningKey) {
    let role = document.roles.get_mut(&Role::Baseline).unwrap();
    role.keys[0].until = Some(0);
    role.keys.push(baseline_key(next));
    role.keys.sort_by_key(|key| key.key);
}

#[test]
fn the_envelope_is_found() {
    let instance = Instance::new("found");
    assert_eq!(instance.judged(&[]), (0, Some(5), String::new()));
    let (_, report) = instance.verify(&["--image", "demo"]);
    assert_eq!(report["assurance"], "snapshot");
    assert_eq!(report["rollback"], Value::Null);
    fs::remove_file(instance.delivered("demo_1.dsse.json")).unwrap();
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (13, None));
    assert!(
        messages.contains("there is no envelope in root/var/lib"),
        "{messages}"
    );
}

#[test]
fn of_several_envelopes_the_newest_that_is_this_image() {
    let instance = Instance::new("several");
    instance.deliver("demo_1b", 6, |_| {});
    assert_eq!(instance.judged(&[]), (0, Some(6), String::new()));
    // One for an image that is to come: it is said, and disturbs nothing.
    instance.deliver("demo_2", 9, |baseline| {
        let other = karat::digest::Digest::of(b"another manifest");
        baseline
            .subjects
            .insert(karat::baseline::Subject::Manifest, other);
    });
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (0, Some(6)));
    assert!(
        messages.contains("for a newer image, serial 9"),
        "{messages}"
    );
    // Rubbish, and an unknown key's: not used, and said.
    fs::write(instance.delivered("a_1.dsse.json"), "{}").unwrap();
    instance.deliver_by(&SigningKey::from_seed([9; 32]), "z_1", 99, |_| {});
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (0, Some(6)));
    for name in ["a_1.dsse.json", "z_1.dsse.json"] {
        let told = format!("not used: root/var/lib/karat/baseline/{name}: ");
        assert!(messages.contains(&told), "{messages}");
    }
    // With nothing else left they are why nothing is trusted.
    for name in ["demo_1", "demo_1b"] {
        fs::remove_file(instance.delivered(&format!("{name}.dsse.json"))).unwrap();
    }
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (11, Some(9)));
    assert!(
        messages.contains("manifest.mtree is not what was signed"),
        "{messages}"
    );
    fs::remove_file(instance.delivered("demo_2.dsse.json")).unwrap();
    assert_eq!(instance.judged(&[]).0, 11);
}

#[test]
fn envelopes_with_and_without_the_receipt_that_is_demanded() {
    let instance = Instance::new("receipts");
    let log = SigningKey::from_seed([4; 32]);
    instance.release.trust(1, |document| {
        let keys = karat::key::RoleKeys {
            keys: vec![RoleKey {
                images: Vec::new(),
                name: Some("example.org/log".to_owned()),
                ..baseline_key(&log)
            }],
            threshold: 1,
        };
        document.roles.insert(Role::Log, keys);
        document.log = Some(karat::key::LogPolicy {
            origin: "example.org/log".to_owned(),
            receipt: karat::key::Receipts::Required,
        });
    });
    let (code, _, messages) = instance.judged(&[]);
    assert_eq!(code, 11, "{messages}");
    assert!(messages.contains("demands a receipt"), "{messages}");
    let entry = |stem: &str| {
        let file = fs::read(instance.delivered(&format!("{stem}.dsse.json"))).unwrap();
        let envelope = Envelope::parse(&file).unwrap();
        karat::tlog::Kind::Signed.entry(&envelope).unwrap()
    };
    let entries = [entry("demo_1"), b"another".to_vec(), b"a third".to_vec()];
    let receipt = crate::support::log::receipt("example.org/log", &log, &entries, 0);
    fs::write(instance.delivered("demo_1.tlog-proof"), receipt.to_bytes()).unwrap();
    assert_eq!(instance.judged(&[]), (0, Some(5), String::new()));
    let (_, report) = instance.verify(&["--image", "demo"]);
    let seen = seen(&receipt);
    let place = serde_json::json!({
        "origin": "example.org/log", "index": 0, "tree_size": 3, "root_sha256": seen.root,
        "cosigned_by": [],
    });
    assert_eq!(report["baseline"]["log"], place);
    // A blessed boot remembers the tree: of one size there is no other.
    let state = instance.release.scratch.join("state");
    let with = ["--state", state.to_str().unwrap()];
    karat::sys::state::raise(&state, |slots| {
        let name = ImageName::parse("demo").unwrap();
        let state = State::recall(slots).state;
        state.raised(&name, Serial::new(5).unwrap(), 1, Some(&seen))
    })
    .unwrap();
    assert_eq!(instance.judged(&with), (0, Some(5), String::new()));
    let deliver = |others: &[&str]| {
        let mut entries = vec![entry("demo_1")];
        entries.extend(others.iter().map(|it| it.as_bytes().to_vec()));
        let receipt = crate::support::log::receipt("example.org/log", &log, &entries, 0);
        fs::write(instance.delivered("demo_1.tlog-proof"), receipt.to_bytes()).unwrap();
    };
    deliver(&["another", "a fourth"]);
    let (code, report) = instance.verify(&["--image", "demo", "--state", with[1]]);
    assert_eq!(code, 11);
    assert!(
        report
            .to_string()
            .contains("the log has two trees of 3 entries"),
        "{report}"
    );
    for others in [["another"].as_slice(), &["another", "x", "y"]] {
        deliver(others);
        assert_eq!(instance.judged(&with), (0, Some(5), String::new()));
    }
    fs::write(instance.delivered("demo_1.tlog-proof"), receipt.to_bytes()).unwrap();
    // A newer one whose receipt is that of the first is not used.
    instance.deliver("demo_1b", 6, |_| {});
    fs::write(instance.delivered("demo_1b.tlog-proof"), receipt.to_bytes()).unwrap();
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (0, Some(5)));
    assert!(
        messages.contains("demo_1b.dsse.json: not trusted: receipt"),
        "{messages}"
    );
}

/// The tree that a receipt is of.
fn seen(receipt: &karat::tlog::Receipt) -> karat::instance::LogSeen {
    let checkpoint = karat::tlog::Checkpoint::parse(receipt.checkpoint.text()).unwrap();
    karat::instance::LogSeen {
        origin: checkpoint.origin,
        root: checkpoint.head.root,
        size: checkpoint.head.size,
    }
}

#[test]
fn an_envelope_for_another_image() {
    let instance = Instance::new("another");
    fs::remove_file(instance.delivered("demo_1.dsse.json")).unwrap();
    instance.deliver("prod_1", 5, |baseline| {
        baseline.name = ImageName::parse("prod").unwrap();
    });
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (11, None));
    assert!(
        messages.contains("for the image prod, not for demo"),
        "{messages}"
    );
    let (code, _) = instance.verify(&["--image", "prod"]);
    assert_eq!(code, 0);
}

#[test]
fn newer_trust_roots_are_followed() {
    let instance = Instance::new("followed");
    let next = SigningKey::from_seed([7; 32]);
    let two = instance
        .follow(&instance.pinned(), &root_key(), |_| {})
        .unwrap();
    let (code, report) = instance.verify(&["--image", "demo"]);
    assert_eq!(
        (code, &report["baseline"]["trust_root_version"]),
        (0, &Value::from(2))
    );
    // The third ends the key that signed: only what the next one signs counts.
    instance
        .follow(&two, &root_key(), |document| change_keys(document, &next))
        .unwrap();
    assert_eq!(instance.judged(&[]).0, 11);
    instance.deliver_by(&next, "demo_1", 6, |_| {});
    assert_eq!(instance.judged(&[]), (0, Some(6), String::new()));
    // Beside an envelope that is named it is the same.
    let named = ["--baseline", "root/var/lib/karat/baseline/demo_1.dsse.json"];
    let (code, report) = instance.verify(&named);
    assert_eq!(
        (code, &report["baseline"]["trust_root_version"]),
        (0, &Value::from(3))
    );
    // One that the image carries is not needed, nor looked at.
    fs::write(instance.delivered("trust/1.json"), "rubbish").unwrap();
    fs::write(instance.delivered("trust/notes.txt"), "rubbish").unwrap();
    fs::write(instance.delivered("trust/007.json"), "rubbish").unwrap();
    assert_eq!(instance.judged(&[]).0, 0);
}

#[test]
fn a_chain_of_trust_roots_that_is_broken() {
    let instance = Instance::new("broken");
    let two = instance
        .follow(&instance.pinned(), &root_key(), |_| {})
        .unwrap();
    let second = instance.delivered("trust/2.json");
    let whole = fs::read(&second).unwrap();
    // Not signed by the root before, another version than its name says, cut off, replaced by itself.
    let thief = SigningKey::from_seed([9; 32]);
    assert!(
        instance
            .follow(&instance.pinned(), &thief, |_| {})
            .is_none()
    );
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (11, None));
    assert!(
        messages.contains("trust/2.json: next trust root"),
        "{messages}"
    );
    instance.follow(&instance.pinned(), &root_key(), |document| {
        document.version = 3;
    });
    let (code, _, messages) = instance.judged(&[]);
    assert_eq!(code, 11);
    assert!(
        messages.contains("trust root 3 cannot follow 1"),
        "{messages}"
    );
    fs::write(&second, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(instance.judged(&[]).0, 11);
    fs::copy(instance.release.trust_file(), &second).unwrap();
    assert_eq!(instance.judged(&[]).0, 11);
    // A gap.
    fs::remove_file(&second).unwrap();
    instance.follow(&two, &root_key(), |_| {}).unwrap();
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (13, None));
    assert!(
        messages.contains("the trust root 2 is missing"),
        "{messages}"
    );
    fs::write(&second, whole).unwrap();
    assert_eq!(instance.judged(&[]), (0, Some(5), String::new()));
}

/// Puts something that is no file of bytes to be read in the place of `file`.
fn spoil(file: &Path, how: &str) {
    drop(fs::remove_file(file));
    match how {
        "a FIFO" => root::node(file, FileType::Fifo, 0, 0),
        "a directory" => fs::create_dir(file).unwrap(),
        "a socket" => root::node(file, FileType::Socket, 0, 0),
        "a link to itself" => symlink(file.file_name().unwrap(), file).unwrap(),
        "2 GiB" => fs::File::create(file).unwrap().set_len(2 << 30).unwrap(),
        other => panic!("{other}"),
    }
}

/// What a file can be replaced by, and what is said of it.
const SPOILT: [(&str, &str); 5] = [
    ("a FIFO", "it is not a regular file"),
    ("a directory", "it is not a regular file"),
    ("a socket", "No such device or address"),
    ("a link to itself", "Too many levels of symbolic links"),
    ("2 GiB", "it is larger than "),
];

#[test]
fn what_is_no_file_among_what_was_delivered_is_named_and_not_used() {
    for (how, says) in SPOILT {
        // Beside a good envelope.
        let instance = Instance::new("spoilt");
        let bad = instance.delivered("bad_1.dsse.json");
        spoil(&bad, how);
        let (code, serial, messages) = instance.judged(&[]);
        assert_eq!((code, serial), (0, Some(5)), "{how}: {messages}");
        let path = "root/var/lib/karat/baseline/bad_1.dsse.json";
        let told = format!("not used: {path}: it cannot be read: {says}");
        assert!(messages.contains(&told), "{how}: {messages}");
        // In the place of the only one: there is nothing to judge by, and why is said.
        fs::remove_file(instance.delivered("demo_1.dsse.json")).unwrap();
        let (code, serial, messages) = instance.judged(&[]);
        assert_eq!((code, serial), (13, None), "{how}: {messages}");
        let told = format!("{path}: it cannot be read: {says}");
        assert!(messages.contains(&told), "{how}: {messages}");
    }
}

#[test]
fn what_is_no_file_in_the_place_of_a_trust_root_or_a_neighbour() {
    for (how, says) in SPOILT {
        // A trust root that is needed leaves nothing to judge by; one that is not, is not missed.
        let instance = Instance::new("spoilt-root");
        spoil(&instance.delivered("trust/1.json"), how);
        assert_eq!(instance.judged(&[]).0, 0, "{how}");
        spoil(&instance.delivered("trust/2.json"), how);
        let (code, serial, messages) = instance.judged(&[]);
        assert_eq!((code, serial), (13, None), "{how}: {messages}");
        let told = format!("trust/2.json cannot be read: {says}");
        assert!(messages.contains(&told), "{how}: {messages}");
        // A neighbour of the envelope: the image's own copy does not silently take its place.
        let instance = Instance::new("spoilt-neighbour");
        spoil(&instance.delivered("demo_1.expect.json"), how);
        let (code, _, messages) = instance.judged(&[]);
        assert_eq!(code, 13, "{how}: {messages}");
        let told = format!("demo_1.expect.json cannot be read: {says}");
        assert!(messages.contains(&told), "{how}: {messages}");
    }
}

#[test]
fn a_place_of_deliveries_that_cannot_be_listed() {
    for place in ["baseline/trust", "baseline"] {
        let instance = Instance::new("unlisted");
        let place = instance.root.join("var/lib/karat").join(place);
        fs::remove_dir_all(&place).unwrap();
        fs::write(&place, "no directory").unwrap();
        let (code, serial, messages) = instance.judged(&[]);
        assert_eq!((code, serial), (13, None), "{messages}");
        assert!(messages.contains("Not a directory"), "{messages}");
    }
}

#[test]
fn a_serial_or_a_trust_root_below_what_was_accepted() {
    let instance = Instance::new("floor");
    let state = instance.release.scratch.join("state");
    let state = state.to_str().unwrap();
    let with = ["--state", state];
    let (code, _, messages) = instance.judged(&with);
    assert_eq!(code, 0);
    assert!(messages.contains("first boot"), "{messages}");
    let raise = |serial, root| {
        let name = ImageName::parse("demo").unwrap();
        karat::sys::state::raise(Path::new(state), |slots| {
            let state = State::recall(slots).state;
            state.raised(&name, Serial::new(serial).unwrap(), root, None)
        })
        .unwrap();
    };
    raise(5, 1);
    assert_eq!(instance.judged(&with), (0, Some(5), String::new()));
    let (_, report) = instance.verify(&["--image", "demo", "--state", state]);
    assert_eq!(report["rollback"]["protection"], "state only");
    assert_eq!(report["rollback"]["serial_floor"], 5);
    raise(6, 1);
    let (code, report) = instance.verify(&["--image", "demo", "--state", state]);
    assert_eq!(code, 12);
    assert_eq!(report["comparison"], Value::Null);
    instance.deliver("demo_1", 6, |_| {});
    assert_eq!(instance.judged(&with).0, 0);
    raise(6, 2);
    let (code, _, messages) = instance.judged(&with);
    assert_eq!(code, 12);
    assert!(
        messages.contains("trust root 1 is older than 2"),
        "{messages}"
    );
    instance
        .follow(&instance.pinned(), &root_key(), |_| {})
        .unwrap();
    assert_eq!(instance.judged(&with), (0, Some(6), String::new()));
    // What others may write is not believed, and not taken for a first boot.
    chmod(&Path::new(state).join("state.0"), 0o666);
    let (code, _, messages) = instance.judged(&with);
    assert_eq!(code, 13);
    assert!(
        messages.contains("what was accepted before is not known"),
        "{messages}"
    );
}

#[test]
fn what_is_delivered_has_bounds() {
    let instance = Instance::new("bounds");
    for number in 0..karat::limits::ENVELOPES_MAX {
        fs::write(instance.delivered(&format!("x_{number}.dsse.json")), "").unwrap();
    }
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (13, None));
    assert!(messages.contains("more than 64 envelopes"), "{messages}");
    for number in 0..karat::limits::ENVELOPES_MAX {
        fs::remove_file(instance.delivered(&format!("x_{number}.dsse.json"))).unwrap();
    }
    for version in 0..=karat::limits::NEWER_ROOTS_MAX {
        fs::write(instance.delivered(&format!("trust/{version}.json")), "").unwrap();
    }
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (13, None));
    assert!(messages.contains("more than 256 trust roots"), "{messages}");
    fs::remove_dir_all(instance.delivered("trust")).unwrap();
    let large = instance.delivered("a_1.dsse.json");
    fs::write(&large, vec![b'x'; 70_000]).unwrap();
    let (code, serial, messages) = instance.judged(&[]);
    assert_eq!((code, serial), (0, Some(5)));
    assert!(messages.contains("larger than 65535 bytes"), "{messages}");
}

#[test]
fn a_snapshot_does_not_say_itself_what_it_is() {
    let instance = Instance::new("itself");
    let refuse = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_karat-agent"))
            .args(["verify", "--root", "root"])
            .args(more)
            .current_dir(instance.release.scratch.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let trust = instance.release.trust_file();
    let text = refuse(&["--trust", trust.to_str().unwrap()]);
    assert!(text.contains("which image is it?"), "{text}");
    fs::copy(trust, instance.root.join("trust.json")).unwrap();
    let text = refuse(&["--image", "demo", "--trust", "root/trust.json"]);
    assert!(text.contains("inside of the tree"), "{text}");
}

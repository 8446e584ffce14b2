//! Every document of `--json`, and every line of `--progress-fd`, keeps to its published schema.
//!
//! `build` and `verify` are held to theirs where they are tested, with whole builds; `diff` too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::Scratch;
use crate::support::deb::Deb;
use crate::support::pgp::Key;
use crate::support::repository::Repository;
use crate::support::schema::{Published, published};
use crate::support::signed::Release;

/// All schemas in `docs/schemas/`, each held to by a test.
const ALL: [&str; 53] = [
    "attach",
    "audit",
    "boot-plan",
    "boot-report",
    "boot-timings",
    "boot",
    "build-report",
    "cache-gc",
    "cache-show",
    "completions",
    "diff",
    "error",
    "export",
    "facts",
    "harden-check",
    "harden-explain",
    "harden-exposure",
    "harden-list",
    "image-convert",
    "image-info",
    "image-inspect",
    "image-sign",
    "init",
    "key",
    "lock",
    "log-append",
    "log-check",
    "log-cosign",
    "log-fork",
    "log-init",
    "log-monitor",
    "log-proof",
    "log-retire",
    "log-show",
    "log-witness",
    "man",
    "measure",
    "progress-event",
    "responsibility",
    "sarif-report",
    "segment-check",
    "segment-compile",
    "segment-diff",
    "segment-graph",
    "segment-peers",
    "sign",
    "template-check",
    "template-show",
    "trust-discard",
    "trust-update",
    "trust",
    "verify-canonical",
    "verify-report",
];

/// A directory, and karat run in it with `--json`.
struct Desk(Scratch);

impl Desk {
    fn new(name: &str) -> Self {
        Self(Scratch::new(name))
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    fn output(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_karat"))
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.0.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .arg("--json")
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// The document of a command that ends with `exit`, which `schema` describes.
    fn document(&self, schema: &str, exit: i32, arguments: &[&str]) -> Value {
        let (code, out, err) = self.output(arguments);
        assert_eq!(code, exit, "{arguments:?}: {out}{err}");
        published(schema).holds(&out)
    }
}

#[test]
fn each_schema_is_listed_and_described() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut names: Vec<String> = fs::read_dir(docs.join("schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected: Vec<String> = ALL
        .iter()
        .map(|name| format!("{name}.schema.json"))
        .collect();
    assert_eq!(names, expected);
    let index = fs::read_to_string(docs.join("formats/json.md")).unwrap();
    for name in ALL {
        drop(published(name));
        let link = format!("(../schemas/{name}.schema.json)");
        assert!(index.contains(&link), "docs/formats/json.md: no {link}");
    }
}

#[test]
fn schemas_refuse_unknown_and_missing_members() {
    let refuses = |schema: &Published, value: &Value| schema.check(value).is_err();
    let schema = published("cache-gc");
    let good = json!({"removed": 1, "removed_bytes": 2, "in_use": 0, "left_bytes": 3});
    schema.check(&good).unwrap();
    for name in ["removed", "left_bytes"] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(name);
        assert!(refuses(&schema, &bad), "{bad}");
        bad[name] = json!(-1);
        assert!(refuses(&schema, &bad), "{bad}");
        bad[name] = json!("1");
        assert!(refuses(&schema, &bad), "{bad}");
    }
    let mut bad = good;
    bad["more"] = json!(1);
    assert!(refuses(&schema, &bad), "{bad}");
    let schema = published("progress-event");
    assert!(refuses(&schema, &json!({"event": "started", "step": "x"})));
    assert!(refuses(&schema, &json!({"event": "stopped"})));
}

#[test]
fn init_keys_and_trust() {
    let desk = Desk::new("schema-init");
    let first = desk.document("init", 0, &["init", "work", "--no-passphrase"]);
    assert_eq!(first["root_key_encrypted"], false);
    assert_eq!(first["keys"].as_object().unwrap().len(), 3);
    let again = desk.document("init", 0, &["init", "work"]);
    assert_eq!(again["root_key_encrypted"], Value::Null);
    assert_eq!(again["created"], json!([]));
    let trust = desk.document("trust", 0, &["trust", "show", "work/keys/trust.json"]);
    assert_eq!(trust["document"]["version"], 1);

    let new = desk.document("key", 0, &["key", "new", "--out", "key.pem"]);
    assert_eq!(
        (&new["kind"], &new["encrypted"]),
        (&json!("private"), &json!(false))
    );
    let shown = desk.document("key", 0, &["key", "show", "key.pem"]);
    assert_eq!(shown, new);
    let import = [
        "key",
        "import",
        "key.pem",
        "--workspace",
        "work",
        "--name",
        "ci",
    ];
    let imported = desk.document("key", 0, &import);
    assert_eq!(
        (&imported["kind"], &imported["id"]),
        (&json!("public"), &new["id"])
    );
    assert_eq!(imported["encrypted"], Value::Null);
}

#[test]
fn completions_and_man() {
    let desk = Desk::new("schema-shell");
    for shell in ["bash", "zsh", "fish"] {
        let document = desk.document("completions", 0, &["completions", shell]);
        assert_eq!(document["shell"], shell);
        assert!(
            document["script"]
                .as_str()
                .unwrap()
                .contains("responsibility")
        );
    }
    let document = desk.document("man", 0, &["man", "pages"]);
    let written = document["written"].as_array().unwrap();
    assert!(
        written.contains(&json!("pages/karat-log-append.1")),
        "{document}"
    );
    assert_eq!(
        written.len(),
        fs::read_dir(desk.path("pages")).unwrap().count()
    );
}

/// A result that was cut off does not look like a whole one: with either program.
#[test]
fn standard_output_that_is_full() {
    let desk = Desk::new("schema-full");
    drop(desk.document("init", 0, &["init", "work", "--no-passphrase"]));
    let karat = env!("CARGO_BIN_EXE_karat");
    let agent = env!("CARGO_BIN_EXE_karat-agent");
    for (program, arguments) in [
        (karat, "harden list"),
        (karat, "harden list --json"),
        (karat, "trust show work/keys/trust.json"),
        (karat, "template schema"),
        (karat, "completions bash"),
        (karat, "log show work/log --json"),
        (agent, "facts --json"),
        (agent, "version"),
        (agent, "help"),
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(program)
            .current_dir(desk.0.path())
            .args(arguments.split(' '))
            .stdout(full)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments}: {said}");
        assert!(said.contains("cannot write to standard output"), "{said}");
    }
    // A reader that has seen enough is no failure.
    let mut child = Command::new(karat)
        .current_dir(desk.0.path())
        .args(["harden", "list", "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A name that is no text still gives a document.
#[test]
fn a_path_that_is_not_utf_8() {
    use std::os::unix::ffi::OsStrExt as _;
    let desk = Desk::new("schema-bytes");
    let name = std::ffi::OsStr::from_bytes(b"k\xff\x1b.pem");
    let output = Command::new(env!("CARGO_BIN_EXE_karat"))
        .current_dir(desk.0.path())
        .args(["--json", "key", "new", "--out"])
        .arg(name)
        .output()
        .unwrap();
    let document = published("key").holds(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(document["file"], "k\\xff\\x1b.pem");
}

const TEMPLATE: &str = r#"
packages = ["hello"]

[image]
name = "demo"
version = "1"
description = "all that a template can say"

[source]
suite = "trixie"
pockets = []
keyring = "archive.gpg"
mirror = "file:MIRROR"
pins = [{ package = "hello", version = "1.0-1", priority = 1001 }]

[[source.extra]]
name = "own"
uri = "file:MIRROR"
suite = "trixie"
components = ["main"]
key = "archive.gpg"

[[files]]
path = "/etc/motd"
content = "hi\n"

[[files]]
path = "/etc/link"
link = "motd"

[[files]]
path = "/srv/data"
directory = true
mode = "0700"
owner = 12

[[files]]
path = "/etc/none"
absent = true

[[groups]]
name = "ops"

[[users]]
name = "operator"
groups = ["ops"]

[services]
enable = ["a.service"]

[kernel]
cmdline = ["quiet"]
modules = ["loop"]
sysctl = { "net.ipv4.ip_forward" = "0" }

[verify]
agent = false

[[verify.mutable]]
path = "/var/log/**"
class = "volatile"
"#;

#[test]
fn templates() {
    let desk = Desk::new("schema-template");
    desk.write("archive.gpg", Key::new(1).keyring());
    desk.write("good.toml", TEMPLATE.replace("MIRROR", "/nowhere"));
    desk.write("bad.toml", "nme = 1\n[image]\nname = \"A\"\n");
    let arguments = ["template", "check", "good.toml", "bad.toml", "absent.toml"];
    let checked = desk.document("template-check", 1, &arguments);
    assert_eq!(checked[0]["valid"], true, "{checked}");
    assert_eq!(checked[1]["valid"], false);
    assert_eq!(checked[1]["digest"], Value::Null);
    let shown = desk.document("template-show", 0, &["template", "show", "good.toml"]);
    assert_eq!(shown["files"].as_array().unwrap().len(), 4);
    for name in shipped() {
        let arguments = ["template", "show", &name];
        desk.document("template-show", 0, &arguments);
    }
}

fn shipped() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let files = fs::read_dir(directory).unwrap();
    let paths = files.map(|file| file.unwrap().path().display().to_string());
    let is_template = |path: &String| path.ends_with(".toml") && !path.ends_with("fleet.toml");
    paths.filter(is_template).collect()
}

#[test]
fn segments() {
    let desk = Desk::new("schema-segment");
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let templates = templates.to_str().unwrap();
    let arguments = ["segment", "check", templates, "--at", "2027-01-01"];
    let sound = desk.document("segment-check", 0, &arguments);
    assert_eq!(sound["findings"], json!([]), "{sound}");
    let arguments = ["segment", "check", templates, "--at", "2100-01-01"];
    let late = desk.document("segment-check", 10, &arguments);
    assert_eq!(late["findings"][0]["code"], "KS117", "{late}");
    let graph = desk.document("segment-graph", 0, &["segment", "graph", templates]);
    assert_eq!(
        graph["segments"][4]["blast"]["postgres"],
        json!(["web", "api", "postgres"])
    );
    let web = format!("{templates}/web-frontend.toml");
    let arguments = ["segment", "diff", templates, &web];
    let less = desk.document("segment-diff", 0, &arguments);
    assert_eq!(
        less["segments_removed"],
        json!(["api", "bastion", "exchange", "postgres"])
    );
    let (code, out, _) = desk.output(&["segment", "export", templates, "--format", "csv"]);
    assert_eq!(code, 2, "{out}");
}

#[test]
fn locks_progress_and_the_cache() {
    let desk = Desk::new("schema-lock");
    let key = Key::new(1);
    desk.write("archive.gpg", key.keyring());
    let mirror = desk.path("mirror");
    fs::create_dir(&mirror).unwrap();
    let hello = || Deb::new("hello", "1.0-1").file("/usr/bin/hello", 0o755, b"#!/bin/sh\n");
    let repository = Repository::new("trixie").package(hello());
    repository.write(&mirror, &key);
    let text = TEMPLATE.replace("MIRROR", &mirror.display().to_string());
    desk.write(
        "demo.toml",
        text.replace("version = \"1.0-1\", ", "version = \"*\", "),
    );

    let arguments = [
        "lock",
        "demo.toml",
        "--vendor",
        "debs",
        "--progress-fd",
        "3",
    ];
    let progress = desk.path("progress.jsonl");
    let script = "exec \"$0\" --json \"$@\" 3>\"$PROGRESS\"";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_karat")])
        .args(arguments)
        .current_dir(desk.0.path())
        .env("HOME", desk.0.path())
        .env("XDG_CACHE_HOME", desk.path("cache"))
        .env("PROGRESS", &progress)
        .env_remove("SOURCE_DATE_EPOCH")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let locked = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{locked}{said}");
    let locked = published("lock").holds(&locked);
    assert_eq!(locked["written"], true);
    assert_eq!(locked["changes"]["packages"][0]["change"], "added");
    assert_eq!(locked["vendored"], 1);
    let lines = fs::read_to_string(progress).unwrap();
    let schema = published("progress-event");
    let events: Vec<Value> = lines.lines().map(|line| schema.holds(line)).collect();
    for name in ["started", "finished"] {
        assert!(events.iter().any(|event| event["event"] == name), "{lines}");
    }

    let checked = desk.document("lock", 0, &["lock", "demo.toml", "--check"]);
    assert_eq!(
        (&checked["written"], &checked["changes"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(checked["digest"], locked["digest"]);
    let newer = Deb::new("hello", "1.1-1").file("/usr/bin/hello", 0o755, b"#!/bin/sh\n");
    Repository::new("trixie")
        .package(newer)
        .write(&mirror, &key);
    let updated = desk.document("lock", 0, &["lock", "demo.toml", "--update"]);
    assert_eq!(updated["changes"]["packages"][0]["change"], "upgraded");
    fs::remove_file(desk.path("demo.lock")).unwrap();
    let missing = desk.document("error", 1, &["lock", "demo.toml", "--check"]);
    assert_eq!(missing["error"]["exit_code"], 1);

    let shown = desk.document("cache-show", 0, &["cache", "show"]);
    assert!(shown["bytes"].as_u64().unwrap() > 0, "{shown}");
    let collected = desk.document("cache-gc", 0, &["cache", "gc", "--all"]);
    assert!(collected["removed"].as_u64().unwrap() > 0, "{collected}");
}

#[test]
fn segments_on_the_host() {
    let desk = Desk::new("schema-segment-host");
    desk.document("init", 0, &["init", "work", "--no-passphrase"]);
    let template = "work/templates/web-frontend.toml";
    let compiled = desk.document("segment-compile", 0, &["segment", "compile", template]);
    assert_eq!(compiled["peers"], json!(["api", "bastion"]));
    let nginx = "/etc/systemd/system/nginx.service.d/40-karat-segment.conf";
    let files = compiled["files"].as_array().unwrap();
    assert!(files.iter().any(|file| file["path"] == nginx), "{files:?}");
    let nothing = "packages = [\"nano\"]\n[image]\nname = \"a\"\nversion = \"1\"\n[source]\nsuite = \"trixie\"\n";
    desk.write("plain.toml", nothing);
    desk.document("error", 2, &["segment", "compile", "plain.toml"]);

    // Nobody may say who peers are until the trust root names a key.
    let private = "work/keys/private/fleet.pem";
    let new = ["key", "new", "--out", private, "--public", "fleet.pub.pem"];
    desk.document("key", 0, &new);
    let input = "segment = \"web\"\nserial = 2\nexpires = \"2030-01-01\"\n[sets]\n\
        api = [\"10.2.0.0/16\", \"10.1.0.9\", \"10.2.3.0/24\"]\nbastion = []\n";
    desk.write("peers.toml", input);
    let sign = [
        "segment",
        "peers",
        "sign",
        "peers.toml",
        "--workspace",
        "work",
    ];
    let refused = desk.document("error", 11, &sign);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("none of those of the role fleet"),
        "{message}"
    );
    let add = [
        "trust",
        "update",
        "--add-key",
        "fleet=fleet.pub.pem",
        "--yes",
        "--workspace",
        "work",
    ];
    desk.document("trust-update", 0, &add);
    let signed = desk.document("segment-peers", 0, &sign);
    assert_eq!(signed["missing"], Value::Null);
    assert_eq!(signed["expires"], 1_893_456_000);
    assert_eq!(
        signed["sets"],
        json!({"api": ["10.1.0.9/32", "10.2.0.0/16"], "bastion": []})
    );
    let show = [
        "segment",
        "peers",
        "show",
        "web.dsse.json",
        "--workspace",
        "work",
    ];
    let shown = desk.document("segment-peers", 0, &show);
    assert_eq!(shown["sets"], signed["sets"]);
    assert_eq!(shown["signed_by"], signed["signed_by"]);
    // The same once more, as an envelope, changes nothing; JSON says the same as TOML.
    let before = fs::read(desk.path("web.dsse.json")).unwrap();
    let again = [
        "segment",
        "peers",
        "sign",
        "web.dsse.json",
        "--workspace",
        "work",
    ];
    desk.document("segment-peers", 0, &again);
    let same = json!({"segment": "web", "serial": 2, "expires": "2030-01-01T00:00:00Z",
        "sets": {"api": ["10.1.0.9", "10.2.0.0/16"], "bastion": []}});
    desk.write("peers.json", same.to_string());
    let json_too = [
        "segment",
        "peers",
        "sign",
        "peers.json",
        "--workspace",
        "work",
    ];
    desk.document("segment-peers", 0, &json_too);
    assert_eq!(fs::read(desk.path("web.dsse.json")).unwrap(), before);
    for (text, rule) in [
        (input.replace("= 2", "= 0"), "serial"),
        (input.replace("10.2.0.0/16", "10.2.0.1/16"), "no bit set"),
        (
            input.replace("10.2.0.0/16", "0.0.0.0/0"),
            "nor all addresses",
        ),
        (input.replace("bastion", "\"a b\""), "no name of a segment"),
        (input.replace("[sets]", "more = 1\n[sets]"), "unknown field"),
    ] {
        desk.write("bad.toml", text);
        let bad = [
            "segment",
            "peers",
            "sign",
            "bad.toml",
            "--workspace",
            "work",
        ];
        let refused = desk.document("error", 1, &bad);
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(rule), "{rule}: {message}");
    }
}

#[test]
fn signing_and_attaching() {
    let desk = Desk::new("schema-sign");
    desk.document("init", 0, &["init", "work", "--no-passphrase"]);
    let release = Release::new("schema-release");
    let draft = desk.path("demo_1.statement.json");
    let statement = karat::baseline::Draft::new(release.baseline.clone()).unwrap();
    fs::write(&draft, statement.to_bytes().unwrap()).unwrap();
    let sign = ["sign", "demo_1.statement.json", "--workspace", "work"];
    let signed = desk.document("sign", 0, &sign);
    assert_eq!(
        (&signed["serial"], &signed["reused"]),
        (&json!(1), &json!(false))
    );
    let again = desk.document("sign", 0, &sign);
    assert_eq!(again["reused"], true);

    let envelope = desk.path("demo_1.dsse.json").display().to_string();
    // The outputs alone, as they come from a builder that has no key.
    fs::remove_file(release.out("demo_1.dsse.json")).unwrap();
    let target = release.out("").display().to_string();
    let trust = desk.path("work/keys/trust.json").display().to_string();
    let attach = [
        "attach",
        &target,
        "--envelope",
        &envelope,
        "--trust",
        &trust,
    ];
    let attached = desk.document("attach", 0, &attach);
    assert!(
        !attached["written"].as_array().unwrap().is_empty(),
        "{attached}"
    );
}

#[test]
fn facts_of_the_running_system() {
    let output = Command::new(env!("CARGO_BIN_EXE_karat-agent"))
        .args(["facts", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let shown = published("facts").holds(&String::from_utf8(output.stdout).unwrap());
    let facts = shown["facts"].as_array().unwrap();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let expected = json!({
        "name": "kernel release",
        "value": release.trim(),
        "source": "/proc/sys/kernel/osrelease",
        "error": null,
    });
    assert!(facts.contains(&expected), "{shown}");
}

#[test]
fn failures_are_documents_too() {
    let desk = Desk::new("schema-error");
    let failed = desk.document("error", 1, &["key", "show", "absent.pem"]);
    assert!(
        failed["error"]["message"]
            .as_str()
            .unwrap()
            .contains("absent.pem")
    );
    let usage = desk.document("error", 2, &["trust", "show"]);
    assert_eq!(usage["error"]["exit_code"], 2);
    assert!(usage["error"]["next"].is_string());
    // What the command line's own grammar refuses was never a request for JSON.
    let (code, out, _) = desk.output(&["key", "shw"]);
    assert_eq!((code, out.as_str()), (2, ""));
}

#[test]
fn the_plan_of_an_initrd() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats/boot.md");
    let page = fs::read_to_string(page).unwrap();
    let plan = page.split("```json\n").nth(1).unwrap();
    let plan = plan.split("```").next().unwrap();
    karat::boot::Plan::parse(plan.as_bytes()).unwrap();
    let published = published("boot-plan");
    let mut value = published.holds(plan);
    value["state"] = Value::Null;
    published.check(&value).unwrap();
    value["on_failure"] = json!("report");
    assert!(published.check(&value).is_err());
}

//! Witnesses and monitors, as people run them: over HTTP, between two workspaces.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use base64::Engine as _;
use karat::baseline::Draft;
use karat::digest::Digest;
use karat::envelope::Envelope;
use karat::key::{Role, TrustRoot};
use karat::tlog::{Note, TrustedCheckpoint, locate};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::keys::fixture::baseline;
use crate::support::schema::published;
use crate::support::{Scratch, judge};

/// Two workspaces beside each other, `a` and `b`, each with a log, a witness key and its name.
struct Teams(Scratch);

impl Teams {
    fn new(name: &str) -> Self {
        let teams = Self(Scratch::new(name));
        for team in ["a", "b"] {
            fs::create_dir(teams.path(team, "")).unwrap();
            teams.ok(
                team,
                &format!("init --no-passphrase --name {team}.example/log"),
            );
            teams.ok(team, "key new --out w.pem --public w.pub.pem");
        }
        teams
    }

    fn path(&self, team: &str, name: &str) -> PathBuf {
        self.0.join(team).join(name)
    }

    fn command(&self, team: &str, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karat"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.path(team, ""))
            .env_remove("KARAT_KEY_PASSPHRASE")
            .env("no_proxy", "*")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, team: &str, arguments: &str) -> (i32, String, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(team, arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn ok(&self, team: &str, arguments: &str) -> String {
        let (code, out, err) = self.run(team, arguments);
        assert_eq!(code, 0, "karat {arguments}: {out}{err}");
        out
    }

    /// The document of a command that ends with `code`.
    fn json(&self, schema: &str, team: &str, arguments: &str, code: i32) -> Value {
        let (got, out, err) = self.run(team, &format!("{arguments} --json"));
        assert_eq!(got, code, "karat {arguments}: {out}{err}");
        published(schema).holds(&out)
    }

    /// How many entries the log of a team has.
    fn size(&self, team: &str) -> u64 {
        let shown = self.json("log-show", team, "log show log", 0);
        shown["tree_size"].as_u64().unwrap()
    }

    fn draft(&self, team: &str, name: &str, version: &str) -> String {
        let draft = Draft::new(baseline(name, version)).unwrap();
        let file = format!("{name}_{version}.statement.json");
        fs::write(self.path(team, &file), draft.to_bytes().unwrap()).unwrap();
        file
    }

    fn trust(&self, team: &str) -> TrustRoot {
        let bytes = fs::read(self.path(team, "keys/trust.json")).unwrap();
        TrustRoot::parse(&bytes).unwrap()
    }

    /// `of` demands that the witness of `by` cosigns.
    fn demand(&self, of: &str, by: &str) {
        self.ok(
            of,
            &format!("trust update --yes --add-key witness=../{by}/w.pub.pem,name={by}.example/w"),
        );
    }

    /// The witness of `by`, for the log of `of`; and where it is asked.
    fn serve(&self, by: &str, of: &str) -> Server {
        let server = Server::start(self.command(
            by,
            &format!(
                "log witness --json --state wstate --name {by}.example/w --key w.pem \
                     --trust ../{of}/keys/trust.json --listen 127.0.0.1:0"
            ),
        ));
        let (vkey, url) = (server.says("vkey"), server.says("url"));
        let policy = format!("witness w {vkey} {url}/\nquorum w\n");
        fs::write(self.path(of, "keys/witnesses.policy"), policy).unwrap();
        server
    }

    /// A copy of a team's log, with the operator's state, elsewhere in its workspace.
    fn copy_log(&self, team: &str, to: &str) {
        copy(&self.path(team, "log"), &self.path(team, to));
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A witness that runs.
struct Server {
    child: Child,
    said: Value,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut document = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        // The document ends where its first brace closes.
        while !document.ends_with("\n}\n") {
            assert_ne!(lines.read_line(&mut document).unwrap(), 0, "{document}");
        }
        Self {
            child,
            said: published("log-witness").holds(&document),
        }
    }

    fn says(&self, what: &str) -> String {
        self.said[what].as_str().unwrap().to_owned()
    }

    /// Sends bytes over one connection, and gives all that comes back until it is closed.
    fn raw(&self, bytes: &[u8]) -> String {
        let url = self.says("url");
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        // A server that has heard enough closes; what it said is there all the same.
        drop(stream.write_all(bytes));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Ends it as a service manager does; gives its exit code.
    fn stop(mut self) -> Option<i32> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn two_workspaces_witness_each_other() {
    let teams = Teams::new("witness-each-other");
    teams.demand("a", "b");
    teams.demand("b", "a");
    let servers = [teams.serve("a", "b"), teams.serve("b", "a")];
    for team in ["a", "b"] {
        for version in ["1", "2", "3"] {
            let draft = teams.draft(team, "web", version);
            let signed = teams.json("sign", team, &format!("sign {draft}"), 0);
            assert_eq!(signed["missing"], Value::Null, "{signed}");
            let read = |end: &str| fs::read(teams.path(team, &format!("web_{version}.{end}")));
            let receipt = read("tlog-proof").unwrap();
            let envelope = Envelope::parse(&read("dsse.json").unwrap()).unwrap();
            let located = locate(&teams.trust(team), &receipt, &envelope).unwrap();
            let checkpoint = located.logged.checkpoint();
            let other = if team == "a" { "b" } else { "a" };
            let names: Vec<&str> = checkpoint
                .cosigned_by()
                .iter()
                .map(|by| by.name.as_str())
                .collect();
            assert_eq!(names, [format!("{other}.example/w")]);
        }
        // What is published has the cosignatures, too, and so has the history.
        let root = teams.trust(team);
        let kept = format!("log/checkpoints/{}", teams.size(team));
        for file in ["log/checkpoint", &kept] {
            let note = Note::parse(&fs::read(teams.path(team, file)).unwrap()).unwrap();
            TrustedCheckpoint::open(&root, &note).unwrap();
        }
        let checked = teams.json(
            "log-check",
            team,
            "log check log --trust keys/trust.json",
            0,
        );
        assert_eq!(checked["faults"], json!([]));
        // By a policy that was written for others.
        teams.ok(
            team,
            "log check log --trust keys/trust.json --policy others.policy",
        );
        teams.ok(team, "log check log --by-policy others.policy");
        // The view of the other team is the same.
        let seen = teams.json("log-monitor", team, "log monitor log --since seen", 0);
        assert_eq!(seen["views"][0]["seen"], "same", "{seen}");
    }
    for server in servers {
        assert_eq!(server.stop(), Some(0));
    }
}

#[test]
fn a_witness_that_is_away_leaves_the_entry_durable_and_is_asked_again() {
    let teams = Teams::new("witness-away");
    teams.demand("a", "b");
    let server = teams.serve("b", "a");
    let draft = teams.draft("a", "web", "1");
    teams.json("sign", "a", &format!("sign {draft}"), 0);
    // Gone without a word.
    drop(server);
    let draft = teams.draft("a", "web", "2");
    let signed = teams.json("sign", "a", &format!("sign {draft}"), 13);
    let size = teams.size("a");
    assert_eq!(signed["log_index"], size - 1);
    assert!(signed["missing"].is_string(), "{signed}");
    let again = teams.json("log-append", "a", "log append log web_2.dsse.json", 13);
    let said = &again["cosigning"];
    assert_eq!(said["witnesses"][0]["answer"], "failed", "{said}");
    assert_eq!(said["witnesses"][0]["name"], "b.example/w");
    let missing = said["missing"].as_str().unwrap();
    assert!(missing.contains("0 of the 1 witnesses"), "{missing}");
    assert_eq!(
        (&again["added"][0]["was_there"], &again["tree_size"]),
        (&json!(true), &json!(size))
    );
    let (code, _, err) = teams.run("a", "log check log --by-policy keys/witnesses.policy");
    assert_eq!(code, 11, "{err}");
    // It remembers, and the log's checkpoint is completed; no key is needed for that.
    let _server = teams.serve("b", "a");
    fs::rename(
        teams.path("a", "keys/private/log.pem"),
        teams.path("a", "log.pem"),
    )
    .unwrap();
    let cosigned = teams.json("log-cosign", "a", "log cosign log", 0);
    assert_eq!(cosigned["cosigning"]["missing"], Value::Null, "{cosigned}");
    let before = fs::read(teams.path("a", "log/checkpoint")).unwrap();
    teams.json("log-cosign", "a", "log cosign log", 0);
    let after = fs::read(teams.path("a", "log/checkpoint")).unwrap();
    assert_eq!(before, after, "who has cosigned is not asked again");
    // The receipt is written anew with the next append.
    teams.ok("a", "log append log web_2.dsse.json --key log.pem");
    let read = |name: &str| fs::read(teams.path("a", name)).unwrap();
    let envelope = Envelope::parse(&read("web_2.dsse.json")).unwrap();
    let located = locate(&teams.trust("a"), &read("web_2.tlog-proof"), &envelope).unwrap();
    assert_eq!(located.logged.checkpoint().cosigned_by().len(), 1);
    // A trust root that names a witness of which nobody says where it is.
    fs::rename(
        teams.path("a", "log.pem"),
        teams.path("a", "keys/private/log.pem"),
    )
    .unwrap();
    fs::remove_file(teams.path("a", "keys/witnesses.policy")).unwrap();
    let draft = teams.draft("a", "web", "3");
    teams.json("sign", "a", &format!("sign {draft}"), 13);
    // Notices, too: they are durable, and the exit code says what is missing.
    let retire = "log retire web --serial 3 --reason withdrawn --yes";
    let retired = teams.json("log-retire", "a", retire, 13);
    assert!(retired["notice"]["index"].is_u64());
    let said = teams.json("log-cosign", "a", "log cosign log", 13);
    assert_eq!(
        said["cosigning"]["witnesses"][0]["answer"], "not-asked",
        "{said}"
    );
    // A policy that cannot be read stops an append before anything is added.
    fs::write(teams.path("a", "keys/witnesses.policy"), "quorum w\n").unwrap();
    let draft = teams.draft("a", "web", "4");
    let (code, _, err) = teams.run("a", &format!("sign {draft}"));
    assert!(code == 1 && err.contains("line 1"), "{code} {err}");
    assert_eq!(teams.size("a"), size + 2);
}

#[test]
fn a_log_that_was_set_back_or_forked_is_told_by_its_witness() {
    let teams = Teams::new("witness-fork");
    teams.demand("a", "b");
    let server = teams.serve("b", "a");
    let sign = |version: &str, code| {
        let draft = teams.draft("a", "web", version);
        teams.json("sign", "a", &format!("sign {draft}"), code)
    };
    sign("1", 0);
    teams.ok("a", "log monitor log --since seen");
    teams.copy_log("a", "old");
    sign("2", 0);
    sign("3", 0);
    teams.copy_log("a", "new");
    let size = teams.size("a");
    // A backup, with the operator's state: nothing here shows that it is one.
    fs::remove_dir_all(teams.path("a", "log")).unwrap();
    fs::rename(teams.path("a", "old"), teams.path("a", "log")).unwrap();
    let old = teams.json("log-cosign", "a", "log cosign log", 0);
    assert_eq!(
        old["cosigning"]["witnesses"][0]["answer"], "cosigned",
        "of the time"
    );
    sign("other-2", 12);
    // As many entries as the witness has seen, and others.
    let signed = sign("other-3", 11);
    assert!(signed["missing"].is_string());
    let evidence: Vec<PathBuf> = fs::read_dir(teams.path("b", "wstate"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "fork"))
        .collect();
    let [evidence] = evidence.as_slice() else {
        panic!("{evidence:?}");
    };
    let evidence = evidence.display();
    let role = teams.trust("a");
    let key = role.role(Role::Log).unwrap().keys[0].clone();
    let name = crate::support::log::name(key.name.as_deref().unwrap());
    let vkey = karat::tlog::NoteKey::ed25519(name, key.key);
    let check = format!("log check {evidence}");
    let proven = teams.json("log-fork", "b", &format!("{check} --key {vkey}"), 11);
    assert_eq!(proven["fork"]["origin"], "a.example/log", "{proven}");
    assert_eq!(proven["fork"]["heads"][0]["tree_size"], size);
    teams.json(
        "log-fork",
        "b",
        &format!("{check} --trust ../a/keys/trust.json"),
        11,
    );
    assert_eq!(teams.run("b", &check).0, 1, "no key at all");
    assert_eq!(
        teams
            .run("b", &format!("{check} --trust keys/trust.json"))
            .0,
        1,
        "other keys"
    );
    // Monitors: the copy that others kept, and the witness, show another history.
    let look = "log monitor log --by-policy ../logs.policy --since seen --evidence found";
    let by = format!("log {vkey}\nquorum none\n");
    fs::write(teams.0.join("logs.policy"), by).unwrap();
    let found = teams.json("log-monitor", "a", &format!("{look} --against new"), 11);
    let seen: Vec<&str> = found["views"]
        .as_array()
        .unwrap()
        .iter()
        .map(|view| view["seen"].as_str().unwrap())
        .collect();
    assert_eq!(seen, ["forked", "forked"], "{found}");
    // The copy shows its entries: the last two are others. The witness shows a checkpoint alone.
    assert_eq!(found["views"][0]["first_difference"], size - 2, "{found}");
    assert_eq!(found["views"][1]["first_difference"], Value::Null);
    for fork in found["forks"].as_array().unwrap() {
        let file = fork["evidence"].as_str().unwrap();
        teams.json(
            "log-fork",
            "a",
            &format!("log check {file} --key {vkey}"),
            11,
        );
    }
    drop(server);
}

#[test]
fn a_monitor_tells_what_is_new_and_goes_forward_only() {
    let teams = Teams::new("monitor");
    let sign = |name: &str, version: &str| {
        let draft = teams.draft("a", name, version);
        teams.ok("a", &format!("sign {draft}"));
    };
    let look = |more: &str, code| {
        let command = format!("log monitor log --since seen --evidence found {more}");
        teams.json("log-monitor", "a", &command, code)
    };
    sign("web", "1");
    let size = teams.size("a");
    let first = look("", 0);
    assert_eq!(
        (&first["seen_before"], &first["tree_size"]),
        (&Value::Null, &json!(size))
    );
    assert_eq!(first["new_images"], json!(["web"]));
    let remembered = fs::read(teams.path("a", "seen")).unwrap();
    let again = look("", 0);
    assert_eq!(
        (&again["seen_before"], &again["entries"]),
        (&json!(size), &json!([]))
    );
    assert_eq!(fs::read(teams.path("a", "seen")).unwrap(), remembered);
    // A further release of what is known is no news; a new image or key is.
    sign("web", "2");
    let more = look("", 0);
    assert_eq!(more["entries"][0]["version"], "2");
    assert_eq!(
        (&more["new_images"], &more["new_key_ids"]),
        (&json!([]), &json!([]))
    );
    teams.copy_log("a", "copy");
    sign("db", "1");
    let news = look("", 10);
    assert_eq!(
        (&news["new_images"], &news["exit_code"]),
        (&json!(["db"]), &json!(10))
    );
    teams.ok("a", "trust update --yes --min-serial web=1");
    teams.ok("a", "log append log keys/trust.json");
    assert_eq!(look("", 10)["entries"][0]["kind"], "trust");
    // Other places: an older copy, one that is ahead, nothing at all.
    let older = look("--against copy --against copy/checkpoint", 0);
    assert_eq!(older["views"][0]["seen"], "earlier");
    assert_eq!(older["views"][1]["tree_size"], size + 1);
    let gone = look("--against nowhere --against nowhere/checkpoint", 13);
    assert_eq!(gone["views"][0]["seen"], "nothing");
    assert_eq!(gone["views"][1]["seen"], "nothing");
    let command = "log monitor copy --against log";
    let later = teams.json("log-monitor", "a", command, 13);
    assert_eq!(
        (&later["views"][0]["seen"], &later["views"][0]["tree_size"]),
        (&json!("later"), &json!(size + 3))
    );
}

#[test]
fn a_monitor_notices_a_log_that_was_set_back_or_went_another_way() {
    let teams = Teams::new("monitor-back");
    let sign = |version: &str| {
        let draft = teams.draft("a", "web", version);
        teams.ok("a", &format!("sign {draft}"));
    };
    let look = |code| {
        let command = "log monitor log --since seen --evidence found";
        teams.json("log-monitor", "a", command, code)
    };
    sign("1");
    teams.copy_log("a", "old");
    sign("2");
    sign("3");
    look(0);
    let size = teams.size("a");
    let remembered = fs::read(teams.path("a", "seen")).unwrap();
    fs::remove_dir_all(teams.path("a", "log")).unwrap();
    fs::rename(teams.path("a", "old"), teams.path("a", "log")).unwrap();
    let back = look(12);
    assert_eq!(back["set_back_from"], size);
    assert_eq!(fs::read(teams.path("a", "seen")).unwrap(), remembered);
    // Another history, larger than what was seen.
    for version in ["x2", "x3", "x4"] {
        sign(version);
    }
    let forked = look(11);
    assert_eq!(forked["forks"][0]["fork"]["heads"][0]["tree_size"], size);
    assert_eq!(
        forked["forks"][0]["fork"]["heads"][1]["tree_size"],
        size + 1
    );
    let file = forked["forks"][0]["evidence"].as_str().unwrap();
    let check = format!("log check {file} --trust keys/trust.json");
    teams.json("log-fork", "a", &check, 11);
    assert_eq!(fs::read(teams.path("a", "seen")).unwrap(), remembered);
    // What is remembered must be the log's own.
    let text = String::from_utf8(remembered).unwrap();
    for broken in [
        String::new(),
        text.replacen(&format!("\n{size}\n"), "\n1\n", 1),
        text.replacen("image web\n", "image web\nimage a\n", 1),
        text.replacen("karat-monitor/1", "karat-monitor/2", 1),
    ] {
        fs::write(teams.path("a", "seen"), &broken).unwrap();
        let (code, _, err) = teams.run("a", "log monitor log --since seen");
        assert_eq!(code, 1, "{broken}: {err}");
        assert_eq!(fs::read_to_string(teams.path("a", "seen")).unwrap(), broken);
    }
}

#[test]
fn the_server_is_bounded_and_believes_nothing() {
    let teams = Teams::new("witness-http");
    let server = teams.serve("b", "a");
    let status = |request: &str| {
        let answer = server.raw(request.as_bytes());
        answer.split(' ').nth(1).unwrap_or("none").to_owned()
    };
    let large = format!(
        "POST /add-checkpoint HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
        karat::limits::WITNESS_REQUEST_MAX + 1
    );
    let origin = Digest::of(b"a.example/log");
    for (request, expected) in [
        ("x\r\n\r\n", "400"),
        ("POST /add-checkpoint HTTP/1.1\r\n\r\n", "411"),
        (&large, "413"),
        (
            "POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
            "400",
        ),
        ("GET /add-checkpoint HTTP/1.1\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("GET /../wstate/lock HTTP/1.1\r\n\r\n", "404"),
        ("GET /lock/checkpoint HTTP/1.1\r\n\r\n", "404"),
        (&format!("GET /{origin}/checkpoint HTTP/1.1\r\n\r\n"), "404"),
        (
            &format!("DELETE /{origin}/checkpoint HTTP/1.1\r\n\r\n"),
            "405",
        ),
        // Cut off: no answer, and no harm.
        (
            "POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
            "none",
        ),
        ("", "none"),
    ] {
        assert_eq!(status(request), expected, "{request}");
    }
    // Several requests in one connection, and in one packet.
    let two = "GET /x HTTP/1.1\r\n\r\n".repeat(3) + "GET /x HTTP/1.0\r\n\r\n";
    let answers = server.raw(two.as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 404").count(), 4, "{answers}");
    assert_eq!(answers.matches("Connection: close").count(), 1, "{answers}");
    // More clients than it takes: the next is sent away, and those that are there are served.
    let url = server.says("url");
    let address = url.strip_prefix("http://").unwrap();
    let held: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /x HTTP/1.1\r\n\r\n").unwrap();
            let mut first = [0; 1];
            stream.read_exact(&mut first).unwrap();
            stream
        })
        .collect();
    assert_eq!(status("GET /x HTTP/1.1\r\n\r\n"), "503");
    drop(held);
    // A second one does not serve from the same directory.
    let second = "log witness --state wstate --name b.example/w --key w.pem \
                  --trust ../a/keys/trust.json --listen 127.0.0.1:0";
    let (code, _, err) = teams.run("b", second);
    assert!(code == 1 && err.contains("already"), "{code} {err}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn curl_is_served_and_openssl_verifies_the_cosignature() {
    let (Some(curl), Some(openssl)) = (judge("curl"), judge("openssl")) else {
        return;
    };
    let teams = Teams::new("witness-judges");
    let server = teams.serve("b", "a");
    let note = fs::read(teams.path("a", "log/checkpoint")).unwrap();
    let body = teams.0.join("body");
    fs::write(&body, [b"old 0\n\n", note.as_slice()].concat()).unwrap();
    let post = |url: &str| {
        let mut command = curl.command();
        command
            .args(["--silent", "--fail", "--noproxy", "*", "--data-binary"])
            .arg(format!("@{}", body.display()))
            .arg(url);
        command.output().unwrap()
    };
    let url = server.says("url");
    let answer = post(&format!("{url}/add-checkpoint"));
    assert!(answer.status.success(), "{answer:?}");
    let line = String::from_utf8(answer.stdout).unwrap();
    let (name, base64) = line
        .strip_prefix("\u{2014} ")
        .and_then(|line| line.trim_end().split_once(' '))
        .unwrap();
    assert_eq!(name, "b.example/w");
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(base64)
        .unwrap();
    assert_eq!(bytes.len(), 4 + 8 + 64);
    // tlog-cosignature, by hand: what was signed, and with which key id.
    let time = u64::from_be_bytes(bytes[4..12].try_into().unwrap());
    let text = Note::parse(&note).unwrap().text().to_owned();
    let message = teams.0.join("message");
    fs::write(&message, format!("cosignature/v1\ntime {time}\n{text}")).unwrap();
    let signature = teams.0.join("signature");
    fs::write(&signature, &bytes[12..]).unwrap();
    let pem = fs::read(teams.path("b", "w.pub.pem")).unwrap();
    let raw = karat::key::PublicKey::from_file(&pem).unwrap();
    let id = Digest::of(&[b"b.example/w\n\x04", &raw.as_bytes()[..]].concat());
    assert_eq!(bytes[..4], id.as_bytes()[..4]);
    let verified = openssl
        .command()
        .args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"])
        .arg(teams.path("b", "w.pub.pem"))
        .arg("-in")
        .arg(&message)
        .arg("-sigfile")
        .arg(&signature)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
    // What a monitor gets is the checkpoint with both signatures.
    let hex = Digest::of(b"a.example/log");
    let mut command = curl.command();
    command.args(["--silent", "--fail", "--noproxy", "*"]);
    let shown = command
        .arg(format!("{url}/{hex}/checkpoint"))
        .output()
        .unwrap();
    let expected = [note.as_slice(), line.as_bytes()].concat();
    assert_eq!(shown.stdout, expected);
}

//! A log in a bucket of a real store: moto's S3, which the test starts itself.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use karat::archive::{Patience, Proxies};
use karat::log::s3::{S3, Settings};
use karat::log::{Objects as _, Only, Put};
use karat::sys::fs::ListedKind;
use serde_json::Value;

use crate::support::schema::published;
use crate::support::{Scratch, toolbox};

/// A running server, and one bucket in it, called `images`.
struct Store {
    child: Child,
    endpoint: String,
}

impl Store {
    fn start() -> Option<Self> {
        let program = toolbox::moto()?;
        // Nobody else has the port between the two; if one did, the test would say so.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut child = program
            .command()
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env("PYTHONUNBUFFERED", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It says when it listens; what it says later is read, so that it does not wait for us.
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let running = said
            .by_ref()
            .any(|line| line.unwrap().contains("Running on"));
        assert!(running, "the store did not start");
        std::thread::spawn(move || said.for_each(drop));
        let store = Self {
            child,
            endpoint: format!("http://127.0.0.1:{port}"),
        };
        store.request("PUT /images");
        Some(store)
    }

    /// A request that nobody signed: moto does not ask who one is.
    fn request(&self, line: &str) {
        let address = self.endpoint.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "{line} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=key/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
        )
        .unwrap();
        let mut first = String::new();
        BufReader::new(stream).read_line(&mut first).unwrap();
        assert!(first.contains(" 200 "), "{line}: {first}");
    }

    fn settings(&self) -> Settings {
        Settings::from_environment(&|name| {
            Some(match name {
                "AWS_ACCESS_KEY_ID" => "the-key".to_owned(),
                "AWS_SECRET_ACCESS_KEY" => "the-secret".to_owned(),
                "AWS_ENDPOINT_URL" => self.endpoint.clone(),
                _ => return None,
            })
        })
    }

    fn objects(&self, prefix: &str) -> S3 {
        let patience = Patience {
            timeout: Duration::from_secs(20),
            retries: 2,
            pause: Duration::ZERO,
        };
        S3::new(
            &self.settings(),
            "images",
            prefix,
            &Proxies::default(),
            patience,
        )
        .unwrap()
    }

    fn command(&self, scratch: &Scratch, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karat"));
        command
            .args(arguments.split(' '))
            .current_dir(scratch.path())
            .env("AWS_ACCESS_KEY_ID", "the-key")
            .env("AWS_SECRET_ACCESS_KEY", "the-secret")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("XDG_CACHE_HOME", scratch.join("cache"))
            .env_remove("KARAT_KEY_PASSPHRASE")
            .stdin(Stdio::null());
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, scratch: &Scratch, arguments: &str) -> (i32, String, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(scratch, arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn ok(&self, scratch: &Scratch, arguments: &str) -> String {
        let (code, out, err) = self.run(scratch, arguments);
        assert_eq!(code, 0, "karat {arguments}: {out}{err}");
        assert!(!format!("{out}{err}").contains("the-secret"));
        out
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn conditions_and_listings_are_those_of_s3() {
    let Some(store) = Store::start() else { return };
    let objects = store.objects("a/log");
    assert_eq!(objects.get("x", 10).unwrap(), None);
    assert_eq!(objects.put("x", b"one", Only::IfAbsent).unwrap(), Put::Done);
    assert_eq!(
        objects.put("x", b"two", Only::IfAbsent).unwrap(),
        Put::Refused
    );
    let (bytes, tag) = objects.get("x", 3).unwrap().unwrap();
    assert_eq!(bytes, b"one");
    assert!(objects.get("x", 2).is_err());
    assert_eq!(
        objects.put("x", b"two", Only::IfTagged("\"no\"")).unwrap(),
        Put::Refused
    );
    assert_eq!(
        objects.put("x", b"two", Only::IfTagged(&tag)).unwrap(),
        Put::Done
    );
    assert_eq!(
        objects.put("x", b"three", Only::IfTagged(&tag)).unwrap(),
        Put::Refused
    );
    assert_eq!(
        objects.put("y", b"two", Only::IfTagged(&tag)).unwrap(),
        Put::Refused
    );
    for name in ["d/e/f", "d/g", "d e+%&"] {
        assert_eq!(objects.put(name, b"", Only::IfAbsent).unwrap(), Put::Done);
    }
    let names = |path: &str| {
        let listed = objects.names(path).unwrap().into_iter();
        let listed = listed.map(|it| (String::from_utf8(it.name).unwrap(), it.kind));
        listed.collect::<Vec<_>>()
    };
    let file = |name: &str| (name.to_owned(), ListedKind::File);
    let directory = |name: &str| (name.to_owned(), ListedKind::Directory);
    assert_eq!(names(""), [directory("d"), file("d e+%&"), file("x")]);
    assert_eq!(names("d"), [directory("e"), file("g")]);
    assert_eq!(names("none"), []);
    objects.delete("d/g").unwrap();
    objects.delete("d/g").unwrap();
    assert_eq!(names("d"), [directory("e")]);
    // More than one page.
    for number in 0..1100 {
        let name = format!("many/{number:04}");
        assert_eq!(objects.put(&name, b"", Only::IfAbsent).unwrap(), Put::Done);
    }
    assert_eq!(names("many").len(), 1100);
    assert_eq!(store.objects("a/lo").names("").unwrap(), []);
}

/// A workspace with keys, and a log in the bucket.
fn workspace(store: &Store, name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    store.ok(&scratch, "init --no-passphrase --name example.com/log");
    store.ok(
        &scratch,
        "log init s3://images/log --key keys/private/log.pem",
    );
    scratch
}

fn sign(store: &Store, scratch: &Scratch, version: &str) {
    let draft = karat::baseline::Draft::new(crate::keys::fixture::baseline("web", version));
    let bytes = draft.unwrap().to_bytes().unwrap();
    let file = format!("web_{version}.statement.json");
    std::fs::write(scratch.join(&file), bytes).unwrap();
    // The workspace has a log of its own, which gives out the serials.
    store.ok(scratch, &format!("sign {file}"));
}

#[test]
fn a_log_in_a_bucket_is_made_added_to_and_read() {
    let Some(store) = Store::start() else { return };
    let scratch = workspace(&store, "s3");
    let (code, _, err) = store.run(&scratch, "log init s3://images/log");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("there is a log already"), "{err}");
    for version in ["1.0", "1.1"] {
        sign(&store, &scratch, version);
    }
    let json = |schema: &str, arguments: &str| -> Value {
        published(schema).holds(&store.ok(&scratch, &format!("{arguments} --json")))
    };
    let files = "web_1.0.dsse.json web_1.1.dsse.json keys/trust.json";
    let added = json("log-append", &format!("log append s3://images/log {files}"));
    assert_eq!(added["tree_size"], 3);
    let again = json("log-append", &format!("log append s3://images/log {files}"));
    assert_eq!(
        (&again["tree_size"], &again["added"][2]["was_there"]),
        (&3.into(), &true.into())
    );
    let checked = json(
        "log-check",
        "log check s3://images/log --trust keys/trust.json",
    );
    assert_eq!(checked["faults"], serde_json::json!([]));
    assert_eq!(checked["untold"], serde_json::json!([]));
    assert_eq!(checked["leftovers"], serde_json::json!([]));
    assert_eq!(checked["checkpoints"], 2);
    assert_eq!(json("log-show", "log show s3://images/log")["tree_size"], 3);
    let receipt = std::fs::read(scratch.join("web_1.1.tlog-proof")).unwrap();
    assert_eq!(
        store.ok(&scratch, "log proof s3://images/log 2").as_bytes(),
        receipt
    );
    // Another machine, which has seen nothing: the log itself says which serials were given.
    let other = Scratch::new("s3-other");
    store.ok(&other, "init --no-passphrase --name example.com/log");
    let key = scratch.join("keys/private/log.pem");
    std::fs::copy(key, other.join("bucket.pem")).unwrap();
    sign(&store, &other, "9.9");
    let (code, _, err) = store.run(
        &other,
        "log append s3://images/log web_9.9.dsse.json --key bucket.pem",
    );
    assert_ne!(code, 0);
    assert!(err.contains("serial 1 of web was given"), "{err}");
    // A key that is not the log's.
    let (code, _, err) = store.run(
        &other,
        "log append s3://images/log keys/trust.json --key keys/private/log.pem",
    );
    assert_eq!(code, 1, "{err}");
    let (code, _, err) = store.run(&scratch, "log show s3://images/elsewhere");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("no checkpoint"), "{err}");
}

#[test]
fn two_processes_write_at_the_same_time_and_one_is_killed() {
    let Some(store) = Store::start() else { return };
    let scratch = workspace(&store, "s3-race");
    let versions: Vec<String> = (0..12).map(|number| format!("1.{number}")).collect();
    for version in &versions {
        sign(&store, &scratch, version);
    }
    // Each process has its own machine: nothing but the bucket is shared.
    let writers: Vec<Child> = versions
        .iter()
        .enumerate()
        .map(|(number, version)| {
            let line = format!("log append s3://images/log web_{version}.dsse.json");
            store
                .command(&scratch, &line)
                .env("XDG_CACHE_HOME", scratch.join(format!("cache-{number}")))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for (number, mut writer) in writers.into_iter().enumerate() {
        if number == 5 {
            // Wherever it is.
            drop(writer.kill());
            drop(writer.wait());
        } else {
            assert!(writer.wait().unwrap().success(), "writer {number}");
        }
    }
    let checked = published("log-check").holds(&store.ok(
        &scratch,
        "log check s3://images/log --trust keys/trust.json --json",
    ));
    assert_eq!(checked["faults"], serde_json::json!([]));
    let line = format!("log append s3://images/log web_{}.dsse.json", versions[5]);
    store.ok(&scratch, &line);
    let shown = store.ok(&scratch, "log show s3://images/log --json");
    let shown = published("log-show").holds(&shown);
    let mut serials: Vec<u64> = shown["entries"]
        .as_array()
        .unwrap()
        .iter()
        // The trust root of the workspace is logged, once, before all of them.
        .filter_map(|entry| entry["serial"].as_u64())
        .collect();
    serials.sort_unstable();
    assert_eq!(serials, (1..=12).collect::<Vec<u64>>());
}

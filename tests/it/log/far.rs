//! Logs on a web server: read whole, few requests, and nothing believed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use karat::archive::{Patience, Proxies};
use karat::log::{Log, LogError};
use karat::ops::log::{AnyLog, LogFailure, LogPlace, Way, open_at};
use karat::sys::fs::Beneath;
use karat::tlog::leaf_hash;

use super::crash::{entries, origin};
use crate::keys::fixture::key;
use crate::support::Scratch;
use crate::support::schema::published;

/// What the server sends in place of a file.
#[derive(Clone, Debug)]
enum Reply {
    /// These bytes.
    Body(Vec<u8>),
    /// As many as these are promised, half of them come.
    Half(Vec<u8>),
    /// A status without a body, and where it leads.
    Status(u16, Option<String>),
    /// Nothing at all.
    Silence,
}

type Tricks = Box<dyn Fn(&str, usize) -> Option<Reply> + Send + Sync>;

/// A web server on 127.0.0.1 that keeps connections, for one directory.
struct Server {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct State {
    root: PathBuf,
    tricks: Tricks,
    stop: AtomicBool,
    requests: Mutex<Vec<String>>,
    connections: Mutex<usize>,
}

impl Server {
    fn start(root: PathBuf, tricks: Tricks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            root,
            tricks,
            stop: AtomicBool::new(false),
            requests: Mutex::default(),
            connections: Mutex::default(),
        });
        let shared = state.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::SeqCst) {
                    break;
                }
                *shared.connections.lock().unwrap() += 1;
                let (shared, stream) = (shared.clone(), stream.unwrap());
                std::thread::spawn(move || drop(shared.serve(&stream)));
            }
        });
        Self {
            address,
            state,
            thread: Some(thread),
        }
    }

    fn honest(root: PathBuf) -> Self {
        Self::start(root, Box::new(|_, _| None))
    }

    fn uri(&self) -> String {
        format!("http://{}/log", self.address)
    }

    fn place(&self) -> LogPlace {
        LogPlace::parse(self.uri().into()).unwrap()
    }

    /// What was asked for since the last time, and how often.
    fn asked(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for path in self.state.requests.lock().unwrap().drain(..) {
            *counts.entry(path).or_default() += 1;
        }
        counts
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl State {
    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream);
        loop {
            let mut first = String::new();
            if lines.read_line(&mut first)? == 0 {
                return Ok(());
            }
            let mut line = first.clone();
            while !line.trim_end().is_empty() {
                line.clear();
                lines.read_line(&mut line)?;
            }
            let target = first.split(' ').nth(1).unwrap_or_default();
            let path = target.strip_prefix("/log/").unwrap_or_default().to_owned();
            let nth = {
                let mut requests = self.requests.lock().unwrap();
                let nth = requests.iter().filter(|known| **known == path).count();
                requests.push(path.clone());
                nth
            };
            let reply = (self.tricks)(&path, nth).unwrap_or_else(|| {
                match fs::read(self.root.join(&path)) {
                    Ok(bytes) => Reply::Body(bytes),
                    Err(_) => Reply::Status(404, None),
                }
            });
            match reply {
                Reply::Body(bytes) => {
                    write!(
                        stream,
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                        bytes.len()
                    )?;
                    stream.write_all(&bytes)?;
                }
                Reply::Half(bytes) => {
                    write!(
                        stream,
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                        bytes.len()
                    )?;
                    return stream.write_all(&bytes[..bytes.len() / 2]);
                }
                Reply::Status(status, target) => {
                    let to = target.map_or_else(String::new, |to| format!("Location: {to}\r\n"));
                    write!(
                        stream,
                        "HTTP/1.1 {status} So\r\n{to}Content-Length: 0\r\n\r\n"
                    )?;
                }
                // Until the client has enough of it.
                Reply::Silence => drop(stream.read(&mut [0])?),
            }
        }
    }
}

/// A log of `size` entries in a directory.
fn made(name: &str, what: &str, size: usize) -> (Scratch, Vec<Vec<u8>>) {
    let scratch = Scratch::new(name);
    let all = entries(what, size);
    let disk = Beneath::open(scratch.path()).unwrap();
    let mut log = Log::create(disk, &origin(), &key(111)).unwrap();
    log.append(&key(111), &all[..size / 2]).unwrap();
    log.append(&key(111), &all[size / 2..]).unwrap();
    (scratch, all)
}

fn way(cache: Option<PathBuf>) -> Way {
    Way {
        proxies: Proxies::default(),
        patience: Patience {
            timeout: Duration::from_secs(20),
            retries: 3,
            pause: Duration::ZERO,
        },
        cache,
        #[cfg(feature = "s3")]
        s3: karat::log::s3::Settings::default(),
    }
}

fn open(server: &Server) -> AnyLog {
    open_at(&server.place(), &way(None)).unwrap()
}

/// All entries, read in order and ahead.
fn all_of(log: &AnyLog) -> Result<Vec<Vec<u8>>, LogError> {
    let mut all = Vec::new();
    log.ahead(0..log.size());
    while (all.len() as u64) < log.size() {
        all.extend(log.bundle(all.len() as u64)?);
    }
    Ok(all)
}

#[test]
fn a_log_is_read_from_a_web_server_and_not_twice() {
    let (scratch, all) = made("far", "entry", 600);
    let cache = Scratch::new("far-cache");
    let server = Server::honest(scratch.path().to_owned());
    let way = way(Some(cache.join("karat")));
    let log = open_at(&server.place(), &way).unwrap();
    assert_eq!(all_of(&log).unwrap(), all);
    let receipt = log.receipt(300, leaf_hash(&all[300])).unwrap();
    assert_eq!(receipt.proof.index, 300);
    let checked = log.check(&[karat::tlog::NoteKey::ed25519(
        origin(),
        karat::key::Signer::public_key(&key(111)),
    )]);
    let checked = checked.unwrap();
    assert_eq!(checked.faults, []);
    assert_eq!(checked.untold, ["checkpoints", "tile"]);
    drop(log);
    let asked = server.asked();
    for path in [
        "tile/0/000",
        "tile/0/001",
        "tile/entries/000",
        "tile/entries/001",
    ] {
        assert_eq!(asked.get(path), Some(&1), "{path}");
    }
    assert!(asked.contains_key("tile/entries/002.p/88"));
    // Eight workers, each with one connection that it keeps, and the first.
    let connections = *server.state.connections.lock().unwrap();
    assert!(connections <= 10, "{connections} connections");
    // What is full is not fetched again.
    let log = open_at(&server.place(), &way).unwrap();
    assert_eq!(all_of(&log).unwrap(), all);
    let asked = server.asked();
    assert!(
        asked
            .keys()
            .all(|path| !path.ends_with("/000") && !path.ends_with("/001")),
        "{asked:?}"
    );
    assert!(asked.contains_key("checkpoint"));
}

#[test]
fn what_is_kept_is_compared_and_fetched_again() {
    let (scratch, all) = made("far", "entry", 600);
    let cache = Scratch::new("far-cache");
    let server = Server::honest(scratch.path().to_owned());
    let way = way(Some(cache.join("karat")));
    assert_eq!(
        all_of(&open_at(&server.place(), &way).unwrap()).unwrap(),
        all
    );
    let logs = cache.join("karat/logs");
    let shelf = fs::read_dir(logs).unwrap().next().unwrap().unwrap().path();
    let names = ["0-000", "0-001", "entries-000", "entries-001"];
    for name in names {
        let good = fs::read(shelf.join(name)).unwrap();
        let swapped = fs::read(shelf.join(name.replace("000", "001"))).unwrap();
        for bad in [
            &b""[..],
            &good[..good.len() - 1],
            &vec![0; good.len()],
            &swapped,
        ] {
            fs::write(shelf.join(name), bad).unwrap();
            let log = open_at(&server.place(), &way).unwrap();
            assert_eq!(all_of(&log).unwrap(), all, "{name}");
            log.receipt(7, leaf_hash(&all[7])).unwrap();
            assert_eq!(fs::read(shelf.join(name)).unwrap(), good, "{name}");
        }
    }
    assert_eq!(fs::read_dir(&shelf).unwrap().count(), names.len());
}

#[test]
fn a_server_that_lies_is_not_believed() {
    let (scratch, _) = made("far", "entry", 600);
    let (other, _) = made("far-other", "other", 600);
    for path in [
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/002.p/88",
    ] {
        let wrong = fs::read(other.join(path)).unwrap();
        let huge = vec![0; 17 << 20];
        let short = fs::read(scratch.join(path)).unwrap();
        let short = short[..short.len() - 1].to_vec();
        for reply in [wrong, huge, short, Vec::new()] {
            let tricks = move |asked: &str, _| (asked == path).then(|| Reply::Body(reply.clone()));
            let server = Server::start(scratch.path().to_owned(), Box::new(tricks));
            let error = all_of(&open(&server)).unwrap_err();
            assert!(
                matches!(
                    error,
                    LogError::Damaged(_) | LogError::Root { .. } | LogError::Bundle { .. }
                ),
                "{path}: {error}"
            );
        }
    }
}

#[test]
fn beginnings_of_tiles_that_are_gone_are_read_from_the_full_ones() {
    // The checkpoint is of 250 entries, the files are of 600.
    let (old, all) = made("far-old", "entry", 250);
    let (scratch, _) = made("far", "entry", 600);
    let checkpoint = fs::read(old.join("checkpoint")).unwrap();
    for gone in [404, 410, 403] {
        let checkpoint = checkpoint.clone();
        let tricks = move |asked: &str, _| match asked {
            "checkpoint" => Some(Reply::Body(checkpoint.clone())),
            asked if asked.contains(".p/250") => Some(Reply::Status(gone, None)),
            _ => None,
        };
        let server = Server::start(scratch.path().to_owned(), Box::new(tricks));
        let log = open(&server);
        assert_eq!(all_of(&log).unwrap(), all);
        log.receipt(7, leaf_hash(&all[7])).unwrap();
    }
}

#[test]
fn a_server_that_shows_another_history_in_between_is_noticed() {
    let (scratch, _) = made("far", "entry", 600);
    let (fork, _) = made("far-fork", "other", 600);
    // From the third request on, everything is of the other one.
    let root = fork.path().to_owned();
    let count = Mutex::new(0);
    let tricks = move |asked: &str, _| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let file = fs::read(root.join(asked)).ok();
        file.filter(|_| *count > 3).map(Reply::Body)
    };
    let server = Server::start(scratch.path().to_owned(), Box::new(tricks));
    let error = all_of(&open(&server)).unwrap_err();
    assert!(
        matches!(error, LogError::Damaged(_) | LogError::Root { .. }),
        "{error}"
    );
}

#[test]
fn a_log_that_grows_while_it_is_read_is_read_as_it_was() {
    let (scratch, all) = made("far", "entry", 300);
    let server = Server::honest(scratch.path().to_owned());
    let log = open(&server);
    let disk = Beneath::open(scratch.path()).unwrap();
    let mut writer = Log::open(disk).unwrap();
    writer.append(&key(111), &entries("more", 300)).unwrap();
    assert_eq!(all_of(&log).unwrap(), all);
    assert_eq!(log.size(), 300);
}

#[test]
fn what_fails_once_is_tried_again() {
    let (scratch, all) = made("far", "entry", 300);
    for reply in [Reply::Status(503, None), Reply::Status(429, None)] {
        let tricks = move |_: &str, nth| (nth == 0).then(|| reply.clone());
        let server = Server::start(scratch.path().to_owned(), Box::new(tricks));
        assert_eq!(all_of(&open(&server)).unwrap(), all);
    }
    let root = scratch.path().to_owned();
    let tricks = move |asked: &str, nth| {
        let bytes = fs::read(root.join(asked)).ok()?;
        (nth == 0).then_some(Reply::Half(bytes))
    };
    let server = Server::start(scratch.path().to_owned(), Box::new(tricks));
    assert_eq!(all_of(&open(&server)).unwrap(), all);
}

/// Why a log of which one file is answered so cannot be opened.
fn refused(reply: &Reply, patience: Patience) -> (String, usize) {
    let scratch = Scratch::new("far-refused");
    let answer = reply.clone();
    let server = Server::start(
        scratch.path().to_owned(),
        Box::new(move |_, _| Some(answer.clone())),
    );
    let way = Way {
        patience,
        ..way(None)
    };
    match open_at(&server.place(), &way) {
        Ok(_) => panic!("{reply:?} was taken for a log"),
        Err(error) => (error.to_string(), server.asked().values().sum()),
    }
}

#[test]
fn where_nobody_is_led_and_how_long_one_waits() {
    let patience = way(None).patience;
    for (target, why) in [
        ("file:///etc/passwd", "not http or https"),
        ("ftp://127.0.0.1/", "not http or https"),
    ] {
        let reply = Reply::Status(302, Some(target.to_owned()));
        let (said, asked) = refused(&reply, patience);
        assert!(said.contains(why), "{said}");
        assert_eq!(asked, 1);
    }
    // A circle ends.
    let (said, asked) = refused(
        &Reply::Status(301, Some("/log/checkpoint".to_owned())),
        patience,
    );
    assert!(said.contains("301"), "{said}");
    assert!(asked <= 6, "{asked}");
    for (reply, tries) in [
        (Reply::Status(500, None), 4),
        (Reply::Status(401, None), 1),
        (Reply::Half(vec![b'x'; 100]), 4),
    ] {
        assert_eq!(refused(&reply, patience).1, tries, "{reply:?}");
    }
    let (said, _) = refused(&Reply::Body(vec![b'x'; 1 << 20]), patience);
    assert!(said.contains("too large"), "{said}");
    let hurried = Patience {
        timeout: Duration::from_millis(50),
        retries: 1,
        ..patience
    };
    assert_eq!(refused(&Reply::Silence, hurried).1, 2);
    let missing = Scratch::new("far-none");
    let server = Server::honest(missing.path().to_owned());
    let error = open_at(&server.place(), &way(None)).map(drop).unwrap_err();
    assert!(
        matches!(
            error,
            LogFailure::Log {
                source: LogError::NoLog,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn commands_take_an_address() {
    let scratch = Scratch::new("far-commands");
    let karat = |arguments: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karat"));
        command
            .args(arguments.split(' '))
            .current_dir(scratch.path());
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        let output = command
            .env("XDG_CACHE_HOME", scratch.join("cache"))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap();
        (code, text(&output.stdout), text(&output.stderr))
    };
    let ok = |arguments: &str| {
        let (code, out, err) = karat(arguments);
        assert_eq!(code, 0, "karat {arguments}: {out}{err}");
        out
    };
    ok("init --no-passphrase --name example.com/log");
    ok("log append log keys/trust.json");
    let server = Server::honest(scratch.join("log"));
    let uri = server.uri();
    let json = |schema: &str, arguments: &str| published(schema).holds(&ok(arguments));
    let far = json("log-show", &format!("log show {uri} --json"));
    assert_eq!(far, json("log-show", "log show log --json"));
    let far = json(
        "log-check",
        &format!("log check {uri} --trust keys/trust.json --json"),
    );
    assert_eq!(far["untold"], serde_json::json!(["checkpoints", "tile"]));
    assert_eq!(far["faults"], serde_json::json!([]));
    let file = format!("file:{}", scratch.join("log").display());
    assert_eq!(
        ok(&format!("log proof {uri} 0")),
        ok(&format!("log proof {file} 0"))
    );
    // Whose log it is, only a trust root says.
    let (code, _, err) = karat(&format!("log check {uri}"));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("give --trust"), "{err}");
    let (code, _, err) = karat(&format!("log append {uri} keys/trust.json"));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("can only be read"), "{err}");
    let (code, _, err) = karat("log show ftp://127.0.0.1/log");
    assert_eq!(code, 2, "{err}");
    let shown = json("cache-show", "cache show --json");
    let kinds = shown["totals"].as_array().unwrap().iter();
    let logs = kinds.filter(|total| total["kind"] == "logs").count();
    assert_eq!(logs, 1);
}

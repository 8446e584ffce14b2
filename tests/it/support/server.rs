//! A small web server on 127.0.0.1 that serves a directory, as well or as badly as a test asks.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// How the server behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    /// Break the connection after so many bytes of each body.
    pub break_after: Option<usize>,
    /// Ignore `Range`.
    pub no_ranges: bool,
    /// Answer every first request for a path with 503.
    pub busy_once: bool,
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    log: Arc<Mutex<Vec<String>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Serves `root` from now on.
    pub fn start(root: PathBuf, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, log) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(Mutex::new(Vec::new())),
        );
        let (stopped, entries) = (stop.clone(), log.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (root, entries) = (root.clone(), entries.clone());
                let stream = stream.expect("a connection");
                std::thread::spawn(move || drop(answer(&stream, &root, manners, &entries)));
            }
        });
        Self {
            address,
            stop,
            log,
            thread: Some(thread),
        }
    }

    /// Its base.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far: `TARGET` or `TARGET bytes=N-`.
    pub fn requests(&self) -> Vec<String> {
        self.log.lock().expect("no panic there").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn answer(
    stream: &TcpStream,
    root: &std::path::Path,
    manners: Manners,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("range: ") {
            range = Some(value.to_owned());
        }
    }
    let entry = match &range {
        Some(range) => format!("{target} {range}"),
        None => target.clone(),
    };
    let known = {
        let mut log = log.lock().expect("no panic there");
        let known = log.contains(&entry);
        log.push(entry);
        known
    };
    let mut stream = stream;
    if manners.busy_once && !known {
        let head = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(head.as_bytes());
    }
    // As a proxy, the target is a whole URI; all hosts are this directory then.
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => target.trim_start_matches('/'),
    };
    // The only escape that a client here has reason to use.
    let path = path.replace("%25", "%");
    let Ok(bytes) = std::fs::read(root.join(path)) else {
        let head = "HTTP/1.1 404 Not here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(head.as_bytes());
    };
    let start = range.filter(|_| !manners.no_ranges).and_then(|range| {
        let first = range.strip_prefix("bytes=")?.split('-').next()?;
        first.parse::<usize>().ok()
    });
    let (status, from) = match start {
        Some(from) if from < bytes.len() => ("206 Part", from),
        Some(_) => {
            let head = "HTTP/1.1 416 Beyond\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return stream.write_all(head.as_bytes());
        }
        None => ("200 OK", 0),
    };
    let body = &bytes[from..];
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\n\
         Connection: close\r\n\r\n",
        body.len(),
        bytes.len().saturating_sub(1),
        bytes.len()
    )?;
    let sent = manners.break_after.unwrap_or(body.len()).min(body.len());
    stream.write_all(&body[..sent])
}

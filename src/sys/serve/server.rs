//! The server as a whole.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::connection::{self, Patience};
use super::request::Request;
use crate::sys::fs::IoError;

/// A server that listens. What comes in is taken with [`Server::next`], one after the other.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    events: Receiver<Event>,
    open: Arc<AtomicUsize>,
}

/// What happens to a server.
#[derive(Debug)]
pub enum Event {
    /// A request that waits for its answer.
    Request(Pending),
    /// SIGTERM or SIGINT: the server shall end.
    Stop,
}

/// A request, and where its answer goes.
#[derive(Debug)]
pub struct Pending {
    /// The request.
    pub request: Request,
    /// Who sent it.
    pub from: SocketAddr,
    answer: SyncSender<Response>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Server {
    /// Listens at `address`, `HOST:PORT`; port 0 takes a free one. From now on SIGTERM and SIGINT are
    /// events, and end the process no more.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub fn listen(address: &str, patience: Patience) -> Result<Self, IoError> {
        let failed = |error| IoError::new("listen at", address, error);
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (sender, events) = channel();
        let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(failed)?;
        let stop = sender.clone();
        std::thread::spawn(move || {
            for _ in signals.forever() {
                if stop.send(Event::Stop).is_err() {
                    break;
                }
            }
        });
        let open = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&open);
        std::thread::spawn(move || accept(&listener, patience, &sender, &counted));
        Ok(Self {
            address,
            events,
            open,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for what happens next. A request whose [`Pending`] is dropped gets no answer.
    pub fn next(&self) -> Event {
        self.events.recv().unwrap_or(Event::Stop)
    }

    /// Lets answers that were given reach their clients, for a moment.
    pub fn finish(self) {
        // Whoever waits for an answer gets none: the senders end here.
        drop(self.events);
        for _ in 0..50 {
            if self.open.load(Ordering::SeqCst) == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Pending {
    /// Answers; a client that is gone is no error.
    pub fn answer(self, response: Response) {
        drop(self.answer.send(response));
    }
}

impl Response {
    /// An answer of plain text.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: body.into(),
        }
    }

    /// The answer to what was not read.
    pub(super) fn refused(status: u16) -> Self {
        Self::text(status, format!("{}\n", reason(status)))
    }

    pub(super) fn to_bytes(&self, keep_alive: bool) -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n\r\n",
            self.status,
            reason(self.status),
            self.content_type,
            self.body.len(),
            if keep_alive { "keep-alive" } else { "close" },
        );
        [head.as_bytes(), &self.body].concat()
    }
}

/// The words of RFC 9110, section 15.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// Takes connections, each in a thread of its own, up to their number.
fn accept(
    listener: &TcpListener,
    patience: Patience,
    events: &Sender<Event>,
    open: &Arc<AtomicUsize>,
) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of file descriptors, for a moment: the clients that are there will go.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        let Ok(from) = stream.peer_addr() else {
            continue;
        };
        if open.fetch_add(1, Ordering::SeqCst) >= patience.connections_max {
            open.fetch_sub(1, Ordering::SeqCst);
            turn_away(stream);
            continue;
        }
        let counted = Counted(Arc::clone(open));
        let events = events.clone();
        let thread = std::thread::Builder::new().name("client".to_owned());
        // Where no thread can be had, the connection ends.
        drop(thread.spawn(move || {
            let _counted = counted;
            connection::serve(stream, patience, |request| {
                let (answer, response) = sync_channel(1);
                let pending = Pending {
                    request,
                    from,
                    answer,
                };
                events.send(Event::Request(pending)).ok()?;
                response.recv().ok()
            });
        }));
    }
}

/// One connection less when it is dropped, however its thread ends.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Says that there are too many clients, without waiting for anything.
fn turn_away(mut stream: TcpStream) {
    use std::io::Write as _;
    let busy = Response::refused(503).to_bytes(false);
    drop(stream.set_nonblocking(true));
    drop(stream.write_all(&busy));
}

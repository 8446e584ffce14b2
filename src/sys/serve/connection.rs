//! One connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::request::{HEAD_MAX, Head, Refused, Request};
use super::server::Response;

/// How long a client may take, and how much it may send.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a whole request, from its first byte; and for an answer to be taken.
    pub request: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// Most bytes of a body.
    pub body_max: usize,
    /// Most connections at a time.
    pub connections_max: usize,
}

/// Most requests of one connection: it then begins anew, and others get their turn.
const REQUESTS_MAX: usize = 1000;

/// Serves a connection until it ends; `answer` says what to send.
pub(super) fn serve(
    mut stream: TcpStream,
    patience: Patience,
    mut answer: impl FnMut(Request) -> Option<Response>,
) {
    // Answers are small and must not wait for more.
    drop(stream.set_nodelay(true));
    let mut held = Vec::new();
    for number in 1..=REQUESTS_MAX {
        let (response, keep) = match read(&mut stream, &mut held, patience) {
            Ok(Some((request, keep_alive))) => {
                let Some(response) = answer(request) else {
                    return;
                };
                (response, keep_alive && number < REQUESTS_MAX)
            }
            Ok(None) => return,
            Err(refused) => (Response::refused(refused.status()), false),
        };
        let sent = stream
            .set_write_timeout(Some(patience.request))
            .and_then(|()| stream.write_all(&response.to_bytes(keep)));
        if sent.is_err() || !keep {
            return;
        }
    }
}

/// The next request, and whether another may follow; `None` where the client has gone or is too slow.
fn read(
    stream: &mut TcpStream,
    held: &mut Vec<u8>,
    patience: Patience,
) -> Result<Option<(Request, bool)>, Refused> {
    let mut deadline = None;
    let head = loop {
        if let Some(head) = Head::parse(held, patience.body_max)? {
            break head;
        }
        let wait = if held.is_empty() {
            patience.idle
        } else {
            let begun = *deadline.get_or_insert_with(Instant::now);
            patience.request.saturating_sub(begun.elapsed())
        };
        // A body that comes with its head is no part of it.
        if !fill(stream, held, wait, HEAD_MAX) {
            return Ok(None);
        }
    };
    let begun = *deadline.get_or_insert_with(Instant::now);
    let whole = head.length.saturating_add(head.body);
    if head.expects && held.len() < whole && stream.write_all(CONTINUE).is_err() {
        return Ok(None);
    }
    while held.len() < whole {
        let wait = patience.request.saturating_sub(begun.elapsed());
        let missing = whole.saturating_sub(held.len());
        if !fill(stream, held, wait, missing) {
            return Ok(None);
        }
    }
    let rest = held.split_off(whole.min(held.len()));
    let body = held.split_off(head.length.min(held.len()));
    *held = rest;
    let request = Request {
        method: head.method,
        target: head.target,
        body,
    };
    Ok(Some((request, head.keep_alive)))
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Waits for bytes, at most `most` of them; says whether some came.
fn fill(stream: &mut TcpStream, held: &mut Vec<u8>, wait: Duration, most: usize) -> bool {
    let mut buffer = [0; 4096];
    let length = most.min(buffer.len());
    let Some(buffer) = buffer.get_mut(..length) else {
        return false;
    };
    // A timeout of zero would mean none.
    let timeout = stream.set_read_timeout(Some(wait.max(Duration::from_millis(1))));
    match timeout.and_then(|()| stream.read(buffer)) {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            held.extend_from_slice(buffer.get(..count).unwrap_or_default());
            true
        }
    }
}

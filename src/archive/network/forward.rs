//! Plain HTTP through a plain proxy (RFC 9112 section 3.2.2): the request names the whole URI.
//!
//! The HTTP library would open a tunnel (CONNECT) instead, which ordinary proxies refuse for port
//! 80. The request is of version 1.0, so that the answer is never in chunks.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use base64::Engine as _;

/// What the proxy answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    body: BufReader<TcpStream>,
}

/// A proxy on the way: `http://[user:word@]host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    address: String,
    credentials: Option<String>,
}

impl Proxy {
    /// Reads a proxy; one without a scheme is `http`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some(_) => return None,
            None => text,
        };
        let authority = rest.split('/').next()?;
        let (credentials, address) = match authority.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials.to_owned()), address),
            None => (None, authority),
        };
        if address.is_empty() {
            return None;
        }
        let has_port = address.rsplit_once(':').is_some_and(|(_, port)| {
            !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        let address = if has_port {
            address.to_owned()
        } else {
            format!("{address}:80")
        };
        Some(Self {
            address,
            credentials,
        })
    }

    /// Asks for `uri` from byte `from` on.
    pub(super) fn get(&self, uri: &str, from: u64, timeout: Duration) -> io::Result<Answer> {
        let address = self.address.to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::other("the proxy has no address"))?;
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        let authority = uri.split('/').nth(2).unwrap_or_default();
        let mut request = format!(
            "GET {uri} HTTP/1.0\r\nHost: {authority}\r\nUser-Agent: {}\r\nConnection: close\r\n",
            super::get::USER_AGENT
        );
        if from > 0 {
            request.extend(["Range: bytes=", &from.to_string(), "-\r\n"]);
        }
        if let Some(credentials) = &self.credentials {
            let encoded = base64::engine::general_purpose::STANDARD.encode(percent(credentials));
            request.extend(["Proxy-Authorization: Basic ", &encoded, "\r\n"]);
        }
        (&stream).write_all(format!("{request}\r\n").as_bytes())?;
        Answer::read(stream)
    }
}

impl Answer {
    fn read(stream: TcpStream) -> io::Result<Self> {
        let mut body = BufReader::new(stream);
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "the proxy does not speak HTTP");
        let mut head = Vec::new();
        let mut budget = HEAD_MAX;
        loop {
            let mut line = String::new();
            let count = (&mut body).take(budget).read_line(&mut line)?;
            budget = budget.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
            if !line.ends_with('\n') {
                return Err(odd());
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let mut lines = head.iter();
        let mut words = lines.next().ok_or_else(odd)?.split(' ');
        let version = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
        let status = words.next().and_then(|word| word.parse().ok());
        let (true, Some(status)) = (version, status) else {
            return Err(odd());
        };
        let headers = lines.filter_map(|line| line.split_once(':'));
        Ok(Self {
            status,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
            body,
        })
    }

    /// A header's value; `name` is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What follows the headers. Where they say how long it is, less is an error.
    pub(super) fn into_body(self) -> impl Read {
        let length = self.header("content-length");
        let left = length.and_then(|text| text.parse().ok());
        Whole {
            body: self.body,
            left,
        }
    }
}

/// A body of a known length, if it is known.
struct Whole {
    body: BufReader<TcpStream>,
    left: Option<u64>,
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left else {
            return self.body.read(buffer);
        };
        let count = (&mut self.body).take(left).read(buffer)?;
        if count == 0 && left > 0 && !buffer.is_empty() {
            let reason = "the connection ended before the answer did";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        let read = u64::try_from(count).unwrap_or(u64::MAX);
        self.left = Some(left.saturating_sub(read));
        Ok(count)
    }
}

/// Most bytes of an answer's headers; real ones have less than 2 KiB.
const HEAD_MAX: u64 = 64 << 10;

/// Undoes percent encoding; what is not encoded stays.
fn percent(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let code = rest
            .get(1..3)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let (b'%', Some(code)) = (first, code) {
            bytes.push(code);
            rest = rest.get(3..).unwrap_or_default();
        } else {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            let (char, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            bytes.extend_from_slice(char.as_bytes());
            rest = after;
        }
    }
    bytes
}

//! The head of a request.

/// A request, with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, as it was sent.
    pub method: String,
    /// The target, as it was sent: a path, perhaps with a query.
    pub target: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What the head of a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    /// Bytes of the head, with the empty line.
    pub(super) length: usize,
    /// Bytes of the body.
    pub(super) body: usize,
    /// Whether another request may follow.
    pub(super) keep_alive: bool,
    /// Whether the client waits for a word before it sends the body.
    pub(super) expects: bool,
}

/// Why a request is answered without being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is none.
    Malformed,
    /// The head is larger than its cap, or has too many fields.
    HeadTooLarge,
    /// The body is larger than its cap.
    BodyTooLarge,
    /// A body without a length that is told before: no request here needs one.
    NoLength,
}

impl Refused {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::HeadTooLarge => 431,
            Self::BodyTooLarge => 413,
            Self::NoLength => 411,
        }
    }
}

/// Largest head: no client of a witness sends a kilobyte.
pub(super) const HEAD_MAX: usize = 16 << 10;
/// Most fields of a head.
const FIELDS_MAX: usize = 64;

impl Head {
    /// Reads what came so far; `None`: the head is not whole yet.
    pub(super) fn parse(bytes: &[u8], body_max: usize) -> Result<Option<Self>, Refused> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX => return Ok(None),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Err(Refused::HeadTooLarge);
            }
            Err(_) => return Err(Refused::Malformed),
        };
        let (Some(method), Some(target), Some(minor)) =
            (request.method, request.path, request.version)
        else {
            return Err(Refused::Malformed);
        };
        let mut head = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            length,
            body: 0,
            keep_alive: minor == 1,
            expects: false,
        };
        let mut told = None;
        for field in &*request.headers {
            let value = std::str::from_utf8(field.value).unwrap_or_default().trim();
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            if is("transfer-encoding") {
                return Err(Refused::NoLength);
            }
            if is("content-length") {
                let digits = !value.is_empty() && value.bytes().all(|it| it.is_ascii_digit());
                // Two lengths are how requests are smuggled past a proxy.
                if told.is_some() || !digits {
                    return Err(Refused::Malformed);
                }
                told = Some(value.parse::<usize>().or(Err(Refused::BodyTooLarge))?);
            }
            if is("connection") {
                let has = |word: &str| {
                    let mut words = value.split(',');
                    words.any(|it| it.trim().eq_ignore_ascii_case(word))
                };
                head.keep_alive = (head.keep_alive || has("keep-alive")) && !has("close");
            }
            if is("expect") && value.eq_ignore_ascii_case("100-continue") {
                head.expects = true;
            }
        }
        head.body = match told {
            Some(length) => length,
            None if head.method == "POST" => return Err(Refused::NoLength),
            None => 0,
        };
        if head.body > body_max {
            return Err(Refused::BodyTooLarge);
        }
        Ok(Some(head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Head>, Refused> {
        Head::parse(text.as_bytes(), 100)
    }

    #[test]
    fn heads_are_read_whole_or_not_at_all() {
        let text = "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\ncontent-LENGTH: 7\r\n\r\n";
        let head = parse(text).unwrap().unwrap();
        assert_eq!((head.method.as_str(), head.body), ("POST", 7));
        assert_eq!((head.length, head.keep_alive), (text.len(), true));
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]), Ok(None), "{end} bytes");
        }
        let closes = "GET /x HTTP/1.1\r\nConnection: foo, Close\r\n\r\n";
        assert!(!parse(closes).unwrap().unwrap().keep_alive);
        assert!(!parse("GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().keep_alive);
        let kept = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        assert!(parse(kept).unwrap().unwrap().keep_alive);
        let expects = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
        assert!(parse(expects).unwrap().unwrap().expects);
    }

    #[test]
    fn what_could_smuggle_or_fill_memory_is_refused() {
        let post = |fields: &str| parse(&format!("POST / HTTP/1.1\r\n{fields}\r\n"));
        for (fields, refused) in [
            ("", Refused::NoLength),
            ("Transfer-Encoding: chunked\r\n", Refused::NoLength),
            (
                "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                Refused::NoLength,
            ),
            (
                "Content-Length: 1\r\nContent-Length: 1\r\n",
                Refused::Malformed,
            ),
            ("Content-Length: 1, 1\r\n", Refused::Malformed),
            ("Content-Length: +1\r\n", Refused::Malformed),
            ("Content-Length: \r\n", Refused::Malformed),
            ("Content-Length: 101\r\n", Refused::BodyTooLarge),
            (
                "Content-Length: 99999999999999999999\r\n",
                Refused::BodyTooLarge,
            ),
            (&"A: b\r\n".repeat(65), Refused::HeadTooLarge),
        ] {
            assert_eq!(post(fields), Err(refused), "{fields:.60}");
        }
        assert_eq!(parse("\u{7f}\r\n\r\n"), Err(Refused::Malformed));
        let endless = format!("GET /{}", "a".repeat(HEAD_MAX));
        assert_eq!(parse(&endless), Err(Refused::HeadTooLarge));
    }
}

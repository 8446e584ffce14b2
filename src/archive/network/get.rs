//! Getting a file.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ureq::http::StatusCode;

use super::proxy::Proxies;
use super::{forward, redirect};
use crate::archive::cache::Claim;
use crate::archive::cache::{CacheError, Partial};
use crate::archive::{Cache, Location};
use crate::sys::fs;
use crate::tree::Content;

/// What karat calls itself.
pub(super) const USER_AGENT: &str = concat!("karat/", env!("CARGO_PKG_VERSION"));

/// The way to archives.
#[derive(Debug)]
pub struct Network {
    direct: ureq::Agent,
    /// Those that go through a proxy: each keeps its connections.
    tunnels: Mutex<BTreeMap<String, ureq::Agent>>,
    proxies: Proxies,
    patience: Patience,
    offline: bool,
}

/// How long to wait and how often to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, and for the next bytes.
    pub timeout: Duration,
    /// How often a failed transfer is tried again.
    pub retries: u32,
    /// How long to wait before the first retry; it doubles with each.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            retries: 4,
            pause: Duration::from_millis(500),
        }
    }
}

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is not there.
    #[error("{0} does not exist")]
    NotFound(Location),
    /// The server refused.
    #[error("{uri} cannot be fetched: the server answered {status}")]
    Status {
        /// What was asked for.
        uri: Location,
        /// The HTTP status.
        status: u16,
    },
    /// The connection failed, each time it was tried.
    #[error("{uri} cannot be fetched: {reason}")]
    Transport {
        /// What was asked for.
        uri: Location,
        /// What happened last.
        reason: String,
    },
    /// It is larger than it may be.
    #[error("{uri} is larger than {cap} bytes")]
    TooLarge {
        /// What was asked for.
        uri: Location,
        /// The cap.
        cap: u64,
    },
    /// Its bytes are not those that signed metadata names.
    #[error("{uri} has not the bytes that its archive's signed index names: {source}")]
    WrongBytes {
        /// What was asked for.
        uri: Location,
        /// What was expected and what came.
        source: Box<CacheError>,
    },
    /// It would have to be fetched, and that is not allowed.
    #[error("{0} is not in the cache, and --offline forbids to fetch it")]
    Offline(Location),
    /// A proxy's name cannot be understood.
    #[error("the proxy {0:?} is not http://HOST:PORT")]
    Proxy(String),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A directory cannot be read.
    #[error(transparent)]
    Io(#[from] fs::IoError),
}

/// Why one attempt failed.
enum Failed {
    /// Trying again may help.
    Transient(String),
    /// The server has fewer bytes than came already: begin anew.
    Range,
    Final(FetchError),
}

impl From<CacheError> for Failed {
    fn from(error: CacheError) -> Self {
        Self::Final(error.into())
    }
}

impl Network {
    /// A network with these proxies.
    pub fn new(proxies: Proxies, patience: Patience) -> Self {
        Self {
            direct: agent(None, patience),
            tunnels: Mutex::default(),
            proxies,
            patience,
            offline: false,
        }
    }

    /// A network that reaches nothing but directories of this machine.
    #[must_use]
    pub fn offline(self) -> Self {
        Self {
            offline: true,
            ..self
        }
    }

    /// Whether only directories of this machine are reached.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// All bytes of a file of at most `cap` bytes: for what is signed, and not named by a digest.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn get(&self, uri: &Location, cap: u64) -> Result<Vec<u8>, FetchError> {
        self.patiently(uri, |_| {
            let mut body = self.open(uri, 0)?.body;
            let bytes = fs::read_all(&mut body, cap);
            bytes.map_err(|error| match error.kind() {
                io::ErrorKind::FileTooLarge => Failed::Final(FetchError::TooLarge {
                    uri: uri.clone(),
                    cap,
                }),
                _ => Failed::Transient(error.to_string()),
            })
        })
    }

    /// The file with these bytes, from the cache or from `uri`. `progress` is told how many bytes
    /// came.
    ///
    /// # Errors
    /// It cannot be had, or has other bytes.
    pub fn fetch(
        &self,
        uri: &Location,
        content: &Content,
        cache: &Cache,
        progress: &dyn Fn(u64),
    ) -> Result<PathBuf, FetchError> {
        match cache.claim(content)? {
            Claim::Present(path) => {
                progress(content.size);
                Ok(path)
            }
            Claim::Mine(mut partial) => {
                let resumed = partial.length() > 0;
                progress(partial.length());
                self.fill(uri, &mut partial, progress)?;
                let error = match partial.finish() {
                    Ok(path) => return Ok(path),
                    Err(error) => error,
                };
                // What an earlier run left may have been of another file. Once more, from the start.
                if let (true, CacheError::Mismatch { .. }) = (resumed, &error)
                    && let Claim::Mine(mut partial) = cache.claim(content)?
                {
                    self.fill(uri, &mut partial, &|_| ())?;
                    return partial.finish().map_err(|error| wrong(uri, error));
                }
                Err(wrong(uri, error))
            }
        }
    }

    /// Appends what `partial` lacks.
    fn fill(
        &self,
        uri: &Location,
        partial: &mut Partial,
        progress: &dyn Fn(u64),
    ) -> Result<(), FetchError> {
        self.patiently(uri, |_| {
            if partial.length() == partial.size() {
                return Ok(());
            }
            let mut answer = match self.open(uri, partial.length()) {
                Err(Failed::Range) => {
                    partial.restart().map_err(CacheError::from)?;
                    return Err(Failed::Range);
                }
                answer => answer?,
            };
            if answer.from != partial.length() {
                partial.restart().map_err(CacheError::from)?;
                // The server cannot resume: skip nothing, take all of it.
                if answer.from != 0 {
                    return Err(Failed::Transient("the server resumed elsewhere".to_owned()));
                }
            }
            let mut buffer = vec![0; 64 << 10];
            loop {
                let count = match answer.body.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(Failed::Transient(error.to_string())),
                };
                let bytes = buffer.get(..count).unwrap_or_default();
                partial
                    .append(bytes)
                    .map_err(|error| Failed::Final(wrong(uri, error)))?;
                progress(u64::try_from(count).unwrap_or(0));
            }
            // Ends of files are the end; ends of connections are not always told apart from them.
            let complete = matches!(uri, Location::File(_)) || partial.length() == partial.size();
            if complete {
                Ok(())
            } else {
                let (length, size) = (partial.length(), partial.size());
                Err(Failed::Transient(format!(
                    "the connection ended after {length} of {size} bytes"
                )))
            }
        })
    }

    /// Tries until it works, or patience ends.
    fn patiently<T>(
        &self,
        uri: &Location,
        mut attempt: impl FnMut(u32) -> Result<T, Failed>,
    ) -> Result<T, FetchError> {
        let (mut pause, mut last) = (self.patience.pause, String::new());
        for number in 0..=self.patience.retries {
            match attempt(number) {
                Ok(value) => return Ok(value),
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::Transient(reason)) => last = reason,
                Err(Failed::Range) => "the server cannot resume".clone_into(&mut last),
            }
            if number < self.patience.retries {
                std::thread::sleep(pause);
                pause = pause.saturating_mul(2);
            }
        }
        Err(FetchError::Transport {
            uri: uri.clone(),
            reason: last,
        })
    }

    fn open(&self, uri: &Location, from: u64) -> Result<Body, Failed> {
        match uri {
            Location::File(path) => open_file(uri, path, from),
            Location::Http(_) if self.offline => {
                Err(Failed::Final(FetchError::Offline(uri.clone())))
            }
            Location::Http(text) => self.open_http(uri, text, from, REDIRECTS_MAX),
        }
    }

    fn open_http(
        &self,
        uri: &Location,
        text: &str,
        from: u64,
        redirects: u32,
    ) -> Result<Body, Failed> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let authority = rest.split('/').next().unwrap_or(rest);
        let bad_proxy = |proxy: &str| {
            let shown = proxy.rsplit('@').next().unwrap_or(proxy);
            Failed::Final(FetchError::Proxy(shown.to_owned()))
        };
        let transient = |error: &dyn std::fmt::Display| Failed::Transient(error.to_string());
        match self.proxies.choose(scheme, authority) {
            Some(proxy) if scheme == "http" => {
                let proxy = forward::Proxy::parse(proxy).ok_or_else(|| bad_proxy(proxy))?;
                let answer = proxy
                    .get(text, from, self.patience.timeout)
                    .map_err(|error| transient(&error))?;
                let target = answer.header("location").map(str::to_owned);
                if let (301 | 302 | 303 | 307 | 308, Some(target)) = (answer.status, target)
                    && redirects > 0
                {
                    let target = led(uri, text, &target)?;
                    return self.open_http(uri, &target, from, redirects - 1);
                }
                let range = answer.header("content-range").map(str::to_owned);
                let start = start(uri, answer.status, range.as_deref(), from)?;
                Ok(Body {
                    from: start,
                    body: Box::new(answer.into_body()),
                })
            }
            proxy => {
                let agent = match proxy {
                    None => self.direct.clone(),
                    Some(proxy) => {
                        let mut tunnels =
                            self.tunnels.lock().unwrap_or_else(PoisonError::into_inner);
                        if let Some(known) = tunnels.get(proxy) {
                            known.clone()
                        } else {
                            let Ok(parsed) = ureq::Proxy::new(proxy) else {
                                return Err(bad_proxy(proxy));
                            };
                            let made = agent(Some(parsed), self.patience);
                            tunnels.insert(proxy.to_owned(), made.clone());
                            made
                        }
                    }
                };
                let mut request = agent.get(text);
                if from > 0 {
                    request = request.header("Range", format!("bytes={from}-"));
                }
                let response = request.call().map_err(|error| transient(&error))?;
                let status = response.status();
                let target = response.headers().get("location");
                let target = target.and_then(|value| value.to_str().ok());
                if let (true, Some(target)) = (status.is_redirection(), target)
                    && redirects > 0
                {
                    let target = led(uri, text, target)?;
                    return self.open_http(uri, &target, from, redirects - 1);
                }
                let range = response.headers().get("content-range");
                let range = range.and_then(|value| value.to_str().ok());
                let start = start(uri, status.as_u16(), range, from)?;
                Ok(Body {
                    from: start,
                    body: Box::new(response.into_body().into_reader()),
                })
            }
        }
    }
}

/// What comes, from which byte on.
struct Body {
    from: u64,
    body: Box<dyn Read>,
}

/// Mirrors redirect to a nearer one, once or twice.
const REDIRECTS_MAX: u32 = 5;

fn agent(proxy: Option<ureq::Proxy>, patience: Patience) -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy(proxy)
        .user_agent(USER_AGENT)
        // Redirects are followed here: one may lead from http to https, and to another proxy.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_resolve(Some(patience.timeout))
        .timeout_connect(Some(patience.timeout))
        .timeout_recv_response(Some(patience.timeout))
        .timeout_per_read(Some(patience.timeout))
        .build()
        .into()
}

/// Where the answer starts, if it is one.
fn start(uri: &Location, status: u16, range: Option<&str>, from: u64) -> Result<u64, Failed> {
    let is = |code: StatusCode| status == code.as_u16();
    if is(StatusCode::OK) {
        return Ok(0);
    }
    if is(StatusCode::PARTIAL_CONTENT) {
        // `bytes 100-199/200`
        let range = range.and_then(|range| range.strip_prefix("bytes "));
        let first = range.and_then(|range| range.split('-').next()?.parse().ok());
        return first.ok_or_else(|| Failed::Transient("the server sent a part unasked".to_owned()));
    }
    if is(StatusCode::NOT_FOUND) || is(StatusCode::GONE) {
        return Err(Failed::Final(FetchError::NotFound(uri.clone())));
    }
    if from > 0 && is(StatusCode::RANGE_NOT_SATISFIABLE) {
        return Err(Failed::Range);
    }
    let busy = is(StatusCode::REQUEST_TIMEOUT) || is(StatusCode::TOO_MANY_REQUESTS);
    if busy || (500..600).contains(&status) {
        return Err(Failed::Transient(format!("the server answered {status}")));
    }
    Err(Failed::Final(FetchError::Status {
        uri: uri.clone(),
        status,
    }))
}

/// Where a redirect leads, if one may follow it.
fn led(uri: &Location, base: &str, target: &str) -> Result<String, Failed> {
    redirect::follow(base, target).map_err(|reason| {
        Failed::Final(FetchError::Transport {
            uri: uri.clone(),
            reason,
        })
    })
}

fn open_file(uri: &Location, path: &std::path::Path, from: u64) -> Result<Body, Failed> {
    use std::io::{Seek as _, SeekFrom};
    let mut file = match fs::open(path) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => {
            return Err(Failed::Final(FetchError::NotFound(uri.clone())));
        }
        Err(error) => return Err(Failed::Final(error.into())),
    };
    let sought = file.seek(SeekFrom::Start(from));
    sought.map_err(|error| Failed::Final(fs::IoError::new("read", path, error).into()))?;
    Ok(Body {
        from,
        body: Box::new(file),
    })
}

fn wrong(uri: &Location, error: CacheError) -> FetchError {
    match error {
        CacheError::Mismatch { .. } => FetchError::WrongBytes {
            uri: uri.clone(),
            source: Box::new(error),
        },
        other => other.into(),
    }
}

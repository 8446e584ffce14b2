//! Objects in an S3 bucket, or one of a store that speaks like S3.
//!
//! Requests are signed in their address (AWS Signature Version 4, query parameters), each on its own
//! and for some minutes. Such an address is as good as a key while it lasts: none is ever shown.

use std::fmt;
use std::io;
use std::thread;
use std::time::Duration;

use rusty_s3::actions::{DeleteObject, GetObject, ListObjectsV2, PutObject, S3Action};
use rusty_s3::{Bucket, Credentials, UrlStyle};
use ureq::http::Response;
use url::Url;

use super::bucket::{Objects, Only, Put};
use crate::archive::{Patience, Proxies};
use crate::sys::fs::{self, IoError, Listed, ListedKind};

/// Who asks, and whom.
#[derive(Clone, Default)]
pub struct Settings {
    credentials: Option<Credentials>,
    region: Option<String>,
    endpoint: Option<String>,
}

/// The objects of one log in a bucket.
#[derive(Debug)]
pub struct S3 {
    agent: ureq::Agent,
    bucket: Bucket,
    settings: Settings,
    /// What every key begins with: empty, or ends with a slash.
    prefix: String,
    patience: Patience,
}

/// How long a signed address counts: longer than any request that is still waited for.
const LIFE: Duration = Duration::from_mins(15);
/// Largest page of a listing: 1,000 names, each far below 4 KiB.
const PAGE_MAX: u64 = 4 << 20;
/// Most pages: a directory of a log has at most some thousand names.
const PAGES_MAX: usize = 1000;

impl Settings {
    /// What other programs read: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`,
    /// `AWS_REGION` or `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`. Without a key,
    /// requests are not signed, which is enough to read a public bucket.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let either = |one, other| variable(one).or_else(|| variable(other));
        let key = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
        let credentials = key.map(|(key, secret)| match variable("AWS_SESSION_TOKEN") {
            Some(token) => Credentials::new_with_token(key, secret, token),
            None => Credentials::new(key, secret),
        });
        Self {
            credentials,
            region: either("AWS_REGION", "AWS_DEFAULT_REGION"),
            endpoint: either("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        }
    }
}

/// Without the key.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl S3 {
    /// The objects below `prefix` in the bucket `name`.
    ///
    /// # Errors
    /// The environment names an endpoint or a proxy that is none.
    pub fn new(
        settings: &Settings,
        name: &str,
        prefix: &str,
        proxies: &Proxies,
        patience: Patience,
    ) -> Result<Self, IoError> {
        let odd = |what: &str| {
            let error = io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
            IoError::new("reach", format!("s3://{name}"), error)
        };
        let region = settings.region.clone();
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        let amazon = format!("https://s3.{region}.amazonaws.com");
        let endpoint = settings.endpoint.as_deref().unwrap_or(&amazon);
        let endpoint: Url = endpoint
            .parse()
            .ok()
            .ok_or_else(|| odd("AWS_ENDPOINT_URL is no address"))?;
        // Other stores rarely have a host for each bucket; a dot in a name fits no certificate.
        let style = if settings.endpoint.is_some() || name.contains('.') {
            UrlStyle::Path
        } else {
            UrlStyle::VirtualHost
        };
        let host = match (endpoint.host_str(), endpoint.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let proxy = match proxies.choose(endpoint.scheme(), &host) {
            Some(proxy) => Some(
                ureq::Proxy::new(proxy)
                    .ok()
                    .ok_or_else(|| odd("its proxy is none"))?,
            ),
            None => None,
        };
        let bucket = Bucket::new(endpoint, style, name.to_owned(), region);
        let prefix = match prefix {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Ok(Self {
            agent: agent(proxy, patience),
            bucket: bucket
                .ok()
                .ok_or_else(|| odd("AWS_ENDPOINT_URL is not http or https"))?,
            settings: settings.clone(),
            prefix,
            patience,
        })
    }

    fn credentials(&self) -> Option<&Credentials> {
        self.settings.credentials.as_ref()
    }

    fn error(&self, op: &'static str, path: &str, error: io::Error) -> IoError {
        let place = format!("s3://{}/{}{path}", self.bucket.name(), self.prefix);
        IoError::new(op, place, error)
    }

    /// Asks until there is an answer that stays, or patience ends.
    fn patiently<T>(
        &self,
        op: &'static str,
        path: &str,
        ask: impl Fn() -> Result<Response<ureq::Body>, ureq::Error>,
        mut take: impl FnMut(Response<ureq::Body>) -> Taken<T>,
    ) -> Result<T, IoError> {
        let (mut pause, mut last) = (self.patience.pause, String::new());
        for number in 0..=self.patience.retries {
            match ask() {
                Ok(response) => match take(response) {
                    Taken::Value(value) => return Ok(value),
                    Taken::Again(reason) => last = reason,
                    Taken::Never(error) => return Err(self.error(op, path, error)),
                },
                Err(error) => last = plain(&error),
            }
            if number < self.patience.retries {
                thread::sleep(pause);
                pause = pause.saturating_mul(2);
            }
        }
        Err(self.error(op, path, io::Error::other(last)))
    }
}

/// What an answer means.
enum Taken<T> {
    Value(T),
    /// Asking again may help.
    Again(String),
    Never(io::Error),
}

impl<T> Taken<T> {
    /// What a status means that was not asked for.
    fn other(status: u16) -> Self {
        let said = format!("the store answered {status}");
        match status {
            // 409: somebody else is changing it just now.
            408 | 409 | 429 | 500..=599 => Self::Again(said),
            301 | 307 | 308 => Self::Never(io::Error::other(format!(
                "{said}: the bucket is in another region, name it in AWS_REGION"
            ))),
            401 | 403 => Self::Never(io::Error::other(format!(
                "{said}: the key in AWS_ACCESS_KEY_ID may not do this"
            ))),
            _ => Self::Never(io::Error::other(said)),
        }
    }

    /// What came to reading a body.
    fn body<B>(body: io::Result<B>, then: impl FnOnce(B) -> Self) -> Self {
        match body {
            Ok(bytes) => then(bytes),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Self::Never(error),
            Err(error) => Self::Again(plain(&error)),
        }
    }
}

impl Objects for S3 {
    fn get(&self, path: &str, cap: u64) -> Result<Option<(Vec<u8>, String)>, IoError> {
        let key = format!("{}{path}", self.prefix);
        let ask = || {
            let action = GetObject::new(&self.bucket, self.credentials(), &key);
            self.agent.get(action.sign(LIFE).as_str()).call()
        };
        self.patiently("read", path, ask, |response| {
            match response.status().as_u16() {
                200 => {
                    let tag = header(&response, "etag");
                    let bytes = fs::read_all(response.into_body().into_reader(), cap);
                    Taken::body(bytes, |bytes| Taken::Value(Some((bytes, tag))))
                }
                404 => Taken::Value(None),
                status => Taken::other(status),
            }
        })
    }

    fn put(&self, path: &str, bytes: &[u8], only: Only<'_>) -> Result<Put, IoError> {
        let key = format!("{}{path}", self.prefix);
        let (name, value) = match only {
            Only::IfAbsent => ("if-none-match", "*"),
            Only::IfTagged(tag) => ("if-match", tag),
        };
        let ask = || {
            let mut action = PutObject::new(&self.bucket, self.credentials(), &key);
            action.headers_mut().insert(name, value);
            let url = action.sign(LIFE);
            self.agent
                .put(url.as_str())
                .header(name, value)
                .header("content-type", "application/octet-stream")
                .send(bytes)
        };
        self.patiently("write", path, ask, |response| {
            match (response.status().as_u16(), only) {
                (200 | 201 | 204, _) => Taken::Value(Put::Done),
                // With If-Match, where no such object is, S3 says so.
                (412, _) | (404, Only::IfTagged(_)) => Taken::Value(Put::Refused),
                (404, Only::IfAbsent) => Taken::Never(io::Error::other("there is no such bucket")),
                (501, _) => Taken::Never(io::Error::other(
                    "the store does not write on a condition (501)",
                )),
                (status, _) => Taken::other(status),
            }
        })
    }

    fn names(&self, path: &str) -> Result<Vec<Listed>, IoError> {
        let prefix = match path {
            "" => self.prefix.clone(),
            path => format!("{}{path}/", self.prefix),
        };
        let mut names = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let ask = || {
                let mut action = ListObjectsV2::new(&self.bucket, self.credentials());
                action.with_prefix(prefix.as_str());
                action.with_delimiter("/");
                if let Some(token) = &token {
                    action.with_continuation_token(token.as_str());
                }
                self.agent.get(action.sign(LIFE).as_str()).call()
            };
            let page = self.patiently("list", path, ask, |response| {
                match response.status().as_u16() {
                    200 => {
                        let bytes = fs::read_all(response.into_body().into_reader(), PAGE_MAX);
                        Taken::body(bytes, |bytes| {
                            let text = String::from_utf8_lossy(&bytes);
                            match ListObjectsV2::parse_response(&text) {
                                Ok(page) => Taken::Value(page),
                                Err(_) => {
                                    Taken::Never(io::Error::other("the listing cannot be read"))
                                }
                            }
                        })
                    }
                    status => Taken::other(status),
                }
            })?;
            let files = page
                .contents
                .iter()
                .map(|it| (it.key.as_str(), ListedKind::File));
            let directories = page.common_prefixes.iter();
            let directories = directories.map(|it| {
                let name = it.prefix.strip_suffix('/').unwrap_or(&it.prefix);
                (name, ListedKind::Directory)
            });
            for (key, kind) in files.chain(directories) {
                // A name of the prefix itself is what some programs make in place of a directory.
                if let Some(name) = key.strip_prefix(&prefix).filter(|name| !name.is_empty()) {
                    let name = name.as_bytes().to_vec();
                    names.push(Listed { name, kind });
                }
            }
            token = page.next_continuation_token;
            if token.is_none() {
                names.sort();
                return Ok(names);
            }
        }
        Err(self.error("list", path, io::Error::from(io::ErrorKind::FileTooLarge)))
    }

    fn delete(&self, path: &str) -> Result<(), IoError> {
        let key = format!("{}{path}", self.prefix);
        let ask = || {
            let action = DeleteObject::new(&self.bucket, self.credentials(), &key);
            self.agent.delete(action.sign(LIFE).as_str()).call()
        };
        self.patiently("remove", path, ask, |response| {
            match response.status().as_u16() {
                200 | 204 | 404 => Taken::Value(()),
                status => Taken::other(status),
            }
        })
    }
}

fn agent(proxy: Option<ureq::Proxy>, patience: Patience) -> ureq::Agent {
    ureq::Agent::config_builder()
        .proxy(proxy)
        .user_agent(concat!("karat/", env!("CARGO_PKG_VERSION")))
        // A signature is for one host: nobody is followed elsewhere.
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

fn header(response: &Response<ureq::Body>, name: &str) -> String {
    let value = response.headers().get(name);
    let value = value.and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// What went wrong on the way. Whatever names an address stays here: it is signed.
fn plain(error: &dyn fmt::Display) -> String {
    let text = error.to_string();
    if text.contains("X-Amz") || text.contains("://") {
        "the request failed".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_ever_shown() {
        let settings = Settings::from_environment(&|name| {
            let value = match name {
                "AWS_ACCESS_KEY_ID" => "AKIAPUBLIC",
                "AWS_SECRET_ACCESS_KEY" => "the-secret",
                "AWS_SESSION_TOKEN" => "the-token",
                "AWS_DEFAULT_REGION" => "eu-west-1",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let s3 = S3::new(
            &settings,
            "images",
            "log",
            &Proxies::default(),
            Patience::default(),
        );
        let shown = format!("{settings:?} {:?}", s3.unwrap());
        assert!(shown.contains("eu-west-1"), "{shown}");
        for secret in ["AKIAPUBLIC", "the-secret", "the-token"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert_eq!(
            plain(&"GET http://h/x?X-Amz-Signature=1"),
            "the request failed"
        );
        assert_eq!(plain(&"connection refused"), "connection refused");
    }
}

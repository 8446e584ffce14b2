//! Asking a server something.

use std::io;

use super::get::{Network, agent};
use crate::sys::fs;

/// The answer of a server, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The HTTP status.
    pub status: u16,
    /// The media type, or nothing.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Network {
    /// Sends `body` to `uri`, once, and takes an answer of at most `cap` bytes. All of it takes no
    /// longer than the network's patience with one connection; redirects are not followed.
    ///
    /// # Errors
    /// There is no answer, in words.
    pub fn post(&self, uri: &str, body: &[u8], cap: u64) -> Result<Posted, String> {
        if self.offline {
            return Err("the network is not to be used".to_owned());
        }
        let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
        if scheme != "http" && scheme != "https" {
            return Err(format!("{uri:?} is neither http: nor https:"));
        }
        let authority = rest.split('/').next().unwrap_or(rest);
        let agent = match self.proxies.choose(scheme, authority) {
            None => self.direct.clone(),
            Some(proxy) => {
                let known = ureq::Proxy::new(proxy).or(Err("the proxy is not http://HOST:PORT"))?;
                agent(Some(known), self.patience)
            }
        };
        let request = agent.post(uri).config();
        let request = request.timeout_global(Some(self.patience.timeout)).build();
        let request = request.content_type("text/plain; charset=utf-8");
        let response = request.send(body).map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let header = response.headers().get("content-type");
        let content_type = header.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let content_type = content_type.to_owned();
        let mut reader = response.into_body().into_reader();
        let body = fs::read_all(&mut reader, cap).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => format!("the answer is larger than {cap} bytes"),
            _ => error.to_string(),
        })?;
        Ok(Posted {
            status,
            content_type,
            body,
        })
    }
}

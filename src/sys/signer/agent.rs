//! ssh-agent(1): two of its messages, over a Unix socket.
//!
//! ```text
//! u32 LENGTH, byte 11                                              list the keys
//! u32 LENGTH, byte 12, u32 COUNT, COUNT times: string KEY, string COMMENT
//! u32 LENGTH, byte 13, string KEY, string MESSAGE, u32 0           sign
//! u32 LENGTH, byte 14, string (string "ssh-ed25519", string 64 BYTES)
//! ```
//! Numbers are big-endian, a string is its u32 length and its bytes (RFC 4251, section 5; the
//! messages: draft-ietf-sshm-ssh-agent, sections 4.4 and 4.5). With an `ssh-ed25519` key an agent
//! makes the plain Ed25519 signature over MESSAGE (RFC 8709, section 6).

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::digest::Digest;
use crate::key::{PublicKey, Signature, Signer, SignerError};
use crate::limits;
use crate::path::Escaped;
use crate::sys::clock::Stopwatch;

/// A key that an agent holds.
#[derive(Debug)]
pub struct AgentSigner {
    socket: PathBuf,
    key: PublicKey,
    blob: Vec<u8>,
}

/// Why no key of an agent can be used.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Nobody says where the agent is.
    #[error("SSH_AUTH_SOCK is not set, so there is no ssh-agent to ask")]
    NoAgent,
    /// The socket answers with an error.
    #[error("ssh-agent at {}: {source}", socket.display())]
    Io {
        /// Which socket.
        socket: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It says what no agent says.
    #[error("ssh-agent at {}: {rule}", socket.display())]
    Protocol {
        /// Which socket.
        socket: PathBuf,
        /// The rule broken.
        rule: &'static str,
    },
    /// It has no such key.
    #[error("ssh-agent holds no key {wanted}; it holds {}", if held.is_empty() { "none" } else { held })]
    NoKey {
        /// What was asked for.
        wanted: String,
        /// Fingerprints of what it has.
        held: String,
    },
    /// More than one key would do.
    #[error("ssh-agent holds several Ed25519 keys: {held}")]
    Several {
        /// Their fingerprints.
        held: String,
    },
    /// A security key.
    #[error(
        "{0} is a FIDO key: it signs a counter and flags together with the message, which is no plain Ed25519 signature"
    )]
    Fido(String),
    /// A key of another algorithm.
    #[error("{fingerprint} is a key for {algorithm}, not for ssh-ed25519")]
    Algorithm {
        /// Its fingerprint.
        fingerprint: String,
        /// Its algorithm.
        algorithm: String,
    },
    /// A weak key.
    #[error("{fingerprint}: {source}")]
    Key {
        /// Its fingerprint.
        fingerprint: String,
        /// Why it is refused.
        source: crate::key::KeyError,
    },
}

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const FAILURE: u8 = 5;
const ED25519: &[u8] = b"ssh-ed25519";
/// How long an agent may take: somebody may have to confirm (`ssh-add -c`).
const TIME_MAX: Duration = Duration::from_mins(1);

impl AgentSigner {
    /// The key that `matches` says yes to, by its fingerprint (`SHA256:…`) and, if it is of
    /// Ed25519, its public half. `wanted` is what it is called in errors.
    ///
    /// # Errors
    /// There is no agent, no such key or more than one, or a key of another kind.
    pub fn find(
        socket: Option<&Path>,
        wanted: &str,
        matches: impl Fn(&str, Option<&PublicKey>) -> bool,
    ) -> Result<Self, AgentError> {
        let socket = socket.ok_or(AgentError::NoAgent)?;
        let answer = ask(socket, &[REQUEST_IDENTITIES])?;
        let blobs = identities(&answer).ok_or_else(|| AgentError::Protocol {
            socket: socket.to_owned(),
            rule: "its list of keys is malformed",
        })?;
        let names: Vec<String> = blobs.iter().map(|blob| fingerprint(blob)).collect();
        let held = names.join(", ");
        let mut found = None;
        for (blob, name) in blobs.iter().zip(&names) {
            let key = plain(blob);
            let public = key.as_ref().and_then(|key| key.as_ref().ok());
            if !matches(name, public) {
                continue;
            }
            if found.is_some() {
                return Err(AgentError::Several { held });
            }
            found = Some((blob, name, key));
        }
        match found {
            Some((blob, _, Some(Ok(key)))) => Ok(Self {
                socket: socket.to_owned(),
                key,
                blob: blob.clone(),
            }),
            Some((_, name, Some(Err(source)))) => Err(AgentError::Key {
                fingerprint: name.clone(),
                source,
            }),
            Some((blob, name, None)) => Err(other(blob, name)),
            None => Err(AgentError::NoKey {
                wanted: wanted.to_owned(),
                held,
            }),
        }
    }
}

impl Signer for AgentSigner {
    fn public_key(&self) -> PublicKey {
        self.key
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let refused = |error: AgentError| SignerError::Refused(error.to_string());
        let mut request = vec![SIGN_REQUEST];
        for text in [self.blob.as_slice(), message] {
            put(&mut request, text)?;
        }
        request.extend([0; 4]);
        let answer = ask(&self.socket, &request).map_err(refused)?;
        let signature = signature(&answer).ok_or_else(|| {
            refused(AgentError::Protocol {
                socket: self.socket.clone(),
                rule: "its signature is malformed",
            })
        })?;
        self.key.verify(message, &signature)?;
        Ok(signature)
    }
}

/// Reads what an agent answered, whatever was asked: how many keys it lists, and whether it is a
/// signature. The door for fuzzing, which needs no socket.
#[doc(hidden)]
pub fn agent_answer(bytes: &[u8]) -> (usize, bool) {
    let keys = identities(bytes).unwrap_or_default();
    for blob in &keys {
        drop((fingerprint(blob), plain(blob)));
    }
    (keys.len(), signature(bytes).is_some())
}

/// One request on a connection of its own.
fn ask(socket: &Path, request: &[u8]) -> Result<Vec<u8>, AgentError> {
    let failed = |source| AgentError::Io {
        socket: socket.to_owned(),
        source,
    };
    let refused = |rule| AgentError::Protocol {
        socket: socket.to_owned(),
        rule,
    };
    let watch = Stopwatch::start();
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_write_timeout(Some(TIME_MAX)).map_err(failed)?;
    let Ok(length) = u32::try_from(request.len()) else {
        return Err(refused("the message is too long for it"));
    };
    let framed = [&length.to_be_bytes(), request].concat();
    stream.write_all(&framed).map_err(failed)?;
    let header = receive(&mut stream, 4, watch).map_err(failed)?;
    let (length, _) = number(&header).ok_or_else(|| refused("its answer has no length"))?;
    if length == 0 || length > limits::SSH_AGENT_MAX {
        return Err(refused("its answer is empty or too long"));
    }
    let answer = receive(&mut stream, length, watch).map_err(failed)?;
    if answer.first() == Some(&FAILURE) {
        return Err(refused("it refused"));
    }
    Ok(answer)
}

/// Reads exactly `length` bytes before the time is up, however they trickle.
fn receive(stream: &mut UnixStream, length: usize, watch: Stopwatch) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let left = TIME_MAX.saturating_sub(watch.elapsed());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let mut part = [0; 4096];
        let most = length.saturating_sub(bytes.len()).min(part.len());
        let part = part.get_mut(..most).unwrap_or_default();
        match stream.read(part) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => bytes.extend_from_slice(part.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// The keys of a list; `None` where it is malformed.
fn identities(answer: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (&IDENTITIES_ANSWER, rest) = answer.split_first()? else {
        return None;
    };
    let (count, mut rest) = number(rest)?;
    let mut keys = Vec::new();
    for _ in 0..count {
        let (blob, after) = text(rest)?;
        let (_comment, after) = text(after)?;
        keys.push(blob.to_vec());
        rest = after;
    }
    rest.is_empty().then_some(keys)
}

fn signature(answer: &[u8]) -> Option<Signature> {
    let (&SIGN_RESPONSE, rest) = answer.split_first()? else {
        return None;
    };
    let (blob, rest) = text(rest)?;
    let (algorithm, inner) = text(blob)?;
    let (bytes, end) = text(inner)?;
    if algorithm != ED25519 || !rest.is_empty() || !end.is_empty() {
        return None;
    }
    Some(Signature::from_bytes(bytes.try_into().ok()?))
}

/// The public key in a blob, if it is of Ed25519.
fn plain(blob: &[u8]) -> Option<Result<PublicKey, crate::key::KeyError>> {
    let (algorithm, rest) = text(blob)?;
    let (raw, end) = text(rest)?;
    if algorithm != ED25519 || !end.is_empty() {
        return None;
    }
    Some(PublicKey::from_bytes(raw.try_into().ok()?))
}

fn other(blob: &[u8], fingerprint: &str) -> AgentError {
    let algorithm = text(blob).map_or(&b"nothing known"[..], |(name, _)| name);
    if algorithm.starts_with(b"sk-") {
        return AgentError::Fido(fingerprint.to_owned());
    }
    AgentError::Algorithm {
        fingerprint: fingerprint.to_owned(),
        algorithm: Escaped(algorithm).to_string(),
    }
}

/// As `ssh-add -l` prints it.
fn fingerprint(blob: &[u8]) -> String {
    let digest = Digest::of(blob);
    format!("SHA256:{}", STANDARD_NO_PAD.encode(digest.as_bytes()))
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_be_bytes(*head)).ok()?, rest))
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = number(bytes)?;
    rest.split_at_checked(length)
}

fn put(to: &mut Vec<u8>, text: &[u8]) -> Result<(), SignerError> {
    let Ok(length) = u32::try_from(text.len()) else {
        return Err(SignerError::Refused("the message is too long".to_owned()));
    };
    to.extend(length.to_be_bytes());
    to.extend_from_slice(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(bytes: &[u8]) -> Vec<u8> {
        let mut to = Vec::new();
        put(&mut to, bytes).unwrap();
        to
    }

    #[test]
    fn lists_are_read_to_their_end_and_no_further() {
        let key = string(b"ssh-rsa");
        let one = [string(&key), string(b"me@host")].concat();
        let list = |count: u32, rest: &[u8]| [&[12], &count.to_be_bytes()[..], rest].concat();
        assert_eq!(identities(&list(1, &one)), Some(vec![key.clone()]));
        assert_eq!(identities(&list(0, b"")), Some(Vec::new()));
        for bad in [
            Vec::new(),
            vec![12],
            list(2, &one),
            list(0, &one),
            list(u32::MAX, &one),
            list(1, &one[..one.len() - 1]),
            list(1, &[0xff; 8]),
            [&[13], &list(1, &one)[1..]].concat(),
        ] {
            assert_eq!(identities(&bad), None, "{bad:?}");
        }
        assert!(matches!(other(&key, "f"), AgentError::Algorithm { .. }));
        let fido = string(b"sk-ssh-ed25519@openssh.com");
        assert!(matches!(other(&fido, "f"), AgentError::Fido(_)));
    }

    #[test]
    fn signatures_of_other_forms_are_none() {
        let answer = |algorithm: &[u8], bytes: &[u8], end: &[u8]| {
            let inner = [string(algorithm), string(bytes)].concat();
            [&[14], string(&inner).as_slice(), end].concat()
        };
        assert!(signature(&answer(ED25519, &[1; 64], b"")).is_some());
        for bad in [
            answer(b"ssh-rsa", &[1; 64], b""),
            answer(ED25519, &[1; 63], b""),
            answer(ED25519, &[1; 65], b""),
            answer(ED25519, &[1; 64], b"\0"),
            answer(ED25519, &[1; 64], b"")[..40].to_vec(),
            vec![14],
            vec![12, 0, 0, 0, 0],
        ] {
            assert_eq!(signature(&bad), None, "{bad:?}");
        }
    }
}

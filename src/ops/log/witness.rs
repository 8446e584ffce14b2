//! `karat log witness`, without printing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failure::{LogFailure, at};
use crate::key::{Signer, TrustRoot};
use crate::limits;
use crate::log::{KnownLog, Refusal, Witness};
use crate::path::Escaped;
use crate::sys::fs::{self, Beneath, Lock};
use crate::sys::serve::{Event, Patience, Pending, Request, Response, Server};
use crate::tlog::{NoteName, Policy};

/// What a witness is and where it serves.
#[derive(Debug)]
pub struct WitnessSettings<'a> {
    /// The directory of what it remembers; made if it is missing.
    pub state: &'a Path,
    /// Its name in cosignatures.
    pub name: &'a NoteName,
    /// Its key.
    pub signer: &'a dyn Signer,
    /// Trust roots, each of which names a log.
    pub roots: &'a [TrustRoot],
    /// Policies that name logs.
    pub policies: &'a [Policy],
    /// Where to listen: HOST:PORT.
    pub listen: &'a str,
}

/// A witness that listens.
#[derive(Debug)]
pub struct WitnessServer<'a> {
    /// The witness.
    pub witness: Witness<'a, Beneath>,
    server: Server,
    state: PathBuf,
    _alone: Lock,
}

/// A request that was answered, for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Who asked, for what, what the answer was and why: one line.
    pub line: String,
    /// Whether the answer is a reason to look: a log was forked, or the witness cannot do its work.
    pub is_alarm: bool,
}

const PATIENCE: Patience = Patience {
    request: Duration::from_secs(10),
    idle: Duration::from_mins(1),
    body_max: limits::WITNESS_REQUEST_MAX,
    connections_max: 64,
};

impl<'a> WitnessServer<'a> {
    /// Reads what the witness remembers, and listens.
    ///
    /// # Errors
    /// Another one serves from the same directory, two of the logs have the same name, or there is
    /// none.
    pub fn start(settings: &WitnessSettings<'a>) -> Result<Self, LogFailure> {
        let mut logs: Vec<KnownLog> = Vec::new();
        let listed = settings.policies.iter();
        let listed = listed.flat_map(|policy| KnownLog::listed(policy.logs()));
        for log in settings.roots.iter().filter_map(KnownLog::of).chain(listed) {
            if logs.iter().any(|other| other.origin() == log.origin()) {
                return Err(LogFailure::SameLog(log.origin().to_owned()));
            }
            logs.push(log);
        }
        if logs.is_empty() {
            return Err(LogFailure::NoLogs);
        }
        let state = settings.state;
        fs::make_dirs(state, 0o700)?;
        let alone = Lock::try_exclusive(state.join("lock"))?;
        let alone = alone.ok_or_else(|| LogFailure::Served(state.to_owned()))?;
        let disk = Beneath::open(state)?;
        let witness = Witness::open(disk, settings.name.clone(), settings.signer, logs);
        Ok(Self {
            witness: witness.map_err(at(state))?,
            server: Server::listen(settings.listen, PATIENCE)?,
            state: state.to_owned(),
            _alone: alone,
        })
    }

    /// Where it serves.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Answers until SIGTERM or SIGINT; `clock` gives the time of cosignatures, and `tell` hears of
    /// every answer.
    pub fn run(self, clock: impl Fn() -> u64, mut tell: impl FnMut(&Served)) {
        while let Event::Request(pending) = self.server.next() {
            let Pending { request, from, .. } = &pending;
            let (response, why, is_alarm) = self.answer(request, clock());
            let asked = format!("{} {}", request.method, request.target);
            let served = Served {
                line: format!(
                    "{from} {}: {} {why}",
                    Escaped(asked.as_bytes()),
                    response.status
                ),
                is_alarm,
            };
            pending.answer(response);
            tell(&served);
        }
        self.server.finish();
    }

    fn answer(&self, request: &Request, time: u64) -> (Response, String, bool) {
        let path = request.target.as_str();
        let hex = path
            .strip_prefix('/')
            .and_then(|path| path.strip_suffix("/checkpoint"));
        match (request.method.as_str(), path, hex) {
            ("POST", "/add-checkpoint", _) => self.add(&request.body, time),
            ("GET", _, Some(hex)) => match self.witness.checkpoint(hex) {
                Ok(Some(note)) => (
                    Response::text(200, note.to_bytes()),
                    "given".to_owned(),
                    false,
                ),
                Ok(None) => plain(404, "nothing was cosigned for such a log"),
                Err(error) => failed(&error),
            },
            (_, "/add-checkpoint", _) | (_, _, Some(_)) => plain(405, "another method is needed"),
            _ => plain(404, "there is no such thing here"),
        }
    }

    fn add(&self, body: &[u8], time: u64) -> (Response, String, bool) {
        let refusal = match self.witness.add_checkpoint(body, time) {
            Ok(answer) => {
                let (old, new) = (answer.extends.old().size, answer.extends.new_head());
                let origin = answer.note.text().split('\n').next().unwrap_or_default();
                let origin = Escaped(origin.as_bytes()).to_string();
                let why = format!("cosigned {origin}, {old} to {} entries", new.size);
                return (Response::text(200, answer.line), why, false);
            }
            Err(refusal) => refusal,
        };
        match &refusal {
            Refusal::Conflict(size) => {
                let response = Response {
                    status: 409,
                    content_type: "text/x.tlog.size",
                    body: format!("{size}\n").into_bytes(),
                };
                (response, refusal.to_string(), false)
            }
            Refusal::State(_) | Refusal::Signer(_) | Refusal::Clock => failed(&refusal),
            Refusal::Inconsistent {
                evidence: Some(evidence),
                ..
            } => {
                let (response, why, _) = plain(refusal.status(), &refusal.to_string());
                let kept = match self.witness.keep(evidence) {
                    Ok(file) => self.state.join(file).display().to_string(),
                    Err(error) => error.to_string(),
                };
                (response, format!("{why}; the log was forked: {kept}"), true)
            }
            _ => plain(refusal.status(), &refusal.to_string()),
        }
    }
}

fn plain(status: u16, why: &str) -> (Response, String, bool) {
    let response = Response::text(status, format!("{why}\n"));
    (response, why.to_owned(), false)
}

/// What went wrong here is nobody's business but the operator's.
fn failed(error: &dyn std::error::Error) -> (Response, String, bool) {
    let response = Response::text(500, "the witness cannot answer\n");
    (response, error.to_string(), true)
}

//! Collecting the cosignatures of a log's own checkpoint.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::directory::open;
use super::failure::{LogFailure, at};
use super::policy::read_policy;
use crate::archive::{Network, Patience, Posted, Proxies};
use crate::key::{Role, TrustRoot};
use crate::limits;
use crate::log::{Log, Source, Store};
use crate::ops::workspace::Workspace;
use crate::path::Escaped;
use crate::sys::env;
use crate::sys::fs::{self, Beneath, Lock};
use crate::tlog::{
    Lines, NoteKey, NoteName, NoteSignature, Policy, PolicyWitness, TrustedCheckpoint,
    UntrustedCheckpoint,
};

/// What came of asking the witnesses of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cosigning {
    /// Every witness that is known, with its answer, in the order of the policy.
    pub witnesses: Vec<(String, WitnessAnswer)>,
    /// Why the checkpoint is not believed yet by those who demand witnesses; `None` where it is, or
    /// where nobody demands any.
    pub missing: Option<String>,
}

/// What a witness said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// Its cosignature stands in the checkpoint.
    Cosigned,
    /// The policy says no place where it could be asked.
    NotAsked,
    /// It gave no answer, or none that can be used; says why.
    Failed(String),
    /// It says no: its status and words.
    Refused(u16, String),
    /// It cosigned more entries than there are: the log was set back, or is added to elsewhere.
    Ahead(u64),
    /// It says that the log does not extend what it cosigned before.
    Inconsistent(String),
}

/// How often a witness is asked again because somebody else was faster.
const ROUNDS_MAX: usize = 4;

/// As long as a witness may take. Whoever adds next waits for it, too.
const PATIENCE: Patience = Patience {
    timeout: Duration::from_secs(10),
    retries: 0,
    pause: Duration::ZERO,
};

/// Asks for the cosignatures that the published checkpoint of the log in `directory` lacks; of the
/// witnesses of `policy`, else of those of the workspace's `keys/witnesses.policy`.
///
/// # Errors
/// The log or the policy cannot be read, or the checkpoint not be written.
pub fn cosign(
    directory: &Path,
    policy: Option<&Path>,
) -> Result<(Log<Beneath>, Cosigning), LogFailure> {
    // A copy of somebody's log is refused before anything is written into it.
    open(directory)?.keys().map_err(at(directory))?;
    let _alone = Lock::exclusive(directory.join(".state/lock"))?;
    let mut log = open(directory)?;
    let workspace = Workspace::find(directory)?;
    let circle = Circle::of(&log, workspace.as_ref(), policy)?;
    let cosigning = circle.complete(&mut log, directory)?;
    Ok((log, cosigning))
}

/// The witnesses of a log, and who demands how many.
#[derive(Debug)]
pub(super) struct Circle {
    policy: Option<Policy>,
    root: Option<TrustRoot>,
    witnesses: Vec<PolicyWitness>,
}

impl Circle {
    /// What the policy, else that of the workspace of the log, and its trust root say. Read before
    /// anything is added, so that a file that cannot be read stops nothing half way.
    pub(super) fn of<S: Source>(
        log: &Log<S>,
        workspace: Option<&Workspace>,
        policy: Option<&Path>,
    ) -> Result<Self, LogFailure> {
        let own = workspace.map(Workspace::witnesses);
        let file: Option<PathBuf> = match (policy, own) {
            (Some(file), _) => Some(file.to_owned()),
            (None, Some(file)) if fs::exists(&file)? => Some(file),
            (None, _) => None,
        };
        let policy = file.map(|file| read_policy(&file)).transpose()?;
        let root = workspace
            .map(|it| trust_root(&it.trust_root()))
            .transpose()?;
        let root = root.filter(|root| {
            let named = root.log();
            named.is_some_and(|named| named.origin == log.checkpoint().origin)
        });
        let mut witnesses = policy
            .as_ref()
            .map(|policy| policy.witnesses().to_vec())
            .unwrap_or_default();
        // Those of the trust root that the policy does not list can be named, if not asked.
        let role = root.as_ref().and_then(|root| root.role(Role::Witness));
        let keys = role.map(|role| role.keys.as_slice()).unwrap_or_default();
        for key in keys.iter().filter(|key| key.until.is_none()) {
            let Ok(name) = NoteName::parse(key.name.as_deref().unwrap_or_default()) else {
                continue;
            };
            let key = NoteKey::cosigner(name, key.key);
            if !witnesses.iter().any(|witness| witness.key == key) {
                witnesses.push(PolicyWitness {
                    name: key.name().as_str().as_bytes().to_vec(),
                    key,
                    url: None,
                });
            }
        }
        Ok(Self {
            policy,
            root,
            witnesses,
        })
    }

    /// Asks those whose cosignature the published checkpoint lacks, and publishes what they answer: what
    /// every append ends with. Whoever calls this holds the log's lock.
    pub(super) fn complete<S: Store>(
        &self,
        log: &mut Log<S>,
        directory: &Path,
    ) -> Result<Cosigning, LogFailure> {
        let mut answers = BTreeMap::new();
        let mut lines = Vec::new();
        let mut asked: Vec<(usize, &PolicyWitness, u64)> = Vec::new();
        for (number, witness) in self.witnesses.iter().enumerate() {
            if has_cosigned(log, &witness.key) {
                answers.insert(number, WitnessAnswer::Cosigned);
            } else if witness.url.is_none() {
                answers.insert(number, WitnessAnswer::NotAsked);
            } else {
                // A witness says itself where the proof must begin.
                asked.push((number, witness, 0));
            }
        }
        let network = Network::new(Proxies::from_environment(&|name| env::text(name)), PATIENCE);
        for _ in 0..ROUNDS_MAX {
            let mut again = Vec::new();
            for ((number, witness, old), posted) in round(log, directory, &network, &asked)? {
                match read(log, &witness.key, posted) {
                    Answered::Line(line) => {
                        lines.push(line);
                        answers.insert(number, WitnessAnswer::Cosigned);
                    }
                    Answered::From(size) if size <= log.size() && size != old => {
                        again.push((number, witness, size));
                    }
                    Answered::From(size) if size > log.size() => {
                        answers.insert(number, WitnessAnswer::Ahead(size));
                    }
                    Answered::From(size) => {
                        let why = format!("it asks for a proof from {size} again");
                        answers.insert(number, WitnessAnswer::Failed(why));
                    }
                    Answered::No(answer) => {
                        answers.insert(number, answer);
                    }
                }
            }
            asked = again;
            if asked.is_empty() {
                break;
            }
        }
        for (number, ..) in asked {
            let why = "somebody else was faster each time".to_owned();
            answers.insert(number, WitnessAnswer::Failed(why));
        }
        log.add_cosignatures(&lines).map_err(at(directory))?;
        let named = self.witnesses.iter().zip(answers.into_values());
        Ok(Cosigning {
            missing: self.missing(log),
            witnesses: named
                .map(|(witness, answer)| (witness.key.name().to_string(), answer))
                .collect(),
        })
    }

    /// What the published checkpoint still lacks: by the trust root, where it demands witnesses, else
    /// by the policy.
    fn missing<S: Source>(&self, log: &Log<S>) -> Option<String> {
        if let Some(root) = &self.root
            && root.role(Role::Witness).is_some()
        {
            return match TrustedCheckpoint::open(root, log.note()) {
                Err(UntrustedCheckpoint::Witnesses(error)) => Some(format!(
                    "trust root {}: {} of the {} witnesses that it demands cosigned",
                    root.version(),
                    error.verified.len(),
                    error.required
                )),
                Err(error) => Some(error.to_string()),
                Ok(_) => None,
            };
        }
        let policy = self.policy.as_ref()?;
        policy
            .cosigners(log.note())
            .err()
            .map(|error| error.to_string())
    }
}

fn trust_root(file: &Path) -> Result<TrustRoot, LogFailure> {
    let bytes = fs::read(file, limits::TRUST_ROOT_MAX)?;
    TrustRoot::parse(&bytes).map_err(|source| LogFailure::Trust {
        file: file.to_owned(),
        source,
    })
}

fn has_cosigned<S: Source>(log: &Log<S>, key: &NoteKey) -> bool {
    Lines::of(log.note(), [key.clone()]).is_ok_and(|lines| lines.count(&lines.keys(), 1).is_ok())
}

type Asked<'a> = (usize, &'a PolicyWitness, u64);
type Reply = Result<Posted, String>;

/// Asks some witnesses at the same time, each with the proof from where it left off.
fn round<'a, S: Source>(
    log: &Log<S>,
    directory: &Path,
    network: &Network,
    asked: &[Asked<'a>],
) -> Result<Vec<(Asked<'a>, Reply)>, LogFailure> {
    let mut requests = Vec::new();
    for (number, witness, old) in asked {
        let body = log.request(*old).map_err(at(directory))?.to_bytes();
        let url = witness.url.as_deref().unwrap_or_default();
        let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        requests.push(((*number, *witness, *old), url, body));
    }
    let gone = || Err("it could not be asked".to_owned());
    Ok(std::thread::scope(|scope| {
        let threads: Vec<_> = requests
            .iter()
            .map(|(asked, url, body)| {
                let ask = move || network.post(url, body, limits::WITNESS_ANSWER_MAX);
                let thread = std::thread::Builder::new().spawn_scoped(scope, ask);
                (*asked, thread.ok())
            })
            .collect();
        let answers = threads.into_iter().map(|(asked, thread)| {
            let answer = thread.and_then(|thread| thread.join().ok());
            (asked, answer.unwrap_or_else(gone))
        });
        answers.collect()
    }))
}

/// What an answer means.
enum Answered {
    Line(NoteSignature),
    /// The witness cosigned so many entries last.
    From(u64),
    No(WitnessAnswer),
}

fn read<S: Source>(log: &Log<S>, key: &NoteKey, posted: Reply) -> Answered {
    let posted = match posted {
        Ok(posted) => posted,
        Err(why) => return Answered::No(WitnessAnswer::Failed(why)),
    };
    let words = || {
        let start = posted.body.get(..200).unwrap_or(&posted.body);
        Escaped(start.trim_ascii()).to_string()
    };
    match posted.status {
        200 => match log.cosignature(&posted.body, key) {
            Ok(line) => Answered::Line(line),
            Err(error) => Answered::No(WitnessAnswer::Failed(error.to_string())),
        },
        409 if posted.content_type == "text/x.tlog.size" => {
            let text = std::str::from_utf8(&posted.body).unwrap_or_default();
            let size = text.strip_suffix('\n').and_then(crate::tlog::parse_size);
            size.map_or_else(
                || {
                    let why = format!("it names no size: {}", words());
                    Answered::No(WitnessAnswer::Failed(why))
                },
                Answered::From,
            )
        }
        422 => Answered::No(WitnessAnswer::Inconsistent(words())),
        status => Answered::No(WitnessAnswer::Refused(status, words())),
    }
}

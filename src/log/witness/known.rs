//! Logs that a witness knows.

use crate::key::{Role, TrustRoot};
use crate::tlog::{
    Algorithm, Note, NoteKey, NoteName, PolicyLog, SignedCheckpoint, UntrustedCheckpoint,
};

/// A log whose checkpoints a witness cosigns.
#[derive(Clone, Debug)]
pub struct KnownLog {
    origin: String,
    rule: Rule,
}

#[derive(Clone, Debug)]
enum Rule {
    /// A threshold of the log keys of a trust root, each in its time.
    Root(Box<TrustRoot>),
    /// Any of these keys.
    Keys(Vec<NoteKey>),
}

impl KnownLog {
    /// The log that `root` names, if it names one.
    pub fn of(root: &TrustRoot) -> Option<Self> {
        Some(Self {
            origin: root.log()?.origin.clone(),
            rule: Rule::Root(Box::new(root.clone())),
        })
    }

    /// The logs of a tlog-policy, each with all its keys; those with keys of other algorithms only
    /// are left out: nothing that they sign could be checked.
    pub fn listed(logs: &[PolicyLog]) -> Vec<Self> {
        let mut known: Vec<Self> = Vec::new();
        for log in logs {
            if !matches!(log.key.algorithm(), Algorithm::Ed25519(_)) {
                continue;
            }
            let origin = log.key.name().as_str();
            let there = known.iter_mut().find(|it| it.origin == origin);
            if let Some(Rule::Keys(keys)) = there.map(|it| &mut it.rule) {
                keys.push(log.key.clone());
            } else {
                known.push(Self {
                    origin: origin.to_owned(),
                    rule: Rule::Keys(vec![log.key.clone()]),
                });
            }
        }
        known
    }

    /// Its name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Opens a checkpoint that it signed.
    ///
    /// # Errors
    /// It did not, or it is no checkpoint.
    pub(super) fn open(&self, note: &Note) -> Result<SignedCheckpoint, UntrustedCheckpoint> {
        match &self.rule {
            Rule::Root(root) => SignedCheckpoint::open(root, note),
            Rule::Keys(keys) => SignedCheckpoint::by(keys.iter().cloned(), note),
        }
    }

    /// The note with those lines alone that are of the log's keys: what was checked.
    pub(super) fn its_own_lines(&self, note: &Note) -> Note {
        let keys = match &self.rule {
            Rule::Keys(keys) => keys.clone(),
            Rule::Root(root) => {
                let role = root.role(Role::Log);
                let keys = role.map(|role| role.keys.as_slice()).unwrap_or_default();
                let vkey = |key: &crate::key::RoleKey| {
                    let name = NoteName::parse(key.name.as_deref()?).ok()?;
                    Some(NoteKey::ed25519(name, key.key))
                };
                keys.iter().filter_map(vkey).collect()
            }
        };
        let mut own = Note::new(note.text().to_owned());
        for line in note.signatures() {
            let of = |key: &NoteKey| line.name == *key.name() && line.id == key.id();
            if keys.iter().any(of) {
                own.add(line.clone());
            }
        }
        own
    }
}

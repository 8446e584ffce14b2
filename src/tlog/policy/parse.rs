//! Reading a policy.

use std::collections::{BTreeMap, BTreeSet};

use super::value::{Policy, PolicyGroup, PolicyLog, PolicyMember, PolicyWitness};
use crate::limits;
use crate::path::Escaped;
use crate::tlog::{Algorithm, NoteKey, VkeyError};

/// Why bytes are no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tlog-policy, line {line}: {rule}")]
pub struct PolicyParseError {
    /// The line, from 1; the last one, where something is missing.
    pub line: usize,
    /// The rule that it breaks.
    pub rule: PolicyRule,
}

/// A rule of policies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRule {
    /// Larger than its cap.
    #[error("the file is larger than {} bytes", limits::TLOG_POLICY_MAX)]
    TooLarge,
    /// More logs, witnesses or groups than are read.
    #[error("there are more than {} of these", limits::TLOG_POLICY_ITEMS_MAX)]
    TooMany,
    /// Control characters other than tab and line feed, or a last line without its line feed.
    #[error("a policy has no control characters but tabs, and each line ends with a line feed")]
    Text,
    /// A word that begins no line.
    #[error("\"{}\" is none of log, witness, group, quorum", Escaped(.0))]
    Word(Vec<u8>),
    /// Too few or too many items, or such that are none.
    #[error("the line is not \"{0}\"")]
    Form(&'static str),
    /// No key.
    #[error(transparent)]
    Key(#[from] VkeyError),
    /// A key of the wrong kind.
    #[error("the key signs {0}")]
    KeyKind(&'static str),
    /// The same key twice, whatever its names.
    #[error("its key stands in another line")]
    SameKey,
    /// The same name twice, or `none`.
    #[error("\"{}\" is defined already", Escaped(.0))]
    SameName(Vec<u8>),
    /// A name that is not defined before.
    #[error("\"{}\" is no witness or group that is defined before", Escaped(.0))]
    Unknown(Vec<u8>),
    /// A member that is a member already.
    #[error("\"{}\" is a member of a group already, and may count only once", Escaped(.0))]
    SecondUse(Vec<u8>),
    /// A number that its members cannot reach, or that is no number in its one spelling.
    #[error(
        "\"{}\" is neither any nor all nor a number from 1 to {members}",
        Escaped(found)
    )]
    Required {
        /// What stands there.
        found: Vec<u8>,
        /// How many members there are.
        members: usize,
    },
    /// Two quorum lines.
    #[error("there is a quorum already")]
    SecondQuorum,
    /// No quorum line.
    #[error("there is no quorum; \"quorum none\" says that nobody has to cosign")]
    NoQuorum,
}

const LOG: &str = "log VKEY [URL]";
const WITNESS: &str = "witness NAME VKEY [URL]";
const GROUP: &str = "group NAME any|all|NUMBER MEMBER...";
const QUORUM: &str = "quorum NAME|none";
const NONE: &[u8] = b"none";

impl Policy {
    /// Reads a policy of at most [`limits::TLOG_POLICY_MAX`] bytes.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyParseError> {
        let fault = |line, rule| Err(PolicyParseError { line, rule });
        if u64::try_from(bytes.len()).map_or(true, |length| length > limits::TLOG_POLICY_MAX) {
            return fault(1, PolicyRule::TooLarge);
        }
        let mut reader = Reader::default();
        let mut line = 0_usize;
        // What follows the last line feed is empty, or a line without its end.
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (text, after) = rest.split_at(end);
            line = line.saturating_add(1);
            if let Err(rule) = reader.line(text) {
                return fault(line, rule);
            }
            rest = after.get(1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            return fault(line.saturating_add(1), PolicyRule::Text);
        }
        if !reader.has_quorum {
            return fault(line.max(1), PolicyRule::NoQuorum);
        }
        Ok(reader.policy)
    }
}

/// What was read so far.
struct Reader {
    policy: Policy,
    /// Whether its line was there; what it says stands in the policy.
    has_quorum: bool,
    names: BTreeMap<Vec<u8>, PolicyMember>,
    members: BTreeSet<PolicyMember>,
    log_keys: BTreeSet<Vec<u8>>,
    witness_keys: BTreeSet<Vec<u8>>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            policy: Policy {
                logs: Vec::new(),
                witnesses: Vec::new(),
                groups: Vec::new(),
                quorum: None,
            },
            has_quorum: false,
            names: BTreeMap::new(),
            members: BTreeSet::new(),
            log_keys: BTreeSet::new(),
            witness_keys: BTreeSet::new(),
        }
    }
}

impl Reader {
    fn line(&mut self, text: &[u8]) -> Result<(), PolicyRule> {
        let refused = |byte: &u8| *byte < b' ' && *byte != b'\t' || *byte == 0x7f;
        if text.iter().any(refused) {
            return Err(PolicyRule::Text);
        }
        let mut items = text
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|item| !item.is_empty());
        let Some(word) = items.next() else {
            return Ok(());
        };
        let items: Vec<&[u8]> = items.collect();
        match word {
            [b'#', ..] => Ok(()),
            b"log" => self.log(&items),
            b"witness" => self.witness(&items),
            b"group" => self.group(&items),
            b"quorum" => self.quorum(&items),
            _ => Err(PolicyRule::Word(word.to_vec())),
        }
    }

    fn log(&mut self, items: &[&[u8]]) -> Result<(), PolicyRule> {
        let (key, url) = match items {
            [key] => (key, None),
            [key, url] => (key, Some(*url)),
            _ => return Err(PolicyRule::Form(LOG)),
        };
        let key = vkey(key, LOG)?;
        if matches!(key.algorithm(), Algorithm::Cosignature(_)) {
            return Err(PolicyRule::KeyKind(
                "cosignatures of a witness, not for a log",
            ));
        }
        unique(&mut self.log_keys, &key)?;
        let url = url.map(|url| text(url, LOG)).transpose()?;
        push(&mut self.policy.logs, PolicyLog { key, url }).map(drop)
    }

    fn witness(&mut self, items: &[&[u8]]) -> Result<(), PolicyRule> {
        let (name, key, url) = match items {
            [name, key] => (name, key, None),
            [name, key, url] => (name, key, Some(*url)),
            _ => return Err(PolicyRule::Form(WITNESS)),
        };
        let key = vkey(key, WITNESS)?;
        if matches!(key.algorithm(), Algorithm::Ed25519(_)) {
            return Err(PolicyRule::KeyKind("notes, not cosignatures"));
        }
        unique(&mut self.witness_keys, &key)?;
        let witness = PolicyWitness {
            name: name.to_vec(),
            key,
            url: url.map(|url| text(url, WITNESS)).transpose()?,
        };
        let number = push(&mut self.policy.witnesses, witness)?;
        self.define(name, PolicyMember::Witness(number))
    }

    fn group(&mut self, items: &[&[u8]]) -> Result<(), PolicyRule> {
        let [name, required, names @ ..] = items else {
            return Err(PolicyRule::Form(GROUP));
        };
        if names.is_empty() {
            return Err(PolicyRule::Form(GROUP));
        }
        let mut members = Vec::new();
        for name in names {
            let member = self.find(name)?;
            if !self.members.insert(member) {
                return Err(PolicyRule::SecondUse(name.to_vec()));
            }
            members.push(member);
        }
        let group = PolicyGroup {
            name: name.to_vec(),
            required: at_least(required, members.len())?,
            members,
        };
        let number = push(&mut self.policy.groups, group)?;
        self.define(name, PolicyMember::Group(number))
    }

    fn quorum(&mut self, items: &[&[u8]]) -> Result<(), PolicyRule> {
        let [name] = items else {
            return Err(PolicyRule::Form(QUORUM));
        };
        if self.has_quorum {
            return Err(PolicyRule::SecondQuorum);
        }
        self.has_quorum = true;
        if *name != NONE {
            self.policy.quorum = Some(self.find(name)?);
        }
        Ok(())
    }

    fn define(&mut self, name: &[u8], member: PolicyMember) -> Result<(), PolicyRule> {
        if name == NONE || self.names.insert(name.to_vec(), member).is_some() {
            return Err(PolicyRule::SameName(name.to_vec()));
        }
        Ok(())
    }

    fn find(&self, name: &[u8]) -> Result<PolicyMember, PolicyRule> {
        let unknown = || PolicyRule::Unknown(name.to_vec());
        self.names.get(name).copied().ok_or_else(unknown)
    }
}

/// Adds an item; gives its number.
fn push<T>(items: &mut Vec<T>, item: T) -> Result<usize, PolicyRule> {
    let number = items.len();
    if number >= limits::TLOG_POLICY_ITEMS_MAX {
        return Err(PolicyRule::TooMany);
    }
    items.push(item);
    Ok(number)
}

fn vkey(item: &[u8], form: &'static str) -> Result<NoteKey, PolicyRule> {
    Ok(text(item, form)?.parse::<NoteKey>()?)
}

/// An item that must be UTF-8: keys hold names of notes, and what is asked for over HTTP is text.
fn text(item: &[u8], form: &'static str) -> Result<String, PolicyRule> {
    let text = std::str::from_utf8(item);
    text.map(str::to_owned).or(Err(PolicyRule::Form(form)))
}

/// Two keys are the same if the raw key is, whatever name, id and type stand around it.
fn unique(keys: &mut BTreeSet<Vec<u8>>, key: &NoteKey) -> Result<(), PolicyRule> {
    let raw = match key.algorithm() {
        Algorithm::Ed25519(raw) | Algorithm::Cosignature(raw) => raw.as_bytes().to_vec(),
        Algorithm::Other { key, .. } => key.clone(),
    };
    if keys.insert(raw) {
        Ok(())
    } else {
        Err(PolicyRule::SameKey)
    }
}

/// `any`, `all`, or a decimal number in its one spelling.
fn at_least(item: &[u8], members: usize) -> Result<usize, PolicyRule> {
    let required = match item {
        b"any" => Some(1),
        b"all" => Some(members),
        [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => {
            let number = std::str::from_utf8(item).ok();
            number.and_then(|number| number.parse().ok())
        }
        _ => None,
    };
    let fits = |required: &usize| (1..=members).contains(required);
    required.filter(fits).ok_or_else(|| PolicyRule::Required {
        found: item.to_vec(),
        members,
    })
}

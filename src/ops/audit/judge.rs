//! What each entry and each signature is worth.
//!
//! The newest trust root decides, by index, and every revocation in the log. What a release was worth
//! when it was logged is asked as well, of the trust root in force there: an old release that newer
//! rules let count no more broke no rule.
//!
//! A log has few keys and images and many entries. So a question is asked once for all entries with the
//! same signers, the same image and a place between the same two changes of keys.

use std::collections::BTreeMap;

use super::collect::Findings;
use super::entries::{Judged, Row, Table};
use super::lineage::{Lineage, Link};
use super::notices::Notices;
use super::scan::Scanned;
use super::{Code, EntryKind, EntryVerdict, SignatureVerdict, Who};
use crate::baseline::{OpenError, Serial, judge};
use crate::key::{Attribution, ImageGlob, KeyId, Maker, Position, PublicKey, Role};
use crate::log::Notice;

/// Who signed, and how often.
#[derive(Debug, Default)]
pub(super) struct People {
    people: Table<Person>,
    activity: Vec<Activity>,
}

/// Somebody who signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Person {
    /// A key of the lineage.
    Known(PublicKey),
    /// What the signature of another key says.
    Stranger(Option<KeyId>),
}

/// What a key did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Activity {
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
    pub(super) signatures: u64,
    pub(super) counting: u64,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    kind: EntryKind,
    list: u32,
    name: u32,
    /// Between which two changes of keys the entry stands.
    interval: usize,
}

/// What was answered.
#[derive(Clone, Debug)]
struct Answer {
    signatures: Vec<Judged>,
    /// The place of these in the table.
    list: u32,
    /// Why the entry counts for nothing; `None`: enough keys signed.
    now: Option<String>,
    /// The same, when it was logged.
    then: Option<String>,
}

/// Most answers that are kept.
const ANSWERS_MAX: usize = 100_000;

/// Judges all entries.
pub(super) fn entries(
    scanned: &mut Scanned,
    lineage: &Lineage,
    notices: &Notices,
    findings: &mut Findings,
) -> (People, Table<Vec<Judged>>, Vec<bool>) {
    let mut court = Court {
        lineage,
        notices,
        breaks: breakpoints(lineage, notices),
        people: People::default(),
        lists: Table::default(),
        answers: BTreeMap::new(),
    };
    let count = scanned.entries.rows().len();
    let mut counted = vec![false; count];
    for (place, counted) in counted.iter_mut().enumerate() {
        let index = u64::try_from(place).unwrap_or(u64::MAX);
        let Some(row) = scanned.entries.rows().get(place).copied() else {
            break;
        };
        let Some(by) = scanned.lists.get(row.list) else {
            continue;
        };
        let name = scanned.entries.name(row.name);
        let answer = court.answer(index, &row, by, name);
        let subject = || match row.kind {
            EntryKind::Signed if row.verdict != EntryVerdict::Malformed => {
                format!("{name} {}", row.number)
            }
            EntryKind::Trust => format!("trust root {}", row.number),
            other => format!("{other:?}").to_lowercase(),
        };
        // A trust root that does not count is told as a whole.
        if row.kind != EntryKind::Trust || row.verdict == EntryVerdict::Counts {
            tell(findings, index, &answer, &court, subject);
        }
        let mut verdict = row.verdict;
        if row.kind == EntryKind::Signed && verdict != EntryVerdict::Malformed {
            let (now, then) = (lineage.newest(), lineage.in_force(index));
            let is_low = |root: &crate::key::TrustRoot| row.number < root.min_serial(name);
            *counted = answer.then.is_none();
            verdict = match (&answer.now, &answer.then) {
                _ if is_low(then) => EntryVerdict::Refused,
                (None, _) if !is_low(now) => EntryVerdict::Counts,
                (None, None) => EntryVerdict::Superseded,
                (Some(_), None) if !taken(&answer) => EntryVerdict::Superseded,
                _ => EntryVerdict::Refused,
            };
            let (code, words) = match (&answer.now, &answer.then) {
                (None, Some(why)) => (
                    Code::EarlyKey,
                    format!(
                        "trust root {}, in force there, did not let it count: {why}",
                        then.version()
                    ),
                ),
                (_, Some(why)) => (Code::BelowThreshold, why.clone()),
                (Some(why), None) if verdict == EntryVerdict::Refused => (
                    Code::BelowThreshold,
                    format!("it counted when it was logged, and does no more: {why}"),
                ),
                _ if is_low(then) => (
                    Code::BelowMinimum,
                    format!(
                        "trust root {} lets nothing below {} count",
                        then.version(),
                        then.min_serial(name)
                    ),
                ),
                _ => (Code::BelowThreshold, String::new()),
            };
            if !words.is_empty() {
                findings.add(code, Some(index), || (subject(), words));
            }
        }
        court.people.saw(index, &answer.signatures);
        if let Some(row) = scanned.entries.row_mut(place) {
            (row.list, row.verdict) = (answer.list, verdict);
        }
    }
    (court.people, court.lists, counted)
}

/// Whether a revocation, or an end that was set back, took signatures away that had counted.
fn taken(answer: &Answer) -> bool {
    let mut verdicts = answer.signatures.iter().map(|(_, verdict)| *verdict);
    verdicts.any(|it| matches!(it, SignatureVerdict::Revoked | SignatureVerdict::Ended))
}

/// Says what is wrong with the signatures of an entry.
fn tell(
    findings: &mut Findings,
    index: u64,
    answer: &Answer,
    court: &Court<'_>,
    subject: impl Fn() -> String,
) {
    for (who, verdict) in &answer.signatures {
        let code = match verdict {
            SignatureVerdict::Counts => continue,
            SignatureVerdict::Ended => Code::EndedKey,
            SignatureVerdict::Revoked => Code::RevokedKey,
            SignatureVerdict::Early => Code::EarlyKey,
            SignatureVerdict::WrongRole => Code::WrongRole,
            SignatureVerdict::WrongImage => Code::WrongImage,
            SignatureVerdict::Duplicate => Code::DoubleSignature,
            SignatureVerdict::Unknown => Code::UnknownKey,
            SignatureVerdict::Invalid => Code::BadSignature,
        };
        findings.add(code, Some(index), || {
            let person = court.people.people.get(*who);
            (subject(), court.words(person, *verdict))
        });
    }
}

struct Court<'a> {
    lineage: &'a Lineage,
    notices: &'a Notices,
    breaks: Vec<u64>,
    people: People,
    lists: Table<Vec<Judged>>,
    answers: BTreeMap<Question, Answer>,
}

impl Court<'_> {
    fn answer(&mut self, index: u64, row: &Row, by: &Attribution, name: &str) -> Answer {
        let question = Question {
            // A statement that cannot be read is of no image.
            kind: row.kind,
            list: row.list,
            name: row.name,
            interval: self.breaks.partition_point(|at| *at <= index),
        };
        // A trust root is judged by itself.
        let is_common = row.kind == EntryKind::Signed;
        if is_common && let Some(answer) = self.answers.get(&question) {
            return answer.clone();
        }
        let mut signatures = Vec::new();
        let mut seen: Vec<PublicKey> = Vec::new();
        for maker in by.makers() {
            let person = match maker {
                Maker::Key(key) => Person::Known(*key),
                Maker::Nobody(hint) => Person::Stranger(*hint),
            };
            let verdict = match maker {
                Maker::Key(key) if seen.contains(key) => SignatureVerdict::Duplicate,
                Maker::Key(key) => {
                    seen.push(*key);
                    self.signature(index, row, key, name)
                }
                Maker::Nobody(Some(hint)) if self.names_a_key(*hint) => SignatureVerdict::Invalid,
                Maker::Nobody(_) => SignatureVerdict::Unknown,
            };
            signatures.push((self.people.place(person), verdict));
        }
        let list = self.lists.place(&signatures);
        let mut answer = Answer {
            signatures,
            list,
            now: None,
            then: None,
        };
        if is_common {
            (answer.now, answer.then) = self.release(index, by, name);
            if self.answers.len() >= ANSWERS_MAX {
                self.answers.clear();
            }
            self.answers.insert(question, answer.clone());
        }
        answer
    }

    /// Why too few keys signed a release: by the newest trust root, and when it was logged. Its serial
    /// is asked about elsewhere.
    fn release(
        &self,
        index: u64,
        by: &Attribution,
        name: &str,
    ) -> (Option<String>, Option<String>) {
        let ask = |root, except| match judge(root, index, by, &except, name, Serial::MAX) {
            Ok(_) | Err(OpenError::Rollback { .. }) => None,
            Err(error) => Some(error.to_string()),
        };
        let now = ask(self.lineage.newest(), self.notices.revoked_at(index));
        let then = ask(self.lineage.in_force(index), self.notices.known_at(index));
        (now, then)
    }

    /// What a good signature of a key of the lineage is worth.
    fn signature(&self, index: u64, row: &Row, key: &PublicKey, name: &str) -> SignatureVerdict {
        let Some((role, known)) = self.lineage.key(key) else {
            return SignatureVerdict::Unknown;
        };
        let position = Position::Logged(index);
        if row.kind == EntryKind::Trust {
            return self.root_signature(row, key, role);
        }
        let wanted = match row.kind {
            EntryKind::Signed => Role::Baseline,
            _ => Notice::role_in_charge(self.lineage.newest(), position),
        };
        if role != wanted {
            return SignatureVerdict::WrongRole;
        }
        let is_revoked = match row.kind {
            EntryKind::Signed => self.notices.of(key).is_some_and(|it| it.from <= index),
            // A notice counts by what the log had said until then.
            _ => self.notices.was_revoked(key, index),
        };
        if is_revoked {
            return SignatureVerdict::Revoked;
        }
        if index < known.from {
            return SignatureVerdict::Early;
        }
        if !known.counts_at(position) {
            return SignatureVerdict::Ended;
        }
        let is_readable = row.verdict != EntryVerdict::Malformed;
        if row.kind == EntryKind::Signed && is_readable && !known.may_sign(name) {
            return SignatureVerdict::WrongImage;
        }
        SignatureVerdict::Counts
    }

    /// What the signature of a key on a trust root is worth: of a live root key of it or of the one
    /// before.
    fn root_signature(&self, row: &Row, key: &PublicKey, role: Role) -> SignatureVerdict {
        if role != Role::Root {
            return SignatureVerdict::WrongRole;
        }
        // One that is not of the lineage has none before it that would count.
        let is_ours = row.verdict == EntryVerdict::Counts;
        let all = self.lineage.links().iter().map(|link| &link.root);
        let mut near = all.filter(|root| {
            let version = root.version();
            !is_ours || version == row.number || version.checked_add(1) == Some(row.number)
        });
        if near.any(|root| Link::has_root_key(root, key)) {
            SignatureVerdict::Counts
        } else {
            SignatureVerdict::Ended
        }
    }

    fn names_a_key(&self, hint: KeyId) -> bool {
        let roles = self.lineage.newest().document().roles.values();
        let mut keys = roles.flat_map(|role| &role.keys);
        keys.any(|key| key.key.id() == hint)
    }

    /// A verdict in words.
    fn words(&self, person: Option<&Person>, verdict: SignatureVerdict) -> String {
        let Some(Person::Known(key)) = person else {
            let id = match person {
                Some(Person::Stranger(Some(id))) => format!("key {id}"),
                _ => "a key that it does not name".to_owned(),
            };
            return match verdict {
                SignatureVerdict::Invalid => {
                    format!("its signature in the name of {id} does not verify")
                }
                _ => format!("signed by {id}, which no trust root names"),
            };
        };
        let who = shown(&self.lineage.who(key));
        let known = self.lineage.key(key);
        match (verdict, known) {
            (SignatureVerdict::Revoked, _) => {
                let revoked = self.notices.of(key);
                let words = revoked.map_or_else(String::new, |it| {
                    let (index, from, reason) = (it.index, it.from, &it.reason);
                    format!(", which entry {index} revokes from entry {from} on: {reason}")
                });
                format!("signed by {who}{words}")
            }
            (SignatureVerdict::Ended, Some((_, known))) => {
                let until = known.until.unwrap_or_default();
                format!("signed by {who}, which ended at entry {until}")
            }
            (SignatureVerdict::Early, Some((_, known))) => {
                let from = known.from;
                format!("signed by {who}, which begins at entry {from}")
            }
            (SignatureVerdict::WrongRole, Some((role, _))) => {
                format!("signed by {who}, which has the role {role}")
            }
            (SignatureVerdict::WrongImage, Some((_, known))) => {
                let images: Vec<&str> = known.images.iter().map(ImageGlob::as_str).collect();
                format!("signed by {who}, which may sign {}", images.join(" "))
            }
            (SignatureVerdict::Duplicate, _) => format!("{who} signed it twice"),
            _ => format!("signed by {who}"),
        }
    }
}

/// `key 0123abcd… (alice)`.
pub(super) fn shown(who: &Who) -> String {
    let id = who.key.map_or_else(|| "?".to_owned(), |key| key.short());
    match &who.name {
        Some(name) => format!("key {id} ({name})"),
        None => format!("key {id}"),
    }
}

impl People {
    fn place(&mut self, person: Person) -> u32 {
        let place = self.people.place(&person);
        let places = self.people.values().len();
        self.activity.resize(places, Activity::default());
        place
    }

    fn saw(&mut self, index: u64, signatures: &[Judged]) {
        for (who, verdict) in signatures {
            let place = usize::try_from(*who).unwrap_or(usize::MAX);
            let Some(activity) = self.activity.get_mut(place) else {
                continue;
            };
            activity.first = activity.first.or(Some(index));
            activity.last = Some(index);
            activity.signatures = activity.signatures.saturating_add(1);
            let counts = u64::from(*verdict == SignatureVerdict::Counts);
            activity.counting = activity.counting.saturating_add(counts);
        }
    }

    /// All, with what they did.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Person, &Activity)> {
        self.people.values().iter().zip(&self.activity)
    }

    /// What a key did.
    pub(super) fn activity(&self, key: &PublicKey) -> Activity {
        let mut all = self.all();
        let found = all.find(|(person, _)| **person == Person::Known(*key));
        found.map(|(_, activity)| *activity).unwrap_or_default()
    }

    /// All as the report names them.
    pub(super) fn who(&self, lineage: &Lineage) -> Vec<Who> {
        let who = |person: &Person| match person {
            Person::Known(key) => lineage.who(key),
            Person::Stranger(hint) => Who {
                key: *hint,
                name: None,
                role: None,
            },
        };
        self.people.values().iter().map(who).collect()
    }
}

/// Indices at which what counts may change, in order.
fn breakpoints(lineage: &Lineage, notices: &Notices) -> Vec<u64> {
    let mut breaks: Vec<u64> = notices.breakpoints().collect();
    for link in lineage.links() {
        breaks.extend(link.index);
        for key in link
            .root
            .document()
            .roles
            .values()
            .flat_map(|role| &role.keys)
        {
            breaks.push(key.from);
            breaks.extend(key.until);
        }
    }
    breaks.sort_unstable();
    breaks.dedup();
    breaks
}

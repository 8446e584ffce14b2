//! What a log is told beside signatures and trust roots: that a key, or releases of an image, should
//! be used no more.
//!
//! ```text
//! {"log":"example.com/log","revoke":{"from":7,"key":"MCow…","reason":"laptop stolen"},"spec":"karat-notice/1"}
//! {"log":"example.com/log","retire":{"from":1,"image":"web","reason":"CVE","through":3},"spec":"karat-notice/1"}
//! ```
//! It is a word of the keys in charge at a place of the log, and changes no trust root. The format:
//! `docs/formats/log.md`.

use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::baseline::{ImageName, NameError, Serial};
use crate::envelope::Envelope;
use crate::json::{self, JsonError};
use crate::key::{
    KeyError, Position, PublicKey, Quorum, Role, Signed, ThresholdError, TrustRoot, threshold,
};
use crate::limits;
use crate::path::Escaped;
use crate::tlog::Kind;

/// What somebody says. Anybody can write one: it means nothing until [`Notice::open`] has checked who
/// signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A key counts no more.
    Revoke(Revocation),
    /// Releases should be used no more.
    Retire(Retirement),
}

/// A key counts no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Which key.
    pub key: PublicKey,
    /// The first log index for which it counts no more; absent: the notice's own.
    pub from: Option<u64>,
    /// Why, in the words of who says so.
    pub reason: String,
}

/// Releases of one image should be used no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// Which image.
    pub image: ImageName,
    /// The first serial.
    pub from: Serial,
    /// The last serial: the same one, or a later.
    pub through: Serial,
    /// Why, in the words of who says so.
    pub reason: String,
}

/// A notice that a threshold of the keys in charge signed. Only [`Notice::open`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedNotice {
    notice: Notice,
    role: Role,
    quorum: Quorum,
}

/// Why there is no notice to heed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// Not the JSON that a notice is.
    #[error("notice: {0}")]
    Json(#[from] JsonError),
    /// The payload is something else.
    #[error("the payload type is \"{}\", not that of a notice", Escaped(.0.as_bytes()))]
    PayloadType(String),
    /// A later format, or none.
    #[error("\"{}\" is no format of notices that this karat knows", Escaped(.0.as_bytes()))]
    Spec(String),
    /// The payload is not in its one spelling.
    #[error("the notice is not canonical JSON")]
    NotCanonical,
    /// It says nothing, or two things.
    #[error("a notice either revokes or retires")]
    NotOne,
    /// The key is not base64 of a SubjectPublicKeyInfo.
    #[error("notice: the key is not base64")]
    KeyBase64,
    /// The key is none that karat takes.
    #[error("notice: {0}")]
    Key(#[from] KeyError),
    /// No image has such a name.
    #[error("notice: {0}")]
    Image(#[from] NameError),
    /// Serials that are none, or that end before they begin.
    #[error("notice: {from} to {through} are no serials")]
    Serials {
        /// The first.
        from: u64,
        /// The last.
        through: u64,
    },
    /// No reason, or one that cannot be shown.
    #[error(
        "notice: a reason has 1 to {} bytes and no control characters",
        limits::REASON_MAX
    )]
    Reason,
    /// The trust root names no log, so that no index means anything.
    #[error("the trust root names no log that a notice could be for")]
    NoLog,
    /// Said to another log.
    #[error("the notice is for the log \"{}\", the trust root names \"{}\"", Escaped(found.as_bytes()), Escaped(expected.as_bytes()))]
    OtherLog {
        /// The log of the trust root.
        expected: String,
        /// The log of the notice.
        found: String,
    },
    /// It revokes from an entry on that comes after itself.
    #[error("entry {index} cannot revoke a key from entry {from} on, which comes later")]
    Later {
        /// The place of the notice.
        index: u64,
        /// What it says.
        from: u64,
    },
    /// Too few of the keys in charge signed.
    #[error("notice, signed by the keys of the role {role}: {source}")]
    Threshold {
        /// Whose word it had to be.
        role: Role,
        /// What the count found.
        source: ThresholdError,
    },
}

impl Notice {
    /// The media type of the payload of a notice.
    pub const PAYLOAD_TYPE: &str = "application/vnd.karat.notice+json";
    /// The name of this format.
    pub const SPEC: &str = "karat-notice/1";

    /// The notice for the log called `log`, as a payload to sign.
    ///
    /// # Errors
    /// It breaks a rule of its format.
    pub fn to_signed(&self, log: &str) -> Result<Signed, NoticeError> {
        self.check()?;
        let payload = json::canonical(&Raw::of(self, log))?;
        Ok(Signed::new(Self::PAYLOAD_TYPE, payload))
    }

    /// The kind of the log entry that holds it.
    pub fn kind(&self) -> Kind<'static> {
        match self {
            Self::Revoke(_) => Kind::Revoke,
            Self::Retire(_) => Kind::Retire,
        }
    }

    /// Why, in the words of who says so.
    pub fn reason(&self) -> &str {
        match self {
            Self::Revoke(revocation) => &revocation.reason,
            Self::Retire(retirement) => &retirement.reason,
        }
    }

    /// Reads a payload, whoever signed it: for showing it. Nothing may be judged by it.
    ///
    /// # Errors
    /// The payload breaks a rule of its format.
    pub fn unverified(signed: &Signed) -> Result<Self, NoticeError> {
        read(signed).map(|(_, notice)| notice)
    }

    /// The role whose word a notice at `position` is: `revoke`, or `root` where no key of the role
    /// `revoke` counts there.
    pub fn role_in_charge(root: &TrustRoot, position: Position) -> Role {
        let revokers = root.role(Role::Revoke);
        if revokers.is_some_and(|role| !role.at(position).is_empty()) {
            Role::Revoke
        } else {
            Role::Root
        }
    }

    /// Opens the notice that `envelope` holds under `root`, for the place in the log that it has: a
    /// threshold of those keys of the role in charge must have signed it that count there.
    ///
    /// Signatures are checked before a byte of the payload is read.
    ///
    /// # Errors
    /// The rule broken.
    pub fn open(
        root: &TrustRoot,
        envelope: &Envelope,
        position: Position,
    ) -> Result<OpenedNotice, NoticeError> {
        let signed = envelope.signed();
        if signed.payload_type != Self::PAYLOAD_TYPE {
            return Err(NoticeError::PayloadType(signed.payload_type.clone()));
        }
        let role = Self::role_in_charge(root, position);
        let keys = root.role(role);
        let authorised = keys.map(|keys| keys.at(position)).unwrap_or_default();
        let required = keys.map_or(0, |keys| keys.threshold);
        let quorum = threshold(&signed.message(), &signed.claims, &authorised, required)
            .map_err(|source| NoticeError::Threshold { role, source })?;
        let (found, notice) = read(signed)?;
        let expected = &root.log().ok_or(NoticeError::NoLog)?.origin;
        if found != *expected {
            let expected = expected.clone();
            return Err(NoticeError::OtherLog { expected, found });
        }
        if let (
            Self::Revoke(Revocation {
                from: Some(from), ..
            }),
            Position::Logged(index),
        ) = (&notice, position)
            && *from > index
        {
            return Err(NoticeError::Later { index, from: *from });
        }
        Ok(OpenedNotice {
            notice,
            role,
            quorum,
        })
    }

    fn check(&self) -> Result<(), NoticeError> {
        if let Self::Retire(Retirement { from, through, .. }) = self
            && from > through
        {
            return Err(NoticeError::Serials {
                from: from.get(),
                through: through.get(),
            });
        }
        let reason = self.reason();
        let length = reason.len();
        if length == 0 || length > limits::REASON_MAX || reason.contains(char::is_control) {
            return Err(NoticeError::Reason);
        }
        Ok(())
    }
}

impl Revocation {
    /// The first log index for which the key counts no more, of a notice that stands at `index`.
    pub fn counts_from(&self, index: u64) -> u64 {
        self.from.unwrap_or(index)
    }
}

impl Retirement {
    /// Whether it means that release.
    pub fn covers(&self, image: &ImageName, serial: Serial) -> bool {
        self.image == *image && (self.from..=self.through).contains(&serial)
    }
}

impl OpenedNotice {
    /// Whose word it is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Who signed.
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// The notice itself, without the proof.
    pub fn into_inner(self) -> Notice {
        self.notice
    }
}

impl Deref for OpenedNotice {
    type Target = Notice;

    fn deref(&self) -> &Notice {
        &self.notice
    }
}

/// The fields; exactly one of `revoke` and `retire` is there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    log: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retire: Option<RawRetirement>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoke: Option<RawRevocation>,
    spec: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRevocation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    key: String,
    reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRetirement {
    from: u64,
    image: String,
    reason: String,
    through: u64,
}

impl Raw {
    fn of(notice: &Notice, log: &str) -> Self {
        let mut raw = Self {
            log: log.to_owned(),
            retire: None,
            revoke: None,
            spec: Notice::SPEC.to_owned(),
        };
        match notice {
            Notice::Revoke(Revocation { key, from, reason }) => {
                raw.revoke = Some(RawRevocation {
                    from: *from,
                    key: STANDARD.encode(key.to_der()),
                    reason: reason.clone(),
                });
            }
            Notice::Retire(Retirement {
                image,
                from,
                through,
                reason,
            }) => {
                raw.retire = Some(RawRetirement {
                    from: from.get(),
                    image: image.to_string(),
                    reason: reason.clone(),
                    through: through.get(),
                });
            }
        }
        raw
    }
}

/// The log's name and the notice of a payload, whoever signed it.
fn read(signed: &Signed) -> Result<(String, Notice), NoticeError> {
    if signed.payload_type != Notice::PAYLOAD_TYPE {
        return Err(NoticeError::PayloadType(signed.payload_type.clone()));
    }
    let raw: Raw = json::read(&signed.payload, limits::NOTICE_MAX)?;
    if raw.spec != Notice::SPEC {
        return Err(NoticeError::Spec(raw.spec));
    }
    let notice = match (raw.revoke, raw.retire) {
        (Some(raw), None) => {
            let der = STANDARD.decode(&raw.key).or(Err(NoticeError::KeyBase64))?;
            Notice::Revoke(Revocation {
                key: PublicKey::from_der(&der)?,
                from: raw.from,
                reason: raw.reason,
            })
        }
        (None, Some(raw)) => {
            let (Ok(from), Ok(through)) = (Serial::new(raw.from), Serial::new(raw.through)) else {
                return Err(NoticeError::Serials {
                    from: raw.from,
                    through: raw.through,
                });
            };
            Notice::Retire(Retirement {
                image: ImageName::parse(&raw.image)?,
                from,
                through,
                reason: raw.reason,
            })
        }
        _ => return Err(NoticeError::NotOne),
    };
    notice.check()?;
    if json::canonical(&Raw::of(&notice, &raw.log))? != signed.payload {
        return Err(NoticeError::NotCanonical);
    }
    Ok((raw.log, notice))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::key::{
        ImageGlob, LogPolicy, Receipts, RoleKey, RoleKeys, Signer as _, SigningKey, TrustDocument,
    };

    const LOG: &str = "example.com/log";

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed([seed; 32])
    }

    /// Root key 1, baseline key 2, log key 3, and keys of the role `revoke`: seed and `until`.
    fn root(revokers: &[(u8, Option<u64>)], threshold: usize) -> TrustRoot {
        let role_key = |seed: u8, role: Role, until| RoleKey {
            from: 0,
            images: ImageGlob::parse("*")
                .into_iter()
                .filter(|_| role == Role::Baseline)
                .collect(),
            key: key(seed).public_key(),
            name: (role == Role::Log).then(|| LOG.to_owned()),
            reason: None,
            until,
        };
        let mut roles = BTreeMap::new();
        for (role, seed) in [(Role::Root, 1), (Role::Baseline, 2), (Role::Log, 3)] {
            let keys = vec![role_key(seed, role, None)];
            roles.insert(role, RoleKeys { keys, threshold: 1 });
        }
        if !revokers.is_empty() {
            let one = |(seed, until): &(u8, Option<u64>)| role_key(*seed, Role::Revoke, *until);
            let mut keys: Vec<RoleKey> = revokers.iter().map(one).collect();
            keys.sort_by_key(|key| key.key);
            roles.insert(Role::Revoke, RoleKeys { keys, threshold });
        }
        let document = TrustDocument {
            expires: None,
            log: Some(LogPolicy {
                origin: LOG.to_owned(),
                receipt: Receipts::Optional,
            }),
            min_serial: BTreeMap::new(),
            roles,
            spec: TrustDocument::SPEC.to_owned(),
            version: 1,
        };
        let mut signed = document.to_signed().unwrap();
        signed.sign(&key(1)).unwrap();
        TrustRoot::pinned(&signed).unwrap()
    }

    fn revocation(from: Option<u64>) -> Notice {
        Notice::Revoke(Revocation {
            key: key(2).public_key(),
            from,
            reason: "laptop stolen".to_owned(),
        })
    }

    fn retirement(from: u64, through: u64) -> Notice {
        Notice::Retire(Retirement {
            image: ImageName::parse("web").unwrap(),
            from: Serial::new(from).unwrap(),
            through: Serial::new(through).unwrap(),
            reason: "it loses mail".to_owned(),
        })
    }

    fn signed_by(notice: &Notice, seeds: &[u8]) -> Envelope {
        payload_signed_by(&notice.to_signed(LOG).unwrap().payload, seeds)
    }

    fn payload_signed_by(payload: &[u8], seeds: &[u8]) -> Envelope {
        let mut signed = Signed::new(Notice::PAYLOAD_TYPE, payload.to_vec());
        for seed in seeds {
            signed.sign(&key(*seed)).unwrap();
        }
        Envelope::new(signed)
    }

    const AT_9: Position = Position::Logged(9);

    #[test]
    fn the_bytes_are_those_of_the_documentation() {
        let base64 = STANDARD.encode(key(2).public_key().to_der());
        for (notice, text) in [
            (
                revocation(Some(7)),
                format!(
                    r#"{{"log":"example.com/log","revoke":{{"from":7,"key":"{base64}","reason":"laptop stolen"}},"spec":"karat-notice/1"}}"#
                ),
            ),
            (
                revocation(None),
                format!(
                    r#"{{"log":"example.com/log","revoke":{{"key":"{base64}","reason":"laptop stolen"}},"spec":"karat-notice/1"}}"#
                ),
            ),
            (
                retirement(1, 3),
                r#"{"log":"example.com/log","retire":{"from":1,"image":"web","reason":"it loses mail","through":3},"spec":"karat-notice/1"}"#.to_owned(),
            ),
        ] {
            let signed = notice.to_signed(LOG).unwrap();
            assert_eq!(String::from_utf8(signed.payload.clone()).unwrap(), text);
            assert_eq!(Notice::unverified(&signed), Ok(notice));
        }
    }

    #[test]
    fn the_examples_of_the_documentation_are_notices() {
        let text = include_str!("../../docs/formats/log.md");
        let lines = text
            .lines()
            .filter(|line| line.ends_with("\"karat-notice/1\"}"));
        let read = |line: &str| {
            let signed = Signed::new(Notice::PAYLOAD_TYPE, line.into());
            Notice::unverified(&signed).unwrap().kind().as_str()
        };
        assert_eq!(lines.map(read).collect::<Vec<_>>(), ["revoke", "retire"]);
    }

    #[test]
    fn the_role_revoke_speaks_and_root_where_nobody_has_it() {
        for (root, seeds, in_charge) in [
            (root(&[], 0), [1].as_slice(), Role::Root),
            (root(&[(4, None)], 1), &[4], Role::Revoke),
            (root(&[(4, None), (5, None)], 2), &[5, 4], Role::Revoke),
            // Its only key counts there no more.
            (root(&[(4, Some(9))], 1), &[1], Role::Root),
            (root(&[(4, Some(10))], 1), &[4], Role::Revoke),
        ] {
            let notice = revocation(Some(7));
            let opened = Notice::open(&root, &signed_by(&notice, seeds), AT_9).unwrap();
            assert_eq!(*opened, notice);
            assert_eq!(opened.role(), in_charge);
            assert_eq!(opened.quorum().keys().count(), seeds.len());
        }
    }

    #[test]
    fn others_say_nothing() {
        for (root, seeds, in_charge) in [
            (root(&[], 0), [2].as_slice(), Role::Root),
            // Not the root keys either, where somebody has the role.
            (root(&[(4, None)], 1), &[1], Role::Revoke),
            (root(&[(4, None)], 1), &[2, 3], Role::Revoke),
            (root(&[(4, None), (5, None)], 2), &[4, 4, 1], Role::Revoke),
            (root(&[(4, Some(9))], 1), &[4], Role::Root),
            (root(&[(4, None)], 1), &[], Role::Revoke),
        ] {
            let envelope = signed_by(&retirement(1, 1), seeds);
            let error = Notice::open(&root, &envelope, AT_9).unwrap_err();
            assert!(
                matches!(&error, NoticeError::Threshold { role, .. } if *role == in_charge),
                "{seeds:?}: {error}"
            );
        }
    }

    #[test]
    fn each_rule_has_its_error() {
        let root = root(&[(4, None)], 1);
        let base64 = STANDARD.encode(key(2).public_key().to_der());
        let good = String::from_utf8(revocation(Some(7)).to_signed(LOG).unwrap().payload).unwrap();
        let retire = String::from_utf8(retirement(1, 3).to_signed(LOG).unwrap().payload).unwrap();
        let weak = STANDARD.encode([&key(2).public_key().to_der()[..12], &[0; 32]].concat());
        let long = "x".repeat(limits::REASON_MAX + 1);
        for (text, error) in [
            (
                good.replace("notice/1", "notice/2"),
                NoticeError::Spec("karat-notice/2".to_owned()),
            ),
            (good.replace(":7", ": 7"), NoticeError::NotCanonical),
            (
                good.replace("\"from\":7", "\"from\":null"),
                NoticeError::NotCanonical,
            ),
            (good.replace("laptop stolen", ""), NoticeError::Reason),
            (
                good.replace("laptop stolen", "\\u001b[2J"),
                NoticeError::Reason,
            ),
            (good.replace("laptop stolen", "a\\nb"), NoticeError::Reason),
            (good.replace("laptop stolen", &long), NoticeError::Reason),
            (good.replace(&base64, "?"), NoticeError::KeyBase64),
            (good.replace(&base64, "AAAA"), KeyError::Format.into()),
            (
                good.replace("example.com/log", "example.com/other"),
                NoticeError::OtherLog {
                    expected: LOG.to_owned(),
                    found: "example.com/other".to_owned(),
                },
            ),
            (
                good.replace(":7", ":10"),
                NoticeError::Later { index: 9, from: 10 },
            ),
            (
                r#"{"log":"example.com/log","spec":"karat-notice/1"}"#.to_owned(),
                NoticeError::NotOne,
            ),
            (
                retire.replace(
                    "\"spec\"",
                    &format!("\"revoke\":{{\"key\":\"{base64}\",\"reason\":\"x\"}},\"spec\""),
                ),
                NoticeError::NotOne,
            ),
            (
                retire.replace("\"from\":1", "\"from\":4"),
                NoticeError::Serials {
                    from: 4,
                    through: 3,
                },
            ),
            (
                retire.replace("\"from\":1", "\"from\":0"),
                NoticeError::Serials {
                    from: 0,
                    through: 3,
                },
            ),
            (
                retire.replace("web", "../x"),
                NameError::Name("../x".to_owned()).into(),
            ),
            (
                good.replacen('{', "{\"log\":\"a\",", 1),
                JsonError::DuplicateKey("log".to_owned()).into(),
            ),
            (
                " ".repeat(2049),
                JsonError::TooLarge(limits::NOTICE_MAX).into(),
            ),
        ] {
            let envelope = payload_signed_by(text.as_bytes(), &[4]);
            assert_eq!(
                Notice::open(&root, &envelope, AT_9),
                Err(error),
                "{text:.300}"
            );
        }
        for text in [
            good.replace(&base64, &weak),
            good.replacen('{', "{\"also\":1,", 1),
            good.replace("\"from\"", "\"until\""),
            good.replace(":7", ":-1"),
            retire.replace(",\"through\":3", ""),
            format!("{good}{good}"),
            String::new(),
        ] {
            let envelope = payload_signed_by(text.as_bytes(), &[4]);
            let error = Notice::open(&root, &envelope, AT_9).unwrap_err();
            assert!(
                matches!(error, NoticeError::Json(_) | NoticeError::Key(_)),
                "{text}: {error}"
            );
        }
        let mut other = revocation(None).to_signed(LOG).unwrap();
        other.payload_type = TrustDocument::PAYLOAD_TYPE.to_owned();
        other.sign(&key(4)).unwrap();
        let error = NoticeError::PayloadType(TrustDocument::PAYLOAD_TYPE.to_owned());
        assert_eq!(Notice::open(&root, &Envelope::new(other), AT_9), Err(error));
    }

    #[test]
    fn nothing_is_read_that_nobody_in_charge_signed() {
        let root = root(&[(4, None)], 1);
        let envelope = payload_signed_by(b"{", &[2]);
        let error = Notice::open(&root, &envelope, AT_9);
        assert!(matches!(error, Err(NoticeError::Threshold { .. })));
    }

    #[test]
    fn a_release_is_retired_by_name_and_serial() {
        let Notice::Retire(retirement) = retirement(2, 3) else {
            panic!("it retires");
        };
        let covers = |image: &str, serial| {
            retirement.covers(
                &ImageName::parse(image).unwrap(),
                Serial::new(serial).unwrap(),
            )
        };
        let covered: Vec<bool> = (1..=4).map(|serial| covers("web", serial)).collect();
        assert_eq!(covered, [false, true, true, false]);
        assert!(!covers("db", 2));
    }
}

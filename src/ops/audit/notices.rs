//! Revocations and retirements: which of them count, and how far they reach.

use std::collections::{BTreeMap, BTreeSet};

use super::collect::Findings;
use super::lineage::Lineage;
use super::scan::{Reader, Scanned};
use super::{Code, EntryVerdict, NoticeFacts, NoticeKind, Retired, Revoked};
use crate::envelope::Envelope;
use crate::key::{Position, PublicKey, TrustRoot};
use crate::log::{Log, LogError, Notice, OpenedNotice, Source};
use crate::path::Escaped;
use crate::tlog::Entry;

/// What the log says about keys and releases that should be used no more.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// All, in the order of the log, those that do not count too.
    pub(super) list: Vec<NoticeFacts>,
    revoked: BTreeMap<PublicKey, Vec<Revoked>>,
    retired: BTreeMap<String, Vec<Retired>>,
}

impl Notices {
    /// Opens the notices of the log under the newest trust root, in their order. A key that a notice
    /// revoked signs no later one.
    ///
    /// # Errors
    /// An entry cannot be read again.
    pub(super) fn open<S: Source>(
        log: &Log<S>,
        scanned: &mut Scanned,
        lineage: &Lineage,
        findings: &mut Findings,
    ) -> Result<Self, LogError> {
        let mut notices = Self::default();
        let mut reader = Reader::new(log);
        let root = lineage.newest();
        for index in std::mem::take(&mut scanned.notices) {
            let bytes = reader.entry(index)?;
            let envelope = Entry::parse(&bytes).and_then(|it| Envelope::parse(it.envelope).ok());
            let Some(envelope) = envelope else { continue };
            let Ok(notice) = Notice::unverified(envelope.signed()) else {
                continue;
            };
            let refused = notices.refused(root, &envelope, index);
            let place = usize::try_from(index).unwrap_or(usize::MAX);
            let mut signed_by = Vec::new();
            if let Some(row) = scanned.entries.row_mut(place) {
                let by = scanned.lists.get(row.list);
                signed_by = by.map(|by| lineage.makers(by)).unwrap_or_default();
                if refused.is_none() {
                    row.verdict = EntryVerdict::Counts;
                }
            }
            if let Some(why) = &refused {
                findings.add(Code::RefusedNotice, Some(index), || {
                    (subject(&notice), why.clone())
                });
            } else {
                notices.heed(&notice, index, lineage, findings);
            }
            notices.list.push(facts(&notice, index, refused, signed_by));
        }
        Ok(notices)
    }

    /// Why a notice does not count.
    fn refused(&self, root: &TrustRoot, envelope: &Envelope, index: u64) -> Option<String> {
        let position = Position::Logged(index);
        let opened: OpenedNotice = match Notice::open(root, envelope, position) {
            Ok(opened) => opened,
            Err(error) => return Some(error.to_string()),
        };
        let revoked = self.revoked_at(index);
        let left = opened.quorum().keys().filter(|key| !revoked.contains(key));
        let required = root.role(opened.role()).map_or(0, |role| role.threshold);
        (left.count() < required).then(|| {
            format!(
                "too few of the keys that signed it were not revoked by then, {required} must be"
            )
        })
    }

    fn heed(&mut self, notice: &Notice, index: u64, lineage: &Lineage, findings: &mut Findings) {
        match notice {
            Notice::Revoke(revocation) => {
                let from = revocation.counts_from(index);
                let key = revocation.key;
                let revoked = Revoked {
                    index,
                    from,
                    reason: Escaped(revocation.reason.as_bytes()).to_string(),
                };
                self.revoked.entry(key).or_default().push(revoked);
                match lineage.key(&key) {
                    None => findings.add(Code::StrangeRevocation, Some(index), || {
                        let text = "no trust root at hand names this key".to_owned();
                        (key.id().to_string(), text)
                    }),
                    Some((_, known)) if known.until.is_none_or(|until| until > from) => {
                        findings.add(Code::PendingRevocation, Some(index), || {
                            let until = match known.until {
                                None => "does not end it".to_owned(),
                                Some(until) => format!("ends it at entry {until}"),
                            };
                            let version = lineage.newest().version();
                            let text = format!(
                                "revoked from entry {from} on; trust root {version}, which is what \
                                 instances obey, {until}"
                            );
                            (key.id().to_string(), text)
                        });
                    }
                    Some(_) => {}
                }
            }
            Notice::Retire(retirement) => {
                let image = retirement.image.to_string();
                self.retired.entry(image).or_default().push(Retired {
                    index,
                    first_serial: retirement.from.get(),
                    last_serial: retirement.through.get(),
                    reason: Escaped(retirement.reason.as_bytes()).to_string(),
                });
            }
        }
    }

    /// The keys that a revocation reaches at `index`, wherever it stands.
    pub(super) fn revoked_at(&self, index: u64) -> BTreeSet<PublicKey> {
        self.revoked_where(|revoked| revoked.from <= index)
    }

    /// The keys that had been revoked by then.
    pub(super) fn known_at(&self, index: u64) -> BTreeSet<PublicKey> {
        self.revoked_where(|revoked| revoked.from <= index && revoked.index <= index)
    }

    fn revoked_where(&self, reaches: impl Fn(&Revoked) -> bool) -> BTreeSet<PublicKey> {
        let reached = self
            .revoked
            .iter()
            .filter(|(_, all)| all.iter().any(&reaches));
        reached.map(|(key, _)| *key).collect()
    }

    /// The revocation of a key that reaches back furthest.
    pub(super) fn of(&self, key: &PublicKey) -> Option<&Revoked> {
        let all = self.revoked.get(key)?;
        all.iter()
            .min_by_key(|revoked| (revoked.from, revoked.index))
    }

    /// Whether a notice before the entry `index` revoked a key for it.
    pub(super) fn was_revoked(&self, key: &PublicKey, index: u64) -> bool {
        let all = self.revoked.get(key).into_iter().flatten();
        all.into_iter()
            .any(|it| it.index < index && it.from <= index)
    }

    /// What is retired of an image.
    pub(super) fn retired(&self, image: &str) -> &[Retired] {
        self.retired
            .get(image)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Indices at which what counts may change.
    pub(super) fn breakpoints(&self) -> impl Iterator<Item = u64> {
        let all = self.revoked.values().flatten();
        all.flat_map(|revoked| [revoked.from, revoked.index])
    }
}

fn subject(notice: &Notice) -> String {
    match notice {
        Notice::Revoke(revocation) => revocation.key.id().to_string(),
        Notice::Retire(retirement) => {
            let (image, from, through) = (&retirement.image, retirement.from, retirement.through);
            serials(image.as_str(), from.get(), through.get())
        }
    }
}

/// `web 3`, `web 3..5`.
pub(super) fn serials(image: &str, first: u64, last: u64) -> String {
    if first == last {
        format!("{image} {first}")
    } else {
        format!("{image} {first}..{last}")
    }
}

fn facts(
    notice: &Notice,
    index: u64,
    refused: Option<String>,
    signed_by: Vec<super::Who>,
) -> NoticeFacts {
    let mut facts = NoticeFacts {
        index,
        kind: NoticeKind::Revoke,
        refused,
        key: None,
        from: None,
        image: None,
        first_serial: None,
        last_serial: None,
        reason: Some(Escaped(notice.reason().as_bytes()).to_string()),
        signed_by,
    };
    match notice {
        Notice::Revoke(revocation) => {
            facts.key = Some(revocation.key.id());
            facts.from = Some(revocation.counts_from(index));
        }
        Notice::Retire(retirement) => {
            facts.kind = NoticeKind::Retire;
            facts.image = Some(retirement.image.to_string());
            facts.first_serial = Some(retirement.from.get());
            facts.last_serial = Some(retirement.through.get());
        }
    }
    facts
}

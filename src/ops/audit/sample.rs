//! A report made up for tests of what shows one.

use super::{
    Acknowledged, Baseline, Change, Code, CodeCount, Counts, Entries, EntryKind, EntryVerdict,
    Finding, ImageFacts, Independence, KeyFacts, KeyState, LogFacts, NoticeFacts, NoticeKind,
    PackageDelta, Report, Retired, Revoked, RootChange, RootFacts, SignatureVerdict, Verdict, Who,
    WitnessFacts,
};
use crate::digest::Digest;
use crate::key::{KeyId, Role, Signer as _, SigningKey};
use crate::ops::trust::What;

fn id(seed: u8) -> KeyId {
    SigningKey::from_seed([seed; 32]).public_key().id()
}

fn who(seed: u8, name: &str, role: Role) -> Who {
    Who {
        key: Some(id(seed)),
        name: Some(name.to_owned()),
        role: Some(role),
    }
}

/// A report over `size` entries, with something of everything; `word` stands wherever somebody else
/// chooses a text.
pub(crate) fn sample(size: u64, word: &str) -> Report {
    let people = vec![
        who(1, &format!("release-2025{word}"), Role::Baseline),
        who(2, &format!("release-2026{word}"), Role::Baseline),
        who(3, "root-alice", Role::Root),
        who(4, "root-bob", Role::Root),
        Who {
            key: Some(id(9)),
            name: None,
            role: None,
        },
    ];
    Report {
        format: Report::FORMAT,
        verdict: Verdict::Untrusted,
        log: LogFacts {
            origin: format!("example.com/baselines/prod{word}"),
            tree_size: size,
            root_sha256: Digest::of(b"root"),
            checked: size,
            checkpoints: size / 2 + 1,
            since: 0,
            signed_by: vec![
                who(5, "log-2025", Role::Log),
                who(6, "witness.example", Role::Witness),
            ],
            independence: Independence::Witnessed,
        },
        counts: Counts {
            signed: size.saturating_sub(4),
            trust: 2,
            revoke: 1,
            retire: 1,
            other: 0,
            signatures: size * 2,
            signatures_counting: size * 2 - size / 12,
            images: 3,
            envelopes: 4,
        },
        codes: codes(),
        findings: found(size, word),
        roots: roots(size, word, &people),
        keys: keys(size, word),
        notices: notices(size, word, &people),
        images: images(size, word),
        witnesses: vec![WitnessFacts {
            name: format!("witness.example/w1{word}"),
            key: id(6),
            checkpoints: size / 3,
            first_size: 3,
            last_size: size,
            first_time: 1_735_700_000,
            last_time: 1_760_000_000,
        }],
        changes: vec![Change {
            image: format!("web{word}"),
            from: Baseline {
                index: size / 2,
                serial: 40,
                version: "13.1".to_owned(),
                sbom: None,
            },
            to: Baseline {
                index: size - 1,
                serial: 41,
                version: format!("13.2{word}"),
                sbom: Some(Digest::of(b"sbom")),
            },
            packages: vec![
                PackageDelta {
                    name: "openssl".to_owned(),
                    from: Some("3.5.1-1".to_owned()),
                    to: Some("3.5.4-1".to_owned()),
                },
                PackageDelta {
                    name: format!("curl{word}"),
                    from: None,
                    to: Some("8.14.1-2".to_owned()),
                },
            ],
            packages_changed: 12,
            paths_added: 31,
            paths_removed: 4,
            paths_changed: 1204,
            expectations_changed: 1,
        }],
        entries: entries(size, word, people),
    }
}

fn codes() -> Vec<CodeCount> {
    [
        (Code::BadSignature, 1, 0),
        (Code::RevokedKey, 3, 1),
        (Code::SerialGap, 1, 0),
        (Code::NotIndependent, 1, 0),
    ]
    .into_iter()
    .map(|(code, found, acknowledged)| CodeCount {
        code,
        severity: code.severity(),
        title: code.title(),
        found,
        acknowledged,
        listed: found,
    })
    .collect()
}

fn found(size: u64, word: &str) -> Vec<Finding> {
    let finding = |code: Code, index, subject: &str, text: &str| Finding {
        code,
        severity: code.severity(),
        index,
        subject: format!("{subject}{word}"),
        text: format!("{text}{word}"),
        next: "ask whoever holds the key what happened; then revoke it",
        acknowledged: None,
    };
    let revoked = |index| {
        finding(
            Code::RevokedKey,
            Some(index),
            "web 17",
            "release-2025 signed it after the index from which it is revoked",
        )
    };
    let mut acknowledged = revoked(size / 2 + 3);
    acknowledged.acknowledged = Some(Acknowledged {
        who: format!("alice{word}"),
        reason: format!("rebuilt and signed again as serial 18{word}"),
    });
    vec![
        finding(
            Code::BadSignature,
            Some(size / 3),
            "db 9",
            "the second signature names release-2026 and does not verify under it",
        ),
        revoked(size / 2 + 1),
        revoked(size / 2 + 2),
        acknowledged,
        finding(
            Code::SerialGap,
            None,
            "base",
            "the log has no serial between 11 and 14",
        ),
        finding(
            Code::NotIndependent,
            None,
            "example.com/baselines/prod",
            "nobody but the log vouches for its history",
        ),
    ]
}

fn roots(size: u64, word: &str, people: &[Who]) -> Vec<RootFacts> {
    let change = |what, text: &str| RootChange {
        what,
        text: format!("{text}{word}"),
    };
    let of = |version: u64, index, changes| RootFacts {
        version,
        sha256: Digest::of(&version.to_be_bytes()),
        index,
        expires: Some(1_800_000_000),
        signed_by: people.get(2..4).unwrap_or_default().to_vec(),
        changes,
    };
    vec![
        of(1, Some(0), Vec::new()),
        of(
            2,
            Some(size / 4),
            vec![change(
                What::KeyAdded,
                "baseline: release-2026 added, for all images",
            )],
        ),
        of(
            3,
            None,
            vec![
                change(What::KeyEnded, "baseline: release-2025 ended at index 60"),
                change(What::Threshold, "root: 2 of 3 must sign"),
            ],
        ),
    ]
}

fn keys(size: u64, word: &str) -> Vec<KeyFacts> {
    let of = |seed: u8, name: &str, role, state| KeyFacts {
        key: Some(id(seed)),
        name: Some(format!("{name}{word}")),
        role: Some(role),
        images: if role == Role::Baseline {
            vec!["*".to_owned()]
        } else {
            Vec::new()
        },
        from: 0,
        until: None,
        reason: None,
        revoked: None,
        state,
        since_version: Some(1),
        first_index: Some(1),
        last_index: Some(size - 1),
        signatures: size,
        counting: size - size / 12,
    };
    vec![
        of(3, "root-alice", Role::Root, KeyState::Valid),
        of(4, "root-bob", Role::Root, KeyState::Valid),
        KeyFacts {
            until: Some(size * 3 / 4),
            revoked: Some(Revoked {
                index: size * 2 / 3,
                from: size / 2,
                reason: format!("the laptop was lost{word}"),
            }),
            last_index: Some(size * 2 / 3),
            ..of(1, "release-2025", Role::Baseline, KeyState::Revoked)
        },
        KeyFacts {
            from: size / 4,
            first_index: Some(size / 4 + 1),
            ..of(2, "release-2026", Role::Baseline, KeyState::Valid)
        },
        KeyFacts {
            until: Some(size / 3),
            reason: Some(format!("rotated{word}")),
            first_index: None,
            last_index: None,
            signatures: 0,
            counting: 0,
            ..of(5, "log-2025", Role::Log, KeyState::Ended)
        },
        KeyFacts {
            from: size + 10,
            first_index: None,
            last_index: None,
            signatures: 0,
            counting: 0,
            ..of(7, "log-2027", Role::Log, KeyState::Future)
        },
        KeyFacts {
            name: None,
            role: None,
            images: Vec::new(),
            first_index: Some(size / 3),
            last_index: Some(size / 3),
            signatures: 1,
            counting: 0,
            ..of(9, "", Role::Root, KeyState::Unknown)
        },
    ]
}

fn notices(size: u64, word: &str, people: &[Who]) -> Vec<NoticeFacts> {
    let of = |index, kind| NoticeFacts {
        index,
        kind,
        refused: None,
        key: None,
        from: None,
        image: None,
        first_serial: None,
        last_serial: None,
        reason: Some(format!("the laptop was lost{word}")),
        signed_by: people.get(2..4).unwrap_or_default().to_vec(),
    };
    vec![
        NoticeFacts {
            key: Some(id(1)),
            from: Some(size / 2),
            ..of(size * 2 / 3, NoticeKind::Revoke)
        },
        NoticeFacts {
            image: Some(format!("web{word}")),
            first_serial: Some(17),
            last_serial: Some(19),
            refused: Some(format!("one signature counts, 2 are needed{word}")),
            ..of(size * 2 / 3 + 1, NoticeKind::Retire)
        },
    ]
}

fn images(size: u64, word: &str) -> Vec<ImageFacts> {
    ["base", "db", "web"]
        .into_iter()
        .map(|name| ImageFacts {
            name: format!("{name}{word}"),
            entries: size / 3,
            serials: size / 3,
            lowest_serial: 1,
            highest_serial: size / 3 + 2,
            newest_version: format!("13.2{word}"),
            newest_index: size - 1,
            first_index: 1,
            missing: u64::from(name == "base") * 2,
            min_serial: 3,
            retired: if name == "web" {
                vec![Retired {
                    index: size * 2 / 3 + 1,
                    first_serial: 17,
                    last_serial: 19,
                    reason: format!("signed by a lost key{word}"),
                }]
            } else {
                Vec::new()
            },
        })
        .collect()
}

fn entries(size: u64, word: &str, people: Vec<Who>) -> Entries {
    use SignatureVerdict::{Counts, Invalid, Revoked, Unknown};
    let mut entries = Entries::default();
    let mut lists = super::entries::Table::default();
    for index in 0..size {
        let kind = match index {
            0 => EntryKind::Trust,
            _ if index == size / 4 => EntryKind::Trust,
            _ if index == size * 2 / 3 => EntryKind::Revoke,
            _ if index == size * 2 / 3 + 1 => EntryKind::Retire,
            _ if index % 97 == 96 => EntryKind::Other,
            _ => EntryKind::Signed,
        };
        let is_revoked =
            kind == EntryKind::Signed && index > size / 2 && index <= size / 2 + size / 24;
        let verdict = match kind {
            EntryKind::Other => EntryVerdict::Carried,
            _ if index == size / 3 || is_revoked => EntryVerdict::Refused,
            EntryKind::Signed if index < size / 8 => EntryVerdict::Superseded,
            _ => EntryVerdict::Counts,
        };
        let name = ["base", "db", "web"][usize::try_from(index % 3).unwrap()];
        let name = if kind == EntryKind::Other {
            format!("later{word}")
        } else {
            format!("{name}{word}")
        };
        let list = match kind {
            EntryKind::Signed if index == size / 3 => vec![(1, Invalid), (4, Unknown)],
            EntryKind::Signed if is_revoked => vec![(0, Revoked), (1, Counts)],
            EntryKind::Signed if index < size / 4 => vec![(0, Counts)],
            EntryKind::Signed => vec![(0, Counts), (1, Counts)],
            EntryKind::Other => Vec::new(),
            _ => vec![(2, Counts), (3, Counts)],
        };
        let (name, list) = (entries.names().place(&name), lists.place(&list));
        let row = entries.push(kind, verdict);
        row.payload = Digest::of(&index.to_be_bytes());
        row.has_payload = true;
        row.number = if kind == EntryKind::Trust {
            1 + u64::from(index > 0)
        } else {
            index / 3 + 1
        };
        row.name = name;
        row.list = list;
        entries.set_version(&format!("13.{}{word}", index / 30));
    }
    let times = (1..=10)
        .map(|tenth| (size * tenth / 10, 1_735_700_000 + tenth * 2_400_000))
        .collect();
    entries.finish(lists, people, 0, times);
    entries
}

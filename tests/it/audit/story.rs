//! A workspace's life, and what its audit tells.

use karat::key::{Role, Signer as _};
use karat::ops::audit::{
    Code, EntryKind, EntryVerdict, KeyState, Report, Severity, SignatureVerdict, Since, Verdict,
};

use super::history::{History, REVOKER, add, end, found, release};
use crate::keys::fixture::key;
use crate::support::history::{History as Workspace, KINDS};

/// Init, build, rotate, build, revoke, a signature that is refused, recover, build.
pub fn story(name: &str) -> History {
    let mut story = History::new(name);
    assert_eq!(story.release("web", 1, &[1]), 1);
    let now = story.size();
    story.root(|root| {
        end(root, Role::Baseline, 1, now);
        add(root, Role::Baseline, 4, now);
    });
    assert_eq!(story.release("web", 2, &[4]), 3);
    assert_eq!(story.revoke(4, None, &[REVOKER]), 4);
    // The thief goes on.
    assert_eq!(story.release("web", 3, &[4]), 5);
    story.root(|root| {
        end(root, Role::Baseline, 4, 4);
        add(root, Role::Baseline, 5, 6);
    });
    assert_eq!(story.release("web", 3, &[5]), 7);
    story
}

fn verdicts(report: &Report) -> Vec<(EntryKind, EntryVerdict)> {
    report
        .entries
        .iter()
        .map(|it| (it.kind, it.verdict))
        .collect()
}

#[test]
fn the_story_of_a_stolen_key_is_told_in_its_order() {
    use EntryKind::{Revoke, Signed, Trust};
    use EntryVerdict::{Counts, Refused};
    let report = story("audit-story").audit();
    assert_eq!(
        verdicts(&report),
        [
            (Trust, Counts),
            (Signed, Counts),
            (Trust, Counts),
            (Signed, Counts),
            (Revoke, Counts),
            (Signed, Refused),
            (Trust, Counts),
            (Signed, Counts),
        ]
    );
    assert_eq!(
        found(&report),
        [(Code::BelowThreshold, Some(5)), (Code::RevokedKey, Some(5)),]
    );
    assert_eq!(report.verdict, Verdict::Findings);
    let notes = report
        .findings
        .iter()
        .filter(|it| it.severity == Severity::Note);
    let notes: Vec<Code> = notes.map(|it| it.code).collect();
    assert_eq!(notes, [Code::NotIndependent]);
    assert!(
        report.findings[1].text.contains("laptop stolen"),
        "{:?}",
        report.findings
    );

    let state = |seed: u8| {
        let id = key(seed).public_key().id();
        let found = report.keys.iter().find(|it| it.key == Some(id)).unwrap();
        (
            found.state,
            found.first_index,
            found.last_index,
            found.signatures,
            found.counting,
        )
    };
    assert_eq!(state(1), (KeyState::Ended, Some(1), Some(1), 1, 1));
    assert_eq!(state(4), (KeyState::Revoked, Some(3), Some(5), 2, 1));
    assert_eq!(state(5), (KeyState::Valid, Some(7), Some(7), 1, 1));
    assert_eq!(state(101), (KeyState::Valid, Some(0), Some(6), 3, 3));
    let roots: Vec<_> = report
        .roots
        .iter()
        .map(|it| (it.version, it.index))
        .collect();
    assert_eq!(roots, [(1, Some(0)), (2, Some(2)), (3, Some(6))]);
    assert_eq!(report.roots[1].changes.len(), 3, "{:?}", report.roots[1]);
    let web = &report.images[0];
    assert_eq!(
        (web.serials, web.highest_serial, web.newest_index),
        (3, 3, 7)
    );
    let entry = report.entries.get(5).unwrap();
    assert_eq!(entry.signatures[0].verdict, SignatureVerdict::Revoked);
    assert_eq!(report.counts.signed, 4);
    assert_eq!(
        (report.counts.signatures, report.counts.signatures_counting),
        (11, 10)
    );
}

#[test]
fn the_oldest_trust_root_leads_to_the_newest_by_the_log_alone() {
    let story = story("audit-lineage");
    let whole = serde_json::to_string(&story.audit()).unwrap();
    std::fs::copy(story.path("keys/trust/1.json"), story.path("first.json")).unwrap();
    let report = story.audit_by("first.json", |_| ());
    assert_eq!(serde_json::to_string(&report).unwrap(), whole);
    // The newest leads back to the oldest.
    std::fs::copy(story.path("keys/trust/3.json"), story.path("last.json")).unwrap();
    std::fs::remove_dir_all(story.path("keys/trust")).unwrap();
    let report = story.audit_by("last.json", |_| ());
    assert_eq!(serde_json::to_string(&report).unwrap(), whole);
}

#[test]
fn the_same_report_on_every_run_and_on_any_number_of_threads() {
    let mut story = story("audit-threads");
    let more: Vec<_> = (4..600)
        .map(|serial| release("web", "1.0", serial, &[5]))
        .collect();
    story.releases(&more);
    let on = |threads: usize| {
        let report = story.audit_with(|it| it.threads = Some(threads));
        serde_json::to_string(&report).unwrap()
    };
    let one = on(1);
    for threads in [1, 2, 5] {
        assert_eq!(on(threads), one);
    }
}

#[test]
fn what_was_audited_before_is_left_out_and_checked_all_the_same() {
    let mut story = story("audit-since");
    let kept = story.path("last.checkpoint");
    std::fs::copy(story.path("log/checkpoint"), &kept).unwrap();
    story.release("web", 6, &[5]);
    for since in [Since::Size(8), Since::Checkpoint(kept)] {
        let report = story.audit_with(|it| it.since = Some(since));
        assert_eq!(found(&report), [(Code::SerialGap, Some(8))]);
        assert_eq!((report.log.since, report.entries.len()), (8, 1));
        assert_eq!((report.log.checked, report.counts.signed), (9, 1));
        assert!(report.entries.get(5).is_none());
    }
    let report = story.audit_with(|it| it.since = Some(Since::Size(99)));
    assert_eq!(found(&report)[0], (Code::SetBack, None));
    assert_eq!(report.verdict, Verdict::Untrusted);
}

#[test]
fn acknowledged_findings_stay_and_decide_nothing() {
    let story = story("audit-acknowledged");
    let file = story.path("known.toml");
    let audit = |text: &str| {
        std::fs::write(&file, text).unwrap();
        story.audit_with(|it| it.acknowledged = Some(file.clone()))
    };
    let one = |code: &str, place: &str| {
        format!(
            "[[acknowledge]]\ncode = \"{code}\"\n{place}\nreason = \"known\"\nwho = \"alice\"\n"
        )
    };
    let both = one("KA301", "index = 5") + &one("KA304", "subject = \"web 3\"");
    let report = audit(&both);
    assert_eq!(report.verdict, Verdict::Clean);
    assert_eq!(found(&report).len(), 2);
    assert_eq!(
        report.findings[0].acknowledged.as_ref().unwrap().who,
        "alice"
    );
    // One of the two is another entry's, and one does not exist.
    let report = audit(
        &(one("KA301", "index = 6") + &one("KA304", "index = 5") + &one("KA999", "index = 1")),
    );
    assert_eq!(report.verdict, Verdict::Findings);
    let stale = report
        .findings
        .iter()
        .filter(|it| it.code == Code::StaleAcknowledgement);
    assert_eq!(stale.count(), 2);
}

/// The commands' own words: the workspace of `support::history`, audited as anybody would.
#[test]
fn what_commands_do_is_the_story_that_an_audit_tells() {
    let told = Workspace::told("audit-told");
    told.ok("audit log --html audit.html");
    let report = told.json("audit", "audit log");
    let entries = report["entries"].as_array().unwrap();
    let kinds: Vec<&str> = entries
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, KINDS);
    assert!(
        entries.iter().all(|it| it["verdict"] == "counts"),
        "{entries:?}"
    );
    assert_eq!(report["verdict"], "clean");
    let keys = report["keys"].as_array().unwrap().iter();
    let lives: Vec<(&str, &str)> = keys
        .filter(|it| it["role"] == "baseline")
        .map(|it| {
            (
                it["state"].as_str().unwrap(),
                it["until"].as_u64().map_or("", |_| "until"),
            )
        })
        .collect();
    assert_eq!(
        lives,
        [("ended", "until"), ("revoked", "until"), ("valid", "")]
    );
    let page = std::fs::read_to_string(told.path("audit.html")).unwrap();
    for word in ["stolen", "web", "revoke", "retire"] {
        assert!(page.contains(word), "{word}");
    }
}

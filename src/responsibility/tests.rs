//! The matrix as it is shipped, and what becomes of evidence.

use std::collections::BTreeSet;

use super::facts::{
    Attestation, Entry, Fleet, History, Image, Known, Locked, Log, Named, Rules, Said, Sbom,
    SignedBy, Standing,
};
use super::judge::{Case, judge};
use super::matrix::{Matrix, SHIPPED};
use super::report::{ControlFacts, Holds, Report, State, Verdict};
use super::value::{Control, Kind, Model, Owner, Provider};
use super::{domain_title, oscal};
use crate::baseline::Placement;
use crate::digest::Digest;
use crate::harden::{Catalogue, Results};
use crate::path::name_matches;
use crate::tree::Epoch;

const NOW: u64 = 1_760_000_000;
const DAY: u64 = 86_400;

fn named(name: &str) -> Named {
    Named {
        name: name.to_owned(),
        sha256: Digest::of(name.as_bytes()),
    }
}

fn placement() -> Placement {
    Placement {
        category: Some("frontend".to_owned()),
        segment: Some("dmz".to_owned()),
        lifecycle: None,
    }
}

/// Results of rules: id, outcome, NIST ids.
fn rules(list: &[(&str, &str, &[&str])]) -> Known<Rules> {
    let results: Vec<_> = list
        .iter()
        .map(|(id, outcome, nist)| {
            let reasons = if *outcome == "pass" { vec![] } else { vec!["a reason"] };
            let mut result = serde_json::json!({
                "conflicts": [], "id": id, "outcome": outcome, "reasons": reasons,
                "refs": if nist.is_empty() { serde_json::json!({}) } else { serde_json::json!({ "nist": nist }) },
                "severity": "medium", "title": "a rule", "wrote": [],
            });
            if *outcome == "excepted" {
                result["without"] = "fail".into();
            }
            result
        })
        .collect();
    let document = serde_json::json!({
        "catalogue": Digest::of(b"catalogue").to_string(), "profile": "server-l1",
        "results": results, "version": 1,
    });
    let mut bytes = serde_json::to_vec(&document).unwrap();
    bytes.push(b'\n');
    Known::Here(Rules {
        file: named("web_1.rules.json"),
        results: Results::parse(&bytes).unwrap(),
    })
}

/// Every rule family that the matrix asks for, with one result that holds.
fn all_hold() -> Known<Rules> {
    let mut ids = BTreeSet::new();
    for control in Matrix::shipped().unwrap().controls() {
        for need in &control.evidence {
            let wanted = need.rules.iter().filter(|pattern| *pattern != "*");
            ids.extend(wanted.map(|pattern| pattern.replace('*', "x")));
        }
    }
    let list: Vec<(&str, &str, &[&str])> = ids
        .iter()
        .map(|id| (id.as_str(), "pass", &[][..]))
        .collect();
    rules(&list)
}

fn log() -> Log {
    Log {
        origin: "example.com/log".to_owned(),
        tree_size: 9,
        root_sha256: Digest::of(b"root"),
        verdict: "clean",
        open_findings: 0,
        witnessed: true,
    }
}

/// An image for which all evidence that karat can give holds.
fn whole() -> Image {
    Image {
        file: "out/web_1.dsse.json".to_owned(),
        standing: Standing::Signed(SignedBy {
            keys: vec!["k".to_owned()],
            threshold: 1,
            trust_root: 1,
            log_index: Some(7),
        }),
        said: Some(Said {
            name: "web".to_owned(),
            version: "1".to_owned(),
            serial: Some(3),
            epoch: Epoch::saturating(NOW - 5 * DAY),
            expires: None,
            statement: Digest::of(b"statement"),
            subjects: vec![named("web_1.mtree")],
            manifest: Some(Digest::of(b"web_1.mtree")),
            template: Digest::of(b"template"),
            lock: Digest::of(b"lock"),
            builder: "karat 0.1.0".to_owned(),
            placement: placement(),
            rules: all_hold(),
            locked: Known::Here(Locked {
                file: named("web_1.lock"),
                packages: 200,
                releases: 3,
                newest: Some(Epoch::saturating(NOW - 6 * DAY)),
            }),
            sbom: Known::Here(Sbom {
                file: named("web_1.spdx.json"),
                packages: 200,
                other_than_lock: Some(0),
            }),
            attestations: vec![Attestation {
                file: named("report.json"),
                verdict: "match".to_owned(),
                assurance: None,
                at: Epoch::saturating(NOW - DAY),
                signed_by: vec!["0123456789abcdef".to_owned()],
            }],
            history: Some(History {
                log: log(),
                entry: Some(Entry {
                    index: 7,
                    counts: true,
                }),
            }),
        }),
    }
}

fn fleet() -> Fleet {
    Fleet {
        sha256: Digest::of(b"fleet"),
        templates: 4,
        problems: Vec::new(),
        placements: [("web".to_owned(), placement())].into(),
    }
}

fn weighed(images: &[Image], fleet: Option<&Fleet>) -> Report {
    judge(Case {
        matrix: &Matrix::shipped().unwrap(),
        provider: Provider::Aws,
        model: Model::Iaas,
        at: Epoch::saturating(NOW),
        images,
        fleet,
        log: None,
        findings: Vec::new(),
    })
}

fn changed(change: impl FnOnce(&mut Said)) -> Report {
    let mut image = whole();
    change(image.said.as_mut().unwrap());
    weighed(&[image], Some(&fleet()))
}

fn control<'a>(report: &'a Report, id: &str) -> &'a ControlFacts {
    let found = report.controls.iter().find(|control| control.id == id);
    found.unwrap_or_else(|| panic!("{id}"))
}

fn state(report: &Report, id: &str) -> State {
    control(report, id).state
}

#[test]
fn the_list_is_the_directory() {
    let directory = format!("{}/templates/controls", env!("CARGO_MANIFEST_DIR"));
    let names = crate::sys::fs::list(&directory).unwrap();
    let names: Vec<_> = names.iter().map(|it| it.to_str().unwrap()).collect();
    let listed: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, names);
    for (name, bytes) in SHIPPED {
        let path = format!("{directory}/{name}");
        let there = crate::sys::fs::read(path, 1 << 20).unwrap();
        assert_eq!(*bytes, there, "{name}");
    }
}

/// A pattern that selects nothing would leave a duty out without a word.
#[test]
fn the_matrix_names_rules_that_there_are() {
    let catalogue = Catalogue::shipped().unwrap();
    for control in Matrix::shipped().unwrap().controls() {
        for pattern in control.evidence.iter().flat_map(|need| &need.rules) {
            let fits = |id: &str| name_matches(pattern.as_bytes(), id.as_bytes());
            let any = catalogue.rules().any(|rule| fits(rule.id.as_str()));
            assert!(any, "{}: {pattern}", control.id);
        }
    }
}

#[test]
fn the_matrix_has_all_domains_and_says_what_cannot_be_shown() {
    let matrix = Matrix::shipped().unwrap();
    assert!(matrix.len() >= 60, "{}", matrix.len());
    let domains: BTreeSet<&str> = matrix.controls().map(Control::domain).collect();
    let expected = [
        "A&A", "AIS", "BCR", "CCC", "CEK", "DCS", "DSP", "GRC", "HRS", "IAM", "IPY", "IVS", "LOG",
        "SEF", "STA", "TVM", "UEM",
    ];
    assert_eq!(domains.into_iter().collect::<Vec<_>>(), expected);
    for domain in expected {
        assert_ne!(domain_title(domain), domain_title("own"), "{domain}");
    }
    let report = weighed(&[whole()], Some(&fleet()));
    for id in [
        "hrs.training",
        "dsp.classification",
        "iam.cloud",
        "sef.plan",
        "cek.custody",
        "bcr.backup",
        "uem.devices",
    ] {
        assert_eq!(state(&report, id), State::Uncovered, "{id}");
    }
    assert_eq!(state(&report, "dcs.areas"), State::Provider);
}

#[test]
fn users_add_controls_and_replace_shipped_ones() {
    let text = |id: &str| {
        format!(
            "[[control]]\nid = \"{id}\"\ntitle = \"ours\"\nids = {{ ccm = [\"GRC-05\"] }}\n\
             owner = {{ iaas = \"customer\", paas = \"customer\", saas = \"customer\" }}\ncustomer = \"does it\"\n"
        )
    };
    let mut matrix = Matrix::shipped().unwrap();
    let (before, digest) = (matrix.len(), matrix.digest());
    matrix.add("a.toml", text("own.one").as_bytes()).unwrap();
    assert_eq!(matrix.len(), before + 1);
    matrix
        .add("b.toml", text("hrs.training").as_bytes())
        .unwrap();
    assert_eq!(matrix.len(), before + 1);
    assert_ne!(matrix.digest(), digest);
    let replaced = matrix
        .controls()
        .find(|control| control.id == "hrs.training");
    assert_eq!(replaced.unwrap().title, "ours");
    let error = matrix
        .add("c.toml", text("own.one").as_bytes())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "c.toml: control own.one: it stands twice in the files that were given"
    );
}

#[test]
fn models_shift_who_has_to_see_to_it() {
    let owner = |id: &str, model, provider| {
        let matrix = Matrix::shipped().unwrap();
        let found = matrix.controls().find(|control| control.id == id).unwrap();
        found.owner.of(model, provider)
    };
    assert_eq!(
        owner("tvm.patching", Model::Iaas, Provider::Gcp),
        Owner::Customer
    );
    assert_eq!(
        owner("tvm.patching", Model::Paas, Provider::Gcp),
        Owner::Provider
    );
    assert_eq!(
        owner("cek.rest", Model::Iaas, Provider::Aws),
        Owner::Customer
    );
    assert_eq!(owner("cek.rest", Model::Iaas, Provider::Gcp), Owner::Shared);
    for model in [Model::Iaas, Model::Paas, Model::Saas] {
        assert_eq!(owner("dcs.areas", model, Provider::Azure), Owner::Provider);
        assert_eq!(
            owner("dsp.classification", model, Provider::Azure),
            Owner::Customer
        );
    }
}

#[test]
fn evidence_that_holds_is_shown_and_limits_are_said() {
    let report = weighed(&[whole()], Some(&fleet()));
    assert_eq!(report.verdict, Verdict::Open);
    assert_eq!(
        report.counts.not_met + report.counts.unclear + report.counts.stale,
        0
    );
    assert_eq!(
        report.counts.unproven,
        0,
        "{:#?}",
        report.in_states(&[State::Unproven]).collect::<Vec<_>>()
    );
    assert_eq!(state(&report, "ccc.baseline"), State::Evidenced);
    // All of its evidence holds, and does not show all of it.
    assert_eq!(state(&report, "tvm.patching"), State::InPart);
    assert!(control(&report, "tvm.patching").gap.is_some());
    for control in report.in_states(&State::SHOWN) {
        assert!(!control.evidence.is_empty());
        assert!(control.evidence.iter().all(|it| it.holds >= Holds::InPart));
    }
    // The worst first.
    let states: Vec<State> = report.controls.iter().map(|it| it.state).collect();
    assert!(states.is_sorted());
}

#[test]
fn no_evidence_without_bytes_that_were_verified() {
    let mut unsigned = whole();
    unsigned.standing = Standing::Unsigned;
    let report = weighed(&[unsigned], Some(&fleet()));
    assert_eq!(report.counts.evidenced + report.counts.in_part, 0);
    let provenance = control(&report, "ccc.baseline");
    assert_eq!(provenance.state, State::Unproven);
    assert!(
        provenance.evidence[0]
            .text
            .contains("evidence of the builder only")
    );

    let mut untrusted = whole();
    untrusted.standing = Standing::Untrusted {
        why: "no".to_owned(),
    };
    untrusted.said = None;
    let report = weighed(&[untrusted], Some(&fleet()));
    assert_eq!(report.verdict, Verdict::Untrusted);
    assert_eq!(report.counts.evidenced + report.counts.in_part, 0);
}

#[test]
fn one_image_that_fails_decides_for_all() {
    let mut bad = whole();
    bad.said.as_mut().unwrap().rules = rules(&[("sh.root", "fail", &[])]);
    let report = weighed(&[whole(), bad, whole()], Some(&fleet()));
    assert_eq!(report.verdict, Verdict::NotMet);
    let control = control(&report, "iam.remote");
    assert_eq!(control.state, State::NotMet);
    let failed: Vec<_> = control
        .evidence
        .iter()
        .filter(|it| it.holds == Holds::No)
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].rules[0].id, "sh.root");
    assert_eq!(failed[0].rules[0].reason, "a reason");
    assert!(failed[0].next.is_some());
}

#[test]
fn each_kind_of_evidence_can_fail() {
    let report =
        |verdict: &str| changed(|said| verdict.clone_into(&mut said.attestations[0].verdict));
    let listed = |other| {
        changed(|said| {
            if let Known::Here(sbom) = &mut said.sbom {
                sbom.other_than_lock = other;
            }
        })
    };
    let audited = |verdict, open| {
        changed(|said| {
            let history = said.history.as_mut().unwrap();
            (history.log.verdict, history.log.open_findings) = (verdict, open);
        })
    };
    for (id, report, expected) in [
        (
            "iam.remote",
            changed(|said| said.rules = Known::Broken("torn".to_owned())),
            State::Unclear,
        ),
        (
            "iam.remote",
            changed(|said| said.rules = Known::Missing("not there".to_owned())),
            State::Unproven,
        ),
        (
            "iam.remote",
            changed(|said| said.rules = rules(&[("sh.root", "unknown", &[])])),
            State::Unclear,
        ),
        (
            "iam.remote",
            changed(|said| said.rules = rules(&[("ac.su", "pass", &[])])),
            State::Unproven,
        ),
        (
            "iam.remote",
            changed(|said| said.rules = rules(&[("sh.root", "not-applicable", &[])])),
            State::Unproven,
        ),
        (
            "iam.passwords",
            changed(|said| {
                said.rules = rules(&[("ac.hash", "excepted", &[]), ("ac.nullok", "pass", &[])]);
            }),
            State::InPart,
        ),
        (
            "log.scope",
            changed(|said| said.rules = rules(&[("my.rule", "fail", &["AU-12"])])),
            State::NotMet,
        ),
        (
            "cek.transit",
            changed(|said| said.rules = rules(&[("my.rule", "fail", &["SC-8"])])),
            State::NotMet,
        ),
        (
            "sta.authenticity",
            changed(|said| said.locked = Known::Missing("not there".to_owned())),
            State::Unproven,
        ),
        (
            "sta.authenticity",
            changed(|said| said.locked = Known::Broken("torn".to_owned())),
            State::Unclear,
        ),
        (
            "sta.inventory",
            changed(|said| said.sbom = Known::Missing("not there".to_owned())),
            State::Unproven,
        ),
        ("sta.inventory", listed(Some(1)), State::NotMet),
        ("sta.inventory", listed(None), State::InPart),
        ("sta.inventory", listed(Some(0)), State::InPart),
        ("tvm.malware", report("drift"), State::NotMet),
        ("tvm.malware", report("untrusted"), State::NotMet),
        ("tvm.malware", report("rollback"), State::NotMet),
        ("tvm.malware", report("incomplete"), State::Unclear),
        ("tvm.malware", report("nonsense"), State::NotMet),
        (
            "tvm.malware",
            changed(|said| said.attestations.clear()),
            State::Unproven,
        ),
        ("log.releases", audited("untrusted", 1), State::NotMet),
        ("log.releases", audited("findings", 1), State::NotMet),
        ("log.releases", audited("incomplete", 1), State::Unclear),
        (
            "log.releases",
            changed(|said| said.history = None),
            State::Unproven,
        ),
        (
            "log.releases",
            changed(|said| said.history.as_mut().unwrap().entry = None),
            State::NotMet,
        ),
        (
            "log.releases",
            changed(|said| {
                said.history
                    .as_mut()
                    .unwrap()
                    .entry
                    .as_mut()
                    .unwrap()
                    .counts = false;
            }),
            State::NotMet,
        ),
        (
            "log.releases",
            changed(|said| said.history.as_mut().unwrap().log.witnessed = false),
            State::InPart,
        ),
        (
            "ivs.segmentation",
            changed(|said| said.placement.segment = None),
            State::Unproven,
        ),
        (
            "ivs.segmentation",
            changed(|said| said.placement.segment = Some("data".to_owned())),
            State::NotMet,
        ),
        (
            "ivs.segmentation",
            changed(|said| said.name = "other".to_owned()),
            State::Unproven,
        ),
        (
            "ivs.segmentation",
            weighed(&[whole()], None),
            State::Unproven,
        ),
        (
            "ais.deployment",
            changed(|said| said.manifest = None),
            State::Unproven,
        ),
    ] {
        assert_eq!(
            state(&report, id),
            expected,
            "{id}: {:#?}",
            control(&report, id)
        );
    }
    let mut broken = fleet();
    broken.problems = vec!["web reaches data".to_owned()];
    let report = weighed(&[whole()], Some(&broken));
    assert_eq!(state(&report, "ivs.segmentation"), State::NotMet);
}

#[test]
fn evidence_ages_by_its_own_date() {
    let old = |days: u64| Epoch::saturating(NOW - days * DAY);
    let attested = |days| changed(|said| said.attestations[0].at = old(days));
    assert_eq!(state(&attested(7), "tvm.malware"), State::InPart);
    assert_eq!(state(&attested(8), "tvm.malware"), State::Stale);
    let locked = |days| {
        changed(|said| {
            if let Known::Here(locked) = &mut said.locked {
                locked.newest = Some(old(days));
            }
        })
    };
    assert_eq!(state(&locked(30), "tvm.patching"), State::InPart);
    let report = locked(31);
    assert_eq!(state(&report, "tvm.patching"), State::Stale);
    assert_eq!(report.verdict, Verdict::Incomplete);
    let built = |days| changed(|said| said.epoch = old(days));
    assert_eq!(state(&built(91), "iam.passwords"), State::Stale);
    // What lies ahead says nothing, and what has expired is old.
    let ahead = changed(|said| said.attestations[0].at = Epoch::saturating(NOW + 1));
    assert_eq!(state(&ahead, "tvm.malware"), State::Unclear);
    let expired = changed(|said| said.expires = Some(old(1)));
    assert_eq!(state(&expired, "ccc.baseline"), State::Stale);
    // Evidence that fails does not become harmless by age.
    let failed = changed(|said| {
        said.attestations[0].verdict = "drift".to_owned();
        said.attestations[0].at = old(400);
    });
    assert_eq!(state(&failed, "tvm.malware"), State::NotMet);
}

#[test]
fn nothing_claims_more_than_evidence() {
    let report = weighed(&[whole()], Some(&fleet()));
    for text in [
        oscal::component_definition(&report),
        oscal::assessment_results(&report),
    ] {
        let lower = text.to_lowercase();
        for word in ["compliant", "certified", "\"satisfied\""] {
            assert!(!lower.contains(word), "{word}");
        }
    }
    // Each control of the customer that is open is a finding.
    let results: serde_json::Value =
        serde_json::from_str(&oscal::assessment_results(&report)).unwrap();
    let result = &results["assessment-results"]["results"][0];
    let open: usize = report
        .in_states(&State::OPEN)
        .map(|control| control.nist.len())
        .sum();
    assert!(open > 30);
    assert_eq!(result["findings"].as_array().unwrap().len(), open);
}

#[test]
fn kinds_that_karat_has_are_all_asked_for() {
    let matrix = Matrix::shipped().unwrap();
    let asked: BTreeSet<Kind> = matrix
        .controls()
        .flat_map(|control| control.evidence.iter().map(|need| need.kind))
        .collect();
    assert_eq!(asked.len(), 8);
}

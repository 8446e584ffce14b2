//! What is not to be trusted, too old, or missing; images as a whole.

use karat::appraise::{Assurance, Expiry, Verification};
use karat::baseline::ImageName;
use karat::image::compress::Compression;
use karat::key::{Receipts, Role, SigningKey};
use karat::ops::verify::{Checked, Request, VerifyError, verify};

use super::*;
use crate::support::signed::{Release, signer};

fn request(release: &Release, subject: Checked) -> Request {
    Request {
        subject,
        baseline: Some(release.out("demo_1.dsse.json")),
        trust: Some(release.trust_file()),
        image: None,
        expiry: Expiry::Warn,
        explain: None,
        against: None,
        nonce: None,
        max_bytes: None,
        max_time: None,
        threads: NonZero::new(2).unwrap(),
    }
}

fn tar(release: &Release) -> Verification {
    let file = release.out("demo_1.tar.zst");
    verify(&request(release, Checked::Tar(file))).unwrap()
}

fn oci(release: &Release) -> Verification {
    let directory = release.out("demo_1.oci");
    verify(&request(release, Checked::Oci(directory))).unwrap()
}

#[track_caller]
fn assert_finding(verification: &Verification, verdict: Verdict, part: &str) {
    let messages: Vec<&str> = verification
        .findings
        .iter()
        .filter(|finding| finding.verdict == verdict)
        .map(|finding| finding.message.as_str())
        .collect();
    assert!(
        messages.iter().any(|message| message.contains(part)),
        "{part:?} is not in {messages:?}"
    );
}

fn drifts(verification: &Verification) -> Vec<String> {
    let report = verification.report.as_ref().unwrap();
    report.drifts.iter().map(line).collect()
}

#[test]
fn a_signed_build_matches_as_tar_oci_and_root() {
    let release = Release::new("signed");
    let root = verify(&request(&release, Checked::Root(release.unpack()))).unwrap();
    for verification in [tar(&release), oci(&release), root] {
        assert_eq!(
            verification.verdicts(),
            [Verdict::Match],
            "{verification:?}"
        );
        let facts = verification.baseline.unwrap();
        assert_eq!((facts.name.as_str(), facts.serial), ("demo", 5));
        assert_eq!(facts.signed_by.len(), 1);
    }
}

#[test]
fn the_compressor_does_not_matter() {
    let release = Release::new("compressor");
    for (name, compression) in [
        ("demo_1.tar", Compression::None),
        ("demo_1.tar.gz", Compression::Gzip),
        // The bytes tell what it is, whatever the name says.
        ("demo_1.tar.zst", Compression::Gzip),
    ] {
        release.write_tar(name, compression);
        let mut request = request(&release, Checked::Tar(release.out(name)));
        request.baseline = None;
        assert_eq!(
            verify(&request).unwrap().verdict(),
            Verdict::Match,
            "{name}"
        );
    }
}

#[test]
fn a_tampered_image_is_explained() {
    let mut release = Release::new("tampered");
    release.tampered(|sample| {
        sample.file("/usr/bin/ping", 0o4755, b"#!pong", "package:iputils-ping");
        sample.file("/etc/cron.d", 0o644, b"* * * * * x", "package:x");
    });
    for verification in [tar(&release), oci(&release)] {
        assert_eq!(verification.verdicts(), [Verdict::Drift]);
        assert!(!verification.artefact.as_ref().unwrap().is_as_signed());
        assert_eq!(
            drifts(&verification),
            [
                "/etc/cron.d added",
                "/usr/bin/ping content",
                "/usr/bin/ping mode"
            ]
        );
    }
}

#[test]
fn other_times_alone_are_drift_of_the_archive() {
    let mut release = Release::new("times");
    release.tampered(|sample| {
        let motd = sample.tree.get_mut(&root::image("/etc/motd")).unwrap();
        motd.stat.mtime = 1;
    });
    let verification = tar(&release);
    assert_eq!(verification.verdicts(), [Verdict::Drift]);
    assert_eq!(drifts(&verification), [""; 0]);
}

#[test]
fn a_cut_archive() {
    let release = Release::new("cut");
    let file = release.out("demo_1.tar.zst");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let verification = tar(&release);
    assert_eq!(
        verification.verdicts(),
        [Verdict::Drift, Verdict::Incomplete]
    );
    assert_finding(&verification, Verdict::Drift, "damaged");
}

#[test]
fn a_changed_byte_in_a_layer() {
    let release = Release::new("layer");
    let blobs = release.out("demo_1.oci").join("blobs/sha256");
    let largest = fs::read_dir(blobs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).unwrap();
    assert_eq!(oci(&release).verdict(), Verdict::Drift);
}

#[test]
fn the_manifest_swapped() {
    let release = Release::new("swap-manifest");
    let file = release.out("demo_1.mtree");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("mode=4755", "mode=4777")).unwrap();
    let verification = tar(&release);
    assert_eq!(verification.verdicts(), [Verdict::Untrusted]);
    assert_finding(
        &verification,
        Verdict::Untrusted,
        "demo_1.mtree is not what was signed",
    );
    assert_eq!(verification.report, None);
}

#[test]
fn the_expectations_swapped_for_lenient_ones() {
    let release = Release::new("swap-expect");
    let lenient = Expectations::new(vec![mutable("/**", Class::Volatile)]).unwrap();
    fs::write(release.out("demo_1.expect.json"), lenient.to_bytes()).unwrap();
    let verification = verify(&request(&release, Checked::Root(release.unpack()))).unwrap();
    assert_eq!(verification.verdicts(), [Verdict::Untrusted]);
    assert_eq!(verification.report, None);
}

#[test]
fn a_missing_neighbour() {
    for name in ["demo_1.mtree", "demo_1.expect.json", "demo_1.dsse.json"] {
        let release = Release::new("missing");
        fs::remove_file(release.out(name)).unwrap();
        let verification = tar(&release);
        assert_eq!(verification.verdicts(), [Verdict::Incomplete], "{name}");
        assert_finding(&verification, Verdict::Incomplete, name);
    }
}

#[test]
fn an_envelope_signed_by_an_unknown_key() {
    let release = Release::new("unknown");
    release.sign(&[&SigningKey::from_seed([9; 32])], 5, None);
    let verification = tar(&release);
    assert_eq!(verification.verdicts(), [Verdict::Untrusted]);
    assert_eq!(verification.baseline, None);
}

#[test]
fn an_envelope_with_too_few_signatures() {
    let release = Release::new("few");
    let other = SigningKey::from_seed([7; 32]);
    release.trust(1, |document| {
        let role = document.roles.get_mut(&Role::Baseline).unwrap();
        let mut second = role.keys[0].clone();
        second.key = karat::key::Signer::public_key(&other);
        role.keys.push(second);
        role.keys.sort_by_key(|key| key.key);
        role.threshold = 2;
    });
    assert_eq!(tar(&release).verdicts(), [Verdict::Untrusted]);
    // The same key twice is one key.
    release.sign(&[&signer(), &signer()], 5, None);
    assert_eq!(tar(&release).verdicts(), [Verdict::Untrusted]);
    release.sign(&[&signer(), &other], 5, None);
    assert_eq!(tar(&release).verdicts(), [Verdict::Match]);
}

#[test]
fn an_envelope_of_a_key_for_other_images() {
    let release = Release::new("scope");
    release.trust(1, |document| {
        let role = document.roles.get_mut(&Role::Baseline).unwrap();
        role.keys[0].images = vec![karat::key::ImageGlob::parse("dev-*").unwrap()];
    });
    assert_eq!(tar(&release).verdicts(), [Verdict::Untrusted]);
}

#[test]
fn a_changed_byte_in_the_envelope() {
    let release = Release::new("envelope");
    let file = release.out("demo_1.dsse.json");
    let text = fs::read_to_string(&file).unwrap();
    for other in [
        text.replacen("\"payload\":\"", "\"payload\":\"AAAA", 1),
        text.replace("in-toto+json", "in-toto+jsonx"),
        text[..text.len() / 2].to_owned(),
        String::new(),
        "{}".to_owned(),
    ] {
        fs::write(&file, other).unwrap();
        assert_eq!(tar(&release).verdicts(), [Verdict::Untrusted]);
    }
}

#[test]
fn a_trust_root_that_its_own_keys_did_not_sign() {
    let release = Release::new("trust");
    let file = release.trust_file();
    let text = fs::read_to_string(&file).unwrap();
    let mut envelope = karat::envelope::Envelope::parse(text.as_bytes())
        .unwrap()
        .signed()
        .clone();
    envelope.claims.clear();
    envelope.sign(&SigningKey::from_seed([9; 32])).unwrap();
    fs::write(&file, karat::envelope::Envelope::new(envelope).to_bytes()).unwrap();
    assert_eq!(tar(&release).verdicts(), [Verdict::Untrusted]);
}

#[test]
fn an_older_baseline_replayed() {
    let release = Release::new("replay");
    release.trust(2, |document| {
        document.min_serial.insert("demo".to_owned(), 6);
    });
    let verification = tar(&release);
    assert_eq!(verification.verdicts(), [Verdict::Rollback]);
    assert_finding(&verification, Verdict::Rollback, "serial 5");
    release.sign(&[&signer()], 6, None);
    assert_eq!(tar(&release).verdicts(), [Verdict::Match]);
}

#[test]
fn a_receipt_demanded_and_missing() {
    let release = Release::new("receipt");
    let log = SigningKey::from_seed([4; 32]);
    release.trust(1, |document| {
        document.log = Some(karat::key::LogPolicy {
            origin: "example.org/log".to_owned(),
            receipt: Receipts::Required,
        });
        let mut keys = document.roles[&Role::Root].clone();
        keys.keys[0].key = karat::key::Signer::public_key(&log);
        keys.keys[0].name = Some("example.org/log".to_owned());
        document.roles.insert(Role::Log, keys);
    });
    let verification = tar(&release);
    assert_eq!(verification.verdicts(), [Verdict::Untrusted]);
    assert_finding(&verification, Verdict::Untrusted, "demands a receipt");
}

#[test]
fn a_receipt_that_is_right_wrong_and_not_asked_for() {
    let release = Release::new("receipt");
    let log = SigningKey::from_seed([4; 32]);
    let with_log = |receipt| {
        release.trust(1, |document| {
            let mut keys = document.roles[&Role::Root].clone();
            keys.keys[0].key = karat::key::Signer::public_key(&log);
            keys.keys[0].name = Some("example.org/log".to_owned());
            document.roles.insert(Role::Log, keys);
            let origin = "example.org/log".to_owned();
            document.log = Some(karat::key::LogPolicy { origin, receipt });
        });
    };
    let envelope = fs::read(release.out("demo_1.dsse.json")).unwrap();
    let envelope = karat::envelope::Envelope::parse(&envelope).unwrap();
    let entry = karat::tlog::Kind::Signed.entry(&envelope).unwrap();
    let entries = [b"another".to_vec(), entry];
    let receipt = crate::support::log::receipt("example.org/log", &log, &entries, 1);
    let proof = release.out("demo_1.tlog-proof");
    fs::write(&proof, receipt.to_bytes()).unwrap();
    for demanded in [Receipts::Required, Receipts::Optional] {
        with_log(demanded);
        let verification = tar(&release);
        assert_eq!(verification.verdicts(), [Verdict::Match]);
        assert_eq!(verification.findings, []);
        let place = verification.baseline.unwrap().log.unwrap();
        assert_eq!((place.index, place.size), (1, 2));
        assert_eq!(
            (place.origin.as_str(), place.cosigned_by),
            ("example.org/log", vec![])
        );
    }
    // One that proves nothing is refused, whether it is demanded or not.
    for demanded in [Receipts::Required, Receipts::Optional] {
        with_log(demanded);
        for bytes in [b"anything".to_vec(), {
            let mut other = receipt.clone();
            other.proof.index = 0;
            other.to_bytes()
        }] {
            fs::write(&proof, bytes).unwrap();
            let verification = tar(&release);
            assert_eq!(verification.verdicts(), [Verdict::Untrusted]);
            assert_finding(&verification, Verdict::Untrusted, "receipt");
        }
    }
    // A trust root without a log cannot judge it.
    release.trust(1, |_| {});
    let verification = tar(&release);
    assert_eq!(verification.verdicts(), [Verdict::Match]);
    assert_finding(&verification, Verdict::Match, "was not checked");
}

#[test]
fn an_expired_statement_is_warned_about() {
    let release = Release::new("expired");
    release.sign(&[&signer()], 5, Some(1_000_000_000));
    let verification = tar(&release);
    assert_eq!(verification.verdicts(), [Verdict::Match]);
    assert_finding(&verification, Verdict::Match, "expired at 2001-09-09");
}

#[test]
fn expiry_is_enforced_warned_about_or_not_looked_at() {
    let release = Release::new("expiry");
    let with = |expiry| {
        let mut request = request(&release, Checked::Tar(release.out("demo_1.tar.zst")));
        request.expiry = expiry;
        let verification = verify(&request).unwrap();
        (verification.verdicts(), verification)
    };
    // Far behind any clock, and far ahead of it.
    release.sign(&[&signer()], 5, Some(1_000_000_000));
    let (verdicts, verification) = with(Expiry::Enforce);
    assert_eq!(verdicts, [Verdict::Untrusted]);
    assert_finding(&verification, Verdict::Untrusted, "expired at 2001-09-09");
    assert_eq!((verification.baseline, verification.report), (None, None));
    assert_eq!(with(Expiry::Ignore).1.findings, []);
    release.sign(&[&signer()], 5, Some(253_402_300_799));
    for expiry in Expiry::ALL {
        let (verdicts, verification) = with(expiry);
        assert_eq!(verdicts, [Verdict::Match]);
        assert_eq!(verification.findings, []);
        assert_eq!(verification.circumstances.expiry, expiry);
    }
    release.trust(1, |document| document.expires = Some(1_000_000_000));
    assert_eq!(with(Expiry::Warn).0, [Verdict::Match]);
    assert_eq!(with(Expiry::Enforce).0, [Verdict::Untrusted]);
}

#[test]
fn a_clock_before_the_build_tells_nothing() {
    let release = Release::new("clock");
    release.sign(&[&signer()], 5, Some(253_402_300_799));
    let stem = release.out("demo_1");
    let at = |now, expiry| {
        let mut material = karat::sys::material::read(&stem, &release.trust_file()).unwrap();
        (material.terms.now, material.terms.expiry) = (now, expiry);
        let opened = material.open();
        let verdicts: Vec<Verdict> = opened.findings.iter().map(|it| it.verdict).collect();
        (opened.statement.is_some(), verdicts)
    };
    let built = release.baseline.epoch.seconds();
    assert_eq!(at(built, Expiry::Enforce), (true, vec![]));
    let early = built - 1;
    assert_eq!(at(early, Expiry::Ignore), (true, vec![]));
    assert_eq!(at(early, Expiry::Warn), (true, vec![Verdict::Match]));
    assert_eq!(
        at(early, Expiry::Enforce),
        (false, vec![Verdict::Incomplete])
    );
}

#[test]
fn a_well_signed_envelope_of_another_image() {
    let release = Release::new("other-image");
    let with = |name: &str| {
        let mut request = request(&release, Checked::Tar(release.out("demo_1.tar.zst")));
        request.image = Some(ImageName::parse(name).unwrap());
        verify(&request).unwrap()
    };
    assert_eq!(with("demo").verdicts(), [Verdict::Match]);
    let verification = with("prod");
    assert_eq!(verification.verdicts(), [Verdict::Untrusted]);
    assert_finding(
        &verification,
        Verdict::Untrusted,
        "for the image demo, not for prod",
    );
    assert_eq!(verification.report, None);
}

#[test]
fn what_the_answer_is_worth() {
    let release = Release::new("worth");
    assert_eq!(tar(&release).circumstances.assurance, Assurance::Archive);
    assert_eq!(oci(&release).circumstances.assurance, Assurance::Archive);
    let root = request(&release, Checked::Root(release.unpack()));
    let verification = verify(&root).unwrap();
    assert_eq!(verification.circumstances.assurance, Assurance::Snapshot);
    assert_eq!(verification.circumstances.boot, None);
    assert_eq!(verification.circumstances.remembered, None);
}

#[test]
fn a_trust_root_out_of_the_tree_that_is_checked() {
    let release = Release::new("inside");
    let root = release.unpack();
    fs::copy(release.trust_file(), root.join("trust.json")).unwrap();
    let mut request = request(&release, Checked::Root(root.clone()));
    request.trust = Some(root.join("trust.json"));
    assert!(matches!(verify(&request), Err(VerifyError::TrustInside(_))));
}

//! A log with its trust roots, made step by step.

use std::fs;
use std::num::NonZero;
use std::path::PathBuf;

use karat::baseline::{Draft, ImageName, Serial, Statement};
use karat::envelope::Envelope;
use karat::key::{Role, RoleKey, Signed, Signer as _, TrustDocument};
use karat::log::{Log, Notice, Retirement, Revocation};
use karat::ops::audit::{Code, Report, Request, Severity, Since, audit};
use karat::progress::Silent;
use karat::sys::fs::Beneath;
use karat::tlog::{Kind, NoteName};

use crate::keys::fixture::{baseline, document, key, role, role_key, root_file};
use crate::support::Scratch;

pub const ORIGIN: &str = "example.com/log";
/// Root keys, the log's, a revoker's and a witness's; baseline keys are 1, 2, 3.
pub const ROOTS: [u8; 2] = [101, 102];
pub const LOG: u8 = 111;
pub const REVOKER: u8 = 121;
pub const WITNESS: u8 = 131;

pub struct History {
    pub scratch: Scratch,
    pub log: Log<Beneath>,
    pub document: TrustDocument,
}

impl History {
    /// A log with the trust root 1 as its first entry: one of the baseline keys 1, 2, 3 must sign.
    pub fn new(name: &str) -> Self {
        let mut history = Self::empty(name);
        let file = root_file(&history.document, &ROOTS);
        history.entry(Kind::Trust, &Envelope::parse(&file).unwrap());
        history
    }

    /// The same without any entry.
    pub fn empty(name: &str) -> Self {
        let scratch = Scratch::new(name);
        fs::create_dir_all(scratch.join("keys/trust")).unwrap();
        fs::create_dir_all(scratch.join("log")).unwrap();
        let disk = Beneath::open(scratch.join("log")).unwrap();
        let origin = NoteName::parse(ORIGIN).unwrap();
        let log = Log::create(disk, &origin, &key(LOG)).unwrap();
        let mut document = document(1);
        let (_, revokers) = role(Role::Revoke, 1, &[REVOKER]);
        document.roles.insert(Role::Revoke, revokers);
        let history = Self {
            scratch,
            log,
            document,
        };
        history.keep(&root_file(&history.document, &ROOTS));
        history
    }

    /// Writes a version of the trust root where a workspace has it.
    pub fn keep(&self, file: &[u8]) {
        let version = self.document.version;
        let versions = format!("keys/trust/{version}.json");
        fs::write(self.scratch.join("keys/trust.json"), file).unwrap();
        fs::write(self.scratch.join(versions), file).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Logs any bytes; gives their index.
    pub fn bytes(&mut self, bytes: &[u8]) -> u64 {
        let appended = self.log.append(&key(LOG), &[bytes.to_vec()]).unwrap();
        assert!(!appended[0].was_there);
        appended[0].index
    }

    pub fn entry(&mut self, kind: Kind<'_>, envelope: &Envelope) -> u64 {
        self.bytes(&kind.entry(envelope).unwrap())
    }

    /// Logs a release, signed by `signers`.
    pub fn release(&mut self, image: &str, serial: u64, signers: &[u8]) -> u64 {
        self.entry(Kind::Signed, &release(image, "1.0", serial, signers))
    }

    /// Logs releases at once.
    pub fn releases(&mut self, releases: &[Envelope]) {
        let entries = releases.iter().map(|it| Kind::Signed.entry(it).unwrap());
        let entries: Vec<Vec<u8>> = entries.collect();
        self.log.append(&key(LOG), &entries).unwrap();
    }

    /// The next trust root, signed and kept.
    pub fn next_root(&mut self, change: impl FnOnce(&mut TrustDocument)) -> Envelope {
        self.document.version += 1;
        change(&mut self.document);
        let file = root_file(&self.document, &ROOTS);
        self.keep(&file);
        Envelope::parse(&file).unwrap()
    }

    /// Logs the next trust root.
    pub fn root(&mut self, change: impl FnOnce(&mut TrustDocument)) -> u64 {
        let next = self.next_root(change);
        self.entry(Kind::Trust, &next)
    }

    /// Logs a revocation.
    pub fn revoke(&mut self, seed: u8, from: Option<u64>, signers: &[u8]) -> u64 {
        self.notice(
            &Notice::Revoke(Revocation {
                key: key(seed).public_key(),
                from,
                reason: "laptop stolen".to_owned(),
            }),
            signers,
        )
    }

    /// Logs a retirement.
    pub fn retire(&mut self, image: &str, from: u64, through: u64) -> u64 {
        self.notice(
            &Notice::Retire(Retirement {
                image: ImageName::parse(image).unwrap(),
                from: Serial::new(from).unwrap(),
                through: Serial::new(through).unwrap(),
                reason: "a hole".to_owned(),
            }),
            &[REVOKER],
        )
    }

    fn notice(&mut self, notice: &Notice, signers: &[u8]) -> u64 {
        let mut signed = notice.to_signed(ORIGIN).unwrap();
        for signer in signers {
            signed.sign(&key(*signer)).unwrap();
        }
        self.entry(notice.kind(), &Envelope::new(signed))
    }

    pub fn size(&self) -> u64 {
        self.log.size()
    }

    /// Audits it as the workspace's trust root says.
    pub fn audit(&self) -> Report {
        self.audit_with(|_| ())
    }

    pub fn audit_with(&self, change: impl FnOnce(&mut Ask)) -> Report {
        self.audit_by("keys/trust.json", change)
    }

    pub fn audit_by(&self, trust: &str, change: impl FnOnce(&mut Ask)) -> Report {
        let trust = self.path(trust);
        let mut ask = Ask::default();
        change(&mut ask);
        let request = Request {
            trust: &trust,
            since: ask.since,
            envelopes: ask.envelopes.as_deref(),
            outputs: None,
            acknowledged: ask.acknowledged.as_deref(),
            evidence: ask.evidence.as_deref(),
            threads: NonZero::new(ask.threads.unwrap_or(2)).unwrap(),
        };
        let log = Log::open(Beneath::open(self.path("log")).unwrap()).unwrap();
        audit(&log, "log", &request, &Silent).unwrap()
    }
}

/// What an audit is asked for.
#[derive(Default)]
pub struct Ask {
    pub since: Option<Since>,
    pub envelopes: Option<PathBuf>,
    pub acknowledged: Option<PathBuf>,
    pub evidence: Option<PathBuf>,
    pub threads: Option<usize>,
}

/// An envelope with a statement.
pub fn release(image: &str, version: &str, serial: u64, signers: &[u8]) -> Envelope {
    let draft = Draft::new(baseline(image, version)).unwrap();
    let statement: Statement = draft.complete(Serial::new(serial).unwrap(), None);
    let mut signed: Signed = statement.to_signed().unwrap();
    for signer in signers {
        signed.sign(&key(*signer)).unwrap();
    }
    Envelope::new(signed)
}

/// What was found, notes left out.
pub fn found(report: &Report) -> Vec<(Code, Option<u64>)> {
    let findings = report.findings.iter();
    let weighs = findings.filter(|finding| finding.severity != Severity::Note);
    weighs
        .map(|finding| (finding.code, finding.index))
        .collect()
}

/// The key of a role, ended.
pub fn end(document: &mut TrustDocument, role: Role, seed: u8, until: u64) {
    let key = crate::keys::fixture::entry(document, role, seed);
    key.until = Some(until);
    key.reason = Some("laptop stolen".to_owned());
}

/// A further key of a role.
pub fn add(document: &mut TrustDocument, role: Role, seed: u8, from: u64) {
    let new = RoleKey {
        from,
        ..role_key(role, seed)
    };
    let keys = &mut document.roles.get_mut(&role).unwrap().keys;
    keys.push(new);
    keys.sort_by_key(|key| key.key);
}

//! From the bytes of an Envelope and its neighbours to something to compare with.

use std::num::NonZero;

use super::Verdict;
use super::verification::{Facts, Finding, Inputs};
use crate::baseline::{OpenError, Statement, Subject, Verified};
use crate::digest::Digest;
use crate::envelope::Envelope;
use crate::expect::Expectations;
use crate::key::{Role, TrustRoot};
use crate::manifest::{Manifest, Parts};
use crate::tree::{Content, Epoch};

/// Files as they were found: hostile bytes, none of them checked.
#[derive(Clone, Debug)]
pub struct Material {
    /// The trust root that somebody chose to trust, never out of what is being checked.
    pub trust: Neighbour,
    /// The Envelope, `X.dsse.json`.
    pub envelope: Neighbour,
    /// The manifest, `X.mtree`.
    pub manifest: Neighbour<Parts>,
    /// The expectations, `X.expect.json`.
    pub expectations: Neighbour,
    /// Whether there is a Receipt, `X.tlog-proof`.
    pub has_receipt: bool,
    /// This machine's clock, in seconds since 1970: for warnings about expiry only.
    pub now: u64,
    /// How many threads to parse with.
    pub threads: NonZero<usize>,
}

/// A file that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour<Bytes = Vec<u8>> {
    /// Its path, for messages.
    pub path: String,
    /// Its bytes; `None`: it is not there.
    pub bytes: Option<Bytes>,
}

/// What the door gives.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What was signed and by whom; `None` where no signature could be trusted.
    pub facts: Option<Facts>,
    /// The signed statement; `None` as above.
    pub statement: Option<Verified<Statement>>,
    /// The manifest and the expectations, the very bytes that were signed; `None` where one of them
    /// is missing or another.
    pub expected: Option<(Manifest, Expectations)>,
    /// What is wrong, missing, or worth a warning.
    pub findings: Vec<Finding>,
}

impl Material {
    /// What is judged by.
    pub fn inputs(&self) -> Inputs {
        let digest = |file: &Neighbour| file.bytes.as_deref().map(Digest::of);
        Inputs {
            trust: digest(&self.trust),
            envelope: digest(&self.envelope),
        }
    }

    /// Checks signatures first, then digests, and only then reads what is in the files.
    pub fn open(self) -> Opened {
        let mut opened = Opened {
            facts: None,
            statement: None,
            expected: None,
            findings: Vec::new(),
        };
        let Some(root) = self.trust_root(&mut opened.findings) else {
            return opened;
        };
        let Some(statement) = self.statement(&root, &mut opened.findings) else {
            return opened;
        };
        opened.facts = Some(facts(&root, &statement));
        let findings = &mut opened.findings;
        let expected = statement.baseline();
        let manifest = signed(
            self.manifest,
            expected.digest(Subject::Manifest),
            Parts::content,
            |parts, content| Manifest::parse_parts(parts, content, self.threads),
            findings,
        );
        let expectations = signed(
            self.expectations,
            expected.digest(Subject::Expectations),
            |bytes| Content::of(bytes),
            |bytes, _| Expectations::parse(&bytes),
            findings,
        );
        opened.expected = manifest.zip(expectations);
        opened.statement = Some(statement);
        opened
    }

    fn trust_root(&self, findings: &mut Vec<Finding>) -> Option<TrustRoot> {
        let Some(bytes) = &self.trust.bytes else {
            findings.push(Finding {
                verdict: Verdict::Incomplete,
                message: format!("there is no trust root at {}", self.trust.path),
                hint: Some("name the trust root that you trust with --trust".to_owned()),
            });
            return None;
        };
        match TrustRoot::parse(bytes) {
            Ok(root) => {
                self.warn_expired("the trust root", root.expires(), findings);
                Some(root)
            }
            Err(error) => {
                findings.push(Finding {
                    verdict: Verdict::Untrusted,
                    message: format!("{}: {error}", self.trust.path),
                    hint: None,
                });
                None
            }
        }
    }

    fn statement(
        &self,
        root: &TrustRoot,
        findings: &mut Vec<Finding>,
    ) -> Option<Verified<Statement>> {
        let Some(bytes) = &self.envelope.bytes else {
            findings.push(Finding {
                verdict: Verdict::Incomplete,
                message: format!("there is no envelope at {}", self.envelope.path),
                hint: Some("name the signed baseline with --baseline X.dsse.json".to_owned()),
            });
            return None;
        };
        let mut refuse = |verdict, message: String, hint: Option<&str>| {
            findings.push(Finding {
                verdict,
                message: format!("{}: {message}", self.envelope.path),
                hint: hint.map(str::to_owned),
            });
        };
        let opened = Envelope::parse(bytes)
            .map_err(|error| (Verdict::Untrusted, error.to_string(), None))
            .and_then(|envelope| {
                envelope.open(root).map_err(|error| {
                    let hint = hint_of(&error);
                    (verdict_of(&error), error.to_string(), hint)
                })
            });
        match opened {
            Ok(statement) => {
                if self.has_receipt {
                    findings.push(Finding {
                        verdict: Verdict::Match,
                        message: "the receipt of the log was not checked: the trust root does not \
                                  demand one"
                            .to_owned(),
                        hint: None,
                    });
                }
                let expires = statement.expires().map(Epoch::seconds);
                self.warn_expired("the signed statement", expires, findings);
                Some(statement)
            }
            Err((verdict, message, hint)) => {
                refuse(verdict, message, hint);
                if verdict == Verdict::Incomplete && self.has_receipt {
                    refuse(
                        verdict,
                        "there is a receipt, and this version of karat cannot check it".to_owned(),
                        None,
                    );
                }
                None
            }
        }
    }

    fn warn_expired(&self, what: &str, expires: Option<u64>, findings: &mut Vec<Finding>) {
        if let Some(expires) = expires.filter(|expires| *expires < self.now) {
            let when = Epoch::new(expires).map_or_else(|_| expires.to_string(), Epoch::rfc3339);
            findings.push(Finding {
                verdict: Verdict::Match,
                message: format!("{what} expired at {when}, by this machine's clock"),
                hint: None,
            });
        }
    }
}

fn verdict_of(error: &OpenError) -> Verdict {
    match error {
        OpenError::Rollback { .. } => Verdict::Rollback,
        OpenError::ReceiptRequired => Verdict::Incomplete,
        OpenError::PayloadType(_)
        | OpenError::Threshold(_)
        | OpenError::Image { .. }
        | OpenError::Statement(_) => Verdict::Untrusted,
    }
}

fn hint_of(error: &OpenError) -> Option<&'static str> {
    match error {
        OpenError::Threshold(_) | OpenError::Image { .. } => Some(
            "compare the key ids with those of 'karat trust show'; --trust names another trust root",
        ),
        OpenError::Rollback { .. } => Some("verify against the newest baseline of this image"),
        OpenError::PayloadType(_) | OpenError::ReceiptRequired | OpenError::Statement(_) => None,
    }
}

fn facts(root: &TrustRoot, statement: &Verified<Statement>) -> Facts {
    let baseline = statement.baseline();
    Facts {
        name: baseline.name.as_str().to_owned(),
        version: baseline.version.as_str().to_owned(),
        serial: statement.serial().get(),
        epoch: baseline.epoch,
        signed_by: statement
            .quorum()
            .keys()
            .map(|key| key.id().to_string())
            .collect(),
        threshold: root.role(Role::Baseline).map_or(0, |role| role.threshold),
        trust_root: statement.root_version(),
        manifest: baseline
            .digest(Subject::Manifest)
            .unwrap_or_else(|| Digest::of(b"")),
    }
}

/// A neighbour whose bytes are the signed ones, read.
fn signed<Bytes, T, E: std::fmt::Display>(
    neighbour: Neighbour<Bytes>,
    expected: Option<Digest>,
    content: impl FnOnce(&Bytes) -> Content,
    parse: impl FnOnce(Bytes, Content) -> Result<T, E>,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    let mut find = |verdict, message: String| {
        findings.push(Finding {
            verdict,
            message,
            hint: None,
        });
        None
    };
    let path = &neighbour.path;
    let Some(bytes) = neighbour.bytes else {
        let missing = format!("{path} is missing: nothing can be compared without it");
        return find(Verdict::Incomplete, missing);
    };
    let Some(expected) = expected else {
        let silent = format!("{path} is not what was signed: the statement does not name it");
        return find(Verdict::Untrusted, silent);
    };
    let content = content(&bytes);
    let observed = content.digest;
    if observed != expected {
        let other = format!("{path} is not what was signed: sha256 {observed}, signed {expected}");
        return find(Verdict::Untrusted, other);
    }
    match parse(bytes, content) {
        Ok(value) => Some(value),
        Err(error) => find(
            Verdict::Incomplete,
            format!("{path} is what was signed, and cannot be read: {error}"),
        ),
    }
}

//! From the bytes of an Envelope and its neighbours to something to compare with.

use std::num::NonZero;

use super::roots::{self, NewerRoot};
use super::verification::{Facts, Finding, Inputs, LogFacts};
use super::{Expiry, Verdict};
use crate::baseline::{ImageName, OpenError, Statement, Subject, Verified};
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
    /// Newer ones that it may lead to, by version: `trust/N.json` beside the Envelope.
    pub newer_roots: Vec<NewerRoot>,
    /// The Envelope, `X.dsse.json`.
    pub envelope: Neighbour,
    /// The manifest, `X.mtree`.
    pub manifest: Neighbour<Parts>,
    /// The expectations, `X.expect.json`.
    pub expectations: Neighbour,
    /// The Receipt, `X.tlog-proof`: needed where the trust root demands one.
    pub receipt: Neighbour,
    /// What is demanded of all that.
    pub terms: Terms,
    /// How many threads there are: half of them parse, the others look at the tree meanwhile.
    pub threads: NonZero<usize>,
}

/// What is demanded beyond signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The image that is expected; `None`: any that the trust root lets sign.
    pub image: Option<ImageName>,
    /// What happens once something has expired.
    pub expiry: Expiry,
    /// This machine's clock, in seconds since 1970: for judging expiry only.
    pub now: u64,
}

/// A file that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour<Bytes = Vec<u8>> {
    /// Its path, for messages.
    pub path: String,
    /// Its bytes; `None`: they are not to be had.
    pub bytes: Option<Bytes>,
    /// Why not, of something that is there: a FIFO, a directory, more bytes than are read.
    pub unread: Option<String>,
}

impl<Bytes> Neighbour<Bytes> {
    /// Whether there is nothing of that name.
    pub fn is_absent(&self) -> bool {
        self.bytes.is_none() && self.unread.is_none()
    }
}

/// What the door gives.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// The version of the trust root that was judged by; `None` where there is none to judge by.
    pub trust_root: Option<u64>,
    /// That trust root; `None` where no signature could be trusted.
    pub root: Option<TrustRoot>,
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
            trust_root: None,
            root: None,
            facts: None,
            statement: None,
            expected: None,
            findings: Vec::new(),
        };
        let root = newest_root(
            &self.trust,
            &self.newer_roots,
            &self.terms,
            &mut opened.findings,
        );
        let Some(root) = root else {
            return opened;
        };
        opened.trust_root = Some(root.version());
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
            |parts, content| Manifest::parse_parts(parts, content, half(self.threads)),
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
        opened.root = Some(root);
        opened
    }

    /// The trust root to judge by, and what was signed under it; `None`, said why, where no signature
    /// can be trusted. Nothing is compared with it: that is for who knows what it is about.
    pub fn trusted(&self, findings: &mut Vec<Finding>) -> Option<(TrustRoot, Verified<Statement>)> {
        let root = newest_root(&self.trust, &self.newer_roots, &self.terms, findings)?;
        let statement = self.statement(&root, findings)?;
        Some((root, statement))
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
        let opened = open(root, bytes, &self.receipt).and_then(|statement| {
            match self.terms.other_image(&statement) {
                Some(message) => Err((Verdict::Untrusted, message, None)),
                None => Ok(statement),
            }
        });
        match opened {
            Ok(statement) => {
                if self.receipt.bytes.is_some() && statement.logged().is_none() {
                    findings.push(Finding {
                        verdict: Verdict::Match,
                        message:
                            "the receipt of the log was not checked: the trust root names no log"
                                .to_owned(),
                        hint: None,
                    });
                }
                let expires = statement.expires().map(Epoch::seconds);
                let built = statement.baseline().epoch.seconds();
                let what = "the signed statement";
                let is_current = self.terms.is_current(what, expires, built, findings);
                is_current.then_some(statement)
            }
            Err((verdict, message, hint)) => {
                refuse(verdict, message, hint);
                None
            }
        }
    }
}

/// The trust root to judge by: the newest that `pinned` leads to through `newer`, which are ordered
/// by version.
pub fn newest_root(
    pinned: &Neighbour,
    newer: &[NewerRoot],
    terms: &Terms,
    findings: &mut Vec<Finding>,
) -> Option<TrustRoot> {
    let mut refuse = |verdict, message, hint: Option<&str>| {
        findings.push(Finding {
            verdict,
            message,
            hint: hint.map(str::to_owned),
        });
    };
    let Some(bytes) = &pinned.bytes else {
        let message = format!("there is no trust root at {}", pinned.path);
        let hint = "name the trust root that you trust with --trust";
        refuse(Verdict::Incomplete, message, Some(hint));
        return None;
    };
    match TrustRoot::parse(bytes) {
        Ok(root) => {
            let root = roots::follow(root, newer, findings)?;
            let what = format!("trust root {}", root.version());
            let is_current = terms.is_current(&what, root.expires(), 0, findings);
            is_current.then_some(root)
        }
        Err(error) => {
            let message = format!("{}: {error}", pinned.path);
            refuse(Verdict::Untrusted, message, None);
            None
        }
    }
}

impl Terms {
    /// Why `statement` is about another image than the expected one; `None` where it is not.
    pub(super) fn other_image(&self, statement: &Statement) -> Option<String> {
        let expected = self.image.as_ref()?;
        let name = &statement.baseline().name;
        (name != expected)
            .then(|| format!("it is well signed, and for the image {name}, not for {expected}"))
    }

    /// Whether something that `expires` still counts. A clock that stands before `built`, when it
    /// was made, is wrong, and cannot tell.
    pub fn is_current(
        &self,
        what: &str,
        expires: Option<u64>,
        built: u64,
        findings: &mut Vec<Finding>,
    ) -> bool {
        let (Some(expires), false) = (expires, self.expiry == Expiry::Ignore) else {
            return true;
        };
        let when =
            |seconds| Epoch::new(seconds).map_or_else(|_| seconds.to_string(), Epoch::rfc3339);
        let (message, enforced) = if expires < self.now {
            let when = when(expires);
            let message = format!("{what} expired at {when}, by this machine's clock");
            (message, Verdict::Untrusted)
        } else if self.now < built {
            let (now, built) = (when(self.now), when(built));
            let message = format!(
                "whether {what} has expired cannot be told: this machine's clock says {now}, and it \
                 was made at {built}"
            );
            (message, Verdict::Incomplete)
        } else {
            return true;
        };
        let is_enforced = self.expiry == Expiry::Enforce;
        findings.push(Finding {
            verdict: if is_enforced {
                enforced
            } else {
                Verdict::Match
            },
            message,
            hint: is_enforced.then(|| "deliver a newer one, or set the clock".to_owned()),
        });
        !is_enforced
    }
}

/// Opens the file of an Envelope under `root`: with its Receipt, where there are one and a log that
/// it could be of. A Receipt that proves nothing is refused, also where none is demanded: whoever
/// put it there wants something. So is one that cannot be read.
pub(super) fn open(
    root: &TrustRoot,
    envelope: &[u8],
    receipt: &Neighbour,
) -> Result<Verified<Statement>, (Verdict, String, Option<&'static str>)> {
    let envelope =
        Envelope::parse(envelope).map_err(|error| (Verdict::Untrusted, error.to_string(), None))?;
    if let Some(reason) = &receipt.unread {
        let message = format!("its receipt {} cannot be read: {reason}", receipt.path);
        return Err((Verdict::Incomplete, message, Some("take it away")));
    }
    let opened = match &receipt.bytes {
        Some(receipt) if root.log().is_some() => envelope.open_logged(root, receipt),
        _ => envelope.open(root),
    };
    opened.map_err(|error| (verdict_of(&error), error.to_string(), hint_of(&error)))
}

fn verdict_of(error: &OpenError) -> Verdict {
    match error {
        OpenError::Rollback { .. } => Verdict::Rollback,
        OpenError::PayloadType(_)
        | OpenError::Receipt(_)
        | OpenError::ReceiptRequired
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
        OpenError::Receipt(_) => {
            Some("get the receipt X.tlog-proof of this very envelope: 'karat log append' writes it")
        }
        OpenError::ReceiptRequired => {
            Some("put the receipt X.tlog-proof beside the envelope: 'karat log append' writes it")
        }
        OpenError::PayloadType(_) | OpenError::Statement(_) => None,
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
        log: statement.logged().map(LogFacts::of),
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
        let why = match neighbour.unread {
            Some(reason) => format!("cannot be read: {reason}"),
            None => "is missing".to_owned(),
        };
        let missing = format!("{path} {why}: nothing can be compared without it");
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
/// Rounded up.
fn half(threads: NonZero<usize>) -> NonZero<usize> {
    NonZero::new(threads.get().div_ceil(2)).unwrap_or(NonZero::<usize>::MIN)
}

//! `karat-agent peers apply`: lets in whom the fleet's keys name; and whom a verification expects to be
//! let in.

use std::path::Path;

use super::Exit;
use super::agent::Options;
use super::instance::{self, Fault, STATE};
use crate::appraise::{Finding, Neighbour, Opened, Terms, Verdict};
use crate::expect::fact::Firewall;
use crate::key::TrustRoot;
use crate::limits;
use crate::peers::{Peers, SeenPeers, VerifiedPeers, file_name};
use crate::sys::fs::{self, Lock};
use crate::sys::{facts, material};

/// Where documents of peers are delivered.
const DELIVERED: &str = "/var/lib/karat/peers";
/// The file, beside those of the state, that remembers which one was applied.
const SEEN: &str = "peers";

/// Fills the sets of the packet filter; gives what to say, and how it went. Without a document that
/// counts they become empty.
pub(super) fn apply(options: &Options) -> Result<(String, Exit), Fault> {
    let mut findings = Vec::new();
    let (opened, terms) = instance::opened(options, &mut findings)?;
    let Some((manifest, _)) = &opened.expected else {
        return Ok((
            told(
                "what this image is cannot be told, and nothing was done",
                &findings,
            ),
            worst(&findings),
        ));
    };
    let Some(firewall) = firewall(&opened) else {
        return Ok(("this image has no sets of peers".to_owned(), Exit::Ok));
    };
    let state = options.state.as_deref().unwrap_or_else(|| Path::new(STATE));
    fs::make_dirs(state, 0o755)?;
    let _lock = Lock::directory(state)?;
    findings.clear();
    let peers = counted(&opened, &terms, state, &mut findings);
    let commands = Peers::commands(peers.as_deref(), &firewall.rules);
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    if let Err(why) = facts::nft(manifest, &commands) {
        let message = format!("the sets of peers are as before: {why}");
        return Ok((told(&message, &findings), Exit::Failed));
    }
    let message = match &peers {
        None => "no peers: their sets are empty".to_owned(),
        Some(peers) => {
            let text = SeenPeers::of(peers).to_text();
            fs::write_atomic(state.join(SEEN), text.as_bytes(), 0o644)?;
            format!("peers of {}: serial {}", peers.segment, peers.serial)
        }
    };
    let exit = if peers.is_some() {
        Exit::Ok
    } else {
        worst(&findings)
    };
    Ok((told(&message, &findings), exit))
}

/// How a ruleset lists the sets that hold peers, by how it lists them while they are empty. What
/// stands against the document is a warning: without it nobody is let in, and whoever is drifts.
pub(super) fn expected(
    options: &Options,
    opened: &Opened,
    terms: &Terms,
    findings: &mut Vec<Finding>,
) -> Vec<(String, String)> {
    let state = options.state.as_deref().unwrap_or_else(|| Path::new(STATE));
    let mut own = Vec::new();
    let peers = counted(opened, terms, state, &mut own);
    for finding in &mut own {
        finding.verdict = Verdict::Match;
    }
    findings.extend(own);
    peers.map(|peers| peers.filled_sets()).unwrap_or_default()
}

/// The document that counts; `None`, said why where there is one, if none does.
fn counted(
    opened: &Opened,
    terms: &Terms,
    state: &Path,
    findings: &mut Vec<Finding>,
) -> Option<VerifiedPeers> {
    let segment = firewall(opened)?.peers.as_deref()?;
    let root = opened.root.as_ref()?;
    let path = Path::new(DELIVERED).join(file_name(segment)?);
    let file = material::delivered(&path, limits::ENVELOPE_MAX);
    let peers = match document(&file, root, segment, state) {
        Ok(peers) => peers?,
        Err((verdict, why)) => {
            findings.push(Finding {
                verdict,
                message: file.path + ": " + &why,
                hint: Some("deliver a document that 'karat segment peers show' accepts".to_owned()),
            });
            return None;
        }
    };
    let what = format!("serial {} of the peers of {segment}", peers.serial);
    let is_current = terms.is_current(&what, peers.expires, 0, findings);
    is_current.then_some(peers)
}

/// The document, where there is one: well signed, and no older than what was applied before.
fn document(
    file: &Neighbour,
    root: &TrustRoot,
    segment: &str,
    state: &Path,
) -> Result<Option<VerifiedPeers>, (Verdict, String)> {
    let Some(bytes) = &file.bytes else {
        let unread = file.unread.clone();
        return unread.map_or(Ok(None), |why| Err((Verdict::Incomplete, why)));
    };
    let peers = Peers::open(root, bytes, segment);
    let peers = peers.map_err(|error| (Verdict::Untrusted, error.to_string()))?;
    match fs::read_ours(state.join(SEEN), limits::PEERS_SEEN_MAX) {
        Ok(bytes) => {
            let seen = SeenPeers::parse(&bytes).and_then(|seen| seen.judge(&peers));
            seen.map_err(|error| (Verdict::Rollback, error.to_string()))?;
        }
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err((Verdict::Incomplete, error.to_string())),
    }
    Ok(Some(peers))
}

fn firewall(opened: &Opened) -> Option<&Firewall> {
    let (_, expectations) = opened.expected.as_ref()?;
    expectations.facts().firewall.as_ref()
}

fn told(message: &str, findings: &[Finding]) -> String {
    let mut text = message.to_owned();
    for finding in findings {
        text = text + "\n" + &finding.message;
    }
    text
}

/// By what was found; at least that it could not be told.
fn worst(findings: &[Finding]) -> Exit {
    let verdicts = findings.iter().map(|finding| Exit::from(finding.verdict));
    verdicts.fold(Exit::Ok, Exit::and)
}

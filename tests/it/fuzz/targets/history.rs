//! What is told about logs: notices, evidence of forks, policies, and what witnesses and monitors read.

use karat::baseline::{ImageName, Serial};
use karat::key::{Signed, Signer as _};
use karat::limits;
use karat::log::{AddCheckpoint, ForkEvidence, Memory, Notice, Retirement, Revocation};
use karat::tlog::{NoteKey, Policy};

use super::seeds::texts;
use crate::keys::fixture::key;
use crate::support::log::{MemoryTree, checkpoint, name};

const ORIGIN: &str = "example.com/log";

/// Written as it came. Nobody but the log can be convicted by it, and of nothing but what it signed.
pub fn fork(bytes: &[u8]) {
    if let Ok(evidence) = ForkEvidence::parse(bytes) {
        assert_eq!(evidence.to_bytes(), bytes);
        let vkey = NoteKey::ed25519(name(ORIGIN), key(111).public_key());
        if let Ok(fork) = evidence.check(&[vkey]) {
            assert_eq!(fork.origin(), ORIGIN);
            assert_eq!(fork.smaller(), heads()[0]);
            assert_eq!(fork.larger(), heads()[1]);
        }
    }
}

fn heads() -> [karat::tlog::TreeHead; 2] {
    [honest(), other()].map(|tree| tree.frontier.head())
}

fn honest() -> MemoryTree {
    MemoryTree::of_numbers(7)
}

fn other() -> MemoryTree {
    let mut tree = MemoryTree::of_numbers(6);
    tree.push(b"another");
    tree
}

fn signed(tree: &MemoryTree) -> Vec<u8> {
    let mut note = checkpoint(ORIGIN, tree);
    note.sign(&name(ORIGIN), &key(111)).unwrap();
    note.to_bytes()
}

pub fn fork_seeds() -> Vec<Vec<u8>> {
    let [smaller, larger] = [honest(), other()].map(|tree| signed(&tree));
    let hash = "root CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    ["", hash]
        .map(|prefix| {
            let head = format!("karat-fork/1\n{prefix}\n");
            [head.as_bytes(), &smaller, b"\n", &larger].concat()
        })
        .to_vec()
}

/// A payload of a notice has one spelling.
pub fn notice(bytes: &[u8]) {
    let signed = Signed::new(Notice::PAYLOAD_TYPE, bytes.to_vec());
    if let Ok(notice) = Notice::unverified(&signed) {
        let raw: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let again = notice.to_signed(raw["log"].as_str().unwrap()).unwrap();
        assert_eq!(again.payload, bytes);
        assert!((1..=limits::REASON_MAX).contains(&notice.reason().len()));
    }
}

pub fn notice_seeds() -> Vec<Vec<u8>> {
    let serial = |number| Serial::new(number).unwrap();
    let key = key(1).public_key();
    let reason = "laptop \u{fc} stolen".to_owned();
    let all = [
        Notice::Revoke(Revocation {
            key,
            from: Some(7),
            reason: reason.clone(),
        }),
        Notice::Revoke(Revocation {
            key,
            from: None,
            reason: reason.clone(),
        }),
        Notice::Retire(Retirement {
            image: ImageName::parse("web").unwrap(),
            from: serial(1),
            through: serial(3),
            reason,
        }),
    ];
    all.iter()
        .map(|notice| notice.to_signed(ORIGIN).unwrap().payload)
        .collect()
}

/// What is read means the same when it is written and read again.
pub fn tlog_policy(bytes: &[u8]) {
    if let Ok(policy) = Policy::parse(bytes) {
        assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
    }
}

pub fn tlog_policy_seeds() -> Vec<Vec<u8>> {
    let log = NoteKey::ed25519(name(ORIGIN), key(111).public_key());
    let [a, b] = [1, 2].map(|seed| NoteKey::cosigner(name("w.example"), key(seed).public_key()));
    texts([
        format!(
            "# Comment\nlog {log} https://example.com/log\nwitness a {a} https://a.example\nwitness b\t{b}\ngroup both 1 a b\nquorum both\n"
        ),
        format!("log {log}\nquorum none\n"),
        format!("log {log}\nwitness a {a}\ngroup g any a\ngroup h all g\nquorum h\n"),
    ])
}

/// Written as it came, within the caps.
pub fn witness_request(bytes: &[u8]) {
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_bytes(), bytes);
        assert!(request.proof.hashes.len() <= limits::WITNESS_PROOF_MAX);
    }
}

pub fn witness_request_seeds() -> Vec<Vec<u8>> {
    let note = signed(&honest());
    [
        "old 0\n",
        "old 5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
    ]
    .map(|head| [head.as_bytes(), b"\n", &note].concat())
    .to_vec()
}

/// Written as it came; and what hostile entries named is read again.
pub fn monitor_memory(bytes: &[u8]) {
    if let Ok(memory) = Memory::parse(bytes) {
        assert_eq!(memory.to_bytes(), bytes);
    }
    let mut memory = Memory::parse(&monitor_memory_seeds()[0]).unwrap();
    memory
        .keys
        .insert(String::from_utf8_lossy(bytes).into_owned());
    let written = memory.to_bytes();
    assert_eq!(Memory::parse(&written).unwrap().to_bytes(), written);
}

pub fn monitor_memory_seeds() -> Vec<Vec<u8>> {
    let note = signed(&honest());
    ["image web\nkey 3f2a\n", "", "key a\\nb\n"]
        .map(|lines| [b"karat-monitor/1\n", lines.as_bytes(), b"\n", &note].concat())
        .to_vec()
}

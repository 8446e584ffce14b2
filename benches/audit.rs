//! A log to audit, and what auditing it cannot be faster than on this machine.
//!
//! ```text
//! cargo bench --bench audit -- make DIR N      a log of N signed entries, and its trust root
//! cargo bench --bench audit -- limit DIR       two numbers of seconds, on all processors and on one:
//!                                              every signature strictly verified, every entry hashed
//! ```
//! `benches/audit.py` runs both beside karat. The limit reads, takes apart and computes nothing else:
//! only verifying and hashing stand between its clock's start and stop.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads and prints"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ed25519_dalek::VerifyingKey;
use karat::baseline::{
    Baseline, Draft, ImageName, ImageVersion, Inputs, Placement, Serial, Subject, Subjects,
};
use karat::digest::Digest;
use karat::envelope::Envelope;
use karat::key::{
    ImageGlob, LogPolicy, Receipts, Role, RoleKey, RoleKeys, Signer as _, SigningKey, TrustDocument,
};
use karat::tlog::{
    Checkpoint, Entry, Frontier, Kind, Node, Note, NoteName, Tile, TileKind, TreeHead,
    decode_bundle, encode_bundle, leaf_hash,
};
use karat::tree::Epoch;

const ORIGIN: &str = "example.com/bench";
/// Images whose releases take turns.
const IMAGES: u64 = 50;
const FULL: u64 = 256;

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with("--"))
        .collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", directory, count] => make(Path::new(directory), count.parse()?),
        ["limit", directory] => limit(Path::new(directory)),
        _ => {
            println!("usage: cargo bench --bench audit -- make DIR N | limit DIR");
            Ok(())
        }
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does the same with each number below `count`, on several threads; gives what each thread made of it.
fn share<T: Send + Default>(
    count: u64,
    threads: usize,
    work: impl Fn(u64, &mut T) -> Result<(), Failed> + Sync,
) -> Result<Vec<T>, Failed> {
    let next = AtomicU64::new(0);
    let run = || {
        let mut made = T::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(made);
            }
            work(number, &mut made)?;
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let lost = |_panic| Err("a thread failed".into());
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(lost))
            .collect()
    })
}

fn path_of(directory: &Path, tile: Tile) -> PathBuf {
    directory.join(tile.to_string())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(fs::write(path, bytes)?)
}

fn entry(index: u64, signer: &SigningKey) -> Result<Vec<u8>, Failed> {
    let image = index % IMAGES;
    let serial = index / IMAGES;
    let digest = |what: &str| Digest::of(format!("{what} {index}").as_bytes());
    let draft = Draft::new(Baseline {
        name: ImageName::parse(&format!("image-{image}"))?,
        version: ImageVersion::parse(&format!("1.{serial}"))?,
        epoch: Epoch::new(1_700_000_000)?,
        builder: "karat 0.1.0".to_owned(),
        inputs: Inputs {
            template: digest("template"),
            lock: digest("lock"),
            trust: Some(digest("trust")),
            agent: Some(digest("agent")),
        },
        segment: Placement::default(),
        verity: None,
        subjects: Subjects::from([
            (Subject::Manifest, digest("manifest")),
            (Subject::Expectations, digest("expectations")),
            (Subject::Tar, digest("tar")),
            (Subject::Oci, digest("oci")),
        ]),
    })?;
    let statement = draft.complete(Serial::new(serial.saturating_add(1))?, None);
    let mut envelope = Envelope::new(statement.to_signed()?);
    envelope.sign(signer)?;
    Ok(Kind::Signed.entry(&envelope)?)
}

fn make(directory: &Path, count: u64) -> Result<(), Failed> {
    let key = |seed: u8| SigningKey::from_seed([seed; 32]);
    let (root, signer, log) = (key(1), key(2), key(3));
    let role = |key: &SigningKey, images: &[ImageGlob], name: Option<&str>| RoleKeys {
        keys: vec![RoleKey {
            from: 0,
            images: images.to_vec(),
            key: key.public_key(),
            name: name.map(str::to_owned),
            reason: None,
            until: None,
        }],
        threshold: 1,
    };
    let document = TrustDocument {
        expires: None,
        log: Some(LogPolicy {
            origin: ORIGIN.to_owned(),
            receipt: Receipts::Optional,
        }),
        min_serial: BTreeMap::new(),
        roles: BTreeMap::from([
            (Role::Root, role(&root, &[], None)),
            (
                Role::Baseline,
                role(&signer, &[ImageGlob::parse("*")?], None),
            ),
            (Role::Log, role(&log, &[], Some(ORIGIN))),
        ]),
        spec: TrustDocument::SPEC.to_owned(),
        version: 1,
    };
    let mut trust = Envelope::new(document.to_signed()?);
    trust.sign(&root)?;
    write(&directory.join("trust.json"), &trust.to_bytes())?;

    let directory = directory.join("log");
    let made = share(
        count.div_ceil(FULL),
        threads(),
        |number, leaves: &mut BTreeMap<u64, Vec<Digest>>| {
            let first = number * FULL;
            let entries = (first..count.min(first + FULL)).map(|index| entry(index, &signer));
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            leaves.insert(number, entries.iter().map(|it| leaf_hash(it)).collect());
            let tile = Tile {
                kind: TileKind::Entries,
                index: number,
                width: u16::try_from(entries.len())?,
            };
            write(&path_of(&directory, tile), &encode_bundle(&entries)?)
        },
    )?;
    let leaves: BTreeMap<u64, Vec<Digest>> = made.into_iter().flatten().collect();
    let mut edge = Frontier::new();
    let mut levels: BTreeMap<u8, Vec<Digest>> = BTreeMap::new();
    for leaf in leaves.into_values().flatten() {
        edge.push(leaf, |Node { level, .. }, hash| {
            if level % 8 == 0 {
                levels.entry(level / 8).or_default().push(hash);
            }
        });
    }
    for (level, hashes) in levels {
        for (index, hashes) in (0..).zip(hashes.chunks(usize::from(Tile::FULL))) {
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            let tile = Tile {
                kind: TileKind::Hashes(level),
                index,
                width: u16::try_from(hashes.len())?,
            };
            write(&path_of(&directory, tile), &bytes)?;
        }
    }
    for head in [TreeHead::empty(), edge.head()] {
        let checkpoint = Checkpoint {
            origin: ORIGIN.to_owned(),
            head,
            extensions: Vec::new(),
        };
        let mut note = Note::new(checkpoint.to_text());
        note.sign(&NoteName::parse(ORIGIN)?, &log)?;
        let kept = directory.join("checkpoints").join(head.size.to_string());
        write(&kept, &note.to_bytes())?;
        write(&directory.join("checkpoint"), &note.to_bytes())?;
    }
    println!("{count} entries in {}", directory.display());
    Ok(())
}

fn limit(directory: &Path) -> Result<(), Failed> {
    let directory = directory.join("log");
    let size = fs::read_to_string(directory.join("checkpoint"))?;
    let size: u64 = size.lines().nth(1).ok_or("no size")?.parse()?;
    let signer = SigningKey::from_seed([2; 32]).public_key();
    let key = VerifyingKey::from_bytes(signer.as_bytes())?;
    let one = |number: u64, spent: &mut Duration| {
        let width = FULL.min(size - number * FULL);
        let tile = Tile {
            kind: TileKind::Entries,
            index: number,
            width: u16::try_from(width)?,
        };
        let bytes = fs::read(path_of(&directory, tile))?;
        let entries = decode_bundle(&bytes)?;
        let mut work = Vec::new();
        for entry in &entries {
            let parsed = Entry::parse(entry).ok_or("no entry")?;
            let envelope = Envelope::parse(parsed.envelope)?;
            let signed = envelope.signed();
            let claim = signed.claims.first().ok_or("no signature")?;
            let signature = ed25519_dalek::Signature::from_bytes(claim.signature.as_bytes());
            work.push((*entry, signed.message(), signature));
        }
        let start = Instant::now();
        for (entry, message, signature) in &work {
            std::hint::black_box(leaf_hash(entry));
            key.verify_strict(message, signature)?;
        }
        *spent += start.elapsed();
        Ok(())
    };
    let bundles = size.div_ceil(FULL);
    let all = share(bundles, threads(), one)?;
    let total: Duration = all.iter().sum();
    let slowest = all.iter().max().copied().unwrap_or_default();
    println!("{:.4} {:.4}", slowest.as_secs_f64(), total.as_secs_f64());
    Ok(())
}

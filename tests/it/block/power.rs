//! The power fails while an EFI system partition is written.
//!
//! mtools make the steps of an update; each changes some sectors. At any moment of a step, any of these may
//! have reached the disk: without a flush in between nobody orders them. Without any flush at all, a sector
//! may be as any step left it. Sectors are written whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use karat::appraise::Neighbour;
use karat::disk::Delivered;
use karat::layout::fat::{FatError, Lookup, Volume};
use karat::layout::{Source, SourceError};

use super::fixture::{agrees, bytes, esp, noise, write};
use crate::support::{Judge, Scratch, judge};

const SECTOR: usize = 512;
/// Up to so many sectors of one step, every subset is tried.
const ALL: usize = 8;
/// Of more, and of all steps together, so many.
const SOME: usize = 256;
/// Every so many cuts the whole file system is read, too.
const STRICTLY: usize = 16;
/// How systemd-sysupdate calls what it has not finished.
const UNFINISHED: &str = ".#sysupdateweb_2.part0123456789abcdef";

type Sectors = BTreeMap<usize, Vec<u8>>;

/// An update, as a disk sees it.
struct Trace {
    base: Vec<u8>,
    /// What each step changed.
    steps: Vec<Sectors>,
    /// What nobody touched.
    kept: BTreeMap<String, Vec<u8>>,
    /// What came.
    fresh: BTreeMap<String, Vec<u8>>,
    scratch: Scratch,
}

/// What is on the disk once the power is back.
struct Cut<'a> {
    base: &'a [u8],
    sectors: BTreeMap<usize, &'a [u8]>,
}

impl Source for Cut<'_> {
    fn size(&self) -> u64 {
        self.base.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        self.base.read_at(offset, buffer)?;
        let start = usize::try_from(offset).unwrap();
        let end = start + buffer.len();
        for (number, sector) in self.sectors.range(start / SECTOR..end.div_ceil(SECTOR)) {
            let at = number * SECTOR;
            let (from, to) = (at.max(start), (at + SECTOR).min(end));
            buffer[from - start..to - start].copy_from_slice(&sector[from - at..to - at]);
        }
        Ok(())
    }
}

impl Trace {
    /// The steps of an update from version 1 to version 2, on a disk that still has version 0; and what an owner
    /// does who delivers a trust root. `None` where there are no mtools.
    fn new(name: &str) -> Option<Self> {
        let mtools = ["mcopy", "mren", "mdel", "mmd"].map(judge);
        let [Some(mcopy), Some(mren), Some(mdel), Some(mmd)] = mtools else {
            return None;
        };
        let named = |names: &[(&str, usize)]| {
            let files = names.iter().zip(1..);
            let files = files.map(|((path, size), seed)| ((*path).to_owned(), noise(seed, *size)));
            files.collect::<BTreeMap<_, _>>()
        };
        let kept = named(&[
            ("EFI/BOOT/BOOTX64.EFI", 3000),
            ("EFI/Linux/web_1.efi", 9000),
            ("karat/web_1.dsse.json", 1400),
            ("karat/web_1.tlog-proof", 700),
            ("loader/loader.conf", 90),
        ]);
        let gone = named(&[
            ("EFI/Linux/web_0.efi", 2500),
            ("karat/web_0.dsse.json", 1300),
            ("karat/web_0.tlog-proof", 600),
        ]);
        let mut fresh = named(&[
            ("EFI/Linux/web_2+3-0.efi", 2700),
            ("karat/web_2.dsse.json", 1100),
            ("karat/web_2.tlog-proof", 511),
        ]);
        let root = format!("{{\"payload\":\"{}\"}}\n", "A".repeat(1500));
        fresh.insert("karat/trust/2.json".to_owned(), root.into_bytes());
        let mut before = kept.clone();
        before.extend(gone.clone());
        let scratch = Scratch::new(name);
        write(&scratch.join("esp"), bytes(&esp(&before)));
        let mut trace = Self {
            base: fs::read(scratch.join("esp")).unwrap(),
            steps: Vec::new(),
            kept,
            fresh,
            scratch,
        };
        for path in gone.keys() {
            trace.step(&mdel, &[&format!("::{path}")]);
        }
        for path in [
            "karat/web_2.dsse.json",
            "karat/web_2.tlog-proof",
            "EFI/Linux/web_2+3-0.efi",
        ] {
            let (directory, name) = path.rsplit_once('/').unwrap();
            let unfinished = format!("::{directory}/{UNFINISHED}");
            let from = trace.file(path);
            trace.step(&mcopy, &[from.to_str().unwrap(), &unfinished]);
            trace.step(&mren, &[&unfinished, name]);
        }
        trace.step(&mmd, &["::karat/trust"]);
        let from = trace.file("karat/trust/2.json");
        trace.step(&mcopy, &[from.to_str().unwrap(), "::karat/trust/2.json"]);
        Some(trace)
    }

    /// A file with what comes.
    fn file(&self, path: &str) -> PathBuf {
        let file = self.scratch.join("content");
        write(&file, &self.fresh[path]);
        file
    }

    fn step(&mut self, tool: &Judge, arguments: &[&str]) {
        let image = self.scratch.join("esp");
        agrees(tool.command().arg("-i").arg(&image).args(arguments));
        let after = fs::read(&image).unwrap();
        let before = self.after(self.steps.len());
        let mut changed = Sectors::new();
        let old = before.chunks(SECTOR).zip(after.chunks(SECTOR));
        for (number, (old, new)) in old.enumerate() {
            if old != new {
                changed.insert(number, new.to_vec());
            }
        }
        assert!(!changed.is_empty(), "{arguments:?}");
        self.steps.push(changed);
    }

    /// All of the disk after so many steps.
    fn after(&self, steps: usize) -> Vec<u8> {
        let cut = self.cut(steps, |_| false);
        let mut whole = vec![0; cut.base.len()];
        cut.read_at(0, &mut whole).unwrap();
        whole
    }

    /// So many steps are done, and of the next one the sectors that `is_there` says, by their place in it.
    fn cut(&self, done: usize, is_there: impl Fn(usize) -> bool) -> Cut<'_> {
        let mut sectors = BTreeMap::new();
        for step in self.steps.iter().take(done) {
            sectors.extend(
                step.iter()
                    .map(|(number, sector)| (*number, sector.as_slice())),
            );
        }
        let next = self.steps.get(done).into_iter().flatten().enumerate();
        let next = next.filter(|(place, _)| is_there(*place));
        sectors.extend(next.map(|(_, (number, sector))| (*number, sector.as_slice())));
        Cut {
            base: &self.base,
            sectors,
        }
    }

    /// Every sector is as one of the steps left it, or as it was before all.
    fn mixed(&self, seed: u64) -> Cut<'_> {
        let mut versions: BTreeMap<usize, Vec<&[u8]>> = BTreeMap::new();
        for (number, sector) in self.steps.iter().flatten() {
            versions.entry(*number).or_default().push(sector);
        }
        let dice = noise(seed, versions.len());
        let mut sectors = BTreeMap::new();
        for ((number, versions), dice) in versions.into_iter().zip(dice) {
            let chosen = usize::from(dice) % (versions.len() + 1);
            if let Some(chosen) = chosen.checked_sub(1) {
                sectors.insert(number, versions[chosen]);
            }
        }
        Cut {
            base: &self.base,
            sectors,
        }
    }

    /// Whether a sector holds nothing but a part of what came.
    fn is_content(&self, sector: &[u8]) -> bool {
        let pieces = self.fresh.values().flat_map(|bytes| bytes.chunks(SECTOR));
        pieces.into_iter().any(|piece| sector.starts_with(piece))
    }

    /// What must hold whatever reached the disk; gives whether the whole file system is in order.
    fn holds(&self, cut: &Cut<'_>, strictly: bool) -> bool {
        let lookup = Lookup::open(cut).unwrap();
        for (path, bytes) in &self.kept {
            let read = lookup.read(path, 1 << 20).unwrap();
            assert!(read.as_ref() == Some(bytes), "{path}");
        }
        // Where all of the content is there, so is a file, or it is not. Where it is not, a signature tells.
        let content = self
            .steps
            .iter()
            .flatten()
            .filter(|(_, it)| self.is_content(it));
        let is_written = |(number, bytes): (&usize, &Vec<u8>)| {
            cut.sectors.get(number).is_some_and(|it| it == bytes)
        };
        let all = content.into_iter().all(is_written);
        for (path, bytes) in &self.fresh {
            if let Ok(Some(read)) = lookup.read(path, 1 << 20) {
                assert!(
                    read == *bytes || !all && read.len() == bytes.len(),
                    "{path}"
                );
            }
        }
        if !strictly {
            return true;
        }
        let none = Neighbour {
            path: String::new(),
            bytes: None,
            unread: None,
        };
        let delivered = Delivered::read(cut, "web_1", &none);
        let kept = |path: &str| self.kept.get(path).cloned();
        assert_eq!(delivered.envelope.bytes, kept("karat/web_1.dsse.json"));
        assert_eq!(delivered.receipt.bytes, kept("karat/web_1.tlog-proof"));
        for root in &delivered.newer_roots {
            assert_eq!(
                root.file.bytes.as_ref(),
                Some(&self.fresh["karat/trust/2.json"])
            );
        }
        let in_order = Volume::read(cut).is_ok();
        assert!(in_order || !delivered.warnings.is_empty());
        in_order
    }

    /// What may be on the disk: of each step every subset of its sectors, or some, and mixtures of all steps.
    fn cuts(&self) -> Vec<Cut<'_>> {
        let mut cuts = Vec::new();
        for (done, step) in self.steps.iter().enumerate() {
            if step.len() <= ALL {
                let subsets = 0..1_usize << step.len();
                cuts.extend(subsets.map(|set| self.cut(done, |place| set >> place & 1 == 1)));
                continue;
            }
            cuts.extend((0..step.len()).map(|count| self.cut(done, |place| place < count)));
            cuts.extend((0..step.len()).map(|count| self.cut(done, |place| place >= count)));
            for seed in 0..SOME {
                let dice = noise(seed as u64, step.len());
                cuts.push(self.cut(done, |place| dice[place] < 128));
            }
        }
        cuts.extend((0..4 * SOME).map(|seed| self.mixed(seed as u64)));
        cuts
    }
}

#[test]
fn whatever_was_there_before_is_read() {
    let Some(trace) = Trace::new("power-cuts") else {
        return;
    };
    let steps = trace.steps.len();
    assert!(trace.holds(&trace.cut(0, |_| false), true));
    assert!(
        trace.holds(&trace.cut(steps, |_| false), true),
        "the update is whole"
    );
    let cuts = trace.cuts();
    let (mut read, mut refused) = (0, 0);
    for (number, cut) in cuts.iter().enumerate() {
        let strictly = number % STRICTLY == 0;
        let in_order = trace.holds(cut, strictly);
        read += usize::from(strictly);
        refused += usize::from(!in_order);
    }
    println!(
        "{steps} steps, {} cuts; of {read} file systems {refused} are not in order",
        cuts.len()
    );
    // The strict reader alone would have ended these boots.
    assert!(refused > read / 2 && refused < read, "{refused} of {read}");
}

/// What a running system does before it writes again.
#[test]
fn fsck_mends_it_and_keeps_what_was_there() {
    let (Some(trace), Some(fsck)) = (Trace::new("power-fsck"), judge("fsck.fat")) else {
        return;
    };
    let file = trace.scratch.join("mended");
    let fsck = |bytes: &[u8]| {
        write(&file, bytes);
        let run = || fsck.command().arg("-a").arg(&file).status().unwrap().code();
        // As karat-esp-check.service has it.
        ([run(), run()], fs::read(&file).unwrap())
    };
    // What is in order stays as it is, byte for byte.
    assert_eq!(fsck(&trace.base), ([Some(0); 2], trace.base.clone()));
    let cuts = trace.cuts();
    let (mut count, mut mended, mut odd) = (0_usize, 0, 0);
    for cut in cuts.iter().step_by(61) {
        let mut bytes = vec![0; trace.base.len()];
        cut.read_at(0, &mut bytes).unwrap();
        let (codes, after) = fsck(&bytes);
        let fine = |code: &Option<i32>| matches!(code, Some(0 | 1));
        assert!(codes.iter().all(fine), "{codes:?}");
        let lookup = Lookup::open(&after).unwrap();
        for (path, bytes) in &trace.kept {
            assert!(
                lookup.read(path, 1 << 20).unwrap().as_ref() == Some(bytes),
                "{path}"
            );
        }
        let is_odd = |bytes: &Vec<u8>| Volume::read(bytes).is_err();
        count += 1;
        mended += usize::from(is_odd(&bytes) && !is_odd(&after));
        // What it does not see: names behind a directory's end, and parts of names. Nobody reads those.
        if let Err(error) = Volume::read(&after) {
            assert!(matches!(error, FatError::Entry { .. }), "{error}");
            odd += 1;
        }
    }
    println!("of {count}, {mended} were mended, {odd} in part");
    assert!(
        mended > count / 2 && odd < count / 4,
        "{mended} and {odd} of {count}"
    );
}

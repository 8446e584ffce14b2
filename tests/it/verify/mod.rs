//! `karat verify`: every path, every attribute, every trick.

use std::fs;
use std::num::NonZero;
use std::os::unix::fs::{lchown, symlink};
use std::path::Path;

use karat::appraise::{Drift, Effect, Evidence, Listed, Report, Severity, Verdict, appraise};
use karat::expect::{Class, Expectations, Mutable};
use karat::manifest::Manifest;
use karat::path::Glob;
use karat::sys::scan::{Scan, scan};
use karat::tree::Mode;
use rustix::fs::{FileType, XattrFlags};

use crate::support::root::{self, Sample, chmod, is_root, on};
use crate::support::{Scratch, judge, skip};

mod attacks;
mod budgets;
mod classes;
mod command;
mod disk;
mod events;
mod facts;
mod instance;
mod itself;
mod judges;
mod kit;
mod late;
mod places;
mod reports;
mod running;
mod scale;
mod summary;
mod trust;
mod vectors;

/// A sample image, unpacked: what a test tampers with.
struct Lab {
    scratch: Scratch,
    manifest: Manifest,
    expectations: Expectations,
}

impl Lab {
    fn new(name: &str) -> Self {
        Self::of(name, &Sample::new())
    }

    fn of(name: &str, sample: &Sample) -> Self {
        Self::expecting(name, sample, Expectations::default())
    }

    fn expecting(name: &str, sample: &Sample, expectations: Expectations) -> Self {
        let scratch = Scratch::new(name);
        let root = scratch.join("root");
        fs::create_dir(&root).unwrap();
        sample.write(&root);
        let manifest = Manifest::of(&sample.sealed());
        let own = on(&root, karat::manifest::RESERVED_DIRECTORY);
        if own.is_dir() {
            for (name, bytes) in [
                ("manifest.mtree", manifest.to_bytes()),
                ("expect.json", expectations.to_bytes()),
            ] {
                fs::write(own.join(name), bytes).unwrap();
                chmod(&own.join(name), 0o644);
            }
        }
        Self {
            scratch,
            manifest,
            expectations,
        }
    }

    fn root(&self) -> std::path::PathBuf {
        self.scratch.join("root")
    }

    fn at(&self, path: impl AsRef<[u8]>) -> std::path::PathBuf {
        on(&self.root(), path)
    }

    fn evidence(&self) -> Evidence {
        evidence(&self.root(), &self.manifest)
    }

    fn report(&self) -> Report {
        appraise(&self.manifest, &self.expectations, &self.evidence())
    }

    /// The drifts, as `PATH CHANGE`.
    fn drifts(&self) -> Vec<String> {
        self.report().drifts.iter().map(line).collect()
    }

    /// The only drift.
    fn drift(&self) -> Drift {
        let report = self.report();
        assert_eq!(report.verdict(), Verdict::Drift);
        let [drift] = report.drifts.as_slice() else {
            panic!("{:?}", report.drifts.iter().map(line).collect::<Vec<_>>());
        };
        drift.clone()
    }
}

fn evidence(root: &Path, manifest: &Manifest) -> Evidence {
    scan(
        root,
        &Scan::new(&Listed(manifest), NonZero::new(2).unwrap()),
    )
    .unwrap()
}

fn line(drift: &Drift) -> String {
    format!("{} {}", drift.path, drift.change.name())
}

fn mutable(path: &str, class: Class) -> Mutable {
    Mutable {
        class,
        mode: None,
        origin: "template:verify".parse().unwrap(),
        path: Glob::parse(path).unwrap(),
    }
}

#[test]
fn an_untouched_root_matches() {
    let lab = Lab::new("untouched");
    let report = lab.report();
    assert_eq!(report.drifts, []);
    assert_eq!(report.not_checked, []);
    assert_eq!(report.verdict(), Verdict::Match);
    let paths = u64::try_from(lab.manifest.entries().len()).unwrap() + 2;
    assert_eq!(report.checked.paths, paths);
}

#[test]
fn an_image_read_back_matches() {
    let sample = Sample::new();
    let mut tree = sample.tree.clone();
    let manifest = Manifest::of(&sample.sealed());
    let expectations = Expectations::default();
    for (path, bytes) in [
        (karat::manifest::RESERVED[0], manifest.to_bytes()),
        (karat::manifest::RESERVED[1], expectations.to_bytes()),
    ] {
        let mut inode = sample.tree.get(&root::image("/etc/motd")).unwrap().clone();
        inode.kind = karat::tree::Kind::Regular(root::content(&bytes));
        tree.insert(root::image(path), inode).unwrap();
    }
    let report = appraise(&manifest, &expectations, &Evidence::of_tree(&tree));
    assert_eq!(report.drifts, []);
    assert_eq!(report.verdict(), Verdict::Match);
}

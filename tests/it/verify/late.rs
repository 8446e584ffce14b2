//! A scan begins before it is known what is expected. When that becomes known makes no difference.

use std::sync::atomic::{AtomicUsize, Ordering};

use karat::appraise::{Expected, Known, Observed, Want};
use karat::path::ImagePath;

use super::*;

/// What is expected is known once it was asked so many times whether it is.
struct Late<'a> {
    listed: Listed<'a>,
    before: AtomicUsize,
    finally: Known,
}

impl Expected for Late<'_> {
    fn known(&self) -> Known {
        let left = |before: usize| before.checked_sub(1);
        let asked = self
            .before
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        asked.map_or(self.finally, |_| Known::NotYet)
    }

    fn whole_up_to(&self) -> u64 {
        self.listed.whole_up_to()
    }

    fn want(&self, path: &ImagePath, size: u64) -> Want {
        self.listed.want(path, size)
    }

    fn large(&self, size: u64) -> Vec<(ImagePath, u64)> {
        self.listed.large(size)
    }

    fn find(&self, path: &ImagePath) -> Option<usize> {
        self.listed.find(path)
    }

    fn place(&self, seen: &Observed) -> Option<usize> {
        self.listed.place(seen)
    }
}

fn late(lab: &Lab, before: usize, threads: usize, finally: Known) -> Evidence {
    let expected = Late {
        listed: Listed(&lab.manifest),
        before: AtomicUsize::new(before),
        finally,
    };
    let threads = NonZero::new(threads).unwrap();
    scan(&lab.root(), &Scan::new(&expected, threads)).unwrap()
}

/// A tree with something of each kind to find: an append-only file that grew, a large one that was
/// changed, one that was added, names removed.
fn lab() -> Lab {
    let mut sample = Sample::new();
    for (path, size) in [
        ("/usr/bin/large", 300 << 10),
        ("/usr/bin/larger", 700 << 10),
    ] {
        sample.file(path, 0o755, &vec![b'x'; size], "package:app");
    }
    let append = vec![mutable("/var/log/*", Class::AppendOnly)];
    let lab = Lab::expecting("late", &sample, Expectations::new(append).unwrap());
    fs::write(lab.at("/var/log/app.log"), b"started\nstopped\n").unwrap();
    fs::write(lab.at("/usr/bin/larger"), vec![b'y'; 700 << 10]).unwrap();
    fs::write(lab.at("/usr/bin/added"), vec![b'z'; 200 << 10]).unwrap();
    fs::remove_file(lab.at("/var/lib/app/pipe")).unwrap();
    lab
}

#[test]
fn when_it_becomes_known_what_is_expected_makes_no_difference() {
    let lab = lab();
    let known = lab.report();
    let drifts: Vec<String> = known.drifts.iter().map(line).collect();
    let expected = [
        "/usr/bin/added added",
        "/usr/bin/larger content",
        "/var/lib/app/pipe removed",
    ];
    assert_eq!(drifts, expected);
    for threads in [1, 2] {
        for before in (0..120).step_by(3).chain([usize::MAX]) {
            // Never asking again is a scan that has to wait for the answer.
            let evidence = late(&lab, before, threads, Known::Yes);
            let report = appraise(&lab.manifest, &lab.expectations, &evidence);
            assert_eq!(report, known, "{threads} threads, known after {before}");
        }
    }
}

#[test]
fn where_nothing_will_be_compared_the_scan_ends() {
    let lab = lab();
    assert_ne!(late(&lab, 0, 1, Known::Yes).entries, []);
    assert_eq!(late(&lab, 0, 1, Known::Never).entries, []);
}

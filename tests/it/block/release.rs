//! A signed file system with the tree of hashes beside it.

use std::fs;
use std::num::NonZero;

use karat::appraise::{Expiry, Verdict, Verification};
use karat::baseline::Subject;
use karat::digest::Digest;
use karat::image::erofs;
use karat::ops::outputs::{write_erofs, write_verity};
use karat::ops::verify::{Checked, Request, verify};

use crate::support::signed::{Release, signer};

/// A release with `demo_1.erofs` and `demo_1.verity`.
fn release(name: &str) -> Release {
    let mut release = Release::new(name);
    let threads = NonZero::new(2).unwrap();
    let options = erofs::Options {
        uuid: [8; 16],
        label: erofs::label("demo"),
        compression: erofs::Compression::None,
        threads,
    };
    let (image, tree) = (release.out("demo_1.erofs"), release.out("demo_1.verity"));
    let written = write_erofs(&release.tree, &release.sample.blobs, &options, &image).unwrap();
    let seed = release.manifest.digest();
    let (hashes, verity) = write_verity(&image, &seed, threads, &tree).unwrap();
    assert_eq!(hashes.size, verity.tree_size());
    assert_eq!(written.size, verity.data_size());
    let subjects = &mut release.baseline.subjects;
    subjects.insert(Subject::Erofs, written.digest);
    subjects.insert(Subject::Verity, hashes.digest);
    release.baseline.verity = Some(verity);
    release.sign(&[&signer()], 5, None);
    release
}

fn verified(release: &Release) -> Verification {
    let request = Request {
        subject: Checked::Erofs(release.out("demo_1.erofs")),
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
    };
    verify(&request).unwrap()
}

/// What was found, if the verdict is that.
#[track_caller]
fn findings(release: &Release, verdict: Verdict) -> String {
    let verification = verified(release);
    assert!(
        verification.verdicts().contains(&verdict),
        "{verification:?}"
    );
    let messages = verification.findings.into_iter();
    let messages = messages.filter(|finding| finding.verdict == verdict);
    messages.map(|finding| finding.message + "\n").collect()
}

#[test]
fn file_system_and_tree_match() {
    let release = release("verity-match");
    let verification = verified(&release);
    assert_eq!(
        verification.verdicts(),
        [Verdict::Match],
        "{verification:?}"
    );
    assert!(verification.findings.is_empty(), "{verification:?}");
}

#[test]
fn a_block_of_the_file_system_was_changed() {
    let release = release("verity-data");
    let path = release.out("demo_1.erofs");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let block = last / 4096;
    let said = findings(&release, Verdict::Drift);
    assert!(
        said.contains(&format!("block {block} of the data is not the one")),
        "{said}"
    );
    // Without the tree, the root hash alone tells.
    fs::remove_file(release.out("demo_1.verity")).unwrap();
    let said = findings(&release, Verdict::Drift);
    assert!(said.contains("its root hash is"), "{said}");
    bytes.extend([0; 4096]);
    fs::write(&path, &bytes).unwrap();
    let said = findings(&release, Verdict::Drift);
    assert!(said.contains("the signed root hash is over"), "{said}");
}

#[test]
fn a_block_of_the_tree_was_changed() {
    let release = release("verity-tree");
    let path = release.out("demo_1.verity");
    let good = fs::read(&path).unwrap();
    for (at, part) in [
        (4096, "of level 0 of the tree"),
        (0, "no superblock"),
        (16, "its digest is"),
    ] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let said = findings(&release, Verdict::Drift);
        assert!(
            said.contains(part) && said.contains("demo_1.verity"),
            "{at}: {said}"
        );
    }
    fs::write(&path, &good[..4096]).unwrap();
    let said = findings(&release, Verdict::Drift);
    assert!(said.contains("the tree has 4096 bytes"), "{said}");
    fs::remove_file(&path).unwrap();
    let said = findings(&release, Verdict::Match);
    assert!(
        said.contains("the root hash was computed without it"),
        "{said}"
    );
}

/// Whoever signs another root hash than that of the file system vouches for nothing.
#[test]
fn the_root_hash_is_of_something_else() {
    let mut release = release("verity-root");
    let verity = release.baseline.verity.unwrap();
    let other = Digest::of(b"another root");
    let other = karat::layout::verity::Verity::new(other, verity.salt(), verity.blocks());
    release.baseline.verity = other.ok();
    release.sign(&[&signer()], 5, None);
    let said = findings(&release, Verdict::Drift);
    assert!(
        said.contains("of the tree is not the one that was signed"),
        "{said}"
    );
    fs::remove_file(release.out("demo_1.verity")).unwrap();
    let said = findings(&release, Verdict::Drift);
    assert!(
        said.contains(&Digest::of(b"another root").to_string()),
        "{said}"
    );
}

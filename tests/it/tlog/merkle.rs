//! Hashes and proofs against a second implementation, written here from RFC 6962 alone: recursive, over
//! lists of leaves, sharing nothing with `src/tlog` but SHA-256.

use karat::digest::Digest;
use karat::tlog::{ConsistencyProof, InclusionProof, TreeHead};

use crate::support::log::MemoryTree;

/// Section 2.1: the hash of a leaf, and of a tree.
fn leaf(entry: &[u8]) -> Digest {
    Digest::of(&[&[0][..], entry].concat())
}

fn mth(entries: &[Vec<u8>]) -> Digest {
    match entries {
        [] => Digest::of(b""),
        [entry] => leaf(entry),
        _ => {
            let (left, right) = entries.split_at(largest_below(entries.len()));
            let (left, right) = (mth(left), mth(right));
            let hashes = [&[1][..], left.as_bytes(), right.as_bytes()];
            Digest::of(&hashes.concat())
        }
    }
}

/// Section 2.1.1: `PATH(m, D[n])`.
fn path(m: usize, entries: &[Vec<u8>]) -> Vec<Digest> {
    if entries.len() == 1 {
        return Vec::new();
    }
    let k = largest_below(entries.len());
    let (left, right) = entries.split_at(k);
    if m < k {
        [path(m, left), vec![mth(right)]].concat()
    } else {
        [path(m - k, right), vec![mth(left)]].concat()
    }
}

/// Section 2.1.2: `PROOF(m, D[n])` by way of `SUBPROOF(m, D[n], b)`.
fn subproof(m: usize, entries: &[Vec<u8>], is_known: bool) -> Vec<Digest> {
    if m == entries.len() {
        return if is_known {
            Vec::new()
        } else {
            vec![mth(entries)]
        };
    }
    let k = largest_below(entries.len());
    let (left, right) = entries.split_at(k);
    if m <= k {
        [subproof(m, left, is_known), vec![mth(right)]].concat()
    } else {
        [subproof(m - k, right, false), vec![mth(left)]].concat()
    }
}

/// The largest power of two below `n`.
fn largest_below(n: usize) -> usize {
    (0..usize::BITS)
        .map(|bit| 1 << bit)
        .take_while(|power| *power < n)
        .last()
        .unwrap()
}

fn entries(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| number.to_string().into_bytes())
        .collect()
}

fn head(entries: &[Vec<u8>]) -> TreeHead {
    TreeHead {
        size: u64::try_from(entries.len()).unwrap(),
        root: mth(entries),
    }
}

fn number(place: usize) -> u64 {
    u64::try_from(place).unwrap()
}

#[test]
fn hashes_and_proofs_of_all_small_trees_are_those_of_the_rfc() {
    let all = entries(40);
    let tree = MemoryTree::of_numbers(40);
    for size in 0..=all.len() {
        let some = &all[..size];
        assert_eq!(
            MemoryTree::of_numbers(number(size)).frontier.head(),
            head(some)
        );
        for index in 0..size {
            let proof = tree.inclusion(number(index), number(size));
            assert_eq!(proof.hashes, path(index, some), "{index} of {size}");
            assert!(proof.check(leaf(&some[index]), head(some)).is_ok());
        }
        for old in 1..=size {
            let proof = tree.consistency(number(old), number(size));
            assert_eq!(proof.hashes, subproof(old, some, true), "{old} to {size}");
            assert!(proof.check(head(&some[..old]), head(some)).is_ok());
        }
    }
}

#[test]
fn hashes_and_proofs_around_the_edges_of_tiles_are_those_of_the_rfc() {
    let all = entries(513);
    let tree = MemoryTree::of_numbers(513);
    for size in [255, 256, 257, 511, 512, 513] {
        let some = &all[..size];
        assert_eq!(
            MemoryTree::of_numbers(number(size)).frontier.head(),
            head(some)
        );
        for index in [0, 1, 127, 128, 254, size - 1] {
            let proof = tree.inclusion(number(index), number(size));
            assert_eq!(proof.hashes, path(index, some), "{index} of {size}");
        }
        for old in [1, 2, 128, 255, size - 1, size] {
            let proof = tree.consistency(number(old), number(size));
            assert_eq!(proof.hashes, subproof(old, some, true), "{old} to {size}");
        }
    }
}

/// What may be done to the hashes of a proof.
fn spoiled(hashes: &[Digest]) -> Vec<Vec<Digest>> {
    let other = Digest::of(b"other");
    let mut all = vec![
        [hashes, &[other]].concat(),
        [&[other], hashes].concat(),
        [
            hashes,
            hashes.last().map(std::slice::from_ref).unwrap_or_default(),
        ]
        .concat(),
    ];
    if !hashes.is_empty() {
        all.push(hashes[1..].to_vec());
        all.push(hashes[..hashes.len() - 1].to_vec());
        all.push(Vec::new());
    }
    for at in 0..hashes.len() {
        let mut changed = hashes.to_vec();
        changed[at] = other;
        all.push(changed.clone());
        changed.copy_from_slice(hashes);
        changed.swap(0, at);
        all.push(changed);
    }
    all.retain(|one| one != hashes);
    all
}

#[test]
fn an_inclusion_proof_is_good_for_one_leaf_of_one_tree() {
    let all = entries(20);
    for size in 1..=all.len() {
        let some = &all[..size];
        for index in 0..size {
            let good = InclusionProof {
                index: number(index),
                hashes: path(index, some),
            };
            for other in 0..=all.len() {
                for place in 0..=all.len() {
                    let moved = InclusionProof {
                        index: number(place),
                        ..good.clone()
                    };
                    let is_good = moved.check(leaf(&some[index]), head(&all[..other])).is_ok();
                    assert_eq!(
                        is_good,
                        (other, place) == (size, index),
                        "{place} of {other}"
                    );
                }
            }
            for hashes in spoiled(&good.hashes) {
                let bad = InclusionProof {
                    index: number(index),
                    hashes,
                };
                assert!(bad.check(leaf(&some[index]), head(some)).is_err());
            }
            // A node in the place of a leaf: the reason for the two prefixes.
            let inner = InclusionProof {
                index: number(index / 2),
                hashes: good.hashes.get(1..).unwrap_or_default().to_vec(),
            };
            let node = mth(&some[index / 2 * 2..(index / 2 * 2 + 2).min(size)]);
            if size > 2 {
                assert!(inner.check(node, head(some)).is_err(), "{index} of {size}");
            }
        }
    }
}

#[test]
fn a_consistency_proof_is_good_for_one_pair_of_trees() {
    let all = entries(20);
    for size in 1..=all.len() {
        for old in 1..size {
            let good = ConsistencyProof {
                hashes: subproof(old, &all[..size], true),
            };
            for other in 0..=all.len() {
                for before in 1..=all.len() {
                    let checked = good.check(head(&all[..before]), head(&all[..other]));
                    assert_eq!(
                        checked.is_ok(),
                        (before, other) == (old, size),
                        "{before} to {other}"
                    );
                }
            }
            for hashes in spoiled(&good.hashes) {
                let bad = ConsistencyProof { hashes };
                assert!(bad.check(head(&all[..old]), head(&all[..size])).is_err());
            }
            // Forks: the same sizes, another past or another present.
            let fork = |size: usize| TreeHead {
                size: number(size),
                root: Digest::of(b"fork"),
            };
            assert!(good.check(fork(old), head(&all[..size])).is_err());
            assert!(good.check(head(&all[..old]), fork(size)).is_err());
        }
    }
}

//! The cache: whole or absent, whatever happens.

use std::path::{Path, PathBuf};

use karat::archive::cache::{Claim, Keep, Kind, Partial, collect, inventory};
use karat::archive::{Cache, CacheError};
use karat::digest::Digest;
use karat::sys::fs::Lock;
use karat::tree::Content;

use crate::support::Scratch;

fn object(root: &Path, content: &Content) -> PathBuf {
    let hex = content.digest.to_string();
    root.join("objects/sha256").join(&hex[..2]).join(hex)
}

fn mine(cache: &Cache, content: &Content) -> Partial {
    match cache.claim(content).unwrap() {
        Claim::Mine(partial) => partial,
        Claim::Present(path) => panic!("{} is there already", path.display()),
    }
}

#[test]
fn keeps_what_it_was_given() {
    let scratch = Scratch::new("cache");
    let cache = Cache::open(&scratch.join("c")).unwrap();
    let content = Content::of(b"bytes");
    assert_eq!(cache.find(&content).unwrap(), None);
    let path = cache.add(&content, &b"bytes"[..]).unwrap();
    assert_eq!(cache.find(&content).unwrap(), Some(path.clone()));
    assert_eq!(std::fs::read(path).unwrap(), b"bytes");
}

#[test]
fn other_bytes_are_not_stored() {
    let scratch = Scratch::new("cache");
    let cache = Cache::open(&scratch.join("c")).unwrap();
    let content = Content::of(b"bytes");
    for other in [&b"bytez"[..], b"byte", b"bytes and more", b""] {
        let error = cache.add(&content, other).unwrap_err();
        assert!(matches!(error, CacheError::Mismatch { .. }), "{error}");
        assert_eq!(cache.find(&content).unwrap(), None);
    }
    assert_eq!(inventory(cache.root()).unwrap().totals[0].count, 0);
}

#[test]
fn tampered_object_is_not_given_and_is_replaced() {
    let scratch = Scratch::new("cache");
    let cache = Cache::open(&scratch.join("c")).unwrap();
    let content = Content::of(b"bytes");
    for other in [&b"bytez"[..], b"byt", b"bytes and more"] {
        let path = cache.add(&content, &b"bytes"[..]).unwrap();
        std::fs::write(&path, other).unwrap();
        assert_eq!(cache.find(&content).unwrap(), None);
        let mut partial = mine(&cache, &content);
        partial.append(b"bytes").unwrap();
        assert_eq!(partial.finish().unwrap(), path);
        assert_eq!(std::fs::read(&path).unwrap(), b"bytes");
    }
}

#[test]
fn broken_off_download_is_taken_up() {
    let scratch = Scratch::new("cache");
    let cache = Cache::open(&scratch.join("c")).unwrap();
    let content = Content::of(b"a whole file");
    let mut partial = mine(&cache, &content);
    partial.append(b"a whole").unwrap();
    drop(partial);
    assert_eq!(cache.find(&content).unwrap(), None, "half is not whole");
    let mut partial = mine(&cache, &content);
    assert_eq!(partial.length(), 7);
    partial.append(b" file").unwrap();
    let path = partial.finish().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"a whole file");
    assert!(matches!(cache.claim(&content).unwrap(), Claim::Present(_)));
}

#[test]
fn download_with_other_bytes_is_refused_and_forgotten() {
    let scratch = Scratch::new("cache");
    let cache = Cache::open(&scratch.join("c")).unwrap();
    let content = Content::of(b"a whole file");
    let mut partial = mine(&cache, &content);
    partial.append(b"a whole lie!").unwrap();
    assert!(matches!(partial.finish(), Err(CacheError::Mismatch { .. })));
    let mut partial = mine(&cache, &content);
    assert_eq!(partial.length(), 0);
    assert!(matches!(
        partial.append(b"more than there may be"),
        Err(CacheError::Mismatch { size: 22, .. })
    ));
    assert_eq!(partial.length(), 0);
}

#[test]
fn leftover_that_is_too_long_is_forgotten() {
    let scratch = Scratch::new("cache");
    let cache = Cache::open(&scratch.join("c")).unwrap();
    let content = Content::of(b"short");
    let path = scratch.join("c/partial").join(content.digest.to_string());
    std::fs::write(&path, b"much too long").unwrap();
    assert_eq!(mine(&cache, &content).length(), 0);
}

/// Many times over, since what could go wrong is a matter of who comes first.
#[test]
fn two_processes_fetch_one_file_once() {
    let scratch = Scratch::new("cache");
    for round in 0..100u32 {
        let bytes = format!("a whole file, {round}").into_bytes();
        let content = Content::of(&bytes);
        // Each thread opens the cache for itself: locks are held by open files, not by processes.
        let fetched: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| fetch(&scratch.join("c"), &content, &bytes)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(fetched, 1, "round {round}");
    }
    let left = std::fs::read_dir(scratch.join("c/partial")).unwrap();
    assert_eq!(left.count(), 0, "nothing is left of the downloads");
}

/// Claims `content` and downloads it if need be; how many downloads that were.
fn fetch(root: &Path, content: &Content, bytes: &[u8]) -> usize {
    let cache = Cache::open(root).unwrap();
    match cache.claim(content).unwrap() {
        Claim::Present(path) => {
            assert_eq!(std::fs::read(path).unwrap(), bytes);
            0
        }
        Claim::Mine(mut partial) => {
            assert_eq!(partial.length(), 0);
            partial.append(bytes).unwrap();
            partial.finish().unwrap();
            1
        }
    }
}

#[test]
fn the_least_recently_used_goes_first() {
    let scratch = Scratch::new("cache");
    let root = scratch.join("c");
    let cache = Cache::open(&root).unwrap();
    let contents: Vec<_> = (0..4u8)
        .map(|number| {
            let bytes = vec![number; 100_000];
            let content = Content::of(&bytes);
            cache.add(&content, bytes.as_slice()).unwrap();
            content
        })
        .collect();
    for (age, content) in [(40, &contents[0]), (30, &contents[1]), (20, &contents[2])] {
        set_age(&object(&root, content), age);
    }
    cache.find(&contents[0]).unwrap().expect("still there");
    let tree = cache.trees().join(Digest::of(b"tree").to_string());
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("blob"), vec![1; 50_000]).unwrap();
    set_age(&tree, 25);
    drop(cache);

    let before = inventory(&root).unwrap();
    let collected = collect(&root, Keep::AtMost(before.bytes - 150_000)).unwrap();
    assert_eq!(
        (collected.removed, collected.in_use),
        (2, 0),
        "{collected:?}"
    );
    let cache = Cache::open(&root).unwrap();
    assert!(
        cache.find(&contents[1]).unwrap().is_none(),
        "the oldest object"
    );
    assert!(!tree.exists());
    for content in [&contents[0], &contents[2], &contents[3]] {
        assert!(cache.find(content).unwrap().is_some());
    }
}

#[test]
fn what_is_in_use_stays() {
    let scratch = Scratch::new("cache");
    let root = scratch.join("c");
    let cache = Cache::open(&root).unwrap();
    let content = Content::of(b"bytes");
    cache.add(&content, &b"bytes"[..]).unwrap();
    let [used, unused] = [b"used", b"idle"].map(|key| {
        let tree = cache.trees().join(Digest::of(key).to_string());
        std::fs::create_dir(&tree).unwrap();
        tree
    });
    let lease = Lock::shared(used.with_extension("lock")).unwrap();
    let collected = collect(&root, Keep::Nothing).unwrap();
    assert_eq!(
        (collected.removed, collected.in_use),
        (1, 2),
        "{collected:?}"
    );
    assert!(used.exists() && !unused.exists());
    assert!(cache.find(&content).unwrap().is_some());
    drop((lease, cache));
    // A process that another test starts holds copies of all open files until it is on its own.
    let emptied = (0..100_000).any(|_| {
        std::thread::yield_now();
        collect(&root, Keep::Nothing).unwrap().left_bytes == 0
    });
    assert!(emptied);
}

#[test]
fn what_a_killed_run_left_is_swept() {
    let scratch = Scratch::new("cache");
    let root = scratch.join("c");
    let cache = Cache::open(&root).unwrap();
    let content = Content::of(b"bytes");
    let path = cache.add(&content, &b"bytes"[..]).unwrap();
    drop(cache);
    let leftovers = [
        path.with_file_name(format!(".{}.77-0.tmp", content.digest)),
        root.join("trees")
            .join(format!(".{}.77-0.tmp", content.digest)),
        root.join("partial").join(content.digest.to_string()),
    ];
    for leftover in &leftovers {
        std::fs::write(leftover, b"half").unwrap();
    }
    let collected = collect(&root, Keep::AtMost(u64::MAX)).unwrap();
    assert_eq!(collected.removed, 3);
    assert!(leftovers.iter().all(|leftover| !leftover.exists()));
    assert!(path.exists());
}

#[test]
fn unusable_cache_is_replaced_for_one_run() {
    let scratch = Scratch::new("cache");
    let blocked = scratch.join("file");
    std::fs::write(&blocked, b"").unwrap();
    assert!(Cache::open(&blocked.join("c")).is_err());
    for root in [None, Some(blocked.join("c"))] {
        let mut warnings = Vec::new();
        let mut warn = |text| warnings.push(text);
        let cache = Cache::open_or_temporary(root.as_deref(), scratch.path(), &mut warn).unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(cache.is_temporary());
        let content = Content::of(b"bytes");
        cache.add(&content, &b"bytes"[..]).unwrap();
        let place = cache.root().to_owned();
        drop(cache);
        assert!(!place.exists());
    }
}

#[test]
fn shared_cache_is_read_but_not_trusted_with_trees() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new("cache");
    let root = scratch.join("c");
    let content = Content::of(b"bytes");
    let cache = Cache::open(&root).unwrap();
    let path = cache.add(&content, &b"bytes"[..]).unwrap();
    drop(cache);
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(
        Cache::open(&root),
        Err(CacheError::NotPrivate { .. })
    ));
    let cache = Cache::open_or_temporary(Some(&root), scratch.path(), &mut |_| ()).unwrap();
    assert_eq!(cache.find(&content).unwrap(), Some(path));
    assert_ne!(cache.trees(), root.join("trees"));
}

#[test]
fn inventory_counts_by_kind() {
    let scratch = Scratch::new("cache");
    let root = scratch.join("c");
    assert_eq!(inventory(&root).unwrap().bytes, 0);
    let cache = Cache::open(&root).unwrap();
    cache.add(&Content::of(b"x"), &b"x"[..]).unwrap();
    cache
        .keep_release("file:/somewhere trixie", b"text")
        .unwrap();
    let counts: Vec<_> = inventory(&root)
        .unwrap()
        .totals
        .iter()
        .map(|total| (total.kind, total.count))
        .collect();
    assert_eq!(
        counts,
        [
            (Kind::Objects, 1),
            (Kind::Trees, 0),
            (Kind::Partial, 0),
            (Kind::Releases, 1),
            (Kind::Logs, 0)
        ]
    );
}

fn set_age(path: &Path, seconds: u64) {
    let time =
        std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 - seconds);
    std::fs::File::open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

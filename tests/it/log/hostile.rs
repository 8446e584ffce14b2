//! Logs that must not be added to.

use karat::log::{Disk as _, Log, LogError};

use super::crash::{entries, origin};
use super::disk::MemoryDisk;
use super::whole::forged;
use crate::keys::fixture::key;

fn log_of(size: usize) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let mut log = Log::create(&disk, &origin(), &key(111)).unwrap();
    for entry in entries("entry", size) {
        log.append(&key(111), &[entry]).unwrap();
    }
    drop(log);
    disk
}

/// What an append answers, and whether anything was signed.
fn refused(disk: &MemoryDisk) -> LogError {
    let before = disk.files();
    let mut log = match Log::open(disk) {
        Ok(log) => log,
        Err(error) => return error,
    };
    let error = log.append(&key(111), &[b"one more".to_vec()]).unwrap_err();
    let after = disk.files();
    for path in ["checkpoint", ".state/signed"] {
        assert_eq!(before.get(path), after.get(path), "{path}: {error}");
    }
    error
}

#[test]
fn a_log_restored_from_a_backup_is_refused() {
    // Everything but the operator's own state is older.
    let disk = log_of(5);
    let old = log_of(3);
    for (path, _) in disk.files() {
        if !path.starts_with(".state/") {
            disk.take(&path);
        }
    }
    for (path, bytes) in old.files() {
        if !path.starts_with(".state/") {
            disk.put(&path, &bytes);
        }
    }
    let error = refused(&disk);
    assert!(
        matches!(
            error,
            LogError::Rollback {
                signed: 5,
                there: 3
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("restored from a backup"));
}

#[test]
fn an_older_checkpoint_alone_is_replaced_by_what_was_signed() {
    let disk = log_of(5);
    let old = disk.files()["checkpoints/3"].clone();
    disk.put("checkpoint", &old);
    let mut log = Log::open(&disk).unwrap();
    assert_eq!(log.size(), 3);
    assert_eq!(
        log.append(&key(111), &[b"more".to_vec()]).unwrap()[0].index,
        5
    );
}

#[test]
fn a_place_that_does_not_answer_is_not_called_a_rollback() {
    let disk = log_of(5);
    let old = disk.files()["checkpoints/3"].clone();
    disk.put("checkpoint", &old);
    // Reading it is an error of the file system.
    disk.take("tile/0/000.p/5");
    (&disk).make_directory("tile/0/000.p/5").unwrap();
    let error = refused(&disk);
    assert!(matches!(error, LogError::Io(_)), "{error}");
}

#[test]
fn an_older_mark_alone_is_raised_again() {
    let disk = log_of(5);
    let old = disk.files()["checkpoints/3"].clone();
    disk.put(".state/signed", &old);
    let mut log = Log::open(&disk).unwrap();
    assert_eq!(
        log.append(&key(111), &[b"more".to_vec()]).unwrap()[0].index,
        5
    );
}

#[test]
fn a_copy_without_the_operators_state_is_refused() {
    for path in [".state/signed", ".state/vkey"] {
        let disk = log_of(3);
        disk.take(path);
        assert!(matches!(refused(&disk), LogError::NoState(_)), "{path}");
    }
}

#[test]
fn tiles_that_are_not_what_was_signed_are_refused() {
    let disk = log_of(5);
    for path in ["tile/0/000.p/5", "tile/entries/000.p/5"] {
        let missing = disk.clone();
        missing.take(path);
        assert!(matches!(refused(&missing), LogError::Missing(_)), "{path}");
        for bytes in [&b"short"[..], &[7; 160]] {
            let damaged = disk.clone();
            damaged.put(path, bytes);
            let error = refused(&damaged);
            assert!(
                matches!(
                    error,
                    LogError::Damaged(_) | LogError::Bundle { .. } | LogError::Root { .. }
                ),
                "{path}: {error}"
            );
        }
    }
}

#[test]
fn forks_and_strangers_checkpoints_are_refused() {
    // Signed with the log's own key: two roots of one size, a larger tree that nobody has.
    let disk = log_of(5);
    disk.put("checkpoint", &forged(5, b"fork").to_bytes());
    assert!(matches!(refused(&disk), LogError::Fork(5)));
    let disk = log_of(5);
    disk.put("checkpoint", &forged(9, b"fork").to_bytes());
    assert!(matches!(
        refused(&disk),
        LogError::Missing(_) | LogError::Root { .. }
    ));
    let disk = log_of(5);
    disk.put(".state/pending", forged(5, b"fork").text().as_bytes());
    assert!(matches!(refused(&disk), LogError::Fork(5)));
    let disk = log_of(5);
    disk.put(".state/pending", forged(7, b"fork").text().as_bytes());
    let error = refused(&disk);
    assert!(
        matches!(error, LogError::Missing(_) | LogError::Root { .. }),
        "{error}"
    );
    // By another key, and of another log.
    let disk = log_of(5);
    let text = String::from_utf8(disk.files()["checkpoint"].clone()).unwrap();
    let mut note = karat::tlog::Note::parse(text.as_bytes()).unwrap();
    note = karat::tlog::Note::new(note.text().to_owned());
    note.sign(&origin(), &key(9)).unwrap();
    disk.put("checkpoint", &note.to_bytes());
    assert!(matches!(refused(&disk), LogError::NotOurs(_)));
    let disk = log_of(5);
    disk.put("checkpoint", b"rubbish");
    assert!(matches!(refused(&disk), LogError::Note { .. }));
}

#[test]
fn another_key_and_a_second_log_are_refused() {
    let disk = log_of(2);
    let mut log = Log::open(&disk).unwrap();
    let error = log.append(&key(9), &[b"x".to_vec()]).unwrap_err();
    assert!(matches!(error, LogError::OtherKey { .. }));
    drop(log);
    for seed in [111, 9] {
        let error = Log::create(&disk, &origin(), &key(seed)).err().unwrap();
        assert!(matches!(error, LogError::Exists(..)), "{error}");
    }
}

#[test]
fn odd_names_in_the_directory_are_refused() {
    let disk = log_of(2);
    disk.put("tiles", b"?");
    assert!(matches!(refused(&disk), LogError::Odd(name) if name == b"tiles"));
    let disk = log_of(2);
    disk.take("tile");
    disk.put("tile", b"a file");
    assert!(Log::open(&disk).is_ok());
}

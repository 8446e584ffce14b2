//! Key files that others may change, and chains of trust roots with an expired one in the midst.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use karat::envelope::Envelope;
use karat::key::{Role, TrustDocument};
use karat::ops::key::{KeyFileError, read_private};

use super::fixture::{document, envelope, key, payload, root, root_file};
use crate::support::Scratch;

#[test]
fn a_private_key_that_others_may_write_is_refused_whatever_its_mode() {
    let scratch = Scratch::new("key-modes");
    let file = scratch.join("key.pem");
    fs::write(&file, key(1).to_pem().unwrap().as_bytes()).unwrap();
    let link = scratch.join("link.pem");
    symlink(&file, &link).unwrap();
    for (mode, is_good) in [
        (0o600, true),
        (0o400, true),
        (0o644, true),
        (0o620, false),
        (0o602, false),
        (0o666, false),
        (0o777, false),
        (0o1777, false),
    ] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        for path in [&file, &link] {
            let read = read_private(path, || None);
            match read {
                Ok(_) => assert!(is_good, "{mode:o}"),
                Err(KeyFileError::Writable { mode: found, .. }) => {
                    assert!(!is_good && found == mode, "{mode:o}");
                }
                Err(error) => panic!("{mode:o}: {error}"),
            }
        }
    }
}

#[test]
fn an_expired_trust_root_in_the_midst_of_a_chain_does_not_end_it() {
    let one = root(&document(1));
    let version = |version, expires| TrustDocument {
        version,
        expires,
        ..document(1)
    };
    let two = one
        .update(&root_file(&version(2, Some(1)), &[101, 102]))
        .unwrap();
    assert_eq!(two.expires(), Some(1), "in 1970");
    let three = two
        .update(&root_file(&version(3, None), &[101, 102]))
        .unwrap();
    assert_eq!((three.version(), three.expires()), (3, None));
    // Expiry is told and decides nothing here: what it signs for stays in force.
    let file = envelope(payload("web", 1), &[1]);
    assert!(Envelope::parse(&file).unwrap().open(&two).is_ok());
}

#[test]
fn a_threshold_lowered_by_fewer_than_it_demanded_is_refused() {
    let one = root(&document(1));
    let mut lower = document(1);
    lower.version = 2;
    lower.roles.get_mut(&Role::Root).unwrap().threshold = 1;
    for signers in [&[101][..], &[102], &[101, 1]] {
        assert!(
            one.update(&root_file(&lower, signers)).is_err(),
            "{signers:?}"
        );
    }
    let two = one.update(&root_file(&lower, &[101, 103])).unwrap();
    // From then on one is enough, as two of them decided.
    let three = TrustDocument {
        version: 3,
        ..lower
    };
    assert_eq!(two.update(&root_file(&three, &[102])).unwrap().version(), 3);
}

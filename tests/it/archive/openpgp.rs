//! The key policy, rule by rule: each attack is refused by its own rule.

use karat::deb::openpgp::{Keyring, OpenPgpError, Rule, Signed, verify};
use pgp::composed::KeyType;
use pgp::crypto::hash::HashAlgorithm;

use crate::support::pgp::{Key, KeySpec, MADE, SubkeySpec};
use crate::support::repository::DATE;

const TEXT: &str = "Suite: stable\n- dash\nDate: today\n";
const DAY: u64 = 86_400;

fn keyring(key: &Key) -> Keyring {
    Keyring::parse(&key.keyring()).unwrap()
}

fn check(key: &Key) -> Result<Signed, OpenPgpError> {
    verify(key.sign(TEXT, DATE).as_bytes(), &keyring(key), DATE)
}

/// The one rule that the only signature breaks.
fn rule(spec: &KeySpec) -> Rule {
    let key = Key::of(spec);
    match check(&key) {
        Err(OpenPgpError::Rejected(rejected)) => {
            assert_eq!(rejected.len(), 1);
            assert_eq!(rejected[0].key.as_str(), key.fingerprint());
            rejected[0].rule.clone()
        }
        other => panic!("{spec:?}: {other:?}"),
    }
}

#[test]
fn good_signatures_count() {
    for spec in [
        KeySpec::default(),
        KeySpec {
            subkey: Some(SubkeySpec::default()),
            ..KeySpec::default()
        },
        KeySpec {
            kind: KeyType::Rsa(2048),
            ..KeySpec::default()
        },
        KeySpec {
            kind: KeyType::Ed25519,
            expires: Some(DATE - MADE + 1),
            ..KeySpec::default()
        },
        KeySpec {
            // The primary key need not sign data if a subkey does.
            can_sign: false,
            subkey: Some(SubkeySpec::default()),
            ..KeySpec::default()
        },
    ] {
        let key = Key::of(&spec);
        let signed = check(&key).unwrap_or_else(|error| panic!("{spec:?}: {error}"));
        assert_eq!(signed.text().trim_end(), TEXT.trim_end());
        assert_eq!(signed.signers()[0].as_str(), key.fingerprint());
    }
}

#[test]
fn armoured_keyrings_and_several_blocks() {
    let (one, two) = (Key::new(1), Key::new(2));
    let text = format!("a comment\n{}\n{}", one.armoured(), two.armoured());
    let keyring = Keyring::parse(text.as_bytes()).unwrap();
    assert_eq!(keyring.fingerprints().len(), 2);
    for key in [one, two] {
        verify(key.sign(TEXT, DATE).as_bytes(), &keyring, DATE).unwrap();
    }
}

#[test]
fn unsigned() {
    let key = Key::new(1);
    for text in [
        TEXT.to_owned(),
        String::new(),
        format!("\n{}", key.sign(TEXT, DATE)),
    ] {
        let result = verify(text.as_bytes(), &keyring(&key), DATE);
        assert_eq!(result, Err(OpenPgpError::Unsigned));
    }
}

#[test]
fn tampered_text() {
    let key = Key::new(1);
    let signed = key.sign(TEXT, DATE).replace("today", "later");
    assert_eq!(
        verify(signed.as_bytes(), &keyring(&key), DATE),
        Err(OpenPgpError::BadSignature(
            key.fingerprint().parse().unwrap()
        ))
    );
}

#[test]
fn text_smuggled_around_the_message() {
    let key = Key::new(1);
    let good = key.sign(TEXT, DATE);
    let header = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n";
    for bad in [
        format!("{good}Suite: evil\n"),
        format!("{good}{good}"),
        good.replace('\n', "\r\n"),
        good.replace("Suite", "Sui\0te"),
        good.replace("Hash: SHA512\n", "Hash: SHA512\nComment: Suite evil\n"),
        good.replace("Hash: SHA512\n", "NotDashEscaped: x\n"),
        good.replacen(header, &format!("{header}Suite: evil\n"), 1),
    ] {
        assert_ne!(bad, good);
        let result = verify(bad.as_bytes(), &keyring(&key), DATE);
        assert!(
            matches!(
                result,
                Err(OpenPgpError::Malformed(_) | OpenPgpError::Unsigned)
            ),
            "{bad}: {result:?}"
        );
    }
}

#[test]
fn truncated() {
    let key = Key::new(1);
    let good = key.sign(TEXT, DATE);
    let good = good.trim_end();
    for length in 0..good.len() {
        let result = verify(&good.as_bytes()[..length], &keyring(&key), DATE);
        assert!(result.is_err(), "{length} bytes");
    }
}

#[test]
fn wrong_key() {
    let (signer, trusted) = (Key::new(1), Key::new(2));
    let result = verify(signer.sign(TEXT, DATE).as_bytes(), &keyring(&trusted), DATE);
    assert_eq!(
        result,
        Err(OpenPgpError::UnknownKeys {
            signed_by: vec![signer.fingerprint()],
            trusted: vec![trusted.fingerprint().parse().unwrap()],
        })
    );
}

#[test]
fn revoked_key() {
    for revoked in [MADE, DATE + 100 * DAY] {
        let spec = KeySpec {
            revoked: Some(revoked),
            ..KeySpec::default()
        };
        assert_eq!(rule(&spec), Rule::Revoked);
    }
}

#[test]
fn revoked_subkey() {
    let spec = KeySpec {
        subkey: Some(SubkeySpec {
            revoked: Some(DATE - DAY),
            ..SubkeySpec::default()
        }),
        ..KeySpec::default()
    };
    assert_eq!(rule(&spec), Rule::Revoked);
}

#[test]
fn expired_key() {
    let expires = Some(DATE - MADE);
    let end = karat::tree::Epoch::new(DATE).unwrap();
    let primary = KeySpec {
        expires,
        ..KeySpec::default()
    };
    let subkey = KeySpec {
        subkey: Some(SubkeySpec {
            expires,
            ..SubkeySpec::default()
        }),
        ..KeySpec::default()
    };
    let primary_of_good_subkey = KeySpec {
        expires,
        subkey: Some(SubkeySpec::default()),
        ..KeySpec::default()
    };
    for spec in [primary, subkey, primary_of_good_subkey] {
        assert_eq!(rule(&spec), Rule::KeyExpired(end));
    }
}

#[test]
fn key_that_may_not_sign() {
    let primary = KeySpec {
        can_sign: false,
        ..KeySpec::default()
    };
    assert_eq!(rule(&primary), Rule::NotForSigning);
    let subkey = KeySpec {
        subkey: Some(SubkeySpec {
            can_sign: false,
            ..SubkeySpec::default()
        }),
        ..KeySpec::default()
    };
    assert_eq!(rule(&subkey), Rule::NotForSigning);
}

#[test]
fn adopted_subkey() {
    // Without the back signature anybody could bind somebody else's signing key to his own.
    let spec = KeySpec {
        subkey: Some(SubkeySpec {
            back_signature: false,
            ..SubkeySpec::default()
        }),
        ..KeySpec::default()
    };
    assert_eq!(rule(&spec), Rule::Unconfirmed);
}

#[test]
fn weak_hash() {
    let key = Key::of(&KeySpec {
        kind: KeyType::Rsa(2048),
        ..KeySpec::default()
    });
    for hash in [
        HashAlgorithm::Sha1,
        HashAlgorithm::Md5,
        HashAlgorithm::Sha224,
    ] {
        let signed = key.sign_with(TEXT, DATE, hash);
        let Err(OpenPgpError::Rejected(rejected)) = verify(signed.as_bytes(), &keyring(&key), DATE)
        else {
            panic!("{hash} was accepted");
        };
        assert_eq!(rejected[0].rule, Rule::WeakHash(hash.to_string()));
    }
}

#[test]
fn weak_self_signature() {
    let spec = KeySpec {
        kind: KeyType::Rsa(2048),
        hash: HashAlgorithm::Sha1,
        ..KeySpec::default()
    };
    assert_eq!(rule(&spec), Rule::Unbound);
}

#[test]
fn weak_key() {
    let spec = KeySpec {
        kind: KeyType::Dsa(pgp::composed::DsaKeySize::B1024),
        hash: HashAlgorithm::Sha256,
        ..KeySpec::default()
    };
    let key = Key::of(&spec);
    let signed = key.sign_with(TEXT, DATE, HashAlgorithm::Sha256);
    let result = verify(signed.as_bytes(), &keyring(&key), DATE);
    let Err(OpenPgpError::Rejected(rejected)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(rejected[0].rule, Rule::WeakKey("DSA".to_owned()));
}

#[test]
fn short_rsa_key() {
    // 1024 bits, made by GnuPG: rPGP makes no such keys any more.
    let keyring = Keyring::parse(RSA_1024_KEY.as_bytes()).unwrap();
    let result = verify(RSA_1024_MESSAGE.as_bytes(), &keyring, u64::from(u32::MAX));
    let Err(OpenPgpError::Rejected(rejected)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(
        rejected[0].rule,
        Rule::WeakKey("RSA with 1024 bits".to_owned())
    );
}

#[test]
fn signature_from_the_future() {
    let key = Key::new(1);
    let signed = key.sign(TEXT, DATE + DAY);
    let result = verify(signed.as_bytes(), &keyring(&key), DATE);
    let Err(OpenPgpError::Rejected(rejected)) = result else {
        panic!("{result:?}");
    };
    let end = karat::tree::Epoch::new(DATE + DAY).unwrap();
    assert_eq!(rejected[0].rule, Rule::FromTheFuture(end));
    // A clock that is a little slow is no attack.
    verify(key.sign(TEXT, DATE + 60).as_bytes(), &keyring(&key), DATE).unwrap();
}

#[test]
fn signature_older_than_its_key() {
    let key = Key::new(1);
    let result = verify(key.sign(TEXT, MADE - 1).as_bytes(), &keyring(&key), DATE);
    let Err(OpenPgpError::Rejected(rejected)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(rejected[0].rule, Rule::OlderThanKey);
}

#[test]
fn hostile_keyrings() {
    let key = Key::new(1).keyring();
    assert_eq!(Keyring::parse(b"").unwrap_err(), OpenPgpError::EmptyKeyring);
    assert_eq!(
        Keyring::parse(b"not a keyring").unwrap_err(),
        OpenPgpError::EmptyKeyring
    );
    for length in 1..key.len() {
        // Cut between two packets, what is left is a key that nothing vouches for.
        if let Ok(keyring) = Keyring::parse(&key[..length]) {
            let signed = Key::new(1).sign(TEXT, DATE);
            let result = verify(signed.as_bytes(), &keyring, DATE);
            assert!(
                matches!(result, Err(OpenPgpError::Rejected(_))),
                "{result:?}"
            );
        }
    }
}

#[test]
fn misplaced_revocation_is_not_overlooked() {
    let good = Key::new(1).keyring();
    let revoked = Key::of(&KeySpec {
        revoked: Some(DATE),
        ..KeySpec::default()
    })
    .keyring();
    // The revocation, cut out of its place behind the key packet and put at the end.
    let start = (0..good.len()).find(|&at| good[at] != revoked[at]).unwrap();
    let length = revoked.len() - good.len();
    let packet = (start.saturating_sub(4)..=start)
        .map(|at| &revoked[at..at + length])
        .find(|packet| packet[0] == 0xc2)
        .expect("a signature packet");
    let moved = [good.as_slice(), packet].concat();
    assert!(matches!(
        Keyring::parse(&moved),
        Err(OpenPgpError::BadKeyring(_))
    ));
}

const RSA_1024_KEY: &str = "\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mI0EawT8JgEEAKz/s8T8Mib44WIrxeJG3bGejD208pjN26sKlL8JmyrPc1yGzQF1
iqN8JXp+361dz3tfCU+TmB9eYrFIyucvcN3Zg1nBnWQZ+V6TRZhIZnlQOaikpAiw
cHdxsdqvI6FsGLonB5ofip6QOaUh93YQaTyTcG9cgR6gO+6rjhzc51SFABEBAAG0
BVNob3J0iM4EEwEKADgWIQQ82u6l3oj3fHH6y7cXOxeE7lniNgUCawT8JgIbAwUL
CQgHAgYVCgkICwIEFgIDAQIeAQIXgAAKCRAXOxeE7lniNsHTBACRSsXjp70mmpEK
BNPosnLtGGTOx7hvERaaORKCQd6kdrp0EiqEZe+FzDoNMwqAdWzkjwQ3oRoBgK0o
xYSpHcABYdfbVlO/mlO3i3IHITMlnxScpqiEoHkB3kSmoLk7wQ+AQvWxd86SvWuv
fTcEU1evhPqqWwsDF4Wz8DHLkldAqw==
=r34G
-----END PGP PUBLIC KEY BLOCK-----
";

const RSA_1024_MESSAGE: &str = "\
-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

text
-----BEGIN PGP SIGNATURE-----

iLMEAQEKAB0WIQQ82u6l3oj3fHH6y7cXOxeE7lniNgUCawT8JgAKCRAXOxeE7lni
Nqx2A/43sNttFOj8VAVlh1L8F0SetGVrGKkRCNLfrjM4TYuuxH3a4GqfQnHvI0Bv
fkRQwpWFw7vaJ7j1hU+ZiqET8ynq4NLodQZEmbCdQElr+dSWXTpx9AkCHMjLr6qO
vGWNSRsXaizILatLZEnYUZ8JlEZGbpBB0RkhB9VbdMQ2GflBxg==
=aAo7
-----END PGP SIGNATURE-----
";

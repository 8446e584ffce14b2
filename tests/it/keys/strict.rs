//! The one `PublicKey::verify` before Project Wycheproof, and before points that no honest signer makes.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Verifier as _, VerifyingKey};
use karat::key::{BadSignature, KeyError, PublicKey, Signature, Signer as _};
use sha2::{Digest as _, Sha512};
use wycheproof::{TestResult, eddsa};

use super::fixture::key;

#[test]
fn wycheproof_in_full() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in &set.test_groups {
        let raw: [u8; 32] = group.key.pk[..].try_into().unwrap();
        let public = PublicKey::from_bytes(raw).unwrap();
        assert_eq!(PublicKey::from_der(&group.der), Ok(public));
        assert_eq!(PublicKey::from_file(group.pem.as_bytes()), Ok(public));
        for test in &group.tests {
            // The type holds 64 bytes: other lengths are no signature to begin with.
            let bytes: Result<[u8; 64], _> = test.sig[..].try_into();
            let verdict = match bytes {
                Ok(bytes) => public.verify(&test.msg, &Signature::from_bytes(bytes)),
                Err(_) => Err(BadSignature),
            };
            let name = format!("{} {}", test.tc_id, test.comment);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(verdict, Ok(()), "{name}");
                    valid += 1;
                }
                TestResult::Invalid => {
                    assert_eq!(verdict, Err(BadSignature), "{name}");
                    invalid += 1;
                }
                TestResult::Acceptable => panic!("{name}: Ed25519 has nothing in between"),
            }
        }
    }
    assert_eq!((valid, invalid), (88, 63), "all of them");
    // RFC 8032, section 7.1, whose message is too long to be written here: it is among them.
    let long = set.test_groups.iter().flat_map(|group| &group.tests);
    assert!(
        long.into_iter()
            .any(|test| test.comment.ends_with("Test 1024"))
    );
}

/// RFC 8032, section 7.1, TEST SHA(abc). Tests 1 to 3 stand beside `PublicKey` itself.
#[test]
fn the_last_vector_of_rfc_8032() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };
    let seed = "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42";
    let public = "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf";
    let signature = "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589\
                     09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704";
    let signer = karat::key::SigningKey::from_seed(hex(seed).try_into().unwrap());
    assert_eq!(signer.public_key().as_bytes()[..], hex(public));
    let message = Sha512::digest(b"abc");
    let signature = Signature::from_bytes(hex(signature).try_into().unwrap());
    assert_eq!(signer.sign(&message), Ok(signature));
    assert_eq!(signer.public_key().verify(&message, &signature), Ok(()));
}

/// Points of small order in each of their spellings: 8 canonical ones, and y + p where that fits.
#[test]
fn no_small_order_or_second_spelling_is_a_key() {
    for point in EIGHT_TORSION {
        let bytes = point.compress().to_bytes();
        assert_eq!(
            PublicKey::from_bytes(bytes),
            Err(KeyError::Weak),
            "{bytes:02x?}"
        );
    }
    // y below 19 has the second spelling y + 2^255 - 19; with either sign of x.
    let mut spelt = 0;
    for low in 0..19_u8 {
        for sign in [0, 0x80] {
            let mut bytes = [0xff; 32];
            bytes[0] = 0xed + low;
            bytes[31] = 0x7f | sign;
            let verdict = PublicKey::from_bytes(bytes);
            assert!(verdict.is_err(), "{bytes:02x?}");
            spelt += usize::from(verdict == Err(KeyError::NonCanonical));
        }
    }
    assert!(spelt >= 4, "some of them are points: {spelt}");
    // x is zero, its sign says otherwise.
    let mut identity = [0; 32];
    identity[0] = 1;
    identity[31] = 0x80;
    assert_eq!(PublicKey::from_bytes(identity), Err(KeyError::NonCanonical));
}

/// An honest key plus a point of small order: another name for the same power to sign, under which
/// some verifiers accept and others refuse.
#[test]
fn no_key_with_a_small_part_is_a_key() {
    let honest = *key(1).public_key().as_bytes();
    let point = CompressedEdwardsY(honest).decompress().unwrap();
    assert!(PublicKey::from_bytes(point.compress().to_bytes()).is_ok());
    for small in &EIGHT_TORSION[1..] {
        let mixed = (point + small).compress().to_bytes();
        assert_eq!(PublicKey::from_bytes(mixed), Err(KeyError::Weak));
    }
}

/// Signs with a commitment R of the attacker's choice, discrete logarithm zero.
fn sign_with(seed: u8, r: EdwardsPoint, message: &[u8]) -> [u8; 64] {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let r = r.compress().to_bytes();
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(secret.verifying_key().to_bytes())
        .chain_update(message)
        .finalize();
    let hash: [u8; 64] = hash.into();
    let challenge = Scalar::from_bytes_mod_order_wide(&hash);
    let s: Scalar = challenge * secret.to_scalar();
    [r, s.to_bytes()].concat().try_into().unwrap()
}

#[test]
fn no_signature_with_a_commitment_of_small_order() {
    let public = key(7).public_key();
    let lenient = VerifyingKey::from_bytes(public.as_bytes()).unwrap();
    let mut accepted = 0;
    for small in EIGHT_TORSION {
        let bytes = sign_with(7, small, b"message");
        let theirs = ed25519_dalek::Signature::from_bytes(&bytes);
        accepted += usize::from(lenient.verify(b"message", &theirs).is_ok());
        let verdict = public.verify(b"message", &Signature::from_bytes(bytes));
        assert_eq!(verdict, Err(BadSignature));
    }
    assert!(accepted > 0, "a lenient verifier takes the one with R = 0");
}

#[test]
fn every_change_of_one_bit_is_noticed() {
    let signer = key(9);
    let good = *signer.sign(b"message").unwrap().as_bytes();
    let public = signer.public_key();
    assert_eq!(
        public.verify(b"message", &Signature::from_bytes(good)),
        Ok(())
    );
    for bit in 0..512 {
        let mut bytes = good;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let verdict = public.verify(b"message", &Signature::from_bytes(bytes));
        assert_eq!(verdict, Err(BadSignature), "bit {bit}");
    }
    assert!(
        public
            .verify(b"massage", &Signature::from_bytes(good))
            .is_err()
    );
}

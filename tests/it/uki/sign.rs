//! Signatures for Secure Boot, with a key that was made for the test.

use karat::image::secure_boot::{Certificate, PrivateKey, SecureBootError, Unsigned};
use karat::image::uki::checksum;
use karat::layout::pe::Image;

use super::made;
use crate::support::pe::{self, START, X64};
use crate::support::{Scratch, judge};

/// A key and its certificate, made by openssl.
pub struct Owner {
    pub scratch: Scratch,
}

impl Owner {
    pub fn new(kind: &str) -> Option<Self> {
        let openssl = judge("openssl")?;
        let owner = Self {
            scratch: Scratch::new("secure-boot"),
        };
        let output = openssl
            .command()
            .current_dir(owner.scratch.path())
            .args(["req", "-x509", "-newkey", kind, "-nodes", "-subj", "/CN=db"])
            .args(["-keyout", "db.key", "-out", "db.pem", "-days", "30"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        Some(owner)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.scratch.join(name)).unwrap()
    }

    pub fn certificate(&self) -> Certificate {
        Certificate::parse(&self.read("db.pem")).unwrap()
    }

    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let (certificate, key) = (self.certificate(), self.read("db.key"));
        sign(bytes, &certificate, &key)
    }
}

pub fn sign(bytes: &[u8], certificate: &Certificate, key: &[u8]) -> Vec<u8> {
    let unsigned = Unsigned::new(bytes, certificate).unwrap();
    let signature = PrivateKey::parse(key).unwrap().sign(&unsigned.message());
    unsigned.finish(&signature.unwrap()).unwrap()
}

fn digest(bytes: &Vec<u8>) -> karat::digest::Digest {
    let image = Image::read(bytes).unwrap();
    image.authenticode_sha256(bytes).unwrap()
}

#[test]
fn a_signature_is_appended_and_changes_no_digest() {
    let Some(owner) = Owner::new("rsa:2048") else {
        return;
    };
    let uki = made(X64, "257");
    let signed = owner.sign(&uki.bytes);
    assert_eq!(digest(&signed), uki.authenticode.sha256);
    assert_eq!(owner.sign(&uki.bytes), signed, "the same bytes each time");
    let image = Image::read(&signed).unwrap();
    assert_eq!(image.signed_end(), uki.bytes.len() as u64);
    let [certificate] = image.certificates() else {
        panic!("one signature");
    };
    assert_eq!((certificate.revision, certificate.kind), (0x0200, 2));
    let mut unsummed = signed.clone();
    unsummed[START + 24 + 64..START + 24 + 68].fill(0);
    assert_eq!(checksum(&unsummed), image.headers().checksum);

    let twice = owner.sign(&signed);
    assert_eq!(digest(&twice), uki.authenticode.sha256);
    assert_eq!(Image::read(&twice).unwrap().certificates().len(), 2);
    // A boot loader of odd length is filled up first, and that counts.
    let loader = pe::loader(X64, "252").build();
    let mut filled = loader.clone();
    filled.resize(loader.len().next_multiple_of(8), 0);
    assert_ne!(loader.len(), filled.len());
    assert_eq!(digest(&owner.sign(&loader)), digest(&filled));
}

#[test]
fn another_ones_signature_is_refused() {
    let (Some(owner), Some(other)) = (Owner::new("rsa:2048"), Owner::new("rsa:2048")) else {
        return;
    };
    let uki = made(X64, "257").bytes;
    let certificate = owner.certificate();
    let theirs = PrivateKey::parse(&other.read("db.key")).unwrap();
    let unsigned = || Unsigned::new(&uki, &certificate).unwrap();
    let message = unsigned().message();
    let wrong = |signature: &[u8]| {
        let error = unsigned().finish(signature).unwrap_err();
        assert!(matches!(error, SecureBootError::Wrong), "{error}");
    };
    wrong(&theirs.sign(&message).unwrap());
    wrong(b"");
    wrong(&[0xff; 256]);
    let own = PrivateKey::parse(&owner.read("db.key")).unwrap();
    wrong(&own.sign(b"another message").unwrap());
    assert!(unsigned().finish(&own.sign(&message).unwrap()).is_ok());
}

#[test]
fn keys_and_certificates_that_firmware_would_not_take() {
    let (Some(short), Some(good)) = (Owner::new("rsa:1024"), Owner::new("rsa:2048")) else {
        return;
    };
    let Some(edwards) = Owner::new("ed25519") else {
        return;
    };
    let (pem, key) = (good.read("db.pem"), good.read("db.key"));
    let cut = &pem[..pem.len() / 2];
    for (bytes, said) in [
        (&short.read("db.pem")[..], "2048 to 4096 bits"),
        (&edwards.read("db.pem"), "not an RSA key"),
        (&key, "neither DER nor PEM"),
        (cut, "neither DER nor PEM"),
        (b"\x30\x03\x02\x01\x01", "no X.509 certificate"),
        (b"\x30\xff", "no X.509 certificate"),
        (b"", "neither DER nor PEM"),
    ] {
        let error = Certificate::parse(bytes).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (bytes, said) in [
        (&pem[..], "no PEM file with a private key"),
        (b"\xff", "no PEM file with a private key"),
        (&edwards.read("db.key"), "no RSA key"),
        (encrypted.as_bytes(), "it is encrypted"),
    ] {
        let error = PrivateKey::parse(bytes).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// Any change of a certificate is refused, or gives one that parses; nothing panics.
#[test]
fn certificates_of_whoever_attacks() {
    let Some(owner) = Owner::new("rsa:2048") else {
        return;
    };
    let (_, der) = pem_rfc7468(&owner.read("db.pem"));
    assert!(Certificate::parse(&der).is_ok());
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 0x81;
        drop(Certificate::parse(&changed));
        drop(Certificate::parse(&der[..at]));
    }
}

/// The bytes of a PEM file.
fn pem_rfc7468(pem: &[u8]) -> (String, Vec<u8>) {
    use base64::Engine as _;
    let text = std::str::from_utf8(pem).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let (first, inner) = (lines[0], lines[1..lines.len() - 1].concat());
    let bytes = base64::engine::general_purpose::STANDARD.decode(inner);
    (first.to_owned(), bytes.unwrap())
}

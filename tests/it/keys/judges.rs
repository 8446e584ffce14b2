//! What OpenSSL, OpenSSH and securesystemslib say about our keys and envelopes, and we about
//! theirs.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use karat::digest::Digest;
use karat::key::{Passphrase, PrivateKeyError, PublicKey, Signer as _, SigningKey};
use serde_json::Value;

use super::fixture::{envelope, key, payload};
use crate::support::{Judge, Scratch, judge, skip};

const PASSPHRASE: &str = "correct horse";

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.as_bytes().to_vec())
}

/// Runs openssl with arguments separated by blanks, in a directory; its standard output.
fn openssl(openssl: &Judge, directory: &Path, arguments: &str) -> Vec<u8> {
    let output = openssl
        .command()
        .current_dir(directory)
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {error}");
    output.stdout
}

#[test]
fn openssl_reads_our_private_keys_plain_and_encrypted() {
    let Some(judge) = judge("openssl") else {
        return;
    };
    let scratch = Scratch::new("openssl-reads");
    let signer = SigningKey::generate().unwrap();
    let plain = signer.to_pem().unwrap();
    let encrypted = signer.to_encrypted_pem(&passphrase(PASSPHRASE)).unwrap();
    assert!(encrypted.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    std::fs::write(scratch.join("plain.pem"), plain.as_bytes()).unwrap();
    std::fs::write(scratch.join("encrypted.pem"), encrypted.as_bytes()).unwrap();
    std::fs::write(scratch.join("pass"), PASSPHRASE).unwrap();
    for file in ["plain.pem", "encrypted.pem -passin file:pass"] {
        let public = openssl(&judge, scratch.path(), &format!("pkey -pubout -in {file}"));
        assert_eq!(
            String::from_utf8(public).unwrap(),
            signer.public_key().to_pem()
        );
    }
    // Byte for byte the file that OpenSSL itself writes for this key.
    let theirs = openssl(&judge, scratch.path(), "pkey -in plain.pem");
    assert_eq!(String::from_utf8(theirs).unwrap(), *plain);
    let parameters = openssl(&judge, scratch.path(), "asn1parse -in encrypted.pem");
    let parameters = String::from_utf8(parameters).unwrap();
    for name in ["PBES2", "scrypt", "aes-256-cbc"] {
        assert!(parameters.contains(name), "{parameters}");
    }
}

#[test]
fn we_read_the_keys_of_openssl_plain_and_encrypted() {
    let Some(judge) = judge("openssl") else {
        return;
    };
    let scratch = Scratch::new("openssl-writes");
    let run = |arguments: &str| openssl(&judge, scratch.path(), arguments);
    let read = |name: &str, text: &str| {
        SigningKey::read(&std::fs::read(scratch.join(name)).unwrap(), || {
            Some(passphrase(text))
        })
    };
    std::fs::write(scratch.join("pass"), PASSPHRASE).unwrap();
    run("genpkey -algorithm ed25519 -out key.pem");
    run("pkey -in key.pem -outform DER -out key.der");
    run("pkey -in key.pem -pubout -out pub.pem");
    run("pkey -in key.pem -pubout -outform DER -out pub.der");
    run("pkey -in key.pem -aes256 -passout file:pass -out default.pem");
    run(
        "pkcs8 -topk8 -in key.pem -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 -passout file:pass -out pbkdf2.pem",
    );
    run("pkcs8 -topk8 -in key.pem -scrypt -passout file:pass -out scrypt.pem");
    let public = PublicKey::from_file(&std::fs::read(scratch.join("pub.pem")).unwrap()).unwrap();
    assert_eq!(
        PublicKey::from_file(&std::fs::read(scratch.join("pub.der")).unwrap()),
        Ok(public)
    );
    for name in [
        "key.pem",
        "key.der",
        "default.pem",
        "pbkdf2.pem",
        "scrypt.pem",
    ] {
        let key = read(name, PASSPHRASE).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(key.public_key(), public, "{name}");
    }
    for name in ["default.pem", "pbkdf2.pem", "scrypt.pem"] {
        let file = std::fs::read(scratch.join(name)).unwrap();
        assert!(SigningKey::is_encrypted(&file), "{name}");
        assert_eq!(
            read(name, "wrong").unwrap_err(),
            PrivateKeyError::Passphrase
        );
    }
    assert_eq!(read("pub.pem", "").unwrap_err(), PrivateKeyError::Public);
    run("genpkey -algorithm x25519 -out x25519.pem");
    assert_eq!(
        read("x25519.pem", "").unwrap_err(),
        PrivateKeyError::Algorithm
    );
    run("genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out ec.pem");
    assert_eq!(read("ec.pem", "").unwrap_err(), PrivateKeyError::Algorithm);
    // The id is what anybody can compute.
    let der = run("pkey -in key.pem -pubout -outform DER");
    assert_eq!(public.id().to_string(), Digest::of(&der).to_string());
}

#[test]
fn we_read_public_keys_of_openssh() {
    let Some(judge) = judge("ssh-keygen") else {
        return;
    };
    let scratch = Scratch::new("openssh");
    let status = judge
        .command()
        .args([
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "somebody@somewhere",
            "-f",
        ])
        .arg(scratch.join("key"))
        .status()
        .unwrap();
    assert!(status.success());
    let line = std::fs::read(scratch.join("key.pub")).unwrap();
    let public = PublicKey::from_file(&line).unwrap();
    let raw = STANDARD
        .decode(String::from_utf8(line).unwrap().split(' ').nth(1).unwrap())
        .unwrap();
    assert!(raw.ends_with(public.as_bytes()));
    let private = std::fs::read(scratch.join("key")).unwrap();
    let error = SigningKey::read(&private, || None).unwrap_err();
    assert_eq!(error, PrivateKeyError::OpenSsh);
}

/// Verifies by the envelope's bytes alone: JSON and base64 by other hands than ours.
#[test]
fn openssl_verifies_the_signatures_of_our_envelopes() {
    let Some(judge) = judge("openssl") else {
        return;
    };
    let scratch = Scratch::new("openssl-verifies");
    let file: Value = serde_json::from_slice(&envelope(payload("web", 1), &[1, 2])).unwrap();
    let payload = STANDARD.decode(file["payload"].as_str().unwrap()).unwrap();
    let kind = file["payloadType"].as_str().unwrap();
    let mut pae = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    pae.extend_from_slice(&payload);
    std::fs::write(scratch.join("pae"), &pae).unwrap();
    for (index, seed) in [1, 2].into_iter().enumerate() {
        let signature = &file["signatures"][index];
        let public = key(seed).public_key();
        assert_eq!(signature["keyid"], public.id().to_string());
        let bytes = STANDARD.decode(signature["sig"].as_str().unwrap()).unwrap();
        std::fs::write(scratch.join("sig"), bytes).unwrap();
        std::fs::write(scratch.join("pub.pem"), public.to_pem()).unwrap();
        let verify = "pkeyutl -verify -pubin -inkey pub.pem -rawin -in pae -sigfile sig";
        openssl(&judge, scratch.path(), verify);
    }
}

/// Arguments: envelope, threshold, then public keys as hex. Prints the payload.
const PYTHON: &str = r#"
import hashlib, json, sys
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
prefix = bytes.fromhex("302a300506032b6570032100")
keys = []
for raw in sys.argv[3:]:
    keyid = hashlib.sha256(prefix + bytes.fromhex(raw)).hexdigest()
    keys.append(SSlibKey(keyid, "ed25519", "ed25519", {"public": raw}))
envelope = Envelope.from_dict(json.load(open(sys.argv[1])))
try:
    envelope.verify(keys, int(sys.argv[2]))
except VerificationError:
    sys.exit(3)
sys.stdout.buffer.write(envelope.payload)
"#;

#[test]
fn securesystemslib_opens_our_envelopes_by_the_same_threshold() {
    let Some(judge) = judge("python3") else {
        return;
    };
    let import = ["-c", "import securesystemslib, cryptography"];
    if !judge
        .command()
        .args(import)
        .output()
        .unwrap()
        .status
        .success()
    {
        skip("Python's securesystemslib not installed");
        return;
    }
    let scratch = Scratch::new("securesystemslib");
    let file = scratch.join("envelope.json");
    let verify = |bytes: &[u8], threshold: &str, seeds: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let keys = seeds.iter().map(|seed| {
            let raw = *key(*seed).public_key().as_bytes();
            Digest::from_bytes(raw).to_string()
        });
        let output = judge
            .command()
            .args(["-c", PYTHON])
            .arg(&file)
            .arg(threshold)
            .args(keys)
            .output()
            .unwrap();
        match output.status.code() {
            Some(0) => Ok(output.stdout),
            code => Err((code, String::from_utf8_lossy(&output.stderr).into_owned())),
        }
    };
    let payload = payload("web", 1);
    let two = envelope(payload.clone(), &[1, 2]);
    assert_eq!(verify(&two, "2", &[1, 2, 3]), Ok(payload.clone()));
    assert_eq!(verify(&two, "1", &[2]), Ok(payload.clone()));
    let refused = Err((Some(3), String::new()));
    assert_eq!(verify(&two, "2", &[1, 3]), refused);
    assert_eq!(verify(&envelope(payload, &[1]), "2", &[1, 2, 3]), refused);
}

#[test]
fn version_two_of_pkcs8_is_read_and_its_public_half_must_be_its_own() {
    // RFC 8410, section 10.3: the same key twice, the second time with its public half.
    let one = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
    let two = "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\
        oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\
        Z9w7lshQhqowtrbLDFw4rXAxZuE=";
    let read = |text: &str| SigningKey::read(&STANDARD.decode(text).unwrap(), || None);
    let public = PublicKey::from_file(
        b"-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n",
    )
    .unwrap();
    let key = read(two).unwrap();
    assert_eq!(key.public_key(), public);
    let other = two.replace("4rXAxZuE=", "4rXAxZuA=");
    assert_eq!(read(&other).unwrap_err(), PrivateKeyError::Mismatch);
    // What we write is version 1.
    assert_eq!(read(one).unwrap().public_key(), public);
    let pem = key.to_pem().unwrap();
    let lines: Vec<&str> = pem.lines().collect();
    assert_eq!(lines[1..lines.len() - 1].concat(), one);
}

#[test]
fn secrets_are_not_shown() {
    let key = key(77);
    let shown = format!("{key:?} {:?}", Passphrase::new(b"secret".to_vec()));
    assert!(!shown.contains("secret"), "{shown}");
    let seed = "4d".repeat(32);
    assert!(
        !shown.contains(&seed) && !shown.contains("77, 77"),
        "{shown}"
    );
}

#[test]
fn a_passphrase_is_the_first_line() {
    let from = |text: &str| Passphrase::from_line(text.as_bytes().to_vec());
    for text in ["a b", "a b\n", "a b\r\n", "a b\nmore\n"] {
        assert_eq!(from(text), Passphrase::new(b"a b".to_vec()), "{text:?}");
    }
    assert!(from("\n").is_empty());
}

//! Sigstore bundles, version 0.3
//! (<https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::Opened;
use crate::digest::Digest;
use crate::json;
use crate::key::PublicKey;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// One bundle for each key whose signature counted, as a bundle holds exactly one: the key, and the
/// file's bytes.
///
/// The signature is the Envelope's own, over the same bytes; nothing is signed. There is no entry of
/// sigstore's log in it and no certificate: the verifier is given the public key.
pub fn bundles(opened: &Opened) -> Vec<(PublicKey, Vec<u8>)> {
    let signed = opened.envelope.signed();
    let message = signed.message();
    let mut bundles = Vec::new();
    for key in opened.statement.quorum().keys() {
        let made = |claim: &&crate::key::Claim| key.verify(&message, &claim.signature).is_ok();
        let Some(claim) = signed.claims.iter().find(made) else {
            continue;
        };
        let bundle = Bundle {
            envelope: Dsse {
                payload: STANDARD.encode(&signed.payload),
                payload_type: &signed.payload_type,
                signatures: [Sig {
                    keyid: key.id().to_string(),
                    sig: STANDARD.encode(claim.signature.as_bytes()),
                }],
            },
            media_type: MEDIA_TYPE,
            material: Material {
                log: [],
                key: Hint {
                    hint: STANDARD.encode(Digest::of(&key.to_der()).as_bytes()),
                },
            },
        };
        // Text and lists of text always have a JSON form.
        let mut bytes = json::canonical(&bundle).unwrap_or_default();
        bytes.push(b'\n');
        bundles.push((*key, bytes));
    }
    bundles
}

#[derive(Serialize)]
struct Bundle<'a> {
    #[serde(rename = "dsseEnvelope")]
    envelope: Dsse<'a>,
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    #[serde(rename = "verificationMaterial")]
    material: Material,
}

#[derive(Serialize)]
struct Dsse<'a> {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: &'a str,
    signatures: [Sig; 1],
}

#[derive(Serialize)]
struct Sig {
    keyid: String,
    sig: String,
}

#[derive(Serialize)]
struct Material {
    #[serde(rename = "publicKey")]
    key: Hint,
    /// Empty and there: some readers demand it.
    #[serde(rename = "tlogEntries")]
    log: [(); 0],
}

#[derive(Serialize)]
struct Hint {
    hint: String,
}

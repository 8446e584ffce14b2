//! PKCS#7 `SignedData` as Authenticode has it.

use super::Certificate;
use super::der::{CONTEXT_0, INTEGER, OCTETS, OID, SEQUENCE, SET, value};
use crate::digest::Digest;

/// 1.2.840.113549.1.7.2, `signedData`.
const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
/// 1.2.840.113549.1.9.3, `contentType`.
const CONTENT_TYPE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03";
/// 1.2.840.113549.1.9.4, `messageDigest`.
const MESSAGE_DIGEST: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";
/// 1.2.840.113549.1.1.1, `rsaEncryption`.
const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
/// 2.16.840.1.101.3.4.2.1, SHA-256.
const SHA256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
/// 1.3.6.1.4.1.311.2.1.4, `SPC_INDIRECT_DATA_OBJID`.
const INDIRECT_DATA: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x04";
/// 1.3.6.1.4.1.311.2.1.15, `SPC_PE_IMAGE_DATAOBJ`.
const PE_IMAGE: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f";
/// What stands for a file name that nobody reads, in UTF-16.
const OBSOLETE: &str = "<<<Obsolete>>>";
/// BIT STRING.
const BITS: u8 = 0x03;
/// `[0]`, primitive.
const CONTEXT_0_PRIMITIVE: u8 = 0x80;
/// `[2]`, constructed.
const CONTEXT_2: u8 = 0xa2;
/// NULL.
const NULL: &[u8] = b"\x05\x00";

/// `SpcIndirectDataContent`: which PE image is meant, by its Authenticode digest. Gives what is between
/// the tag and the end: what the digest of the attributes covers.
pub(super) fn indirect_data(digest: &Digest) -> Vec<u8> {
    let name: Vec<u8> = OBSOLETE.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let name = value(CONTEXT_0_PRIMITIVE, &[&name]);
    let file = value(CONTEXT_0, &[&value(CONTEXT_2, &[&name])]);
    let flags = value(BITS, &[&[0]]);
    let data = value(SEQUENCE, &[&flags, &file]);
    let data = value(SEQUENCE, &[&value(OID, &[PE_IMAGE]), &data]);
    let digest = value(OCTETS, &[digest.as_bytes()]);
    let digest = value(SEQUENCE, &[&algorithm(SHA256), &digest]);
    [data, digest].concat()
}

/// The attributes that are signed, without the tag of their SET: in it for the signature, in `[0]` in
/// the file. DER sorts the members of a SET; these two are in order.
pub(super) fn attributes(indirect_data: &[u8]) -> Vec<u8> {
    let attribute = |kind: &[u8], content: Vec<u8>| {
        let kind = value(OID, &[kind]);
        value(SEQUENCE, &[&kind, &value(SET, &[&content])])
    };
    let digest = Digest::of(indirect_data);
    let kind = attribute(CONTENT_TYPE, value(OID, &[INDIRECT_DATA]));
    let digest = attribute(MESSAGE_DIGEST, value(OCTETS, &[digest.as_bytes()]));
    [kind, digest].concat()
}

/// What is signed: the attributes as a SET.
pub(super) fn message(attributes: &[u8]) -> Vec<u8> {
    value(SET, &[attributes])
}

/// The whole `ContentInfo`.
pub(super) fn signed_data(
    indirect_data: &[u8],
    attributes: &[u8],
    certificate: &Certificate,
    signature: &[u8],
) -> Vec<u8> {
    let version = value(INTEGER, &[&[1]]);
    let content = value(SEQUENCE, &[indirect_data]);
    let content = value(CONTEXT_0, &[&content]);
    let content = value(SEQUENCE, &[&value(OID, &[INDIRECT_DATA]), &content]);
    let issuer = value(SEQUENCE, &[&certificate.issuer, &certificate.serial]);
    let signer = value(
        SEQUENCE,
        &[
            &version,
            &issuer,
            &algorithm(SHA256),
            &value(CONTEXT_0, &[attributes]),
            &algorithm(RSA),
            &value(OCTETS, &[signature]),
        ],
    );
    let data = value(
        SEQUENCE,
        &[
            &version,
            &value(SET, &[&algorithm(SHA256)]),
            &content,
            &value(CONTEXT_0, &[&certificate.der]),
            &value(SET, &[&signer]),
        ],
    );
    let data = value(CONTEXT_0, &[&data]);
    value(SEQUENCE, &[&value(OID, &[SIGNED_DATA]), &data])
}

/// `AlgorithmIdentifier`, with NULL for its parameters.
fn algorithm(oid: &[u8]) -> Vec<u8> {
    value(SEQUENCE, &[&value(OID, &[oid]), NULL])
}

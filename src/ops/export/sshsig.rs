//! OpenSSH's signature format
//! (<https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig>).
//!
//! ```text
//! signed:  "SSHSIG", string NAMESPACE, string "", string "sha256", string SHA256(MESSAGE)
//! file:    "SSHSIG", u32 1, string KEY, string NAMESPACE, string "", string "sha256",
//!          string (string "ssh-ed25519", string 64 BYTES); in base64 between two marks
//! ```
//! A string is its length as a big-endian u32 and its bytes (RFC 4251, section 5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::Digest;
use crate::key::{PublicKey, Signer, SignerError};

/// What the signature is for: `ssh-keygen -Y verify -n` must name it.
pub const NAMESPACE: &str = "baseline@karat.example";

/// A signature file, and what checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshSignature {
    /// The file, as `ssh-keygen -Y sign` writes it.
    pub file: String,
    /// The public key as one line `ssh-ed25519 BASE64`, for a file of allowed signers.
    pub public: String,
}

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: [u8; 4] = 1_u32.to_be_bytes();
const ALGORITHM: &[u8] = b"ssh-ed25519";
const HASH: &[u8] = b"sha256";
/// Letters on a line of the file.
const WIDTH: usize = 70;

/// Signs `message` in the namespace [`NAMESPACE`]: another signature than the Envelope's, by the
/// holder of the key, because other bytes are signed.
///
/// # Errors
/// The signer fails.
pub fn sshsig(message: &[u8], signer: &dyn Signer) -> Result<SshSignature, SignerError> {
    let namespace = string(NAMESPACE.as_bytes());
    let middle = [namespace, string(b""), string(HASH)].concat();
    let hash = string(Digest::of(message).as_bytes());
    let signed = [MAGIC, &middle, &hash].concat();
    let key = signer.public_key();
    let signature = signer.sign(&signed)?;
    key.verify(&signed, &signature)?;
    let blob = blob(&key);
    let inner = [string(ALGORITHM), string(signature.as_bytes())].concat();
    let file = [MAGIC, &VERSION, &string(&blob), &middle, &string(&inner)].concat();
    let mut text = "-----BEGIN SSH SIGNATURE-----\n".to_owned();
    let mut column = 0_usize;
    for letter in STANDARD.encode(file).chars() {
        if column == WIDTH {
            text.push('\n');
            column = 0;
        }
        text.push(letter);
        column = column.saturating_add(1);
    }
    text.push_str("\n-----END SSH SIGNATURE-----\n");
    Ok(SshSignature {
        file: text,
        public: format!("ssh-ed25519 {}", STANDARD.encode(blob)),
    })
}

fn blob(key: &PublicKey) -> Vec<u8> {
    [string(ALGORITHM), string(key.as_bytes())].concat()
}

/// All that is framed here is short.
fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

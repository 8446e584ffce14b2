//! Signatures for UEFI Secure Boot: Authenticode, RSA with SHA-256 and an X.509 certificate.
//!
//! Firmware starts a program whose Authenticode digest is signed under a certificate of its `db`. The
//! signature is appended and the digest does not cover it, so an image can be signed, and signed
//! again by others, without any prediction or statement about it becoming wrong.
//!
//! Nothing here holds a key open: [`Unsigned::message`] says what is to be signed, by
//! [`PrivateKey::sign`] or by a program elsewhere, and [`Unsigned::finish`] takes no signature that
//! does not verify under the certificate.
//!
//! ```text
//! WIN_CERTIFICATE   length · 0x0200 · 0x0002
//!   ContentInfo       signedData
//!     SignedData        version 1, SHA-256
//!       SpcIndirectData   "this PE image has this SHA-256"
//!       certificate
//!       SignerInfo        issuer and serial, attributes (content type, digest of SpcIndirectData),
//!                         RSASSA-PKCS1-v1_5 over the attributes; no time of signing
//! ```
//!
//! Sources: Windows Authenticode Portable Executable Signature Format; RFC 2315 (PKCS#7); RFC 5280;
//! RFC 8017; UEFI 2.10 section 32.5.

mod certificate;
mod der;
mod error;
mod private;
mod signed_data;
mod unsigned;

pub use certificate::Certificate;
pub use error::SecureBootError;
pub use private::PrivateKey;
pub use unsigned::Unsigned;

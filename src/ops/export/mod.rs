//! `karat export`, without printing: what others' tools read, made from an Envelope.
//!
//! | file | for whom | signed by |
//! |---|---|---|
//! | `bundle` | sigstore's tools | the Envelope's own signatures: the same bytes in another frame |
//! | `sshsig` | `ssh-keygen -Y verify` | the key again: SSHSIG signs other bytes |
//! | `provenance` | SLSA's readers | the key again: another statement |
//!
//! `opened` is the door before all of them: only an Envelope that opens is exported.

mod bundle;
mod opened;
mod provenance;
mod sshsig;

pub use bundle::bundles;
pub use opened::{ExportError, Opened};
pub use provenance::provenance;
pub use sshsig::{NAMESPACE, SshSignature, sshsig};

//! The transparency log: what its bytes say, and what they prove.
//!
//! The formats are those of C2SP (<https://c2sp.org>), so that other people's tools can witness,
//! mirror and check a log of karat's. All of it is bytes in, values out.
//!
//! | file | what |
//! |---|---|
//! | `note`, `name`, `vkey` | signed notes, the names in them, verifier keys (signed-note) |
//! | `checkpoint` | origin, size and root of a tree (tlog-checkpoint) |
//! | `hash`, `frontier` | Merkle tree hashes (RFC 6962); a tree that grows at its right edge |
//! | `node`, `inclusion`, `consistency` | addresses in a tree; proofs, and what a checked one is worth |
//! | `tile`, `bundle` | tiles, their paths, bundles of entries (tlog-tiles) |
//! | `cosignature` | what a witness signs (tlog-cosignature) |
//! | `lines` | the signature lines that are of known keys, verified and counted |
//! | `trusted` | the door from a note to a checkpoint that a trust root believes |
//! | `body` | what Receipts and requests to witnesses have in common |
//! | `receipt`, `logged` | a Receipt (tlog-proof); the door from it to a place in the log |
//! | `policy` | who must sign and cosign, as text that other tools have, too (tlog-policy) |
//! | `entry` | what karat writes into a log |
//!
//! A proof that was checked is a value that nothing else makes: [`Included`], [`Extends`],
//! [`TrustedCheckpoint`], [`Logged`]. The formats: `docs/formats/log.md`.

pub(crate) mod body;
mod bundle;
mod checkpoint;
mod consistency;
mod cosignature;
mod entry;
mod frontier;
mod hash;
mod inclusion;
mod lines;
mod logged;
mod name;
mod node;
mod note;
mod policy;
mod receipt;
mod tile;
mod trusted;
mod vkey;

pub use bundle::{BundleError, decode_bundle, encode_bundle};
pub use checkpoint::{Checkpoint, CheckpointError, TreeHead};
#[cfg(feature = "build")]
pub(crate) use checkpoint::{digest as parse_hash, number as parse_size};
pub use consistency::{ConsistencyProof, Extends};
pub use cosignature::{Cosignature, cosignature_message};
pub use entry::{Entry, EntryError, Kind};
pub use frontier::Frontier;
pub use hash::{empty_root, leaf_hash, node_hash};
pub use inclusion::{Included, InclusionProof, ProofError};
pub use lines::{BadLine, Cosigned, Lines};
pub use logged::{Logged, LoggedEnvelope, ReceiptFault, locate};
pub use name::{NameError, NoteName};
pub use node::{Node, Nodes, root_of};
pub use note::{Note, NoteError, NoteSignature};
pub use policy::{
    Policy, PolicyCheckpoint, PolicyError, PolicyGroup, PolicyLog, PolicyMember, PolicyParseError,
    PolicyRefusal, PolicyRule, PolicyWitness,
};
pub use receipt::{Receipt, ReceiptError};
pub use tile::{Tile, TileKind, tiles_of};
pub use trusted::{SignedCheckpoint, TrustedCheckpoint, UntrustedCheckpoint};
pub use vkey::{Algorithm, NoteKey, VkeyError};

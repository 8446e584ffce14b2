//! A disk verified as it lies: every byte of it is signed, follows from what is signed, is zero, or is
//! said not to be covered.
//!
//! ```text
//! Source ─Survey▶ table, EFI system partition ─envelopes▶ Statements ─┬▶ slots: root, tree, kernel image, files
//!                                                                     └▶ leftovers: what nobody signed
//! ```
//!
//! | file | what |
//! |---|---|
//! | `names` | what the names on the EFI system partition mean |
//! | `survey` | the partition table and the EFI system partition, read; what was delivered there |
//! | `delivered` | what an initrd is to judge by, read file by file, also where the file system is not in order |
//! | `root` | the files of a root, out of its EROFS image |
//! | `pair` | root and tree against the signed root hash and digests |
//! | `programs` | what firmware starts: boot loader, its settings, unified kernel image |
//! | `leftovers` | partitions, gaps and bytes that belong to nothing |
//! | `slot` | one slot, all of it |
//! | `verify` | [`verify`]: the door |
//! | `trouble` | errors of this machine told from what is wrong with the disk |
//!
//! It is given bytes, and opens nothing. What each finding means: `docs/formats/report.md`.

mod delivered;
mod leftovers;
mod names;
mod pair;
mod programs;
mod root;
mod slot;
mod survey;
mod trouble;
mod verify;

pub use delivered::Delivered;
pub use names::{BootName, LOADER_CONF, version_of};
pub use programs::Inside;
pub use root::{RootError, evidence, file};
pub use slot::{ComparedRoot, KernelImage};
pub use survey::Survey;
pub use verify::{Answer, Further, Outside, Question, Tell, verify};
